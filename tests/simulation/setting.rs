//! What every simulation begins with: keys and certificates, the arrangement with models that compute in milliseconds, a
//! market, a few links and their books.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use clap::Parser;
use crossmargin::v1::{self, market_item::Item, programme_change::Change};
use gateway::{
    arrangement::{
        leg::{Leg, Pair},
        terms::{Arrangement, DEFAULT_TOML},
    },
    command::certs::{CertsArgs, make},
    csv_book::{self, Book},
    identity::{
        SigningKey, VerifyingKeys,
        signing::Validity,
        tls::{AuthorityFiles, ClientFiles, ServerFiles},
    },
    sample,
};
use risk::{model::Model, scenario::ScenarioRule};

use super::dice::Dice;

/// The houses of the default arrangement.
pub const NAMES: Pair<&str> = Pair { treasury: "FICC", futures: "CME" };
/// The hosts of their nodes, and of their own systems.
pub const NODES: Pair<&str> = Pair { treasury: "ficc", futures: "cme" };
pub const DESKS: Pair<&str> = Pair { treasury: "ficc-desk", futures: "cme-desk" };

/// The links: two house accounts and an affiliate's, which go live, and a customer's, which rehearses.
const LINKS: [&str; 4] = ["LNK-0001", "LNK-0004", "LNK-0007", "LNK-0009"];
/// A regular account of the owner of the first link, from which positions are directed.
pub const REGULAR: &str = "REG-1001";
/// The account of the first link at the futures house.
pub const CROSS_MARGIN: &str = "XM-1001";
/// The contract that both hold.
pub const DIRECTED: &str = "FUT:ZN:2026-03";
/// Each house's accounts with what they hold, and by how much an edition of the book changes it.
const HOLDINGS: Pair<[(&str, &str, i64, i64); 4]> = Pair {
    treasury: [
        ("GSD-1001", "UST:91282CPJ4", 150_000_000, 100_000),
        ("GSD-1004", "UST:912810QS0", 42_000_000, 100_000),
        ("GSD-1007", "UST:91282CMU2", 125_000_000, 100_000),
        ("GSD-1009", "UST:91282CPS4", 480_000_000, 100_000),
    ],
    futures: [
        (CROSS_MARGIN, DIRECTED, -1_900, 0),
        ("XM-1004", "FUT:ZB:2026-03", -560, 1),
        ("XM-1007", "FUT:ZN:2026-03", -900, 1),
        ("XM-1009", "FUT:ZT:2026-03", -2_290, 1),
    ],
};

/// How the timing of the arrangement is, and whether an agreement grants anything in advance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    pub guard_seconds: u32,
    pub permitted_skew_seconds: u32,
}

impl Default for Timing {
    fn default() -> Self {
        Self { guard_seconds: 10, permitted_skew_seconds: 5 }
    }
}

/// What both houses begin with.
pub struct Setting {
    pub arrangement: Arc<Arrangement>,
    pub keys: Pair<SigningKey>,
    pub verifying: VerifyingKeys,
}

impl Setting {
    pub fn new(timing: Timing) -> Self {
        let keys = Pair { treasury: [1; 32], futures: [2; 32] }.map(|seed| SigningKey::from_seed(&seed).unwrap());
        let mut verifying = VerifyingKeys::new();
        for leg in Leg::BOTH {
            verifying.insert(NAMES[leg].parse().unwrap(), keys[leg].public().clone(), Validity::ALWAYS).unwrap();
        }
        Self { arrangement: Arc::new(Arrangement::from_toml(&document(timing)).unwrap()), keys, verifying }
    }
}

