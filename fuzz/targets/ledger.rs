//! The ledger: the body of a record, the guard file, the database file.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, LazyLock},
};

use crossmargin::v1::{self, ledger_record};
use gateway::{
    ledger::{
        Epoch, GuardReport, HeadRejection, HeadSignature, HeadVerifier, Ledger, LedgerOptions, NewRecord, Record,
        RecordKind, Sequence, SigningFault, SqliteLedger, VerifyOptions, VerifyReport, read_offline, verify,
    },
    node::entry::Entry,
    wire,
};
use prost::Message;

use super::{
    Verdict,
    fixture::{ARRANGEMENT, each_names_its_field, every_kind, numbered, sealed},
};
use gateway::arrangement::{leg::Leg, parties::Party};

/// The body of a record: what is read is written and read back to the same bytes, and facts follow from it or the field
/// that keeps them from following is named.
pub fn record(data: &[u8]) -> Verdict {
    let parties = &ARRANGEMENT.parties;
    let at = jiff::Timestamp::UNIX_EPOCH;
    match Entry::decode(data, parties) {
        Ok(entry) => {
            let written = entry.to_record(parties, at);
            let again = Entry::decode(&written.body, parties).unwrap().to_record(parties, at);
            assert_eq!((again.kind, again.body), (written.kind, written.body));
            if let Err(error) = entry.facts(Leg::Treasury) {
                each_names_its_field([(error.field.as_str(), error.reason)]);
            }
            Verdict::Accepted
        }
        Err(error) => {
            each_names_its_field([(error.field.as_str(), error.reason)]);
            Verdict::Refused
        }
    }
}

/// A record of each kind.
pub fn records() -> Vec<(String, Vec<u8>)> {
    use ledger_record::Record as Kind;
    let at = Some(wire::to_timestamp("2026-02-13T22:00:00Z".parse().unwrap()));
    let cycle =
        Some("2026-02-13/EOD/2".parse::<gateway::arrangement::cycle_id::CycleId>().unwrap().to_wire("FICC-CME"));
    let evidence = every_kind().into_iter().map(|evidence| {
        let envelope = Some(sealed(&evidence, Leg::Treasury));
        let attachment = vec![3; 32].into();
        Kind::Evidence(v1::RecordedEvidence {
            envelope,
            request_id: "r-1".into(),
            attachment,
            request_content: vec![4; 32].into(),
            ..Default::default()
        })
    });
    let others = [
        Kind::Book(v1::RecordedBook {
            business_date: "2026-02-13".into(),
            book_version: 3,
            as_of: at,
            request_id: "b-3".into(),
            request_content: vec![5; 32].into(),
            ..Default::default()
        }),
        Kind::CutOff(v1::RecordedCutOff { cycle: cycle.clone(), at, is_restored: false }),
        Kind::Contradiction(v1::RecordedContradiction {
            cycles: cycle.clone().into_iter().collect(),
            ..Default::default()
        }),
        Kind::Direction(v1::RecordedDirection {
            number: 1,
            request_id: "d-1".into(),
            business_date: "2026-02-13".into(),
            by: "member-administrator".into(),
            expected_cycle: cycle,
            at,
            request_content: vec![6; 32].into(),
            ..Default::default()
        }),
    ];
    numbered(evidence.chain(others).map(|record| v1::LedgerRecord { record: Some(record) }.encode_to_vec()))
}

/// Whose ledger it is.
fn party() -> Party {
    ARRANGEMENT.parties.party(Leg::Treasury)
}

/// A small ledger as it is on the disk, and what is in it.
struct Base {
    database: Vec<u8>,
    guard: Vec<u8>,
    report: VerifyReport,
    records: Vec<Record>,
}

static BASE: LazyLock<Base> = LazyLock::new(|| {
    let folder = Folder::new("base");
    let signer = |message: &[u8]| -> Result<HeadSignature, SigningFault> {
        Ok(HeadSignature { key_id: KEY_ID.to_owned(), bytes: mac(message) })
    };
    let options = LedgerOptions::new(folder.database(), party(), Arc::new(signer), verifier());
    let ledger = SqliteLedger::open(options).unwrap();
    for (sequence, body) in (1..).zip([&b"first"[..], b"second", &[9; 5_000], b"fourth"]) {
        let record = NewRecord { kind: RecordKind(7), body: body.to_vec(), recorded_at_ms: 1_700_000_000_000 };
        ledger.append(Sequence(sequence), Epoch(1), vec![record]).wait().unwrap();
    }
    // The last handle writes everything into the one file.
    drop(ledger);
    let report = folder.verify();
    assert!(report.is_sound(), "{:?}", report.problems);
    Base {
        database: fs::read(folder.database()).unwrap(),
        guard: fs::read(folder.guard()).unwrap(),
        records: folder.read(&report),
        report,
    }
});

