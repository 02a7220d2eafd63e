use crossmargin::v1;
use prost::{Message, bytes::Bytes};

use super::*;
use crate::{
    arrangement::{
        envelope,
        evidence::{Evidence, RegistryContent, RegistryEntry, Statement, tests::every_kind},
        leaf::tests::leaf_of,
        name::{HouseId, LinkId},
        terms::Arrangement,
        tree::MarginTree,
    },
    identity::SigningKey,
};

const SUSPENSION: &str = "FICC/12/0";

/// Everything that a test's package is made of.
struct Scene {
    arrangement: Arrangement,
    keys: Pair<SigningKey>,
    tree: MarginTree,
    statement: Statement,
}

fn terms(link: &str, member: &str) -> LinkTerms {
    let account = |leg: Leg| format!("{}-{link}", leg.index()).parse().unwrap();
    LinkTerms {
        link: link.parse().unwrap(),
        kind: crate::arrangement::link::LinkKind::House,
        member: member.parse().unwrap(),
        owner: member.parse().unwrap(),
        accounts: Pair::from_fn(account),
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

fn leaf_bytes(terms: &LinkTerms, mode: v1::LinkMode) -> Bytes {
    let digest = |digest: Digest| Bytes::copy_from_slice(digest.as_bytes());
    let leaf = v1::MarginLeaf {
        terms: digest(terms.digest()),
        mode: mode.into(),
        treasury_positions: digest(digest_of(&columns(terms, Leg::Treasury))),
        futures_positions: digest(digest_of(&columns(terms, Leg::Futures))),
        ..leaf_of(
            terms.link.as_str(),
            [100_000_000_000, 50_000_000_000, 60_000_000_000],
            [80_000_000_000, 70_000_000_000, 90_000_000_000],
        )
    };
    leaf::encode(&leaf)
}

impl Scene {
    /// An agreement on these links of `alder`, and on others' as many as are wanted.
    fn new(own: &[(&str, v1::LinkMode)], others: usize) -> Self {
        let own = own.iter().map(|(link, mode)| (terms(link, "alder"), *mode));
        let others = (0..others).map(|n| (terms(&format!("X-{n}"), "birch"), v1::LinkMode::Live));
        let leaves = own.chain(others).map(|(terms, mode)| (terms.link.clone(), leaf_bytes(&terms, mode)));
        let tree = MarginTree::build(leaves).unwrap();
        let Some(Evidence::Statement(statement)) =
            every_kind().into_iter().find(|evidence| matches!(evidence, Evidence::Statement(_)))
        else {
            panic!("there is a statement")
        };
        Self {
            arrangement: Arrangement::default(),
            keys: Pair { treasury: [1; 32], futures: [2; 32] }.map(|seed| SigningKey::from_seed(&seed).unwrap()),
            statement: Statement { agreed_root: tree.root(), ..statement },
            tree,
        }
    }

    fn sealed(&self, evidence: &Evidence, signer: Leg) -> v1::SignedEnvelope {
        let key = &self.keys[signer];
        envelope::seal(evidence, &self.arrangement.parties, signer, &key.id().to_string(), |bytes| key.sign(bytes))
    }

    fn entry(&self, sequence: u64) -> v1::SignedEnvelope {
        let content = RegistryContent::Adoption(self.arrangement.digest());
        let entry = RegistryEntry { sequence, previous: Digest([1; 32]), content };
        self.sealed(&Evidence::RegistryEntry(entry), Leg::Treasury)
    }

    fn parts(&self, links: &[&str]) -> Parts<'_> {
        let statement = Evidence::Statement(self.statement.clone());
        let link = |link: &&str| {
            let terms = terms(link, "alder");
            LinkParts { positions: Pair::from_fn(|leg| columns(&terms, leg)), terms }
        };
        Parts {
            parties: &self.arrangement.parties,
            member: "alder".parse().unwrap(),
            suspension: SUSPENSION.to_owned(),
            suspension_entry: self.entry(12),
            statements: Pair::from_fn(|leg| self.sealed(&statement, leg)),
            agreed: &self.tree,
            links: links.iter().map(link).collect(),
        }
    }

    fn verify(&self, bytes: &[u8]) -> Result<Verified, Problems> {
        verify(bytes, &self.arrangement, |house: &HouseId, key_id: &str, message: &[u8], signature: &[u8]| {
            let leg = self.arrangement.parties.leg_of(house.as_str()).ok_or("no party")?;
            let key = self.keys[leg].public();
            let is_good = key.id().to_string() == key_id && key.verifies(message, signature);
            if is_good { Ok(()) } else { Err("the signature does not match") }
        })
    }
}

fn two_links() -> Scene {
    Scene::new(&[("L-1", v1::LinkMode::Live), ("L-2", v1::LinkMode::Rehearsal)], 40)
}

#[test]
fn a_package_verifies_and_tells_what_both_houses_signed() {
    let scene = two_links();
    let package = build(scene.parts(&["L-2", "L-1"])).unwrap();
    let verified = scene.verify(&package.bytes).unwrap();
    assert_eq!(verified.digest, package.digest);
    assert_eq!(verified.member.as_str(), "alder");
    assert_eq!((verified.cycle, verified.round), (scene.statement.cycle, scene.statement.round));
    let links: Vec<_> = verified.links.iter().map(|link| (link.terms.link.as_str(), link.mode)).collect();
    assert_eq!(links, [("L-1", LinkMode::Live), ("L-2", LinkMode::Rehearsal)]);
    // A factor of 40 % at the futures house, the lesser: 1,000 and 700 USD stand-alone.
    assert_eq!(verified.live.standalone_cents, Pair { treasury: 100_000, futures: 70_000 });
    assert_eq!(verified.live.requirement_cents, Pair { treasury: 60_000, futures: 42_000 });
    assert_eq!(verified.rehearsal.standalone_cents, verified.live.standalone_cents);
    assert_eq!(verified.links[0].positions.futures.quantities, [-46]);
}

#[test]
fn equal_parts_in_any_order_make_equal_bytes() {
    let scene = two_links();
    assert_eq!(build(scene.parts(&["L-2", "L-1"])), build(scene.parts(&["L-1", "L-2"])));
    assert_ne!(build(scene.parts(&["L-1"])), build(scene.parts(&["L-1", "L-2"])));
}

#[test]
fn a_leaf_that_is_the_whole_tree_needs_no_branch() {
    let scene = Scene::new(&[("L-1", v1::LinkMode::Live)], 0);
    let package = build(scene.parts(&["L-1"])).unwrap();
    assert_eq!(scene.verify(&package.bytes).unwrap().links.len(), 1);
}

#[test]
fn the_figures_for_the_loss_allocation_follow_from_the_package() {
    let scene = two_links();
    let verified = scene.verify(&build(scene.parts(&["L-1", "L-2"])).unwrap().bytes).unwrap();
    let results = Pair { treasury: -5, futures: 7 };
    let inputs = verified.loss_inputs(&LossPool::Proprietary, results, CloseOut::Separate).unwrap();
    // Stand-alone and charges of both links, 1,000 USD each at the Treasury house; the reduction of the live one.
    assert_eq!(
        inputs.houses().treasury,
        HouseFigures { result_cents: -5, standalone_cents: 2 * (100_000 + 1_000), reduction_cents: 40_000 }
    );
    assert_eq!(
        inputs.houses().futures,
        HouseFigures { result_cents: 7, standalone_cents: 2 * (70_000 + 700), reduction_cents: 28_000 }
    );
}

#[test]
fn a_customers_links_are_a_pool_of_their_own() {
    let customer = |terms: &mut LinkTerms| {
        terms.kind = LinkKind::Customer;
        terms.owner = "C-1".parse().unwrap();
    };
    let mut own = ["L-1", "L-2", "L-3"].map(|link| terms(link, "alder"));
    customer(&mut own[1]);
    customer(&mut own[2]);
    own[2].owner = "C-2".parse().unwrap();
    let mut scene = Scene::new(&[], 1);
    let leaves = own.iter().map(|terms| (terms.link.clone(), leaf_bytes(terms, v1::LinkMode::Live)));
    scene.tree = MarginTree::build(leaves).unwrap();
    scene.statement.agreed_root = scene.tree.root();
    let mut parts = scene.parts(&[]);
    parts.links = own
        .iter()
        .map(|terms| LinkParts { terms: terms.clone(), positions: Pair::from_fn(|leg| columns(terms, leg)) })
        .collect();
    let verified = scene.verify(&build(parts).unwrap().bytes).unwrap();
    let of = |pool: &LossPool| {
        let inputs = verified.loss_inputs(pool, Pair { treasury: -5, futures: 7 }, CloseOut::Joint);
        inputs.map(|inputs| inputs.houses().treasury.standalone_cents)
    };
    for pool in [LossPool::Proprietary, LossPool::Customer("C-1".parse().unwrap())] {
        assert_eq!(of(&pool), Ok(100_000 + 1_000), "{pool}: one link of three");
    }
    let nobody = of(&LossPool::Customer("alder".parse().unwrap())).unwrap_err().to_string();
    assert_eq!(nobody, "links: the package has no link of customer alder");
}

#[test]
fn every_changed_byte_of_a_package_is_found() {
    let scene = Scene::new(&[("L-1", v1::LinkMode::Live)], 3);
    let package = build(scene.parts(&["L-1"])).unwrap();
    // Nothing that is signed covers the place within the entry of the suspension; the package's name does.
    let id = package.bytes.windows(SUSPENSION.len()).position(|window| window == SUSPENSION.as_bytes()).unwrap();
    let place = id + SUSPENSION.len() - 1;
    for at in 0..package.bytes.len() {
        for flip in [0x01, 0x02, 0x10, 0x80] {
            let mut changed = package.bytes.to_vec();
            changed[at] ^= flip;
            match scene.verify(&changed) {
                Err(_) => {}
                Ok(verified) => {
                    assert_eq!(at, place, "byte {at} of {}, changed by {flip:#x}", changed.len());
                    assert_ne!(verified.digest, package.digest);
                }
            }
        }
    }
    for cut in 0..package.bytes.len() {
        assert!(scene.verify(&package.bytes[..cut]).is_err(), "cut to {cut} bytes");
    }
}

type Change = fn(&Scene, &mut v1::DefaultPackage);

#[test]
fn whatever_does_not_belong_is_named_by_its_field() {
    let scene = two_links();
    let package = build(scene.parts(&["L-1", "L-2"])).unwrap();
    let changes: [(&str, Change); 29] = [
        ("arrangement: is", |_, p| p.arrangement = "A-B".into()),
        ("member: ", |_, p| p.member = String::new()),
        ("links[0].terms.member: is alder", |_, p| p.member = "birch".into()),
        ("suspension_id: ", |_, p| p.suspension_id = "FICC/012/0".into()),
        ("suspension_entry: is entry 12 of FICC", |_, p| p.suspension_id = "CME/12/0".into()),
        ("suspension_entry: is entry 13 of FICC", |s, p| p.suspension_entry = Some(s.entry(13))),
        ("suspension_entry: is missing", |_, p| p.suspension_entry = None),
        ("suspension_entry: is no entry", |_, p| p.suspension_entry = p.futures_statement.clone()),
        ("cycle: is 2026-02-13/EOD/3", |_, p| p.cycle.as_mut().unwrap().run = 3),
        ("cycle: cycle is missing", |_, p| p.cycle = None),
        ("statement: is not the digest", |_, p| p.statement = Bytes::new()),
        ("treasury_statement: is missing", |_, p| p.treasury_statement = None),
        ("treasury_statement: is not signed by FICC", |_, p| p.treasury_statement = p.futures_statement.clone()),
        ("futures_statement: is a RegistryEntry", |_, p| p.futures_statement = p.suspension_entry.clone()),
        ("futures_statement: signature", |_, p| p.futures_statement.as_mut().unwrap().house = "FICC".into()),
        ("futures_statement: is over other content", |s, p| {
            let other = Evidence::Statement(Statement { live_count: 9, ..s.statement.clone() });
            p.futures_statement = Some(s.sealed(&other, Leg::Futures));
        }),
        ("links: is empty", |_, p| p.links.clear()),
        ("links[1].terms.link_id: links must ascend", |_, p| p.links.swap(0, 1)),
        ("links[0].terms.owner: ", |_, p| p.links[0].terms.as_mut().unwrap().owner = String::new()),
        ("links[0].terms: are not those", |_, p| p.links[0].terms.as_mut().unwrap().futures_account = "1-L-9".into()),
        ("links[0].mode: is 2, but the leaf says 1", |_, p| p.links[0].mode = 2),
        ("links[0].proof: it leads to root", |_, p| p.links[0].leaf = p.links[1].leaf.clone()),
        ("links[0].proof: branch 0", |_, p| p.links[0].proof[0].siblings[0].step = 77),
        ("links[0].proof: 256 is no step", |_, p| p.links[0].proof[0].siblings[0].step = 256),
        ("links[0].proof: the last branch", |_, p| p.links[0].proof.push(v1::ProofBranch::default())),
        ("links[0].treasury_positions: are missing", |_, p| p.links[0].treasury_positions = None),
        ("links[0].futures_positions: have digest", |_, p| {
            p.links[0].futures_positions.as_mut().unwrap().quantities[0] = -47;
        }),
        ("links[0].futures_positions: are not the columns", |_, p| {
            p.links[0].futures_positions.as_mut().unwrap().instruments.push("FUT:ZF:2026-03".into());
        }),
        ("live_totals: are not the sums", |_, p| p.live_totals.as_mut().unwrap().shortfall_cents += 1),
    ];
    for (expected, change) in changes {
        let mut wire = v1::DefaultPackage::decode(&package.bytes[..]).unwrap();
        change(&scene, &mut wire);
        let found = scene.verify(&wire.encode_to_vec()).unwrap_err().to_string();
        assert!(found.lines().any(|line| line.starts_with(expected)), "{expected}: {found}");
    }
}

#[test]
fn all_problems_are_told_at_once() {
    let scene = two_links();
    let mut wire = v1::DefaultPackage::decode(&build(scene.parts(&["L-1", "L-2"])).unwrap().bytes[..]).unwrap();
    wire.suspension_id.clear();
    wire.links[0].futures_positions = None;
    wire.links[1].mode = 0;
    wire.statement = Bytes::new();
    let fields: Vec<_> =
        scene.verify(&wire.encode_to_vec()).unwrap_err().list().iter().map(|problem| problem.field.clone()).collect();
    assert_eq!(fields, ["suspension_id", "statement", "links[0].futures_positions", "links[1].mode"]);
}

#[test]
fn a_figure_that_does_not_follow_is_found_even_where_both_houses_signed_it() {
    let own = terms("L-1", "alder");
    let mut leaf = v1::MarginLeaf::decode(leaf_bytes(&own, v1::LinkMode::Live)).unwrap();
    leaf.treasury_requirement_cents -= 1;
    let mut scene = Scene::new(&[], 1);
    scene.tree = MarginTree::build([(own.link, leaf::encode(&leaf))]).unwrap();
    scene.statement.agreed_root = scene.tree.root();
    let found = scene.verify(&build(scene.parts(&["L-1"])).unwrap().bytes).unwrap_err().to_string();
    assert!(found.contains("links[0].leaf") && found.contains("treasury_requirement_cents"), "{found}");
}

#[test]
fn what_is_no_package_is_refused() {
    let scene = two_links();
    let found = |bytes: &[u8]| scene.verify(bytes).unwrap_err().to_string();
    assert!(found(&[0xff]).contains("is no default package"));
    assert!(found(&vec![0; PACKAGE_BYTES_MAX + 1]).contains("at most"));
    // An unknown field at the end: skipped by a reader, and yet other bytes.
    let package = build(scene.parts(&["L-1"])).unwrap();
    assert!(found(&[&package.bytes[..], &[0xf8, 0x07, 0x01]].concat()).contains("canonical"));
}

#[test]
fn parts_that_do_not_belong_together_make_no_package() {
    let scene = two_links();
    let refused = |change: fn(&Scene, &mut Parts<'_>)| {
        let mut parts = scene.parts(&["L-1", "L-2"]);
        change(&scene, &mut parts);
        build(parts).unwrap_err()
    };
    let link = |text: &str| text.parse::<LinkId>().unwrap();
    assert_eq!(refused(|_, parts| parts.links.push(parts.links[0].clone())), BuildError::Twice(link("L-1")));
    assert_eq!(
        refused(|_, parts| parts.links[0].terms.link = "L-3".parse().unwrap()),
        BuildError::NotAgreed(link("L-3"))
    );
    assert_eq!(refused(|_, parts| parts.statements.futures.payload = Bytes::new()), BuildError::Statements);
    let unreadable = refused(|_, parts| {
        for leg in Leg::BOTH {
            parts.statements[leg].payload = Bytes::from_static(b"\xff");
        }
    });
    assert!(matches!(unreadable, BuildError::Statement(_)), "{unreadable}");
    let other = Scene::new(&[("L-1", v1::LinkMode::Live)], 1);
    let parts = Parts { agreed: &other.tree, ..scene.parts(&["L-1"]) };
    assert_eq!(build(parts).unwrap_err(), BuildError::Root { agreed: scene.tree.root(), found: other.tree.root() });
}

#[test]
fn a_suspension_is_named_in_one_way() {
    assert_eq!(entry_of("FICC/12/0"), Some(("FICC", 12)));
    for text in ["", "FICC", "FICC/12", "FICC/0/0", "FICC/12/00", "FICC/+12/0", "FICC/12/0/1", "FICC/x/0", "FICC/12/-1"]
    {
        assert_eq!(entry_of(text), None, "{text:?}");
    }
}
