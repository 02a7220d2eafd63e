//! Blobs in a folder: one file each, named by its digest, spread over 256 folders by the first byte.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use prost::bytes::Bytes;

use super::{BLOB_BYTES_MAX, BlobError, BlobStore, Digest, length, within};

/// A store in a folder.
///
/// A blob is written under a temporary name, synced, renamed to its own and its folder synced: a blob that has its name
/// is whole. A crash leaves temporary files, which the next [`FileBlobStore::open`] removes. One process writes at a
/// time, held by a lock file; any number may read.
#[derive(Debug)]
pub struct FileBlobStore {
    root: PathBuf,
    bytes_max: u64,
    // The lock ends when the file is closed. None: for reading only.
    lock: Option<File>,
    written: AtomicU64,
}

impl FileBlobStore {
    /// Opens the store in the folder `root` for writing, and makes it if there is none.
    ///
    /// # Errors
    /// In use by another process, or the disk's own errors.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self, BlobError> {
        let root = root.into();
        let failed = |error| storage("make the blob store", &root, error);
        make_folder(&root).map_err(failed)?;
        let lock = take_lock(&root)?;
        make_folder(&root.join(NEW_FOLDER)).map_err(failed)?;
        let folders: Vec<PathBuf> = (0..=u8::MAX).map(|first_byte| root.join(hex::encode([first_byte]))).collect();
        for folder in &folders {
            make_folder(folder).map_err(failed)?;
        }
        sync_folder(&root)?;
        // A name that a crashed process gave but did not sync is durable from here on.
        in_parallel(&folders, |folder| sync_folder(folder))?;
        let store = Self { root, bytes_max: BLOB_BYTES_MAX, lock: Some(lock), written: AtomicU64::new(0) };
        store.remove_leftovers()?;
        Ok(store)
    }

    /// Opens the store in the folder `root` for reading: changes nothing, takes no lock.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn open_for_reading(root: impl Into<PathBuf>) -> Result<Self, BlobError> {
        let root = root.into();
        fs::read_dir(&root).map_err(|error| storage("read the blob store", &root, error))?;
        Ok(Self { root, bytes_max: BLOB_BYTES_MAX, lock: None, written: AtomicU64::new(0) })
    }

    /// The same store with another limit on the size of a blob, bytes. It holds for writing and for reading.
    #[must_use]
    pub fn with_bytes_max(self, bytes_max: u64) -> Self {
        Self { bytes_max, ..self }
    }

    /// Where the blob of this digest is, or would be.
    #[must_use]
    pub fn path_of(&self, digest: &Digest) -> PathBuf {
        let name = digest.to_string();
        let (folder, rest) = name.split_at(2);
        self.root.join(folder).join(rest)
    }

    fn remove_leftovers(&self) -> Result<(), BlobError> {
        let folder = self.root.join(NEW_FOLDER);
        let failed = |error| storage("clean", &folder, error);
        for entry in fs::read_dir(&folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            fs::remove_file(&path).map_err(|error| storage("remove the unfinished blob", &path, error))?;
            tracing::info!(path = %path.display(), "removed a blob that a crash left unfinished");
        }
        Ok(())
    }

    /// Whether the blob is there, whole by its length. One of another length is damaged and is written anew.
    fn is_stored(&self, digest: &Digest, blob: &Bytes) -> Result<bool, BlobError> {
        let path = self.path_of(digest);
        match fs::metadata(&path) {
            Ok(metadata) if metadata.len() == length(blob) => Ok(true),
            Ok(metadata) => {
                tracing::warn!(path = %path.display(), bytes = metadata.len(), "a damaged blob is written anew");
                Ok(false)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(storage("look for blob", &path, error)),
        }
    }

    fn write_new(&self, digest: Digest, blob: &Bytes) -> Result<NewBlob, BlobError> {
        let number = self.written.fetch_add(1, Ordering::Relaxed);
        let path = self.root.join(NEW_FOLDER).join(format!("{digest}.{number}"));
        let write = || {
            let mut file = OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(&path)?;
            file.write_all(blob)?;
            Ok(file)
        };
        match write() {
            Ok(file) => Ok(NewBlob { digest, path, file }),
            Err(error) => {
                // A full disk gets its space back; what cannot be removed now is removed at the next start.
                drop(fs::remove_file(&path));
                Err(storage("write the blob", &path, error))
            }
        }
    }
}

