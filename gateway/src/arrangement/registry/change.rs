//! The changes that a house records in its log, read: what an entry says, before anything follows from it.

mod read;

use crossmargin::v1;
use jiff::civil::Date;

pub use self::read::read;
use crate::arrangement::{
    digest::Digest,
    leg::Leg,
    link::{LinkKind, LinkTerms},
    name::{AccountId, ApprovalId, LinkId, MemberId, OwnerId},
    programme::{Period, Programme},
};

/// What is wrong with a change.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("changes[{row}].{field}: {reason}")]
pub struct ChangeProblem {
    /// The change, counted from 0.
    pub row: usize,
    /// The field, from the kind of change on: `stage.link_ids[3]`.
    pub field: String,
    /// Which rule, which record, and what would make it pass.
    pub reason: String,
}

/// One change of the programme.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A member.
    Member(MemberRecord),
    /// An affiliate of a member.
    Affiliate {
        /// The member.
        member: MemberId,
        /// The affiliate.
        affiliate: OwnerId,
        /// While it is eligible.
        eligible: Period,
    },
    /// A customer of a member.
    Customer {
        /// The member.
        member: MemberId,
        /// The customer.
        customer: OwnerId,
        /// While it has opted in.
        opted_in: Period,
    },
    /// An account of the house's own.
    Account(AccountRecord),
    /// A link: proposed, accepted, or amended while nobody has consented to a rehearsal.
    Link(LinkTerms),
    /// A document that lies at the house.
    Document {
        /// The links.
        links: Vec<LinkId>,
        /// The member that it binds; `None` for that of each link's terms as the house recorded them.
        member: Option<MemberId>,
        /// What it is about.
        kind: v1::DocumentKind,
        /// Its content and date.
        document: Document,
    },
    /// How far links may go by the house's word.
    Stage {
        /// The links.
        links: Vec<LinkId>,
        /// How far.
        to: Step,
    },
    /// A suspension.
    Suspend(Suspension),
    /// Consent to lifting a suspension.
    Lift(SuspensionId),
    /// An approval.
    Approve(ApprovalRecord),
    /// The withdrawal of an approval.
    Withdraw {
        /// The approval.
        approval: ApprovalId,
        /// From this date on it does not count.
        from: Date,
    },
    /// A smaller reduction.
    Override(Override),
    /// A link moves to another member.
    Port(Port),
    /// The default package of a suspended member.
    Package {
        /// The suspension.
        suspension: SuspensionId,
        /// The package.
        package: Package,
    },
    /// How a defaulted member's positions are closed out.
    CloseOut {
        /// The suspension.
        suspension: SuspensionId,
        /// How.
        close_out: v1::CloseOut,
    },
    /// What the house's own liquidation of a pool came to.
    Liquidation {
        /// The suspension.
        suspension: SuspensionId,
        /// The customer whose accounts it is about; `None` for the member's own and its affiliates' together.
        customer: Option<OwnerId>,
        /// US cents: surplus above zero, loss below it.
        result_cents: i64,
    },
    /// What one house pays the other for a pool.
    LossAllocation {
        /// The suspension.
        suspension: SuspensionId,
        /// The customer whose accounts it is about; `None` for the member's own and its affiliates' together.
        customer: Option<OwnerId>,
        /// The payment.
        allocation: LossAllocation,
    },
}

/// A member as one house knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberRecord {
    /// The member.
    pub member: MemberId,
    /// While it is registered as a broker-dealer.
    pub broker_dealer: Option<Period>,
    /// While it is registered as a futures commission merchant.
    pub futures_commission_merchant: Option<Period>,
    /// While it is a clearing member of the house.
    pub membership: Option<Period>,
}

/// An account at the house that records it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountRecord {
    /// The account.
    pub account: AccountId,
    /// The member that carries it.
    pub member: MemberId,
    /// Its owner.
    pub owner: OwnerId,
    /// What it is for; never unspecified.
    pub usage: v1::AccountUse,
}

/// A document by its content and date.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Document {
    /// SHA-256 of the file.
    pub digest: Digest,
    /// Its date.
    pub dated: Date,
}

/// What a house's word on a link can be changed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// It may rehearse.
    Rehearse,
    /// It may be live.
    GoLive,
    /// Its positions leave.
    Close,
    /// It is over.
    End,
}

/// What a suspension or an override is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// One link.
    Link(LinkId),
    /// Every link of a member.
    Member(MemberId),
    /// Every link.
    Everything,
}

/// Names a suspension by where it was recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SuspensionId {
    /// The house that suspended, by its leg.
    pub by: Leg,
    /// The entry of its log.
    pub sequence: u64,
    /// The place in the entry, from 0.
    pub place: u32,
}

