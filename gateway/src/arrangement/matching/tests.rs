use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::arrangement::{
    cycle_id::{CycleKind, Round},
    grant::AdvanceGrant,
    leaf::{self, tests::leaf_of},
    parties::ArrangementMode,
    walk::{Progress, Walk},
};

fn parties() -> Parties {
    Parties {
        arrangement: "A-B".parse().unwrap(),
        mode: ArrangementMode::Live,
        houses: Pair { treasury: "A".parse().unwrap(), futures: "B".parse().unwrap() },
    }
}

fn inputs() -> Inputs {
    Inputs {
        manifests: Pair::default(),
        market: Pair::default(),
        registry_sequences: Pair { treasury: 2, futures: 2 },
        positions: Digest([1; 32]),
        prices: Digest([2; 32]),
        scenarios: Digest([3; 32]),
        parameters: Digest([4; 32]),
        registry: Digest([5; 32]),
        engine: "risk 0.1.0".to_owned(),
    }
}

fn link(n: u8) -> v1::MarginLeaf {
    let base = i64::from(n) * 1_000_003 + 50_000_000;
    let mut leaf = leaf_of(&format!("L{n}"), [base, base / 2, base], [base / 3, base / 4, base / 5]);
    if n.is_multiple_of(3) {
        leaf.mode = v1::LinkMode::Rehearsal.into();
    }
    leaf
}

fn tree(leaves: &[v1::MarginLeaf]) -> Arc<MarginTree> {
    let leaves = leaves.iter().map(|leaf| (leaf.link_id.parse().unwrap(), leaf::encode(leaf)));
    Arc::new(MarginTree::build(leaves).unwrap())
}

fn claim(tree: &MarginTree, inputs: Inputs) -> Claim {
    Claim {
        cycle: "2026-02-13/ITD/1".parse().unwrap(),
        round: Round(1),
        inputs,
        root: tree.root(),
        link_count: tree.len() as u64,
    }
}

/// Matches at the house of `own`, which walks down the other house's tree.
fn match_at(own: Leg, trees: &Pair<Arc<MarginTree>>, claims: &Pair<Claim>) -> Matched {
    let theirs = &trees[own.other()];
    let mut walk = Walk::new(Arc::clone(&trees[own]), theirs.root(), theirs.len() as u64);
    let differences = loop {
        let nodes = walk.wants().iter().map(|path| theirs.node(path).unwrap()).collect();
        if let Progress::Done(differences) = walk.feed(nodes).unwrap() {
            break differences;
        }
    };
    let named = Pair::from_fn(|leg| {
        let digest = Digest::of(format!("claim of {leg:?}").as_bytes());
        NamedClaim { digest, claim: &claims[leg] }
    });
    match_claims(&parties(), &AdvanceGrants::new(), &named, own, &trees[own], &differences).unwrap()
}

/// What one house has otherwise for one link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    Missing,
    Terms,
    Mode,
    TreasuryPositions,
    FuturesPositions,
    Market,
    Figures,
}

fn apply(change: Change, leaf: &mut v1::MarginLeaf) -> bool {
    let other = Bytes::from_static(&[9; 32]);
    match change {
        Change::Missing => return false,
        Change::Terms => leaf.terms = other,
        Change::Mode => leaf.mode = 3 - leaf.mode,
        Change::TreasuryPositions => leaf.treasury_positions = other,
        Change::FuturesPositions => leaf.futures_positions = other,
        Change::Market => leaf.market = other,
        Change::Figures => {}
    }
    leaf.treasury_requirement_cents += 1;
    true
}

fn changes() -> impl Strategy<Value = Vec<(u8, Leg, Change)>> {
    let leg = prop_oneof![Just(Leg::Treasury), Just(Leg::Futures)];
    let change = prop_oneof![
        Just(Change::Missing),
        Just(Change::Terms),
        Just(Change::Mode),
        Just(Change::TreasuryPositions),
        Just(Change::FuturesPositions),
        Just(Change::Market),
        Just(Change::Figures),
    ];
    prop::collection::vec((0..40_u8, leg, change), 0..12)
}

