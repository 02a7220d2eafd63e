//! Whether recomputed figures are the claimed ones.

use crossmargin::v1;
use risk::margin::JointMargin;

use super::{AnalysisError, claimed::Claimed};
use crate::{
    arrangement::link::LinkTerms,
    compute::{Computer, leaf_figures},
};

impl Claimed {
    /// The margins of a link as they were claimed, from what follows of its inputs with at most what the houses'
    /// overrides let be granted, as the leaf states it.
    ///
    /// # Errors
    /// The claim does not hold the link, or other figures follow from its inputs now.
    pub(super) fn confirmed(
        &self,
        computer: &Computer,
        terms: &LinkTerms,
        following: &JointMargin,
    ) -> Result<JointMargin, AnalysisError> {
        let Self { cycle, round, .. } = self;
        let link = &terms.link;
        let leaf = self.leaf(link)?;
        let margin = computer.granting_at_most(*following, self.cap(link)?);
        match difference(leaf, &margin) {
            None => Ok(margin),
            Some(difference) => Err(AnalysisError::Precondition(format!(
                "link {link} of cycle {cycle}, round {round}: {difference}; the models in force or the engine are no \
                 longer those of the claim"
            ))),
        }
    }
}

/// The first figure of a leaf that differs from the margin, in words; `None` where all are equal.
fn difference(claimed: &v1::MarginLeaf, margin: &JointMargin) -> Option<String> {
    let Some(found) = leaf_figures(margin) else { return Some("its margins are out of range".to_owned()) };
    let pairs = figures(claimed).into_iter().zip(figures(&found));
    let mut differing = pairs.filter(|((_, claimed), (_, found))| claimed != found);
    differing
        .next()
        .map(|((field, claimed), (_, found))| format!("{field} was claimed as {claimed}, {found} follows now"))
}

/// Every figure of a leaf by name.
fn figures(leaf: &v1::MarginLeaf) -> [(&'static str, i64); 16] {
    let treasury = leaf.treasury_house.unwrap_or_default();
    let futures = leaf.futures_house.unwrap_or_default();
    [
        ("treasury_house.treasury_alone_e8", treasury.treasury_alone_e8),
        ("treasury_house.futures_alone_e8", treasury.futures_alone_e8),
        ("treasury_house.combined_e8", treasury.combined_e8),
        ("treasury_house.factor_bp", treasury.factor_bp.into()),
        ("futures_house.treasury_alone_e8", futures.treasury_alone_e8),
        ("futures_house.futures_alone_e8", futures.futures_alone_e8),
        ("futures_house.combined_e8", futures.combined_e8),
        ("futures_house.factor_bp", futures.factor_bp.into()),
        ("applied_factor_bp", leaf.applied_factor_bp.into()),
        ("treasury_standalone_cents", leaf.treasury_standalone_cents),
        ("futures_standalone_cents", leaf.futures_standalone_cents),
        ("treasury_requirement_cents", leaf.treasury_requirement_cents),
        ("futures_requirement_cents", leaf.futures_requirement_cents),
        ("shortfall_cents", leaf.shortfall_cents),
        ("treasury_charges_cents", leaf.treasury_charges_cents),
        ("futures_charges_cents", leaf.futures_charges_cents),
    ]
}

#[cfg(test)]
mod tests {
    use risk::{
        margin::{HouseMargins, ReductionTerms},
        money::Usd,
    };

    use super::*;

    #[test]
    fn every_figure_that_differs_is_named() {
        let house = |first, second, combined| {
            HouseMargins::new(Usd::from_cents(first), Usd::from_cents(second), Usd::from_cents(combined))
        };
        let charges = [Usd::from_cents(7), Usd::from_cents(9)];
        let by_house = [house(10_000, 6_000, 8_000), house(5_000, 4_000, 3_600)];
        let margin = JointMargin::new(by_house, charges, &ReductionTerms::default());
        let leaf = leaf_figures(&margin).unwrap();
        assert_eq!(difference(&leaf, &margin), None);
        type Change = fn(&mut v1::MarginLeaf);
        let changes: [(&str, Change); 16] = [
            ("treasury_house.treasury_alone_e8", |leaf| leaf.treasury_house.as_mut().unwrap().treasury_alone_e8 += 1),
            ("treasury_house.futures_alone_e8", |leaf| leaf.treasury_house.as_mut().unwrap().futures_alone_e8 += 1),
            ("treasury_house.combined_e8", |leaf| leaf.treasury_house.as_mut().unwrap().combined_e8 += 1),
            ("treasury_house.factor_bp", |leaf| leaf.treasury_house.as_mut().unwrap().factor_bp += 1),
            ("futures_house.treasury_alone_e8", |leaf| leaf.futures_house.as_mut().unwrap().treasury_alone_e8 += 1),
            ("futures_house.futures_alone_e8", |leaf| leaf.futures_house.as_mut().unwrap().futures_alone_e8 += 1),
            ("futures_house.combined_e8", |leaf| leaf.futures_house.as_mut().unwrap().combined_e8 += 1),
            ("futures_house.factor_bp", |leaf| leaf.futures_house.as_mut().unwrap().factor_bp += 1),
            ("applied_factor_bp", |leaf| leaf.applied_factor_bp += 1),
            ("treasury_standalone_cents", |leaf| leaf.treasury_standalone_cents += 1),
            ("futures_standalone_cents", |leaf| leaf.futures_standalone_cents += 1),
            ("treasury_requirement_cents", |leaf| leaf.treasury_requirement_cents += 1),
            ("futures_requirement_cents", |leaf| leaf.futures_requirement_cents += 1),
            ("shortfall_cents", |leaf| leaf.shortfall_cents += 1),
            ("treasury_charges_cents", |leaf| leaf.treasury_charges_cents += 1),
            ("futures_charges_cents", |leaf| leaf.futures_charges_cents += 1),
        ];
        for (field, change) in changes {
            let mut changed = leaf.clone();
            change(&mut changed);
            let told = difference(&changed, &margin).unwrap();
            assert!(told.starts_with(&format!("{field} was claimed as ")), "{field}: {told}");
        }
    }
}
