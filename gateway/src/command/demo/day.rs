//! The last scene: a day of one customer, from its onboarding to a suspension, each step through the services that firms
//! and houses use.

use std::time::Instant;

use crossmargin::v1::{self, LinkStage, SnapshotScope, programme_change::Change, scope::Scope as Given};
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::Serialize;

use super::{
    report::{Account, CycleReport},
    stage::{PATIENCE, Stage, book},
    table, wait,
};
use crate::{
    arrangement::{
        cycle_id::{CycleId, CycleKind},
        leg::Leg,
    },
    command::{failure::Failure, failure::Told, links, listing, output, submit},
    csv_book,
    identity::{MemberId, Role},
    sample::programme::{approvals, onboarding, recorded, stage as stage_of},
};

/// The customer, by an opaque id; `setup` makes the certificates of the customer and of its member's administration.
pub(super) const CUSTOMER: &str = "C-4D1E";
/// Its member.
pub(super) const MEMBER: &str = "fenwick";
const LINK: &str = "LNK-2001";
const TREASURY_ACCOUNT: &str = "GSD-2001";
const FUTURES_ACCOUNT: &str = "XM-2001";
/// The customer's regular account at the futures house.
const REGULAR_ACCOUNT: &str = "REG-2001";
/// What is directed: ten-year note futures.
const CONTRACT: &str = "FUT:ZN:2026-03";

/// What is about to be seen.
pub(super) const STORY: &str = "\
A CUSTOMER'S DAY. Member fenwick brings customer C-4D1E: documents at both houses, a rehearsal, the approvals, live. It
directs futures at noon, some of them back after the preliminary end of day, and FICC suspends the link in the evening.
";

/// The scene as JSON.
#[derive(Debug, Serialize)]
pub(super) struct Day {
    pub(super) member: &'static str,
    pub(super) customer: &'static str,
    pub(super) link: &'static str,
    pub(super) business_date: String,
    pub(super) steps: Vec<Step>,
}

/// One step: what was done, and the link in the cycle that shows what it led to.
#[derive(Debug, Serialize)]
pub(super) struct Step {
    pub(super) done: String,
    /// Where the link stands after it.
    pub(super) stage: String,
    /// What the final end of day changes of the preliminary one, both legs; `None` elsewhere.
    pub(super) adjustment: Option<Decimal>,
    pub(super) cycle: String,
    pub(super) account: Account,
}

/// Shows the customer's day and the cycles that were run for it.
///
/// # Errors
/// When something does not go as told.
pub(super) async fn show(stage: &mut Stage, date: Date) -> Result<(Day, Vec<CycleReport>), Failure> {
    let mut scene = Scene { stage, date, steps: Vec::new(), cycles: Vec::new() };
    scene.bring_in().await?;
    scene.submit().await?;
    scene.run("documents at both houses; both consent to a rehearsal", CycleKind::Cur, 1).await?;
    scene.record("the approvals", &approvals()).await?;
    let live = [stage_of(vec![LINK.to_owned()], LinkStage::Live, "the rehearsal was accepted")];
    scene.record("consent to go live", &live).await?;
    scene.until(LinkStage::Live).await?;
    scene.run("orders of both regulators and rules of both houses recorded; live", CycleKind::Itd, 2).await?;
    scene.direct("noon", [REGULAR_ACCOUNT, FUTURES_ACCOUNT], -300).await?;
    scene.run("noon: 300 ZN sold in the regular account directed into the link", CycleKind::Itd, 3).await?;
    scene.run("preliminary end of day", CycleKind::Eod, 2).await?;
    scene.direct("evening", [FUTURES_ACCOUNT, REGULAR_ACCOUNT], -100).await?;
    scene.run("100 of them directed back; final end of day", CycleKind::EodXm, 1).await?;
    let suspension = scene.suspend().await?;
    scene.until(LinkStage::Suspended).await?;
    scene.run("FICC suspends the link, alone and at once; a re-run", CycleKind::EodXm, 2).await?;
    let lift = v1::Lift { suspension_id: suspension };
    let lift = v1::ProgrammeChange { reason: "the question is answered".to_owned(), change: Some(Change::Lift(lift)) };
    scene.record("consent to lifting the suspension", &[lift]).await?;
    scene.until(LinkStage::Live).await?;
    scene.run("both houses lift the suspension; a re-run", CycleKind::EodXm, 3).await?;
    let Scene { steps, cycles, .. } = scene;
    let business_date = date.to_string();
    Ok((Day { member: MEMBER, customer: CUSTOMER, link: LINK, business_date, steps }, cycles))
}

