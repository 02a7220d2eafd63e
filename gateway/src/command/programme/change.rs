//! A recorded change as readers see it: in a sentence, and as JSON with every field.

use crossmargin::v1::{self, programme_change::Change, scope::Scope};
use serde::Serialize;
use serde_json::{Value, json};

use super::period;
use crate::command::output::{self, instant, small};

/// A change as it stands in a house's log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ChangeView {
    /// The house whose log it stands in.
    pub house: String,
    /// The entry.
    pub sequence: u64,
    /// Its place in the entry, from 0.
    pub place: u32,
    /// When, by the clock of the house.
    pub at: String,
    /// Role and certificate of the caller.
    pub by: String,
    /// `member`, `link`, `stage`, ...: the change's name in the contract.
    pub change: &'static str,
    /// What, for a reader.
    pub what: String,
    /// Why; may be empty.
    pub reason: String,
    /// The fields of the change, by the contract's names.
    pub fields: Value,
}

impl From<&v1::LoggedChange> for ChangeView {
    fn from(from: &v1::LoggedChange) -> Self {
        let recorded = from.recorded.clone().unwrap_or_default();
        let change = from.change.clone().unwrap_or_default();
        let (name, what, fields) = match &change.change {
            Some(recorded) => (name(recorded), what(recorded), fields(recorded)),
            None => ("", String::new(), Value::Null),
        };
        Self {
            house: from.house.clone(),
            sequence: from.sequence,
            place: from.place,
            at: instant(recorded.at.as_ref()),
            by: recorded.by,
            change: name,
            what,
            reason: change.reason,
            fields,
        }
    }
}

impl ChangeView {
    /// Where it stands, as suspensions are named.
    #[must_use]
    pub fn id(&self) -> String {
        format!("{}/{}/{}", self.house, self.sequence, self.place)
    }

    /// The change in one line.
    #[must_use]
    pub fn line(&self) -> String {
        let reason = if self.reason.is_empty() { String::new() } else { format!("  ({})", self.reason) };
        format!("{}  {:<12}  {}{reason}  by {}", output::seconds(&self.at), self.id(), self.what, who(&self.by))
    }
}

/// Role and subject of a caller, without the certificate's number.
pub fn who(by: &str) -> &str {
    by.split_once(", certificate ").map_or(by, |(who, _)| who)
}

fn name(change: &Change) -> &'static str {
    match change {
        Change::Member(_) => "member",
        Change::Affiliate(_) => "affiliate",
        Change::Customer(_) => "customer",
        Change::Account(_) => "account",
        Change::Link(_) => "link",
        Change::Document(_) => "document",
        Change::Stage(_) => "stage",
        Change::Suspension(_) => "suspension",
        Change::Lift(_) => "lift",
        Change::Approval(_) => "approval",
        Change::ApprovalWithdrawal(_) => "approval_withdrawal",
        Change::Override(_) => "override",
        Change::Port(_) => "port",
        Change::DefaultPackage(_) => "default_package",
        Change::CloseOut(_) => "close_out",
        Change::Liquidation(_) => "liquidation",
        Change::LossAllocation(_) => "loss_allocation",
    }
}

