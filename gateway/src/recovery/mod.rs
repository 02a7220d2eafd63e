//! Recovering a ledger that lost its end from what the other house holds of both houses' story.
//!
//! Whatever a house signed and sent is on record at the other house, with the signature; so is everything of the other house
//! that it knew when it signed. So the shared part of the story can be taken up again, and believed by its signatures alone.
//! What was recorded for this house alone, books and directions, is gone for good. So is what was signed and not sent: in the
//! cycles that were open the house therefore signs nothing more.
//!
//! Everything that is taken up goes into the ledger in one commit, with the house's signed word of the recovery behind it.
//! Until that is on the disk the guard holds the ledger, so that a crash leaves it as it was or a second run completes it.

mod content;
pub mod export;
mod order;
mod plan;
mod report;
mod source;
mod story;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use jiff::Timestamp;
use prost::bytes::Bytes;

pub use report::{HeadReport, Report, Result as Outcome};

use self::{
    content::Maker,
    order::Step,
    plan::Plan,
    source::{Reader, Source},
};
use crate::{
    arrangement::{
        digest::Digest,
        envelope,
        evidence::{Evidence, KeptHead, Recovery},
        leg::Leg,
        terms::Arrangement,
    },
    blobs::{BlobStore, FileBlobStore},
    compute::Computer,
    config::Config,
    identity::{self, NodeTls, SigningKey, TcpDial},
    ledger::{Head, LedgerError, LostLedger, NewRecord},
    node::{
        self,
        entry::{Entry, Held, Keeping},
        heads,
    },
    peer::link::Link,
    seam::Executor,
    telemetry,
};

/// How a recovery is made.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    /// An export of the other house's ledger, where its node cannot be reached.
    pub from: Option<PathBuf>,
    /// Whether to report only.
    pub is_dry_run: bool,
}

/// Why a ledger is not recovered. Nothing was changed then, unless the error is of the disk.
#[derive(Debug, thiserror::Error)]
pub enum RecoverError {
    /// Something that is needed cannot be used.
    #[error("{0}")]
    Setup(String),
    /// The ledger's files.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// A record that is left cannot be read, or contradicts another.
    #[error("record {sequence} of the ledger that is left: {reason}")]
    Record {
        /// The record.
        sequence: u64,
        /// What is wrong.
        reason: String,
    },
    /// The other house's node cannot be read.
    #[error(
        "reading what {house} holds: {reason}. Its node must run and be reachable from here; or have {house} make a file with \
         `crossmargin ledger export`, and give it with --from"
    )]
    Peer {
        /// The other house.
        house: String,
        /// What went wrong.
        reason: String,
    },
    /// What the other house holds cannot be taken up: every reason, at once.
    #[error(
        "what the other house holds does not continue this ledger; nothing was changed. Keep both ledgers and clear it up \
         between the houses:\n  {}",
        .0.join("\n  ")
    )]
    Contradicted(Vec<String>),
}

/// What a recovery is made with.
struct Recoverer {
    us: Leg,
    arrangement: Arc<Arrangement>,
    signing_key: SigningKey,
    reader: Reader,
    is_dry_run: bool,
}

/// Recovers the ledger of a node's configuration. The node must be stopped.
///
/// # Errors
/// What cannot be opened, read or used; every contradiction.
pub async fn recover(config: &Config, choice: &Choice) -> Result<Report, RecoverError> {
    let setup = |error: &dyn std::fmt::Display| RecoverError::Setup(error.to_string());
    let (arrangement, us) = node::load_own_arrangement(config).map_err(|error| setup(&error))?;
    let arrangement = Arc::new(arrangement);
    let signing_key = config.signing_key().map_err(|error| setup(&error))?;
    let keys = config.verifying_keys(&signing_key).map_err(|error| setup(&error))?;
    std::fs::create_dir_all(&config.data_directory).map_err(|error| setup(&error))?;
    let options = node::ledger_options(config, arrangement.parties.party(us), &signing_key, &keys);
    let reader = Reader { us, arrangement: Arc::clone(&arrangement), keys };
    let recoverer = Recoverer { us, arrangement, signing_key, reader, is_dry_run: choice.is_dry_run };

    let ledger =
        telemetry::spawn_blocking(move || LostLedger::open(&options)).await.map_err(|error| setup(&error))??;
    let link = match &choice.from {
        Some(_) => None,
        None => Some(connect(config)?),
    };
    let source = match (&choice.from, &link) {
        (Some(path), _) => recoverer.reader.read_export(path)?,
        (None, Some(link)) => recoverer.reader.read_peer(link).await?,
        // Invariant: without an export there is a link.
        (None, None) => Source::default(),
    };
    let kept = plan::kept(&ledger, us, &recoverer.arrangement)?;
    let plan = plan::plan(&ledger, kept, source)?;
    recoverer.carry_out(ledger, plan, &config.data_directory, link.as_ref()).await
}

fn connect(config: &Config) -> Result<Link, RecoverError> {
    let setup = |error: &dyn std::fmt::Display| RecoverError::Setup(error.to_string());
    let tls = NodeTls::load(config.server_files(), config.peer_files()).map_err(|error| setup(&error))?;
    let channel = identity::channel(&config.peer.address, tls.peer.subscribe(), TcpDial, &config.limits);
    let (link, _) = Link::new(channel.map_err(|error| setup(&error))?, &config.limits, Executor::Threads);
    Ok(link)
}

