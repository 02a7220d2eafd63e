//! Where a link stands: from a live customer's link, one condition taken away at a time.

use std::slice::from_ref;

use crossmargin::v1::{self, AccountUse, ApprovalKind, DocumentKind, LinkStage, programme_change::Change as Wire};

use super::{change::Step, wire::*, *};
use crate::arrangement::{parties::ArrangementMode, programme::Programme};

/// What both houses record.
type Logs = Pair<Vec<v1::ProgrammeChange>>;

fn complete(link: &str) -> Logs {
    Pair::from_fn(|_| onboarding(link))
}

/// Both logs under some rules, change by change: what is refused for want of a change before it is left out.
fn holding(rules: &Rules, logs: &Logs) -> Registry {
    let mut registry = adopted_under(Arc::clone(rules));
    for (leg, changes) in logs.iter() {
        for change in changes {
            drop(try_record(&mut registry, leg, from_ref(change)));
        }
    }
    registry
}

fn standing(logs: &Logs, date: &str) -> Standing {
    holding(&rules(), logs).standing(&LINK.parse().unwrap(), day(date)).unwrap()
}

fn obstacles(standing: &Standing) -> Vec<String> {
    let registry = adopted();
    standing.obstacles.iter().map(|obstacle| obstacle.text(&registry)).collect()
}

/// The logs where one house recorded something else, or nothing, instead of each change that `is_it`.
fn instead(leg: Leg, is_it: impl Fn(&v1::ProgrammeChange) -> bool, replacement: Option<&v1::ProgrammeChange>) -> Logs {
    let mut logs = complete(LINK);
    let changes =
        logs[leg].drain(..).filter_map(|change| if is_it(&change) { replacement.cloned() } else { Some(change) });
    logs[leg] = changes.collect();
    logs
}

fn without(leg: Leg, change: &v1::ProgrammeChange) -> Logs {
    instead(leg, |own| own == change, None)
}

fn and(mut logs: Logs, leg: Leg, more: &[v1::ProgrammeChange]) -> Logs {
    logs[leg].extend_from_slice(more);
    logs
}

fn plus(leg: Leg, more: &[v1::ProgrammeChange]) -> Logs {
    and(complete(LINK), leg, more)
}

#[test]
fn the_complete_set_is_live_from_the_first_day_on_which_all_of_it_holds() {
    for link in [LINK, HOUSE_LINK, AFFILIATE_LINK] {
        let registry = holding(&rules(), &complete(link));
        let link: LinkId = link.parse().unwrap();
        for (date, stage) in [("2026-01-01", Stage::Suspended), (SINCE, Stage::Live), (DAY, Stage::Live)] {
            assert_eq!(registry.standing(&link, day(date)).unwrap().stage, stage, "{link} on {date}");
        }
        assert_eq!(registry.standing(&link, day(DAY)).unwrap().obstacles, []);
        let on_day: Vec<_> = registry.links_on(day(DAY)).map(|(terms, mode)| (terms.link.clone(), mode)).collect();
        assert_eq!(on_day, [(link, LinkMode::Live)]);
    }
}

#[test]
fn nothing_less_than_the_complete_set_is_live() {
    for link in [LINK, HOUSE_LINK, AFFILIATE_LINK] {
        for leg in Leg::BOTH {
            for left_out in 0..onboarding(link).len() {
                let mut logs = complete(link);
                let change = logs[leg].remove(left_out);
                let registry = holding(&rules(), &logs);
                let standing = registry.standing(&link.parse().unwrap(), day(DAY)).unwrap();
                assert_ne!(standing.stage, Stage::Live, "{leg:?} without {change:?}");
                assert!(!standing.obstacles.is_empty(), "{leg:?} without {change:?}");
            }
        }
    }
}

