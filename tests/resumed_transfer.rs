//! A transfer that breaks off goes on where it was: what is here is not fetched again, and what is missing is.
#![allow(clippy::unwrap_used, reason = "helpers of tests: a failure is a panic")]

#[path = "support/mod.rs"]
mod support;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::SystemTime,
};

use crossmargin::v1;
use gateway::{
    arrangement::leg::{Leg, Pair},
    sample::{self, large},
};

use support::{Houses, books::cycle};

const BINARY: &str = env!("CARGO_BIN_EXE_crossmargin");

/// Pairs enough for several chunks.
const PAIRS: u32 = 1_500;

#[tokio::test]
async fn a_node_killed_during_a_transfer_fetches_only_what_it_lacks() {
    let mut houses = Houses::running(BINARY).await;
    let eod = cycle(v1::CycleKind::Eod, 1);
    let date = sample::BUSINESS_DATE;
    let sample = large::generate(PAIRS, 3);
    let reference = date.yesterday().unwrap();
    for leg in Leg::BOTH {
        let clients = houses.clients(leg);
        clients.record_links(sample.links.clone()).await;
        // CME's prices of the day come last: until then nobody claims, and the transfer can be watched.
        let day = if leg == Leg::Futures { reference } else { date };
        clients.submit_market(day, sample.market.clone().into_items(leg)).await;
    }
    let Pair { treasury, futures } = sample.books;
    for (leg, book) in [(Leg::Treasury, treasury), (Leg::Futures, futures)] {
        houses.clients(leg).submit_book(book, date, 1, v1::SnapshotScope::Full).await.unwrap();
    }
    let of_treasury: Vec<String> = blobs(&houses.data(Leg::Treasury)).iter().map(|path| name(path)).collect();
    for leg in Leg::BOTH {
        houses.clients(leg).open(&eod, 300).await;
    }
    let exchanged = |cycle: &v1::Cycle| cycle.own_manifest_revision == 1 && cycle.peer_manifest_revision == 1;
    for leg in Leg::BOTH {
        houses.clients(leg).wait(&eod, "both books frozen", exchanged).await;
    }
    let fetched = wait_for_blobs(&houses, Leg::Futures, &of_treasury).await;
    assert!(fetched.len() > 2, "several chunks came: {fetched:?}");

    // As if the node had died in the middle of the transfer: half of what it fetched is not there.
    houses.kill(Leg::Futures);
    let before = modified(&fetched);
    let lost: Vec<PathBuf> = fetched.iter().step_by(2).cloned().collect();
    for path in &lost {
        fs::remove_file(path).unwrap();
    }
    houses.start(Leg::Futures).await;
    houses.clients(Leg::Futures).submit_market(date, sample.market.clone().into_items(Leg::Futures)).await;
    for leg in Leg::BOTH {
        houses.clients(leg).wait_agreed(&eod, 1).await;
    }
    let after = modified(&fetched);
    for (path, at) in &after {
        let is_new = at != &before[path];
        assert_eq!(is_new, lost.contains(path), "{} was fetched again only if it was lost", path.display());
    }
}

/// The blobs with these names that `at` has fetched, once no more come.
async fn wait_for_blobs(houses: &Houses, at: Leg, names: &[String]) -> Vec<PathBuf> {
    let mut last = Vec::new();
    for _ in 0..200 {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        let now: Vec<PathBuf> =
            blobs(&houses.data(at)).into_iter().filter(|path| names.contains(&name(path))).collect();
        if now.len() > 2 && now == last {
            return now;
        }
        last = now;
    }
    last
}

fn blobs(data: &Path) -> Vec<PathBuf> {
    let folders = fs::read_dir(data.join("blobs")).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = folders
        .filter(|path| path.is_dir())
        .flat_map(|folder| fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()))
        .collect();
    files.sort();
    files
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}

fn modified(paths: &[PathBuf]) -> BTreeMap<PathBuf, SystemTime> {
    paths.iter().map(|path| (path.clone(), fs::metadata(path).unwrap().modified().unwrap())).collect()
}
