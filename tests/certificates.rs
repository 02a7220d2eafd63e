//! Certificates that are not quite right, at a live node: who is refused in the handshake and with which alert, and who is
//! let in to be told what is wrong.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    unreachable_pub,
    reason = "a failure of a test is a panic, and nobody else uses its parts"
)]

#[path = "support/mod.rs"]
mod support;

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use gateway::{
    arrangement::leg::Leg,
    command::certs::authority::{Authority, Issued, Leaf, Period, Usage},
};
use prost::bytes::Bytes;
use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair, PKCS_ECDSA_P256_SHA256, SanType};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tonic::Code;
use tonic_types::StatusExt;

use support::{
    Houses,
    authorities::{DAY, Keeper, write},
    raw::call,
};

const BINARY: &str = env!("CARGO_BIN_EXE_crossmargin");
const OPERATOR: &str = "crossmargin://FICC/role/operator";
const STATUS: &str = "/crossmargin.v1.OperationsService/GetNodeStatus";

/// What the caller meets.
enum Meets {
    /// The method answers.
    Service,
    /// The handshake fails with this TLS alert.
    Alert(&'static str),
    /// Every call is denied, with words that hold each of these.
    Denial(&'static [&'static str]),
}

use Meets::{Alert, Denial, Service};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_certificate_that_is_not_quite_right_is_refused_with_what_is_wrong() {
    let mut houses = Houses::new(BINARY);
    let pki = houses.directory().join("pki");
    let mut ficc = Keeper::take_over(&pki, "FICC");
    let cme = Keeper::take_over(&pki, "CME");
    ficc.renew_client("operator");
    houses.start(Leg::Treasury).await;
    let now = SystemTime::now();
    let client =
        |uris: &[&str]| Leaf { uris: uris.iter().map(|&uri| uri.to_owned()).collect(), ..ficc.leaf(Usage::Client) };
    let with_period =
        |from: SystemTime, until: SystemTime| Leaf { period: Period { from, until }, ..client(&[OPERATOR]) };
    // Another authority that calls itself by the same name.
    let stranger = Authority::new(&"FICC".parse().unwrap(), Period::starting_at(now, DAY)).unwrap();

    let of_ficc: Vec<(&str, Leaf, Meets)> = vec![
        ("a good one", client(&[OPERATOR]), Service),
        ("expired", with_period(now - 2 * DAY, now - DAY), Alert("CertificateExpired")),
        ("not yet valid", with_period(now + DAY, now + 2 * DAY), Alert("CertificateExpired")),
        ("for servers alone", Leaf { usage: Usage::Server, ..client(&[OPERATOR]) }, Alert("UnsupportedCertificate")),
        ("the other house's URI", client(&["crossmargin://CME/role/peer/CME"]), Alert("UnknownCA")),
        ("no URI", client(&[]), Denial(&["there is none"])),
        (
            "two URIs",
            client(&[OPERATOR, "crossmargin://FICC/role/auditor"]),
            Denial(&["more than one", "role/auditor"]),
        ),
        ("the same URI twice", client(&[OPERATOR, OPERATOR]), Denial(&["more than one"])),
        ("a second URI of another kind", client(&[OPERATOR, "spiffe://x/y"]), Denial(&["more than one", "spiffe"])),
        (
            "the scheme in capitals",
            client(&["CROSSMARGIN://FICC/role/operator"]),
            Denial(&["does not start with crossmargin://"]),
        ),
        ("the house in small letters", client(&["crossmargin://ficc/role/operator"]), Denial(&["ficc", "FICC"])),
        ("the role in capitals", client(&["crossmargin://FICC/role/Operator"]), Denial(&["\"Operator\" is no role"])),
        ("a role that is none", client(&["crossmargin://FICC/role/operater"]), Denial(&["\"operater\" is no role"])),
        ("percent-encoding", client(&["crossmargin://FICC/role/member/a%2Db"]), Denial(&["a%2Db"])),
        ("a percent-encoded role", client(&["crossmargin://FICC/role/%6Fperator"]), Denial(&["%6Fperator"])),
        ("a slash at the end", client(&["crossmargin://FICC/role/operator/"]), Denial(&["takes no id"])),
        ("a query", client(&["crossmargin://FICC/role/operator?x=1"]), Denial(&["operator?x=1"])),
        ("an id that is needed", client(&["crossmargin://FICC/role/member"]), Denial(&["needs an id"])),
        ("the own house's peer", client(&["crossmargin://FICC/role/peer/FICC"]), Denial(&["from that house alone"])),
        ("a house that is no party", client(&["crossmargin://LCH/role/operator"]), Denial(&["LCH"])),
        ("a node's URI", client(&["crossmargin://FICC/node"]), Denial(&["no /role/"])),
    ];
    for (case, leaf, meets) in of_ficc {
        let issued = ficc.issue("case", &leaf);
        check(&houses, case, &certificate_of(&issued), &issued.key_pem, meets).await;
    }
    for (case, uri, meets) in [
        ("the other house's operator", "crossmargin://CME/role/operator", Denial(&["from that house alone"])),
        ("the other house's peer for a third", "crossmargin://CME/role/peer/LCH", Denial(&["from that house alone"])),
        ("our operator by the other house", OPERATOR, Alert("UnknownCA")),
    ] {
        let issued = cme.issue("case", &Leaf { uris: vec![uri.into()], ..cme.leaf(Usage::Client) });
        check(&houses, case, &certificate_of(&issued), &issued.key_pem, meets).await;
    }
    let issued = stranger.issue(&client(&[OPERATOR])).unwrap();
    check(&houses, "a stranger's of our name", &certificate_of(&issued), &issued.key_pem, Alert("DecryptError")).await;
    let (certificate, key) = self_signed(IsCa::NoCa);
    check(&houses, "self-signed", &certificate, &key, Alert("UnknownCA")).await;
    let (certificate, key) = self_signed(IsCa::Ca(BasicConstraints::Unconstrained));
    check(&houses, "an authority as a client", &certificate, &key, Alert("CertificateUnknown")).await;
    refused(&houses, "none at all", None, "CertificateRequired").await;

    let issued = ficc.issue("case", &client(&[OPERATOR]));
    check(&houses, "before it is revoked", &certificate_of(&issued), &issued.key_pem, Service).await;
    ficc.revoke(&issued.serial);
    houses.reload(Leg::Treasury).await;
    check(&houses, "revoked", &certificate_of(&issued), &issued.key_pem, Alert("CertificateRevoked")).await;
}

