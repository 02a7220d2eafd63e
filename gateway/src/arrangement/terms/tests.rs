use super::*;
use crate::arrangement::evidence::MarketItemRef;

fn problems(from: &str, to: &str) -> Vec<String> {
    assert!(DEFAULT_TOML.contains(from), "{from}");
    match Arrangement::from_toml(&DEFAULT_TOML.replacen(from, to, 1)) {
        Ok(_) => panic!("{to} must be refused"),
        Err(problems) => problems.into_iter().map(|problem| problem.to_string()).collect(),
    }
}

#[test]
fn the_embedded_arrangement_is_valid() {
    let arrangement = Arrangement::default();
    assert_eq!(arrangement.parties.leg_of("FICC"), Some(Leg::Treasury));
    assert_eq!(arrangement.parties.leg_of("CME"), Some(Leg::Futures));
    assert_eq!(arrangement.bounds.max_bp, 8_000);
    assert_eq!(arrangement.eligible.futures.len(), 11);
    assert_eq!(arrangement.authority_of(v1::MarketItemKind::CurveHistory), Some(Leg::Treasury));
    assert_eq!(arrangement.authority_of(v1::MarketItemKind::Baskets), Some(Leg::Futures));
    assert_eq!(arrangement.models.treasury.filter, None);
    assert_eq!(arrangement.models.futures.filter.map(|filter| filter.lambda_e4), Some(9_700));
    assert_eq!(arrangement.schedule[&CycleKind::Cur].runs.len(), 11);
}

#[test]
fn a_house_has_a_word_only_on_what_it_is_the_authority_of() {
    let item = |kind| MarketItemRef { kind, digest: Digest::default(), size_bytes: 1 };
    let items = vec![item(v1::MarketItemKind::Issues), item(v1::MarketItemKind::Baskets)];
    let manifest = MarketManifest { business_date: "2026-02-13".parse().unwrap(), version: 1, items };
    let arrangement = Arrangement::default();
    assert_eq!(arrangement.foreign_item(Leg::Treasury, &manifest), Some(v1::MarketItemKind::Baskets));
    assert_eq!(arrangement.foreign_item(Leg::Futures, &manifest), Some(v1::MarketItemKind::Issues));
    let own = MarketManifest { items: manifest.items[..1].to_vec(), ..manifest };
    assert_eq!(arrangement.foreign_item(Leg::Treasury, &own), None);
}

#[test]
fn the_digest_does_not_depend_on_the_form_of_the_document() {
    let value: toml::Value = toml::from_str(DEFAULT_TOML).unwrap();
    let plain = toml::to_string(&value).unwrap();
    assert_ne!(plain, DEFAULT_TOML);
    let shuffled = plain.replacen("\"2025-01-01\", \"2025-01-20\"", "\"2025-01-20\", \"2025-01-01\"", 1);
    assert_ne!(shuffled, plain);
    for text in [plain, shuffled] {
        assert_eq!(Arrangement::from_toml(&text).unwrap().digest(), Arrangement::default().digest());
    }
}

#[test]
fn every_value_is_under_the_digest() {
    for (from, to) in [
        ("id = \"FICC-CME\"", "id = \"FICC-CMX\""),
        ("mode = \"live\"", "mode = \"rehearsal\""),
        ("max_rounds = 16", "max_rounds = 17"),
        ("name = \"FICC\"", "name = \"FICB\""),
        ("zone = \"America/New_York\"", "zone = \"America/Toronto\""),
        ("\"2026-02-16\", ", ""),
        ("last = \"2027-12-31\"", "last = \"2027-12-30\""),
        ("max_factor_bp = 8000", "max_factor_bp = 7999"),
        ("min_factor_bp = 100", "min_factor_bp = 101"),
        ("closes_shortfall = false", "closes_shortfall = true"),
        ("\"SR1\", \"ZQ\"", "\"SR1\""),
        ("\"note\", \"bond\"", "\"note\""),
        ("above = 12", "above = 13"),
        ("guard_seconds = 30", "guard_seconds = 31"),
        ("skew_seconds = 5", "skew_seconds = 6"),
        ("tolerance_seconds = 300", "tolerance_seconds = 301"),
        ("intraday = \"12:30\"", "intraday = \"12:31\""),
        ("end_of_day = \"07:30\"", "end_of_day = \"07:31\""),
        ("cut_off = \"12:15\"", "cut_off = \"12:16\""),
        ("confidence_bp = 9900", "confidence_bp = 9950"),
        ("horizon_days = 3", "horizon_days = 5"),
        ("lambda_e4 = 9700", "lambda_e4 = 9800"),
        ("seed_days = 250", "seed_days = 251"),
        ("floor_weight_bp = 10000", "floor_weight_bp = 9999"),
    ] {
        assert!(DEFAULT_TOML.contains(from), "{from}");
        let changed = Arrangement::from_toml(&DEFAULT_TOML.replacen(from, to, 1)).unwrap();
        assert_ne!(changed.digest(), Arrangement::default().digest(), "{to}");
    }
}

