//! The stream of results as cycles are agreed or fall back.

use std::{collections::BTreeMap, sync::Arc};

use crossmargin::v1;
use futures_util::Stream;
use tokio::sync::{broadcast::error::RecvError, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;
use tracing::Instrument;

use super::status::blocking;
use crate::{
    arrangement::{cycle::Phase, cycle_id::CycleId, fact::Outcome, leg::Leg},
    node::{
        catalog::{Catalog, CycleView},
        context::Context,
    },
    reading::{ReadError, Reader, Visibility, cycles},
};

/// Requirements in one answer.
const REQUIREMENTS_EACH: usize = 1_000;
/// Answers that wait for a reader.
const ANSWERS_WAITING: usize = 4;

/// The answers of a stream, or why it ends.
type Answers = mpsc::Sender<Result<v1::WatchResultsResponse, Status>>;

/// How a cycle ended at this house, as far as a watcher is told: the outcome, and whether the houses ended differently.
type Told = (Outcome, bool);

/// The results from now on.
pub(super) fn results(
    context: &Arc<Context>,
    reader: &Arc<Reader>,
    with_requirements: bool,
) -> impl Stream<Item = Result<v1::WatchResultsResponse, Status>> + use<> {
    let (answers, stream) = mpsc::channel(ANSWERS_WAITING);
    let (context, reader) = (Arc::clone(context), Arc::clone(reader));
    // Listening begins before the call returns: nothing that comes after it is missed.
    let mut changes = context.changes.subscribe();
    let mut told = standing(&context.catalog.read(), context.us);
    let tasks = context.tasks.clone();
    let watch = async move {
        loop {
            let change = tokio::select! {
                biased;
                () = answers.closed() => return,
                () = context.farewell.cancelled() => {
                    return drop(answers.try_send(Err(Status::unavailable("the node is stopping"))));
                }
                change = changes.recv() => change,
            };
            let cycle = match change {
                Ok(cycle) => cycle,
                Err(RecvError::Closed) => return,
                Err(RecvError::Lagged(missed)) => {
                    let text = format!("{missed} changes passed unread: list the cycles, then watch again");
                    return drop(answers.send(Err(Status::out_of_range(text))).await);
                }
            };
            let Some(result) = result_of(&context.catalog.read(), context.us, cycle) else { continue };
            if told.insert(cycle, result) == Some(result) {
                continue;
            }
            if let Err(status) = tell(&context, &reader, cycle, with_requirements, &answers).await {
                return drop(answers.send(Err(status)).await);
            }
        }
    };
    tasks.spawn(watch.in_current_span());
    ReceiverStream::new(stream)
}

async fn tell(
    context: &Arc<Context>,
    reader: &Arc<Reader>,
    cycle: CycleId,
    with_requirements: bool,
    answers: &Answers,
) -> Result<(), Status> {
    let wire = {
        let catalog = context.catalog.read();
        let view = catalog.cycles.get(&cycle).ok_or_else(|| ReadError::unknown_cycle(cycle))?;
        cycles::to_wire(cycle, view, context.us, &context.arrangement)
    };
    let requirements = if with_requirements {
        let reader = Arc::clone(reader);
        blocking(&context.executor, move || {
            let selected = reader.select(cycle, None)?;
            let links = selected.links(None, &Visibility::All);
            Ok::<_, ReadError>(links.map(|terms| selected.requirement(terms)).collect::<Vec<_>>())
        })
        .await?
    } else {
        Vec::new()
    };
    for requirements in parts(requirements) {
        let answer = v1::WatchResultsResponse { cycle: Some(wire.clone()), requirements };
        if answers.send(Ok(answer)).await.is_err() {
            return Ok(());
        }
    }
    Ok(())
}

/// Requirements in the parts of several answers: at least one, which may be empty.
fn parts(mut requirements: Vec<v1::Requirement>) -> Vec<Vec<v1::Requirement>> {
    let mut parts = Vec::new();
    while requirements.len() > REQUIREMENTS_EACH {
        let rest = requirements.split_off(REQUIREMENTS_EACH);
        parts.push(std::mem::replace(&mut requirements, rest));
    }
    parts.push(requirements);
    parts
}

fn standing(catalog: &Catalog, us: Leg) -> BTreeMap<CycleId, Told> {
    catalog.cycles.iter().filter_map(|(id, view)| Some((*id, result(view, us)?))).collect()
}

fn result_of(catalog: &Catalog, us: Leg, cycle: CycleId) -> Option<Told> {
    result(catalog.cycles.get(&cycle)?, us)
}

fn result(view: &CycleView, us: Leg) -> Option<Told> {
    let outcome = view.record.outcomes[us]?;
    Some((outcome, view.record.phase(us) == Phase::AgreedAtOneHouse))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_cycle_comes_in_several_answers_and_a_small_one_in_one() {
        let sizes = |count: usize| -> Vec<usize> {
            parts(vec![v1::Requirement::default(); count]).iter().map(Vec::len).collect()
        };
        assert_eq!(sizes(0), [0]);
        assert_eq!(sizes(1_000), [1_000]);
        assert_eq!(sizes(2_001), [1_000, 1_000, 1]);
    }
}
