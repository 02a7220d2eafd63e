//! The crossmargin command.
fn main() {}
