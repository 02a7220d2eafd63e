use std::fs;

use super::*;

const WHOLE: &str = r#"
# A customer joins.
[[member]]
member = "northgate"
broker_dealer = 2020-01-02
futures_commission_merchant = "2020-01-02..2027-03-01"
membership = "2020-01-02"

[[customer]]
customer = "C-17"
member = "northgate"
opted_in = 2026-03-02

[[account]]
account = "GSD-17"
member = "northgate"
owner = "C-17"
use = "cross-margin"

[[link]]
link_id = "northgate.C-17"
kind = "customer"
member = "northgate"
owner = "C-17"
treasury_account = "GSD-17"
futures_account = "CX-17"

[[document]]
link_ids = ["northgate.C-17"]
kind = "customer-agreement"
file = "agreement.txt"
dated = 2026-02-20
member = "northgate"

[[member]]
member = "southgate"
membership = 2021-05-03

[[stage]]
link_ids = ["northgate.C-17"]
to = "rehearsing"
reason = "the documents are complete"

[[approval]]
approval_id = "sec-1"
kind = "sec-order"
reference = "90 FR 58525"
scope = ["customer", "house"]
effective_from = 2026-03-02

[[approval_withdrawal]]
approval_id = "sec-1"
from = 2027-01-04
reason = "expired"

[[suspension]]
member = "southgate"
is_default = true
reason = "insolvent"

[[lift]]
suspension_id = "FICC/3/0"
reason = "settled"

[[override]]
everything = true
max_factor_bp = 5_000
in_force = "2026-03-02..2026-03-06"
reason = "volatile week"

[[port]]
link_id = "northgate.C-17"
to_member = "southgate"
effective_from = 2026-06-01
reason = "the customer asked for it"

[[affiliate]]
affiliate = "A-1"
member = "northgate"
eligible = 2026-03-02
"#;

fn parsed(text: &str) -> Result<Batch, Failure> {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("agreement.txt"), "the agreement").unwrap();
    parse(text, "changes.toml", folder.path())
}

fn problems(text: &str) -> Vec<String> {
    parsed(text).unwrap_err().to_string().lines().map(str::to_owned).collect()
}

#[test]
fn changes_are_recorded_in_the_order_of_the_file() {
    let batch = parsed(WHOLE).unwrap();
    let views: Vec<_> = batch
        .changes
        .iter()
        .map(|change| {
            let logged = v1::LoggedChange { change: Some(change.clone()), ..Default::default() };
            super::super::change::ChangeView::from(&logged)
        })
        .collect();
    let kinds: Vec<&str> = views.iter().map(|view| view.change).collect();
    assert_eq!(
        kinds,
        [
            "member",
            "customer",
            "account",
            "link",
            "document",
            "member",
            "stage",
            "approval",
            "approval_withdrawal",
            "suspension",
            "lift",
            "override",
            "port",
            "affiliate"
        ]
    );
    assert_eq!((batch.places[0].as_str(), batch.places[5].as_str()), ("changes.toml, line 3", "changes.toml, line 35"));
    assert_eq!(
        views[0].what,
        "member northgate: clearing member from 2020-01-02 on, broker-dealer from 2020-01-02 on, \
         futures commission merchant from 2020-01-02 to 2027-03-01"
    );
    assert_eq!(views[9].what, "suspends member southgate in default");
    assert_eq!((views[9].reason.as_str(), views[11].fields["max_factor_bp"].as_u64()), ("insolvent", Some(5_000)));
    // SHA-256 of `the agreement`.
    let digest = "1fcfef795f235128eae890c138002bade2a4419c25e01d30df08c52ba6a64586";
    assert_eq!((&views[4].fields["digest"], &views[4].fields["member"]), (&digest.into(), &"northgate".into()));
    assert!(views[4].what.contains("for link northgate.C-17 at northgate"), "{}", views[4].what);
}

#[test]
fn every_kind_of_a_file_is_one_of_the_contract() {
    let batch = parsed(WHOLE).unwrap();
    let mut kinds: Vec<&str> = KINDS.into();
    for change in &batch.changes {
        let logged = v1::LoggedChange { change: Some(change.clone()), ..Default::default() };
        let kind = super::super::change::ChangeView::from(&logged).change;
        kinds.retain(|known| *known != kind);
    }
    assert_eq!(kinds, Vec::<&str>::new(), "kinds that the whole file does not show");
}

#[test]
fn every_problem_of_a_file_is_named_by_line_and_field() {
    let text = r#"
[[member]]
membr = "northgate"
membership = "soon"

[[link]]
link_id = 7
kind = "own"
member = "northgate"
owner = "northgate"
treasury_account = "T1"
futures_account = "F1"

[[document]]
link_ids = "L1"
kind = "house-agreement"
dated = 2026-02-20T10:00:00

[[document]]
link_ids = ["L1", 2]
kind = "house-agreement"
file = "nowhere.pdf"
dated = 2026-02-20

[[suspension]]
everything = true
link_id = "L1"
is_default = "yes"

[[override]]
max_factor_bp = -1
in_force = 2026-03-02

[[approval]]
approval_id = "sec-1"
kind = "sec-order"
reference = "r"
scope = ["customer", "all"]
effective_from = "2026-03-02"
"#;
    let found = problems(text);
    for part in [
        "line 2, member.member: is missing",
        "line 3, member.membr: is not known: member, broker_dealer",
        "line 4, member.membership: \"soon\"",
        "line 7, link.link_id: a text",
        "line 8, link.kind: \"own\" is not known: house, affiliate, customer",
        "line 15, document.link_ids: an array",
        "line 14, document.file: either",
        "line 17, document.dated: a date",
        "line 20, document.link_ids: a text",
        "line 19, document.file: ",
        "line 25, suspension.scope: exactly one",
        "line 28, suspension.is_default: true or false",
        "line 30, override.scope: exactly one",
        "line 31, override.max_factor_bp: a whole number",
        "line 38, approval.scope: \"all\" is not known",
    ] {
        assert!(found.iter().any(|line| line.starts_with(&format!("changes.toml, {part}"))), "{part}: {found:#?}");
    }
    assert_eq!(found.len(), 15, "{found:#?}");
}

#[test]
fn a_file_that_is_no_list_of_changes_says_what_is_needed() {
    for (text, part) in [
        ("", "holds no changes: [[member]]"),
        ("[member]\nmember = \"x\"\n", "line 1: a table for each change is needed: [[member]]"),
        ("\nmember = [1]\n", "line 2: a table is needed: [[member]]"),
        ("[[default_package]]\n", "line 1: default_package is no change"),
        ("[[member]\n", "line 1: "),
    ] {
        let found = problems(text).join("\n");
        assert!(found.starts_with("changes.toml") && found.contains(part), "{text:?}: {found}");
    }
}
