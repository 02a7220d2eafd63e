//! Whether a link is live, straight from the list of what was recorded: as a reader of both logs would do it by hand, with
//! texts alone. It shares nothing with the registry but the contract.

use std::collections::{BTreeMap, BTreeSet};

use crossmargin::v1::{self, programme_change::Change as Wire};

use super::{
    histories::Sent,
    wire::{APPROVALS, documents_of, of_everything, of_link, of_member},
    *,
};

/// Changes with the place where each stands.
pub(super) struct Records(Vec<(Leg, u64, usize, Wire)>);

impl Records {
    pub(super) fn of(entries: &[Sent]) -> Self {
        let mut all = Vec::new();
        for Sent { leg, entry, .. } in entries {
            let RegistryContent::Changes(batch) = &entry.content else { continue };
            let changes = batch.changes.iter().filter_map(|change| change.change.clone()).enumerate();
            all.extend(changes.map(|(place, change)| (*leg, entry.sequence, place, change)));
        }
        Self(all)
    }

    fn by(&self, leg: Leg) -> impl Iterator<Item = &Wire> {
        self.0.iter().filter(move |(by, ..)| *by == leg).map(|(.., change)| change)
    }

    fn last<T>(&self, leg: Leg, pick: impl Fn(&Wire) -> Option<T>) -> Option<T> {
        self.by(leg).filter_map(pick).last()
    }

    /// The terms that a house recorded last.
    pub(super) fn terms(&self, leg: Leg, link: &str) -> Option<v1::LinkTerms> {
        self.last(leg, |change| match change {
            Wire::Link(terms) if terms.link_id == link => Some(terms.clone()),
            _ => None,
        })
    }

    /// The stage that a house recorded last.
    pub(super) fn word(&self, leg: Leg, link: &str) -> Option<v1::LinkStage> {
        self.last(leg, |change| match change {
            Wire::Stage(stage) if stage.link_ids.iter().any(|id| id == link) => Some(stage.to()),
            _ => None,
        })
    }

    /// The terms on a date where both houses recorded the same: with the newest move that both recorded.
    pub(super) fn terms_on(&self, link: &str, date: &str) -> Option<v1::LinkTerms> {
        let [ours, theirs] = Leg::BOTH.map(|leg| self.terms(leg, link));
        let mut terms = ours.filter(|ours| theirs.as_ref() == Some(ours))?;
        let moves = |leg| {
            let moves = self.by(leg).filter_map(|change| match change {
                Wire::Port(port) if port.link_id == link && port.effective_from.as_str() <= date => {
                    Some((port.effective_from.clone(), port.to_member.clone()))
                }
                _ => None,
            });
            moves.collect::<BTreeSet<_>>()
        };
        if let Some((_, to)) = moves(Leg::Treasury).intersection(&moves(Leg::Futures)).last() {
            terms.member.clone_from(to);
        }
        Some(terms)
    }

    /// Whether every single condition of a live link holds on a date.
    pub(super) fn is_live(&self, link: &str, date: &str) -> bool {
        let Some(terms) = self.terms_on(link, date) else { return false };
        let is_met_by = |leg: Leg| {
            self.word(leg, link) == Some(v1::LinkStage::Live)
                && self.has_documents(leg, link, &terms.member, date)
                && self.is_member_fit(leg, &terms, date)
                && self.is_owner_fit(leg, &terms, date)
                && self.is_designated(leg, &terms)
                && self.is_at_member(leg, &terms)
        };
        Leg::BOTH.into_iter().all(is_met_by)
            && !self.is_suspended(&terms)
            && (terms.kind() != v1::LinkKind::Customer
                || APPROVALS.iter().all(|kind| self.is_approved(*kind, terms.kind(), date)))
    }

    /// The smallest limit in force that touches the link, of each house's last word on each scope and first day.
    pub(super) fn cap_bp(&self, terms: &v1::LinkTerms, date: &str) -> u32 {
        let mut cap = 10_000;
        for scope in [of_link(&terms.link_id), of_member(&terms.member), of_everything()] {
            for leg in Leg::BOTH {
                let limits = self.by(leg).filter_map(|change| match change {
                    Wire::Override(limit) if limit.scope == scope => {
                        limit.in_force.clone().zip(Some(limit.max_factor_bp))
                    }
                    _ => None,
                });
                let mut words = BTreeMap::new();
                limits.for_each(|(period, most)| drop(words.insert(period.from.clone(), (period, most))));
                let in_force = words.into_values().filter(|(period, _)| holds(Some(period), date));
                cap = in_force.map(|(_, most)| most).chain([cap]).min().unwrap();
            }
        }
        cap
    }

