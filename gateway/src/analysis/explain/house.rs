//! How the core margins of a link come about in one house's model: components, terms, tails and contributions.

use crossmargin::v1;
use rayon::prelude::*;
use risk::{
    charge::ChargeRule,
    explain::{ExplainError, contributions, factor_losses, position_losses},
    kernel::{Position, ScenarioMatrix},
    margin::{Binding, CoreBreakdown, Part, PreparedModel, TermTails},
    measure::{expected_shortfall, value_at_risk},
    model::{Model, Term, Valuation},
    money::Usd,
    scenario::ScenarioSet,
    sensitivity::{Differences, Sensitivities, SensitivityRevaluer},
};

use super::{
    case::LinkCase,
    wire::{contribution, count, named, scaling, scenarios},
};
use crate::{
    analysis::{AnalysisError, figures::usd},
    book::Holding,
    compute::{ComputeError, Situation, Valued},
};

/// What both houses' models are explained with.
pub(super) struct Sources {
    /// The sensitivities of each instrument; `None` for one that is margined by proxy.
    sensitivities: Vec<Option<Sensitivities>>,
    /// The instruments valued by full revaluation throughout, where a term values by sensitivities.
    full: Option<Valued>,
}

/// Explains the core margins of a link in one house's model.
pub(super) struct CoreExplainer<'a> {
    case: &'a LinkCase,
    sensitivities: &'a [Option<Sensitivities>],
    side: usize,
    model: &'a Model,
    prepared: &'a PreparedModel,
    tails: Vec<TermTails>,
    full_tails: Option<Vec<TermTails>>,
}

/// The explanation of a house's model.
pub(super) struct HouseExplanation {
    /// For the wire.
    pub(super) wire: v1::ModelExplanation,
    /// What the combined margin rests on.
    pub(super) combined_binding: String,
    /// The position that adds most to the combined margin's largest term, and the one that takes off most.
    pub(super) extremes: [Option<Extreme>; 2],
}

/// A position with what it adds to a measure.
pub(super) struct Extreme {
    /// The position.
    pub(super) holding: Holding,
    /// What it adds, in 1e-8 USD.
    pub(super) amount: Usd,
}

/// One term of the model with its scenarios.
struct TermSource<'a> {
    term: &'a Term,
    set: &'a ScenarioSet,
    matrix: &'a ScenarioMatrix,
    revaluer: SensitivityRevaluer<'a>,
}

impl Sources {
    /// What a link's models are explained with.
    ///
    /// # Errors
    /// An instrument that cannot be valued.
    pub(super) fn of(case: &LinkCase) -> Result<Self, ComputeError> {
        let differences = Differences::new(case.valued.market());
        // Both models share one dictionary.
        let rows = case.valued.models[0].dictionary();
        let sensitivities = rows.par_iter().map(|row| match row.facts.is_proxied {
            true => Ok(None),
            false => differences.of(row.instrument).map(Some),
        });
        let sensitivities = sensitivities.collect::<Result<_, _>>().map_err(ComputeError::new)?;
        let models = case.situation.models.each_ref();
        let is_expanded = |model: &Model| model.terms().any(|(_, term)| term.valuation == Valuation::Sensitivity);
        let full = models.iter().any(|model| is_expanded(model)).then(|| {
            let situation = Situation { models: models.map(by_full_revaluation), ..case.situation.clone() };
            situation.value(case.valued.instruments())
        });
        Ok(Self { sensitivities, full: full.transpose()? })
    }
}

/// The model with every term by full revaluation.
fn by_full_revaluation(model: &Model) -> Model {
    let mut model = model.clone();
    for term in model.components.iter_mut().flat_map(|component| &mut component.terms) {
        term.valuation = Valuation::FullRevaluation;
    }
    model
}

