//! Business days, by rule rather than by table, so that a thirty-year schedule needs no update.
//!
//! Sources: SIFMA's holiday recommendations for US government securities and the Federal Reserve's holiday schedule
//! (published). The government bond rules are checked against every day on which SOFR was published since 2018.

use jiff::civil::{Date, Weekday, date};

use crate::date::add_days;

/// A calendar of business days.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Calendar {
    /// US government securities business days, by which Treasuries settle and SOFR is published: closed on Good
    /// Friday, and on the Friday before a Saturday Independence Day, Juneteenth or Christmas.
    UsGovernmentBond,
    /// The Federal Reserve's business days, by which the effective Fed funds rate is published: open on Good Friday
    /// and on the Friday before any Saturday holiday.
    FederalReserve,
}

impl Calendar {
    /// Whether the calendar is open on the day.
    #[must_use]
    pub fn is_business_day(self, day: Date) -> bool {
        !matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday) && !self.is_holiday(day)
    }

    /// The day itself if it is a business day, else the first one after it.
    #[must_use]
    pub fn on_or_after(self, mut day: Date) -> Date {
        while !self.is_business_day(day) && day < Date::MAX {
            day = add_days(day, 1);
        }
        day
    }

    /// The day itself if it is a business day, else the last one before it.
    #[must_use]
    pub fn on_or_before(self, mut day: Date) -> Date {
        while !self.is_business_day(day) && day > Date::MIN {
            day = add_days(day, -1);
        }
        day
    }

    /// The first business day after the day.
    #[must_use]
    pub fn next(self, day: Date) -> Date {
        self.on_or_after(add_days(day, 1))
    }

    /// The last business day before the day.
    #[must_use]
    pub fn previous(self, day: Date) -> Date {
        self.on_or_before(add_days(day, -1))
    }

    /// The business day `count` business days after the day, before it when negative; the day itself for zero.
    #[must_use]
    pub fn add_business_days(self, mut day: Date, count: i32) -> Date {
        for _ in 0..count.unsigned_abs() {
            day = if count > 0 { self.next(day) } else { self.previous(day) };
        }
        day
    }

    fn is_holiday(self, day: Date) -> bool {
        let bond = self == Self::UsGovernmentBond;
        let (month, d, weekday) = (day.month(), day.day(), day.weekday());
        let monday = weekday == Weekday::Monday;
        // A Sunday holiday is kept on Monday by both; a Saturday one on Friday by the bond market alone.
        let fixed = |m: i8, on: i8| month == m && (d == on || (monday && d == on + 1));
        let early = |m: i8, on: i8| bond && month == m && weekday == Weekday::Friday && d == on - 1;
        let nth_monday = |m: i8, nth: i8| month == m && monday && (d - 1) / 7 == nth - 1;

        fixed(1, 1)
            || nth_monday(1, 3)
            || nth_monday(2, 3)
            || (month == 5 && monday && d > 24)
            || (day.year() >= 2022 && (fixed(6, 19) || early(6, 19)))
            || fixed(7, 4)
            || early(7, 4)
            || nth_monday(9, 1)
            || nth_monday(10, 2)
            || fixed(11, 11)
            || (month == 11 && weekday == Weekday::Thursday && (22..=28).contains(&d))
            || fixed(12, 25)
            || early(12, 25)
            || (bond && (day == good_friday(day.year()) || SPECIAL_CLOSINGS.contains(&day)))
    }
}

/// Days on which the government bond market closed outside its rules: the attacks of 2001, two state funerals, a
/// hurricane.
const SPECIAL_CLOSINGS: [Date; 5] =
    [date(2001, 9, 11), date(2001, 9, 12), date(2004, 6, 11), date(2012, 10, 30), date(2018, 12, 5)];

/// Two days before Easter Sunday, by the Gregorian computus in the form of Meeus, Jones and Butcher.
fn good_friday(year: i16) -> Date {
    let year = i32::from(year);
    let (a, b, c) = (year % 19, year / 100, year % 100);
    let (d, e, f) = (b / 4, b % 4, (b + 8) / 25);
    let g = (b - f + 1) / 3;
    let h = (19 * a + b - d - g + 15) % 30;
    let (i, k) = (c / 4, c % 4);
    let l = (32 + 2 * e + 2 * i - h - k) % 7;
    let m = (a + 11 * h + 22 * l) / 451;
    // Days after 1 March of Easter Sunday.
    let after_march = h + l - 7 * m + 21;
    let year = i16::try_from(year).unwrap_or(i16::MAX);
    Date::new(year, 3, 1).map_or(Date::MAX, |march| add_days(march, i64::from(after_march) - 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_friday_closes_the_bond_market_alone() {
        for day in [date(2018, 3, 30), date(2019, 4, 19), date(2020, 4, 10), date(2024, 3, 29), date(2026, 4, 3)] {
            assert!(!Calendar::UsGovernmentBond.is_business_day(day), "{day}");
            assert!(Calendar::FederalReserve.is_business_day(day), "{day}");
        }
    }

    #[test]
    fn holidays_at_weekends_move_as_the_market_moves_them() {
        let bond = Calendar::UsGovernmentBond;
        assert!(!bond.is_business_day(date(2020, 7, 3)), "Saturday's Independence Day is kept on Friday");
        assert!(!bond.is_business_day(date(2021, 12, 24)), "Saturday's Christmas is kept on Friday");
        assert!(bond.is_business_day(date(2021, 12, 31)), "Saturday's New Year is not kept");
        assert!(bond.is_business_day(date(2023, 11, 10)), "Saturday's Veterans Day is not kept");
        assert!(!bond.is_business_day(date(2022, 6, 20)), "Sunday's Juneteenth is kept on Monday");
        assert!(bond.is_business_day(date(2021, 6, 18)), "Juneteenth is kept from 2022 on");
        assert!(Calendar::FederalReserve.is_business_day(date(2020, 7, 3)));
    }

    #[test]
    fn business_days_count_over_a_long_weekend() {
        let bond = Calendar::UsGovernmentBond;
        assert_eq!(bond.next(date(2025, 12, 31)), date(2026, 1, 2));
        assert_eq!(bond.previous(date(2026, 1, 2)), date(2025, 12, 31));
        assert_eq!(bond.add_business_days(date(2015, 12, 31), 3), date(2016, 1, 6));
        assert_eq!(bond.add_business_days(date(2016, 1, 6), -3), date(2015, 12, 31));
    }
}