/// A guard file beside a sound ledger: no bytes but those of a head that the ledger has make a sound pair.
pub fn guard(data: &[u8]) -> Verdict {
    let folder = Folder::new("guard");
    fs::write(folder.database(), &BASE.database).unwrap();
    fs::write(folder.guard(), data).unwrap();
    let report = folder.verify();
    assert_eq!((report.records, report.head), (BASE.report.records, BASE.report.head), "the ledger itself is sound");
    if report.is_sound() {
        let GuardReport::Holds(head) = &report.guard else { panic!("sound without a guard: {report:?}") };
        let on_chain = BASE.records.iter().any(|record| (record.seq, record.hash) == (head.head.seq, head.head.hash));
        assert!(on_chain, "{head:?}");
        return Verdict::Accepted;
    }
    assert!(report.problems.iter().all(|problem| !problem.to_string().is_empty()));
    Verdict::Refused
}

/// The guard of a sound ledger.
pub fn guards() -> Vec<(String, Vec<u8>)> {
    numbered([BASE.guard.clone()])
}

/// Edits of a small ledger's database file, of six bytes each: position (three bytes, the most significant first), kind,
/// and two bytes of content. Whatever they are, verification does not fail to answer, and a file that it calls sound holds
/// the records that were written, all of them.
pub fn file(data: &[u8]) -> Verdict {
    let mut database = BASE.database.clone();
    for edit in data.chunks_exact(6) {
        let at = usize::from(edit[0]) << 16 | usize::from(edit[1]) << 8 | usize::from(edit[2]);
        let (at, content) = (at % database.len().max(1), [edit[4], edit[5]]);
        match edit[3] % 5 {
            0 => database[at] = content[0],
            1 => database[at] ^= content[0],
            2 => database.truncate(at.max(1)),
            3 => database.iter_mut().skip(at).take(2).zip(content).for_each(|(byte, new)| *byte = new),
            _ => {
                let from = usize::from(content[0]) * 256 % database.len();
                let piece: Vec<u8> = database[from..].iter().take(usize::from(content[1])).copied().collect();
                database.iter_mut().skip(at).zip(piece).for_each(|(byte, new)| *byte = new);
            }
        }
    }
    let folder = Folder::new("file");
    fs::write(folder.database(), &database).unwrap();
    fs::write(folder.guard(), &BASE.guard).unwrap();
    let Ok(report) = verify(&folder.options()) else { return Verdict::Refused };
    if report.is_sound() {
        assert_eq!((report.head, report.records), (BASE.report.head, BASE.report.records));
        assert_eq!(folder.read(&report), BASE.records);
        return Verdict::Accepted;
    }
    Verdict::Refused
}

/// No edit, and edits that leave every byte as it is, at places all over the file.
pub fn edits_of_the_file() -> Vec<(String, Vec<u8>)> {
    let nothing = (0..8_u8).flat_map(|page| [0, page * 16, 100, 1, 0, 0]).collect();
    numbered([Vec::new(), nothing])
}

/// A folder of this process for one ledger.
struct Folder(PathBuf);

impl Folder {
    /// In memory where the system has such a place: each check writes it anew.
    fn new(name: &str) -> Self {
        let memory = Path::new("/dev/shm");
        let root = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
        let thread = format!("{:?}", std::thread::current().id()).replace(|c: char| !c.is_ascii_alphanumeric(), "");
        let folder = root.join(format!("crossmargin-fuzz-{}-{thread}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn database(&self) -> PathBuf {
        self.0.join("ledger.db")
    }

    fn guard(&self) -> PathBuf {
        self.0.join("ledger.db.guard")
    }

    fn options(&self) -> VerifyOptions {
        VerifyOptions::new(self.database(), verifier())
    }

    fn verify(&self) -> VerifyReport {
        verify(&self.options()).unwrap()
    }

    fn read(&self, report: &VerifyReport) -> Vec<Record> {
        let mut records = Vec::new();
        read_offline(&self.database(), report.head.seq, &mut |record| records.push(record)).unwrap();
        records
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const KEY_ID: &str = "key-1";

/// Not a signature scheme: it tells messages apart, which is all that is needed here.
fn mac(message: &[u8]) -> Vec<u8> {
    gateway::arrangement::digest::Digest::of_parts("stand-in for a signature", [message]).as_bytes().to_vec()
}

fn verifier() -> Arc<dyn HeadVerifier> {
    Arc::new(|key_id: &str, message: &[u8], signature: &[u8]| match key_id {
        KEY_ID if mac(message) == signature => Ok(()),
        KEY_ID => Err(HeadRejection::BadSignature),
        _ => Err(HeadRejection::UnknownKey),
    })
}
