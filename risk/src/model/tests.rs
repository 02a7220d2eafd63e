use super::*;
use crate::{charge::ChargeRule, fixed::Fixed8, futures::default_specifications};

#[test]
fn the_engine_version_names_the_libm_that_is_pinned() {
    let manifest = include_str!("../../../Cargo.toml");
    let pinned = manifest.lines().find_map(|line| line.strip_prefix("libm = \"=")).unwrap().trim_end_matches('"');
    assert!(ENGINE_VERSION.ends_with(&format!("libm {pinned}")), "{ENGINE_VERSION} {pinned}");
}

/// Every place of a number, a text or a switch in a JSON value, as a pointer.
fn places(value: &serde_json::Value, at: &str, found: &mut Vec<String>) {
    match value {
        serde_json::Value::Object(fields) => {
            fields.iter().for_each(|(name, field)| places(field, &format!("{at}/{name}"), found));
        }
        serde_json::Value::Array(entries) => {
            entries.iter().enumerate().for_each(|(place, entry)| places(entry, &format!("{at}/{place}"), found));
        }
        serde_json::Value::Null => {}
        _ => found.push(at.to_owned()),
    }
}

/// Another value of the same kind, which the model still reads.
fn changed(value: &serde_json::Value) -> serde_json::Value {
    let other_name = |text: &str| match text {
        "sensitivity" => "full-revaluation".to_owned(),
        "full-revaluation" => "sensitivity".to_owned(),
        "value-at-risk" => "worst".to_owned(),
        "worst" => "value-at-risk".to_owned(),
        "shortest_tenor" => "required".to_owned(),
        date if date.parse::<Date>().is_ok() => "1999-12-31".to_owned(),
        product if product.parse::<crate::instrument::ProductCode>().is_ok() => "XX".to_owned(),
        name => format!("{name} x"),
    };
    match value {
        serde_json::Value::Number(number) => (number.as_u64().unwrap() + 1).into(),
        serde_json::Value::Bool(is_set) => (!is_set).into(),
        serde_json::Value::String(text) => other_name(text).into(),
        other => panic!("{other}"),
    }
}

#[test]
fn every_parameter_changes_the_digest_and_a_source_does_not() {
    for model in Model::built_in() {
        let cited = Model { sources: Vec::new(), ..model.clone() };
        assert_eq!(cited.digest(), model.digest());
        let whole = serde_json::to_value(&cited).unwrap();
        let mut found = Vec::new();
        places(&whole, "", &mut found);
        assert!(found.len() > 10, "{found:?}");
        for place in found {
            let mut value = whole.clone();
            let at = value.pointer_mut(&place).unwrap();
            *at = changed(at);
            // The first rate of a list holds from 0 months on, always.
            let Ok(other) = serde_json::from_value::<Model>(value) else {
                assert!(place.ends_with("/0/from_months"), "{place}");
                continue;
            };
            assert_ne!(other.digest(), model.digest(), "{}: {place}", model.version);
        }
        let without = Model { margin_proxy: None, maturity_floor: None, ..model.clone() };
        assert_eq!(without.digest() == model.digest(), without.margin_proxy == model.margin_proxy);
    }
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
    let tick_cents = |product| {
        let specifications = default_specifications();
        let found = specifications.iter().find(|specification| specification.product == product).unwrap();
        // A tick times what a point is worth, in cents rounded up.
        let units = found.tick.units() * i64::from(found.points_value) * 100;
        u32::try_from((units + Fixed8::ONE - 1) / Fixed8::ONE).unwrap()
    };
    for charge in Model::futures_house_default().charges {
        match charge.rule {
            ChargeRule::ContractLiquidity { products } => products.iter().for_each(|row| {
                let tick = tick_cents(row.product);
                let expected = if row.product.as_str() == "TWE" { tick } else { tick.div_ceil(2) };
                assert_eq!(row.cents_per_contract, expected, "{}", row.product);
            }),
            ChargeRule::Concentration { products } => products
                .iter()
                .for_each(|row| assert_eq!(row.cents_per_contract, tick_cents(row.product), "{}", row.product)),
            other => panic!("{other:?}"),
        }
    }
    let charges = |model: Model| model.charges.len();
    assert_eq!((charges(Model::treasury_house_default()), charges(Model::futures_house_default())), (4, 2));
}

#[test]
fn every_parameter_out_of_range_is_named() {
    type Change = fn(&mut Model);
    let changes: [(&str, Change); 12] = [
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
