//! The link to the other house: what it is told, what is read from it, and what it may call here.

pub(crate) mod delivery;
pub mod link;
pub(crate) mod service;

#[cfg(test)]
mod tests;
