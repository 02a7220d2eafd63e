//! Links as tables, and one link with its life.

use crossmargin::v1;
use serde::Serialize;

use crate::command::{
    output,
    programme::{change::ChangeView, table},
    view::LinkView,
};

/// Basis points of the whole: nothing limits the reduction.
const WHOLE_BP: u32 = 10_000;

/// A link with its history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct LinkDetails {
    /// The link.
    #[serde(flatten)]
    link: LinkView,
    /// What both houses recorded of it, by time.
    history: Vec<ChangeView>,
}

impl From<&v1::GetLinkResponse> for LinkDetails {
    fn from(from: &v1::GetLinkResponse) -> Self {
        let link = LinkView::from(&from.link.clone().unwrap_or_default());
        Self { link, history: from.history.iter().map(ChangeView::from).collect() }
    }
}

/// Links, a row each.
pub(super) fn list(views: &[LinkView]) -> String {
    if views.is_empty() {
        return "no links".to_owned();
    }
    let header = ["link", "kind", "member", "owner", "Treasury account", "futures account", "stage", "missing"];
    let mut table = output::table(&header, |_| false);
    for view in views {
        table.add_row([
            view.link.as_str(),
            &view.kind,
            &view.member,
            &view.owner,
            &view.treasury_account,
            &view.futures_account,
            &view.stage,
            &view.missing.join("\n"),
        ]);
    }
    table.to_string()
}

/// One link: where it stands, what keeps it from going further, and its life.
pub(super) fn one(details: &LinkDetails) -> String {
    let LinkDetails { link: view, history } = details;
    let charged = match view.mode.as_str() {
        "live" => "the agreed reduction is charged",
        "rehearsal" => "in every cycle as a rehearsal: stand-alone margin is charged",
        "suspended" => "in every cycle: stand-alone margin is charged",
        _ => "in no cycle",
    };
    let mut lines = vec![
        format!("{}  {}", view.link, view.stage),
        format!("  {charged}"),
        format!("  {:<10} of {} at {}", view.kind, view.owner, view.member),
        format!(
            "  accounts   {} of the Treasury house, {} of the futures house",
            view.treasury_account, view.futures_account
        ),
    ];
    lines.extend(view.missing.iter().map(|missing| format!("  missing    {missing}")));
    lines.extend(view.remarks.iter().map(|remark| format!("  remark     {remark}")));
    lines.extend(view.suspensions.iter().map(|id| format!("  suspended  by {id}")));
    if view.override_bp < WHOLE_BP {
        lines.push(format!("  granted    at most {}", output::percent(view.override_bp)));
    }
    lines.push(table::changes(history));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn suspended() -> LinkDetails {
        let terms = v1::LinkTerms {
            link_id: "L1".into(),
            kind: v1::LinkKind::House.into(),
            member: "BD1".into(),
            owner: "BD1".into(),
            treasury_account: "T1".into(),
            futures_account: "F1".into(),
        };
        let link = v1::Link {
            terms: Some(terms.clone()),
            stage: v1::LinkStage::Suspended.into(),
            mode: v1::LinkMode::Suspended.into(),
            is_linked: true,
            missing: vec!["FICC suspended link L1 (FICC/12/0): checks; both houses have to lift it".into()],
            suspension_ids: vec!["FICC/12/0".into()],
            override_bp: 5_000,
            remarks: vec!["CME has not recorded the move to BD2 from 2026-06-01 on".into()],
        };
        let change = v1::programme_change::Change::Link(terms);
        let history = vec![v1::LoggedChange {
            house: "CME".into(),
            sequence: 3,
            place: 2,
            recorded: Some(v1::Recorded { by: "administrator, CN=desk, certificate 1".into(), at: None }),
            change: Some(v1::ProgrammeChange { reason: "asked for".into(), change: Some(change) }),
        }];
        LinkDetails::from(&v1::GetLinkResponse { link: Some(link), history })
    }

    #[test]
    fn a_link_is_shown_with_what_is_missing_what_limits_it_and_its_life() {
        let text = one(&suspended());
        for part in [
            "L1  suspended",
            "stand-alone margin is charged",
            "both houses have to lift it",
            "remark     CME has not recorded the move to BD2",
            "suspended  by FICC/12/0",
            "at most 50.00 %",
            "CME/3/2",
            "asked for",
            "CN=desk",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }

    #[test]
    fn a_live_link_says_that_it_is_charged_reduced_and_nothing_more() {
        let mut details = suspended();
        details.link = LinkView {
            stage: "live".into(),
            mode: "live".into(),
            missing: vec![],
            suspensions: vec![],
            override_bp: 10_000,
            ..details.link
        };
        let text = one(&details);
        assert!(text.contains("the agreed reduction is charged"), "{text}");
        assert!(!text.contains("missing") && !text.contains("at most"), "{text}");
    }

    #[test]
    fn a_list_names_what_each_link_waits_for() {
        let view = suspended().link;
        let text = list(std::slice::from_ref(&view));
        assert!(text.contains("L1") && text.contains("FICC/12/0"), "{text}");
        assert_eq!(list(&[]), "no links");
    }
}