impl<'a> CoreExplainer<'a> {
    /// Prepares the model of a side: 0 for the Treasury house.
    ///
    /// # Errors
    /// Positions beyond any real book.
    pub(super) fn new(case: &'a LinkCase, sources: &'a Sources, side: usize) -> Result<Self, AnalysisError> {
        let tails = |valued: &Valued| valued.models[side].tails(&case.positions).map_err(ComputeError::new);
        Ok(Self {
            case,
            sensitivities: &sources.sensitivities,
            side,
            model: &case.situation.models[side],
            prepared: &case.valued.models[side],
            tails: tails(&case.valued)?,
            full_tails: sources.full.as_ref().map(tails).transpose()?,
        })
    }

    /// The explanation.
    ///
    /// # Errors
    /// Parts of a tail that do not add up to it: the model's scenarios are not those of its rows.
    pub(super) fn explain(&self, house: &str) -> Result<HouseExplanation, AnalysisError> {
        let market = self.case.valued.market();
        let terms = self.model.terms().zip(self.case.situation.sets[self.side].iter()).zip(self.prepared.matrices());
        let terms = terms.map(|(((_, term), set), matrix)| {
            let revaluer = SensitivityRevaluer::new(market, set).map_err(ComputeError::new)?;
            Ok(TermSource { term, set, matrix, revaluer })
        });
        let terms = terms.collect::<Result<Vec<_>, ComputeError>>()?;
        let breakdown = |part| self.prepared.breakdown(&self.case.positions, &self.tails, part);
        let breakdowns = Part::ALL.map(breakdown);
        let mut parts = Vec::with_capacity(Part::ALL.len());
        let mut combined_binding = String::new();
        for (part, breakdown) in Part::ALL.into_iter().zip(breakdowns) {
            let breakdown = breakdown.map_err(ComputeError::new)?;
            combined_binding = binding(&breakdown);
            parts.push(self.part(part, &breakdown, &terms)?);
        }
        let own_leg = [Part::First, Part::Second][self.side];
        let charges = self.prepared.outside_charges(&self.case.positions, own_leg).map_err(ComputeError::new)?;
        // A portfolio differential follows from the past of an account: it is no part of these figures.
        let is_of_the_past = |name: &str| {
            let mut charges = self.model.charges.iter();
            charges.any(|charge| charge.name == name && matches!(charge.rule, ChargeRule::PortfolioDifferential { .. }))
        };
        let charges = charges.iter().filter(|charge| !is_of_the_past(&charge.name)).map(named).collect();
        let wire =
            v1::ModelExplanation { house: house.to_owned(), model: self.model.version.to_string(), parts, charges };
        Ok(HouseExplanation { wire, combined_binding, extremes: self.extremes(&terms)? })
    }

