//! Opening the scheduled cycles when their time comes, by this house's clock.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::{context::Context, input::Input};
use crate::arrangement::schedule::ScheduledCycle;

/// Opens cycles until the node stops. A node that starts late joins those that are open.
pub(crate) async fn run(context: Arc<Context>, requests: mpsc::Sender<Input>) {
    let mut now = context.clock.now();
    let mut due = context.arrangement.open_at(now);
    loop {
        for ScheduledCycle { cycle, as_of, cut_off, .. } in due {
            tracing::info!(%cycle, %cut_off, "the schedule opens a cycle");
            if requests.send(Input::OpenCycle { cycle, as_of, cut_off, reply: None }).await.is_err() {
                return;
            }
        }
        due = context.arrangement.next_after(now);
        let Some(open) = due.first().map(|scheduled| scheduled.open) else {
            if !context.arrangement.schedule.is_empty() {
                tracing::warn!("the arrangement's calendar has no more cycles: give it the next year's holidays");
            }
            return;
        };
        tokio::select! {
            biased;
            () = context.stop.cancelled() => return,
            () = context.clock.sleep_until(open) => {}
        }
        now = open;
    }
}
