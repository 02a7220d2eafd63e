//! A clearing house's gateway: exchanges position snapshots with the other house's gateway and agrees with it on the
//! joint net-risk margin of linked accounts.

pub mod arrangement;
pub mod csv_book;
pub mod sample;
