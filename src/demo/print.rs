//! How a run is shown: lines and tables for people, or one JSON document a
//! line.
//!
//! Each line is written whole and flushed as soon as there is something to
//! tell. What comes from a server reaches the terminal without control
//! characters.

use std::{
    fmt::Write as _,
    io::{self, Write},
    net::SocketAddr,
};

use comfy_table::{Cell, CellAlignment, Table, presets};
use serde_json::json;

use super::{
    case::CASE_NAME,
    options::Options,
    plan::Hurt,
    run::Server,
    summary::{Group, Summary},
};
use crate::{
    convert::{json::to_json, models::report_to_pb},
    model::{Json, State, TestReport, is_sampled},
};

/// How a run is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Lines and tables for people.
    Table {
        /// Whether states are coloured.
        colours: bool,
    },
    /// JSON documents, one a line, each with one member that says what it is:
    /// `started`, `report` (beside `hurt`) or `summary`.
    Json,
}

/// Shows a run.
pub struct Printer<W> {
    format: Format,
    out: W,
}

/// What runs where.
pub(super) struct Started<'a> {
    pub server: Server<'a>,
    pub services: &'a [(&'static str, SocketAddr)],
    pub options: &'a Options,
    pub probability: f64,
}

impl<W: Write> Printer<W> {
    /// Writes to `out`.
    pub fn new(format: Format, out: W) -> Self {
        Printer { format, out }
    }

    /// Shows what runs where.
    pub(super) fn started(&mut self, started: &Started) -> io::Result<()> {
        let text = match self.format {
            Format::Table { .. } => started_text(started),
            Format::Json => line(json!({"started": started_json(started)})),
        };
        self.write(&text)
    }

    /// Shows a report, and what was done to its order.
    pub(super) fn report(&mut self, report: &TestReport, hurt: Option<Hurt>) -> io::Result<()> {
        let text = match self.format {
            Format::Table { colours } => report_text(report, hurt, colours),
            Format::Json => {
                let report = to_json(&report_to_pb(report), "livecheck.v1.TestReport")
                    .map_err(io::Error::other)?;
                line(json!({"report": report, "hurt": hurt.map(Hurt::name)}))
            }
        };
        self.write(&text)
    }

    /// Shows what it adds up to.
    pub(super) fn summary(&mut self, summary: &Summary) -> io::Result<()> {
        let text = match self.format {
            Format::Table { .. } => summary_text(summary),
            Format::Json => line(json!({"summary": summary_json(summary)})),
        };
        self.write(&text)
    }

