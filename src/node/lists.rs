//! Lists of executions and reports, page by page, and the watch over cases.

use std::collections::VecDeque;

use crate::{
    archive::{ExecutionCursor, ExecutionFilter, ReportCursor, ReportFilter},
    model::{CaseChange, ExecutionView, Position, State, TestReport, Time},
    pb::storage as pb,
};

use super::{
    Node, NodeError, Permit,
    reports::{cursors, reach},
    token,
};

/// Changes read from the archive at once.
const PORTION: usize = 256;

impl Node {
    /// A page of executions, the newest first, and the token of the next one.
    pub async fn list_executions(
        &self,
        filter: ExecutionFilter,
        page_size: usize,
        page_token: &str,
    ) -> Result<(Vec<ExecutionView>, String), NodeError> {
        let request = token::request_checksum(&filter);
        let after = token::read_page_token(page_token, request)?.map(|token| place(&token));
        // What finishes between the two looks is then in both, and told once.
        let mut found = self.live_executions(&filter, after, page_size + 1);
        self.archive_caught_up().await?;
        let finished = self
            .archived(move |archive| {
                let after = after.map(|(timestamp, partition, execution)| ExecutionCursor {
                    timestamp,
                    partition,
                    execution,
                });
                archive.list_executions(&filter, after, page_size + 1)
            })
            .await?;
        found.extend(finished.into_iter().map(|one| {
            let place = (one.view.test.timestamp, one.partition, one.execution);
            (place, one.view)
        }));
        found.sort_by(|(a, view), (b, other)| {
            // The finished one of two is the newer.
            let newer = other.report.is_some().cmp(&view.report.is_some());
            b.cmp(a).then(newer)
        });
        found.dedup_by(|(a, _), (b, _)| a == b);
        let next = next_token(&mut found, page_size, request);
        Ok((found.into_iter().map(|(_, view)| view).collect(), next))
    }

    /// A page of reports, the newest first, and the token of the next one.
    pub async fn list_reports(
        &self,
        filter: ReportFilter,
        page_size: usize,
        page_token: &str,
    ) -> Result<(Vec<TestReport>, String), NodeError> {
        let request = token::request_checksum(&filter);
        let after = token::read_page_token(page_token, request)?.map(|token| place(&token));
        self.archive_caught_up().await?;
        let found = self
            .archived(move |archive| {
                let after = after.map(|(concluded_at, partition, concluded)| ReportCursor {
                    concluded_at,
                    partition,
                    concluded,
                });
                archive.list_reports(&filter, after, page_size + 1)
            })
            .await?;
        let found = found.into_iter().map(|one| {
            let place = (one.report.concluded_at, one.partition, one.concluded);
            (place, one.report)
        });
        let mut found: Vec<_> = found.collect();
        let next = next_token(&mut found, page_size, request);
        Ok((found.into_iter().map(|(_, report)| report).collect(), next))
    }

    /// The cases as they are and then their changes; only the changes from a
    /// token on.
    pub async fn watch_cases(&self, resume_token: &str) -> Result<CaseChanges, NodeError> {
        let permit = self.permit()?;
        let mut now = VecDeque::new();
        let positions = if resume_token.is_empty() {
            let partitions = self.partitions().map(|partition| {
                let state = partition.lock();
                let cases = state.engine.cases();
                now.extend(cases.map(|case| CaseChange::Applied((**case).clone())));
                state.engine.position()
            });
            partitions.collect()
        } else {
            let positions = self.resumed(resume_token)?;
            let cursors = cursors(&positions);
            self.archived(move |archive| archive.case_changes_after(&cursors, 0))
                .await?;
            positions
        };
        Ok(CaseChanges {
            node: self.clone(),
            now,
            positions,
            _permit: permit,
        })
    }

