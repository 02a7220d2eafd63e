//! The rows of a CSV file: its header and its cells, by line.

use crate::problem::Collector;

/// The header and the rows of a CSV file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CsvRows {
    /// The line of the header, from 1.
    pub(super) header_line: usize,
    /// The names of the columns.
    pub(super) headings: Vec<String>,
    /// The rows, each with as many cells as there are headings.
    pub(super) rows: Vec<CsvRow>,
}

/// One row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CsvRow {
    /// Its line, from 1.
    pub(super) line: usize,
    /// Its cells, without blanks or quotation marks around them.
    pub(super) cells: Vec<String>,
}

impl CsvRows {
    /// Reads a file; `label` names it in problems. A byte order mark, `\r\n`, quotation marks, blanks around cells, empty
    /// lines and lines that begin with `#` are taken as they come. A row with more or fewer cells than the header is a
    /// problem and left out; `None` where there is no header.
    pub(super) fn read(bytes: &[u8], label: &str, problems: &mut Collector) -> Option<Self> {
        let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
        let mut sheet: Option<Self> = None;
        for (place, line) in bytes.split(|&byte| byte == b'\n').enumerate() {
            let number = place + 1;
            let Ok(line) = std::str::from_utf8(line) else {
                problems.add(format!("{label}, line {number}"), "the line is not UTF-8 text");
                continue;
            };
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            let cells = cells(line);
            let Some(sheet) = &mut sheet else {
                sheet = Some(Self { header_line: number, headings: cells, rows: Vec::new() });
                continue;
            };
            if cells.len() == sheet.headings.len() {
                sheet.rows.push(CsvRow { line: number, cells });
            } else {
                let (found, expected) = (cells.len(), sheet.headings.len());
                problems
                    .add(format!("{label}, line {number}"), format!("{found} columns, but the header has {expected}"));
            }
        }
        if sheet.is_none() && problems.is_empty() {
            problems.add(label, "the file is empty: a header line is needed");
        }
        sheet
    }
}

/// The cells of one line. A line at a time, so that a problem always has its exact line: no cell here holds a line end.
fn cells(line: &str) -> Vec<String> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .trim(csv::Trim::All)
        .buffer_capacity(line.len() + 1)
        .from_reader(line.as_bytes());
    // One line of valid text is one record.
    let record = reader.records().next().and_then(Result::ok).unwrap_or_default();
    record.iter().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> (Option<CsvRows>, String) {
        let mut problems = Collector::default();
        let sheet = CsvRows::read(bytes, "a.csv", &mut problems);
        (sheet, problems.finish(()).err().map(|problems| problems.to_string()).unwrap_or_default())
    }

    #[test]
    fn what_spreadsheets_write_is_read() {
        let (sheet, problems) = read(b"\xEF\xBB\xBF# remark\r\na,\"b\"\r\n\r\n 1 ,\"x, y\"\r\n");
        let row = CsvRow { line: 4, cells: vec!["1".into(), "x, y".into()] };
        assert_eq!(sheet, Some(CsvRows { header_line: 2, headings: vec!["a".into(), "b".into()], rows: vec![row] }));
        assert_eq!(problems, "");
    }

    #[test]
    fn every_line_that_is_no_row_is_told() {
        let (sheet, problems) = read(b"a,b\n1\n\n\xFF,2\n1,2,3\n1,2");
        assert_eq!(sheet.unwrap().rows.len(), 1);
        let lines: Vec<&str> = problems.lines().collect();
        assert_eq!(
            lines,
            [
                "a.csv, line 2: 1 columns, but the header has 2",
                "a.csv, line 4: the line is not UTF-8 text",
                "a.csv, line 5: 3 columns, but the header has 2",
            ]
        );
        assert_eq!(read(b" \n# only a remark").1, "a.csv: the file is empty: a header line is needed");
    }
}
