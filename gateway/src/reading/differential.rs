//! The portfolio differential of this house's own leg: from its own record of earlier cycles, and so no part of what both
//! houses sign.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
};

use crossmargin::v1;
use jiff::civil::Date;
use prost::Message;
use risk::{
    charge::{ChargeRule, portfolio_differential},
    model::Model,
    money::Usd,
};

use super::{ReadError, Reader};
use crate::{
    arrangement::{
        cycle_id::{CycleId, CycleKind},
        digest::Digest,
        leg::Leg,
        name::LinkId,
    },
    node::catalog::CycleView,
};

/// Sets of cores that are kept: as many as a model can look back over, and the cycle itself.
const SETS_KEPT: usize = 251;

/// The own leg's core margins of one cycle by link, in 1e-8 USD, sorted. A link stands in it by the digest of its id: a
/// hundred thousand of them for tens of cycles must fit the memory.
#[derive(Debug)]
pub(super) struct Cores(Vec<([u8; 16], i64)>);

/// The cores of past cycles that were read last, by the digest of their leaves.
#[derive(Debug, Default)]
pub(super) struct KeptCores(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    by_digest: HashMap<Digest, Arc<Cores>>,
    /// The oldest first.
    order: VecDeque<Digest>,
}

/// The past of a cycle, as far as its portfolio differential looks back.
#[derive(Debug)]
pub(super) struct Past {
    /// The newest first: the cycle itself, then the ones before it.
    cores: Vec<Arc<Cores>>,
    decay_basis_points: u16,
    cycles: u16,
    multiplier_basis_points: u32,
}

impl Cores {
    fn of(leaves: impl Iterator<Item = v1::MarginLeaf>, us: Leg) -> Self {
        let own = |leaf: &v1::MarginLeaf| match us {
            Leg::Treasury => leaf.treasury_house.map(|figures| figures.treasury_alone_e8),
            Leg::Futures => leaf.futures_house.map(|figures| figures.futures_alone_e8),
        };
        let mut cores: Vec<_> = leaves.filter_map(|leaf| Some((key(&leaf.link_id), own(&leaf)?))).collect();
        cores.sort_unstable();
        Self(cores)
    }

    fn get(&self, link: [u8; 16]) -> Option<Usd> {
        let place = self.0.binary_search_by_key(&link, |(key, _)| *key).ok()?;
        Some(Usd::from_units(self.0[place].1.into()))
    }
}

impl Past {
    /// The portfolio differential of a link, rounded up to the cent. The past of a link ends where a cycle did not hold
    /// it.
    pub(super) fn differential(&self, link: &LinkId) -> Usd {
        let link = key(link.as_str());
        let cores: Vec<Usd> = self.cores.iter().map_while(|cores| cores.get(link)).collect();
        portfolio_differential(&cores, self.decay_basis_points, self.cycles, self.multiplier_basis_points)
            .ceil_to_cent()
    }
}

impl Reader {
    /// The past of a cycle that counts; `None` where this house's model has no portfolio differential, or where nothing
    /// is on record of the cycle's own margins yet.
    ///
    /// It ends where a cycle cannot be read: a requirement is always answered.
    pub(super) fn past(&self, cycle: CycleId) -> Option<Past> {
        let us = self.context.us;
        let models = &self.context.arrangement.models[us];
        let model = models.in_force(cycle.business_date);
        let (decay_basis_points, cycles, multiplier_basis_points) = parameters(model)?;
        if !counts(cycle) {
            return None;
        }
        let is_same_model = |date: Date| models.in_force(date).digest() == model.digest();
        let digests = {
            let catalog = self.context.catalog.read();
            let leaves = |id, view: &CycleView| super::requirements::leaves_of(&catalog, us, id, view);
            newest_first(&catalog.cycles, leaves, cycle, is_same_model, usize::from(cycles) + 1)
        };
        if digests.is_empty() {
            return None;
        }
        // One reader at a time: who comes meanwhile finds what it read.
        let mut kept = self.kept_cores.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut cores = Vec::with_capacity(digests.len());
        for digest in digests {
            match self.cores(&mut kept, digest) {
                Ok(found) => cores.push(found),
                Err(error) => {
                    tracing::warn!(%cycle, %error, "the past of the portfolio differential ends here");
                    break;
                }
            }
        }
        Some(Past { cores, decay_basis_points, cycles, multiplier_basis_points })
    }

