//! Finds lines and keys in the text of a configuration, for errors.

/// The line, counted from 1, of a byte offset.
pub(super) fn line_of_offset(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|&byte| byte == b'\n').count() + 1
}

/// The key at a line, with its table: `limits.frame_bytes_max`. At a table's own line the table.
pub(super) fn key_at(text: &str, line: usize) -> String {
    let found = keys(text).take_while(|(at, _)| *at <= line).last();
    found.map_or_else(|| "the file".to_owned(), |(_, key)| key)
}

/// The line, counted from 1, of a key; else that of its table; else 1.
pub(super) fn line_of_key(text: &str, key: &str) -> usize {
    let mut key = key;
    loop {
        if let Some((line, _)) = keys(text).find(|(_, found)| found == key) {
            return line;
        }
        match key.rsplit_once('.') {
            Some((table, _)) => key = table,
            None => return 1,
        }
    }
}

/// Each line that opens a table or sets a key, with its number and full name.
fn keys(text: &str) -> impl Iterator<Item = (usize, String)> {
    let mut table = String::new();
    text.lines().enumerate().filter_map(move |(index, line)| {
        let line = line.trim();
        let name = if let Some(header) = line.strip_prefix('[') {
            table = header.trim_start_matches('[').split(']').next().unwrap_or_default().trim().to_owned();
            table.clone()
        } else {
            let (key, _) = line.split_once('=')?;
            let key = key.trim();
            if line.starts_with('#') || key.is_empty() {
                return None;
            }
            if table.is_empty() { key.to_owned() } else { format!("{table}.{key}") }
        };
        Some((index + 1, name))
    })
}
