//! From the wire to changes: every problem of one change at once.

use crossmargin::v1::{self, programme_change::Change as Wire};
use jiff::civil::Date;

use super::{
    AccountRecord, ApprovalRecord, Change, ChangeProblem, Document, LossAllocation, MemberRecord, Override, Package,
    Port, Scope, Step, Suspension, SuspensionId,
};
use crate::arrangement::{
    digest::Digest,
    link::{LinkKind, LinkTerms},
    name::{LinkId, MemberId, OwnerId},
    programme::{Period, Programme},
};

/// Most links that one change names.
const LINKS_MAX: usize = 20_000;
/// Most characters of a text for readers.
const TEXT_CHARACTERS_MAX: usize = 1_024;
/// Most characters of the name of a rule.
const RULE_CHARACTERS_MAX: usize = 32;
/// Most characters of a wrong text that a problem repeats: a hostile one must not fill a log.
const QUOTED_CHARACTERS_MAX: usize = 64;
/// Basis points of the whole.
const WHOLE_BP: u32 = 10_000;
/// Most bytes of a default package.
const PACKAGE_BYTES_MAX: u64 = 1 << 30;

/// Reads the change in place `row` of a batch. Its problems go to `problems`; there is a change where there are none.
pub fn read(
    row: usize,
    wire: &v1::ProgrammeChange,
    programme: &Programme,
    problems: &mut Vec<ChangeProblem>,
) -> Option<Change> {
    let before = problems.len();
    let mut reader = Reader { row, programme, problems };
    let change = reader.change(wire);
    change.filter(|_| problems.len() == before)
}

struct Reader<'a> {
    row: usize,
    programme: &'a Programme,
    problems: &'a mut Vec<ChangeProblem>,
}

