//! Joint net-risk margin of US Treasuries, repos and interest-rate futures.
//!
//! Pure and deterministic: no I/O, no clock, no randomness, no async. What two houses sign is integer or decimal
//! arithmetic; floating point lives in pricing alone, where IEEE 754 and a pinned `libm` fix every digit.

pub mod backtest;
pub mod calendar;
pub mod charge;
pub mod date;
mod decimal;
pub mod explain;
pub mod exposure;
pub mod factor;
pub mod fixed;
pub mod fixings;
pub mod futures;
pub mod hedge;
pub mod history;
pub mod instrument;
pub mod kernel;
pub mod margin;
pub mod market;
pub mod measure;
pub mod model;
pub mod money;
mod numeric;
pub mod path;
pub mod repo;
pub mod revaluation;
pub mod scenario;
pub mod sensitivity;
pub mod treasury;
