//! `crossmargin status`: how a node is.

use clap::Args;
use crossmargin::v1;
use serde::Serialize;

use super::{
    client::Node,
    cycle::Reach,
    failure::{Failure, Told},
    output,
};
use crate::identity::Role;

/// Arguments of `crossmargin status`.
#[derive(Clone, Debug, Args)]
pub struct StatusArgs {
    /// The node.
    #[command(flatten)]
    pub reach: Reach,
}

#[derive(Serialize)]
struct StatusView {
    house: String,
    peer: String,
    is_peer_connected: bool,
    ledger_sequence: u64,
    ledger_hash: String,
    can_sign: bool,
    explanation: String,
    undelivered_count: u64,
    contradiction_count: u64,
    book_version: u64,
    unchecked_head: Option<UncheckedHeadView>,
}

#[derive(Serialize)]
struct UncheckedHeadView {
    sequence: u64,
    reason: String,
}

/// Runs `crossmargin status`.
///
/// # Errors
/// What the node said.
pub async fn run(args: StatusArgs) -> Result<(), Failure> {
    let status = get(&args.reach.node.connect(Role::Operator)?).await?;
    let view = StatusView {
        house: status.house,
        peer: status.peer,
        is_peer_connected: status.is_peer_connected,
        ledger_sequence: status.ledger_sequence,
        ledger_hash: status.ledger_hash,
        can_sign: status.can_sign,
        explanation: status.explanation,
        undelivered_count: status.undelivered_count,
        contradiction_count: status.contradiction_count,
        book_version: status.book_version,
        unchecked_head: (status.unchecked_head)
            .map(|v1::UncheckedHead { sequence, reason }| UncheckedHeadView { sequence, reason }),
    };
    output::answer(args.reach.json, &view, text)
}

/// Reads how a node is.
///
/// # Errors
/// What the node said.
pub async fn get(node: &Node) -> Result<v1::GetNodeStatusResponse, Failure> {
    node.operations().get_node_status(v1::GetNodeStatusRequest {}).await.told("reading the node's status")
}

fn text(view: &StatusView) -> String {
    let link = if view.is_peer_connected { "answers" } else { "does not answer" };
    let signs = if view.can_sign { "signs" } else { "REFUSES TO SIGN" };
    let mut text = format!(
        "{} {signs}; {} {link}\n  ledger          record {}, {}\n  book            version {}\n  undelivered     {}\n  contradictions  {}",
        view.house,
        view.peer,
        view.ledger_sequence,
        view.ledger_hash,
        view.book_version,
        view.undelivered_count,
        view.contradiction_count
    );
    if let Some(UncheckedHeadView { sequence, reason }) = &view.unchecked_head {
        text.push_str(&format!("\n  unchecked head  record {sequence} by {}: {reason}", view.peer));
    }
    if !view.explanation.is_empty() {
        text.push_str(&format!("\n  {}", view.explanation));
    }
    text
}