impl Reader<'_> {
    fn change(&mut self, wire: &v1::ProgrammeChange) -> Option<Change> {
        let Some(change) = &wire.change else {
            return self.wrong("change", "is missing: say what is recorded");
        };
        if wire.reason.chars().count() > TEXT_CHARACTERS_MAX {
            self.report("reason", format!("is longer than {TEXT_CHARACTERS_MAX} characters"));
        }
        if needs_reason(change) && wire.reason.trim().is_empty() {
            self.report("reason", "is missing: a change of this kind is explained");
        }
        match change {
            Wire::Member(record) => self.member(record),
            Wire::Affiliate(record) => self.affiliate(record),
            Wire::Customer(record) => self.customer(record),
            Wire::Account(record) => self.account(record),
            Wire::Link(terms) => match LinkTerms::from_wire(terms) {
                Ok(terms) => Some(Change::Link(terms)),
                Err(found) => {
                    found
                        .into_iter()
                        .for_each(|problem| self.report(&format!("link.{}", problem.field), problem.reason));
                    None
                }
            },
            Wire::Document(record) => self.document(record),
            Wire::Stage(change) => self.stage(change),
            Wire::Suspension(suspension) => Some(Change::Suspend(Suspension {
                scope: self.suspended("suspension", suspension)?,
                is_default: suspension.is_default,
                reason: wire.reason.clone(),
            })),
            Wire::Lift(lift) => self.suspension("lift.suspension_id", &lift.suspension_id).map(Change::Lift),
            Wire::Approval(record) => self.approval(record),
            Wire::ApprovalWithdrawal(withdrawal) => {
                let approval = self.name("approval_withdrawal.approval_id", &withdrawal.approval_id);
                let from = self.date("approval_withdrawal.from", &withdrawal.from);
                Some(Change::Withdraw { approval: approval?, from: from? })
            }
            Wire::Override(limit) => self.limit(limit),
            Wire::Port(port) => {
                let link = self.name("port.link_id", &port.link_id);
                let to = self.name("port.to_member", &port.to_member);
                let effective_from = self.date("port.effective_from", &port.effective_from);
                Some(Change::Port(Port { link: link?, to: to?, effective_from: effective_from? }))
            }
            Wire::DefaultPackage(record) => self.package(record),
            Wire::CloseOut(choice) => self.close_out(choice),
            Wire::Liquidation(result) => {
                let suspension = self.suspension("liquidation.suspension_id", &result.suspension_id);
                let result_cents = self.cents("liquidation.result", &result.result);
                let customer = self.pool("liquidation.customer", &result.customer);
                Some(Change::Liquidation { suspension: suspension?, customer: customer?, result_cents: result_cents? })
            }
            Wire::LossAllocation(record) => self.loss_allocation(record),
        }
    }

    fn member(&mut self, record: &v1::MemberRecord) -> Option<Change> {
        let member = self.name("member.member", &record.member);
        let broker_dealer = self.period("member.broker_dealer", record.broker_dealer.as_ref());
        let merchant = self.period("member.futures_commission_merchant", record.futures_commission_merchant.as_ref());
        let membership = self.period("member.membership", record.membership.as_ref());
        Some(Change::Member(MemberRecord {
            member: member?,
            broker_dealer: broker_dealer?,
            futures_commission_merchant: merchant?,
            membership: membership?,
        }))
    }

    fn affiliate(&mut self, record: &v1::AffiliateRecord) -> Option<Change> {
        let member = self.name("affiliate.member", &record.member);
        let affiliate: Option<OwnerId> = self.name("affiliate.affiliate", &record.affiliate);
        let eligible = self.needed_period("affiliate.eligible", record.eligible.as_ref());
        if is_same(member.as_ref(), affiliate.as_ref()) {
            self.report("affiliate.affiliate", "is the member: a member is no affiliate of its own");
        }
        Some(Change::Affiliate { member: member?, affiliate: affiliate?, eligible: eligible? })
    }

    fn customer(&mut self, record: &v1::CustomerRecord) -> Option<Change> {
        let member = self.name("customer.member", &record.member);
        let customer: Option<OwnerId> = self.name("customer.customer", &record.customer);
        let opted_in = self.needed_period("customer.opted_in", record.opted_in.as_ref());
        // A link of the customer may move to the member, and its owner must not become the member then.
        if is_same(member.as_ref(), customer.as_ref()) {
            self.report("customer.customer", "is the member: a member is no customer of its own");
        }
        Some(Change::Customer { member: member?, customer: customer?, opted_in: opted_in? })
    }

    fn account(&mut self, record: &v1::AccountRecord) -> Option<Change> {
        let account = self.name("account.account", &record.account);
        let member = self.name("account.member", &record.member);
        let owner = self.name("account.owner", &record.owner);
        let usage = record.r#use();
        if usage == v1::AccountUse::Unspecified {
            self.report("account.use", "is not given or not known here: REGULAR or CROSS_MARGIN is needed");
        }
        Some(Change::Account(AccountRecord { account: account?, member: member?, owner: owner?, usage }))
    }

    fn document(&mut self, record: &v1::DocumentRecord) -> Option<Change> {
        let links = self.links("document.link_ids", &record.link_ids);
        let member = match record.member.as_str() {
            "" => Some(None),
            name => self.name("document.member", name).map(Some),
        };
        let kind = record.kind();
        if kind == v1::DocumentKind::Unspecified {
            self.report("document.kind", "is not given or not known here");
        }
        let digest = Digest::try_from(&record.digest[..]);
        let digest = digest.map_err(|error| self.report("document.digest", error.to_string())).ok();
        let dated = self.date("document.dated", &record.dated);
        let document = Document { digest: digest?, dated: dated? };
        Some(Change::Document { links: links?, member: member?, kind, document })
    }

    fn stage(&mut self, change: &v1::StageChange) -> Option<Change> {
        let links = self.links("stage.link_ids", &change.link_ids);
        let to = match change.to() {
            v1::LinkStage::Rehearsing => Some(Step::Rehearse),
            v1::LinkStage::Live => Some(Step::GoLive),
            v1::LinkStage::Closing => Some(Step::Close),
            v1::LinkStage::Closed => Some(Step::End),
            v1::LinkStage::Unspecified
            | v1::LinkStage::Proposed
            | v1::LinkStage::Documented
            | v1::LinkStage::Suspended => self.wrong(
                "stage.to",
                "REHEARSING, LIVE, CLOSING or CLOSED is needed; the other stages follow from links, documents and \
                 suspensions",
            ),
        };
        Some(Change::Stage { links: links?, to: to? })
    }

    fn suspended(&mut self, field: &str, suspension: &v1::Suspension) -> Option<Scope> {
        let scope = self.scope(field, suspension.scope.as_ref())?;
        if suspension.is_default && !matches!(scope, Scope::Member(_)) {
            self.report(&format!("{field}.is_default"), "a member is in default: give the scope as a member");
        }
        Some(scope)
    }

    fn approval(&mut self, record: &v1::ApprovalRecord) -> Option<Change> {
        let approval = self.name("approval.approval_id", &record.approval_id);
        let kind = record.kind();
        if kind == v1::ApprovalKind::Unspecified {
            self.report("approval.kind", "is not given or not known here");
        }
        for (field, text, least) in
            [("approval.reference", &record.reference, 1), ("approval.conditions", &record.conditions, 0)]
        {
            if !(least..=TEXT_CHARACTERS_MAX).contains(&text.chars().count()) {
                self.report(field, format!("{least} to {TEXT_CHARACTERS_MAX} characters are needed"));
            }
        }
        let scope: Vec<LinkKind> = record.scope().filter_map(LinkKind::from_wire).collect();
        if scope.is_empty() || scope.len() != record.scope.len() || scope.windows(2).any(|pair| pair[0] >= pair[1]) {
            self.report("approval.scope", "the kinds of links that it covers are needed, ascending, each once");
        }
        let effective_from = self.date("approval.effective_from", &record.effective_from);
        Some(Change::Approve(ApprovalRecord {
            approval: approval?,
            kind,
            reference: record.reference.clone(),
            scope,
            effective_from: effective_from?,
            conditions: record.conditions.clone(),
        }))
    }

    fn limit(&mut self, limit: &v1::ReductionOverride) -> Option<Change> {
        let scope = self.scope("override", limit.scope.as_ref());
        if limit.max_factor_bp > WHOLE_BP {
            self.report("override.max_factor_bp", format!("is {}: 0 to {WHOLE_BP} are needed", limit.max_factor_bp));
        }
        let in_force = self.needed_period("override.in_force", limit.in_force.as_ref());
        Some(Change::Override(Override { scope: scope?, max_factor_bp: limit.max_factor_bp, in_force: in_force? }))
    }

    fn package(&mut self, record: &v1::DefaultPackageRecord) -> Option<Change> {
        let suspension = self.suspension("default_package.suspension_id", &record.suspension_id);
        let digest = Digest::try_from(&record.package[..]);
        let digest = digest.map_err(|error| self.report("default_package.package", error.to_string())).ok();
        if record.size_bytes == 0 || record.size_bytes > PACKAGE_BYTES_MAX {
            self.report("default_package.size_bytes", format!("1 to {PACKAGE_BYTES_MAX} are needed"));
        }
        let package = Package { digest: digest?, size_bytes: record.size_bytes };
        Some(Change::Package { suspension: suspension?, package })
    }

    fn close_out(&mut self, choice: &v1::CloseOutChoice) -> Option<Change> {
        let suspension = self.suspension("close_out.suspension_id", &choice.suspension_id);
        let close_out = choice.close_out();
        if close_out == v1::CloseOut::Unspecified {
            self.report("close_out.close_out", "JOINT, TRANSFER or SEPARATE is needed");
        }
        Some(Change::CloseOut { suspension: suspension?, close_out })
    }

    fn loss_allocation(&mut self, record: &v1::LossAllocationRecord) -> Option<Change> {
        let suspension = self.suspension("loss_allocation.suspension_id", &record.suspension_id);
        let amount_cents = self.cents("loss_allocation.amount", &record.amount);
        if amount_cents.is_some_and(|cents| cents < 0) {
            self.report("loss_allocation.amount", "is below zero: the payer pays it");
        }
        let payer = self.programme.leg_of(&record.payer);
        if payer.is_none() && !record.payer.is_empty() {
            self.report("loss_allocation.payer", format!("{} is not a party", quoted(&record.payer)));
        } else if amount_cents.is_some_and(|cents| payer.is_some() != (cents != 0)) {
            self.report("loss_allocation.payer", "a payer is given where, and only where, there is an amount");
        }
        if !(1..=RULE_CHARACTERS_MAX).contains(&record.rule.chars().count()) {
            self.report("loss_allocation.rule", format!("1 to {RULE_CHARACTERS_MAX} characters are needed"));
        }
        let customer = self.pool("loss_allocation.customer", &record.customer);
        let allocation = LossAllocation { payer, amount_cents: amount_cents?, rule: record.rule.clone() };
        Some(Change::LossAllocation { suspension: suspension?, customer: customer?, allocation })
    }

    fn scope(&mut self, field: &str, wire: Option<&v1::Scope>) -> Option<Scope> {
        use v1::scope::Scope as Given;
        match wire.and_then(|wire| wire.scope.as_ref()) {
            Some(Given::LinkId(link)) => self.name(&format!("{field}.scope.link_id"), link).map(Scope::Link),
            Some(Given::Member(member)) => self.name(&format!("{field}.scope.member"), member).map(Scope::Member),
            Some(Given::Everything(true)) => Some(Scope::Everything),
            Some(Given::Everything(false)) | None => {
                self.wrong(&format!("{field}.scope"), "one of link_id, member or everything is needed")
            }
        }
    }

    fn links(&mut self, field: &str, names: &[String]) -> Option<Vec<LinkId>> {
        if names.is_empty() || names.len() > LINKS_MAX {
            return self.wrong(field, &format!("names {} links: 1 to {LINKS_MAX} are needed", names.len()));
        }
        let links: Vec<LinkId> = names
            .iter()
            .enumerate()
            .filter_map(|(place, name)| self.name(&format!("{field}[{place}]"), name))
            .collect();
        (links.len() == names.len()).then_some(links)
    }

    /// The customer of a pool, or none for the member's own; `None` where it is wrong.
    fn pool(&mut self, field: &str, customer: &str) -> Option<Option<OwnerId>> {
        if customer.is_empty() { Some(None) } else { self.name(field, customer).map(Some) }
    }

    fn suspension(&mut self, field: &str, text: &str) -> Option<SuspensionId> {
        SuspensionId::parse(text, self.programme).map_err(|reason| self.report(field, reason)).ok()
    }

    fn needed_period(&mut self, field: &str, wire: Option<&v1::DateRange>) -> Option<Period> {
        if wire.is_none() {
            return self.wrong(field, "is missing");
        }
        self.period(field, wire).flatten()
    }

    /// A period that may be left out; `None` where it is wrong.
    fn period(&mut self, field: &str, wire: Option<&v1::DateRange>) -> Option<Option<Period>> {
        let Some(wire) = wire else { return Some(None) };
        let from = self.date(&format!("{field}.from"), &wire.from);
        let until = match wire.until.as_str() {
            "" => None,
            text => Some(self.date(&format!("{field}.until"), text)?),
        };
        let from = from?;
        if let Some(until) = until.filter(|until| *until < from) {
            return self.wrong(&format!("{field}.until"), &format!("{until} is before from {from}"));
        }
        Some(Some(Period { from, until }))
    }

    fn date(&mut self, field: &str, text: &str) -> Option<Date> {
        // A date has one spelling: `2026-2-3` is none.
        let date = Date::strptime("%Y-%m-%d", text).ok().filter(|date| date.to_string() == text);
        date.or_else(|| self.wrong(field, &format!("{} is not a date: YYYY-MM-DD is needed", quoted(text))))
    }

    /// US dollars with at most two digits, as cents.
    fn cents(&mut self, field: &str, text: &str) -> Option<i64> {
        let is_plain = text.bytes().all(|letter| letter.is_ascii_digit() || b"-.".contains(&letter));
        let parsed = rust_decimal::Decimal::from_str_exact(text).ok();
        let parsed = parsed.filter(|amount| is_plain && amount.scale() <= 2);
        let cents = parsed.and_then(|amount| {
            let scale = 10_i128.pow(2 - amount.scale());
            i64::try_from(amount.mantissa() * scale).ok()
        });
        cents.or_else(|| {
            let text = quoted(text);
            self.wrong(field, &format!("{text} is not an amount: US dollars with at most two digits are needed"))
        })
    }

    fn name<T: std::str::FromStr<Err: std::fmt::Display>>(&mut self, field: &str, text: &str) -> Option<T> {
        text.parse::<T>().map_err(|error| self.report(field, error.to_string())).ok()
    }

    fn wrong<T>(&mut self, field: &str, reason: &str) -> Option<T> {
        self.report(field, reason);
        None
    }

    fn report(&mut self, field: &str, reason: impl Into<String>) {
        self.problems.push(ChangeProblem { row: self.row, field: field.to_owned(), reason: reason.into() });
    }
}

fn is_same(member: Option<&MemberId>, owner: Option<&OwnerId>) -> bool {
    member.is_some_and(|member| owner.is_some_and(|owner| owner.as_str() == member.as_str()))
}

fn quoted(text: &str) -> String {
    format!("{:?}", text.chars().take(QUOTED_CHARACTERS_MAX).collect::<String>())
}

fn needs_reason(change: &Wire) -> bool {
    matches!(
        change,
        Wire::Stage(_)
            | Wire::Suspension(_)
            | Wire::Lift(_)
            | Wire::ApprovalWithdrawal(_)
            | Wire::Override(_)
            | Wire::Port(_)
            | Wire::CloseOut(_)
    )
}
