//! Reading lists of a node to their end, page by page.

use crossmargin::v1;

use super::{
    client::Node,
    failure::{Failure, Told},
};
use crate::arrangement::cycle_id::CycleId;

/// Every requirement of a cycle, ascending by link; round 0 is the one in force.
///
/// # Errors
/// What the node said.
pub async fn requirements(node: &Node, cycle: CycleId, round: u32) -> Result<Vec<v1::Requirement>, Failure> {
    let mut all = Vec::new();
    let mut page_token = String::new();
    loop {
        let request =
            v1::ListRequirementsRequest { cycle: Some(node.cycle(cycle)), round, page_token, ..Default::default() };
        let answer = node.margins().list_requirements(request).await;
        let page = answer.told(&format!("listing the requirements of {cycle}"))?;
        all.extend(page.requirements);
        if page.next_page_token.is_empty() {
            return Ok(all);
        }
        page_token = page.next_page_token;
    }
}

/// Every link of a cycle under the models in force and under the next ones, as one answer.
///
/// # Errors
/// What the node said.
pub async fn comparisons(node: &Node, cycle: Option<CycleId>) -> Result<v1::CompareModelsResponse, Failure> {
    let cycle = cycle.map(|cycle| node.cycle(cycle));
    let mut all = v1::CompareModelsResponse::default();
    let mut page_token = String::new();
    loop {
        let request = v1::CompareModelsRequest { cycle: cycle.clone(), page_size: 0, page_token };
        let page = node.analysis().compare_models(request).await.told("comparing models")?;
        page_token = page.next_page_token.clone();
        let mut comparisons = std::mem::take(&mut all.comparisons);
        comparisons.extend_from_slice(&page.comparisons);
        all = v1::CompareModelsResponse { comparisons, ..page };
        if page_token.is_empty() {
            return Ok(all);
        }
    }
}

/// Every break of a round, ascending by link, and the round; round 0 is the newest that was matched.
///
/// # Errors
/// What the node said.
pub async fn breaks(node: &Node, cycle: CycleId, round: u32) -> Result<(u32, Vec<v1::Break>), Failure> {
    let mut all = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = v1::ListBreaksRequest { cycle: Some(node.cycle(cycle)), round, page_size: 0, page_token };
        let answer = node.operations().list_breaks(request).await;
        let page = answer.told(&format!("listing the breaks of {cycle}"))?;
        all.extend(page.breaks);
        if page.next_page_token.is_empty() {
            return Ok((page.round, all));
        }
        page_token = page.next_page_token;
    }
}

/// Every link that passes the filter, ascending.
///
/// # Errors
/// What the node said.
pub async fn links(node: &Node, filter: &v1::ListLinksRequest) -> Result<Vec<v1::Link>, Failure> {
    let mut all = Vec::new();
    let mut page_token = String::new();
    loop {
        let answer = node.programme().list_links(v1::ListLinksRequest { page_token, ..filter.clone() }).await;
        let page = answer.told("listing the links")?;
        all.extend(page.links);
        if page.next_page_token.is_empty() {
            return Ok(all);
        }
        page_token = page.next_page_token;
    }
}

/// Every member on a date, ascending; today by the house's clock where the date is empty.
///
/// # Errors
/// What the node said.
pub async fn members(node: &Node, date: String) -> Result<Vec<v1::Member>, Failure> {
    let mut all = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = v1::ListMembersRequest { page_size: 0, page_token, date: date.clone() };
        let page = node.programme().list_members(request).await.told("listing the members")?;
        all.extend(page.members);
        if page.next_page_token.is_empty() {
            return Ok(all);
        }
        page_token = page.next_page_token;
    }
}

/// Every approval on a date, ascending by id; today by the house's clock where the date is empty.
///
/// # Errors
/// What the node said.
pub async fn approvals(node: &Node, date: String) -> Result<Vec<v1::Approval>, Failure> {
    let mut all = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = v1::ListApprovalsRequest { date: date.clone(), page_size: 0, page_token };
        let page = node.programme().list_approvals(request).await.told("listing approvals")?;
        all.extend(page.approvals);
        if page.next_page_token.is_empty() {
            return Ok(all);
        }
        page_token = page.next_page_token;
    }
}

/// Every suspension, or every one in force, each house's newest first.
///
/// # Errors
/// What the node said.
pub async fn suspensions(node: &Node, in_force_only: bool) -> Result<Vec<v1::SuspensionView>, Failure> {
    let mut all = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = v1::ListSuspensionsRequest { in_force_only, page_token, ..Default::default() };
        let page = node.programme().list_suspensions(request).await.told("listing suspensions")?;
        all.extend(page.suspensions);
        if page.next_page_token.is_empty() {
            return Ok(all);
        }
        page_token = page.next_page_token;
    }
}

/// Every recorded change of one house's log, or of both where the house is empty, by house and entry.
///
/// # Errors
/// What the node said.
pub async fn changes(node: &Node, house: &str) -> Result<Vec<v1::LoggedChange>, Failure> {
    let mut all = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = v1::ListChangesRequest { page_size: 0, page_token, house: house.to_owned() };
        let page = node.programme().list_changes(request).await.told("listing the changes of the programme")?;
        all.extend(page.changes);
        if page.next_page_token.is_empty() {
            return Ok(all);
        }
        page_token = page.next_page_token;
    }
}

/// Every direction that is wanted, ascending by number.
///
/// # Errors
/// What the node said.
pub async fn directions(node: &Node, wanted: v1::ListDirectionsRequest) -> Result<Vec<v1::Direction>, Failure> {
    let mut all = Vec::new();
    let mut request = wanted;
    loop {
        let page = node.directions().list_directions(request.clone()).await.told("listing directions")?;
        all.extend(page.directions);
        if page.next_page_token.is_empty() {
            return Ok(all);
        }
        request.page_token = page.next_page_token;
    }
}

/// Every reconciliation item, or every open one, ascending.
///
/// # Errors
/// What the node said.
pub async fn items(node: &Node, open_only: bool) -> Result<Vec<v1::ReconciliationState>, Failure> {
    let mut all = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = v1::ListReconciliationItemsRequest { page_size: 0, page_token, open_only };
        let answer = node.directions().list_reconciliation_items(request).await;
        let page = answer.told("listing reconciliation items")?;
        all.extend(page.items);
        if page.next_page_token.is_empty() {
            return Ok(all);
        }
        page_token = page.next_page_token;
    }
}
