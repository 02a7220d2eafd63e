//! A futures product's specification, as reference data with an effective date.

use jiff::civil::{Date, Weekday};

use super::{DeliverableGrade, FactorRounding};
use crate::{
    calendar::Calendar,
    date::add_months,
    fixed::Fixed8,
    instrument::{ContractMonth, ProductCode},
};

/// What a futures product is. Exchanges change specifications, so one applies from a date.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ContractSpecification {
    /// The product, by Globex code.
    pub product: ProductCode,
    /// What the contract settles by.
    pub family: Family,
    /// The value of one point of price, in whole USD for one contract.
    pub points_value: u32,
    /// The smallest move of the price away from the nearby month, in points.
    pub tick: Fixed8,
    /// The first business date on which this specification applies.
    pub effective_from: Date,
}

/// What a contract settles by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// Delivery of a Treasury out of a basket.
    Treasury(TreasuryDelivery),
    /// SOFR compounded over the quarter between two third Wednesdays; named by its start month.
    SofrThreeMonth,
    /// The average of SOFR over the calendar days of the month.
    SofrOneMonth,
    /// The average of the effective Fed funds rate over the calendar days of the month.
    FedFunds,
}

/// The delivery terms of a Treasury future.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TreasuryDelivery {
    /// Which issues can be delivered.
    pub grade: DeliverableGrade,
    /// To what the remaining maturity is rounded down in the conversion factor.
    pub rounding: FactorRounding,
    /// When trading ends and when the last delivery is due.
    pub last_delivery: LastDelivery,
}

/// When trading ends and when the last delivery is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LastDelivery {
    /// Trading to the seventh business day before the last of the month, delivery to the last.
    LastBusinessDay,
    /// Trading to the last business day of the month, delivery to the third after it.
    ThirdBusinessDayAfter,
}

impl ContractSpecification {
    /// The last day on which the contract trades.
    #[must_use]
    pub fn last_trading(&self, month: ContractMonth) -> Date {
        let calendar = Calendar::UsGovernmentBond;
        let last = calendar.on_or_before(month.last_day());
        match self.family {
            Family::Treasury(TreasuryDelivery { last_delivery: LastDelivery::LastBusinessDay, .. }) => {
                calendar.add_business_days(last, -7)
            }
            Family::Treasury(_) | Family::SofrOneMonth | Family::FedFunds => last,
            Family::SofrThreeMonth => calendar.previous(reference_quarter(month).1),
        }
    }

    /// The period whose rates a rate future settles by: from the first day up to, but not including, the second.
    /// `None` for a Treasury future.
    #[must_use]
    pub fn reference_period(&self, month: ContractMonth) -> Option<(Date, Date)> {
        match self.family {
            Family::Treasury(_) => None,
            Family::SofrThreeMonth => Some(reference_quarter(month)),
            Family::SofrOneMonth | Family::FedFunds => Some(calendar_month(month)),
        }
    }
}

impl TreasuryDelivery {
    /// The last day on which a Treasury can be delivered.
    #[must_use]
    pub fn last_delivery_date(&self, month: ContractMonth) -> Date {
        let calendar = Calendar::UsGovernmentBond;
        let last = calendar.on_or_before(month.last_day());
        match self.last_delivery {
            LastDelivery::LastBusinessDay => last,
            LastDelivery::ThirdBusinessDayAfter => calendar.add_business_days(last, 3),
        }
    }
}

/// The quarter from the third Wednesday of a month to the third Wednesday three months later.
pub(super) fn reference_quarter(start: ContractMonth) -> (Date, Date) {
    let first = start.first_day();
    (third_wednesday(first), third_wednesday(add_months(first, 3)))
}

/// A calendar month, its end being the first day after it.
pub(super) fn calendar_month(month: ContractMonth) -> (Date, Date) {
    (month.first_day(), add_months(month.first_day(), 1))
}

/// The third Wednesday of the month of a date.
fn third_wednesday(date: Date) -> Date {
    // Every month has a third Wednesday.
    date.nth_weekday_of_month(3, Weekday::Wednesday).unwrap_or(date)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::futures::default_specifications;

    fn specification(product: &str) -> ContractSpecification {
        let product: ProductCode = product.parse().unwrap();
        default_specifications().into_iter().find(|s| s.product == product).unwrap()
    }

    fn month(text: &str) -> ContractMonth {
        text.parse().unwrap()
    }

    #[test]
    fn notes_and_bonds_end_as_their_rules_say() {
        let dates = |product: &str| {
            let specification = specification(product);
            let Family::Treasury(delivery) = specification.family else { panic!("{product}") };
            (specification.last_trading(month("2015-12")), delivery.last_delivery_date(month("2015-12")))
        };
        assert_eq!(dates("ZN"), (date(2015, 12, 21), date(2015, 12, 31)));
        assert_eq!(dates("ZF"), (date(2015, 12, 31), date(2016, 1, 6)));
    }

    #[test]
    fn a_three_month_future_runs_between_third_wednesdays() {
        let sr3 = specification("SR3");
        assert_eq!(sr3.reference_period(month("2023-03")), Some((date(2023, 3, 15), date(2023, 6, 21))));
        assert_eq!(sr3.last_trading(month("2023-03")), date(2023, 6, 20));
        // The end, 19 June 2024, is Juneteenth; trading ends the business day before it.
        assert_eq!(sr3.last_trading(month("2024-03")), date(2024, 6, 18));
    }
}
