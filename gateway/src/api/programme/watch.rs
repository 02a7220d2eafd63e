//! The stream of changes as entries of both logs become durable here.

use std::sync::Arc;

use crossmargin::v1;
use futures_util::Stream;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use super::history;
use crate::{
    arrangement::leg::{Leg, Pair},
    node::context::Context,
};

/// Answers that wait for a reader.
const ANSWERS_WAITING: usize = 4;

/// The entries after those that the caller has, and then each as it comes.
pub(super) fn changes(
    context: &Arc<Context>,
    after: Pair<u64>,
) -> impl Stream<Item = Result<v1::WatchChangesResponse, Status>> + use<> {
    let (answers, stream) = mpsc::channel(ANSWERS_WAITING);
    let context = Arc::clone(context);
    let mut news = context.registry_news.subscribe();
    let mut told = after;
    context.tasks.clone().spawn(async move {
        loop {
            while let Some(answer) = next(&context, &mut told) {
                if answers.send(Ok(answer)).await.is_err() {
                    return;
                }
            }
            tokio::select! {
                biased;
                () = answers.closed() => return,
                () = context.farewell.cancelled() => {
                    return drop(answers.try_send(Err(Status::unavailable("the node is stopping"))));
                }
                changed = news.changed() => if changed.is_err() { return },
            }
        }
    });
    ReceiverStream::new(stream)
}

/// The next entry that holds changes, of the Treasury house's log first.
fn next(context: &Context, told: &mut Pair<u64>) -> Option<v1::WatchChangesResponse> {
    let catalog = context.catalog.read();
    for leg in Leg::BOTH {
        while told[leg] < catalog.registry.sequence(leg) {
            told[leg] += 1;
            let changes = history::entry(&catalog, &context.parties, leg, told[leg]);
            if !changes.is_empty() {
                let changes = changes.into_iter().map(|(_, change)| change).collect();
                return Some(v1::WatchChangesResponse { changes });
            }
        }
    }
    None
}
