//! Lists of executions and reports, page by page, and the watch over cases.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use crate::{
    archive::{
        ArchivedCaseChange, ExecutionCursor, ExecutionFilter, Finished, ReportCursor, ReportFilter,
    },
    model::{Case, CaseChange, CaseStatus, ExecutionView, Position, State, TestReport, Time},
};

use super::{
    Node, NodeError, Permit,
    feed::ExecutionKey,
    page::{Page, Place, Portion, case_bytes, fitting, report_bytes, view_bytes},
    partition,
    reports::{cursors, reach},
    token,
};

impl Node {
    /// A page of executions, the newest first, and the token of the next one.
    pub async fn list_executions(
        &self,
        filter: ExecutionFilter,
        page_size: usize,
        page_token: &str,
    ) -> Result<(Vec<ExecutionView>, String), NodeError> {
        let request = token::request_checksum(&filter);
        let mut page = Page::new(self.read_place(page_token, request)?, page_size);
        while let Some(limit) = page.wants() {
            let found = self.executions_after(&filter, page.after, limit).await?;
            page.add(found, view_bytes);
        }
        Ok(page.finish(request))
    }

    /// Executions behind a place, live and finished.
    async fn executions_after(
        &self,
        filter: &ExecutionFilter,
        after: Option<Place>,
        limit: usize,
    ) -> Result<Vec<(Place, ExecutionView)>, NodeError> {
        // What finishes or is archived between the two looks is told once.
        let mut found = Vec::new();
        let mut late = HashMap::new();
        for partition in self.partitions() {
            let state = partition.lock();
            found.extend(live_executions(
                &state,
                partition.number,
                filter,
                after,
                limit,
            ));
            let unarchived = state.unarchived.page(limit, |one| {
                let (view, place) = (&one.view, execution_place(one));
                let (test, state) = (&view.test, view.state());
                let wanted = filter.lets_through(&test.case_name, state, test.timestamp);
                (wanted && comes(place, after)).then_some(place)
            });
            found.extend(
                unarchived
                    .into_iter()
                    .map(|(at, one)| (at, one.view.clone())),
            );
            late.extend(state.unarchived.all_late(filter.case_name.as_deref()));
        }
        let finished = match filter.of_finished() {
            None => Vec::new(),
            Some(filter) => {
                self.archived(move |archive| {
                    let after = after.map(|(timestamp, partition, execution)| ExecutionCursor {
                        timestamp,
                        partition,
                        execution,
                    });
                    archive.list_executions(&filter, after, limit)
                })
                .await?
            }
        };
        found.extend(finished.into_iter().map(|one| {
            let place = execution_place(&one);
            let mut view = one.view;
            let key = ExecutionKey::new(&view.test.case_name, &view.test.id);
            if let Some(late) = late.get(&key) {
                late.add_to(&mut view);
            }
            (place, view)
        }));
        found.sort_by(|(a, view), (b, other)| {
            // The finished one of two is the newer.
            let newer = other.report.is_some().cmp(&view.report.is_some());
            b.cmp(a).then(newer)
        });
        found.dedup_by(|(a, _), (b, _)| a == b);
        found.truncate(limit);
        let counted = found.iter_mut();
        counted.for_each(|(_, view)| self.count_late(view));
        Ok(found)
    }

    /// A page of reports, the newest first, and the token of the next one.
    pub async fn list_reports(
        &self,
        filter: ReportFilter,
        page_size: usize,
        page_token: &str,
    ) -> Result<(Vec<TestReport>, String), NodeError> {
        let request = token::request_checksum(&filter);
        let mut page = Page::new(self.read_place(page_token, request)?, page_size);
        while let Some(limit) = page.wants() {
            let found = self.reports_after(&filter, page.after, limit).await?;
            page.add(found, report_bytes);
        }
        Ok(page.finish(request))
    }

