use clap::Parser;

use super::*;

#[derive(Debug, Parser)]
struct Cli {
    #[command(subcommand)]
    action: WriteAction,
}

fn parse(line: &str) -> Result<v1::ProgrammeChange, clap::Error> {
    let words = line.split_whitespace().map(|word| word.replace('_', " "));
    let cli = Cli::try_parse_from(["x".to_owned()].into_iter().chain(words).chain(["--house".into(), "A".into()]));
    let (batch, _) = cli?.action.batch().unwrap();
    Ok(batch.changes.into_iter().next().unwrap())
}

fn period(from: &str, until: &str) -> Option<v1::DateRange> {
    Some(v1::DateRange { from: from.into(), until: until.into() })
}

#[test]
fn a_member_is_what_the_options_say_and_nothing_else() {
    let change = parse("member BD1 --membership 2020-01-02 --fcm 2019-05-01..2027-04-30").unwrap();
    let expected = v1::MemberRecord {
        member: "BD1".into(),
        broker_dealer: None,
        futures_commission_merchant: period("2019-05-01", "2027-04-30"),
        membership: period("2020-01-02", ""),
    };
    assert_eq!(change.change, Some(Change::Member(expected)));
}

#[test]
fn a_suspension_and_a_limit_are_about_one_thing() {
    let suspended = |line: &str| match parse(line).unwrap().change {
        Some(Change::Suspension(v1::Suspension { scope: Some(v1::Scope { scope }), is_default })) => {
            (scope.unwrap(), is_default)
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(suspended("suspend --link L1 --reason checks"), (Scope::LinkId("L1".into()), false));
    assert_eq!(suspended("suspend --member BD1 --default --reason insolvent"), (Scope::Member("BD1".into()), true));
    assert_eq!(suspended("suspend --everything --reason drill"), (Scope::Everything(true), false));
    for wrong in [
        "suspend --reason nothing",
        "suspend --link L1 --everything --reason both",
        "suspend --link L1 --default --reason no_member",
        "suspend --everything",
        "limit --max-factor-bp 5000 --from 2026-03-02 --reason nothing",
        "limit --link L1 --max-factor-bp 10001 --from 2026-03-02 --reason more_than_all",
    ] {
        assert!(parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_limit_has_its_days_and_its_reason() {
    let change = parse("limit --member BD1 --max-factor-bp 0 --from 2026-03-02 --until 2026-03-06 --reason audit");
    let change = change.unwrap();
    let Some(Change::Override(limit)) = change.change else { panic!("{change:?}") };
    assert_eq!((change.reason.as_str(), limit.max_factor_bp), ("audit", 0));
    assert_eq!(limit.in_force, period("2026-03-02", "2026-03-06"));
}

#[test]
fn an_approval_names_its_links_in_the_order_of_the_contract() {
    let change =
        parse("approve sec-1 --kind sec-order --reference 90_FR_58525 --scope customer,house --from 2026-01-15");
    let Some(Change::Approval(record)) = change.unwrap().change else { panic!("no approval") };
    assert_eq!((record.reference.as_str(), record.kind()), ("90 FR 58525", v1::ApprovalKind::SecOrder));
    assert_eq!(record.scope().collect::<Vec<_>>(), [v1::LinkKind::House, v1::LinkKind::Customer]);
    assert!(parse("approve sec-1 --kind sec-order --reference r --from 2026-01-15").is_err());
}

#[test]
fn a_name_or_a_period_that_is_none_is_refused_before_the_node_is_called() {
    for (line, part) in [
        ("member B/D --membership 2020-01-02", "not a name of a member"),
        ("member BD1 --membership soon", "FROM..UNTIL"),
        ("customer C1 --member BD1", "--opted-in"),
        ("affiliate A1 --member BD1 --eligible 2026-03-02..2026-03-01", "before 2026-03-02"),
        ("account T1 --member BD1 --owner BD1 --use other", "cross-margin"),
        ("withdraw sec-1 --from 2026-01-15", "--reason"),
        ("lift FICC/1/0", "--reason"),
    ] {
        let told = parse(line).unwrap_err().to_string();
        assert!(told.contains(part), "{line}: {told}");
    }
}
