//! The way down to the leaves in which the other house's tree differs from this house's.
//!
//! The walk asks for nodes only where the other tree's hash differs from this tree's, and believes a node only if it
//! has the hash that its parent promised, up to the root that the other house signed. So it reads at most the paths to
//! the leaves that differ, and the other house cannot show a tree other than the one it claimed.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    sync::Arc,
};

use crossmargin::v1;
use prost::{Message, bytes::Bytes};

use super::{
    digest::Digest,
    name::LinkId,
    tree::{DEPTH_MAX, Key, Leaf, MarginTree, branch_hash, leaf_hash},
};

/// Most nodes that are asked for at once.
pub const BATCH_NODES_MAX: usize = 4_096;
/// Most bytes of an encoded leaf.
pub const LEAF_BYTES_MAX: usize = 2_048;

/// A branch over a single leaf would give one set of leaves two roots.
const LONE_LEAF: Fault = Fault::Malformed("it is, or has as its only child, a leaf that belongs in its parent's place");

/// A walk down the other house's tree. Ask it what it [`wants`](Self::wants), read that from the other house and
/// [`feed`](Self::feed) it, until it is done.
#[derive(Clone, Debug)]
pub struct Walk {
    ours: Arc<MarginTree>,
    their_count: usize,
    /// Nodes of the other tree that are promised and differ from ours, in the order in which they are asked for.
    wanted: VecDeque<Promise>,
    /// Leaves of the other tree that are accounted for: equal subtrees that are skipped, and leaves that were read.
    seen_count: usize,
    nodes_read: usize,
    differences: BTreeMap<LinkId, Difference>,
}

/// A leaf that is not the same in both trees; at least one side has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The link.
    pub link: LinkId,
    /// The encoded leaf of this house.
    pub ours: Option<Bytes>,
    /// The encoded leaf of the other house.
    pub theirs: Option<Bytes>,
}

/// How a walk goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// There are more nodes to read.
    Walking,
    /// The whole difference is known, ascending by link.
    Done(Vec<Difference>),
}

/// The path of a node, in hexadecimal from the root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path(Vec<u8>);

/// The other house's nodes are not those of the tree that it claimed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("node {path} of the other house's tree: {fault}")]
pub struct WalkError {
    /// The node.
    pub path: Path,
    /// What is wrong with it.
    pub fault: Fault,
}

/// What can be wrong with a node.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// There are more or fewer nodes than were asked for, or in another order.
    #[error("is missing, was not asked for, or came in another order")]
    Order,
    /// The content has another hash.
    #[error("has hash {found}, but its parent or the claim promised {promised}")]
    Hash {
        /// What was promised.
        promised: Digest,
        /// What came.
        found: Digest,
    },
    /// It is no well-formed node.
    #[error("is malformed: {0}")]
    Malformed(&'static str),
    /// A leaf lies where its link does not belong.
    #[error("holds link {0}, which does not belong there")]
    Misplaced(LinkId),
    /// The claim's number of leaves is wrong.
    #[error("the claim counts {claimed} leaves, but the tree has {found}")]
    Count {
        /// As claimed.
        claimed: usize,
        /// As found so far, or in the whole tree.
        found: usize,
    },
}

#[derive(Clone, Debug)]
struct Promise {
    path: Vec<u8>,
    hash: Digest,
    /// Whether the parent has no other child. Such a child must be a branch, or the parent would have been the leaf.
    is_only_child: bool,
}

impl Walk {
    /// Begins a walk from this house's tree down the tree with the root and the number of leaves that the other house
    /// claimed.
    #[must_use]
    pub fn new(ours: Arc<MarginTree>, their_root: Digest, their_count: u64) -> Self {
        let their_count = usize::try_from(their_count).unwrap_or(usize::MAX);
        let mut walk = Self {
            wanted: VecDeque::new(),
            seen_count: 0,
            nodes_read: 0,
            differences: BTreeMap::new(),
            their_count,
            ours,
        };
        if their_root == walk.ours.root() {
            walk.seen_count = walk.ours.len();
        } else {
            walk.wanted.push_back(Promise { path: Vec::new(), hash: their_root, is_only_child: false });
        }
        walk
    }

    /// The paths of the nodes to read next, at most [`BATCH_NODES_MAX`]; empty once the walk is done.
    #[must_use]
    pub fn wants(&self) -> Vec<Bytes> {
        self.wanted.iter().take(BATCH_NODES_MAX).map(|promise| Bytes::copy_from_slice(&promise.path)).collect()
    }

    /// Takes the nodes that [`wants`](Self::wants) named, in that order; none to learn how a new walk stands.
    ///
    /// # Errors
    /// The nodes are not those of the claimed tree. The walk cannot go on: a house that shows another tree than it
    /// claimed has nothing to agree on.
    pub fn feed(&mut self, nodes: Vec<v1::TreeNode>) -> Result<Progress, WalkError> {
        let asked = self.wanted.len().min(BATCH_NODES_MAX);
        if nodes.len() != asked {
            let path = self.wanted.get(nodes.len()).map(|promise| promise.path.clone()).unwrap_or_default();
            return Err(WalkError { path: Path(path), fault: Fault::Order });
        }
        for node in nodes {
            let Some(promise) = self.wanted.pop_front() else { break };
            self.nodes_read += 1;
            self.read(&promise, node).map_err(|fault| WalkError { path: Path(promise.path), fault })?;
        }
        // Every promised node holds a leaf, so a tree without end shows itself long before it is read.
        let found = self.seen_count + self.wanted.len();
        let is_done = self.wanted.is_empty();
        if found > self.their_count || (is_done && found != self.their_count) {
            let fault = Fault::Count { claimed: self.their_count, found };
            return Err(WalkError { path: Path(Vec::new()), fault });
        }
        if is_done {
            return Ok(Progress::Done(std::mem::take(&mut self.differences).into_values().collect()));
        }
        Ok(Progress::Walking)
    }

