//! The records of a node: what the ledger holds, and the facts that follow from each.

use std::sync::Arc;

use crossmargin::v1::{self, ledger_record};
use jiff::Timestamp;
use prost::Message;

use crate::{
    arrangement::{
        cycle_id::CycleId,
        digest::Digest,
        evidence::{self, End, Evidence, RegistryContent},
        fact::{ClaimFact, Fact, FallBackCause, Inputs, Outcome, Versioned},
        leg::Leg,
        parties::Parties,
    },
    book::direction::{Direction, item::Settled},
    ledger::{NewRecord, RecordKind},
    request::CallerRequest,
    wire::{self, WireError},
};

/// Signed evidence on record, read once.
#[derive(Clone, Debug)]
pub struct Held {
    /// The house that signed.
    pub by: Leg,
    /// BLAKE3 of the payload.
    pub digest: Digest,
    /// The envelope, as it was signed.
    pub envelope: v1::SignedEnvelope,
    /// The payload.
    pub evidence: Evidence,
    /// What this house keeps beside it.
    pub keeping: Keeping,
}

/// What a house keeps beside evidence.
#[derive(Clone, Debug, Default)]
pub struct Keeping {
    /// The request that led to it, if one did.
    pub request: Option<CallerRequest>,
    /// The leaves of its own claim, the breaks of its own statement, the stand-alone leaves of its own fall-back, what its
    /// own position manifest leaves out.
    pub attachment: Option<Digest>,
    /// For a late agreement: whether it came before settlement and so changes a charge from then on.
    pub is_prospective: bool,
    /// For its own opening of a cycle: number of the last direction before it.
    pub directions_through: u64,
    /// The newest head of the other house's ledger that this house knew then, where no record before has it. The other
    /// house signed it.
    pub peer_head: Option<v1::LedgerHead>,
    /// For evidence that was taken up from the other house after a loss: when that house had recorded it.
    pub restored_at: Option<Timestamp>,
}

/// One record of the ledger.
#[derive(Clone, Debug)]
pub enum Entry {
    /// Signed evidence.
    Evidence(Arc<Held>),
    /// A version of the house's own book.
    Book(Arc<v1::RecordedBook>),
    /// A cut-off.
    CutOff {
        /// The cycle.
        cycle: CycleId,
        /// When, by this house's clock.
        at: Timestamp,
        /// Whether the record was lost, and follows from what the other house held.
        is_restored: bool,
    },
    /// The other house contradicted itself.
    Contradiction {
        /// What it signed first and later.
        record: Arc<v1::RecordedContradiction>,
        /// The cycles in which nothing more is signed because of it.
        cycles: Vec<CycleId>,
    },
    /// Positions that were directed.
    Direction(Arc<Direction>),
    /// A reconciliation item that was settled.
    Resolution(Arc<Settled>),
}

impl Entry {
    /// Reads a record's body. Signatures are not checked here: what is on record was checked before.
    ///
    /// # Errors
    /// What does not decode, or names another arrangement or house.
    pub fn decode(body: &[u8], parties: &Parties) -> Result<Self, WireError> {
        let record = v1::LedgerRecord::decode(body).map_err(|error| WireError::new("record", error))?;
        let arrangement = parties.arrangement.as_str();
        let cycle = |wire: Option<&v1::CycleId>| {
            CycleId::from_wire(wire, arrangement).map_err(|error| WireError::new("cycle", error))
        };
        match record.record.ok_or_else(|| WireError::new("record", "is missing"))? {
            ledger_record::Record::Evidence(recorded) => {
                let envelope = recorded.envelope.ok_or_else(|| WireError::new("evidence.envelope", "is missing"))?;
                let attachment = match &recorded.attachment[..] {
                    [] => None,
                    bytes => Some(wire::digest("evidence.attachment", bytes)?),
                };
                let keeping = Keeping {
                    request: CallerRequest::read("evidence", recorded.request_id, &recorded.request_content)?,
                    attachment,
                    is_prospective: recorded.is_prospective,
                    directions_through: recorded.directions_through,
                    peer_head: recorded.peer_head,
                    restored_at: match &recorded.restored_at {
                        None => None,
                        at => Some(wire::timestamp("evidence.restored_at", at.as_ref())?),
                    },
                };
                Held::read(envelope, keeping, parties).map(|held| Self::Evidence(Arc::new(held)))
            }
            ledger_record::Record::Book(book) => {
                // Every book was asked for.
                wire::digest("book.request_content", &book.request_content)?;
                Ok(Self::Book(Arc::new(book)))
            }
            ledger_record::Record::CutOff(record) => Ok(Self::CutOff {
                cycle: cycle(record.cycle.as_ref())?,
                at: wire::timestamp("cut_off.at", record.at.as_ref())?,
                is_restored: record.is_restored,
            }),
            ledger_record::Record::Contradiction(record) => {
                let cycles = record.cycles.iter().map(|id| cycle(Some(id))).collect::<Result<_, _>>()?;
                Ok(Self::Contradiction { record: Arc::new(record), cycles })
            }
            ledger_record::Record::Direction(record) => {
                Direction::read(record, arrangement).map(|direction| Self::Direction(Arc::new(direction)))
            }
            ledger_record::Record::Resolution(record) => {
                Settled::read(record).map(|settled| Self::Resolution(Arc::new(settled)))
            }
        }
    }

