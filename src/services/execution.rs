//! `ExecutionService`.

use tonic::{Request, Response, Status};

use crate::{
    convert::{
        Violations,
        models::{execution_to_pb, received_to_pb, report_to_pb, view_to_pb},
        names::{check_case_name, check_id, check_labels, check_length},
        value::{Limits, list_from_pb, object_from_pb},
    },
    headers::CurrentTest,
    model::{ExecutionView, MAX_TEST_EXPIRES, Submission, Time},
    node::{ExecutionFilter, Node, NodeError, Permit, Seen, Watcher},
    pb::v1::{
        CancelExecutionRequest, CancelExecutionResponse, GetExecutionRequest, GetExecutionResponse,
        ListExecutionsRequest, ListExecutionsResponse, Sampling, SubmitExecutionRequest,
        SubmitExecutionResponse, WatchExecutionRequest, WatchExecutionResponse,
        execution_service_server::ExecutionService, watch_execution_response::Payload,
    },
    telemetry::TraceParent,
};

use super::{
    Stream, fields,
    status::invalid,
    watch::{Watch, watch},
};

/// Longest reason of a cancellation, in bytes.
const MAX_REASON_BYTES: usize = 1024;

/// The service; a thin one over the node.
#[derive(Clone)]
pub struct Executions {
    pub(super) node: Node,
}

#[tonic::async_trait]
impl ExecutionService for Executions {
    async fn submit_execution(
        &self,
        request: Request<SubmitExecutionRequest>,
    ) -> Result<Response<SubmitExecutionResponse>, Status> {
        let traceparent = TraceParent::of_headers(request.metadata().as_ref());
        let request = read_submission(request.into_inner(), traceparent, self.node.now())?;
        let test = self.node.submit(request).await?;
        let mut response = Response::new(SubmitExecutionResponse {
            sampled: Some(test.is_some()),
            test: test.as_ref().map(execution_to_pb),
        });
        if let Some(test) = &test {
            match CurrentTest::try_from(test) {
                Ok(current) => current.write_metadata(response.metadata_mut()),
                Err(reason) => {
                    let text = format!("the headers of an execution cannot be written: {reason}");
                    return Err(NodeError::Internal(text).into());
                }
            }
        }
        Ok(response)
    }

    async fn get_execution(
        &self,
        request: Request<GetExecutionRequest>,
    ) -> Result<Response<GetExecutionResponse>, Status> {
        let GetExecutionRequest { case_name, id } = request.into_inner();
        check_execution(&case_name, &id)?;
        let view = self.node.execution(&case_name, &id).await?;
        Ok(Response::new(GetExecutionResponse {
            execution: Some(view_to_pb(&view, self.node.now())),
        }))
    }

    async fn list_executions(
        &self,
        request: Request<ListExecutionsRequest>,
    ) -> Result<Response<ListExecutionsResponse>, Status> {
        let ListExecutionsRequest {
            case_name,
            states,
            since,
            until,
            page_size,
            page_token,
        } = request.into_inner();
        let mut bad = Violations::new();
        let case_name = fields::read_case_name(case_name, &mut bad);
        let states = fields::read_states(&states, &mut bad);
        let since = fields::read_time("since", since, &mut bad);
        let until = fields::read_time("until", until, &mut bad);
        let size = fields::read_page_size(page_size, &mut bad);
        let read = (|| {
            let filter = ExecutionFilter {
                case_name: case_name?,
                states: states?,
                since: since?,
                until: until?,
            };
            Some((filter, size?))
        })();
        let (filter, size) = bad.finish(read).map_err(invalid)?;
        let (views, next_page_token) = self.node.list_executions(filter, size, &page_token).await?;
        let now = self.node.now();
        Ok(Response::new(ListExecutionsResponse {
            executions: views.iter().map(|view| view_to_pb(view, now)).collect(),
            next_page_token,
        }))
    }

    async fn cancel_execution(
        &self,
        request: Request<CancelExecutionRequest>,
    ) -> Result<Response<CancelExecutionResponse>, Status> {
        let CancelExecutionRequest {
            case_name,
            id,
            reason,
        } = request.into_inner();
        let mut bad = Violations::new();
        check_execution_fields(&case_name, &id, &mut bad);
        check_length(&reason, MAX_REASON_BYTES, &mut bad.field("reason"));
        bad.finish(Some(())).map_err(invalid)?;
        let view = self.node.cancel(&case_name, &id, reason).await?;
        Ok(Response::new(CancelExecutionResponse {
            execution: Some(view_to_pb(&view, self.node.now())),
        }))
    }

