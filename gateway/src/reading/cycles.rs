//! A cycle as this house shows it.

use crossmargin::v1::{self, CyclePhase};
use jiff::Timestamp;

use super::explanation;
use crate::{
    arrangement::{
        cycle::Phase,
        cycle_id::{CycleId, Round},
        fact::Outcome,
        leg::Leg,
        parties::Parties,
        terms::{Arrangement, FallBack},
    },
    node::catalog::CycleView,
    wire,
};

/// When a cycle began, for listing the newest first.
pub(crate) fn began(id: CycleId, view: &CycleView) -> (Timestamp, CycleId) {
    (view.opened_at.or(view.as_of).unwrap_or(Timestamp::MIN), id)
}

/// The cycle for the wire. `us` is the leg of the house that answers.
pub(crate) fn to_wire(id: CycleId, view: &CycleView, us: Leg, arrangement: &Arrangement) -> v1::Cycle {
    let record = &view.record;
    let agreement = record.agreement();
    let revision = |leg: Leg| {
        let revision = record.manifests[leg].map_or(0, |manifest| manifest.revision.version);
        u32::try_from(revision).unwrap_or(u32::MAX)
    };
    let round = |round: Option<Round>| round.map_or(0, |round| round.0);
    let cause = match record.outcomes[us] {
        Some(Outcome::FallenBack(cause)) => v1::FallBackCause::from(cause),
        _ => v1::FallBackCause::Unspecified,
    };
    let timings = view.timings.iter().map(|(step, round, duration_us, ended_at_us)| v1::StepTiming {
        step: (*step).to_owned(),
        round: round.0,
        duration_us: *duration_us,
        ended_at_us: *ended_at_us,
    });
    v1::Cycle {
        id: Some(id.to_wire(arrangement.parties.arrangement.as_str())),
        phase: phase(view, us).into(),
        opened_at: view.opened_at.map(wire::to_timestamp),
        as_of: view.as_of.map(wire::to_timestamp),
        cut_off: view.cut_off.map(wire::to_timestamp),
        round: round(record.claimed_round(us)),
        agreed_round: round(agreement.map(|(round, _)| round)),
        agreement_digest: agreement.map(|(_, digest)| digest.to_string()).unwrap_or_default(),
        fall_back_cause: cause.into(),
        explanation: explain(id, view, us, arrangement),
        own_manifest_revision: revision(us),
        peer_manifest_revision: revision(us.other()),
        complete_peer_manifest_revision: u32::try_from(view.complete_peer_revision).unwrap_or(u32::MAX),
        peer_round: round(record.claimed_round(us.other())),
        is_cut_off: record.is_cut_off,
        timings: timings.collect(),
    }
}

fn phase(view: &CycleView, us: Leg) -> CyclePhase {
    match view.phase.unwrap_or_else(|| view.record.phase(us)) {
        Phase::Requested => CyclePhase::Requested,
        Phase::Gathering if view.is_computing => CyclePhase::Computing,
        Phase::Stated if view.is_computing => CyclePhase::Computing,
        Phase::Gathering => CyclePhase::Gathering,
        Phase::Claimed => CyclePhase::Claimed,
        Phase::Matching => CyclePhase::Matching,
        Phase::Stated => CyclePhase::Stated,
        Phase::Agreed => CyclePhase::Agreed,
        Phase::FallenBack => CyclePhase::FallenBack,
        Phase::AgreedAtOneHouse => CyclePhase::AgreedAtOneHouse,
    }
}

/// What happened and what to do.
fn explain(id: CycleId, view: &CycleView, us: Leg, arrangement: &Arrangement) -> String {
    let parties = &arrangement.parties;
    let record = &view.record;
    let peer = &parties.houses[us.other()];
    let in_force = record.agreement().map(|(round, _)| round);
    let mut sentences = Vec::new();
    match phase(view, us) {
        CyclePhase::Unspecified => {}
        CyclePhase::Requested => {
            sentences.push(format!("{peer} asks for this cycle. `crossmargin cycle open {id}` opens it here."));
        }
        CyclePhase::Gathering => sentences.extend(gathering(id, view, us, parties)),
        CyclePhase::Computing => sentences.push("The margins are being computed.".to_owned()),
        CyclePhase::Claimed => sentences.push(format!("This house has claimed and waits for {peer}'s claim.")),
        CyclePhase::Matching => sentences.push("Both claims are here and are being matched.".to_owned()),
        CyclePhase::Stated => {
            sentences.push(format!("This house has signed its statement and waits for {peer}'s."));
        }
        CyclePhase::Agreed => sentences.extend(in_force.map(|round| format!("Agreed in round {round}."))),
        CyclePhase::FallenBack => {
            if let Some(Outcome::FallenBack(cause)) = record.outcomes[us] {
                let why = explanation::of_fall_back(cause);
                let less = match arrangement.fall_back.get(&id.kind) {
                    Some(FallBack::LastAgreed(_)) => ", less what the last agreement granted in advance",
                    Some(FallBack::StandAlone) | None => "",
                };
                sentences.push(format!("Stand-alone margin is charged{less}: {why}. {}", explanation::remedy(cause)));
            }
        }
        CyclePhase::AgreedAtOneHouse => {
            let (holds, fell_back) = match record.outcomes[us] {
                Some(Outcome::Agreed { .. }) => {
                    ("this house holds both statements".to_owned(), format!("{peer} fell back"))
                }
                _ => (format!("{peer} holds both statements"), "this house fell back".to_owned()),
            };
            sentences.push(format!(
                "Agreed at one house: {holds}, {fell_back}. Open a re-run at both houses, `crossmargin cycle open \
                 {}/{}/{}` or the next free run: nothing else closes it.",
                id.business_date,
                id.kind,
                id.run.saturating_add(1)
            ));
        }
    }
    if let Some(in_force) = in_force
        && record.claimed_round(us).is_some_and(|newest| newest > in_force)
    {
        sentences.push(format!("The agreement of round {in_force} is in force meanwhile."));
    }
    if let Some(Outcome::Agreed { is_late: true, .. }) = record.outcomes[us] {
        sentences.push("The agreement came after the cut-off: it changes a charge only before settlement.".to_owned());
    }
    if record.is_contradicted {
        sentences.push(format!("{peer} contradicted what it had signed: nothing more is signed in this cycle."));
    }
    if record.is_halted {
        sentences.push(
            "This house lost the end of its ledger while the cycle was open: it signs nothing more in it.".to_owned(),
        );
    }
    sentences.extend(view.notes.iter().map(|(topic, text)| format!("{topic}: {text}.")));
    sentences.join(" ")
}

/// What an open cycle waits for before its first claim.
fn gathering(id: CycleId, view: &CycleView, us: Leg, parties: &Parties) -> Vec<String> {
    let peer = &parties.houses[us.other()];
    let record = &view.record;
    let mut sentences = Vec::new();
    if record.is_cut_off {
        sentences.push("The cut-off has come; stand-alone margins are being computed.".to_owned());
        return sentences;
    }
    if record.manifests[us].is_none() {
        let date = id.business_date;
        sentences.push(format!("This house has no book of {date} yet: submit it with `crossmargin submit`."));
    }
    if record.manifests[us.other()].is_none() {
        let has_opened = if record.opened[us.other()] { "has opened the cycle but not" } else { "has not" };
        sentences.push(format!("{peer} {has_opened} frozen its book for it yet."));
    }
    if sentences.is_empty() {
        sentences
            .push("Both books are frozen; market data or content of the other house is still on its way.".to_owned());
    }
    sentences
}

#[cfg(test)]
mod tests;
