use crossmargin::v1::{self, programme_change::Change};

use super::*;
use crate::arrangement::{
    cycle_id::Round,
    default_package::VerifiedLink,
    digest::Digest,
    evidence::{ChangeBatch, RegistryContent, RegistryEntry, Totals},
    leaf::tests::leaf_of,
    link::{LinkKind, LinkMode, LinkTerms},
    name::OwnerId,
    terms::Arrangement,
};

const ID: &str = "FICC/2/1";
const CUSTOMER: &str = "C-1";

/// Both logs after a suspension in default of `alder` by the Treasury house.
struct Scene(Registry);

impl Scene {
    fn new() -> Self {
        let mut scene = Self(Registry::new(Arrangement::default().programme.clone()));
        for leg in Leg::BOTH {
            scene.append(leg, RegistryContent::Adoption(Digest([7; 32])));
        }
        let scope = Some(v1::Scope { scope: Some(v1::scope::Scope::Member("alder".into())) });
        let member = v1::MemberRecord { member: "alder".into(), ..Default::default() };
        let suspension = v1::Suspension { scope, is_default: true };
        scene.record(Leg::Treasury, vec![Change::Member(member), Change::Suspension(suspension)]);
        scene
    }

    fn record(&mut self, leg: Leg, changes: Vec<Change>) {
        let change = |change| v1::ProgrammeChange { reason: "a test".into(), change: Some(change) };
        let changes = changes.into_iter().map(change).collect();
        let batch = ChangeBatch { changes, by: "administrator".into(), at: jiff::Timestamp::UNIX_EPOCH };
        self.append(leg, RegistryContent::Changes(batch));
    }

    fn append(&mut self, leg: Leg, content: RegistryContent) {
        let (sequence, previous) = self.0.next(leg);
        let entry = RegistryEntry { sequence, previous, content };
        let digest = Digest::of(format!("{leg:?} {entry:?}").as_bytes());
        self.0.record(leg, &entry, digest).unwrap();
    }

    /// Both houses have made one package, chosen one close-out and reported results of the member's own pool.
    fn ready() -> Self {
        let mut scene = Self::new();
        for (leg, result) in [(Leg::Treasury, "-5.00"), (Leg::Futures, "7.00")] {
            scene.record(leg, vec![package(1), close_out(v1::CloseOut::Joint), result_of("", result)]);
        }
        scene
    }

    fn settlement<'a>(&'a self, package: Option<&'a Verified>) -> Settlement<'a> {
        let suspension = SuspensionId::parse(ID, self.0.programme()).unwrap();
        Settlement { registry: &self.0, suspension, package, rule: LossSharing::Assumed1 }
    }
}

fn package(content: u8) -> Change {
    let package = vec![content; 32].into();
    Change::DefaultPackage(v1::DefaultPackageRecord { suspension_id: ID.into(), package, size_bytes: 9 })
}

fn close_out(choice: v1::CloseOut) -> Change {
    Change::CloseOut(v1::CloseOutChoice { suspension_id: ID.into(), close_out: choice.into() })
}

fn result_of(customer: &str, result: &str) -> Change {
    let (suspension_id, result, customer) = (ID.into(), result.into(), customer.into());
    Change::Liquidation(v1::LiquidationResult { suspension_id, result, customer })
}

fn paid(payer: &str, amount: &str) -> Change {
    let (suspension_id, rule, customer) = (ID.into(), "assumed-1".into(), String::new());
    let (payer, amount) = (payer.into(), amount.into());
    Change::LossAllocation(v1::LossAllocationRecord { suspension_id, payer, amount, rule, customer })
}

/// A package with a link of the member's own and one of a customer.
fn verified() -> Verified {
    let link = |name: &str, kind: LinkKind, owner: &str| VerifiedLink {
        terms: LinkTerms {
            link: name.parse().unwrap(),
            kind,
            member: "alder".parse().unwrap(),
            owner: owner.parse().unwrap(),
            accounts: Pair::from_fn(|leg| format!("{}-{name}", leg.index()).parse().unwrap()),
        },
        mode: LinkMode::Live,
        leaf: leaf_of(name, [100_000_000_000, 0, 0], [80_000_000_000, 0, 0]),
        positions: Pair::default(),
    };
    Verified {
        digest: Digest([1; 32]),
        member: "alder".parse().unwrap(),
        suspension: ID.into(),
        cycle: "2026-02-13/EOD/1".parse().unwrap(),
        round: Round(1),
        statement: Digest([2; 32]),
        links: vec![link("L-1", LinkKind::House, "alder"), link("L-2", LinkKind::Customer, CUSTOMER)],
        live: Totals::default(),
        rehearsal: Totals::default(),
    }
}

