//! What is asked of each method: of one's own, of another member's, and of what never was.

use crossmargin::v1;
use gateway::arrangement::leg::Leg;
use prost::Message;

use crate::{scene::OTHER, support::books::cycle};

/// The names that requests are filled with.
pub struct Ids {
    pub member: &'static str,
    pub owner: &'static str,
    pub link: &'static str,
    pub treasury_account: &'static str,
    pub futures_account: &'static str,
    pub regular_account: &'static str,
}

impl Ids {
    /// The onlookers' own.
    pub const OWN: Self = Self {
        member: "alder-point",
        owner: "C-7F3A",
        link: "LNK-0009",
        treasury_account: "GSD-1009",
        futures_account: "XM-1009",
        regular_account: "REG-1001",
    };
    /// The other member's.
    pub const OTHERS: Self = Self {
        member: OTHER,
        owner: "zq7canary-C-03BB",
        link: "zq7canary-LNK-0014",
        treasury_account: "zq7canary-GSD-1014",
        futures_account: "zq7canary-XM-1014",
        regular_account: "zq7canary-REG",
    };
    /// Nobody's, each as long as the other member's.
    pub const NOBODYS: Self = Self {
        member: "nobodysss-member",
        owner: "nobodysss-C-03BB",
        link: "nobodysss-LNK-0014",
        treasury_account: "nobodysss-GSD-1014",
        futures_account: "nobodysss-XM-1014",
        regular_account: "nobodysss-REG",
    };
    /// In place of either, to compare answers.
    pub const PLACEHOLDERS: Self = Self {
        member: "*********-member",
        owner: "*********-C-03BB",
        link: "*********-LNK-0014",
        treasury_account: "*********-GSD-1014",
        futures_account: "*********-XM-1014",
        regular_account: "*********-REG",
    };

    /// All of them, the longest first where one is in another.
    pub fn all(&self) -> [&'static str; 6] {
        [self.link, self.treasury_account, self.futures_account, self.member, self.owner, self.regular_account]
    }
}

