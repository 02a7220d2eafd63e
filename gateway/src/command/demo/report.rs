//! The demo's result: both houses' own views of a cycle, put side by side and checked against each other.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use crossmargin::v1::{self, RequirementStatus};
use rust_decimal::Decimal;
use serde::Serialize;

use super::{day::Day, folder::Folder};
use crate::{
    arrangement::{
        cycle_id::CycleId,
        envelope,
        leg::{Leg, Pair},
        parties::Parties,
    },
    command::{
        failure::Failure,
        output::{fraction, small},
        view::TimingView,
    },
    identity::{HouseId, VerifyingKeys},
};

/// What one house said of a cycle.
pub(super) struct View {
    pub(super) house: String,
    pub(super) ledger: PathBuf,
    pub(super) cycle: v1::Cycle,
    pub(super) requirements: Vec<v1::Requirement>,
    pub(super) agreement: Option<v1::Agreement>,
}

/// The whole demo.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    folder: PathBuf,
    history: Vec<PathBuf>,
    pub(super) cycles: Vec<CycleReport>,
    /// The customer's day.
    pub(super) day: Option<Day>,
}

/// One round of one cycle.
#[derive(Debug, Serialize)]
pub(super) struct CycleReport {
    pub(super) cycle: String,
    pub(super) business_date: String,
    pub(super) kind: String,
    pub(super) run: u32,
    pub(super) round: u32,
    /// `agreed`, `break` or `fallen_back`.
    pub(super) status: &'static str,
    pub(super) elapsed_ms: u64,
    pub(super) accounts: Vec<Account>,
    pub(super) totals: Totals,
    pub(super) houses: Vec<HouseReport>,
}

/// One linked pair of accounts. Money in USD; `None` where the house does not know the figure.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Account {
    pub(super) account: String,
    pub(super) kind: String,
    pub(super) member: String,
    pub(super) link: String,
    pub(super) ficc_account: String,
    pub(super) cme_account: String,
    pub(super) ficc_standalone: Option<Decimal>,
    pub(super) cme_standalone: Option<Decimal>,
    pub(super) ficc_factor: Option<f64>,
    pub(super) cme_factor: Option<f64>,
    /// 0 unless agreed.
    pub(super) applied_factor: f64,
    pub(super) would_be_factor: Option<f64>,
    pub(super) ficc_requirement: Option<Decimal>,
    pub(super) cme_requirement: Option<Decimal>,
    pub(super) would_be_ficc_requirement: Option<Decimal>,
    pub(super) would_be_cme_requirement: Option<Decimal>,
    /// Outside the core, whatever the factor.
    pub(super) ficc_charges: Option<Decimal>,
    /// Outside the core, whatever the factor.
    pub(super) cme_charges: Option<Decimal>,
    /// Requirement and charges.
    pub(super) ficc_total: Option<Decimal>,
    /// Requirement and charges.
    pub(super) cme_total: Option<Decimal>,
    pub(super) saving: Option<Decimal>,
    pub(super) would_be_saving: Option<Decimal>,
    /// `agreed`, `rehearsal`, `suspended`, `break` or `fallen_back`.
    pub(super) status: String,
    pub(super) reason: String,
}

/// Sums over the accounts, USD.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Totals {
    pub(super) ficc_standalone: Decimal,
    pub(super) cme_standalone: Decimal,
    pub(super) ficc_requirement: Decimal,
    pub(super) cme_requirement: Decimal,
    pub(super) ficc_charges: Decimal,
    pub(super) cme_charges: Decimal,
    pub(super) saving: Decimal,
    /// As if every link were live: with those in rehearsal.
    pub(super) would_be_saving: Decimal,
}

/// What one house holds.
#[derive(Debug, Serialize)]
pub(super) struct HouseReport {
    pub(super) house: String,
    pub(super) phase: String,
    pub(super) agreement_digest: String,
    pub(super) signature_count: usize,
    pub(super) signatures: Vec<Signature>,
    pub(super) explanation: String,
    pub(super) ledger: PathBuf,
    pub(super) timings: Vec<TimingView>,
}

/// A signature that was verified.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Signature {
    pub(super) house: String,
    pub(super) key_id: String,
    pub(super) signature: String,
}

impl Report {
    pub(super) fn new(folder: &Folder, history: &[PathBuf]) -> Self {
        Self { folder: Path::to_owned(folder.root()), history: history.to_vec(), cycles: vec![], day: None }
    }
}

