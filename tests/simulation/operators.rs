//! A house's operators: they open cycles, cut them off, look at the node, and see in the end that all is well.

use std::{collections::BTreeSet, time::Duration};

use crossmargin::v1::{self, operations_service_client::OperationsServiceClient};
use gateway::wire;
use tonic::transport::Channel;

use super::{
    clock::true_instant,
    desk::{Desk, MESSAGE_BYTES},
    plan::{HandOpened, fresh_cycle},
    setting::NAMES,
    told,
};

/// Until the fresh cycle must be agreed at both houses.
const FRESH_SECONDS: u64 = 90;

impl Desk {
    fn operations(&self) -> OperationsServiceClient<Channel> {
        OperationsServiceClient::new(self.channel("operator")).max_decoding_message_size(MESSAGE_BYTES)
    }

    fn seconds(&self) -> u64 {
        self.trace.time.seconds()
    }

    /// The operator who opens cycles by hand, in the order of the plan.
    pub async fn open_cycles(&self) {
        let dice = self.dice("operator");
        let mut waiting: Vec<&HandOpened> = self.plan.cycles.iter().filter(|cycle| cycle.by[self.leg]).collect();
        waiting.sort_by_key(|cycle| cycle.open_at);
        for planned in waiting {
            while self.seconds() < planned.open_at && !self.is_healing() {
                self.pause(Duration::from_millis(500)).await;
            }
            self.pause(dice.millis(0, 3_000)).await;
            self.open(&planned.cycle, planned.cut_off).await;
        }
    }

    /// Opens a cycle with its cut-off at a true time in seconds; whether it is open.
    async fn open(&self, cycle: &v1::CycleId, cut_off: u64) -> bool {
        let id = told::name(cycle);
        let cut_off = Some(wire::to_timestamp(true_instant(cut_off * 1_000_000)));
        let request = v1::OpenCycleRequest { cycle: Some(cycle.clone()), cut_off };
        let what = format!("OpenCycle {id}");
        let before = self.told.rounds(self.leg);
        let answer = self.insist(&what, || {
            let (mut client, request) = (self.operations(), request.clone());
            async move { client.open_cycle(request).await }
        });
        match answer.await {
            Ok(answer) => {
                self.trace.count("cycles opened by hand");
                self.told.cycle(self.leg, &answer.cycle.unwrap(), &before);
                self.told.opened(self.leg, &id, &before);
                true
            }
            Err(status) => {
                // It came too late: the cut-off has passed.
                self.says(format!("{what} was refused: {}", status.message()));
                false
            }
        }
    }

    /// The operator who cuts cycles off early.
    pub async fn cut_off_early(&self) {
        let mut early: Vec<(u64, &v1::CycleId)> = self
            .plan
            .cycles
            .iter()
            .filter_map(|planned| {
                planned.cut_early.filter(|(leg, _)| *leg == self.leg).map(|(_, at)| (at, &planned.cycle))
            })
            .collect();
        early.sort_by_key(|(at, _)| *at);
        for (at, cycle) in early {
            while self.seconds() < at && !self.is_healing() {
                self.pause(Duration::from_millis(500)).await;
            }
            let request = v1::CutOffCycleRequest { cycle: Some(cycle.clone()) };
            let what = format!("CutOffCycle {}", told::name(cycle));
            let before = self.told.rounds(self.leg);
            let answer = self.insist(&what, || {
                let (mut client, request) = (self.operations(), request.clone());
                async move { client.cut_off_cycle(request).await }
            });
            if let Ok(answer) = answer.await {
                self.told.cycle(self.leg, &answer.cycle.unwrap(), &before);
            }
        }
    }

    /// The operator who looks at every cycle, and at the node.
    pub async fn look(&self) {
        let dice = self.dice("looking");
        while !self.is_healing() {
            self.pause(dice.millis(1_000, 6_000)).await;
            self.list_cycles().await;
            if dice.chance(30) {
                self.check_status().await;
            }
            let ids = self.acknowledged_ids();
            if dice.chance(20) && !ids.is_empty() {
                self.ask_again(dice.pick::<String>(&ids)).await;
            }
        }
    }

