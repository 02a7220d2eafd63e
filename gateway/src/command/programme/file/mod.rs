//! A batch of changes as a TOML document.
//!
//! Each kind of change is an array of tables by the contract's name, `[[member]]`, `[[link]]`, and its keys are the
//! contract's fields. The changes are recorded in the order in which their tables stand in the file: each counts for those
//! after it, and a second list of their order could only contradict it.

mod fields;

use std::path::Path;

use crossmargin::v1::{self, programme_change::Change, scope::Scope};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use self::fields::{Fields, Source};
use super::kinds::{ApprovalName, DocumentName, LinkKindName, StepName, UseName, ascending};
use crate::command::{failure::Failure, links::sha256, recording::Batch};

/// The arrays of a file, by the contract's names of changes.
const KINDS: [&str; 13] = [
    "member",
    "affiliate",
    "customer",
    "account",
    "link",
    "document",
    "stage",
    "suspension",
    "lift",
    "approval",
    "approval_withdrawal",
    "override",
    "port",
];

/// Reads the changes of a file.
///
/// # Errors
/// Every problem, by line and field.
pub(super) fn read(path: &Path) -> Result<Batch, Failure> {
    let label = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| Failure::of(&format!("--file {label}"), &error))?;
    parse(&text, &label, path.parent().unwrap_or(Path::new("")))
}

/// Reads changes from the text of a file that `label` names in errors; files of documents are named from `folder`.
///
/// # Errors
/// Every problem, by line and field.
pub fn parse(text: &str, label: &str, folder: &Path) -> Result<Batch, Failure> {
    let source = Source::new(text, label, folder);
    let (document, wrong) = DeTable::parse_recoverable(text);
    let mut problems: Vec<String> = wrong
        .iter()
        .map(|error| format!("{}: {}", source.place(error.span().map_or(0, |span| span.start)), error.message()))
        .collect();
    if !problems.is_empty() {
        return Err(Failure::new(problems.join("\n")));
    }
    let mut tables = tables(document.get_ref(), &source, &mut problems);
    tables.sort_by_key(|(at, ..)| *at);
    if tables.is_empty() && problems.is_empty() {
        problems.push(format!("{label}: holds no changes: [[{}]] are known", KINDS.join("]], [[")));
    }
    let mut batch = Batch::default();
    for (at, kind, table) in tables {
        let mut fields = Fields::new(&source, kind, at, table, &mut problems);
        let change = change(kind, &mut fields);
        let reason = fields.maybe_text("reason").unwrap_or_default();
        fields.finish();
        batch.changes.push(v1::ProgrammeChange { reason, change: Some(change) });
        batch.places.push(source.place(at));
    }
    if problems.is_empty() { Ok(batch) } else { Err(Failure::new(problems.join("\n"))) }
}

/// The tables of all arrays with their place in the text and their kind.
fn tables<'a>(
    document: &'a DeTable<'a>,
    source: &Source<'_>,
    problems: &mut Vec<String>,
) -> Vec<(usize, &'static str, &'a DeTable<'a>)> {
    let mut found = Vec::new();
    for (key, value) in document {
        let Some(kind) = KINDS.into_iter().find(|kind| *kind == &**key.get_ref()) else {
            let known = KINDS.join("]], [[");
            problems.push(format!(
                "{}: {} is no change: [[{known}]] are",
                source.place(key.span().start),
                key.get_ref()
            ));
            continue;
        };
        let Some(array) = value.get_ref().as_array() else {
            problems.push(format!("{}: a table for each change is needed: [[{kind}]]", source.place(key.span().start)));
            continue;
        };
        for element in array.iter() {
            let at = element.span().start;
            match element.get_ref().as_table() {
                Some(table) => found.push((at, kind, table)),
                None => problems.push(format!("{}: a table is needed: [[{kind}]]", source.place(at))),
            }
        }
    }
    found
}

