//! The stream of directions and reconciliation items.

use std::sync::Arc;

use crossmargin::v1::{self, watch_directions_response::News};
use futures_util::Stream;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use super::view::Viewer;
use crate::{book::direction::item::ItemId, node::context::Context};

/// Answers that wait for a reader.
const ANSWERS_WAITING: usize = 64;
/// Directions and items that are read at once.
const READ_AT_ONCE: usize = 1_000;

/// The last direction and the last item that a caller has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct After {
    pub(super) number: u64,
    pub(super) item: ItemId,
}

/// What comes after what the caller has, and everything from now on. It reads what stands whenever something is new, so
/// that a slow reader misses nothing.
pub(super) fn stream(
    context: &Arc<Context>,
    viewer: Viewer,
    mut after: After,
) -> impl Stream<Item = Result<v1::WatchDirectionsResponse, Status>> + use<> {
    let (answers, stream) = mpsc::channel(ANSWERS_WAITING);
    let context = Arc::clone(context);
    let mut directed = context.directed.subscribe();
    context.tasks.clone().spawn(async move {
        loop {
            // Marked as seen before it is read: what comes meanwhile is told by the next change.
            directed.borrow_and_update();
            loop {
                let (news, read_to) = read(&context, &viewer, after);
                for news in news {
                    let answer = v1::WatchDirectionsResponse { news: Some(news) };
                    if answers.send(Ok(answer)).await.is_err() {
                        return;
                    }
                }
                if read_to == after {
                    break;
                }
                after = read_to;
            }
            tokio::select! {
                biased;
                () = answers.closed() => return,
                () = context.farewell.cancelled() => {
                    return drop(answers.try_send(Err(Status::unavailable("the node is stopping"))));
                }
                changed = directed.changed() => if changed.is_err() { return },
            }
        }
    });
    ReceiverStream::new(stream)
}

/// The next directions and items of a caller, and how far they were read.
fn read(context: &Context, viewer: &Viewer, after: After) -> (Vec<News>, After) {
    let catalog = context.catalog.read();
    let all = &catalog.directions;
    let arrangement = context.parties.arrangement.as_str();
    let mut read_to = after;
    let mut news = Vec::new();
    for direction in all.after(after.number).take(READ_AT_ONCE) {
        read_to.number = direction.number;
        if viewer.sees(direction) {
            news.push(News::Direction(viewer.direction(direction, all, arrangement)));
        }
    }
    for (item, _) in all.items_after(after.item).take(READ_AT_ONCE) {
        read_to.item = item.id;
        if viewer.sees_member(&item.member) {
            news.push(News::Item(item.to_wire()));
        }
    }
    (news, read_to)
}
