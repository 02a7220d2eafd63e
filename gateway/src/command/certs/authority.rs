//! A certificate authority for development and tests: issues certificates of the profile in `certs/README.md`.
//!
//! P-256 throughout, because that is what every gRPC client speaks; Ed25519 is for statements alone.

use std::{
    net::IpAddr,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PublicKeyData,
    RevocationReason, RevokedCertParams, SanType, SerialNumber,
};
use rustls_pki_types::CertificateDer;

use crate::identity::HouseId;

/// A period of validity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// From this instant on.
    pub from: SystemTime,
    /// Up to this instant.
    pub until: SystemTime,
}

impl Period {
    /// A period around now; it starts a little before, for clocks that are behind.
    #[must_use]
    pub fn starting_at(now: SystemTime, lifetime: Duration) -> Self {
        Self { from: now - Duration::from_secs(300), until: now + lifetime }
    }
}

/// What a certificate is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Usage {
    /// A node's server certificate.
    Server,
    /// A client's certificate.
    Client,
}

/// What a certificate shall say.
#[derive(Debug, Clone)]
pub struct Leaf {
    /// Common name of the subject; for people, never read by a node.
    pub common_name: String,
    /// URI names.
    pub uris: Vec<String>,
    /// DNS names.
    pub hosts: Vec<String>,
    /// IP addresses.
    pub addresses: Vec<IpAddr>,
    /// What it is for.
    pub usage: Usage,
    /// When it is valid.
    pub period: Period,
}

/// A certificate and its private key.
#[derive(Debug)]
pub struct Issued {
    /// The certificate, PEM.
    pub certificate_pem: String,
    /// The private key, PKCS#8 PEM.
    pub key_pem: String,
    /// The certificate, DER.
    pub certificate: CertificateDer<'static>,
    /// The certificate's serial number.
    pub serial: Vec<u8>,
}

/// A house's certificate authority.
#[derive(Debug)]
pub struct Authority {
    house: HouseId,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    /// Makes a new authority for a house.
    ///
    /// # Errors
    /// When a key or the certificate cannot be made.
    pub fn new(house: &HouseId, period: Period) -> Result<Self, rcgen::Error> {
        let mut params = params(period, house, &format!("{house} development CA"));
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?)?;
        Ok(Self { house: house.clone(), issuer })
    }

    /// The authority's own certificate, PEM.
    #[must_use]
    pub fn certificate_pem(&self) -> String {
        self.issuer.pem()
    }

    /// The authority's private key, PKCS#8 PEM.
    #[must_use]
    pub fn key_pem(&self) -> String {
        self.issuer.key().serialize_pem()
    }

    /// Issues a certificate with a new key.
    ///
    /// # Errors
    /// When a key or the certificate cannot be made, or a name is not one of its kind.
    pub fn issue(&self, leaf: &Leaf) -> Result<Issued, rcgen::Error> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let serial = serial(&key);
        let mut params = params(leaf.period, &self.house, &leaf.common_name);
        params.serial_number = Some(SerialNumber::from_slice(&serial));
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![match leaf.usage {
            Usage::Server => ExtendedKeyUsagePurpose::ServerAuth,
            Usage::Client => ExtendedKeyUsagePurpose::ClientAuth,
        }];
        for uri in &leaf.uris {
            params.subject_alt_names.push(SanType::URI(uri.as_str().try_into()?));
        }
        for host in &leaf.hosts {
            params.subject_alt_names.push(SanType::DnsName(host.as_str().try_into()?));
        }
        params.subject_alt_names.extend(leaf.addresses.iter().copied().map(SanType::IpAddress));
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok(Issued {
            certificate_pem: certificate.pem(),
            key_pem: key.serialize_pem(),
            certificate: certificate.der().clone(),
            serial,
        })
    }

    /// A revocation list of the given serial numbers, PEM.
    ///
    /// # Errors
    /// When the list cannot be signed.
    pub fn revocation_list(&self, number: u64, period: Period, serials: &[Vec<u8>]) -> Result<String, rcgen::Error> {
        let revoked = serials.iter().map(|serial| RevokedCertParams {
            serial_number: SerialNumber::from_slice(serial),
            revocation_time: time!(period.from),
            reason_code: Some(RevocationReason::CessationOfOperation),
            invalidity_date: None,
        });
        let params = CertificateRevocationListParams {
            this_update: time!(period.from),
            next_update: time!(period.until),
            crl_number: SerialNumber::from(number),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&self.issuer)?.pem()
    }
}

fn params(period: Period, house: &HouseId, common_name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.not_before = time!(period.from);
    params.not_after = time!(period.until);
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, house.as_str());
    params.distinguished_name.push(DnType::CommonName, common_name);
    params
}

/// 16 bytes of the key's digest: unique as the key is, positive and without a leading zero, as X.509 wants.
fn serial(key: &KeyPair) -> Vec<u8> {
    let mut serial = blake3::hash(key.der_bytes()).as_bytes()[..16].to_vec();
    serial[0] = serial[0] & 0x7f | 0x40;
    serial
}

/// rcgen's time is of a crate that is not a dependency here, so it is written where it is used.
macro_rules! time {
    ($instant:expr) => {
        rcgen::date_time_ymd(1970, 1, 1) + since_epoch($instant)
    };
}
use time;

/// Times before 1970 become 1970.
fn since_epoch(instant: SystemTime) -> Duration {
    instant.duration_since(UNIX_EPOCH).unwrap_or_default()
}
