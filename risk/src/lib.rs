//! Joint net-risk margin of US Treasuries, repos and interest-rate futures.
//!
//! Pure and deterministic: no I/O, no clock, no randomness, no async. What two houses sign is integer or decimal
//! arithmetic; floating point lives in pricing alone, where IEEE 754 and a pinned `libm` fix every digit.

pub mod calendar;
pub mod date;
pub mod fixed;
pub mod instrument;
mod numeric;
pub mod scenario;
