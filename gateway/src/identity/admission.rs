//! Which roles each method admits.
//!
//! One table, checked against the wire contract before the node starts: a method without an entry, or an entry without a
//! method, and the node does not start. The layer answers before any handler runs.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::{Ready, ready},
    sync::Arc,
    task::{Context, Poll},
};

use futures_util::future::Either;
use http::{Request, Response};
use prost::Message;
use prost_types::FileDescriptorSet;
use tonic::{Code, Status, body::Body};
use tonic_types::{ErrorDetails, StatusExt};
use tower::{Layer, Service};
use tracing::warn;

use super::{
    caller::{ClientIdentity, NotAdmitted, Presented},
    quiet,
    role::RoleKind,
};

/// The domain of the reasons in `google.rpc.ErrorInfo`.
const ERROR_DOMAIN: &str = "crossmargin";

/// Which roles each method admits. A method that is not in it admits nobody.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AdmissionTable {
    methods: BTreeMap<String, BTreeSet<RoleKind>>,
}

impl AdmissionTable {
    /// A table from rows of method path (`/package.Service/Method`) and admitted roles, checked against the contract:
    /// `descriptor_sets` are encoded `FileDescriptorSet`s that together hold every service the node serves.
    ///
    /// # Errors
    /// [`TableError`] with every problem: a row twice, a row without a method, a method without a row, a row that admits
    /// nobody, or descriptors that cannot be read.
    pub fn new(rows: &[(&str, &[RoleKind])], descriptor_sets: &[&[u8]]) -> Result<Self, TableError> {
        let mut problems = Vec::new();
        let mut methods = BTreeMap::new();
        for &(path, roles) in rows {
            if roles.is_empty() {
                problems.push(format!("{path} admits nobody"));
            }
            if methods.insert(path.to_owned(), roles.iter().copied().collect()).is_some() {
                problems.push(format!("{path} has two entries"));
            }
        }
        let mut contract = BTreeSet::new();
        for bytes in descriptor_sets {
            match FileDescriptorSet::decode(*bytes) {
                Ok(set) => contract.extend(paths(&set)),
                Err(error) => problems.push(format!("a descriptor set cannot be read: {error}")),
            }
        }
        problems
            .extend(contract.iter().filter(|path| !methods.contains_key(*path)).map(|p| format!("{p} has no entry")));
        problems.extend(methods.keys().filter(|path| !contract.contains(*path)).map(|p| format!("{p} is no method")));
        if problems.is_empty() { Ok(Self { methods }) } else { Err(TableError { problems }) }
    }

    /// The roles that a method admits; none for an unknown one.
    #[must_use]
    pub fn admitted(&self, path: &str) -> Option<&BTreeSet<RoleKind>> {
        self.methods.get(path)
    }

    /// Every method path with the roles it admits, in order of path.
    pub fn rows(&self) -> impl Iterator<Item = (&str, &BTreeSet<RoleKind>)> {
        self.methods.iter().map(|(path, roles)| (path.as_str(), roles))
    }

    /// Decides on one call.
    ///
    /// # Errors
    /// [`Denial`] when the connection has no role, the method is unknown, or the role is not among those it admits.
    pub fn decide(&self, path: &str, presented: Option<&Presented>) -> Result<Arc<ClientIdentity>, Denial> {
        let presented = presented.ok_or_else(|| Denial::NoRole(NotAdmitted::NoCertificate.to_string()))?;
        let identity = presented.identity.as_ref().map_err(|reason| Denial::NoRole(reason.to_string()))?;
        let admitted = self.admitted(path).ok_or_else(|| Denial::UnknownMethod { path: path.to_owned() })?;
        if admitted.contains(&identity.role.kind()) {
            return Ok(Arc::clone(identity));
        }
        Err(Denial::Role {
            path: path.to_owned(),
            found: identity.role.to_string(),
            admitted: admitted.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().join(", "),
        })
    }
}

/// A table that does not fit the contract.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the table of admitted roles does not fit the wire contract: {}", problems.join("; "))]
pub struct TableError {
    /// Every problem found.
    pub problems: Vec<String>,
}

/// Why a call is not admitted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denial {
    /// The connection's certificate gives no role.
    #[error("no role: {0}")]
    NoRole(String),
    /// The method is not in the table, and so not in the contract.
    #[error("{path} is no method of this node")]
    UnknownMethod {
        /// The path that was called.
        path: String,
    },
    /// The method does not admit the caller's role.
    #[error("{path} does not admit role {found}; it admits {admitted}")]
    Role {
        /// The path that was called.
        path: String,
        /// The caller's role.
        found: String,
        /// The roles that the method admits.
        admitted: String,
    },
}

impl Denial {
    /// The status to answer with: `PermissionDenied` with `ErrorInfo`; `Unimplemented` for an unknown method.
    #[must_use]
    pub fn to_status(&self) -> Status {
        let (code, reason, metadata) = match self {
            Self::NoRole(_) => (Code::PermissionDenied, "NO_ROLE", vec![]),
            Self::UnknownMethod { path } => (Code::Unimplemented, "UNKNOWN_METHOD", vec![("method", path)]),
            Self::Role { path, found, admitted } => (
                Code::PermissionDenied,
                "ROLE_NOT_ADMITTED",
                vec![("method", path), ("role", found), ("admitted", admitted)],
            ),
        };
        let metadata = metadata.into_iter().map(|(key, value)| (key.to_owned(), value.clone()));
        let details =
            ErrorDetails::with_error_info(reason, ERROR_DOMAIN, metadata.collect::<std::collections::HashMap<_, _>>());
        Status::with_error_details(code, self.to_string(), details)
    }
}

