//! Tests of putting both houses' views side by side.

use super::*;

fn requirement(status: RequirementStatus) -> v1::Requirement {
    v1::Requirement {
        link: Some(v1::LinkTerms {
            link_id: "LNK-1".into(),
            treasury_account: "T1".into(),
            futures_account: "F1".into(),
            ..Default::default()
        }),
        status: status.into(),
        treasury_standalone: "100.00".into(),
        futures_standalone: "200.00".into(),
        treasury_factor_bp: 7_000,
        futures_factor_bp: 6_543,
        applied_factor_bp: 6_543,
        would_be_factor_bp: 6_543,
        treasury_requirement: "34.57".into(),
        futures_requirement: "69.14".into(),
        would_be_treasury_requirement: "34.57".into(),
        would_be_futures_requirement: "69.14".into(),
        ..Default::default()
    }
}

/// An agreed pair, for other tests of the demo.
pub(in crate::command::demo) fn account() -> Account {
    let agreed = requirement(RequirementStatus::Agreed);
    merge("x", Pair { treasury: Some(&agreed), futures: Some(&agreed) }).unwrap()
}

/// A cycle with a pair of each status, for other tests of the demo.
pub(in crate::command::demo) fn cycle(statuses: &[&str]) -> CycleReport {
    let accounts: Vec<Account> =
        statuses.iter().map(|status| Account { status: (*status).to_owned(), ..account() }).collect();
    CycleReport {
        cycle: "2026-02-13/ITD/1".into(),
        business_date: "2026-02-13".into(),
        kind: "ITD".into(),
        run: 1,
        round: 0,
        status: "agreed",
        elapsed_ms: 1,
        totals: Totals::of(&accounts),
        accounts,
        houses: vec![HouseReport {
            house: "FICC".into(),
            phase: "agreed".into(),
            agreement_digest: String::new(),
            signature_count: 0,
            signatures: vec![],
            explanation: String::new(),
            ledger: PathBuf::new(),
            timings: vec![],
        }],
    }
}

#[test]
fn an_agreed_pair_saves_what_is_not_required() {
    let agreed = requirement(RequirementStatus::Agreed);
    let account = merge("x", Pair { treasury: Some(&agreed), futures: Some(&agreed) }).unwrap();
    assert_eq!((account.status.as_str(), account.applied_factor), ("agreed", 0.6543));
    assert_eq!(account.saving.unwrap().to_string(), "196.29");
    let json = serde_json::to_value(&account).unwrap();
    assert_eq!((&json["ficc_standalone"], &json["applied_factor"]), (&"100.00".into(), &0.6543.into()));
}

#[test]
fn houses_that_agreed_on_different_figures_are_an_error() {
    let agreed = requirement(RequirementStatus::Agreed);
    let other = v1::Requirement { futures_requirement: "69.15".into(), ..agreed.clone() };
    let error = merge("LNK-1", Pair { treasury: Some(&agreed), futures: Some(&other) }).unwrap_err();
    assert!(error.to_string().contains("different figures"), "{error}");
}

#[test]
fn in_a_break_each_house_speaks_for_its_own_figures() {
    let own = v1::Requirement { treasury_standalone: "110.00".into(), ..requirement(RequirementStatus::Break) };
    let other = v1::Requirement { futures_factor_bp: 1, ..requirement(RequirementStatus::Break) };
    let account = merge("x", Pair { treasury: Some(&own), futures: Some(&other) }).unwrap();
    assert_eq!(account.ficc_standalone.unwrap().to_string(), "110.00");
    assert_eq!((account.cme_factor, account.applied_factor, account.status.as_str()), (Some(0.0001), 0.0, "break"));
}

#[test]
fn a_figure_that_is_not_known_is_null_and_not_zero() {
    let known = v1::Requirement { futures_standalone: String::new(), ..requirement(RequirementStatus::FallenBack) };
    let account = merge("x", Pair { treasury: Some(&known), futures: None }).unwrap();
    assert_eq!((account.cme_standalone, account.saving, account.ficc_factor), (None, None, None));
    assert_eq!(serde_json::to_value(&account).unwrap()["cme_standalone"], serde_json::Value::Null);
}

#[test]
fn the_less_favourable_of_two_outcomes_is_shown() {
    let agreed = requirement(RequirementStatus::Agreed);
    let fallen = requirement(RequirementStatus::FallenBack);
    let account = merge("x", Pair { treasury: Some(&agreed), futures: Some(&fallen) }).unwrap();
    assert_eq!((account.status.as_str(), account.applied_factor), ("fallen_back", 0.0));
}

#[test]
fn totals_are_sums_over_the_accounts() {
    let agreed = requirement(RequirementStatus::Agreed);
    let account = merge("x", Pair { treasury: Some(&agreed), futures: Some(&agreed) }).unwrap();
    let totals = Totals::of(&[account.clone(), account]);
    assert_eq!((totals.saving.to_string(), totals.cme_standalone.to_string()), ("392.58".into(), "400.00".into()));
}

#[test]
fn a_factor_that_a_house_has_not_computed_is_taken_from_the_other() {
    let whole = requirement(RequirementStatus::FallenBack);
    let half = v1::Requirement {
        treasury_standalone: String::new(),
        treasury_factor_bp: 0,
        futures_factor_bp: 0,
        would_be_factor_bp: 0,
        ..whole.clone()
    };
    let account = merge("x", Pair { treasury: Some(&whole), futures: Some(&half) }).unwrap();
    assert_eq!((account.ficc_factor, account.cme_factor), (Some(0.7), Some(0.6543)));
    assert_eq!((account.would_be_factor, account.applied_factor), (Some(0.6543), 0.0));
}
