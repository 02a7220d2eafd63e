//! Delivering this house's evidence: greeted first, the registry log before all else, in order, again until there is a
//! receipt.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use crossmargin::v1;
use prost::Message;
use tokio::{
    sync::{mpsc, oneshot},
    time::sleep,
};
use tonic::Status;

use crate::{
    node::{context::Context, input::Input},
    wire,
};

/// Envelopes in one call, at most.
pub(super) const BATCH_ENVELOPES: usize = 64;
/// Bytes of envelopes in one call, at most; a single larger one goes alone.
pub(super) const BATCH_BYTES: usize = 2 << 20;
/// Between greetings while all is well.
const GREETING_INTERVAL: Duration = Duration::from_secs(5);
/// A call that fails this early on a link that worked has most often met a connection that came of age: it is repeated on
/// a new one before the other house is said not to answer.
const EARLY: Duration = Duration::from_secs(1);
/// Before the first new attempt, doubled up to the longest.
const PAUSE_SHORTEST: Duration = Duration::from_millis(50);
const PAUSE_LONGEST: Duration = Duration::from_secs(2);

/// Delivers until the node stops.
pub(crate) async fn run(
    context: Arc<Context>,
    mut outgoing: mpsc::UnboundedReceiver<v1::SignedEnvelope>,
    internal: mpsc::UnboundedSender<Input>,
) {
    let mut queue = VecDeque::new();
    let mut pause = PAUSE_SHORTEST;
    let mut greeted_at: Option<tokio::time::Instant> = None;
    let mut is_repeated = false;
    let mut has_told_recoveries = false;
    loop {
        let begun = tokio::time::Instant::now();
        let is_due = greeted_at.is_none_or(|at| at.elapsed() >= GREETING_INTERVAL);
        let step = async {
            if !has_told_recoveries {
                tell_recoveries(&context).await?;
                has_told_recoveries = true;
            }
            if is_due {
                greet(&context, &internal).await?;
                greeted_at = Some(tokio::time::Instant::now());
            }
            while let Ok(envelope) = outgoing.try_recv() {
                enqueue(&context, &mut queue, envelope);
            }
            // What was signed on a ledger that lost its end may be a second word: it leaves this house for nobody.
            if queue.is_empty() || !context.stands_by_its_word() { Ok(()) } else { deliver(&context, &mut queue).await }
        };
        let result = tokio::select! {
            biased;
            () = context.stop.cancelled() => return,
            result = step => result,
        };
        match result {
            Ok(()) => {
                if !context.peer.is_connected() {
                    tracing::info!(peer = %context.parties.houses[context.us.other()], "the other house answers");
                }
                context.peer.set_connected(true);
                pause = PAUSE_SHORTEST;
                is_repeated = false;
                if queue.is_empty() || !context.stands_by_its_word() {
                    tokio::select! {
                        biased;
                        () = context.stop.cancelled() => return,
                        () = sleep(GREETING_INTERVAL) => {}
                        received = outgoing.recv() => match received {
                            Some(envelope) => enqueue(&context, &mut queue, envelope),
                            None => return,
                        },
                    }
                }
            }
            Err(_) if context.peer.is_connected() && !is_repeated && begun.elapsed() < EARLY => {
                is_repeated = true;
                greeted_at = None;
            }
            Err(status) => {
                if context.peer.is_connected() || pause == PAUSE_SHORTEST {
                    tracing::warn!(code = ?status.code(), reason = status.message(), "the other house does not answer");
                } else {
                    tracing::debug!(code = ?status.code(), reason = status.message(), "still no answer");
                }
                context.peer.set_connected(false);
                greeted_at = None;
                tokio::select! {
                    biased;
                    () = context.stop.cancelled() => return,
                    () = sleep(pause) => {}
                }
                pause = (pause * 2).min(PAUSE_LONGEST);
            }
        }
    }
}

/// Puts an envelope into the queue: entries of the registry log go before all else, in their order, since whatever is
/// agreed rests on them; one that waits already is not sent twice.
fn enqueue(context: &Context, queue: &mut VecDeque<v1::SignedEnvelope>, envelope: v1::SignedEnvelope) {
    let is_entry = |envelope: &v1::SignedEnvelope| envelope.kind() == v1::EvidenceKind::RegistryEntry;
    if !is_entry(&envelope) {
        return queue.push_back(envelope);
    }
    let entries = queue.iter().take_while(|waiting| is_entry(waiting)).count();
    if queue.iter().take(entries).any(|waiting| waiting.payload == envelope.payload) {
        return context.peer.delivered(1);
    }
    queue.insert(entries, envelope);
}

