//! Filters and cursors of the lists, and the queries that they become.
//!
//! Invariant: every query walks one index in the order of its answer; none
//! sorts, and none reads the rows of other cases or of OK states where those
//! are not asked for.

use rusqlite::types::Value;

use super::{ArchiveError, row, schema::NOT_OK};
use crate::model::{Position, State, TestReport, Time};

/// Which executions to list. Empty: all.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExecutionFilter {
    /// Only of this case.
    pub case_name: Option<String>,
    /// Only in these states; empty: in any.
    pub states: Vec<State>,
    /// Only started at this time or later.
    pub since: Option<Time>,
    /// Only started before this time.
    pub until: Option<Time>,
}

impl ExecutionFilter {
    /// Whether it lets an execution through, as the query does.
    pub fn lets_through(&self, case_name: &str, state: State, start: Time) -> bool {
        let ExecutionFilter {
            case_name: wanted,
            states,
            since,
            until,
        } = self;
        wanted.as_deref().is_none_or(|name| name == case_name)
            && (states.is_empty() || states.contains(&state))
            && since.is_none_or(|since| start >= since)
            && until.is_none_or(|until| start < until)
    }

    /// What of it is for finished executions, which are never INIT; `None` when
    /// it lets none of them through.
    pub fn of_finished(&self) -> Option<ExecutionFilter> {
        Some(ExecutionFilter {
            states: finished_states(&self.states)?,
            ..self.clone()
        })
    }
}

/// Place of an execution in the list, which has the newest first. To begin
/// within the list, name a place: it need not be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ExecutionCursor {
    /// When it started.
    pub timestamp: Time,
    /// Partition of its case.
    pub partition: u32,
    /// Position of its submission.
    pub execution: Position,
}

/// Which reports to list. Empty: all.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReportFilter {
    /// Only of this case.
    pub case_name: Option<String>,
    /// Only in these states; empty: in any.
    pub states: Vec<State>,
    /// Only in OK states, or only in others.
    pub ok: Option<bool>,
    /// Only concluded at this time or later.
    pub since: Option<Time>,
    /// Only concluded before this time.
    pub until: Option<Time>,
}

impl ReportFilter {
    /// Whether it lets a report through, as the query does.
    pub fn lets_through(&self, report: &TestReport) -> bool {
        let ReportFilter {
            case_name,
            states,
            ok,
            since,
            until,
        } = self;
        let wanted = case_name.as_ref();
        wanted.is_none_or(|name| *name == report.case_name)
            && (states.is_empty() || states.contains(&report.state))
            && ok.is_none_or(|ok| report.state.is_ok() == ok)
            && since.is_none_or(|since| report.concluded_at >= since)
            && until.is_none_or(|until| report.concluded_at < until)
    }

    /// What of it is for reports, which are never INIT; `None` when it lets none
    /// of them through.
    pub fn of_finished(&self) -> Option<ReportFilter> {
        Some(ReportFilter {
            states: finished_states(&self.states)?,
            ..self.clone()
        })
    }
}

/// The states of a filter without INIT; `None` when there were no others. Asked
/// for INIT, the archive would read every row to find none.
fn finished_states(states: &[State]) -> Option<Vec<State>> {
    let finished = states.iter().copied().filter(|state| *state != State::Init);
    let finished: Vec<_> = finished.collect();
    (states.is_empty() || !finished.is_empty()).then_some(finished)
}

/// Place of a report in the list, which has the newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReportCursor {
    /// When the verdict fell.
    pub concluded_at: Time,
    /// Partition of the case.
    pub partition: u32,
    /// Position of the verdict.
    pub concluded: Position,
}

/// A query in the making.
pub struct Query {
    index: String,
    conditions: Vec<String>,
    params: Vec<Value>,
    order: &'static str,
}

