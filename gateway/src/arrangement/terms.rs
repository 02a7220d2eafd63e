//! The arrangement: what both houses adopt before anything is agreed.

mod document;

use std::collections::BTreeMap;

use crossmargin::v1;
use jiff::{
    civil::{Date, Time},
    tz::TimeZone,
};
use risk::instrument::ProductCode;

use super::{
    cycle_id::CycleKind,
    digest::Digest,
    leaf::FactorBounds,
    leg::{Leg, Pair},
    parties::Parties,
};
use document::Document;

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
    /// Guards and tolerances.
    pub timing: Timing,
    /// Until when a late agreement changes a charge.
    pub settlement: Settlement,
    /// What is charged without an agreement, for each kind of cycle.
    pub fall_back: BTreeMap<CycleKind, FallBack>,
    /// The scheduled runs of each kind, run 1 first.
    pub schedule: BTreeMap<CycleKind, Runs>,
    /// The parameters of each house's model.
    pub models: Pair<ModelParameters>,
    digest: Digest,
}

/// A house's clock, calendar and authority.
#[derive(Clone, Debug, PartialEq)]
pub struct House {
    /// The zone of its own clock.
    pub zone: Zone,
    /// The kinds of market data that it is the authority of, ascending.
    pub authority: Vec<v1::MarketItemKind>,
    /// Weekdays on which it is closed, ascending.
    pub holidays: Vec<Date>,
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FallBack {
    /// Each house's stand-alone margin.
    StandAlone,
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

/// The parameters of a house's model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelParameters {
    /// The confidence of the order statistic in basis points.
    pub confidence_bp: u32,
    /// The margin period of risk in days.
    pub horizon_days: u32,
    /// The number of scenarios.
    pub scenarios: u32,
    /// Filtered historical simulation; plain historical simulation where it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<Filter>,
}

/// The parameters of a filtered historical simulation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// Decay of the volatility forecast, in ten-thousandths.
    pub lambda_e4: u32,
    /// The forecast begins with the mean square of so many one-day changes.
    pub seed_days: u32,
    /// Weight of the unfiltered margin below which the filtered one does not fall, in basis points.
    pub floor_weight_bp: u32,
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

