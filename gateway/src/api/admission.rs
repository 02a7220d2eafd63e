//! Which roles each method admits. A method that is not here admits nobody, and the node does not start without its row.

use crate::identity::{AdmissionTable, RoleKind, admission::TableError};

/// The other house's gateway.
const PEER: &[RoleKind] = &[RoleKind::Peer];
/// Who reads margins of every account.
const MARGIN: &[RoleKind] = &[RoleKind::MarginReader, RoleKind::Operator, RoleKind::Auditor];
/// The same, and members and customers, who are shown their own accounts alone.
const MARGIN_AND_OWNERS: &[RoleKind] =
    &[RoleKind::MarginReader, RoleKind::Operator, RoleKind::Auditor, RoleKind::Member, RoleKind::Customer];
/// Who reads the whole programme.
const PROGRAMME: &[RoleKind] = &[RoleKind::Administrator, RoleKind::Operator, RoleKind::Auditor];
/// The same, and members, who are shown what is about them alone.
const PROGRAMME_AND_MEMBERS: &[RoleKind] =
    &[RoleKind::Administrator, RoleKind::Operator, RoleKind::Auditor, RoleKind::Member];
/// The same, and customers, who are shown their own link alone.
const PROGRAMME_AND_OWNERS: &[RoleKind] =
    &[RoleKind::Administrator, RoleKind::Operator, RoleKind::Auditor, RoleKind::Member, RoleKind::Customer];
/// Who reads cycles.
const CYCLES: &[RoleKind] = &[RoleKind::Operator, RoleKind::Auditor, RoleKind::MarginReader, RoleKind::Administrator];
/// Who reads what is directed; a member's administration is shown its own accounts alone.
const DIRECTIONS: &[RoleKind] = &[
    RoleKind::Administrator,
    RoleKind::MemberAdministrator,
    RoleKind::PositionSource,
    RoleKind::Operator,
    RoleKind::Auditor,
];
/// Who asks whether the node is well.
const HEALTH: &[RoleKind] = &RoleKind::ALL;
/// Who reads the contract from the node.
const REFLECTION: &[RoleKind] = &[RoleKind::Operator, RoleKind::Auditor, RoleKind::Administrator];

