//! What is recorded of the programme by a command.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use crossmargin::v1::{self, programme_change::Change, scope::Scope};
use jiff::civil::Date;

use super::{
    file,
    kinds::{ApprovalName, LinkKindName, UseName, ascending},
    period,
};
use crate::{
    arrangement::name::{AccountId, ApprovalId, LinkId, MemberId, OwnerId},
    command::{
        failure::Failure,
        recording::{Batch, Writing},
    },
};

/// What to record. A period is its first day, or FROM..UNTIL with the last day: 2026-03-02..2027-03-01.
#[derive(Clone, Debug, Subcommand)]
pub enum WriteAction {
    /// Record a member as this house knows it. It replaces this house's earlier record of the member as a whole: what is
    /// left out, it is not.
    Member {
        /// The member.
        member: MemberId,
        /// While it is registered as a broker-dealer with the SEC.
        #[arg(long, value_name = "FROM[..UNTIL]", value_parser = period::parse)]
        broker_dealer: Option<v1::DateRange>,
        /// While it is registered as a futures commission merchant with the CFTC.
        #[arg(long, value_name = "FROM[..UNTIL]", value_parser = period::parse)]
        fcm: Option<v1::DateRange>,
        /// While it is a clearing member of this house.
        #[arg(long, value_name = "FROM[..UNTIL]", value_parser = period::parse)]
        membership: Option<v1::DateRange>,
        /// Why, for a reader.
        #[arg(long, value_name = "TEXT", default_value = "")]
        reason: String,
        /// How it is recorded.
        #[command(flatten)]
        writing: Writing,
    },
    /// Record an eligible affiliate of a member. It counts where both houses do.
    Affiliate {
        /// The affiliate.
        affiliate: OwnerId,
        /// The member.
        #[arg(long, value_name = "MEMBER")]
        member: MemberId,
        /// While it is eligible.
        #[arg(long, value_name = "FROM[..UNTIL]", value_parser = period::parse)]
        eligible: v1::DateRange,
        /// Why, for a reader.
        #[arg(long, value_name = "TEXT", default_value = "")]
        reason: String,
        /// How it is recorded.
        #[command(flatten)]
        writing: Writing,
    },
    /// Record a customer of a member that opted in. It counts where both houses do.
    Customer {
        /// The customer, by an opaque id: no personal data.
        customer: OwnerId,
        /// The member that carries it.
        #[arg(long, value_name = "MEMBER")]
        member: MemberId,
        /// While it has opted in.
        #[arg(long, value_name = "FROM[..UNTIL]", value_parser = period::parse)]
        opted_in: v1::DateRange,
        /// Why, for a reader.
        #[arg(long, value_name = "TEXT", default_value = "")]
        reason: String,
        /// How it is recorded.
        #[command(flatten)]
        writing: Writing,
    },
    /// Record an account of this house and what it is for. An account of a link is a cross-margin account without it.
    Account {
        /// The account.
        account: AccountId,
        /// The member that carries it.
        #[arg(long, value_name = "MEMBER")]
        member: MemberId,
        /// Its owner.
        #[arg(long, value_name = "OWNER")]
        owner: OwnerId,
        /// What it is for.
        #[arg(long = "use", value_name = "USE")]
        usage: UseName,
        /// Why, for a reader.
        #[arg(long, value_name = "TEXT", default_value = "")]
        reason: String,
        /// How it is recorded.
        #[command(flatten)]
        writing: Writing,
    },
    /// Record an approval of a regulator or a house. It counts where both houses recorded the same, from its effective
    /// date on.
    Approve {
        /// Its id, the same at both houses.
        approval: ApprovalId,
        /// What it is.
        #[arg(long, value_name = "KIND")]
        kind: ApprovalName,
        /// Where it is published, such as "90 FR 58525".
        #[arg(long, value_name = "TEXT")]
        reference: String,
        /// The kinds of links that it covers, with commas between them.
        #[arg(long, value_name = "KIND,...", value_delimiter = ',', required = true)]
        scope: Vec<LinkKindName>,
        /// Its effective date.
        #[arg(long, value_name = "DATE")]
        from: Date,
        /// Its conditions, for a reader.
        #[arg(long, value_name = "TEXT", default_value = "")]
        conditions: String,
        /// Why, for a reader.
        #[arg(long, value_name = "TEXT", default_value = "")]
        reason: String,
        /// How it is recorded.
        #[command(flatten)]
        writing: Writing,
    },
    /// Withdraw an approval: it counts no more as soon as one house recorded it.
    Withdraw {
        /// The approval.
        approval: ApprovalId,
        /// From this date on it does not count.
        #[arg(long, value_name = "DATE")]
        from: Date,
        /// Why, for a reader.
        #[arg(long, value_name = "TEXT")]
        reason: String,
        /// How it is recorded.
        #[command(flatten)]
        writing: Writing,
    },
    /// Suspend a link, a member or everything, at once and alone, and print the suspension's id. Stand-alone margin is
    /// charged until both houses have lifted it.
    Suspend {
        /// What is suspended.
        #[command(flatten)]
        scope: ScopeArgs,
        /// It is the suspension of a member in default.
        #[arg(long, conflicts_with_all = ["link", "everything"])]
        default: bool,
        /// Why, for a reader.
        #[arg(long, value_name = "TEXT")]
        reason: String,
        /// How it is recorded.
        #[command(flatten)]
        writing: Writing,
    },
    /// Consent to lifting a suspension. It is lifted once both houses have.
    Lift {
        /// The suspension, such as FICC/12/0: house, entry, place.
        suspension: String,
        /// Why, for a reader.
        #[arg(long, value_name = "TEXT")]
        reason: String,
        /// How it is recorded.
        #[command(flatten)]
        writing: Writing,
    },
    /// Grant less than the computed reduction. It replaces this house's earlier limit of the same link, member or
    /// everything; of several that are in force the smallest governs.
    Limit {
        /// What is limited.
        #[command(flatten)]
        scope: ScopeArgs,
        /// The most that is granted, in basis points: 5000 is half.
        #[arg(long, value_name = "BP", value_parser = clap::value_parser!(u32).range(..=10_000))]
        max_factor_bp: u32,
        /// The first business date.
        #[arg(long, value_name = "DATE")]
        from: Date,
        /// The last business date; no end where it is not given.
        #[arg(long, value_name = "DATE")]
        until: Option<Date>,
        /// Why, for a reader.
        #[arg(long, value_name = "TEXT")]
        reason: String,
        /// How it is recorded.
        #[command(flatten)]
        writing: Writing,
    },
    /// Record the changes of a file together, all or none.
    Record {
        /// The changes as TOML: an array of tables for each kind, such as `[[member]]` and `[[link]]`, recorded in the order
        /// of the file.
        #[arg(long, value_name = "FILE")]
        file: PathBuf,
        /// How they are recorded.
        #[command(flatten)]
        writing: Writing,
    },
}

