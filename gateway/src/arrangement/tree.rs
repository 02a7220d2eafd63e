//! The prefix tree of a claim: one root for all figures, and a way down to the few that differ.
//!
//! A leaf lies at the BLAKE3 of its link's id, read in steps of four bits. A node whose range holds exactly one leaf *is*
//! that leaf; any other is a branch over its non-empty children. So the tree, and with it the root, is a function of
//! the set of leaves alone.
//!
//! Hashes: a leaf's is BLAKE3 of `00` and the leaf's bytes; a branch's is BLAKE3 of `01` and, for each non-empty child
//! ascending, the step as one byte and the child's hash. The tree without leaves is a branch without children. Neither
//! tag begins a protobuf message, so no node can pass for a payload.

mod proof;

use std::{collections::BTreeSet, ops::Range};

use crossmargin::v1;
use prost::bytes::Bytes;

use super::{digest::Digest, name::LinkId};
pub use proof::{Proof, ProofError, Siblings, verify_proof};

/// Children that a branch can have.
const FAN_OUT: u8 = 16;
/// Steps in a key, and so the deepest path.
pub const DEPTH_MAX: usize = 64;

/// Where a link's leaf lies: BLAKE3 of the link's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key([u8; 32]);

/// A prefix tree over encoded leaves; immutable once built.
#[derive(Clone, Debug)]
pub struct MarginTree {
    /// Ascending by key.
    leaves: Vec<Leaf>,
    /// The root first; the children of a branch lie together, ascending by step.
    nodes: Vec<Node>,
}

/// A leaf of the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// Where it lies.
    pub key: Key,
    /// The link.
    pub link: LinkId,
    /// The encoded `MarginLeaf`.
    pub bytes: Bytes,
}

/// Two leaves have one link.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("link {0} has two leaves: a claim has one leaf for each link")]
pub struct DuplicateLink(pub LinkId);

#[derive(Clone, Debug)]
struct Node {
    hash: Digest,
    /// From the parent; 0 at the root.
    step: u8,
    /// Of the leaves.
    range: Range<usize>,
    /// Of the nodes; empty for a leaf, and for the root of a tree without leaves.
    children: Range<usize>,
}

/// What is left of a subtree once some leaves are taken out.
enum Rest {
    Nothing,
    Leaf(Digest),
    Branch(Digest),
}

impl Key {
    /// Where the leaf of `link` lies.
    #[must_use]
    pub fn of(link: &LinkId) -> Self {
        Self(*blake3::hash(link.as_str().as_bytes()).as_bytes())
    }

    /// The step at a depth below [`DEPTH_MAX`], 0 to 15.
    fn step(&self, depth: usize) -> u8 {
        let byte = self.0[depth / 2];
        if depth.is_multiple_of(2) { byte >> 4 } else { byte & 0x0f }
    }

    /// Whether the key lies below `path`.
    #[must_use]
    pub fn is_below(&self, path: &[u8]) -> bool {
        path.len() <= DEPTH_MAX && path.iter().enumerate().all(|(depth, step)| self.step(depth) == *step)
    }
}

impl MarginTree {
    /// Builds the tree over `leaves`, given in any order.
    ///
    /// # Errors
    /// Two leaves have one link.
    pub fn build(leaves: impl IntoIterator<Item = (LinkId, Bytes)>) -> Result<Self, DuplicateLink> {
        let mut leaves: Vec<Leaf> =
            leaves.into_iter().map(|(link, bytes)| Leaf { key: Key::of(&link), link, bytes }).collect();
        leaves.sort_unstable_by_key(|leaf| leaf.key);
        if let Some(twins) = leaves.windows(2).find(|pair| pair[0].key == pair[1].key) {
            return Err(DuplicateLink(twins[0].link.clone()));
        }
        let all = 0..leaves.len();
        let root = Node { hash: Digest::default(), step: 0, range: all, children: 0..0 };
        let mut tree = Self { nodes: Vec::with_capacity(leaves.len() * 5 / 4 + 1), leaves };
        tree.nodes.push(root);
        tree.grow(0, 0, &mut Vec::new());
        Ok(tree)
    }

    /// The hash of the root.
    #[must_use]
    pub fn root(&self) -> Digest {
        self.nodes[0].hash
    }

    /// Number of leaves.
    #[must_use]
    pub fn len(&self) -> usize {
        self.leaves.len()
    }

