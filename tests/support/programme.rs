//! Steps of the programme that tests take at one house or both.

use crossmargin::v1::{
    self, programme_change::Change, programme_service_client::ProgrammeServiceClient, scope::Scope as Given,
};
use gateway::arrangement::leg::Leg;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use super::{Houses, PATIENCE, clients::Clients};

/// A change with a reason.
pub fn change(change: Change) -> v1::ProgrammeChange {
    v1::ProgrammeChange { reason: "a test asks for it".to_owned(), change: Some(change) }
}

/// The stage that a house's word lets a link go to.
pub fn stage(link: &str, to: v1::LinkStage) -> v1::ProgrammeChange {
    change(Change::Stage(v1::StageChange { link_ids: vec![link.to_owned()], to: to.into() }))
}

/// The suspension of a link.
pub fn suspend_link(link: &str) -> v1::ProgrammeChange {
    let scope = Some(v1::Scope { scope: Some(Given::LinkId(link.to_owned())) });
    change(Change::Suspension(v1::Suspension { scope, is_default: false }))
}

/// Consent to lifting a suspension.
pub fn lift(suspension_id: &str) -> v1::ProgrammeChange {
    change(Change::Lift(v1::Lift { suspension_id: suspension_id.to_owned() }))
}

/// Records changes at both houses.
pub async fn record_at_both(houses: &Houses, request_id: &str, changes: &[v1::ProgrammeChange]) {
    for leg in Leg::BOTH {
        houses.clients(leg).record_changes(request_id, changes.to_vec()).await.unwrap();
    }
}

/// The problems of a refused batch, as `field: description`.
pub fn problems(status: &Status) -> Vec<String> {
    assert_eq!(status.code(), Code::InvalidArgument, "{status}");
    let details = status.get_details_bad_request().unwrap();
    details.field_violations.iter().map(|v| format!("{}: {}", v.field, v.description)).collect()
}

/// Reads a link as a role.
pub async fn link_as(clients: &Clients, role: &str, link: &str) -> Result<v1::GetLinkResponse, Status> {
    let mut programme = ProgrammeServiceClient::new(clients.channel(role));
    let request = v1::GetLinkRequest { link_id: link.to_owned(), date: String::new() };
    programme.get_link(request).await.map(tonic::Response::into_inner)
}

/// Waits until both houses see the link at a stage, and gives what the last one says of it.
pub async fn wait_stage(houses: &Houses, link: &str, stage: v1::LinkStage) -> v1::Link {
    let mut found = None;
    for leg in Leg::BOTH {
        let begin = std::time::Instant::now();
        found = loop {
            let seen = link_as(&houses.clients(leg), "administrator", link).await.unwrap().link.unwrap();
            if seen.stage() == stage {
                break Some(seen);
            }
            assert!(begin.elapsed() < PATIENCE, "{link} did not come to {stage:?}: {seen:?}");
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        };
    }
    found.unwrap()
}
