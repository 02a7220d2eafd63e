//! What the contract's messages take decoded, made once from its descriptors.

use std::{
    collections::{HashMap, HashSet},
    sync::LazyLock,
};

use prost::Message;
use prost_types::{
    DescriptorProto, FieldDescriptorProto, FileDescriptorSet,
    field_descriptor_proto::{Label, Type},
};

/// Size of a `String` or a vector, of a `Bytes`, and of a pointer, each at most.
const TEXT: usize = 24;
const BYTES: usize = 32;
const POINTER: usize = 8;
/// Alignment of every type of the generated code, at most; so also what marks the variant of an enum.
const WORD: usize = 8;

/// What a field's values are on the wire and in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Varint,
    Fixed32,
    Fixed64,
    Text,
    Bytes,
    /// By its place among the shapes.
    Message(usize),
}

/// A field of a message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field {
    pub(super) kind: Kind,
    pub(super) is_repeated: bool,
    /// What one value takes in the vector of a repeated field, or behind the pointer of a boxed one, in bytes; 0 where the
    /// value lies within its message.
    pub(super) each: usize,
}

impl Field {
    /// Whether its values may come packed, so that a field of the wire may hold none of them.
    pub(super) fn is_packed(&self) -> bool {
        matches!(self.kind, Kind::Varint | Kind::Fixed32 | Kind::Fixed64)
    }
}

/// A message.
#[derive(Debug, Default)]
pub(super) struct Shape {
    /// Size of the generated type, at most.
    pub(super) size: usize,
    /// By number.
    fields: Vec<Option<Field>>,
}

impl Shape {
    /// The field of a number; none for one that the contract does not know.
    pub(super) fn field(&self, number: u64) -> Option<&Field> {
        self.fields.get(usize::try_from(number).ok()?)?.as_ref()
    }

    /// Every field with its number.
    #[cfg(test)]
    pub(super) fn fields(&self) -> impl Iterator<Item = (usize, &Field)> {
        self.fields.iter().enumerate().filter_map(|(number, field)| Some((number, field.as_ref()?)))
    }
}

/// The messages of the contract.
#[derive(Debug, Default)]
pub(super) struct Shapes {
    shapes: Vec<Shape>,
    by_name: HashMap<String, usize>,
}

static CONTRACT: LazyLock<Shapes> = LazyLock::new(|| {
    // Made by this crate's build: they can be read, or nothing of the contract can be decoded.
    let set = FileDescriptorSet::decode(crate::DESCRIPTOR_SET).unwrap_or_default();
    Shapes::new(&set)
});

impl Shapes {
    /// Those of this crate's contract.
    pub(super) fn of_contract() -> &'static Self {
        &CONTRACT
    }

    pub(super) fn new(set: &FileDescriptorSet) -> Self {
        let mut messages = Vec::new();
        for file in &set.file {
            collect(file.package(), &file.message_type, &mut messages);
        }
        let by_name = messages.iter().enumerate().map(|(place, (name, _))| (name.clone(), place)).collect();
        let mut maker = Maker { messages, by_name, sizes: HashMap::new(), open: HashSet::new() };
        let shapes = (0..maker.messages.len()).map(|place| maker.shape(place)).collect();
        Self { shapes, by_name: maker.by_name }
    }

    /// A message's place, by its name with its package.
    pub(super) fn find(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    /// The message at a place that this table gave.
    pub(super) fn at(&self, place: usize) -> &Shape {
        &self.shapes[place]
    }

    #[cfg(test)]
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(String::as_str)
    }
}

/// Messages and those within them, each with its full name.
fn collect<'a>(within: &str, messages: &'a [DescriptorProto], all: &mut Vec<(String, &'a DescriptorProto)>) {
    for message in messages {
        let name = if within.is_empty() { message.name().to_owned() } else { format!("{within}.{}", message.name()) };
        collect(&name, &message.nested_type, all);
        all.push((name, message));
    }
}

struct Maker<'a> {
    messages: Vec<(String, &'a DescriptorProto)>,
    by_name: HashMap<String, usize>,
    sizes: HashMap<usize, usize>,
    /// Messages whose size is being found: one that is met again holds itself, behind a pointer.
    open: HashSet<usize>,
}