impl BlobStore for FileBlobStore {
    fn put_many(&self, blobs: &[Bytes]) -> Result<Vec<Digest>, BlobError> {
        if self.lock.is_none() {
            return Err(BlobError::ReadOnly { root: self.root.clone() });
        }
        within(blobs, self.bytes_max)?;
        let digests: Vec<Digest> = blobs.iter().map(|blob| Digest::of(blob)).collect();
        let distinct: BTreeMap<_, _> = digests.iter().copied().zip(blobs).collect();

        // All are written before the first is synced, so that the disk can take them together.
        let mut new_blobs = Vec::new();
        for (digest, blob) in &distinct {
            if !self.is_stored(digest, blob)? {
                new_blobs.push(self.write_new(*digest, blob)?);
            }
        }
        in_parallel(&new_blobs, |new| new.file.sync_all().map_err(|error| storage("sync the blob", &new.path, error)))?;
        for new in &new_blobs {
            let path = self.path_of(&new.digest);
            fs::rename(&new.path, &path).map_err(|error| storage("name the blob", &path, error))?;
        }
        // Also the folders of blobs that were there: their names may stem from a put that has not come this far yet.
        let folders: BTreeSet<PathBuf> =
            distinct.keys().filter_map(|digest| self.path_of(digest).parent().map(Path::to_owned)).collect();
        in_parallel(&folders.into_iter().collect::<Vec<_>>(), |folder| sync_folder(folder))?;
        Ok(digests)
    }

    fn get(&self, digest: &Digest) -> Result<Option<Bytes>, BlobError> {
        let path = self.path_of(digest);
        let failed = |error| storage("read the blob", &path, error);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let bytes = file.metadata().map_err(failed)?.len();
        let bytes_max = self.bytes_max;
        if bytes > bytes_max {
            return Err(BlobError::Oversized { digest: *digest, path, bytes, bytes_max });
        }
        let mut blob = Vec::with_capacity(usize::try_from(bytes).unwrap_or_default());
        file.take(bytes_max).read_to_end(&mut blob).map_err(failed)?;
        let found = Digest::of(&blob);
        if found != *digest {
            return Err(BlobError::Corrupt { digest: *digest, path, bytes, found });
        }
        Ok(Some(blob.into()))
    }

    fn has(&self, digest: &Digest) -> Result<bool, BlobError> {
        let path = self.path_of(digest);
        fs::exists(&path).map_err(|error| storage("look for blob", &path, error))
    }
}

struct NewBlob {
    digest: Digest,
    path: PathBuf,
    file: File,
}

/// Unfinished blobs.
const NEW_FOLDER: &str = "new";
const LOCK_FILE: &str = "lock";
/// Positions of members: readable by the node's own account alone.
const FILE_MODE: u32 = 0o600;
const FOLDER_MODE: u32 = 0o700;
/// Syncs at once: a journalling file system takes them in one journal commit.
const SYNC_THREADS_MAX: usize = 8;

fn in_parallel<T: Sync>(items: &[T], work: impl Fn(&T) -> Result<(), BlobError> + Sync) -> Result<(), BlobError> {
    if let [item] = items {
        return work(item);
    }
    let per_thread = items.len().div_ceil(SYNC_THREADS_MAX).max(1);
    thread::scope(|scope| {
        let threads: Vec<_> =
            items.chunks(per_thread).map(|chunk| scope.spawn(|| chunk.iter().try_for_each(&work))).collect();
        threads.into_iter().try_for_each(|thread| match thread.join() {
            Ok(outcome) => outcome,
            Err(panic) => std::panic::resume_unwind(panic),
        })
    })
}

fn sync_folder(folder: &Path) -> Result<(), BlobError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| storage("sync", folder, error))
}

fn make_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(path)
}

fn take_lock(root: &Path) -> Result<File, BlobError> {
    let path = root.join(LOCK_FILE);
    let failed = |error| storage("lock", &path, error);
    let file =
        OpenOptions::new().write(true).create(true).truncate(false).mode(FILE_MODE).open(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(BlobError::InUse { root: root.to_owned() }),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

fn storage(doing: &'static str, path: &Path, error: io::Error) -> BlobError {
    let path = path.to_owned();
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            BlobError::StorageFull { doing, path }
        }
        _ => BlobError::Storage { doing, path, source: Arc::new(error) },
    }
}
