//! Recording changes of the programme: what every command that writes to a house's registry log has in common.

use clap::Args;
use crossmargin::v1::{self, programme_change::Change};
use serde::Serialize;
use uuid::Uuid;

use super::{
    client::Node,
    cycle::Reach,
    failure::{Failure, Told},
    output,
};
use crate::identity::Role;

/// What is being done, in an error.
const DOING: &str = "recording changes of the programme";

/// How changes are recorded.
#[derive(Clone, Debug, Args)]
pub struct Writing {
    /// Check only, by the node's own rules: nothing is recorded.
    #[arg(long)]
    pub check: bool,
    /// Unique for each request; the same id answers the same again. A new UUID where it is not given.
    #[arg(long, value_name = "ID")]
    pub request_id: Option<String>,
    /// The node.
    #[command(flatten)]
    pub reach: Reach,
}

/// Changes to record together, all or none.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// The changes, in order.
    pub changes: Vec<v1::ProgrammeChange>,
    /// Where each stands in the file that it was read from, such as `links.csv, line 4`; empty where there is no file.
    pub places: Vec<String>,
}

/// What the node recorded, or would have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RecordedView {
    /// The house whose log it is.
    pub house: String,
    /// The entry of the log; 0 where the changes were checked alone.
    pub sequence: u64,
    /// How many changes there are.
    pub changes: usize,
    /// Whether they were checked alone.
    pub is_check: bool,
    /// Whether the request had been accepted before.
    pub is_replay: bool,
    /// The request.
    pub request_id: String,
    /// Ids of the suspensions that were recorded, in order.
    pub suspensions: Vec<String>,
}

impl From<Change> for Batch {
    fn from(change: Change) -> Self {
        Self::explained(change, String::new())
    }
}

impl Batch {
    /// One change with its reason.
    #[must_use]
    pub fn explained(change: Change, reason: String) -> Self {
        Self { changes: vec![v1::ProgrammeChange { reason, change: Some(change) }], places: vec![] }
    }

    /// A field of the request as the reader of the file finds it: `changes[3].link.kind` is `links.csv, line 5, link.kind`.
    fn name(&self, field: &str) -> String {
        let change = field.strip_prefix("changes[").and_then(|rest| rest.split_once(']'));
        let placed = change.and_then(|(row, rest)| Some((self.places.get(row.parse::<usize>().ok()?)?, rest)));
        match placed {
            Some((place, rest)) => format!("{place}, {}", rest.trim_start_matches('.')),
            None => field.to_owned(),
        }
    }
}

impl Writing {
    /// Records a batch as administrator, and prints what became of it.
    ///
    /// # Errors
    /// What the node said: every problem, by its place in the file where there is one.
    pub async fn record(self, batch: Batch) -> Result<(), Failure> {
        let node = self.reach.node.connect(Role::Administrator)?;
        let request_id = self.request_id.unwrap_or_else(|| Uuid::new_v4().to_string());
        let request = v1::RecordChangesRequest {
            request_id: request_id.clone(),
            changes: batch.changes.clone(),
            validate_only: self.check,
        };
        let answer = node
            .programme()
            .record_changes(request)
            .await
            .map_err(|status| Failure::status_named(DOING, &status, |field| batch.name(field)))?;
        let house = self.reach.node.caller.house.to_string();
        let view = RecordedView::new(house, &batch, answer.into_inner(), request_id);
        output::answer(self.reach.json, &view, text)
    }
}

/// Records changes of the programme at a house, as a new request.
///
/// # Errors
/// What the node said.
pub async fn record(node: &Node, changes: Vec<v1::ProgrammeChange>) -> Result<v1::RecordChangesResponse, Failure> {
    let request_id = Uuid::new_v4().to_string();
    let request = v1::RecordChangesRequest { request_id, changes, validate_only: false };
    node.programme().record_changes(request).await.told(DOING)
}

impl RecordedView {
    fn new(house: String, batch: &Batch, answer: v1::RecordChangesResponse, request_id: String) -> Self {
        let v1::RecordChangesResponse { sequence, is_replay, suspension_ids: suspensions } = answer;
        let is_check = sequence == 0;
        Self { house, sequence, changes: batch.changes.len(), is_check, is_replay, request_id, suspensions }
    }
}

fn text(view: &RecordedView) -> String {
    let RecordedView { house, sequence, changes, .. } = view;
    let changes = if *changes == 1 { "1 change".to_owned() } else { format!("{changes} changes") };
    if view.is_check {
        return format!("checked {changes}: {house} would record them; nothing was recorded");
    }
    let before = if view.is_replay { " (the request had been accepted before)" } else { "" };
    let mut text = format!("recorded {changes} as entry {sequence} of the registry log of {house}{before}");
    for suspension in &view.suspensions {
        text.push_str(&format!("\nsuspension {suspension}: name it to lift it"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn suspension() -> Change {
        let scope = Some(v1::Scope { scope: Some(v1::scope::Scope::Everything(true)) });
        Change::Suspension(v1::Suspension { scope, is_default: false })
    }

    fn recorded(sequence: u64, is_replay: bool) -> RecordedView {
        let mut batch = Batch::from(Change::Lift(v1::Lift::default()));
        batch.changes.extend(Batch::explained(suspension(), "checks".into()).changes);
        let suspension_ids = if sequence == 0 { Vec::new() } else { vec![format!("FICC/{sequence}/1")] };
        let answer = v1::RecordChangesResponse { sequence, is_replay, suspension_ids };
        RecordedView::new("FICC".into(), &batch, answer, "r1".into())
    }

    #[test]
    fn a_suspension_is_told_by_the_id_that_lifts_it() {
        let view = recorded(12, false);
        assert_eq!(view.suspensions, ["FICC/12/1"]);
        let told = text(&view);
        assert!(told.contains("recorded 2 changes as entry 12") && told.contains("suspension FICC/12/1"), "{told}");
        assert!(text(&recorded(12, true)).contains("accepted before"));
    }

    #[test]
    fn a_check_records_nothing_and_names_no_suspension() {
        let view = recorded(0, false);
        assert!(view.is_check && view.suspensions.is_empty());
        assert!(text(&view).contains("nothing was recorded"));
    }

    #[test]
    fn a_problem_is_named_by_its_place_in_the_file_where_there_is_one() {
        let batch = Batch { changes: vec![], places: vec!["a.toml, line 3".into(), "a.toml, line 9".into()] };
        for (field, name) in [
            ("changes[1].stage.link_ids[0]", "a.toml, line 9, stage.link_ids[0]"),
            ("changes[0].reason", "a.toml, line 3, reason"),
            ("changes[2].reason", "changes[2].reason"),
            ("changes", "changes"),
            ("request_id", "request_id"),
        ] {
            assert_eq!(batch.name(field), name);
        }
        assert_eq!(Batch::default().name("changes[0].reason"), "changes[0].reason");
    }
}