    async fn list_cycles(&self) -> Option<Vec<v1::Cycle>> {
        let before = self.told.rounds(self.leg);
        let (opened, life) = (self.told.opened_at(self.leg), self.life());
        let listed = self.call("ListCycles", self.operations().list_cycles(v1::ListCyclesRequest::default())).await;
        let cycles = listed.ok()?.cycles;
        for cycle in &cycles {
            self.told.cycle(self.leg, cycle, &before);
        }
        let known: BTreeSet<String> = cycles.iter().map(|cycle| told::name(cycle.id.as_ref().unwrap())).collect();
        if life != self.life() {
            return None;
        }
        for id in opened.difference(&known) {
            self.trace.violation(format!("{}: {id} was opened and is not listed", NAMES[self.leg]));
        }
        Some(cycles)
    }

    async fn check_status(&self) {
        // What is acknowledged while the call is under way need not be in its answer.
        let life = self.life();
        let known = (self.known.book.of(life), self.known.registry.of(life));
        let status = self.call("GetNodeStatus", self.operations().get_node_status(v1::GetNodeStatusRequest {})).await;
        let Ok(status) = status else { return };
        let name = NAMES[self.leg];
        self.says(format!("record {}, {} undelivered", status.ledger_sequence, status.undelivered_count));
        if life != self.life() {
            return;
        }
        if self.is_lost() {
            self.trace.count(if status.can_sign { "losses: not noticed yet" } else { "losses: refusals to sign" });
            if status.can_sign && status.is_peer_connected && self.told.is_behind(self.leg) {
                self.trace.violation(format!("{name} has heard the other house, and signs on an old copy: {status:?}"));
            }
            return;
        }
        if !status.can_sign || status.contradiction_count > 0 {
            let text = format!("{name} cannot sign or was contradicted: {status:?}");
            self.trace.violation(text);
        }
        if status.book_version < known.0 || status.registry_sequence < known.1 {
            self.trace.violation(format!("{name}: book and registry at {known:?} were acknowledged: {status:?}"));
        }
    }

    /// Everything once the faults are over: what was acknowledged is there, what is charged is agreed, every cycle has
    /// ended and each house knows how it ended at the other, and a fresh cycle is agreed.
    pub async fn close(&self) {
        self.whole().await;
        self.lift_all().await;
        for id in self.acknowledged_ids() {
            self.ask_again(&id).await;
        }
        self.agree_afresh().await;
        while !self.has_settled().await {
            tokio::time::sleep(Duration::from_secs(2)).await;
        }
        for (id, cycle) in self.told.cycles(self.leg) {
            self.read_requirements(&id, &cycle).await;
            if cycle.agreed_round > 0 && !self.told.is_verified(&id, cycle.agreed_round) {
                self.read_agreement(&id, cycle.agreed_round).await;
            }
        }
        let unbacked = self.told.unbacked().into_iter().chain(self.told.lost_unbacked());
        for (_, id, round) in unbacked.filter(|(leg, _, _)| *leg == self.leg) {
            self.read_agreement(&id, round).await;
        }
        self.check_status().await;
        self.says("closes");
    }

    async fn agree_afresh(&self) {
        let cycle = fresh_cycle();
        let id = told::name(&cycle);
        let cut_off = self.plan.fresh_cut_off();
        if !self.open(&cycle, cut_off).await {
            return self.trace.violation(format!("{}: {id} cannot be opened", NAMES[self.leg]));
        }
        let begun = self.seconds();
        loop {
            let request = v1::GetCycleRequest { cycle: Some(cycle.clone()) };
            let before = self.told.rounds(self.leg);
            if let Ok(answer) = self.call(&format!("GetCycle {id}"), self.operations().get_cycle(request)).await {
                let found = answer.cycle.unwrap();
                self.told.cycle(self.leg, &found, &before);
                if found.agreed_round > 0 {
                    return self.read_requirements(&id, &found).await;
                }
                if self.seconds() > begun + FRESH_SECONDS {
                    let name = NAMES[self.leg];
                    return self.trace.violation(format!("{name}: {id} is not agreed though all is well: {found:?}"));
                }
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    /// Whether every cycle whose cut-off has passed has ended here.
    async fn has_settled(&self) -> bool {
        let Some(cycles) = self.list_cycles().await else { return false };
        let fresh = told::name(&fresh_cycle());
        cycles.iter().all(|cycle| told::name(cycle.id.as_ref().unwrap()) == fresh || has_ended(cycle))
    }
}

fn has_ended(cycle: &v1::Cycle) -> bool {
    matches!(
        cycle.phase(),
        v1::CyclePhase::Requested
            | v1::CyclePhase::Agreed
            | v1::CyclePhase::FallenBack
            | v1::CyclePhase::AgreedAtOneHouse
    ) && (cycle.is_cut_off || cycle.phase() == v1::CyclePhase::Requested)
}