/// The day for people: a row for each step.
pub(super) fn table(day: &Day) -> String {
    let header = [
        "what was done",
        "cycle",
        "stage",
        "FICC alone",
        "CME alone",
        "applied",
        "both require",
        "saving",
        "adjusts by",
    ];
    let mut table = output::table(&header, |at| at > 2);
    for step in &day.steps {
        let account = &step.account;
        let both = |ficc: Option<Decimal>, cme: Option<Decimal>| Some(ficc? + cme?);
        table.add_row([
            step.done.clone(),
            step.cycle.clone(),
            step.stage.clone(),
            table::dollars(account.ficc_standalone),
            table::dollars(account.cme_standalone),
            format!("{:.2} %", account.applied_factor * 100.0),
            table::dollars(both(account.ficc_requirement, account.cme_requirement)),
            table::dollars(account.saving),
            step.adjustment.map_or_else(String::new, |amount| table::dollars(Some(amount))),
        ]);
    }
    format!(
        "{table}\nUSD. The core margin of link {} ({} {}), from FICC and CME; every cycle agreed and signed by both.\n",
        day.link, TREASURY_ACCOUNT, FUTURES_ACCOUNT
    )
}

struct Scene<'a> {
    stage: &'a mut Stage,
    date: Date,
    steps: Vec<Step>,
    cycles: Vec<CycleReport>,
}