    /// The cores of one cycle. They are read past the leaves that are kept for requirements, which they would push out.
    fn cores(&self, kept: &mut Kept, digest: Digest) -> Result<Arc<Cores>, ReadError> {
        if let Some(cores) = kept.by_digest.get(&digest) {
            return Ok(Arc::clone(cores));
        }
        let damaged = |error: &dyn std::fmt::Display| ReadError::Damaged(format!("leaves {digest}: {error}"));
        let stored = self.context.computer.read_leaves(digest).map_err(|error| damaged(&error))?;
        let leaves = stored.into_iter().map(v1::MarginLeaf::decode).collect::<Result<Vec<_>, _>>();
        let cores = Arc::new(Cores::of(leaves.map_err(|error| damaged(&error))?.into_iter(), self.context.us));
        kept.by_digest.insert(digest, Arc::clone(&cores));
        kept.order.push_back(digest);
        if kept.order.len() > SETS_KEPT
            && let Some(oldest) = kept.order.pop_front()
        {
            kept.by_digest.remove(&oldest);
        }
        Ok(cores)
    }
}

fn parameters(model: &Model) -> Option<(u16, u16, u32)> {
    model.charges.iter().find_map(|charge| match charge.rule {
        ChargeRule::PortfolioDifferential { decay_basis_points, cycles, multiplier_basis_points } => {
            Some((decay_basis_points, cycles, multiplier_basis_points))
        }
        _ => None,
    })
}

/// Twice a day (published): the intraday and the end-of-day cycle. `EODXM` adjusts the latter, `CUR` informs.
fn counts(cycle: CycleId) -> bool {
    matches!(cycle.kind, CycleKind::Itd | CycleKind::Eod)
}

/// Digests of the leaves of a cycle and of those before it, at most `count`, in the order of their books' instants; of
/// each business date and kind the last run alone, since a re-run corrects the runs before it, and back to the date on
/// which another model was in force. Empty where the cycle itself has no leaves: the growth of an earlier one is not its
/// own.
fn newest_first(
    cycles: &BTreeMap<CycleId, CycleView>,
    leaves: impl Fn(CycleId, &CycleView) -> Option<Digest>,
    cycle: CycleId,
    is_same_model: impl Fn(Date) -> bool,
    count: usize,
) -> Vec<Digest> {
    let place = |id: CycleId, view: &CycleView| (id.business_date, view.as_of, id);
    let Some(last) = cycles.get(&cycle).map(|view| place(cycle, view)) else { return Vec::new() };
    let earlier = cycles.iter().filter(|(id, view)| counts(**id) && place(**id, view) <= last);
    let mut last_runs = BTreeMap::new();
    for (id, view) in earlier {
        if let Some(digest) = leaves(*id, view) {
            let slot = last_runs.entry((id.business_date, id.kind)).or_insert((place(*id, view), digest));
            if place(*id, view) >= slot.0 {
                *slot = (place(*id, view), digest);
            }
        }
    }
    let mut found: Vec<_> = last_runs.into_values().collect();
    found.sort_unstable_by_key(|(place, _)| Reverse(*place));
    if found.first().is_none_or(|((_, _, newest), _)| *newest != cycle) {
        return Vec::new();
    }
    let of_model = found.into_iter().take_while(|(place, _)| is_same_model(place.0));
    of_model.take(count).map(|(_, digest)| digest).collect()
}

