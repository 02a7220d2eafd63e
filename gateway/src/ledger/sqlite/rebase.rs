//! The last resort after a loss: giving the guard the ledger as it is.

use super::{ChainCheck, LedgerOptions, lock, open, with_ending};
use crate::ledger::{LedgerError, SignedHead, guard::Guard, verify::guard_conflict};

/// Makes the ledger's present head the guard's, where the two conflict and the newer ledger is gone for good.
///
/// The old guard is kept beside it, with the ending `.superseded-<sequence>`, as evidence. The house has then signed
/// records that it no longer has: before it signs anything again it must learn from the other house what it signed, and
/// sign nothing for those cycles. Checks the whole chain first; answers the guard's new head, or `None` if there was no
/// conflict and nothing was changed.
///
/// # Errors
/// Those of [`super::SqliteLedger::open`].
pub fn rebase_guard(options: &LedgerOptions) -> Result<Option<SignedHead>, LedgerError> {
    let _lock = lock::take(options)?;
    let options = LedgerOptions { chain_check: ChainCheck::Whole, integrity_check: true, ..options.clone() };
    let (mut connection, slots) = open::connect(&options)?;
    open::prepare(&mut connection, &options, slots.as_ref())?;
    let newest = open::check_chain(&connection, &options)?;
    let sql = |error| open::sql_error("read", &options.path, error);
    let guard_path = &options.guard_path;
    let verifier = options.verifier.as_ref();
    let conflict =
        guard_conflict(&connection, &options.party, newest.head, guard_path, slots.as_ref(), verifier).map_err(sql)?;
    let Some(conflict) = conflict else { return Ok(None) };

    let io = |error| open::io_error("replace the guard", guard_path, error);
    if slots.is_some() {
        let superseded = with_ending(guard_path, &format!(".superseded-{}", newest.head.seq));
        std::fs::copy(guard_path, superseded).map_err(io)?;
    }
    Guard::create(guard_path, &newest).map_err(io)?;
    tracing::warn!(path = %options.path.display(), head = %newest.head, %conflict, "the guard was rebased on the ledger");
    Ok(Some(newest))
}
