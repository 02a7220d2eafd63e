//! What both ledgers must say in the end, read as an auditor would, and held against what the clients were told.

use std::{collections::BTreeMap, sync::Arc};

use crossmargin::v1;
use gateway::{
    arrangement::{
        cycle_id::CycleId,
        digest::Digest,
        evidence::{CycleOpening, End, Evidence},
        leg::{Leg, Pair},
    },
    audit::{Kept, judge},
    blobs::BlobStore,
    ledger::Record,
    node::entry::{Entry, Held},
};
use jiff::Timestamp;

use super::{
    aftermath,
    clock::true_instant,
    node::Site,
    plan::fresh_cycle,
    setting::{NAMES, Setting},
    told::{self, Told},
    trace::Trace,
};

/// Signed evidence in a ledger.
pub struct Word {
    pub sequence: u64,
    pub recorded_at: Timestamp,
    pub held: Arc<Held>,
}

/// Checks both ledgers, and what was told against them. Every broken promise goes to the trace.
pub fn check(setting: &Setting, sites: &Pair<Arc<Site>>, told: &Told, within_skew: &[bool], trace: &Trace) {
    let kept = Pair::from_fn(|leg| Kept {
        records: sites[leg].disk.records(),
        blobs: Arc::new(sites[leg].disk.blobs.sound()) as Arc<dyn BlobStore>,
    });
    audited(setting, &kept, told, trace);
    let words = Pair::from_fn(|leg| words(setting, &kept[leg].records));
    signed_once(&words, told, trace);
    one_story(&words, trace);
    aftermath::check(setting, sites, &words, told, trace);
    for leg in Leg::BOTH {
        signed_in_time(setting, sites, leg, &words[leg], within_skew, trace);
    }
    ended_alike(told, trace);
    for (leg, id, round) in told.unbacked() {
        let house = NAMES[leg];
        trace.violation(format!(
            "{house}: {id} round {round} was charged reduced, and no agreement of it was ever shown"
        ));
    }
}

/// The product's own auditor finds nothing, but for content that a recovery has named as gone.
fn audited(setting: &Setting, kept: &Pair<Kept>, told: &Told, trace: &Trace) {
    match judge(&setting.arrangement, &setting.verifying, kept) {
        Err(error) => trace.violation(format!("the ledgers cannot be judged: {error}")),
        Ok(judged) => {
            for leg in Leg::BOTH {
                for problem in &judged.problems[leg] {
                    let found = words(setting, &kept[leg].records);
                    let word = found.iter().find(|word| Some(word.sequence) == problem.sequence);
                    if word.is_some_and(|word| aftermath::is_excused(leg, word, &problem.meaning, told)) {
                        trace.count("losses: findings on content that is gone at both houses");
                        continue;
                    }
                    trace.violation(format!("audit of {}: {problem}", NAMES[leg]));
                }
            }
            for problem in &judged.comparison {
                trace.violation(format!("audit of both: {problem}"));
            }
        }
    }
}

/// The signed evidence in records.
pub fn words(setting: &Setting, records: &[Record]) -> Vec<Word> {
    let decoded = records.iter().filter_map(|record| {
        let Ok(Entry::Evidence(held)) = Entry::decode(&record.body, &setting.arrangement.parties) else { return None };
        let recorded_at = Timestamp::from_millisecond(record.recorded_at_ms).unwrap();
        Some(Word { sequence: record.seq.0, recorded_at, held })
    });
    decoded.collect()
}

/// What a house may sign one version of alone.
pub fn place(evidence: &Evidence) -> Option<String> {
    Some(match evidence {
        Evidence::RegistryEntry(entry) => format!("registry entry {}", entry.sequence),
        Evidence::MarketManifest(manifest) => format!("market {} {}", manifest.business_date, manifest.version),
        Evidence::CycleOpening(opening) => format!("opening {}", opening.cycle),
        Evidence::PositionManifest(manifest) => format!("manifest {} {}", manifest.cycle, manifest.revision),
        Evidence::Claim(claim) => format!("claim {} {}", claim.cycle, claim.round.0),
        Evidence::Statement(statement) => format!("statement {} {}", statement.cycle, statement.round.0),
        Evidence::Decline(decline) => format!("statement {} {}", decline.cycle, decline.round.0),
        Evidence::Outcome(_) | Evidence::Recovery(_) => return None,
    })
}

/// Nobody signed two things for one place, in either ledger or in what the clients were shown.
fn signed_once(words: &Pair<Vec<Word>>, told: &Told, trace: &Trace) {
    let mut signed: BTreeMap<(Leg, String), Digest> = BTreeMap::new();
    let mut take = |by: Leg, place: String, digest: Digest| {
        let first = *signed.entry((by, place.clone())).or_insert(digest);
        if first != digest {
            trace.violation(format!("{} signed {first} and {digest} for {place}", NAMES[by]));
        }
    };
    for word in words.treasury.iter().chain(&words.futures) {
        if let Some(place) = place(&word.held.evidence) {
            take(word.held.by, place, word.held.digest);
        }
    }
    for (id, agreement) in told.verified() {
        trace.count("agreements verified");
        for (leg, envelope) in Leg::BOTH.into_iter().zip(&agreement.signatures) {
            take(leg, format!("statement {id} {}", agreement.round), Digest::of(&envelope.payload));
        }
    }
}

