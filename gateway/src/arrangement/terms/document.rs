//! The arrangement's document: its form in TOML, its canonical bytes, and the checks of its values.

use std::collections::BTreeMap;

use crossmargin::v1;
use jiff::{
    civil::{Date, Time, Weekday},
    tz::TimeZone,
};
use risk::instrument::ProductCode;
use serde::{Deserialize, Serialize};

use super::{
    Allocation, Arrangement, Calendar, Eligible, FallBack, House, Problem, Run, Runs, Settlement, Timing, Zone,
    models::{ModelSchedule, ModelSection},
    requires::ProgrammeSection,
};
use crate::arrangement::{
    cycle_id::CycleKind,
    default_loss::LossSharing,
    digest::Digest,
    grant::AdvanceGrant,
    leaf::FactorBounds,
    leg::Pair,
    name::{ArrangementId, HouseId},
    parties::{ArrangementMode, Parties},
};

/// The document. The order of its fields, and of theirs, is the order of the canonical bytes.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Document {
    id: String,
    mode: ArrangementMode,
    max_rounds: u32,
    houses: Legs<HouseSection>,
    calendar: CalendarSection,
    bounds: BoundsSection,
    eligible: EligibleSection,
    programme: ProgrammeSection,
    timing: TimingSection,
    settlement: SettlementSection,
    fall_back: BTreeMap<CycleKind, FallBackSection>,
    default: DefaultSection,
    schedule: Vec<ScheduleSection>,
    models: Legs<Vec<ModelSection>>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Legs<T> {
    treasury: T,
    futures: T,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct HouseSection {
    name: String,
    zone: String,
    allocation: Allocation,
    authority: Vec<Authority>,
    holidays: Vec<Date>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Authority {
    Issues,
    IssuePrices,
    CurveHistory,
    OvernightRates,
    ContractSpecifications,
    Baskets,
    ContractPrices,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CalendarSection {
    first: Date,
    last: Date,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct BoundsSection {
    max_factor_bp: u32,
    min_factor_bp: u32,
    closes_shortfall: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EligibleSection {
    futures: Vec<String>,
    treasuries: Vec<TreasuryKind>,
    treasury_remaining_months_above: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum TreasuryKind {
    Note,
    Bond,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TimingSection {
    guard_seconds: u32,
    permitted_clock_skew_seconds: u32,
    as_of_tolerance_seconds: u32,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SettlementSection {
    zone: String,
    intraday: Time,
    end_of_day: Time,
}

/// `"stand-alone"`, or a table with the one key `last_agreed`.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
enum FallBackSection {
    #[serde(rename = "stand-alone")]
    StandAlone,
    #[serde(rename = "last_agreed")]
    LastAgreed(LastAgreedSection),
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LastAgreedSection {
    haircut_bp: u32,
    cycles: u32,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DefaultSection {
    loss_sharing: LossSharing,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ScheduleSection {
    kind: CycleKind,
    zone: String,
    runs: Vec<RunSection>,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RunSection {
    open: Time,
    as_of: Time,
    cut_off: Time,
}

impl Document {
    pub(super) fn validate(mut self) -> Result<Arrangement, Vec<Problem>> {
        self.normalise();
        let digest = self.digest();
        let mut check = Check::default();
        let arrangement: Option<ArrangementId> = check.parse("id", &self.id);
        let names = Pair {
            treasury: check.parse::<HouseId>("houses.treasury.name", &self.houses.treasury.name),
            futures: check.parse::<HouseId>("houses.futures.name", &self.houses.futures.name),
        };
        check.that(self.houses.treasury.name != self.houses.futures.name, "houses.futures.name", || {
            "is the other house's too: two houses are needed".to_owned()
        });
        let calendar = Calendar { first: self.calendar.first, last: self.calendar.last };
        check.that(calendar.first < calendar.last, "calendar.last", || "must be later than calendar.first".to_owned());
        let houses = Pair {
            treasury: check.house("houses.treasury", &self.houses.treasury, calendar),
            futures: check.house("houses.futures", &self.houses.futures, calendar),
        };
        check.authorities(&self.houses);
        check.that((1..=1_000).contains(&self.max_rounds), "max_rounds", || needs(1, 1_000, self.max_rounds));
        let bounds = check.bounds(&self.bounds);
        let eligible = check.eligible(&self.eligible);
        let timing = check.timing(&self.timing);
        let settlement = check.settlement(&self.settlement);
        let fall_back = check.fall_back(&self.fall_back);
        // A kind whose value is refused has one all the same.
        let has_fall_back = |kind| self.fall_back.contains_key(&kind);
        let schedule = check.schedule(&self.schedule, has_fall_back, timing);
        let models = Pair {
            treasury: check.models("models.treasury", &self.models.treasury, calendar),
            futures: check.models("models.futures", &self.models.futures, calendar),
        };
        if !check.problems.is_empty() {
            return Err(check.problems);
        }
        let parsed = || {
            let names = names.both()?;
            Some(Arrangement {
                programme: self.programme.read(self.mode, names.clone()),
                parties: Parties { arrangement: arrangement?, mode: self.mode, houses: names },
                houses: houses.both()?,
                calendar,
                max_rounds: self.max_rounds,
                bounds,
                eligible,
                timing,
                settlement: settlement?,
                fall_back,
                loss_sharing: self.default.loss_sharing,
                schedule,
                models: models.both()?,
                digest,
            })
        };
        parsed().ok_or_else(|| vec![Problem { key: "id".to_owned(), reason: "is incomplete".to_owned() }])
    }

    /// Brings every list that is a set into ascending order, without repeats.
    fn normalise(&mut self) {
        for house in [&mut self.houses.treasury, &mut self.houses.futures] {
            sort(&mut house.authority);
            sort(&mut house.holidays);
        }
        sort(&mut self.eligible.futures);
        sort(&mut self.eligible.treasuries);
        self.programme.normalise();
        self.schedule.sort_by_key(|section| section.kind);
        for section in &mut self.schedule {
            section.runs.sort_by_key(|run| run.open);
        }
    }

    /// Digest of the canonical bytes: the normalised document as JSON with the fields in their declared order. There is
    /// no number but integers in it and no unordered map, so equal values have equal bytes. Models stand in it by their
    /// own digests.
    fn digest(&self) -> Digest {
        let canonical = |sections: &[ModelSection]| sections.iter().map(ModelSection::canonical).collect();
        let models = Legs { treasury: canonical(&self.models.treasury), futures: canonical(&self.models.futures) };
        let canonical = Self { models, ..self.clone() };
        #[expect(clippy::expect_used, reason = "plain structs with string keys always serialise")]
        let bytes = serde_json::to_vec(&canonical).expect("a document serialises");
        Digest::of_parts("crossmargin/v1 arrangement", [bytes.as_slice()])
    }
}

#[derive(Default)]
struct Check {
    problems: Vec<Problem>,
}

impl Check {
    fn that(&mut self, holds: bool, key: impl Into<String>, reason: impl FnOnce() -> String) {
        if !holds {
            self.problems.push(Problem { key: key.into(), reason: reason() });
        }
    }

    fn parse<T: std::str::FromStr<Err: std::fmt::Display>>(&mut self, key: &str, text: &str) -> Option<T> {
        let parsed = text.parse::<T>();
        parsed.map_err(|error| self.that(false, key, || error.to_string())).ok()
    }

    fn zone(&mut self, key: &str, name: &str) -> Option<Zone> {
        let rules = TimeZone::get(name).ok();
        self.that(rules.is_some(), key, || format!("{name:?} is not a time zone: an IANA name is needed"));
        rules.map(|rules| Zone { name: name.to_owned(), rules })
    }

    fn house(&mut self, key: &str, house: &HouseSection, calendar: Calendar) -> Option<House> {
        for day in &house.holidays {
            let is_listed = (calendar.first..=calendar.last).contains(day);
            self.that(is_listed, format!("{key}.holidays"), || format!("{day} lies outside the calendar"));
            let is_weekday = !matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday);
            self.that(is_weekday, format!("{key}.holidays"), || {
                format!("{day} is no weekday: every house is closed on Saturdays and Sundays")
            });
        }
        Some(House {
            zone: self.zone(&format!("{key}.zone"), &house.zone)?,
            allocation: house.allocation,
            authority: house.authority.iter().copied().map(v1::MarketItemKind::from).collect(),
            holidays: house.holidays.clone(),
        })
    }

    /// Each kind of market data has exactly one authority.
    fn authorities(&mut self, houses: &Legs<HouseSection>) {
        for kind in Authority::ALL {
            let count = [&houses.treasury, &houses.futures].iter().filter(|h| h.authority.contains(&kind)).count();
            self.that(count == 1, "houses.*.authority", || {
                format!("{kind:?} has {count} authorities: exactly one house must be")
            });
        }
    }

    fn bounds(&mut self, bounds: &BoundsSection) -> FactorBounds {
        let BoundsSection { max_factor_bp: max, min_factor_bp: min, closes_shortfall } = *bounds;
        self.that(max <= 10_000, "bounds.max_factor_bp", || needs(0, 10_000, max));
        self.that(min <= max, "bounds.min_factor_bp", || format!("is {min}, above max_factor_bp {max}"));
        FactorBounds { max_bp: max, min_bp: min, closes_shortfall }
    }

    fn eligible(&mut self, eligible: &EligibleSection) -> Eligible {
        let mut futures = Vec::new();
        for product in &eligible.futures {
            futures.extend(self.parse::<ProductCode>("eligible.futures", product));
        }
        let treasuries = eligible.treasuries.iter().map(|kind| match kind {
            TreasuryKind::Note => v1::IssueKind::Note,
            TreasuryKind::Bond => v1::IssueKind::Bond,
        });
        let months = eligible.treasury_remaining_months_above;
        self.that(months <= 360, "eligible.treasury_remaining_months_above", || needs(0, 360, months));
        Eligible { futures, treasuries: treasuries.collect(), treasury_remaining_months_above: months }
    }

    fn timing(&mut self, timing: &TimingSection) -> Timing {
        let TimingSection { guard_seconds: guard, permitted_clock_skew_seconds: skew, as_of_tolerance_seconds } =
            *timing;
        self.that(guard > skew, "timing.guard_seconds", || {
            format!("is {guard}: it must be greater than permitted_clock_skew_seconds {skew}")
        });
        Timing { guard_seconds: guard, permitted_clock_skew_seconds: skew, as_of_tolerance_seconds }
    }

    fn settlement(&mut self, settlement: &SettlementSection) -> Option<Settlement> {
        let zone = self.zone("settlement.zone", &settlement.zone)?;
        Some(Settlement { zone, intraday: settlement.intraday, end_of_day: settlement.end_of_day })
    }

    fn fall_back(&mut self, sections: &BTreeMap<CycleKind, FallBackSection>) -> BTreeMap<CycleKind, FallBack> {
        let mut fall_back = BTreeMap::new();
        for (kind, section) in sections {
            let read = match section {
                FallBackSection::StandAlone => Ok(FallBack::StandAlone),
                FallBackSection::LastAgreed(LastAgreedSection { haircut_bp, cycles }) => {
                    AdvanceGrant::new(*kind, *haircut_bp, *cycles).map(FallBack::LastAgreed)
                }
            };
            match read {
                Ok(read) => drop(fall_back.insert(*kind, read)),
                Err(problems) => {
                    for problem in problems {
                        self.that(false, format!("fall_back.{kind}.last_agreed.{}", problem.field), || problem.reason);
                    }
                }
            }
        }
        fall_back
    }

    fn schedule(
        &mut self,
        sections: &[ScheduleSection],
        has_fall_back: impl Fn(CycleKind) -> bool,
        timing: Timing,
    ) -> BTreeMap<CycleKind, Runs> {
        let mut schedule = BTreeMap::new();
        for (at, section) in sections.iter().enumerate() {
            let key = format!("schedule[{at}] ({})", section.kind);
            self.that(!section.runs.is_empty(), format!("{key}.runs"), || "is empty: a run is needed".to_owned());
            self.that(has_fall_back(section.kind), format!("fall_back.{}", section.kind), || {
                "is missing for a kind that the schedule has".to_owned()
            });
            for (at, run) in section.runs.iter().enumerate() {
                self.run(&format!("{key}.runs[{at}]"), run, timing);
            }
            for (at, pair) in section.runs.windows(2).enumerate() {
                self.that(pair[0].open < pair[1].open, format!("{key}.runs[{}].open", at + 1), || {
                    format!("{} is another run's too", pair[1].open)
                });
            }
            let Some(zone) = self.zone(&format!("{key}.zone"), &section.zone) else { continue };
            let runs = section.runs.iter().map(|run| Run { open: run.open, as_of: run.as_of, cut_off: run.cut_off });
            let before = schedule.insert(section.kind, Runs { zone, runs: runs.collect() });
            self.that(before.is_none(), format!("{key}.kind"), || "stands twice: one table for each kind".to_owned());
        }
        schedule
    }

    fn run(&mut self, key: &str, run: &RunSection, timing: Timing) {
        self.that(run.open <= run.as_of, format!("{key}.as_of"), || {
            format!("{} is before open {}", run.as_of, run.open)
        });
        let guard = jiff::SignedDuration::from_secs(timing.guard_seconds.into());
        self.that(run.cut_off.duration_since(run.as_of) > guard, format!("{key}.cut_off"), || {
            format!("{} leaves no time: it must be later than as_of {} and the guard", run.cut_off, run.as_of)
        });
    }

    fn models(&mut self, key: &str, sections: &[ModelSection], calendar: Calendar) -> Option<ModelSchedule> {
        ModelSchedule::read(key, sections, calendar, &mut self.problems)
    }
}

impl Authority {
    const ALL: [Self; 7] = [
        Self::Issues,
        Self::IssuePrices,
        Self::CurveHistory,
        Self::OvernightRates,
        Self::ContractSpecifications,
        Self::Baskets,
        Self::ContractPrices,
    ];
}

impl From<Authority> for v1::MarketItemKind {
    fn from(authority: Authority) -> Self {
        match authority {
            Authority::Issues => Self::Issues,
            Authority::IssuePrices => Self::IssuePrices,
            Authority::CurveHistory => Self::CurveHistory,
            Authority::OvernightRates => Self::OvernightRates,
            Authority::ContractSpecifications => Self::ContractSpecifications,
            Authority::Baskets => Self::Baskets,
            Authority::ContractPrices => Self::ContractPrices,
        }
    }
}

fn needs(least: u32, most: u32, found: u32) -> String {
    format!("is {found}: a number from {least} to {most} is needed")
}

pub(super) fn sort<T: Ord>(list: &mut Vec<T>) {
    list.sort_unstable();
    list.dedup();
}
