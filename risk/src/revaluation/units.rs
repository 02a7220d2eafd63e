//! From the quantity of a position to kernel units.

use crate::{
    instrument::{Contract, Instrument},
    market::Market,
};

/// Why a quantity is not a number of kernel units.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnitsError {
    /// A face that is not a multiple of USD 100.
    #[error("{instrument}: face {face} is not a multiple of 100 USD")]
    Face {
        /// The instrument.
        instrument: Instrument,
        /// The face, in USD.
        face: i64,
    },
    /// No specification of the contract's product is in force.
    #[error("{0}: no specification of its product is in force")]
    NoSpecification(Contract),
    /// The number of units does not fit 64 bits.
    #[error("{instrument}: quantity {quantity} is too large")]
    TooLarge {
        /// The instrument.
        instrument: Instrument,
        /// The quantity.
        quantity: i64,
    },
}

/// The kernel units of a signed quantity: USD of face / 100, USD of cash, contracts times the USD value of a point.
///
/// # Errors
///
/// [`UnitsError`] names the instrument.
pub fn kernel_units(market: &Market, instrument: Instrument, quantity: i64) -> Result<i64, UnitsError> {
    match instrument {
        Instrument::Treasury(_) | Instrument::ForwardTreasury { .. } => {
            if quantity % 100 == 0 {
                Ok(quantity / 100)
            } else {
                Err(UnitsError::Face { instrument, face: quantity })
            }
        }
        Instrument::Cash { .. } => Ok(quantity),
        Instrument::Future(contract) => {
            let specification = market.specification(contract.product).ok_or(UnitsError::NoSpecification(contract))?;
            quantity
                .checked_mul(i64::from(specification.points_value))
                .ok_or(UnitsError::TooLarge { instrument, quantity })
        }
    }
}
