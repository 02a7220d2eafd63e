//! The shared evidence of two houses, read out for a house that lost the end of its ledger.

use std::sync::Arc;

use crossmargin::v1;
use jiff::Timestamp;
use prost::Message;
use tokio::sync::mpsc;
use tonic::Status;

use crate::{
    ledger::{Record, Sequence},
    node::{context::Context, entry::Entry},
};

/// Records read at a time.
const BATCH: usize = 1_024;
/// Bytes of evidence in one message; a single larger piece goes alone.
const MESSAGE_BYTES: usize = 1 << 20;

/// Streams all evidence on record, in order, and last the heads. It ends when the reader goes away.
pub(super) async fn stream(context: Arc<Context>, sender: mpsc::Sender<Result<v1::ReadSharedResponse, Status>>) {
    if let Err(status) = read(&context, &sender).await {
        // A reader that has gone away needs no word.
        drop(sender.send(Err(status)).await);
    }
}

async fn read(context: &Context, sender: &mpsc::Sender<Result<v1::ReadSharedResponse, Status>>) -> Result<(), Status> {
    let gone = |_| Status::cancelled("the reader has gone away");
    let mut part = v1::ReadSharedResponse::default();
    let mut bytes = 0;
    let mut on_record = None;
    let mut next = Sequence::GENESIS.next();
    loop {
        let records = context.ledger.read_from(next, BATCH).await;
        let records = records.map_err(|error| Status::data_loss(error.to_string()))?;
        let Some(last) = records.last() else { break };
        next = last.seq.next();
        for record in &records {
            let Some((evidence, peer_head)) = shared(context, record)? else { continue };
            // Of the heads that are on record the last one counts: each is newer than those before it, or follows a loss.
            on_record = peer_head.or(on_record);
            let length = evidence.encoded_len();
            if bytes + length > MESSAGE_BYTES && bytes > 0 {
                sender.send(Ok(std::mem::take(&mut part))).await.map_err(gone)?;
                bytes = 0;
            }
            bytes += length;
            part.evidence.push(evidence);
        }
    }
    let newest = context.catalog.read().peer_head.clone();
    part.caller_heads = newest.iter().cloned().collect();
    // A restart of this house would remember that one alone.
    part.caller_heads.extend(on_record.filter(|head| Some(head) != newest.as_ref()));
    part.own_head = Some(context.own_head());
    part.stands_by_own_head = context.stands_by_its_word();
    sender.send(Ok(part)).await.map_err(gone)
}

/// The evidence of a record, with the head of the caller's ledger that it carries; `None` for records of this house alone.
fn shared(context: &Context, record: &Record) -> Result<Option<(v1::SharedEvidence, Option<v1::LedgerHead>)>, Status> {
    let entry = Entry::decode(&record.body, &context.parties);
    let entry = entry.map_err(|error| Status::data_loss(format!("record {}: {error}", record.seq)))?;
    let recorded_at = Timestamp::from_millisecond(record.recorded_at_ms).unwrap_or(Timestamp::MIN);
    let recorded_at_ms = entry.happened_at(recorded_at).as_millisecond();
    let Entry::Evidence(held) = entry else { return Ok(None) };
    let peer_head = held.keeping.peer_head.clone();
    Ok(Some((v1::SharedEvidence { envelope: Some(held.envelope.clone()), recorded_at_ms }, peer_head)))
}
