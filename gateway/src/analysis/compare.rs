//! The current and the next models side by side.

use std::sync::{Arc, Mutex, PoisonError};

use crossmargin::v1;
use risk::{
    margin::JointMargin,
    model::{Model, ModelVersion},
};

use super::{AnalysisError, Analyst, claimed::Claimed, figures};
use crate::{
    arrangement::{
        cycle_id::{CycleId, Round},
        leg::Leg,
        link::LinkTerms,
        name::LinkId,
    },
    reading::Visibility,
};

/// Links of a claim under the models in force and under the next ones.
pub(crate) struct Comparison {
    /// The cycle.
    pub(crate) cycle: CycleId,
    /// The round.
    pub(crate) round: Round,
    /// Both houses' models in force on the business date.
    pub(crate) current: [ModelVersion; 2],
    /// Both houses' next models; the one in force where a house names none.
    pub(crate) next: [ModelVersion; 2],
    /// Ascending by link.
    links: Vec<Compared>,
}

/// Whole comparisons that are kept.
const KEPT: usize = 3;

/// The whole comparisons that were made last, by claim.
#[derive(Default)]
pub(super) struct KeptComparisons(Mutex<Vec<(ClaimKey, Arc<Slot>)>>);

type ClaimKey = (CycleId, Round);

/// The place of one comparison. It is held while the comparison is made, so that who asks for the same one meanwhile
/// waits for it; who asks for another one does not.
#[derive(Default)]
struct Slot(Mutex<Option<Arc<Comparison>>>);

/// A link under the current and the next models.
pub(crate) struct Compared {
    /// The link.
    pub(crate) terms: LinkTerms,
    current: JointMargin,
    next: JointMargin,
}

impl Analyst {
    /// The margins of a cycle under the models in force and under the next ones, on the inputs of this house's claim: of
    /// the links that the caller sees. Who sees every link finds the last comparisons kept.
    ///
    /// # Errors
    /// The cycle or what it was computed from is not here, the figures under the models in force are not those of the
    /// claim, or there is no next model.
    pub(crate) fn compare(
        &self,
        cycle: Option<CycleId>,
        round: Option<Round>,
        visibility: &Visibility,
    ) -> Result<Arc<Comparison>, AnalysisError> {
        let claimed = self.claimed(cycle, round)?;
        let compare = || self.compare_claim(&claimed, visibility).map(Arc::new);
        match visibility {
            Visibility::All => self.compared.get((claimed.cycle, claimed.round), compare),
            Visibility::Member(_) | Visibility::Owner(_) => compare(),
        }
    }

    fn compare_claim(&self, claimed: &Claimed, visibility: &Visibility) -> Result<Comparison, AnalysisError> {
        let date = claimed.job.business_date;
        let schedules = Leg::BOTH.map(|leg| &self.context.arrangement.models[leg]);
        let current = schedules.map(|models| models.in_force(date));
        let next = schedules.map(|models| models.next(date).map(|(_, model)| model));
        if next == [None, None] {
            return Err(AnalysisError::Precondition(format!(
                "the arrangement names no model after {} and {}, which are in force on {date}: add the next one to its \
                 models with the date from which on it holds",
                current[0].version, current[1].version
            )));
        }
        claimed.check_engine()?;
        let next = [0, 1].map(|house: usize| next[house].unwrap_or(current[house]));
        let computer = &self.context.computer;
        let inputs = computer.round_inputs(&claimed.job)?;
        let under = |models: [&Model; 2]| computer.margins_under(models, &inputs, |terms| visibility.shows(terms));
        let pairs = under(current)?.into_iter().zip(under(next)?);
        let links = pairs.map(|((terms, current), (_, next))| {
            let current = claimed.confirmed(computer, &terms, &current)?;
            // An override is a house's decision, not the model's: it holds under the next models too.
            let next = computer.granting_at_most(next, claimed.cap(&terms.link)?);
            Ok(Compared { terms, current, next })
        });
        Ok(Comparison {
            cycle: claimed.cycle,
            round: claimed.round,
            current: current.map(|model| model.version.clone()),
            next: next.map(|model| model.version.clone()),
            links: links.collect::<Result<_, AnalysisError>>()?,
        })
    }
}

