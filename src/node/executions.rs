//! Executions: submit, look up, list, cancel, watch.

use std::{sync::Arc, time::Duration};

use uuid::Uuid;

use crate::{
    archive::Finished,
    engine::{Answer, SubmissionDigest, SubmitAnswer},
    model::{Event, ExecutionView, Submission, TestExecution, is_sampled},
};

use super::{
    Node, NodeError,
    feed::{ExecutionKey, Watcher},
    places::Place,
};

/// Where an execution is found.
#[derive(Clone, Debug)]
pub(super) enum Found {
    Live(Box<ExecutionView>, SubmissionDigest),
    Finished(Arc<Finished>),
}

impl Found {
    fn digest(&self) -> SubmissionDigest {
        match self {
            Found::Live(_, digest) => *digest,
            Found::Finished(finished) => SubmissionDigest::of(&finished.submission),
        }
    }

    fn into_view(self) -> ExecutionView {
        match self {
            Found::Live(view, _) => *view,
            Found::Finished(finished) => finished.view.clone(),
        }
    }
}

impl Node {
    /// Submits a request, an empty id of which is filled in: the execution, or
    /// `None` when it is not sampled.
    pub async fn submit(
        &self,
        mut submission: Submission,
    ) -> Result<Option<TestExecution>, NodeError> {
        let (case_name, given) = (submission.case_name.clone(), !submission.id.is_empty());
        // Before the case, which may be deleted: the report is still kept.
        let digest = given.then(|| SubmissionDigest::of(&submission));
        if let Some(digest) = digest
            && let Some(found) = self.find(&case_name, &submission.id).await?
        {
            return same_submission(found, digest, &submission).map(Some);
        }
        let share = self
            .partition(&case_name)
            .lock()
            .engine
            .sampled_share(&case_name);
        let share = share.ok_or_else(|| NodeError::CaseNotFound(case_name.clone()))?;
        if !given {
            submission.id = Uuid::now_v7().to_string();
        }
        if !submission.always && !is_sampled(&submission.id, share) {
            self.count(&case_name, |counts| counts.not_sampled += 1);
            return Ok(None);
        }
        let refused = |error: &NodeError| {
            if error.is_over_a_limit() {
                self.count(&case_name, |counts| counts.refused += 1);
            }
        };
        let _place = self.admit_execution().inspect_err(refused)?;

        let event = Event::Submitted(submission.clone());
        let answer = self.append(&case_name, event).answer().await;
        match answer.inspect_err(refused)? {
            Answer::Submitted(SubmitAnswer::Execution(test)) => Ok(Some(*test)),
            Answer::Submitted(SubmitAnswer::Concluded) => {
                let found = self.find_existing(&case_name, &submission.id).await?;
                Ok(Some(found.into_view().test))
            }
            // The fold has counted it.
            Answer::Submitted(SubmitAnswer::LeftOut(_)) => Ok(None),
            Answer::Submitted(SubmitAnswer::Exists) => Err(exists(&submission)),
            Answer::Submitted(SubmitAnswer::NoSuchCase) => Err(NodeError::CaseNotFound(case_name)),
            other => Err(super::unexpected(&other)),
        }
    }

    /// An execution with everything that is known of it.
    pub async fn execution(&self, case_name: &str, id: &str) -> Result<ExecutionView, NodeError> {
        Ok(self.find_existing(case_name, id).await?.into_view())
    }

    /// Ends a live execution as SKIP; an ended one is returned unchanged.
    pub async fn cancel(
        &self,
        case_name: &str,
        id: &str,
        reason: String,
    ) -> Result<ExecutionView, NodeError> {
        if let Found::Finished(finished) = self.find_existing(case_name, id).await? {
            return Ok(finished.view.clone());
        }
        let event = Event::Cancelled {
            case_name: case_name.to_owned(),
            id: id.to_owned(),
            reason,
        };
        match self.append(case_name, event).answer().await? {
            Answer::Cancelled(true) => {}
            Answer::Cancelled(false) => return Err(not_found(case_name, id)),
            other => return Err(super::unexpected(&other)),
        }
        let finished = self.finished(case_name, id, None).await?;
        Ok(finished.view.clone())
    }

    /// An execution as it is now, and what is seen of it from then on.
    pub async fn watch_execution(
        &self,
        case_name: &str,
        id: &str,
    ) -> Result<(ExecutionView, Option<(Watcher, super::Permit)>), NodeError> {
        let partition = self.partition(case_name);
        let live = {
            let state = partition.lock();
            let live = state.engine.live_execution(case_name, id);
            let key = ExecutionKey::new(case_name, id);
            live.map(|(view, _)| (view, partition.feed.watch_execution(key)))
        };
        if let Some((view, watcher)) = live {
            return Ok((view, Some((watcher, self.permit()?))));
        }
        let found = self.find_existing(case_name, id).await?;
        Ok((found.into_view(), None))
    }

