//! What is recorded of links by a command.

use std::path::PathBuf;

use clap::Subcommand;
use crossmargin::v1::{self, programme_change::Change};
use jiff::civil::Date;

use super::{csv, sha256};
use crate::{
    arrangement::{
        digest::Digest,
        name::{LinkId, MemberId},
    },
    command::{
        failure::Failure,
        programme::kinds::{DocumentName, StepName},
        recording::{Batch, Writing},
    },
    sample, wire,
};

/// What to record of links.
#[derive(Clone, Debug, Subcommand)]
pub enum WriteAction {
    /// Record links at one house, all or none: proposed by the house that records them first, accepted by the other.
    Record {
        /// The links as CSV: link_id,kind,member,owner,treasury_account,futures_account; the kind is house, affiliate
        /// or customer.
        #[arg(long, value_name = "FILE", required_unless_present = "sample")]
        csv: Option<PathBuf>,
        /// Record the programme of the sample: its members, links, documents, and consents as far as they go.
        #[arg(long, conflicts_with = "csv")]
        sample: bool,
        /// How they are recorded.
        #[command(flatten)]
        writing: Writing,
    },
    /// Record a document of links that lies at this house, by the SHA-256 of its file. The file stays here.
    Document {
        /// The links.
        #[arg(required = true, value_name = "LINK")]
        links: Vec<LinkId>,
        /// What the document is about.
        #[arg(long, value_name = "KIND")]
        kind: DocumentName,
        /// The document.
        #[arg(long, value_name = "PATH", required_unless_present = "digest")]
        file: Option<PathBuf>,
        /// SHA-256 of the document, 64 hexadecimal digits in lower case, where the file is elsewhere.
        #[arg(long, value_name = "HEX", conflicts_with = "file")]
        digest: Option<Digest>,
        /// The document's date.
        #[arg(long, value_name = "DATE")]
        dated: Date,
        /// The member that it binds, where it is not that of the link's terms as this house recorded them: a link that
        /// moves needs the documents of the member that it moves to.
        #[arg(long, value_name = "MEMBER")]
        member: Option<MemberId>,
        /// Why, for a reader.
        #[arg(long, value_name = "TEXT", default_value = "")]
        reason: String,
        /// How it is recorded.
        #[command(flatten)]
        writing: Writing,
    },
    /// Record how far this house lets links go. A link goes as far as both houses let it.
    Stage {
        /// The links.
        #[arg(required = true, value_name = "LINK")]
        links: Vec<LinkId>,
        /// How far.
        #[arg(long, value_name = "STAGE")]
        to: StepName,
        /// Why, for a reader.
        #[arg(long, value_name = "TEXT")]
        reason: String,
        /// How it is recorded.
        #[command(flatten)]
        writing: Writing,
    },
    /// Move a customer's link to another member, with its positions and its history. It moves once both houses have
    /// recorded the same. It cannot be taken back, only followed by another move.
    Move {
        /// The link.
        link: LinkId,
        /// The member that it moves to.
        #[arg(long, value_name = "MEMBER")]
        to: MemberId,
        /// The first business date at that member.
        #[arg(long, value_name = "DATE")]
        from: Date,
        /// Why, for a reader.
        #[arg(long, value_name = "TEXT")]
        reason: String,
        /// How it is recorded.
        #[command(flatten)]
        writing: Writing,
    },
}

impl WriteAction {
    /// The changes that an action records, and how.
    ///
    /// # Errors
    /// Every problem of a file.
    pub(super) fn batch(self) -> Result<(Batch, Writing), Failure> {
        match self {
            Self::Record { csv: Some(path), writing, .. } => Ok((csv::read(&path)?, writing)),
            Self::Record { csv: None, writing, .. } => {
                let changes = sample::programme::onboarding(&sample::book::links());
                Ok((Batch { changes, places: vec![] }, writing))
            }
            Self::Document { links, kind, file, digest, dated, member, reason, writing } => {
                let digest = match (file, digest) {
                    (_, Some(digest)) => digest,
                    (Some(file), None) => sha256(&file)?,
                    (None, None) => return Err(Failure::usage("--file or --digest is needed")),
                };
                let change = Change::Document(v1::DocumentRecord {
                    link_ids: names(links),
                    kind: v1::DocumentKind::from(kind).into(),
                    digest: wire::bytes_of(digest),
                    dated: dated.to_string(),
                    member: member.map(String::from).unwrap_or_default(),
                });
                Ok((Batch::explained(change, reason), writing))
            }
            Self::Stage { links, to, reason, writing } => {
                let change = v1::StageChange { link_ids: names(links), to: v1::LinkStage::from(to).into() };
                Ok((Batch::explained(Change::Stage(change), reason), writing))
            }
            Self::Move { link, to, from, reason, writing } => {
                let change = Change::Port(v1::Port {
                    link_id: link.into(),
                    to_member: to.into(),
                    effective_from: from.to_string(),
                });
                Ok((Batch::explained(change, reason), writing))
            }
        }
    }
}

fn names(links: Vec<LinkId>) -> Vec<String> {
    links.into_iter().map(String::from).collect()
}

#[cfg(test)]
mod tests;
