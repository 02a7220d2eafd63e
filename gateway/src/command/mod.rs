//! The commands of the binary `crossmargin`, one module each.

pub mod caller;
pub mod certs;
