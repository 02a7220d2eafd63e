//! Building a package from what a node holds.

use std::collections::BTreeMap;

use crossmargin::v1;
use prost::{Message, bytes::Bytes};

use crate::arrangement::{
    digest::Digest,
    evidence::{Evidence, EvidenceError, Statement},
    leg::{Leg, Pair},
    link::LinkTerms,
    matching::Sum,
    name::{LinkId, MemberId},
    parties::Parties,
    tree::{MarginTree, Proof},
};

/// What a package is built from.
#[derive(Clone, Debug)]
pub struct Parts<'a> {
    /// The arrangement's parties.
    pub parties: &'a Parties,
    /// The member in default.
    pub member: MemberId,
    /// The suspension, `<house>/<sequence>/<place>`.
    pub suspension: String,
    /// The registry entry that records it, as its house signed it.
    pub suspension_entry: v1::SignedEnvelope,
    /// The agreed statement as each house signed it.
    pub statements: Pair<v1::SignedEnvelope>,
    /// The tree over the agreed leaves: its root is the statement's `agreed_root`.
    pub agreed: &'a MarginTree,
    /// The member's links with an agreed leaf, in any order.
    pub links: Vec<LinkParts>,
}

/// What a package holds of one link beside its leaf.
#[derive(Clone, Debug)]
pub struct LinkParts {
    /// The terms.
    pub terms: LinkTerms,
    /// The positions of each leg as they were frozen for the cycle: the columns of one account.
    pub positions: Pair<v1::PositionColumns>,
}

/// A package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    /// Its bytes.
    pub bytes: Bytes,
    /// BLAKE3 of them: its name.
    pub digest: Digest,
}

/// Why there is no package.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// The statements are not both houses' over one content.
    #[error("the two envelopes do not carry one statement")]
    Statements,
    /// The statement cannot be read.
    #[error("the statement cannot be read: {0}")]
    Statement(EvidenceError),
    /// The tree is not the one that was agreed on.
    #[error("the tree has root {found}, but the statement agrees on {agreed}")]
    Root {
        /// As agreed.
        agreed: Digest,
        /// Of the tree.
        found: Digest,
    },
    /// A link is given twice.
    #[error("link {0} is given twice")]
    Twice(LinkId),
    /// A link has no leaf that could be read in the agreed tree.
    #[error("link {0} has no readable leaf in the agreed tree: it was not agreed")]
    NotAgreed(LinkId),
    /// The sums over the links are out of range.
    #[error("the totals are out of range at link {0}")]
    Total(LinkId),
}

/// Builds the package. Equal parts, links in any order, make equal bytes.
///
/// It does not verify what it is given: whoever exports a package verifies it like anybody else.
///
/// # Errors
/// The parts do not belong together.
pub fn build(parts: Parts<'_>) -> Result<Package, BuildError> {
    let Parts { parties, member, suspension, suspension_entry, statements, agreed, links } = parts;
    let statement = statement_of(parties, &statements)?;
    if agreed.root() != statement.agreed_root {
        return Err(BuildError::Root { agreed: statement.agreed_root, found: agreed.root() });
    }
    let mut sorted = BTreeMap::new();
    for link in links {
        let id = link.terms.link.clone();
        if sorted.insert(id.clone(), link).is_some() {
            return Err(BuildError::Twice(id));
        }
    }
    let (mut live, mut rehearsal) = (Sum::default(), Sum::default());
    let mut wire = Vec::with_capacity(sorted.len());
    for (id, LinkParts { terms, positions }) in sorted {
        let missing = || BuildError::NotAgreed(id.clone());
        let bytes = agreed.leaf(&id).ok_or_else(missing)?;
        let figures = v1::MarginLeaf::decode(bytes.clone()).map_err(|_| missing())?;
        let sum = if figures.mode() == v1::LinkMode::Live { &mut live } else { &mut rehearsal };
        sum.add(&figures).ok_or_else(|| BuildError::Total(id.clone()))?;
        wire.push(v1::DefaultedLink {
            terms: Some(terms.to_wire()),
            mode: figures.mode,
            treasury_positions: Some(positions.treasury),
            futures_positions: Some(positions.futures),
            leaf: bytes.clone(),
            proof: to_wire(&agreed.proof(&id).ok_or_else(missing)?),
        });
    }
    let digest = Digest::of(&statements.treasury.payload);
    let package = v1::DefaultPackage {
        arrangement: parties.arrangement.to_string(),
        member: member.to_string(),
        suspension_id: suspension,
        suspension_entry: Some(suspension_entry),
        cycle: Some(statement.cycle.to_wire(parties.arrangement.as_str())),
        statement: Bytes::copy_from_slice(digest.as_bytes()),
        treasury_statement: Some(statements.treasury),
        futures_statement: Some(statements.futures),
        links: wire,
        live_totals: Some(live.totals.to_wire()),
        rehearsal_totals: Some(rehearsal.totals.to_wire()),
    };
    let bytes: Bytes = package.encode_to_vec().into();
    let digest = Digest::of(&bytes);
    Ok(Package { bytes, digest })
}

fn statement_of(parties: &Parties, statements: &Pair<v1::SignedEnvelope>) -> Result<Statement, BuildError> {
    if statements.treasury.payload != statements.futures.payload {
        return Err(BuildError::Statements);
    }
    let payload = &statements.treasury.payload;
    match Evidence::decode(v1::EvidenceKind::Statement, payload, parties, Leg::Treasury) {
        Ok(Evidence::Statement(statement)) => Ok(statement),
        Ok(_) => Err(BuildError::Statements),
        Err(error) => Err(BuildError::Statement(error)),
    }
}

fn to_wire(proof: &Proof) -> Vec<v1::ProofBranch> {
    let child = |(step, hash): &(u8, Digest)| v1::TreeChild {
        step: u32::from(*step),
        hash: Bytes::copy_from_slice(hash.as_bytes()),
    };
    proof.branches.iter().map(|branch| v1::ProofBranch { siblings: branch.iter().map(child).collect() }).collect()
}
