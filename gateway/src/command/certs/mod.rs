//! `crossmargin certs`: makes a development PKI into a folder.
//!
//! For each house a certificate authority with an empty revocation list, its node's server certificate, its node's client
//! certificate for the other house, a client certificate for each role, and an Ed25519 statement key. `certs/README.md`
//! says what a production certificate must contain. These authorities' keys lie beside their certificates: they are for
//! development and tests.

pub mod authority;
mod files;
mod plan;
mod report;

use std::{path::PathBuf, time::SystemTime};

use clap::Args;

pub use files::CertsError;
pub use plan::Plan;
pub use report::{House, Pair, Report, StatementKey};

use crate::identity::{CustomerId, HouseId, MemberId};

/// Arguments of `crossmargin certs`.
#[derive(Debug, Clone, Args)]
pub struct CertsArgs {
    /// Folder to make; each house gets a folder in it.
    #[arg(long, default_value = "pki")]
    pub out: PathBuf,

    /// A house to make an authority for; repeat for more.
    #[arg(long = "house", value_name = "NAME", default_values_t = default_houses())]
    pub houses: Vec<HouseId>,

    /// A member firm that gets client certificates from each house, one to read and one to direct positions; repeat for
    /// more.
    #[arg(long = "member", value_name = "ID")]
    pub members: Vec<MemberId>,

    /// A customer that gets a client certificate from each house; repeat for more.
    #[arg(long = "customer", value_name = "ID")]
    pub customers: Vec<CustomerId>,

    /// A further host name or IP address of the nodes, beside localhost, 127.0.0.1 and ::1; repeat for more.
    #[arg(long = "host", value_name = "NAME")]
    pub hosts: Vec<String>,

    /// Days that an authority and its revocation list are valid.
    #[arg(long, value_name = "DAYS", default_value_t = 730, value_parser = clap::value_parser!(u32).range(1..=36_500))]
    pub ca_days: u32,

    /// Days that the certificates of nodes are valid.
    #[arg(long, value_name = "DAYS", default_value_t = 365, value_parser = clap::value_parser!(u32).range(1..=36_500))]
    pub node_days: u32,

    /// Days that the certificates of clients are valid.
    #[arg(long, value_name = "DAYS", default_value_t = 365, value_parser = clap::value_parser!(u32).range(1..=36_500))]
    pub client_days: u32,

    /// Overwrite files that are already there: every certificate, key and statement key is made anew.
    #[arg(long)]
    pub force: bool,

    /// Print what was made as one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// Makes the PKI and gives the text to print.
///
/// # Errors
/// [`CertsError`] names the file and the reason; nothing is written unless everything could be made.
pub fn run(args: &CertsArgs) -> Result<String, CertsError> {
    let report = make(args)?;
    if args.json { report.to_json() } else { Ok(report.to_string()) }
}

/// Makes the PKI and says what was made.
///
/// # Errors
/// As [`run`].
pub fn make(args: &CertsArgs) -> Result<Report, CertsError> {
    let plan = Plan::new(args, SystemTime::now())?;
    let (files, report) = plan.carry_out()?;
    files.write(args.force)?;
    Ok(report)
}

fn default_houses() -> Vec<HouseId> {
    // Names of the default arrangement; both are well-formed, which a test holds.
    ["FICC", "CME"].into_iter().filter_map(|name| HouseId::new(name).ok()).collect()
}

/// A PKI for other modules' tests, in the folder `pki`.
#[cfg(test)]
pub(crate) fn tests_pki(folder: &std::path::Path) -> Report {
    tests::pki(&folder.join("pki"))
}

#[cfg(test)]
mod tests;
