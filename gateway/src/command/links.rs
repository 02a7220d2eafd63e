//! `crossmargin links`: records a house's links between accounts, and lists them.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use crossmargin::v1::{self, programme_change::Change};
use uuid::Uuid;

use super::{
    client::Node,
    cycle::Reach,
    failure::{Failure, Told},
    listing, output,
    view::LinkView,
};
use crate::{arrangement::link::LinkTerms, identity::Role, sample};

/// Columns of a file of links.
const COLUMNS: [&str; 6] = ["link_id", "kind", "member", "owner", "treasury_account", "futures_account"];

/// Arguments of `crossmargin links`.
#[derive(Clone, Debug, Args)]
pub struct LinksArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: LinksAction,
}

/// What to do with links.
#[derive(Clone, Debug, Subcommand)]
pub enum LinksAction {
    /// Record links at one house, all or none: proposed by the house that records them first, accepted by the other.
    Record {
        /// The links as CSV: link_id,kind,member,owner,treasury_account,futures_account; the kind is house, affiliate
        /// or customer.
        #[arg(long, value_name = "FILE", required_unless_present = "sample")]
        csv: Option<PathBuf>,
        /// Record the programme of the sample: its members, links, documents, and consents as far as they go.
        #[arg(long, conflicts_with = "csv")]
        sample: bool,
        /// The node.
        #[command(flatten)]
        reach: Reach,
    },
    /// List links as the join of both houses' records sees them.
    List {
        /// The node.
        #[command(flatten)]
        reach: Reach,
    },
}

/// Runs `crossmargin links`.
///
/// # Errors
/// Every problem of the file, or what the node said.
pub async fn run(args: LinksArgs) -> Result<(), Failure> {
    match args.action {
        LinksAction::Record { csv, sample: _, reach } => {
            let (count, changes) = match csv {
                Some(path) => {
                    let links = read(&path)?;
                    (
                        links.len(),
                        links.into_iter().map(|terms| sample::programme::recorded(Change::Link(terms))).collect(),
                    )
                }
                None => {
                    let links = sample::book::links();
                    (links.len(), sample::programme::onboarding(&links))
                }
            };
            let answer = record(&reach.node.connect(Role::Administrator)?, changes).await?;
            let value = serde_json::json!({"sequence": answer.sequence, "is_replay": answer.is_replay, "links": count});
            output::answer(reach.json, &value, |_| {
                format!("recorded {count} links as entry {} of this house's registry log", answer.sequence)
            })
        }
        LinksAction::List { reach } => {
            let node = reach.node.connect(Role::Administrator)?;
            let links = listing::links(&node, &v1::ListLinksRequest::default()).await?;
            let views: Vec<LinkView> = links.iter().map(LinkView::from).collect();
            output::answer(reach.json, &views, |views| text(views))
        }
    }
}

/// Records changes of the programme at a house.
///
/// # Errors
/// What the node said.
pub async fn record(node: &Node, changes: Vec<v1::ProgrammeChange>) -> Result<v1::RecordChangesResponse, Failure> {
    let request_id = Uuid::new_v4().to_string();
    let request = v1::RecordChangesRequest { request_id, changes, validate_only: false };
    node.programme().record_changes(request).await.told("recording changes of the programme")
}

/// Links as a file that [`LinksAction::Record`] reads.
#[must_use]
pub fn to_csv(links: &[v1::LinkTerms]) -> String {
    let mut text = COLUMNS.join(",");
    for link in links {
        let kind = output::small(link.kind().as_str_name(), "LINK_KIND_");
        let v1::LinkTerms { link_id, member, owner, treasury_account, futures_account, .. } = link;
        text.push_str(&format!("\n{link_id},{kind},{member},{owner},{treasury_account},{futures_account}"));
    }
    text.push('\n');
    text
}

fn read(path: &Path) -> Result<Vec<v1::LinkTerms>, Failure> {
    let label = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| Failure::of(&format!("--csv {label}"), &error))?;
    parse(&text, &label)
}

fn parse(text: &str, label: &str) -> Result<Vec<v1::LinkTerms>, Failure> {
    let mut reader = csv::ReaderBuilder::new().comment(Some(b'#')).trim(csv::Trim::All).from_reader(text.as_bytes());
    let header = reader.headers().map_err(|error| Failure::of(label, &error))?;
    if header.iter().ne(COLUMNS) {
        return Err(Failure::new(format!("{label}: the header must be {}", COLUMNS.join(","))));
    }
    let mut links = Vec::new();
    let mut lines = Vec::new();
    for row in reader.records() {
        let row = row.map_err(|error| Failure::of(label, &error))?;
        let cell = |at: usize| row.get(at).unwrap_or_default().to_owned();
        let kind = v1::LinkKind::from_str_name(&format!("LINK_KIND_{}", cell(1).to_ascii_uppercase()));
        lines.push(row.position().map_or(0, csv::Position::line));
        links.push(v1::LinkTerms {
            link_id: cell(0),
            kind: kind.unwrap_or_default().into(),
            member: cell(2),
            owner: cell(3),
            treasury_account: cell(4),
            futures_account: cell(5),
        });
    }
    // The node checks them too; here the file's own lines can be named.
    let checked = links.iter().zip(lines).map(|(terms, line)| (line, LinkTerms::from_wire(terms)));
    let told: Vec<String> = checked
        .filter_map(|(line, checked)| Some((line, checked.err()?)))
        .flat_map(|(line, problems)| {
            problems.into_iter().map(move |problem| format!("{label}, line {line}, {problem}"))
        })
        .collect();
    if told.is_empty() { Ok(links) } else { Err(Failure::new(told.join("\n"))) }
}

fn text(views: &[LinkView]) -> String {
    if views.is_empty() {
        return "no links".to_owned();
    }
    let header = ["link", "kind", "member", "owner", "Treasury account", "futures account", "stage", "missing"];
    let mut table = output::table(&header, |_| false);
    for view in views {
        table.add_row([
            view.link.as_str(),
            &view.kind,
            &view.member,
            &view.owner,
            &view.treasury_account,
            &view.futures_account,
            &view.stage,
            &view.missing.join("\n"),
        ]);
    }
    table.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_read_back_from_the_file_that_is_written_of_them() {
        let links = sample::book::links();
        assert_eq!(parse(&to_csv(&links), "links.csv").unwrap(), links);
    }

    #[test]
    fn every_problem_of_a_file_is_named_by_line_and_column() {
        let text = "link_id,kind,member,owner,treasury_account,futures_account\n\
                    # a remark\n\
                    L1,house,BD1,BD1,T1,F1\n\
                    L2,wrong,BD1,BD1,T 1,F2\n";
        let error = parse(text, "links.csv").unwrap_err().to_string();
        assert!(
            error.contains("links.csv, line 4, kind") && error.contains("links.csv, line 4, treasury_account"),
            "{error}"
        );
        assert!(parse("a,b\n", "x").unwrap_err().to_string().contains("link_id,kind"));
    }
}
