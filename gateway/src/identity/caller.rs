//! Who calls: the identity of a connection, as handlers see it.

use std::{net::SocketAddr, sync::Arc};

use tonic::{Request, Status};

use super::{
    name::HouseId,
    rate::Caller,
    role::{Role, RoleError, RoleUri},
    unread::Unread,
};

/// The identity that a client's certificate proved.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ClientIdentity {
    /// What the client may be here.
    pub role: Role,
    /// The house whose certificate authority vouches for it.
    pub house: HouseId,
    /// Serial number of its certificate, hexadecimal.
    pub serial: String,
    /// Subject of its certificate.
    pub subject: String,
}

impl ClientIdentity {
    /// Who it is whatever certificate it shows: what limits of a caller go by.
    #[must_use]
    pub fn caller(&self) -> Caller {
        (self.house.clone(), self.role.clone())
    }
}

/// The identity of the caller of an admitted request.
///
/// # Errors
/// `Internal` when the request came past the admission layer: a fault of this node, and nothing is served.
pub fn caller<T>(request: &Request<T>) -> Result<&Arc<ClientIdentity>, Status> {
    let identity = request.extensions().get::<Arc<ClientIdentity>>();
    identity.ok_or_else(|| Status::internal("the request carries no identity: admission is not in force on this node"))
}

/// What a connection presented, attached to each of its requests: an identity, or why there is none.
#[derive(Debug, Clone)]
pub struct Presented {
    /// The identity, or the reason why every call is refused.
    pub identity: Result<Arc<ClientIdentity>, Arc<NotAdmitted>>,
    /// The address at the other end.
    pub remote: SocketAddr,
    /// The connection's answers that wait for their reader.
    pub unread: Arc<Unread>,
}

/// A certificate that a configured authority vouches for, and that nevertheless gives no role at this node.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAdmitted {
    /// No certificate was presented.
    #[error("no client certificate was presented")]
    NoCertificate,
    /// The certificate's URI names give no role.
    #[error(transparent)]
    Role(#[from] RoleError),
    /// The issuing house cannot give this role here.
    #[error(
        "the certificate's URI name is {uri}: this node of {own} takes role peer/<house> from that house alone \
         (configured: {peers}), and every other role from {own}",
        peers = peers.iter().map(HouseId::as_str).collect::<Vec<_>>().join(", ")
    )]
    Issuer {
        /// What the certificate says.
        uri: RoleUri,
        /// The house of this node.
        own: HouseId,
        /// The houses of its peers.
        peers: Vec<HouseId>,
    },
}
