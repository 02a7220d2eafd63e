//! What the demo writes before its nodes start: certificates, the arrangement, configurations, books and market data.

use std::path::Path;

use jiff::civil::Date;
use risk::history::CurveHistory;
use toml::{Table, Value};

use super::{day, folder::Folder};
use crate::{
    arrangement::{
        leg::{Leg, Pair},
        terms::{Arrangement, DEFAULT_TOML},
    },
    command::{
        certs::{self, CertsArgs},
        claimed_port::ClaimedPort,
        failure::Failure,
        links,
    },
    identity::HouseId,
    sample,
};

/// No statement is signed later than the cut-off less so many seconds; short, so that nobody waits for the fall-back.
const GUARD_SECONDS: u32 = 2;
/// How far the two houses' clocks may lie apart: it is one clock here.
const SKEW_SECONDS: u32 = 1;

/// The arrangement of the demo, as a document and read.
///
/// # Errors
/// When the default arrangement is not what the demo takes it for.
pub(super) fn arrangement() -> Result<(String, Arrangement), Failure> {
    let mut document: Table =
        DEFAULT_TOML.parse().map_err(|error| Failure::of("reading the default arrangement", &error))?;
    if let Some(timing) = document.get_mut("timing").and_then(Value::as_table_mut) {
        timing.insert("guard_seconds".into(), GUARD_SECONDS.into());
        timing.insert("permitted_clock_skew_seconds".into(), SKEW_SECONDS.into());
    }
    // The demo opens its cycles by hand: no cycle of today comes in between.
    document.insert("schedule".into(), Value::Array(vec![]));
    let body = toml::to_string(&document).map_err(|error| Failure::of("writing the arrangement", &error))?;
    let text = format!(
        "# The demo's arrangement: the default one with a guard of {GUARD_SECONDS} s and without a schedule.\n\n{body}"
    );
    let arrangement = Arrangement::from_toml(&text).map_err(|problems| {
        let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
        Failure::new(format!("the demo's arrangement: {}", told.join("; ")))
    })?;
    Ok((text, arrangement))
}

/// Two ports of this machine that nobody listens at, claimed until they are dropped.
///
/// # Errors
/// When there is none.
pub(super) fn claim_ports() -> Result<Pair<ClaimedPort>, Failure> {
    let claim = || ClaimedPort::claim().map_err(|error| Failure::of("looking for a free port", &error));
    Ok(Pair { treasury: claim()?, futures: claim()? })
}

/// Writes everything that the nodes and a reader need into the folder.
///
/// # Errors
/// Names what cannot be written.
pub(super) fn write(
    folder: &Folder,
    arrangement: &str,
    houses: &Pair<String>,
    addresses: &Pair<String>,
    items: &Pair<Vec<crossmargin::v1::MarketItem>>,
) -> Result<(), Failure> {
    folder.note(&[&addresses.treasury, &addresses.futures])?;
    folder.write(&folder.arrangement(), arrangement)?;
    folder.write(&folder.links(), &links::to_csv(&sample::book::links()))?;
    make_pki(&folder.pki(), houses)?;
    for leg in Leg::BOTH {
        let house = &houses[leg];
        folder.write(&folder.config(house), &configuration(house, &houses[leg.other()], addresses, leg))?;
        folder.write(&folder.book(house), sample::book::csv(leg))?;
        crate::command::market::write(&folder.market(house), &items[leg])?;
    }
    Ok(())
}

fn make_pki(out: &Path, houses: &Pair<String>) -> Result<(), Failure> {
    let houses: Result<Vec<HouseId>, _> = Leg::BOTH.iter().map(|leg| houses[*leg].parse::<HouseId>()).collect();
    let args = CertsArgs {
        out: out.to_owned(),
        houses: houses.map_err(|error| Failure::of("making the PKI", &error))?,
        members: vec![day::MEMBER.parse().map_err(|error| Failure::of("making the PKI", &error))?],
        customers: vec![day::CUSTOMER.parse().map_err(|error| Failure::of("making the PKI", &error))?],
        hosts: vec![],
        ca_days: 730,
        node_days: 365,
        client_days: 365,
        force: false,
        json: false,
    };
    certs::make(&args).map(drop).map_err(|error| Failure::of("making the PKI", &error))
}

/// A node's configuration; `config/example.toml` of the source shows every key.
fn configuration(house: &str, peer: &str, addresses: &Pair<String>, leg: Leg) -> String {
    let (listen, peer_address) = (&addresses[leg], &addresses[leg.other()]);
    format!(
        r#"# The demo's node of {house}. Paths start at the folder of this file.
house = "{house}"
arrangement = "../arrangement.toml"
data_directory = "data"
listen = "{listen}"

[tls]
certificate = "../pki/{house}/node.pem"
key = "../pki/{house}/node.key"
client_ca = "../pki/{house}/ca.pem"
client_revocation_lists = ["../pki/{house}/ca.crl"]

[peer]
house = "{peer}"
address = "{peer_address}"
certificate = "../pki/{house}/peer.pem"
key = "../pki/{house}/peer.key"
ca = "../pki/{peer}/ca.pem"
revocation_lists = ["../pki/{peer}/ca.crl"]
statement_keys = [{{ file = "../pki/{peer}/statement.pub" }}]

[statement_key]
file = "../pki/{house}/statement.key"
"#
    )
}

