//! The services of a node: who may call what, what each service answers, and the server that offers them.

mod admission;
mod analysis;
mod default;
mod directions;
mod gate;
mod margin;
mod market_data;
mod operations;
mod page;
mod position_keeping;
mod programme;
mod serve;
pub(crate) mod status;
mod turns;
mod watch;

pub use admission::table as admission_table;
pub use serve::{Reload, ServeError, serve};
