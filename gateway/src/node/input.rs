//! What reaches a node's loop: requests of the house's own systems, evidence of the other house, and outcomes of work.

use std::sync::Arc;

use crossmargin::v1;
use jiff::{Timestamp, civil::Date};
use tokio::sync::oneshot;

use super::{
    catalog::{Answer, BookVersion},
    entry::{Entry, Held},
    heads::{LostWord, OwnWord},
};
use crate::{
    arrangement::{
        cycle_id::{CycleId, Round},
        digest::Digest,
        evidence::{ChunkRef, MarketItemRef, Statement},
        fact::{Event, Outcome},
    },
    book::{
        Book, Submission,
        direction::{RequestKey, fitting::Fitting, item::ItemId, proposal::Proposal, reconcile::Difference},
    },
    compute::Computed,
    ledger::{Appended, GuardConflict, LedgerError},
    problem::Problems,
    request::{CallerRequest, OtherRequest},
};

/// Why a request of the house's own systems was not carried out.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RequestError {
    /// The request is wrong; every problem is named.
    #[error("{0}")]
    Invalid(#[from] Problems),
    /// Another request came in between; ask again on what stands now.
    #[error("{0}")]
    Conflict(String),
    /// What it is about is not here.
    #[error("{0}")]
    NotFound(String),
    /// The state of the node does not allow it.
    #[error("{0}")]
    Precondition(String),
    /// The node is stopping, or its ledger has failed.
    #[error("{0}")]
    Unavailable(String),
}

impl From<OtherRequest> for RequestError {
    fn from(other: OtherRequest) -> Self {
        Problems::one("request_id", other.to_string()).into()
    }
}

/// Answers a request.
pub(crate) type Reply<T> = oneshot::Sender<Result<T, RequestError>>;

/// What became of delivered evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Receipt {
    /// Durable now.
    Recorded,
    /// It was before.
    Duplicate,
    /// Durable as evidence that its signer contradicted itself.
    Contradiction,
    /// Refused for good.
    Refused(String),
}

/// Something for the loop.
#[derive(Debug)]
pub(crate) enum Input {
    /// A checked submission; the book that it makes, its chunks durable.
    SubmitBook {
        request: CallerRequest,
        submission: Box<Submission>,
        held: Box<HeldAgainst>,
        chunks: Vec<v1::ChunkRef>,
        reply: Reply<Answer>,
    },
    /// Positions to direct.
    Direct { request: Box<DirectionRequest>, reply: Reply<Answer> },
    /// A reconciliation item to settle.
    Resolve { request: CallerRequest, item: ItemId, by: String, note: String, reply: Reply<Answer> },
    /// Checked market items, durable.
    SubmitMarket { request: CallerRequest, business_date: Date, items: Vec<MarketItemRef>, reply: Reply<Answer> },
    /// Changes of the programme to record, asked for by `by` on a date.
    RecordChanges {
        request: CallerRequest,
        changes: Vec<v1::ProgrammeChange>,
        by: String,
        today: Date,
        validate_only: bool,
        /// Whether this house derived them itself from what is on record.
        is_derived: bool,
        reply: Reply<Answer>,
    },
    /// Open a cycle; its instants.
    OpenCycle { cycle: CycleId, as_of: Timestamp, cut_off: Timestamp, reply: Option<Reply<()>> },
    /// Cut a cycle off now.
    CutOff { cycle: CycleId, reply: Reply<()> },
    /// Evidence of the other house, signature and form checked, with the newest head of its ledger that came with it.
    Received { held: Box<Held>, peer_head: Option<v1::LedgerHead>, reply: oneshot::Sender<Receipt> },
    /// The other house greeted or was greeted: what its memory of this house's ledger says of it, its own newest head, and
    /// how far it holds this house's registry log.
    Greeted {
        own_word: OwnWord,
        /// The house signed it.
        peer_head: Option<v1::LedgerHead>,
        known_registry_sequence: u64,
        /// Told when what the other house lacks of the registry log is on its way.
        taken: Option<oneshot::Sender<()>>,
    },
    /// What came of giving the guard the word for which the node refuses.
    GuardGiven { lost: Box<LostWord>, result: Result<Option<GuardConflict>, LedgerError> },
    /// Records that are durable, or the reason why they are not.
    Durable { pending: Vec<Pending>, recorded_at: Timestamp, result: Result<Appended, LedgerError> },
    /// An outcome of work for the rules.
    Event(Event),
    /// A book was frozen; its chunks are durable.
    Frozen {
        cycle: CycleId,
        revision: u64,
        book_version: u64,
        chunks: Vec<ChunkRef>,
        /// What was left out, stored; `None` where nothing was.
        exclusions: Option<Digest>,
        started: Timestamp,
    },
    /// Margins were computed; the leaves are durable.
    Computed { cycle: CycleId, round: Round, computed: Arc<Computed>, started: Timestamp },
    /// Margins cannot be computed.
    NotComputable { event: Event, reason: String },
    /// Claims were matched; the breaks are durable.
    Matched { statement: Box<Statement>, breaks: Digest, started: Timestamp },
    /// Stand-alone margins for a fall-back were computed, if they could be; the leaves are durable.
    StandAlone { cycle: CycleId, outcome: Outcome, leaves: Option<Digest> },
    /// A note on a cycle for the operator; an empty one takes it back.
    Note { cycle: CycleId, topic: &'static str, text: String },
}

/// A book that a submission makes, held against the directions that were on record when it was checked.
#[derive(Debug)]
pub(crate) struct HeldAgainst {
    pub(crate) book: Arc<Book>,
    /// The version of the book that it was made from.
    pub(crate) base_version: u64,
    /// The positions that differ from what the directions make of the book before.
    pub(crate) differences: Vec<Difference>,
    /// Whether the directions that it does not include fit it, as far as they were on record; `None` where none is
    /// composed over it.
    pub(crate) fitting: Option<Fitting>,
}

/// A request to direct positions.
#[derive(Debug)]
pub(crate) struct DirectionRequest {
    pub(crate) key: RequestKey,
    /// Role and certificate of the caller.
    pub(crate) by: String,
    pub(crate) proposal: Proposal,
    pub(crate) validate_only: bool,
}

/// A record on its way to the disk, and who waits for it.
#[derive(Debug)]
pub(crate) struct Pending {
    pub(crate) entry: Entry,
    pub(crate) version: Option<BookVersion>,
    pub(crate) waiting: Waiting,
}

/// Who waits for a record.
#[derive(Debug)]
pub(crate) enum Waiting {
    /// Nobody.
    Nobody,
    /// A caller, for what its request led to.
    Caller(Reply<Answer>, Answer),
    /// A caller, for the record itself.
    Done(Option<Reply<()>>),
    /// The other house, for receipts.
    Peer(Vec<oneshot::Sender<Receipt>>, Receipt),
}
