//! Documents: an arrangement, a node's configuration, a batch of programme changes.

use std::path::Path;

use gateway::{
    arrangement::terms::{Arrangement, DEFAULT_TOML},
    command::programme,
    config::{self, Config},
};

use super::{
    Verdict,
    fixture::{each_names_its_field, names_its_place, numbered},
};

/// An arrangement: two readings have one digest, remarks and spaces do not change it, and every problem names its key.
pub fn document(data: &[u8]) -> Verdict {
    let Ok(text) = std::str::from_utf8(data) else { return Verdict::Refused };
    match Arrangement::from_toml(text) {
        Ok(arrangement) => {
            let again = Arrangement::from_toml(&format!("# a remark\n\n{text}")).unwrap();
            assert_eq!(again.digest(), arrangement.digest());
            assert_eq!(again, arrangement);
            let houses = &arrangement.parties.houses;
            assert_ne!(houses.treasury, houses.futures);
            Verdict::Accepted
        }
        Err(problems) => {
            each_names_its_field(
                problems
                    .into_iter()
                    .map(|p| (p.key, p.reason))
                    .collect::<Vec<_>>()
                    .iter()
                    .map(|(key, reason)| (key.as_str(), reason.clone())),
            );
            Verdict::Refused
        }
    }
}

/// The default arrangement, whole and without its remarks.
pub fn documents() -> Vec<(String, Vec<u8>)> {
    let plain: toml::Table = DEFAULT_TOML.parse().unwrap();
    numbered([toml::to_string(&plain).unwrap().into_bytes()])
}

/// A node's configuration: read twice it says the same, and an error names file, line and key.
pub fn configuration(data: &[u8]) -> Verdict {
    let Ok(text) = std::str::from_utf8(data) else { return Verdict::Refused };
    let path = Path::new("node.toml");
    match Config::parse(text, path) {
        Ok(config) => {
            let written = toml::to_string(&config).unwrap();
            let again = Config::parse(&written, path).unwrap_or_else(|error| panic!("{error}\n{written}"));
            assert_eq!(toml::to_string(&again).unwrap(), written);
            Verdict::Accepted
        }
        Err(error) => {
            let text = error.to_string();
            assert!(text.starts_with("node.toml:"), "{text}");
            names_its_place(&text);
            Verdict::Refused
        }
    }
}

/// The example, whole and without its remarks.
pub fn configurations() -> Vec<(String, Vec<u8>)> {
    let plain: toml::Table = config::EXAMPLE.parse().unwrap();
    numbered([config::EXAMPLE.to_owned(), toml::to_string(&plain).unwrap()].map(String::into_bytes))
}

/// A batch of changes: as many places as changes, each a line of the file, and every refusal by line.
pub fn programme_file(data: &[u8]) -> Verdict {
    let Ok(text) = std::str::from_utf8(data) else { return Verdict::Refused };
    match programme::parse_file(text, "changes.toml", Path::new("/nonexistent")) {
        Ok(batch) => {
            assert_eq!(batch.changes.len(), batch.places.len());
            assert!(!batch.changes.is_empty());
            assert!(batch.places.iter().all(|place| place.starts_with("changes.toml")));
            assert!(batch.changes.iter().all(|change| change.change.is_some()));
            Verdict::Accepted
        }
        Err(failure) => {
            for line in failure.to_string().lines() {
                assert!(line.is_empty() || line.contains("changes.toml") || line.starts_with(' '), "{line:?}");
            }
            Verdict::Refused
        }
    }
}

/// A batch of every kind of change.
pub fn programme_files() -> Vec<(String, Vec<u8>)> {
    let batch = format!(
        r#"
[[member]]
member = "northgate"
broker_dealer = 2020-01-02
futures_commission_merchant = "2020-01-02..2027-03-01"
membership = "2020-01-02"
[[affiliate]]
affiliate = "northgate-london"
member = "northgate"
eligible = 2026-03-02
[[customer]]
customer = "C-17"
member = "northgate"
opted_in = 2026-03-02
[[account]]
account = "GSD-17"
member = "northgate"
owner = "C-17"
use = "cross-margin"
[[link]]
link_id = "northgate.C-17"
kind = "customer"
member = "northgate"
owner = "C-17"
treasury_account = "GSD-17"
futures_account = "CX-17"
[[document]]
link_ids = ["northgate.C-17"]
kind = "customer-agreement"
digest = "{}"
dated = 2026-02-20
member = "northgate"
[[stage]]
link_ids = ["northgate.C-17"]
to = "rehearsing"
reason = "the documents are complete"
[[approval]]
approval_id = "sec-1"
kind = "sec-order"
reference = "90 FR 58525"
scope = ["customer", "house"]
effective_from = 2026-03-02
[[approval_withdrawal]]
approval_id = "sec-1"
from = 2027-01-04
[[suspension]]
member = "northgate"
is_default = true
reason = "in default"
[[lift]]
suspension_id = "FICC/4/0"
[[override]]
everything = true
max_factor_bp = 4000
in_force = "2026-03-02..2026-04-01"
[[port]]
link_id = "northgate.C-17"
to_member = "southgate"
effective_from = 2026-03-02
"#,
        "ab".repeat(32)
    );
    numbered([batch.into_bytes()])
}
