//! What a recovery takes from an export: of the other house's ledger of this arrangement in this mode, and of no other.

use std::{fs, path::PathBuf};

use tempfile::TempDir;

use super::*;
use crate::{
    arrangement::{
        digest::Digest,
        evidence::{Evidence, RegistryContent, RegistryEntry},
        parties::{ArrangementMode, Party},
        terms::DEFAULT_TOML,
    },
    identity::{SigningKey, signing::Validity},
    ledger::{Epoch, HeadSignature, Ledger, LedgerOptions, RecordHash, Sequence, SqliteLedger},
    node::head_verifier,
    recovery::export::export,
};

const US: Leg = Leg::Treasury;

struct Setting {
    folder: TempDir,
    reader: Reader,
    keys: [SigningKey; 2],
}

impl Setting {
    fn new() -> Self {
        let arrangement = Arc::new(Arrangement::from_toml(DEFAULT_TOML).unwrap());
        let keys = [1, 2].map(|seed| SigningKey::from_seed(&[seed; 32]).unwrap());
        let mut verifying = VerifyingKeys::new();
        for (leg, key) in [US, US.other()].into_iter().zip(&keys) {
            let house = arrangement.parties.houses[leg].clone();
            verifying.insert(house, key.public().clone(), Validity::default()).unwrap();
        }
        let reader = Reader { us: US, arrangement, keys: verifying };
        Self { folder: tempfile::tempdir().unwrap(), reader, keys }
    }

    fn own(&self) -> Party {
        self.reader.arrangement.parties.party(US)
    }

    fn peer(&self) -> Party {
        self.reader.arrangement.parties.party(US.other())
    }

    /// An export of a ledger of `party`, signed by the other house's key. It says that it holds `told`.
    fn exported(&self, party: &Party, told: Option<v1::LedgerHead>) -> PathBuf {
        let path = self.folder.path().join(format!("{}-{}-{}.sqlite", party.arrangement, party.mode, party.house));
        let key = self.keys[1].clone();
        let signer =
            move |message: &[u8]| Ok(HeadSignature { key_id: key.id().to_string(), bytes: key.sign(message).to_vec() });
        let verifier = Arc::new(head_verifier(&self.reader.keys, party.house.as_str()));
        let options = LedgerOptions::new(&path, party.clone(), Arc::new(signer), verifier);
        let ledger = SqliteLedger::open(options).unwrap();
        let parties = &self.reader.arrangement.parties;
        let record = self.word(told).to_record(parties, Timestamp::UNIX_EPOCH);
        ledger.append(Sequence(1), Epoch::default(), vec![record]).wait().unwrap();
        drop(ledger);
        let out = path.with_extension("jsonl");
        export(&path, Sequence(1), parties, &mut fs::File::create(&out).unwrap()).unwrap();
        out
    }

    /// Some evidence of the other house that was recorded with a head of this one's ledger.
    fn word(&self, peer_head: Option<v1::LedgerHead>) -> Entry {
        let parties = &self.reader.arrangement.parties;
        let content = RegistryContent::Adoption(self.reader.arrangement.digest());
        let evidence = Evidence::RegistryEntry(RegistryEntry { sequence: 1, previous: Digest([0; 32]), content });
        let key = &self.keys[1];
        let envelope = envelope::seal(&evidence, parties, US.other(), &key.id().to_string(), |bytes| key.sign(bytes));
        let digest = Digest::of(&envelope.payload);
        let keeping = Keeping { peer_head, ..Keeping::default() };
        Entry::Evidence(Arc::new(Held { by: US.other(), digest, envelope, evidence, keeping }))
    }

    /// A head of `party`'s ledger, signed by this house.
    fn told(&self, party: &Party) -> v1::LedgerHead {
        let key = &self.keys[0];
        let signer =
            |message: &[u8]| Ok(HeadSignature { key_id: key.id().to_string(), bytes: key.sign(message).to_vec() });
        let head = Head { seq: Sequence(9), hash: RecordHash([3; 32]) };
        heads::to_wire(&SignedHead::sign(party, head, Epoch::default(), &signer).unwrap())
    }
}

#[test]
fn an_export_of_the_other_houses_ledger_of_this_arrangement_and_mode_is_read() {
    let setting = Setting::new();
    let source = setting.reader.read_export(&setting.exported(&setting.peer(), None)).unwrap();
    assert_eq!(source.problems, Vec::<String>::new());
    assert_eq!((source.told.len(), source.peer_head.map(|head| head.sequence)), (1, Some(1)));
}

#[test]
fn an_export_of_another_arrangement_or_mode_is_refused_even_under_this_ones_name() {
    let setting = Setting::new();
    let peer = setting.peer();
    let others = [
        Party { arrangement: "FICC-RFX".parse().unwrap(), ..peer.clone() },
        Party { mode: ArrangementMode::Rehearsal, ..peer.clone() },
    ];
    for other in others {
        let path = setting.exported(&other, None);
        let error = setting.reader.read_export(&path).unwrap_err().to_string();
        assert!(error.contains(&format!("it is the ledger of {other}, but that of {peer} is needed")), "{error}");
        // Somebody writes the right names into its first line.
        let text = fs::read_to_string(&path).unwrap();
        let (_, rest) = text.split_once('\n').unwrap();
        let first = serde_json::to_string(&Line::Ledger(peer.clone())).unwrap();
        fs::write(&path, format!("{first}\n{rest}")).unwrap();
        let error = setting.reader.read_export(&path).unwrap_err().to_string();
        assert!(error.contains("record 1 does not follow on record 0"), "{error}");
    }
}

#[test]
fn a_told_head_of_another_arrangement_or_mode_is_a_problem_and_shows_no_loss() {
    let setting = Setting::new();
    let own = setting.own();
    let cases = [
        (own.clone(), true),
        (Party { arrangement: "FICC-RFX".parse().unwrap(), ..own.clone() }, false),
        (Party { mode: ArrangementMode::Rehearsal, ..own }, false),
    ];
    for (party, is_believed) in cases {
        let setting = Setting::new();
        let path = setting.exported(&setting.peer(), Some(setting.told(&party)));
        let source = setting.reader.read_export(&path).unwrap();
        assert_eq!((source.heads.len(), source.problems.len()), (usize::from(is_believed), usize::from(!is_believed)));
        let problem = source.problems.first();
        assert!(problem.is_none_or(|problem| problem.contains("head of record 9")), "{problem:?}");
    }
}
