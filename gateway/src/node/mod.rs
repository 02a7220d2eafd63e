//! A running node: drives the rules, carries their effects out, recovers by replay.

pub(crate) mod accounts;
pub mod catalog;
pub(crate) mod context;
mod core;
mod drafts;
pub mod entry;
pub(crate) mod freezing;
pub mod handle;
pub(crate) mod heads;
pub(crate) mod input;
mod inputs;
mod links_changed;
mod plan;
mod process;
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
pub use process::run;
pub use start::{NodeError, Parts, Running, ledger_options, start};
pub(crate) use start::{head_verifier, load_arrangement, load_own_arrangement};