impl Query {
    /// The executions of a list, the newest first.
    pub fn executions(
        filter: &ExecutionFilter,
        after: Option<ExecutionCursor>,
    ) -> Result<Query, ArchiveError> {
        let ExecutionFilter {
            case_name,
            states,
            since,
            until,
        } = filter;
        let mut query = Query::by("start", case_name.as_deref(), states, None);
        query.order = "started_at DESC, execution DESC";
        // Reports on cases themselves have none.
        query.conditions.push("id <> ''".to_owned());
        query.time("started_at >= ?", *since);
        query.time("started_at < ?", *until);
        if let Some(after) = after {
            query.after(
                "(started_at, execution) < (?, ?)",
                after.timestamp,
                row::key(after.partition, after.execution)?,
            );
        }
        Ok(query)
    }

    /// The reports of a list, the newest first.
    pub fn reports(
        filter: &ReportFilter,
        after: Option<ReportCursor>,
    ) -> Result<Query, ArchiveError> {
        let ReportFilter {
            case_name,
            states,
            ok,
            since,
            until,
        } = filter;
        let mut query = Query::by("end", case_name.as_deref(), states, *ok);
        query.order = "concluded_at DESC, key DESC";
        query.time("concluded_at >= ?", *since);
        query.time("concluded_at < ?", *until);
        if let Some(after) = after {
            query.after(
                "(concluded_at, key) < (?, ?)",
                after.concluded_at,
                row::key(after.partition, after.concluded)?,
            );
        }
        Ok(query)
    }

    /// The reports in the order of the journal, of keys beyond `after` up to
    /// `up_to`.
    pub fn journal(filter: &ReportFilter, after: i64, up_to: i64) -> Query {
        let ReportFilter {
            case_name,
            states,
            ok,
            since,
            until,
        } = filter;
        let mut query = Query::by("end", case_name.as_deref(), states, *ok);
        query.index = "NOT INDEXED".to_owned();
        query.order = "key";
        query.time("concluded_at >= ?", *since);
        query.time("concluded_at < ?", *until);
        query.conditions.push("key > ? AND key <= ?".to_owned());
        query.params.extend([after.into(), up_to.into()]);
        query
    }

    /// The statement that selects these columns, and its parameters.
    pub fn select(self, columns: &str, limit: usize) -> (String, Vec<Value>) {
        let Query {
            index,
            mut conditions,
            mut params,
            order,
        } = self;
        if conditions.is_empty() {
            conditions.push("TRUE".to_owned());
        }
        let conditions = conditions.join(" AND ");
        params.push(i64::try_from(limit).unwrap_or(i64::MAX).into());
        let sql = format!(
            "SELECT {columns} FROM finished {index} WHERE {conditions} ORDER BY {order} LIMIT ?"
        );
        (sql, params)
    }

    /// A query over the index that fits, whose name ends in `order`.
    fn by(order: &str, case_name: Option<&str>, states: &[State], ok: Option<bool>) -> Query {
        let mut conditions = Vec::new();
        let mut params = Vec::new();
        if let Some(name) = case_name {
            conditions.push("case_id = (SELECT id FROM cases WHERE name = ?)".to_owned());
            params.push(name.to_owned().into());
        }
        if !states.is_empty() {
            let mut numbers: Vec<_> = states.iter().copied().map(row::state_number).collect();
            numbers.sort_unstable();
            numbers.dedup();
            let numbers: Vec<_> = numbers.iter().map(i32::to_string).collect();
            conditions.push(format!("state IN ({})", numbers.join(", ")));
        }
        let none_ok = !states.is_empty() && states.iter().all(|state| !state.is_ok());
        let only_not_ok = ok == Some(false) || none_ok;
        if only_not_ok {
            conditions.push(NOT_OK.to_owned());
        }
        if ok == Some(true) {
            conditions.push(format!("NOT ({NOT_OK})"));
        }
        let index = format!(
            "INDEXED BY {}by_{}{order}",
            if only_not_ok { "not_ok_" } else { "" },
            if case_name.is_some() { "case_and_" } else { "" },
        );
        Query {
            index,
            conditions,
            params,
            order: "",
        }
    }

    fn time(&mut self, condition: &str, time: Option<Time>) {
        if let Some(time) = time {
            self.conditions.push(condition.to_owned());
            self.params.push(time.timestamp_micros().into());
        }
    }

    fn after(&mut self, condition: &str, time: Time, key: i64) {
        self.conditions.push(condition.to_owned());
        self.params
            .extend([time.timestamp_micros().into(), key.into()]);
    }
}
