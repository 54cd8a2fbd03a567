//! Reports: one, and a watch over many.

use std::time::Duration;

use crate::{
    archive::{ArchivedReport, ReportFilter},
    model::{Position, TestReport},
};

use super::{
    Node, NodeError, Permit,
    page::{Portion, report_bytes},
    token,
};

impl Node {
    /// The report of an execution; waits for it for at most `wait`.
    pub async fn report(
        &self,
        case_name: &str,
        id: &str,
        wait: Duration,
    ) -> Result<TestReport, NodeError> {
        let finished = self.finished(case_name, id, Some(wait)).await?;
        let report = finished.view.report.clone();
        report.ok_or_else(|| NodeError::Internal("a finished execution has no report".to_owned()))
    }

    /// The reports from a token on; from now on without one.
    pub async fn watch_reports(
        &self,
        filter: ReportFilter,
        resume_token: &str,
    ) -> Result<ReportStream, NodeError> {
        let permit = self.permit()?;
        let positions = if resume_token.is_empty() {
            let partitions = self.partitions();
            partitions.map(|one| one.lock().engine.position()).collect()
        } else {
            let positions = self.resumed(resume_token)?;
            // Told at once where reports are missing, not with the first new one.
            let (cursors, filter) = (cursors(&positions), filter.clone());
            self.archived(move |archive| archive.reports_after(&cursors, &filter, 0))
                .await?;
            positions
        };
        Ok(ReportStream {
            node: self.clone(),
            filter,
            positions,
            portion: Portion::new(),
            _permit: permit,
        })
    }

    /// The positions of a resume token, which must not be ahead of the journal.
    pub(super) fn resumed(&self, resume_token: &str) -> Result<Vec<Position>, NodeError> {
        let journal = self.journal().id();
        let count = self.partitions().count();
        let positions = token::read_resume_token(resume_token, journal, count)?;
        for (partition, &position) in self.partitions().zip(&positions) {
            if position > partition.lock().engine.position() {
                let text = "resume_token is ahead of the journal".to_owned();
                return Err(NodeError::ResumeOutOfRange(text));
            }
        }
        Ok(positions)
    }
}

/// Reports as they come: read from the archive, which tells when it has more.
/// However slow the reader, nothing piles up.
pub struct ReportStream {
    node: Node,
    filter: ReportFilter,
    /// Up to where each partition has been told.
    positions: Vec<Position>,
    portion: Portion,
    _permit: Permit,
}

impl ReportStream {
    /// Where the watch resumes.
    pub fn token(&self) -> String {
        token::resume_token(self.node.journal().id(), &self.positions)
    }

    /// The next reports, each with the token after it. Cancel-safe.
    pub async fn next(&mut self) -> Result<Vec<(TestReport, String)>, NodeError> {
        loop {
            self.node.archive_beyond(&self.positions).await?;
            let told = self.next_archived().await?;
            if !told.is_empty() {
                return Ok(told);
            }
        }
    }

    /// The next of the reports that are archived already, each with the token
    /// after it; none when all have been told. The node may be down. Cancel-safe.
    pub async fn next_archived(&mut self) -> Result<Vec<(TestReport, String)>, NodeError> {
        let filter = self.filter.clone();
        let (cursors, limit) = (cursors(&self.positions), self.portion.wants());
        let mut page = self
            .node
            .archived(move |archive| archive.reports_after(&cursors, &filter, limit))
            .await?;
        let size = |item: &ArchivedReport| report_bytes(&item.report);
        let cut = self.portion.cut(&mut page.items, size);
        let mut told = Vec::with_capacity(page.items.len());
        for item in page.items {
            reach(&mut self.positions, &[(item.partition, item.concluded)]);
            told.push((item.report, self.token()));
        }
        if !cut {
            // Nothing else is wanted up to there: it need not be looked at again.
            reach(&mut self.positions, &page.reached);
        }
        if let Some((_, last)) = told.last_mut() {
            *last = self.token();
        }
        Ok(told)
    }
}

/// Positions as the archive takes them.
pub(super) fn cursors(positions: &[Position]) -> Vec<(u32, Position)> {
    (0..).zip(positions.iter().copied()).collect()
}

/// Moves positions on.
pub(super) fn reach(positions: &mut [Position], reached: &[(u32, Position)]) {
    for &(partition, position) in reached {
        if let Some(at) = positions.get_mut(partition as usize) {
            *at = position.max(*at);
        }
    }
}
