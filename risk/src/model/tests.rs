use super::*;
use crate::{
    charge::ChargeRule,
    scenario::{OvernightRule, SpreadRule},
};

#[test]
fn the_engine_version_names_the_libm_that_is_pinned() {
    let manifest = include_str!("../../../Cargo.toml");
    let pinned = manifest.lines().find_map(|line| line.strip_prefix("libm = \"=")).unwrap().trim_end_matches('"');
    assert!(ENGINE_VERSION.ends_with(&format!("libm {pinned}")), "{ENGINE_VERSION} {pinned}");
}

#[test]
fn every_parameter_changes_the_digest_and_a_source_does_not() {
    let model = Model::futures_house_default();
    let changes: [fn(&mut Model); 15] = [
        |m| m.version.0.push('x'),
        |m| m.effective_from = jiff::civil::date(2030, 1, 1),
        |m| m.confidence = Confidence::from_basis_points(9_950).unwrap(),
        |m| m.components.truncate(1),
        |m| m.components[0].name.push('x'),
        |m| m.components[1].terms[0].weight_basis_points -= 1,
        |m| m.components[1].terms[0].valuation = Valuation::Sensitivity,
        |m| m.components[1].terms[0].measure = TailMeasure::Worst,
        |m| m.components[0].terms[0].scenarios.horizon_days += 1,
        |m| m.components[0].terms[0].scenarios.filter = None,
        |m| m.components[0].terms[0].scenarios.overnight = OvernightRule::Required,
        |m| m.components[0].terms[0].scenarios.spread = Some(SpreadRule { share_basis_points: 1 }),
        |m| m.margin_proxy = None,
        |m| m.charges[0].is_core = true,
        |m| m.maturity_floor = m.margin_proxy.clone(),
    ];
    let mut digests = vec![model.digest()];
    for change in changes {
        let mut changed = model.clone();
        change(&mut changed);
        assert!(!digests.contains(&changed.digest()), "{changed:?}");
        digests.push(changed.digest());
    }
    let mut cited = model.clone();
    cited.sources.clear();
    assert_eq!(cited.digest(), model.digest());
}

#[test]
fn a_model_reads_back_from_its_text_form() {
    for model in Model::built_in() {
        let text = serde_json::to_string(&model).unwrap();
        assert_eq!(serde_json::from_str::<Model>(&text).unwrap(), model);
        assert!(serde_json::from_str::<Model>(&text.replacen("weight_basis", "weigth_basis", 1)).is_err());
    }
}

#[test]
fn every_source_names_a_parameter_of_its_model_and_no_part_is_without_one() {
    for model in Model::built_in() {
        let value = serde_json::to_value(&model).unwrap();
        for source in &model.sources {
            let mut at = &value;
            for part in source.parameter.split('.') {
                let named = |list: &'_ serde_json::Value| {
                    list.as_array().and_then(|list| list.iter().position(|entry| entry["name"] == part))
                };
                at = match (at.get("terms").and_then(named), named(at)) {
                    (Some(place), _) => &at["terms"][place],
                    (None, Some(place)) => &at[place],
                    (None, None) => &at[part],
                };
            }
            assert!(!at.is_null(), "{}", source.parameter);
        }
        let is_cited = |path: String| model.sources.iter().any(|source| source.parameter.starts_with(&path));
        for component in &model.components {
            assert!(is_cited(format!("components.{}", component.name)), "{}", component.name);
        }
        for charge in &model.charges {
            assert!(is_cited(format!("charges.{}", charge.name)), "{}", charge.name);
        }
    }
}

#[test]
fn the_default_models_are_sound_and_name_every_product_of_the_arrangement() {
    for model in Model::built_in() {
        assert_eq!(model.problems(), [], "{}", model.version);
        for charge in &model.charges {
            match &charge.rule {
                ChargeRule::ContractLiquidity { products } => assert_eq!(products.len(), 11),
                ChargeRule::Concentration { products } => assert_eq!(products.len(), 11),
                _ => {}
            }
        }
    }
    let charges = |model: Model| model.charges.len();
    assert_eq!((charges(Model::treasury_house_default()), charges(Model::futures_house_default())), (4, 2));
}

#[test]
fn every_parameter_out_of_range_is_named() {
    let changes: [(&str, fn(&mut Model)); 12] = [
        ("version", |m| m.version.0.clear()),
        ("confidence", |m| m.confidence = Confidence::from_basis_points(99).unwrap()),
        ("components", |m| m.components.clear()),
        ("components.floor", |m| m.components[1].terms.clear()),
        ("components.floor", |m| m.components.push(m.components[1].clone())),
        ("components.floor.plain.weight_basis_points", |m| m.components[1].terms[0].weight_basis_points = 100_001),
        ("components.floor.plain.scenarios.horizon_days", |m| m.components[1].terms[0].scenarios.horizon_days = 31),
        ("components.floor.plain.scenarios", |m| {
            m.components[1].terms[0].scenarios = ScenarioRule::overlapping(1, 0);
        }),
        ("charges.liquidity", |m| m.charges.push(m.charges[0].clone())),
        ("charges.concentration", |m| {
            let ChargeRule::Concentration { products } = &mut m.charges[1].rule else { panic!() };
            products[0].threshold_basis_points = 0;
        }),
        ("charges.liquidity", |m| {
            let ChargeRule::ContractLiquidity { products } = &mut m.charges[0].rule else { panic!() };
            products.push(products[0]);
        }),
        ("charges.liquidity", |m| {
            m.charges[0].rule =
                ChargeRule::PortfolioDifferential { decay_basis_points: 10_000, cycles: 1, multiplier_basis_points: 1 };
        }),
    ];
    for (parameter, change) in changes {
        let mut model = Model::futures_house_default();
        change(&mut model);
        let problems = model.problems();
        assert!(problems.iter().any(|problem| problem.parameter == parameter), "{parameter}: {problems:?}");
    }
}
