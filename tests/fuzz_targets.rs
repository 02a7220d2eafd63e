//! Every parser is held to its laws over real values and thousands of mutations of them, without a fuzzer.
//!
//! `CROSSMARGIN_FUZZ_ROUNDS` says how many mutations each target gets; `CROSSMARGIN_FUZZ_SEED` begins elsewhere. The same
//! targets run under cargo-fuzz, see `docs/fuzzing.md`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    unreachable_pub,
    reason = "a failure of a test is a panic, and nobody else uses its parts"
)]

#[path = "../fuzz/targets/mod.rs"]
mod targets;

#[path = "fuzz_targets/mutate.rs"]
mod mutate;

use std::{
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
};

use mutate::Mutator;
use targets::{ALL, Target, Verdict, identity};

/// Mutations of each target in the fast form.
const ROUNDS: u64 = 5_000;
/// Targets that write files at each check get a fraction of the rounds.
const SLOW: [&str; 5] = ["arrangement", "ledger_file", "ledger_guard", "registry_entry", "tree_walk"];
/// Most bytes of all committed seeds.
const SEEDS_BYTES_MAX: usize = 200_000;

fn number(variable: &str, or: u64) -> u64 {
    std::env::var(variable).map_or(or, |text| text.parse().expect("a number is needed"))
}

fn folder(target: &Target) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds").join(target.name)
}

/// The committed seeds of a target, by name.
fn seeds(target: &Target) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(folder(target)).unwrap_or_else(|error| panic!("{}: {error}", target.name));
    let mut seeds: Vec<_> = entries
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read(path).unwrap()))
        .collect();
    seeds.sort();
    seeds
}

#[test]
fn every_seed_is_a_value_that_its_parser_accepts() {
    let mut bytes = 0;
    for target in ALL {
        if std::env::var_os("CROSSMARGIN_FUZZ_WRITE_SEEDS").is_some() {
            fs::create_dir_all(folder(target)).unwrap();
            for (name, seed) in (target.seeds)() {
                fs::write(folder(target).join(name), seed).unwrap();
            }
        }
        let seeds = seeds(target);
        assert!(!seeds.is_empty(), "{} has no seed", target.name);
        for (name, seed) in seeds {
            assert_eq!((target.check)(&seed), Verdict::Accepted, "{}/{name}", target.name);
            bytes += seed.len();
        }
    }
    assert!(bytes <= SEEDS_BYTES_MAX, "the seeds have {bytes} bytes");
}

#[test]
fn no_mutation_of_a_real_value_breaks_a_law_of_its_parser() {
    let rounds = number("CROSSMARGIN_FUZZ_ROUNDS", ROUNDS);
    for target in ALL {
        let rounds = if SLOW.contains(&target.name) { rounds.div_ceil(10) } else { rounds };
        let seeds: Vec<Vec<u8>> = seeds(target).into_iter().map(|(_, seed)| seed).collect();
        let mut mutator = Mutator::new(number("CROSSMARGIN_FUZZ_SEED", 1), target.name);
        let (mut accepted, mut refused) = (0_u64, 0_u64);
        for round in 0..rounds {
            let data = mutator.mutate(&seeds);
            match catch_unwind(AssertUnwindSafe(|| (target.check)(&data))) {
                Ok(Verdict::Accepted) => accepted += 1,
                Ok(Verdict::Refused) => refused += 1,
                Err(_) => {
                    let path = std::env::temp_dir().join(format!("crossmargin-fuzz-failure-{}", target.name));
                    fs::write(&path, &data).unwrap();
                    panic!("{} breaks a law in round {round}; the bytes are in {}", target.name, path.display());
                }
            }
        }
        // A mutator that changed nothing, or left nothing whole, would hold no parser to anything.
        assert!(refused > 0, "{}: no mutation of {rounds} was refused", target.name);
        assert!(accepted > 0 || rounds < 1_000, "{}: no mutation of {rounds} was accepted", target.name);
        println!("{:16} {accepted:8} accepted {refused:8} refused", target.name);
    }
}

#[test]
fn a_file_with_a_private_key_is_read_and_its_mutations_break_no_law() {
    let base = identity::pem_with_key();
    assert_eq!(identity::pem(&base), Verdict::Accepted);
    let mut mutator = Mutator::new(number("CROSSMARGIN_FUZZ_SEED", 1), "pem with a key");
    let refused = (0..300).filter(|_| identity::pem(&mutator.mutate(std::slice::from_ref(&base))) == Verdict::Refused);
    assert!(refused.count() > 0);
}

#[test]
fn the_mutator_makes_the_same_bytes_of_the_same_seed_and_others_of_another() {
    let seeds = [b"a first value".to_vec(), b"another one".to_vec()];
    let stream = |seed: u64, name: &str| {
        let mut mutator = Mutator::new(seed, name);
        (0..50).map(|_| mutator.mutate(&seeds)).collect::<Vec<_>>()
    };
    assert_eq!(stream(1, "x"), stream(1, "x"));
    assert_ne!(stream(1, "x"), stream(2, "x"));
    assert_ne!(stream(1, "x"), stream(1, "y"));
}
