use std::collections::BTreeSet;

use proptest::prelude::*;
use prost::Message as _;

use super::*;

/// Leaves by number; the value stands for everything in a leaf but the link.
type Leaves = BTreeMap<u16, u8>;

fn leaf_bytes(n: u16, value: u8) -> Bytes {
    let leaf = v1::MarginLeaf { link_id: format!("L{n}"), applied_factor_bp: value.into(), ..Default::default() };
    leaf.encode_to_vec().into()
}

fn build(leaves: &Leaves) -> MarginTree {
    let leaves = leaves.iter().map(|(n, value)| (format!("L{n}").parse().unwrap(), leaf_bytes(*n, *value)));
    MarginTree::build(leaves).unwrap()
}

/// Walks to the end, and answers each batch from `theirs`.
fn walk(ours: MarginTree, theirs: &MarginTree) -> (Vec<Difference>, usize) {
    let mut walk = Walk::new(Arc::new(ours), theirs.root(), theirs.len() as u64);
    loop {
        let wants = walk.wants();
        assert!(wants.len() <= BATCH_NODES_MAX);
        let nodes = wants.iter().map(|path| theirs.node(path).unwrap()).collect();
        if let Progress::Done(differences) = walk.feed(nodes).unwrap() {
            return (differences, walk.nodes_read());
        }
    }
}

fn depth(tree: &MarginTree) -> usize {
    let mut level = vec![Vec::new()];
    for depth in 0.. {
        let children = |path: &Vec<u8>| {
            let node = tree.node(path).unwrap();
            node.children
                .iter()
                .map(|child| [&path[..], &[u8::try_from(child.step).unwrap()]].concat())
                .collect::<Vec<_>>()
        };
        level = level.iter().flat_map(children).collect();
        if level.is_empty() {
            return depth;
        }
    }
    unreachable!()
}

/// Two sets that are mostly the same: what the first has, and changes that lead to the second.
fn two_sets() -> impl Strategy<Value = (Leaves, Leaves)> {
    let base = prop::collection::btree_map(0..2_000_u16, 0..2_u8, 0..300);
    let changes = prop::collection::btree_map(0..2_000_u16, prop::option::of(0..2_u8), 0..20);
    (base, changes).prop_map(|(base, changes)| {
        let mut changed = base.clone();
        for (n, change) in changes {
            match change {
                Some(value) => changed.insert(n, value),
                None => changed.remove(&n),
            };
        }
        (base, changed)
    })
}