/// The default arrangement with small models, a schedule of minutes and an advance grant.
fn document(timing: Timing) -> String {
    let mut document: toml::Table = DEFAULT_TOML.parse().unwrap();
    let table = |text: &str| text.parse::<toml::Table>().unwrap();
    let section = |document: &mut toml::Table, name: &str, values: toml::Table| {
        document.get_mut(name).and_then(toml::Value::as_table_mut).unwrap().extend(values);
    };
    let Timing { guard_seconds, permitted_skew_seconds } = timing;
    section(
        &mut document,
        "timing",
        table(&format!("guard_seconds = {guard_seconds}\npermitted_clock_skew_seconds = {permitted_skew_seconds}")),
    );
    section(&mut document, "fall_back", table("ITD = { last_agreed = { haircut_bp = 2000, cycles = 2 } }"));
    document.extend(table(
        r#"
        [[schedule]]
        kind = "ITD"
        zone = "America/Chicago"
        runs = [
          { open = "09:30:30", as_of = "09:30:30", cut_off = "09:31:45" },
          { open = "09:32:00", as_of = "09:32:00", cut_off = "09:33:00" },
          { open = "09:33:20", as_of = "09:33:20", cut_off = "09:34:20" },
        ]
        "#,
    ));
    let models = Pair { treasury: Model::treasury_house_first(), futures: Model::futures_house_first() };
    let section = |mut model: Model| {
        model.components.truncate(1);
        model.components[0].terms[0].scenarios = ScenarioRule::overlapping(3, 40);
        model.sources.clear();
        let mut section = table("in_force_from = \"2025-01-01\"");
        section.insert("parameters".to_owned(), toml::Value::try_from(model).unwrap());
        toml::Value::Array(vec![toml::Value::Table(section)])
    };
    let mut both = toml::Table::new();
    both.insert("treasury".to_owned(), section(models.treasury));
    both.insert("futures".to_owned(), section(models.futures));
    document.insert("models".to_owned(), toml::Value::Table(both));
    toml::to_string(&document).unwrap()
}

/// The market of the sample with as much of its past as the models need; `edition` moves one price of each house.
pub fn market(leg: Leg, edition: u64) -> Vec<v1::MarketItem> {
    const DAYS: usize = 60;
    static WHOLE: OnceLock<sample::Market> = OnceLock::new();
    let whole = WHOLE.get_or_init(|| {
        let mut market = sample::market();
        let curve = &mut market.curve_history;
        let (days, tenors) = (curve.dates.len(), curve.tenors_months.len());
        curve.dates.drain(..days - DAYS);
        curve.yields_e4.drain(..(days - DAYS) * tenors);
        let rates = &mut market.overnight_rates;
        rates.dates.drain(..days - DAYS);
        rates.sofr_e4.drain(..days - DAYS);
        rates.effr_e4.drain(..days - DAYS);
        market
    });
    let mut market = whole.clone();
    if edition == 0 {
        return market.into_items(leg);
    }
    // A later edition brings one item of each house; the others stand.
    let item = match leg {
        Leg::Treasury => {
            let prices = &mut market.issue_prices.prices;
            let price = prices.iter_mut().find(|price| price.cusip == "91282CPJ4").unwrap();
            price.clean_price = format!("99.{:06}", 100_000 + edition);
            Item::IssuePrices(market.issue_prices)
        }
        Leg::Futures => {
            let prices = &mut market.contract_prices.prices;
            let price = prices.iter_mut().find(|price| price.contract == DIRECTED).unwrap();
            price.settlement_price =
                format!("{}.{}", 112, Dice::of(edition, "price").pick(&["015625", "03125", "046875", "0625"]));
            Item::ContractPrices(market.contract_prices)
        }
    };
    vec![v1::MarketItem { item: Some(item) }]
}

/// The links of the simulation.
pub fn links() -> Vec<v1::LinkTerms> {
    sample::book::links().into_iter().filter(|link| LINKS.contains(&link.link_id.as_str())).collect()
}

