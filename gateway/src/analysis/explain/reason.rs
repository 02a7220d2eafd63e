//! Why the lesser factor was the lesser, in words.

use risk::{factor::Factor, margin::JointMargin, money::Usd};

use super::{
    case::LinkCase,
    house::{Extreme, HouseExplanation},
};
use crate::{
    arrangement::{leaf::FactorBounds, terms::Arrangement},
    book::Holding,
    reading::{Charge, Charged},
    words::{grouped, percent},
};

/// Why the factor is what it is, and whether it is charged by.
pub(super) fn of(
    arrangement: &Arrangement,
    case: &LinkCase,
    charge: &Charge,
    houses: &[HouseExplanation; 2],
) -> String {
    let names = [0, 1].map(|side| houses[side].wire.house.as_str());
    let lesser = usize::from(case.margin.factors[1] < case.margin.factors[0]);
    let mut sentences = vec![comparison(&case.margin, names)];
    if case.margin.factors != [Factor::ZERO; 2] {
        sentences.push(offsets(&houses[lesser]));
    }
    sentences.extend(bounds(&case.margin, &arrangement.bounds, case.following.applied, case.cap));
    sentences.push(charged(&case.margin, names, charge));
    sentences.join(" ")
}

/// Both houses' ratios, the lesser factor first.
fn comparison(margin: &JointMargin, houses: [&str; 2]) -> String {
    let share = |side: usize| {
        let margins = &margin.by_house[side];
        let alone = margins.first_leg_alone.saturating_add(margins.second_leg_alone);
        let house = houses[side];
        if alone == Usd::ZERO {
            return format!("in {house}'s model neither leg has a margin");
        }
        let kept = 10_000 - u32::from(margin.factors[side].basis_points());
        let (combined, alone) = (dollars(margins.combined), dollars(alone));
        format!(
            "in {house}'s model both legs together need {} of what they need alone, {combined} of {alone} USD",
            percent(kept)
        )
    };
    let [first, second] = margin.factors;
    if first == second {
        let factor = percent(first.basis_points().into());
        return format!("Both houses' factors are {factor}: {}; {}.", share(0), share(1));
    }
    let lesser = usize::from(second < first);
    let other = 1 - lesser;
    let [at_lesser, at_other] = [lesser, other].map(|side| percent(margin.factors[side].basis_points().into()));
    format!(
        "{}'s factor is the lesser, {at_lesser} against {at_other}: {}; {}.",
        houses[lesser],
        share(lesser),
        share(other)
    )
}

/// What offsets what in the model of the lesser factor.
fn offsets(house: &HouseExplanation) -> String {
    let name = &house.wire.house;
    let begin = format!("{name}'s combined margin rests on {}", house.combined_binding);
    let position = |extreme: &Extreme| {
        let Holding { instrument, quantity } = extreme.holding;
        format!("{instrument} ({})", grouped(&quantity.to_string()))
    };
    match &house.extremes {
        [Some(most), Some(least)] => {
            let off = dollars(Usd::ZERO.saturating_sub(least.amount));
            format!(
                "{begin}: there {} adds most, {} USD, and {} takes off most, {off} USD.",
                position(most),
                dollars(most.amount),
                position(least)
            )
        }
        [Some(most), None] => {
            format!("{begin}: there {} adds most, {} USD, and nothing takes off.", position(most), dollars(most.amount))
        }
        [None, _] => format!("{begin}."),
    }
}

/// What the arrangement's bounds and the houses' overrides make of the lesser factor.
fn bounds(margin: &JointMargin, bounds: &FactorBounds, following: Factor, cap: Factor) -> Vec<String> {
    let lesser = u32::from(margin.factors[0].min(margin.factors[1]).basis_points());
    let capped = lesser.min(bounds.max_bp);
    let (follows, applied) = (u32::from(following.basis_points()), u32::from(margin.applied.basis_points()));
    let mut sentences = Vec::new();
    if lesser > capped {
        sentences.push(format!("The arrangement grants at most {}.", percent(bounds.max_bp)));
    }
    if capped > 0 && capped < bounds.min_bp {
        sentences.push(format!("The arrangement grants nothing below {}.", percent(bounds.min_bp)));
    } else if follows < capped {
        sentences.push(format!(
            "The arrangement lowers it to {}, so that both requirements reach the larger combined margin as far as they can.",
            percent(follows)
        ));
    }
    if applied < follows {
        let limit = format!("The houses' overrides let at most {} be granted", percent(cap.basis_points().into()));
        sentences.push(match margin.applied {
            Factor::ZERO if cap > Factor::ZERO => {
                format!("{limit}, below the {} from which on the arrangement grants any: nothing is granted instead of the {} that follow.", percent(bounds.min_bp), percent(follows))
            }
            _ => format!("{limit}: {} instead of the {} that follow.", percent(applied), percent(follows)),
        });
    }
    sentences
}

/// What is charged of the figures, and why.
fn charged(margin: &JointMargin, houses: [&str; 2], charge: &Charge) -> String {
    let Charge { charged, reason, .. } = charge;
    let reduction = match margin.applied {
        Factor::ZERO => "no reduction".to_owned(),
        applied => format!("a reduction of {}", percent(applied.basis_points().into())),
    };
    match charged {
        Charged::Agreed => format!("What is charged has {reduction}: {reason}."),
        Charged::StandAlone => {
            let [treasury, futures] = margin.stand_alone.map(dollars);
            let [first, second] = houses;
            // A requirement's reason may begin with what the sentence says already.
            let reason = reason.strip_prefix("stand-alone: ").unwrap_or(reason);
            format!(
                "Stand-alone core margins are charged, {treasury} USD at {first} and {futures} USD at {second}: {reason}. \
                 The figures, with {reduction}, are what would follow."
            )
        }
        Charged::AdvanceGrant(_) => {
            let reason = reason.strip_prefix("advance grant: ").unwrap_or(reason);
            format!("An advance grant is charged by: {reason}. The figures, with {reduction}, are what would follow.")
        }
        Charged::OtherRound(round) => {
            format!("The agreement of round {round} counts, not these figures, with {reduction}: {reason}.")
        }
        Charged::Nothing => format!("Nothing is charged by the figures, with {reduction}: {reason}."),
    }
}