fn certificate_of(issued: &Issued) -> CertificateDer<'static> {
    issued.certificate.clone()
}

/// A certificate of an operator that vouches for itself.
fn self_signed(is_ca: IsCa) -> (CertificateDer<'static>, String) {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let mut params = CertificateParams::default();
    params.subject_alt_names.push(SanType::URI(OPERATOR.try_into().unwrap()));
    params.is_ca = is_ca;
    let certificate = params.self_signed(&key).unwrap();
    (certificate.der().clone(), key.serialize_pem())
}

async fn check(houses: &Houses, case: &str, certificate: &CertificateDer<'static>, key: &str, meets: Meets) {
    // A client of this product does not even load a certificate that is not valid now, so the alert is seen without it.
    if let Alert(alert) = meets {
        return refused(houses, case, Some((certificate, key)), alert).await;
    }
    let folder = houses.directory().join("pki/FICC/clients");
    let [pem, key_file]: [PathBuf; 2] = ["case.pem", "case.key"].map(|name| folder.join(name));
    write(&pem, &pem_of(certificate));
    write(&key_file, key);
    let channel = houses.clients(Leg::Treasury).channel_with(pem, key_file);
    let status = call(&channel, STATUS, Bytes::new(), Duration::from_secs(5)).await.status;
    match meets {
        Service => assert_eq!(status.code(), Code::Ok, "{case}: {status:?}"),
        Denial(parts) => {
            assert_eq!(status.code(), Code::PermissionDenied, "{case}: {status:?}");
            assert_eq!(status.get_details_error_info().unwrap().reason, "NO_ROLE", "{case}");
            for part in parts {
                assert!(status.message().contains(part), "{case}: {part:?} is not in {:?}", status.message());
            }
        }
        Alert(_) => unreachable!("answered above"),
    }
}

fn pem_of(certificate: &CertificateDer<'_>) -> String {
    use std::fmt::Write as _;
    let mut text = "-----BEGIN CERTIFICATE-----\n".to_owned();
    for line in base64(certificate).as_bytes().chunks(64) {
        writeln!(text, "{}", std::str::from_utf8(line).unwrap()).unwrap();
    }
    text + "-----END CERTIFICATE-----\n"
}

/// RFC 4648, section 4.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let number =
            group.iter().fold(0_usize, |number, byte| number << 8 | usize::from(*byte)) << (8 * (3 - group.len()));
        for place in 0..4 {
            let letter = char::from(LETTERS[number >> (18 - 6 * place) & 63]);
            text.push(if place > group.len() { '=' } else { letter });
        }
    }
    text
}

async fn refused(houses: &Houses, case: &str, client: Option<(&CertificateDer<'static>, &str)>, alert: &str) {
    let error = first_byte(houses, client).await.expect_err(case);
    assert!(error.to_string().contains(alert), "{case}: {error}");
}

/// Connects as any TLS client would, and waits for the first byte of the node's HTTP/2.
async fn first_byte(houses: &Houses, client: Option<(&CertificateDer<'static>, &str)>) -> io::Result<()> {
    let tcp = TcpStream::connect(("127.0.0.1", houses.port(Leg::Treasury))).await?;
    let config = config(&houses.directory().join("pki/FICC/ca.pem"), client);
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let mut io = connector.connect(ServerName::try_from("127.0.0.1").unwrap(), tcp).await?;
    io.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await?;
    io.read_exact(&mut [0; 9]).await.map(drop)
}

fn config(authorities: &Path, client: Option<(&CertificateDer<'static>, &str)>) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    for root in CertificateDer::pem_file_iter(authorities).unwrap() {
        roots.add(root.unwrap()).unwrap();
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(roots);
    let mut config = match client {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
            builder.with_client_auth_cert(vec![certificate.clone()], key).unwrap()
        }
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    config
}
