//! Documents of links by the digest of their files.

use std::{fs::File, io::Read, path::Path};

use aws_lc_rs::digest::{Context, SHA256};

use crate::{arrangement::digest::Digest, command::failure::Failure};

/// Bytes that are read at once.
const BLOCK_BYTES: usize = 64 * 1024;

/// SHA-256 of a file.
///
/// # Errors
/// Names the file that cannot be read, and why.
pub fn sha256(path: &Path) -> Result<Digest, Failure> {
    let read = || -> std::io::Result<Digest> {
        let mut file = File::open(path)?;
        let mut context = Context::new(&SHA256);
        let mut block = vec![0; BLOCK_BYTES];
        loop {
            match file.read(&mut block)? {
                0 => break,
                count => context.update(&block[..count]),
            }
        }
        Digest::try_from(context.finish().as_ref()).map_err(std::io::Error::other)
    };
    read().map_err(|error| Failure::of(&path.display().to_string(), &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_of_a_file_is_its_sha_256() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agreement.txt");
        std::fs::write(&path, "abc").unwrap();
        // FIPS 180-4, the example of one block.
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256(&path).unwrap().to_string(), expected);
        // More than one block of reading.
        std::fs::write(&path, vec![b'a'; 1_000_000]).unwrap();
        let expected = "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";
        assert_eq!(sha256(&path).unwrap().to_string(), expected);
    }

    #[test]
    fn a_file_that_cannot_be_read_is_named() {
        let told = sha256(Path::new("nowhere/agreement.pdf")).unwrap_err().to_string();
        assert!(told.contains("nowhere/agreement.pdf"), "{told}");
    }
}