    type WatchExecutionStream = Stream<WatchExecutionResponse>;

    async fn watch_execution(
        &self,
        request: Request<WatchExecutionRequest>,
    ) -> Result<Response<Self::WatchExecutionStream>, Status> {
        let WatchExecutionRequest { case_name, id } = request.into_inner();
        check_execution(&case_name, &id)?;
        let (view, steps) = self.node.watch_execution(&case_name, &id).await?;
        Ok(Response::new(watch(ExecutionWatch {
            now: self.node.now(),
            view: Some(view),
            steps,
            node: self.node.clone(),
        })))
    }
}

/// Where an execution is, then its steps, up to its report.
struct ExecutionWatch {
    now: Time,
    view: Option<ExecutionView>,
    steps: Option<(Watcher, Permit)>,
    node: Node,
}

impl Watch for ExecutionWatch {
    type Item = WatchExecutionResponse;

    async fn next(&mut self) -> Result<Option<Vec<WatchExecutionResponse>>, Status> {
        if let Some(view) = self.view.take() {
            let mut items = vec![item(Payload::Execution(view_to_pb(&view, self.now)))];
            let report = view.report.as_ref();
            items.extend(report.map(|report| item(Payload::Report(report_to_pb(report)))));
            return Ok(Some(items));
        }
        let Some((watcher, _)) = &mut self.steps else {
            return Ok(None);
        };
        match watcher.next().await {
            Some(Seen::Signal(seen)) => {
                Ok(Some(vec![item(Payload::Signal(received_to_pb(&seen)))]))
            }
            Some(Seen::Finished(finished)) => {
                self.steps = None;
                let report = finished.view.report.as_ref().map(report_to_pb);
                Ok(Some(
                    report
                        .into_iter()
                        .map(|r| item(Payload::Report(r)))
                        .collect(),
                ))
            }
            None => Err(self.node.why_cut_off().into()),
        }
    }

    fn checkpoint(&self) -> WatchExecutionResponse {
        WatchExecutionResponse { payload: None }
    }

    fn begins_with_checkpoint(&self) -> bool {
        false
    }
}

fn item(payload: Payload) -> WatchExecutionResponse {
    WatchExecutionResponse {
        payload: Some(payload),
    }
}

fn read_submission(
    request: SubmitExecutionRequest,
    traceparent: Option<TraceParent>,
    now: Time,
) -> Result<Submission, Status> {
    let SubmitExecutionRequest {
        case_name,
        id,
        test_args,
        test_kwargs,
        expires,
        sampling,
        labels,
    } = request;
    let mut bad = Violations::new();
    let mut passes = check_case_name(&case_name, &mut bad.field("case_name"));
    passes &= id.is_empty() || check_id(&id, &mut bad.field("id"));
    passes &= check_labels("labels", &labels, &mut bad);
    let test_args = list_from_pb(test_args, Limits::ARGS, &mut bad.field("test_args"));
    let test_kwargs = object_from_pb(test_kwargs, Limits::ARGS, &mut bad.field("test_kwargs"));
    let expires = fields::read_time("expires", expires, &mut bad);
    if let Some(Some(at)) = expires
        && (at - now)
            .to_std()
            .is_ok_and(|life| life > MAX_TEST_EXPIRES)
    {
        bad.add_to("expires", "must be at most 30 days from now");
    }
    let sampling = Sampling::try_from(sampling);
    if let Err(unknown) = sampling {
        bad.add_to(
            "sampling",
            format!("{unknown}: leave it out, or use a value of Sampling"),
        );
    }
    let read = (|| {
        passes.then_some(())?;
        Some(Submission {
            case_name,
            id,
            test_args: test_args?,
            test_kwargs: test_kwargs?,
            expires: expires?,
            labels,
            traceparent: traceparent.map_or_else(String::new, |parent| parent.to_string()),
            always: sampling.ok()? == Sampling::Always,
        })
    })();
    bad.finish(read).map_err(invalid)
}

fn check_execution(case_name: &str, id: &str) -> Result<(), Status> {
    let mut bad = Violations::new();
    check_execution_fields(case_name, id, &mut bad);
    bad.finish(Some(())).map_err(invalid)
}

pub(super) fn check_execution_fields(case_name: &str, id: &str, bad: &mut Violations) {
    check_case_name(case_name, &mut bad.field("case_name"));
    check_id(id, &mut bad.field("id"));
}