proptest! {
    #[test]
    fn the_walk_finds_exactly_what_differs_and_reads_only_the_paths_to_it((ours, theirs) in two_sets()) {
        let their_tree = build(&theirs);
        let (found, nodes_read) = walk(build(&ours), &their_tree);
        let mut expected: Vec<Difference> = ours.keys().chain(theirs.keys()).collect::<BTreeSet<_>>().into_iter()
            .filter(|n| ours.get(n) != theirs.get(n))
            .map(|n| Difference {
                link: format!("L{n}").parse().unwrap(),
                ours: ours.get(n).map(|value| leaf_bytes(*n, *value)),
                theirs: theirs.get(n).map(|value| leaf_bytes(*n, *value)),
            })
            .collect();
        expected.sort_by(|a, b| a.link.cmp(&b.link));
        prop_assert!(nodes_read <= expected.len() * (depth(&their_tree) + 1));
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn a_changed_node_is_found_out(
        (ours, theirs) in two_sets(),
        which in any::<prop::sample::Index>(),
        byte in any::<prop::sample::Index>(),
        flip in 1..=255_u8,
    ) {
        let theirs = build(&theirs);
        let walk = Walk::new(Arc::new(build(&ours)), theirs.root(), theirs.len() as u64);
        let fed = feed_with_a_lie(walk, &theirs, which.index(3), |node| {
            if node.leaf.is_empty() {
                let at = byte.index(node.children.len());
                let child = &mut node.children[at];
                child.hash = flipped(&child.hash, byte.index(32), flip);
            } else {
                node.leaf = flipped(&node.leaf, byte.index(node.leaf.len()), flip);
            }
        });
        if let Some(fed) = fed {
            prop_assert!(matches!(fed, Err(WalkError { fault: Fault::Hash { .. }, .. })), "{fed:?}");
        }
    }
}

fn flipped(bytes: &Bytes, at: usize, flip: u8) -> Bytes {
    let mut bytes = bytes.to_vec();
    bytes[at] ^= flip;
    bytes.into()
}

/// Walks and changes the last node of the given batch; `None` where the walk is over before.
fn feed_with_a_lie(
    mut walk: Walk,
    theirs: &MarginTree,
    batch: usize,
    lie: impl Fn(&mut v1::TreeNode),
) -> Option<Result<Progress, WalkError>> {
    for at in 0..=batch {
        let mut nodes: Vec<_> = walk.wants().iter().map(|path| theirs.node(path).unwrap()).collect();
        let last = nodes.last_mut().filter(|node| !node.leaf.is_empty() || !node.children.is_empty())?;
        if at == batch {
            lie(last);
            return Some(walk.feed(nodes));
        }
        walk.feed(nodes).unwrap();
    }
    None
}

#[test]
fn equal_trees_need_no_reading() {
    let leaves = Leaves::from([(1, 0), (2, 1)]);
    assert_eq!(walk(build(&leaves), &build(&leaves)), (vec![], 0));
    assert_eq!(walk(build(&Leaves::new()), &build(&Leaves::new())), (vec![], 0));
}

#[test]
fn against_a_tree_without_leaves_every_leaf_differs() {
    let leaves = Leaves::from([(1, 0), (2, 1), (3, 0)]);
    let (found, nodes_read) = walk(build(&leaves), &build(&Leaves::new()));
    assert_eq!((found.len(), nodes_read), (3, 1));
    assert!(found.iter().all(|difference| difference.theirs.is_none()));
    let (found, _) = walk(build(&Leaves::new()), &build(&leaves));
    assert!(found.iter().all(|difference| difference.ours.is_none()) && found.len() == 3);
}

#[test]
fn a_large_difference_is_read_in_bounded_batches() {
    let theirs: Leaves = (0..20_000).map(|n| (n, 1)).collect();
    let (found, nodes_read) = walk(build(&Leaves::new()), &build(&theirs));
    assert_eq!(found.len(), 20_000);
    assert!(nodes_read > 20_000);
}

#[test]
fn one_change_among_many_leaves_costs_one_path() {
    let ours: Leaves = (0..50_000).map(|n| (n, 0)).collect();
    let mut theirs = ours.clone();
    theirs.insert(25_000, 1);
    let (found, nodes_read) = walk(build(&ours), &build(&theirs));
    assert_eq!(found.len(), 1);
    // 16^4 is above 50,000: four or five branches and the leaf, a few more where keys begin alike.
    assert!((4..=9).contains(&nodes_read), "{nodes_read}");
}

fn feed_one(ours: &Leaves, root: Digest, count: u64, node: v1::TreeNode) -> Result<Progress, WalkError> {
    Walk::new(Arc::new(build(ours)), root, count).feed(vec![node])
}

fn branch(children: &[(u8, Digest)]) -> v1::TreeNode {
    let child = |(step, hash): &(u8, Digest)| v1::TreeChild {
        step: (*step).into(),
        hash: Bytes::copy_from_slice(hash.as_bytes()),
    };
    v1::TreeNode { children: children.iter().map(child).collect(), ..Default::default() }
}

#[test]
fn a_tree_that_no_set_of_leaves_has_is_refused() {
    let ours = Leaves::from([(1, 0)]);
    let key = Key::of(&"L1".parse().unwrap());
    let step = (0..16).find(|step| key.is_below(&[*step])).unwrap();

    // The same leaf, one step too deep: another root over the same set.
    let children = [(step, leaf_hash(&leaf_bytes(1, 0)))];
    let error = feed_one(&ours, branch_hash(children), 1, branch(&children)).unwrap_err();
    assert_eq!(error.fault, LONE_LEAF);

    // A leaf below a path that its link does not have.
    let mut steps = [step ^ 1, step ^ 2];
    steps.sort_unstable();
    let children = [(steps[0], leaf_hash(&leaf_bytes(1, 0))), (steps[1], Digest([7; 32]))];
    let root = branch(&children);
    let mut walk = Walk::new(Arc::new(build(&Leaves::new())), branch_hash(children), 2);
    assert_eq!(walk.feed(vec![root]), Ok(Progress::Walking));
    let nodes =
        walk.wants().into_iter().map(|path| v1::TreeNode { leaf: leaf_bytes(1, 0), path, ..Default::default() });
    let error = walk.feed(nodes.collect()).unwrap_err();
    assert_eq!(error.fault, Fault::Misplaced("L1".parse().unwrap()));

    // Children out of order, a step beyond 15, a hash that is too short.
    let two = [(2, Digest([1; 32])), (1, Digest([2; 32]))];
    let malformed =
        |node| matches!(feed_one(&ours, branch_hash(two), 2, node), Err(WalkError { fault: Fault::Malformed(_), .. }));
    assert!(malformed(branch(&two)));
    assert!(malformed(branch(&[(16, Digest([1; 32]))])));
    let mut short = branch(&two);
    short.children[0].hash = Bytes::from_static(&[1; 31]);
    assert!(malformed(short));
}

#[test]
fn a_claim_that_miscounts_its_leaves_is_found_out() {
    let ours = Leaves::from([(1, 0), (2, 0), (3, 0)]);
    let theirs = build(&Leaves::from([(1, 0), (2, 1), (3, 0)]));
    for (count, is_right) in [(2, false), (3, true), (4, false)] {
        let mut walk = Walk::new(Arc::new(build(&ours)), theirs.root(), count);
        let end = loop {
            let nodes = walk.wants().iter().map(|path| theirs.node(path).unwrap()).collect();
            match walk.feed(nodes) {
                Ok(Progress::Walking) => {}
                end => break end,
            }
        };
        assert_eq!(end.is_ok(), is_right, "{count}");
    }
    let mut equal = Walk::new(Arc::new(build(&ours)), build(&ours).root(), 4);
    assert!(matches!(equal.feed(vec![]).unwrap_err().fault, Fault::Count { claimed: 4, found: 3 }));
}

#[test]
fn nodes_in_another_order_are_refused() {
    let theirs = build(&(0..40).map(|n| (n, 0)).collect());
    let mut walk = Walk::new(Arc::new(build(&Leaves::new())), theirs.root(), 40);
    walk.feed(vec![theirs.node(&[]).unwrap()]).unwrap();
    let mut nodes: Vec<_> = walk.wants().iter().map(|path| theirs.node(path).unwrap()).collect();
    assert_eq!(walk.clone().feed(nodes[1..].to_vec()).unwrap_err().fault, Fault::Order);
    nodes.swap(0, 1);
    let error = walk.feed(nodes).unwrap_err();
    assert_eq!(error.fault, Fault::Order);
    assert_eq!(error.path.to_string(), "/0");
}
