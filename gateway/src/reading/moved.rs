//! What a link required before and after it moved to another member.

use crossmargin::v1;
use jiff::civil::Date;

use super::{ReadError, Reader};
use crate::arrangement::{
    cycle_id::CycleId,
    leg::Leg,
    name::LinkId,
    registry::{JoinedPort, Registry},
};

impl Reader {
    /// The moves of a link as the wire carries them, each with the requirement before and after.
    ///
    /// # Errors
    /// What is stored of a cycle cannot be read.
    pub(crate) fn ports(&self, registry: &Registry, link: &LinkId) -> Result<Vec<v1::PortView>, ReadError> {
        registry.ports_of(link).iter().map(|port| self.port(registry, link, port)).collect()
    }

    fn port(&self, registry: &Registry, link: &LinkId, port: &JoinedPort<'_>) -> Result<v1::PortView, ReadError> {
        let date = port.effective_from;
        let before = date.yesterday().ok().and_then(|day| registry.terms_on(link, day));
        let recorded = Leg::BOTH.into_iter().filter(|leg| port.by[*leg]);
        let houses = &registry.programme().houses;
        Ok(v1::PortView {
            link_id: link.to_string(),
            from_member: before.map(|terms| terms.member.to_string()).unwrap_or_default(),
            to_member: port.to.member.to_string(),
            effective_from: date.to_string(),
            recorded_by: recorded.map(|leg| houses[leg].to_string()).collect(),
            is_signed_by_both: port.by.treasury && port.by.futures,
            before: self.requirement_in(link, self.last_charging(|day| day < date))?,
            after: self.requirement_in(link, self.first_charging(|day| day >= date))?,
        })
    }

    fn requirement_in(&self, link: &LinkId, cycle: Option<CycleId>) -> Result<Option<v1::Requirement>, ReadError> {
        let Some(cycle) = cycle else { return Ok(None) };
        Ok(self.select(cycle, None)?.requirement_of(link))
    }

    fn last_charging(&self, is_wanted: impl Fn(Date) -> bool) -> Option<CycleId> {
        self.ended_charging().into_iter().rev().find(|cycle| is_wanted(cycle.business_date))
    }

    fn first_charging(&self, is_wanted: impl Fn(Date) -> bool) -> Option<CycleId> {
        self.ended_charging().into_iter().find(|cycle| is_wanted(cycle.business_date))
    }

    /// The cycles that charge and have ended at this house, by date and the instant of their books.
    fn ended_charging(&self) -> Vec<CycleId> {
        let us = self.context.us;
        let catalog = self.context.catalog.read();
        let ended = catalog.cycles.iter().filter(|(cycle, view)| {
            cycle.kind.charges() && (view.record.agreement().is_some() || view.record.outcomes[us].is_some())
        });
        let mut ended: Vec<_> = ended.map(|(cycle, view)| (cycle.business_date, view.as_of, *cycle)).collect();
        ended.sort_unstable();
        ended.into_iter().map(|(_, _, cycle)| cycle).collect()
    }
}
