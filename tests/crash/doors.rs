//! Data that a node must not start on: it says what is wrong, where, and what to do, and changes nothing.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use gateway::arrangement::leg::Leg;

use super::{
    BINARY,
    files::{Copies, copy_tree, ledger_file},
    keeper::{Keeper, Request},
    support::Houses,
};

/// The house whose node is to start.
const HOUSE: Leg = Leg::Treasury;

/// What is wrong with the data or the configuration, and what the last line must say.
struct Door {
    what: &'static str,
    prepare: fn(&Houses),
    words: &'static [&'static str],
}

const DOORS: [Door; 10] = [
    Door {
        what: "the other house's ledger",
        prepare: |houses| {
            fs::remove_dir_all(houses.data(HOUSE)).unwrap();
            copy_tree(&houses.data(HOUSE.other()), &houses.data(HOUSE));
        },
        words: &[
            "ledger.sqlite",
            "belongs to CME in FICC-CME (live), not to FICC in FICC-CME (live)",
            "correct the path, the house's name or the arrangement's document",
        ],
    },
    Door {
        what: "a ledger of a newer format",
        prepare: |houses| pragma(&houses.data(HOUSE), "user_version = 3"),
        words: &["ledger.sqlite", "its format is 3, this program knows format 2", "release"],
    },
    Door {
        what: "a ledger of the former format",
        prepare: |houses| pragma(&houses.data(HOUSE), "user_version = 1"),
        words: &["ledger.sqlite", "its format is 1, this program knows format 2", "release"],
    },
    Door {
        what: "some other SQLite file",
        prepare: |houses| pragma(&houses.data(HOUSE), "application_id = 7"),
        words: &["ledger.sqlite", "its application id is 0x7", "Check the path"],
    },
    Door {
        what: "no blob folder",
        prepare: |houses| fs::remove_dir_all(houses.data(HOUSE).join("blobs")).unwrap(),
        words: &["record ", "is not in the blob store", "restore the store", "crossmargin ledger verify"],
    },
    Door {
        what: "a file where the blob folder should be",
        prepare: |houses| {
            fs::remove_dir_all(houses.data(HOUSE).join("blobs")).unwrap();
            fs::write(houses.data(HOUSE).join("blobs"), "").unwrap();
        },
        words: &["blobs", "exists"],
    },
    Door {
        what: "a folder where the guard should be",
        prepare: |houses| {
            let guard = ledger_file(&houses.data(HOUSE), ".guard");
            fs::remove_file(&guard).unwrap();
            fs::create_dir(&guard).unwrap();
        },
        words: &["cannot read the guard", "ledger.sqlite.guard", "directory"],
    },
    Door {
        what: "another statement key",
        prepare: |houses| {
            let stranger = Houses::new(BINARY);
            let key = |houses: &Houses| houses.directory().join("pki/FICC/statement.key");
            fs::copy(key(&stranger), key(houses)).unwrap();
        },
        words: &["ledger.sqlite", "commit", "key is not known", "statement_key.former"],
    },
    Door {
        what: "another arrangement",
        prepare: |houses| {
            let path = houses.directory().join("arrangement.toml");
            let text = fs::read_to_string(&path).unwrap();
            assert!(text.contains("guard_seconds = 1"));
            fs::write(&path, text.replace("guard_seconds = 1", "guard_seconds = 2")).unwrap();
        },
        words: &["this ledger belongs to arrangement", "restore the document, or start a new data directory"],
    },
    Door {
        what: "the same arrangement in rehearsal",
        prepare: |houses| {
            let path = houses.directory().join("arrangement.toml");
            let text = fs::read_to_string(&path).unwrap();
            assert!(text.contains("mode = \"live\""));
            fs::write(&path, text.replacen("mode = \"live\"", "mode = \"rehearsal\"", 1)).unwrap();
        },
        words: &[
            "ledger.sqlite",
            "belongs to FICC in FICC-CME (live), not to FICC in FICC-CME (rehearsal)",
            "the arrangement's document, or start a new data directory",
        ],
    },
];

/// Changes what a SQLite file says that it is.
fn pragma(data: &Path, pragma: &str) {
    let connection = rusqlite::Connection::open(ledger_file(data, "")).unwrap();
    connection.execute_batch(&format!("PRAGMA {pragma}")).unwrap();
}

/// Runs a node that must end by itself.
fn node(houses: &Houses) -> Output {
    Command::new(BINARY).args(["node", "--config"]).arg(houses.config(HOUSE)).output().unwrap()
}

fn assert_refused(output: &Output, what: &str, words: &[&str]) {
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{what}: {text}");
    let last = text.rsplit("error: ").next().unwrap();
    for word in words {
        assert!(last.contains(word), "{what}: {word:?} is not in: {last}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_does_not_start_on_data_that_is_not_its_own_or_not_whole() {
    let mut houses = Houses::running(BINARY).await;
    let keeper = Keeper::new(&houses);
    for leg in Leg::BOTH {
        for request in Request::sample(leg) {
            keeper.until_kept(leg, &request).await;
        }
    }
    let in_use = node(&houses);
    assert_refused(&in_use, "a second node", &["ledger.sqlite is in use", "stop the other node first"]);
    for leg in Leg::BOTH {
        assert!(houses.stop(leg).await.success());
    }
    let copies = Copies::take(&houses);
    let arrangement = fs::read_to_string(houses.directory().join("arrangement.toml")).unwrap();
    for Door { what, prepare, words } in DOORS {
        prepare(&houses);
        let output = tokio::task::block_in_place(|| node(&houses));
        println!("{what}: {}", String::from_utf8_lossy(&output.stderr).lines().last().unwrap_or_default());
        assert_refused(&output, what, words);
        copies.put_back(&houses);
        fs::write(houses.directory().join("arrangement.toml"), &arrangement).unwrap();
    }
    // What is put back is whole again.
    houses.start_both().await;
    for leg in Leg::BOTH {
        keeper.confirm(leg, usize::MAX, "after all refusals").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_does_not_start_on_data_that_it_may_only_read() {
    let mut houses = Houses::running(BINARY).await;
    for leg in Leg::BOTH {
        assert!(houses.stop(leg).await.success());
    }
    let (data, config) = (houses.data(HOUSE), houses.config(HOUSE));
    // A mount of its own: permissions do not keep the superuser out.
    let script = "mount --bind \"$1\" \"$1\" && mount -o remount,bind,ro \"$1\" && exec \"$2\" node --config \"$3\"";
    let mut unshare = Command::new("unshare");
    unshare.args(["-Urm", "sh", "-c", script, "sh"]).args([data.as_os_str(), BINARY.as_ref(), config.as_os_str()]);
    let output = unshare.output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    println!("{text}");
    if text.contains("unshare: ") || text.contains("mount: ") {
        println!("this machine permits no mounts: the case is left to one that does");
        return;
    }
    assert_refused(&output, "read-only data", &["ledger.sqlite.lock", "Read-only file system"]);
}
