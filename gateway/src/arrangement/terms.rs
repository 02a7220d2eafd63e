//! The arrangement: what both houses adopt before anything is agreed.

mod document;
mod models;
mod requires;

use std::collections::BTreeMap;

use crossmargin::v1;
use jiff::{
    civil::{Date, Time},
    tz::TimeZone,
};
use risk::instrument::ProductCode;

use super::{
    cycle_id::CycleKind,
    default_loss::LossSharing,
    digest::Digest,
    evidence::MarketManifest,
    grant::{AdvanceGrant, AdvanceGrants},
    leaf::FactorBounds,
    leg::{Leg, Pair},
    parties::Parties,
    programme::Rules,
};
use document::Document;
pub use models::ModelSchedule;

/// The arrangement between FICC and CME as a document, every value with its source.
pub const DEFAULT_TOML: &str = include_str!("default.toml");

/// An arrangement between two houses, validated: whoever holds one need not check it again.
#[derive(Clone, Debug, PartialEq)]
pub struct Arrangement {
    /// Its name, mode and houses.
    pub parties: Parties,
    /// Each house's clock, calendar and authority.
    pub houses: Pair<House>,
    /// The business dates for which the calendars hold.
    pub calendar: Calendar,
    /// Rounds that a cycle can have, from 1.
    pub max_rounds: u32,
    /// Which reductions are granted.
    pub bounds: FactorBounds,
    /// What can be margined jointly.
    pub eligible: Eligible,
    /// What the programme requires of links before they are live.
    pub programme: Rules,
    /// Guards and tolerances.
    pub timing: Timing,
    /// Until when a late agreement changes a charge.
    pub settlement: Settlement,
    /// What is charged without an agreement, for each kind of cycle.
    pub fall_back: BTreeMap<CycleKind, FallBack>,
    /// By which rule the houses share losses after a member's default: assumed.
    pub loss_sharing: LossSharing,
    /// The scheduled runs of each kind, run 1 first.
    pub schedule: BTreeMap<CycleKind, Runs>,
    /// The models of each house, by business date.
    pub models: Pair<ModelSchedule>,
    digest: Digest,
}

/// A house's clock, calendar and authority.
#[derive(Clone, Debug, PartialEq)]
pub struct House {
    /// The zone of its own clock.
    pub zone: Zone,
    /// How positions come into its cross-margin accounts.
    pub allocation: Allocation,
    /// The kinds of market data that it is the authority of, ascending.
    pub authority: Vec<v1::MarketItemKind>,
    /// Weekdays on which it is closed, ascending.
    pub holidays: Vec<Date>,
}

/// How positions come into the designated cross-margin accounts of a house.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Allocation {
    /// Members direct quantities from a regular account of the same owner into the cross-margin account, and back.
    Directed,
    /// Every eligible position of a cross-margin account counts; nothing is directed.
    Passive,
}

/// A time zone by its IANA name.
#[derive(Clone, Debug, PartialEq)]
pub struct Zone {
    /// The name, such as `America/Chicago`.
    pub name: String,
    /// Its rules.
    pub rules: TimeZone,
}

/// The business dates for which the holidays are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Calendar {
    /// The first.
    pub first: Date,
    /// The last.
    pub last: Date,
}

/// What can be margined jointly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Eligible {
    /// Futures products, ascending.
    pub futures: Vec<ProductCode>,
    /// Kinds of Treasuries, ascending.
    pub treasuries: Vec<v1::IssueKind>,
    /// A Treasury counts while it has more than so many months to maturity.
    pub treasury_remaining_months_above: u32,
}

/// Guards and tolerances, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// Nobody signs a statement later than the cut-off less this; greater than the permitted skew.
    pub guard_seconds: u32,
    /// How far the houses' clocks may lie apart.
    pub permitted_clock_skew_seconds: u32,
    /// How far the as-of instants of the two books of a cycle may lie apart.
    pub as_of_tolerance_seconds: u32,
}

/// Until when an agreement that comes after the cut-off still changes a charge.
#[derive(Clone, Debug, PartialEq)]
pub struct Settlement {
    /// The zone of the times.
    pub zone: Zone,
    /// Of intraday cycles, on the business date.
    pub intraday: Time,
    /// Of end-of-day cycles, on the next business day.
    pub end_of_day: Time,
}

/// What is charged without an agreement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FallBack {
    /// Each house's stand-alone margin.
    StandAlone,
    /// A part of the reduction that was last agreed, at a house that holds both statements; else stand-alone margin.
    LastAgreed(AdvanceGrant),
}

/// The scheduled runs of one kind of cycle.
#[derive(Clone, Debug, PartialEq)]
pub struct Runs {
    /// The zone of the times.
    pub zone: Zone,
    /// The runs, in the order of the day; the first has number 1.
    pub runs: Vec<Run>,
}

/// One scheduled run, in local time of the business date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// Both houses open the cycle.
    pub open: Time,
    /// They freeze their books; not before `open`.
    pub as_of: Time,
    /// What is not agreed falls back; after `as_of`.
    pub cut_off: Time,
}

/// What is wrong with an arrangement.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {reason}")]
pub struct Problem {
    /// The key, such as `schedule[1].runs[0].cut_off`.
    pub key: String,
    /// What is wrong and what is needed.
    pub reason: String,
}

impl Arrangement {
    /// Reads an arrangement from its document.
    ///
    /// # Errors
    /// The text is no such document, which names the first key that is wrong; or values are out of range, and then all
    /// of them are named.
    pub fn from_toml(text: &str) -> Result<Self, Vec<Problem>> {
        let document: Document = toml::from_str(text).map_err(|error| {
            let line = error.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
            vec![Problem { key: format!("line {line}"), reason: error.message().to_owned() }]
        })?;
        document.validate()
    }

    /// Digest of the values: what the houses adopt. Two documents with the same values have one digest, whatever their
    /// comments, spaces, order of keys, or order within lists that are sets.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// What every statement grants in advance.
    #[must_use]
    pub fn advance_grants(&self) -> AdvanceGrants {
        let granted = self.fall_back.iter().filter_map(|(kind, fall_back)| match fall_back {
            FallBack::StandAlone => None,
            FallBack::LastAgreed(grant) => Some((*kind, *grant)),
        });
        granted.collect()
    }

    /// The house that is the authority of a kind of market data.
    #[must_use]
    pub fn authority_of(&self, kind: v1::MarketItemKind) -> Option<Leg> {
        Leg::BOTH.into_iter().find(|leg| self.houses[*leg].authority.contains(&kind))
    }

    /// The first item of a market manifest that its signer is not the authority of; such a manifest is to be refused.
    #[must_use]
    pub fn foreign_item(&self, signer: Leg, manifest: &MarketManifest) -> Option<v1::MarketItemKind> {
        manifest.items.iter().map(|item| item.kind).find(|kind| self.authority_of(*kind) != Some(signer))
    }
}

impl Default for Arrangement {
    /// The arrangement between FICC and CME.
    fn default() -> Self {
        #[expect(clippy::expect_used, reason = "the embedded document is read by a test")]
        Self::from_toml(DEFAULT_TOML).expect("the embedded arrangement is valid")
    }
}

#[cfg(test)]
mod tests;
