//! Data directories, copied and put back: what a crash, a fault or an operator leaves.

use std::{
    fs,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use gateway::arrangement::leg::Leg;
use tempfile::TempDir;

use super::support::Houses;

/// A copy of both houses' data, and of the keys that it is signed with.
pub(crate) struct Copies(TempDir);

impl Copies {
    /// Copies the data of both houses as it is now.
    pub(crate) fn take(houses: &Houses) -> Self {
        let copies = Self(TempDir::new().unwrap());
        copy_tree(&houses.directory().join("pki"), &copies.0.path().join("pki"));
        for leg in Leg::BOTH {
            copy_tree(&houses.data(leg), &copies.data(leg));
        }
        copies
    }

    /// The copy of a house's data.
    pub(crate) fn data(&self, leg: Leg) -> PathBuf {
        self.0.path().join(leg.name())
    }

    /// Puts the data back into these houses, whose nodes do not run, and the keys with it.
    pub(crate) fn put_back(&self, houses: &Houses) {
        let keys = houses.directory().join("pki");
        fs::remove_dir_all(&keys).unwrap();
        copy_tree(&self.0.path().join("pki"), &keys);
        for leg in Leg::BOTH {
            self.put_back_data(houses, leg);
        }
    }

    /// Puts one house's data back.
    pub(crate) fn put_back_data(&self, houses: &Houses, leg: Leg) {
        let data = houses.data(leg);
        if data.exists() {
            fs::remove_dir_all(&data).unwrap();
        }
        copy_tree(&self.data(leg), &data);
    }
}

/// Copies a folder with everything in it but what belongs to a process alone.
pub(crate) fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let (path, name) = (entry.path(), entry.file_name());
        let is_of_process = name.to_str().is_some_and(|name| name.ends_with("-shm") || name.ends_with(".lock"));
        if path.is_dir() {
            copy_tree(&path, &to.join(name));
        } else if !is_of_process {
            fs::copy(&path, to.join(name)).unwrap();
        }
    }
}

/// The ledger's file in a data directory, or one that goes with it by its ending: `-wal`, `.guard`.
pub(crate) fn ledger_file(data: &Path, ending: &str) -> PathBuf {
    data.join(format!("ledger.sqlite{ending}"))
}

/// The length of a file; 0 where there is none.
pub(crate) fn length(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |metadata| metadata.len())
}

/// Cuts a file off.
pub(crate) fn truncate(path: &Path, length: u64) {
    fs::File::options().write(true).open(path).unwrap().set_len(length).unwrap();
}

/// Changes one bit of a file.
pub(crate) fn flip(path: &Path, position: u64) {
    let file = fs::File::options().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, position).unwrap();
    file.write_all_at(&[byte[0] ^ 0x10], position).unwrap();
}