/// Everything whose lack is one house's own: what the logs hold then, where the link stands, and what is in the way.
fn lacks_of_a_house(leg: Leg) -> Vec<(Logs, Stage, Vec<Obstacle>)> {
    let period = |change: fn(&mut v1::MemberRecord)| {
        let mut record = member_record(MEMBER);
        change(&mut record);
        instead(leg, |own| matches!(own.change, Some(Wire::Member(_))), Some(&of(Wire::Member(record))))
    };
    let ended = || range(SINCE, "2026-04-19");
    let account_of = |leg| if leg == Leg::Treasury { "T-customer" } else { "F-customer" };
    let consents = [stage(LINK, LinkStage::Rehearsing), stage(LINK, LinkStage::Live)];
    let mut rows = vec![
        (without(leg, &link(terms(LINK))), Stage::Proposed, vec![Obstacle::NotRecorded(leg)]),
        (without(leg, &consents[0]), Stage::Documented, vec![Obstacle::Consent(leg, Step::Rehearse)]),
        (without(leg, &consents[1]), Stage::Rehearsing, vec![Obstacle::Consent(leg, Step::GoLive)]),
        (plus(leg, &consents[..1]), Stage::Rehearsing, vec![Obstacle::Consent(leg, Step::GoLive)]),
        (without(leg, &member(MEMBER)), Stage::Suspended, vec![Obstacle::MemberUnknown(leg), Obstacle::Customer(leg)]),
        (period(|record| record.membership = None), Stage::Suspended, vec![Obstacle::Membership(leg)]),
        (
            period(|record| record.membership = range(SINCE, "2026-04-19")),
            Stage::Suspended,
            vec![Obstacle::Membership(leg)],
        ),
        (period(|record| record.broker_dealer = None), Stage::Suspended, vec![Obstacle::BrokerDealer(leg)]),
        (
            period(|record| record.broker_dealer = range("2026-04-21", "")),
            Stage::Suspended,
            vec![Obstacle::BrokerDealer(leg)],
        ),
        (period(|record| record.futures_commission_merchant = None), Stage::Suspended, vec![Obstacle::Merchant(leg)]),
        (without(leg, &customer(MEMBER, always())), Stage::Suspended, vec![Obstacle::Customer(leg)]),
        (plus(leg, &[customer(MEMBER, ended())]), Stage::Suspended, vec![Obstacle::Customer(leg)]),
        (
            plus(leg, &[account(account_of(leg), CUSTOMER, AccountUse::Regular)]),
            Stage::Suspended,
            vec![Obstacle::Undesignated(leg)],
        ),
        (
            plus(leg, &[member("M2"), account_at("M2", account_of(leg), CUSTOMER, AccountUse::CrossMargin)]),
            Stage::Suspended,
            vec![Obstacle::AccountMember(leg)],
        ),
        (plus(leg, &[stage(LINK, LinkStage::Closing)]), Stage::Closing, vec![Obstacle::ClosedBy(leg)]),
        (
            plus(leg, &[stage(LINK, LinkStage::Closing), stage(LINK, LinkStage::Closed)]),
            Stage::Closed,
            vec![Obstacle::ClosedBy(leg)],
        ),
    ];
    rows.extend(
        CUSTOMER_DOCUMENTS
            .map(|kind| (without(leg, &document(LINK, kind)), Stage::Proposed, vec![Obstacle::Document(leg, kind)])),
    );
    for (field, change) in DIFFERENCES {
        let mut other = terms(LINK);
        change(&mut other);
        let logs = instead(leg, |own| *own == link(terms(LINK)), Some(&link(other)));
        rows.push((logs, Stage::Proposed, vec![Obstacle::TermsDiffer(vec![field])]));
    }
    rows
}

