//! One house's own log: the fold over its entries. What an entry may say depends on this log alone, so both houses judge
//! it alike, whatever they hold of the other one.

mod links;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use crossmargin::v1;
use jiff::civil::Date;

use super::{
    change::{
        AccountRecord, ApprovalRecord, Change, Document, LossAllocation, MemberRecord, Override, Package, Scope, Step,
        Suspension, SuspensionId,
    },
    chunked::ChunkedMap,
    stage::Stage,
};
use crate::arrangement::{
    digest::Digest,
    leg::{Leg, Pair},
    link::LinkTerms,
    name::{AccountId, ApprovalId, LinkId, MemberId, OwnerId},
    programme::{Period, Programme},
};

/// What is wrong with a change at this log: the field and the reason.
pub(super) type Refused = (String, String);

/// The fold over one house's entries. Cloning is cheap: the collections are shared until one changes.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(super) struct Log {
    /// Payload digests of the entries.
    pub(super) entries: Arc<Vec<Digest>>,
    pub(super) adopted: Option<Digest>,
    pub(super) members: Arc<BTreeMap<MemberId, MemberRecord>>,
    pub(super) affiliates: ChunkedMap<(MemberId, OwnerId), Period>,
    pub(super) customers: ChunkedMap<(MemberId, OwnerId), Period>,
    pub(super) own_accounts: ChunkedMap<AccountId, AccountRecord>,
    pub(super) links: ChunkedMap<LinkId, Arc<OwnLink>>,
    /// Which link an account of each leg stands in; an account of a closed link stands in none.
    pub(super) accounts: Pair<ChunkedMap<AccountId, LinkId>>,
    pub(super) suspensions: Arc<BTreeMap<SuspensionId, Suspension>>,
    pub(super) lifts: Arc<BTreeSet<SuspensionId>>,
    pub(super) approvals: Arc<BTreeMap<ApprovalId, ApprovalRecord>>,
    pub(super) withdrawals: Arc<BTreeMap<ApprovalId, Date>>,
    /// By scope and first day.
    pub(super) overrides: Arc<BTreeMap<Scope, BTreeMap<Date, Override>>>,
    pub(super) packages: Arc<BTreeMap<SuspensionId, Package>>,
    pub(super) close_outs: Arc<BTreeMap<SuspensionId, v1::CloseOut>>,
    pub(super) liquidations: Arc<BTreeMap<(SuspensionId, Option<OwnerId>), i64>>,
    pub(super) allocations: Arc<BTreeMap<(SuspensionId, Option<OwnerId>), LossAllocation>>,
}

/// What one house recorded of a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct OwnLink {
    pub(super) terms: LinkTerms,
    /// The last step that the house consented to; `None` before the first.
    pub(super) word: Option<Step>,
    /// The documents by the member that they bind, with their digests by kind and date.
    pub(super) documents: BTreeMap<MemberId, BTreeMap<(v1::DocumentKind, Date), Digest>>,
    /// The terms from a business date on, by moves to other members.
    pub(super) ports: BTreeMap<(Date, MemberId), LinkTerms>,
    /// The entries of the log that name the link, ascending.
    pub(super) entries: Vec<u64>,
}

impl OwnLink {
    /// The documents that its kind requires and that the house does not hold of a member, dated by a date.
    pub(super) fn missing_documents<'a>(
        &'a self,
        programme: &'a Programme,
        member: &MemberId,
        date: Date,
    ) -> impl Iterator<Item = v1::DocumentKind> + 'a {
        let required = programme.requires(self.terms.kind).documents.iter();
        let held = self.documents.get(member);
        required
            .copied()
            .filter(move |kind| held.is_none_or(|held| held.range((*kind, Date::MIN)..=(*kind, date)).next().is_none()))
    }

    /// The documents that the house lacks of the member of the terms, whatever their dates: what its own word needs. On
    /// which dates they count is a matter of both logs.
    fn own_missing_documents<'a>(&'a self, programme: &'a Programme) -> impl Iterator<Item = v1::DocumentKind> + 'a {
        self.missing_documents(programme, &self.terms.member, Date::MAX)
    }

    /// Where the link stands by this house's word alone.
    pub(super) fn stage(&self, programme: &Programme) -> Stage {
        match self.word {
            Some(step) => step.stage(),
            None if self.own_missing_documents(programme).next().is_none() => Stage::Documented,
            None => Stage::Proposed,
        }
    }
}

