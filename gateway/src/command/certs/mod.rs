//! `crossmargin certs`: makes a development PKI into a folder.

pub mod authority;
