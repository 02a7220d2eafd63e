//! Two houses with a member whose every name, request and reason bears the canary.

use crossmargin::v1::{self, programme_change::Change, scope::Scope as Given};
use gateway::{
    arrangement::leg::{Leg, Pair},
    csv_book::{self, Book},
    sample,
};

use crate::support::{Houses, NAMES, authorities::Keeper, books::cycle};

/// What the other member's names, requests and reasons hold.
pub const CANARY: &str = "zq7canary";
/// The other member.
pub const OTHER: &str = "zq7canary-member";

const ZN: &str = "FUT:ZN:2026-03";
const DATE: &str = "2026-02-13";

/// The houses.
pub struct Scene {
    pub houses: Houses,
}

impl Scene {
    /// Houses that have agreed on a cycle, with everything that a member can have: house, affiliate and customer links,
    /// documents, limits, suspensions, a move, directions, items, and links that moved from it to the onlookers' member.
    pub async fn new(binary: &str) -> Self {
        Self::started(binary, None).await
    }

    /// The same, with traces exported to a collector.
    pub async fn traced(binary: &str, endpoint: &str) -> Self {
        Self::started(binary, Some(endpoint)).await
    }

    async fn started(binary: &str, endpoint: Option<&str>) -> Self {
        let mut houses = Houses::new(binary);
        let pki = houses.directory().join("pki");
        let keepers: Pair<Keeper> = NAMES.map(|house| Keeper::take_over(&pki, house));
        for leg in Leg::BOTH {
            for role in ["operator", "auditor", "administrator", "margin-reader", "position-source", "market-source"] {
                keepers[leg].renew_client(role);
            }
            for id in ["alder-point", OTHER] {
                keepers[leg].renew_client(&format!("member/{id}"));
                keepers[leg].renew_client(&format!("member-administrator/{id}"));
            }
            keepers[leg].renew_client("customer/C-7F3A");
            // As many analyses as a test asks for.
            houses.edit(leg, "analysis_calls_per_second = 20", "analysis_calls_per_second = 100000");
            houses.edit(leg, "analysis_burst = 100", "analysis_burst = 100000");
            if let Some(endpoint) = endpoint {
                houses.edit(
                    leg,
                    "otlp_endpoint = \"http://127.0.0.1:4317\"",
                    &format!("otlp_endpoint = \"{endpoint}\""),
                );
            } else {
                houses.edit(leg, "otlp_endpoint = \"http://127.0.0.1:4317\"\n", "");
            }
        }
        houses.start_both().await;
        let scene = Self { houses };
        scene.furnish().await;
        scene
    }

    async fn furnish(&self) {
        for leg in Leg::BOTH {
            let clients = self.houses.clients(leg);
            clients.record_links(links()).await;
            clients.submit_market(sample::BUSINESS_DATE, sample::market().into_items(leg)).await;
            clients.record_changes(&format!("{CANARY}-changes"), changes()).await.unwrap();
            if leg == Leg::Futures {
                clients
                    .record_changes("regular", vec![regular(OTHER, &other("REG")), regular("alder-point", "REG-1001")])
                    .await
                    .unwrap();
            }
            clients.submit_book(book(leg, 0), sample::BUSINESS_DATE, 1, v1::SnapshotScope::Full).await.unwrap();
        }
        let cycle = cycle(v1::CycleKind::Itd, 1);
        for leg in Leg::BOTH {
            self.houses.clients(leg).open(&cycle, 120).await;
        }
        for leg in Leg::BOTH {
            self.houses.clients(leg).wait_agreed(&cycle, 1).await;
        }
        self.direct_others(&format!("{CANARY}-direction")).await;
        self.direct_own("own-direction").await;
        // A snapshot that contradicts the direction that it says to include makes a reconciliation item.
        let full = v1::SnapshotScope::Full;
        let contradiction = book(Leg::Futures, 3);
        let clients = self.houses.clients(Leg::Futures);
        clients.submit_book_through(contradiction, sample::BUSINESS_DATE, 2, full, 1).await.unwrap();
    }

    /// Both houses suspend all of the other member, in default, and one of its links, after everything else.
    pub async fn suspend_others(&self) {
        for leg in Leg::BOTH {
            let clients = self.houses.clients(leg);
            clients.record_changes(&format!("{CANARY}-later"), later()).await.unwrap();
        }
    }

    /// The other member's administration directs a contract.
    pub async fn direct_others(&self, request_id: &str) {
        self.direct(&format!("member-administrator-{OTHER}"), request_id, &other("REG"), &other("XM-1002")).await;
    }

    /// The onlookers' member's administration directs a contract.
    pub async fn direct_own(&self, request_id: &str) {
        self.direct("member-administrator-alder-point", request_id, "REG-1001", "XM-1001").await;
    }

