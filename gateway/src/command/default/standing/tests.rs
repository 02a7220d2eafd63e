use super::*;

fn settled() -> v1::MemberDefault {
    let record = v1::LossAllocationRecord {
        suspension_id: "FICC/12/0".into(),
        payer: "CME".into(),
        amount: "1000.00".into(),
        rule: "assumed-1".into(),
        customer: String::new(),
    };
    let package = |byte: u8| v1::DefaultPackageRecord {
        suspension_id: "FICC/12/0".into(),
        package: vec![byte; 32].into(),
        size_bytes: 7,
    };
    v1::MemberDefault {
        suspension: Some(v1::SuspensionView {
            suspension_id: "FICC/12/0".into(),
            scope: Some(v1::Scope { scope: Some(v1::scope::Scope::Member("brightwater".into())) }),
            is_in_force: true,
            ..Default::default()
        }),
        member: "brightwater".into(),
        treasury_package: Some(package(1)),
        futures_package: Some(package(1)),
        is_package_signed_by_both: true,
        treasury_close_out: v1::CloseOut::Joint.into(),
        futures_close_out: v1::CloseOut::Joint.into(),
        is_close_out_settled: true,
        pools: vec![
            v1::LossPool {
                treasury_record: Some(record.clone()),
                futures_record: Some(record),
                is_signed_by_both: true,
                allocation: Some(v1::AllocatedLoss {
                    is_assumed: true,
                    steps: vec!["a step".into()],
                    ..Default::default()
                }),
                ..Default::default()
            },
            v1::LossPool { customer: "C-1".into(), missing: vec!["a result".into()], ..Default::default() },
        ],
        ..Default::default()
    }
}

#[test]
fn a_default_shows_each_step_what_is_missing_and_what_differs() {
    let mut found = settled();
    let text = details(&DefaultView::from(&found));
    for words in
        ["member brightwater", "signed by both", "joint, settled", "a step", "customer C-1", "missing: a result"]
    {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert!(text.contains("recorded by the futures house: CME pays USD 1,000.00, by rule assumed-1"), "{text}");
    assert!(!text.contains("BREAK") && !text.contains("PROBLEM"), "{text}");

    found.is_package_signed_by_both = false;
    found.futures_package = None;
    found.is_close_out_settled = false;
    found.futures_close_out = v1::CloseOut::Separate.into();
    found.problems = vec!["they differ".into()];
    found.pools[0].problems = vec!["another amount".into()];
    let text = details(&DefaultView::from(&found));
    for words in [
        "Treasury house 0101",
        "futures house none",
        "Treasury house joint, futures house separate",
        "PROBLEM     they differ",
        "BREAK: another amount",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
}

#[test]
fn a_listing_counts_settled_pools_and_problems() {
    let mut found = settled();
    assert!(overview(&[DefaultView::from(&found)]).contains("1 of 2"));
    found.pools[0].problems = vec!["another amount".into()];
    let text = overview(&[DefaultView::from(&found)]);
    assert!(text.contains("0 of 2"), "what differs is not settled: {text}");
    assert_eq!(overview(&[]), "no member is in default");
}
