use jiff::civil::date;
use risk::model::{Model, ModelVersion};

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
    let first = arrangement.calendar.first;
    assert_eq!(*arrangement.models.treasury.in_force(first), Model::treasury_house_default());
    assert_eq!(*arrangement.models.futures.in_force(first), Model::futures_house_default());
    assert_eq!(arrangement.models.futures.next(first), None);
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
        ("max_rounds = 64", "max_rounds = 65"),
        ("name = \"FICC\"", "name = \"FICB\""),
        ("zone = \"America/New_York\"", "zone = \"America/Toronto\""),
        ("allocation = \"passive\"", "allocation = \"directed\""),
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
        ("ITD = \"stand-alone\"", "ITD = { last_agreed = { haircut_bp = 0, cycles = 1 } }"),
        ("treasury-house/2", "treasury-house/1"),
        ("futures-house/2", "futures-house/1"),
        ("in_force_from = \"2025-01-01\"", "in_force_from = \"2024-12-31\""),
    ] {
        assert!(DEFAULT_TOML.contains(from), "{from}");
        let changed = Arrangement::from_toml(&DEFAULT_TOML.replacen(from, to, 1)).unwrap();
        assert_ne!(changed.digest(), Arrangement::default().digest(), "{to}");
    }
}

/// The default document with one more model of the Treasury house, written out.
fn with_next(model: &Model, from: &str) -> String {
    #[derive(serde::Serialize)]
    struct Written<'a> {
        parameters: &'a Model,
    }
    let written = toml::to_string(&Written { parameters: model }).unwrap();
    let written = written.replace("[parameters", "[models.treasury.parameters");
    let written = written.replace("[[parameters", "[[models.treasury.parameters");
    format!("{DEFAULT_TOML}\n[[models.treasury]]\nin_force_from = \"{from}\"\n{written}")
}

#[test]
fn the_model_in_force_follows_from_the_business_date_and_the_next_one_is_known_before() {
    let mut next = Model::treasury_house_default();
    next.version = ModelVersion("treasury-house/3".to_owned());
    let arrangement = Arrangement::from_toml(&with_next(&next, "2026-07-01")).unwrap();
    let models = &arrangement.models.treasury;
    let (before, from) = (date(2026, 6, 30), date(2026, 7, 1));
    assert_eq!(models.in_force(before), &Model::treasury_house_default());
    assert_eq!(models.next(before), Some((from, &next)));
    assert_eq!((models.in_force(from), models.next(from)), (&next, None));
}

#[test]
fn a_built_in_model_and_the_same_written_out_are_one_arrangement() {
    let model = Model::treasury_house_default();
    let named = format!(
        "{DEFAULT_TOML}\n[[models.treasury]]\nin_force_from = \"2026-07-01\"\nbuilt_in = \"{}\"\n",
        model.version
    );
    let written = Model { sources: Vec::new(), ..model };
    let digest = |text: &str| Arrangement::from_toml(text).unwrap().digest();
    assert_eq!(digest(&named), digest(&with_next(&written, "2026-07-01")));
    let other = Model { margin_proxy: None, ..written };
    assert_ne!(digest(&named), digest(&with_next(&other, "2026-07-01")));
}

#[test]
fn a_parameter_of_a_model_that_is_out_of_range_is_named_by_its_path() {
    let mut model = Model::treasury_house_default();
    model.components[0].terms[0].scenarios.horizon_days = 0;
    let found = Arrangement::from_toml(&with_next(&model, "2026-07-01")).unwrap_err();
    let key = "models.treasury[1].parameters.components.value at risk.sensitivity.scenarios.horizon_days";
    assert!(found.iter().any(|problem| problem.key == key), "{found:?}");
    let again = with_next(&Model::treasury_house_default(), "2025-01-01");
    let found = Arrangement::from_toml(&again).unwrap_err();
    assert_eq!(found[0].key, "models.treasury[1].in_force_from");
}

#[test]
fn an_unknown_key_is_refused_by_name_and_line() {
    let found = problems("max_rounds = 64", "max_rounds = 64\nmax_round = 3");
    assert_eq!(found.len(), 1);
    assert!(found[0].starts_with("line ") && found[0].contains("max_round"), "{found:?}");
}

