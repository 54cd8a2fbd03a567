//! Messages for incoming webhooks of Slack: a text for notifications, and for
//! receivers that know no more; blocks for Slack itself.

use chrono::SecondsFormat;
use serde_json::json;

use super::message::{About, What, running};
use crate::model::{Json, Time};

/// Longest text of a header block, in characters.
const HEADER_CHARS: usize = 150;
/// Longest reason, in characters before they are escaped; a section takes 3,000
/// after that, and `&` becomes five.
const REASON_CHARS: usize = 600;

/// The message.
pub fn message(about: &About<'_>) -> Json {
    let state = about.what.state();
    let light = match state.is_ok() {
        true => ":large_green_circle:",
        false => ":red_circle:",
    };
    let headline = format!("{}: {state}", about.case_name);
    let reason = escaped(&cut(&about.what.text(), REASON_CHARS));
    let context = match about.what {
        What::Transition(transition) => match running(transition) {
            Some(incident) => format!(
                "Incident {}, since {}",
                incident.number,
                date(incident.started_at)
            ),
            None => format!("Since {}", date(transition.at)),
        },
        What::Report(report) => date(report.concluded_at),
    };
    json!({
        "text": format!("{}: {reason}", escaped(&headline)),
        "blocks": [
            {
                "type": "header",
                "text": {
                    "type": "plain_text",
                    "text": cut(&format!("{light} {headline}"), HEADER_CHARS),
                    "emoji": true,
                },
            },
            {
                "type": "section",
                "text": {"type": "mrkdwn", "text": reason},
            },
            {
                "type": "context",
                "elements": [{"type": "mrkdwn", "text": context}],
            },
        ],
    })
}

/// A time that Slack shows in the zone of the reader.
fn date(time: Time) -> String {
    format!(
        "<!date^{}^{{date_short_pretty}} {{time_secs}}|{}>",
        time.timestamp(),
        time.to_rfc3339_opts(SecondsFormat::Secs, true)
    )
}

/// A text in which nothing is markup of links and mentions.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

fn cut(text: &str, chars: usize) -> String {
    match text.char_indices().nth(chars) {
        Some(_) => text.chars().take(chars - 1).chain(['…']).collect(),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_to_a_number_of_characters() {
        assert_eq!(cut("ünö", 3), "ünö");
        assert_eq!(cut("ünöx", 3), "ün…");
    }
}
