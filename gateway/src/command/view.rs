//! What nodes answer, as JSON shows it: money as decimal strings, factors as fractions, names in small letters.

mod read;

use serde::Serialize;

pub use read::cents;

/// A cycle at the house that answers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CycleView {
    /// `2026-02-13/ITD/1`.
    pub cycle: String,
    /// `gathering`, `computing`, `claimed`, `matching`, `stated`, `agreed`, `fallen_back`, ...
    pub phase: String,
    /// The newest round that this house has claimed.
    pub round: u32,
    /// The newest round that the other house has claimed.
    pub peer_round: u32,
    /// The round of the agreement in force; 0 without one.
    pub agreed_round: u32,
    /// BLAKE3 of the agreed statement; empty without one.
    pub agreement_digest: String,
    /// Revision of this house's position manifest.
    pub own_manifest_revision: u32,
    /// Revision of the other house's position manifest.
    pub peer_manifest_revision: u32,
    /// When it was opened.
    pub opened_at: String,
    /// When the book was frozen.
    pub as_of: String,
    /// The cut-off.
    pub cut_off: String,
    /// Whether the cut-off is on record.
    pub is_cut_off: bool,
    /// Why it fell back; empty where it did not.
    pub fall_back_cause: String,
    /// What happened and what to do.
    pub explanation: String,
    /// How long each step took.
    pub timings: Vec<TimingView>,
}

/// How long a step took.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TimingView {
    /// The step.
    pub step: String,
    /// The round.
    pub round: u32,
    /// Its length in microseconds.
    pub duration_us: u64,
}

/// The requirement of one link at both houses.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RequirementView {
    /// The cycle.
    pub cycle: String,
    /// The round it rests on.
    pub round: u32,
    /// The link.
    pub link: String,
    /// `house`, `affiliate`, `customer`.
    pub kind: String,
    /// The clearing member.
    pub member: String,
    /// The owner of both accounts.
    pub owner: String,
    /// The account of the Treasury leg.
    pub treasury_account: String,
    /// The account of the futures leg.
    pub futures_account: String,
    /// `live` or `rehearsal`.
    pub mode: String,
    /// `agreed`, `rehearsal`, `break`, `fallen_back`, `pending`, `advance_grant`.
    pub status: String,
    /// Why, for a reader.
    pub reason: String,
    /// Why the houses differ, in a break.
    pub break_cause: String,
    /// Stand-alone core margin of the Treasury leg, USD; empty where it is not known here.
    pub treasury_standalone: String,
    /// Stand-alone core margin of the futures leg, USD.
    pub futures_standalone: String,
    /// The Treasury house's factor.
    pub treasury_factor: f64,
    /// The futures house's factor.
    pub futures_factor: f64,
    /// The factor that is charged.
    pub applied_factor: f64,
    /// The factor that is or would be charged.
    pub would_be_factor: f64,
    /// The most that the houses' overrides let be granted; none without one.
    pub override_factor: Option<f64>,
    /// What the Treasury house requires for the core, USD.
    pub treasury_requirement: String,
    /// What the futures house requires for the core, USD.
    pub futures_requirement: String,
    /// What the Treasury house would require if the link were live and agreed.
    pub would_be_treasury_requirement: String,
    /// What the futures house would require if the link were live and agreed.
    pub would_be_futures_requirement: String,
    /// What the Treasury house charges outside the core, USD.
    pub treasury_charges: String,
    /// What the futures house charges outside the core, USD.
    pub futures_charges: String,
    /// What the Treasury house requires in all, USD.
    pub treasury_total: String,
    /// What the futures house requires in all, USD.
    pub futures_total: String,
    /// What the house that answers charges beside these for the past growth of its core margin, USD; empty where it has no
    /// such charge.
    pub portfolio_differential: String,
    /// The advance grant that is charged by; none without one.
    pub advance_grant: Option<UsedGrantView>,
    /// The `EOD` cycle that an `EODXM` cycle adjusts; empty without one.
    pub adjusts: String,
    /// What the Treasury house requires in all now less what it charged in all in that cycle, USD; empty where it is not known
    /// here.
    pub treasury_adjustment: String,
    /// What the futures house requires in all now less what it charged in all in that cycle, USD.
    pub futures_adjustment: String,
}