impl Scene<'_> {
    /// Each house records the customer, the link's terms and documents, and its consent to a rehearsal; CME the customer's
    /// regular account too.
    async fn bring_in(&mut self) -> Result<(), Failure> {
        let terms = v1::LinkTerms {
            link_id: LINK.to_owned(),
            kind: v1::LinkKind::Customer.into(),
            member: MEMBER.to_owned(),
            owner: CUSTOMER.to_owned(),
            treasury_account: TREASURY_ACCOUNT.to_owned(),
            futures_account: FUTURES_ACCOUNT.to_owned(),
        };
        let regular = Change::Account(v1::AccountRecord {
            account: REGULAR_ACCOUNT.to_owned(),
            member: MEMBER.to_owned(),
            owner: CUSTOMER.to_owned(),
            r#use: v1::AccountUse::Regular.into(),
        });
        self.stage.progress.step(format!("customer {CUSTOMER} and its link recorded at both houses"));
        for leg in Leg::BOTH {
            let mut changes = onboarding(std::slice::from_ref(&terms));
            if leg == Leg::Futures {
                changes.push(recorded(regular.clone()));
            }
            links::record(&self.stage.houses[leg].node(Role::Administrator)?, changes).await?;
        }
        self.until(LinkStage::Rehearsing).await
    }

    /// The books of the day, the customer's accounts among them.
    async fn submit(&mut self) -> Result<(), Failure> {
        for leg in Leg::BOTH {
            self.stage.progress.step(format!("book of {} submitted to {}", self.date, self.stage.houses[leg].name));
            let rows = match leg {
                Leg::Treasury => format!("{TREASURY_ACCOUNT},UST:91282CPJ4,60000000,,,,\n"),
                Leg::Futures => {
                    format!("{FUTURES_ACCOUNT},{CONTRACT},-200,,,,\n{REGULAR_ACCOUNT},{CONTRACT},-350,,,,\n")
                }
            };
            let text = format!("{}{rows}", book(leg, self.date)?);
            let book = csv_book::parse(text.as_bytes(), "the book of the customer's day");
            let book = book.map_err(|problems| Failure::new(problems.to_string()))?;
            let node = self.stage.houses[leg].node(Role::PositionSource)?;
            submit::send(&node, book, submit::Heading::now(self.date, SnapshotScope::Full)).await?;
        }
        Ok(())
    }

    /// Records the same changes at both houses.
    async fn record(&mut self, what: &str, changes: &[v1::ProgrammeChange]) -> Result<(), Failure> {
        self.stage.progress.step(format!("{what} recorded at both houses"));
        for leg in Leg::BOTH {
            links::record(&self.stage.houses[leg].node(Role::Administrator)?, changes.to_vec()).await?;
        }
        // A house consents to what it has heard of from the other.
        let sequences = [self.registry(Leg::Treasury).await?, self.registry(Leg::Futures).await?];
        wait::until(&format!("{what} at both houses"), PATIENCE, async || {
            let seen = [self.registry(Leg::Treasury).await, self.registry(Leg::Futures).await];
            let [Ok(treasury), Ok(futures)] = seen else { return Err("a house does not answer".to_owned()) };
            let is_there = treasury.1 >= sequences[1].0 && futures.1 >= sequences[0].0;
            if is_there { Ok(()) } else { Err(format!("{treasury:?} and {futures:?}")) }
        })
        .await
    }

    /// How far a house's own registry log reaches, and the other's as it holds it.
    async fn registry(&self, leg: Leg) -> Result<(u64, u64), Failure> {
        let status = crate::command::status::get(&self.stage.houses[leg].node(Role::Operator)?).await?;
        Ok((status.registry_sequence, status.peer_registry_sequence))
    }

    /// Waits until both houses see the link at a stage.
    async fn until(&mut self, wanted: LinkStage) -> Result<(), Failure> {
        for leg in Leg::BOTH {
            let node = self.stage.houses[leg].node(Role::Administrator)?;
            let name = &self.stage.houses[leg].name;
            wait::until(&format!("{LINK} {} at {name}", wanted.as_str_name()), PATIENCE, async || {
                let filter = v1::ListLinksRequest { member: MEMBER.to_owned(), ..Default::default() };
                let found = listing::links(&node, &filter).await.map_err(|failure| failure.to_string())?;
                let is_it = |link: &&v1::Link| link.terms.as_ref().is_some_and(|terms| terms.link_id == LINK);
                match found.iter().find(is_it) {
                    Some(link) if link.stage() == wanted => Ok(()),
                    Some(link) => Err(format!("{}: {}", link.stage().as_str_name(), link.missing.join("; "))),
                    None => Err("it is not there".to_owned()),
                }
            })
            .await?;
        }
        Ok(())
    }

    /// The member directs futures at CME, with its own certificate.
    async fn direct(&mut self, when: &str, [from, to]: [&str; 2], quantity: i64) -> Result<(), Failure> {
        self.stage.progress.step(format!("{when}: {quantity} {CONTRACT} directed from {from} to {to}"));
        let member = MEMBER.parse::<MemberId>().map_err(|error| Failure::of("the member", &error))?;
        let node = self.stage.houses[Leg::Futures].node(Role::MemberAdministrator(member))?;
        let leg = v1::PositionLeg {
            from_account: from.to_owned(),
            to_account: to.to_owned(),
            instrument: CONTRACT.to_owned(),
            quantity,
        };
        let request = v1::DirectPositionsRequest {
            request_id: uuid::Uuid::new_v4().to_string(),
            business_date: self.date.to_string(),
            legs: vec![leg],
            ..Default::default()
        };
        node.directions().direct_positions(request).await.told("directing futures").map(drop)
    }

    /// One house suspends the link; the suspension's id.
    async fn suspend(&mut self) -> Result<String, Failure> {
        let house = &self.stage.houses[Leg::Treasury];
        self.stage.progress.step(format!("{LINK} suspended by {}", house.name));
        let scope = Some(v1::Scope { scope: Some(Given::LinkId(LINK.to_owned())) });
        let suspension = Change::Suspension(v1::Suspension { scope, is_default: false });
        let reason = "a question about the account's documents".to_owned();
        let change = v1::ProgrammeChange { reason, change: Some(suspension) };
        let answer = links::record(&house.node(Role::Administrator)?, vec![change]).await?;
        let id = answer.suspension_ids.into_iter().next();
        id.ok_or_else(|| Failure::new("the suspension was recorded without an id"))
    }

    /// Runs a cycle at both houses and keeps what it says of the link.
    async fn run(&mut self, done: &str, kind: CycleKind, run: u32) -> Result<(), Failure> {
        let id = CycleId { business_date: self.date, kind, run };
        let begun = Instant::now();
        let cut_off = Stage::late_cut_off();
        for leg in Leg::BOTH {
            self.stage.open(leg, id, cut_off).await?;
        }
        self.stage.until_agreed(id, 1).await?;
        self.stage.cut_off(id).await?;
        let views = self.stage.views(id, 0, true).await?;
        let is_it = |row: &&v1::Requirement| row.link.as_ref().is_some_and(|terms| terms.link_id == LINK);
        let requirement = views.treasury.requirements.iter().find(is_it);
        let adjustment = requirement.and_then(|row| {
            let parts = [&row.treasury_adjustment, &row.futures_adjustment].map(|text| text.parse::<Decimal>().ok());
            Some(parts[0]? + parts[1]?)
        });
        let stage = requirement.map(|row| output::small(row.mode().as_str_name(), "LINK_MODE_")).unwrap_or_default();
        let report = CycleReport::of(id, begun.elapsed(), views, &self.stage.parties, &self.stage.keys)?;
        let account = report.accounts.iter().find(|account| account.link == LINK);
        let account = account.cloned().ok_or_else(|| Failure::new(format!("{id} has no link {LINK}")))?;
        self.steps.push(Step { done: done.to_owned(), stage, adjustment, cycle: id.to_string(), account });
        self.cycles.push(report);
        Ok(())
    }
}