impl CycleReport {
    /// Puts both houses' views side by side.
    ///
    /// # Errors
    /// When the houses hold different agreements, a signature does not verify, or an agreed figure differs.
    pub(super) fn of(
        id: CycleId,
        elapsed: Duration,
        views: Pair<View>,
        parties: &Parties,
        keys: &VerifyingKeys,
    ) -> Result<Self, Failure> {
        let digests = Pair::from_fn(|leg| views[leg].agreement.as_ref().map(|agreement| &agreement.digest));
        if digests.treasury != digests.futures {
            return Err(Failure::new(format!(
                "{id}: the houses hold different agreements: {:?} and {:?}",
                digests.treasury, digests.futures
            )));
        }
        let accounts = accounts(id, &views)?;
        let round = views.iter().map(|(_, view)| view.agreement.as_ref().map_or(0, |found| found.round)).max();
        let has = |status: &str| accounts.iter().any(|account| account.status == status);
        let status = match () {
            () if has("fallen_back") => "fallen_back",
            () if has("break") => "break",
            () => "agreed",
        };
        let houses: Result<Vec<HouseReport>, Failure> =
            [views.treasury, views.futures].into_iter().map(|view| house(id, view, parties, keys)).collect();
        Ok(Self {
            cycle: id.to_string(),
            business_date: id.business_date.to_string(),
            kind: id.kind.to_string(),
            run: id.run,
            round: round.unwrap_or(0),
            status,
            elapsed_ms: u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
            totals: Totals::of(&accounts),
            accounts,
            houses: houses?,
        })
    }
}

/// Every link that either house knows, ascending.
fn accounts(id: CycleId, views: &Pair<View>) -> Result<Vec<Account>, Failure> {
    let mut links: BTreeMap<&str, Pair<Option<&v1::Requirement>>> = BTreeMap::new();
    for (leg, view) in views.iter() {
        for requirement in &view.requirements {
            let link = requirement.link.as_ref().map_or("", |link| link.link_id.as_str());
            links.entry(link).or_insert(Pair { treasury: None, futures: None })[leg] = Some(requirement);
        }
    }
    let merged = links.into_iter().map(|(link, found)| merge(&format!("{id} {link}"), found));
    merged.collect()
}

/// One link from both houses' views: each house's own figures from itself.
fn merge(what: &str, found: Pair<Option<&v1::Requirement>>) -> Result<Account, Failure> {
    let (own, other) = match (found.treasury, found.futures) {
        (Some(treasury), Some(futures)) => (treasury, futures),
        (Some(one), None) | (None, Some(one)) => (one, one),
        (None, None) => return Err(Failure::new(format!("{what}: neither house knows it"))),
    };
    let is_agreed = |requirement: &v1::Requirement| {
        matches!(
            requirement.status(),
            RequirementStatus::Agreed | RequirementStatus::Rehearsal | RequirementStatus::Suspended
        )
    };
    if is_agreed(own) && is_agreed(other) {
        // The words and the portfolio differential are each house's own.
        let alike = |from: &v1::Requirement| v1::Requirement {
            reason: String::new(),
            portfolio_differential: String::new(),
            ..from.clone()
        };
        if alike(own) != alike(other) {
            return Err(Failure::new(format!("{what}: the houses agreed on different figures: {own:?} and {other:?}")));
        }
    }
    // Where one house is not as far as the other, the pair is only as safe as the less favourable of the two.
    let status = if is_agreed(own) && !is_agreed(other) { other } else { own };
    let money = |own: &str, other: &str| [own, other].iter().find_map(|text| text.parse::<Decimal>().ok());
    let link = own.link.clone().unwrap_or_default();
    let mut account = Account {
        account: link.link_id.clone(),
        kind: small(link.kind().as_str_name(), "LINK_KIND_"),
        member: link.member,
        link: link.link_id,
        ficc_account: link.treasury_account,
        cme_account: link.futures_account,
        ficc_standalone: money(&own.treasury_standalone, &other.treasury_standalone),
        cme_standalone: money(&other.futures_standalone, &own.futures_standalone),
        ficc_factor: factor([own, other], |view| view.treasury_factor_bp),
        cme_factor: factor([other, own], |view| view.futures_factor_bp),
        applied_factor: if is_agreed(status) { fraction(own.applied_factor_bp) } else { 0.0 },
        would_be_factor: factor([own, other], |view| view.would_be_factor_bp),
        ficc_requirement: money(&own.treasury_requirement, &other.treasury_requirement),
        cme_requirement: money(&other.futures_requirement, &own.futures_requirement),
        would_be_ficc_requirement: money(&own.would_be_treasury_requirement, &other.would_be_treasury_requirement),
        would_be_cme_requirement: money(&other.would_be_futures_requirement, &own.would_be_futures_requirement),
        ficc_charges: money(&own.treasury_charges, &other.treasury_charges),
        cme_charges: money(&other.futures_charges, &own.futures_charges),
        ficc_total: money(&own.treasury_total, &other.treasury_total),
        cme_total: money(&other.futures_total, &own.futures_total),
        saving: None,
        would_be_saving: None,
        status: small(status.status().as_str_name(), "REQUIREMENT_STATUS_"),
        reason: status.reason.clone(),
    };
    let alone = sum(account.ficc_standalone, account.cme_standalone);
    let less = |required: Option<Decimal>| Some(alone? - required?);
    account.saving = less(sum(account.ficc_requirement, account.cme_requirement));
    account.would_be_saving = less(sum(account.would_be_ficc_requirement, account.would_be_cme_requirement));
    Ok(account)
}

