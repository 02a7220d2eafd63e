//! The registry of links: the join of both houses' own logs.
//!
//! Each house writes its own log alone. A link is in force once both logs hold it on the same terms.

use std::{collections::BTreeMap, sync::Arc};

use crossmargin::v1;

use super::{
    digest::Digest,
    evidence::{BATCH_LINKS_MAX, RegistryContent, RegistryEntry},
    leg::{Leg, Pair},
    link::{self, LinkKind, LinkMode, LinkProblem, LinkTerms},
    name::{AccountId, LinkId},
    parties::ArrangementMode,
};

/// Both logs and their join. Cloning is cheap: a claim keeps the registry that it was computed from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Registry {
    mode: ArrangementMode,
    logs: Pair<Log>,
    /// Links that both logs hold on the same terms.
    in_force: Arc<BTreeMap<LinkId, LinkTerms>>,
}

/// What became of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// It is now part of the registry.
    Now,
    /// It was part of it before.
    Before,
}

/// Why an entry is not part of the registry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    /// There is another entry with this number: the house contradicts itself.
    #[error("entry {sequence} is already recorded with other content ({recorded})")]
    Contradiction {
        /// The number.
        sequence: u64,
        /// Payload digest of the recorded entry.
        recorded: Digest,
    },
    /// Entries before it are missing.
    #[error("sequence: is {found}, but {needed} comes next: send the entries between first")]
    Gap {
        /// As given.
        found: u64,
        /// What comes next.
        needed: u64,
    },
    /// It does not continue the recorded entries.
    #[error("previous: is {found}, but the entry before has digest {needed}")]
    Chain {
        /// As given.
        found: Digest,
        /// Payload digest of the entry before, or zeros.
        needed: Digest,
    },
    /// The first entry must be an adoption, and only the first.
    #[error("entry: the first entry adopts the arrangement and no other does, but this is number {0}")]
    Adoption(u64),
    /// Links with problems.
    #[error("{} problems with links; the first: {}", .0.len(), .0.first().map(ToString::to_string).unwrap_or_default())]
    Links(Vec<LinkProblem>),
}

/// A link as the join sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinedLink<'a> {
    /// What each house recorded; at least one did.
    pub terms: Pair<Option<&'a LinkTerms>>,
    /// Whether the agreed reduction is charged once the link is in force.
    pub mode: LinkMode,
    /// Whether both houses recorded the same terms.
    pub is_in_force: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
struct Log {
    /// Payload digests of the entries.
    entries: Arc<Vec<Digest>>,
    adopted: Option<Digest>,
    links: Arc<BTreeMap<LinkId, LinkTerms>>,
    /// Which link an account of each leg stands in.
    accounts: Pair<Arc<BTreeMap<AccountId, LinkId>>>,
}

impl Registry {
    /// The registry before the first entry.
    #[must_use]
    pub fn new(mode: ArrangementMode) -> Self {
        Self { mode, logs: Pair::default(), in_force: Arc::default() }
    }

    /// Records an entry of one house's log, all of it or nothing. `digest` is its payload digest.
    ///
    /// # Errors
    /// The entry contradicts, skips or does not continue the log, or some links have problems; all of them are named.
    pub fn record(&mut self, leg: Leg, entry: &RegistryEntry, digest: Digest) -> Result<Recorded, RegistryError> {
        let log = &self.logs[leg];
        if let Some(recorded) = log.entry(entry.sequence) {
            let sequence = entry.sequence;
            let contradiction = RegistryError::Contradiction { sequence, recorded };
            return if recorded == digest { Ok(Recorded::Before) } else { Err(contradiction) };
        }
        let needed = log.sequence() + 1;
        if entry.sequence != needed {
            return Err(RegistryError::Gap { found: entry.sequence, needed });
        }
        if entry.previous != log.head() {
            return Err(RegistryError::Chain { found: entry.previous, needed: log.head() });
        }
        let is_first = entry.sequence == 1;
        match &entry.content {
            RegistryContent::Adoption(arrangement) if is_first => self.logs[leg].adopted = Some(*arrangement),
            RegistryContent::Links(rows) if !is_first => {
                let links = self.check_links(leg, rows).map_err(RegistryError::Links)?;
                self.add(leg, links);
            }
            _ => return Err(RegistryError::Adoption(entry.sequence)),
        }
        Arc::make_mut(&mut self.logs[leg].entries).push(digest);
        Ok(Recorded::Now)
    }

