//! How commands reach a node: its address, and the certificate that gives them their role.

use std::path::{Path, PathBuf};

use clap::Args;
use crossmargin::v1::{
    margin_service_client::MarginServiceClient, market_data_service_client::MarketDataServiceClient,
    operations_service_client::OperationsServiceClient, position_keeping_service_client::PositionKeepingServiceClient,
    programme_service_client::ProgrammeServiceClient,
};
use tonic::transport::Channel;

use super::failure::Failure;
use crate::{
    arrangement::cycle_id::CycleId,
    identity::{
        HouseId, Limits, Role, TcpDial, Tls, connector,
        tls::{AuthorityFiles, ClientFiles},
    },
};

/// The name of the default arrangement.
pub const DEFAULT_ARRANGEMENT: &str = "FICC-CME";

/// Which node to call, and as whom.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Connection")]
pub struct NodeArgs {
    /// The node's address, host:port; the host as in the node's certificate.
    #[arg(long, env = "CROSSMARGIN_NODE", value_name = "ADDRESS", default_value = "127.0.0.1:7401")]
    pub node: String,

    /// The house whose node it is.
    #[arg(long, env = "CROSSMARGIN_HOUSE", value_name = "HOUSE")]
    pub house: Option<HouseId>,

    /// Folder of certificates as `crossmargin certs` makes it: a folder for each house in it.
    #[arg(long, env = "CROSSMARGIN_PKI", value_name = "FOLDER", default_value = "pki")]
    pub pki: PathBuf,

    /// Role to call as, of the certificates in the folder: operator, margin-reader, member/ID. Each command has its own.
    #[arg(long = "as", value_name = "ROLE")]
    pub role: Option<Role>,

    /// Client certificate, PEM, instead of one from the folder.
    #[arg(long, env = "CROSSMARGIN_CERT", value_name = "FILE", requires = "key", conflicts_with = "role")]
    pub cert: Option<PathBuf>,

    /// Its private key, PEM.
    #[arg(long, env = "CROSSMARGIN_KEY", value_name = "FILE", requires = "cert")]
    pub key: Option<PathBuf>,

    /// Authorities that vouch for the node, PEM, instead of those of the folder.
    #[arg(long, env = "CROSSMARGIN_CA", value_name = "FILE")]
    pub ca: Option<PathBuf>,

    /// The arrangement, as in every cycle's full name.
    #[arg(long, env = "CROSSMARGIN_ARRANGEMENT", value_name = "NAME", default_value = DEFAULT_ARRANGEMENT)]
    pub arrangement: String,
}

/// A node that can be called.
#[derive(Clone, Debug)]
pub struct Node {
    channel: Channel,
    limits: Limits,
    arrangement: String,
}

impl NodeArgs {
    /// Prepares the connection; it is made at the first call. `usual` is the role that the command needs.
    ///
    /// # Errors
    /// Names the file or the argument and the reason.
    pub fn connect(&self, usual: Role) -> Result<Node, Failure> {
        let house = match &self.house {
            Some(house) => house.clone(),
            None => only_house(&self.pki)?,
        };
        let folder = self.pki.join(house.as_str());
        let (certificate, key) = match (&self.cert, &self.key) {
            (Some(certificate), Some(key)) => (certificate.clone(), key.clone()),
            _ => role_files(&folder, self.role.as_ref().unwrap_or(&usual)),
        };
        let server = AuthorityFiles {
            house,
            certificates: self.ca.clone().unwrap_or_else(|| folder.join("ca.pem")),
            revocation_lists: vec![],
            enforce_revocation_expiry: true,
        };
        Node::new(&self.node, ClientFiles { certificate, key, server }, &self.arrangement)
    }
}

impl Node {
    /// A node at `address` (`host:port`).
    ///
    /// # Errors
    /// Names the file or the address and the reason.
    pub fn new(address: &str, files: ClientFiles, arrangement: &str) -> Result<Self, Failure> {
        let limits = Limits::default();
        let tls = Tls::client(files).map_err(|error| Failure::of("loading the client's certificates", &error))?;
        let channel = connector::channel(address, tls.subscribe(), TcpDial, &limits)
            .map_err(|error| Failure::of("--node", &error))?;
        Ok(Self { channel, limits, arrangement: arrangement.to_owned() })
    }

