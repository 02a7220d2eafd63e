//! Which node a command calls, and as whom.

use std::path::PathBuf;

use clap::Args;
use tonic::transport::Channel;

use crate::identity::{
    ClientTls, HouseId, Limits, Role, RoleKind, TcpDial, Tls, channel,
    connector::AddressError,
    tls::{AuthorityFiles, ClientFiles, TlsError},
};

/// Arguments of every command that calls a node.
#[derive(Debug, Clone, Args)]
pub struct CallerArgs {
    /// The node to call, host:port.
    #[arg(long, value_name = "HOST:PORT", env = "CROSSMARGIN_NODE", default_value = "127.0.0.1:7401")]
    pub node: String,

    /// The house whose node it is.
    #[arg(long, value_name = "NAME", env = "CROSSMARGIN_HOUSE")]
    pub house: HouseId,

    /// A folder as `crossmargin certs` makes it: the authority and the client certificate are taken from it.
    #[arg(long, value_name = "FOLDER", env = "CROSSMARGIN_PKI", default_value = "pki")]
    pub pki: PathBuf,

    /// The role to call as, such as operator or member/M1: which certificate of the folder to use. Without it the one
    /// that the command needs.
    #[arg(long = "as", value_name = "ROLE")]
    pub role: Option<Role>,

    /// The authority of the house, PEM, instead of the folder's.
    #[arg(long, value_name = "FILE", env = "CROSSMARGIN_CA")]
    pub ca: Option<PathBuf>,

    /// The client certificate, PEM, instead of the folder's.
    #[arg(long, value_name = "FILE", env = "CROSSMARGIN_CERTIFICATE", requires = "key")]
    pub certificate: Option<PathBuf>,

    /// The client certificate's private key, PEM.
    #[arg(long, value_name = "FILE", env = "CROSSMARGIN_KEY", requires = "certificate")]
    pub key: Option<PathBuf>,
}

impl CallerArgs {
    /// A channel to the node, with the certificate of `usual` unless the arguments name another.
    ///
    /// # Errors
    /// [`CallerError`] names the argument or the file and the reason.
    pub fn channel(&self, usual: &Role) -> Result<Channel, CallerError> {
        let role = self.role.as_ref().unwrap_or(usual);
        if role.kind() == RoleKind::Peer {
            return Err(CallerError::Peer);
        }
        let tls: Tls<ClientTls> = Tls::client(self.files(role))?;
        Ok(channel(&self.node, tls.subscribe(), TcpDial, &Limits::default())?)
    }

    fn files(&self, role: &Role) -> ClientFiles {
        let house = self.pki.join(self.house.as_str());
        let client = house.join("clients").join(role.to_string().replace('/', "-"));
        ClientFiles {
            certificate: self.certificate.clone().unwrap_or_else(|| client.with_added_extension("pem")),
            key: self.key.clone().unwrap_or_else(|| client.with_added_extension("key")),
            server: AuthorityFiles {
                house: self.house.clone(),
                certificates: self.ca.clone().unwrap_or_else(|| house.join("ca.pem")),
                revocation_lists: vec![],
                enforce_revocation_expiry: false,
            },
        }
    }
}

/// Why a node cannot be called.
#[derive(Debug, thiserror::Error)]
pub enum CallerError {
    /// The address is none.
    #[error("--node: {0}")]
    Address(#[from] AddressError),
    /// A role that no command has.
    #[error("--as: a command cannot call as the peer; only the other house's node is that")]
    Peer,
    /// Certificates or keys cannot be used.
    #[error("{0}\nmake a development PKI with: crossmargin certs")]
    Tls(#[from] TlsError),
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::command::certs::tests_pki;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        caller: CallerArgs,
    }

    fn parse(args: &[&str]) -> CallerArgs {
        Cli::try_parse_from([&["x", "--house", "FICC"], args].concat()).unwrap().caller
    }

    #[tokio::test]
    async fn the_folder_of_the_development_pki_is_enough_to_call() {
        let folder = tempfile::tempdir().unwrap();
        tests_pki(folder.path());
        let pki = folder.path().join("pki");
        let pki = pki.to_str().unwrap();
        parse(&["--pki", pki]).channel(&Role::Operator).unwrap();
        parse(&["--pki", pki, "--as", "position-source"]).channel(&Role::Operator).unwrap();
        for (args, part) in [
            (&["--pki", pki, "--as", "member/M9"][..], "member-M9.pem"),
            (&["--pki", pki, "--as", "member/a.b"], "member-a.b.pem"),
            (&["--pki", "nowhere"], "nowhere/FICC/ca.pem"),
            (&["--pki", pki, "--node", "nowhere"], "--node"),
            (&["--pki", pki, "--as", "peer/CME"], "--as"),
        ] {
            let error = parse(args).channel(&Role::Operator).unwrap_err().to_string();
            assert!(error.contains(part), "{part}: {error}");
        }
    }

    #[test]
    fn a_certificate_needs_its_key_and_a_role_is_checked() {
        for args in [&["x", "--certificate", "a.pem"][..], &["x", "--as", "king"], &["x", "--house", "F C"]] {
            assert!(Cli::try_parse_from(args).is_err(), "{args:?}");
        }
    }
}
