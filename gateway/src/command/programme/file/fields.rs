//! The keys of one change's table: read strictly, every problem by its line, what is unknown refused.

use std::{
    ops::Range,
    path::{Path, PathBuf},
};

use clap::ValueEnum;
use crossmargin::v1;
use prost::bytes::Bytes;
use toml::de::{DeTable, DeValue};

use super::{super::period, Value};
use crate::{arrangement::digest::Digest, command::failure::Failure};

/// The text of a file, for the lines in problems.
pub(super) struct Source<'a> {
    label: &'a str,
    /// Where files of documents are named from.
    folder: &'a Path,
    /// Where each line begins.
    lines: Vec<usize>,
}

/// The keys of a table.
pub(super) struct Fields<'a> {
    source: &'a Source<'a>,
    kind: &'static str,
    at: usize,
    table: &'a DeTable<'a>,
    known: Vec<&'static str>,
    problems: &'a mut Vec<String>,
}

impl<'a> Source<'a> {
    pub(super) fn new(text: &str, label: &'a str, folder: &'a Path) -> Self {
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        Self { label, folder, lines: std::iter::once(0).chain(ends.map(|(at, _)| at + 1)).collect() }
    }

    /// A place in the text: `changes.toml, line 12`.
    pub(super) fn place(&self, at: usize) -> String {
        format!("{}, line {}", self.label, self.lines.partition_point(|begin| *begin <= at))
    }
}

impl<'a> Fields<'a> {
    pub(super) fn new(
        source: &'a Source<'a>,
        kind: &'static str,
        at: usize,
        table: &'a DeTable<'a>,
        problems: &'a mut Vec<String>,
    ) -> Self {
        Self { source, kind, at, table, known: vec![], problems }
    }

    pub(super) fn report(&mut self, field: &str, reason: &str) {
        self.report_at(self.at, field, reason);
    }

    fn report_at(&mut self, at: usize, field: &str, reason: &str) {
        self.problems.push(format!("{}, {}.{field}: {reason}", self.source.place(at), self.kind));
    }

    /// The value of a key, which counts as known from now on.
    fn value(&mut self, name: &'static str) -> Option<&'a Value<'a>> {
        self.known.push(name);
        self.table.iter().find(|(key, _)| &**key.get_ref() == name).map(|(_, value)| value)
    }

    fn needed(&mut self, name: &'static str) -> Option<&'a Value<'a>> {
        let value = self.value(name);
        if value.is_none() {
            self.report(name, "is missing");
        }
        value
    }

    fn text_of(&mut self, name: &str, value: &Value<'_>) -> Option<String> {
        let text = value.get_ref().as_str().map(str::to_owned);
        if text.is_none() {
            self.report_at(value.span().start, name, "a text in quotation marks is needed");
        }
        text
    }

    pub(super) fn text(&mut self, name: &'static str) -> String {
        let value = self.needed(name);
        value.and_then(|value| self.text_of(name, value)).unwrap_or_default()
    }

    pub(super) fn maybe_text(&mut self, name: &'static str) -> Option<String> {
        let value = self.value(name)?;
        self.text_of(name, value)
    }

    /// The texts of an array, each with its place.
    fn placed_texts(&mut self, name: &'static str) -> Vec<(Range<usize>, String)> {
        let Some(value) = self.needed(name) else { return vec![] };
        let Some(array) = value.get_ref().as_array() else {
            self.report_at(value.span().start, name, "an array of texts is needed: [\"...\"]");
            return vec![];
        };
        array.iter().filter_map(|value| Some((value.span(), self.text_of(name, value)?))).collect()
    }

    pub(super) fn texts(&mut self, name: &'static str) -> Vec<String> {
        self.placed_texts(name).into_iter().map(|(_, text)| text).collect()
    }

    /// A date, as a date of TOML or as a text.
    pub(super) fn date(&mut self, name: &'static str) -> String {
        let Some(value) = self.needed(name) else { return String::new() };
        match day(value.get_ref()) {
            Some(text) => text,
            None => {
                self.report_at(value.span().start, name, "a date is needed: YYYY-MM-DD");
                String::new()
            }
        }
    }

