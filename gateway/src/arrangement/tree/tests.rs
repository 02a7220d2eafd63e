use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

type Leaves = BTreeMap<u16, Vec<u8>>;

fn build(leaves: &Leaves) -> MarginTree {
    MarginTree::build(leaves.iter().map(|(n, bytes)| (link(*n), Bytes::from(bytes.clone())))).unwrap()
}

fn link(n: u16) -> LinkId {
    format!("L{n}").parse().unwrap()
}

fn leaf_sets() -> impl Strategy<Value = Leaves> {
    prop::collection::btree_map(any::<u16>(), prop::collection::vec(any::<u8>(), 1..40), 0..80)
}

/// The root as the module's text defines it, by another route: recursion over plain sets.
fn root_by_definition(leaves: &[(String, Vec<u8>)]) -> Digest {
    fn hash(set: &[(String, &[u8])], depth: usize) -> Digest {
        if let [(_, bytes)] = set {
            return Digest::of(&[&[0x00], *bytes].concat());
        }
        let mut text = vec![0x01];
        for step in 0..16_u8 {
            let digit = char::from_digit(step.into(), 16).unwrap();
            let child: Vec<_> = set.iter().filter(|(key, _)| key.as_bytes()[depth] == digit as u8).cloned().collect();
            if !child.is_empty() {
                text.push(step);
                text.extend_from_slice(hash(&child, depth + 1).as_bytes());
            }
        }
        Digest::of(&text)
    }
    let set: Vec<_> =
        leaves.iter().map(|(link, bytes)| (blake3::hash(link.as_bytes()).to_hex().to_string(), &bytes[..])).collect();
    hash(&set, 0)
}

proptest! {
    #[test]
    fn the_root_is_what_the_definition_says_in_any_order(leaves in leaf_sets(), seed in any::<u64>()) {
        let mut shuffled: Vec<_> = leaves.iter().map(|(n, bytes)| (link(*n), Bytes::from(bytes.clone()))).collect();
        shuffled.sort_by_key(|(link, _)| blake3::hash(format!("{seed}{link}").as_bytes()).to_hex());
        let by_definition: Vec<_> = leaves.iter().map(|(n, bytes)| (format!("L{n}"), bytes.clone())).collect();
        prop_assert_eq!(MarginTree::build(shuffled).unwrap().root(), root_by_definition(&by_definition));
    }

    #[test]
    fn any_changed_byte_of_a_leaf_changes_the_root(
        leaves in leaf_sets().prop_filter("a leaf is needed", |leaves| !leaves.is_empty()),
        which in any::<prop::sample::Index>(),
        place in any::<prop::sample::Index>(),
        flip in 1..=255_u8,
    ) {
        let mut changed = leaves.clone();
        let n = *which.get(&leaves.keys().copied().collect::<Vec<_>>());
        let bytes = changed.get_mut(&n).unwrap();
        let at = place.index(bytes.len());
        bytes[at] ^= flip;
        prop_assert_ne!(build(&leaves).root(), build(&changed).root());
    }

    #[test]
    fn the_root_without_some_leaves_is_the_root_of_the_others(leaves in leaf_sets(), modulus in 1..5_u16) {
        let tree = build(&leaves);
        let (taken, left): (Leaves, Leaves) = leaves.into_iter().partition(|(n, _)| n % modulus == 0);
        let taken: Vec<LinkId> = taken.keys().copied().map(link).collect();
        prop_assert_eq!(tree.root_without(&taken), build(&left).root());
    }

    #[test]
    fn every_leaf_is_found_by_its_link_and_by_its_path(leaves in leaf_sets()) {
        let tree = build(&leaves);
        for (n, bytes) in &leaves {
            prop_assert_eq!(tree.leaf(&link(*n)).unwrap(), bytes);
            let key = Key::of(&link(*n));
            let path: Vec<u8> = (0..DEPTH_MAX).map(|depth| key.step(depth)).collect();
            let found = (0..=DEPTH_MAX).filter_map(|depth| tree.node(&path[..depth])).next_back().unwrap();
            prop_assert_eq!(&found.leaf, bytes);
        }
    }
}

#[test]
fn one_leaf_is_the_whole_tree() {
    let tree = build(&Leaves::from([(7, vec![1, 2, 3])]));
    assert_eq!(tree.root(), leaf_hash(&[1, 2, 3]));
    assert_eq!(tree.node(&[]).unwrap().leaf, vec![1, 2, 3]);
    assert_eq!(tree.node(&[0]), None);
}

#[test]
fn a_tree_without_leaves_has_a_root_of_its_own() {
    let tree = build(&Leaves::new());
    assert_eq!(tree.root(), Digest::of(&[0x01]));
    assert_eq!(tree.node(&[]), Some(v1::TreeNode::default()));
}

#[test]
fn two_leaves_of_one_link_are_refused() {
    let twice = [(link(1), Bytes::from_static(b"a")), (link(1), Bytes::from_static(b"b"))];
    assert_eq!(MarginTree::build(twice).unwrap_err(), DuplicateLink(link(1)));
}
