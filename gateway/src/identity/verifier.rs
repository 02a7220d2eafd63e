//! Which certificate authority may vouch for whom.
//!
//! Each house's clients are verified under that house's authorities alone. The house is read from the certificate's own
//! URI, so what the URI claims and the authority that proves it can never be of two houses.

use std::{fmt, sync::Arc};

use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error as TlsError, OtherError, RootCertStore,
    SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::CryptoProvider,
    server::{
        WebPkiClientVerifier,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
};
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer, ServerName, UnixTime};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use super::{
    name::HouseId,
    revocation::BySet,
    role::{NodeUri, RoleError, RoleUri},
};

/// The authorities that may vouch for the clients and nodes of one house.
#[derive(Debug, Clone)]
pub struct HouseAuthorities {
    /// The house.
    pub house: HouseId,
    /// Its certificate authorities.
    pub roots: Vec<CertificateDer<'static>>,
    /// Their revocation lists; when there is one, every certificate needs a list of its issuer.
    pub revocation_lists: Vec<CertificateRevocationListDer<'static>>,
    /// Whether a revocation list that is past its next update refuses everybody.
    pub enforce_revocation_expiry: bool,
}

impl HouseAuthorities {
    fn root_store(&self) -> Result<Arc<RootCertStore>, VerifierError> {
        let mut store = RootCertStore::empty();
        for root in &self.roots {
            store.add(root.clone()).map_err(|error| self.refuse(&error))?;
        }
        Ok(Arc::new(store))
    }

    fn client_verifier(&self, provider: &Arc<CryptoProvider>) -> Result<ClientsOfHouse, VerifierError> {
        let roots = self.root_store()?;
        BySet::build(&self.revocation_lists, |lists| {
            let mut builder = WebPkiClientVerifier::builder_with_provider(Arc::clone(&roots), Arc::clone(provider));
            builder = builder.with_crls(lists);
            if self.enforce_revocation_expiry {
                builder = builder.enforce_revocation_expiration();
            }
            builder.build().map_err(|error| error.to_string())
        })
        .map_err(|error| self.refuse(&error))
    }

    fn server_verifier(&self, provider: &Arc<CryptoProvider>) -> Result<BySet<WebPkiServerVerifier>, VerifierError> {
        let roots = self.root_store()?;
        BySet::build(&self.revocation_lists, |lists| {
            let mut builder = WebPkiServerVerifier::builder_with_provider(Arc::clone(&roots), Arc::clone(provider));
            builder = builder.with_crls(lists);
            if self.enforce_revocation_expiry {
                builder = builder.enforce_revocation_expiration();
            }
            builder.build().map_err(|error| error.to_string())
        })
        .map_err(|error| self.refuse(&error))
    }

    fn refuse(&self, error: &dyn fmt::Display) -> VerifierError {
        VerifierError { house: self.house.clone(), problem: error.to_string() }
    }
}

/// Authorities that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the certificate authorities of {house}: {problem}")]
pub struct VerifierError {
    house: HouseId,
    problem: String,
}

/// The verifiers of one house's clients.
type ClientsOfHouse = BySet<dyn ClientCertVerifier>;

/// Verifies clients, each under the authorities of the house that its URI names.
#[derive(Debug)]
pub struct ClientVerifier {
    houses: Vec<(HouseId, ClientsOfHouse)>,
    hints: Vec<DistinguishedName>,
}

impl ClientVerifier {
    /// A verifier for the clients of the given houses.
    ///
    /// # Errors
    /// [`VerifierError`] when a certificate or list cannot be used, or one authority stands for two houses.
    pub fn new(houses: &[HouseAuthorities], provider: &Arc<CryptoProvider>) -> Result<Self, VerifierError> {
        for (i, house) in houses.iter().enumerate() {
            let shared = houses[..i].iter().find(|other| other.roots.iter().any(|root| house.roots.contains(root)));
            if let Some(other) = shared {
                let problem = format!("one of them is also given for {}; each house needs its own", other.house);
                return Err(VerifierError { house: house.house.clone(), problem });
            }
        }
        let houses: Vec<_> = houses
            .iter()
            .map(|house| Ok((house.house.clone(), house.client_verifier(provider)?)))
            .collect::<Result<_, _>>()?;
        let hints =
            houses.iter().flat_map(|(_, verifier)| verifier.any().root_hint_subjects().iter().cloned()).collect();
        Ok(Self { houses, hints })
    }