/// Puts a table in force in front of services.
#[derive(Debug, Clone)]
pub struct AdmissionLayer {
    table: Arc<AdmissionTable>,
}

impl AdmissionLayer {
    /// A layer for `Server::layer`.
    #[must_use]
    pub fn new(table: AdmissionTable) -> Self {
        Self { table: Arc::new(table) }
    }
}

impl<S> Layer<S> for AdmissionLayer {
    type Service = Admission<S>;

    fn layer(&self, inner: S) -> Admission<S> {
        Admission { table: Arc::clone(&self.table), inner }
    }
}

/// Services behind a table of admitted roles. An admitted request carries `Arc<ClientIdentity>` in its extensions.
#[derive(Debug, Clone)]
pub struct Admission<S> {
    table: Arc<AdmissionTable>,
    inner: S,
}

impl<S, B> Service<Request<B>> for Admission<S>
where
    S: Service<Request<B>, Response = Response<Body>>,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Either<S::Future, Ready<Result<Response<Body>, S::Error>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let presented = request.extensions().get::<Presented>();
        match self.table.decide(request.uri().path(), presented) {
            Ok(identity) => {
                request.extensions_mut().insert(identity);
                Either::Left(self.inner.call(request))
            }
            Err(denial) => {
                if let Some(unsaid) = quiet::say() {
                    let remote = presented.map(|presented| presented.remote);
                    warn!(?remote, %denial, unsaid, "a call was refused");
                }
                Either::Right(ready(Ok(denial.to_status().into_http())))
            }
        }
    }
}

fn paths(set: &FileDescriptorSet) -> impl Iterator<Item = String> {
    set.file.iter().flat_map(|file| {
        let prefix = if file.package().is_empty() { String::new() } else { format!("{}.", file.package()) };
        file.service.iter().flat_map(move |service| {
            let service_path = format!("/{prefix}{}", service.name());
            service.method.iter().map(move |method| format!("{service_path}/{}", method.name()))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::{HouseId, role::Role};

    const HEALTH: &[u8] = tonic_health::pb::FILE_DESCRIPTOR_SET;
    const CHECK: &str = "/grpc.health.v1.Health/Check";
    const WATCH: &str = "/grpc.health.v1.Health/Watch";

    fn table() -> AdmissionTable {
        AdmissionTable::new(&[(CHECK, &RoleKind::ALL), (WATCH, &[RoleKind::Operator, RoleKind::Auditor])], &[HEALTH])
            .unwrap()
    }

    fn presented(role: Role) -> Presented {
        let house = HouseId::new("FICC").unwrap();
        let identity = ClientIdentity { role, house, serial: "01".into(), subject: "CN=x".into() };
        Presented { identity: Ok(Arc::new(identity)), remote: ([127, 0, 0, 1], 1).into(), unread: Arc::default() }
    }

    #[test]
    fn a_table_that_does_not_fit_the_contract_is_refused_with_every_problem() {
        let error = AdmissionTable::new(
            &[(CHECK, &RoleKind::ALL), (CHECK, &[]), ("/grpc.health.v1.Health/Chekc", &[RoleKind::Operator])],
            &[HEALTH, b"\xff"],
        )
        .unwrap_err();
        for part in
            ["Check admits nobody", "Check has two", "Chekc is no method", "Watch has no entry", "cannot be read"]
        {
            assert!(error.to_string().contains(part), "{part}: {error}");
        }
        assert_eq!(error.problems.len(), 5);
    }

    #[test]
    fn a_method_admits_the_roles_of_its_row_and_no_other() {
        let table = table();
        for kind in RoleKind::ALL {
            let role: Role = if kind.has_id() { format!("{kind}/x").parse() } else { kind.as_str().parse() }.unwrap();
            let presented = presented(role);
            for (path, admitted) in table.rows() {
                assert_eq!(table.decide(path, Some(&presented)).is_ok(), admitted.contains(&kind), "{path} {kind}");
            }
            let unknown = table.decide("/grpc.health.v1.Health/Other", Some(&presented)).unwrap_err();
            assert_eq!(unknown.to_status().code(), Code::Unimplemented);
        }
    }

    #[test]
    fn a_denial_names_the_method_the_role_found_and_the_roles_admitted() {
        let denial = table().decide(WATCH, Some(&presented(Role::PositionSource))).unwrap_err();
        let status = denial.to_status();
        assert_eq!(status.code(), Code::PermissionDenied);
        for part in [WATCH, "position-source", "operator, auditor"] {
            assert!(status.message().contains(part), "{part}: {}", status.message());
        }
        let info = status.get_details_error_info().unwrap();
        assert_eq!((info.reason.as_str(), info.metadata["role"].as_str()), ("ROLE_NOT_ADMITTED", "position-source"));
    }

    #[test]
    fn a_connection_without_an_identity_is_admitted_nowhere() {
        for path in [CHECK, WATCH, "/x/y"] {
            assert!(matches!(table().decide(path, None), Err(Denial::NoRole(_))), "{path}");
        }
    }
}