    /// The report's execution, once it is finished: waits for at most `wait`.
    /// Without one it has its verdict and is waited for like an answer from the
    /// journal, which takes no place among those who wait.
    pub(super) async fn finished(
        &self,
        case_name: &str,
        id: &str,
        wait: Option<Duration>,
    ) -> Result<Arc<Finished>, NodeError> {
        let partition = self.partition(case_name);
        let waiter = {
            let state = partition.lock();
            let live = state.engine.live_execution(case_name, id).is_some();
            let key = ExecutionKey::new(case_name, id);
            live.then(|| partition.feed.wait_report(key))
        };
        let Some(mut waiter) = waiter else {
            return match self.find_existing(case_name, id).await? {
                Found::Finished(finished) => Ok(finished),
                Found::Live(..) => Err(not_ready(case_name, id)),
            };
        };
        if wait == Some(Duration::ZERO) {
            return Err(not_ready(case_name, id));
        }
        let told = match wait {
            Some(wait) => {
                let _permit = self.permit()?;
                tokio::time::timeout(wait, waiter.wait()).await
            }
            None => {
                self.check_open()?;
                Ok(waiter.wait().await)
            }
        };
        match told {
            Ok(Some(finished)) => Ok(finished),
            Ok(None) => Err(NodeError::ShuttingDown),
            Err(_) => Err(NodeError::WaitTimedOut(format!(
                "no report of execution {id:?} of case {case_name:?} within {:?}: it is still live",
                wait.unwrap_or_default()
            ))),
        }
    }

    pub(super) async fn find_existing(
        &self,
        case_name: &str,
        id: &str,
    ) -> Result<Found, NodeError> {
        let found = self.find(case_name, id).await?;
        found.ok_or_else(|| not_found(case_name, id))
    }

    /// Looks an execution up: live, finished and not archived yet, archived.
    async fn find(&self, case_name: &str, id: &str) -> Result<Option<Found>, NodeError> {
        let key = ExecutionKey::new(case_name, id);
        let (unarchived, late, late_total) = {
            let state = self.partition(case_name).lock();
            if let Some((view, digest)) = state.engine.live_execution(case_name, id) {
                return Ok(Some(Found::Live(Box::new(view), digest)));
            }
            let late = state.unarchived.late_of(&key).cloned();
            let late_total = state.engine.late_total(case_name, id);
            (state.unarchived.get(&key), late, late_total)
        };
        let mut finished = match unarchived {
            Some(finished) => finished,
            None => {
                let found = self
                    .archived(move |archive| archive.get(&key.case_name, &key.id))
                    .await?;
                let Some(mut finished) = found else {
                    return Ok(None);
                };
                if let Some(late) = late {
                    late.add_to(&mut finished.view);
                }
                Arc::new(finished)
            }
        };
        // Until it is forgotten the fold knows the count best.
        if late_total.is_some_and(|total| total > finished.view.late_signal_count) {
            let view = &mut Arc::make_mut(&mut finished).view;
            view.late_signal_count = late_total.unwrap_or_default();
        }
        Ok(Some(Found::Finished(finished)))
    }

    fn admit_execution(&self) -> Result<Place<'_>, NodeError> {
        let options = self.options();
        let (place, submitting) = self.0.submitting.take();
        let (mut live, mut bytes, mut backlog) = (0, 0, 0);
        for partition in self.partitions() {
            let state = partition.lock();
            live += state.engine.live_len();
            bytes += state.engine.bytes();
            drop(state);
            backlog += partition.backlog();
        }
        if live + submitting >= options.max_live_executions {
            let text = format!("{live} executions are live, which is the limit");
            return Err(NodeError::TooManyExecutions(text));
        }
        if bytes >= options.max_state_bytes {
            let text = format!(
                "live executions and early signals take {bytes} bytes, and max_state_bytes is {}",
                options.max_state_bytes
            );
            return Err(NodeError::TooManyExecutions(text));
        }
        if backlog >= options.archive_backlog_bytes {
            return Err(NodeError::ArchiveBehind);
        }
        Ok(place)
    }
}

fn same_submission(
    found: Found,
    digest: SubmissionDigest,
    submission: &Submission,
) -> Result<TestExecution, NodeError> {
    if found.digest() == digest {
        Ok(found.into_view().test)
    } else {
        Err(exists(submission))
    }
}

fn exists(submission: &Submission) -> NodeError {
    NodeError::ExecutionExists {
        case_name: submission.case_name.clone(),
        id: submission.id.clone(),
    }
}

fn not_found(case_name: &str, id: &str) -> NodeError {
    NodeError::ExecutionNotFound {
        case_name: case_name.to_owned(),
        id: id.to_owned(),
    }
}

fn not_ready(case_name: &str, id: &str) -> NodeError {
    NodeError::ReportNotReady {
        case_name: case_name.to_owned(),
        id: id.to_owned(),
    }
}
