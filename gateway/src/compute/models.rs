//! The houses' models from the arrangement's parameters.

use risk::{
    measure::Confidence,
    model::Model,
    scenario::{ScenarioRule, VolatilityFilter},
};

use super::ComputeError;
use crate::arrangement::{leg::Leg, terms::ModelParameters};

/// The model of the house that carries `leg`, with the arrangement's parameters in the default model's frame.
pub(super) fn of(leg: Leg, parameters: &ModelParameters) -> Result<Model, ComputeError> {
    let mut model = match leg {
        Leg::Treasury => Model::treasury_house_default(),
        Leg::Futures => Model::futures_house_default(),
    };
    let short = |value: u32| u16::try_from(value).map_err(ComputeError::new);
    model.confidence = Confidence::from_basis_points(short(parameters.confidence_bp)?).map_err(ComputeError::new)?;
    let plain = ScenarioRule::overlapping(short(parameters.horizon_days)?, parameters.scenarios);
    let mut component = model.components[0].clone();
    match &parameters.filter {
        None => {
            component.scenarios = plain;
            component.weight_basis_points = 10_000;
            model.components = vec![component];
        }
        Some(filter) => {
            let rule = VolatilityFilter {
                decay_basis_points: short(filter.lambda_e4)?,
                seed_days: short(filter.seed_days)?,
                ..VolatilityFilter::default_filter()
            };
            component.name = "filtered".to_owned();
            component.scenarios = ScenarioRule::filtered(short(parameters.horizon_days)?, parameters.scenarios, rule);
            let mut floor = component.clone();
            floor.name = "floor".to_owned();
            floor.scenarios = plain;
            floor.weight_basis_points = filter.floor_weight_bp;
            model.components = vec![component, floor];
        }
    }
    Ok(model)
}
