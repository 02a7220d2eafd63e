//! `crossmargin submit`: submits a house's book, or an amendment of some accounts, from a CSV file.

use std::{fs, path::PathBuf};

use clap::Args;
use crossmargin::v1::{self, submit_snapshot_request::Part};
use jiff::{Timestamp, civil::Date};
use serde::Serialize;
use uuid::Uuid;

use super::{
    client::{Node, NodeArgs},
    failure::{Failure, Told},
    output,
};
use crate::{
    csv_book::{self, Book},
    identity::Role,
    wire,
};

/// Positions in one message of the stream, at most: about 2 MiB.
const POSITIONS_PER_MESSAGE: usize = 50_000;

/// Arguments of `crossmargin submit`.
#[derive(Clone, Debug, Args)]
pub struct SubmitArgs {
    /// The book as CSV: account,instrument,quantity,start_date,start_cash,end_date,end_cash.
    #[arg(long, value_name = "FILE", required_unless_present = "flat")]
    pub book: Option<PathBuf>,

    /// The business date of the positions, YYYY-MM-DD.
    #[arg(long, value_name = "DATE")]
    pub business_date: Date,

    /// The instant at which the positions were taken, such as 2026-02-13T16:15:00Z; now where it is not given.
    #[arg(long, value_name = "INSTANT")]
    pub as_of: Option<Timestamp>,

    /// Version of the book, above every accepted one; the time in microseconds where it is not given.
    #[arg(long, value_name = "NUMBER")]
    pub version: Option<u64>,

    /// Replace only the accounts in the file; all others stay as they are.
    #[arg(long)]
    pub amendment: bool,

    /// An account that becomes flat; of an amendment alone. Repeat for more.
    #[arg(long, value_name = "ACCOUNT", requires = "amendment")]
    pub flat: Vec<String>,

    /// Number of the last direction that the positions include, where members direct positions at the house.
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub directions_through: u64,

    /// Unique for each submission; the same id answers the same again. A new UUID where it is not given.
    #[arg(long, value_name = "ID")]
    pub request_id: Option<String>,

    /// Print JSON.
    #[arg(long)]
    pub json: bool,

    /// The node.
    #[command(flatten)]
    pub node: NodeArgs,
}

/// What a submission says beside its positions.
#[derive(Clone, Debug)]
pub struct Heading {
    /// The business date.
    pub business_date: Date,
    /// The instant at which the positions were taken.
    pub as_of: Timestamp,
    /// The version.
    pub version: u64,
    /// What it replaces.
    pub scope: v1::SnapshotScope,
    /// Accounts of an amendment that become flat.
    pub flat: Vec<String>,
    /// Number of the last direction that the positions include.
    pub directions_through: u64,
    /// The request.
    pub request_id: String,
}

/// What the node accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Accepted {
    /// The version of the book that now stands.
    pub book_version: u64,
    /// Accounts in the book.
    pub account_count: u64,
    /// Positions in the book, after repos were decomposed.
    pub position_count: u64,
    /// Whether the request had been accepted before.
    pub is_replay: bool,
    /// Reconciliation items that it brought.
    pub items: Vec<String>,
    /// The request.
    pub request_id: String,
}

impl Heading {
    /// A snapshot taken now, with the time as version and a new request.
    #[must_use]
    pub fn now(business_date: Date, scope: v1::SnapshotScope) -> Self {
        let as_of = Timestamp::now();
        Self {
            business_date,
            as_of,
            version: u64::try_from(as_of.as_microsecond()).unwrap_or(1),
            scope,
            flat: vec![],
            directions_through: 0,
            request_id: Uuid::new_v4().to_string(),
        }
    }
}

/// Runs `crossmargin submit`.
///
/// # Errors
/// Every problem of the file, or what the node said.
pub async fn run(args: SubmitArgs) -> Result<(), Failure> {
    let book = match &args.book {
        Some(path) => {
            let label = path.display().to_string();
            let text = fs::read(path).map_err(|error| Failure::of(&format!("--book {label}"), &error))?;
            csv_book::parse(&text, &label).map_err(|problems| Failure::new(problems.to_string()))?
        }
        None => Book::default(),
    };
    let scope = if args.amendment { v1::SnapshotScope::Amendment } else { v1::SnapshotScope::Full };
    let mut heading = Heading::now(args.business_date, scope);
    heading.flat = args.flat;
    heading.directions_through = args.directions_through;
    if let Some(as_of) = args.as_of {
        heading.as_of = as_of;
    }
    if let Some(version) = args.version {
        heading.version = version;
    }
    if let Some(request_id) = args.request_id {
        heading.request_id = request_id;
    }
    let accepted = send(&args.node.connect(Role::PositionSource)?, book, heading).await?;
    output::answer(args.json, &accepted, text)
}

/// Submits a book.
///
/// # Errors
/// What the node said, every problem by row and field.
pub async fn send(node: &Node, book: Book, heading: Heading) -> Result<Accepted, Failure> {
    let request_id = heading.request_id.clone();
    let parts = snapshot(book, heading);
    let messages = parts.into_iter().map(|part| v1::SubmitSnapshotRequest { part: Some(part) });
    let answer = node.positions().submit_snapshot(tokio_stream::iter(messages)).await;
    let answer = answer.told("submitting the book")?;
    Ok(Accepted {
        book_version: answer.book_version,
        account_count: answer.account_count,
        position_count: answer.position_count,
        is_replay: answer.is_replay,
        items: answer.item_ids,
        request_id,
    })
}

/// The messages of a submission: the header, then columns.
fn snapshot(book: Book, heading: Heading) -> Vec<Part> {
    let header = v1::SnapshotHeader {
        request_id: heading.request_id,
        business_date: heading.business_date.to_string(),
        as_of: Some(wire::to_timestamp(heading.as_of)),
        book_version: heading.version,
        scope: heading.scope.into(),
        flat_accounts: heading.flat,
        directions_through: heading.directions_through,
    };
    let mut parts = vec![Part::Header(header)];
    parts.extend(book.into_wire(POSITIONS_PER_MESSAGE));
    parts
}

fn text(accepted: &Accepted) -> String {
    let Accepted { book_version, account_count, position_count, is_replay, items, .. } = accepted;
    let before = if *is_replay { " (it had been accepted before)" } else { "" };
    let text = format!(
        "accepted{before}: the book stands at version {book_version}, {account_count} accounts, {position_count} positions"
    );
    if items.is_empty() {
        return text;
    }
    format!("{text}\nit contradicts directions: `crossmargin directions items` shows {}", items.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{arrangement::leg::Leg, sample};

    #[test]
    fn a_submission_is_a_header_and_then_columns() {
        let heading = Heading::now(sample::BUSINESS_DATE, v1::SnapshotScope::Full);
        let parts = snapshot(sample::book::book(Leg::Treasury).unwrap(), heading.clone());
        let Part::Header(header) = &parts[0] else { panic!("{:?}", parts[0]) };
        assert_eq!((header.business_date.as_str(), header.book_version), ("2026-02-13", heading.version));
        assert!(matches!(&parts[1..], [Part::Positions(_), Part::Repos(_)]));
    }

    #[test]
    fn a_later_submission_has_a_higher_version() {
        let first = Heading::now(sample::BUSINESS_DATE, v1::SnapshotScope::Full);
        std::thread::sleep(std::time::Duration::from_micros(10));
        assert!(Heading::now(sample::BUSINESS_DATE, v1::SnapshotScope::Full).version > first.version);
    }
}
