//! What a house's log says of links: terms, stages, moves.

use std::{collections::BTreeMap, sync::Arc};

use super::{Log, OwnLink, Refused, document_name, not_recorded, note_entry, refused};
use crate::arrangement::{
    leg::Leg,
    link::{self, LinkKind, LinkTerms},
    name::LinkId,
    programme::Programme,
    registry::{
        change::{AccountRecord, Port, Step},
        stage::Stage,
    },
};

impl Log {
    pub(super) fn take_link(
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

    pub(super) fn take_stage(
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

    pub(super) fn take_port(&mut self, port: &Port, sequence: u64) -> Result<(), Vec<Refused>> {
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
    pub(super) fn each_link(
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

    pub(super) fn note(&mut self, link: &LinkId, sequence: u64) {
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
}
