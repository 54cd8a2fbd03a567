//! Where the result of a command goes: tables for people, or protobuf JSON.
//!
//! Results go to stdout and nothing else does. Each document is written whole
//! and flushed, so that a reader never waits for one that is there.

use std::io::{self, Write};

use clap::ValueEnum;
use comfy_table::{Cell, CellAlignment, Color, ColumnConstraint, Table, Width, presets};
use prost::Message;

use super::{error::CliError, text};
use crate::{convert::json::to_json, model::Json, pb::v1::State};

/// Spaces between columns.
const GAP: u16 = 2;

/// How results are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Tables for people
    #[default]
    Table,
    /// Protobuf JSON, one document a line
    Json,
}

/// What is special about the place where the text goes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Style {
    /// Whether it is a terminal that shows colours.
    pub colours: bool,
}

/// The output of a command.
pub struct Output<'a> {
    format: Format,
    style: Style,
    writer: &'a mut dyn Write,
}

impl<'a> Output<'a> {
    /// Writes to `writer`.
    pub fn new(format: Format, style: Style, writer: &'a mut dyn Write) -> Self {
        Output {
            format,
            style,
            writer,
        }
    }

    /// Whether documents are wanted and not tables.
    pub fn is_json(&self) -> bool {
        self.format == Format::Json
    }

    /// Writes a message, as JSON or as the text that `render` gives.
    pub fn message<M: Message>(
        &mut self,
        full_name: &str,
        message: &M,
        render: impl FnOnce(&M, Style) -> String,
    ) -> Result<(), CliError> {
        self.messages(
            full_name,
            std::slice::from_ref(message),
            |messages, style| {
                messages
                    .first()
                    .map_or_else(String::new, |message| render(message, style))
            },
        )
    }

    /// Writes a list of messages, as JSON one a line or as the text that
    /// `render` gives for all of them.
    pub fn messages<M: Message>(
        &mut self,
        full_name: &str,
        messages: &[M],
        render: impl FnOnce(&[M], Style) -> String,
    ) -> Result<(), CliError> {
        let text = match self.format {
            Format::Table => render(messages, self.style),
            Format::Json => messages
                .iter()
                .map(|message| Ok(json_of(full_name, message)?.to_string() + "\n"))
                .collect::<Result<String, CliError>>()?,
        };
        self.text(&text)
    }

    /// Writes text as it is.
    pub fn text(&mut self, text: &str) -> Result<(), CliError> {
        self.writer.write_all(text.as_bytes())?;
        self.writer.flush()?;
        Ok(())
    }

    /// Where it goes, for what writes by itself.
    pub fn writer(&mut self) -> &mut dyn Write {
        self.writer
    }

    /// The style of texts.
    pub fn style(&self) -> Style {
        self.style
    }
}

/// The JSON of a message.
pub fn json_of(full_name: &str, message: &impl Message) -> Result<Json, CliError> {
    to_json(message, full_name).map_err(|error| CliError::Failed(error.to_string()))
}

/// A table: aligned columns without lines, each row with notes below it.
pub struct Rows {
    table: Table,
    notes: Vec<String>,
}