/// What a suspension or a limit is about.
#[derive(Clone, Debug, Args)]
#[group(required = true, multiple = false)]
pub struct ScopeArgs {
    /// One link.
    #[arg(long, value_name = "LINK")]
    pub link: Option<LinkId>,
    /// Every link of a member.
    #[arg(long, value_name = "MEMBER")]
    pub member: Option<MemberId>,
    /// Every link of the arrangement.
    #[arg(long)]
    pub everything: bool,
}

impl From<ScopeArgs> for v1::Scope {
    fn from(args: ScopeArgs) -> Self {
        let scope = match (args.link, args.member) {
            (Some(link), _) => Scope::LinkId(link.to_string()),
            (None, Some(member)) => Scope::Member(member.to_string()),
            (None, None) => Scope::Everything(args.everything),
        };
        Self { scope: Some(scope) }
    }
}

impl WriteAction {
    /// The changes to record, and how.
    ///
    /// # Errors
    /// Every problem of the file.
    pub(super) fn batch(self) -> Result<(Batch, Writing), Failure> {
        let (change, reason, writing) = match self {
            Self::Member { member, broker_dealer, fcm, membership, reason, writing } => {
                let change = Change::Member(v1::MemberRecord {
                    member: member.into(),
                    broker_dealer,
                    futures_commission_merchant: fcm,
                    membership,
                });
                (change, reason, writing)
            }
            Self::Affiliate { affiliate, member, eligible, reason, writing } => {
                let eligible = Some(eligible);
                let record = v1::AffiliateRecord { affiliate: affiliate.into(), member: member.into(), eligible };
                (Change::Affiliate(record), reason, writing)
            }
            Self::Customer { customer, member, opted_in, reason, writing } => {
                let opted_in = Some(opted_in);
                let record = v1::CustomerRecord { customer: customer.into(), member: member.into(), opted_in };
                (Change::Customer(record), reason, writing)
            }
            Self::Account { account, member, owner, usage, reason, writing } => {
                let change = Change::Account(v1::AccountRecord {
                    account: account.into(),
                    member: member.into(),
                    owner: owner.into(),
                    r#use: v1::AccountUse::from(usage).into(),
                });
                (change, reason, writing)
            }
            Self::Approve { approval, kind, reference, scope, from, conditions, reason, writing } => {
                let change = Change::Approval(v1::ApprovalRecord {
                    approval_id: approval.into(),
                    kind: v1::ApprovalKind::from(kind).into(),
                    reference,
                    scope: ascending(scope),
                    effective_from: from.to_string(),
                    conditions,
                });
                (change, reason, writing)
            }
            Self::Withdraw { approval, from, reason, writing } => {
                let change = v1::ApprovalWithdrawal { approval_id: approval.into(), from: from.to_string() };
                (Change::ApprovalWithdrawal(change), reason, writing)
            }
            Self::Suspend { scope, default, reason, writing } => {
                let change = v1::Suspension { scope: Some(scope.into()), is_default: default };
                (Change::Suspension(change), reason, writing)
            }
            Self::Lift { suspension, reason, writing } => {
                (Change::Lift(v1::Lift { suspension_id: suspension }), reason, writing)
            }
            Self::Limit { scope, max_factor_bp, from, until, reason, writing } => {
                let until = until.map(|until| until.to_string()).unwrap_or_default();
                let change = Change::Override(v1::ReductionOverride {
                    scope: Some(scope.into()),
                    max_factor_bp,
                    in_force: Some(v1::DateRange { from: from.to_string(), until }),
                });
                (change, reason, writing)
            }
            Self::Record { file, writing } => return Ok((file::read(&file)?, writing)),
        };
        Ok((Batch::explained(change, reason), writing))
    }
}

#[cfg(test)]
mod tests;
