//! Roles, and the URI in a certificate that gives one.
//!
//! `crossmargin://<issuing house>/role/<role>[/<id>]`, exactly one URI name per certificate. The authority is the house
//! whose certificate authority vouches for the holder. A node's server certificate carries
//! `crossmargin://<house>/node` instead. The comparison is byte for byte: no case folding, no percent-encoding, no
//! trailing slash.

use std::{fmt, str::FromStr};

use super::name::{CustomerId, HouseId, MemberId, NameError};

/// The scheme and the separator of every URI of this system.
const SCHEME: &str = "crossmargin://";

/// What the holder of a client certificate may be to a node.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// The gateway of the other house.
    Peer(HouseId),
    /// The house's position keeping: submits positions.
    PositionSource,
    /// The house's reference and market data: submits what the house is the authority for.
    MarketSource,
    /// The house's margin call and reporting systems: read every account.
    MarginReader,
    /// A member firm: reads its own accounts alone.
    Member(MemberId),
    /// The administration of a member firm: directs positions of its own accounts alone.
    MemberAdministrator(MemberId),
    /// A customer: reads its own link alone.
    Customer(CustomerId),
    /// The programme's administration: participants, links, approvals.
    Administrator,
    /// Operations: cycles, cut-offs, the node itself.
    Operator,
    /// Reads all, changes nothing.
    Auditor,
}

impl Role {
    /// The role without its id.
    #[must_use]
    pub fn kind(&self) -> RoleKind {
        match self {
            Self::Peer(_) => RoleKind::Peer,
            Self::PositionSource => RoleKind::PositionSource,
            Self::MarketSource => RoleKind::MarketSource,
            Self::MarginReader => RoleKind::MarginReader,
            Self::Member(_) => RoleKind::Member,
            Self::MemberAdministrator(_) => RoleKind::MemberAdministrator,
            Self::Customer(_) => RoleKind::Customer,
            Self::Administrator => RoleKind::Administrator,
            Self::Operator => RoleKind::Operator,
            Self::Auditor => RoleKind::Auditor,
        }
    }

    /// Builds a role from its kind and the id that peers, members and customers have.
    fn new(kind: RoleKind, id: Option<&str>) -> Result<Self, RoleProblem> {
        let plain = |role| match id {
            None => Ok(role),
            Some(_) => Err(RoleProblem::ExcessId(kind)),
        };
        let id = || id.ok_or(RoleProblem::MissingId(kind));
        match kind {
            RoleKind::Peer => Ok(Self::Peer(HouseId::new(id()?)?)),
            RoleKind::Member => Ok(Self::Member(MemberId::new(id()?)?)),
            RoleKind::MemberAdministrator => Ok(Self::MemberAdministrator(MemberId::new(id()?)?)),
            RoleKind::Customer => Ok(Self::Customer(CustomerId::new(id()?)?)),
            RoleKind::PositionSource => plain(Self::PositionSource),
            RoleKind::MarketSource => plain(Self::MarketSource),
            RoleKind::MarginReader => plain(Self::MarginReader),
            RoleKind::Administrator => plain(Self::Administrator),
            RoleKind::Operator => plain(Self::Operator),
            RoleKind::Auditor => plain(Self::Auditor),
        }
    }
}

/// As in the URI: `operator`, `member/<id>`.
impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.kind();
        match self {
            Self::Peer(id) => write!(f, "{kind}/{id}"),
            Self::Member(id) | Self::MemberAdministrator(id) => write!(f, "{kind}/{id}"),
            Self::Customer(id) => write!(f, "{kind}/{id}"),
            _ => write!(f, "{kind}"),
        }
    }
}

impl FromStr for Role {
    type Err = RoleProblem;

    /// Parses `operator` or `member/<id>`.
    fn from_str(text: &str) -> Result<Self, RoleProblem> {
        let (kind, id) = match text.split_once('/') {
            Some((kind, id)) => (kind, Some(id)),
            None => (text, None),
        };
        Self::new(kind.parse()?, id)
    }
}