    /// Checks links that a house is about to record.
    ///
    /// # Errors
    /// All problems, by row and field.
    pub fn check_links(&self, leg: Leg, rows: &[v1::LinkTerms]) -> Result<Vec<LinkTerms>, Vec<LinkProblem>> {
        if rows.is_empty() || rows.len() > BATCH_LINKS_MAX {
            let reason = format!("{} links are given: 1 to {BATCH_LINKS_MAX} are needed", rows.len());
            return Err(vec![LinkProblem { row: 0, field: "links", reason }]);
        }
        let conflicts = self.logs[leg].conflicts(rows);
        match link::parse_batch(rows) {
            Ok(links) if conflicts.is_empty() => Ok(links),
            Ok(_) => Err(conflicts),
            Err(mut problems) => {
                problems.extend(conflicts);
                problems.sort_by_key(|problem| problem.row);
                Err(problems)
            }
        }
    }

    /// The next entry of a house's own log: its number and the digest that it continues.
    #[must_use]
    pub fn next(&self, leg: Leg) -> (u64, Digest) {
        (self.sequence(leg) + 1, self.logs[leg].head())
    }

    /// Number of the last entry of a house's log; 0 before the first.
    #[must_use]
    pub fn sequence(&self, leg: Leg) -> u64 {
        self.logs[leg].sequence()
    }

    /// Digest of the arrangement that each house has adopted.
    #[must_use]
    pub fn adopted(&self) -> Pair<Option<Digest>> {
        Pair::from_fn(|leg| self.logs[leg].adopted)
    }

    /// Whether both houses have adopted the arrangement with this digest. Without it nothing can be agreed.
    #[must_use]
    pub fn is_adopted_by_both(&self, arrangement: Digest) -> bool {
        Leg::BOTH.into_iter().all(|leg| self.logs[leg].adopted == Some(arrangement))
    }

    /// Digest of both logs: their lengths and heads, which chain everything before.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let logs = Leg::BOTH.map(|leg| {
            let log = &self.logs[leg];
            [log.sequence().to_le_bytes().as_slice(), log.head().as_bytes()].concat()
        });
        Digest::of_parts("crossmargin/v1 registry", logs.iter().map(Vec::as_slice))
    }

    /// The links in force with their modes, ascending by link.
    pub fn links(&self) -> impl ExactSizeIterator<Item = (&LinkTerms, LinkMode)> {
        self.in_force.values().map(|terms| (terms, self.mode_of(terms.kind)))
    }

    /// A link in force and its mode.
    #[must_use]
    pub fn link(&self, link: &LinkId) -> Option<(&LinkTerms, LinkMode)> {
        self.in_force.get(link).map(|terms| (terms, self.mode_of(terms.kind)))
    }

    /// Whether the house of `leg` has recorded a link with this account of its own, in force or not.
    #[must_use]
    pub fn has_recorded(&self, leg: Leg, account: &AccountId) -> bool {
        self.logs[leg].accounts[leg].contains_key(account)
    }

    /// Whether the house of `leg` has recorded this account of its own, whatever it is for.
    #[must_use]
    pub fn is_own_account(&self, leg: Leg, account: &AccountId) -> bool {
        self.has_recorded(leg, account)
    }

    /// The accounts of its own that the house of `leg` has recorded in links, in force or not, ascending.
    pub fn recorded_accounts(&self, leg: Leg) -> impl Iterator<Item = &AccountId> {
        self.logs[leg].accounts[leg].keys()
    }

    /// The link in force that an account of a leg stands in.
    #[must_use]
    pub fn link_of_account(&self, leg: Leg, account: &AccountId) -> Option<(&LinkTerms, LinkMode)> {
        self.link(self.logs[leg].accounts[leg].get(account)?)
    }

    /// Every link that at least one house recorded after `after`, ascending by link.
    pub fn joined<'a>(&'a self, after: Option<&LinkId>) -> impl Iterator<Item = JoinedLink<'a>> {
        use std::ops::Bound::{Excluded, Unbounded};
        let range = (after.map_or(Unbounded, Excluded), Unbounded);
        let mut logs = self.logs.as_ref().map(|log| log.links.range::<LinkId, _>(range).peekable());
        std::iter::from_fn(move || {
            let heads = Pair::from_fn(|leg| logs[leg].peek().map(|(link, _)| (*link).clone()));
            let next = [heads.treasury, heads.futures].into_iter().flatten().min()?;
            let terms = Pair::from_fn(|leg| logs[leg].next_if(|(link, _)| **link == next).map(|(_, terms)| terms));
            let kind = terms.treasury.or(terms.futures)?.kind;
            let is_in_force = terms.treasury == terms.futures;
            Some(JoinedLink { terms, mode: self.mode_of(kind), is_in_force })
        })
    }

    /// Customer links stay in rehearsal: no approval that they need is on record.
    fn mode_of(&self, kind: LinkKind) -> LinkMode {
        match (self.mode, kind) {
            (ArrangementMode::Live, LinkKind::House | LinkKind::Affiliate) => LinkMode::Live,
            (ArrangementMode::Rehearsal, _) | (_, LinkKind::Customer) => LinkMode::Rehearsal,
        }
    }

    fn add(&mut self, leg: Leg, links: Vec<LinkTerms>) {
        for terms in links {
            if self.logs[leg.other()].links.get(&terms.link) == Some(&terms) {
                Arc::make_mut(&mut self.in_force).insert(terms.link.clone(), terms.clone());
            }
            let log = &mut self.logs[leg];
            for (account_leg, account) in terms.accounts.iter() {
                Arc::make_mut(&mut log.accounts[account_leg]).insert(account.clone(), terms.link.clone());
            }
            Arc::make_mut(&mut log.links).insert(terms.link.clone(), terms);
        }
    }
}

