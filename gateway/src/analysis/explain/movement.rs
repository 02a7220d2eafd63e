//! What moved a link's margins between two cycles.
//!
//! Each step changes one thing and keeps what was changed before it, and computes all figures again, so that the
//! differences add up to the whole exactly. The order is part of the meaning: what two changes do together counts with
//! the later.

use std::{collections::BTreeSet, sync::Arc};

use crossmargin::v1;
use risk::{instrument::Instrument, margin::JointMargin};

use super::case::{LinkCase, value};
use crate::{
    analysis::{
        AnalysisError, Analyst,
        claimed::Claimed,
        figures::{self, usd},
    },
    arrangement::{cycle_id::CycleId, leg::Pair, link::LinkTerms},
    book::Holding,
    compute::{ComputeError, Computer, LinkInputs, Situation},
    problem::Problems,
    words::percent,
};

/// The figures after a change of one thing.
struct Step {
    name: &'static str,
    after: JointMargin,
    remark: String,
}

impl Analyst {
    /// The movement from an earlier cycle; absent, with a remark, where there is none or it cannot be computed again.
    ///
    /// # Errors
    /// A cycle that is asked for and that is not earlier, or that this house has not claimed on.
    pub(super) fn movement_to(
        &self,
        claimed: &Claimed,
        terms: &LinkTerms,
        case: &LinkCase,
        since: Option<CycleId>,
        remarks: &mut Vec<String>,
    ) -> Result<Option<v1::Movement>, AnalysisError> {
        let CycleId { business_date, kind, run } = claimed.cycle;
        let is_earlier = |cycle: CycleId| cycle.kind == kind && (cycle.business_date, cycle.run) < (business_date, run);
        let earlier = match since {
            Some(since) => self.claimed(Some(since), None),
            None => match self.claimed_before(is_earlier) {
                Some(cycle) => self.claimed(Some(cycle), None),
                None => {
                    remarks.push(format!("no movement: this house claimed no {kind} cycle before {}", claimed.cycle));
                    return Ok(None);
                }
            },
        };
        let earlier = match earlier {
            Err(error) if since.is_some() => return Err(error),
            Err(error) => {
                remarks.push(format!("no movement: {error}"));
                return Ok(None);
            }
            Ok(earlier) => earlier,
        };
        if since.is_some() && !self.is_before(earlier.cycle, claimed.cycle) {
            let (since, cycle) = (earlier.cycle, claimed.cycle);
            let problem =
                format!("cycle {since} is not earlier than {cycle}: a movement is counted from an earlier one");
            return Err(Problems::one("movement_since", problem).into());
        }
        let computer = &self.context.computer;
        let moved = LinkCase::of_claim(computer, &earlier, terms)
            .and_then(|before| Ok((steps(computer, &before, case)?, before.margin)));
        Ok(match moved {
            Ok((steps, before)) => Some(movement(earlier.cycle, &before, &steps)),
            Err(error) => {
                remarks.push(format!("no movement since {}: {error}", earlier.cycle));
                None
            }
        })
    }
}

/// The steps from one case to another.
fn steps(computer: &Computer, before: &LinkCase, now: &LinkCase) -> Result<[Step; 4], ComputeError> {
    let (valued_then, entering) = valued_by(&before.situation, &now.inputs);
    let (_, left) = valued_by(&now.situation, &before.inputs);
    // The overrides of the earlier claim up to the last step: they are parameters of the houses.
    let capped = |margin: JointMargin| computer.granting_at_most(margin, before.cap);
    let joint = |situation: &Situation, inputs: &LinkInputs| {
        value(computer, situation, inputs).map(|(_, _, margin)| capped(margin))
    };
    let positions = joint(&before.situation, &valued_then)?;

    let in_market = Situation { assembled: Arc::clone(&now.situation.assembled), ..before.situation.clone() };
    let market = joint(&in_market, &now.inputs)?;

    let models = before.situation.models.each_ref();
    let is_same_model = before.situation.models == now.situation.models;
    let scenarios = if is_same_model {
        capped(now.following)
    } else {
        joint(&Situation::new(models, Arc::clone(&now.situation.assembled), now.business_date)?, &now.inputs)?
    };
    let versions = || now.situation.models.each_ref().map(|model| model.version.to_string()).join(" and ");
    let mut parameters = if is_same_model {
        "the same models are in force".to_owned()
    } else {
        format!("{} are in force now", versions())
    };
    if before.cap != now.cap {
        let [then, now] = [before.cap, now.cap].map(|cap| percent(cap.basis_points().into()));
        parameters.push_str(&format!("; the houses' overrides let {now} be granted, and {then} before"));
    }
    Ok([
        Step { name: "positions", after: positions, remark: entered_and_left(before, now, &entering, &left) },
        Step { name: "market", after: market, remark: format!("prices, curve and fixings of {}", now.business_date) },
        Step { name: "scenarios", after: scenarios, remark: format!("histories up to {}", now.business_date) },
        Step { name: "parameters", after: now.margin, remark: parameters },
    ])
}

/// What of a link's positions can be valued in a situation, and the instruments that cannot.
fn valued_by(situation: &Situation, inputs: &LinkInputs) -> (LinkInputs, BTreeSet<Instrument>) {
    let unvalued = situation.unvalued(&inputs.instruments());
    let unvalued: BTreeSet<Instrument> = unvalued.into_iter().map(|(instrument, _)| instrument).collect();
    let valued = |held: &[Holding]| held.iter().filter(|held| !unvalued.contains(&held.instrument)).copied().collect();
    let holdings = inputs.holdings.as_ref();
    let holdings = Pair { treasury: valued(holdings.treasury), futures: valued(holdings.futures) };
    (LinkInputs { holdings }, unvalued)
}

fn entered_and_left(
    before: &LinkCase,
    now: &LinkCase,
    entering: &BTreeSet<Instrument>,
    left: &BTreeSet<Instrument>,
) -> String {
    let list =
        |instruments: &BTreeSet<Instrument>| instruments.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let mut remarks = Vec::new();
    if before.inputs == now.inputs {
        remarks.push("the same positions".to_owned());
    }
    if !entering.is_empty() {
        let date = before.business_date;
        remarks
            .push(format!("{} cannot be valued in the market of {date}: in from the step `market` on", list(entering)));
    }
    if !left.is_empty() {
        remarks.push(format!(
            "{} cannot be valued in the market of {}: gone with this step",
            list(left),
            now.business_date
        ));
    }
    remarks.join("; ")
}

fn movement(since: CycleId, before: &JointMargin, steps: &[Step; 4]) -> v1::Movement {
    let mut last = before.totals();
    let steps = steps.iter().map(|step| {
        let totals = step.after.totals();
        let [treasury, futures] = [0, 1].map(|house: usize| totals[house].saturating_sub(last[house]));
        last = totals;
        v1::MovementStep {
            name: step.name.to_owned(),
            after: Some(figures::joint(&step.after)),
            treasury_total_change: usd(treasury),
            futures_total_change: usd(futures),
            remark: step.remark.clone(),
        }
    });
    v1::Movement { since: since.to_string(), before: Some(figures::joint(before)), steps: steps.collect() }
}