/// A factor from the first view that has computed factors: one that knows both legs.
fn factor(views: [&v1::Requirement; 2], basis_points: impl Fn(&v1::Requirement) -> u32) -> Option<f64> {
    let has_both =
        |view: &&v1::Requirement| !view.treasury_standalone.is_empty() && !view.futures_standalone.is_empty();
    views.into_iter().find(has_both).map(|view| fraction(basis_points(view)))
}

fn sum(one: Option<Decimal>, other: Option<Decimal>) -> Option<Decimal> {
    Some(one? + other?)
}

impl Totals {
    /// Sums over accounts; what is not known counts as nothing.
    pub(super) fn of<'a>(accounts: impl IntoIterator<Item = &'a Account>) -> Self {
        let mut totals = Self::default();
        for account in accounts {
            let known = |figure: Option<Decimal>| figure.unwrap_or_default();
            totals.ficc_standalone += known(account.ficc_standalone);
            totals.cme_standalone += known(account.cme_standalone);
            totals.ficc_requirement += known(account.ficc_requirement);
            totals.cme_requirement += known(account.cme_requirement);
            totals.ficc_charges += known(account.ficc_charges);
            totals.cme_charges += known(account.cme_charges);
            totals.saving += known(account.saving);
            totals.would_be_saving += known(account.would_be_saving);
        }
        totals
    }
}

/// What one house holds; both signatures are verified against the houses' public keys.
fn house(id: CycleId, view: View, parties: &Parties, keys: &VerifyingKeys) -> Result<HouseReport, Failure> {
    let mut signatures = Vec::new();
    for signed in view.agreement.iter().flat_map(|agreement| &agreement.signatures) {
        verify(signed, parties, keys).map_err(|reason| {
            Failure::new(format!(
                "{id}: {}'s signature, as {} holds it, does not verify: {reason}",
                signed.house, view.house
            ))
        })?;
        signatures.push(Signature {
            house: signed.house.clone(),
            key_id: signed.key_id.clone(),
            signature: hex::encode(&signed.signature),
        });
    }
    if view.agreement.is_some() && signatures.len() != Leg::BOTH.len() {
        return Err(Failure::new(format!("{id}: {} holds {} signatures, not two", view.house, signatures.len())));
    }
    Ok(HouseReport {
        house: view.house,
        phase: small(view.cycle.phase().as_str_name(), "CYCLE_PHASE_"),
        agreement_digest: view.agreement.map(|agreement| agreement.digest).unwrap_or_default(),
        signature_count: signatures.len(),
        signatures,
        explanation: view.cycle.explanation.clone(),
        ledger: view.ledger,
        timings: crate::command::view::CycleView::from(&view.cycle).timings,
    })
}

fn verify(signed: &v1::SignedEnvelope, parties: &Parties, keys: &VerifyingKeys) -> Result<(), String> {
    let now = jiff::Timestamp::now();
    let opened = envelope::open(signed, parties, |house, key_id, bytes, signature| {
        let house: HouseId = house.as_str().parse().map_err(|error| format!("{error}"))?;
        let key_id = key_id.parse().map_err(|error| format!("{error}"))?;
        keys.verify(&house, key_id, now, bytes, signature).map_err(|error| error.to_string())
    });
    opened.map(drop).map_err(|error| error.to_string())
}

#[cfg(test)]
pub(super) mod tests;