    /// Whether there is no leaf.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.leaves.is_empty()
    }

    /// The leaves, ascending by key.
    #[must_use]
    pub fn leaves(&self) -> &[Leaf] {
        &self.leaves
    }

    /// The encoded leaf of a link.
    #[must_use]
    pub fn leaf(&self, link: &LinkId) -> Option<&Bytes> {
        let key = Key::of(link);
        self.leaves.binary_search_by(|leaf| leaf.key.cmp(&key)).ok().map(|at| &self.leaves[at].bytes)
    }

    /// The node at `path`, as the other house reads it; `None` where the tree has no such node.
    #[must_use]
    pub fn node(&self, path: &[u8]) -> Option<v1::TreeNode> {
        let node = self.find(path)?;
        let leaf = if self.is_leaf(node) { self.leaves[node.range.start].bytes.clone() } else { Bytes::new() };
        let children = self.nodes[node.children.clone()]
            .iter()
            .map(|child| v1::TreeChild { step: child.step.into(), hash: Bytes::copy_from_slice(child.hash.as_bytes()) })
            .collect();
        Some(v1::TreeNode { path: Bytes::copy_from_slice(path), leaf, children })
    }

    /// The root that the tree would have without the leaves of `taken`; links without a leaf here do not matter.
    ///
    /// Reads only the paths to the leaves that go, not the whole tree.
    #[must_use]
    pub fn root_without<'a>(&self, taken: impl IntoIterator<Item = &'a LinkId>) -> Digest {
        let taken: BTreeSet<Key> = taken.into_iter().map(Key::of).collect();
        match self.without(&self.nodes[0], &taken) {
            Rest::Nothing => branch_hash([]),
            Rest::Leaf(hash) | Rest::Branch(hash) => hash,
        }
    }

    /// The leaves below `path`.
    pub(crate) fn below(&self, path: &[u8]) -> &[Leaf] {
        let start = self.leaves.partition_point(|leaf| compare(&leaf.key, path).is_lt());
        let end = start + self.leaves[start..].partition_point(|leaf| compare(&leaf.key, path).is_eq());
        &self.leaves[start..end]
    }

    /// Hash and number of leaves of what lies below `path`; `None` where nothing does. A single leaf has one hash at
    /// every depth, so it answers below the node that holds it too.
    pub(crate) fn summary(&self, path: &[u8]) -> Option<(Digest, usize)> {
        let mut node = &self.nodes[0];
        for step in path {
            if self.is_leaf(node) {
                break;
            }
            node = self.nodes[node.children.clone()].iter().find(|child| child.step == *step)?;
        }
        let is_here =
            !node.range.is_empty() && (!self.is_leaf(node) || self.leaves[node.range.start].key.is_below(path));
        is_here.then_some((node.hash, node.range.len()))
    }

    fn is_leaf(&self, node: &Node) -> bool {
        node.range.len() == 1
    }

    fn find(&self, path: &[u8]) -> Option<&Node> {
        path.iter().try_fold(&self.nodes[0], |node, step| {
            self.nodes[node.children.clone()].iter().find(|child| child.step == *step)
        })
    }

    /// Makes everything below the node and its hash. `text` is scratch space.
    fn grow(&mut self, at: usize, depth: usize, text: &mut Vec<u8>) {
        let range = self.nodes[at].range.clone();
        if range.len() == 1 {
            self.nodes[at].hash = leaf_hash_in(text, &self.leaves[range.start].bytes);
            return;
        }
        let first = self.nodes.len();
        let mut start = range.start;
        while start < range.end {
            let step = self.leaves[start].key.step(depth);
            let end = start + self.leaves[start..range.end].partition_point(|leaf| leaf.key.step(depth) == step);
            self.nodes.push(Node { hash: Digest::default(), step, range: start..end, children: 0..0 });
            start = end;
        }
        let children = first..self.nodes.len();
        for child in children.clone() {
            self.grow(child, depth + 1, text);
        }
        self.nodes[at].hash = branch_hash(self.nodes[children.clone()].iter().map(|child| (child.step, child.hash)));
        self.nodes[at].children = children;
    }

    fn without(&self, node: &Node, taken: &BTreeSet<Key>) -> Rest {
        let leaves = &self.leaves[node.range.clone()];
        let (Some(first), Some(last)) = (leaves.first(), leaves.last()) else { return Rest::Nothing };
        if taken.range(first.key..=last.key).next().is_none() {
            return if self.is_leaf(node) { Rest::Leaf(node.hash) } else { Rest::Branch(node.hash) };
        }
        let mut left = Vec::new();
        let mut only_leaf = None;
        for child in &self.nodes[node.children.clone()] {
            let (hash, is_leaf) = match self.without(child, taken) {
                Rest::Nothing => continue,
                Rest::Leaf(hash) => (hash, true),
                Rest::Branch(hash) => (hash, false),
            };
            only_leaf = (left.is_empty() && is_leaf).then_some(hash);
            left.push((child.step, hash));
        }
        match (only_leaf, left.is_empty()) {
            (_, true) => Rest::Nothing,
            (Some(hash), _) => Rest::Leaf(hash),
            (None, _) => Rest::Branch(branch_hash(left)),
        }
    }
}

/// The hash of a leaf with these bytes.
#[must_use]
pub fn leaf_hash(bytes: &[u8]) -> Digest {
    leaf_hash_in(&mut Vec::new(), bytes)
}

/// The hash of a branch with these children, ascending by step.
#[must_use]
pub fn branch_hash(children: impl IntoIterator<Item = (u8, Digest)>) -> Digest {
    let mut text = Vec::with_capacity(1 + usize::from(FAN_OUT) * 33);
    text.push(0x01);
    for (step, hash) in children {
        text.push(step);
        text.extend_from_slice(hash.as_bytes());
    }
    Digest::of(&text)
}

fn leaf_hash_in(text: &mut Vec<u8>, bytes: &[u8]) -> Digest {
    text.clear();
    text.push(0x00);
    text.extend_from_slice(bytes);
    Digest::of(text)
}

/// Where a key lies as seen from the keys below `path`: before, among or after them.
fn compare(key: &Key, path: &[u8]) -> std::cmp::Ordering {
    path.iter()
        .enumerate()
        .map(|(depth, step)| key.step(depth).cmp(step))
        .find(|order| order.is_ne())
        .unwrap_or(std::cmp::Ordering::Equal)
}

#[cfg(test)]
mod tests;
