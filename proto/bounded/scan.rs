//! The walk over the wire bytes of a message.

use prost::encoding::{DecodeContext, WireType, skip_field};

use super::{
    DEPTH_MAX,
    shape::{Field, Kind, Shapes},
};

/// What a `Bytes` keeps beside its content, at most.
const SHARED: usize = 40;
/// The least that a text with anything in it takes.
const TEXT_LEAST: usize = 8;

/// Why the walk ends early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    Malformed,
    TooDeep,
    TooLarge,
}

/// What decoding a message may take, in bytes.
pub(super) fn cost(shapes: &Shapes, root: usize, bytes: &[u8], bytes_max: usize) -> Result<usize, Refusal> {
    let mut walk = Walk { shapes, left: bytes_max };
    walk.take(shapes.at(root).size)?;
    walk.message(root, bytes, 0)?;
    Ok(bytes_max - walk.left)
}

struct Walk<'a> {
    shapes: &'a Shapes,
    /// What may still be taken.
    left: usize,
}

impl Walk<'_> {
    fn take(&mut self, bytes: usize) -> Result<(), Refusal> {
        self.left = self.left.checked_sub(bytes).ok_or(Refusal::TooLarge)?;
        Ok(())
    }

    fn message(&mut self, place: usize, mut rest: &[u8], depth: usize) -> Result<(), Refusal> {
        if depth > DEPTH_MAX {
            return Err(Refusal::TooDeep);
        }
        let shapes = self.shapes;
        let shape = shapes.at(place);
        // Values of one field that follow each other share a vector's growth.
        let mut last = 0;
        while !rest.is_empty() {
            let key = varint(&mut rest)?;
            let (number, wire) = (key >> 3, key & 7);
            let field = shape.field(number);
            let is_first = number != last;
            last = number;
            match wire {
                0 => {
                    varint(&mut rest)?;
                    self.scalars(field, Kind::Varint, 1, is_first)?;
                }
                1 => {
                    split(&mut rest, 8)?;
                    self.scalars(field, Kind::Fixed64, 1, is_first)?;
                }
                5 => {
                    split(&mut rest, 4)?;
                    self.scalars(field, Kind::Fixed32, 1, is_first)?;
                }
                2 => {
                    let length = usize::try_from(varint(&mut rest)?).map_err(|_| Refusal::Malformed)?;
                    let content = split(&mut rest, length)?;
                    if let Some(field) = field {
                        self.delimited(field, content, is_first, depth)?;
                        if content.is_empty() && field.is_packed() {
                            // No value of it has come, and its vector has not grown.
                            last = 0;
                        }
                    }
                }
                3 => skip_group(number, &mut rest)?,
                _ => return Err(Refusal::Malformed),
            }
        }
        Ok(())
    }

    fn delimited(&mut self, field: &Field, content: &[u8], is_first: bool, depth: usize) -> Result<(), Refusal> {
        let packed = match field.kind {
            Kind::Text => {
                self.values(field, 1, is_first)?;
                return if content.is_empty() { Ok(()) } else { self.take(content.len().max(TEXT_LEAST)) };
            }
            Kind::Bytes => {
                self.values(field, 1, is_first)?;
                return if content.is_empty() { Ok(()) } else { self.take(content.len() + SHARED) };
            }
            Kind::Message(inner) => {
                self.values(field, 1, is_first)?;
                return self.message(inner, content, depth + 1);
            }
            Kind::Varint => varints(content),
            Kind::Fixed32 => content.len() / 4,
            Kind::Fixed64 => content.len() / 8,
        };
        self.values(field, packed, is_first)
    }

    fn scalars(&mut self, field: Option<&Field>, kind: Kind, count: usize, is_first: bool) -> Result<(), Refusal> {
        match field {
            Some(field) if field.kind == kind => self.values(field, count, is_first),
            // Unknown, or of another wire type: skipped or refused, and nothing is kept.
            _ => Ok(()),
        }
    }

    /// Takes what `count` further values of a field take. A vector has room for four at first and doubles when it is full:
    /// for at most twice its values, and for two more.
    fn values(&mut self, field: &Field, count: usize, is_first: bool) -> Result<(), Refusal> {
        if field.each == 0 || count == 0 {
            return Ok(());
        }
        let room = match (field.is_repeated, is_first) {
            (true, true) => count.saturating_mul(2).saturating_add(2),
            (true, false) => count.saturating_mul(2),
            (false, _) => count,
        };
        self.take(field.each.saturating_mul(room))
    }
}

fn split<'a>(rest: &mut &'a [u8], length: usize) -> Result<&'a [u8], Refusal> {
    let (content, after) = rest.split_at_checked(length).ok_or(Refusal::Malformed)?;
    *rest = after;
    Ok(content)
}

/// How many numbers there are: each ends with the first byte whose high bit is not set. Counted in bytes, block by block, so
/// that the compiler counts many at once.
fn varints(content: &[u8]) -> usize {
    let in_block = |block: &[u8]| block.iter().fold(0_u8, |count, byte| count.wrapping_add(u8::from(*byte < 0x80)));
    // A block is short enough for a byte to count it.
    content.chunks(128).map(|block| usize::from(in_block(block))).sum()
}

fn varint(rest: &mut &[u8]) -> Result<u64, Refusal> {
    if let [byte @ ..0x80, after @ ..] = *rest {
        *rest = after;
        return Ok(u64::from(*byte));
    }
    let mut value = 0;
    for (place, &byte) in rest.iter().take(10).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * place);
        if byte < 0x80 {
            *rest = &rest[place + 1..];
            return Ok(value);
        }
    }
    Err(Refusal::Malformed)
}

/// A group is of no field that the contract knows: prost's own skipping, which bounds its depth, allocates nothing.
fn skip_group(number: u64, rest: &mut &[u8]) -> Result<(), Refusal> {
    let number = u32::try_from(number).map_err(|_| Refusal::Malformed)?;
    skip_field(WireType::StartGroup, number, rest, DecodeContext::default()).map_err(|_| Refusal::Malformed)
}