/// A change in a sentence.
fn what(change: &Change) -> String {
    match change {
        Change::Member(r) => {
            let kept = [
                ("clearing member", &r.membership),
                ("broker-dealer", &r.broker_dealer),
                ("futures commission merchant", &r.futures_commission_merchant),
            ];
            let kept: Vec<String> = kept
                .iter()
                .filter_map(|(what, period)| Some(format!("{what} {}", period::words(Some(period.as_ref()?)))))
                .collect();
            let kept = if kept.is_empty() { "neither member nor registered".to_owned() } else { kept.join(", ") };
            format!("member {}: {kept}", r.member)
        }
        Change::Affiliate(r) => {
            format!("affiliate {} of {}: eligible {}", r.affiliate, r.member, period::words(r.eligible.as_ref()))
        }
        Change::Customer(r) => {
            format!("customer {} of {}: opted in {}", r.customer, r.member, period::words(r.opted_in.as_ref()))
        }
        Change::Account(r) => {
            let usage = small(r.r#use().as_str_name(), "ACCOUNT_USE_");
            format!("account {} of {} at {}: {usage}", r.account, r.owner, r.member)
        }
        Change::Link(t) => format!(
            "link {}: {} of {} at {}, accounts {} and {}",
            t.link_id,
            small(t.kind().as_str_name(), "LINK_KIND_"),
            t.owner,
            t.member,
            t.treasury_account,
            t.futures_account
        ),
        Change::Document(r) => {
            let kind = small(r.kind().as_str_name(), "DOCUMENT_KIND_").replace('_', " ");
            let digest = output::short(&hex::encode(&r.digest));
            let at = if r.member.is_empty() { String::new() } else { format!(" at {}", r.member) };
            format!("{kind} dated {} for {}{at}, SHA-256 {digest}", r.dated, listed(&r.link_ids))
        }
        Change::Stage(s) => format!("{} to {}", listed(&s.link_ids), small(s.to().as_str_name(), "LINK_STAGE_")),
        Change::Suspension(s) => {
            let default = if s.is_default { " in default" } else { "" };
            format!("suspends {}{default}", scope(s.scope.as_ref()))
        }
        Change::Lift(l) => format!("consents to lifting {}", l.suspension_id),
        Change::Approval(r) => format!(
            "approval {} ({}): {} for {} from {}",
            r.approval_id,
            small(r.kind().as_str_name(), "APPROVAL_KIND_"),
            r.reference,
            kinds(r).join(", "),
            r.effective_from
        ),
        Change::ApprovalWithdrawal(w) => format!("withdraws approval {} from {}", w.approval_id, w.from),
        Change::Override(o) => format!(
            "grants {} at most {} {}",
            scope(o.scope.as_ref()),
            output::percent(o.max_factor_bp),
            period::words(o.in_force.as_ref())
        ),
        Change::Port(p) => format!("{} moves to {} on {}", p.link_id, p.to_member, p.effective_from),
        Change::DefaultPackage(r) => {
            let digest = output::short(&hex::encode(&r.package));
            format!("default package {digest} of {}", r.suspension_id)
        }
        Change::CloseOut(c) => {
            format!("close-out of {}: {}", c.suspension_id, small(c.close_out().as_str_name(), "CLOSE_OUT_"))
        }
        Change::Liquidation(r) => {
            format!("liquidation of {}{} came to {}", r.suspension_id, of_customer(&r.customer), r.result)
        }
        Change::LossAllocation(r) if r.payer.is_empty() => {
            format!("nobody pays for {}{}, by rule {}", r.suspension_id, of_customer(&r.customer), r.rule)
        }
        Change::LossAllocation(r) => {
            let customer = of_customer(&r.customer);
            format!("{} pays {} for {}{customer}, by rule {}", r.payer, r.amount, r.suspension_id, r.rule)
        }
    }
}

/// The fields of a change by the contract's names, periods as they are typed.
fn fields(change: &Change) -> Value {
    let days = |range: &Option<v1::DateRange>| period::text(range.as_ref());
    match change {
        Change::Member(r) => json!({
            "member": r.member,
            "broker_dealer": days(&r.broker_dealer),
            "futures_commission_merchant": days(&r.futures_commission_merchant),
            "membership": days(&r.membership),
        }),
        Change::Affiliate(r) => json!({"affiliate": r.affiliate, "member": r.member, "eligible": days(&r.eligible)}),
        Change::Customer(r) => json!({"customer": r.customer, "member": r.member, "opted_in": days(&r.opted_in)}),
        Change::Account(r) => json!({
            "account": r.account,
            "member": r.member,
            "owner": r.owner,
            "use": small(r.r#use().as_str_name(), "ACCOUNT_USE_"),
        }),
        Change::Link(t) => json!({
            "link_id": t.link_id,
            "kind": small(t.kind().as_str_name(), "LINK_KIND_"),
            "member": t.member,
            "owner": t.owner,
            "treasury_account": t.treasury_account,
            "futures_account": t.futures_account,
        }),
        Change::Document(r) => json!({
            "link_ids": r.link_ids,
            "kind": small(r.kind().as_str_name(), "DOCUMENT_KIND_"),
            "digest": hex::encode(&r.digest),
            "dated": r.dated,
            "member": r.member,
        }),
        Change::Stage(s) => json!({"link_ids": s.link_ids, "to": small(s.to().as_str_name(), "LINK_STAGE_")}),
        Change::Suspension(s) => json!({"scope": scope_fields(s.scope.as_ref()), "is_default": s.is_default}),
        Change::Lift(l) => json!({"suspension_id": l.suspension_id}),
        Change::Approval(r) => json!({
            "approval_id": r.approval_id,
            "kind": small(r.kind().as_str_name(), "APPROVAL_KIND_"),
            "reference": r.reference,
            "scope": kinds(r),
            "effective_from": r.effective_from,
            "conditions": r.conditions,
        }),
        Change::ApprovalWithdrawal(w) => json!({"approval_id": w.approval_id, "from": w.from}),
        Change::Override(o) => json!({
            "scope": scope_fields(o.scope.as_ref()),
            "max_factor_bp": o.max_factor_bp,
            "in_force": days(&o.in_force),
        }),
        Change::Port(p) => {
            json!({"link_id": p.link_id, "to_member": p.to_member, "effective_from": p.effective_from})
        }
        Change::DefaultPackage(r) => json!({
            "suspension_id": r.suspension_id,
            "package": hex::encode(&r.package),
            "size_bytes": r.size_bytes,
        }),
        Change::CloseOut(c) => json!({
            "suspension_id": c.suspension_id,
            "close_out": small(c.close_out().as_str_name(), "CLOSE_OUT_"),
        }),
        Change::Liquidation(r) => {
            json!({"suspension_id": r.suspension_id, "result": r.result, "customer": r.customer})
        }
        Change::LossAllocation(r) => json!({
            "suspension_id": r.suspension_id,
            "payer": r.payer,
            "amount": r.amount,
            "rule": r.rule,
            "customer": r.customer,
        }),
    }
}

/// Whose pool a result or an allocation is about, where it is a customer's.
fn of_customer(customer: &str) -> String {
    if customer.is_empty() { String::new() } else { format!(", customer {customer},") }
}

/// What a suspension or an override is about, for a reader.
pub fn scope(scope: Option<&v1::Scope>) -> String {
    match scope.and_then(|scope| scope.scope.as_ref()) {
        Some(Scope::LinkId(link)) => format!("link {link}"),
        Some(Scope::Member(member)) => format!("member {member}"),
        Some(Scope::Everything(_)) => "everything".to_owned(),
        None => String::new(),
    }
}

/// What a suspension or an override is about, as JSON: `{"link_id": ...}`, `{"member": ...}` or `{"everything": true}`.
pub fn scope_fields(scope: Option<&v1::Scope>) -> Value {
    match scope.and_then(|scope| scope.scope.as_ref()) {
        Some(Scope::LinkId(link)) => json!({"link_id": link}),
        Some(Scope::Member(member)) => json!({"member": member}),
        Some(Scope::Everything(is)) => json!({"everything": is}),
        None => Value::Null,
    }
}

/// The kinds of links that an approval covers.
pub fn kinds(record: &v1::ApprovalRecord) -> Vec<String> {
    record.scope().map(|kind| small(kind.as_str_name(), "LINK_KIND_")).collect()
}

/// Some links, the first of them by name.
fn listed(links: &[String]) -> String {
    const NAMED: usize = 5;
    let named = links.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    let links_text = if links.len() == 1 { "link" } else { "links" };
    match links.len().saturating_sub(NAMED) {
        0 => format!("{links_text} {named}"),
        more => format!("{links_text} {named} and {more} more"),
    }
}

#[cfg(test)]
mod tests;