impl Log {
    pub(super) fn sequence(&self) -> u64 {
        self.entries.len() as u64
    }

    /// Payload digest of the last entry; zeros before the first.
    pub(super) fn head(&self) -> Digest {
        self.entries.last().copied().unwrap_or_default()
    }

    pub(super) fn entry(&self, sequence: u64) -> Option<Digest> {
        let at = usize::try_from(sequence.checked_sub(1)?).ok()?;
        self.entries.get(at).copied()
    }

    /// Takes a change, the one in `place` of entry `sequence`. `by` is the leg of the house whose log this is.
    ///
    /// # Errors
    /// Every problem, by field. The log may have taken a part of the change then, and is to be dropped.
    pub(super) fn take(
        &mut self,
        change: &Change,
        by: Leg,
        (sequence, place): (u64, u32),
        programme: &Programme,
    ) -> Result<(), Vec<Refused>> {
        match change {
            Change::Member(record) => put(&mut self.members, record.member.clone(), record.clone()),
            Change::Affiliate { member, affiliate, eligible } => {
                self.known_member("affiliate.member", member)?;
                self.affiliates.insert((member.clone(), affiliate.clone()), *eligible);
            }
            Change::Customer { member, customer, opted_in } => {
                self.known_member("customer.member", member)?;
                self.customers.insert((member.clone(), customer.clone()), *opted_in);
            }
            Change::Account(record) => self.take_account(record, by)?,
            Change::Link(terms) => self.take_link(terms, by, sequence, programme)?,
            Change::Document { links, member, kind, document } => {
                if let Some(member) = member {
                    self.known_member("document.member", member)?;
                }
                self.each_link("document.link_ids", links, |own| {
                    if own.word == Some(Step::End) {
                        return Err(format!("{} is closed: it takes no document", own.terms.link));
                    }
                    let member = member.as_ref().unwrap_or(&own.terms.member).clone();
                    let Document { digest, dated } = *document;
                    own.documents.entry(member).or_default().insert((*kind, dated), digest);
                    note_entry(own, sequence);
                    Ok(())
                })?;
            }
            Change::Stage { links, to } => self.take_stage(links, *to, sequence, programme)?,
            Change::Suspend(suspension) => {
                self.known_scope("suspension.scope", &suspension.scope, sequence)?;
                put(&mut self.suspensions, SuspensionId { by, sequence, place }, suspension.clone());
            }
            Change::Lift(id) => {
                if id.by == by && !self.suspensions.contains_key(id) {
                    return refused("lift.suspension_id", "this house recorded no such suspension");
                }
                if !Arc::make_mut(&mut self.lifts).insert(*id) {
                    return refused("lift.suspension_id", "this house consented already; the other house has to");
                }
                if let Some(Suspension { scope: Scope::Link(link), .. }) = self.suspensions.get(id).cloned() {
                    self.note(&link, sequence);
                }
            }
            Change::Approve(record) => self.take_approval(record)?,
            Change::Withdraw { approval, from } => {
                if !self.approvals.contains_key(approval) {
                    let text =
                        format!("this house recorded no approval {approval}: see `crossmargin programme approvals`");
                    return refused("approval_withdrawal.approval_id", text);
                }
                let first = self.withdrawals.get(approval).map_or(*from, |before| *from.min(before));
                put(&mut self.withdrawals, approval.clone(), first);
            }
            Change::Override(limit) => {
                self.known_scope("override.scope", &limit.scope, sequence)?;
                let of_scope = Arc::make_mut(&mut self.overrides).entry(limit.scope.clone()).or_default();
                of_scope.insert(limit.in_force.from, limit.clone());
            }
            Change::Port(port) => self.take_port(port, sequence)?,
            Change::Package { suspension, package } => {
                self.own_default(by, "default_package.suspension_id", *suspension)?;
                put(&mut self.packages, *suspension, *package);
            }
            Change::CloseOut { suspension, close_out } => {
                self.own_default(by, "close_out.suspension_id", *suspension)?;
                put(&mut self.close_outs, *suspension, *close_out);
            }
            Change::Liquidation { suspension, customer, result_cents } => {
                self.own_default(by, "liquidation.suspension_id", *suspension)?;
                put(&mut self.liquidations, (*suspension, customer.clone()), *result_cents);
            }
            Change::LossAllocation { suspension, customer, allocation } => {
                self.own_default(by, "loss_allocation.suspension_id", *suspension)?;
                put(&mut self.allocations, (*suspension, customer.clone()), allocation.clone());
            }
        }
        Ok(())
    }