proptest! {
    #[test]
    fn both_houses_reach_the_same_statement(
        changes in changes(),
        differing_inputs in prop::array::uniform4(any::<bool>()),
    ) {
        let mut sides = Pair::from_fn(|_| (0..40).map(link).collect::<Vec<_>>());
        for (n, leg, change) in &changes {
            let id = format!("L{n}");
            sides[*leg].retain_mut(|leaf| leaf.link_id != id || apply(*change, leaf));
        }
        let mut their_inputs = inputs();
        if differing_inputs[0] { their_inputs.prices = Digest([9; 32]); }
        if differing_inputs[1] { their_inputs.scenarios = Digest([9; 32]); }
        if differing_inputs[2] { their_inputs.parameters = Digest([9; 32]); }
        if differing_inputs[3] { their_inputs.engine = "risk 0.2.0".to_owned(); }
        let trees = Pair { treasury: tree(&sides.treasury), futures: tree(&sides.futures) };
        let claims = Pair {
            treasury: claim(&trees.treasury, inputs()),
            futures: claim(&trees.futures, their_inputs),
        };
        let matched = match_at(Leg::Treasury, &trees, &claims);
        prop_assert_eq!(&matched.statement_payload, &match_at(Leg::Futures, &trees, &claims).statement_payload);
        prop_assert_eq!(&matched, &match_at(Leg::Futures, &trees, &claims));

        // By another route: what is in both sets is agreed, everything else is a break.
        let agreed: Vec<_> = sides.treasury.iter().filter(|leaf| sides.futures.contains(leaf)).cloned().collect();
        let all: BTreeSet<_> =
            sides.treasury.iter().chain(&sides.futures).map(|leaf| leaf.link_id.clone()).collect();
        let statement = &matched.statement;
        prop_assert_eq!(statement.agreed_root, tree(&agreed).root());
        prop_assert_eq!(statement.live_count + statement.rehearsal_count, agreed.len() as u64);
        prop_assert_eq!(matched.breaks.breaks.len(), all.len() - agreed.len());
        prop_assert_eq!(
            statement.break_counts.iter().map(|(_, count)| count).sum::<u64>(),
            matched.breaks.breaks.len() as u64
        );
        let required: i64 = agreed.iter().map(|leaf| leaf.treasury_requirement_cents).sum();
        let totals = [statement.live_totals, statement.rehearsal_totals];
        prop_assert_eq!(totals.iter().map(|sum| sum.requirement_cents.treasury).sum::<i64>(), required);
        prop_assert!(matched.breaks.breaks.is_sorted_by(|a, b| a.link_id < b.link_id));
        prop_assert_eq!(statement.breaks, Digest::of(&matched.breaks.encode_to_vec()));
    }
}

#[test]
fn the_first_cause_that_touches_the_link_is_named() {
    use v1::BreakCause as Cause;
    let changed = |change: &dyn Fn(&mut Inputs)| {
        let mut inputs = inputs();
        change(&mut inputs);
        inputs
    };
    let same = inputs();
    let all = changed(&|inputs| {
        inputs.prices = Digest([9; 32]);
        inputs.scenarios = Digest([9; 32]);
        inputs.parameters = Digest([9; 32]);
        inputs.engine.push('x');
    });
    let scenarios = changed(&|inputs| inputs.scenarios = Digest([9; 32]));
    let parameters = changed(&|inputs| inputs.parameters = Digest([9; 32]));
    let engine = changed(&|inputs| inputs.engine.push('x'));
    for (change, theirs, expected) in [
        (Change::Missing, &all, Cause::Link),
        (Change::Terms, &all, Cause::Link),
        (Change::Mode, &all, Cause::Link),
        (Change::TreasuryPositions, &all, Cause::Position),
        (Change::FuturesPositions, &all, Cause::Position),
        (Change::Market, &all, Cause::Price),
        (Change::Market, &scenarios, Cause::Scenario),
        (Change::Market, &parameters, Cause::Parameter),
        (Change::Market, &engine, Cause::Engine),
        (Change::Market, &same, Cause::Arithmetic),
        // The same rows: neither prices nor scenarios have a part in it.
        (Change::Figures, &scenarios, Cause::Arithmetic),
        (Change::Figures, &all, Cause::Parameter),
        (Change::Figures, &engine, Cause::Engine),
        (Change::Figures, &same, Cause::Arithmetic),
    ] {
        let mut other = link(1);
        let leaves = Pair { treasury: Some(link(1)), futures: apply(change, &mut other).then_some(other) };
        let found = cause(&leaves, &Pair { treasury: &same, futures: theirs });
        assert_eq!(found, expected, "{change:?}");
    }
}

