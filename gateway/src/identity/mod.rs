//! Who may talk to this node, who this node talks to, and whose signature counts.
//!
//! Three kinds of identity meet here and are kept apart:
//!
//! - a *connection*: TLS 1.3 with a certificate on both sides ([`acceptor`], [`connector`], [`tls`]);
//! - a *role*: what the certificate's one URI name says its holder may do ([`role`], [`admission`]);
//! - a *statement key*: Ed25519 keys that sign what a house commits to, apart from every TLS key ([`signing`]).

pub mod acceptor;
pub mod admission;
pub mod caller;
pub mod calls;
pub mod connections;
pub mod connector;
mod frames;
pub mod limits;
pub mod outgoing;
pub mod pem;
mod quiet;
pub mod rate;
pub mod role;
pub mod server;
pub mod signing;
pub mod tls;
mod unread;
pub mod verifier;

#[cfg(test)]
mod tests;

pub use crate::arrangement::name::{self, CustomerId, HouseId, MemberId};
pub use acceptor::{Connection, Listen, accept};
pub use admission::{AdmissionLayer, AdmissionTable};
pub use caller::{ClientIdentity, caller};
pub use calls::CallsLayer;
pub use connections::Connections;
pub use connector::{Dial, TcpDial, channel};
pub use limits::Limits;
pub use rate::CallRates;
pub use role::{Role, RoleKind};
pub use signing::{KeyId, SigningKey, VerifyingKeys};
pub use tls::{ClientTls, NodeTls, ServerTls, Tls};