/// The change of a table. What is missing or wrong has been reported, and stands empty.
fn change(kind: &str, fields: &mut Fields<'_>) -> Change {
    match kind {
        "member" => Change::Member(v1::MemberRecord {
            member: fields.text("member"),
            broker_dealer: fields.maybe_period("broker_dealer"),
            futures_commission_merchant: fields.maybe_period("futures_commission_merchant"),
            membership: fields.maybe_period("membership"),
        }),
        "affiliate" => Change::Affiliate(v1::AffiliateRecord {
            affiliate: fields.text("affiliate"),
            member: fields.text("member"),
            eligible: fields.period("eligible"),
        }),
        "customer" => Change::Customer(v1::CustomerRecord {
            customer: fields.text("customer"),
            member: fields.text("member"),
            opted_in: fields.period("opted_in"),
        }),
        "account" => Change::Account(v1::AccountRecord {
            account: fields.text("account"),
            member: fields.text("member"),
            owner: fields.text("owner"),
            r#use: fields.named::<UseName>("use").map(v1::AccountUse::from).unwrap_or_default().into(),
        }),
        "link" => Change::Link(v1::LinkTerms {
            link_id: fields.text("link_id"),
            kind: fields.named::<LinkKindName>("kind").map(v1::LinkKind::from).unwrap_or_default().into(),
            member: fields.text("member"),
            owner: fields.text("owner"),
            treasury_account: fields.text("treasury_account"),
            futures_account: fields.text("futures_account"),
        }),
        "document" => Change::Document(v1::DocumentRecord {
            link_ids: fields.texts("link_ids"),
            kind: fields.named::<DocumentName>("kind").map(v1::DocumentKind::from).unwrap_or_default().into(),
            digest: fields.digest(sha256),
            dated: fields.date("dated"),
            member: fields.maybe_text("member").unwrap_or_default(),
        }),
        "stage" => Change::Stage(v1::StageChange {
            link_ids: fields.texts("link_ids"),
            to: fields.named::<StepName>("to").map(v1::LinkStage::from).unwrap_or_default().into(),
        }),
        "suspension" => {
            Change::Suspension(v1::Suspension { scope: scope(fields), is_default: fields.flag("is_default") })
        }
        "lift" => Change::Lift(v1::Lift { suspension_id: fields.text("suspension_id") }),
        "approval" => Change::Approval(v1::ApprovalRecord {
            approval_id: fields.text("approval_id"),
            kind: fields.named::<ApprovalName>("kind").map(v1::ApprovalKind::from).unwrap_or_default().into(),
            reference: fields.text("reference"),
            scope: ascending(fields.all_named::<LinkKindName>("scope")),
            effective_from: fields.date("effective_from"),
            conditions: fields.maybe_text("conditions").unwrap_or_default(),
        }),
        "approval_withdrawal" => Change::ApprovalWithdrawal(v1::ApprovalWithdrawal {
            approval_id: fields.text("approval_id"),
            from: fields.date("from"),
        }),
        "override" => Change::Override(v1::ReductionOverride {
            scope: scope(fields),
            max_factor_bp: fields.number("max_factor_bp"),
            in_force: fields.period("in_force"),
        }),
        // Every other kind has been told to be none.
        _ => Change::Port(v1::Port {
            link_id: fields.text("link_id"),
            to_member: fields.text("to_member"),
            effective_from: fields.date("effective_from"),
        }),
    }
}

/// What a suspension or an override is about: exactly one of three keys.
fn scope(fields: &mut Fields<'_>) -> Option<v1::Scope> {
    let given = [
        fields.maybe_text("link_id").map(Scope::LinkId),
        fields.maybe_text("member").map(Scope::Member),
        fields.flag("everything").then_some(Scope::Everything(true)),
    ];
    let mut given = given.into_iter().flatten();
    let scope = given.next();
    if scope.is_none() || given.next().is_some() {
        fields.report("scope", "exactly one of link_id, member and everything is needed");
    }
    Some(v1::Scope { scope })
}

/// A value of the document with its place.
type Value<'a> = Spanned<DeValue<'a>>;

#[cfg(test)]
mod tests;
