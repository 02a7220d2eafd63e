//! Reading certificates, keys and revocation lists from PEM files, with errors that name the file.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use rustls_pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer, pem::PemObject};

/// Reads every certificate of a PEM file; at least one.
///
/// # Errors
/// [`FileError`] when the file cannot be read, is not PEM, or has no certificate.
pub fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, FileError> {
    let bytes = read(path)?;
    let found: Vec<_> = CertificateDer::pem_slice_iter(&bytes).collect::<Result<_, _>>().at(path)?;
    if found.is_empty() {
        return Err(FileError::new(path, "there is no certificate (BEGIN CERTIFICATE) in it"));
    }
    Ok(found)
}

/// Reads every revocation list of a PEM file; at least one.
///
/// # Errors
/// [`FileError`] when the file cannot be read, is not PEM, or has no revocation list.
pub fn revocation_lists(path: &Path) -> Result<Vec<CertificateRevocationListDer<'static>>, FileError> {
    let bytes = read(path)?;
    let found: Vec<_> = CertificateRevocationListDer::pem_slice_iter(&bytes).collect::<Result<_, _>>().at(path)?;
    if found.is_empty() {
        return Err(FileError::new(path, "there is no revocation list (BEGIN X509 CRL) in it"));
    }
    Ok(found)
}

/// Reads the private key of a PEM file that nobody but its owner may read.
///
/// # Errors
/// [`FileError`] when the file is open to others, cannot be read, is not PEM, or has no private key.
pub fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, FileError> {
    let bytes = read_secret(path)?;
    PrivateKeyDer::from_pem_slice(&bytes).at(path)
}

/// Reads a file that nobody but its owner may read.
///
/// # Errors
/// [`FileError`] when group or others have any right to it, or it cannot be read.
pub fn read_secret(path: &Path) -> Result<Vec<u8>, FileError> {
    refuse_open_to_others(path)?;
    read(path)
}

/// A file of certificates or keys that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}: {problem}", path.display())]
pub struct FileError {
    path: PathBuf,
    problem: String,
}

impl FileError {
    pub(crate) fn new(path: &Path, problem: impl ToString) -> Self {
        Self { path: path.to_owned(), problem: problem.to_string() }
    }
}

trait At<T> {
    fn at(self, path: &Path) -> Result<T, FileError>;
}

impl<T> At<T> for Result<T, rustls_pki_types::pem::Error> {
    fn at(self, path: &Path) -> Result<T, FileError> {
        self.map_err(|error| FileError::new(path, format_args!("not the PEM that is needed here: {error}")))
    }
}

fn read(path: &Path) -> Result<Vec<u8>, FileError> {
    fs::read(path).map_err(|error| unreadable(path, &error))
}

fn unreadable(path: &Path, error: &io::Error) -> FileError {
    FileError::new(path, format_args!("cannot be read: {error}"))
}

#[cfg(unix)]
fn refuse_open_to_others(path: &Path) -> Result<(), FileError> {
    use std::os::unix::fs::PermissionsExt;
    let mode = fs::metadata(path).map_err(|error| unreadable(path, &error))?.permissions().mode() & 0o777;
    if mode & 0o077 == 0 {
        return Ok(());
    }
    let problem = format!("a private key that others may read (mode {mode:04o}); run: chmod 600 {}", path.display());
    Err(FileError::new(path, problem))
}

#[cfg(not(unix))]
fn refuse_open_to_others(_: &Path) -> Result<(), FileError> {
    Ok(())
}