impl Maker<'_> {
    fn shape(&mut self, place: usize) -> Shape {
        let message = self.messages[place].1;
        let mut shape = Shape { size: self.size(place), fields: Vec::new() };
        for field in &message.field {
            // Invariant: a field's number is positive.
            let number = usize::try_from(field.number()).unwrap_or_default();
            if shape.fields.len() <= number {
                shape.fields.resize(number + 1, None);
            }
            let kind = self.kind(field);
            let is_repeated = field.label() == Label::Repeated;
            // A pointer cannot be told from a value here without finding all cycles: where there may be one, both count.
            let may_be_boxed = matches!(kind, Some(Kind::Message(inner)) if self.holds(inner, place));
            let each = if is_repeated || may_be_boxed { self.value(field) } else { 0 };
            shape.fields[number] = kind.map(|kind| Field { kind, is_repeated, each });
        }
        shape
    }

    /// The size of a message's type, at most: fields are laid out without gaps but for one at the end.
    fn size(&mut self, place: usize) -> usize {
        if let Some(size) = self.sizes.get(&place) {
            return *size;
        }
        if !self.open.insert(place) {
            return POINTER;
        }
        let message = self.messages[place].1;
        let mut size = 0;
        let mut choices: HashMap<i32, usize> = HashMap::new();
        for field in &message.field {
            let value = self.value(field);
            match field.oneof_index {
                Some(choice) if !field.proto3_optional() => {
                    let largest = choices.entry(choice).or_default();
                    *largest = value.max(*largest);
                }
                _ if field.label() == Label::Repeated => size += TEXT,
                // What may be absent has a mark beside it.
                _ if field.r#type() == Type::Message => size += value + WORD,
                _ if field.proto3_optional() => size += value + value.min(WORD),
                _ => size += value,
            }
        }
        size += choices.values().map(|largest| largest.next_multiple_of(WORD) + WORD).sum::<usize>();
        let size = size.next_multiple_of(WORD);
        self.open.remove(&place);
        self.sizes.insert(place, size);
        size
    }

    /// What one value of a field takes where it stands.
    fn value(&mut self, field: &FieldDescriptorProto) -> usize {
        match field.r#type() {
            // One byte, and eight at least in a vector: four of four bytes are more.
            Type::Bool if field.label() == Label::Repeated => 4,
            Type::Bool => 1,
            Type::Enum | Type::Int32 | Type::Uint32 | Type::Sint32 | Type::Fixed32 | Type::Sfixed32 | Type::Float => 4,
            Type::Int64 | Type::Uint64 | Type::Sint64 | Type::Fixed64 | Type::Sfixed64 | Type::Double => 8,
            Type::String => TEXT,
            Type::Bytes => BYTES,
            Type::Message | Type::Group => match self.kind(field) {
                Some(Kind::Message(inner)) => self.size(inner),
                _ => POINTER,
            },
        }
    }

    fn kind(&self, field: &FieldDescriptorProto) -> Option<Kind> {
        Some(match field.r#type() {
            Type::Fixed32 | Type::Sfixed32 | Type::Float => Kind::Fixed32,
            Type::Fixed64 | Type::Sfixed64 | Type::Double => Kind::Fixed64,
            Type::String => Kind::Text,
            Type::Bytes => Kind::Bytes,
            // Names of types begin with a dot.
            Type::Message => Kind::Message(*self.by_name.get(field.type_name().strip_prefix('.')?)?),
            // No contract of this version has groups; they are skipped as prost skips them.
            Type::Group => return None,
            _ => Kind::Varint,
        })
    }

    /// Whether a message holds another, itself or within what it holds once.
    fn holds(&self, outer: usize, inner: usize) -> bool {
        let mut seen = HashSet::new();
        let mut left = vec![outer];
        while let Some(place) = left.pop() {
            if place == inner {
                return true;
            }
            if seen.insert(place) {
                let fields = self.messages[place].1.field.iter().filter(|field| field.label() != Label::Repeated);
                left.extend(fields.filter_map(|field| match self.kind(field) {
                    Some(Kind::Message(place)) => Some(place),
                    _ => None,
                }));
            }
        }
        false
    }
}
