//! One function for each parser: it takes any bytes, and holds the parser to its laws.
//!
//! The laws: nothing panics; what is accepted is written and read back to the same value, or to the same bytes; what is
//! refused is told with the field, the line or the key. The functions are shared by cargo-fuzz and by a test that needs no
//! fuzzer; `docs/fuzzing.md` tells how to run either.

mod arrangement;
mod book;
mod csv;
mod evidence;
mod fixture;
pub mod identity;
mod ledger;
mod market;
mod package;
mod text;
mod tree;

/// Whether the parser took the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It did, and what it made of them was held to its laws.
    Accepted,
    /// It did not, and said why.
    Refused,
}

/// A parser under test.
#[derive(Clone, Copy)]
pub struct Target {
    /// Its name: that of the fuzzer's binary and of the folder of its seeds.
    pub name: &'static str,
    /// Holds the parser to its laws on these bytes.
    pub check: fn(&[u8]) -> Verdict,
    /// Real values that it accepts, each with a name.
    #[allow(dead_code, reason = "the test writes them, a fuzzer reads the files")]
    pub seeds: fn() -> Vec<(String, Vec<u8>)>,
}

/// Every parser.
pub const ALL: &[Target] = &[
    Target { name: "arrangement", check: arrangement::document, seeds: arrangement::documents },
    Target { name: "certificate", check: identity::certificate, seeds: identity::certificates },
    Target { name: "configuration", check: arrangement::configuration, seeds: arrangement::configurations },
    Target { name: "csv_book", check: csv::book, seeds: csv::books },
    Target { name: "csv_links", check: csv::links, seeds: csv::lists_of_links },
    Target { name: "cycle_id", check: text::cycle_id, seeds: text::cycle_ids },
    Target { name: "default_package", check: package::package, seeds: package::packages },
    Target { name: "envelope", check: evidence::envelope, seeds: evidence::envelopes },
    Target { name: "evidence", check: evidence::payload, seeds: evidence::payloads },
    Target { name: "history", check: csv::history, seeds: csv::histories },
    Target { name: "ledger_file", check: ledger::file, seeds: ledger::edits_of_the_file },
    Target { name: "ledger_guard", check: ledger::guard, seeds: ledger::guards },
    Target { name: "ledger_record", check: ledger::record, seeds: ledger::records },
    Target { name: "margin_leaf", check: tree::leaf, seeds: tree::leaves },
    Target { name: "market_item", check: market::item, seeds: market::items },
    Target { name: "name", check: text::name, seeds: text::names },
    Target { name: "number", check: text::number, seeds: text::numbers },
    Target { name: "pem", check: identity::pem, seeds: identity::pems },
    Target { name: "position_chunk", check: book::chunk, seeds: book::chunks },
    Target { name: "programme_file", check: arrangement::programme_file, seeds: arrangement::programme_files },
    Target { name: "registry_entry", check: evidence::registry_entry, seeds: evidence::registry_entries },
    Target { name: "snapshot", check: book::snapshot, seeds: book::snapshots },
    Target { name: "tree_walk", check: tree::walk, seeds: tree::walks },
    Target { name: "uri", check: identity::uri, seeds: identity::uris },
];

/// Holds the parser of this name to its laws; what the fuzzers' binaries call.
#[allow(dead_code, reason = "the test runs all of them by the table")]
pub fn run(name: &str, data: &[u8]) {
    let target = ALL.iter().find(|target| target.name == name).expect("a binary bears the name of a target");
    (target.check)(data);
}
