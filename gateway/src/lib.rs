//! A clearing house's gateway: exchanges position snapshots with the other house's gateway and agrees with it on the
//! joint net-risk margin of linked accounts.

pub(crate) mod analysis;
pub mod api;
pub mod arrangement;
pub mod audit;
pub mod blobs;
pub mod book;
pub mod command;
pub mod compute;
pub mod config;
pub mod csv_book;
pub mod identity;
pub mod ledger;
pub mod market;
pub mod node;
pub mod peer;
pub mod problem;
pub(crate) mod reading;
pub mod recovery;
pub mod request;
pub mod sample;
pub mod seam;
pub mod telemetry;
pub mod wire;
pub mod words;
