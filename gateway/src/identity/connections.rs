//! The live connections: counted, limited for each identity, closed when their certificate no longer holds.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use rustls_pki_types::CertificateDer;
use tokio_util::sync::CancellationToken;

use super::{
    caller::ClientIdentity,
    limits::Limits,
    name::HouseId,
    role::{Role, RoleKind},
    tls::ServerTls,
};

/// The live connections of one listener.
#[derive(Debug)]
pub struct Connections {
    connections_max: usize,
    per_identity_max: usize,
    live: Mutex<Live>,
}

impl Connections {
    pub(crate) fn new(limits: &Limits) -> Arc<Self> {
        Arc::new(Self {
            connections_max: limits.connections_max,
            per_identity_max: limits.connections_per_identity_max,
            live: Mutex::default(),
        })
    }

    /// How many connections live.
    #[must_use]
    pub fn count(&self) -> usize {
        self.live().entries.len()
    }

    /// The identities of the live connections that have one, in no order.
    #[must_use]
    pub fn identities(&self) -> Vec<Arc<ClientIdentity>> {
        self.live().entries.values().filter_map(|entry| entry.identity.clone()).collect()
    }

    /// Verifies every live connection's certificate under `tls`, and closes those that no longer hold: revoked, expired,
    /// or of an authority that is no longer trusted. Call it after a reload. Answers with how many it closed.
    pub fn verify_again(&self, tls: &ServerTls) -> usize {
        self.close_where(|chain, identity| match tls.verify(chain) {
            Ok(()) => tls.identify(chain).ok().as_ref() != identity,
            Err(_) => true,
        })
    }

    /// Closes every connection.
    pub fn close_all(&self) -> usize {
        self.close_where(|_, _| true)
    }

    fn close_where(&self, unfit: impl Fn(&[CertificateDer<'static>], Option<&ClientIdentity>) -> bool) -> usize {
        // Verification takes time: it runs on a copy, so that connections come and go meanwhile.
        let entries: Vec<Entry> = self.live().entries.values().cloned().collect();
        let unfit = entries.iter().filter(|entry| unfit(&entry.chain, entry.identity.as_deref()));
        unfit.map(|entry| entry.close.cancel()).count()
    }

    /// Takes a connection in, or says which limit it would pass.
    pub(crate) fn admit(
        self: &Arc<Self>,
        identity: Option<Arc<ClientIdentity>>,
        chain: Vec<CertificateDer<'static>>,
    ) -> Result<Registration, Crowded> {
        let key = identity.as_ref().map(|identity| (identity.house.clone(), identity.role.clone()));
        let is_peer = matches!(&key, Some((_, role)) if role.kind() == RoleKind::Peer);
        let mut live = self.live();
        if !is_peer && live.clients >= self.connections_max {
            return Err(Crowded::Total { connections_max: self.connections_max });
        }
        let of_identity = live.of_identity.entry(key.clone()).or_default();
        if *of_identity >= self.per_identity_max {
            return Err(Crowded::Identity { per_identity_max: self.per_identity_max });
        }
        *of_identity += 1;
        live.clients += usize::from(!is_peer);
        live.last_id += 1;
        let id = live.last_id;
        let close = CancellationToken::new();
        live.entries.insert(id, Entry { identity, chain: chain.into(), close: close.clone() });
        Ok(Registration { connections: Arc::clone(self), id, key, is_peer, close })
    }

    fn live(&self) -> MutexGuard<'_, Live> {
        // No code panics while it holds the lock in a half-changed state.
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why a connection is not taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Crowded {
    /// The node has as many connections as it takes.
    #[error("there are already {connections_max} connections (limits.connections_max)")]
    Total {
        /// The limit.
        connections_max: usize,
    },
    /// The identity has as many connections as one may have.
    #[error("this identity already has {per_identity_max} connections (limits.connections_per_identity_max)")]
    Identity {
        /// The limit.
        per_identity_max: usize,
    },
}

/// A connection's place among the live ones, given back when dropped.
#[derive(Debug)]
pub(crate) struct Registration {
    connections: Arc<Connections>,
    id: u64,
    key: IdentityKey,
    is_peer: bool,
    close: CancellationToken,
}

impl Registration {
    /// Ends when the connection must close.
    pub(crate) fn close(&self) -> CancellationToken {
        self.close.clone()
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let mut live = self.connections.live();
        live.entries.remove(&self.id);
        live.clients -= usize::from(!self.is_peer);
        if let Some(count) = live.of_identity.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                live.of_identity.remove(&self.key);
            }
        }
    }
}

/// All connections without a role share one key, and so one limit.
type IdentityKey = Option<(HouseId, Role)>;

#[derive(Debug, Default)]
struct Live {
    last_id: u64,
    /// Connections that are not the peer's.
    clients: usize,
    of_identity: HashMap<IdentityKey, usize>,
    entries: HashMap<u64, Entry>,
}

#[derive(Debug, Clone)]
struct Entry {
    identity: Option<Arc<ClientIdentity>>,
    chain: Arc<[CertificateDer<'static>]>,
    close: CancellationToken,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(role: &str) -> Option<Arc<ClientIdentity>> {
        Some(Arc::new(ClientIdentity {
            role: role.parse().unwrap(),
            house: HouseId::new("FICC").unwrap(),
            serial: String::new(),
            subject: String::new(),
        }))
    }

    fn connections(connections_max: usize, connections_per_identity_max: usize) -> Arc<Connections> {
        Connections::new(&Limits { connections_max, connections_per_identity_max, ..Limits::default() })
    }

    #[test]
    fn one_identity_cannot_take_every_connection() {
        let connections = connections(10, 2);
        let held: Vec<_> = (0..2).map(|_| connections.admit(identity("member/a"), vec![]).unwrap()).collect();
        let refused = connections.admit(identity("member/a"), vec![]).unwrap_err();
        assert_eq!(refused, Crowded::Identity { per_identity_max: 2 });
        assert!(connections.admit(identity("member/b"), vec![]).is_ok());
        drop(held);
        assert!(connections.admit(identity("member/a"), vec![]).is_ok());
        assert_eq!(connections.count(), 0);
    }

    #[test]
    fn clients_cannot_crowd_out_the_peer() {
        let connections = connections(2, 2);
        let _a = connections.admit(identity("member/a"), vec![]).unwrap();
        let _b = connections.admit(None, vec![]).unwrap();
        let refused = connections.admit(identity("operator"), vec![]).unwrap_err();
        assert_eq!(refused, Crowded::Total { connections_max: 2 });
        let peer = connections.admit(identity("peer/CME"), vec![]);
        assert!(peer.is_ok());
    }
}
