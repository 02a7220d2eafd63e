//! Calls as bytes: any method by its path, any message, and every byte of what comes back.

use std::time::Duration;

use prost::bytes::{Buf, BufMut, Bytes};
use tonic::{
    Code, Request, Status,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    transport::Channel,
};

/// Messages as they are on the wire.
#[derive(Clone, Copy, Default)]
pub struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        to.put(item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining())))
    }
}

/// What a call came to: the messages that came within the time, and how it ended.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The messages.
    pub messages: Vec<Bytes>,
    /// How it ended; `Ok` also for a stream that had not ended yet.
    pub status: Status,
    /// The metadata of the answer's head.
    pub head: String,
}

impl Outcome {
    /// Every byte that the caller was given, in one piece.
    pub fn bytes(&self) -> Vec<u8> {
        let mut all = self.messages.concat();
        all.extend_from_slice(self.status.message().as_bytes());
        all.extend_from_slice(self.status.details());
        all.extend_from_slice(format!("{:?}{}", self.status.metadata(), self.head).as_bytes());
        all
    }
}

/// Calls a method with one message, whatever its kind, and takes what comes within the time.
pub async fn call(channel: &Channel, path: &str, message: Bytes, within: Duration) -> Outcome {
    let mut client = tonic::client::Grpc::new(channel.clone()).max_decoding_message_size(64 << 20);
    let mut outcome = Outcome { messages: Vec::new(), status: Status::ok(""), head: String::new() };
    if let Err(error) = client.ready().await {
        outcome.status = Status::new(Code::Unavailable, format!("{error:?}"));
        return outcome;
    }
    let request = Request::new(tokio_stream::iter([message]));
    let path = path.parse().unwrap();
    let mut stream = match client.streaming(request, path, Raw).await {
        Ok(answer) => {
            outcome.head = format!("{:?}", answer.metadata());
            answer.into_inner()
        }
        Err(status) => {
            outcome.status = status;
            return outcome;
        }
    };
    let end = tokio::time::Instant::now() + within;
    while let Ok(next) = tokio::time::timeout_at(end, stream.message()).await {
        match next {
            Ok(Some(message)) => outcome.messages.push(message),
            Ok(None) => break,
            Err(status) => {
                outcome.status = status;
                break;
            }
        }
    }
    outcome
}
