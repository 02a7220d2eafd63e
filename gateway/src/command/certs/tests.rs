use std::{collections::BTreeSet, fs, path::Path};

use clap::Parser;

use super::*;
use crate::identity::{
    KeyId, SigningKey,
    signing::PublicKey,
    tls::{AuthorityFiles, ClientFiles, ClientTls, ServerFiles, ServerTls},
};

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    certs: CertsArgs,
}

pub(super) fn pki(folder: &Path) -> Report {
    make(&args(folder, &[])).unwrap()
}

fn args(folder: &Path, more: &[&str]) -> CertsArgs {
    let out = folder.to_str().unwrap();
    Cli::parse_from([&["certs", "--out", out][..], more].concat()).certs
}

fn authority(folder: &Path, house: &str) -> AuthorityFiles {
    AuthorityFiles {
        house: HouseId::new(house).unwrap(),
        certificates: folder.join(house).join("ca.pem"),
        revocation_lists: vec![folder.join(house).join("ca.crl")],
        enforce_revocation_expiry: true,
    }
}

#[test]
fn what_is_made_serves_both_nodes_and_every_client() {
    let folder = tempfile::tempdir().unwrap();
    let report = make(&args(folder.path(), &["--member", "M1", "--customer", "C1", "--customer", "C2"])).unwrap();
    for (house, other) in [("FICC", "CME"), ("CME", "FICC")] {
        let own = folder.path().join(house);
        ServerTls::load(&ServerFiles {
            certificate: own.join("node.pem"),
            key: own.join("node.key"),
            own: authority(folder.path(), house),
            peers: vec![authority(folder.path(), other)],
        })
        .unwrap();
        ClientTls::load(&ClientFiles {
            certificate: own.join("peer.pem"),
            key: own.join("peer.key"),
            server: authority(folder.path(), other),
        })
        .unwrap();
        let key = SigningKey::load(&own.join("statement.key")).unwrap();
        assert_eq!(key.public(), &PublicKey::load(&own.join("statement.pub")).unwrap());
    }
    let ficc = &report.houses[0];
    let roles: BTreeSet<_> = ficc.clients.iter().map(|client| client.role.as_str()).collect();
    let needed = [
        "administrator",
        "auditor",
        "customer/C1",
        "customer/C2",
        "margin-reader",
        "market-source",
        "member-administrator/M1",
        "member/M1",
        "operator",
        "position-source",
    ];
    assert_eq!(roles, needed.into());
    for client in &ficc.clients {
        ClientTls::load(&ClientFiles {
            certificate: client.certificate.clone(),
            key: client.key.clone(),
            server: authority(folder.path(), "FICC"),
        })
        .unwrap();
    }
    let id: KeyId = ficc.statement_key.key_id.parse().unwrap();
    assert_eq!(id, SigningKey::load(&ficc.statement_key.key).unwrap().id());
}

#[cfg(unix)]
#[test]
fn private_keys_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    make(&args(folder.path(), &[])).unwrap();
    make(&args(folder.path(), &["--force"])).unwrap();
    let mut keys = 0;
    for house in ["FICC", "CME"] {
        for sub in ["", "clients"] {
            for entry in fs::read_dir(folder.path().join(house).join(sub)).unwrap() {
                let entry = entry.unwrap();
                if entry.path().extension().is_some_and(|ext| ext == "key") {
                    assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{entry:?}");
                    keys += 1;
                }
            }
        }
    }
    assert_eq!(keys, 2 * (4 + 6));
}

#[test]
fn files_that_are_there_are_kept_unless_forced() {
    let folder = tempfile::tempdir().unwrap();
    make(&args(folder.path(), &["--house", "FICC"])).unwrap();
    let ca = folder.path().join("FICC/ca.pem");
    let before = fs::read(&ca).unwrap();
    let error = make(&args(folder.path(), &[])).unwrap_err().to_string();
    assert!(error.contains("ca.pem") && error.contains("--force"), "{error}");
    assert!(!folder.path().join("CME").exists(), "nothing is written when something is in the way");
    assert_eq!(fs::read(&ca).unwrap(), before);
    make(&args(folder.path(), &["--force"])).unwrap();
    assert_ne!(fs::read(&ca).unwrap(), before);
}

#[test]
fn what_cannot_be_made_is_refused_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let cases = [
        (&["--ca-days", "10", "--node-days", "11"][..], "--node-days"),
        (&["--ca-days", "10", "--node-days", "1", "--client-days", "11"], "--client-days"),
        (&["--house", "FICC", "--house", "FICC"], "FICC is given twice"),
        (&["--member", "A", "--member", "A"], "member/A is given twice"),
        (&["--host", "bad host"], "bad host"),
    ];
    for (more, part) in cases {
        let error = make(&args(folder.path(), more)).unwrap_err().to_string();
        assert!(error.contains(part), "{part}: {error}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn the_json_names_every_file_that_was_made() {
    let folder = tempfile::tempdir().unwrap();
    let json = run(&args(folder.path(), &["--json"])).unwrap();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["houses"][1]["house"], "CME");
    for path in [&json["houses"][0]["ca"], &json["houses"][0]["node"]["certificate"]] {
        assert!(Path::new(path.as_str().unwrap()).is_file(), "{path}");
    }
    assert_eq!(default_houses().len(), 2);
}

/// The commands of `certs/README.md`, run as they stand there.
#[cfg(unix)]
#[test]
fn what_openssl_makes_by_the_profiles_commands_serves_a_node() {
    use std::process::Command;
    let readme = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../certs/README.md")).unwrap();
    let (_, script) = readme.split_once("```sh\n").unwrap();
    let (script, _) = script.split_once("```").unwrap();
    let Ok(version) = Command::new("openssl").arg("version").output() else { return };
    if !version.stdout.starts_with(b"OpenSSL 3") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let ran = Command::new("sh").arg("-ec").arg(script).current_dir(folder.path()).output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));

    let file = |name: &str| folder.path().join(name);
    let own = AuthorityFiles {
        house: HouseId::new("FICC").unwrap(),
        certificates: file("ca.pem"),
        revocation_lists: vec![file("ca.crl")],
        enforce_revocation_expiry: true,
    };
    let files = ServerFiles { certificate: file("node.pem"), key: file("node.key"), own: own.clone(), peers: vec![] };
    let node = ServerTls::load(&files).unwrap();
    for (name, role) in [("operator", "operator"), ("peer", "peer/FICC")] {
        let chain = crate::identity::pem::certificates(&file(&format!("{name}.pem"))).unwrap();
        node.verify(&chain).unwrap();
        assert_eq!(crate::identity::verifier::role_uri(&chain[0]).unwrap().role.to_string(), role);
        let (certificate, key) = (file(&format!("{name}.pem")), file(&format!("{name}.key")));
        ClientTls::load(&ClientFiles { certificate, key, server: own.clone() }).unwrap();
    }
    let key = SigningKey::load(&file("statement.key")).unwrap();
    assert_eq!(key.public(), &PublicKey::load(&file("statement.pub")).unwrap());
}
