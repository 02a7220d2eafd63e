//! The files to write, held until everything is made.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

/// Files to write: nothing touches the disk before [`Files::write`].
#[derive(Debug, Default)]
pub struct Files {
    files: Vec<File>,
}

#[derive(Debug)]
struct File {
    path: PathBuf,
    content: String,
    mode: u32,
}

impl Files {
    /// A file that everybody may read. Answers with its path.
    pub(super) fn public(&mut self, path: PathBuf, content: String) -> PathBuf {
        self.add(path, content, 0o644)
    }

    /// A file that its owner alone may read. Answers with its path.
    pub(super) fn secret(&mut self, path: PathBuf, content: String) -> PathBuf {
        self.add(path, content, 0o600)
    }

    fn add(&mut self, path: PathBuf, content: String, mode: u32) -> PathBuf {
        self.files.push(File { path: path.clone(), content, mode });
        path
    }

    /// Writes every file. Without `force`, none when one of them is already there.
    ///
    /// # Errors
    /// [`CertsError::Exists`] and [`CertsError::Write`] name the file.
    pub(super) fn write(&self, force: bool) -> Result<(), CertsError> {
        if let Some(file) = self.files.iter().find(|file| !force && file.path.exists()) {
            return Err(CertsError::Exists { path: file.path.clone() });
        }
        for file in &self.files {
            file.write().map_err(|source| CertsError::Write { path: file.path.clone(), source })?;
        }
        Ok(())
    }
}

impl File {
    /// Writes beside and renames: a node that reloads meanwhile sees the old file or the new one, never a part.
    fn write(&self) -> io::Result<()> {
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut beside = self.path.clone().into_os_string();
        beside.push(".new");
        let beside = PathBuf::from(beside);
        match fs::remove_file(&beside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = create(&beside, self.mode)?;
        file.write_all(self.content.as_bytes())?;
        file.sync_all()?;
        fs::rename(&beside, &self.path)
    }
}

#[cfg(unix)]
fn create(path: &Path, mode: u32) -> io::Result<fs::File> {
    use std::os::unix::fs::OpenOptionsExt;
    OpenOptions::new().write(true).create_new(true).mode(mode).open(path)
}

#[cfg(not(unix))]
fn create(path: &Path, _: u32) -> io::Result<fs::File> {
    OpenOptions::new().write(true).create_new(true).open(path)
}

/// Why the PKI was not made.
#[derive(Debug, thiserror::Error)]
pub enum CertsError {
    /// An argument does not fit.
    #[error("{0}")]
    Argument(String),
    /// A key or a certificate cannot be made.
    #[error("a key or certificate cannot be made: {0}")]
    Make(String),
    /// A file is in the way.
    #[error("{} is already there: choose another folder with --out, or replace everything in it with --force", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// A file cannot be written.
    #[error("{} cannot be written: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
}

impl From<rcgen::Error> for CertsError {
    fn from(error: rcgen::Error) -> Self {
        Self::Make(error.to_string())
    }
}
