//! Messages that are small on the wire and large in memory, and messages as the product sends them.

use prost::Message;
use prost_types::FileDescriptorSet;

use super::{shape::Shapes, *};
use crate::v1;

/// A field of bytes, text, a message or packed numbers.
fn delimited(number: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![number << 3 | 2];
    prost::encoding::encode_varint(content.len() as u64, &mut bytes);
    bytes.extend(content);
    bytes
}

/// The most that a message may have on the wire.
const WIRE_BYTES: usize = 4 << 20;

#[test]
fn packed_numbers_of_one_byte_are_refused_where_they_would_take_more_than_the_limit() {
    // Quantities, eight bytes each.
    let bytes = delimited(5, &vec![1; WIRE_BYTES]);
    let refused = decode::<v1::PositionColumns>(&bytes[..], MESSAGE_DECODED_BYTES_MAX).unwrap_err();
    let expected = DecodeError::TooLarge {
        message: "crossmargin.v1.PositionColumns".into(),
        bytes_max: MESSAGE_DECODED_BYTES_MAX,
    };
    assert_eq!(refused, expected);
    let status = Status::from(refused);
    assert_eq!(status.code(), Code::ResourceExhausted);
    for part in ["crossmargin.v1.PositionColumns", "33554432", "limits.message_decoded_bytes_max"] {
        assert!(status.message().contains(part), "{part}: {status}");
    }
}

#[test]
fn empty_messages_and_empty_texts_are_counted_by_what_they_take_in_their_vector() {
    let changes = delimited(2, &[]).repeat(WIRE_BYTES / 2);
    let refused = decode::<v1::RecordChangesRequest>(&changes[..], MESSAGE_DECODED_BYTES_MAX).unwrap_err();
    assert!(matches!(refused, DecodeError::TooLarge { .. }), "{refused}");
    let names = delimited(1, &[]).repeat(WIRE_BYTES / 2);
    let refused = decode::<v1::PositionColumns>(&names[..], MESSAGE_DECODED_BYTES_MAX).unwrap_err();
    assert!(matches!(refused, DecodeError::TooLarge { .. }), "{refused}");
}

#[test]
fn what_lies_beyond_its_own_message_is_not_read() {
    // An inner message that claims the four mebibytes behind its outer one: prost would decode them before it refuses.
    let mut bytes = vec![2 << 3 | 2, 6];
    bytes.extend([2 << 3 | 2, 0xff, 0xff, 0xff, 0x01, 0]);
    bytes.extend(vec![0; WIRE_BYTES]);
    let refused = decode::<v1::SubmitSnapshotRequest>(&bytes[..], MESSAGE_DECODED_BYTES_MAX).unwrap_err();
    assert!(matches!(refused, DecodeError::Malformed { .. }), "{refused}");
    assert_eq!(Status::from(refused).code(), Code::Internal);
}

#[test]
fn bytes_that_are_no_message_are_refused() {
    let cut = [
        &[0x80][..],
        &[0x0a],
        &[0x0a, 5, 1],
        &[0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1],
        &[0x80; 11],
        &[0x0d, 1],
        &[0x09, 1],
        &[0x0b],
        &[0x0c],
        &[0x0e],
        // Longer than there is, behind a field that is unknown.
        &[0xf2, 0x7f, 9],
    ];
    for bytes in cut {
        let refused = decode::<v1::PositionColumns>(bytes, MESSAGE_DECODED_BYTES_MAX).unwrap_err();
        assert!(matches!(refused, DecodeError::Malformed { .. }), "{bytes:x?}: {refused}");
        assert!(v1::PositionColumns::decode(bytes).is_err(), "{bytes:x?}");
    }
}

#[test]
fn unknown_fields_are_skipped_as_protobuf_has_it() {
    let mut bytes = v1::CycleId { business_date: "2026-03-02".into(), ..Default::default() }.encode_to_vec();
    // A number, a text, both sizes, and a group within a group, all of field 200 and beyond.
    bytes.extend([0xc0, 0x0c, 7]);
    bytes.extend([0xc2, 0x0c, 2, 9, 9]);
    bytes.extend([0xc5, 0x0c, 1, 2, 3, 4, 0xc1, 0x0c, 1, 2, 3, 4, 5, 6, 7, 8]);
    bytes.extend([0xc3, 0x0c, 0xcb, 0x0c, 0xcc, 0x0c, 0xc4, 0x0c]);
    let decoded: v1::CycleId = decode(&bytes[..], 1 << 10).unwrap();
    assert_eq!(decoded.business_date, "2026-03-02");
}

