//! The third scene: one node stopped before the cut-off, and the other house falls back.

use std::time::Instant;

use crossmargin::v1::{self, CyclePhase};
use jiff::{SignedDuration, Timestamp};

use super::{report::CycleReport, stage::Stage};
use crate::{
    arrangement::{
        cycle_id::CycleId,
        leg::{Leg, Pair},
    },
    command::failure::Failure,
};

/// What is about to be seen.
pub(super) const STORY: &str = "\
A FALL-BACK. CME's node is killed before it can claim. FICC does not wait for ever: at its cut-off every pair is charged
stand-alone, with the reason.
";

/// From the opening to the cut-off.
const LENGTH: SignedDuration = SignedDuration::from_secs(8);

/// Shows a cycle that falls back.
///
/// # Errors
/// When it does not.
pub(super) async fn show(stage: &mut Stage, id: CycleId) -> Result<CycleReport, Failure> {
    let (ficc, cme) = (Leg::Treasury, Leg::Futures);
    let begun = Instant::now();
    let cut_off = Timestamp::now().checked_add(LENGTH).unwrap_or(Timestamp::MAX);
    // CME cannot claim before FICC has opened the cycle and sent its positions.
    stage.open(cme, id, cut_off).await?;
    stage.until(cme, id, "positions frozen", |cycle| cycle.own_manifest_revision == 1).await?;
    // With CME's positions at FICC, FICC knows both legs and lacks nothing but CME's claim.
    stage.until(ficc, id, "CME's positions", |cycle| cycle.peer_manifest_revision == 1).await?;
    stage.progress.step("kill -9: CME's node");
    stage.houses[cme].kill().await?;
    stage.open(ficc, id, cut_off).await?;
    let is_over = |cycle: &v1::Cycle| cycle.phase() == CyclePhase::FallenBack;
    stage.until(ficc, id, "cut-off", is_over).await?;
    stage.progress.step("CME's node started again");
    stage.houses[cme].start().await?;
    stage.until(cme, id, "cut-off", is_over).await?;
    stage.progress.end();
    let elapsed = begun.elapsed();
    let views: Pair<_> = stage.views(id, 0, false).await?;
    CycleReport::of(id, elapsed, views, &stage.parties, &stage.keys)
}
