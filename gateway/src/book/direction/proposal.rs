//! Checking what a caller asks to direct: every problem is found and told at once, by row and field.

use crossmargin::v1;
use jiff::civil::Date;
use risk::instrument::{Contract, Instrument};

use super::{
    DirectedLeg,
    account::{AccountDirectory, AccountFacts, LinkStanding, Purpose},
    fitting::{Moved, is_covered},
    state::Directions,
};
use crate::{
    arrangement::{cycle_id::CycleId, name::AccountId, terms::Eligible},
    market::reference::check_size,
    problem::{Collector, Problems},
    request,
};

/// Legs of one batch, at most.
pub const LEGS_MAX: usize = 10_000;

/// A request whose fields are read, with what is wrong with them.
#[derive(Debug)]
pub struct Proposal {
    business_date: Option<Date>,
    not_before: Option<CycleId>,
    rows: Vec<(usize, Row)>,
    problems: Collector,
}

#[derive(Debug)]
struct Row {
    from: AccountId,
    to: AccountId,
    contract: Contract,
    quantity: i64,
}

/// What a request is checked against.
pub struct Standing<'a> {
    /// The directions and the book under them.
    pub directions: &'a Directions,
    /// The accounts that exist for the caller.
    pub accounts: &'a dyn AccountDirectory,
    /// What may be margined jointly.
    pub eligible: &'a Eligible,
    /// Whether this house has opened a cycle.
    pub is_opened: &'a dyn Fn(CycleId) -> bool,
}

impl Proposal {
    /// Reads the fields of a request.
    #[must_use]
    pub fn read(request: &v1::DirectPositionsRequest, arrangement: &str) -> Self {
        let mut problems = Collector::default();
        problems.check(|| "request_id".into(), request::check_id(&request.request_id));
        let date = crate::wire::date("business_date", &request.business_date).map_err(|error| error.reason);
        let business_date = problems.check(|| "business_date".into(), date);
        let not_before = request
            .not_before
            .as_ref()
            .and_then(|cycle| problems.check(|| "not_before".into(), CycleId::from_wire(Some(cycle), arrangement)));
        let count = request.legs.len();
        if count == 0 || count > LEGS_MAX {
            problems.add("legs", format!("{count} are given: 1 to {LEGS_MAX} are needed"));
        }
        let legs = request.legs.iter().take(LEGS_MAX).enumerate();
        let rows = legs.filter_map(|(row, leg)| Some((row, Row::read(row, leg, &mut problems)?))).collect();
        Self { business_date, not_before, rows, problems }
    }

    /// Checks the request against what stands; the legs that may be recorded.
    ///
    /// # Errors
    /// Every problem, by row and field. Nothing of the request counts then.
    pub fn check(self, standing: &Standing<'_>) -> Result<(Date, Vec<DirectedLeg>), Problems> {
        let Self { business_date, not_before, rows, mut problems } = self;
        check_date(standing, business_date, not_before, &mut problems);
        let mut legs = Vec::with_capacity(rows.len());
        for (row, leg) in rows {
            let facts = check_accounts(standing.accounts, row, &leg, &mut problems);
            if !standing.eligible.futures.contains(&leg.contract.product) {
                let product = leg.contract.product;
                problems.add(
                    format!("legs[{row}].instrument"),
                    format!("product {product} is not eligible under the arrangement: it cannot be cross-margined"),
                );
            }
            let Some(facts) = facts else { continue };
            let Row { from, to, contract, quantity } = leg;
            legs.push((row, DirectedLeg { from, to, contract, quantity, member: facts.member }));
        }
        let mut moved = Moved::default();
        for (row, leg) in &legs {
            let held = moved.before(leg, |account, instrument| standing.directions.held(account, instrument));
            moved.add(leg);
            if !is_covered(held, leg.quantity) {
                problems.add(format!("legs[{row}].quantity"), not_held(leg, held));
            }
        }
        let legs = legs.into_iter().map(|(_, leg)| leg).collect();
        problems.finish((business_date.unwrap_or_default(), legs))
    }
}

impl Row {
    fn read(row: usize, leg: &v1::PositionLeg, problems: &mut Collector) -> Option<Self> {
        let from = problems.check(|| format!("legs[{row}].from_account"), leg.from_account.parse());
        let to = problems.check(|| format!("legs[{row}].to_account"), leg.to_account.parse());
        let field = || format!("legs[{row}].instrument");
        let contract = match problems.check(field, leg.instrument.parse::<Instrument>()) {
            Some(Instrument::Future(contract)) => Some(contract),
            Some(other) => {
                problems
                    .add(field(), format!("{other} is not a future: only futures are directed, FUT:<product>:<month>"));
                None
            }
            None => None,
        };
        if leg.quantity == 0 {
            problems
                .add(format!("legs[{row}].quantity"), "is zero: give the contracts to move, negative for short ones");
            return None;
        }
        let sized = contract.map_or(Ok(()), |contract| check_size(&Instrument::Future(contract), leg.quantity));
        problems.check(|| format!("legs[{row}].quantity"), sized)?;
        Some(Self { from: from?, to: to?, contract: contract?, quantity: leg.quantity })
    }
}