fn missing(scene: &Scene, package: Option<&Verified>, pool: &LossPool) -> Vec<String> {
    let refused = scene.settlement(package).allocation(pool).unwrap_err();
    refused.list().iter().map(|problem| format!("{}: {}", problem.field, problem.description)).collect()
}

#[test]
fn everything_that_is_missing_is_named_at_once() {
    assert_eq!(
        missing(&Scene::new(), None, &LossPool::Proprietary),
        [
            "package: FICC has made no package: call DefaultService.MakePackage there; CME has made no package: call \
             DefaultService.MakePackage there",
            "close_out: FICC has chosen no close-out: record a close_out there; CME has chosen no close-out: record a \
             close_out there",
            "results: FICC has recorded no result of the member's own accounts and its affiliates': record a \
             liquidation there",
            "results: CME has recorded no result of the member's own accounts and its affiliates': record a \
             liquidation there",
        ]
    );
}

#[test]
fn each_thing_that_is_missing_or_differs_keeps_losses_from_being_allocated() {
    let verified = verified();
    let own = LossPool::Proprietary;
    let customer = |name: &str| LossPool::Customer(name.parse::<OwnerId>().unwrap());
    let with = |leg: Leg, change: Change| {
        let mut scene = Scene::ready();
        scene.record(leg, vec![change]);
        scene
    };
    for (scene, package, pool, wanted) in [
        (with(Leg::Futures, package(2)), None, own.clone(), "package: the houses made different packages (FICC 0101"),
        (Scene::ready(), None, own.clone(), "package: the content of the package cannot be read"),
        (
            with(Leg::Futures, close_out(v1::CloseOut::Separate)),
            Some(&verified),
            own.clone(),
            "close_out: the houses chose differently (FICC joint, CME separate)",
        ),
        (
            with(Leg::Treasury, result_of(CUSTOMER, "1.00")),
            Some(&verified),
            customer(CUSTOMER),
            "results: CME has recorded no result of customer C-1",
        ),
    ] {
        let found = missing(&scene, package, &pool);
        assert!(matches!(&found[..], [only] if only.starts_with(wanted)), "{wanted}: {found:?}");
    }
    // A pool without a link has no results either.
    let nobody = missing(&Scene::ready(), Some(&verified), &customer("C-9"));
    let wanted = "customer: the package has no link of customer C-9: it has those of the member's own accounts and its \
                  affiliates', customer C-1";
    assert_eq!((nobody[0].as_str(), nobody.len()), (wanted, 3));
}

#[test]
fn what_follows_is_that_of_the_rule_and_what_differs_from_it_is_a_break() {
    let verified = verified();
    let pool = LossPool::Proprietary;
    let mut scene = Scene::ready();
    let follows = scene.settlement(Some(&verified)).allocation(&pool);
    let inputs = verified.loss_inputs(&pool, Pair { treasury: -500, futures: 700 }, CloseOut::Joint).unwrap();
    assert_eq!(follows, Ok(LossSharing::Assumed1.allocate(inputs).unwrap()));
    let record = record_of(follows.as_ref().unwrap());
    assert_eq!((record.payer, record.amount_cents, record.rule.as_str()), (Some(Leg::Futures), 500, "assumed-1"));

    let breaks = |scene: &Scene, package: Option<&Verified>| {
        let settlement = scene.settlement(package);
        (settlement.breaks(&pool, &settlement.allocation(&pool)), settlement.is_signed_by_both(&pool))
    };
    assert_eq!(breaks(&scene, Some(&verified)), (vec![], false));
    scene.record(Leg::Treasury, vec![paid("CME", "5.00")]);
    assert_eq!(breaks(&scene, Some(&verified)), (vec![], false), "what one house has not recorded yet is no break");
    scene.record(Leg::Futures, vec![paid("CME", "4.99")]);
    let wanted = "CME recorded that CME pays USD 4.99 by rule assumed-1, but CME pays USD 5.00 by rule assumed-1 follows; \
                  CME has to settle it anew";
    assert_eq!(breaks(&scene, Some(&verified)), (vec![wanted.to_owned()], false));
    scene.record(Leg::Futures, vec![paid("CME", "5.00")]);
    assert_eq!(breaks(&scene, Some(&verified)), (vec![], true));
    // A result that one house replaces later leaves both records without their ground.
    scene.record(Leg::Futures, vec![result_of("", "0.00")]);
    let (found, _) = breaks(&scene, Some(&verified));
    assert!(found.len() == 2 && found.iter().all(|text| text.contains("but nobody pays")), "{found:?}");
    scene.record(Leg::Futures, vec![close_out(v1::CloseOut::Transfer)]);
    let (found, _) = breaks(&scene, Some(&verified));
    assert!(found.len() == 2 && found[0].contains("nothing follows: close_out: the houses chose"), "{found:?}");
}
