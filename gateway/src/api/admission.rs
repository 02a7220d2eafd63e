//! Which roles each method admits. A method that is not here admits nobody, and the node does not start without its row.

use crate::identity::{AdmissionTable, RoleKind, admission::TableError};

/// Everybody who has a role.
const ANY: &[RoleKind] = &[];

/// Method by method.
const ROWS: &[(&str, &[RoleKind])] = &[];

/// The table of this node's methods.
///
/// # Errors
/// A method of the contract without a row, or a row without a method.
pub(super) fn table() -> Result<AdmissionTable, TableError> {
    AdmissionTable::new(ROWS, &[crossmargin::DESCRIPTOR_SET])
}