#[test]
fn an_unknown_key_is_refused_by_name_and_line() {
    let found = problems("max_rounds = 16", "max_rounds = 16\nmax_round = 3");
    assert_eq!(found.len(), 1);
    assert!(found[0].starts_with("line ") && found[0].contains("max_round"), "{found:?}");
}

#[test]
fn a_value_out_of_range_is_named_by_its_key() {
    for (from, to, key) in [
        ("id = \"FICC-CME\"", "id = \"FICC CME\"", "id"),
        ("name = \"CME\"", "name = \"FICC\"", "houses.futures.name"),
        ("zone = \"America/New_York\"", "zone = \"America/Gotham\"", "houses.treasury.zone"),
        ("\"issues\", \"issue-prices\"", "\"issues\"", "houses.*.authority"),
        ("\"baskets\", ", "\"baskets\", \"issues\", ", "houses.*.authority"),
        ("\"2026-02-16\"", "\"2026-02-15\"", "houses.treasury.holidays"),
        ("\"2026-02-16\"", "\"2031-02-17\"", "houses.treasury.holidays"),
        ("first = \"2025-01-01\"", "first = \"2028-01-01\"", "calendar.last"),
        ("max_rounds = 16", "max_rounds = 0", "max_rounds"),
        ("max_factor_bp = 8000", "max_factor_bp = 10001", "bounds.max_factor_bp"),
        ("min_factor_bp = 100", "min_factor_bp = 8001", "bounds.min_factor_bp"),
        ("\"ZT\"", "\"zt\"", "eligible.futures"),
        ("guard_seconds = 30", "guard_seconds = 5", "timing.guard_seconds"),
        ("zone = \"America/Chicago\"\n# Of intraday", "zone = \"\"\n# Of intraday", "settlement.zone"),
        ("ITD = \"stand-alone\"\n", "", "fall_back.ITD"),
        ("as_of = \"11:15\"", "as_of = \"11:14\"", "schedule[1] (ITD).runs[0].as_of"),
        ("cut_off = \"12:15\"", "cut_off = \"11:15\"", "schedule[1] (ITD).runs[0].cut_off"),
        ("open = \"08:00\"", "open = \"07:00\"", "schedule[0] (CUR).runs[1].open"),
        ("kind = \"EODXM\"", "kind = \"EOD\"", "schedule[3] (EOD).kind"),
        ("confidence_bp = 9900", "confidence_bp = 10000", "models.treasury.confidence_bp"),
        ("scenarios = 2500", "scenarios = 99", "models.treasury.scenarios"),
        ("horizon_days = 1", "horizon_days = 0", "models.futures.horizon_days"),
        ("lambda_e4 = 9700", "lambda_e4 = 10000", "models.futures.filter.lambda_e4"),
        ("seed_days = 250", "seed_days = 0", "models.futures.filter.seed_days"),
        ("floor_weight_bp = 10000", "floor_weight_bp = 10001", "models.futures.filter.floor_weight_bp"),
    ] {
        let found = problems(from, to);
        assert!(found.iter().any(|problem| problem.starts_with(&format!("{key}: "))), "{to}: {found:?}");
    }
}

#[test]
fn all_problems_are_reported_at_once() {
    let text = DEFAULT_TOML.replacen("max_rounds = 16", "max_rounds = 0", 1).replacen("\"ZT\"", "\"zt\"", 1);
    assert_eq!(Arrangement::from_toml(&text).unwrap_err().len(), 2);
}