    fn take_account(&mut self, record: &AccountRecord, by: Leg) -> Result<(), Vec<Refused>> {
        self.known_member("account.member", &record.member)?;
        let link = self.accounts[by].get(&record.account).and_then(|link| self.links.get(link));
        if let Some(own) = link.filter(|own| own.terms.owner != record.owner) {
            let LinkTerms { link, owner, .. } = &own.terms;
            let text = format!("{} stands in link {link} of owner {owner}: an account has one owner", record.account);
            return refused("account.owner", text);
        }
        self.own_accounts.insert(record.account.clone(), record.clone());
        Ok(())
    }

    fn take_approval(&mut self, record: &ApprovalRecord) -> Result<(), Vec<Refused>> {
        let approval = &record.approval;
        if self.withdrawals.contains_key(approval) {
            let text = format!("{approval} was withdrawn: record the new approval under another id");
            return refused("approval.approval_id", text);
        }
        if self.approvals.get(approval) == Some(record) {
            return refused("approval.approval_id", format!("{approval} is recorded like this already"));
        }
        put(&mut self.approvals, approval.clone(), record.clone());
        Ok(())
    }

    fn known_member(&self, field: &str, member: &MemberId) -> Result<(), Vec<Refused>> {
        if self.members.contains_key(member) {
            return Ok(());
        }
        refused(field, format!("{member} is not recorded by this house: record the member first"))
    }

    fn known_scope(&mut self, field: &str, scope: &Scope, sequence: u64) -> Result<(), Vec<Refused>> {
        match scope {
            Scope::Link(link) if !self.links.contains_key(link) => {
                refused(&format!("{field}.link_id"), not_recorded(link))
            }
            Scope::Link(link) => {
                self.note(&link.clone(), sequence);
                Ok(())
            }
            Scope::Member(member) => self.known_member(&format!("{field}.member"), member),
            Scope::Everything => Ok(()),
        }
    }

    /// Of a suspension that this house recorded: that it is one of a member in default. The other house's are not here.
    fn own_default(&self, by: Leg, field: &str, id: SuspensionId) -> Result<(), Vec<Refused>> {
        if id.by != by {
            return Ok(());
        }
        match self.suspensions.get(&id) {
            Some(suspension) if suspension.is_default => Ok(()),
            Some(_) => refused(field, "is not the suspension of a member in default: suspend it as one"),
            None => refused(field, "this house recorded no such suspension"),
        }
    }
}

/// The name of a kind of document, as the contract writes it.
pub(super) fn document_name(kind: v1::DocumentKind) -> String {
    kind.as_str_name().trim_start_matches("DOCUMENT_KIND_").to_owned()
}

fn not_recorded(link: &LinkId) -> String {
    format!("this house has not recorded link {link}: record its terms first")
}

fn note_entry(own: &mut OwnLink, sequence: u64) {
    if own.entries.last() != Some(&sequence) {
        own.entries.push(sequence);
    }
}

fn put<K: Ord + Clone, V: Clone>(map: &mut Arc<BTreeMap<K, V>>, key: K, value: V) {
    Arc::make_mut(map).insert(key, value);
}

fn refused(field: &str, reason: impl Into<String>) -> Result<(), Vec<Refused>> {
    Err(vec![(field.to_owned(), reason.into())])
}