impl Recoverer {
    async fn carry_out(
        &self,
        ledger: LostLedger,
        plan: Plan,
        data_directory: &Path,
        link: Option<&Link>,
    ) -> Result<Report, RecoverError> {
        let setup = |error: &dyn std::fmt::Display| RecoverError::Setup(error.to_string());
        let kept = ledger.head().head;
        let mut report = self.report(&ledger, &plan);
        if self.is_dry_run || report.result == Outcome::NothingLost {
            report.advise();
            return Ok(report);
        }
        let mut records = Vec::new();
        if report.result == Outcome::Recovered {
            let blobs = FileBlobStore::open(data_directory.join("blobs")).map_err(|error| setup(&error))?;
            let blobs: Arc<dyn BlobStore> = Arc::new(blobs);
            let wanted = content::wanted(&plan.story, plan.steps.iter().map(|(step, _)| step));
            report.missing = content::fetch(link, &blobs, wanted).await;
            let (made, not_made) = tokio::task::block_in_place(|| self.records(&plan, kept, &blobs));
            records = made;
            report.missing.extend(not_made);
        }
        let head = tokio::task::block_in_place(|| ledger.complete(&records))?;
        report.head = head_report(head.head);
        report.advise();
        Ok(report)
    }

    fn report(&self, ledger: &LostLedger, plan: &Plan) -> Report {
        let kept = ledger.head().head;
        let result = match (plan.lost.is_empty(), ledger.conflict()) {
            (false, _) => Outcome::Recovered,
            (true, Some(_)) => Outcome::GuardRenewed,
            (true, None) => Outcome::NothingLost,
        };
        let mut restored = BTreeMap::new();
        let mut restored_cut_offs = Vec::new();
        for (step, _) in &plan.steps {
            match step {
                Step::Evidence(told) => {
                    let kind = told.held.evidence.kind().as_str_name().trim_start_matches("EVIDENCE_KIND_");
                    let what = format!("{} of {}", kind.to_lowercase().replace('_', " "), told.held.envelope.house);
                    *restored.entry(what).or_default() += 1;
                }
                Step::CutOff { cycle, .. } => restored_cut_offs.push(cycle.to_string()),
            }
        }
        let halted = if result == Outcome::Recovered { plan.story.machine.signable() } else { Vec::new() };
        Report {
            house: self.arrangement.parties.houses[self.us].to_string(),
            is_dry_run: self.is_dry_run,
            result,
            kept: head_report(kept),
            lost: plan.lost.iter().map(|head| head_report(head.head)).collect(),
            head: head_report(kept),
            restored,
            restored_cut_offs,
            halted_cycles: halted.iter().map(ToString::to_string).collect(),
            missing: Vec::new(),
            other_house_lacks: plan.lacking.clone(),
            next: Vec::new(),
        }
    }

    /// The records of the one commit, the word of the recovery last; and what could not be made again.
    fn records(&self, plan: &Plan, kept: Head, blobs: &Arc<dyn BlobStore>) -> (Vec<NewRecord>, Vec<String>) {
        let computer = Computer::new(Arc::clone(&self.arrangement), Arc::clone(blobs));
        let mut maker = Maker::new(&plan.story, &self.arrangement, &computer, blobs);
        let mut missing = Vec::new();
        let now = Timestamp::now();
        let now = Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now);
        let parties = &self.arrangement.parties;
        let mut records = Vec::with_capacity(plan.steps.len() + 1);
        let mut restored_count = 0;
        for (step, beside) in &plan.steps {
            let entry = match step {
                Step::CutOff { cycle, at } => Entry::CutOff { cycle: *cycle, at: *at, is_restored: true },
                Step::Evidence(told) => {
                    restored_count += 1;
                    let attachment = maker.make(&told.held, beside).unwrap_or_else(|reason| {
                        missing.push(reason);
                        None
                    });
                    let is_prospective = maker.is_prospective(&self.arrangement, &told.held, told.at);
                    let keeping = Keeping { attachment, is_prospective, ..told.held.keeping.clone() };
                    Entry::Evidence(Arc::new(Held { keeping, ..told.held.clone() }))
                }
            };
            records.push(entry.to_record(parties, now));
        }
        let recovery = Evidence::Recovery(Recovery {
            at: now,
            kept: KeptHead { sequence: kept.seq.0, hash: Digest(kept.hash.0) },
            lost: plan.lost.iter().map(heads::to_lost).collect(),
            restored_count,
            cycles: plan.story.machine.signable(),
        });
        let key_id = self.signing_key.id().to_string();
        let envelope = envelope::seal(&recovery, parties, self.us, &key_id, |bytes| self.signing_key.sign(bytes));
        let keeping = Keeping { peer_head: plan.peer_head.clone(), ..Keeping::default() };
        let digest = Digest::of(&Bytes::clone(&envelope.payload));
        let held = Held { by: self.us, digest, envelope, evidence: recovery, keeping };
        records.push(Entry::Evidence(Arc::new(held)).to_record(parties, now));
        (records, missing)
    }
}

fn head_report(head: Head) -> HeadReport {
    HeadReport { sequence: head.seq.0, hash: hex::encode(head.hash.0) }
}