    pub(super) fn period(&mut self, name: &'static str) -> Option<v1::DateRange> {
        self.needed(name)?;
        self.maybe_period(name)
    }

    /// A period as it is typed, or its first day as a date of TOML.
    pub(super) fn maybe_period(&mut self, name: &'static str) -> Option<v1::DateRange> {
        let value = self.value(name)?;
        let text = match day(value.get_ref()) {
            Some(text) => text,
            None => self.text_of(name, value)?,
        };
        period::parse(&text).map_err(|reason| self.report_at(value.span().start, name, &reason)).ok()
    }

    pub(super) fn number(&mut self, name: &'static str) -> u32 {
        let Some(value) = self.needed(name) else { return 0 };
        let number = value.get_ref().as_integer();
        match number.and_then(|number| u32::from_str_radix(number.as_str(), number.radix()).ok()) {
            Some(number) => number,
            None => {
                self.report_at(value.span().start, name, "a whole number, not below zero, is needed");
                0
            }
        }
    }

    /// True where the key says so, false where it is not given.
    pub(super) fn flag(&mut self, name: &'static str) -> bool {
        let Some(value) = self.value(name) else { return false };
        value.get_ref().as_bool().unwrap_or_else(|| {
            self.report_at(value.span().start, name, "true or false is needed");
            false
        })
    }

    pub(super) fn named<T: ValueEnum>(&mut self, name: &'static str) -> Option<T> {
        let value = self.needed(name)?;
        let text = self.text_of(name, value)?;
        self.name(name, value.span(), &text)
    }

    pub(super) fn all_named<T: ValueEnum>(&mut self, name: &'static str) -> Vec<T> {
        let texts = self.placed_texts(name);
        texts.into_iter().filter_map(|(at, text)| self.name(name, at, &text)).collect()
    }

    fn name<T: ValueEnum>(&mut self, field: &str, at: Range<usize>, text: &str) -> Option<T> {
        let named = T::from_str(text, false).ok();
        if named.is_none() {
            let values = T::value_variants().iter().filter_map(T::to_possible_value);
            let known: Vec<String> = values.map(|value| value.get_name().to_owned()).collect();
            self.report_at(at.start, field, &format!("{text:?} is not known: {} is needed", known.join(", ")));
        }
        named
    }

    /// The digest of a document: of `file`, or given as `digest`.
    pub(super) fn digest(&mut self, hash: impl FnOnce(&Path) -> Result<Digest, Failure>) -> Bytes {
        let (file, given) = (self.maybe_text("file"), self.maybe_text("digest"));
        let digest = match (file, given) {
            (Some(file), None) => {
                let path: PathBuf = self.source.folder.join(file);
                hash(&path).map_err(|failure| self.report("file", &failure.to_string())).ok()
            }
            (None, Some(hex)) => hex
                .parse()
                .map_err(|error: crate::arrangement::digest::DigestError| {
                    self.report("digest", &error.to_string());
                })
                .ok(),
            _ => {
                self.report("file", "either the file of the document or its SHA-256 as digest is needed");
                None
            }
        };
        digest.map(crate::wire::bytes_of).unwrap_or_default()
    }

    /// Refuses what no reader asked for: a misspelt key would otherwise be left out without a word.
    pub(super) fn finish(mut self) {
        let unknown: Vec<(usize, String)> = self
            .table
            .iter()
            .filter(|(key, _)| !self.known.contains(&&**key.get_ref()))
            .map(|(key, _)| (key.span().start, key.get_ref().to_string()))
            .collect();
        self.known.dedup();
        let known = self.known.join(", ");
        for (at, key) in unknown {
            self.report_at(at, &key, &format!("is not known: {known} are"));
        }
    }
}

/// A date of TOML, or a text that is left to its reader; `None` for anything else.
fn day(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::Datetime(date) if date.time.is_none() && date.offset.is_none() => Some(date.to_string()),
        DeValue::String(text) => Some(text.to_string()),
        _ => None,
    }
}
