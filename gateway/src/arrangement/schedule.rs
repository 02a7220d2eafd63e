//! When the scheduled cycles run: instants from local times, on days on which both houses are open.

use jiff::{
    SignedDuration, Timestamp,
    civil::{Date, Time, Weekday},
};

use super::{
    cycle_id::{CycleId, CycleKind},
    leg::Leg,
    terms::{Arrangement, Zone},
};

/// Most days between two business days.
const CLOSED_DAYS_MAX: usize = 14;

/// A scheduled cycle with its instants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ScheduledCycle {
    /// Both houses open it.
    pub open: Timestamp,
    /// They freeze their books.
    pub as_of: Timestamp,
    /// What is not agreed falls back.
    pub cut_off: Timestamp,
    /// The cycle.
    pub cycle: CycleId,
}

/// Why a date has no cycles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoBusinessDay {
    /// The calendars do not reach it.
    #[error("{date} lies outside the arrangement's calendar, {first} to {last}: the houses must adopt a longer one")]
    OutsideCalendar {
        /// The date.
        date: Date,
        /// The calendar's first date.
        first: Date,
        /// The calendar's last date.
        last: Date,
    },
    /// A Saturday or a Sunday.
    #[error("{0} is a Saturday or a Sunday")]
    Weekend(Date),
    /// A house is closed.
    #[error("{date} is a holiday of the house that carries the {leg:?} leg")]
    Holiday {
        /// The date.
        date: Date,
        /// The house's leg.
        leg: Leg,
    },
}

impl Arrangement {
    /// Checks that both houses are open on a date.
    ///
    /// # Errors
    /// Says why there are no cycles.
    pub fn check_business_day(&self, date: Date) -> Result<(), NoBusinessDay> {
        let (first, last) = (self.calendar.first, self.calendar.last);
        if date < first || date > last {
            return Err(NoBusinessDay::OutsideCalendar { date, first, last });
        }
        if matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday) {
            return Err(NoBusinessDay::Weekend(date));
        }
        match Leg::BOTH.into_iter().find(|leg| self.houses[*leg].holidays.binary_search(&date).is_ok()) {
            Some(leg) => Err(NoBusinessDay::Holiday { date, leg }),
            None => Ok(()),
        }
    }

    /// The next date after `date` on which both houses are open; `None` beyond the calendar.
    #[must_use]
    pub fn business_day_after(&self, date: Date) -> Option<Date> {
        days_from(date).skip(1).take(CLOSED_DAYS_MAX).find(|day| self.check_business_day(*day).is_ok())
    }

    /// The scheduled cycles of a business date, in the order in which they open.
    ///
    /// # Errors
    /// Says why there are none.
    pub fn cycles_on(&self, date: Date) -> Result<Vec<ScheduledCycle>, NoBusinessDay> {
        self.check_business_day(date)?;
        let mut cycles: Vec<ScheduledCycle> = self
            .schedule
            .iter()
            .flat_map(|(kind, runs)| (1..).zip(&runs.runs).map(move |(number, run)| (*kind, number, &runs.zone, run)))
            .filter_map(|(kind, number, zone, run)| {
                Some(ScheduledCycle {
                    cycle: CycleId { business_date: date, kind, run: number },
                    open: instant(zone, date, run.open)?,
                    as_of: instant(zone, date, run.as_of)?,
                    cut_off: instant(zone, date, run.cut_off)?,
                })
            })
            .collect();
        cycles.sort_unstable();
        Ok(cycles)
    }

    /// The scheduled cycles that open first after `instant`, all at one instant; none beyond the calendar.
    #[must_use]
    pub fn next_after(&self, instant: Timestamp) -> Vec<ScheduledCycle> {
        let mut later = self.cycles_around(instant).skip_while(|cycle| cycle.open <= instant).peekable();
        let first = later.peek().map(|cycle| cycle.open);
        later.take_while(|cycle| Some(cycle.open) == first).collect()
    }

    /// The scheduled cycles that are open at `instant`: opened, and not yet cut off. A node that starts late joins them.
    #[must_use]
    pub fn open_at(&self, instant: Timestamp) -> Vec<ScheduledCycle> {
        self.cycles_around(instant)
            .take_while(|cycle| cycle.open <= instant)
            .filter(|cycle| instant < cycle.cut_off)
            .collect()
    }

    /// The scheduled instants of a cycle; `None` for a re-run and for a day without cycles.
    #[must_use]
    pub fn scheduled(&self, cycle: CycleId) -> Option<ScheduledCycle> {
        self.cycles_on(cycle.business_date).ok()?.into_iter().find(|scheduled| scheduled.cycle == cycle)
    }

    /// Whether a cycle is a re-run: its number lies above the scheduled runs of its kind.
    #[must_use]
    pub fn is_rerun(&self, cycle: CycleId) -> bool {
        let scheduled = self.schedule.get(&cycle.kind).map_or(0, |runs| runs.runs.len());
        usize::try_from(cycle.run).is_ok_and(|run| run > scheduled)
    }

    /// The last instant at which a statement may be signed for a cycle with this cut-off.
    #[must_use]
    pub fn last_signing(&self, cut_off: Timestamp) -> Timestamp {
        let guard = SignedDuration::from_secs(self.timing.guard_seconds.into());
        // Before the earliest instant there is nothing to sign.
        cut_off.checked_sub(guard).unwrap_or(Timestamp::MIN)
    }

    /// Whether two books of a cycle were frozen close enough to each other.
    #[must_use]
    pub fn is_within_tolerance(&self, as_of: Timestamp, other: Timestamp) -> bool {
        as_of.duration_since(other).abs() <= SignedDuration::from_secs(self.timing.as_of_tolerance_seconds.into())
    }

    /// Until when an agreement of a cycle changes a charge; `None` for a cycle that charges nothing.
    #[must_use]
    pub fn settlement_of(&self, cycle: CycleId) -> Option<Timestamp> {
        let settlement = &self.settlement;
        match cycle.kind {
            CycleKind::Cur => None,
            CycleKind::Itd => instant(&settlement.zone, cycle.business_date, settlement.intraday),
            CycleKind::Eod | CycleKind::EodXm => {
                instant(&settlement.zone, self.business_day_after(cycle.business_date)?, settlement.end_of_day)
            }
        }
    }

    /// The scheduled cycles from the day before `instant` on, in the order in which they open.
    fn cycles_around(&self, instant: Timestamp) -> impl Iterator<Item = ScheduledCycle> {
        // A local date can lie a day off the date in UTC, to either side; days overlap nowhere else, because every run
        // opens on its own business date.
        let start = instant.to_zoned(jiff::tz::TimeZone::UTC).date();
        let mut cycles: Vec<ScheduledCycle> = days_from(start.yesterday().unwrap_or(start))
            .take(CLOSED_DAYS_MAX + 2)
            .filter_map(|day| self.cycles_on(day).ok())
            .flatten()
            .collect();
        cycles.sort_unstable();
        cycles.into_iter()
    }
}