    /// Any of the inner verifiers: signatures do not depend on the house.
    fn any(&self) -> Result<&Arc<dyn ClientCertVerifier>, TlsError> {
        let none = || TlsError::General("no house's certificate authorities are configured".into());
        self.houses.first().map(|(_, verifier)| verifier.any()).ok_or_else(none)
    }
}

impl ClientCertVerifier for ClientVerifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.hints
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, TlsError> {
        let claimed = role_uri(end_entity).ok().map(|uri| uri.house);
        if let Some((_, verifier)) = self.houses.iter().find(|(house, _)| Some(house) == claimed.as_ref()) {
            return verifier.verify(|set| set.verify_client_cert(end_entity, intermediates, now));
        }
        // The URI names no house of ours, so no role can follow. The holder of a certificate that somebody here vouches
        // for is still let in, to be told at each call what is wrong; anybody else is refused in the handshake.
        let mut outcome = Err(TlsError::InvalidCertificate(CertificateError::UnknownIssuer));
        for (_, verifier) in &self.houses {
            match verifier.verify(|set| set.verify_client_cert(end_entity, intermediates, now)) {
                Ok(verified) => return Ok(verified),
                Err(TlsError::InvalidCertificate(CertificateError::UnknownIssuer)) => {}
                Err(error) => outcome = Err(error),
            }
        }
        outcome
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        Err(tls12())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.any()?.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.any().map(|verifier| verifier.supported_verify_schemes()).unwrap_or_default()
    }
}

/// Verifies that a server is the node of one house: its authorities, the host's name, and the node's URI.
#[derive(Debug)]
pub struct NodeVerifier {
    house: HouseId,
    inner: BySet<WebPkiServerVerifier>,
}

impl NodeVerifier {
    /// A verifier for the node of the given house.
    ///
    /// # Errors
    /// [`VerifierError`] when a certificate or list cannot be used.
    pub fn new(authorities: &HouseAuthorities, provider: &Arc<CryptoProvider>) -> Result<Self, VerifierError> {
        Ok(Self { house: authorities.house.clone(), inner: authorities.server_verifier(provider)? })
    }
}

impl ServerCertVerifier for NodeVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        let verified = self
            .inner
            .verify(|set| set.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now))?;
        check_node(end_entity, &self.house).map_err(|error| {
            TlsError::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(Plain(error)))))
        })?;
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        Err(tls12())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.inner.any().verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.any().supported_verify_schemes()
    }
}

/// The role that a client certificate gives.
///
/// # Errors
/// [`RoleError`] when its URI names are not exactly one role.
pub fn role_uri(certificate: &CertificateDer<'_>) -> Result<RoleUri, RoleError> {
    RoleUri::sole(uris(certificate).iter().map(String::as_str))
}

/// Checks that a server certificate is that of the node of `house`.
///
/// # Errors
/// [`NodeError`] when its URI names are not exactly that node's.
pub fn check_node(certificate: &CertificateDer<'_>, house: &HouseId) -> Result<(), NodeError> {
    let needed = NodeUri { house: house.clone() }.to_string();
    let found = uris(certificate);
    if found == [needed.as_str()] { Ok(()) } else { Err(NodeError { found, needed }) }
}

/// A server certificate that is not that of the expected node.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the server certificate's URI names are {found:?}; needed is exactly one, {needed}")]
pub struct NodeError {
    /// The URI names of the certificate.
    pub found: Vec<String>,
    /// The one that was expected.
    pub needed: String,
}

/// An error inside one of rustls, which prints what is inside with `Debug`: here that is the plain sentence.
struct Plain(NodeError);

impl fmt::Debug for Plain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Display for Plain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl std::error::Error for Plain {}

/// The URI names of a certificate; none when it cannot be read, which rustls has ruled out before.
fn uris(certificate: &CertificateDer<'_>) -> Vec<String> {
    let Ok((_, certificate)) = X509Certificate::from_der(certificate) else { return Vec::new() };
    let Ok(Some(names)) = certificate.subject_alternative_name() else { return Vec::new() };
    let uri = |name: &GeneralName<'_>| match name {
        GeneralName::URI(uri) => Some((*uri).to_owned()),
        _ => None,
    };
    names.value.general_names.iter().filter_map(uri).collect()
}

fn tls12() -> TlsError {
    TlsError::General("TLS 1.2 is never negotiated".into())
}
