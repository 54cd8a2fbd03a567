//! What is wrong with a request, told in as many bytes as clients take.
//!
//! A status travels in headers, its text twice: in `grpc-message`
//! percent-encoded and in `grpc-status-details-bin` in base64. Clients in Java
//! and Python take 8 KiB of headers in all. So every field is named for as long
//! as there is room, with its description where there is room for that too.

use std::fmt::Write;

use tonic_types::FieldViolation;

use crate::convert::{Violation, Violations};

/// Longest text of a status, in bytes of its encoded form.
pub(super) const MAX_TEXT: usize = 2048;
/// Most bytes of the violations in the details.
const MAX_VIOLATIONS: usize = 2048;
/// What the encoding of a violation adds to its texts, at most.
const FRAME: usize = 10;

/// Violations as far as there is room for them.
struct Fitted<'a> {
    /// These with their descriptions,
    full: Vec<&'a Violation>,
    /// these by their names,
    named: Vec<&'a str>,
    /// and so many more.
    more: usize,
}

/// Three quarters of the room are kept for names; descriptions get the rest.
fn fit(violations: &Violations, room: usize, cost: impl Fn(&str) -> usize) -> Fitted<'_> {
    let mut left = room;
    let mut names: usize = violations.iter().map(|one| cost(&one.field)).sum();
    let mut rest = violations.iter().peekable();
    let mut fitted = Fitted {
        full: Vec::new(),
        named: Vec::new(),
        more: 0,
    };
    while let Some(one) = rest.next_if(|one| {
        let others = names.saturating_sub(cost(&one.field)).min(room / 4 * 3);
        cost(&one.field) + cost(&one.description) + others <= left
    }) {
        left -= cost(&one.field) + cost(&one.description);
        names -= cost(&one.field);
        fitted.full.push(one);
    }
    while let Some(one) = rest.next_if(|one| cost(&one.field) <= left) {
        left -= cost(&one.field);
        fitted.named.push(&one.field);
    }
    fitted.more = rest.count();
    fitted
}

/// The text of a status.
pub(super) fn text(violations: &Violations) -> String {
    let room = MAX_TEXT - "; also wrong: ; and 100000 more".len() - 32;
    let fitted = fit(violations, room, |text| encoded_len(text) + 4);
    let mut text = String::new();
    for one in fitted.full {
        let comma = if text.is_empty() { "" } else { "; " };
        // Writing to a string cannot fail.
        let _ = write!(text, "{comma}{one}");
    }
    if !fitted.named.is_empty() {
        let also = if text.is_empty() { "" } else { "; also " };
        let _ = write!(text, "{also}wrong: {}", fitted.named.join(", "));
    }
    if fitted.more > 0 {
        let _ = write!(text, "; and {} more", fitted.more);
    }
    text
}

/// The violations of `google.rpc.BadRequest`.
pub(super) fn details(violations: &Violations) -> Vec<FieldViolation> {
    let fitted = fit(violations, MAX_VIOLATIONS, |text| text.len() + FRAME / 2);
    let full = fitted.full.into_iter();
    let mut details: Vec<_> = full
        .map(|one| FieldViolation::new(&one.field, &one.description))
        .collect();
    let named = fitted.named.into_iter();
    details.extend(named.map(|name| FieldViolation::new(name, "")));
    if fitted.more > 0 {
        let text = format!("{} more fields are wrong", fitted.more);
        details.push(FieldViolation::new("", text));
    }
    details
}

/// Cuts the text of a status to the room that there is for it.
pub(super) fn cut(mut text: String) -> String {
    let mut room = MAX_TEXT;
    let end = text.char_indices().find_map(|(at, c)| {
        let cost = encoded_len(c.encode_utf8(&mut [0; 4]));
        let fits = room.checked_sub(cost);
        room = fits.unwrap_or_default();
        fits.is_none().then_some(at)
    });
    if let Some(end) = end {
        text.truncate(end);
        text.push('…');
    }
    text
}

/// Length of a text when it is percent-encoded, or a little more.
fn encoded_len(text: &str) -> usize {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"_.,:;-+*/=()[]'\\".contains(&b);
    text.bytes().map(|b| if plain(b) { 1 } else { 3 }).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(count: usize, description: &str) -> Violations {
        let mut bad = Violations::new();
        for n in 0..count {
            bad.at("signals", n).add_to("timeout", description);
        }
        bad
    }

    #[test]
    fn what_fits_is_told_in_full() {
        let bad = wrong(3, "must be more than zero");
        assert_eq!(text(&bad), bad.to_string());
        let told = details(&bad);
        assert_eq!(told.len(), 3);
        assert_eq!(told[2].field, "signals[2].timeout");
        assert_eq!(told[2].description, "must be more than zero");
    }

    #[test]
    fn names_go_before_descriptions() {
        let bad = wrong(50, &"long ".repeat(20));
        let (told, text) = (details(&bad), text(&bad));
        assert_eq!(told.len(), 50);
        for (n, told) in told.iter().enumerate() {
            let field = format!("signals[{n}].timeout");
            assert_eq!(told.field, field);
            assert!(text.contains(&field), "{text}");
        }
        assert!(text.contains("long"), "{text}");
        assert_eq!(told[49].description, "");
    }

    #[test]
    fn room_is_never_exceeded() {
        for count in [0, 1, 30, 100, 1000, 100_000] {
            for description in [String::new(), "é?".repeat(40), "x".repeat(3000)] {
                let bad = wrong(count, &description);
                let (told, text) = (details(&bad), text(&bad));
                assert!(encoded_len(&text) <= MAX_TEXT, "{count}: {text}");
                let bytes = told
                    .iter()
                    .map(|one| one.field.len() + one.description.len());
                let bytes: usize = bytes.sum();
                assert!(bytes <= MAX_VIOLATIONS + 64, "{count}: {bytes}");
                let named = told.iter().filter(|one| !one.field.is_empty()).count();
                let more = count - named;
                let last = told.last().map_or("", |one| &one.description);
                assert_eq!(
                    more > 0,
                    last.starts_with(&format!("{more} more")),
                    "{last}"
                );
            }
        }
    }

    #[test]
    fn a_text_is_cut_between_characters() {
        assert_eq!(cut("short".to_owned()), "short");
        let text = cut("é".repeat(2000));
        assert!(text.ends_with("é…"));
        assert!(encoded_len(&text) <= MAX_TEXT + 9, "{}", text.len());
    }
}
