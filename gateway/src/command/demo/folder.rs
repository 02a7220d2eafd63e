//! The demo's folder: where everything is, and whose folder it is.

use std::{
    fs, io,
    net::TcpStream,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::command::failure::Failure;

/// Marks a folder as a demo's, and holds the addresses of its nodes, one a line.
const MARKER: &str = ".crossmargin-demo";

/// The demo's folder.
#[derive(Clone, Debug)]
pub(super) struct Folder {
    root: PathBuf,
}

impl Folder {
    /// Takes a folder that is not there or empty, or makes an earlier demo's anew.
    ///
    /// # Errors
    /// When the folder holds anything else, or nodes of an earlier demo still run from it.
    pub(super) fn take(root: &Path) -> Result<Self, Failure> {
        let failed = |error: io::Error| Failure::of(&format!("--dir {}", root.display()), &error);
        let is_empty = match fs::read_dir(root) {
            Ok(mut entries) => entries.next().is_none(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => true,
            Err(error) => return Err(failed(error)),
        };
        if !is_empty {
            let Ok(addresses) = fs::read_to_string(root.join(MARKER)) else {
                return Err(Failure::new(format!(
                    "--dir {}: the folder holds something that is not a demo's: name a new folder",
                    root.display()
                )));
            };
            if let Some(address) = addresses.lines().find(|address| answers(address)) {
                return Err(Failure::new(format!(
                    "--dir {}: a node of an earlier demo still runs at {address}: stop it, or name a new folder",
                    root.display()
                )));
            }
            fs::remove_dir_all(root).map_err(failed)?;
        }
        fs::create_dir_all(root).map_err(failed)?;
        fs::write(root.join(MARKER), "").map_err(failed)?;
        Ok(Self { root: root.to_owned() })
    }

    /// Notes the nodes' addresses.
    pub(super) fn note(&self, addresses: &[&str]) -> Result<(), Failure> {
        self.write(&self.root.join(MARKER), &addresses.join("\n"))
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn arrangement(&self) -> PathBuf {
        self.root.join("arrangement.toml")
    }

    pub(super) fn links(&self) -> PathBuf {
        self.root.join("links.csv")
    }

    pub(super) fn pki(&self) -> PathBuf {
        self.root.join("pki")
    }

    pub(super) fn of(&self, house: &str) -> PathBuf {
        self.root.join(house)
    }

    pub(super) fn config(&self, house: &str) -> PathBuf {
        self.of(house).join("node.toml")
    }

    pub(super) fn log(&self, house: &str) -> PathBuf {
        self.of(house).join("node.log")
    }

    pub(super) fn ledger(&self, house: &str) -> PathBuf {
        self.of(house).join("data").join(crate::command::ledger::LEDGER_FILE)
    }

    pub(super) fn book(&self, house: &str) -> PathBuf {
        self.of(house).join("book.csv")
    }

    pub(super) fn amendment(&self, house: &str) -> PathBuf {
        self.of(house).join("amendment.csv")
    }

    pub(super) fn market(&self, house: &str) -> PathBuf {
        self.of(house).join("market")
    }

    /// Writes a file, with its folder.
    pub(super) fn write(&self, path: &Path, text: &str) -> Result<(), Failure> {
        let folder = path.parent().unwrap_or(&self.root);
        fs::create_dir_all(folder)
            .and_then(|()| fs::write(path, text))
            .map_err(|error| Failure::of(&path.display().to_string(), &error))
    }
}

fn answers(address: &str) -> bool {
    let Ok(address) = address.parse() else { return false };
    TcpStream::connect_timeout(&address, Duration::from_millis(300)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_with_something_else_in_it_is_refused_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let other = folder.path().join("thesis.txt");
        fs::write(&other, "x").unwrap();
        let error = Folder::take(folder.path()).unwrap_err().to_string();
        assert!(error.contains("not a demo's"), "{error}");
        assert!(other.is_file());
    }

    #[test]
    fn an_earlier_demos_folder_is_made_anew_unless_a_node_still_runs_there() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("demo");
        let demo = Folder::take(&root).unwrap();
        demo.write(&demo.book("FICC"), "old").unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        demo.note(&[&listener.local_addr().unwrap().to_string()]).unwrap();
        assert!(Folder::take(&root).unwrap_err().to_string().contains("still runs"));
        assert!(demo.book("FICC").is_file());
        drop(listener);
        assert!(!Folder::take(&root).unwrap().book("FICC").exists());
    }
}