#[test]
fn a_field_that_comes_again_and_again_is_counted_each_time() {
    let header = v1::SnapshotHeader { flat_accounts: vec!["A".into(); 100], ..Default::default() }.encode_to_vec();
    let once = cost::<v1::SubmitSnapshotRequest>(&delimited(1, &header), usize::MAX).unwrap();
    let thrice = cost::<v1::SubmitSnapshotRequest>(&delimited(1, &header).repeat(3), usize::MAX).unwrap();
    assert!(thrice - once >= 2 * 100 * size_of::<String>(), "{once} {thrice}");
}

#[test]
fn a_number_behind_an_empty_packed_field_is_the_first_of_its_vector() {
    // A vector has room for four numbers as soon as it has one.
    let alone = cost::<v1::RepoColumns>(&[5 << 3, 7], usize::MAX).unwrap();
    let behind = cost::<v1::RepoColumns>(&[5 << 3 | 2, 0, 5 << 3, 7], usize::MAX).unwrap();
    assert_eq!(alone, behind);
    assert!(alone >= size_of::<v1::RepoColumns>() + 4 * size_of::<i64>());
}

#[test]
fn a_message_of_the_largest_pages_and_parts_is_let_through() {
    let columns = v1::PositionColumns {
        instruments: (0..600).map(|place| format!("UST:91282C{place:03}")).collect(),
        accounts: (0..1_000).map(|place| format!("GSD-{place:06}")).collect(),
        position_counts: vec![50; 1_000],
        instrument_indexes: (0..50_000).map(|place| place % 600).collect(),
        quantities: vec![1_000_000_000; 50_000],
    };
    // As large as a message may be, of positions that take as little on the wire as positions can.
    let full = v1::PositionColumns {
        instrument_indexes: (0..620_000).map(|place| place % 600).collect(),
        quantities: vec![1_000_000; 620_000],
        ..columns.clone()
    };
    for columns in [columns, full] {
        let bytes = columns.encode_to_vec();
        assert!(bytes.len() <= WIRE_BYTES, "{}", bytes.len());
        assert_eq!(decode::<v1::PositionColumns>(&bytes[..], MESSAGE_DECODED_BYTES_MAX), Ok(columns));
    }
    let page =
        v1::ListRequirementsResponse { requirements: vec![v1::Requirement::default(); 5_000], ..Default::default() };
    decode::<v1::ListRequirementsResponse>(&page.encode_to_vec()[..], MESSAGE_DECODED_BYTES_MAX).unwrap();
    let change = v1::programme_change::Change::Link(v1::LinkTerms { link_id: "L-1".into(), ..Default::default() });
    let change = v1::ProgrammeChange { change: Some(change), ..Default::default() };
    let changes = v1::RecordChangesRequest { changes: vec![change; 10_000], ..Default::default() };
    decode::<v1::RecordChangesRequest>(&changes.encode_to_vec()[..], MESSAGE_DECODED_BYTES_MAX).unwrap();
}

#[test]
fn the_size_of_a_message_is_not_underrated_and_not_rated_more_than_half_too_high() {
    let shapes = Shapes::of_contract();
    macro_rules! sizes {
        ($($message:ident)*) => { [$((<v1::$message as Name>::full_name(), size_of::<v1::$message>())),*] };
    }
    let sizes = sizes![
        CycleId Cycle Requirement LinkTerms ProgrammeChange PositionColumns RepoColumns SnapshotHeader MarketItem
        SignedEnvelope MarginLeaf TreeNode Claim Statement Agreement Break LedgerRecord SubmitSnapshotRequest
    ];
    for (name, size) in sizes {
        let rated = shapes.at(shapes.find(&name).unwrap()).size;
        assert!(rated >= size && rated <= size + size / 2 + 8, "{name} has {size} bytes and is rated at {rated}");
    }
}

#[test]
fn every_field_of_the_contract_is_known() {
    let set = FileDescriptorSet::decode(crate::DESCRIPTOR_SET).unwrap();
    let messages: usize = set.file.iter().map(|file| file.message_type.len()).sum();
    let shapes = Shapes::of_contract();
    assert_eq!(shapes.names().count(), messages, "the contract has no message within a message, and so no map");
    for file in &set.file {
        for message in &file.message_type {
            let shape = shapes.at(shapes.find(&format!("{}.{}", file.package(), message.name())).unwrap());
            assert_eq!(shape.fields().count(), message.field.len(), "{}", message.name());
        }
    }
}
