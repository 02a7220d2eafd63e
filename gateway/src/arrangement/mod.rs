//! The rules of an arrangement between two clearing houses: pure, like `risk`.
//!
//! Nothing here does I/O, reads a clock, draws a random number or knows async. The node, the simulation and the model
//! checker all run this code; there is no second copy of the protocol.

pub mod cycle;
pub mod cycle_id;
pub mod default_loss;
pub mod default_package;
pub mod digest;
pub mod envelope;
pub mod evidence;
pub mod fact;
pub mod grant;
pub mod leaf;
pub mod leg;
pub mod link;
pub mod machine;
pub mod matching;
pub mod name;
pub mod parties;
pub mod programme;
pub mod registry;
pub mod schedule;
pub mod terms;
pub mod tree;
pub mod walk;
