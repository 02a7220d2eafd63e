//! Pages of a listing. A token names the last row of the page before, so rows that come in between disturb nothing.

use std::str::FromStr;

use tonic::Status;

use super::status::invalid;

/// Which page of a listing is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Page<K> {
    /// Rows of the page, at most; at least one.
    pub(super) size: usize,
    /// The last row of the page before; `None` on the first.
    pub(super) after: Option<K>,
}

impl<K: FromStr + ToString> Page<K> {
    /// Reads a page; 0 rows stand for `default_size`, and never more than `size_max` are given.
    pub(super) fn read(page_size: i32, page_token: &str, default_size: usize, size_max: usize) -> Result<Self, Status> {
        let size = match page_size {
            0 => default_size,
            given => {
                let given = usize::try_from(given);
                given.map_err(|_| invalid("page_size", format!("{page_size} is given: 0 or more is needed")))?
            }
        };
        let after = if page_token.is_empty() { None } else { Some(key(page_token)?) };
        Ok(Self { size: size.min(size_max), after })
    }

    /// Takes a page off `rows`, which begin after [`Page::after`], and the token of the next page, empty on the last.
    pub(super) fn take<R>(&self, rows: impl Iterator<Item = R>, key: impl Fn(&R) -> K) -> (Vec<R>, String) {
        let mut rows = rows.fuse();
        let page: Vec<R> = rows.by_ref().take(self.size).collect();
        let has_more = rows.next().is_some();
        let token = page.last().filter(|_| has_more).map(|last| hex::encode(key(last).to_string()));
        (page, token.unwrap_or_default())
    }
}

fn key<K: FromStr>(token: &str) -> Result<K, Status> {
    let text = hex::decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let key = text.and_then(|text| text.parse().ok());
    key.ok_or_else(|| invalid("page_token", "is no token of this listing: give next_page_token of the page before"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(page_size: i32, token: &str) -> (Vec<u32>, String) {
        let page = Page::<u32>::read(page_size, token, 3, 4).unwrap();
        let rows = (1..=10).filter(|row| page.after.is_none_or(|after| *row > after));
        page.take(rows, |row| *row)
    }

    #[test]
    fn pages_one_after_another_give_every_row_once() {
        let mut rows = Vec::new();
        let mut token = String::new();
        loop {
            let (page, next) = list(0, &token);
            rows.extend(page);
            if next.is_empty() {
                break;
            }
            token = next;
        }
        assert_eq!(rows, (1..=10).collect::<Vec<_>>());
    }

    #[test]
    fn a_page_that_ends_with_the_last_row_has_no_token() {
        let page = Page::<u32>::read(10, "", 3, 10).unwrap();
        assert_eq!(page.take(1..=10, |row| *row).1, "");
    }

    #[test]
    fn a_page_is_never_larger_than_its_bound() {
        assert_eq!(list(1_000_000, "").0.len(), 4);
        assert_eq!(list(i32::MAX, "").0.len(), 4);
    }

    #[test]
    fn a_negative_size_and_a_foreign_token_are_refused() {
        assert_eq!(Page::<u32>::read(-1, "", 3, 4).unwrap_err().code(), tonic::Code::InvalidArgument);
        for token in ["x", "zz", "ff", "41"] {
            assert_eq!(Page::<u32>::read(0, token, 3, 4).unwrap_err().code(), tonic::Code::InvalidArgument, "{token}");
        }
    }
}