/// Encoded requests of a method. A method without any is one that this test does not know: it must be told here what to
/// ask.
pub fn asks(path: &str, ids: &Ids, leg: Leg) -> Vec<Vec<u8>> {
    let method = path.rsplit('/').next().unwrap_or_default();
    let accounts = [ids.treasury_account, ids.futures_account].map(str::to_owned);
    let itd = Some(cycle(v1::CycleKind::Itd, 1));
    let cycles = [None, itd.clone(), Some(cycle(v1::CycleKind::Itd, 9))];
    let tokens = [String::new(), ids.link.to_owned(), "1/2/0".into()];
    let trial = |account: &String, instrument: &str| v1::TryPositionsRequest {
        account: account.clone(),
        changes: vec![v1::PositionChange {
            instrument: instrument.into(),
            kind: v1::ChangeKind::Add.into(),
            quantity: 100,
        }],
        business_date: String::new(),
    };
    match method {
        "Check" | "Watch" => vec![Vec::new()],
        "ListLinks" => encoded(tokens.iter().flat_map(|token| {
            [String::new(), ids.member.to_owned()].map(|member| v1::ListLinksRequest {
                page_token: token.clone(),
                member,
                ..Default::default()
            })
        })),
        "GetLink" => encoded(
            ["", "2026-02-13", "2020-01-01"]
                .map(|date| v1::GetLinkRequest { link_id: ids.link.into(), date: date.into() }),
        ),
        "ListMembers" => encoded(
            ["", ids.member].map(|token| v1::ListMembersRequest { page_token: token.into(), ..Default::default() }),
        ),
        "ListApprovals" => encoded(
            ["", ids.member].map(|token| v1::ListApprovalsRequest { page_token: token.into(), ..Default::default() }),
        ),
        "ListSuspensions" => encoded([("", ""), (ids.member, ""), ("", ids.link)].map(|(member, link_id)| {
            v1::ListSuspensionsRequest { member: member.into(), link_id: link_id.into(), ..Default::default() }
        })),
        "ListPorts" => encoded([("", ""), (ids.member, ""), ("", ids.link)].map(|(member, link_id)| {
            v1::ListPortsRequest { member: member.into(), link_id: link_id.into(), ..Default::default() }
        })),
        "GetRequirement" => encoded(accounts.iter().flat_map(|account| {
            cycles.clone().map(|cycle| v1::GetRequirementRequest { account: account.clone(), cycle })
        })),
        "ListRequirements" => encoded(tokens.iter().flat_map(|token| {
            [String::new(), ids.member.to_owned()].map(|member| v1::ListRequirementsRequest {
                cycle: itd.clone(),
                page_token: token.clone(),
                member,
                ..Default::default()
            })
        })),
        "GetMemberTotals" => {
            encoded(cycles.map(|cycle| v1::GetMemberTotalsRequest { member: ids.member.into(), cycle, round: 0 }))
        }
        "ExplainMargin" => encoded(accounts.iter().flat_map(|account| {
            cycles.clone().map(|cycle| v1::ExplainMarginRequest {
                account: account.clone(),
                cycle,
                ..Default::default()
            })
        })),
        "CompareModels" => {
            encoded(tokens.map(|page_token| v1::CompareModelsRequest { cycle: itd.clone(), page_token, page_size: 1 }))
        }
        "TryPositions" => encoded(accounts.iter().flat_map(|account| {
            ["FUT:ZN:2026-03", "FUT:ZZZ:2026-03", ids.link].map(|instrument| trial(account, instrument))
        })),
        "TryPath" => encoded(accounts.each_ref().map(|account| v1::TryPathRequest {
            positions: Some(trial(account, "FUT:ZN:2026-03")),
            days: vec![v1::CurveMove { overnight_bp: 5.0, curve_bp: vec![10.0] }],
        })),
        "SuggestFutures" => encoded(accounts.each_ref().map(|account| v1::SuggestFuturesRequest {
            positions: Some(trial(account, "FUT:ZN:2026-03")),
            candidates: vec!["FUT:ZN:2026-03".into()],
            suggestion_count: 1,
            ..Default::default()
        })),
        "DirectPositions" => {
            let legs = [
                (ids.regular_account, ids.futures_account),
                (ids.futures_account, ids.regular_account),
                (ids.regular_account, "XM-1001"),
                ("REG-1001", ids.futures_account),
            ];
            encoded(legs.map(|(from, to)| v1::DirectPositionsRequest {
                request_id: "zq7-asked".into(),
                business_date: "2026-02-13".into(),
                legs: vec![v1::PositionLeg {
                    from_account: from.into(),
                    to_account: to.into(),
                    instrument: "FUT:ZN:2026-03".into(),
                    quantity: -1,
                }],
                validate_only: true,
                ..Default::default()
            }))
        }
        "ListDirections" => {
            encoded([("", ""), (ids.member, ""), ("", ids.futures_account), ("", ids.regular_account)].map(
                |(member, account)| v1::ListDirectionsRequest {
                    member: member.into(),
                    account: account.into(),
                    ..Default::default()
                },
            ))
        }
        "GetComposedPositions" => encoded(
            [ids.futures_account, ids.regular_account, ids.treasury_account]
                .map(|account| v1::GetComposedPositionsRequest { account: account.into() }),
        ),
        "ListReconciliationItems" => encoded([v1::ListReconciliationItemsRequest::default()]),
        "ListExclusions" => encoded([v1::ListExclusionsRequest { cycle: itd }]),
        "WatchDirections" => encoded([v1::WatchDirectionsRequest::default()]),
        _ => panic!("{path} is open to members at {leg:?}: say here what to ask of it"),
    }
}

fn encoded<M: Message>(requests: impl IntoIterator<Item = M>) -> Vec<Vec<u8>> {
    requests.into_iter().map(|request| request.encode_to_vec()).collect()
}