/// A role without its id: what a method admits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RoleKind {
    /// See [`Role::Peer`].
    Peer,
    /// See [`Role::PositionSource`].
    PositionSource,
    /// See [`Role::MarketSource`].
    MarketSource,
    /// See [`Role::MarginReader`].
    MarginReader,
    /// See [`Role::Member`].
    Member,
    /// See [`Role::MemberAdministrator`].
    MemberAdministrator,
    /// See [`Role::Customer`].
    Customer,
    /// See [`Role::Administrator`].
    Administrator,
    /// See [`Role::Operator`].
    Operator,
    /// See [`Role::Auditor`].
    Auditor,
}

impl RoleKind {
    /// Every role there is.
    pub const ALL: [Self; 10] = [
        Self::Peer,
        Self::PositionSource,
        Self::MarketSource,
        Self::MarginReader,
        Self::Member,
        Self::MemberAdministrator,
        Self::Customer,
        Self::Administrator,
        Self::Operator,
        Self::Auditor,
    ];

    /// The name in the URI.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Peer => "peer",
            Self::PositionSource => "position-source",
            Self::MarketSource => "market-source",
            Self::MarginReader => "margin-reader",
            Self::Member => "member",
            Self::MemberAdministrator => "member-administrator",
            Self::Customer => "customer",
            Self::Administrator => "administrator",
            Self::Operator => "operator",
            Self::Auditor => "auditor",
        }
    }

    /// Whether the role needs an id behind it.
    #[must_use]
    pub const fn has_id(self) -> bool {
        matches!(self, Self::Peer | Self::Member | Self::MemberAdministrator | Self::Customer)
    }
}

impl fmt::Display for RoleKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for RoleKind {
    type Err = RoleProblem;

    fn from_str(text: &str) -> Result<Self, RoleProblem> {
        let found = Self::ALL.into_iter().find(|kind| kind.as_str() == text);
        found.ok_or_else(|| RoleProblem::UnknownRole(text.to_owned()))
    }
}

/// The URI of a client certificate: a role and the house that vouches for it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RoleUri {
    /// The house whose certificate authority issued the certificate.
    pub house: HouseId,
    /// What the holder may be.
    pub role: Role,
}

impl RoleUri {
    /// Parses the one URI name of a client certificate.
    ///
    /// # Errors
    /// [`RoleError`] says what was found and what is needed: no URI name, more than one, or one that is no role.
    pub fn sole<'a>(uris: impl IntoIterator<Item = &'a str>) -> Result<Self, RoleError> {
        let found: Vec<&str> = uris.into_iter().collect();
        let refuse = |problem| RoleError { found: found.iter().map(|&uri| uri.to_owned()).collect(), problem };
        match found[..] {
            [] => Err(refuse(RoleProblem::NoUri)),
            [uri] => uri.parse().map_err(refuse),
            _ => Err(refuse(RoleProblem::SeveralUris)),
        }
    }
}

impl fmt::Display for RoleUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}/role/{}", self.house, self.role)
    }
}

impl FromStr for RoleUri {
    type Err = RoleProblem;

    fn from_str(uri: &str) -> Result<Self, RoleProblem> {
        let (house, path) = split(uri)?;
        let role = path.strip_prefix("role/").ok_or(RoleProblem::NotRole)?;
        Ok(Self { house, role: role.parse()? })
    }
}

/// The URI of a node's server certificate: `crossmargin://<house>/node`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct NodeUri {
    /// The house whose node this is.
    pub house: HouseId,
}

impl fmt::Display for NodeUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}/node", self.house)
    }
}

/// What the URI names of a certificate say about its holder, found wanting.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the certificate's URI names are {found:?}: {problem}; \
     needed is exactly one, crossmargin://<issuing house>/role/<role>[/<id>]"
)]
pub struct RoleError {
    /// The URI names of the certificate.
    pub found: Vec<String>,
    /// Why they give no role.
    pub problem: RoleProblem,
}

/// Why a URI gives no role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RoleProblem {
    /// The certificate has no URI name.
    #[error("there is none")]
    NoUri,
    /// The certificate has more than one URI name, and which of them counts is not for us to choose.
    #[error("there is more than one")]
    SeveralUris,
    /// The URI does not start with `crossmargin://<house>/`.
    #[error("it does not start with crossmargin://<house>/")]
    NotOurs,
    /// The URI is one of ours and gives no role.
    #[error("it has no /role/ after the house")]
    NotRole,
    /// The role is not one of ours.
    #[error("{0:?} is no role; the roles are {list}", list = list())]
    UnknownRole(String),
    /// The role needs an id.
    #[error("role {0} needs an id: {0}/<id>")]
    MissingId(RoleKind),
    /// The role has no id.
    #[error("role {0} takes no id")]
    ExcessId(RoleKind),
    /// A house, member or customer that is not a name.
    #[error(transparent)]
    Name(#[from] NameError),
}

