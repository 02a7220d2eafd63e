//! Which revocation lists are looked at together.
//!
//! webpki takes the first list that bears the name of a certificate's issuer, and then demands the issuer's signature on
//! it. While one authority replaces another under the same name, each would so be held against the other's list. The
//! lists are therefore split into sets in which a name stands for one key alone, and a certificate holds when it holds
//! under one set and none says that it is revoked.

use std::{collections::BTreeMap, sync::Arc};

use rustls::{CertRevocationListError, CertificateError, Error as TlsError};
use rustls_pki_types::CertificateRevocationListDer;
use x509_parser::prelude::{CertificateRevocationList, FromDer, ParsedExtension};

type List = CertificateRevocationListDer<'static>;

/// The id of an authority's key, where its list tells.
type KeyId = Option<Vec<u8>>;

/// Most sets that are tried; two authorities that overlap need two.
const SETS_MAX: usize = 16;

/// Splits lists into sets in which all lists of one issuer's name are of one key. Without lists there is one empty set.
///
/// # Errors
/// A list that is not X.509, or more authorities of the same names than are tried.
pub(super) fn sets(lists: &[List]) -> Result<Vec<Vec<List>>, String> {
    let mut by_name: BTreeMap<Vec<u8>, BTreeMap<KeyId, Vec<List>>> = BTreeMap::new();
    for list in lists {
        let (name, key) = issuer(list)?;
        by_name.entry(name).or_default().entry(key).or_default().push(list.clone());
    }
    let mut sets: Vec<Vec<List>> = vec![Vec::new()];
    for of_name in by_name.values() {
        sets = sets
            .iter()
            .flat_map(|set| of_name.values().map(|of_key| [set.as_slice(), of_key.as_slice()].concat()))
            .collect();
        if sets.len() > SETS_MAX {
            return Err(format!(
                "their revocation lists are of too many authorities with the same names ({} ways to take one of each, \
                 at most {SETS_MAX}): remove the lists of authorities that are no longer used",
                sets.len()
            ));
        }
    }
    Ok(sets)
}

/// The issuer's name as it is encoded, and the id of its key where the list tells.
fn issuer(list: &List) -> Result<(Vec<u8>, KeyId), String> {
    let (_, list) = CertificateRevocationList::from_der(list)
        .map_err(|error| format!("a revocation list is not X.509: {error}"))?;
    let key = list.extensions().iter().find_map(|extension| match extension.parsed_extension() {
        ParsedExtension::AuthorityKeyIdentifier(id) => id.key_identifier.as_ref().map(|key| key.0.to_vec()),
        _ => None,
    });
    Ok((list.tbs_cert_list.issuer.as_raw().to_vec(), key))
}

/// A verifier for each set of revocation lists.
#[derive(Debug)]
pub(super) struct BySet<V: ?Sized> {
    first: Arc<V>,
    others: Vec<Arc<V>>,
}

impl<V: ?Sized> BySet<V> {
    /// Builds the verifier of each set.
    ///
    /// # Errors
    /// As [`sets`], and as the verifiers.
    pub(super) fn build(lists: &[List], build: impl Fn(Vec<List>) -> Result<Arc<V>, String>) -> Result<Self, String> {
        let mut built = sets(lists)?.into_iter().map(build);
        // There is always a set.
        let first = built.next().unwrap_or_else(|| Err("there is no verifier".to_owned()))?;
        Ok(Self { first, others: built.collect::<Result<_, _>>()? })
    }

    /// Any of them, for what does not depend on revocation.
    pub(super) fn any(&self) -> &Arc<V> {
        &self.first
    }

    /// Checks under every set: what holds under one, and is revoked under none, holds.
    ///
    /// # Errors
    /// That it is revoked, if any set says so; otherwise why it holds under none.
    pub(super) fn verify<T>(&self, check: impl Fn(&V) -> Result<T, TlsError>) -> Result<T, TlsError> {
        let mut outcome = check(&self.first);
        for verifier in &self.others {
            if matches!(outcome, Err(TlsError::InvalidCertificate(CertificateError::Revoked))) {
                break;
            }
            let next = check(verifier);
            let says_more = match (&outcome, &next) {
                (_, Err(TlsError::InvalidCertificate(CertificateError::Revoked))) => true,
                // The list of another authority of the same name, so nothing is known yet.
                (Err(TlsError::InvalidCertRevocationList(CertRevocationListError::BadSignature)), _) => true,
                (Err(_), Ok(_)) => true,
                _ => false,
            };
            if says_more {
                outcome = next;
            }
        }
        outcome
    }
}