    /// A cycle as the wire names it.
    #[must_use]
    pub fn cycle(&self, cycle: CycleId) -> crossmargin::v1::CycleId {
        cycle.to_wire(&self.arrangement)
    }

    /// Calls of operators.
    #[must_use]
    pub fn operations(&self) -> OperationsServiceClient<Channel> {
        OperationsServiceClient::new(self.channel.clone())
            .max_decoding_message_size(self.limits.message_received_bytes_max)
            .max_encoding_message_size(self.limits.message_sent_bytes_max)
    }

    /// Calls of readers of margins.
    #[must_use]
    pub fn margins(&self) -> MarginServiceClient<Channel> {
        MarginServiceClient::new(self.channel.clone())
            .max_decoding_message_size(self.limits.message_received_bytes_max)
            .max_encoding_message_size(self.limits.message_sent_bytes_max)
    }

    /// Calls of position keeping.
    #[must_use]
    pub fn positions(&self) -> PositionKeepingServiceClient<Channel> {
        PositionKeepingServiceClient::new(self.channel.clone())
            .max_decoding_message_size(self.limits.message_received_bytes_max)
            .max_encoding_message_size(self.limits.message_sent_bytes_max)
    }

    /// Calls of market data.
    #[must_use]
    pub fn market(&self) -> MarketDataServiceClient<Channel> {
        MarketDataServiceClient::new(self.channel.clone())
            .max_decoding_message_size(self.limits.message_received_bytes_max)
            .max_encoding_message_size(self.limits.message_sent_bytes_max)
    }

    /// Calls of the programme's administration.
    #[must_use]
    pub fn programme(&self) -> ProgrammeServiceClient<Channel> {
        ProgrammeServiceClient::new(self.channel.clone())
            .max_decoding_message_size(self.limits.message_received_bytes_max)
            .max_encoding_message_size(self.limits.message_sent_bytes_max)
    }
}

/// Certificate and key of a role in a house's folder.
#[must_use]
pub fn role_files(folder: &Path, role: &Role) -> (PathBuf, PathBuf) {
    let name = role.to_string().replace('/', "-");
    let clients = folder.join("clients");
    (clients.join(format!("{name}.pem")), clients.join(format!("{name}.key")))
}

/// The house of a folder of certificates that holds one house alone.
fn only_house(pki: &Path) -> Result<HouseId, Failure> {
    let doing = format!("--pki {}", pki.display());
    let entries = std::fs::read_dir(pki).map_err(|error| {
        Failure::new(format!("{doing}: {error}: `crossmargin certs` makes such a folder, --pki names another"))
    })?;
    let mut houses: Vec<String> = Vec::new();
    for entry in entries.flatten() {
        if entry.path().join("ca.pem").is_file() {
            houses.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    houses.sort();
    match &houses[..] {
        [house] => house.parse().map_err(|error| Failure::of(&doing, &error)),
        [] => Err(Failure::new(format!("{doing}: holds no house: a folder with a ca.pem is needed"))),
        _ => Err(Failure::new(format!("{doing}: holds {}: say which with --house", houses.join(" and ")))),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::command::certs;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        node: NodeArgs,
    }

    fn args(pki: &Path, more: &[&str]) -> NodeArgs {
        Cli::parse_from([&["x", "--pki", pki.to_str().unwrap()][..], more].concat()).node
    }

    #[tokio::test]
    async fn the_certificate_of_the_commands_role_is_taken_from_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        certs::tests_pki(folder.path());
        let pki = folder.path().join("pki");
        args(&pki, &["--house", "CME"]).connect(Role::Operator).unwrap();
        let error = args(&pki, &["--house", "CME", "--as", "member/M1"]).connect(Role::Operator).unwrap_err();
        assert!(error.to_string().contains("member-M1.pem"), "{error}");
    }

    #[test]
    fn the_house_must_be_named_where_the_folder_has_two() {
        let folder = tempfile::tempdir().unwrap();
        certs::tests_pki(folder.path());
        let error = args(&folder.path().join("pki"), &[]).connect(Role::Operator).unwrap_err().to_string();
        assert!(error.contains("CME and FICC") && error.contains("--house"), "{error}");
        let error = args(&folder.path().join("none"), &[]).connect(Role::Operator).unwrap_err().to_string();
        assert!(error.contains("crossmargin certs"), "{error}");
    }
}
