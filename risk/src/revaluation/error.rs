//! Why an instrument cannot be valued.

use jiff::civil::Date;

use crate::{
    fixings::MissingFixing,
    instrument::{Contract, Cusip, Instrument},
    scenario::Tenor,
    treasury::PriceError,
};

/// Why an instrument cannot be valued; names it.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum RevaluationError {
    /// The scenario set's parts do not fit together.
    #[error("scenario set: {0}")]
    Scenarios(#[from] ScenarioProblem),
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
    /// A scenario is asked for that the set does not have.
    #[error("{instrument}: there is no scenario {scenario}, counted from 0: the set has {scenarios}")]
    NoScenario {
        /// The instrument.
        instrument: Instrument,
        /// The place asked for.
        scenario: usize,
        /// How many there are.
        scenarios: usize,
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

/// How the parts of a scenario set do not fit together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScenarioProblem {
    /// There are no tenors.
    #[error("no tenors")]
    NoTenors,
    /// The tenors are not ascending.
    #[error("tenor {} months does not follow {} months", next.0, tenor.0)]
    TenorOrder {
        /// A tenor.
        tenor: Tenor,
        /// The one after it.
        next: Tenor,
    },
    /// The curve shifts are not a row of tenors for each scenario.
    #[error("{shifts} curve shifts for {scenarios} scenarios of {tenors} tenors")]
    CurveShifts {
        /// How many shifts there are.
        shifts: usize,
        /// How many scenarios.
        scenarios: usize,
        /// How many tenors.
        tenors: usize,
    },
    /// The overnight shifts are not one a scenario.
    #[error("{shifts} overnight shifts for {scenarios} scenarios")]
    OvernightShifts {
        /// How many shifts there are.
        shifts: usize,
        /// How many scenarios.
        scenarios: usize,
    },
    /// The spread shifts are neither a row of tenors for each scenario nor empty.
    #[error("{shifts} spread shifts for {scenarios} scenarios of {tenors} tenors: a row for each scenario or none")]
    SpreadShifts {
        /// How many shifts there are.
        shifts: usize,
        /// How many scenarios.
        scenarios: usize,
        /// How many tenors.
        tenors: usize,
    },
    /// Sensitivities are by the standard tenors, and the set has others.
    #[error("its tenors are not the eleven standard ones, 1M to 30Y: sensitivities are by those")]
    NotStandardTenors,
    /// A shift is infinite or not a number.
    #[error("a shift of the scenario of {0} is not a finite number")]
    NotFinite(Date),
}

fn scenario_name(scenario: Option<Date>) -> String {
    scenario.map_or_else(|| "the market as it is".to_owned(), |date| date.to_string())
}
