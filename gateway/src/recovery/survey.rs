//! One recovery: what is left of a ledger is held against what the other house holds, and completed by it.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use jiff::Timestamp;
use prost::bytes::Bytes;
use tonic::transport::Channel;

use super::{
    RecoverError,
    content::{self, Maker},
    order::Step,
    plan::{self, Plan},
    report::{HeadReport, Report, Result as Outcome},
    setup,
    source::Reader,
};
use crate::{
    arrangement::{
        digest::Digest,
        envelope,
        evidence::{Evidence, KeptHead, Recovery},
        leg::Leg,
        terms::Arrangement,
    },
    blobs::BlobStore,
    compute::Computer,
    identity::{Limits, SigningKey, VerifyingKeys},
    ledger::{Head, Lost, NewRecord},
    node::{
        entry::{Entry, Held, Keeping},
        heads,
    },
    peer::link::Link,
    seam::{Executor, SharedClock},
};

/// What a recovery is made of. Clock, executor, ledger and channel are seams: a simulation puts its own in.
pub struct Parts<L> {
    /// The leg that the house carries.
    pub us: Leg,
    /// The arrangement.
    pub arrangement: Arc<Arrangement>,
    /// The clock: the time of the recovery goes on record.
    pub clock: SharedClock,
    /// Where it does its long work.
    pub executor: Executor,
    /// What is left of the ledger.
    pub ledger: L,
    /// The house's statement key.
    pub signing_key: SigningKey,
    /// The statement keys of both houses.
    pub verifying_keys: VerifyingKeys,
    /// Where the other house's word comes from.
    pub origin: Origin,
}

/// Where a recovery has the other house's word from.
pub enum Origin {
    /// Its node.
    Node {
        /// The channel to it.
        channel: Channel,
        /// Limits of messages.
        limits: Box<Limits>,
    },
    /// The file of an export of its ledger. It has no content.
    Export(PathBuf),
}

/// What is left of a ledger and what completes it. Nothing is changed yet.
pub struct Survey<L> {
    ledger: L,
    plan: Plan,
    link: Option<Link>,
    executor: Executor,
    signer: Signer,
}

/// Makes the records of a recovery.
struct Signer {
    us: Leg,
    arrangement: Arc<Arrangement>,
    clock: SharedClock,
    signing_key: SigningKey,
}

impl<L: Lost> Survey<L> {
    /// Reads what is left and what the other house holds.
    ///
    /// # Errors
    /// What cannot be read or used; every contradiction.
    pub async fn of(parts: Parts<L>) -> Result<Self, RecoverError> {
        let Parts { us, arrangement, clock, executor, ledger, signing_key, verifying_keys, origin } = parts;
        let reader = Reader { us, arrangement: Arc::clone(&arrangement), keys: verifying_keys };
        let (source, link) = match origin {
            Origin::Export(path) => (reader.read_export(&path)?, None),
            Origin::Node { channel, limits } => {
                let (link, _) = Link::new(channel, &limits, executor.clone());
                (reader.read_peer(&link).await?, Some(link))
            }
        };
        let kept = plan::kept(&ledger, us, &arrangement)?;
        let plan = plan::plan(&ledger, kept, source)?;
        Ok(Self { ledger, plan, link, executor, signer: Signer { us, arrangement, clock, signing_key } })
    }

    fn outcome(&self) -> Outcome {
        match (self.plan.lost.is_empty(), self.ledger.conflict()) {
            (false, _) => Outcome::Recovered,
            (true, Some(_)) => Outcome::GuardRenewed,
            (true, None) => Outcome::NothingLost,
        }
    }

    /// Whether the ledger and its guard hold everything that the house is known to have signed.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.outcome() == Outcome::NothingLost
    }

    /// What was found, and what completing the ledger would do.
    #[must_use]
    pub fn report(&self, is_dry_run: bool) -> Report {
        let mut report = self.findings();
        report.is_dry_run = is_dry_run;
        report.advise();
        report
    }

    /// Completes the ledger: fetches content into `blobs`, makes anew what this house kept beside its evidence, and commits.
    /// Nothing is changed where nothing is lost.
    ///
    /// # Errors
    /// The other house or the store does not answer; or those of the ledger. But for content in the store, nothing is
    /// changed then, or the commit is there and a second run completes it.
    pub async fn complete(self, blobs: Arc<dyn BlobStore>) -> Result<Report, RecoverError> {
        let mut report = self.findings();
        let Self { ledger, plan, link, executor, signer } = self;
        let mut records = Vec::new();
        if report.result == Outcome::Recovered {
            let wanted = content::wanted(&plan.story, plan.steps.iter().map(|(step, _)| step));
            report.missing = content::fetch(link.as_ref(), &blobs, wanted).await?;
            let kept = ledger.head().head;
            let made = executor.run(move || signer.records(&plan, kept, &blobs)).await;
            let (made, not_made) = made.map_err(|error| setup(&error))?;
            records = made;
            report.missing.extend(not_made);
        }
        if report.result != Outcome::NothingLost {
            let head = executor.run(move || ledger.complete(&records)).await.map_err(|error| setup(&error))??;
            report.head = head_report(head.head);
        }
        report.advise();
        Ok(report)
    }

    fn findings(&self) -> Report {
        let (plan, kept, result) = (&self.plan, self.ledger.head().head, self.outcome());
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
            house: self.signer.arrangement.parties.houses[self.signer.us].to_string(),
            is_dry_run: false,
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
}

impl Signer {
    /// The records of the one commit, the word of the recovery last; and what could not be made again.
    fn records(&self, plan: &Plan, kept: Head, blobs: &Arc<dyn BlobStore>) -> (Vec<NewRecord>, Vec<String>) {
        let computer = Computer::new(Arc::clone(&self.arrangement), Arc::clone(blobs));
        let mut maker = Maker::new(&plan.story, &self.arrangement, &computer, blobs);
        let mut missing = Vec::new();
        let now = self.clock.now();
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
        // A house that lacks its own word lost it: the head that shows that stands.
        let peer_head = plan.peer_head.clone().filter(|_| plan.lacking.is_empty());
        let keeping = Keeping { peer_head, ..Keeping::default() };
        let digest = Digest::of(&Bytes::clone(&envelope.payload));
        let held = Held { by: self.us, digest, envelope, evidence: recovery, keeping };
        records.push(Entry::Evidence(Arc::new(held)).to_record(parties, now));
        (records, missing)
    }
}

fn head_report(head: Head) -> HeadReport {
    HeadReport { sequence: head.seq.0, hash: hex::encode(head.hash.0) }
}