    /// Shows a person what can be done now that everything stays up.
    pub(super) fn hints(
        &mut self,
        server: Server<'_>,
        services: &[(&'static str, SocketAddr)],
        summary: &Summary,
        probability: f64,
    ) -> io::Result<()> {
        match self.format {
            Format::Table { .. } => self.write(&hints_text(server, services, summary, probability)),
            Format::Json => Ok(()),
        }
    }

    fn write(&mut self, text: &str) -> io::Result<()> {
        self.out.write_all(text.as_bytes())?;
        self.out.flush()
    }
}

fn line(json: Json) -> String {
    format!("{json}\n")
}

fn started_text(started: &Started) -> String {
    let Started {
        server,
        services,
        options,
        probability,
    } = started;
    let mut table = columns();
    let store = server
        .data_dir
        .map(|dir| format!("data in {}", dir.display()));
    table.add_row([
        "LiveCheck".to_owned(),
        server.addr.to_string(),
        store.unwrap_or_default(),
    ]);
    for (name, addr) in *services {
        table.add_row([short_name(name), &addr.to_string()]);
    }
    format!(
        "{}\n{} orders at {}; each is tested with probability {probability}, \
         and some of the tested ones are hurt on purpose.\n\n{}",
        lines(table),
        options.orders,
        options.rate,
        report_line("STATE", "EXECUTION", "RUNTIME", "HURT ON PURPOSE"),
    )
}

fn started_json(started: &Started) -> Json {
    let Started {
        server,
        services,
        options,
        probability,
    } = started;
    let services: Json = services
        .iter()
        .map(|(name, addr)| ((*name).to_owned(), Json::from(addr.to_string())))
        .collect();
    json!({
        "server": server.addr.to_string(),
        "data_dir": server.data_dir.map(|dir| dir.display().to_string()),
        "services": services,
        "case_name": CASE_NAME,
        "probability": probability,
        "orders": options.orders,
        "rate": options.rate.to_string(),
        "seed": options.seed,
    })
}

/// One line about a report, with the explanation below it.
fn report_text(report: &TestReport, hurt: Option<Hurt>, colours: bool) -> String {
    let execution = match &report.test {
        Some(test) => clean(&test.shortident()),
        None => clean(&report.case_name),
    };
    let runtime = match report.runtime {
        Some(runtime) => format!("{:.3}s", runtime.as_secs_f64()),
        None => "-".to_owned(),
    };
    let state = report.state.name();
    let hurt = hurt.map_or("", Hurt::name);
    let mut text = report_line(state, &execution, &runtime, hurt);
    if let Some(colour) = colour(report.state).filter(|_| colours) {
        text = text.replacen(state, &format!("\u{1b}[{colour}m{state}\u{1b}[0m"), 1);
    }
    for line in report.error.iter().flat_map(|error| error.lines()) {
        text.push_str("         ");
        text.push_str(&clean(line));
        text.push('\n');
    }
    text
}

fn report_line(state: &str, execution: &str, runtime: &str, hurt: &str) -> String {
    let line = format!("{state:<9}{execution:<32}{runtime:>8}  {hurt}");
    format!("{}\n", line.trim_end())
}

/// Code of the colour of a state, if it has one.
fn colour(state: State) -> Option<u8> {
    match state {
        State::Pass => Some(32),
        State::Fail | State::Error | State::Timeout | State::Stall => Some(31),
        State::Skip => Some(33),
        State::Init => None,
    }
}

fn summary_text(summary: &Summary) -> String {
    let Summary {
        orders,
        sampled,
        reports,
        signals,
        failed_calls,
        first_failure,
        groups,
        took,
        interrupted,
    } = summary;
    let mut totals = columns();
    let stopped = if *interrupted { ", then stopped" } else { "" };
    let orders = format!("{orders} in {:.1} s{stopped}", took.as_secs_f64());
    totals.add_row(["Orders", &orders]);
    totals.add_row(["Tested", &sampled.to_string()]);
    let by_state = reports.iter().map(|(state, count)| (state.name(), count));
    totals.add_row(["Reports", &counts(by_state)]);
    totals.add_row([
        "Signals",
        &counts(signals.iter().map(|(name, count)| (*name, count))),
    ]);
    if let Some(first) = first_failure {
        let failed = format!("{failed_calls}, the first: {}", clean(first));
        totals.add_row(["Failed calls to LiveCheck", &failed]);
    }
    let mut text = format!("\n{}", lines(totals));

    if !groups.is_empty() {
        let mut table = columns();
        table.set_header([
            "HURT ON PURPOSE",
            "TESTS",
            "REPORT",
            "FOR EXAMPLE",
            "ITS SIGNALS",
        ]);
        for group in groups {
            table.add_row(group_row(group));
        }
        // Writing to a string cannot fail.
        let _ = write!(text, "\n{}", lines(table));
    }
    let unseen: Vec<_> = Hurt::ALL
        .into_iter()
        .filter(|hurt| groups.iter().all(|group| group.hurt != Some(*hurt)))
        .map(Hurt::name)
        .collect();
    if !unseen.is_empty() {
        let _ = writeln!(text, "\nNot seen in so few orders: {}.", unseen.join(", "));
    }
    text
}

fn group_row(group: &Group) -> [Cell; 5] {
    [
        Cell::new(group.hurt.map_or("(nothing)", Hurt::name)),
        Cell::new(group.orders).set_alignment(CellAlignment::Right),
        Cell::new(group.state.map_or("none", State::name)),
        Cell::new(&group.example),
        Cell::new(counts(
            group.signals.iter().map(|(name, count)| (*name, count)),
        )),
    ]
}

fn summary_json(summary: &Summary) -> Json {
    let groups: Vec<_> = summary
        .groups
        .iter()
        .map(|group| {
            json!({
                "hurt": group.hurt.map(Hurt::name),
                "state": group.state.map(State::name),
                "tests": group.orders,
                "example": {
                    "id": group.example,
                    "error": group.error,
                    "signals": group.signals,
                },
            })
        })
        .collect();
    let reports: Json = summary
        .reports
        .iter()
        .map(|(state, count)| (state.name().to_owned(), Json::from(*count)))
        .collect();
    json!({
        "orders": summary.orders,
        "tested": summary.sampled,
        "reports": reports,
        "signals": summary.signals,
        "failed_calls": summary.failed_calls,
        "first_failure": summary.first_failure,
        "groups": groups,
        "took_seconds": summary.took.as_secs_f64(),
        "interrupted": summary.interrupted,
    })
}

fn hints_text(
    server: Server<'_>,
    services: &[(&'static str, SocketAddr)],
    summary: &Summary,
    probability: f64,
) -> String {
    let addr = server.addr;
    let mut text = format!(
        "\nEverything stays up; Ctrl-C ends it. In another terminal:\n\
         \n  export LIVECHECK_SERVER={addr}\
         \n  livecheck reports --not-ok\n"
    );
    let wrong = summary
        .groups
        .iter()
        .filter(|group| group.state.is_some_and(|state| !state.is_ok()));
    for group in wrong {
        let _ = writeln!(text, "  livecheck report {CASE_NAME} {}", group.example);
    }
    let _ = write!(
        text,
        "  livecheck reports --watch\
         \n  grpcurl -plaintext {addr} list\
         \n  grpcurl -plaintext {addr} describe livecheck.v1.ReportService\n"
    );
    if let (Some((init, addr)), Some(id)) = (services.first(), sampled_id(probability)) {
        let _ = write!(
            text,
            "\nAn order of your own, which is tested as well:\n\
             \n  grpcurl -plaintext -d '{{\"order\": {{\"id\": \"{id}\", \"side\": \"SIDE_BUY\", \
             \"quantity\": 5, \"price\": 9.5}}}}' {addr} {init}/InitOrder\n\n"
        );
    }
    text
}

/// An id for an order that will be sampled.
fn sampled_id(probability: f64) -> Option<String> {
    (1..=1000)
        .map(|number| format!("mine-{number}"))
        .find(|id| is_sampled(id, probability))
}

/// `3 PASS, 1 FAIL`.
fn counts<'a>(counts: impl Iterator<Item = (&'a str, &'a u64)>) -> String {
    let counts: Vec<_> = counts
        .map(|(name, count)| format!("{count} {name}"))
        .collect();
    match counts.is_empty() {
        true => "none".to_owned(),
        false => counts.join(", "),
    }
}

/// The name of a service without its package.
fn short_name(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(_, short)| short)
}

/// Aligned columns without lines between them.
fn columns() -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).force_no_tty();
    table
}

/// The lines of a table, each ended.
fn lines(mut table: Table) -> String {
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table
        .lines()
        .map(|line| format!("{}\n", line.trim_end()))
        .collect()
}

/// A text on one line, its control characters escaped.
fn clean(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() {
            clean.extend(c.escape_default());
        } else {
            clean.push(c);
        }
    }
    clean
}
