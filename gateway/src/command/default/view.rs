//! What the commands show of a default package and of an allocation of losses.

use std::fmt;

use serde::Serialize;

use crate::{
    arrangement::{
        default_loss::LossAllocation,
        default_package::{LossPool, NOT_SHOWN, Verified, VerifiedLink},
        evidence::Totals,
        leg::{Leg, Pair},
        link::LinkMode,
        name::HouseId,
        terms::Arrangement,
    },
    command::output::{fraction, grouped, percent, table},
    words::dollars,
};

/// A package that verifies. Amounts are USD as decimals.
#[derive(Debug, Serialize)]
pub(super) struct PackageView {
    is_verified: bool,
    package: String,
    arrangement: String,
    member: String,
    suspension: String,
    cycle: String,
    round: u32,
    statement: String,
    houses: [String; 2],
    links: Vec<LinkView>,
    live: Vec<TotalsView>,
    rehearsal: Vec<TotalsView>,
    not_shown: &'static [&'static str],
}

#[derive(Debug, Serialize)]
struct LinkView {
    link: String,
    owner: String,
    mode: &'static str,
    accounts: [String; 2],
    positions: [usize; 2],
    applied_factor: f64,
    #[serde(skip)]
    applied_factor_bp: u32,
    standalone: [String; 2],
    requirement: [String; 2],
    charges: [String; 2],
}

/// Sums of one house over links.
#[derive(Debug, Serialize)]
struct TotalsView {
    house: String,
    standalone: String,
    requirement: String,
    charges: String,
}

/// An allocation of losses. Amounts are USD as decimals.
#[derive(Debug, Serialize)]
pub(super) struct AllocationView {
    /// Always true: the rule is an assumption.
    is_assumed: bool,
    rule: String,
    close_out: String,
    package: String,
    member: String,
    pool: String,
    payer: Option<String>,
    payee: Option<String>,
    payment: String,
    steps: Vec<String>,
}

impl PackageView {
    pub(super) fn new(verified: &Verified, arrangement: &Arrangement) -> Self {
        let houses = &arrangement.parties.houses;
        let totals = |totals: &Totals| Leg::BOTH.map(|leg| TotalsView::new(totals, leg, houses)).into();
        Self {
            is_verified: true,
            package: verified.digest.to_string(),
            arrangement: arrangement.parties.arrangement.to_string(),
            member: verified.member.to_string(),
            suspension: verified.suspension.clone(),
            cycle: verified.cycle.to_string(),
            round: verified.round.0,
            statement: verified.statement.to_string(),
            houses: Leg::BOTH.map(|leg| houses[leg].to_string()),
            links: verified.links.iter().map(LinkView::new).collect(),
            live: totals(&verified.live),
            rehearsal: totals(&verified.rehearsal),
            not_shown: &NOT_SHOWN,
        }
    }
}

impl LinkView {
    fn new(link: &VerifiedLink) -> Self {
        let VerifiedLink { terms, mode, leaf, positions } = link;
        let bp = leaf.applied_factor_bp;
        Self {
            link: terms.link.to_string(),
            owner: terms.owner.to_string(),
            mode: match mode {
                LinkMode::Live => "live",
                LinkMode::Rehearsal => "rehearsal",
                LinkMode::Suspended => "suspended",
            },
            accounts: Leg::BOTH.map(|leg| terms.accounts[leg].to_string()),
            positions: Leg::BOTH.map(|leg| positions[leg].quantities.len()),
            applied_factor: fraction(bp),
            applied_factor_bp: bp,
            standalone: [leaf.treasury_standalone_cents, leaf.futures_standalone_cents].map(dollars),
            requirement: [leaf.treasury_requirement_cents, leaf.futures_requirement_cents].map(dollars),
            charges: [leaf.treasury_charges_cents, leaf.futures_charges_cents].map(dollars),
        }
    }
}

impl TotalsView {
    fn new(totals: &Totals, leg: Leg, houses: &Pair<HouseId>) -> Self {
        Self {
            house: houses[leg].to_string(),
            standalone: dollars(totals.standalone_cents[leg]),
            requirement: dollars(totals.requirement_cents[leg]),
            charges: dollars(totals.charges_cents[leg]),
        }
    }
}

impl AllocationView {
    pub(super) fn new(
        verified: &Verified,
        pool: &LossPool,
        allocation: &LossAllocation,
        houses: &Pair<HouseId>,
    ) -> Self {
        let payment = allocation.payment;
        Self {
            is_assumed: true,
            rule: allocation.rule.to_string(),
            close_out: allocation.inputs.close_out().to_string(),
            package: verified.digest.to_string(),
            member: verified.member.to_string(),
            pool: pool.to_string(),
            payer: payment.map(|payment| houses[payment.payer].to_string()),
            payee: payment.map(|payment| houses[payment.payee()].to_string()),
            payment: dollars(payment.map_or(0, |payment| payment.cents)),
            steps: allocation.steps(houses),
        }
    }
}

impl fmt::Display for PackageView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { arrangement, member, cycle, round, suspension, statement, .. } = self;
        let [treasury, futures] = &self.houses;
        writeln!(f, "The package verifies.\n")?;
        writeln!(f, "package     {}", self.package)?;
        writeln!(f, "member      {member}, suspension {suspension}")?;
        writeln!(f, "agreed in   {arrangement}/{cycle} round {round}, statement {statement}\n")?;
        let header =
            ["link", "owner", "mode", "factor", treasury, "requires", "charges", futures, "requires", "charges"];
        let mut rows = table(&header, |place| place > 2);
        for link in &self.links {
            let amounts =
                (0..2).flat_map(|side| [&link.standalone[side], &link.requirement[side], &link.charges[side]]);
            let words = [link.link.clone(), link.owner.clone(), link.mode.to_owned(), percent(link.applied_factor_bp)];
            rows.add_row(words.into_iter().chain(amounts.map(|amount| grouped(amount))));
        }
        writeln!(f, "{rows}")?;
        for (kind, totals) in [("live", &self.live), ("rehearsal", &self.rehearsal)] {
            for TotalsView { house, standalone, requirement, charges } in totals {
                let [standalone, requirement, charges] = [standalone, requirement, charges].map(|text| grouped(text));
                writeln!(
                    f,
                    "{kind} links, {house}: stand-alone {standalone}, required {requirement}, charges outside the core {charges}"
                )?;
            }
        }
        writeln!(f, "\nNot shown by a package:")?;
        self.not_shown.iter().try_for_each(|what| writeln!(f, "- {what}"))
    }
}

impl fmt::Display for AllocationView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Member {} in default, package {}\nResults of {}\n", self.member, self.package, self.pool)?;
        self.steps.iter().try_for_each(|step| writeln!(f, "{step}"))
    }
}
