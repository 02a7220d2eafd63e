//! A house's administrator: the programme, and positions that are directed.

use std::collections::BTreeMap;

use crossmargin::v1::{
    self, direction_service_client::DirectionServiceClient, programme_change::Change,
    programme_service_client::ProgrammeServiceClient, scope,
};
use gateway::{arrangement::leg::Leg, sample};
use tonic::{Response, Status, transport::Channel};

use super::{
    desk::{Again, Desk},
    setting::{CROSS_MARGIN, DIRECTED, NAMES, REGULAR},
    told::Acknowledged,
};

/// Links that are suspended and limited in the course of a simulation.
const CHANGED_LINKS: [&str; 2] = ["LNK-0004", "LNK-0007"];

impl Desk {
    fn programme(&self) -> ProgrammeServiceClient<Channel> {
        ProgrammeServiceClient::new(self.channel("administrator"))
    }

    fn directing(&self) -> DirectionServiceClient<Channel> {
        DirectionServiceClient::new(self.channel("administrator"))
    }

    pub async fn send_changes(
        &self,
        id: &str,
        changes: Vec<v1::ProgrammeChange>,
    ) -> Result<Response<v1::RecordChangesResponse>, Status> {
        let request = v1::RecordChangesRequest { request_id: id.to_owned(), changes, validate_only: false };
        self.programme().record_changes(request).await
    }

    /// Records changes; whether they were taken.
    pub async fn record(&self, id: &str, changes: Vec<v1::ProgrammeChange>) -> bool {
        let life = self.life();
        let answer = match self.insist(id, || self.send_changes(id, changes.clone())).await {
            Ok(answer) => answer,
            Err(status) => {
                self.says(format!("{id} was refused: {}", status.message()));
                return false;
            }
        };
        let known = self.learn(&self.known.registry, life, answer.sequence);
        if known.is_some_and(|known| answer.sequence <= known) {
            self.trace.violation(format!("{id}: entry {} follows on {known:?}", answer.sequence));
        }
        answer.suspension_ids.iter().for_each(|id| self.told.suspended(self.leg, id));
        let v1::RecordChangesResponse { sequence, suspension_ids: suspensions, .. } = answer;
        self.acknowledge(id, Again::Changes(changes), Acknowledged::Changes { sequence, suspensions });
        true
    }

    /// The administrator: suspends links, consents to lifting, limits reductions.
    pub async fn administer(&self) {
        let dice = self.dice("administrator");
        let mut number = 0;
        let mut life = 0;
        loop {
            self.pause(dice.millis(10_000, 60_000)).await;
            if life != self.life() {
                life = self.see_suspensions().await;
            }
            if self.is_healing() {
                return;
            }
            number += 1;
            let link = *dice.pick(&CHANGED_LINKS);
            let scope = || Some(v1::Scope { scope: Some(scope::Scope::LinkId(link.to_owned())) });
            match dice.below(3) {
                0 => {
                    let suspension = v1::Suspension { scope: scope(), is_default: false };
                    self.record(&format!("suspend-{number}"), vec![reasoned(Change::Suspension(suspension))]).await;
                }
                1 => self.lift(&format!("lift-{number}")).await,
                _ => {
                    let limit = v1::ReductionOverride {
                        scope: scope(),
                        max_factor_bp: u32::try_from(dice.between(1_000, 9_000)).unwrap(),
                        in_force: Some(v1::DateRange { from: sample::BUSINESS_DATE.to_string(), until: String::new() }),
                    };
                    self.record(&format!("limit-{number}"), vec![reasoned(Change::Override(limit))]).await;
                }
            }
        }
    }

