use std::{fs, path::Path};

use prost::bytes::Bytes;
use tempfile::TempDir;

use super::*;

fn blob(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

fn files_in(folder: &Path) -> usize {
    fs::read_dir(folder).unwrap().count()
}

fn both_stores(check: impl Fn(&dyn BlobStore)) {
    let folder = TempDir::new().unwrap();
    check(&FileBlobStore::open(folder.path()).unwrap());
    check(&MemoryBlobStore::new());
}

#[test]
fn a_blob_is_found_under_the_digest_that_b3sum_prints() {
    both_stores(|store| {
        // BLAKE3's published test vector for the empty input.
        let digest = store.put(&Bytes::new()).unwrap();
        assert_eq!(digest.to_string(), "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262");
        assert_eq!(store.get(&digest).unwrap(), Some(Bytes::new()));
        assert!(store.has(&digest).unwrap());
    });
}

#[test]
fn a_blob_that_was_never_put_is_absent_and_not_an_error() {
    both_stores(|store| {
        let digest = Digest::of(b"never put");
        assert_eq!(store.get(&digest).unwrap(), None);
        assert!(!store.has(&digest).unwrap());
    });
}

#[test]
fn many_blobs_come_back_in_the_order_of_their_digests_with_duplicates() {
    both_stores(|store| {
        let mut blobs: Vec<Bytes> = (0..100).map(|number| blob(&format!("blob {number}"))).collect();
        blobs.push(blobs[7].clone());
        let digests = store.put_many(&blobs).unwrap();
        assert_eq!(digests.len(), 101);
        for (digest, blob) in digests.iter().zip(&blobs) {
            assert_eq!(store.get(digest).unwrap().as_ref(), Some(blob));
        }
        assert_eq!(store.put_many(&[]).unwrap(), []);
    });
}

#[test]
fn blobs_outlive_the_store_that_wrote_them() {
    let folder = TempDir::new().unwrap();
    let digest = FileBlobStore::open(folder.path()).unwrap().put(&blob("kept")).unwrap();
    let reader = FileBlobStore::open_for_reading(folder.path()).unwrap();
    assert_eq!(reader.get(&digest).unwrap(), Some(blob("kept")));
    let again = FileBlobStore::open(folder.path()).unwrap();
    assert_eq!(again.get(&digest).unwrap(), Some(blob("kept")));
    assert!(matches!(reader.put(&blob("more")), Err(BlobError::ReadOnly { .. })));
}

#[test]
fn putting_a_blob_again_leaves_its_file_alone() {
    let folder = TempDir::new().unwrap();
    let store = FileBlobStore::open(folder.path()).unwrap();
    let digest = store.put(&blob("once")).unwrap();
    let inode = |path| std::os::unix::fs::MetadataExt::ino(&fs::metadata(path).unwrap());
    let before = inode(store.path_of(&digest));
    store.put(&blob("once")).unwrap();
    assert_eq!(inode(store.path_of(&digest)), before);
    assert_eq!(files_in(&folder.path().join("new")), 0);
}

#[test]
fn a_blob_with_any_byte_flipped_is_an_error_and_never_wrong_bytes() {
    let folder = TempDir::new().unwrap();
    let store = FileBlobStore::open(folder.path()).unwrap();
    let digest = store.put(&blob("twelve bytes")).unwrap();
    let path = store.path_of(&digest);
    let good = fs::read(&path).unwrap();
    for position in 0..good.len() {
        let mut bad = good.clone();
        bad[position] ^= 0x20;
        fs::write(&path, bad).unwrap();
        let error = store.get(&digest).unwrap_err();
        assert!(matches!(error, BlobError::Corrupt { .. }), "{error}");
        let text = error.to_string();
        assert!(text.contains(&digest.to_string()) && text.contains(path.to_str().unwrap()), "{text}");
    }
}

#[test]
fn a_shortened_blob_is_found_and_mended_by_putting_it_again() {
    let folder = TempDir::new().unwrap();
    let store = FileBlobStore::open(folder.path()).unwrap();
    let digest = store.put(&blob("a blob of some length")).unwrap();
    fs::write(store.path_of(&digest), b"a blob").unwrap();
    assert!(matches!(store.get(&digest), Err(BlobError::Corrupt { bytes: 6, .. })));
    store.put(&blob("a blob of some length")).unwrap();
    assert_eq!(store.get(&digest).unwrap(), Some(blob("a blob of some length")));
}

#[test]
fn a_blob_above_the_limit_is_neither_stored_nor_read() {
    let folder = TempDir::new().unwrap();
    let store = FileBlobStore::open(folder.path()).unwrap().with_bytes_max(8);
    let error = store.put_many(&[blob("short"), blob("nine byte")]).unwrap_err();
    assert!(matches!(error, BlobError::TooLarge { bytes: 9, bytes_max: 8 }), "{error}");
    assert!(!store.has(&Digest::of(b"short")).unwrap());

    let digest = store.put(&blob("8 bytes!")).unwrap();
    let store = store.with_bytes_max(7);
    assert!(matches!(store.get(&digest), Err(BlobError::Oversized { bytes: 8, bytes_max: 7, .. })));
}

#[test]
fn what_a_crash_left_unfinished_is_removed_at_the_next_start() {
    let folder = TempDir::new().unwrap();
    drop(FileBlobStore::open(folder.path()).unwrap());
    fs::write(folder.path().join("new").join("half"), b"half a blob").unwrap();
    let store = FileBlobStore::open(folder.path()).unwrap();
    assert_eq!(files_in(&folder.path().join("new")), 0);
    store.put(&blob("whole")).unwrap();
}

#[test]
fn a_second_writer_is_refused_until_the_first_ends() {
    let folder = TempDir::new().unwrap();
    let first = FileBlobStore::open(folder.path()).unwrap();
    assert!(matches!(FileBlobStore::open(folder.path()), Err(BlobError::InUse { .. })));
    drop(first);
    FileBlobStore::open(folder.path()).unwrap();
}

#[test]
fn threads_that_put_the_same_blobs_all_find_them() {
    let folder = TempDir::new().unwrap();
    let store = FileBlobStore::open(folder.path()).unwrap();
    let blobs: Vec<Bytes> = (0..20).map(|number| blob(&format!("shared {number}"))).collect();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for digest in store.put_many(&blobs).unwrap() {
                    assert!(store.get(&digest).unwrap().is_some());
                }
            });
        }
    });
    assert_eq!(files_in(&folder.path().join("new")), 0);
}

#[test]
fn only_sixty_four_lower_case_hex_digits_are_a_digest() {
    let digest = Digest::of(b"x");
    assert_eq!(digest.to_string().parse(), Ok(digest));
    for bad in ["", "ab", &digest.to_string().to_uppercase(), &format!("{digest}0"), &format!("{digest}")[1..]] {
        assert!(bad.parse::<Digest>().is_err(), "{bad}");
    }
}
