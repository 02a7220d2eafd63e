//! Requests of callers, by the ids that they chose.
//!
//! A caller that hears no answer asks again under the same id and is answered as before. An id that comes again with
//! something else to do is a mistake of the caller's: answered as before, it would take what it now asks for as done.

use prost::Message;

use crate::{
    arrangement::digest::Digest,
    wire::{self, WireError},
};

/// Before the name of a member and the id that its administration chose, among the ids of all requests: longer than an id of
/// the house's own may be.
pub(crate) const OF_MEMBER: &str = "a request of the administration of a member, by an id of its own choice: ";
/// Most bytes of an id.
const ID_BYTES_MAX: usize = 64;

/// A request: the id under which its caller asks, again if need be, and what it asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallerRequest {
    /// The id among all requests of the house.
    pub id: String,
    /// What is asked for: see [`content_of`].
    pub content: Digest,
}

/// An id that comes again with something else.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} was given to another request, and nothing of this one was done: choose a new id for it, a UUID")]
pub struct OtherRequest(pub String);

/// The digest of what a caller asks for by `method`: of the request's parts, in the order in which they came, without its id
/// and without whether it is only to be checked.
#[must_use]
pub fn content_of(method: &str, parts: &[Vec<u8>]) -> Digest {
    let parts = parts.iter().map(Vec::as_slice);
    Digest::of_parts("crossmargin 2026 what a caller asks for", std::iter::once(method.as_bytes()).chain(parts))
}

impl CallerRequest {
    /// What `method` is asked for under `id` by a request in one message, from which the id was taken.
    #[must_use]
    pub fn of(id: String, method: &str, asked: &impl Message) -> Self {
        Self { id, content: content_of(method, &[asked.encode_to_vec()]) }
    }

    /// The id as the caller gave it: of a member's administration without what tells members apart.
    #[must_use]
    pub fn given_id(&self) -> &str {
        let of_member = self.id.strip_prefix(OF_MEMBER).and_then(|rest| rest.split_once('/'));
        of_member.map_or(&self.id, |(_, id)| id)
    }

    /// The error of a request under whose id another one came first.
    #[must_use]
    pub fn is_other(&self) -> OtherRequest {
        OtherRequest(self.given_id().to_owned())
    }

    /// Reads the request that a record names; `None` where no call led to it. `field` names the record's.
    ///
    /// # Errors
    /// The content is not a digest.
    pub(crate) fn read(field: &str, id: String, content: &[u8]) -> Result<Option<Self>, WireError> {
        if id.is_empty() && content.is_empty() {
            return Ok(None);
        }
        Ok(Some(Self { id, content: wire::digest(&format!("{field}.request_content"), content)? }))
    }
}

/// Checks the id that a caller chose for its request.
///
/// # Errors
/// Why it is none.
pub fn check_id(id: &str) -> Result<(), &'static str> {
    if id.is_empty() || id.len() > ID_BYTES_MAX {
        return Err("1 to 64 characters are needed, unique for each request: a UUID");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crossmargin::v1;

    use super::*;
    use crate::book::direction::RequestKey;

    #[test]
    fn what_is_asked_for_follows_from_method_and_parts_and_from_where_they_end() {
        let contents = [
            content_of("direct", &[]),
            content_of("direct", &[vec![]]),
            content_of("direct", &[b"ab".to_vec()]),
            content_of("direct", &[b"a".to_vec(), b"b".to_vec()]),
            content_of("settle", &[b"ab".to_vec()]),
        ];
        for (place, content) in contents.iter().enumerate() {
            assert!(!contents[..place].contains(content), "{place}");
        }
        assert_eq!(content_of("direct", &[b"ab".to_vec()]), contents[2]);
    }

    #[test]
    fn a_record_names_a_request_with_its_content_or_none() {
        assert_eq!(CallerRequest::read("book", String::new(), &[]).unwrap(), None);
        let request = CallerRequest { id: "a".into(), content: Digest([7; 32]) };
        assert_eq!(CallerRequest::read("book", "a".into(), &[7; 32]).unwrap(), Some(request));
        for (id, content) in [("a", &[][..]), ("a", &[7; 31]), ("", &[7; 31])] {
            let error = CallerRequest::read("book", id.into(), content).unwrap_err();
            assert_eq!(error.field, "book.request_content");
        }
    }

    #[test]
    fn a_members_request_is_told_by_the_id_that_the_member_gave() {
        let asked = v1::DirectPositionsRequest { request_id: "a/b".into(), ..Default::default() };
        for member in [None, Some("alder-point".parse().unwrap())] {
            let request = RequestKey::of(member, &asked).request();
            assert_eq!(request.given_id(), "a/b", "{}", request.id);
        }
    }

    #[test]
    fn an_id_has_between_one_byte_and_sixty_four() {
        for (length, is_one) in [(0, false), (1, true), (64, true), (65, false)] {
            assert_eq!(check_id(&"x".repeat(length)).is_ok(), is_one, "{length}");
        }
    }
}
