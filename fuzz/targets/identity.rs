//! Who somebody is: URI names, certificates, PEM files of certificates, lists and keys.

use std::{
    fs,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use gateway::{
    command::certs::authority::{Authority, Issued, Leaf, Period, Usage},
    identity::{
        HouseId, Role, RoleKind,
        role::{NodeUri, RoleUri},
        signing::PublicKey,
        verifier::{ClientVerifier, HouseAuthorities, check_node, role_uri},
    },
};
use rustls_pki_types::CertificateDer;

use super::{Verdict, fixture::numbered};

/// A URI name: it has one spelling, and every other text is refused with what was found.
pub fn uri(data: &[u8]) -> Verdict {
    let Ok(text) = std::str::from_utf8(data) else { return Verdict::Refused };
    assert!(text.parse::<Role>().is_ok_and(|role| role.to_string() == text) || text.parse::<Role>().is_err());
    match RoleUri::sole([text]) {
        Ok(uri) => {
            assert_eq!(uri.to_string(), text);
            assert!(RoleUri::sole([text, text]).is_err(), "exactly one is needed");
            Verdict::Accepted
        }
        Err(error) => {
            assert_eq!(error.found, [text]);
            Verdict::Refused
        }
    }
}

/// A URI of each role.
pub fn uris() -> Vec<(String, Vec<u8>)> {
    numbered(RoleKind::ALL.map(|kind| {
        let id = if kind.has_id() { "/a.B-1_c" } else { "" };
        format!("crossmargin://FICC/role/{kind}{id}").into_bytes()
    }))
}

/// A certificate in DER: the role that it gives is that of its one URI name, and a node's certificate is no client's.
pub fn certificate(data: &[u8]) -> Verdict {
    let certificate = CertificateDer::from(data);
    let house = HouseId::new("FICC").unwrap();
    let node = check_node(&certificate, &house);
    match (role_uri(&certificate), node) {
        (Ok(uri), Err(error)) => {
            assert_eq!(error.found, [uri.to_string()]);
            Verdict::Accepted
        }
        (Err(error), Ok(())) => {
            assert_eq!(error.found, [NodeUri { house }.to_string()]);
            Verdict::Accepted
        }
        (Err(error), Err(node)) => {
            assert_eq!(error.found, node.found);
            Verdict::Refused
        }
        (Ok(uri), Ok(())) => panic!("a node and {uri} at once"),
    }
}

/// A node's certificate, a client's, and an authority's by its file.
pub fn certificates() -> Vec<(String, Vec<u8>)> {
    let authority = authority();
    let node = issue(&authority, "crossmargin://FICC/node", Usage::Server);
    let client = issue(&authority, "crossmargin://FICC/role/member/alder-point", Usage::Client);
    numbered([node, client].map(|issued| issued.certificate.to_vec()))
}

/// A PEM file, read as certificates, as revocation lists, as a private key and as a statement's public key; what can be
/// read is taken as a house's authorities. Every refusal names the file.
pub fn pem(data: &[u8]) -> Verdict {
    use gateway::identity::pem;
    let file = File::new(data);
    let named = |error: String| assert!(error.contains("crossmargin-fuzz-pem"), "{error}");
    let certificates = pem::certificates(&file.0).map_err(|error| named(error.to_string()));
    let lists = pem::revocation_lists(&file.0).map_err(|error| named(error.to_string()));
    let key = pem::private_key(&file.0).map_err(|error| named(error.to_string()));
    let public = PublicKey::from_pem(data);
    if let Ok(roots) = &certificates {
        assert!(!roots.is_empty());
        let authorities = HouseAuthorities {
            house: HouseId::new("FICC").unwrap(),
            roots: roots.clone(),
            revocation_lists: lists.as_ref().ok().cloned().unwrap_or_default(),
            enforce_revocation_expiry: true,
        };
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        if let Err(error) = ClientVerifier::new(std::slice::from_ref(&authorities), &provider) {
            assert!(error.to_string().contains("FICC"), "{error}");
        }
    }
    let is_read = certificates.is_ok() || lists.is_ok() || key.is_ok() || public.is_ok();
    if is_read { Verdict::Accepted } else { Verdict::Refused }
}

/// Files of an authority, of two, of a list with a revocation. One with a private key is kept nowhere: see [`pem_with_key`].
pub fn pems() -> Vec<(String, Vec<u8>)> {
    let [one, two] = [authority(), authority()];
    let period = Period::starting_at(std::time::SystemTime::now(), DAY);
    let list = one.revocation_list(1, period, &[vec![0x41; 16]]).unwrap();
    numbered(
        [one.certificate_pem(), one.certificate_pem() + &two.certificate_pem(), one.certificate_pem() + &list]
            .map(String::into_bytes),
    )
}

/// A file with a certificate and its private key, made anew at each call: no private key is ever committed.
#[allow(dead_code, reason = "the test mutates it, a fuzzer comes to such files by itself")]
pub fn pem_with_key() -> Vec<u8> {
    let client = issue(&authority(), "crossmargin://FICC/role/operator", Usage::Client);
    (client.certificate_pem + &client.key_pem).into_bytes()
}

const DAY: std::time::Duration = std::time::Duration::from_secs(86_400);

fn authority() -> Authority {
    Authority::new(&HouseId::new("FICC").unwrap(), Period::starting_at(std::time::SystemTime::now(), DAY)).unwrap()
}

fn issue(authority: &Authority, uri: &str, usage: Usage) -> Issued {
    let leaf = Leaf {
        common_name: "a seed".into(),
        uris: vec![uri.into()],
        hosts: vec!["localhost".into()],
        addresses: vec![],
        usage,
        period: Period::starting_at(std::time::SystemTime::now(), DAY),
    };
    authority.issue(&leaf).unwrap()
}

/// A file of this process, for its owner alone.
struct File(PathBuf);

impl File {
    fn new(data: &[u8]) -> Self {
        use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
        // Threads of one process each have files of their own.
        static FILES: AtomicU64 = AtomicU64::new(0);
        let number = FILES.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("crossmargin-fuzz-pem-{}-{number}", std::process::id()));
        let mut options = fs::OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&path).unwrap();
        file.set_permissions(fs::Permissions::from_mode(0o600)).unwrap();
        std::io::Write::write_all(&mut file, data).unwrap();
        Self(path)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}
