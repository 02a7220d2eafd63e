//! What a recovery needs of a ledger that lost its end.

use super::{GuardConflict, Head, HeadPlace, LedgerError, NewRecord, Record, SignedHead};

/// What is left of a ledger that lost its end: it is read as it is, and completed in one commit. Nobody else has it open.
pub trait Lost: Send + 'static {
    /// The newest record that is left; of an empty ledger its beginning.
    fn head(&self) -> &SignedHead;

    /// How the guard contradicts what is left, if it does.
    fn conflict(&self) -> Option<&GuardConflict>;

    /// Where a head of this house is in what is left.
    ///
    /// # Errors
    /// The ledger cannot be read.
    fn place_of(&self, head: Head) -> Result<HeadPlace, LedgerError>;

    /// Reads every record, in order.
    ///
    /// # Errors
    /// The ledger cannot be read.
    fn read(&self, take: &mut dyn FnMut(Record)) -> Result<(), LedgerError>;

    /// Appends `records`, all or none, and then gives the guard the new head, the ledger's newest from now on. A crash in
    /// between leaves a ledger that its guard still holds, where they were in conflict; completing it again, without
    /// records, then makes the guard.
    ///
    /// # Errors
    /// Those of the disk and of the signer. Nothing of the commit is there then, or all of it.
    fn complete(self, records: &[NewRecord]) -> Result<SignedHead, LedgerError>
    where
        Self: Sized;
}
