//! Members, approvals, suspensions and changes as tables.

use super::{
    change::{ChangeView, who},
    view::{ApprovalView, MemberRecordView, MemberView, SuspensionView},
};
use crate::command::output;

/// Members, with what each house recorded.
pub(super) fn members(views: &[MemberView]) -> String {
    if views.is_empty() {
        return "no members".to_owned();
    }
    let header = ["member", "own links", "customers' links", "Treasury house", "futures house", "missing"];
    let mut table = output::table(&header, |_| false);
    for view in views {
        table.add_row([
            view.member.clone(),
            yes(view.may_link_house),
            yes(view.may_link_customers),
            record(view.treasury_record.as_ref()),
            record(view.futures_record.as_ref()),
            view.missing.join("\n"),
        ]);
    }
    table.to_string()
}

/// Approvals, with why one does not count.
pub(super) fn approvals(views: &[ApprovalView]) -> String {
    if views.is_empty() {
        return "no approvals".to_owned();
    }
    let header = ["approval", "kind", "reference", "for", "from", "counts", "because"];
    let mut table = output::table(&header, |_| false);
    for view in views {
        table.add_row([
            view.approval.clone(),
            view.kind.clone(),
            view.reference.clone(),
            view.scope.join(", "),
            view.effective_from.clone(),
            yes(view.is_effective),
            view.explanation.clone(),
        ]);
    }
    table.to_string()
}

/// Suspensions, with who still has to lift them.
pub(super) fn suspensions(views: &[SuspensionView]) -> String {
    if views.is_empty() {
        return "no suspensions".to_owned();
    }
    let header = ["suspension", "of", "in force", "lifted by", "at", "by", "reason"];
    let mut table = output::table(&header, |_| false);
    for view in views {
        let default = if view.is_default { " in default" } else { "" };
        table.add_row([
            view.suspension.clone(),
            format!("{}{default}", view.about),
            yes(view.is_in_force),
            view.lifted_by.join(", "),
            output::seconds(&view.at),
            who(&view.by).to_owned(),
            view.reason.clone(),
        ]);
    }
    table.to_string()
}

/// Recorded changes: when, where, what, why, who.
pub fn changes(views: &[ChangeView]) -> String {
    if views.is_empty() {
        return "no changes".to_owned();
    }
    let mut table = output::table(&["at", "entry", "what", "reason", "by"], |_| false);
    for view in views {
        table.add_row([
            output::seconds(&view.at),
            view.id(),
            view.what.clone(),
            view.reason.clone(),
            who(&view.by).to_owned(),
        ]);
    }
    table.to_string()
}

fn yes(is: bool) -> String {
    (if is { "yes" } else { "no" }).to_owned()
}

fn record(record: Option<&MemberRecordView>) -> String {
    let Some(record) = record else { return "not recorded".to_owned() };
    let kept = [
        ("member", &record.membership),
        ("broker-dealer", &record.broker_dealer),
        ("merchant", &record.futures_commission_merchant),
    ];
    let kept = kept.iter().filter(|(_, period)| !period.is_empty());
    kept.map(|(what, period)| format!("{what} {period}")).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use crossmargin::v1;

    use super::*;

    fn period(from: &str) -> Option<v1::DateRange> {
        Some(v1::DateRange { from: from.into(), until: String::new() })
    }

    #[test]
    fn a_member_is_shown_with_both_houses_records_and_what_is_missing() {
        let record = v1::MemberRecord {
            member: "BD1".into(),
            membership: period("2020-01-02"),
            broker_dealer: period("2019-05-01"),
            ..Default::default()
        };
        let view = MemberView::from(&v1::Member {
            member: "BD1".into(),
            treasury_record: Some(record),
            missing: vec!["CME has not recorded the member".into()],
            ..Default::default()
        });
        let text = members(std::slice::from_ref(&view));
        for part in ["member 2020-01-02", "broker-dealer 2019-05-01", "not recorded", "CME has not recorded"] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(!text.contains("merchant"), "{text}");
        let json = serde_json::to_value(&view).unwrap();
        assert_eq!(json["treasury_record"]["futures_commission_merchant"], "");
        assert_eq!(json["futures_record"], serde_json::Value::Null);
    }

    #[test]
    fn an_approval_that_does_not_count_says_why() {
        let record = v1::ApprovalRecord {
            approval_id: "sec-1".into(),
            kind: v1::ApprovalKind::SecOrder.into(),
            scope: vec![v1::LinkKind::Customer.into()],
            ..Default::default()
        };
        let view = ApprovalView::from(&v1::Approval {
            record: Some(record),
            explanation: "CME has not recorded it".into(),
            ..Default::default()
        });
        assert_eq!((view.kind.as_str(), &view.scope[..]), ("sec_order", &["customer".to_owned()][..]));
        let text = approvals(&[view]);
        assert!(text.contains("CME has not recorded it") && text.contains("no"), "{text}");
    }

    #[test]
    fn a_suspension_is_shown_by_its_id_with_who_has_lifted_it() {
        let about = v1::scope::Scope::Member("BD1".into());
        let view = SuspensionView::from(&v1::SuspensionView {
            suspension_id: "FICC/12/0".into(),
            scope: Some(v1::Scope { scope: Some(about) }),
            is_default: true,
            lifted_by: vec!["CME".into()],
            is_in_force: true,
            ..Default::default()
        });
        let text = suspensions(std::slice::from_ref(&view));
        for part in ["FICC/12/0", "member BD1 in default", "yes", "CME"] {
            assert!(text.contains(part), "{part}: {text}");
        }
        let json = serde_json::to_value(&view).unwrap();
        assert_eq!(json["scope"], serde_json::json!({"member": "BD1"}));
        assert!(json.get("about").is_none(), "{json}");
    }

    #[test]
    fn an_empty_list_says_what_there_is_none_of() {
        assert_eq!(
            [members(&[]), approvals(&[]), suspensions(&[]), changes(&[])],
            ["no members", "no approvals", "no suspensions", "no changes"]
        );
    }
}
