//! The steps of a path, told.

use gateway::arrangement::{
    fact::{Draft, Effect, Fact, Outcome},
    leg::Leg,
};

use crate::house::{Append, Clock, Step};

/// A step of a house in a sentence.
pub(crate) fn of_step(leg: Leg, step: &Step) -> String {
    let what = match step {
        Step::Amend => "accepts a newer book".to_owned(),
        Step::Enter => "adds an entry to its registry log".to_owned(),
        Step::Accept => "accepts the run that the other house asked for".to_owned(),
        Step::CutOff => "is told by its operator to cut the cycle off".to_owned(),
        Step::Durable(Append::Own(draft)) => format!("has {} on record", of_draft(draft)),
        Step::Durable(Append::Theirs(fact)) => format!("has the other house's {} on record", of_fact(fact)),
        Step::Durable(Append::Contradiction(fact)) => {
            format!("has it on record that the other house's {} contradicts an earlier one", of_fact(fact))
        }
        Step::Finish(Effect::Fetch(_)) => "has the content behind a manifest".to_owned(),
        Step::Finish(Effect::Compute { round, .. }) => format!("has computed the margins of round {}", round.0),
        Step::Finish(Effect::Match { round, .. }) => format!("has matched the claims of round {}", round.0),
        Step::Finish(other) => format!("has done {other:?}"),
        Step::Fail(_) => "cannot compute the margins".to_owned(),
        Step::Reject(_) => "finds that the other house's claim does not stand up".to_owned(),
        Step::Receive(fact) => format!("receives the other house's {}", of_fact(fact)),
        Step::Tick(Clock::PastGuard) => "reaches the guard: it signs no more".to_owned(),
        Step::Tick(_) => "reaches its cut-off".to_owned(),
        Step::Copy => "has its ledger copied".to_owned(),
        Step::Lose => "loses what was recorded since, and is started on the copy".to_owned(),
        Step::Greet => "hears how far the other house holds its word".to_owned(),
        Step::Restart(0) => "is killed and started again".to_owned(),
        Step::Restart(kept) => format!("is killed and started again with {kept} unacknowledged appends on the disk"),
    };
    format!("{} house {what}", leg.name())
}

fn of_draft(draft: &Draft) -> String {
    match draft {
        Draft::Manifest { revision, .. } => format!("its position manifest, revision {revision},"),
        Draft::Claim { round, .. } => format!("its claim of round {}", round.0),
        Draft::Statement { round, .. } => format!("its statement of round {}", round.0),
        Draft::Decline { round, .. } => format!("its decline of round {}", round.0),
        Draft::CutOff { .. } => "its cut-off".to_owned(),
        Draft::Outcome { outcome, .. } => format!("its outcome, {},", of_outcome(*outcome)),
    }
}

fn of_fact(fact: &Fact) -> String {
    match fact {
        Fact::Registry { sequence, .. } => format!("registry entry {sequence}"),
        Fact::Market { version, .. } => format!("market manifest, version {}", version.version),
        Fact::Opened { cycle, .. } => format!("opening of run {}", cycle.run),
        Fact::Manifest { revision, .. } => format!("position manifest, revision {}", revision.version),
        Fact::Claim { round, .. } => format!("claim of round {}", round.0),
        Fact::Statement { round, .. } => format!("statement of round {}", round.0),
        Fact::Declined { round, .. } => format!("decline of round {}", round.0),
        Fact::Outcome { outcome, .. } => format!("outcome: {}", of_outcome(*outcome)),
        Fact::Recovered { .. } => "recovery".to_owned(),
        other => format!("{other:?}"),
    }
}

fn of_outcome(outcome: Outcome) -> String {
    match outcome {
        Outcome::Agreed { round, is_late: false, .. } => format!("agreed in round {}", round.0),
        Outcome::Agreed { round, .. } => format!("agreed in round {}, late", round.0),
        Outcome::FallenBack(cause) => format!("fallen back ({cause:?})"),
    }
}
