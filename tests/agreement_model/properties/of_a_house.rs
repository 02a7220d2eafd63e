//! The properties of one house.

use std::collections::BTreeSet;

use gateway::arrangement::{
    cycle::Cycle,
    cycle_id::{CycleId, Round},
    fact::{Fact, Outcome, Verdict},
    leg::{Leg, Pair},
};

use crate::{
    house::House,
    matter::CYCLE,
    spoken::{self, Place},
};

pub(super) fn has_one_word_a_place(house: &House) -> bool {
    let words = house.said.union(&house.lost);
    let places = words.filter_map(spoken::place_of);
    let mut spoken = BTreeSet::new();
    places.into_iter().all(|place| spoken.insert(place))
}

/// An agreement, in force or said at the end, is over one content that the house itself sent a statement over and heard
/// one.
pub(super) fn is_backed(house: &House) -> bool {
    let is_signed_by_both = |round, content| {
        let statement = |by| Fact::Statement { by, cycle: CYCLE, round, content };
        house.said.contains(&statement(house.us())) && house.heard.contains(&statement(house.us().other()))
    };
    let said = match house.outcome() {
        Some(Outcome::Agreed { round, content, .. }) => Some((round, content)),
        _ => None,
    };
    said.into_iter().chain(house.cycle().agreement()).all(|(round, content)| is_signed_by_both(round, content))
}

/// The latest round in which the house said and first heard the same; once it has nothing in hand, it says so.
pub(super) fn is_latest_in_force(house: &House) -> bool {
    let heard = |round: &Round| match house.first_heard.get(&Place::Statement(CYCLE, *round)) {
        Some(Fact::Statement { content, .. }) => Some(*content),
        _ => None,
    };
    let agreed = house.said.iter().filter_map(|fact| match fact {
        Fact::Statement { round, content, .. } => (heard(round) == Some(*content)).then_some((*round, *content)),
        _ => None,
    });
    let latest = agreed.max_by_key(|(round, _)| *round);
    let is_said = match (latest, house.outcome()) {
        (Some(latest), Some(Outcome::Agreed { round, content, .. })) => latest == (round, content),
        (Some(_), _) => !house.appends.is_empty(),
        (None, outcome) => !matches!(outcome, Some(Outcome::Agreed { .. })),
    };
    house.cycle().agreement() == latest && (is_said || !house.appends.is_empty())
}

/// The agreement in force counts as late, and is said to be, where it was not there yet when the house was first cut
/// off.
pub(super) fn is_late_after_the_cut_off(house: &House) -> bool {
    let cycle = house.cycle();
    let is_after = |round| cycle.is_cut_off && house.agreed_at_cut_off.is_none_or(|agreed| agreed < round);
    let is_said_so = match house.outcome() {
        Some(Outcome::Agreed { round, is_late, .. }) => is_late == is_after(round),
        _ => true,
    };
    is_said_so && cycle.agreement().is_none_or(|(round, _)| cycle.is_late(round) == is_after(round))
}

/// Whatever was heard is known as heard when it comes again, and leaves the record as it is, even if recorded again.
pub(super) fn is_deaf_to_repetition(house: &House) -> bool {
    let is_known = |fact: &Fact| match house.machine.judge(fact) {
        Verdict::Duplicate => true,
        Verdict::Contradiction => house.cycle().is_contradicted,
        Verdict::Record | Verdict::Refuse(_) => false,
    };
    let mut again = house.machine.clone();
    let mut leaves_all_as_it_is = |fact: &Fact| {
        again.replay(fact);
        again.on_record() == house.machine.on_record()
    };
    house.heard.iter().all(|fact| is_known(fact) && leaves_all_as_it_is(fact))
}

/// The first word in a place is the one on record, and the newest version that was heard.
pub(super) fn has_first_words(house: &House) -> bool {
    let (peer, record, cycle) = (house.us().other(), house.machine.on_record(), house.cycle());
    let newest = |version: fn(&Place) -> Option<u64>| house.first_heard.keys().filter_map(version).max();
    let newest_manifest = newest(|place| if let Place::Manifest(_, revision) = place { Some(*revision) } else { None });
    let newest_market = newest(|place| if let Place::Market(_, version) = place { Some(*version) } else { None });
    house.first_heard.values().all(|fact| match fact {
        Fact::Claim { cycle: CYCLE, round, claim, .. } => cycle.rounds[round].claims[peer] == Some(*claim),
        Fact::Statement { cycle: CYCLE, round, content, .. } => cycle.rounds[round].statements[peer] == Some(*content),
        Fact::Declined { cycle: CYCLE, round, .. } => cycle.rounds[round].declined[peer],
        Fact::Manifest { revision, .. } if Some(revision.version) == newest_manifest => {
            cycle.manifests[peer].map(|held| held.revision) == Some(*revision)
        }
        Fact::Market { business_date, version, .. } if Some(version.version) == newest_market => {
            record.markets(*business_date)[peer] == Some(*version)
        }
        _ => true,
    })
}