    /// The record as the ledger keeps it.
    #[must_use]
    pub fn to_record(&self, parties: &Parties, recorded_at: Timestamp) -> NewRecord {
        let record = match self {
            Self::Evidence(held) => ledger_record::Record::Evidence(v1::RecordedEvidence {
                envelope: Some(held.envelope.clone()),
                request_id: held.keeping.request.as_ref().map(|request| request.id.clone()).unwrap_or_default(),
                attachment: held.keeping.attachment.map(wire::bytes_of).unwrap_or_default(),
                is_prospective: held.keeping.is_prospective,
                directions_through: held.keeping.directions_through,
                peer_head: held.keeping.peer_head.clone(),
                restored_at: held.keeping.restored_at.map(wire::to_timestamp),
                request_content: held
                    .keeping
                    .request
                    .as_ref()
                    .map(|request| wire::bytes_of(request.content))
                    .unwrap_or_default(),
            }),
            Self::Book(book) => ledger_record::Record::Book(book.as_ref().clone()),
            Self::CutOff { cycle, at, is_restored } => ledger_record::Record::CutOff(v1::RecordedCutOff {
                cycle: Some(cycle.to_wire(parties.arrangement.as_str())),
                at: Some(wire::to_timestamp(*at)),
                is_restored: *is_restored,
            }),
            Self::Contradiction { record, .. } => ledger_record::Record::Contradiction(record.as_ref().clone()),
            Self::Direction(direction) => {
                ledger_record::Record::Direction(direction.to_record(parties.arrangement.as_str()))
            }
            Self::Resolution(settled) => ledger_record::Record::Resolution(settled.to_record()),
        };
        NewRecord {
            kind: self.kind(),
            recorded_at_ms: recorded_at.as_millisecond(),
            body: v1::LedgerRecord { record: Some(record) }.encode_to_vec(),
        }
    }

    /// When what is recorded happened, where the record was appended at `recorded_at`: what was taken up after a loss
    /// counts from when the other house had it.
    #[must_use]
    pub fn happened_at(&self, recorded_at: Timestamp) -> Timestamp {
        match self {
            Self::Evidence(held) => held.keeping.restored_at.unwrap_or(recorded_at),
            _ => recorded_at,
        }
    }

    fn kind(&self) -> RecordKind {
        RecordKind(match self {
            Self::Evidence(_) => 1,
            Self::Book(_) => 2,
            Self::CutOff { .. } => 3,
            Self::Contradiction { .. } => 4,
            Self::Direction(_) => 5,
            Self::Resolution(_) => 6,
        })
    }

    /// The facts that follow from the record at the house of `us`, in order.
    ///
    /// # Errors
    /// A book without a business date.
    pub fn facts(&self, us: Leg) -> Result<Vec<Fact>, WireError> {
        Ok(match self {
            Self::Evidence(held) => held.facts(us),
            // What is left of a book that was replaced is no version of it.
            Self::Book(book) if book.is_replaced => Vec::new(),
            Self::Book(book) => vec![Fact::Book {
                business_date: wire::date("book.business_date", &book.business_date)?,
                version: book.book_version,
            }],
            Self::CutOff { cycle, .. } => vec![Fact::CutOff { cycle: *cycle }],
            Self::Contradiction { cycles, .. } => {
                cycles.iter().map(|cycle| Fact::Contradiction { cycle: *cycle }).collect()
            }
            // A direction starts nothing: it counts in cycles that are opened after it.
            Self::Direction(_) | Self::Resolution(_) => Vec::new(),
        })
    }
}