    fn part(
        &self,
        part: Part,
        breakdown: &CoreBreakdown,
        terms: &[TermSource<'_>],
    ) -> Result<v1::PartExplanation, AnalysisError> {
        let positions = self.case.positions.part(part);
        let explained: Vec<v1::TermExplanation> = (0..terms.len())
            .into_par_iter()
            .map(|place| self.term(part, &positions, place, &terms[place]))
            .collect::<Result<_, _>>()
            .map_err(ComputeError::new)?;
        let mut explained = explained.into_iter();
        let components = breakdown.components.iter().map(|component| {
            let weighted = component.terms.iter().zip(explained.by_ref());
            let terms = weighted.map(|((_, amount), term)| v1::TermExplanation { amount: usd(*amount), ..term });
            v1::ComponentExplanation {
                name: component.name.clone(),
                amount: usd(component.sum),
                terms: terms.collect(),
            }
        });
        Ok(v1::PartExplanation {
            part: wire_part(part).into(),
            core: usd(breakdown.core),
            binding: binding(breakdown),
            components: components.collect(),
            maturity_floor: usd(breakdown.maturity_floor),
            margin_proxy: usd(breakdown.margin_proxy),
            core_charges: breakdown.core_charges.iter().map(named).collect(),
        })
    }

    /// A term, its weighted amount left out.
    fn term(
        &self,
        part: Part,
        positions: &[Position],
        place: usize,
        source: &TermSource<'_>,
    ) -> Result<v1::TermExplanation, ExplainError> {
        let tail = self.tails[place].tails.part(part);
        let of_positions = contributions(tail, &position_losses(source.matrix, positions, tail)?)?;
        let held = self.holdings(part).zip(of_positions);
        let sources = factor_losses(&source.revaluer, self.sensitivities, source.matrix, positions, tail)?;
        let (names, losses): (Vec<_>, Vec<_>) = sources.into_iter().unzip();
        let of_factors = names.into_iter().zip(contributions(tail, &losses)?);
        let full = match (source.term.valuation, &self.full_tails) {
            (Valuation::Sensitivity, Some(full)) => usd(value_at_risk(full[place].tails.part(part))),
            _ => String::new(),
        };
        let (measure, shortfall) = (value_at_risk(tail), expected_shortfall(tail).mean());
        Ok(v1::TermExplanation {
            name: source.term.name.clone(),
            amount: String::new(),
            weight_bp: source.term.weight_basis_points,
            measure: usd(measure),
            full_revaluation_measure: full,
            scenario_count: count(source.set.len()),
            tail_count: count(tail.worst.len()),
            expected_shortfall: usd(shortfall),
            scaling: scaling(measure, shortfall),
            tail: scenarios(source.set, tail),
            positions: held
                .map(|(holding, part)| contribution(holding.instrument.to_string(), holding.quantity, &part))
                .collect(),
            factors: of_factors.map(|(name, part)| contribution(name.to_string(), 0, &part)).collect(),
        })
    }

    /// The positions of both legs that add and take off most in the largest term of what the combined margin rests on.
    fn extremes(&self, terms: &[TermSource<'_>]) -> Result<[Option<Extreme>; 2], AnalysisError> {
        let breakdown = self.prepared.breakdown(&self.case.positions, &self.tails, Part::Both);
        let breakdown = breakdown.map_err(ComputeError::new)?;
        let Binding::Component(binding) = breakdown.binding else { return Ok([None, None]) };
        let amounts = breakdown.components.iter().enumerate();
        let amounts = amounts.flat_map(|(at, component)| component.terms.iter().map(move |(_, amount)| (at, *amount)));
        let of_binding = amounts.enumerate().filter(|(_, (at, _))| *at == binding);
        let Some((place, _)) = of_binding.max_by_key(|(_, (_, amount))| *amount) else { return Ok([None, None]) };
        let tail = self.tails[place].tails.part(Part::Both);
        let losses = position_losses(terms[place].matrix, &self.case.positions.part(Part::Both), tail);
        let parts = losses.and_then(|losses| contributions(tail, &losses)).map_err(ComputeError::new)?;
        let held = || self.holdings(Part::Both).zip(parts.iter().map(|part| part.to_measure));
        let extreme = |(holding, amount): (&Holding, Usd)| Extreme { holding: *holding, amount };
        let most = held().max_by_key(|(_, amount)| *amount).filter(|(_, amount)| *amount > Usd::ZERO);
        let least = held().min_by_key(|(_, amount)| *amount).filter(|(_, amount)| *amount < Usd::ZERO);
        Ok([most.map(extreme), least.map(extreme)])
    }

    /// What is held in a part, in the order of its positions.
    fn holdings(&self, part: Part) -> impl Iterator<Item = &Holding> {
        let first_count = self.case.positions.legs().first.len();
        let (skipped, taken) = match part {
            Part::First => (0, first_count),
            Part::Second => (first_count, usize::MAX),
            Part::Both => (0, usize::MAX),
        };
        self.case.holdings().skip(skipped).take(taken)
    }
}

/// What a core margin rests on, in words.
fn binding(breakdown: &CoreBreakdown) -> String {
    match breakdown.binding {
        Binding::Component(place) => {
            breakdown.components.get(place).map(|component| component.name.clone()).unwrap_or_default()
        }
        Binding::MaturityFloor => "maturity floor".to_owned(),
        Binding::Nothing => "nothing".to_owned(),
    }
}

fn wire_part(part: Part) -> v1::PortfolioPart {
    match part {
        Part::First => v1::PortfolioPart::TreasuryLeg,
        Part::Second => v1::PortfolioPart::FuturesLeg,
        Part::Both => v1::PortfolioPart::BothLegs,
    }
}
