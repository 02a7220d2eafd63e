//! Counts small HTTP/2 frames as they come.
//!
//! A frame that carries next to nothing costs the receiver as much as one that carries much, and no window holds it back:
//! floods of pings, settings, window updates, empty data, priorities and unknown frames, and uploads a byte at a time. h2
//! bounds none of them, so they are counted here by what they have in common.

use std::{io, time::Duration};

use tokio::time::Instant;

use super::limits::{FRAME_SMALL_BYTES, Limits};

/// Length of the HTTP/2 connection preface, RFC 9113 section 3.4.
pub(super) const PREFACE_BYTES: usize = 24;
/// Length of a frame's head, RFC 9113 section 4.1.
const HEAD_BYTES: usize = 9;

/// Follows the frames of one direction of a connection, by their heads alone.
#[derive(Debug)]
pub(super) struct FrameMeter {
    /// Bytes to pass over: of the preface, or of the payload of the frame that was met last.
    skip: usize,
    head: [u8; HEAD_BYTES],
    /// How much of the head has come.
    come: usize,
    per_second_max: u32,
    /// When the second that is counted began, and what came in it.
    second: Instant,
    count: u32,
}

impl FrameMeter {
    /// What clients send: their preface first.
    pub(super) fn of_client(limits: &Limits) -> Self {
        Self { skip: PREFACE_BYTES, ..Self::of_server(limits) }
    }

    /// What servers send: frames alone.
    pub(super) fn of_server(limits: &Limits) -> Self {
        Self {
            skip: 0,
            head: [0; HEAD_BYTES],
            come: 0,
            per_second_max: limits.small_frames_per_second_max,
            second: Instant::now(),
            count: 0,
        }
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// More small frames came within a second than may.
    pub(super) fn pass(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let skipped = self.skip.min(bytes.len());
            self.skip -= skipped;
            let (head, rest) = bytes[skipped..].split_at((HEAD_BYTES - self.come).min(bytes.len() - skipped));
            self.head[self.come..self.come + head.len()].copy_from_slice(head);
            self.come += head.len();
            bytes = rest;
            if self.come == HEAD_BYTES {
                self.come = 0;
                // The first three bytes are the payload's length.
                self.skip = self.head[..3].iter().fold(0, |length, &byte| length << 8 | usize::from(byte));
                if self.skip < FRAME_SMALL_BYTES {
                    self.count()?;
                }
            }
        }
        Ok(())
    }

    fn count(&mut self) -> io::Result<()> {
        self.count += 1;
        if self.count <= self.per_second_max {
            return Ok(());
        }
        // The clock is looked at only when it matters.
        let now = Instant::now();
        if now.duration_since(self.second) < Duration::from_secs(1) {
            let most = self.per_second_max;
            return Err(io::Error::other(format!(
                "more than {most} small HTTP/2 frames came within a second (limits.small_frames_per_second_max)"
            )));
        }
        (self.second, self.count) = (now, 1);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    const PING: u8 = 6;

    fn frame(kind: u8, length: usize) -> Vec<u8> {
        let mut bytes = u32::try_from(length).unwrap().to_be_bytes()[1..].to_vec();
        bytes.extend([kind, 0, 0, 0, 0, 0]);
        bytes.resize(HEAD_BYTES + length, 0xff);
        bytes
    }

    fn meter(per_second_max: u32) -> FrameMeter {
        FrameMeter::of_client(&Limits { small_frames_per_second_max: per_second_max, ..Limits::default() })
    }

    proptest! {
        #[test]
        fn small_frames_are_counted_however_the_bytes_are_cut(
            lengths in vec(prop_oneof![0..300_usize, 0..70_000_usize], 0..20),
            cuts in vec(1..5_000_usize, 1..50),
        ) {
            let mut bytes = vec![0; PREFACE_BYTES];
            lengths.iter().for_each(|&length| bytes.extend(frame(PING, length)));
            let small = lengths.iter().filter(|&&length| length < FRAME_SMALL_BYTES).count();
            for most in [small, small.saturating_sub(1)] {
                let mut meter = meter(u32::try_from(most).unwrap());
                let mut rest = &bytes[..];
                let mut outcome = Ok(());
                for cut in cuts.iter().cycle() {
                    let (now, later) = rest.split_at((*cut).min(rest.len()));
                    outcome = outcome.and_then(|()| meter.pass(now));
                    rest = later;
                    if rest.is_empty() {
                        break;
                    }
                }
                prop_assert_eq!(outcome.is_ok(), most >= small);
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_second_later_as_many_may_come_again() {
        let mut meter = meter(10);
        meter.pass(&[0; PREFACE_BYTES]).unwrap();
        for _ in 0..3 {
            meter.pass(&frame(PING, 8).repeat(10)).unwrap();
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        let refused = meter.pass(&frame(PING, 8).repeat(11)).unwrap_err();
        assert!(refused.to_string().contains("limits.small_frames_per_second_max"), "{refused}");
    }
}