/// Splits a URI of ours into its house and the path behind it, without the first slash.
fn split(uri: &str) -> Result<(HouseId, &str), RoleProblem> {
    let rest = uri.strip_prefix(SCHEME).ok_or(RoleProblem::NotOurs)?;
    let (house, path) = rest.split_once('/').ok_or(RoleProblem::NotOurs)?;
    Ok((HouseId::new(house)?, path))
}

fn list() -> String {
    RoleKind::ALL.map(RoleKind::as_str).join(", ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_role_is_read_back_from_its_own_uri() {
        for kind in RoleKind::ALL {
            let role = Role::new(kind, kind.has_id().then_some("ABC-1")).unwrap();
            let uri = RoleUri { house: HouseId::new("FICC").unwrap(), role };
            assert_eq!(RoleUri::sole([uri.to_string().as_str()]), Ok(uri.clone()), "{uri}");
        }
    }

    #[test]
    fn a_uri_that_is_not_exactly_a_role_is_refused() {
        use RoleProblem as P;
        let cases = [
            ("crossmargin://FICC/role/operater", P::UnknownRole("operater".into())),
            ("crossmargin://FICC/role/Operator", P::UnknownRole("Operator".into())),
            ("crossmargin://FICC/role/", P::UnknownRole(String::new())),
            ("crossmargin://FICC/role/operator/", P::ExcessId(RoleKind::Operator)),
            ("crossmargin://FICC/role/operator/x", P::ExcessId(RoleKind::Operator)),
            ("crossmargin://FICC/role/member", P::MissingId(RoleKind::Member)),
            ("crossmargin://FICC/rol/operator", P::NotRole),
            ("crossmargin://FICC/node", P::NotRole),
            ("crossmargin://FICC", P::NotOurs),
            ("crossmargin:/FICC/role/operator", P::NotOurs),
            ("CROSSMARGIN://FICC/role/operator", P::NotOurs),
            ("https://FICC/role/operator", P::NotOurs),
            (" crossmargin://FICC/role/operator", P::NotOurs),
        ];
        for (uri, problem) in cases {
            let error = RoleUri::sole([uri]).unwrap_err();
            assert_eq!(error.problem, problem, "{uri}");
            assert!(error.to_string().contains(uri), "the error shows what was found: {error}");
        }
        for uri in [
            "crossmargin:///role/operator",
            "crossmargin://a b/role/operator",
            "crossmargin://FICC:1/role/operator",
            "crossmargin://FICC/role/member/",
            "crossmargin://FICC/role/member/a/b",
            "crossmargin://FICC/role/member/a%2Fb",
            "crossmargin://FICC/role/operator?x",
            "crossmargin://FICC/role/member/a#b",
        ] {
            assert!(RoleUri::sole([uri]).is_err(), "{uri}");
        }
    }

    #[test]
    fn none_and_two_uris_are_refused() {
        let operator = "crossmargin://FICC/role/operator";
        assert_eq!(RoleUri::sole([]).unwrap_err().problem, RoleProblem::NoUri);
        for second in [operator, "crossmargin://FICC/role/auditor", "spiffe://other/system"] {
            assert_eq!(RoleUri::sole([operator, second]).unwrap_err().problem, RoleProblem::SeveralUris);
        }
    }

    proptest! {
        #[test]
        fn what_parses_is_written_back_the_same(
            text in "crossmargin://[A-Za-z.-]{1,4}/(role|node)/(peer|member|customer|operator|[a-z/]{0,9})(/[A-Za-z0-9./_-]{0,5})?"
        ) {
            if let Ok(uri) = text.parse::<RoleUri>() {
                prop_assert_eq!(uri.to_string(), text);
            }
        }

        #[test]
        fn no_text_panics(text in ".*") {
            let _ = text.parse::<RoleUri>();
        }
    }
}
