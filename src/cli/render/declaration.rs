//! The declaration of a case: for people, and as a case file.

use std::fmt::Write as _;

use crate::{
    cli::{
        error::CliError,
        output::{Rows, Style, cell, fields, json_of},
        text::{self, NOTHING, count},
    },
    model::{
        DEFAULT_MAX_CONSECUTIVE_FAILURES, DEFAULT_MAX_HISTORY, DEFAULT_PROBABILITY,
        DEFAULT_SIGNAL_TIMEOUT, DEFAULT_STATE_TRANSITION_DELAY, DEFAULT_TEST_EXPIRES,
        DEFAULT_WARN_STALLED_AFTER,
    },
    pb::v1::{self, probe::Request},
    settings::units::format_duration,
};

/// A declaration for people, its defaults filled in.
pub fn declaration(case: &v1::Case, style: Style) -> String {
    let failures = case
        .max_consecutive_failures
        .unwrap_or(DEFAULT_MAX_CONSECUTIVE_FAILURES);
    let history = case.max_history.unwrap_or(DEFAULT_MAX_HISTORY);
    let share = case.probability.unwrap_or(DEFAULT_PROBABILITY);
    let mut text = fields(&[
        ("Description", case.description.clone()),
        ("Labels", text::labels(&case.labels)),
        ("Revision", case.revision.to_string()),
        (
            "Active",
            text::yes_or_no(case.active.unwrap_or(true)).to_owned(),
        ),
        ("Probability", text::share(share)),
        ("Budget", budget(case)),
        (
            "Expires after",
            span(
                case.test_expires.as_ref(),
                format_duration(DEFAULT_TEST_EXPIRES),
            ),
        ),
        (
            "Fails after",
            format!("{} in a row", count_u32(failures, "failure")),
        ),
        (
            "Stalls after",
            match case.warn_stalled_after.as_ref().and_then(text::read_span) {
                Some(after) if after.is_zero() => "never".to_owned(),
                after => format_duration(after.unwrap_or(DEFAULT_WARN_STALLED_AFTER)),
            },
        ),
        (
            "Recovers after",
            span(
                case.state_transition_delay.as_ref(),
                format_duration(DEFAULT_STATE_TRANSITION_DELAY),
            ),
        ),
        ("History", count_u32(history, "value")),
        ("Webhooks", case.webhooks.join(", ")),
        ("Probe", case.probe.as_ref().map_or_else(String::new, probe)),
    ]);
    if !case.signals.is_empty() {
        text.push('\n');
        text.push_str(&signals(&case.signals, style));
    }
    if !case.contracts.is_empty() {
        text.push_str("\nContracts\n");
        text.push_str(&contracts(&case.contracts));
    }
    text
}

/// A declaration as a case file, on one line or on many. It is JSON, which is YAML
/// too once the characters are escaped that YAML does not know; so are those that
/// would act on a terminal.
pub fn case_file(case: v1::Case, one_line: bool) -> Result<String, CliError> {
    // It is the server's, and not part of what is declared.
    let case = v1::Case {
        revision: 0,
        ..case
    };
    let json = json_of("livecheck.v1.Case", &case)?;
    let json = match one_line {
        true => json.to_string(),
        false => format!("{json:#}"),
    };
    let mut file = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            '\n' => file.push(c),
            // Beside the lines only within texts.
            c if c.is_control() || matches!(c, '\u{feff}' | '\u{fffe}' | '\u{ffff}') => {
                // Writing to a string cannot fail.
                let _ = write!(file, "\\u{:04x}", u32::from(c));
            }
            c => file.push(c),
        }
    }
    file.push('\n');
    Ok(file)
}

fn count_u32(number: u32, noun: &str) -> String {
    count(usize::try_from(number).unwrap_or(usize::MAX), noun)
}

fn budget(case: &v1::Case) -> String {
    let rate = case.max_executions_per_second;
    let rate = rate.map(|rate| format!("at most {rate} executions a second"));
    let live = case.max_live_executions;
    let live = live.map(|live| format!("at most {live} live"));
    rate.into_iter().chain(live).collect::<Vec<_>>().join(", ")
}

fn probe(probe: &v1::Probe) -> String {
    let request = match &probe.request {
        Some(Request::Http(http)) => {
            let method = match http.method.as_str() {
                "" => "GET",
                method => method,
            };
            format!("{method} {}", http.url)
        }
        Some(Request::Grpc(grpc)) => format!("{} at {}", grpc.method, grpc.target),
        None => NOTHING.to_owned(),
    };
    format!("every {}: {request}", text::span(probe.frequency.as_ref()))
}

fn signals(signals: &[v1::Signal], style: Style) -> String {
    let headings = [
        "SIGNAL",
        ">TIMEOUT",
        ">WITHIN",
        ">NEEDED",
        "CLOCK STARTS",
        "KEY",
    ];
    let mut rows = Rows::new(&headings, style);
    for signal in signals {
        let min = signal.min.unwrap_or(1);
        let needed = match signal.max {
            None => min.to_string(),
            Some(max) => format!("{min}..{max}"),
        };
        let starts = match (signal.at_start, signal.after.as_slice()) {
            (true, _) => "at the start".to_owned(),
            (false, []) => "in sequence".to_owned(),
            (false, after) => format!("after {}", after.join(", ")),
        };
        let cells = [
            cell(&signal.name),
            cell(span(
                signal.timeout.as_ref(),
                format_duration(DEFAULT_SIGNAL_TIMEOUT),
            )),
            cell(span(signal.within.as_ref(), NOTHING.to_owned())),
            cell(needed),
            cell(starts),
            cell(signal.key.as_deref().unwrap_or(NOTHING)),
        ];
        rows.add(cells, &contracts(&signal.expect));
    }
    rows.render()
}

/// Contracts, a line each.
fn contracts(contracts: &[v1::Contract]) -> String {
    let line = |contract: &v1::Contract| {
        let mut line = text::clean(contract.expression.trim());
        if !contract.id.is_empty() {
            line = format!("{}: {line}", text::clean(&contract.id));
        }
        if !contract.message.is_empty() {
            line = format!("{line}  ({})", text::clean(&contract.message));
        }
        format!("  {line}\n")
    };
    contracts.iter().map(line).collect()
}

/// A span of time, or what is there without one.
fn span(span: Option<&prost_types::Duration>, default: String) -> String {
    span.and_then(text::read_span)
        .map_or(default, format_duration)
}
