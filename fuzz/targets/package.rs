//! The default package, as anybody who holds the public keys verifies it.

use crossmargin::v1;
use gateway::arrangement::{
    default_package::{LinkParts, Parts, build, verify},
    digest::Digest,
    evidence::{ChangeBatch, Evidence, RegistryContent, RegistryEntry},
    leaf,
    leg::{Leg, Pair},
    link::{LinkKind, LinkTerms},
    tree::MarginTree,
};
use prost::{Message, bytes::Bytes};

use super::{
    Verdict,
    fixture::{ARRANGEMENT, any_signature, each_names_its_field, every_kind, numbered, sealed},
    tree::leaf_of,
};

/// A package: what verifies bears the name of its bytes and has one encoding; what does not names the field.
pub fn package(data: &[u8]) -> Verdict {
    match verify(data, &ARRANGEMENT, any_signature) {
        Ok(verified) => {
            assert_eq!(verified.digest, Digest::of(data));
            assert_eq!(v1::DefaultPackage::decode(data).unwrap().encode_to_vec(), data);
            let _ = (verified.pools(), verified.links.len());
            Verdict::Accepted
        }
        Err(problems) => {
            each_names_its_field(problems.list().iter().map(|p| (p.field.as_str(), p.description.clone())));
            Verdict::Refused
        }
    }
}

/// Packages of one link and of two.
pub fn packages() -> Vec<(String, Vec<u8>)> {
    numbered([&["L-1"][..], &["L-1", "L-2"]].map(package_of))
}

fn package_of(links: &[&str]) -> Vec<u8> {
    let own: Vec<LinkTerms> = links.iter().map(|link| terms(link, "alder")).collect();
    let others = ["X-1", "X-2", "X-3"].map(|link| terms(link, "birch"));
    let leaves = own.iter().chain(&others).map(|terms| (terms.link.clone(), leaf_bytes(terms)));
    let tree = MarginTree::build(leaves).unwrap();
    let statement = every_kind().into_iter().find_map(|evidence| match evidence {
        Evidence::Statement(mut statement) => {
            statement.agreed_root = tree.root();
            Some(Evidence::Statement(statement))
        }
        _ => None,
    });
    let statement = statement.unwrap();
    let suspension = v1::Suspension {
        scope: Some(v1::Scope { scope: Some(v1::scope::Scope::Member("alder".into())) }),
        is_default: true,
    };
    let change = v1::programme_change::Change::Suspension(suspension);
    let entry = Evidence::RegistryEntry(RegistryEntry {
        sequence: 12,
        previous: Digest([1; 32]),
        content: RegistryContent::Changes(ChangeBatch {
            changes: vec![v1::ProgrammeChange { reason: "in default".into(), change: Some(change) }],
            by: "administrator".into(),
            at: jiff::Timestamp::UNIX_EPOCH,
        }),
    });
    let parts = Parts {
        parties: &ARRANGEMENT.parties,
        member: "alder".parse().unwrap(),
        suspension: format!("{}/12/0", ARRANGEMENT.parties.houses.treasury),
        suspension_entry: sealed(&entry, Leg::Treasury),
        statements: Pair::from_fn(|leg| sealed(&statement, leg)),
        agreed: &tree,
        links: own
            .into_iter()
            .map(|terms| LinkParts { positions: Pair::from_fn(|leg| columns(&terms, leg)), terms })
            .collect(),
    };
    build(parts).unwrap().bytes.to_vec()
}

fn terms(link: &str, member: &str) -> LinkTerms {
    LinkTerms {
        link: link.parse().unwrap(),
        kind: LinkKind::House,
        member: member.parse().unwrap(),
        owner: member.parse().unwrap(),
        accounts: Pair::from_fn(|leg| format!("{}-{link}", leg.index()).parse().unwrap()),
    }
}

fn columns(terms: &LinkTerms, leg: Leg) -> v1::PositionColumns {
    let positions = match leg {
        Leg::Treasury => vec![("UST:91282CKJ9", 5_000_000), ("USD:2026-02-17", -4_900_000)],
        Leg::Futures => vec![("FUT:ZN:2026-03", -46)],
    };
    v1::PositionColumns {
        instruments: positions.iter().map(|(name, _)| (*name).to_owned()).collect(),
        accounts: vec![terms.accounts[leg].to_string()],
        position_counts: vec![u32::try_from(positions.len()).unwrap()],
        instrument_indexes: (0..u32::try_from(positions.len()).unwrap()).collect(),
        quantities: positions.iter().map(|(_, quantity)| *quantity).collect(),
    }
}

/// The digest of a leg's positions, by its definition: each instrument's name by its digest, and the quantity.
fn positions_digest(columns: &v1::PositionColumns) -> Bytes {
    let rows = columns.instruments.iter().zip(&columns.quantities);
    let digest = leaf::positions_digest(rows.map(|(name, quantity)| (Digest::of(name.as_bytes()), *quantity)));
    Bytes::copy_from_slice(digest.as_bytes())
}

fn leaf_bytes(terms: &LinkTerms) -> Bytes {
    leaf::encode(&v1::MarginLeaf {
        terms: Bytes::copy_from_slice(terms.digest().as_bytes()),
        treasury_positions: positions_digest(&columns(terms, Leg::Treasury)),
        futures_positions: positions_digest(&columns(terms, Leg::Futures)),
        ..leaf_of(terms.link.as_str())
    })
}
