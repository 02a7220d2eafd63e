//! What a process is to run: every configuration and arrangement is read, and held against the others, before anything
//! starts.

use std::{
    fmt::Display,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::start::{NodeError, load_own_arrangement};
use crate::{
    arrangement::{leg::Leg, terms::Arrangement},
    config::Config,
    identity::{SigningKey, VerifyingKeys},
};

/// One node of the process, ready to be opened.
pub(super) struct Plan {
    /// The configuration's file.
    pub(super) path: PathBuf,
    pub(super) config: Config,
    pub(super) arrangement: Arc<Arrangement>,
    /// The leg that the house carries.
    pub(super) us: Leg,
    pub(super) signing_key: SigningKey,
    pub(super) verifying_keys: VerifyingKeys,
}

impl Plan {
    /// An error of this node.
    pub(super) fn error(&self, reason: NodeError) -> NodeError {
        NodeError::Node { config: self.path.clone(), reason: Box::new(reason) }
    }
}

/// Reads every configuration with what it names.
///
/// # Errors
/// The first configuration that cannot be used; then everything that two of them may not share, a line each.
pub(super) fn read(paths: &[PathBuf]) -> Result<Vec<Plan>, NodeError> {
    let plans: Vec<Plan> = paths.iter().map(|path| read_one(path)).collect::<Result<_, _>>()?;
    let mut conflicts = Vec::new();
    for (at, second) in plans.iter().enumerate() {
        for first in &plans[..at] {
            let shown = (first.path.display(), second.path.display());
            conflicts.extend(conflicts_of(first, second).map(|what| format!("{} and {}: {what}", shown.0, shown.1)));
        }
    }
    if conflicts.is_empty() { Ok(plans) } else { Err(NodeError::Setup(conflicts.join("\n"))) }
}

fn read_one(path: &Path) -> Result<Plan, NodeError> {
    // Its errors name the file themselves.
    let config = Config::load(path).map_err(|error| setup(&error))?;
    let named = |reason: NodeError| NodeError::Node { config: path.to_owned(), reason: Box::new(reason) };
    let (arrangement, us) = load_own_arrangement(&config).map_err(named)?;
    let peer_house = &arrangement.parties.houses[us.other()];
    if peer_house.as_str() != config.peer.house.as_str() {
        let reason = format!("peer.house is {}, but the arrangement's other house is {peer_house}", config.peer.house);
        return Err(named(setup(&reason)));
    }
    let signing_key = config.signing_key().map_err(|error| named(setup(&error)))?;
    let verifying_keys = config.verifying_keys(&signing_key).map_err(|error| named(setup(&error)))?;
    Ok(Plan { path: path.to_owned(), config, arrangement: Arc::new(arrangement), us, signing_key, verifying_keys })
}

/// What two nodes of one process may not share.
fn conflicts_of(first: &Plan, second: &Plan) -> impl Iterator<Item = String> + use<> {
    let (a, b) = (&first.config, &second.config);
    let directory = real(&b.data_directory);
    let data = (real(&a.data_directory) == directory)
        .then(|| format!("data_directory is {} in both: each node has a ledger of its own", directory.display()));
    let listen = collide(a.listen, b.listen)
        .then(|| format!("listen is {} and {}: each node has an address of its own", a.listen, b.listen));
    let (parties, other) = (&first.arrangement.parties, &second.arrangement.parties);
    let node = (a.house == b.house && parties.arrangement == other.arrangement).then(|| {
        let arrangement = &parties.arrangement;
        format!("both are house {} in arrangement {arrangement}: two nodes of one house would contradict it", a.house)
    });
    // What is signed names its arrangement, so nothing would pass for another's; but a key is one secret.
    let key = (first.signing_key.id() == second.signing_key.id()).then(|| {
        let id = first.signing_key.id();
        format!(
            "statement_key is {id} in both: whoever gets hold of it speaks in both, and its change or withdrawal has to be \
             agreed with both other houses, so each needs its own"
        )
    });
    let telemetry =
        (a.telemetry != b.telemetry).then(|| "telemetry differs: a process has one log and one collector".to_owned());
    let (decoded, other) = (a.limits.message_decoded_bytes_max, b.limits.message_decoded_bytes_max);
    let decoded = (decoded != other)
        .then(|| format!("limits.message_decoded_bytes_max is {decoded} and {other}: it is the process's, and one"));
    [data, listen, node, key, telemetry, decoded].into_iter().flatten()
}

/// Whether two listeners cannot be open at once. Port 0 stands for any free one.
fn collide(a: SocketAddr, b: SocketAddr) -> bool {
    a.port() == b.port() && a.port() != 0 && (a.ip() == b.ip() || a.ip().is_unspecified() || b.ip().is_unspecified())
}

/// The path without links and dots, as far as it is there.
fn real(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    for there in path.ancestors() {
        if let (Ok(real), Ok(rest)) = (there.canonicalize(), path.strip_prefix(there)) {
            return if rest.as_os_str().is_empty() { real } else { real.join(rest) };
        }
    }
    path
}

pub(super) fn setup(error: &dyn Display) -> NodeError {
    NodeError::Setup(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_listeners_collide_where_one_address_takes_the_others_connections() {
        for (a, b, expected) in [
            ("127.0.0.1:7401", "127.0.0.1:7401", true),
            ("127.0.0.1:7401", "127.0.0.1:7402", false),
            ("127.0.0.1:7401", "127.0.0.2:7401", false),
            ("0.0.0.0:7401", "127.0.0.1:7401", true),
            ("127.0.0.1:7401", "[::]:7401", true),
            ("127.0.0.1:0", "127.0.0.1:0", false),
        ] {
            let (a, b): (SocketAddr, SocketAddr) = (a.parse().unwrap(), b.parse().unwrap());
            assert_eq!((collide(a, b), collide(b, a)), (expected, expected), "{a} {b}");
        }
    }

    #[test]
    fn one_folder_has_one_name_whatever_leads_to_it() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        assert_eq!(real(&data), real(&folder.path().join(".").join("data")), "it need not be there yet");
        std::fs::create_dir(&data).unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&data, &link).unwrap();
        assert_eq!(real(&data), real(&link));
        assert_eq!(real(&data.join("new")), real(&link.join("new")));
        assert_ne!(real(&data), real(&folder.path().join("data-2")));
    }
}
