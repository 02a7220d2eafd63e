//! Members in default: the package of what both houses last agreed, how a default stands, and what follows for each pool.

mod package;
mod view;

pub(crate) use self::view::{allocation_record, package_record};

use std::sync::Arc;

use crate::{
    arrangement::{
        default_loss::LossAllocation,
        default_package::{LossPool, Verified},
        default_settlement::{Settlement, signed_package},
        name::MemberId,
        registry::{Registry, Scope, SuspensionId},
    },
    problem::Problems,
};

use super::{ReadError, Reader};

/// Why something about a default cannot be done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DefaultError {
    /// It is not here, or cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// What it needs is missing, all of it named.
    #[error(transparent)]
    Missing(#[from] Problems),
}

/// The member that a suspension puts in default.
///
/// # Errors
/// There is no such suspension, or it is none of a member in default.
pub(crate) fn member_in_default(registry: &Registry, suspension: SuspensionId) -> Result<&MemberId, DefaultError> {
    let id = || suspension.text(registry.programme());
    let joined = registry.suspension(suspension).ok_or_else(|| {
        let text = format!("no suspension {} is recorded: see `crossmargin programme suspensions`", id());
        ReadError::NotFound(text)
    })?;
    match &joined.suspension.scope {
        Scope::Member(member) if joined.suspension.is_default => Ok(member),
        scope => {
            let why = format!("{} suspends {scope}, and nobody in default: suspend the member as one in default", id());
            Err(Problems::one("suspension_id", why).into())
        }
    }
}

impl Reader {
    /// Who pays whom for a pool, as it follows from what is on record.
    ///
    /// # Errors
    /// Everything that is missing for it; or the package cannot be read.
    pub(crate) fn loss_allocation(
        &self,
        suspension: SuspensionId,
        pool: &LossPool,
    ) -> Result<LossAllocation, DefaultError> {
        let registry = Arc::clone(&self.context.catalog.read().registry);
        member_in_default(&registry, suspension)?;
        let package = self.signed(&registry, suspension)?;
        Ok(self.settlement(&registry, suspension, package.as_deref()).allocation(pool)?)
    }

    /// The package that both houses signed; `None` where there is none.
    fn signed(&self, registry: &Registry, suspension: SuspensionId) -> Result<Option<Arc<Verified>>, ReadError> {
        signed_package(registry, suspension).ok().map(|package| self.package(package.digest)).transpose()
    }

    fn settlement<'a>(
        &self,
        registry: &'a Registry,
        suspension: SuspensionId,
        package: Option<&'a Verified>,
    ) -> Settlement<'a> {
        Settlement { registry, suspension, package, rule: self.context.arrangement.loss_sharing }
    }
}
