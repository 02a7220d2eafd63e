//! Checking a submitted snapshot: every problem is found and told at once, by row and field.

use std::{collections::BTreeMap, sync::Arc};

use crossmargin::v1;
use jiff::{Timestamp, civil::Date};
use prost::Message;
use risk::{
    instrument::{Instrument, InstrumentError},
    repo::{RepoTrade, unsettled_legs},
};

use super::{Accounts, Holding, Scope, Submission};
use crate::{
    arrangement::{cycle_id::iso_date, digest::Digest, name::AccountId},
    problem::{Collector, Problems},
    request::{self, CallerRequest, content_of},
};

/// Positions in one submission, at most.
pub const POSITIONS_MAX: usize = 5_000_000;
/// Accounts in one submission, at most.
pub const ACCOUNTS_MAX: usize = 200_000;

/// What may be held: the house's newest reference data and the arrangement's eligibility.
pub trait Eligibility {
    /// Whether the account is this house's: the account of a link, or a regular one.
    ///
    /// # Errors
    /// Why not, and what to do.
    fn check_account(&self, account: &AccountId) -> Result<(), String>;

    /// Whether a quantity of the instrument may be held on the business date.
    ///
    /// # Errors
    /// Why not: unknown, not eligible, matured or expired, or a quantity that cannot be.
    fn check(&self, instrument: &Instrument, quantity: i64, business_date: Date) -> Result<(), String>;
}

/// A submitted snapshot as it came, before any check.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// The header.
    pub header: v1::SnapshotHeader,
    /// Securities, dollars and futures.
    pub positions: Vec<v1::PositionColumns>,
    /// Repo trades.
    pub repos: Vec<v1::RepoColumns>,
}

impl Snapshot {
    /// The request that it is: asked again, it comes in the same parts. Version and instant do not count: a caller that makes
    /// them when it sends makes others when it sends again, and the positions are the same.
    #[must_use]
    pub fn request(&self) -> CallerRequest {
        let header =
            v1::SnapshotHeader { request_id: String::new(), book_version: 0, as_of: None, ..self.header.clone() };
        // Of each part the digest alone: all together they are as large as the snapshot.
        let digest = |part: Vec<u8>| Digest::of(&part).as_bytes().to_vec();
        let positions = self.positions.iter().map(|part| digest(part.encode_to_vec()));
        let repos = self.repos.iter().map(|part| digest(part.encode_to_vec()));
        let positions_count = (self.positions.len() as u64).to_le_bytes().to_vec();
        let parts: Vec<_> =
            [header.encode_to_vec(), positions_count].into_iter().chain(positions).chain(repos).collect();
        CallerRequest { id: self.header.request_id.clone(), content: content_of("SubmitSnapshot", &parts) }
    }
}

/// Checks a snapshot against the version of the book that stands.
///
/// # Errors
/// Every problem, by row and field. Nothing of the snapshot is applied then.
pub fn check(
    snapshot: &Snapshot,
    standing_version: u64,
    eligibility: &dyn Eligibility,
) -> Result<Submission, Problems> {
    let mut problems = Collector::default();
    let header = check_header(&snapshot.header, standing_version, &mut problems);
    let business_date = header.as_ref().map(|header| header.business_date);
    let mut intake = Intake { rows: BTreeMap::new(), business_date, eligibility, problems };
    let row_count: usize = snapshot.positions.iter().map(|columns| columns.quantities.len()).sum();
    let trade_count: usize = snapshot.repos.iter().map(|columns| columns.faces.len()).sum();
    if row_count + trade_count > POSITIONS_MAX {
        return Err(Problems::one(
            "positions",
            format!("{} rows were given, but a snapshot may have at most {POSITIONS_MAX}", row_count + trade_count),
        ));
    }
    for (chunk, columns) in snapshot.positions.iter().enumerate() {
        intake.add_positions(chunk, columns);
    }
    for (chunk, columns) in snapshot.repos.iter().enumerate() {
        intake.add_repos(chunk, columns);
    }
    let Intake { rows, mut problems, .. } = intake;
    if rows.len() > ACCOUNTS_MAX {
        problems.add("accounts", format!("{} were given, but a snapshot may have at most {ACCOUNTS_MAX}", rows.len()));
    }
    let mut accounts = Accounts::new();
    for (account, rows) in rows {
        let merged = merge(rows, business_date.unwrap_or_default());
        let named = merged.map_err(|reason| format!("account {account}: {reason}"));
        if let Some(holdings) = problems.check(|| "positions".into(), named) {
            accounts.insert(account, holdings);
        }
    }
    let mut flat_accounts = Vec::new();
    for (index, name) in snapshot.header.flat_accounts.iter().enumerate() {
        let Some(account) = problems.check(|| format!("header.flat_accounts[{index}]"), name.parse::<AccountId>())
        else {
            continue;
        };
        if accounts.contains_key(&account) {
            problems.add(format!("header.flat_accounts[{index}]"), format!("account {account} has positions too"));
        }
        flat_accounts.push(account);
    }
    match header {
        Some(header) => problems.finish(Submission { accounts, flat_accounts, ..header }),
        None => problems.finish(()).and_then(|()| Err(Problems::one("header", "is missing"))),
    }
}