fn check_date(
    standing: &Standing<'_>,
    business_date: Option<Date>,
    not_before: Option<CycleId>,
    problems: &mut Collector,
) {
    let Some(book) = standing.directions.base() else {
        problems.add("business_date", "this house has no book yet: positions can be directed once it is submitted");
        return;
    };
    let (date, version) = (book.business_date, book.version);
    if let Some(given) = business_date.filter(|given| *given != date) {
        problems.add(
            "business_date",
            format!("is {given}, but the book stands at version {version} of {date}: direct its positions with {date}"),
        );
    }
    if let Some(cycle) = not_before {
        if (standing.is_opened)(cycle) {
            problems.add(
                "not_before",
                format!(
                    "this house has opened cycle {cycle}: a direction counts in cycles that are opened after it; name a \
                     later one, or none"
                ),
            );
        } else if cycle.business_date < date {
            problems.add("not_before", format!("cycle {cycle} is of an earlier business date than the book, {date}"));
        }
    }
}

/// The facts of the account on the regular side, where the two accounts may be directed between.
fn check_accounts(
    directory: &dyn AccountDirectory,
    row: usize,
    leg: &Row,
    problems: &mut Collector,
) -> Option<AccountFacts> {
    let fields = (format!("legs[{row}].from_account"), format!("legs[{row}].to_account"));
    if leg.from == leg.to {
        problems.add(fields.1, format!("account {} gives already: it must be another one", leg.to));
        return None;
    }
    let known = |account: &AccountId| {
        directory.facts(account).ok_or_else(|| {
            format!("account {account} is not known: the house records it before positions are directed")
        })
    };
    let from = problems.check(|| fields.0.clone(), known(&leg.from));
    let to = problems.check(|| fields.1.clone(), known(&leg.to));
    let (from, to) = (from?, to?);
    if from.member != to.member {
        let reason =
            format!("{} is carried by {}, {} by {}: one member is needed", leg.from, from.member, leg.to, to.member);
        problems.add(fields.1, reason);
        return None;
    }
    if from.owner != to.owner {
        let reason =
            format!("{} is owned by {}, {} by {}: one owner is needed", leg.from, from.owner, leg.to, to.owner);
        problems.add(fields.1, reason);
        return None;
    }
    let unlinked = [(&fields.0, &leg.from, &from), (&fields.1, &leg.to, &to)];
    let unlinked: Vec<_> = unlinked.into_iter().filter(|(_, _, facts)| facts.purpose == Purpose::Unlinked).collect();
    for (field, account, _) in &unlinked {
        problems.add(
            (*field).clone(),
            format!(
                "account {account} is a cross-margin account that stands in no link: the house records its link, or the \
                 account as a regular one"
            ),
        );
    }
    if !unlinked.is_empty() {
        return None;
    }
    match (&from.purpose, &to.purpose) {
        (Purpose::Regular, Purpose::CrossMargin { link, standing }) => {
            let reason = match standing {
                LinkStanding::Open => return Some(from),
                LinkStanding::Closing => "is closing: positions leave it and none enter",
                LinkStanding::Suspended => "is suspended: its positions are frozen until the suspension is lifted",
                LinkStanding::Closed => "is closed: it takes part in no cycle any more",
            };
            problems.add(fields.1, format!("link {link} of account {} {reason}", leg.to));
        }
        (Purpose::CrossMargin { link, standing }, Purpose::Regular) => {
            let reason = match standing {
                LinkStanding::Open | LinkStanding::Closing => return Some(from),
                LinkStanding::Suspended => "is suspended: its positions are frozen until the suspension is lifted",
                LinkStanding::Closed => "is closed: it takes part in no cycle any more",
            };
            problems.add(fields.0, format!("link {link} of account {} {reason}", leg.from));
        }
        (Purpose::Regular, Purpose::Regular) => problems.add(
            fields.1,
            format!("{} and {} are regular accounts: one of the two must be a link's account", leg.from, leg.to),
        ),
        (Purpose::CrossMargin { .. }, Purpose::CrossMargin { .. }) => problems.add(
            fields.1,
            format!("{} and {} are both accounts of links: one of the two must be a regular account", leg.from, leg.to),
        ),
        // Told above.
        (Purpose::Unlinked, _) | (_, Purpose::Unlinked) => {}
    }
    None
}

fn not_held(leg: &DirectedLeg, held: i64) -> String {
    let (from, instrument, quantity) = (&leg.from, leg.instrument(), leg.quantity);
    let holds = format!("account {from} holds {held} {instrument} here, with the directions and the legs before");
    if held == 0 {
        format!("{holds}: there is nothing to move")
    } else if held.signum() == quantity.signum() {
        format!("{holds}: at most {held} can be moved, not {quantity}")
    } else {
        format!("{holds}: a quantity with the sign of the position is needed, not {quantity}")
    }
}
