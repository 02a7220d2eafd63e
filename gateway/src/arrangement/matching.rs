//! From two claims to one statement: a pure function, so that both houses reach the same bytes.

use std::collections::{BTreeMap, BTreeSet};

use crossmargin::v1;
use prost::{DecodeError, Message, bytes::Bytes};

use super::{
    digest::Digest,
    evidence::{Claim, Inputs, Statement, Totals},
    leg::{Leg, Pair},
    name::LinkId,
    parties::Parties,
    tree::MarginTree,
    walk::Difference,
};

/// A claim with its name.
#[derive(Clone, Copy, Debug)]
pub struct NamedClaim<'a> {
    /// Payload digest of the claim.
    pub digest: Digest,
    /// The claim.
    pub claim: &'a Claim,
}

/// What follows from the two claims of a round.
#[derive(Clone, Debug, PartialEq)]
pub struct Matched {
    /// The links on which the claims differ, ascending by link.
    pub breaks: v1::Breaks,
    /// The encoded breaks: what the statement's `breaks` is the digest of.
    pub breaks_payload: Bytes,
    /// The statement.
    pub statement: Statement,
    /// The encoded statement: the bytes that both houses sign.
    pub statement_payload: Bytes,
    /// BLAKE3 of the encoded statement.
    pub digest: Digest,
}

/// Why two claims cannot be matched. Every case is a fault of the caller or of the other house, never a break.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MatchingError {
    /// The claims belong to different rounds or cycles.
    #[error("the claims are of different rounds: {treasury} and {futures}")]
    Round {
        /// Of the Treasury house's claim.
        treasury: String,
        /// Of the futures house's claim.
        futures: String,
    },
    /// The leaves are not those of this house's claim.
    #[error("the leaves have root {found}, but this house claimed {claimed}")]
    OwnRoot {
        /// As claimed.
        claimed: Digest,
        /// Of the leaves.
        found: Digest,
    },
    /// The differences do not lead from one claim to the other.
    #[error("link {0} is said to differ, but this house's leaf is another one or the same on both sides")]
    Difference(LinkId),
    /// A leaf is no `MarginLeaf`.
    #[error("the leaf of link {link} cannot be read: {reason}")]
    Leaf {
        /// The link.
        link: LinkId,
        /// Why.
        reason: DecodeError,
    },
    /// A total is out of range.
    #[error("the totals are out of range at link {0}")]
    Total(LinkId),
}

/// Matches the claims of a round. `own` is the leg of this house, `leaves` the tree behind its claim, `differences` what
/// the walk down the other house's tree found.
///
/// A link is agreed where the leaves are equal to the last bit, whatever else the claims say; it is a break otherwise.
///
/// # Errors
/// The claims, the leaves and the differences do not belong together.
pub fn match_claims(
    parties: &Parties,
    claims: &Pair<NamedClaim<'_>>,
    own: Leg,
    leaves: &MarginTree,
    differences: &[Difference],
) -> Result<Matched, MatchingError> {
    check_claims(claims, own, leaves)?;
    let inputs = Pair { treasury: &claims.treasury.claim.inputs, futures: &claims.futures.claim.inputs };
    let mut breaks = BTreeMap::new();
    for difference in differences {
        let is_ours = leaves.leaf(&difference.link) == difference.ours.as_ref();
        if !is_ours || difference.ours == difference.theirs {
            return Err(MatchingError::Difference(difference.link.clone()));
        }
        breaks.insert(&difference.link, break_of(difference, own, &inputs)?);
    }

    let mut counts = BTreeMap::new();
    for item in breaks.values() {
        *counts.entry(item.cause()).or_insert(0) += 1;
    }
    let (live, rehearsal) = sum_agreed(leaves, &breaks.keys().copied().collect())?;
    let agreed_root = leaves.root_without(breaks.keys().copied());
    let breaks = v1::Breaks { breaks: breaks.into_values().collect() };
    let breaks_payload: Bytes = breaks.encode_to_vec().into();
    let statement = Statement {
        cycle: claims.treasury.claim.cycle,
        round: claims.treasury.claim.round,
        claims: Pair { treasury: claims.treasury.digest, futures: claims.futures.digest },
        agreed_root,
        live_count: live.count,
        rehearsal_count: rehearsal.count,
        breaks: Digest::of(&breaks_payload),
        break_counts: counts.into_iter().collect(),
        live_totals: live.totals,
        rehearsal_totals: rehearsal.totals,
    };
    let statement_payload: Bytes = statement.to_wire(parties.arrangement.as_str()).encode_to_vec().into();
    let digest = Digest::of(&statement_payload);
    Ok(Matched { breaks, breaks_payload, statement, statement_payload, digest })
}

/// Why the leaves of a link differ: the first cause in the order of [`v1::BreakCause`] that touches this link.
///
/// The link's own digests come first, for they say what differs here; the claims' digests only say why. Where the
/// scenario rows differ, the first input of the repricing that differs is named: prices, scenarios, parameters, engine.
/// Where the rows and the positions are the same, prices and scenarios have no part in the difference, so parameters
/// and engine remain. Where no input differs, the arithmetic did.
#[must_use]
pub fn cause(leaves: &Pair<Option<v1::MarginLeaf>>, inputs: &Pair<&Inputs>) -> v1::BreakCause {
    let Pair { treasury: Some(a), futures: Some(b) } = leaves else { return v1::BreakCause::Link };
    let (x, y) = (inputs.treasury, inputs.futures);
    let is_repriced = a.market != b.market;
    if a.terms != b.terms || a.mode != b.mode {
        v1::BreakCause::Link
    } else if a.treasury_positions != b.treasury_positions || a.futures_positions != b.futures_positions {
        v1::BreakCause::Position
    } else if is_repriced && x.prices != y.prices {
        v1::BreakCause::Price
    } else if is_repriced && x.scenarios != y.scenarios {
        v1::BreakCause::Scenario
    } else if x.parameters != y.parameters {
        v1::BreakCause::Parameter
    } else if x.engine != y.engine {
        v1::BreakCause::Engine
    } else {
        v1::BreakCause::Arithmetic
    }
}

