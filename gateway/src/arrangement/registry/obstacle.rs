//! What keeps a link from going further, and what else a reader should know of it.

use std::fmt;

use crossmargin::v1;
use jiff::civil::Date;

use super::{
    Registry,
    change::{Step, Suspension, SuspensionId},
    log::{OwnLink, document_name},
};
use crate::arrangement::{
    leg::{Leg, Pair},
    name::{HouseId, MemberId},
};

/// Something that keeps a link from going further.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// A house has not recorded it.
    NotRecorded(Leg),
    /// The houses recorded different terms: the fields.
    TermsDiffer(Vec<&'static str>),
    /// A house does not hold a document of the member that carries the link on the date, dated by then.
    Document(Leg, v1::DocumentKind),
    /// A house has not consented to a step.
    Consent(Leg, Step),
    /// A suspension is in force.
    Suspended(SuspensionId, Suspension),
    /// A house has not recorded the member.
    MemberUnknown(Leg),
    /// The member is not a clearing member of a house on the date.
    Membership(Leg),
    /// A house does not record the member as a broker-dealer on the date.
    BrokerDealer(Leg),
    /// A house does not record the member as a futures commission merchant on the date.
    Merchant(Leg),
    /// A house does not record the affiliate as eligible on the date.
    Affiliate(Leg),
    /// A house does not record that the customer has opted in at the member on the date.
    Customer(Leg),
    /// A house's account is not designated as a cross-margin account.
    Undesignated(Leg),
    /// A house's account is recorded as one of another member than carries the link on the date.
    AccountMember(Leg),
    /// No approval of this kind is effective on the date.
    Approval(v1::ApprovalKind),
    /// The arrangement as a whole is in rehearsal.
    ArrangementRehearsed,
    /// A house is closing it.
    ClosedBy(Leg),
}

/// Something about a link that keeps it from nothing: what the houses recorded and what is not in effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remark {
    /// A house has not recorded the move to this member from this date on that the other recorded.
    MoveAwaits(Leg, MemberId, Date),
    /// The houses recorded moves on one date to different members.
    MovesDiffer(Date, Pair<MemberId>),
}

impl Obstacle {
    /// The house that can remove it alone; `None` where it takes both, or neither can.
    #[must_use]
    pub fn left_to(&self) -> Option<Leg> {
        match self {
            Self::NotRecorded(leg)
            | Self::Document(leg, _)
            | Self::Consent(leg, _)
            | Self::MemberUnknown(leg)
            | Self::Membership(leg)
            | Self::BrokerDealer(leg)
            | Self::Merchant(leg)
            | Self::Affiliate(leg)
            | Self::Customer(leg)
            | Self::Undesignated(leg)
            | Self::AccountMember(leg) => Some(*leg),
            Self::TermsDiffer(_)
            | Self::Suspended(..)
            | Self::Approval(_)
            | Self::ArrangementRehearsed
            | Self::ClosedBy(_) => None,
        }
    }

    /// What is in the way and what would help, for a reader of either house.
    #[must_use]
    pub fn text(&self, registry: &Registry) -> String {
        let programme = registry.programme();
        let house = |leg: &Leg| -> &HouseId { &programme.houses[*leg] };
        match self {
            Self::NotRecorded(leg) => format!("{} has not recorded it: it has to record the same terms", house(leg)),
            Self::TermsDiffer(fields) => {
                format!("the houses recorded different terms ({}): one of them has to amend its own", fields.join(", "))
            }
            Self::Document(leg, kind) => {
                let (house, kind) = (house(leg), document_name(*kind));
                format!("{house} holds no {kind} of the member, dated by the date: it has to record the document")
            }
            Self::Consent(leg, step) => {
                format!("{} has not consented to {}: it has to record the stage", house(leg), step.stage())
            }
            Self::Suspended(id, suspension) => format!(
                "{} suspended {} ({}): {}; both houses have to lift it",
                house(&id.by),
                suspension.scope,
                id.text(programme),
                suspension.reason
            ),
            Self::MemberUnknown(leg) => format!("{} has not recorded the member", house(leg)),
            Self::Membership(leg) => format!("the member is not a clearing member of {} on the date", house(leg)),
            Self::BrokerDealer(leg) => {
                format!("{} does not record the member as a registered broker-dealer on the date", house(leg))
            }
            Self::Merchant(leg) => {
                format!(
                    "{} does not record the member as a registered futures commission merchant on the date",
                    house(leg)
                )
            }
            Self::Affiliate(leg) => format!("{} does not record the affiliate as eligible on the date", house(leg)),
            Self::Customer(leg) => {
                format!("{} does not record that the customer has opted in at the member on the date", house(leg))
            }
            Self::Undesignated(leg) => {
                format!("{} has recorded its account as a regular one: it has to designate it", house(leg))
            }
            Self::AccountMember(leg) => format!(
                "{} has recorded its account as one of another member: it has to record it at this one",
                house(leg)
            ),
            Self::Approval(kind) => format!(
                "no {} is effective on the date: both houses have to record the same approval",
                kind.as_str_name().trim_start_matches("APPROVAL_KIND_")
            ),
            Self::ArrangementRehearsed => "the arrangement as a whole is in rehearsal".to_owned(),
            Self::ClosedBy(leg) => format!("{} closes it", house(leg)),
        }
    }
}

impl Remark {
    /// What is not in effect and what would help, for a reader of either house.
    #[must_use]
    pub fn text(&self, registry: &Registry) -> String {
        let houses = &registry.programme().houses;
        match self {
            Self::MoveAwaits(leg, member, from) => format!(
                "{} has not recorded the move to {member} from {from} on: it is in effect once it has recorded the same",
                houses[*leg]
            ),
            Self::MovesDiffer(from, to) => format!(
                "{} moves it to {} from {from} on and {} to {}: neither is in effect; both have to record the same move \
                 from a later date on",
                houses.treasury, to.treasury, houses.futures, to.futures
            ),
        }
    }
}

/// The moves that one house recorded and the other did not, apart from those that a move of both has overtaken by the date.
pub(super) fn moves_not_in_effect(own: Pair<&OwnLink>, date: Date) -> Vec<Remark> {
    let Pair { treasury, futures } = own.map(|own| &own.ports);
    let overtaken = treasury.keys().rev().find(|key| key.0 <= date && futures.contains_key(key)).map(|(from, _)| *from);
    let mut remarks = Vec::new();
    for (leg, own) in own.iter() {
        let others = if leg == Leg::Treasury { futures } else { treasury };
        for key @ (from, to) in own.ports.keys() {
            if others.contains_key(key) || overtaken.is_some_and(|overtaken| *from <= overtaken) {
                continue;
            }
            // A house moves a link once on a date.
            let on_that_date = others.keys().find(|(other, _)| other == from);
            match on_that_date {
                None => remarks.push(Remark::MoveAwaits(leg.other(), to.clone(), *from)),
                Some((_, theirs)) if leg == Leg::Treasury => {
                    let to = Pair { treasury: to.clone(), futures: theirs.clone() };
                    remarks.push(Remark::MovesDiffer(*from, to));
                }
                // Told with the Treasury house's.
                Some(_) => {}
            }
        }
    }
    remarks
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.stage().fmt(f)
    }
}
