//! What a link required before and after it moved to another member.

use std::collections::BTreeMap;

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
    /// Moves of links as the wire carries them, in their order, each with the requirement before and after.
    ///
    /// # Errors
    /// What is stored of a cycle cannot be read.
    pub(crate) fn moves(
        &self,
        registry: &Registry,
        moves: &[(&LinkId, &JoinedPort<'_>)],
    ) -> Result<Vec<v1::PortView>, ReadError> {
        let ended = self.ended_charging();
        let mut by_date: BTreeMap<Date, Vec<usize>> = BTreeMap::new();
        for (place, (_, port)) in moves.iter().enumerate() {
            by_date.entry(port.effective_from).or_default().push(place);
        }
        let mut views: Vec<_> = moves.iter().map(|(link, port)| view(registry, link, port)).collect();
        for (date, places) in by_date {
            let select = |cycle: Option<&CycleId>| cycle.map(|cycle| self.select(*cycle, None)).transpose();
            // A cycle's figures are large: those of one date at a time.
            let before = select(ended.iter().rev().find(|cycle| cycle.business_date < date))?;
            let after = select(ended.iter().find(|cycle| cycle.business_date >= date))?;
            for place in places {
                let link = moves[place].0;
                views[place].before = before.as_ref().and_then(|selected| selected.requirement_of(link));
                views[place].after = after.as_ref().and_then(|selected| selected.requirement_of(link));
            }
        }
        Ok(views)
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

/// A move without its figures.
fn view(registry: &Registry, link: &LinkId, port: &JoinedPort<'_>) -> v1::PortView {
    let before = port.effective_from.yesterday().ok().and_then(|day| registry.terms_on(link, day));
    let recorded = Leg::BOTH.into_iter().filter(|leg| port.by[*leg]);
    let houses = &registry.programme().houses;
    v1::PortView {
        link_id: link.to_string(),
        from_member: before.map(|terms| terms.member.to_string()).unwrap_or_default(),
        to_member: port.to.member.to_string(),
        effective_from: port.effective_from.to_string(),
        recorded_by: recorded.map(|leg| houses[leg].to_string()).collect(),
        is_signed_by_both: port.by.treasury && port.by.futures,
        before: None,
        after: None,
    }
}
