//! The registry of the programme: the join of both houses' own logs.
//!
//! Each house writes its own log alone, and what an entry may say depends on that log alone. Whatever needs both houses
//! (a link's terms, its stage, an approval, the lifting of a suspension) is a function of the two logs, so it does not
//! depend on the order in which entries of the two arrived: both houses come to the same registry, whatever happened at
//! once. What the houses recorded differently is in force nowhere, and named.

pub mod change;
mod chunked;
mod effect;
mod join;
mod log;
mod obstacle;
mod parties;
mod request;
pub mod stage;
mod standing;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use crossmargin::v1;
use jiff::civil::Date;

use self::log::Log;
pub use self::{
    change::{Change, ChangeProblem, Scope, SuspensionId},
    join::{JoinedApproval, JoinedLink, JoinedPort, JoinedSuspension},
    obstacle::{Obstacle, Remark},
    request::Asked,
    stage::Stage,
    standing::{OnDate, Standing},
};
use super::{
    digest::Digest,
    evidence::{BATCH_CHANGES_MAX, ChangeBatch, RegistryContent, RegistryEntry},
    leg::{Leg, Pair},
    link::{LinkMode, LinkTerms},
    name::{AccountId, LinkId},
    programme::{Programme, Rules},
};

/// Both logs and their join. Cloning is cheap: a claim keeps the registry that it was computed from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registry {
    rules: Rules,
    logs: Pair<Log>,
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
    /// Changes with problems.
    #[error("{} problems with changes; the first: {}", .0.len(), .0.first().map(ToString::to_string).unwrap_or_default())]
    Changes(Vec<ChangeProblem>),
}

impl Registry {
    /// The registry before the first entry.
    #[must_use]
    pub fn new(rules: Rules) -> Self {
        Self { rules, logs: Pair::default() }
    }

    /// What the programme requires.
    #[must_use]
    pub fn programme(&self) -> &Programme {
        &self.rules
    }

    /// Records an entry of one house's log, all of it or nothing. `digest` is its payload digest.
    ///
    /// # Errors
    /// The entry contradicts, skips or does not continue the log, or some changes have problems; all of them are named.
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
            RegistryContent::Changes(ChangeBatch { changes, .. }) if !is_first => {
                self.logs[leg] = self.with_changes(leg, changes).map_err(RegistryError::Changes)?;
            }
            _ => return Err(RegistryError::Adoption(entry.sequence)),
        }
        Arc::make_mut(&mut self.logs[leg].entries).push(digest);
        Ok(Recorded::Now)
    }

    /// A house's log with the changes of its next entry.
    fn with_changes(&self, leg: Leg, changes: &[v1::ProgrammeChange]) -> Result<Log, Vec<ChangeProblem>> {
        if changes.is_empty() || changes.len() > BATCH_CHANGES_MAX {
            let reason = format!("{} are given: 1 to {BATCH_CHANGES_MAX} are needed", changes.len());
            return Err(vec![ChangeProblem { row: 0, field: "change".to_owned(), reason }]);
        }
        let mut log = self.logs[leg].clone();
        let sequence = log.sequence() + 1;
        let mut problems = Vec::new();
        for (row, wire) in changes.iter().enumerate() {
            let Some(change) = change::read(row, wire, &self.rules, &mut problems) else { continue };
            // Invariant: a batch has at most `BATCH_CHANGES_MAX` changes.
            let place = u32::try_from(row).unwrap_or(u32::MAX);
            if let Err(found) = log.take(&change, leg, (sequence, place), &self.rules) {
                problems.extend(found.into_iter().map(|(field, reason)| ChangeProblem { row, field, reason }));
            }
        }
        if problems.is_empty() { Ok(log) } else { Err(problems) }
    }

    /// The next entry of a house's own log: its number and the digest that it continues.
    #[must_use]
    pub fn next(&self, leg: Leg) -> (u64, Digest) {
        (self.sequence(leg) + 1, self.logs[leg].head())
    }

    /// Payload digest of an entry of a house's log; `None` where it has no such entry.
    #[must_use]
    pub fn entry_digest(&self, leg: Leg, sequence: u64) -> Option<Digest> {
        self.logs[leg].entry(sequence)
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

    /// The links that take part in the cycles of a business date with their terms and modes, ascending by link.
    pub fn links_on(&self, date: Date) -> impl Iterator<Item = (&LinkTerms, LinkMode)> {
        let on = self.on(date);
        self.logs.treasury.links.keys().filter_map(move |link| on.link(link))
    }

    /// A link that takes part in the cycles of a business date, with its terms and mode.
    #[must_use]
    pub fn link_on(&self, link: &LinkId, date: Date) -> Option<(&LinkTerms, LinkMode)> {
        self.on(date).link(link)
    }

    /// The terms of a link on a date, at whatever stage it is; `None` unless both houses recorded the same.
    #[must_use]
    pub fn terms_on(&self, link: &LinkId, date: Date) -> Option<&LinkTerms> {
        let own = Pair::from_fn(|leg| self.logs[leg].links.get(link)).both()?;
        if own.treasury.terms != own.futures.terms {
            return None;
        }
        // A move is in effect where both recorded it. It cannot be taken back, so the newest in effect does not depend on
        // what else one house recorded.
        let moves = own.treasury.ports.iter().rev();
        let moves = moves.filter(|((from, _), _)| *from <= date);
        let moved = moves.filter(|(key, _)| own.futures.ports.contains_key(key)).map(|(_, terms)| terms).next();
        Some(moved.unwrap_or(&own.treasury.terms))
    }

    /// Whether the house of `leg` has recorded a link with this account of its own that is not closed.
    #[must_use]
    pub fn has_recorded(&self, leg: Leg, account: &AccountId) -> bool {
        self.logs[leg].accounts[leg].contains_key(account)
    }

    /// Whether the house of `leg` knows the account as its own: it stands in a link, or is recorded as an account.
    #[must_use]
    pub fn is_own_account(&self, leg: Leg, account: &AccountId) -> bool {
        self.has_recorded(leg, account) || self.logs[leg].own_accounts.contains_key(account)
    }

    /// An account that the house of `leg` recorded as its own.
    #[must_use]
    pub fn own_account(&self, leg: Leg, account: &AccountId) -> Option<&change::AccountRecord> {
        self.logs[leg].own_accounts.get(account)
    }

    /// The accounts of its own that the house of `leg` has recorded in links that are not closed, ascending.
    pub fn recorded_accounts(&self, leg: Leg) -> impl Iterator<Item = &AccountId> {
        self.logs[leg].accounts[leg].keys()
    }

    /// The link that the house of `leg` has recorded with this account of its own.
    #[must_use]
    pub fn link_of_account(&self, leg: Leg, account: &AccountId) -> Option<&LinkId> {
        self.logs[leg].accounts[leg].get(account)
    }
}