#[test]
fn totals_keep_live_and_rehearsal_apart() {
    let leaves = [link(1), link(2), link(3)];
    let trees = Pair::from_fn(|_| tree(&leaves));
    let claims = Pair::from_fn(|_| claim(&trees.treasury, inputs()));
    let statement = match_at(Leg::Treasury, &trees, &claims).statement;
    assert_eq!((statement.live_count, statement.rehearsal_count), (2, 1));
    let sum = |field: fn(&v1::MarginLeaf) -> i64| (field(&leaves[0]) + field(&leaves[1]), field(&leaves[2]));
    let found = |field: fn(&Totals) -> i64| (field(&statement.live_totals), field(&statement.rehearsal_totals));
    assert_eq!(found(|t| t.standalone_cents.treasury), sum(|leaf| leaf.treasury_standalone_cents));
    assert_eq!(found(|t| t.standalone_cents.futures), sum(|leaf| leaf.futures_standalone_cents));
    assert_eq!(found(|t| t.requirement_cents.treasury), sum(|leaf| leaf.treasury_requirement_cents));
    assert_eq!(found(|t| t.requirement_cents.futures), sum(|leaf| leaf.futures_requirement_cents));
    assert_eq!(found(|t| t.shortfall_cents), sum(|leaf| leaf.shortfall_cents));
    assert!(leaves[0].shortfall_cents > 0);
    assert_eq!(found(|t| t.charges_cents.treasury), sum(|leaf| leaf.treasury_charges_cents));
    assert_eq!(found(|t| t.charges_cents.futures), sum(|leaf| leaf.futures_charges_cents));
}

#[test]
fn what_is_granted_in_advance_stands_in_the_statement_and_without_it_not_a_byte_does() {
    let ours = tree(&[link(1), link(2)]);
    let claims = Pair::from_fn(|_| claim(&ours, inputs()));
    let matched = |grants: &AdvanceGrants| {
        let named = claims.as_ref().map(|claim| NamedClaim { digest: Digest::default(), claim });
        match_claims(&parties(), grants, &named, Leg::Treasury, &ours, &[]).unwrap()
    };
    let without = matched(&AdvanceGrants::new());
    let grant = AdvanceGrant::new(CycleKind::Eod, 2_000, 2).unwrap();
    let with = matched(&[(CycleKind::Eod, grant)].into());
    let wire = v1::Statement::decode(&with.statement_payload[..]).unwrap();
    let granted = v1::AdvanceGrant { kind: v1::CycleKind::Eod.into(), haircut_bp: 2_000, cycles: 2 };
    assert_eq!(wire.advance_grants, [granted]);
    assert_ne!(with.digest, without.digest, "both sign it");
    let (short, long) = (&without.statement_payload, &with.statement_payload);
    assert_eq!(long[..short.len()], short[..], "the field comes last and is left out where there is none");
}

#[test]
fn what_does_not_belong_together_is_not_matched() {
    let ours = tree(&[link(1), link(2)]);
    let good = claim(&ours, inputs());
    let later = Claim { round: Round(2), ..good.clone() };
    let other_root = Claim { root: Digest([9; 32]), ..good.clone() };
    let attempt = |treasury: &Claim, futures: &Claim, differences: &[Difference]| {
        let named = |claim| NamedClaim { digest: Digest::default(), claim };
        let claims = Pair { treasury: named(treasury), futures: named(futures) };
        match_claims(&parties(), &AdvanceGrants::new(), &claims, Leg::Treasury, &ours, differences)
    };
    assert!(attempt(&good, &good, &[]).is_ok());
    assert!(matches!(attempt(&good, &later, &[]), Err(MatchingError::Round { .. })));
    assert!(matches!(attempt(&other_root, &good, &[]), Err(MatchingError::OwnRoot { .. })));
    let foreign = Difference { link: "L1".parse().unwrap(), ours: None, theirs: Some(Bytes::from_static(b"x")) };
    assert!(matches!(attempt(&good, &good, &[foreign]), Err(MatchingError::Difference(_))));
    let own_leaf = ours.leaf(&"L1".parse().unwrap()).cloned();
    let unreadable =
        Difference { theirs: Some(Bytes::from_static(b"\xff")), ours: own_leaf.clone(), link: "L1".parse().unwrap() };
    assert!(matches!(attempt(&good, &good, &[unreadable]), Err(MatchingError::Leaf { .. })));
    let same = Difference { theirs: own_leaf.clone(), ours: own_leaf, link: "L1".parse().unwrap() };
    assert!(matches!(attempt(&good, &good, &[same]), Err(MatchingError::Difference(_))));
}
