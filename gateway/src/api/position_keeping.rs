//! What a house's position keeping calls.

use crossmargin::v1::{self, position_keeping_service_server::PositionKeepingService, submit_snapshot_request::Part};
use tonic::{Request, Response, Status, Streaming};

use super::status::{invalid, other_request};
use crate::{
    arrangement::name::AccountId,
    book::{
        columns,
        intake::{self, Snapshot},
    },
    node::{Handle, catalog::Answer},
};

/// Positions of the house.
pub(super) struct PositionKeepingApi {
    pub(super) handle: Handle,
}

#[tonic::async_trait]
impl PositionKeepingService for PositionKeepingApi {
    async fn submit_snapshot(
        &self,
        request: Request<Streaming<v1::SubmitSnapshotRequest>>,
    ) -> Result<Response<v1::SubmitSnapshotResponse>, Status> {
        let mut stream = request.into_inner();
        let mut gathered = Gathering::default();
        while let Some(message) = stream.message().await? {
            gathered.add(message)?;
        }
        let snapshot = gathered.finish()?;
        let request_id = snapshot.header.request_id.clone();
        let (answer, is_replay) = self.handle.submit_snapshot(snapshot).await?;
        let Answer::Book { version, account_count, position_count, items } = answer else {
            return Err(other_request(&request_id));
        };
        Ok(Response::new(v1::SubmitSnapshotResponse {
            book_version: version,
            account_count,
            position_count,
            is_replay,
            item_ids: items.iter().map(ToString::to_string).collect(),
        }))
    }

    async fn get_positions(
        &self,
        request: Request<v1::GetPositionsRequest>,
    ) -> Result<Response<v1::GetPositionsResponse>, Status> {
        let account: AccountId = request.into_inner().account.parse().map_err(|error| invalid("account", error))?;
        let book = self.handle.context.catalog.read().book().cloned();
        let book = book.ok_or_else(|| Status::not_found("this house has no book yet: submit a snapshot"))?;
        let holdings = book.accounts.get(&account).ok_or_else(|| {
            let version = book.version;
            Status::not_found(format!("version {version} of the book has no positions of account {account}"))
        })?;
        let positions = Some(columns::of_account(&account, holdings));
        Ok(Response::new(v1::GetPositionsResponse { book_version: book.version, positions }))
    }
}

/// The parts of a snapshot as they come, bounded before they are kept.
#[derive(Debug, Default)]
struct Gathering {
    header: Option<v1::SnapshotHeader>,
    positions: Vec<v1::PositionColumns>,
    repos: Vec<v1::RepoColumns>,
    rows: usize,
    names: usize,
}

/// Names in the dictionaries of all parts, at most: every row may bring its account and its instrument anew.
const NAMES_MAX: usize = 2 * intake::POSITIONS_MAX;
/// Bytes of a name that is kept until all are checked: longer than any account or instrument may be.
const NAME_BYTES_MAX: usize = 128;

impl Gathering {
    fn add(&mut self, message: v1::SubmitSnapshotRequest) -> Result<(), Status> {
        let part = message.part.ok_or_else(|| invalid("part", "is empty: a header, positions or repos are needed"))?;
        if self.header.is_none() && !matches!(part, Part::Header(_)) {
            return Err(invalid("header", "must come first, and positions and repos after it"));
        }
        match part {
            Part::Header(_) if self.header.is_some() => {
                return Err(invalid("header", "came twice: a snapshot has one"));
            }
            Part::Header(header) => {
                self.count(header.flat_accounts.len(), 0)?;
                bounded("flat_accounts", &header.flat_accounts)?;
                self.header = Some(header);
            }
            Part::Positions(columns) => {
                // The shape is checked with everything else; what counts here is how much is kept.
                let rows = columns.quantities.len().max(columns.instrument_indexes.len());
                let names = columns.accounts.len().max(columns.position_counts.len()) + columns.instruments.len();
                self.count(rows, names)?;
                bounded("accounts", &columns.accounts)?;
                bounded("instruments", &columns.instruments)?;
                self.positions.push(columns);
            }
            Part::Repos(columns) => {
                let lengths = [
                    columns.account_indexes.len(),
                    columns.collateral_indexes.len(),
                    columns.faces.len(),
                    columns.start_dates.len(),
                    columns.end_dates.len(),
                    columns.start_cash_cents.len(),
                    columns.end_cash_cents.len(),
                ];
                let rows = lengths.into_iter().max().unwrap_or_default();
                self.count(rows, columns.accounts.len() + columns.collateral.len())?;
                bounded("accounts", &columns.accounts)?;
                bounded("collateral", &columns.collateral)?;
                self.repos.push(columns);
            }
        }
        Ok(())
    }

