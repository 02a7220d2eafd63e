//! Why an instrument cannot be valued.

use jiff::civil::Date;

use crate::{
    fixings::MissingFixing,
    instrument::{Contract, Cusip, Instrument},
    treasury::PriceError,
};

/// Why an instrument cannot be valued; names it.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum RevaluationError {
    /// The scenario set's parts do not fit together.
    #[error("scenario set: {0}")]
    ScenarioShape(String),
    /// The market has no price for the issue.
    #[error("{instrument}: the market has no terms and price for {cusip}")]
    NoPrice {
        /// The instrument.
        instrument: Instrument,
        /// The issue.
        cusip: Cusip,
    },
    /// The market has no settlement price for the contract.
    #[error("{instrument}: the market has no settlement price for {contract}")]
    NoSettlement {
        /// The instrument.
        instrument: Instrument,
        /// The contract.
        contract: Contract,
    },
    /// A Treasury future without a deliverable.
    #[error("{instrument}: the basket has no deliverable")]
    NoDeliverable {
        /// The instrument.
        instrument: Instrument,
    },
    /// A forward or cash flow that is due before the business date ends.
    #[error("{instrument}: {date} is not after the business date {business_date}; it has settled")]
    Settled {
        /// The instrument.
        instrument: Instrument,
        /// Its date.
        date: Date,
        /// The business date.
        business_date: Date,
    },
    /// A cash flow beyond the curve.
    #[error("{instrument}: {date} is more than thirty years ahead, beyond the cash curve")]
    BeyondCurve {
        /// The instrument.
        instrument: Instrument,
        /// Its date.
        date: Date,
    },
    /// An issue cannot be settled on a date.
    #[error("{instrument}: {reason}")]
    Price {
        /// The instrument.
        instrument: Instrument,
        /// Why.
        reason: PriceError,
    },
    /// A fixing is missing.
    #[error("{instrument}: {reason}")]
    Fixing {
        /// The instrument.
        instrument: Instrument,
        /// Which.
        reason: MissingFixing,
    },
    /// A scenario moves the instrument beyond what can be valued: a yield below -100 per cent, a discount factor that
    /// is not positive, or a P&L beyond the range of a row.
    #[error("{instrument}: the scenario of {} moves it beyond what can be valued", scenario_name(*scenario))]
    OutOfRange {
        /// The instrument.
        instrument: Instrument,
        /// The date of the scenario; none for the market as it is.
        scenario: Option<Date>,
    },
}

fn scenario_name(scenario: Option<Date>) -> String {
    scenario.map_or_else(|| "the market as it is".to_owned(), |date| date.to_string())
}
