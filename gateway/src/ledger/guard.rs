//! The guard file: the newest signed head, kept apart from the ledger.
//!
//! A chain that lost its tail still verifies, and a flipped byte in a write-ahead log makes SQLite drop the commits
//! behind it without a word. So every signed head is also synced here. Two slots of one disk page each are written in
//! turn: a write that is torn can spoil only the slot that does not hold the newest acknowledged head.
//!
//! A slot, integers little-endian: magic (8 bytes), generation (u64), length of the payload (u32), payload, BLAKE3
//! checksum (32 bytes) over all before it. The payload: arrangement, mode (i32), house, epoch (u64), sequence (u64), hash
//! (32 bytes), key id, signature; arrangement, house, key id and signature each after its length (u32).

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::Path,
};

use super::{Epoch, Head, HeadSignature, RecordHash, Sequence, SignedHead, sqlite::with_ending};
use crate::arrangement::{
    name::{ArrangementId, HouseId},
    parties::{ArrangementMode, Party},
};

/// The guard file, open for writing.
#[derive(Debug)]
pub(super) struct Guard {
    file: File,
    generation: u64,
    slot: usize,
}

impl Guard {
    /// Makes a new guard file that holds `head`, in place of any that is there. A crash leaves the old one or the new.
    pub(super) fn create(path: &Path, head: &SignedHead) -> io::Result<Self> {
        let new_path = with_ending(path, ".new");
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(true).mode(FILE_MODE).open(&new_path)?;
        // Allocated now, so that a full disk cannot keep a later head from being written.
        file.write_all_at(&[0; SLOT_BYTES * SLOTS], 0)?;
        let mut guard = Self { file, generation: 0, slot: SLOTS - 1 };
        guard.store(head)?;
        guard.file.sync_all()?;
        std::fs::rename(&new_path, path)?;
        sync_directory_of(path)?;
        Ok(guard)
    }

    /// Opens a guard file that [`GuardSlots::read`] has found good.
    pub(super) fn open(path: &Path, slots: &GuardSlots) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        let (slot, generation) = slots.newest_slot().map_or((SLOTS - 1, 0), |(slot, generation, _)| (slot, generation));
        Ok(Self { file, generation, slot })
    }

    /// Writes `head` over the older slot and syncs it.
    pub(super) fn store(&mut self, head: &SignedHead) -> io::Result<()> {
        let generation = self.generation.saturating_add(1);
        let slot = (self.slot + 1) % SLOTS;
        let bytes = encode_slot(generation, head)?;
        self.file.write_all_at(&bytes, slot_offset(slot))?;
        self.file.sync_data()?;
        self.generation = generation;
        self.slot = slot;
        Ok(())
    }

    /// Writes `word` over both slots, one after the other: no damage of one slot may bring back the head before it, which
    /// the ledger has, and with it a ledger that takes appends.
    pub(super) fn hold_to(&mut self, word: &SignedHead) -> io::Result<()> {
        self.store(word)?;
        self.store(word)
    }
}

/// What a guard file holds.
#[derive(Debug, Clone)]
pub(super) struct GuardSlots {
    pub(super) slots: [Slot; SLOTS],
}

/// One slot of a guard file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Slot {
    /// Never written.
    Empty,
    /// A head with a good checksum. Its signature is not checked yet.
    Held { generation: u64, head: SignedHead },
    /// A torn write, or a byte has changed.
    Damaged(&'static str),
}

impl GuardSlots {
    /// Reads the guard file; `None` if there is none.
    pub(super) fn read(path: &Path) -> io::Result<Option<Self>> {
        let bytes = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let slots = [0, 1].map(|slot| {
            let from = slot * SLOT_BYTES;
            bytes.get(from..from + SLOT_BYTES).map_or(Slot::Damaged("the file is too short"), decode_slot)
        });
        Ok(Some(Self { slots }))
    }

    /// The newest head whose slot is sound.
    pub(super) fn newest(&self) -> Option<&SignedHead> {
        self.newest_slot().map(|(_, _, head)| head)
    }

    /// Why there is no newest head.
    pub(super) fn problem(&self) -> String {
        let [first, second] = self.slots.each_ref().map(Slot::describe);
        format!("first slot {first}, second slot {second}")
    }

    fn newest_slot(&self) -> Option<(usize, u64, &SignedHead)> {
        let held = self.slots.iter().enumerate().filter_map(|(index, slot)| match slot {
            Slot::Held { generation, head } => Some((index, *generation, head)),
            Slot::Empty | Slot::Damaged(_) => None,
        });
        held.max_by_key(|(_, generation, _)| *generation)
    }
}

impl Slot {
    pub(super) fn describe(&self) -> &'static str {
        match self {
            Self::Empty => "is empty",
            Self::Held { .. } => "is sound",
            Self::Damaged(problem) => problem,
        }
    }
}

