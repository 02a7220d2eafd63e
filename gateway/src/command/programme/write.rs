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
        /// The changes as TOML: an array of tables for each kind, such as [[member]] and [[link]], recorded in the order
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
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(subcommand)]
        action: WriteAction,
    }

    fn parse(line: &str) -> Result<v1::ProgrammeChange, clap::Error> {
        let words = line.split_whitespace().map(|word| word.replace('_', " "));
        let cli = Cli::try_parse_from(["x".to_owned()].into_iter().chain(words).chain(["--house".into(), "A".into()]));
        let (batch, _) = cli?.action.batch().unwrap();
        Ok(batch.changes.into_iter().next().unwrap())
    }

    fn period(from: &str, until: &str) -> Option<v1::DateRange> {
        Some(v1::DateRange { from: from.into(), until: until.into() })
    }

    #[test]
    fn a_member_is_what_the_options_say_and_nothing_else() {
        let change = parse("member BD1 --membership 2020-01-02 --fcm 2019-05-01..2027-04-30").unwrap();
        let expected = v1::MemberRecord {
            member: "BD1".into(),
            broker_dealer: None,
            futures_commission_merchant: period("2019-05-01", "2027-04-30"),
            membership: period("2020-01-02", ""),
        };
        assert_eq!(change.change, Some(Change::Member(expected)));
    }

    #[test]
    fn a_suspension_and_a_limit_are_about_one_thing() {
        let suspended = |line: &str| match parse(line).unwrap().change {
            Some(Change::Suspension(v1::Suspension { scope: Some(v1::Scope { scope }), is_default })) => {
                (scope.unwrap(), is_default)
            }
            other => panic!("{other:?}"),
        };
        assert_eq!(suspended("suspend --link L1 --reason checks"), (Scope::LinkId("L1".into()), false));
        assert_eq!(suspended("suspend --member BD1 --default --reason insolvent"), (Scope::Member("BD1".into()), true));
        assert_eq!(suspended("suspend --everything --reason drill"), (Scope::Everything(true), false));
        for wrong in [
            "suspend --reason nothing",
            "suspend --link L1 --everything --reason both",
            "suspend --link L1 --default --reason no_member",
            "suspend --everything",
            "limit --max-factor-bp 5000 --from 2026-03-02 --reason nothing",
            "limit --link L1 --max-factor-bp 10001 --from 2026-03-02 --reason more_than_all",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_limit_has_its_days_and_its_reason() {
        let change = parse("limit --member BD1 --max-factor-bp 0 --from 2026-03-02 --until 2026-03-06 --reason audit");
        let change = change.unwrap();
        let Some(Change::Override(limit)) = change.change else { panic!("{change:?}") };
        assert_eq!((change.reason.as_str(), limit.max_factor_bp), ("audit", 0));
        assert_eq!(limit.in_force, period("2026-03-02", "2026-03-06"));
    }

    #[test]
    fn an_approval_names_its_links_in_the_order_of_the_contract() {
        let change =
            parse("approve sec-1 --kind sec-order --reference 90_FR_58525 --scope customer,house --from 2026-01-15");
        let Some(Change::Approval(record)) = change.unwrap().change else { panic!("no approval") };
        assert_eq!((record.reference.as_str(), record.kind()), ("90 FR 58525", v1::ApprovalKind::SecOrder));
        assert_eq!(record.scope().collect::<Vec<_>>(), [v1::LinkKind::House, v1::LinkKind::Customer]);
        assert!(parse("approve sec-1 --kind sec-order --reference r --from 2026-01-15").is_err());
    }

    #[test]
    fn a_name_or_a_period_that_is_none_is_refused_before_the_node_is_called() {
        for (line, part) in [
            ("member B/D --membership 2020-01-02", "not a name of a member"),
            ("member BD1 --membership soon", "FROM..UNTIL"),
            ("customer C1 --member BD1", "--opted-in"),
            ("affiliate A1 --member BD1 --eligible 2026-03-02..2026-03-01", "before 2026-03-02"),
            ("account T1 --member BD1 --owner BD1 --use other", "cross-margin"),
            ("withdraw sec-1 --from 2026-01-15", "--reason"),
            ("lift FICC/1/0", "--reason"),
        ] {
            let told = parse(line).unwrap_err().to_string();
            assert!(told.contains(part), "{line}: {told}");
        }
    }
}