    /// How many nodes have been read.
    #[must_use]
    pub fn nodes_read(&self) -> usize {
        self.nodes_read
    }

    fn read(&mut self, promise: &Promise, node: v1::TreeNode) -> Result<(), Fault> {
        if node.path != promise.path {
            return Err(Fault::Order);
        }
        if node.leaf.is_empty() { self.read_branch(promise, &node.children) } else { self.read_leaf(promise, node) }
    }

    fn read_leaf(&mut self, promise: &Promise, node: v1::TreeNode) -> Result<(), Fault> {
        if !node.children.is_empty() {
            return Err(Fault::Malformed("it is a leaf and a branch"));
        }
        if promise.is_only_child {
            return Err(LONE_LEAF);
        }
        if node.leaf.len() > LEAF_BYTES_MAX {
            return Err(Fault::Malformed("the leaf is too long"));
        }
        check_hash(promise, leaf_hash(&node.leaf))?;
        let link = link_of(&node.leaf)?;
        let key = Key::of(&link);
        if !key.is_below(&promise.path) {
            return Err(Fault::Misplaced(link));
        }
        self.seen_count += 1;
        let ours = Arc::clone(&self.ours);
        let mut our_leaf = None;
        for leaf in ours.below(&promise.path) {
            if leaf.key == key {
                our_leaf = Some(leaf.bytes.clone());
            } else {
                self.note_ours(leaf);
            }
        }
        if our_leaf.as_ref() != Some(&node.leaf) {
            self.note(Difference { link, ours: our_leaf, theirs: Some(node.leaf) });
        }
        Ok(())
    }

    fn read_branch(&mut self, promise: &Promise, children: &[v1::TreeChild]) -> Result<(), Fault> {
        let children = children.iter().map(child_of).collect::<Result<Vec<_>, _>>()?;
        if children.windows(2).any(|pair| pair[0].0 >= pair[1].0) {
            return Err(Fault::Malformed("the steps of its children do not ascend"));
        }
        if children.is_empty() && !promise.path.is_empty() {
            return Err(Fault::Malformed("it is empty"));
        }
        if !children.is_empty() && promise.path.len() >= DEPTH_MAX {
            return Err(Fault::Malformed("it is deeper than a key"));
        }
        check_hash(promise, branch_hash(children.iter().copied()))?;

        let ours = Arc::clone(&self.ours);
        let is_only_child = children.len() == 1;
        let mut promised = children.into_iter().peekable();
        let mut path = promise.path.clone();
        for step in 0..16 {
            path.push(step);
            match promised.next_if(|(at, _)| *at == step) {
                None => ours.below(&path).iter().for_each(|leaf| self.note_ours(leaf)),
                Some((_, hash)) => match ours.summary(&path) {
                    Some((our_hash, 1)) if our_hash == hash && is_only_child => return Err(LONE_LEAF),
                    Some((our_hash, count)) if our_hash == hash => self.seen_count += count,
                    _ => self.wanted.push_back(Promise { path: path.clone(), hash, is_only_child }),
                },
            }
            path.pop();
        }
        Ok(())
    }

    fn note_ours(&mut self, leaf: &Leaf) {
        self.note(Difference { link: leaf.link.clone(), ours: Some(leaf.bytes.clone()), theirs: None });
    }

    fn note(&mut self, difference: Difference) {
        self.differences.insert(difference.link.clone(), difference);
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("/")?;
        self.0.iter().try_for_each(|step| write!(f, "{step:x}"))
    }
}

fn check_hash(promise: &Promise, found: Digest) -> Result<(), Fault> {
    if found == promise.hash { Ok(()) } else { Err(Fault::Hash { promised: promise.hash, found }) }
}

fn child_of(child: &v1::TreeChild) -> Result<(u8, Digest), Fault> {
    let step = u8::try_from(child.step).ok().filter(|step| *step < 16);
    let step = step.ok_or(Fault::Malformed("a child's step is not 0 to 15"))?;
    let hash = Digest::try_from(&child.hash[..]).map_err(|_| Fault::Malformed("a child's hash has not 32 bytes"))?;
    Ok((step, hash))
}

fn link_of(leaf: &Bytes) -> Result<LinkId, Fault> {
    let leaf = v1::MarginLeaf::decode(leaf.clone()).map_err(|_| Fault::Malformed("it is no MarginLeaf"))?;
    leaf.link_id.parse().map_err(|_| Fault::Malformed("its link_id is not a link"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

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
        let malformed = |node| {
            matches!(feed_one(&ours, branch_hash(two), 2, node), Err(WalkError { fault: Fault::Malformed(_), .. }))
        };
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
}