    /// Reports behind a place, archived or not yet.
    async fn reports_after(
        &self,
        filter: &ReportFilter,
        after: Option<Place>,
        limit: usize,
    ) -> Result<Vec<(Place, TestReport)>, NodeError> {
        let mut found = Vec::new();
        let Some(filter) = filter.of_finished() else {
            return Ok(found);
        };
        for partition in self.partitions() {
            let state = partition.lock();
            let unarchived = state.unarchived.page(limit, |one| {
                let report = one.view.report.as_ref();
                let report = report.filter(|report| filter.lets_through(report))?;
                let place = (report.concluded_at, one.partition, one.concluded);
                comes(place, after).then_some(place)
            });
            let reports = unarchived.into_iter();
            found.extend(reports.filter_map(|(at, one)| Some((at, one.view.report.clone()?))));
        }
        let archived = self
            .archived(move |archive| {
                let after = after.map(|(concluded_at, partition, concluded)| ReportCursor {
                    concluded_at,
                    partition,
                    concluded,
                });
                archive.list_reports(&filter, after, limit)
            })
            .await?;
        found.extend(archived.into_iter().map(|one| {
            let place = (one.report.concluded_at, one.partition, one.concluded);
            (place, one.report)
        }));
        // What was archived between the two looks is in both.
        found.sort_by(|(a, _), (b, _)| b.cmp(a));
        found.dedup_by(|(a, _), (b, _)| a == b);
        found.truncate(limit);
        Ok(found)
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
                now.extend(cases.map(Arc::clone));
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
            portion: Portion::new(),
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

    /// Brings the count of late signals up to date: the fold counts more than it
    /// tells the archive one by one.
    fn count_late(&self, view: &mut ExecutionView) {
        if view.report.is_some() {
            let test = &view.test;
            let state = self.partition(&test.case_name).lock();
            let total = state.engine.late_total(&test.case_name, &test.id);
            let count = &mut view.late_signal_count;
            *count = total.unwrap_or_default().max(*count);
        }
    }

    /// The place behind which a page begins, which must be one that there can be.
    fn read_place(&self, page_token: &str, request: u32) -> Result<Option<Place>, NodeError> {
        let Some(token) = token::read_page_token(page_token, request)? else {
            return Ok(None);
        };
        let time = Time::from_timestamp_micros(token.time_micros);
        let mut partitions = self.partitions();
        let partition = partitions.find(|one| one.number == token.partition);
        let reached = partition.map(|one| one.lock().engine.position());
        match (time, reached) {
            (Some(time), Some(reached)) if token.position <= reached => {
                Ok(Some((time, token.partition, token.position)))
            }
            _ => Err(NodeError::InvalidPageToken),
        }
    }
}

/// A page of the live executions of a partition.
fn live_executions(
    state: &partition::State,
    partition: u32,
    filter: &ExecutionFilter,
    after: Option<Place>,
    limit: usize,
) -> Vec<(Place, ExecutionView)> {
    if !filter.states.is_empty() && !filter.states.contains(&State::Init) {
        return Vec::new();
    }
    let live = state
        .engine
        .live_executions(limit, |case_name, start, position| {
            comes((start, partition, position), after)
                && filter.lets_through(case_name, State::Init, start)
        });
    live.into_iter()
        .filter_map(|(start, position)| {
            let place = (start, partition, position);
            Some((place, state.engine.live_at(position)?))
        })
        .collect()
}

fn execution_place(finished: &Finished) -> Place {
    let start = finished.view.test.timestamp;
    (start, finished.partition, finished.execution)
}

/// A change of a case, or a case as it is, that a watch tells.
#[derive(Clone, Debug)]
pub struct ToldChange {
    /// The change.
    pub change: CaseChange,
    /// Health of the case as it now is, where the cases as they are are told.
    pub status: Option<CaseStatus>,
    /// Where the watch resumes after it.
    pub token: String,
}

/// The changes of cases as they come.
pub struct CaseChanges {
    node: Node,
    /// The cases as they were at the start, not told yet.
    now: VecDeque<Arc<Case>>,
    positions: Vec<Position>,
    portion: Portion,
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

    /// The next changes. Cancel-safe.
    pub async fn next(&mut self) -> Result<Option<Vec<ToldChange>>, NodeError> {
        if !self.now.is_empty() {
            let fit = fitting(self.now.iter().map(|case| case_bytes(case)));
            let mut told = Vec::with_capacity(fit);
            while told.len() < fit
                && let Some(case) = self.now.pop_front()
            {
                // None of a case that is gone: its deletion is told later.
                let view = self.node.case_view(&case.name).ok();
                told.push(ToldChange {
                    change: CaseChange::Applied(case),
                    status: view.map(|view| view.status()),
                    token: self.token(),
                });
            }
            return Ok(Some(told));
        }
        loop {
            self.node.archive_beyond(&self.positions).await?;
            let (cursors, limit) = (cursors(&self.positions), self.portion.wants());
            let mut page = self
                .node
                .archived(move |archive| archive.case_changes_after(&cursors, limit))
                .await?;
            let size = |item: &ArchivedCaseChange| change_bytes(&item.change);
            let cut = self.portion.cut(&mut page.items, size);
            let mut told = Vec::with_capacity(page.items.len());
            for item in page.items {
                reach(&mut self.positions, &[(item.partition, item.position)]);
                told.push(ToldChange {
                    change: item.change,
                    status: None,
                    token: self.token(),
                });
            }
            if !cut {
                reach(&mut self.positions, &page.reached);
            }
            if let Some(last) = told.last_mut() {
                last.token = self.token();
                return Ok(Some(told));
            }
        }
    }
}

/// Bytes of a change beside its frame, about.
fn change_bytes(change: &CaseChange) -> usize {
    match change {
        CaseChange::Applied(case) => case_bytes(case),
        CaseChange::Transitioned(transition) => {
            let report = transition.report.as_ref();
            transition.reason.len() + report.map_or(0, report_bytes)
        }
        CaseChange::Deleted(_) | CaseChange::Controlled { .. } => change.case_name().len(),
    }
}

/// Whether a place comes after the one that was told last.
fn comes(place: Place, after: Option<Place>) -> bool {
    after.is_none_or(|after| place < after)
}