#[test]
fn the_rule_of_loss_sharing_is_named_by_the_document_and_no_other_is_known() {
    assert_eq!(Arrangement::default().loss_sharing, LossSharing::Assumed1);
    let found = problems("loss_sharing = \"assumed-1\"", "loss_sharing = \"assumed-2\"");
    assert!(found[0].contains("assumed-2") && found[0].contains("`assumed-1`"), "{found:?}");
    let found = problems("[default]", "");
    assert!(!found.is_empty(), "it has no default: the houses must say which they agreed");
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
        ("max_rounds = 64", "max_rounds = 0", "max_rounds"),
        ("max_factor_bp = 8000", "max_factor_bp = 10001", "bounds.max_factor_bp"),
        ("min_factor_bp = 100", "min_factor_bp = 8001", "bounds.min_factor_bp"),
        ("\"ZT\"", "\"zt\"", "eligible.futures"),
        ("guard_seconds = 30", "guard_seconds = 5", "timing.guard_seconds"),
        ("zone = \"America/Chicago\"\n# Of intraday", "zone = \"\"\n# Of intraday", "settlement.zone"),
        ("ITD = \"stand-alone\"\n", "", "fall_back.ITD"),
        (
            "CUR = \"stand-alone\"",
            "CUR = { last_agreed = { haircut_bp = 0, cycles = 1 } }",
            "fall_back.CUR.last_agreed.kind",
        ),
        (
            "EOD = \"stand-alone\"",
            "EOD = { last_agreed = { haircut_bp = 10001, cycles = 1 } }",
            "fall_back.EOD.last_agreed.haircut_bp",
        ),
        (
            "EOD = \"stand-alone\"",
            "EOD = { last_agreed = { haircut_bp = 0, cycles = 0 } }",
            "fall_back.EOD.last_agreed.cycles",
        ),
        (
            "EOD = \"stand-alone\"",
            "EOD = { last_agreed = { haircut_bp = 0, cycles = 101 } }",
            "fall_back.EOD.last_agreed.cycles",
        ),
        ("as_of = \"11:15\"", "as_of = \"11:14\"", "schedule[1] (ITD).runs[0].as_of"),
        ("cut_off = \"12:15\"", "cut_off = \"11:15\"", "schedule[1] (ITD).runs[0].cut_off"),
        ("open = \"08:00\"", "open = \"07:00\"", "schedule[0] (CUR).runs[1].open"),
        ("kind = \"EODXM\"", "kind = \"EOD\"", "schedule[3] (EOD).kind"),
        ("treasury-house/2", "treasury-house/99", "models.treasury[0]"),
        ("built_in = \"treasury-house/2\"\n", "", "models.treasury[0]"),
        ("in_force_from = \"2025-01-01\"", "in_force_from = \"2025-01-02\"", "models.treasury[0].in_force_from"),
        ("in_force_from = \"2025-01-01\"", "in_force_from = \"1999-01-01\"", "models.treasury[0].in_force_from"),
    ] {
        let found = problems(from, to);
        assert!(found.iter().any(|problem| problem.starts_with(&format!("{key}: "))), "{to}: {found:?}");
    }
}

#[test]
fn a_fall_back_on_the_last_agreement_is_a_table_with_every_value_under_the_digest() {
    let with = |haircut_bp: u32, cycles: u32| {
        let table = format!("ITD = {{ last_agreed = {{ haircut_bp = {haircut_bp}, cycles = {cycles} }} }}");
        Arrangement::from_toml(&DEFAULT_TOML.replacen("ITD = \"stand-alone\"", &table, 1)).unwrap()
    };
    let arrangement = with(2_000, 2);
    let grant = AdvanceGrant::new(CycleKind::Itd, 2_000, 2).unwrap();
    assert_eq!(arrangement.fall_back[&CycleKind::Itd], FallBack::LastAgreed(grant));
    assert_eq!(arrangement.fall_back[&CycleKind::Eod], FallBack::StandAlone);
    assert_eq!(arrangement.advance_grants(), [(CycleKind::Itd, grant)].into());
    assert_eq!(Arrangement::default().advance_grants(), AdvanceGrants::new());
    let digests = [arrangement.digest(), with(2_001, 2).digest(), with(2_000, 3).digest()];
    assert!(digests[0] != digests[1] && digests[0] != digests[2] && digests[1] != digests[2]);
    let unknown = "ITD = { last_agreed = { haircut_bp = 0, cycles = 1, days = 1 } }";
    assert!(problems("ITD = \"stand-alone\"", unknown)[0].contains("days"));
    for refused in ["ITD = \"last-agreed\"", "ITD = { last_agreed = { cycles = 1 } }", "ITD = {}"] {
        assert_eq!(problems("ITD = \"stand-alone\"", refused).len(), 1, "{refused}");
    }
}

#[test]
fn all_problems_are_reported_at_once() {
    let text = DEFAULT_TOML.replacen("max_rounds = 64", "max_rounds = 0", 1).replacen("\"ZT\"", "\"zt\"", 1);
    assert_eq!(Arrangement::from_toml(&text).unwrap_err().len(), 2);
}
