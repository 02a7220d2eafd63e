//! demo
use super::failure::Failure;
use clap::Args;
/// Arguments of `crossmargin demo`.
#[derive(Clone, Debug, Args)]
pub struct DemoArgs {
    /// x
    #[arg(long)]
    pub json: bool,
}
/// run
/// # Errors
/// e
pub async fn run(_args: DemoArgs) -> Result<(), Failure> {
    Ok(())
}