/// Tells of the losses that this house has recovered from. The other house must know of them before it compares heads: it
/// holds one that is not in this ledger any more.
async fn tell_recoveries(context: &Context) -> Result<(), Status> {
    let recoveries: Vec<_> =
        context.catalog.read().recoveries[context.us].iter().map(|held| held.envelope.clone()).collect();
    let mut left = &recoveries[..];
    while !left.is_empty() {
        let (now, later) = left.split_at(batch_length(left));
        left = later;
        for receipt in context.peer.deliver(now.to_vec(), Some(context.own_head())).await? {
            if !matches!(receipt.disposition(), v1::Disposition::Recorded | v1::Disposition::Duplicate) {
                tracing::error!(reason = %receipt.reason, "the other house refused to record that this ledger was recovered");
            }
        }
    }
    Ok(())
}

/// How many of these envelopes, from the first on, go in one call: one at least, where there is one.
pub(super) fn batch_length<'a>(envelopes: impl IntoIterator<Item = &'a v1::SignedEnvelope>) -> usize {
    let mut bytes = 0;
    let fits = |envelope: &&v1::SignedEnvelope| {
        bytes += envelope.encoded_len();
        bytes <= BATCH_BYTES || bytes == envelope.encoded_len()
    };
    envelopes.into_iter().take(BATCH_ENVELOPES).take_while(fits).count()
}

/// Says who is there and how far this house knows the other's word, and compares what the other knows. After a start the
/// first greeting tells no head of this house's own ledger; where the answer shows that the ledger is whole, another does.
async fn greet(context: &Context, internal: &mpsc::UnboundedSender<Input>) -> Result<(), Status> {
    let is_first = context.told_head().is_none();
    greet_once(context, internal).await?;
    if is_first && context.told_head().is_some() { greet_once(context, internal).await } else { Ok(()) }
}

async fn greet_once(context: &Context, internal: &mpsc::UnboundedSender<Input>) -> Result<(), Status> {
    let own_head = context.told_head();
    let request = {
        let catalog = context.catalog.read();
        v1::GreetRequest {
            house: context.parties.houses[context.us].to_string(),
            arrangement: context.parties.arrangement.to_string(),
            arrangement_digest: wire::bytes_of(context.arrangement.digest()),
            own_head,
            known_head: catalog.peer_head.clone(),
            known_registry_sequence: catalog.registry.sequence(context.us.other()),
        }
    };
    let response = context.peer.greet(request).await?;
    let (taken, is_taken) = oneshot::channel();
    let own_word = context.own_word(response.known_head).await;
    drop(internal.send(Input::Greeted {
        own_word: own_word.map_err(|error| Status::internal(error.to_string()))?,
        peer_head: context.believed_head(context.us.other(), response.own_head),
        known_registry_sequence: response.known_registry_sequence,
        taken: Some(taken),
    }));
    // Without an answer the node stops, and so does this.
    drop(is_taken.await);
    Ok(())
}

/// Delivers the front of the queue and takes off what has a receipt.
async fn deliver(context: &Context, queue: &mut VecDeque<v1::SignedEnvelope>) -> Result<(), Status> {
    let batch: Vec<v1::SignedEnvelope> = queue.iter().take(batch_length(&*queue)).cloned().collect();
    let receipts = context.peer.deliver(batch.clone(), context.told_head()).await?;
    if receipts.len() != batch.len() {
        return Err(Status::internal(format!("{} receipts came for {} envelopes", receipts.len(), batch.len())));
    }
    for (receipt, envelope) in receipts.iter().zip(&batch) {
        match receipt.disposition() {
            v1::Disposition::Recorded | v1::Disposition::Duplicate => {}
            v1::Disposition::Refused => {
                tracing::error!(kind = ?envelope.kind(), reason = %receipt.reason, "the other house refused evidence");
            }
            v1::Disposition::Contradiction => {
                tracing::error!(kind = ?envelope.kind(), "ALARM: the other house says that this house contradicts itself");
            }
            v1::Disposition::Unspecified => return Err(Status::internal("a receipt has no disposition")),
        }
        queue.pop_front();
        context.peer.delivered(1);
    }
    Ok(())
}
