//! Configuration of a node: one TOML file.
//!
//! [`EXAMPLE`] shows every key with its meaning. Unknown keys are refused; an error names the file, the line, the key and
//! the reason. Relative paths start at the folder of the file.

mod locate;

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::identity::{
    HouseId, KeyId, Limits, SigningKey, VerifyingKeys, connector,
    signing::{DuplicateKey, KeyError, PublicKey, Validity},
    tls::{AuthorityFiles, ClientFiles, ServerFiles},
};

/// An annotated configuration that shows every key.
pub const EXAMPLE: &str = include_str!("example.toml");

/// The configuration of a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The house whose node this is.
    pub house: HouseId,
    /// The arrangement's file.
    pub arrangement: PathBuf,
    /// Folder of the ledger, its guard file and the blobs.
    pub data_directory: PathBuf,
    /// Address to listen on.
    pub listen: SocketAddr,
    /// How long a stop may take, in milliseconds, until open calls are cut.
    #[serde(default = "default_shutdown_ms_max")]
    pub shutdown_ms_max: u64,
    /// The server side of TLS.
    pub tls: TlsConfig,
    /// The other house.
    pub peer: PeerConfig,
    /// The key that signs this house's claims and statements.
    pub statement_key: StatementKeyConfig,
    /// Limits of connections and calls.
    #[serde(default)]
    pub limits: Limits,
    /// Logs and traces.
    #[serde(default)]
    pub telemetry: TelemetryConfig,
}

/// The server side of TLS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// The node's server certificate.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// The authorities that vouch for the house's own clients.
    pub client_ca: PathBuf,
    /// Their revocation lists.
    #[serde(default)]
    pub client_revocation_lists: Vec<PathBuf>,
    /// Whether a revocation list past its next update refuses everybody.
    #[serde(default = "default_true")]
    pub enforce_revocation_expiry: bool,
}

/// The other house.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeerConfig {
    /// The other house.
    pub house: HouseId,
    /// Where its node listens, `host:port`.
    pub address: String,
    /// This node's client certificate for the peer.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// The authorities that vouch for the peer's node.
    pub ca: PathBuf,
    /// Their revocation lists.
    #[serde(default)]
    pub revocation_lists: Vec<PathBuf>,
    /// The keys that the other house's statements are believed by.
    pub statement_keys: Vec<PublicKeyConfig>,
}

/// A public statement key and its time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublicKeyConfig {
    /// The public key, PEM.
    pub file: PathBuf,
    /// Signatures of an earlier instant do not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_from: Option<Timestamp>,
    /// Signatures of this instant or a later one do not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<Timestamp>,
}

/// The key that signs this house's claims and statements.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatementKeyConfig {
    /// The private key, PKCS#8 PEM.
    pub file: PathBuf,
    /// Its id; a node with another key does not start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_id: Option<KeyId>,
    /// Public keys that signed earlier records of this house's own ledger.
    #[serde(default)]
    pub former: Vec<PublicKeyConfig>,
}

/// Logs and traces.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TelemetryConfig {
    /// What is logged: a level or directives.
    pub log: String,
    /// How it is written.
    pub log_format: LogFormat,
    /// OTLP collector for traces; without it nothing is exported.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub otlp_endpoint: Option<String>,
    /// What is exported: a level or directives.
    pub traces: String,
}

impl Default for TelemetryConfig {
    fn default() -> Self {
        Self { log: "info".into(), log_format: LogFormat::Text, otlp_endpoint: None, traces: "info".into() }
    }
}

/// How logs are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}

