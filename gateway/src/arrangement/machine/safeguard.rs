//! The safeguards of the machine: the conditions that keep its invariants, each by its name.
//!
//! In the node every one of them stands: [`Machine`](super::Machine) without a parameter is the machine under
//! [`Whole`], which has no size and nothing to switch. The model check leaves one out at a time and shows what comes of
//! it.

use std::{fmt::Debug, hash::Hash};

/// Which safeguards stand.
pub trait Safeguards: Copy + Debug + Eq + Hash {
    /// Whether `safeguard` stands.
    fn stand(self, safeguard: Safeguard) -> bool;

    /// Whether what is demanded lets something happen: it is fulfilled, or its safeguard was left out.
    fn pass(self, safeguard: Safeguard, demand: bool) -> bool {
        demand || !self.stand(safeguard)
    }

    /// Whether a danger is met: it is there, and its safeguard stands.
    fn stop(self, safeguard: Safeguard, danger: bool) -> bool {
        danger && self.stand(safeguard)
    }
}

/// Every safeguard stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Whole;

impl Safeguards for Whole {
    fn stand(self, _: Safeguard) -> bool {
        true
    }
}

/// Lists the safeguards once, for the type and for those who go through all of them.
macro_rules! safeguards {
    ($($(#[doc = $text:literal])+ $name:ident,)+) => {
        /// A condition that keeps an invariant; its comment says what could happen without it. A *second line* meets
        /// what another safeguard lets through: without both of them it could happen. What is *implied* refuses answers
        /// to what was never asked.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Safeguard {
            $($(#[doc = $text])+ $name,)+
        }

        impl Safeguard {
            /// Every safeguard, in the order of the rules: signing, putting on record, judging, the record, recovering.
            pub const ALL: &[Self] = &[$(Self::$name,)+];
        }
    };
}

safeguards! {
    /// A house works in a cycle that it opened itself. Without it, it would sign in a re-run that the other house asked
    /// for and this one did not accept.
    OpenedHere,
    /// Both houses adopted one arrangement. Without it, a house would claim under terms that the other never took.
    OneArrangement,
    /// What is claimed on is here and verified. Without it, a house would claim on content that it has never seen.
    ContentHeld,
    /// A later round has newer inputs, or the other house has opened it. Without it, rounds would go on by themselves.
    NewerInputs,
    /// A cycle has so many rounds at most. Without it, amendments would open rounds without end.
    RoundsBounded,
    /// A house opens the next round once its part in the last one is closed. Without it, a round would be left open for
    /// good.
    PartClosed,
    /// What could not be computed is not computed again from the same inputs. Without it, a house would do nothing
    /// else.
    FailedOnce,
    /// One claim of a cycle is under way at a time. Without it, an amendment meanwhile would make two of one round.
    OneComputation,
    /// A claim is of the round that is next. Implied by [`Self::OneComputation`]: no claim of another round is
    /// computed.
    RoundIsNext,
    /// A part is closed with both claims on record. Implied: a matching is given both claims by digest, and cannot be
    /// asked for without them.
    BothClaims,
    /// A part in a round is closed once. Without it, a statement would follow on a decline that became durable while
    /// the claims were matched.
    PartOpen,
    /// One word that closes a part is under way at a time. Without it, a house would decline and sign a statement.
    OneClosing,
    /// Nothing is signed after the recorded cut-off. Without it, a house would sign after a restart in a cycle that is
    /// over.
    NotCutOff,
    /// Nothing is signed in a cycle in which the other house contradicted itself. Without it, a house would bind itself
    /// to one of two words of a signer that it cannot trust.
    NotContradicted,
    /// Nothing is signed in a cycle that was open when the house lost the end of its ledger. Without it, a house would sign
    /// anew what it had signed otherwise before and no longer knows.
    NotHalted,
    /// Nothing is signed within the guard before the cut-off. Without it, a statement would leave so late that the
    /// other house's clock is past its own cut-off.
    BeforeGuard,
    /// What is asked for and not answered is not asked for again. Without it, a cut-off that the operator and the clock
    /// bring at once would be recorded twice.
    AskedOnce,
    /// One freezing of a cycle's book is under way at a time. Second line to [`Self::AskedOnce`]: the draft of a
    /// revision is the same until that revision is on record. Without both, two manifests would have one revision.
    OneFreezing,
    /// A book is frozen anew only where a newer one is there. Without it, revisions would follow each other without
    /// end.
    NewerBook,
    /// A cycle is cut off once. Without it, the second cut-off would be recorded too.
    CutOffOnce,
    /// A house falls back at its cut-off, not before. Without it, it would give up while there is time.
    FallBackAtCutOff,
    /// One outcome of a cycle is under way at a time. Without it, a house would fall back twice, for two causes.
    OneOutcome,
    /// An outcome is signed once. Without it, a house would sign how it ended without end.
    OutcomeOnce,
    /// A house sends its own evidence. Without it, it would send back what the other house signed.
    OwnEvidence,
    /// A house speaks for itself alone. Without it, the other house could put words of this one on its record.
    SpeaksForItself,
    /// An entry of the other house's log is recorded once. Without it, an entry that comes again would be refused as a
    /// gap, and sent for ever.
    EntryOnce,
    /// An entry follows on the last one. Without it, a log would have gaps.
    EntryFollows,
    /// A version that is on record, or older than the one that is, is no news. Without it, what is sent again would
    /// pass for a contradiction.
    VersionOnce,
    /// A version has one content. Without it, other market data under the same version would go unnoticed.
    VersionBinds,
    /// An opening is recorded once. Without it, the same one would be recorded whenever it is sent.
    OpeningOnce,
    /// A word on a round that is on record is not recorded again. Without it, the ledger would grow with each
    /// repetition.
    WordOnce,
    /// A word on a round binds. Without it, the ledger would take one different word after the other for the same
    /// round.
    WordBinds,
    /// A statement and a decline are two words on one thing. Without it, the one after the other would not be judged as
    /// a contradiction, and [`Self::SecondWordMarks`] alone would find it. Without both, a house could take back a
    /// statement.
    StatementOrDecline,
    /// An outcome that does not supersede is no news. Without it, the ledger would grow with each repetition.
    OutcomeSupersedes,
    /// The other house's rounds have the same bound. Without it, it could fill the record with rounds.
    TheirRoundsBounded,
    /// The other house asks for so many cycles that are not open here at most. Without it, it could fill the record
    /// with cycles.
    RequestsBounded,
    /// A recovery of the other house's ledger is recorded once. Without it, the ledger would grow whenever that house
    /// starts again.
    RecoveryOnce,
    /// The first word on record stands. Without it, a second one that was on its way to the disk with the first would
    /// replace it: an agreement that was signed could vanish.
    FirstWordStands,
    /// The newest version on record stands. Without it, an older one that comes later would replace it.
    NewestVersionStands,
    /// A second, different word marks the cycle as contradicted. Without it, two words that were on their way to the
    /// disk together would go unnoticed.
    SecondWordMarks,
    /// An outcome gives way to one that supersedes it alone. Without it, an old fall-back that comes after the
    /// agreement would replace it.
    OutcomeStands,
    /// The first cut-off counts. Second line to [`Self::CutOffOnce`]: without both, an agreement that came between
    /// would not be known as late.
    FirstCutOffStands,
    /// A recovery halts the cycles that the house has open. Without it, a house whose opening alone is on record would
    /// freeze another book under a revision that it has given before.
    OpenHalted,
    /// A recovery halts the cycles of the newest day that the other house has opened. Without it, a house that lost its own
    /// opening would open the cycle again and claim what it claimed otherwise before.
    RequestedHalted,
    /// The other house's statements are taken up behind a house's own word that it fell back. Without it, what it fell back
    /// for would be agreed before, and an agreement that was late count as timely.
    FallBackStands,
    /// The other house's statement is taken up behind the cut-off where a house's own word says that its round was agreed
    /// late. Without it, the same would come of a house whose word of the fall-back was never sent.
    LateStaysLate,
    /// A house's word of an end after its cut-off puts the cut-off back. Without it, a house that had fallen back would agree
    /// in time.
    EndShowsCutOff,
    /// A cut-off that the hour shows is put back behind everything that the house signs before its cut-off alone. Without
    /// it, an agreement that was timely would count as late.
    TimelyStaysTimely,
}
