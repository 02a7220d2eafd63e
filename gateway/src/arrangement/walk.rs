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
use prost::bytes::Bytes;

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
    let leaf: v1::MarginLeaf =
        crate::wire::decode(leaf.clone()).map_err(|_| Fault::Malformed("it is no MarginLeaf"))?;
    leaf.link_id.parse().map_err(|_| Fault::Malformed("its link_id is not a link"))
}

#[cfg(test)]
mod tests;
