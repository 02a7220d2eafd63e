//! The commands of the binary `crossmargin`, one module each.

pub mod certs;