    /// Waits until the archive has more than a watch has told.
    pub(super) async fn archive_beyond(&self, positions: &[Position]) -> Result<(), NodeError> {
        let partitions = self.partitions().zip(positions);
        let mut waits: Vec<_> = partitions
            .map(|(partition, &told)| (partition.archived.subscribe(), told))
            .collect();
        let any = waits.iter_mut().map(|(archived, told)| {
            let told = *told;
            Box::pin(async move { archived.wait_for(|at| *at > told).await.map(|_| ()) })
        });
        let any = futures_util::future::select_all(any);
        tokio::select! {
            () = self.closing() => Err(NodeError::ShuttingDown),
            (more, ..) = any => more.map_err(|_| NodeError::ShuttingDown),
        }
    }

    fn live_executions(
        &self,
        filter: &ExecutionFilter,
        after: Option<Place>,
        limit: usize,
    ) -> Vec<(Place, ExecutionView)> {
        let mut found = Vec::new();
        if !filter.states.is_empty() && !filter.states.contains(&State::Init) {
            return found;
        }
        for partition in self.partitions() {
            let state = partition.lock();
            let live = state
                .engine
                .live_executions(|case_name, start| lets_through(filter, case_name, start));
            let live = live
                .into_iter()
                .map(|(start, position)| (start, partition.number, position));
            let page = live.filter(|one| after.is_none_or(|after| *one < after));
            found.extend(page.take(limit).filter_map(|place| {
                let view = state.engine.live_at(place.2)?;
                Some((place, view))
            }));
        }
        found
    }
}

/// The changes of the set of cases as they come.
pub struct CaseChanges {
    node: Node,
    /// The cases as they were at the start, not told yet.
    now: VecDeque<CaseChange>,
    positions: Vec<Position>,
    _permit: Permit,
}

impl CaseChanges {
    /// Where the watch resumes; empty while the cases as they are have not been
    /// told in full.
    pub fn token(&self) -> String {
        match self.now.is_empty() {
            true => token::resume_token(self.node.journal().id(), &self.positions),
            false => String::new(),
        }
    }

    /// The next changes, each with the token after it. Cancel-safe.
    pub async fn next(&mut self) -> Result<Option<Vec<(CaseChange, String)>>, NodeError> {
        if !self.now.is_empty() {
            let mut told = Vec::with_capacity(self.now.len());
            while let Some(change) = self.now.pop_front() {
                let token = self.token();
                told.push((change, token));
            }
            return Ok(Some(told));
        }
        loop {
            self.node.archive_beyond(&self.positions).await?;
            let cursors = cursors(&self.positions);
            let page = self
                .node
                .archived(move |archive| archive.case_changes_after(&cursors, PORTION))
                .await?;
            let mut told = Vec::with_capacity(page.items.len());
            for item in page.items {
                reach(&mut self.positions, &[(item.partition, item.position)]);
                told.push((item.change, self.token()));
            }
            reach(&mut self.positions, &page.reached);
            if let Some((_, last)) = told.last_mut() {
                *last = self.token();
                return Ok(Some(told));
            }
        }
    }
}

fn lets_through(filter: &ExecutionFilter, case_name: &str, start: Time) -> bool {
    let named = filter.case_name.as_deref();
    named.is_none_or(|name| name == case_name)
        && filter.since.is_none_or(|since| start >= since)
        && filter.until.is_none_or(|until| start < until)
}

/// Place of an item in a list, which has the newest first: its sort time,
/// partition and position.
type Place = (Time, u32, Position);

fn place(token: &pb::PageToken) -> Place {
    let time = Time::from_timestamp_micros(token.time_micros).unwrap_or_default();
    (time, token.partition, token.position)
}

/// Cuts a list to a page; the token of the next one if there was more.
fn next_token<T>(found: &mut Vec<(Place, T)>, page_size: usize, request: u32) -> String {
    let more = found.len() > page_size;
    found.truncate(page_size);
    match found.last() {
        Some(&((time, partition, position), _)) if more => token::page_token(&pb::PageToken {
            request,
            time_micros: time.timestamp_micros(),
            partition,
            position,
            name: String::new(),
        }),
        _ => String::new(),
    }
}
