//! Showing that one leaf is in a tree, to somebody who knows the root alone.
//!
//! A proof is the branches on the way from the root to the leaf, each with its other children. Where the leaf lies follows
//! from its link, so that no proof can put it elsewhere.

use super::{DEPTH_MAX, FAN_OUT, Key, MarginTree, branch_hash, leaf_hash};
use crate::arrangement::{digest::Digest, name::LinkId};

/// The way from the root to a leaf.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Proof {
    /// The branches, the root first. None where the leaf is the whole tree.
    pub branches: Vec<Siblings>,
}

/// The children of a branch but the one on the way, ascending by step.
pub type Siblings = Vec<(u8, Digest)>;

/// Why a leaf is not shown to be in a tree.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// More branches than a path has steps.
    #[error("it has {0} branches: a path has {DEPTH_MAX} at most")]
    Deep(usize),
    /// The children of a branch are not those of one.
    #[error("branch {0}: its other children must ascend by step, from 0 to 15, without the step on the way")]
    Children(usize),
    /// A branch above one leaf alone.
    #[error("the last branch has no other child: a single leaf stands without a branch above it")]
    Lonely,
    /// The root comes out differently.
    #[error("it leads to root {found}, but the signed root is {root}")]
    Root {
        /// As signed.
        root: Digest,
        /// As it comes out.
        found: Digest,
    },
}

impl MarginTree {
    /// Shows that the leaf of a link is in this tree; `None` where it is not.
    #[must_use]
    pub fn proof(&self, link: &LinkId) -> Option<Proof> {
        self.leaf(link)?;
        let key = Key::of(link);
        let mut branches = Vec::new();
        let mut node = &self.nodes[0];
        while !self.is_leaf(node) {
            let step = key.step(branches.len());
            let children = &self.nodes[node.children.clone()];
            branches.push(children.iter().filter(|c| c.step != step).map(|c| (c.step, c.hash)).collect());
            node = children.iter().find(|child| child.step == step)?;
        }
        Some(Proof { branches })
    }
}

/// Checks that the leaf of `link` with these bytes is in the tree with this root.
///
/// # Errors
/// The proof is malformed, or leads to another root.
pub fn verify_proof(root: Digest, link: &LinkId, leaf: &[u8], proof: &Proof) -> Result<(), ProofError> {
    if proof.branches.len() > DEPTH_MAX {
        return Err(ProofError::Deep(proof.branches.len()));
    }
    if proof.branches.last().is_some_and(Vec::is_empty) {
        return Err(ProofError::Lonely);
    }
    let key = Key::of(link);
    let mut hash = leaf_hash(leaf);
    for (depth, siblings) in proof.branches.iter().enumerate().rev() {
        let step = key.step(depth);
        let ascends = siblings.windows(2).all(|pair| pair[0].0 < pair[1].0);
        if !ascends || siblings.iter().any(|(other, _)| *other == step || *other >= FAN_OUT) {
            return Err(ProofError::Children(depth));
        }
        let place = siblings.partition_point(|(other, _)| *other < step);
        let (before, after) = siblings.split_at(place);
        hash = branch_hash(before.iter().chain(&[(step, hash)]).chain(after).copied());
    }
    if hash == root { Ok(()) } else { Err(ProofError::Root { root, found: hash }) }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use prost::bytes::Bytes;

    use super::*;

    fn link(n: u16) -> LinkId {
        format!("L{n}").parse().unwrap()
    }

    fn build(leaves: &BTreeMap<u16, Vec<u8>>) -> MarginTree {
        MarginTree::build(leaves.iter().map(|(n, bytes)| (link(*n), Bytes::from(bytes.clone())))).unwrap()
    }

    fn leaf_sets() -> impl Strategy<Value = BTreeMap<u16, Vec<u8>>> {
        prop::collection::btree_map(any::<u16>(), prop::collection::vec(any::<u8>(), 1..20), 1..80)
    }

    proptest! {
        #[test]
        fn every_leaf_is_shown_and_no_other_link_nor_other_bytes_are(leaves in leaf_sets(), other in any::<u16>()) {
            let tree = build(&leaves);
            for (n, bytes) in &leaves {
                let proof = tree.proof(&link(*n)).unwrap();
                prop_assert_eq!(verify_proof(tree.root(), &link(*n), bytes, &proof), Ok(()));
                let changed = [&bytes[..], &[0]].concat();
                prop_assert!(verify_proof(tree.root(), &link(*n), &changed, &proof).is_err());
                if other != *n && !proof.branches.is_empty() && !leaves.contains_key(&other) {
                    // Where the path of the other link is the same as far as the proof goes, the leaf's own bytes tell
                    // the links apart: a leaf names its link.
                    let depth = proof.branches.len();
                    let (a, b) = (Key::of(&link(*n)), Key::of(&link(other)));
                    let is_same_way = (0..depth).all(|depth| a.step(depth) == b.step(depth));
                    let shown = verify_proof(tree.root(), &link(other), bytes, &proof).is_ok();
                    prop_assert_eq!(shown, is_same_way);
                }
            }
            prop_assert_eq!(tree.proof(&link(other)).is_some(), leaves.contains_key(&other));
        }

        #[test]
        fn any_change_of_a_proof_is_found(
            leaves in leaf_sets().prop_filter("a branch is needed", |leaves| leaves.len() > 1),
            which in any::<prop::sample::Index>(),
            branch in any::<prop::sample::Index>(),
            place in any::<prop::sample::Index>(),
            kind in 0..5,
        ) {
            let tree = build(&leaves);
            let n = *which.get(&leaves.keys().copied().collect::<Vec<_>>());
            let mut proof = tree.proof(&link(n)).unwrap();
            let at = branch.index(proof.branches.len());
            let siblings = &mut proof.branches[at];
            let changed = if siblings.is_empty() { 4 } else { kind };
            match changed {
                0 => { let i = place.index(siblings.len()); siblings[i].1.0[7] ^= 1; }
                1 => { let i = place.index(siblings.len()); siblings.remove(i); }
                2 => { let i = place.index(siblings.len()); siblings[i].0 ^= 16; }
                3 => siblings.push(siblings[0]),
                _ => { proof.branches.remove(at); }
            }
            prop_assert!(verify_proof(tree.root(), &link(n), &leaves[&n], &proof).is_err());
        }
    }

    #[test]
    fn malformed_proofs_are_told_apart() {
        let leaves = BTreeMap::from([(1, vec![1]), (2, vec![2]), (3, vec![3])]);
        let tree = build(&leaves);
        let good = tree.proof(&link(1)).unwrap();
        let step = Key::of(&link(1)).step(0);
        let check = |branches| verify_proof(tree.root(), &link(1), &[1], &Proof { branches });
        assert_eq!(check(good.branches.clone()), Ok(()));
        assert_eq!(check(vec![good.branches[0].clone(); 65]), Err(ProofError::Deep(65)));
        assert_eq!(check(vec![Vec::new()]), Err(ProofError::Lonely));
        assert_eq!(check(vec![vec![(step, Digest::default())]]), Err(ProofError::Children(0)));
        assert_eq!(check(vec![vec![(16, Digest::default())]]), Err(ProofError::Children(0)));
        let Err(ProofError::Root { root, found }) = check(Vec::new()) else { panic!("another root") };
        assert_eq!((root, found), (tree.root(), leaf_hash(&[1])));
        let alone = build(&BTreeMap::from([(1, vec![1])]));
        assert_eq!(alone.proof(&link(1)), Some(Proof::default()));
        assert_eq!(verify_proof(alone.root(), &link(1), &[1], &Proof::default()), Ok(()));
    }
}
