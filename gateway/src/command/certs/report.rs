//! What was made, for people and for programs.

use std::{fmt, path::PathBuf};

use serde::Serialize;

use super::files::CertsError;

/// What was made.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The folder.
    pub folder: PathBuf,
    /// One entry per house.
    pub houses: Vec<House>,
}

/// What was made for one house.
#[derive(Debug, Clone, Serialize)]
pub struct House {
    /// The house.
    pub house: String,
    /// Certificate of its authority.
    pub ca: PathBuf,
    /// Private key of its authority.
    pub ca_key: PathBuf,
    /// Revocation list of its authority; empty.
    pub revocation_list: PathBuf,
    /// The node's server certificate.
    pub node: Pair,
    /// The node's client certificate, for the other house's node.
    pub peer: Pair,
    /// The key that signs the house's statements.
    pub statement_key: StatementKey,
    /// A client certificate for each role.
    pub clients: Vec<Pair>,
}

/// A certificate with its private key.
#[derive(Debug, Clone, Serialize)]
pub struct Pair {
    /// The role that the certificate gives: `operator`, `member/<id>`; `node` for a server certificate.
    pub role: String,
    /// The certificate, PEM.
    pub certificate: PathBuf,
    /// The private key, PKCS#8 PEM, mode 0600.
    pub key: PathBuf,
    /// Serial number of the certificate, hexadecimal.
    pub serial: String,
}

/// A statement key.
#[derive(Debug, Clone, Serialize)]
pub struct StatementKey {
    /// Its id.
    pub key_id: String,
    /// The private key, PKCS#8 PEM, mode 0600.
    pub key: PathBuf,
    /// The public key, PEM.
    pub public: PathBuf,
}

impl Report {
    /// As one JSON object.
    ///
    /// # Errors
    /// When a path is not UTF-8.
    pub fn to_json(&self) -> Result<String, CertsError> {
        serde_json::to_string_pretty(self).map_err(|error| CertsError::Argument(format!("--json: {error}")))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Made a development PKI in {}. Keep it out of version control.", self.folder.display())?;
        for house in &self.houses {
            writeln!(f, "\n{}", house.house)?;
            writeln!(
                f,
                "  authority      {} (empty revocation list: {})",
                house.ca.display(),
                house.revocation_list.display()
            )?;
            writeln!(f, "  node           {}", house.node.certificate.display())?;
            writeln!(f, "  {:<14} {}", house.peer.role, house.peer.certificate.display())?;
            let StatementKey { key_id, key, public } = &house.statement_key;
            writeln!(f, "  statement key  {} (public: {}), key id {key_id}", key.display(), public.display())?;
            writeln!(f, "  clients")?;
            for client in &house.clients {
                writeln!(f, "    {:<20} {}", client.role, client.certificate.display())?;
            }
        }
        if let Some(house) = self.houses.first()
            && let Some(client) = house.clients.iter().find(|client| client.role == "operator")
        {
            writeln!(
                f,
                "\nEach certificate has its private key beside it, as .key. Any gRPC client can use them, for example:"
            )?;
            writeln!(
                f,
                "  buf curl --protocol grpc --cacert {} --cert {} --key {} https://localhost:<port>/grpc.health.v1.Health/Check",
                house.ca.display(),
                client.certificate.display(),
                client.key.display()
            )?;
        }
        Ok(())
    }
}