/// What a house's administrator records first: everything that brings the links as far as they can go.
pub fn onboarding(leg: Leg) -> Vec<v1::ProgrammeChange> {
    let mut changes = sample::programme::onboarding(&links());
    if leg == Leg::Futures {
        changes.push(sample::programme::recorded(Change::Account(v1::AccountRecord {
            account: REGULAR.to_owned(),
            member: "alder-point".to_owned(),
            owner: "alder-point".to_owned(),
            r#use: v1::AccountUse::Regular.into(),
        })));
    }
    changes
}

/// The account of the house at a place.
pub fn account(leg: Leg, place: usize) -> &'static str {
    HOLDINGS[leg][place].0
}

/// What the account at a place holds in an edition of the book.
pub fn quantity(leg: Leg, place: usize, edition: u64) -> i64 {
    let (_, _, base, step) = HOLDINGS[leg][place];
    base + step * i64::try_from(edition).unwrap()
}

/// The whole book, each account in an edition of its own.
pub fn book(leg: Leg, editions: [u64; 4]) -> Book {
    let regular = (leg == Leg::Futures).then(|| format!("{REGULAR},{DIRECTED},-500,,,,\n"));
    parsed((0..4).map(|place| row(leg, place, editions[place])).chain(regular).collect())
}

/// One account of the book in an edition.
pub fn amendment(leg: Leg, place: usize, edition: u64) -> Book {
    parsed(row(leg, place, edition))
}

fn row(leg: Leg, place: usize, edition: u64) -> String {
    let (account, instrument, _, _) = HOLDINGS[leg][place];
    format!("{account},{instrument},{},,,,\n", quantity(leg, place, edition))
}

fn parsed(rows: String) -> Book {
    let text = format!("account,instrument,quantity,start_date,start_cash,end_date,end_cash\n{rows}");
    csv_book::parse(text.as_bytes(), "the simulation's book").unwrap()
}

#[derive(Parser)]
struct Certs {
    #[command(flatten)]
    args: CertsArgs,
}

/// The folder of the certificates. It is made once and kept: what goes on record names the certificate of who asked, and
/// a seed is to be replayed to the last byte.
fn pki() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let kept = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let folder = kept.join("simulation-pki");
        if !folder.exists() {
            let fresh = tempfile::tempdir_in(kept).unwrap();
            let mut args = vec!["certs"];
            for flag in ["--ca-days", "--node-days", "--client-days"] {
                args.extend([flag, "36500"]);
            }
            for host in [NODES.treasury, NODES.futures] {
                args.extend(["--host", host]);
            }
            make(&CertsArgs { out: fresh.path().join("pki"), ..Certs::parse_from(args).args }).unwrap();
            // Another process may have come first: then its certificates count.
            drop(std::fs::rename(fresh.path().join("pki"), &folder));
        }
        folder
    })
}

fn authority(leg: Leg) -> AuthorityFiles {
    AuthorityFiles {
        house: NAMES[leg].parse().unwrap(),
        certificates: pki().join(NAMES[leg]).join("ca.pem"),
        revocation_lists: Vec::new(),
        enforce_revocation_expiry: false,
    }
}

/// The files of the server side of a house's node.
pub fn server_files(leg: Leg) -> ServerFiles {
    let folder = pki().join(NAMES[leg]);
    ServerFiles {
        certificate: folder.join("node.pem"),
        key: folder.join("node.key"),
        own: authority(leg),
        peers: vec![authority(leg.other())],
    }
}

/// The files with which a house's node calls the other house's.
pub fn peer_files(leg: Leg) -> ClientFiles {
    let folder = pki().join(NAMES[leg]);
    ClientFiles { certificate: folder.join("peer.pem"), key: folder.join("peer.key"), server: authority(leg.other()) }
}

/// The files with which a role of a house calls its node.
pub fn client_files(leg: Leg, role: &str) -> ClientFiles {
    let client = pki().join(NAMES[leg]).join("clients").join(role);
    ClientFiles {
        certificate: client.with_added_extension("pem"),
        key: client.with_added_extension("key"),
        server: authority(leg),
    }
}