/// An amount to the cent, in words.
fn dollars(amount: Usd) -> String {
    grouped(&amount.ceil_to_cent().to_string())
}

#[cfg(test)]
mod tests {
    use risk::{
        factor::FactorBounds as Limits,
        margin::{HouseMargins, ReductionTerms},
    };

    use super::*;

    const BOUNDS: FactorBounds = FactorBounds { max_bp: 8_000, min_bp: 100, closes_shortfall: false };

    fn margin(treasury: [i64; 3], futures: [i64; 3], floor_at_combined: bool) -> JointMargin {
        let house = |of: [i64; 3]| {
            let [first, second, combined] = of.map(Usd::from_cents);
            HouseMargins::new(first, second, combined)
        };
        let terms = ReductionTerms { bounds: Limits::DEFAULT, floor_at_combined };
        JointMargin::new([house(treasury), house(futures)], [Usd::ZERO; 2], &terms)
    }

    #[test]
    fn the_lesser_factor_s_house_is_named_first_with_its_ratio() {
        let lesser_at_cme = margin([10_000, 10_000, 8_000], [5_000, 5_000, 7_000], false);
        assert_eq!(
            comparison(&lesser_at_cme, ["FICC", "CME"]),
            "CME's factor is the lesser, 30.00 % against 60.00 %: in CME's model both legs together need 70.00 % of what they \
             need alone, 70.00 of 100.00 USD; in FICC's model both legs together need 40.00 % of what they need alone, 80.00 \
             of 200.00 USD."
        );
        let flat = margin([0; 3], [0; 3], false);
        assert_eq!(
            comparison(&flat, ["FICC", "CME"]),
            "Both houses' factors are 0.00 %: in FICC's model neither leg has a margin; in CME's model neither leg has a margin."
        );
    }

    #[test]
    fn what_bounds_and_houses_make_of_the_factor_is_said() {
        let hedged = [10_000, 10_000, 1_000];
        for (margin, expected) in [
            (margin(hedged, hedged, false), "The arrangement grants at most 80.00 %."),
            (margin(hedged, [10_000, 10_000, 19_900], false), "The arrangement grants nothing below 1.00 %."),
            (margin(hedged, [10_000, 10_000, 20_000], false), ""),
            (margin(hedged, [10_000, 10_000, 12_000], false), ""),
            (
                margin([10_000, 6_000, 8_000], [5_000, 4_000, 3_600], true),
                "The arrangement lowers it to 42.85 %, so that both requirements reach the larger combined margin as far as \
                 they can.",
            ),
        ] {
            assert_eq!(bounds(&margin, &BOUNDS, margin.applied, Factor::ONE).join(" "), expected);
        }
    }

    #[test]
    fn a_reduction_is_said_to_be_charged_only_where_it_is() {
        use crossmargin::v1::RequirementStatus;

        use crate::arrangement::cycle_id::Round;

        let hedged = margin([10_000, 10_000, 8_000], [5_000, 5_000, 5_000], false);
        let flat = margin([0; 3], [0; 3], false);
        for (margin, charged_by, expected) in [
            (&hedged, Charged::Agreed, "What is charged has a reduction of 50.00 %: why."),
            (&flat, Charged::Agreed, "What is charged has no reduction: why."),
            (
                &hedged,
                Charged::StandAlone,
                "Stand-alone core margins are charged, 100.00 USD at FICC and 50.00 USD at CME: why. The figures, with a \
                 reduction of 50.00 %, are what would follow.",
            ),
            (
                &hedged,
                Charged::OtherRound(Round(2)),
                "The agreement of round 2 counts, not these figures, with a reduction of 50.00 %: why.",
            ),
            (
                &hedged,
                Charged::AdvanceGrant(3_200),
                "An advance grant is charged by: why. The figures, with a reduction of 50.00 %, are what would follow.",
            ),
            (&hedged, Charged::Nothing, "Nothing is charged by the figures, with a reduction of 50.00 %: why."),
        ] {
            let charge =
                Charge { status: RequirementStatus::Unspecified, charged: charged_by, reason: "why".to_owned() };
            assert_eq!(charged(margin, ["FICC", "CME"], &charge), expected);
        }
    }

    #[test]
    fn an_override_is_said_to_bind_only_where_it_does() {
        let margin = margin([10_000, 10_000, 8_000], [10_000, 10_000, 12_000], false);
        for (cap, expected) in [
            (10_000, ""),
            (4_000, ""),
            (
                2_500,
                "The houses' overrides let at most 25.00 % be granted: 25.00 % instead of the 40.00 % that follow.",
            ),
            (
                99,
                "The houses' overrides let at most 0.99 % be granted, below the 1.00 % from which on the arrangement grants \
                 any: nothing is granted instead of the 40.00 % that follow.",
            ),
            (0, "The houses' overrides let at most 0.00 % be granted: 0.00 % instead of the 40.00 % that follow."),
        ] {
            let cap = Factor::from_basis_points(cap).unwrap();
            let granted = margin.granting_at_most(cap, Limits::DEFAULT);
            assert_eq!(bounds(&granted, &BOUNDS, margin.applied, cap).join(" "), expected);
        }
    }
}