    async fn direct(&self, role: &str, request_id: &str, from: &str, to: &str) {
        let leg = v1::PositionLeg {
            from_account: from.to_owned(),
            to_account: to.to_owned(),
            instrument: ZN.to_owned(),
            quantity: -1,
        };
        let request = v1::DirectPositionsRequest {
            request_id: request_id.to_owned(),
            business_date: DATE.to_owned(),
            legs: vec![leg],
            ..Default::default()
        };
        self.houses.clients(Leg::Futures).directions(role).direct_positions(request).await.unwrap();
    }
}

/// A name of the other member's.
pub fn other(name: &str) -> String {
    format!("{CANARY}-{name}")
}

/// The sample's links, those of the member brightwater under names with the canary.
fn links() -> Vec<v1::LinkTerms> {
    let mut links = sample::book::links();
    for link in links.iter_mut().filter(|link| link.member == "brightwater") {
        link.owner = match link.kind() {
            v1::LinkKind::House => OTHER.to_owned(),
            _ => other(&link.owner),
        };
        link.member = OTHER.to_owned();
        link.link_id = other(&link.link_id);
        link.treasury_account = other(&link.treasury_account);
        link.futures_account = other(&link.futures_account);
    }
    links
}

fn book(leg: Leg, missing: i64) -> Book {
    let mut text = sample::book::csv(leg).to_owned();
    for link in sample::book::links().iter().filter(|link| link.member == "brightwater") {
        for account in [&link.treasury_account, &link.futures_account] {
            text = text.replace(&format!("{account},"), &format!("{},", other(account)));
        }
    }
    if leg == Leg::Futures {
        text.push_str(&format!("{},{ZN},{},,,,\n", other("REG"), -100 + missing));
        text.push_str(&format!("REG-1001,{ZN},-100,,,,\n"));
    }
    csv_book::parse(text.as_bytes(), "the book").unwrap()
}

fn recorded(change: Change) -> v1::ProgrammeChange {
    v1::ProgrammeChange { reason: other("reason"), change: Some(change) }
}

fn regular(member: &str, account: &str) -> v1::ProgrammeChange {
    let account = v1::AccountRecord {
        account: account.to_owned(),
        member: member.to_owned(),
        owner: member.to_owned(),
        r#use: v1::AccountUse::Regular.into(),
    };
    v1::ProgrammeChange { reason: String::new(), change: Some(Change::Account(account)) }
}

fn scope(given: Given) -> Option<v1::Scope> {
    Some(v1::Scope { scope: Some(given) })
}

fn document(link_ids: Vec<String>, digest: &[u8]) -> v1::ProgrammeChange {
    recorded(Change::Document(v1::DocumentRecord {
        link_ids,
        kind: v1::DocumentKind::CustomerAgreement.into(),
        digest: digest.to_vec().into(),
        dated: "2026-01-05".into(),
        member: String::new(),
    }))
}

/// What is recorded of the other member before the cycle.
fn changes() -> Vec<v1::ProgrammeChange> {
    let in_force = Some(v1::DateRange { from: DATE.into(), until: String::new() });
    vec![
        recorded(Change::Override(v1::ReductionOverride {
            scope: scope(Given::LinkId(other("LNK-0014"))),
            max_factor_bp: 4_000,
            in_force: in_force.clone(),
        })),
        recorded(Change::Override(v1::ReductionOverride {
            scope: scope(Given::Member(OTHER.into())),
            max_factor_bp: 5_000,
            in_force,
        })),
        recorded(Change::Suspension(v1::Suspension {
            scope: scope(Given::LinkId(other("LNK-0015"))),
            is_default: false,
        })),
        document(vec![other("LNK-0014")], other("a document of 32 byte.").as_bytes()),
        // One reason for links of both members.
        document(vec!["LNK-0009".into(), other("LNK-0014")], &[7; 32]),
    ]
}

/// What is recorded of it at the end: a move, and suspensions.
fn later() -> Vec<v1::ProgrammeChange> {
    let link = links().into_iter().find(|link| link.link_id == other("LNK-0018")).unwrap();
    let opted_in = Some(v1::DateRange { from: "2026-02-16".into(), until: String::new() });
    let documents = sample::programme::onboarding(&[v1::LinkTerms { member: "caldera".into(), ..link.clone() }]);
    let documents = documents.into_iter().filter_map(|change| match change.change {
        Some(Change::Document(document)) => {
            Some(recorded(Change::Document(v1::DocumentRecord { member: "caldera".into(), ..document })))
        }
        _ => None,
    });
    let moved = [
        recorded(Change::Customer(v1::CustomerRecord { customer: link.owner, member: "caldera".into(), opted_in })),
        recorded(Change::Port(v1::Port {
            link_id: link.link_id,
            to_member: "caldera".into(),
            effective_from: "2026-02-17".into(),
        })),
    ];
    let suspended = [
        recorded(Change::Suspension(v1::Suspension { scope: scope(Given::Member(OTHER.into())), is_default: true })),
        recorded(Change::Suspension(v1::Suspension {
            scope: scope(Given::LinkId(other("LNK-0016"))),
            is_default: false,
        })),
    ];
    moved.into_iter().chain(documents).chain(suspended).collect()
}