/// The parts of a submission that the header gives.
fn check_header(header: &v1::SnapshotHeader, standing_version: u64, problems: &mut Collector) -> Option<Submission> {
    problems.check(|| "header.request_id".into(), request::check_id(&header.request_id));
    if header.book_version <= standing_version {
        problems.add(
            "header.book_version",
            format!(
                "{} is stale: the book stands at version {standing_version}, a higher one is needed",
                header.book_version
            ),
        );
    }
    let scope = match header.scope() {
        v1::SnapshotScope::Full => Some(Scope::Full),
        v1::SnapshotScope::Amendment => Some(Scope::Amendment),
        v1::SnapshotScope::Unspecified => {
            problems.add("header.scope", "FULL or AMENDMENT is needed");
            None
        }
    };
    if scope == Some(Scope::Full) && !header.flat_accounts.is_empty() {
        problems
            .add("header.flat_accounts", "a full snapshot flattens every account that is not in it; leave it empty");
    }
    let business_date = problems.check(
        || "header.business_date".into(),
        iso_date(&header.business_date)
            .ok_or_else(|| format!("{:?} is not a date: YYYY-MM-DD is needed", header.business_date)),
    );
    let as_of = header.as_of.and_then(|at| Timestamp::new(at.seconds, at.nanos).ok());
    if as_of.is_none() {
        problems.add("header.as_of", "the instant at which the positions were taken is needed");
    }
    Some(Submission {
        version: header.book_version,
        business_date: business_date?,
        as_of: as_of?,
        scope: scope?,
        directions_through: header.directions_through,
        accounts: Accounts::new(),
        flat_accounts: Vec::new(),
    })
}

/// The rows that have passed so far.
struct Intake<'a> {
    rows: BTreeMap<AccountId, Rows>,
    business_date: Option<Date>,
    eligibility: &'a dyn Eligibility,
    problems: Collector,
}

/// The rows of one account: what was given as positions, once for each instrument, and what repos add to them.
#[derive(Default)]
struct Rows {
    positions: BTreeMap<Instrument, i64>,
    repos: Vec<RepoTrade>,
}

