use super::*;
use crate::arrangement::{
    cycle::{Cycle, RoundRecord},
    cycle_id::CycleKind,
    leg::Pair,
};

const US: Leg = Leg::Treasury;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn id(text: &str) -> CycleId {
    text.parse().unwrap()
}

fn grant() -> AdvanceGrant {
    AdvanceGrant::new(CycleKind::Eod, 2_000, 2).unwrap()
}

/// A cycle that was opened here at an hour.
fn opened(hour: i64) -> CycleView {
    let record = Cycle { opened: Pair { treasury: true, futures: true }, ..Cycle::default() };
    CycleView { record, as_of: Some(at(hour * 3_600)), ..CycleView::default() }
}

/// One whose round was agreed half an hour later, over content of that number.
fn agreed(hour: i64, round: u32, content: u8) -> CycleView {
    with_round(opened(hour), hour * 3_600 + 1_800, round, content)
}

fn with_round(mut view: CycleView, second: i64, round: u32, content: u8) -> CycleView {
    let statements = Pair::from_fn(|_| Some(Digest([content; 32])));
    view.record.rounds.insert(Round(round), RoundRecord { statements, ..RoundRecord::default() });
    view.agreed_at.insert(Round(round), at(second));
    view
}

/// One that fell back an hour later.
fn fallen(hour: i64) -> CycleView {
    CycleView { fell_back: Some((at(hour * 3_600 + 3_600), FallBackCause::PeerSilent)), ..opened(hour) }
}

/// What `2026-02-13/EOD/1`, which fell back in the 20th hour, finds before it: cycle, round and cycles that fell back.
fn found(before: Vec<(&str, CycleView)>) -> Option<(String, u32, u32)> {
    let present = id("2026-02-13/EOD/1");
    let mut cycles: BTreeMap<CycleId, CycleView> = before.into_iter().map(|(name, view)| (id(name), view)).collect();
    cycles.insert(present, fallen(19));
    // Content from 100 on is of statements without a grant.
    let grant_of = |content: Digest| (content.0[0] < 100).then(grant);
    let last = last_agreed(&cycles, US, (present, at(20 * 3_600)), grant_of)?;
    Some((last.cycle.to_string(), last.round.0, last.fallen_back))
}

#[test]
fn the_newest_earlier_agreement_of_a_cycle_that_charges_is_found_with_what_fell_back_since() {
    let [first, second, third] = ["2026-02-12/EOD/1", "2026-02-13/ITD/1", "2026-02-13/ITD/2"];
    let is = |name: &str, round, fallen_back| Some((name.to_owned(), round, fallen_back));
    assert_eq!(found(vec![]), None);
    assert_eq!(found(vec![(first, agreed(1, 1, 1))]), is(first, 1, 1));
    assert_eq!(found(vec![(first, agreed(1, 1, 1)), (second, agreed(11, 1, 2))]), is(second, 1, 1), "the newest");
    assert_eq!(found(vec![(first, with_round(agreed(1, 1, 1), 3_700, 2, 2))]), is(first, 2, 1), "its newest round");
    let two = vec![(first, agreed(1, 1, 1)), (second, fallen(11)), (third, fallen(12))];
    assert_eq!(found(two), is(first, 1, 3), "each cycle that fell back counts");
    let informs =
        vec![(first, agreed(1, 1, 1)), ("2026-02-13/CUR/1", fallen(9)), ("2026-02-13/CUR/2", agreed(10, 1, 2))];
    assert_eq!(found(informs), is(first, 1, 1), "a cycle that charges nothing neither grants nor counts");
    assert_eq!(found(vec![(first, agreed(1, 1, 100))]), None, "statements without a grant");
    assert_eq!(found(vec![(first, agreed(1, 1, 1)), (second, agreed(11, 1, 100))]), is(first, 1, 1));
}

#[test]
fn a_cycle_that_is_not_opened_here_or_not_ended_does_not_count() {
    let first = "2026-02-12/EOD/1";
    let mut foreign = fallen(11);
    foreign.record.opened[US] = false;
    for view in [foreign, opened(11)] {
        let found = found(vec![(first, agreed(1, 1, 1)), ("2026-02-13/ITD/1", view)]);
        assert_eq!(found, Some((first.to_owned(), 1, 1)));
    }
}

#[test]
fn one_statement_or_two_that_differ_are_no_agreement() {
    let mut one_sided = agreed(11, 1, 1);
    let mut differing = one_sided.clone();
    one_sided.record.rounds.get_mut(&Round(1)).unwrap().statements.futures = None;
    differing.record.rounds.get_mut(&Round(1)).unwrap().statements.futures = Some(Digest([2; 32]));
    for view in [one_sided, differing] {
        assert_eq!(found(vec![("2026-02-13/ITD/1", view)]), None);
    }
}

#[test]
fn what_comes_later_changes_nothing_of_a_cycle_that_fell_back_before() {
    let (first, second) = ("2026-02-12/EOD/1", "2026-02-13/ITD/1");
    let is = |name: &str, round, fallen_back| Some((name.to_owned(), round, fallen_back));
    let until = 20 * 3_600;
    let late = |second: i64| with_round(fallen(11), second, 1, 1);
    assert_eq!(found(vec![(first, agreed(1, 1, 1)), (second, late(until))]), is(second, 1, 1), "agreed just in time");
    // It fell back before, and so counts though it was agreed on later.
    assert_eq!(found(vec![(first, agreed(1, 1, 1)), (second, late(until + 1))]), is(first, 1, 2));
    let later = CycleView { fell_back: Some((at(until + 1), FallBackCause::PeerSilent)), ..opened(11) };
    assert_eq!(found(vec![(first, agreed(1, 1, 1)), (second, later)]), is(first, 1, 1));
    assert_eq!(found(vec![("2026-02-13/EOD/2", agreed(19, 1, 1))]), None, "a run after it");
    assert_eq!(found(vec![("2026-02-16/ITD/1", agreed(1, 1, 1))]), None, "a later business date");
}

#[test]
fn what_was_agreed_of_a_link_is_its_factor_only_where_it_was_live_and_whole() {
    use crossmargin::v1;
    let leaf =
        |mode: v1::LinkMode| v1::MarginLeaf { mode: mode.into(), applied_factor_bp: 4_000, ..Default::default() };
    let link = |name: &str| name.parse::<LinkId>().unwrap();
    let leaves = [
        (link("L1"), leaf(v1::LinkMode::Live)),
        (link("L2"), leaf(v1::LinkMode::Rehearsal)),
        (link("L3"), leaf(v1::LinkMode::Unspecified)),
        (link("L4"), leaf(v1::LinkMode::Live)),
    ];
    let broken = v1::Break { cause: v1::BreakCause::Position.into(), ..Default::default() };
    let last = LastAgreed { cycle: id("2026-02-12/EOD/1"), round: Round(1), grant: grant(), fallen_back: 1 };
    let breaks = [(link("L4"), broken.clone()), (link("L5"), broken)];
    let agreed = Agreed { last, leaves: Arc::new(leaves.into()), breaks: Arc::new(breaks.into()) };
    for (name, expected) in [
        ("L1", AgreedLink::Live(4_000)),
        ("L2", AgreedLink::Rehearsal),
        ("L3", AgreedLink::Rehearsal),
        ("L4", AgreedLink::Broken),
        ("L5", AgreedLink::Broken),
        ("L6", AgreedLink::Absent),
    ] {
        assert_eq!(agreed.link(&link(name)), expected, "{name}");
    }
}
