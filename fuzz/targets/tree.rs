//! The figures of a claim: leaves, the walk down the other house's tree, proofs.

use std::sync::Arc;

use crossmargin::v1;
use gateway::arrangement::{
    digest::Digest,
    leaf,
    name::LinkId,
    tree::{MarginTree, Proof, verify_proof},
    walk::{Progress, Walk},
};
use prost::{Message, bytes::Bytes};

use super::{
    Verdict,
    fixture::{ARRANGEMENT, numbered},
};

/// A leaf: what follows from its own figures does so after it was written too; what does not names the field.
pub fn leaf(data: &[u8]) -> Verdict {
    let Ok(wire) = v1::MarginLeaf::decode(data) else { return Verdict::Refused };
    match leaf::check(&wire, &ARRANGEMENT.bounds, leaf::requirement_cents) {
        Ok(()) => {
            let read = v1::MarginLeaf::decode(leaf::encode(&wire)).unwrap();
            assert_eq!(read, wire);
            assert!(wire.applied_factor_bp <= ARRANGEMENT.bounds.max_bp.min(wire.override_bp));
            assert!(wire.treasury_requirement_cents <= wire.treasury_standalone_cents);
            assert!(wire.futures_requirement_cents <= wire.futures_standalone_cents);
            Verdict::Accepted
        }
        Err(error) => {
            assert!(!error.field.is_empty() && !error.reason.is_empty());
            Verdict::Refused
        }
    }
}

/// Leaves with a reduction and without.
pub fn leaves() -> Vec<(String, Vec<u8>)> {
    let none = v1::MarginLeaf {
        treasury_house: Some(model([5, 7, 12])),
        futures_house: Some(model([6, 8, 14])),
        applied_factor_bp: 0,
        treasury_requirement_cents: 1,
        futures_requirement_cents: 1,
        treasury_standalone_cents: 1,
        futures_standalone_cents: 1,
        shortfall_cents: 0,
        ..leaf_of("L-2")
    };
    numbered([leaf_of("L-1"), none].map(|leaf| leaf.encode_to_vec()))
}

fn model([treasury, futures, combined]: [i64; 3]) -> v1::ModelFigures {
    v1::ModelFigures {
        treasury_alone_e8: treasury,
        futures_alone_e8: futures,
        combined_e8: combined,
        factor_bp: leaf::factor_bp(treasury, futures, combined),
    }
}

/// A leaf whose figures follow from margins of both models.
pub fn leaf_of(link: &str) -> v1::MarginLeaf {
    let models = [
        model([100_000_000_000, 50_000_000_000, 60_000_000_000]),
        model([80_000_000_000, 70_000_000_000, 90_000_000_000]),
    ];
    let whole = leaf::WHOLE_BP;
    let bounds = &ARRANGEMENT.bounds;
    let applied = leaf::applied_factor_bp([models[0].factor_bp, models[1].factor_bp], whole, bounds);
    let margins = [models[0].treasury_alone_e8, models[1].futures_alone_e8];
    let [required, alone] = [applied, 0].map(|bp| margins.map(|e8| leaf::requirement_cents(e8, bp).unwrap()));
    let larger = leaf::requirement_cents(models[0].combined_e8.max(models[1].combined_e8), 0).unwrap();
    v1::MarginLeaf {
        link_id: link.to_owned(),
        terms: Bytes::from_static(&[1; 32]),
        mode: v1::LinkMode::Live.into(),
        treasury_positions: Bytes::from_static(&[2; 32]),
        futures_positions: Bytes::from_static(&[3; 32]),
        market: Bytes::from_static(&[4; 32]),
        treasury_house: Some(models[0]),
        futures_house: Some(models[1]),
        applied_factor_bp: applied,
        treasury_requirement_cents: required[0],
        futures_requirement_cents: required[1],
        treasury_standalone_cents: alone[0],
        futures_standalone_cents: alone[1],
        shortfall_cents: (larger - required[0] - required[1]).max(0),
        treasury_charges_cents: 1_000,
        futures_charges_cents: 500,
        override_bp: whole,
    }
}

/// This house's tree of sixty links, and the other house's, which lacks some, has others, and differs in a few.
fn trees() -> (Arc<MarginTree>, MarginTree) {
    let leaf = |n: u32, cents: i64| {
        let link: LinkId = format!("LNK-{n:04}").parse().unwrap();
        let bytes = leaf::encode(&v1::MarginLeaf { treasury_charges_cents: cents, ..leaf_of(link.as_str()) });
        (link, bytes)
    };
    let ours = MarginTree::build((0..60).map(|n| leaf(n, 1))).unwrap();
    let theirs = MarginTree::build((5..70).map(|n| leaf(n, if n % 9 == 0 { 2 } else { 1 }))).unwrap();
    (Arc::new(ours), theirs)
}