    /// The documents of a member, signed by a date, that a house took since the parties of the link are what they are.
    fn has_documents(&self, leg: Leg, link: &str, member: &str, date: &str) -> bool {
        let mut held = BTreeSet::new();
        let mut parties: Option<(i32, String, String)> = None;
        for change in self.by(leg) {
            match change {
                Wire::Link(terms) if terms.link_id == link => {
                    let new = (terms.kind, terms.member.clone(), terms.owner.clone());
                    if parties.as_ref() != Some(&new) {
                        held.clear();
                    }
                    parties = Some(new);
                }
                Wire::Document(document) if document.link_ids.iter().any(|id| id == link) => {
                    let of_terms = parties.as_ref().map(|(_, member, _)| member.as_str());
                    let binds = if document.member.is_empty() { of_terms } else { Some(document.member.as_str()) };
                    if binds == Some(member) && document.dated.as_str() <= date {
                        held.insert(document.kind());
                    }
                }
                _ => {}
            }
        }
        documents_of(link).iter().all(|kind| held.contains(kind))
    }

    fn is_member_fit(&self, leg: Leg, terms: &v1::LinkTerms, date: &str) -> bool {
        let record = self.last(leg, |change| match change {
            Wire::Member(record) if record.member == terms.member => Some(record.clone()),
            _ => None,
        });
        let Some(record) = record else { return false };
        let is_registered =
            holds(record.broker_dealer.as_ref(), date) && holds(record.futures_commission_merchant.as_ref(), date);
        holds(record.membership.as_ref(), date) && (is_registered || terms.kind() != v1::LinkKind::Customer)
    }

    fn is_owner_fit(&self, leg: Leg, terms: &v1::LinkTerms, date: &str) -> bool {
        let period = self.last(leg, |change| match change {
            Wire::Affiliate(record)
                if terms.kind() == v1::LinkKind::Affiliate
                    && (&record.member, &record.affiliate) == (&terms.member, &terms.owner) =>
            {
                record.eligible.clone()
            }
            Wire::Customer(record)
                if terms.kind() == v1::LinkKind::Customer
                    && (&record.member, &record.customer) == (&terms.member, &terms.owner) =>
            {
                record.opted_in.clone()
            }
            _ => None,
        });
        terms.kind() == v1::LinkKind::House || holds(period.as_ref(), date)
    }

    fn is_designated(&self, leg: Leg, terms: &v1::LinkTerms) -> bool {
        let own = if leg == Leg::Treasury { &terms.treasury_account } else { &terms.futures_account };
        let usage = self.last(leg, |change| match change {
            Wire::Account(record) if record.account == *own => Some(record.r#use()),
            _ => None,
        });
        usage.is_none_or(|usage| usage == v1::AccountUse::CrossMargin)
    }

    /// Whether a house that has recorded its account of the link has recorded it at the link's member.
    fn is_at_member(&self, leg: Leg, terms: &v1::LinkTerms) -> bool {
        let own = if leg == Leg::Treasury { &terms.treasury_account } else { &terms.futures_account };
        let member = self.last(leg, |change| match change {
            Wire::Account(record) if record.account == *own => Some(record.member.clone()),
            _ => None,
        });
        member.is_none_or(|member| member == terms.member)
    }

    fn is_suspended(&self, terms: &v1::LinkTerms) -> bool {
        self.0.iter().any(|(leg, sequence, place, change)| {
            let Wire::Suspension(suspension) = change else { return false };
            let touches = match suspension.scope.as_ref().and_then(|scope| scope.scope.as_ref()) {
                Some(v1::scope::Scope::LinkId(link)) => *link == terms.link_id,
                Some(v1::scope::Scope::Member(member)) => *member == terms.member,
                _ => true,
            };
            let house = if *leg == Leg::Treasury { "FICC" } else { "CME" };
            let id = format!("{house}/{sequence}/{place}");
            let lifts = |leg| self.by(leg).any(|change| matches!(change, Wire::Lift(lift) if lift.suspension_id == id));
            touches && !(lifts(Leg::Treasury) && lifts(Leg::Futures))
        })
    }

    fn is_approved(&self, kind: v1::ApprovalKind, of: v1::LinkKind, date: &str) -> bool {
        let recorded = |leg, id: &str| {
            self.last(leg, |change| match change {
                Wire::Approval(record) if record.approval_id == id => Some(record.clone()),
                _ => None,
            })
        };
        let is_withdrawn = |id: &str| {
            self.0.iter().any(|(.., change)| {
                matches!(change, Wire::ApprovalWithdrawal(end) if end.approval_id == id && end.from.as_str() <= date)
            })
        };
        ["A", "B"].into_iter().map(|name| format!("{name}-{}", kind as i32)).any(|id| {
            let [ours, theirs] = Leg::BOTH.map(|leg| recorded(leg, &id));
            let both = ours.filter(|ours| theirs.as_ref() == Some(ours));
            both.is_some_and(|record| {
                record.kind() == kind
                    && record.scope().any(|covered| covered == of)
                    && record.effective_from.as_str() <= date
                    && !is_withdrawn(&id)
            })
        })
    }
}

/// Texts of dates compare as dates do.
fn holds(period: Option<&v1::DateRange>, date: &str) -> bool {
    period.is_some_and(|period| {
        period.from.as_str() <= date && (period.until.is_empty() || date <= period.until.as_str())
    })
}