/// An amendment of one account: the account's rows of a book, the first quantity changed by `change`.
///
/// # Errors
/// When the book has no such account.
pub(super) fn amendment(book: &str, account: &str, change: i64) -> Result<String, Failure> {
    let mut rows: Vec<String> =
        book.lines().filter(|line| line.split(',').next() == Some(account)).map(str::to_owned).collect();
    let changed = rows.first().and_then(|row| {
        let mut cells: Vec<String> = row.split(',').map(str::to_owned).collect();
        let quantity: i64 = cells.get(2)?.parse().ok()?;
        cells[2] = (quantity + change).to_string();
        Some(cells.join(","))
    });
    let changed = changed.ok_or_else(|| Failure::new(format!("the sample's book has no account {account}")))?;
    rows[0] = changed;
    Ok(format!("{}\n{}\n", crate::csv_book::HEADER, rows.join("\n")))
}

/// Checks that a history gives the scenarios of both houses' models on the demo's dates.
///
/// # Errors
/// Too few days, or none that is recent enough: how many are needed.
pub(super) fn check_history(history: &CurveHistory, arrangement: &Arrangement) -> Result<(), Failure> {
    for leg in Leg::BOTH {
        for date in [sample::BUSINESS_DATE, next_business_date(arrangement)?] {
            let house = &arrangement.parties.houses[leg];
            let model = arrangement.models[leg].in_force(date);
            model
                .scenario_sets(history, None, date)
                .map_err(|error| Failure::of(&format!("--history, for {house}'s model"), &error))?;
        }
    }
    Ok(())
}

/// The business date after the sample's.
///
/// # Errors
/// When the arrangement's calendar ends before it.
pub(super) fn next_business_date(arrangement: &Arrangement) -> Result<Date, Failure> {
    let next = arrangement.business_day_after(sample::BUSINESS_DATE);
    next.ok_or_else(|| Failure::new("the arrangement's calendar ends with the sample's business date"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::Config, csv_book, market::Items};

    #[test]
    fn the_demos_arrangement_differs_from_the_default_in_its_guard_and_schedule_alone() {
        let (_, demo) = arrangement().unwrap();
        let default = Arrangement::from_toml(DEFAULT_TOML).unwrap();
        assert_eq!((demo.timing.guard_seconds, demo.schedule.len()), (GUARD_SECONDS, 0));
        assert_eq!((demo.parties, demo.models, demo.bounds), (default.parties, default.models, default.bounds));
    }

    #[test]
    fn the_nodes_configurations_load_with_the_files_that_are_written() {
        let temp = tempfile::tempdir().unwrap();
        let folder = Folder::take(&temp.path().join("demo")).unwrap();
        let houses = Pair { treasury: "FICC".to_owned(), futures: "CME".to_owned() };
        let items = Pair::from_fn(|leg| sample::market().into_items(leg));
        let addresses = claim_ports().unwrap().map(|port| port.address().to_string());
        write(&folder, &arrangement().unwrap().0, &houses, &addresses, &items).unwrap();
        for leg in Leg::BOTH {
            let config = Config::load(&folder.config(&houses[leg])).unwrap();
            assert_eq!(config.house.as_str(), houses[leg]);
            config.verifying_keys(&config.signing_key().unwrap()).unwrap();
            assert!(config.arrangement.is_file());
        }
    }

    #[test]
    fn an_amendment_changes_one_position_of_one_account() {
        let book = sample::book::book(Leg::Treasury).unwrap();
        let account = "GSD-1002";
        let amended = amendment(sample::book::csv(Leg::Treasury), account, 50_000_000).unwrap();
        let amended = csv_book::parse(amended.as_bytes(), "amendment").unwrap();
        let before = book.of_accounts(|name| name == account);
        assert_eq!(amended.accounts(), [account]);
        let differing = amended.positions().zip(before.positions()).filter(|(new, old)| new != old);
        assert_eq!((differing.count(), amended.repos().len()), (1, before.repos().len()));
        assert!(amendment("", account, 1).is_err());
    }

    #[test]
    fn the_samples_market_serves_the_next_business_date_too() {
        let next = next_business_date(&arrangement().unwrap().1).unwrap();
        assert_eq!(next.to_string(), "2026-02-17");
        let mut items = Items::default();
        for item in Leg::BOTH.into_iter().flat_map(|leg| sample::market().into_items(leg)) {
            items.insert(item.item.unwrap());
        }
        items.assemble(next).unwrap();
    }
}
