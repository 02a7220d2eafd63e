//! The default package: what both houses last agreed about a member in default, as one file that anybody who holds their
//! public keys can verify.
//!
//! It is built from what a node holds ([`build`]) and verified from its bytes alone ([`verify`]). Equal parts make equal
//! bytes at both houses, so the package has one name: the BLAKE3 of its bytes.

mod build;
mod verify;

use std::fmt;

use crossmargin::v1;

use super::{
    cycle_id::{CycleId, Round},
    default_loss::{CloseOut, HouseFigures, LossInputs},
    digest::Digest,
    evidence::Totals,
    leaf,
    leg::{Leg, Pair},
    link::{LinkKind, LinkMode, LinkTerms},
    matching::Sum,
    name::{MemberId, OwnerId},
};
use crate::problem::Problems;

pub use build::{BuildError, LinkParts, Package, Parts, build};
pub use verify::verify;

/// Most bytes of a package: 64 MiB.
pub const PACKAGE_BYTES_MAX: usize = 64 << 20;

/// What a package that verifies does not show. Whoever shows its figures says so.
pub const NOT_SHOWN: [&str; 4] = [
    "that these are all links of the member: a link on which the houses differed, or that was left out, is in no proof",
    "that no later cycle was agreed before the suspension",
    "what was traded, moved or settled after the positions of the cycle were frozen",
    "what the entry that records the suspension says beyond its place in the signed log of its house",
];

/// A package that verifies.
#[derive(Clone, Debug, PartialEq)]
pub struct Verified {
    /// The package's name: BLAKE3 of its bytes.
    pub digest: Digest,
    /// The member in default.
    pub member: MemberId,
    /// The suspension, `<house>/<sequence>/<place>`.
    pub suspension: String,
    /// The agreed cycle.
    pub cycle: CycleId,
    /// The agreed round.
    pub round: Round,
    /// Payload digest of the statement that both houses signed.
    pub statement: Digest,
    /// The links, ascending.
    pub links: Vec<VerifiedLink>,
    /// Sums over the live links.
    pub live: Totals,
    /// Sums over the links in rehearsal, as if they were live.
    pub rehearsal: Totals,
}

/// One link of a package that verifies.
#[derive(Clone, Debug, PartialEq)]
pub struct VerifiedLink {
    /// Its terms.
    pub terms: LinkTerms,
    /// Whether its reduction was charged.
    pub mode: LinkMode,
    /// The agreed figures.
    pub leaf: v1::MarginLeaf,
    /// The positions of each leg.
    pub positions: Pair<v1::PositionColumns>,
}

/// Whose results are allocated. A customer's positions answer for nobody else's: its surplus covers neither the member's
/// loss nor another customer's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LossPool {
    /// The member's own links and those of its affiliates, together (assumed).
    Proprietary,
    /// The links of one customer.
    Customer(OwnerId),
}

impl Verified {
    /// The houses' figures of a pool for the allocation of losses, with the results that they report of it. The stand-alone
    /// requirement of a house counts its core margins and what it charges outside the core, of links in rehearsal too; the
    /// reduction is that of live links, for no other was granted (both assumed).
    ///
    /// # Errors
    /// The package has no link of the pool, or its sums are out of range.
    pub fn loss_inputs(
        &self,
        pool: &LossPool,
        result_cents: Pair<i64>,
        close_out: CloseOut,
    ) -> Result<LossInputs, Problems> {
        let (mut live, mut rehearsal) = (Sum::default(), Sum::default());
        for link in self.links.iter().filter(|link| pool.has(&link.terms)) {
            let sum = if link.mode == LinkMode::Live { &mut live } else { &mut rehearsal };
            sum.add(&link.leaf).ok_or_else(out_of_range)?;
        }
        if live.count + rehearsal.count == 0 {
            return Err(Problems::one("links", format!("the package has no link of {pool}")));
        }
        let (live, rehearsal) = (live.totals, rehearsal.totals);
        let figures = |leg: Leg| {
            let parts =
                [live, rehearsal].into_iter().flat_map(|sums| [sums.standalone_cents[leg], sums.charges_cents[leg]]);
            Some(HouseFigures {
                result_cents: result_cents[leg],
                standalone_cents: parts.into_iter().try_fold(0_i64, i64::checked_add)?,
                reduction_cents: live.standalone_cents[leg].checked_sub(live.requirement_cents[leg])?,
            })
        };
        LossInputs::new(Pair::from_fn(figures).both().ok_or_else(out_of_range)?, close_out)
    }
}

impl LossPool {
    fn has(&self, terms: &LinkTerms) -> bool {
        match self {
            Self::Proprietary => terms.kind != LinkKind::Customer,
            Self::Customer(owner) => terms.kind == LinkKind::Customer && terms.owner == *owner,
        }
    }
}

impl fmt::Display for LossPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Proprietary => f.write_str("the member's own accounts and its affiliates'"),
            Self::Customer(owner) => write!(f, "customer {owner}"),
        }
    }
}

fn out_of_range() -> Problems {
    Problems::one("links", "the sums of the links are beyond 64 bits of cents")
}

/// The registry entry that a suspension's id names: its house and its sequence. `None` where the text is no such id.
fn entry_of(suspension: &str) -> Option<(&str, u64)> {
    let mut parts = suspension.split('/');
    let (house, sequence, place) = (parts.next()?, parts.next()?, parts.next()?);
    let (number, place_number) = (sequence.parse::<u64>().ok()?, place.parse::<u32>().ok()?);
    // One suspension has one name: `01` is not `1`.
    let is_plain = parts.next().is_none() && number.to_string() == sequence && place_number.to_string() == place;
    (is_plain && number > 0).then_some((house, number))
}

/// The digest of one account's positions as a leaf carries it.
fn digest_of(columns: &v1::PositionColumns) -> Digest {
    let names = columns.instruments.iter().map(|name| Digest::of(name.as_bytes()));
    leaf::positions_digest(names.zip(columns.quantities.iter().copied()))
}

#[cfg(test)]
mod tests;
