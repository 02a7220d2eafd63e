//! How often one caller of each role may call.

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use crate::identity::RoleKind;

/// A bucket of tokens; a call takes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// Tokens gained in a second.
    pub per_second: NonZeroU32,
    /// Tokens that there can be at once.
    pub burst: NonZeroU32,
}

/// The rate of each caller, by its role. The keys are the roles' names in certificates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct RoleRates {
    /// The other house's gateway: while a cycle is agreed it asks for everything at once.
    pub peer: Rate,
    /// Position keeping.
    pub position_source: Rate,
    /// Reference and market data.
    pub market_source: Rate,
    /// Margin call and reporting, which may ask account by account.
    pub margin_reader: Rate,
    /// Each member firm.
    pub member: Rate,
    /// The administration of each member firm.
    pub member_administrator: Rate,
    /// Each customer.
    pub customer: Rate,
    /// The programme's administration.
    pub administrator: Rate,
    /// Operations.
    pub operator: Rate,
    /// The auditor.
    pub auditor: Rate,
    /// All connections together whose certificate gives no role, and whose every call is refused.
    pub without_role: Rate,
}

fn rate(per_second: u32, burst: u32) -> Rate {
    let at_least_one = |count| NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN);
    Rate { per_second: at_least_one(per_second), burst: at_least_one(burst) }
}

impl Default for RoleRates {
    fn default() -> Self {
        let (peer, own, firm) = (rate(2_000, 10_000), rate(500, 2_000), rate(50, 200));
        Self {
            peer,
            position_source: own,
            market_source: own,
            margin_reader: own,
            member: firm,
            member_administrator: firm,
            customer: firm,
            administrator: own,
            operator: own,
            auditor: own,
            without_role: rate(10, 50),
        }
    }
}

impl RoleRates {
    /// One rate for all.
    #[must_use]
    pub fn equal(rate: Rate) -> Self {
        Self {
            peer: rate,
            position_source: rate,
            market_source: rate,
            margin_reader: rate,
            member: rate,
            member_administrator: rate,
            customer: rate,
            administrator: rate,
            operator: rate,
            auditor: rate,
            without_role: rate,
        }
    }

    /// The rate of each caller of a role.
    #[must_use]
    pub fn of_role(&self, role: RoleKind) -> Rate {
        match role {
            RoleKind::Peer => self.peer,
            RoleKind::PositionSource => self.position_source,
            RoleKind::MarketSource => self.market_source,
            RoleKind::MarginReader => self.margin_reader,
            RoleKind::Member => self.member,
            RoleKind::MemberAdministrator => self.member_administrator,
            RoleKind::Customer => self.customer,
            RoleKind::Administrator => self.administrator,
            RoleKind::Operator => self.operator,
            RoleKind::Auditor => self.auditor,
        }
    }
}
