//! One span for each execution whose request told its trace: from its start to
//! its verdict, made when the report is archived.
//!
//! The fold knows nothing of it; however slow this is, nothing piles up.

use std::time::{Duration, SystemTime};

use opentelemetry::{
    Context, KeyValue,
    trace::{Span as _, SpanKind, Status, TraceContextExt, TraceState, Tracer},
};
use opentelemetry_sdk::trace::SdkTracer;
use tokio::{sync::oneshot, task::JoinHandle, time::sleep};

use super::traceparent::TraceParent;
use crate::{
    model::{State, TestReport},
    node::{Node, NodeError, ReportFilter, ReportStream},
};

/// How long to wait before reports that could not be read are asked for again.
const ASK_AGAIN: Duration = Duration::from_secs(5);

/// Makes the spans, until it is ended.
pub(super) struct ExecutionSpans {
    archived: oneshot::Sender<()>,
    recording: JoinHandle<()>,
}

impl ExecutionSpans {
    /// Makes a span of each execution that ends from now on.
    pub(super) async fn start(tracer: SdkTracer, node: Node) -> Result<ExecutionSpans, NodeError> {
        let reports = watch(&node).await?;
        let (archived, all_archived) = oneshot::channel();
        let recording = tokio::spawn(async move {
            if let Err(error) = record_all(&tracer, &node, reports, all_archived).await {
                tracing::error!(%error, "the last executions have no span");
            }
        });
        Ok(ExecutionSpans {
            archived,
            recording,
        })
    }

    /// Makes the last ones, after the node went down and the archive has all.
    pub(super) async fn end(self) {
        // One that failed has ended.
        let _ = self.archived.send(());
        let _ = self.recording.await;
    }
}

async fn watch(node: &Node) -> Result<ReportStream, NodeError> {
    node.watch_reports(ReportFilter::default(), "").await
}

async fn record_all(
    tracer: &SdkTracer,
    node: &Node,
    mut reports: ReportStream,
    all_archived: oneshot::Receiver<()>,
) -> Result<(), NodeError> {
    loop {
        let error = match reports.next().await {
            Ok(new) => {
                new.iter().for_each(|(report, _)| record(tracer, report));
                continue;
            }
            Err(error @ NodeError::ResumeOutOfRange(_)) => {
                tracing::warn!(%error, "some executions have no span");
                match watch(node).await {
                    Ok(anew) => {
                        reports = anew;
                        continue;
                    }
                    Err(error) => error,
                }
            }
            Err(error) => error,
        };
        if matches!(error, NodeError::ShuttingDown) {
            break;
        }
        // The stream is where it was, and goes on from there.
        tracing::warn!(%error, "executions have no spans until their reports can be read");
        tokio::select! {
            () = node.closing() => {}
            () = sleep(ASK_AGAIN) => {}
        }
    }
    if all_archived.await.is_err() {
        return Ok(());
    }
    loop {
        let last = reports.next_archived().await?;
        if last.is_empty() {
            return Ok(());
        }
        last.iter().for_each(|(report, _)| record(tracer, report));
    }
}

/// Makes the span of an execution, if its request told its trace.
fn record(tracer: &SdkTracer, report: &TestReport) {
    let Some(test) = &report.test else {
        return;
    };
    let Some(parent) = TraceParent::parse(&test.traceparent) else {
        return;
    };
    let parent = parent.span_context(TraceState::default());
    let parent = Context::new().with_remote_span_context(parent);
    let mut attributes = vec![
        KeyValue::new("livecheck.case", test.case_name.clone()),
        KeyValue::new("livecheck.execution", test.id.clone()),
        KeyValue::new("livecheck.state", report.state.name()),
    ];
    let error = report.error.clone();
    attributes.extend(error.map(|error| KeyValue::new("livecheck.error", error)));
    let builder = tracer.span_builder(format!("execution {}", test.case_name));
    let builder = builder.with_kind(SpanKind::Internal);
    let mut span = builder
        .with_start_time(SystemTime::from(test.timestamp))
        .with_attributes(attributes)
        .start_with_context(tracer, &parent);
    match report.state {
        State::Pass => span.set_status(Status::Ok),
        state if state.is_failure() => {
            span.set_status(Status::error(report.error.clone().unwrap_or_default()));
        }
        _ => {}
    }
    span.end_with_timestamp(SystemTime::from(report.concluded_at));
}
