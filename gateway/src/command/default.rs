//! `crossmargin default`: verifies the package of a member in default offline, and allocates losses by it.

mod view;

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand, ValueEnum};

use self::view::{AllocationView, PackageView};
use super::{failure::Failure, output};
use crate::{
    arrangement::{
        default_loss::CloseOut,
        default_package::{self, LossPool, PACKAGE_BYTES_MAX, Verified},
        digest::Digest,
        leg::Pair,
        name::{HouseId, OwnerId},
        terms::Arrangement,
    },
    config::Config,
    node,
};

/// Arguments of `crossmargin default`.
#[derive(Clone, Debug, Args)]
pub struct DefaultArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: DefaultAction,
}

/// What to do about a member in default.
#[derive(Clone, Debug, Subcommand)]
pub enum DefaultAction {
    /// Verify a default package offline: both houses' signatures, that each link's figures are in the agreed tree and
    /// follow from each other, that terms and positions are those that were margined. Exits with 1 when anything is wrong.
    Verify {
        /// The package.
        #[command(flatten)]
        package: PackageArgs,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Allocate the losses of a close-out between the houses, by the rule that the arrangement names: an assumption of this
    /// software until the houses have agreed on one. Verifies the package first.
    Allocate {
        /// The package.
        #[command(flatten)]
        package: PackageArgs,
        /// How the positions were closed out.
        #[arg(long, value_enum)]
        close_out: CloseOutArg,
        /// What the close-out left at the Treasury house after its own resources of the member, US cents: below 0 a loss.
        #[arg(long, value_name = "CENTS", allow_negative_numbers = true)]
        treasury_result_cents: i64,
        /// What the close-out left at the futures house after its own resources of the member, US cents: below 0 a loss.
        #[arg(long, value_name = "CENTS", allow_negative_numbers = true)]
        futures_result_cents: i64,
        /// Allocate the results of this customer's accounts, which answer for nobody else's; without it those of the
        /// member's own accounts and its affiliates'.
        #[arg(long, value_name = "ID")]
        customer: Option<OwnerId>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

/// Which package to read, and by which keys.
#[derive(Clone, Debug, Args)]
pub struct PackageArgs {
    /// The package's file.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// A node's configuration: it names the arrangement and the keys of both houses.
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// The package's name, BLAKE3 of its bytes, where the other house has told it: another package is refused.
    #[arg(long, value_name = "HEX")]
    pub digest: Option<Digest>,
}

/// How a defaulter's linked positions are closed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CloseOutArg {
    /// The houses liquidate both legs together: preferred.
    Joint,
    /// One house buys out the other's positions, or they are transferred to it.
    Transfer,
    /// Each house liquidates its own leg.
    Separate,
}

impl From<CloseOutArg> for CloseOut {
    fn from(choice: CloseOutArg) -> Self {
        match choice {
            CloseOutArg::Joint => Self::Joint,
            CloseOutArg::Transfer => Self::Transfer,
            CloseOutArg::Separate => Self::Separate,
        }
    }
}

/// Runs `crossmargin default`.
///
/// # Errors
/// When a file cannot be read, or the package does not verify.
pub fn run(args: DefaultArgs) -> Result<(), Failure> {
    match args.action {
        DefaultAction::Verify { package, json } => {
            let (verified, arrangement) = verify(&package)?;
            output::answer(json, &PackageView::new(&verified, &arrangement), ToString::to_string)
        }
        DefaultAction::Allocate { package, close_out, treasury_result_cents, futures_result_cents, customer, json } => {
            let (verified, arrangement) = verify(&package)?;
            let results = Pair { treasury: treasury_result_cents, futures: futures_result_cents };
            let pool = customer.map_or(LossPool::Proprietary, LossPool::Customer);
            let inputs = verified.loss_inputs(&pool, results, close_out.into());
            let inputs = inputs.map_err(|error| Failure::of("allocating the losses", &error))?;
            let allocation = arrangement.loss_sharing.allocate(inputs);
            let allocation = allocation.map_err(|error| Failure::of("allocating the losses", &error))?;
            let view = AllocationView::new(&verified, &pool, &allocation, &arrangement.parties.houses);
            output::answer(json, &view, ToString::to_string)
        }
    }
}

fn verify(args: &PackageArgs) -> Result<(Verified, Arrangement), Failure> {
    let config = Config::load(&args.config).map_err(|error| Failure::of("--config", &error))?;
    let arrangement = node::load_arrangement(&config.arrangement).map_err(|error| Failure::of("--config", &error))?;
    let key = config.signing_key().map_err(|error| Failure::of("statement_key", &error))?;
    let keys = config.verifying_keys(&key).map_err(|error| Failure::of("statement keys", &error))?;
    let bytes = read(&args.file)?;
    let digest = Digest::of(&bytes);
    if let Some(expected) = args.digest.filter(|expected| *expected != digest) {
        return Err(Failure::new(format!("{} is package {digest}, not {expected}", args.file.display())));
    }
    let believed = |house: &HouseId, key_id: &str, message: &[u8], signature: &[u8]| {
        let id = key_id.parse().map_err(|error| format!("{error}"))?;
        keys.verify_undated(house, id, message, signature).map_err(|error| error.to_string())
    };
    let verified = default_package::verify(&bytes, &arrangement, believed);
    let verified = verified.map_err(|problems| Failure::of("the package does not verify", &problems))?;
    Ok((verified, arrangement))
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let failed = |error| Failure::of(&path.display().to_string(), &error);
    let mut bytes = Vec::new();
    // One byte more than may be tells a file that is too long from one that is not.
    let most = PACKAGE_BYTES_MAX as u64 + 1;
    File::open(path).and_then(|file| file.take(most).read_to_end(&mut bytes)).map_err(failed)?;
    Ok(bytes)
}
