//! The moves of links as a caller lists them, by link, date and member.

use std::{fmt, str::FromStr};

use jiff::civil::Date;

use super::sight::Sight;
use crate::arrangement::{
    name::{LinkId, MemberId},
    registry::{JoinedLink, JoinedPort},
};

/// Where a move stands in a listing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct PortKey {
    /// The link.
    pub(super) link: LinkId,
    effective_from: Date,
    to: MemberId,
}

impl fmt::Display for PortKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.link, self.effective_from, self.to)
    }
}

impl FromStr for PortKey {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut parts = text.split('/');
        let mut part = || parts.next().ok_or(());
        let (link, date, to) = (part()?, part()?, part()?);
        Ok(Self {
            link: link.parse().map_err(|_| ())?,
            effective_from: date.parse().map_err(|_| ())?,
            to: to.parse().map_err(|_| ())?,
        })
    }
}

/// The moves after a place that the caller sees: of one link or of all, from or to one member or any.
pub(super) fn after<'a>(
    sight: &'a Sight,
    after: Option<&'a PortKey>,
    link: Option<&'a LinkId>,
    member: Option<&'a MemberId>,
) -> impl Iterator<Item = (PortKey, JoinedPort<'a>)> {
    let registry = &sight.registry;
    let begun = link.or(after.map(|after| &after.link));
    let begun = begun.filter(|begun| registry.joined_link(begun).is_some());
    // Of a filter for one link there are no others.
    let later = link.is_none().then(|| registry.joined(after.map(|after| &after.link)));
    let later = later.into_iter().flatten().map(|(link, _): (_, JoinedLink<'_>)| link);
    let rows = begun.into_iter().chain(later).flat_map(move |link| {
        let ports = registry.ports_of(link).into_iter();
        ports.map(move |port| {
            let key = PortKey { link: link.clone(), effective_from: port.effective_from, to: port.to.member.clone() };
            (key, port)
        })
    });
    rows.filter(move |(key, port)| {
        after.is_none_or(|after| key > after)
            && member.is_none_or(|member| key.to == *member || sight.giver(&key.link, port) == Some(member))
            && sight.shows_port(&key.link, port)
    })
}
