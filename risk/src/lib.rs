//! Joint net-risk margin of US Treasuries, repos and interest-rate futures.
//!
//! Pure and deterministic: no I/O, no clock, no randomness, no async. What two houses sign is integer or decimal
//! arithmetic; floating point lives in pricing alone, where IEEE 754 and a pinned `libm` fix every digit.

mod decimal;
pub mod factor;
pub mod history;
pub mod instrument;
pub mod kernel;
pub mod margin;
pub mod measure;
pub mod model;
pub mod money;
pub mod scenario;