impl Intake<'_> {
    fn add_positions(&mut self, chunk: usize, columns: &v1::PositionColumns) {
        let total: u64 = columns.position_counts.iter().map(|count| u64::from(*count)).sum();
        let rows = columns.quantities.len();
        if columns.accounts.len() != columns.position_counts.len()
            || total != rows as u64
            || columns.instrument_indexes.len() != rows
        {
            self.problems.add(
                format!("positions[{chunk}]"),
                "the columns must fit: one position_count for each account, and as many instrument_indexes and quantities as the counts add up to",
            );
            return;
        }
        let dictionary: Vec<Option<Instrument>> = (columns.instruments.iter().enumerate())
            .map(|(index, text)| {
                self.problems.check(|| format!("positions[{chunk}].instruments[{index}]"), text.parse::<Instrument>())
            })
            .collect();
        let mut row = 0;
        for (index, (name, count)) in columns.accounts.iter().zip(&columns.position_counts).enumerate() {
            let account = self.account(name);
            let parsed = self.problems.check(|| format!("positions[{chunk}].accounts[{index}]"), account);
            for _ in 0..*count {
                self.add_position(chunk, row, columns, &dictionary, parsed.as_ref());
                row += 1;
            }
        }
    }

    fn account(&self, name: &str) -> Result<AccountId, String> {
        let account = name.parse::<AccountId>().map_err(|error| error.to_string())?;
        self.eligibility.check_account(&account).map(|()| account)
    }

    fn add_position(
        &mut self,
        chunk: usize,
        row: usize,
        columns: &v1::PositionColumns,
        dictionary: &[Option<Instrument>],
        account: Option<&AccountId>,
    ) {
        let index = columns.instrument_indexes[row] as usize;
        let quantity = columns.quantities[row];
        let Some(entry) = dictionary.get(index) else {
            let length = dictionary.len();
            self.problems.add(
                format!("positions[{chunk}].instrument_indexes[{row}]"),
                format!("{index} is not in the dictionary of {length}"),
            );
            return;
        };
        let (Some(instrument), Some(account)) = (entry, account) else { return };
        let field = || format!("positions[{chunk}].quantities[{row}]");
        if quantity == 0 {
            self.problems
                .add(field(), format!("account {account}, {instrument}: the quantity is zero; leave the row out"));
            return;
        }
        if let Some(business_date) = self.business_date {
            let checked = self.eligibility.check(instrument, quantity, business_date);
            let named = checked.map_err(|reason| format!("account {account}, {instrument}: {reason}"));
            if self.problems.check(field, named).is_none() {
                return;
            }
        }
        let rows = self.rows.entry(account.clone()).or_default();
        if rows.positions.insert(*instrument, quantity).is_some() {
            self.problems.add(field(), format!("account {account}, {instrument}: the row is there twice"));
        }
    }

    fn add_repos(&mut self, chunk: usize, columns: &v1::RepoColumns) {
        let rows = columns.faces.len();
        let lengths = [
            columns.account_indexes.len(),
            columns.collateral_indexes.len(),
            columns.start_dates.len(),
            columns.end_dates.len(),
            columns.start_cash_cents.len(),
            columns.end_cash_cents.len(),
        ];
        if lengths.iter().any(|length| *length != rows) {
            self.problems.add(format!("repos[{chunk}]"), "all columns but the dictionaries must have the same length");
            return;
        }
        for row in 0..rows {
            self.add_repo(chunk, row, columns);
        }
    }

    fn add_repo(&mut self, chunk: usize, row: usize, columns: &v1::RepoColumns) {
        let name = columns.accounts.get(columns.account_indexes[row] as usize);
        let account = name.ok_or("is not in the dictionary".to_owned()).and_then(|name| self.account(name));
        let Intake { rows, business_date, eligibility, problems } = self;
        let path = |field: &str| format!("repos[{chunk}].{field}[{row}]");
        let account = problems.check(|| path("account_indexes"), account);
        let cusip = columns.collateral.get(columns.collateral_indexes[row] as usize);
        let cusip = cusip.ok_or("is not in the dictionary".to_owned());
        let cusip = cusip.and_then(|text| text.parse().map_err(|error: InstrumentError| error.to_string()));
        let cusip = problems.check(|| path("collateral_indexes"), cusip);
        let start_date = problems.check(|| path("start_dates"), date_of(columns.start_dates[row]));
        let end_date = problems.check(|| path("end_dates"), date_of(columns.end_dates[row]));
        let (Some(account), Some(collateral), Some(start_date), Some(end_date), Some(business_date)) =
            (account, cusip, start_date, end_date, *business_date)
        else {
            return;
        };
        let face = columns.faces[row];
        let checked = eligibility.check(&Instrument::Treasury(collateral), face, business_date);
        let named = checked.map_err(|reason| format!("account {account}, repo on {collateral}: {reason}"));
        if problems.check(|| path("faces"), named).is_none() {
            return;
        }
        let trade = RepoTrade {
            collateral,
            face,
            start_date,
            start_cash_cents: columns.start_cash_cents[row],
            end_date,
            end_cash_cents: columns.end_cash_cents[row],
        };
        let named = trade.check().map_err(|reason| format!("account {account}, repo on {collateral}: {reason}"));
        if problems.check(|| path("faces"), named).is_some() {
            rows.entry(account).or_default().repos.push(trade);
        }
    }
}

/// The holdings of an account: its positions and the unsettled legs of its repos, added up by instrument. What comes to
/// zero is left out.
fn merge(rows: Rows, business_date: Date) -> Result<Arc<[Holding]>, String> {
    let mut quantities = rows.positions;
    let legs = unsettled_legs(&rows.repos, business_date).map_err(|(_, error)| error.to_string())?;
    for (instrument, leg) in legs {
        let quantity = quantities.entry(instrument).or_insert(0);
        *quantity = quantity.checked_add(leg).ok_or_else(|| format!("the quantity of {instrument} is too large"))?;
    }
    let holdings = quantities.into_iter().filter(|(_, quantity)| *quantity != 0);
    Ok(holdings.map(|(instrument, quantity)| Holding { instrument, quantity }).collect())
}

/// The date of a number of days since 1970-01-01, within the years that instruments may have.
fn date_of(days: i32) -> Result<Date, String> {
    let epoch = jiff::civil::date(1970, 1, 1);
    let date = epoch.checked_add(jiff::Span::new().try_days(days).map_err(|_| out_of_range(days))?);
    date.ok().filter(|date| (1900..=2200).contains(&date.year())).ok_or_else(|| out_of_range(days))
}

fn out_of_range(days: i32) -> String {
    format!("{days} days since 1970-01-01 is not a date between 1900 and 2200")
}
