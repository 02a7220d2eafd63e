//! What a house refuses to record though its log would take it: requests that cannot lead anywhere by what both logs say
//! now. The log's own rules keep both houses' registries alike; these tell the caller early.

use std::cell::OnceCell;

use crossmargin::v1;
use jiff::civil::Date;

use super::{
    Registry,
    change::{self, Change, ChangeProblem, Port, Step, SuspensionId},
    obstacle::Obstacle,
    standing::OnDate,
};
use crate::arrangement::{
    leg::Leg,
    link::{LinkKind, LinkTerms},
    name::LinkId,
};

/// When a house is asked to record changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The date at the house.
    pub on: Date,
    /// The newest business date of which the house has opened a cycle.
    pub last_cycle: Option<Date>,
    /// Whether the house derived the changes itself from what is on record: packages and allocations are recorded so alone.
    pub is_derived: bool,
}

impl Registry {
    /// Checks changes that the house of `leg` is asked to record, in order.
    ///
    /// # Errors
    /// All problems, by change and field: which rule, which record, what would make it pass.
    pub fn check(&self, leg: Leg, changes: &[v1::ProgrammeChange], asked: Asked) -> Result<(), Vec<ChangeProblem>> {
        let date = asked.on;
        let log = self.with_changes(leg, changes)?;
        let mut after = self.clone();
        after.logs[leg] = log;
        let on = OnceCell::new();
        let mut problems = Vec::new();
        for (row, wire) in changes.iter().enumerate() {
            // Invariant: they were read a moment ago.
            let Some(change) = change::read(row, wire, &self.rules, &mut Vec::new()) else { continue };
            let mut report = |field: String, reason| problems.push(ChangeProblem { row, field, reason });
            match &change {
                Change::Link(terms) => after.check_link(leg, terms, date, &mut report),
                Change::Stage { links, to: to @ (Step::Rehearse | Step::GoLive) } => {
                    let on = on.get_or_init(|| after.on(date));
                    for (place, link) in links.iter().enumerate() {
                        after.check_consent(leg, link, *to, on, &mut |reason| {
                            report(format!("stage.link_ids[{place}]"), reason);
                        });
                    }
                }
                Change::Document { document, .. } if document.dated > date => {
                    let text = format!("{} is to come: a document is recorded once it is signed", document.dated);
                    report("document.dated".to_owned(), text);
                }
                Change::Lift(id) if after.suspension(*id).is_none() => {
                    let text = "no such suspension is recorded: see `crossmargin programme suspensions`".to_owned();
                    report("lift.suspension_id".to_owned(), text);
                }
                Change::Port(port) => {
                    let terms = self.terms_on(&port.link, port.effective_from);
                    if terms.is_some_and(|terms| terms.member == port.to) {
                        let Port { link, to, effective_from } = port;
                        let text = format!("{link} is at {to} on {effective_from} already, by both houses' records");
                        report("port.to_member".to_owned(), text);
                    }
                    after.check_port(port, asked, &mut report);
                }
                Change::Package { suspension, .. } => {
                    after.check_default("default_package", *suspension, &mut report);
                    if !asked.is_derived {
                        let text = "it follows from the last agreed cycle: call DefaultService.MakePackage";
                        report("default_package".to_owned(), text.to_owned());
                    }
                }
                Change::CloseOut { suspension, .. } => after.check_default("close_out", *suspension, &mut report),
                Change::Liquidation { suspension, .. } => after.check_default("liquidation", *suspension, &mut report),
                Change::LossAllocation { suspension, .. } => {
                    after.check_default("loss_allocation", *suspension, &mut report);
                    if !asked.is_derived {
                        let text = "it follows from the package, both results and the settled close-out: call \
                                    DefaultService.RecordLossAllocation";
                        report("loss_allocation".to_owned(), text.to_owned());
                    }
                }
                _ => {}
            }
        }
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }

    /// A link is recorded where this house's own records admit its member and owner.
    fn check_link(&self, leg: Leg, terms: &LinkTerms, date: Date, report: &mut impl FnMut(String, String)) {
        let mut obstacles = Vec::new();
        self.ineligibilities(terms, date, &mut obstacles);
        for obstacle in obstacles.iter().filter(|obstacle| obstacle.left_to() == Some(leg)) {
            let field = match obstacle {
                Obstacle::Affiliate(_) | Obstacle::Customer(_) => "link.owner",
                Obstacle::Undesignated(_) | Obstacle::AccountMember(_) if leg == Leg::Treasury => {
                    "link.treasury_account"
                }
                Obstacle::Undesignated(_) | Obstacle::AccountMember(_) => "link.futures_account",
                _ => "link.member",
            };
            report(field.to_owned(), format!("{} is not eligible: {}", terms.link, obstacle.text(self)));
        }
    }

    /// A house consents to a live link where nothing is missing but the other house's part, and to a rehearsal where the
    /// houses recorded the same terms: its own are settled then.
    fn check_consent(&self, leg: Leg, link: &LinkId, to: Step, on: &OnDate<'_>, report: &mut impl FnMut(String)) {
        let Some(standing) = on.standing(link) else { return };
        for obstacle in standing.obstacles {
            let is_in_the_way = match &obstacle {
                Obstacle::TermsDiffer(_) => true,
                Obstacle::ArrangementRehearsed => false,
                _ => to == Step::GoLive && obstacle.left_to() != Some(leg.other()),
            };
            if is_in_the_way {
                report(format!("{link} cannot be {to}: {}", obstacle.text(self)));
            }
        }
    }

    /// What follows a default names the suspension of a member in default.
    fn check_default(&self, kind: &str, suspension: SuspensionId, report: &mut impl FnMut(String, String)) {
        if !self.suspension(suspension).is_some_and(|joined| joined.suspension.is_default) {
            let text = "no member was suspended in default under this id: see `crossmargin programme suspensions`";
            report(format!("{kind}.suspension_id"), text.to_owned());
        }
    }

    /// A link moves to a member whose customers can be linked on the date of the move, and not in the past: cycles of
    /// those dates are over.
    fn check_port(&self, port: &Port, asked: Asked, report: &mut impl FnMut(String, String)) {
        if let Some(last) = asked.last_cycle.filter(|last| port.effective_from <= *last) {
            let text = format!("cycles of {last} were opened already: a move counts from a later business date on");
            report("port.effective_from".to_owned(), text);
        }
        for obstacle in self.member_standing(&port.to, LinkKind::Customer, port.effective_from) {
            let text = format!("{} cannot take the link: {}", port.to, obstacle.text(self));
            report("port.to_member".to_owned(), text);
        }
    }
}
