//! What the programme requires of links, in the arrangement's document.

use std::{collections::BTreeMap, sync::Arc};

use crossmargin::v1;
use serde::{Deserialize, Serialize};

use crate::arrangement::{
    leg::Pair,
    link::LinkKind,
    name::HouseId,
    parties::ArrangementMode,
    programme::{Programme, Requires},
};

/// The section: one table for each kind of link, none left out.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProgrammeSection {
    house: RequiresSection,
    affiliate: RequiresSection,
    customer: RequiresSection,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RequiresSection {
    documents: Vec<Document>,
    approvals: Vec<Approval>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Document {
    HouseAgreement,
    AffiliateAgreement,
    CustomerAgreement,
    SubordinationAgreement,
    DisclosureAcknowledgement,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Approval {
    SecOrder,
    CftcOrder,
    TreasuryHouseRule,
    FuturesHouseRule,
}

impl ProgrammeSection {
    pub(super) fn normalise(&mut self) {
        for section in [&mut self.house, &mut self.affiliate, &mut self.customer] {
            super::document::sort(&mut section.documents);
            super::document::sort(&mut section.approvals);
        }
    }

    pub(super) fn read(&self, mode: ArrangementMode, houses: Pair<HouseId>) -> Arc<Programme> {
        let requires = BTreeMap::from([
            (LinkKind::House, self.house.read()),
            (LinkKind::Affiliate, self.affiliate.read()),
            (LinkKind::Customer, self.customer.read()),
        ]);
        Arc::new(Programme { mode, houses, requires })
    }
}

impl RequiresSection {
    fn read(&self) -> Requires {
        Requires {
            documents: self.documents.iter().copied().map(v1::DocumentKind::from).collect(),
            approvals: self.approvals.iter().copied().map(v1::ApprovalKind::from).collect(),
        }
    }
}

impl From<Document> for v1::DocumentKind {
    fn from(document: Document) -> Self {
        match document {
            Document::HouseAgreement => Self::HouseAgreement,
            Document::AffiliateAgreement => Self::AffiliateAgreement,
            Document::CustomerAgreement => Self::CustomerAgreement,
            Document::SubordinationAgreement => Self::SubordinationAgreement,
            Document::DisclosureAcknowledgement => Self::DisclosureAcknowledgement,
        }
    }
}

impl From<Approval> for v1::ApprovalKind {
    fn from(approval: Approval) -> Self {
        match approval {
            Approval::SecOrder => Self::SecOrder,
            Approval::CftcOrder => Self::CftcOrder,
            Approval::TreasuryHouseRule => Self::TreasuryHouseRule,
            Approval::FuturesHouseRule => Self::FuturesHouseRule,
        }
    }
}