    /// The house that is the authority of a kind of market data.
    #[must_use]
    pub fn authority_of(&self, kind: v1::MarketItemKind) -> Option<Leg> {
        Leg::BOTH.into_iter().find(|leg| self.houses[*leg].authority.contains(&kind))
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
mod tests {
    use super::*;

    fn problems(from: &str, to: &str) -> Vec<String> {
        assert!(DEFAULT_TOML.contains(from), "{from}");
        match Arrangement::from_toml(&DEFAULT_TOML.replacen(from, to, 1)) {
            Ok(_) => panic!("{to} must be refused"),
            Err(problems) => problems.into_iter().map(|problem| problem.to_string()).collect(),
        }
    }

    #[test]
    fn the_embedded_arrangement_is_valid() {
        let arrangement = Arrangement::default();
        assert_eq!(arrangement.parties.leg_of("FICC"), Some(Leg::Treasury));
        assert_eq!(arrangement.parties.leg_of("CME"), Some(Leg::Futures));
        assert_eq!(arrangement.bounds.max_bp, 8_000);
        assert_eq!(arrangement.eligible.futures.len(), 11);
        assert_eq!(arrangement.authority_of(v1::MarketItemKind::CurveHistory), Some(Leg::Treasury));
        assert_eq!(arrangement.authority_of(v1::MarketItemKind::Baskets), Some(Leg::Futures));
        assert_eq!(arrangement.models.treasury.filter, None);
        assert_eq!(arrangement.models.futures.filter.map(|filter| filter.lambda_e4), Some(9_700));
        assert_eq!(arrangement.schedule[&CycleKind::Cur].runs.len(), 11);
    }

    #[test]
    fn the_digest_does_not_depend_on_the_form_of_the_document() {
        let value: toml::Value = toml::from_str(DEFAULT_TOML).unwrap();
        let plain = toml::to_string(&value).unwrap();
        assert_ne!(plain, DEFAULT_TOML);
        let shuffled = plain.replacen("\"2025-01-01\", \"2025-01-20\"", "\"2025-01-20\", \"2025-01-01\"", 1);
        assert_ne!(shuffled, plain);
        for text in [plain, shuffled] {
            assert_eq!(Arrangement::from_toml(&text).unwrap().digest(), Arrangement::default().digest());
        }
    }

    #[test]
    fn every_value_is_under_the_digest() {
        for (from, to) in [
            ("id = \"FICC-CME\"", "id = \"FICC-CMX\""),
            ("mode = \"live\"", "mode = \"rehearsal\""),
            ("max_rounds = 16", "max_rounds = 17"),
            ("name = \"FICC\"", "name = \"FICB\""),
            ("zone = \"America/New_York\"", "zone = \"America/Toronto\""),
            ("\"2026-02-16\", ", ""),
            ("last = \"2027-12-31\"", "last = \"2027-12-30\""),
            ("max_factor_bp = 8000", "max_factor_bp = 7999"),
            ("min_factor_bp = 100", "min_factor_bp = 101"),
            ("closes_shortfall = false", "closes_shortfall = true"),
            ("\"SR1\", \"ZQ\"", "\"SR1\""),
            ("\"note\", \"bond\"", "\"note\""),
            ("above = 12", "above = 13"),
            ("guard_seconds = 30", "guard_seconds = 31"),
            ("skew_seconds = 5", "skew_seconds = 6"),
            ("tolerance_seconds = 300", "tolerance_seconds = 301"),
            ("intraday = \"12:30\"", "intraday = \"12:31\""),
            ("end_of_day = \"07:30\"", "end_of_day = \"07:31\""),
            ("cut_off = \"12:15\"", "cut_off = \"12:16\""),
            ("confidence_bp = 9900", "confidence_bp = 9950"),
            ("horizon_days = 3", "horizon_days = 5"),
            ("lambda_e4 = 9700", "lambda_e4 = 9800"),
            ("seed_days = 250", "seed_days = 251"),
            ("floor_weight_bp = 10000", "floor_weight_bp = 9999"),
        ] {
            assert!(DEFAULT_TOML.contains(from), "{from}");
            let changed = Arrangement::from_toml(&DEFAULT_TOML.replacen(from, to, 1)).unwrap();
            assert_ne!(changed.digest(), Arrangement::default().digest(), "{to}");
        }
    }

    #[test]
    fn an_unknown_key_is_refused_by_name_and_line() {
        let found = problems("max_rounds = 16", "max_rounds = 16\nmax_round = 3");
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("line ") && found[0].contains("max_round"), "{found:?}");
    }

    #[test]
    fn a_value_out_of_range_is_named_by_its_key() {
        for (from, to, key) in [
            ("id = \"FICC-CME\"", "id = \"FICC CME\"", "id"),
            ("name = \"CME\"", "name = \"FICC\"", "houses.futures.name"),
            ("zone = \"America/New_York\"", "zone = \"America/Gotham\"", "houses.treasury.zone"),
            ("\"issues\", \"issue-prices\"", "\"issues\"", "houses.*.authority"),
            ("\"baskets\", ", "\"baskets\", \"issues\", ", "houses.*.authority"),
            ("\"2026-02-16\"", "\"2026-02-15\"", "houses.treasury.holidays"),
            ("\"2026-02-16\"", "\"2031-02-17\"", "houses.treasury.holidays"),
            ("first = \"2025-01-01\"", "first = \"2028-01-01\"", "calendar.last"),
            ("max_rounds = 16", "max_rounds = 0", "max_rounds"),
            ("max_factor_bp = 8000", "max_factor_bp = 10001", "bounds.max_factor_bp"),
            ("min_factor_bp = 100", "min_factor_bp = 8001", "bounds.min_factor_bp"),
            ("\"ZT\"", "\"zt\"", "eligible.futures"),
            ("guard_seconds = 30", "guard_seconds = 5", "timing.guard_seconds"),
            ("zone = \"America/Chicago\"\n# Of intraday", "zone = \"\"\n# Of intraday", "settlement.zone"),
            ("ITD = \"stand-alone\"\n", "", "fall_back.ITD"),
            ("as_of = \"11:15\"", "as_of = \"11:14\"", "schedule[1] (ITD).runs[0].as_of"),
            ("cut_off = \"12:15\"", "cut_off = \"11:15\"", "schedule[1] (ITD).runs[0].cut_off"),
            ("open = \"08:00\"", "open = \"07:00\"", "schedule[0] (CUR).runs[1].open"),
            ("kind = \"EODXM\"", "kind = \"EOD\"", "schedule[3] (EOD).kind"),
            ("confidence_bp = 9900", "confidence_bp = 10000", "models.treasury.confidence_bp"),
            ("scenarios = 2500", "scenarios = 99", "models.treasury.scenarios"),
            ("horizon_days = 1", "horizon_days = 0", "models.futures.horizon_days"),
            ("lambda_e4 = 9700", "lambda_e4 = 10000", "models.futures.filter.lambda_e4"),
            ("seed_days = 250", "seed_days = 0", "models.futures.filter.seed_days"),
            ("floor_weight_bp = 10000", "floor_weight_bp = 10001", "models.futures.filter.floor_weight_bp"),
        ] {
            let found = problems(from, to);
            assert!(found.iter().any(|problem| problem.starts_with(&format!("{key}: "))), "{to}: {found:?}");
        }
    }

    #[test]
    fn all_problems_are_reported_at_once() {
        let text = DEFAULT_TOML.replacen("max_rounds = 16", "max_rounds = 0", 1).replacen("\"ZT\"", "\"zt\"", 1);
        assert_eq!(Arrangement::from_toml(&text).unwrap_err().len(), 2);
    }
}