impl Rows {
    /// A table with these headings. The column of one that begins with `>` is
    /// aligned at the right: numbers and spans of time.
    pub fn new(headings: &[&str], style: Style) -> Self {
        let mut table = Table::new();
        table.load_style(presets::NOTHING).force_no_tty();
        if style.colours {
            table.enforce_styling();
        }
        table.set_header(headings.iter().map(|name| name.trim_start_matches('>')));
        for (column, heading) in table.column_iter_mut().zip(headings) {
            column.set_padding((0, GAP));
            if heading.starts_with('>') {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        Rows {
            table,
            notes: Vec::new(),
        }
    }

    /// Adds a row; the lines of `note` stand below it, indented.
    pub fn add(&mut self, cells: impl IntoIterator<Item = Cell>, note: &str) {
        self.table.add_row(cells);
        self.notes.push(indent(note, "    "));
    }

    /// With first columns of at least these widths.
    pub fn at_least(mut self, widths: &[u16]) -> Self {
        let least = |width: &u16| {
            // The space between columns counts.
            ColumnConstraint::LowerBoundary(Width::Fixed(width.saturating_add(GAP)))
        };
        self.table.set_constraints(widths.iter().map(least));
        self
    }

    /// The table as text; every line ends.
    pub fn render(self) -> String {
        let (heading, rows) = self.parts();
        heading + &rows
    }

    /// The rows alone.
    pub fn render_without_heading(self) -> String {
        self.parts().1
    }

    /// The line of the heading, and the lines of the rows with their notes.
    fn parts(self) -> (String, String) {
        // No cell has more than one line, nor are there lines between rows.
        let mut lines = self
            .table
            .lines()
            .map(|line| format!("{}\n", line.trim_end()));
        let heading = lines.next().unwrap_or_default();
        let rows = lines.zip(&self.notes).map(|(line, note)| line + note);
        (heading, rows.collect())
    }
}

/// A cell of text on one line.
pub fn cell(text: impl ToString) -> Cell {
    Cell::new(text::clean(&text.to_string()))
}

/// A cell with a state, in its colour.
pub fn state_cell(state: i32) -> Cell {
    let cell = Cell::new(text::state(state));
    match State::try_from(state) {
        Ok(State::Pass) => cell.fg(Color::Green),
        Ok(State::Fail | State::Error | State::Timeout | State::Stall) => cell.fg(Color::Red),
        Ok(State::Skip) => cell.fg(Color::Yellow),
        Ok(State::Init | State::Unspecified) | Err(_) => cell,
    }
}

/// Names and values, a line each; further lines of a value are aligned with its
/// first. Values that are empty are left out.
pub fn fields(fields: &[(&str, String)]) -> String {
    let width = fields.iter().map(|(name, _)| name.len()).max();
    let indentation = " ".repeat(width.unwrap_or_default() + 2);
    fields
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| {
            let value = indent(&text::clean_lines(value), &indentation);
            format!("{name}{}", value.get(name.len()..).unwrap_or_default())
        })
        .collect()
}

/// The lines of a text, each after `indentation`; control characters escaped.
pub fn indent(text: &str, indentation: &str) -> String {
    text.lines()
        .map(|line| format!("{indentation}{}\n", text::clean(line)))
        .collect()
}

/// A message to a person on stderr, control characters escaped. If that is
/// closed, nobody wants it.
pub fn tell(err: &mut dyn io::Write, text: &str) {
    let _ = writeln!(err, "{}", text::clean_lines(text));
    let _ = err.flush();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_aligned_and_have_notes() {
        let style = Style::default();
        let mut rows = Rows::new(&["STATE", ">RUNTIME", "ID"], style);
        rows.add(
            [state_cell(State::Pass.into()), cell("1.000s"), cell("a")],
            "",
        );
        rows.add(
            [
                state_cell(State::Timeout.into()),
                cell("123.456s"),
                cell("b\nc"),
            ],
            "no signal\nin time\u{1b}",
        );
        assert_eq!(
            rows.render(),
            "STATE     RUNTIME  ID\n\
             PASS       1.000s  a\n\
             TIMEOUT  123.456s  b\\nc\n    no signal\n    in time\\u{1b}\n"
        );
    }

    #[test]
    fn a_table_without_rows_is_its_heading() {
        assert_eq!(Rows::new(&["A", "B"], Style::default()).render(), "A  B\n");
    }

    #[test]
    fn colours_are_for_terminals() {
        let mut rows = Rows::new(&["STATE"], Style { colours: true });
        rows.add([state_cell(State::Fail.into())], "");
        assert!(rows.render().contains("\u{1b}["));
    }

    #[test]
    fn messages_are_harmless_to_the_terminal() {
        let mut err = Vec::new();
        tell(&mut err, "error: \u{1b}[31mred\n  field");
        assert_eq!(err, b"error: \\u{1b}[31mred\n  field\n");
    }

    #[test]
    fn fields_are_aligned() {
        assert_eq!(
            fields(&[
                ("State", "FAIL".into()),
                ("Nothing", String::new()),
                ("Id", "a\nb\r".into()),
            ]),
            "State    FAIL\nId       a\n         b\\r\n"
        );
    }
}
