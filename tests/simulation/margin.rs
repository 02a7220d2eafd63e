//! Those who charge margin: they read requirements, the agreements behind them, and results as they come.

use std::{collections::BTreeSet, time::Duration};

use crossmargin::v1::{self, margin_service_client::MarginServiceClient};
use gateway::arrangement::{digest::Digest, envelope, leg::Leg};
use rust_decimal::Decimal;
use tonic::{Code, transport::Channel};

use super::{
    desk::{Desk, MESSAGE_BYTES},
    setting::NAMES,
    told,
};

impl Desk {
    fn margin(&self) -> MarginServiceClient<Channel> {
        MarginServiceClient::new(self.channel("margin-reader")).max_decoding_message_size(MESSAGE_BYTES)
    }

    /// Those who charge margin: they read every cycle's requirements and the agreements behind them.
    pub async fn charge(&self) {
        let dice = self.dice("charging");
        while !self.is_healing() {
            self.pause(dice.millis(2_000, 9_000)).await;
            let cycles = self.told.cycles(self.leg);
            if !cycles.is_empty() {
                let (id, cycle) = dice.pick(&cycles);
                self.read_requirements(id, cycle).await;
            }
        }
    }

    /// Those who wait for results.
    pub async fn watch(&self) {
        while !self.is_healing() {
            let request = v1::WatchResultsRequest { with_requirements: true };
            // Results come in the order of the house, whatever other calls have told meanwhile.
            let before = self.told.no_rounds(self.leg);
            let watching = self.call("WatchResults", self.margin().watch_results(request)).await;
            let Ok(mut results) = watching else {
                self.pause(Duration::from_secs(2)).await;
                continue;
            };
            loop {
                let next = tokio::select! {
                    biased;
                    next = results.message() => next,
                    () = self.until_healing() => return,
                };
                match next {
                    Ok(Some(result)) => {
                        self.trace.count("results watched");
                        let cycle = result.cycle.unwrap();
                        let id = told::name(cycle.id.as_ref().unwrap());
                        self.says(format!("result of {id}: {:?} round {}", cycle.phase(), cycle.agreed_round));
                        self.told.cycle(self.leg, &cycle, &before);
                        for requirement in &result.requirements {
                            self.check_requirement(&id, requirement);
                        }
                    }
                    Ok(None) => break,
                    Err(status) => {
                        self.says(format!("results end: {:?}", status.code()));
                        break;
                    }
                }
            }
        }
    }

    async fn until_healing(&self) {
        while !self.is_healing() {
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    pub async fn read_requirements(&self, id: &str, cycle: &v1::Cycle) {
        let request = v1::ListRequirementsRequest { cycle: cycle.id.clone(), ..Default::default() };
        let what = format!("ListRequirements {id}");
        let Ok(answer) = self.call(&what, self.margin().list_requirements(request)).await else { return };
        let mut rounds = BTreeSet::new();
        for requirement in &answer.requirements {
            rounds.extend(self.check_requirement(id, requirement));
        }
        for (id, round) in rounds {
            if !self.told.is_verified(&id, round) {
                self.read_agreement(&id, round).await;
            }
        }
    }

    /// Reads an agreement and verifies both signatures.
    pub async fn read_agreement(&self, id: &str, round: u32) -> Option<()> {
        let cycle = told::cycle_of(id);
        let request = v1::GetAgreementRequest { cycle: Some(cycle), round };
        let what = format!("GetAgreement {id} {round}");
        let answer = self.call(&what, self.margin().get_agreement(request)).await;
        let agreement = match answer {
            Ok(answer) => answer.agreement.unwrap(),
            // It may be gone with the disk: the checker judges whether it was.
            Err(status) if status.code() == Code::NotFound && self.life() > 0 => return None,
            Err(status) if status.code() == Code::NotFound => {
                let text = format!("{}: {id} round {round} is charged and has no agreement", NAMES[self.leg]);
                self.trace.violation(text);
                return None;
            }
            Err(_) => return None,
        };
        match self.verified(id, &agreement) {
            Ok(()) => self.told.agreement(id, agreement),
            Err(reason) => self.trace.violation(format!("the agreement of {id} round {round}: {reason}")),
        }
        Some(())
    }

    /// Whether both houses signed the statement of this cycle and round.
    fn verified(&self, id: &str, agreement: &v1::Agreement) -> Result<(), String> {
        let statement = agreement.statement.as_ref().ok_or("it has no statement")?;
        let cycle = statement.cycle.as_ref().ok_or("its statement has no cycle")?;
        if told::name(cycle) != id || statement.round != agreement.round {
            return Err(format!("its statement is of {cycle:?} round {}", statement.round));
        }
        let [treasury, futures] = &agreement.signatures[..] else { return Err("it has not two signatures".into()) };
        if treasury.payload != futures.payload {
            return Err("the houses signed different bytes".to_owned());
        }
        if hex::encode(Digest::of(&treasury.payload).as_bytes()) != agreement.digest {
            return Err("its digest is of other bytes".to_owned());
        }
        for (leg, signed) in Leg::BOTH.into_iter().zip([treasury, futures]) {
            let key = self.setting.keys[leg].public();
            if signed.house != NAMES[leg] || !key.verifies(&envelope::bytes_to_sign(signed), &signed.signature) {
                return Err(format!("{} did not sign it", NAMES[leg]));
            }
        }
        Ok(())
    }

    /// A charge below stand-alone names the agreement that it rests on, and takes no more than both houses grant. The
    /// cycle and round whose agreement must be behind it.
    fn check_requirement(&self, id: &str, requirement: &v1::Requirement) -> Option<(String, u32)> {
        self.trace.count("requirements read");
        let own = match self.leg {
            Leg::Treasury => (&requirement.treasury_standalone, &requirement.treasury_requirement),
            Leg::Futures => (&requirement.futures_standalone, &requirement.futures_requirement),
        };
        let (Ok(alone), Ok(required)) = (own.0.parse::<Decimal>(), own.1.parse::<Decimal>()) else { return None };
        let status = requirement.status();
        let wrong = |reason: &str| {
            let text = format!("{}: {id}: {reason}: {requirement:?}", NAMES[self.leg]);
            self.trace.violation(text);
        };
        if required > alone {
            wrong("more than stand-alone is charged");
        }
        if required == alone && requirement.applied_factor_bp == 0 {
            return None;
        }
        self.trace.count("reductions read");
        let both = requirement.treasury_factor_bp.min(requirement.futures_factor_bp);
        let limit = requirement.override_bp.unwrap_or(10_000);
        let (id, round, most) = match (status, &requirement.advance_grant) {
            (v1::RequirementStatus::Agreed, _) => (id.to_owned(), requirement.round, both.min(limit)),
            (v1::RequirementStatus::AdvanceGrant, Some(grant)) => {
                self.trace.count("reductions by advance grants");
                // What the houses limit now is not shown: the row's limit is that of the claim.
                let granted = grant.agreed_factor_bp * (10_000 - grant.haircut_bp) / 10_000;
                (told::name(grant.agreed_cycle.as_ref().unwrap()), grant.agreed_round, granted)
            }
            _ => {
                wrong("less than stand-alone is charged");
                return None;
            }
        };
        if requirement.applied_factor_bp > most {
            wrong("the applied factor is above what both houses grant");
        }
        let least = alone * Decimal::from(10_000 - most) / Decimal::from(10_000);
        // What is shown of the stand-alone margin is rounded up to the cent.
        if required + Decimal::new(1, 2) < least {
            wrong("less is charged than the factor gives");
        }
        self.told.reduction(self.leg, &id, round);
        Some((id, round))
    }
}