/// The data says which node of the other house's answers is changed, and how: a walk over the true nodes finds exactly what
/// differs, and a walk over any other node ends in an error, never in another difference. Without a change, the data itself
/// is read as nodes.
pub fn walk(data: &[u8]) -> Verdict {
    let (ours, theirs) = trees();
    let mut truth: Vec<LinkId> = (0..70)
        .map(|n| format!("LNK-{n:04}").parse().unwrap())
        .filter(|link| ours.leaf(link) != theirs.leaf(link))
        .collect();
    truth.sort();
    if let Ok(nodes) = v1::ReadNodesResponse::decode(data) {
        let mut walk = Walk::new(Arc::clone(&ours), theirs.root(), theirs.len() as u64);
        if let Err(error) = walk.feed(nodes.nodes) {
            assert!(!error.to_string().is_empty());
        }
    }
    prove(&theirs, data);
    let mut edits = data.chunks_exact(4);
    let mut walk = Walk::new(Arc::clone(&ours), theirs.root(), theirs.len() as u64);
    let mut is_changed = false;
    loop {
        let mut nodes: Vec<v1::TreeNode> = walk.wants().iter().map(|path| theirs.node(path).unwrap()).collect();
        let before = nodes.clone();
        if let Some([kind, which, place, value]) = edits.next() {
            edit(&mut nodes, *kind, usize::from(*which), usize::from(*place), *value);
        }
        is_changed |= nodes != before;
        match walk.feed(nodes) {
            Ok(Progress::Walking) => assert!(!walk.wants().is_empty()),
            Ok(Progress::Done(differences)) => {
                assert!(!is_changed, "a changed node was believed");
                let found: Vec<LinkId> = differences.into_iter().map(|difference| difference.link).collect();
                assert_eq!(found, truth);
                return Verdict::Accepted;
            }
            Err(error) => {
                assert!(is_changed, "the true nodes were refused: {error}");
                return Verdict::Refused;
            }
        }
    }
}

fn edit(nodes: &mut Vec<v1::TreeNode>, kind: u8, which: usize, place: usize, value: u8) {
    let count = nodes.len();
    if count == 0 {
        return;
    }
    let other = place % count;
    let node = &mut nodes[which % count];
    let flip = |bytes: &mut Bytes| {
        let mut changed = bytes.to_vec();
        if !changed.is_empty() {
            let at = place % changed.len();
            changed[at] ^= value;
        }
        *bytes = changed.into();
    };
    match kind % 9 {
        0 => {}
        1 => flip(&mut node.leaf),
        2 => flip(&mut node.path),
        3 => node.children.truncate(place % 3),
        4 => {
            if let Some(child) = node.children.first_mut() {
                flip(&mut child.hash);
            }
        }
        5 => {
            if let Some(child) = node.children.last_mut() {
                child.step ^= u32::from(value);
            }
        }
        6 => drop(nodes.remove(which % count)),
        7 => nodes.swap(which % count, other),
        _ => nodes.push(nodes[other].clone()),
    }
}

/// A proof of a leaf holds as it is, and with any byte of a sibling changed it does not.
fn prove(tree: &MarginTree, data: &[u8]) {
    let link: LinkId = format!("LNK-{:04}", 5 + data.len() % 65).parse().unwrap();
    let bytes = tree.leaf(&link).unwrap();
    let proof = tree.proof(&link).unwrap();
    assert_eq!(verify_proof(tree.root(), &link, bytes, &proof), Ok(()));
    // Any branches that the data gives, above the true ones.
    let given = v1::TreeNode::decode(data).map(|node| node.children).unwrap_or_default();
    let sibling =
        |child: &v1::TreeChild| Some((u8::try_from(child.step).ok()?, Digest::try_from(&child.hash[..]).ok()?));
    let extra: Vec<(u8, Digest)> = given.iter().filter_map(sibling).collect();
    let higher = Proof { branches: [&[extra][..], &proof.branches].concat() };
    assert!(verify_proof(tree.root(), &link, bytes, &higher).is_err());
    if let ([place, value, ..], Some(siblings)) = (data, proof.branches.first())
        && *value != 0
    {
        let mut changed = Proof { branches: proof.branches.clone() };
        let at = usize::from(*place) % siblings.len();
        changed.branches[0][at].1.0[usize::from(*place) % 32] ^= value;
        assert!(verify_proof(tree.root(), &link, bytes, &changed).is_err());
    }
}

/// Nothing changed, and nodes of the tree.
pub fn walks() -> Vec<(String, Vec<u8>)> {
    let unchanged = [&[][..], &[0; 16]].map(<[u8]>::to_vec);
    numbered(unchanged)
}