impl KeptComparisons {
    /// The comparison of a claim, made if it is not kept. One that fails is made again by the next who asks.
    fn get(
        &self,
        key: ClaimKey,
        compare: impl FnOnce() -> Result<Arc<Comparison>, AnalysisError>,
    ) -> Result<Arc<Comparison>, AnalysisError> {
        let slot = self.slot(key);
        // Invariant: a panic leaves the slot empty, it is filled at once.
        let mut kept = slot.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(comparison) = kept.as_ref() {
            return Ok(Arc::clone(comparison));
        }
        let comparison = compare()?;
        *kept = Some(Arc::clone(&comparison));
        Ok(comparison)
    }

    fn slot(&self, key: ClaimKey) -> Arc<Slot> {
        // Invariant: a panic leaves whole entries behind, each is pushed or removed at once.
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, slot)) = slots.iter().find(|(known, _)| *known == key) {
            return Arc::clone(slot);
        }
        if slots.len() >= KEPT {
            slots.remove(0);
        }
        let slot = Arc::new(Slot::default());
        slots.push((key, Arc::clone(&slot)));
        slot
    }
}

impl Comparison {
    /// The links after one, ascending.
    pub(crate) fn links<'a>(&'a self, after: Option<&'a LinkId>) -> impl Iterator<Item = &'a Compared> {
        self.links.iter().filter(move |compared| after.is_none_or(|after| compared.terms.link > *after))
    }
}

impl Compared {
    /// For the wire.
    pub(crate) fn to_wire(&self) -> v1::ModelComparison {
        v1::ModelComparison {
            link: Some(self.terms.to_wire()),
            current: Some(figures::joint(&self.current)),
            next: Some(figures::joint(&self.next)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Barrier,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    };

    use super::*;

    fn comparison((cycle, round): ClaimKey) -> Result<Arc<Comparison>, AnalysisError> {
        let versions = || [0, 1].map(|_| ModelVersion(String::new()));
        Ok(Arc::new(Comparison { cycle, round, current: versions(), next: versions(), links: Vec::new() }))
    }

    fn key(round: u32) -> ClaimKey {
        ("2026-02-13/ITD/1".parse().unwrap(), Round(round))
    }

    #[test]
    fn a_comparison_is_made_once_for_all_who_ask_and_again_after_a_failure() {
        let kept = KeptComparisons::default();
        let made = AtomicUsize::new(0);
        let make = || {
            made.fetch_add(1, Ordering::Relaxed);
            comparison(key(1))
        };
        kept.get(key(1), || Err(AnalysisError::Busy(String::new()))).map(drop).unwrap_err();
        let together = Barrier::new(4);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    together.wait();
                    assert_eq!(kept.get(key(1), make).unwrap().round, Round(1));
                });
            }
        });
        assert_eq!(made.load(Ordering::Relaxed), 1);
        let rounds = 2..2 + u32::try_from(KEPT).unwrap();
        rounds.for_each(|round| drop(kept.get(key(round), || comparison(key(round)))));
        kept.get(key(1), make).unwrap();
        assert_eq!(made.load(Ordering::Relaxed), 2, "the newest alone are kept");
    }

    #[test]
    fn who_asks_for_another_comparison_does_not_wait() {
        let kept = KeptComparisons::default();
        let (begin, begun) = mpsc::channel();
        let (end, ended) = mpsc::channel::<()>();
        std::thread::scope(|scope| {
            let kept = &kept;
            scope.spawn(move || {
                kept.get(key(1), || {
                    begin.send(()).unwrap();
                    ended.recv().unwrap();
                    comparison(key(1))
                })
                .map(drop)
                .unwrap();
            });
            begun.recv().unwrap();
            assert_eq!(kept.get(key(2), || comparison(key(2))).unwrap().round, Round(2));
            end.send(()).unwrap();
        });
    }
}
