//! A running node: drives the rules, carries their effects out, recovers by replay.

pub mod accounts;
pub mod catalog;
pub(crate) mod context;
mod core;
mod drafts;
pub mod entry;
pub(crate) mod freezing;
pub mod handle;
pub(crate) mod input;
mod inputs;
mod replay;
mod scheduler;
mod snapshot;
mod start;
#[cfg(test)]
mod tests;
pub(crate) mod trees;
mod work;

pub use handle::Handle;
pub use input::RequestError;
pub use start::{NodeError, Parts, Running, ledger_options, run, start};
pub(crate) use start::{head_verifier, load_arrangement};