fn days_from(date: Date) -> impl Iterator<Item = Date> {
    std::iter::successors(Some(date), |day| day.tomorrow().ok())
}

/// A local time as an instant. In the hour that daylight saving skips the clock is taken as not yet put forward; of the
/// hour that it repeats the first is meant.
fn instant(zone: &Zone, date: Date, time: Time) -> Option<Timestamp> {
    date.to_datetime(time).to_zoned(zone.rules.clone()).ok().map(|zoned| zoned.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn day(text: &str) -> Date {
        text.parse().unwrap()
    }

    fn cycle(text: &str) -> CycleId {
        text.parse().unwrap()
    }

    #[test]
    fn local_times_follow_daylight_saving_in_both_zones() {
        let arrangement = Arrangement::default();
        for (name, cut_off) in [
            // Chicago is UTC-6 in winter and UTC-5 in summer, New York UTC-5 and UTC-4.
            ("2026-02-13/ITD/1", "2026-02-13T18:15:00Z"),
            ("2026-07-14/ITD/1", "2026-07-14T17:15:00Z"),
            ("2026-02-13/EOD/1", "2026-02-14T00:30:00Z"),
            ("2026-07-14/EOD/1", "2026-07-14T23:30:00Z"),
            // Clocks went forward on Sunday, 8 March 2026.
            ("2026-03-06/EODXM/1", "2026-03-07T03:30:00Z"),
            ("2026-03-09/EODXM/1", "2026-03-10T02:30:00Z"),
        ] {
            assert_eq!(arrangement.scheduled(cycle(name)).unwrap().cut_off, at(cut_off), "{name}");
        }
    }

    #[test]
    fn there_is_no_cycle_on_a_day_on_which_one_house_is_closed() {
        let arrangement = Arrangement::default();
        let why = |text| arrangement.cycles_on(day(text)).unwrap_err();
        assert_eq!(why("2026-02-14"), NoBusinessDay::Weekend(day("2026-02-14")));
        let columbus = NoBusinessDay::Holiday { date: day("2026-10-12"), leg: Leg::Treasury };
        assert_eq!(why("2026-10-12"), columbus);
        assert!(matches!(why("2028-01-03"), NoBusinessDay::OutsideCalendar { .. }));
        assert_eq!(arrangement.cycles_on(day("2026-02-13")).unwrap().len(), 14);
    }

    #[test]
    fn the_next_cycles_are_the_first_that_open_later() {
        let arrangement = Arrangement::default();
        let next = |text| arrangement.next_after(at(text))[0].cycle;
        assert_eq!(next("2026-02-13T12:59:59Z"), cycle("2026-02-13/CUR/1"));
        assert_eq!(next("2026-02-13T13:00:00Z"), cycle("2026-02-13/CUR/2"));
        assert_eq!(next("2026-02-13T17:00:00Z"), cycle("2026-02-13/ITD/1"));
        // Friday evening in New York is Saturday in UTC; Monday, 16 February 2026 is a holiday.
        assert_eq!(next("2026-02-14T01:59:59Z"), cycle("2026-02-13/EODXM/1"));
        assert_eq!(next("2026-02-14T02:00:00Z"), cycle("2026-02-17/CUR/1"));
        // 17:00 in Chicago is 18:00 in New York.
        let together: Vec<_> = arrangement.next_after(at("2026-02-13T22:30:00Z")).iter().map(|c| c.cycle).collect();
        assert_eq!(together, [cycle("2026-02-13/CUR/11"), cycle("2026-02-13/EOD/1")]);
        assert_eq!(next("2027-12-31T23:59:59Z"), cycle("2027-12-31/EODXM/1"));
        assert_eq!(arrangement.next_after(at("2028-01-01T12:00:00Z")), []);
    }

    #[test]
    fn every_cycle_of_a_month_is_next_exactly_once_and_in_order() {
        let arrangement = Arrangement::default();
        let listed: Vec<_> = days_from(day("2026-03-01"))
            .take(31)
            .filter_map(|day| arrangement.cycles_on(day).ok())
            .flatten()
            .map(|scheduled| scheduled.cycle)
            .collect();
        let mut now = at("2026-03-01T00:00:00Z");
        let mut walked = Vec::new();
        while walked.len() < listed.len() {
            let next = arrangement.next_after(now);
            now = next[0].open;
            walked.extend(next.iter().map(|scheduled| scheduled.cycle));
        }
        assert_eq!(walked, listed);
    }

    #[test]
    fn a_late_start_finds_the_cycles_that_are_open() {
        let arrangement = Arrangement::default();
        let open = |text: &str| arrangement.open_at(at(text)).into_iter().map(|c| c.cycle).collect::<Vec<_>>();
        assert_eq!(open("2026-02-13T18:10:00Z"), [cycle("2026-02-13/ITD/1"), cycle("2026-02-13/CUR/6")]);
        assert_eq!(open("2026-02-13T18:15:00Z"), [cycle("2026-02-13/CUR/6")]);
        assert_eq!(open("2026-02-14T00:29:59Z"), [cycle("2026-02-13/EOD/1")]);
        assert_eq!(open("2026-02-14T12:00:00Z"), []);
    }

    #[test]
    fn a_run_beyond_the_schedule_is_a_rerun() {
        let arrangement = Arrangement::default();
        assert!(!arrangement.is_rerun(cycle("2026-02-13/CUR/11")));
        assert!(arrangement.is_rerun(cycle("2026-02-13/CUR/12")));
        assert!(arrangement.is_rerun(cycle("2026-02-13/EOD/2")));
        assert_eq!(arrangement.scheduled(cycle("2026-02-13/EOD/2")), None);
    }

    #[test]
    fn settlement_comes_the_same_day_for_intraday_and_the_next_business_day_for_end_of_day() {
        let arrangement = Arrangement::default();
        let until = |text| arrangement.settlement_of(cycle(text));
        assert_eq!(until("2026-02-13/CUR/1"), None);
        assert_eq!(until("2026-02-13/ITD/1"), Some(at("2026-02-13T18:30:00Z")));
        assert_eq!(until("2026-02-13/EOD/1"), Some(at("2026-02-17T13:30:00Z")));
        assert_eq!(until("2026-02-13/EODXM/2"), Some(at("2026-02-17T13:30:00Z")));
    }

    #[test]
    fn nothing_is_signed_within_the_guard_before_the_cut_off() {
        let arrangement = Arrangement::default();
        assert_eq!(arrangement.last_signing(at("2026-02-13T18:15:00Z")), at("2026-02-13T18:14:30Z"));
        assert!(arrangement.is_within_tolerance(at("2026-02-13T18:00:00Z"), at("2026-02-13T18:05:00Z")));
        assert!(!arrangement.is_within_tolerance(at("2026-02-13T18:05:00.000000001Z"), at("2026-02-13T18:00:00Z")));
    }
}