/// Makes a new or renamed file in the directory of `path` outlast a power loss.
pub(super) fn sync_directory_of(path: &Path) -> io::Result<()> {
    let directory = match path.parent() {
        Some(directory) if !directory.as_os_str().is_empty() => directory,
        _ => Path::new("."),
    };
    File::open(directory)?.sync_all()
}

/// Readable by the node's own account alone.
pub(super) const FILE_MODE: u32 = 0o600;

const SLOTS: usize = 2;
/// One page of the usual file systems, so that the slots do not share a disk sector.
const SLOT_BYTES: usize = 4096;
const MAGIC: [u8; 8] = *b"XMGUARD2";
const CHECKSUM_BYTES: usize = 32;
const CHECKSUM_CONTEXT: &str = "crossmargin ledger guard v2";

fn slot_offset(slot: usize) -> u64 {
    if slot == 0 { 0 } else { SLOT_BYTES as u64 }
}

fn encode_slot(generation: u64, signed: &SignedHead) -> io::Result<Vec<u8>> {
    let mut payload = Vec::with_capacity(256);
    let Party { arrangement, mode, house } = &signed.party;
    push_short(&mut payload, arrangement.as_str().as_bytes())?;
    payload.extend_from_slice(&mode.number().to_le_bytes());
    push_short(&mut payload, house.as_str().as_bytes())?;
    payload.extend_from_slice(&signed.epoch.0.to_le_bytes());
    payload.extend_from_slice(&signed.head.seq.0.to_le_bytes());
    payload.extend_from_slice(&signed.head.hash.0);
    push_short(&mut payload, signed.signature.key_id.as_bytes())?;
    push_short(&mut payload, &signed.signature.bytes)?;

    let mut slot = Vec::with_capacity(SLOT_BYTES);
    slot.extend_from_slice(&MAGIC);
    slot.extend_from_slice(&generation.to_le_bytes());
    push_short(&mut slot, &payload)?;
    slot.extend_from_slice(&checksum(&slot));
    if slot.len() > SLOT_BYTES {
        return Err(too_long());
    }
    slot.resize(SLOT_BYTES, 0);
    Ok(slot)
}

fn decode_slot(bytes: &[u8]) -> Slot {
    if bytes.iter().all(|byte| *byte == 0) {
        return Slot::Empty;
    }
    parse_slot(bytes).unwrap_or(Slot::Damaged("is damaged"))
}

fn parse_slot(bytes: &[u8]) -> Option<Slot> {
    let mut rest = bytes;
    if take::<8>(&mut rest)? != MAGIC {
        return None;
    }
    let generation = u64::from_le_bytes(take(&mut rest)?);
    let mut payload = take_short(&mut rest)?;
    let covered = bytes.get(..bytes.len() - rest.len())?;
    let stored: [u8; CHECKSUM_BYTES] = take(&mut rest)?;
    // The unused end is part of what was written: no byte of a slot may change unnoticed.
    if stored != checksum(covered) || rest.iter().any(|byte| *byte != 0) {
        return None;
    }
    let arrangement = ArrangementId::new(take_text(&mut payload)?).ok()?;
    let mode = ArrangementMode::from_number(i32::from_le_bytes(take(&mut payload)?))?;
    let party = Party { arrangement, mode, house: HouseId::new(take_text(&mut payload)?).ok()? };
    let epoch = Epoch(u64::from_le_bytes(take(&mut payload)?));
    let seq = Sequence(u64::from_le_bytes(take(&mut payload)?));
    let hash = RecordHash(take(&mut payload)?);
    let key_id = take_text(&mut payload)?.to_owned();
    let signature = HeadSignature { key_id, bytes: take_short(&mut payload)?.to_vec() };
    let head = SignedHead { party, head: Head { seq, hash }, epoch, signature };
    payload.is_empty().then_some(Slot::Held { generation, head })
}

fn checksum(covered: &[u8]) -> [u8; CHECKSUM_BYTES] {
    blake3::derive_key(CHECKSUM_CONTEXT, covered)
}

fn push_short(out: &mut Vec<u8>, part: &[u8]) -> io::Result<()> {
    let length = u32::try_from(part.len()).map_err(|_| too_long())?;
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(part);
    Ok(())
}

fn too_long() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidInput,
        format!("names, key id and signature do not fit in a guard slot of {SLOT_BYTES} bytes"),
    )
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (head, tail) = rest.split_first_chunk()?;
    *rest = tail;
    Some(*head)
}

fn take_short<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(u32::from_le_bytes(take(rest)?)).ok()?;
    let (part, tail) = rest.split_at_checked(length)?;
    *rest = tail;
    Some(part)
}

fn take_text<'a>(rest: &mut &'a [u8]) -> Option<&'a str> {
    std::str::from_utf8(take_short(rest)?).ok()
}
