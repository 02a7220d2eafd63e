//! Gateway.

pub mod ledger;
