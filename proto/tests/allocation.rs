//! What a message is counted to take is never less than what decoding it takes, whatever the bytes.
//!
//! One test alone in its process: what the allocator has given out is the test's own.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test: a failure is a panic")]

use std::{alloc::System, collections::HashMap, fmt::Debug, hint::black_box};

use cap::Cap;
use crossmargin::{
    DESCRIPTOR_SET,
    bounded::{self, DecodeError},
    v1,
};
use proptest::test_runner::{Config, TestRunner};
use prost::{Message, Name, bytes::Bytes};
use prost_types::{
    DescriptorProto, FileDescriptorSet,
    field_descriptor_proto::{Label, Type},
};

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

/// Messages in which, together, most of the contract lies.
macro_rules! for_each_message {
    ($function:ident($($argument:expr),*)) => {
        for_each_message!(@ $function($($argument),*):
            SubmitSnapshotRequest PositionColumns RepoColumns SubmitMarketDataRequest MarketItem RecordChangesRequest
            ListLinksResponse ListRequirementsResponse GetMemberTotalsResponse GetAgreementResponse GetCycleResponse
            ListBreaksResponse WatchResultsResponse DeliverRequest FetchBlobsResponse ReadNodesResponse MarginLeaves
            MarginLeaf DefaultPackage LedgerRecord LedgerSnapshot RegistryEntry PositionManifest MarketManifest Claim
            Statement DirectPositionsRequest WatchDirectionsResponse ExplainMarginResponse TryPositionsRequest
            TryPathResponse SuggestFuturesResponse BacktestAccountsResponse)
    };
    (@ $function:ident $arguments:tt: $($message:ident)*) => { $(for_each_message!(! $function $arguments $message);)* };
    (! $function:ident($($argument:expr),*) $message:ident) => { $function::<v1::$message>($($argument),*) };
}

#[test]
fn decoding_takes_no_more_than_was_counted_and_what_prost_takes_is_not_called_malformed() {
    let set = FileDescriptorSet::decode(DESCRIPTOR_SET).unwrap();
    let contract = Contract::new(&set);
    // Made at the first use, and kept: not what a message takes.
    drop(bounded::cost::<v1::Claim>(&[], 1 << 20));
    let cases = std::env::var("CROSSMARGIN_DECODE_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(300);
    let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
    let seeds = proptest::num::u64::ANY;
    let law = |seed| {
        for_each_message!(judge(&contract, seed));
        Ok(())
    };
    runner.run(&seeds, law).unwrap();
}

fn judge<M: Message + Name + Default + Debug>(contract: &Contract<'_>, seed: u64) {
    let mut random = Random(seed);
    let mut bytes = Vec::new();
    contract.write(&M::full_name(), &mut random, 0, &mut bytes);
    compare::<M>(&bytes);
    for _ in 0..4 {
        let Some(place) = random.below(bytes.len()) else { break };
        bytes[place] = random.next().to_le_bytes()[0];
        compare::<M>(&bytes);
    }
    let noise: Vec<u8> = (0..random.below(200).unwrap_or_default()).map(|_| random.next().to_le_bytes()[0]).collect();
    compare::<M>(&noise);
}

fn compare<M: Message + Name + Default + Debug>(bytes: &[u8]) {
    let counted = bounded::cost::<M>(bytes, usize::MAX >> 1);
    let shared = Bytes::copy_from_slice(bytes);
    // The first clone makes room for a count of them, which is not the message's.
    let _first = shared.clone();
    for is_shared in [false, true] {
        let before = ALLOCATOR.allocated();
        let decoded = if is_shared { M::decode(shared.clone()) } else { M::decode(bytes) };
        let taken = ALLOCATOR.allocated().saturating_sub(before) + size_of::<M>();
        let Ok(message) = black_box(decoded) else { continue };
        match &counted {
            Ok(counted) => assert!(taken <= *counted, "{}: {taken} taken, {counted} counted: {bytes:x?}", M::NAME),
            // The contract nests less deep; random bytes may name one field within itself again and again.
            Err(DecodeError::TooDeep { .. }) => {}
            Err(error) => panic!("{error}, but prost reads {message:?} out of {bytes:x?}"),
        }
    }
}

/// The messages of the contract by name.
struct Contract<'a>(HashMap<String, &'a DescriptorProto>);

impl<'a> Contract<'a> {
    fn new(set: &'a FileDescriptorSet) -> Self {
        let mut messages = HashMap::new();
        for file in &set.file {
            for message in &file.message_type {
                assert!(
                    message.nested_type.is_empty(),
                    "{}: no map and no message within one is known",
                    message.name()
                );
                messages.insert(format!("{}.{}", file.package(), message.name()), message);
            }
        }
        Self(messages)
    }

    /// Writes a message with random fields, some of them many times, in any order, packed or not.
    fn write(&self, name: &str, random: &mut Random, depth: usize, bytes: &mut Vec<u8>) {
        let message = self.0[name];
        let fields = random.below(6).unwrap_or_default();
        for _ in 0..fields {
            let Some(field) = random.below(message.field.len()).map(|place| &message.field[place]) else { return };
            let number = u64::try_from(field.number()).unwrap();
            let is_repeated = field.label() == Label::Repeated;
            let times = if is_repeated && random.one_of(3) { random.below(20).unwrap_or_default() } else { 1 };
            let mut content = Vec::new();
            match field.r#type() {
                Type::String | Type::Bytes => {
                    for _ in 0..times {
                        content.clear();
                        content.resize(random.below(40).unwrap_or_default(), b'x');
                        delimited(number, &content, bytes);
                    }
                }
                Type::Message => {
                    for _ in 0..times {
                        content.clear();
                        if depth < 6 {
                            self.write(field.type_name().trim_start_matches('.'), random, depth + 1, &mut content);
                        }
                        delimited(number, &content, bytes);
                    }
                }
                Type::Fixed32 | Type::Sfixed32 | Type::Float => {
                    assert!(!is_repeated, "packed values of fixed size are not written here");
                    varint(number << 3 | 5, bytes);
                    bytes.extend([1; 4]);
                }
                Type::Fixed64 | Type::Sfixed64 | Type::Double => {
                    if is_repeated {
                        content.resize(8 * times, 1);
                        delimited(number, &content, bytes);
                    } else {
                        varint(number << 3 | 1, bytes);
                        bytes.extend([1; 8]);
                    }
                }
                _ if is_repeated && random.one_of(2) => {
                    (0..times).for_each(|_| varint(random.value(), &mut content));
                    delimited(number, &content, bytes);
                }
                _ => (0..times).for_each(|_| {
                    varint(number << 3, bytes);
                    varint(random.value(), bytes);
                }),
            }
        }
    }
}

fn varint(mut value: u64, bytes: &mut Vec<u8>) {
    while value >= 0x80 {
        bytes.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    bytes.push(value.to_le_bytes()[0]);
}

fn delimited(number: u64, content: &[u8], bytes: &mut Vec<u8>) {
    varint(number << 3 | 2, bytes);
    varint(u64::try_from(content.len()).unwrap(), bytes);
    bytes.extend(content);
}

/// SplitMix64: a case is its seed alone.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Below a bound; none below zero.
    fn below(&mut self, bound: usize) -> Option<usize> {
        usize::try_from(self.next() >> 1).unwrap().checked_rem(bound)
    }

    fn one_of(&mut self, many: usize) -> bool {
        self.below(many) == Some(0)
    }

    /// Small or large.
    fn value(&mut self) -> u64 {
        let shift = self.next() % 64;
        self.next() >> shift
    }
}
