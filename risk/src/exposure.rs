//! What charges other than scenario P&L need of an instrument: its value, its remaining term and its kind.
//!
//! Everything is an integer, for one kernel unit of [`crate::revaluation`], so that what follows from it is exact. Terms
//! are counted from the settlement date of the market.

use jiff::civil::Date;

use crate::{
    date::{days_between, whole_months_between},
    futures::Family,
    instrument::{Contract, Cusip, Instrument},
    market::PricedFuture,
    numeric::round_to_i64,
    revaluation::{ROW_UNITS_PER_USD, RevaluationError, Revaluer, check_before_maturity},
};

/// Units of [`InstrumentFacts::value_units`] in one USD.
pub const VALUE_UNITS_PER_USD: i64 = 100_000_000;

/// USD of face in one kernel unit of a Treasury.
const FACE_PER_UNIT: i64 = 100;

/// What an instrument is, for charges that go by kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ExposureKind {
    /// A settled Treasury.
    Treasury,
    /// A Treasury that settles on a later date.
    ForwardTreasury,
    /// US dollars on a date.
    Cash,
    /// A future that delivers a Treasury.
    TreasuryFuture,
    /// A SOFR or Fed funds future.
    RateFuture,
}

/// What charges need of one kernel unit of an instrument.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct InstrumentFacts {
    /// What it is.
    pub kind: ExposureKind,
    /// Whether the issue has no price and `value_units` is its face instead.
    pub is_proxied: bool,
    /// The value in the market as it is, in 1e-8 USD for one kernel unit, to the nearest with ties to even: the price
    /// with accrued interest of USD 100 of face; the same free of payment for a forward Treasury; USD 1 for cash, not
    /// discounted; the settlement price in points for a future; USD 100 for a Treasury without a price.
    pub value_units: i64,
    /// Whole months, rounded down, to the maturity of the issue; for a Treasury future to that of the cheapest to deliver
    /// in the market as it is; to the end of a rate future's reference period; to the date of cash. Zero for the past.
    pub remaining_months: u32,
    /// Calendar days to the payment of cash, zero for one due by settlement; zero for all else.
    pub days: u32,
    /// Kernel units in one contract of a future, the USD value of a point; 1 for all else.
    pub units_per_contract: u32,
}

impl InstrumentFacts {
    /// The facts of an instrument. They are of the market as it is, and best read off
    /// [`Revaluer::without_scenarios`]; the scenarios of another revaluer change nothing, but one that is beyond what can
    /// be valued is an error here too.
    ///
    /// # Errors
    ///
    /// [`RevaluationError`] names the instrument where it cannot be valued; an issue without a price is no error.
    pub fn of(revaluer: &Revaluer<'_>, instrument: Instrument) -> Result<Self, RevaluationError> {
        match instrument {
            Instrument::Treasury(cusip) => Self::of_treasury(revaluer, instrument, cusip, ExposureKind::Treasury),
            Instrument::ForwardTreasury { cusip, settle } => {
                revaluer.check_unsettled(instrument, settle)?;
                if let Some(terms) = revaluer.market().unpriced(cusip) {
                    check_before_maturity(instrument, terms, settle)?;
                }
                Self::of_treasury(revaluer, instrument, cusip, ExposureKind::ForwardTreasury)
            }
            Instrument::Cash { date } => Self::of_cash(revaluer, instrument, date),
            Instrument::Future(contract) => Self::of_future(revaluer, instrument, contract),
        }
    }

    fn of_treasury(
        revaluer: &Revaluer<'_>,
        instrument: Instrument,
        cusip: Cusip,
        kind: ExposureKind,
    ) -> Result<Self, RevaluationError> {
        let market = revaluer.market();
        let unpriced = market.unpriced(cusip);
        let value_units = match unpriced {
            Some(_) => FACE_PER_UNIT * VALUE_UNITS_PER_USD,
            None => to_units(instrument, revaluer.unit_value(instrument)?)?,
        };
        let terms = unpriced.or_else(|| market.treasury(cusip).map(|treasury| &treasury.terms));
        let terms = terms.ok_or(RevaluationError::NoPrice { instrument, cusip })?;
        Ok(Self {
            kind,
            is_proxied: unpriced.is_some(),
            value_units,
            remaining_months: whole_months_between(market.settlement(), terms.issue().maturity),
            days: 0,
            units_per_contract: 1,
        })
    }

    fn of_cash(revaluer: &Revaluer<'_>, instrument: Instrument, date: Date) -> Result<Self, RevaluationError> {
        // What cannot be discounted is no cash of this market.
        revaluer.unit_value(instrument)?;
        let settlement = revaluer.market().settlement();
        Ok(Self {
            kind: ExposureKind::Cash,
            is_proxied: false,
            value_units: VALUE_UNITS_PER_USD,
            remaining_months: whole_months_between(settlement, date),
            days: u32::try_from(days_between(settlement, date)).unwrap_or_default(),
            units_per_contract: 1,
        })
    }

    fn of_future(
        revaluer: &Revaluer<'_>,
        instrument: Instrument,
        contract: Contract,
    ) -> Result<Self, RevaluationError> {
        let market = revaluer.market();
        let no_settlement = RevaluationError::NoSettlement { instrument, contract };
        let PricedFuture { specification, price, .. } = market.future(contract).ok_or(no_settlement)?;
        let (kind, end) = match specification.family {
            Family::Treasury(_) => {
                let cusip = revaluer.cheapest_to_deliver(instrument, contract)?;
                let treasury = market.treasury(cusip).ok_or(RevaluationError::NoPrice { instrument, cusip })?;
                (ExposureKind::TreasuryFuture, treasury.terms.issue().maturity)
            }
            Family::SofrThreeMonth | Family::SofrOneMonth | Family::FedFunds => {
                let period = specification.reference_period(contract.month);
                (ExposureKind::RateFuture, period.map_or_else(|| market.settlement(), |(_, end)| end))
            }
        };
        Ok(Self {
            kind,
            is_proxied: false,
            // Both count 1e-8.
            value_units: price.units(),
            remaining_months: whole_months_between(market.settlement(), end),
            days: 0,
            units_per_contract: specification.points_value,
        })
    }

    /// The facts as bytes, the same at both houses: kind, proxied or not, then the numbers little-endian in the order of
    /// the fields.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; 22] {
        let mut bytes = [0; 22];
        bytes[0] = self.kind.code();
        bytes[1] = u8::from(self.is_proxied);
        bytes[2..10].copy_from_slice(&self.value_units.to_le_bytes());
        bytes[10..14].copy_from_slice(&self.remaining_months.to_le_bytes());
        bytes[14..18].copy_from_slice(&self.days.to_le_bytes());
        bytes[18..].copy_from_slice(&self.units_per_contract.to_le_bytes());
        bytes
    }

    /// Adds the facts to a digest.
    pub fn hash_into(&self, hasher: &mut blake3::Hasher) {
        hasher.update(&self.to_bytes());
    }
}

impl ExposureKind {
    /// The kind in canonical bytes: never renumbered.
    const fn code(self) -> u8 {
        match self {
            Self::Treasury => 1,
            Self::ForwardTreasury => 2,
            Self::Cash => 3,
            Self::TreasuryFuture => 4,
            Self::RateFuture => 5,
        }
    }
}

/// USD in units of 1e-8, to the nearest with ties to even.
fn to_units(instrument: Instrument, value: f64) -> Result<i64, RevaluationError> {
    round_to_i64(value * ROW_UNITS_PER_USD).ok_or(RevaluationError::OutOfRange { instrument, scenario: None })
}