impl JoinedLink<'_> {
    /// What is missing before the link is in force, for a reader of the house of `own`; empty when nothing is.
    #[must_use]
    pub fn explanation(&self, own: Leg) -> String {
        match (self.terms[own], self.terms[own.other()]) {
            _ if self.is_in_force => String::new(),
            (Some(_), None) => "the other house has not recorded this link".to_owned(),
            (None, _) => "this house has not recorded this link".to_owned(),
            (Some(ours), Some(theirs)) => {
                let differs = [
                    ("kind", ours.kind != theirs.kind),
                    ("member", ours.member != theirs.member),
                    ("owner", ours.owner != theirs.owner),
                    ("treasury_account", ours.accounts.treasury != theirs.accounts.treasury),
                    ("futures_account", ours.accounts.futures != theirs.accounts.futures),
                ];
                let fields: Vec<&str> =
                    differs.iter().filter(|(_, differs)| *differs).map(|(field, _)| *field).collect();
                format!("the houses recorded different terms: {}", fields.join(", "))
            }
        }
    }
}

impl Log {
    fn sequence(&self) -> u64 {
        self.entries.len() as u64
    }

    /// Payload digest of the last entry; zeros before the first.
    fn head(&self) -> Digest {
        self.entries.last().copied().unwrap_or_default()
    }

    fn entry(&self, sequence: u64) -> Option<Digest> {
        let at = usize::try_from(sequence.checked_sub(1)?).ok()?;
        self.entries.get(at).copied()
    }

    /// Links and accounts of a batch that the log holds already.
    fn conflicts(&self, rows: &[v1::LinkTerms]) -> Vec<LinkProblem> {
        let mut problems = Vec::new();
        for (row, wire) in rows.iter().enumerate() {
            let mut report = |field, reason| problems.push(LinkProblem { row, field, reason });
            if let Some(terms) = self.links.get(wire.link_id.as_str()) {
                report("link_id", format!("{} is already recorded", terms.link));
            }
            for leg in Leg::BOTH {
                let account = link::account_text(wire, leg);
                if let Some(other) = self.accounts[leg].get(account) {
                    let reason = format!("{account} already stands in link {other}: it may stand in one link only");
                    report(link::account_field(leg), reason);
                }
            }
        }
        problems
    }
}

#[cfg(test)]
mod tests;