type Difference = (&'static str, fn(&mut v1::LinkTerms));
const DIFFERENCES: [Difference; 5] = [
    ("kind", |terms| terms.kind = v1::LinkKind::Affiliate.into()),
    ("member", |terms| terms.member = "M2".to_owned()),
    ("owner", |terms| terms.owner = "C-2".to_owned()),
    ("treasury_account", |terms| terms.treasury_account = "T-new".to_owned()),
    ("futures_account", |terms| terms.futures_account = "F-new".to_owned()),
];

#[test]
fn what_one_house_lacks_keeps_a_link_from_being_live_and_is_named() {
    for leg in Leg::BOTH {
        for (row, (logs, stage, wanted)) in lacks_of_a_house(leg).into_iter().enumerate() {
            let found = standing(&logs, DAY);
            assert_eq!((found.stage, &found.obstacles), (stage, &wanted), "{leg:?} row {row}: {:?}", obstacles(&found));
        }
    }
}

/// Records of an approval, or of its end, that differ from both houses' having recorded the same in time.
fn approvals_that_do_not_count(leg: Leg, kind: ApprovalKind) -> Vec<Logs> {
    let base = || approval_record(kind);
    let is_it = |own: &v1::ProgrammeChange| *own == approval(approval_record(kind));
    let of = |record: v1::ApprovalRecord| approval(record);
    let at_both = |record: v1::ApprovalRecord| {
        let mut logs = instead(leg, is_it, Some(&of(record.clone())));
        logs[leg.other()] = logs[leg].clone();
        logs
    };
    let (later, house) = ("2026-04-21".to_owned(), vec![v1::LinkKind::House.into()]);
    vec![
        instead(leg, is_it, None),
        instead(leg, is_it, Some(&of(v1::ApprovalRecord { reference: "another".into(), ..base() }))),
        instead(leg, is_it, Some(&of(v1::ApprovalRecord { conditions: "some".into(), ..base() }))),
        instead(leg, is_it, Some(&of(v1::ApprovalRecord { approval_id: "A-other".into(), ..base() }))),
        instead(leg, is_it, Some(&of(v1::ApprovalRecord { effective_from: later.clone(), ..base() }))),
        at_both(v1::ApprovalRecord { effective_from: later, ..base() }),
        at_both(v1::ApprovalRecord { scope: house, ..base() }),
        plus(leg, &[withdraw(kind, DAY)]),
        plus(leg, &[withdraw(kind, "2026-04-21"), withdraw(kind, "2026-02-01")]),
        plus(leg, &[withdraw(kind, "2026-02-01"), withdraw(kind, "2026-04-21")]),
    ]
}

#[test]
fn a_link_rehearses_while_an_approval_is_not_signed_by_both_or_not_effective() {
    for leg in Leg::BOTH {
        for kind in APPROVALS {
            for (row, logs) in approvals_that_do_not_count(leg, kind).into_iter().enumerate() {
                let wanted =
                    Standing { stage: Stage::Rehearsing, obstacles: vec![Obstacle::Approval(kind)], remarks: vec![] };
                assert_eq!(standing(&logs, DAY), wanted, "{leg:?} {kind:?} row {row}");
            }
            let withdrawn = plus(leg, &[withdraw(kind, DAY)]);
            assert_eq!(standing(&withdrawn, "2026-04-19").stage, Stage::Live, "it counts until the day before");
        }
    }
}

#[test]
fn one_house_suspends_alone_and_lifting_takes_both() {
    for leg in Leg::BOTH {
        let id = format!("{}/14/0", rules().houses[leg]);
        for suspension in
            [suspend(of_link(LINK)), suspend(of_member(MEMBER)), suspend(of_everything()), default_of(MEMBER)]
        {
            let suspended = plus(leg, from_ref(&suspension));
            assert_eq!(suspended[leg].len(), 13, "the suspension stands in entry 14, behind the adoption");
            let lifted = |by: &[Leg]| by.iter().fold(suspended.clone(), |logs, by| and(logs, *by, &[lift(&id)]));
            for (by, stage) in [
                (&[][..], Stage::Suspended),
                (&[Leg::Treasury], Stage::Suspended),
                (&[Leg::Futures], Stage::Suspended),
                (&Leg::BOTH, Stage::Live),
            ] {
                let found = standing(&lifted(by), DAY);
                assert_eq!(found.stage, stage, "{suspension:?} lifted by {by:?}");
                let is_named =
                    matches!(&found.obstacles[..], [Obstacle::Suspended(named, _)] if named.text(&rules()) == id);
                assert_eq!(is_named, stage == Stage::Suspended, "{:?}", obstacles(&found));
            }
        }
        for elsewhere in [suspend(of_link(HOUSE_LINK)), suspend(of_member("M2")), default_of("M2")] {
            let logs = plus(leg, &[member("M2"), link(terms(HOUSE_LINK)), elsewhere]);
            assert_eq!(standing(&logs, DAY).stage, Stage::Live);
        }
    }
}

#[test]
fn a_document_counts_from_its_date_on() {
    let kind = DocumentKind::CustomerAgreement;
    for leg in Leg::BOTH {
        let later = document_of("", LINK, kind, "2026-04-21");
        let logs = instead(leg, |own| *own == document(LINK, kind), Some(&later));
        let found = ["2026-04-20", "2026-04-21"].map(|date| standing(&logs, date).stage);
        assert_eq!(found, [Stage::Suspended, Stage::Live], "both consented already");
        assert_eq!(standing(&logs, DAY).obstacles, [Obstacle::Document(leg, kind)]);
        let unconsented = instead(leg, |own| *own == document(LINK, kind), Some(&later));
        let unconsented = Pair::from_fn(|by| {
            let is_consent = |own: &&v1::ProgrammeChange| !matches!(own.change, Some(Wire::Stage(_))) || by != leg;
            unconsented[by].iter().filter(is_consent).cloned().collect::<Vec<_>>()
        });
        let found = ["2026-04-20", "2026-04-21"].map(|date| standing(&unconsented, date).stage);
        assert_eq!(found, [Stage::Proposed, Stage::Documented]);
        // A renewal leaves the days before it as they were.
        assert_eq!(standing(&plus(leg, from_ref(&later)), DAY).stage, Stage::Live);
    }
}

#[test]
fn an_affiliate_has_to_be_eligible_at_both_houses_and_needs_no_registration() {
    let link: LinkId = AFFILIATE_LINK.parse().unwrap();
    let unregistered = v1::MemberRecord { membership: always(), member: MEMBER.to_owned(), ..Default::default() };
    for leg in Leg::BOTH {
        let registry =
            holding(&rules(), &and(complete(AFFILIATE_LINK), leg, &[of(Wire::Member(unregistered.clone()))]));
        assert_eq!(registry.standing(&link, day(DAY)).unwrap().stage, Stage::Live);
        let ended = and(complete(AFFILIATE_LINK), leg, &[affiliate(MEMBER, range(SINCE, "2026-04-19"))]);
        let wanted = Standing { stage: Stage::Suspended, obstacles: vec![Obstacle::Affiliate(leg)], remarks: vec![] };
        assert_eq!(holding(&rules(), &ended).standing(&link, day(DAY)), Some(wanted));
    }
}

#[test]
fn nothing_is_live_while_the_arrangement_as_a_whole_is_in_rehearsal() {
    let rehearsed = Arc::new(Programme { mode: ArrangementMode::Rehearsal, ..Programme::clone(&rules()) });
    let found = holding(&rehearsed, &complete(LINK)).standing(&LINK.parse().unwrap(), day(DAY)).unwrap();
    assert_eq!(
        found,
        Standing { stage: Stage::Rehearsing, obstacles: vec![Obstacle::ArrangementRehearsed], remarks: vec![] }
    );
}

#[test]
fn a_link_takes_part_in_no_cycle_before_both_houses_consented_even_if_one_closes_it() {
    for leg in Leg::BOTH {
        for (missing, wanted) in [
            (document(LINK, DocumentKind::CustomerAgreement), Stage::Proposed),
            (stage(LINK, LinkStage::Rehearsing), Stage::Documented),
        ] {
            let logs = and(without(leg, &missing), leg.other(), &[stage(LINK, LinkStage::Closing)]);
            let found = standing(&logs, DAY);
            assert_eq!((found.stage, found.stage.mode()), (wanted, None));
            assert!(found.obstacles.contains(&Obstacle::ClosedBy(leg.other())), "{:?}", obstacles(&found));
        }
        let withdrawn = and(
            without(leg, &link(terms(LINK))),
            leg.other(),
            &[stage(LINK, LinkStage::Closing), stage(LINK, LinkStage::Closed)],
        );
        let wanted =
            Standing { stage: Stage::Closed, obstacles: vec![Obstacle::ClosedBy(leg.other())], remarks: vec![] };
        assert_eq!(standing(&withdrawn, DAY), wanted);
    }
}

#[test]
fn every_obstacle_says_what_is_in_the_way_and_whose_it_is() {
    let registry = adopted();
    for leg in Leg::BOTH {
        let house = registry.programme().houses[leg].to_string();
        for (_, _, found) in lacks_of_a_house(leg) {
            for obstacle in found {
                let text = obstacle.text(&registry);
                let names_house = text.contains(&house);
                assert!(names_house || matches!(obstacle, Obstacle::TermsDiffer(_)), "{text}");
                let is_own = !matches!(obstacle, Obstacle::TermsDiffer(_) | Obstacle::ClosedBy(_));
                assert_eq!(obstacle.left_to(), is_own.then_some(leg), "{text}");
            }
        }
    }
}

#[test]
fn the_smallest_override_of_both_houses_that_is_in_force_governs() {
    let capped = |limits: [&[v1::ProgrammeChange]; 2], date: &str| {
        let logs = and(plus(Leg::Treasury, limits[0]), Leg::Futures, limits[1]);
        let registry = holding(&rules(), &logs);
        let terms = LinkTerms::from_wire(&terms(LINK)).unwrap();
        registry.cap_bp(&terms, day(date))
    };
    let brief = of(Wire::Override(v1::ReductionOverride {
        scope: of_member(MEMBER),
        max_factor_bp: 1,
        in_force: range(DAY, DAY),
    }));
    let elsewhere = [member("M2"), limit(of_member("M2"), 1)];
    assert_eq!(capped([&[], &[]], DAY), 10_000);
    assert_eq!(capped([&elsewhere, &[]], DAY), 10_000);
    assert_eq!(capped([&[limit(of_link(LINK), 700)], &[limit(of_everything(), 500)]], DAY), 500);
    assert_eq!(capped([&[limit(of_member(MEMBER), 0)], &[limit(of_everything(), 500)]], DAY), 0);
    assert_eq!(capped([&[limit(of_everything(), 5), limit(of_everything(), 900)], &[]], DAY), 900, "a later replaces");
    for (date, cap) in [("2026-04-19", 10_000), (DAY, 1), ("2026-04-21", 10_000)] {
        assert_eq!(capped([&[], std::slice::from_ref(&brief)], date), cap, "{date}");
    }
    // One that begins later leaves the one in force; the same again, with an end, ends it.
    let of_days = |max_factor_bp, from: &str, until: &str| limit_of(of_everything(), max_factor_bp, from, until);
    let open = of_days(500, SINCE, "");
    let later = of_days(700, "2026-04-21", "");
    for (limits, wanted) in [
        (vec![open.clone(), later.clone()], [500, 500]),
        (vec![later.clone(), open.clone()], [500, 500]),
        (vec![open.clone(), later.clone(), of_days(500, SINCE, DAY)], [500, 700]),
        (vec![open, of_days(500, SINCE, "2026-04-19")], [10_000, 10_000]),
    ] {
        assert_eq!([DAY, "2026-04-21"].map(|date| capped([&limits, &[]], date)), wanted, "{limits:?}");
    }
}