impl Held {
    /// Reads an envelope from this house's own ledger.
    fn read(envelope: v1::SignedEnvelope, keeping: Keeping, parties: &Parties) -> Result<Self, WireError> {
        let by = parties.leg_of(&envelope.house);
        let by = by.ok_or_else(|| WireError::new("house", format!("{:?} is not a party", envelope.house)))?;
        let evidence = Evidence::decode(envelope.kind(), &envelope.payload, parties, by);
        let evidence = evidence.map_err(|error| WireError::new("payload", error))?;
        Ok(Self { by, digest: Digest::of(&envelope.payload), envelope, evidence, keeping })
    }

    /// The market manifest, where it is one.
    #[must_use]
    pub fn market_manifest(&self) -> Option<&evidence::MarketManifest> {
        match &self.evidence {
            Evidence::MarketManifest(manifest) => Some(manifest),
            _ => None,
        }
    }

    /// The position manifest, where it is one.
    #[must_use]
    pub fn position_manifest(&self) -> Option<&evidence::PositionManifest> {
        match &self.evidence {
            Evidence::PositionManifest(manifest) => Some(manifest),
            _ => None,
        }
    }

    /// The recovery, where it is one.
    #[must_use]
    pub fn recovery(&self) -> Option<&evidence::Recovery> {
        match &self.evidence {
            Evidence::Recovery(recovery) => Some(recovery),
            _ => None,
        }
    }

    /// The facts that follow from the evidence at the house of `us`, in order.
    #[must_use]
    pub fn facts(&self, us: Leg) -> Vec<Fact> {
        let by = self.by;
        let digest = self.digest;
        match &self.evidence {
            Evidence::RegistryEntry(entry) => {
                let registry = Fact::Registry { by, sequence: entry.sequence };
                // The entry itself comes last: it decides what becomes of all.
                match &entry.content {
                    RegistryContent::Adoption(arrangement) => {
                        vec![Fact::Adopted { by, arrangement: *arrangement }, registry]
                    }
                    RegistryContent::Changes(_) => vec![registry],
                }
            }
            Evidence::MarketManifest(manifest) => vec![Fact::Market {
                by,
                business_date: manifest.business_date,
                version: Versioned { version: manifest.version, digest },
            }],
            Evidence::CycleOpening(opening) => vec![Fact::Opened { by, cycle: opening.cycle }],
            Evidence::PositionManifest(manifest) => vec![Fact::Manifest {
                by,
                cycle: manifest.cycle,
                revision: Versioned { version: manifest.revision.into(), digest },
                book_version: manifest.book_version,
            }],
            Evidence::Claim(claim) => vec![Fact::Claim {
                by,
                cycle: claim.cycle,
                round: claim.round,
                claim: ClaimFact { digest, inputs: inputs_of(&claim.inputs), root: claim.root },
            }],
            Evidence::Statement(statement) => {
                vec![Fact::Statement { by, cycle: statement.cycle, round: statement.round, content: digest }]
            }
            Evidence::Decline(decline) => vec![Fact::Declined { by, cycle: decline.cycle, round: decline.round }],
            Evidence::Outcome(outcome) => {
                vec![Fact::Outcome { by, cycle: outcome.cycle, outcome: outcome_of(outcome.end) }]
            }
            Evidence::Recovery(recovery) => {
                // Where the other house signs nothing more is its own affair.
                let halted = recovery.cycles.iter().filter(|_| by == us).map(|cycle| Fact::Halted { cycle: *cycle });
                halted.chain([Fact::Recovered { by, recovery: digest }]).collect()
            }
        }
    }
}

/// The versions that a claim names, without the digests of what they contain.
fn inputs_of(inputs: &evidence::Inputs) -> Inputs {
    Inputs { manifests: inputs.manifests, markets: inputs.market, registry: inputs.registry_sequences }
}

fn outcome_of(end: End) -> Outcome {
    match end {
        End::Agreed { round, agreement, is_late } => Outcome::Agreed { round, content: agreement, is_late },
        End::FellBack(cause) => Outcome::FallenBack(cause.try_into().unwrap_or(FallBackCause::OutOfTime)),
    }
}
