//! One house's own log: the fold over its entries. What an entry may say depends on this log alone, so both houses judge
//! it alike, whatever they hold of the other one.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use crossmargin::v1;
use jiff::civil::Date;

use super::{
    change::{
        AccountRecord, ApprovalRecord, Change, Document, LossAllocation, MemberRecord, Override, Package, Port, Scope,
        Step, Suspension, SuspensionId,
    },
    chunked::ChunkedMap,
    stage::Stage,
};
use crate::arrangement::{
    digest::Digest,
    leg::{Leg, Pair},
    link::{self, LinkKind, LinkTerms},
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

    fn take_link(
        &mut self,
        terms: &LinkTerms,
        by: Leg,
        sequence: u64,
        programme: &Programme,
    ) -> Result<(), Vec<Refused>> {
        let mut found = Vec::new();
        let before = self.links.get(&terms.link);
        if let Some(own) = before {
            let stage = own.stage(programme);
            if own.terms == *terms {
                let text = format!("{} is recorded with these terms already; it is {stage}", terms.link);
                found.push(("link.link_id".to_owned(), text));
            } else if own.word.is_some() {
                let text = format!(
                    "{} is recorded and this house's word on it is {stage}: terms change while it is proposed or \
                     documented alone; close it and propose another",
                    terms.link
                );
                found.push(("link.link_id".to_owned(), text));
            }
        }
        for (leg, account) in terms.accounts.iter() {
            if let Some(other) = self.accounts[leg].get(account).filter(|other| **other != terms.link) {
                let text = format!("{account} already stands in link {other}: it may stand in one link only");
                found.push((format!("link.{}", link::account_field(leg)), text));
            }
        }
        let account = self.own_accounts.get(&terms.accounts[by]).filter(|account| account.owner != terms.owner);
        if let Some(AccountRecord { account, owner, .. }) = account {
            let text = format!("{account} is recorded as an account of {owner}: an account has one owner");
            found.push((format!("link.{}", link::account_field(by)), text));
        }
        if !found.is_empty() {
            return Err(found);
        }
        let mut own = match before {
            Some(own) => own.as_ref().clone(),
            None => OwnLink {
                terms: terms.clone(),
                word: None,
                documents: BTreeMap::new(),
                ports: BTreeMap::new(),
                entries: Vec::new(),
            },
        };
        let former = std::mem::replace(&mut own.terms, terms.clone());
        if (former.kind, &former.member, &former.owner) != (terms.kind, &terms.member, &terms.owner) {
            // What the former parties signed does not bind others.
            own.documents.clear();
        }
        note_entry(&mut own, sequence);
        self.free(&former);
        for (leg, account) in terms.accounts.iter() {
            self.accounts[leg].insert(account.clone(), terms.link.clone());
        }
        self.links.insert(terms.link.clone(), Arc::new(own));
        Ok(())
    }

    fn take_stage(
        &mut self,
        links: &[LinkId],
        to: Step,
        sequence: u64,
        programme: &Programme,
    ) -> Result<(), Vec<Refused>> {
        let mut ended = Vec::new();
        self.each_link("stage.link_ids", links, |own| {
            let stage = own.stage(programme);
            let missing: Vec<String> = own.own_missing_documents(programme).map(document_name).collect();
            let link = &own.terms.link;
            stage.after(to).map_err(|reason| match (stage, to) {
                (Stage::Proposed, Step::Rehearse) => {
                    format!("{link}: {reason}; this house holds no {}: record it first", missing.join(", "))
                }
                _ => format!("{link}: {reason}"),
            })?;
            own.word = Some(to);
            note_entry(own, sequence);
            if to == Step::End {
                ended.push(own.terms.clone());
            }
            Ok(())
        })?;
        ended.iter().for_each(|terms| self.free(terms));
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

    fn take_port(&mut self, port: &Port, sequence: u64) -> Result<(), Vec<Refused>> {
        let Some(own) = self.links.get(&port.link).cloned() else {
            return refused("port.link_id", not_recorded(&port.link));
        };
        if own.terms.kind != LinkKind::Customer {
            return refused("port.link_id", format!("{} is no customer's link: only those move", port.link));
        }
        match own.word {
            Some(Step::Rehearse | Step::GoLive) => {}
            // Its terms can still change, and a move keeps the account and the owner of today.
            None => {
                let text = format!("this house has not consented to {}: amend its terms instead", port.link);
                return refused("port.link_id", text);
            }
            Some(Step::Close | Step::End) => {
                return refused("port.link_id", format!("{} is closing or closed: it does not move", port.link));
            }
        }
        if !self.customers.contains_key(&(port.to.clone(), own.terms.owner.clone())) {
            let text = format!("{} is not recorded as a customer of {}: record that first", own.terms.owner, port.to);
            return refused("port.to_member", text);
        }
        let before = own.ports.iter().rev().find(|((from, _), _)| *from <= port.effective_from);
        if let Some(((from, to), _)) = before.filter(|((from, to), _)| *from == port.effective_from && *to != port.to) {
            let text = format!("{} moves to {to} on {from} already: it can move on from the day after", port.link);
            return refused("port.effective_from", text);
        }
        // A later move to where this house's own last one leads is no repetition: that one may lack the other house, and on
        // its date the houses may differ for good. Whether the link is there by both is a matter of both logs.
        let is_there = match before {
            None => own.terms.member == port.to,
            Some(((from, to), _)) => *from == port.effective_from && *to == port.to,
        };
        if is_there {
            let text = format!("{} is at {} on {} already", port.link, port.to, port.effective_from);
            return refused("port.to_member", text);
        }
        let mut own = own.as_ref().clone();
        let terms = LinkTerms { member: port.to.clone(), ..own.terms.clone() };
        own.ports.insert((port.effective_from, port.to.clone()), terms);
        note_entry(&mut own, sequence);
        self.links.insert(port.link.clone(), Arc::new(own));
        Ok(())
    }

    /// Changes each of some links that this house recorded.
    fn each_link(
        &mut self,
        field: &str,
        links: &[LinkId],
        mut change: impl FnMut(&mut OwnLink) -> Result<(), String>,
    ) -> Result<(), Vec<Refused>> {
        let mut found = Vec::new();
        for (place, link) in links.iter().enumerate() {
            let changed = match self.links.get_mut(link) {
                Some(own) => change(Arc::make_mut(own)),
                None => Err(not_recorded(link)),
            };
            found.extend(changed.err().map(|reason| (format!("{field}[{place}]"), reason)));
        }
        if found.is_empty() { Ok(()) } else { Err(found) }
    }

    fn note(&mut self, link: &LinkId, sequence: u64) {
        if let Some(own) = self.links.get_mut(link) {
            note_entry(Arc::make_mut(own), sequence);
        }
    }

    /// The accounts of a link that is over, or amended, stand in no link.
    fn free(&mut self, terms: &LinkTerms) {
        for (leg, account) in terms.accounts.iter() {
            if self.accounts[leg].get(account) == Some(&terms.link) {
                self.accounts[leg].remove(account);
            }
        }
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
