//! Links as CSV: `link_id,kind,member,owner,treasury_account,futures_account`.

use std::path::Path;

use crossmargin::v1::{self, programme_change::Change};

use crate::{
    arrangement::link::LinkTerms,
    command::{failure::Failure, output, recording::Batch},
    sample,
};

/// Columns of a file of links.
const COLUMNS: [&str; 6] = ["link_id", "kind", "member", "owner", "treasury_account", "futures_account"];

/// Links as a file that `links record` reads.
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

/// The links of a file, to be recorded together.
///
/// # Errors
/// Every problem, by line and column.
pub(super) fn read(path: &Path) -> Result<Batch, Failure> {
    let label = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| Failure::of(&format!("--csv {label}"), &error))?;
    let (links, lines): (Vec<_>, Vec<_>) = parse(&text, &label)?.into_iter().unzip();
    Ok(Batch {
        changes: links.into_iter().map(|terms| sample::programme::recorded(Change::Link(terms))).collect(),
        places: lines.into_iter().map(|line| format!("{label}, line {line}")).collect(),
    })
}

/// The links of a file's text; `label` names it in errors.
///
/// # Errors
/// Every problem, by line and column.
pub fn from_csv(text: &str, label: &str) -> Result<Vec<v1::LinkTerms>, Failure> {
    Ok(parse(text, label)?.into_iter().map(|(terms, _)| terms).collect())
}

/// Links with their lines.
fn parse(text: &str, label: &str) -> Result<Vec<(v1::LinkTerms, u64)>, Failure> {
    let mut reader = csv::ReaderBuilder::new().comment(Some(b'#')).trim(csv::Trim::All).from_reader(text.as_bytes());
    let header = reader.headers().map_err(|error| Failure::of(label, &error))?;
    if header.iter().ne(COLUMNS) {
        return Err(Failure::new(format!("{label}: the header must be {}", COLUMNS.join(","))));
    }
    let mut links = Vec::new();
    for row in reader.records() {
        let row = row.map_err(|error| Failure::of(label, &error))?;
        let cell = |at: usize| row.get(at).unwrap_or_default().to_owned();
        let kind = v1::LinkKind::from_str_name(&format!("LINK_KIND_{}", cell(1).to_ascii_uppercase()));
        let terms = v1::LinkTerms {
            link_id: cell(0),
            kind: kind.unwrap_or_default().into(),
            member: cell(2),
            owner: cell(3),
            treasury_account: cell(4),
            futures_account: cell(5),
        };
        links.push((terms, row.position().map_or(0, |begin| line(text, begin))));
    }
    // The node checks them too; here the file's own columns can be named.
    let told: Vec<String> = links
        .iter()
        .filter_map(|(terms, line)| Some((line, LinkTerms::from_wire(terms).err()?)))
        .flat_map(|(line, problems)| {
            problems.into_iter().map(move |problem| format!("{label}, line {line}, {problem}"))
        })
        .collect();
    if told.is_empty() { Ok(links) } else { Err(Failure::new(told.join("\n"))) }
}

/// The line of a row: the reader's position is where the row before ended, in front of empty lines and remarks.
fn line(text: &str, begin: &csv::Position) -> u64 {
    let rest = usize::try_from(begin.byte()).ok().and_then(|at| text.get(at..)).unwrap_or_default();
    let passed = rest.lines().take_while(|line| line.is_empty() || line.starts_with('#'));
    begin.line() + passed.map(|_| 1).sum::<u64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_read_back_from_the_file_that_is_written_of_them() {
        let links = sample::book::links();
        assert_eq!(from_csv(&to_csv(&links), "links.csv").unwrap(), links);
    }

    #[test]
    fn every_link_of_a_file_keeps_its_line_for_what_the_node_finds() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("links.csv");
        let text = "# ours\nlink_id,kind,member,owner,treasury_account,futures_account\n\nL1,house,BD1,BD1,T1,F1\n\
                    # theirs\nL2,house,BD2,BD2,T2,F2\n";
        std::fs::write(&path, text).unwrap();
        let batch = read(&path).unwrap();
        let label = path.display();
        assert_eq!(batch.places, [format!("{label}, line 4"), format!("{label}, line 6")]);
        assert_eq!(batch.changes.len(), 2);
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