    /// Counts what a part brings, an empty part as one row: no stream goes on for ever.
    fn count(&mut self, rows: usize, names: usize) -> Result<(), Status> {
        self.rows = self.rows.saturating_add(rows.max(1));
        self.names = self.names.saturating_add(names);
        for (field, count, most) in
            [("positions", self.rows, intake::POSITIONS_MAX), ("accounts", self.names, NAMES_MAX)]
        {
            if count > most {
                let reason =
                    format!("more than {most} came: submit a full snapshot and amendments of some accounts each");
                return Err(invalid(field, reason));
            }
        }
        Ok(())
    }

    fn finish(self) -> Result<Snapshot, Status> {
        let header = self.header.ok_or_else(|| invalid("header", "is missing: it comes first"))?;
        Ok(Snapshot { header, positions: self.positions, repos: self.repos })
    }
}

/// Refuses names that could be none by their length alone: a stream of them would be kept until its end.
fn bounded(field: &str, names: &[String]) -> Result<(), Status> {
    match names.iter().position(|name| name.len() > NAME_BYTES_MAX) {
        None => Ok(()),
        Some(place) => {
            let reason = format!("has {} bytes: no name has more than {NAME_BYTES_MAX}", names[place].len());
            Err(invalid(&format!("{field}[{place}]"), reason))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> v1::SubmitSnapshotRequest {
        v1::SubmitSnapshotRequest { part: Some(Part::Header(v1::SnapshotHeader::default())) }
    }

    fn positions(rows: usize) -> v1::SubmitSnapshotRequest {
        let columns = v1::PositionColumns { quantities: vec![1; rows], ..Default::default() };
        v1::SubmitSnapshotRequest { part: Some(Part::Positions(columns)) }
    }

    #[test]
    fn a_snapshot_begins_with_its_header_and_has_one() {
        assert!(Gathering::default().add(positions(1)).unwrap_err().message().starts_with("header"));
        let mut twice = Gathering::default();
        twice.add(header()).unwrap();
        assert!(twice.add(header()).unwrap_err().message().starts_with("header"));
        assert!(Gathering::default().finish().unwrap_err().message().starts_with("header"));
        assert!(Gathering::default().add(v1::SubmitSnapshotRequest { part: None }).is_err());
    }

    #[test]
    fn a_snapshot_that_is_too_large_is_refused_before_it_is_kept() {
        let mut gathered = Gathering::default();
        gathered.add(header()).unwrap();
        gathered.add(positions(intake::POSITIONS_MAX - 1)).unwrap();
        let kept = gathered.positions.len();
        assert!(gathered.add(positions(2)).is_err());
        assert_eq!(gathered.positions.len(), kept);
    }

    #[test]
    fn a_name_that_is_longer_than_any_is_refused_at_once_with_its_place() {
        let mut gathered = Gathering::default();
        gathered.add(header()).unwrap();
        let columns = v1::PositionColumns {
            accounts: vec!["A".repeat(NAME_BYTES_MAX), "A".repeat(NAME_BYTES_MAX + 1)],
            ..Default::default()
        };
        let refused = gathered.add(v1::SubmitSnapshotRequest { part: Some(Part::Positions(columns)) }).unwrap_err();
        assert!(refused.message().contains("accounts[1]"), "{refused}");
        assert!(gathered.positions.is_empty());
    }

    #[test]
    fn empty_parts_do_not_go_on_for_ever() {
        let mut gathered = Gathering { rows: intake::POSITIONS_MAX - 1, ..Gathering::default() };
        gathered.add(header()).unwrap();
        assert!(gathered.add(positions(0)).is_err());
    }
}