/// An advance grant that is used in a cycle that fell back.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct UsedGrantView {
    /// The agreed cycle whose statements carry it.
    pub agreed_cycle: String,
    /// Its agreed round.
    pub agreed_round: u32,
    /// The applied factor that was agreed.
    pub agreed_factor: f64,
    /// The share that is taken off it.
    pub haircut: f64,
    /// Cycles that may fall back after this one and still be charged so.
    pub cycles_left: u32,
    /// Why this cycle fell back.
    pub fall_back_cause: String,
}

/// A link on which the houses differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BreakView {
    /// The link.
    pub link: String,
    /// Why.
    pub cause: String,
    /// BLAKE3 of the leaf in the Treasury house's claim.
    pub treasury_leaf: String,
    /// BLAKE3 of the leaf in the futures house's claim.
    pub futures_leaf: String,
}

/// Two statements over equal content.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AgreementView {
    /// The cycle.
    pub cycle: String,
    /// The round.
    pub round: u32,
    /// BLAKE3 of the statement.
    pub digest: String,
    /// When it was complete at the house that answers.
    pub agreed_at: String,
    /// Agreed links that are live.
    pub live_count: u64,
    /// Agreed links in rehearsal.
    pub rehearsal_count: u64,
    /// Agreed links that are suspended or closing.
    pub suspended_count: u64,
    /// Breaks by cause.
    pub breaks: Vec<BreakCountView>,
    /// Sums over the agreed live links.
    pub live_totals: TotalsView,
    /// Sums over the agreed links in rehearsal, as if they were live.
    pub rehearsal_totals: TotalsView,
    /// What is granted in advance for later cycles that fall back.
    pub advance_grants: Vec<AdvanceGrantView>,
    /// The signatures.
    pub signatures: Vec<SignatureView>,
}

/// What is granted in advance for cycles of one kind.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AdvanceGrantView {
    /// `itd`, `eod` or `eodxm`.
    pub kind: String,
    /// The share that is taken off the agreed factor.
    pub haircut: f64,
    /// For how many cycles that fall back.
    pub cycles: u32,
}

/// How many breaks have a cause.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BreakCountView {
    /// The cause.
    pub cause: String,
    /// The number.
    pub count: u64,
}

/// Sums over links, USD.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TotalsView {
    /// What the Treasury house would require without reductions.
    pub treasury_standalone: String,
    /// What the futures house would require without reductions.
    pub futures_standalone: String,
    /// What the Treasury house requires.
    pub treasury_requirement: String,
    /// What the futures house requires.
    pub futures_requirement: String,
    /// How far requirements lie below the larger combined margin.
    pub shortfall: String,
    /// What the Treasury house charges outside the core.
    pub treasury_charges: String,
    /// What the futures house charges outside the core.
    pub futures_charges: String,
}

/// A house's signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SignatureView {
    /// The house.
    pub house: String,
    /// The key.
    pub key_id: String,
    /// Ed25519, hexadecimal.
    pub signature: String,
}

/// A link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LinkView {
    /// The link.
    pub link: String,
    /// `house`, `affiliate`, `customer`.
    pub kind: String,
    /// The clearing member.
    pub member: String,
    /// The owner of both accounts.
    pub owner: String,
    /// The account of the Treasury leg.
    pub treasury_account: String,
    /// The account of the futures leg.
    pub futures_account: String,
    /// Where it stands: `proposed`, `documented`, `rehearsing`, `live`, `suspended`, `closing`, `closed`.
    pub stage: String,
    /// `live`, `rehearsal` or `suspended`; empty while it takes part in no cycle.
    pub mode: String,
    /// Whether both houses have recorded the same terms.
    pub is_linked: bool,
    /// What keeps it from going further.
    pub missing: Vec<String>,
    /// What keeps it from nothing and should be known: moves that are not in effect.
    pub remarks: Vec<String>,
    /// Suspensions in force.
    pub suspensions: Vec<String>,
    /// The most that the houses' overrides let be granted, in basis points.
    pub override_bp: u32,
}