/// A suspension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suspension {
    /// What is suspended.
    pub scope: Scope,
    /// Whether it is the suspension of a member in default.
    pub is_default: bool,
    /// Why.
    pub reason: String,
}

/// An approval.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApprovalRecord {
    /// Its name.
    pub approval: ApprovalId,
    /// What it is; never unspecified.
    pub kind: v1::ApprovalKind,
    /// Where it is published.
    pub reference: String,
    /// The kinds of links that it covers, ascending; at least one.
    pub scope: Vec<LinkKind>,
    /// Its effective date.
    pub effective_from: Date,
    /// Its conditions, for a reader.
    pub conditions: String,
}

/// A house grants less than the computed reduction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    /// What it is about.
    pub scope: Scope,
    /// The most that is granted, in basis points.
    pub max_factor_bp: u32,
    /// While it is in force.
    pub in_force: Period,
}

/// A customer's link moves to another member.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Port {
    /// The first business date.
    pub effective_from: Date,
    /// The member that it moves to.
    pub to: MemberId,
    /// The link.
    pub link: LinkId,
}

/// A default package by its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Package {
    /// BLAKE3 of the encoded package.
    pub digest: Digest,
    /// Its length in bytes.
    pub size_bytes: u64,
}

/// What one house pays the other after a default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LossAllocation {
    /// The house that pays, by its leg; `None` where nobody does.
    pub payer: Option<Leg>,
    /// US cents, not below zero.
    pub amount_cents: i64,
    /// The rule that it follows from.
    pub rule: String,
}

impl SuspensionId {
    /// Reads `<house>/<sequence>/<place>`.
    ///
    /// # Errors
    /// What is needed instead.
    pub fn parse(text: &str, programme: &Programme) -> Result<Self, String> {
        // A hostile text must not fill a log.
        let given: String = text.chars().take(96).collect();
        let example = Self { by: Leg::Treasury, sequence: 12, place: 0 }.text(programme);
        let needed = || format!("{given:?} is no suspension: <house>/<sequence>/<place> is needed, as `{example}`");
        let mut parts = text.split('/');
        let mut part = || parts.next().ok_or_else(needed);
        let (house, sequence, place) = (part()?, part()?, part()?);
        if parts.next().is_some() {
            return Err(needed());
        }
        let by = programme.leg_of(house).ok_or_else(|| format!("{given:?}: the house is not a party"))?;
        let (sequence, place) = sequence.parse().ok().zip(place.parse().ok()).ok_or_else(needed)?;
        let id = Self { by, sequence, place };
        // One suspension has one name: `01` is not `1`.
        if id.text(programme) == text { Ok(id) } else { Err(needed()) }
    }

    /// The id as both houses write it.
    #[must_use]
    pub fn text(&self, programme: &Programme) -> String {
        format!("{}/{}/{}", programme.houses[self.by], self.sequence, self.place)
    }
}

impl Scope {
    /// The scope as the wire carries it.
    #[must_use]
    pub fn to_wire(&self) -> v1::Scope {
        use v1::scope::Scope as Wire;
        let scope = match self {
            Self::Link(link) => Wire::LinkId(link.to_string()),
            Self::Member(member) => Wire::Member(member.to_string()),
            Self::Everything => Wire::Everything(true),
        };
        v1::Scope { scope: Some(scope) }
    }
}

impl std::fmt::Display for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Link(link) => write!(f, "link {link}"),
            Self::Member(member) => write!(f, "member {member}"),
            Self::Everything => f.write_str("the arrangement"),
        }
    }
}

impl Change {
    /// Whether it can change the stage, the terms or the limits of a link that takes part in cycles. What cannot need not
    /// be computed again.
    #[must_use]
    pub fn is_material(wire: &v1::ProgrammeChange) -> bool {
        use v1::programme_change::Change as Wire;
        match &wire.change {
            Some(
                Wire::Member(_)
                | Wire::Affiliate(_)
                | Wire::Customer(_)
                | Wire::Account(_)
                | Wire::Stage(_)
                | Wire::Suspension(_)
                | Wire::Lift(_)
                | Wire::Approval(_)
                | Wire::ApprovalWithdrawal(_)
                | Wire::Override(_)
                | Wire::Port(_)
                // A link that moved waits for the documents of its new member.
                | Wire::Document(_),
            ) => true,
            // A link takes part only after a consent, and with it the terms are settled.
            Some(
                Wire::Link(_)
                | Wire::DefaultPackage(_)
                | Wire::CloseOut(_)
                | Wire::Liquidation(_)
                | Wire::LossAllocation(_),
            )
            | None => false,
        }
    }
}