    /// Reads which suspensions there are after a loss: what was recorded and not delivered is gone. The life as of which it
    /// was read.
    async fn see_suspensions(&self) -> u64 {
        loop {
            let life = self.whole().await;
            let request = v1::ListSuspensionsRequest::default();
            let listed = self.insist("ListSuspensions", || {
                let (mut client, request) = (self.programme(), request.clone());
                async move { client.list_suspensions(request).await }
            });
            let Ok(listed) = listed.await else { return life };
            if life != self.life() {
                continue;
            }
            let name = NAMES[self.leg];
            let of = |is_own: bool| -> BTreeMap<String, bool> {
                let suspensions = listed.suspensions.iter().filter(|suspension| (suspension.house == name) == is_own);
                suspensions.map(|one| (one.suspension_id.clone(), one.lifted_by.iter().any(|by| by == name))).collect()
            };
            self.told.suspensions_of(self.leg, &of(true));
            self.told.consents_of(self.leg, &of(false));
            return life;
        }
    }

    /// Consents to lifting one suspension of either house, where there is one.
    async fn lift(&self, id: &str) {
        let Some(suspension_id) = self.told.to_lift(self.leg) else { return };
        let lift = reasoned(Change::Lift(v1::Lift { suspension_id: suspension_id.clone() }));
        if !self.record(id, vec![lift]).await {
            // The other house's suspension has not arrived here yet.
            self.told.not_lifted(self.leg, &suspension_id);
        }
    }

    /// Consents to lifting every suspension.
    pub async fn lift_all(&self) {
        let mut number = 0;
        while self.told.is_to_lift(self.leg) {
            number += 1;
            self.lift(&format!("lift-at-last-{number}")).await;
            tokio::time::sleep(std::time::Duration::from_secs(2)).await;
        }
    }

    pub async fn send_direction(
        &self,
        id: &str,
        quantity: i64,
    ) -> Result<Response<v1::DirectPositionsResponse>, Status> {
        let leg = v1::PositionLeg {
            from_account: REGULAR.to_owned(),
            to_account: CROSS_MARGIN.to_owned(),
            instrument: DIRECTED.to_owned(),
            quantity,
        };
        let request = v1::DirectPositionsRequest {
            request_id: id.to_owned(),
            business_date: sample::BUSINESS_DATE.to_string(),
            legs: vec![leg],
            ..Default::default()
        };
        self.directing().direct_positions(request).await
    }

    /// Directs positions at a house that has a book: after a recovery it is submitted first. The life in which it was
    /// answered.
    async fn send_direction_once_there_is_a_book(
        &self,
        id: &str,
        quantity: i64,
    ) -> (u64, Result<v1::DirectPositionsResponse, Status>) {
        loop {
            while self.known.book.of(self.life()) == 0 {
                tokio::time::sleep(std::time::Duration::from_millis(500)).await;
            }
            let life = self.life();
            match self.insist(id, || self.send_direction(id, quantity)).await {
                Err(_) if life != self.life() => {}
                answer => return (life, answer),
            }
        }
    }

    /// Directs positions into the first link's account, at the house where members do.
    pub async fn direct(&self) {
        if self.leg == Leg::Treasury {
            return;
        }
        let dice = self.dice("directions");
        let mut count = 0;
        loop {
            self.pause(dice.millis(20_000, 90_000)).await;
            if self.is_healing() {
                return;
            }
            count += 1;
            let id = format!("direct-{count}");
            let quantity = -i64::try_from(dice.between(1, 20)).unwrap();
            let (life, answer) = self.send_direction_once_there_is_a_book(&id, quantity).await;
            match answer {
                Ok(answer) => {
                    let known = self.learn(&self.known.directions, life, answer.number);
                    if known.is_some_and(|known| answer.number != known + 1) {
                        self.trace.violation(format!("{id}: number {} follows on {known:?}", answer.number));
                    }
                    let number = answer.number;
                    self.acknowledge(&id, Again::Direction(quantity), Acknowledged::Direction { number });
                }
                Err(status) => self.trace.violation(format!("{id} was refused: {}", status.message())),
            }
        }
    }
}

fn reasoned(change: Change) -> v1::ProgrammeChange {
    v1::ProgrammeChange { reason: "the simulation asks for it".to_owned(), change: Some(change) }
}