/// Method by method.
const ROWS: &[(&str, &[RoleKind])] = &[
    ("/crossmargin.v1.PeerService/Greet", PEER),
    ("/crossmargin.v1.PeerService/Deliver", PEER),
    ("/crossmargin.v1.PeerService/FetchBlobs", PEER),
    ("/crossmargin.v1.PeerService/ReadNodes", PEER),
    ("/crossmargin.v1.PeerService/ReadShared", PEER),
    ("/crossmargin.v1.PositionKeepingService/SubmitSnapshot", &[RoleKind::PositionSource]),
    (
        "/crossmargin.v1.PositionKeepingService/GetPositions",
        &[RoleKind::PositionSource, RoleKind::Operator, RoleKind::Auditor],
    ),
    ("/crossmargin.v1.MarketDataService/SubmitMarketData", &[RoleKind::MarketSource]),
    (
        "/crossmargin.v1.MarketDataService/GetMarketData",
        &[RoleKind::MarketSource, RoleKind::MarginReader, RoleKind::Operator, RoleKind::Auditor],
    ),
    ("/crossmargin.v1.ProgrammeService/RecordChanges", &[RoleKind::Administrator]),
    ("/crossmargin.v1.ProgrammeService/ListLinks", PROGRAMME_AND_OWNERS),
    ("/crossmargin.v1.ProgrammeService/GetLink", PROGRAMME_AND_OWNERS),
    ("/crossmargin.v1.ProgrammeService/ListMembers", PROGRAMME_AND_MEMBERS),
    ("/crossmargin.v1.ProgrammeService/ListApprovals", PROGRAMME_AND_MEMBERS),
    ("/crossmargin.v1.ProgrammeService/ListSuspensions", PROGRAMME_AND_MEMBERS),
    ("/crossmargin.v1.ProgrammeService/ListPorts", PROGRAMME_AND_OWNERS),
    ("/crossmargin.v1.ProgrammeService/ListChanges", PROGRAMME),
    ("/crossmargin.v1.ProgrammeService/WatchChanges", PROGRAMME),
    ("/crossmargin.v1.DefaultService/MakePackage", &[RoleKind::Administrator]),
    ("/crossmargin.v1.DefaultService/GetPackage", PROGRAMME),
    ("/crossmargin.v1.DefaultService/RecordLossAllocation", &[RoleKind::Administrator]),
    ("/crossmargin.v1.DefaultService/GetDefault", PROGRAMME),
    ("/crossmargin.v1.DefaultService/ListDefaults", PROGRAMME),
    ("/crossmargin.v1.DirectionService/DirectPositions", &[RoleKind::Administrator, RoleKind::MemberAdministrator]),
    ("/crossmargin.v1.DirectionService/ListDirections", DIRECTIONS),
    ("/crossmargin.v1.DirectionService/GetComposedPositions", DIRECTIONS),
    ("/crossmargin.v1.DirectionService/ListReconciliationItems", DIRECTIONS),
    ("/crossmargin.v1.DirectionService/ResolveReconciliationItem", &[RoleKind::Administrator, RoleKind::Operator]),
    ("/crossmargin.v1.DirectionService/ListExclusions", DIRECTIONS),
    ("/crossmargin.v1.DirectionService/WatchDirections", DIRECTIONS),
    ("/crossmargin.v1.MarginService/GetRequirement", MARGIN_AND_OWNERS),
    ("/crossmargin.v1.MarginService/ListRequirements", MARGIN_AND_OWNERS),
    (
        "/crossmargin.v1.MarginService/GetMemberTotals",
        &[RoleKind::MarginReader, RoleKind::Operator, RoleKind::Auditor, RoleKind::Member],
    ),
    ("/crossmargin.v1.MarginService/GetAgreement", MARGIN),
    ("/crossmargin.v1.MarginService/ListAgreements", MARGIN),
    ("/crossmargin.v1.MarginService/WatchResults", MARGIN),
    ("/crossmargin.v1.AnalysisService/ExplainMargin", MARGIN_AND_OWNERS),
    ("/crossmargin.v1.AnalysisService/CompareModels", MARGIN_AND_OWNERS),
    ("/crossmargin.v1.AnalysisService/TryPositions", MARGIN_AND_OWNERS),
    ("/crossmargin.v1.AnalysisService/TryPath", MARGIN_AND_OWNERS),
    ("/crossmargin.v1.AnalysisService/SuggestFutures", MARGIN_AND_OWNERS),
    ("/crossmargin.v1.AnalysisService/BacktestAccounts", MARGIN),
    ("/crossmargin.v1.OperationsService/OpenCycle", &[RoleKind::Operator]),
    ("/crossmargin.v1.OperationsService/CutOffCycle", &[RoleKind::Operator]),
    ("/crossmargin.v1.OperationsService/GetCycle", CYCLES),
    ("/crossmargin.v1.OperationsService/ListCycles", CYCLES),
    ("/crossmargin.v1.OperationsService/ListBreaks", CYCLES),
    (
        "/crossmargin.v1.OperationsService/GetNodeStatus",
        &[RoleKind::Operator, RoleKind::Auditor, RoleKind::Administrator, RoleKind::PositionSource],
    ),
    ("/grpc.health.v1.Health/Check", HEALTH),
    ("/grpc.health.v1.Health/Watch", HEALTH),
    ("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", REFLECTION),
    ("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", REFLECTION),
];

/// The table of this node's methods.
///
/// # Errors
/// A method of the contract without a row, or a row without a method.
pub fn table() -> Result<AdmissionTable, TableError> {
    let contract = [
        crossmargin::DESCRIPTOR_SET,
        tonic_health::pb::FILE_DESCRIPTOR_SET,
        tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET,
        tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET,
    ];
    AdmissionTable::new(ROWS, &contract)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_of_the_contract_has_its_row() {
        table().unwrap();
    }
}
