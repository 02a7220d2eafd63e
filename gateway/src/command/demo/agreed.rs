//! The main scene: both houses open a cycle and agree.

use std::time::Instant;

use super::{report::CycleReport, stage::Stage};
use crate::{
    arrangement::{cycle_id::CycleId, leg::Leg},
    command::failure::Failure,
};

/// Opens a cycle at both houses and waits until both hold its agreement.
///
/// # Errors
/// When the houses do not agree, or do not hold the same agreement.
pub(super) async fn show(stage: &mut Stage, id: CycleId) -> Result<CycleReport, Failure> {
    let begun = Instant::now();
    let cut_off = Stage::late_cut_off();
    for leg in Leg::BOTH {
        stage.open(leg, id, cut_off).await?;
    }
    stage.until_agreed(id, 1).await?;
    let elapsed = begun.elapsed();
    let views = stage.views(id, 0, true).await?;
    stage.cut_off(id).await?;
    CycleReport::of(id, elapsed, views, &stage.parties, &stage.keys)
}
