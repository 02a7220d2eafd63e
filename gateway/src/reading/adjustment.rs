//! What the final end of day changes of the preliminary one.

use std::collections::BTreeMap;

use super::amounts::Amounts;
use crate::{
    arrangement::{
        cycle_id::{CycleId, CycleKind},
        leg::{Leg, Pair},
    },
    node::catalog::CycleView,
};

/// The cycle that another one adjusts: of an `EODXM` cycle the newest run of `EOD` of the business date that has ended here.
pub(super) fn adjusted(cycles: &BTreeMap<CycleId, CycleView>, us: Leg, cycle: CycleId) -> Option<CycleId> {
    if cycle.kind != CycleKind::EodXm {
        return None;
    }
    let run = |run| CycleId { kind: CycleKind::Eod, run, ..cycle };
    let runs = cycles.range(run(0)..=run(u32::MAX)).rev();
    runs.filter(|(_, view)| view.record.opened[us]).find(|(_, view)| has_ended(view, us)).map(|(id, _)| *id)
}

/// Whether a cycle is agreed or has fallen back at this house.
pub(super) fn has_ended(view: &CycleView, us: Leg) -> bool {
    view.record.agreement().is_some() || view.record.outcomes[us].is_some()
}

/// What each house's total changes by, from `before` to `now`, where both are known.
pub(super) fn adjustment(now: &Amounts, before: &Amounts) -> Pair<Option<i64>> {
    Pair::from_fn(|leg| Some(now[leg]?.total().saturating_sub(before[leg]?.total())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        arrangement::{
            cycle::RoundRecord,
            cycle_id::Round,
            digest::Digest,
            fact::{FallBackCause, Outcome},
        },
        reading::amounts::LegAmounts,
    };

    const US: Leg = Leg::Treasury;

    #[derive(Clone, Copy)]
    enum End {
        Open,
        Agreed,
        FellBack,
        NotHere,
    }

    fn view(end: End) -> CycleView {
        let mut view = CycleView::default();
        let record = &mut view.record;
        record.opened[US] = !matches!(end, End::NotHere);
        match end {
            End::Open => {}
            End::Agreed => {
                let statements = Pair::from_fn(|_| Some(Digest::default()));
                record.rounds.insert(Round(1), RoundRecord { statements, ..RoundRecord::default() });
            }
            End::FellBack | End::NotHere => {
                record.outcomes[US] = Some(Outcome::FallenBack(FallBackCause::PeerSilent));
            }
        }
        view
    }

    fn adjusted_by(cycle: &str, others: &[(&str, End)]) -> Option<String> {
        let cycles = others.iter().map(|(name, end)| (name.parse().unwrap(), view(*end))).collect();
        adjusted(&cycles, US, cycle.parse().unwrap()).map(|cycle| cycle.to_string())
    }

    #[test]
    fn the_final_end_of_day_adjusts_the_newest_preliminary_run_that_has_ended() {
        let [one, two, three] = ["2026-02-13/EOD/1", "2026-02-13/EOD/2", "2026-02-13/EOD/3"];
        let of = |others: &[(&str, End)]| adjusted_by("2026-02-13/EODXM/1", others);
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[(one, End::Agreed)]).as_deref(), Some(one));
        assert_eq!(of(&[(one, End::FellBack)]).as_deref(), Some(one), "stand-alone margin is charged too");
        assert_eq!(of(&[(one, End::Agreed), (two, End::FellBack)]).as_deref(), Some(two), "a re-run");
        let later = [(one, End::Agreed), (two, End::Open), (three, End::NotHere)];
        assert_eq!(of(&later).as_deref(), Some(one), "runs that have not ended here charge nothing");
        let others = [("2026-02-12/EOD/1", End::Agreed), ("2026-02-13/ITD/1", End::Agreed)];
        assert_eq!(of(&others), None, "another date, another kind");
        for kind in ["CUR", "ITD", "EOD"] {
            assert_eq!(adjusted_by(&format!("2026-02-13/{kind}/9"), &[(one, End::Agreed)]), None);
        }
    }

    #[test]
    fn an_adjustment_is_the_change_of_a_total_where_both_are_known() {
        let amounts = |requirement, charges| Some(LegAmounts { standalone: 900, requirement, charges });
        let known = Pair { treasury: amounts(500, 10), futures: amounts(300, 0) };
        let partly = Pair { treasury: amounts(620, 7), futures: None };
        assert_eq!(adjustment(&known, &partly), Pair { treasury: Some(-117), futures: None });
        assert_eq!(adjustment(&partly, &known), Pair { treasury: Some(117), futures: None });
        assert_eq!(adjustment(&known, &known), Pair { treasury: Some(0), futures: Some(0) });
    }
}