/// What later evidence of the same house replaces: a restarted node tells the newest alone.
fn replaceable(evidence: &Evidence) -> Option<String> {
    match evidence {
        Evidence::MarketManifest(manifest) => Some(format!("market {}", manifest.business_date)),
        Evidence::PositionManifest(manifest) => Some(format!("manifest {}", manifest.cycle)),
        Evidence::Outcome(outcome) => Some(format!("outcome {}", outcome.cycle)),
        _ => None,
    }
}

/// What one house signed, the other holds, and the other way round.
fn one_story(words: &Pair<Vec<Word>>, trace: &Trace) {
    for leg in Leg::BOTH {
        let mut newest: BTreeMap<String, u64> = BTreeMap::new();
        for word in words[leg].iter().filter(|word| word.held.by == leg) {
            newest.extend(replaceable(&word.held.evidence).map(|what| (what, word.sequence)));
        }
        let is_replaced = |word: &&Word| {
            replaceable(&word.held.evidence).is_some_and(|what| newest.get(&what) != Some(&word.sequence))
        };
        let held = |digest| words[leg.other()].iter().any(|word| word.held.by == leg && word.held.digest == digest);
        for word in words[leg].iter().filter(|word| word.held.by == leg && !held(word.held.digest)) {
            if is_replaced(&word) {
                continue;
            }
            let what = place(&word.held.evidence).unwrap_or_else(|| format!("{:?}", word.held.evidence));
            let (house, other, sequence) = (NAMES[leg], NAMES[leg.other()], word.sequence);
            trace.violation(format!("{house} signed {what} (record {sequence}), and {other} does not hold it"));
        }
    }
}

/// No statement was signed within the guard before the signer's cut-off, nor, while the clocks were within what is permitted,
/// after the other house's cut-off.
fn signed_in_time(
    setting: &Setting,
    sites: &Pair<Arc<Site>>,
    leg: Leg,
    words: &[Word],
    within_skew: &[bool],
    trace: &Trace,
) {
    let mut openings: BTreeMap<(Leg, CycleId), CycleOpening> = BTreeMap::new();
    for word in words {
        if let Evidence::CycleOpening(opening) = &word.held.evidence {
            openings.insert((word.held.by, opening.cycle), opening.clone());
        }
    }
    let own = words.iter().filter(|word| word.held.by == leg);
    for word in own {
        let Evidence::Statement(statement) = &word.held.evidence else { continue };
        trace.count("statements signed");
        let id = statement.cycle;
        let Some(own) = openings.get(&(leg, id)) else { continue };
        if word.held.keeping.restored_at.is_some() {
            // Its time is that at which the other house had recorded it.
            trace.count("statements restored");
            continue;
        }
        let (house, sequence) = (NAMES[leg], word.sequence);
        if word.recorded_at >= setting.arrangement.last_signing(own.cut_off) {
            let (at, cut_off) = (word.recorded_at, own.cut_off);
            trace.violation(format!("{house} signed {id} at {at} (record {sequence}), too late for {cut_off}"));
        }
        let (Some(theirs), Some(asked)) = (openings.get(&(leg.other(), id)), sites[leg].disk.asked_at(sequence)) else {
            continue;
        };
        // The true time at which a right clock shows the other house's cut-off. The other's may be off by what is permitted
        // as a whole, and so may this house's: the guard covers what lies between the two.
        let second = usize::try_from(asked / 1_000_000).unwrap();
        let from = second.saturating_sub(90);
        let is_within =
            within_skew[from.min(within_skew.len())..].iter().take(second - from + 10).all(|within| *within);
        if is_within && true_instant(asked) >= theirs.cut_off && own.cut_off <= theirs.cut_off {
            trace.violation(format!("{house} signed {id} (record {sequence}) after the other house's cut-off"));
        }
    }
    for word in words.iter().filter(|word| word.held.by == leg) {
        if let Evidence::Outcome(outcome) = &word.held.evidence {
            match outcome.end {
                End::Agreed { .. } => trace.count("outcomes: agreed"),
                End::FellBack(_) => trace.count("outcomes: fell back"),
            }
        }
    }
}

/// Both houses say the same of how each cycle ended.
fn ended_alike(told: &Told, trace: &Trace) {
    let ends = Pair::from_fn(|leg| told.cycles(leg).into_iter().collect::<BTreeMap<_, _>>());
    let fresh = told::name(&fresh_cycle());
    for (id, one) in &ends.treasury {
        let Some(other) = ends.futures.get(id) else {
            trace.violation(format!("{id} is known at {} alone", NAMES.treasury));
            continue;
        };
        let phases = (one.phase(), other.phase());
        let of_one_house = [phases.0, phases.1].contains(&v1::CyclePhase::Requested);
        let is_same = phases.0 == phases.1
            && (phases.0 != v1::CyclePhase::Agreed
                || (one.agreed_round == other.agreed_round && one.agreement_digest == other.agreement_digest));
        if !is_same && !of_one_house {
            let rounds = (one.agreed_round, other.agreed_round);
            trace.violation(format!("{id} has ended as {phases:?} in rounds {rounds:?}"));
        }
        let ended = if *id == fresh { "fresh cycles agreed".to_owned() } else { format!("cycles: {:?}", one.phase()) };
        trace.count(&ended);
    }
    for id in ends.futures.keys().filter(|id| !ends.treasury.contains_key(*id)) {
        trace.violation(format!("{id} is known at {} alone", NAMES.futures));
    }
}
