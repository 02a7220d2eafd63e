//! Arithmetic of dates as bond conventions count it.

use jiff::civil::Date;

/// Calendar days from one date to another, negative when `to` is the earlier.
#[must_use]
pub fn days_between(from: Date, to: Date) -> i64 {
    from.duration_until(to).as_secs() / 86_400
}

/// The date `days` calendar days after `date`, before it when negative; the ends of the calendar hold.
#[must_use]
pub fn add_days(date: Date, days: i64) -> Date {
    date.saturating_add(jiff::SignedDuration::from_hours(days.clamp(-9_000_000, 9_000_000) * 24))
}

/// The same day of the month `months` later, or earlier when negative; the last day of a shorter month stands in for
/// days that it does not have. The ends of the calendar hold.
#[must_use]
pub fn add_months(date: Date, months: i32) -> Date {
    let months = i64::from(date.year()) * 12 + i64::from(date.month()) - 1 + i64::from(months);
    let end = if months < 0 { Date::MIN } else { Date::MAX };
    let (Ok(year), Ok(month)) = (i16::try_from(months.div_euclid(12)), i8::try_from(months.rem_euclid(12) + 1)) else {
        return end;
    };
    let Ok(first) = Date::new(year, month, 1) else { return end };
    Date::new(year, month, date.day().min(first.days_in_month())).unwrap_or(end)
}

/// Months from one date to another: six for each whole half-year that fits, and the rest by days as a share of the
/// half-year after them.
///
/// Continuous and increasing in `to`, and a whole number of half-years exactly on the half-yearly anniversaries of
/// `from`, so that a ten-year bond has 120 months on its coupon dates and reads the ten-year point of a curve alone.
/// Days inside a half-year count alike, so that a short month's rate weighs no more than a long one's. Negative spans
/// count as minus the span the other way round.
#[must_use]
pub fn months_between(from: Date, to: Date) -> f64 {
    if to < from {
        return -months_between(to, from);
    }
    let calendar =
        (i32::from(to.year()) - i32::from(from.year())) * 12 + i32::from(to.month()) - i32::from(from.month());
    let below = calendar / 6 * 6;
    let whole = if add_months(from, below) > to { below - 6 } else { below };
    let start = add_months(from, whole);
    let length = days_between(start, add_months(from, whole + 6));
    f64::from(whole) + 6.0 * (days_between(start, to) as f64 / length as f64)
}

/// Whole calendar months from one date to another, rounded down; zero when `to` is not the later.
///
/// The largest number of months that [`add_months`] adds to `from` without passing `to`.
#[must_use]
pub fn whole_months_between(from: Date, to: Date) -> u32 {
    let calendar =
        (i32::from(to.year()) - i32::from(from.year())) * 12 + i32::from(to.month()) - i32::from(from.month());
    let whole = if add_months(from, calendar) > to { calendar - 1 } else { calendar };
    u32::try_from(whole).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_month_added_to_its_last_days_stays_in_the_next_month() {
        assert_eq!(add_months(date(2024, 1, 31), 1), date(2024, 2, 29));
        assert_eq!(add_months(date(2023, 8, 31), -6), date(2023, 2, 28));
        assert_eq!(add_months(date(2023, 12, 15), 1), date(2024, 1, 15));
        assert_eq!(add_months(date(9999, 12, 15), 1), Date::MAX);
    }

    #[test]
    fn ten_years_are_120_months_exactly() {
        assert_eq!(months_between(date(2026, 1, 2), date(2036, 1, 2)), 120.0);
        assert_eq!(months_between(date(2026, 1, 15), date(2026, 2, 1)), 6.0 * (17.0 / 181.0));
    }

    #[test]
    fn a_month_is_whole_on_its_day_or_on_the_last_day_of_a_shorter_one() {
        for (from, to, months) in [
            (date(2026, 2, 11), date(2026, 3, 10), 0),
            (date(2026, 2, 11), date(2026, 3, 11), 1),
            (date(2026, 1, 31), date(2026, 2, 28), 1),
            (date(2026, 2, 28), date(2026, 3, 27), 0),
            (date(2026, 2, 11), date(2055, 11, 15), 357),
            (date(2026, 2, 11), date(2025, 2, 11), 0),
        ] {
            assert_eq!(whole_months_between(from, to), months, "{from} to {to}");
        }
    }

    fn dates() -> impl Strategy<Value = Date> {
        (0_i64..40_000).prop_map(|days| add_days(date(1990, 1, 1), days))
    }

    proptest! {
        #[test]
        fn days_added_are_days_between(start in dates(), days in -5_000_i64..5_000) {
            prop_assert_eq!(days_between(start, add_days(start, days)), days);
        }

        #[test]
        fn whole_months_are_the_most_that_fit(from in dates(), days in 0_i64..15_000) {
            let to = add_days(from, days);
            let months = i32::try_from(whole_months_between(from, to)).unwrap();
            prop_assert!(add_months(from, months) <= to && to < add_months(from, months + 1));
        }

        #[test]
        fn months_grow_with_every_day(from in dates(), days in 0_i64..15_000) {
            let to = add_days(from, days);
            prop_assert!(months_between(from, add_days(to, 1)) > months_between(from, to));
        }
    }
}
