//! The canonical form in which parameters are hashed: equal parameters give equal bytes on any machine.

/// Numbers as eight little-endian bytes, texts behind their length, lists behind their count, options behind a 0 or 1.
pub(crate) struct Canonical(blake3::Hasher);

impl Canonical {
    /// A hash under a context string of its own, so that no other kind of hash equals it.
    pub(crate) fn new(context: &str) -> Self {
        Self(blake3::Hasher::new_derive_key(context))
    }

    pub(crate) fn number(&mut self, number: impl Into<u64>) {
        self.0.update(&number.into().to_le_bytes());
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.count(text.len());
        self.0.update(text.as_bytes());
    }

    /// How many entries follow.
    pub(crate) fn count(&mut self, count: usize) {
        self.number(u64::try_from(count).unwrap_or(u64::MAX));
    }

    /// A value that may be missing.
    pub(crate) fn option<T>(&mut self, value: Option<&T>, write: impl FnOnce(&T, &mut Self)) {
        self.number(value.is_some());
        if let Some(value) = value {
            write(value, self);
        }
    }

    pub(crate) fn finish(self) -> [u8; 32] {
        *self.0.finalize().as_bytes()
    }
}