/// The cycle is marked where two different words of one place are on record, as evidence or as a contradiction, and
/// only there. Market data is of a business date: a contradiction in it touches a cycle that is not cut off yet.
pub(super) fn is_marked_where_contradicted(house: &House) -> bool {
    let is_second = |fact: &&Fact| spoken::place_of(fact).is_some_and(|place| house.first_heard[&place] != **fact);
    let is_of_cycle = |fact: &&Fact| !matches!(fact, Fact::Market { .. });
    let second_words = || house.heard.iter().filter(is_second);
    let may_be = !house.denounced.is_empty() || second_words().next().is_some();
    let is_touched = |fact: &Fact| is_of_cycle(&fact) || !house.cycle().is_cut_off;
    let must_be = house.denounced.iter().any(is_touched) || second_words().any(|fact| is_of_cycle(&fact));
    if house.cycle().is_contradicted { may_be } else { !must_be }
}

/// No round is beyond the bound, and no more cycles that are not open here than may be asked for.
pub(super) fn is_bounded(house: &House) -> bool {
    let rules = house.rules;
    let is_unopened = |cycle: &&Cycle| !cycle.opened[house.us()];
    let is_in_bounds = |outcome: Outcome| match outcome {
        Outcome::Agreed { round, .. } => round.0 <= rules.max_rounds,
        Outcome::FallenBack(_) => true,
    };
    let yes = Pair { treasury: true, futures: true };
    let cycles = || house.machine.on_record().cycles().map(|(_, cycle)| cycle);
    cycles().all(|cycle| cycle.rounds.keys().all(|round| round.0 <= rules.max_rounds))
        && cycles().filter(is_unopened).count() <= rules.max_requested_cycles
        && cycles().all(|cycle| cycle.outcomes.map(|outcome| outcome.is_none_or(is_in_bounds)) == yes)
}

/// Whether a fact that `by` signed is on record at the house, or something newer that replaced it.
pub(crate) fn is_on_record(house: &House, by: Leg, fact: &Fact) -> bool {
    let record = house.machine.on_record();
    let is_first = spoken::place_of(fact).is_none_or(|place| house.first_heard.get(&place).is_none_or(|f| f == fact));
    let of = |id: &CycleId| record.cycle(*id);
    let of_round =
        |id: &CycleId, round: &Round| of(id).and_then(|cycle| cycle.rounds.get(round).copied()).unwrap_or_default();
    match fact {
        // The second of two words that were on their way to the disk together is in the ledger; the first is on record.
        _ if by != house.us() && !is_first => true,
        Fact::Registry { sequence, .. } => record.registry()[by] >= *sequence,
        Fact::Market { business_date, version, .. } => {
            record.markets(*business_date)[by].is_some_and(|newest| newest.version >= version.version)
        }
        Fact::Opened { cycle, .. } => of(cycle).is_some_and(|cycle| cycle.opened[by]),
        Fact::Manifest { cycle, revision, .. } => {
            let newest = of(cycle).and_then(|cycle| cycle.manifests[by]);
            newest.is_some_and(|newest| newest.revision.version >= revision.version)
        }
        Fact::Claim { cycle, round, claim, .. } => of_round(cycle, round).claims[by] == Some(*claim),
        Fact::Statement { cycle, round, content, .. } => of_round(cycle, round).statements[by] == Some(*content),
        Fact::Declined { cycle, round, .. } => of_round(cycle, round).declined[by],
        Fact::CutOff { cycle } => of(cycle).is_some_and(|cycle| cycle.is_cut_off),
        Fact::Outcome { cycle, outcome, .. } => {
            let held = of(cycle).and_then(|cycle| cycle.outcomes[by]);
            held.is_some_and(|held| match (held, *outcome) {
                (Outcome::Agreed { round: held, .. }, Outcome::Agreed { round, .. }) => held >= round,
                (Outcome::Agreed { .. }, Outcome::FallenBack(_)) => true,
                (Outcome::FallenBack(_), outcome) => held == outcome,
            })
        }
        Fact::Recovered { recovery, .. } => record.has_recovery(by, recovery),
        Fact::Adopted { .. }
        | Fact::LinksChanged { .. }
        | Fact::Book { .. }
        | Fact::Contradiction { .. }
        | Fact::Halted { .. } => false,
    }
}