fn key(link: &str) -> [u8; 16] {
    let digest = Digest::of(link.as_bytes());
    let mut key = [0; 16];
    key.copy_from_slice(&digest.as_bytes()[..16]);
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cores(links: &[(&str, i64)]) -> Arc<Cores> {
        let leaf = |(link, core): &(&str, i64)| v1::MarginLeaf {
            link_id: (*link).to_owned(),
            treasury_house: Some(v1::ModelFigures { treasury_alone_e8: *core, ..Default::default() }),
            futures_house: Some(v1::ModelFigures { futures_alone_e8: 7, ..Default::default() }),
            ..Default::default()
        };
        Arc::new(Cores::of(links.iter().map(leaf), Leg::Treasury))
    }

    fn past(cores: Vec<Arc<Cores>>) -> Past {
        Past { cores, decay_basis_points: 5_000, cycles: 10, multiplier_basis_points: 10_000 }
    }

    #[test]
    fn the_differential_of_a_link_follows_from_its_own_past_alone() {
        let dollar = 100_000_000;
        let past = past(vec![
            cores(&[("L1", 13 * dollar), ("L2", 5 * dollar), ("L3", dollar)]),
            cores(&[("L1", 10 * dollar), ("L2", 50 * dollar)]),
            cores(&[("L1", 10 * dollar), ("L2", 50 * dollar)]),
        ]);
        let of = |link: &str| past.differential(&link.parse().unwrap());
        // An increase of 3 dollars, then none: weights 1 and 1/2.
        assert_eq!(of("L1"), Usd::from_cents(200));
        assert_eq!(of("L2"), Usd::ZERO);
        // A link that is new has no past to grow from; one that is not there has none at all.
        assert_eq!((of("L3"), of("L4")), (Usd::ZERO, Usd::ZERO));
    }

    #[test]
    fn the_past_of_a_cycle_without_leaves_is_empty_and_else_goes_back_over_last_runs_of_one_model() {
        let cycle = |text: &str| text.parse::<CycleId>().unwrap();
        let names =
            ["2026-02-11/EOD/1", "2026-02-12/ITD/1", "2026-02-12/ITD/2", "2026-02-12/CUR/1", "2026-02-12/EOD/1"];
        let cycles: BTreeMap<CycleId, CycleView> = (0..)
            .zip(names)
            .map(|(hour, name)| {
                let as_of = Some(jiff::Timestamp::from_second(hour * 3_600).unwrap());
                (cycle(name), CycleView { as_of, ..CycleView::default() })
            })
            .collect();
        let digest = |name: &str| Digest::of(name.as_bytes());
        let past = |of: &str, without: &str, first: Date| {
            let leaves = |id: CycleId, _: &CycleView| (id.to_string() != without).then(|| digest(&id.to_string()));
            newest_first(&cycles, leaves, cycle(of), |date| date >= first, 3)
        };
        let [before, day] = [jiff::civil::date(2026, 2, 11), jiff::civil::date(2026, 2, 12)];
        let digests = |names: &[&str]| names.iter().map(|name| digest(name)).collect::<Vec<_>>();
        let [first, _, rerun, _, last] = names;
        assert_eq!(past(last, "", before), digests(&[last, rerun, first]));
        assert_eq!(past(last, "", day), digests(&[last, rerun]), "another model was in force the day before");
        assert_eq!(past(last, rerun, day), digests(&[last, names[1]]));
        assert_eq!(past(last, last, before), [], "the cycle has no figures of its own yet");
        assert_eq!(past(rerun, rerun, before), [], "nor are the figures of the run before its own");
        assert_eq!(past("2026-02-13/EOD/1", "", before), [], "a cycle that is not known");
    }

    #[test]
    fn a_figure_that_is_missing_is_not_a_margin_of_nothing() {
        let bare = v1::MarginLeaf { link_id: "L1".to_owned(), ..Default::default() };
        let gap = Arc::new(Cores::of(std::iter::once(bare), Leg::Treasury));
        let past = past(vec![cores(&[("L1", 300)]), gap, cores(&[("L1", 100)])]);
        assert_eq!(past.differential(&"L1".parse().unwrap()), Usd::ZERO);
    }

    #[test]
    fn the_past_of_a_link_ends_where_a_cycle_did_not_hold_it() {
        let past = past(vec![cores(&[("L1", 300)]), cores(&[("L2", 1)]), cores(&[("L1", 100)])]);
        assert_eq!(past.differential(&"L1".parse().unwrap()), Usd::ZERO);
    }
}
