//! Tokens of pages and watches: opaque to clients, checked when they come back.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use prost::Message;
use uuid::Uuid;

use crate::{model::Position, pb::storage as pb};

use super::NodeError;

/// Longest token that is read, in characters.
const MAX_CHARS: usize = 4096;

/// Checksum of a request's fields, which must be the same from page to page.
pub(super) fn request_checksum(fields: &impl std::fmt::Debug) -> u32 {
    crc32fast::hash(format!("{fields:?}").as_bytes())
}

/// The token of the page after an item.
pub(super) fn page_token(token: &pb::PageToken) -> String {
    seal(token)
}

/// Reads the token of a page; an empty one is the first page.
pub(super) fn read_page_token(
    text: &str,
    request: u32,
) -> Result<Option<pb::PageToken>, NodeError> {
    if text.is_empty() {
        return Ok(None);
    }
    let token = open::<pb::PageToken>(text).filter(|token| token.request == request);
    token.map(Some).ok_or(NodeError::InvalidPageToken)
}

/// The token with which a watch resumes.
pub(super) fn resume_token(journal: Uuid, positions: &[Position]) -> String {
    seal(&pb::ResumeToken {
        journal_id: journal.as_bytes().to_vec(),
        positions: positions.to_vec(),
    })
}

/// Reads the token of a watch: the position up to which each partition was told.
pub(super) fn read_resume_token(
    text: &str,
    journal: Uuid,
    partitions: usize,
) -> Result<Vec<Position>, NodeError> {
    let token = open::<pb::ResumeToken>(text).ok_or(NodeError::InvalidResumeToken)?;
    if token.journal_id != journal.as_bytes() {
        let text = "resume_token is of another journal".to_owned();
        return Err(NodeError::ResumeOutOfRange(text));
    }
    if token.positions.len() != partitions {
        return Err(NodeError::InvalidResumeToken);
    }
    Ok(token.positions)
}

fn seal(token: &impl Message) -> String {
    let mut bytes = token.encode_to_vec();
    bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

fn open<M: Message + Default>(text: &str) -> Option<M> {
    if text.len() > MAX_CHARS {
        return None;
    }
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let (body, checksum) = bytes.split_last_chunk::<4>()?;
    if crc32fast::hash(body) != u32::from_le_bytes(*checksum) {
        return None;
    }
    M::decode(body).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_token_fits_its_request_only() {
        let token = pb::PageToken {
            request: request_checksum(&("a", 1)),
            time_micros: -5,
            partition: 3,
            position: 77,
            name: "orders".to_owned(),
        };
        let text = page_token(&token);
        let read = |text: &str, request| read_page_token(text, request).ok().flatten();
        assert_eq!(read(&text, token.request), Some(token.clone()));
        assert_eq!(read(&text, request_checksum(&("a", 2))), None);
        assert!(matches!(read_page_token("", 0), Ok(None)));
        for wrong in ["x", "AAAA", "not base64!", &text[1..], &"A".repeat(9000)] {
            assert!(matches!(
                read_page_token(wrong, token.request),
                Err(NodeError::InvalidPageToken)
            ));
        }
    }

    #[test]
    fn a_resume_token_fits_its_journal_only() {
        let (one, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let text = resume_token(one, &[4, 0]);
        assert_eq!(read_resume_token(&text, one, 2).ok(), Some(vec![4, 0]));
        assert!(matches!(
            read_resume_token(&text, other, 2),
            Err(NodeError::ResumeOutOfRange(_))
        ));
        assert!(matches!(
            read_resume_token(&text, one, 1),
            Err(NodeError::InvalidResumeToken)
        ));
        assert!(matches!(
            read_resume_token("", one, 1),
            Err(NodeError::InvalidResumeToken)
        ));
    }
}