impl Config {
    /// Loads a configuration. Its paths come back resolved against the folder of the file.
    ///
    /// # Errors
    /// [`ConfigError`] names the file, the line, the key and the reason.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        let mut config = Self::parse(&text, path)?;
        config.resolve(path.parent().unwrap_or(Path::new("")));
        Ok(config)
    }

    /// Parses a configuration; `path` is named in errors alone.
    ///
    /// # Errors
    /// [`ConfigError`] names the file, the line, the key and the reason.
    pub fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        let config: Self = toml::from_str(text).map_err(|error| {
            let line = error.span().map_or(1, |span| locate::line_of_offset(text, span.start));
            ConfigError::Value {
                path: path.to_owned(),
                line,
                key: locate::key_at(text, line),
                reason: error.message().to_owned(),
            }
        })?;
        config.check().map_err(|(key, reason)| ConfigError::Value {
            path: path.to_owned(),
            line: locate::line_of_key(text, &key),
            key,
            reason,
        })?;
        Ok(config)
    }

    /// How long a stop may take until open calls are cut.
    #[must_use]
    pub fn shutdown(&self) -> Duration {
        Duration::from_millis(self.shutdown_ms_max)
    }

    /// The files of the server side of TLS.
    #[must_use]
    pub fn server_files(&self) -> ServerFiles {
        ServerFiles {
            certificate: self.tls.certificate.clone(),
            key: self.tls.key.clone(),
            own: AuthorityFiles {
                house: self.house.clone(),
                certificates: self.tls.client_ca.clone(),
                revocation_lists: self.tls.client_revocation_lists.clone(),
                enforce_revocation_expiry: self.tls.enforce_revocation_expiry,
            },
            peers: vec![self.peer_authority()],
        }
    }

    /// The files of the client side of TLS, for calls to the peer.
    #[must_use]
    pub fn peer_files(&self) -> ClientFiles {
        ClientFiles {
            certificate: self.peer.certificate.clone(),
            key: self.peer.key.clone(),
            server: self.peer_authority(),
        }
    }

    /// Loads the key that signs this house's statements.
    ///
    /// # Errors
    /// [`KeyError`] names the file and the reason; also when the key is not the one whose id is configured.
    pub fn signing_key(&self) -> Result<SigningKey, KeyError> {
        let StatementKeyConfig { file, key_id, .. } = &self.statement_key;
        let key = SigningKey::load(file)?;
        match key_id {
            Some(needed) if *needed != key.id() => {
                Err(KeyError::OtherKey { path: file.clone(), found: key.id(), needed: *needed })
            }
            _ => Ok(key),
        }
    }

    /// Loads the keys that statements are believed by: the peer's, and this house's own (`own` and its former ones) for
    /// reading back its own ledger.
    ///
    /// # Errors
    /// [`KeysError`] names the file and the reason, or the key that is given twice.
    pub fn verifying_keys(&self, own: &SigningKey) -> Result<VerifyingKeys, KeysError> {
        let mut keys = VerifyingKeys::new();
        keys.insert(self.house.clone(), own.public().clone(), Validity::ALWAYS)?;
        let former = self.statement_key.former.iter().map(|key| (&self.house, key));
        let peers = self.peer.statement_keys.iter().map(|key| (&self.peer.house, key));
        for (house, key) in former.chain(peers) {
            let validity = Validity { from: key.valid_from, until: key.valid_until };
            keys.insert(house.clone(), PublicKey::load(&key.file)?, validity)?;
        }
        Ok(keys)
    }

    fn peer_authority(&self) -> AuthorityFiles {
        AuthorityFiles {
            house: self.peer.house.clone(),
            certificates: self.peer.ca.clone(),
            revocation_lists: self.peer.revocation_lists.clone(),
            enforce_revocation_expiry: self.tls.enforce_revocation_expiry,
        }
    }

    /// Checks what the types do not: the key and the reason of the first fault.
    fn check(&self) -> Result<(), (String, String)> {
        let refuse = |key: &str, reason: String| Err((key.to_owned(), reason));
        if !(1..=600_000).contains(&self.shutdown_ms_max) {
            return refuse("shutdown_ms_max", format!("{} is outside 1 to 600000", self.shutdown_ms_max));
        }
        if self.peer.house == self.house {
            return refuse("peer.house", format!("{} is this node's own house", self.house));
        }
        if let Err(error) = connector::check_address(&self.peer.address) {
            return refuse("peer.address", error.to_string());
        }
        if self.peer.statement_keys.is_empty() {
            return refuse("peer.statement_keys", "at least one key is needed to believe the peer's statements".into());
        }
        let lists =
            [("peer.statement_keys", &self.peer.statement_keys), ("statement_key.former", &self.statement_key.former)];
        for (list, keys) in lists {
            for key in keys {
                if let (Some(from), Some(until)) = (key.valid_from, key.valid_until)
                    && from >= until
                {
                    let reason = format!("{}: valid_from {from} is not before valid_until {until}", key.file.display());
                    return refuse(list, reason);
                }
            }
        }
        self.limits.check().map_err(|(key, reason)| (format!("limits.{key}"), reason))?;
        self.telemetry.check().map_err(|(key, reason)| (format!("telemetry.{key}"), reason))
    }

    fn resolve(&mut self, folder: &Path) {
        let singles = [
            &mut self.arrangement,
            &mut self.data_directory,
            &mut self.tls.certificate,
            &mut self.tls.key,
            &mut self.tls.client_ca,
            &mut self.peer.certificate,
            &mut self.peer.key,
            &mut self.peer.ca,
            &mut self.statement_key.file,
        ];
        let lists = self.tls.client_revocation_lists.iter_mut().chain(&mut self.peer.revocation_lists);
        let keys = self.peer.statement_keys.iter_mut().chain(&mut self.statement_key.former).map(|key| &mut key.file);
        for path in singles.into_iter().chain(lists).chain(keys) {
            // Joining an absolute path gives that path.
            *path = folder.join(&*path);
        }
    }
}

impl TelemetryConfig {
    fn check(&self) -> Result<(), (&'static str, String)> {
        for (key, directives) in [("log", &self.log), ("traces", &self.traces)] {
            if let Err(error) = tracing_subscriber::EnvFilter::try_new(directives) {
                return Err((key, format!("{directives:?}: {error}")));
            }
        }
        match &self.otlp_endpoint {
            Some(endpoint) if !endpoint.starts_with("http://") || endpoint.parse::<http::Uri>().is_err() => {
                Err(("otlp_endpoint", format!("{endpoint:?} is not http://host:port; run a collector on this host")))
            }
            _ => Ok(()),
        }
    }
}

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{}: cannot be read: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: std::io::Error,
    },
    /// A value is wrong, missing or unknown.
    #[error("{}:{line}: {key}: {reason}", path.display())]
    Value {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// The key, with its tables.
        key: String,
        /// What is wrong.
        reason: String,
    },
}

/// Statement keys that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// A key cannot be loaded.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A key is given twice.
    #[error(transparent)]
    Duplicate(#[from] DuplicateKey),
}

fn default_shutdown_ms_max() -> u64 {
    10_000
}

fn default_true() -> bool {
    true
}

#[cfg(test)]
mod tests;
