//! The second scene: one house's late amendment that the other does not have when claims are made.
//!
//! No step races another. CME's market data is held back, so nobody can claim while both houses exchange positions.
//! With FICC's node dead, CME gets its market data and claims with what it holds; with CME's node dead, FICC takes the
//! amendment in. When both run again, FICC claims round 1 with the amended book: the claims differ at one link.

use std::time::Instant;

use super::{
    report::{Account, CycleReport, View},
    setup,
    stage::{PATIENCE, Stage, book},
    wait,
};
use crate::{
    arrangement::{
        cycle_id::CycleId,
        leg::{Leg, Pair},
    },
    command::{failure::Failure, listing, submit},
    csv_book,
    identity::Role,
};
use crossmargin::v1;

/// What is about to be seen.
pub(super) const STORY: &str = "\
A BREAK. Both houses have exchanged positions when FICC's node is killed (kill -9). CME claims with what it holds, and
is killed too. FICC comes back and takes in an amendment of one account. Then CME comes back: the two claims of round 1
differ at just that pair. The others are agreed; the next round, with the amendment at both houses, heals it.
";

/// The account that is amended, of a member's own pair.
const ACCOUNT: &str = "GSD-1002";
/// What it buys late, in USD of face.
const LATE_PURCHASE: i64 = 250_000_000;

/// Whether a pair is the one that the amendment touches.
pub(super) fn is_touched(account: &Account) -> bool {
    account.ficc_account == ACCOUNT
}

/// Shows round 1 with the break and round 2 without.
///
/// # Errors
/// When anything but the announced break comes out.
pub(super) async fn show(stage: &mut Stage, id: CycleId) -> Result<Vec<CycleReport>, Failure> {
    let (ficc, cme) = (Leg::Treasury, Leg::Futures);
    stage.submit_market(ficc, id.business_date).await?;
    for leg in Leg::BOTH {
        stage.submit_book(leg, id.business_date).await?;
    }
    until_market_is_at_the_other_house(stage, id).await?;
    let begun = Instant::now();
    let cut_off = Stage::late_cut_off();
    for leg in Leg::BOTH {
        stage.open(leg, id, cut_off).await?;
    }
    for leg in Leg::BOTH {
        let is_so = |cycle: &v1::Cycle| cycle.own_manifest_revision == 1 && cycle.complete_peer_manifest_revision == 1;
        stage.until(leg, id, "positions of both houses", is_so).await?;
    }

    stage.progress.step("kill -9: FICC's node");
    stage.houses[ficc].kill().await?;
    stage.submit_market(cme, id.business_date).await?;
    stage.until(cme, id, "round 1 claimed", |cycle| cycle.round == 1).await?;
    stage.progress.step("kill -9: CME's node");
    stage.houses[cme].kill().await?;

    stage.progress.step("FICC's node started again");
    stage.houses[ficc].start().await?;
    amend(stage, id).await?;
    stage.until(ficc, id, "positions frozen again", |cycle| cycle.own_manifest_revision == 2).await?;
    stage.progress.step("CME's node started again");
    stage.houses[cme].start().await?;
    stage.until_agreed(id, 2).await?;

    let elapsed = begun.elapsed();
    let mut rounds = Vec::new();
    for round in [1, 2] {
        let views = stage.views(id, round, true).await?;
        check_breaks(stage, id, round, &views).await?;
        rounds.push(CycleReport::of(id, elapsed, views, &stage.parties, &stage.keys)?);
    }
    stage.cut_off(id).await?;
    Ok(rounds)
}

/// Waits until the futures house holds the Treasury house's market data of the date.
async fn until_market_is_at_the_other_house(stage: &mut Stage, id: CycleId) -> Result<(), Failure> {
    stage.progress.step("FICC's market data at CME");
    let node = stage.houses[Leg::Futures].node(Role::MarketSource)?;
    let request = v1::GetMarketDataRequest {
        kind: v1::MarketItemKind::OvernightRates.into(),
        business_date: id.business_date.to_string(),
    };
    wait::until("FICC's market data at CME", PATIENCE, async || {
        let answer = node.market().get_market_data(request.clone()).await;
        answer.map(drop).map_err(|status| Failure::status("reading market data", &status).to_string())
    })
    .await
}

/// Submits the late amendment to the Treasury house.
async fn amend(stage: &mut Stage, id: CycleId) -> Result<(), Failure> {
    stage.progress.step(format!("amendment of {ACCOUNT} submitted to FICC"));
    let text = setup::amendment(&book(Leg::Treasury, id.business_date)?.to_string(), ACCOUNT, LATE_PURCHASE)?;
    stage.folder.write(&stage.folder.amendment(&stage.houses[Leg::Treasury].name), &text)?;
    let amended = csv_book::parse(text.as_bytes(), "the amendment");
    let amended = amended.map_err(|problems| Failure::new(problems.to_string()))?;
    let node = stage.houses[Leg::Treasury].node(Role::PositionSource)?;
    let heading = submit::Heading::now(id.business_date, v1::SnapshotScope::Amendment);
    submit::send(&node, amended, heading).await.map(drop)
}

/// Checks that each house lists the break that it charges: one in round 1, none in round 2.
async fn check_breaks(stage: &Stage, id: CycleId, round: u32, views: &Pair<View>) -> Result<(), Failure> {
    for leg in Leg::BOTH {
        let (_, breaks) = listing::breaks(&stage.houses[leg].node(Role::Operator)?, id, round).await?;
        let listed: Vec<&str> = breaks.iter().map(|found| found.link_id.as_str()).collect();
        let view = &views[leg];
        let broken = view.requirements.iter().filter(|found| found.status() == v1::RequirementStatus::Break);
        let shown: Vec<&str> = broken.filter_map(|found| Some(found.link.as_ref()?.link_id.as_str())).collect();
        if listed != shown {
            let house = &view.house;
            return Err(Failure::new(format!("{house} lists breaks {listed:?} but charges {shown:?} as breaks")));
        }
        let expected = if round == 1 { 1 } else { 0 };
        if listed.len() != expected {
            let house = &view.house;
            return Err(Failure::new(format!("round {round} at {house}: breaks {listed:?}, expected {expected}")));
        }
    }
    Ok(())
}