#[derive(Default)]
struct Sum {
    count: u64,
    totals: Totals,
}

impl Sum {
    fn add(&mut self, leaf: &v1::MarginLeaf) -> Option<()> {
        let totals = &mut self.totals;
        for (total, amount) in [
            (&mut totals.standalone_cents.treasury, leaf.treasury_standalone_cents),
            (&mut totals.standalone_cents.futures, leaf.futures_standalone_cents),
            (&mut totals.requirement_cents.treasury, leaf.treasury_requirement_cents),
            (&mut totals.requirement_cents.futures, leaf.futures_requirement_cents),
            (&mut totals.shortfall_cents, leaf.shortfall_cents),
        ] {
            *total = total.checked_add(amount)?;
        }
        self.count += 1;
        Some(())
    }
}

fn check_claims(claims: &Pair<NamedClaim<'_>>, own: Leg, leaves: &MarginTree) -> Result<(), MatchingError> {
    let place = |leg: Leg| (claims[leg].claim.cycle, claims[leg].claim.round);
    if place(Leg::Treasury) != place(Leg::Futures) {
        let text = |leg| format!("{} round {}", place(leg).0, place(leg).1);
        return Err(MatchingError::Round { treasury: text(Leg::Treasury), futures: text(Leg::Futures) });
    }
    let claimed = claims[own].claim.root;
    if claimed != leaves.root() {
        return Err(MatchingError::OwnRoot { claimed, found: leaves.root() });
    }
    Ok(())
}

fn break_of(difference: &Difference, own: Leg, inputs: &Pair<&Inputs>) -> Result<v1::Break, MatchingError> {
    let bytes = |leg| if leg == own { &difference.ours } else { &difference.theirs };
    let read = |leg| bytes(leg).as_ref().map(|bytes| read_leaf(&difference.link, bytes)).transpose();
    let leaves = Pair { treasury: read(Leg::Treasury)?, futures: read(Leg::Futures)? };
    let name =
        |leg| bytes(leg).as_ref().map_or_else(Bytes::new, |leaf| Bytes::copy_from_slice(Digest::of(leaf).as_bytes()));
    Ok(v1::Break {
        link_id: difference.link.to_string(),
        cause: cause(&leaves, inputs).into(),
        treasury_leaf: name(Leg::Treasury),
        futures_leaf: name(Leg::Futures),
    })
}

/// Sums over the leaves outside `broken`: those of live links, and those in rehearsal.
fn sum_agreed(leaves: &MarginTree, broken: &BTreeSet<&LinkId>) -> Result<(Sum, Sum), MatchingError> {
    let (mut live, mut rehearsal) = (Sum::default(), Sum::default());
    for leaf in leaves.leaves().iter().filter(|leaf| !broken.contains(&leaf.link)) {
        let figures = read_leaf(&leaf.link, &leaf.bytes)?;
        let sum = if figures.mode() == v1::LinkMode::Live { &mut live } else { &mut rehearsal };
        sum.add(&figures).ok_or_else(|| MatchingError::Total(leaf.link.clone()))?;
    }
    Ok((live, rehearsal))
}

fn read_leaf(link: &LinkId, bytes: &Bytes) -> Result<v1::MarginLeaf, MatchingError> {
    v1::MarginLeaf::decode(bytes.clone()).map_err(|reason| MatchingError::Leaf { link: link.clone(), reason })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::arrangement::{
        cycle_id::Round,
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
        match_claims(&parties(), &named, own, &trees[own], &differences).unwrap()
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
            match_claims(&parties(), &claims, Leg::Treasury, &ours, differences)
        };
        assert!(attempt(&good, &good, &[]).is_ok());
        assert!(matches!(attempt(&good, &later, &[]), Err(MatchingError::Round { .. })));
        assert!(matches!(attempt(&other_root, &good, &[]), Err(MatchingError::OwnRoot { .. })));
        let foreign = Difference { link: "L1".parse().unwrap(), ours: None, theirs: Some(Bytes::from_static(b"x")) };
        assert!(matches!(attempt(&good, &good, &[foreign]), Err(MatchingError::Difference(_))));
        let own_leaf = ours.leaf(&"L1".parse().unwrap()).cloned();
        let unreadable = Difference {
            theirs: Some(Bytes::from_static(b"\xff")),
            ours: own_leaf.clone(),
            link: "L1".parse().unwrap(),
        };
        assert!(matches!(attempt(&good, &good, &[unreadable]), Err(MatchingError::Leaf { .. })));
        let same = Difference { theirs: own_leaf.clone(), ours: own_leaf, link: "L1".parse().unwrap() };
        assert!(matches!(attempt(&good, &good, &[same]), Err(MatchingError::Difference(_))));
    }
}
