//! One attempt of a probe: connect, submit an execution, send the request.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Uri};
use tokio::time::{Instant, timeout};
use tonic::transport::Channel;
use uuid::Uuid;

use super::{
    grpc, mark,
    method::Prepared,
    run::{Ended, Run},
};
use crate::{
    headers::CurrentTest,
    http::HttpConnection,
    model::{HttpProbe, ProbeRequest, Submission, TestExecution},
    node::NodeError,
};

/// A target to which there is a connection.
enum Reached<'a> {
    Http(&'a HttpProbe, Uri, HttpConnection),
    Grpc(Channel, Prepared),
}

impl Run {
    /// Makes an attempt, within its time; `number` counts from 1. An answer is
    /// noted; the execution of one that fails or is revoked is cancelled.
    pub(super) async fn attempt(&mut self, number: u32) -> Result<(), Ended> {
        let place = self.unless_revoked(self.places.clone().acquire_owned());
        let _place = place.await?;
        let probe = Arc::clone(&self.probe);
        let whole = probe.attempt_timeout();
        let began = Instant::now();
        let late = |_| Ended::failed(&format!("no answer within {whole:?}"));

        let prepared = self.prepared.take();
        let reaching = timeout(whole, self.reach(&probe.request, prepared, whole));
        let reached = self.unless_revoked(reaching).await?.map_err(late)?;
        let reached = reached.map_err(|error| Ended::failed(&error))?;
        if let Reached::Grpc(_, prepared) = &reached {
            self.prepared = Some(prepared.clone());
        }
        let left = whole.saturating_sub(began.elapsed());

        let traceparent = mark::new_traceparent();
        let answer = async |current: &CurrentTest| {
            let declared = match &probe.request {
                ProbeRequest::Http(http) => &http.headers,
                ProbeRequest::Grpc(grpc) => &grpc.metadata,
            };
            let headers = mark::marked(declared, current, &traceparent, &probe.fake_header);
            let answering = timeout(left, reached.answer(headers, whole));
            let answered = self.unless_revoked(answering).await?.map_err(late)?;
            answered.map_err(|error| Ended::failed(&error))
        };
        let id = Uuid::now_v7().to_string();
        if self.slot.case.signals.is_empty() {
            // It passes when it starts, so it starts when the target has answered
            // and that is noted: a PASS proves nothing while the target is down.
            let (start, life) = (self.node.journal_time(), self.slot.case.execution_life());
            let expires = start + chrono::Duration::from_std(life).unwrap_or_default();
            let current = CurrentTest::new(&id, &self.slot.case.name, start, expires);
            answer(&current.map_err(|reason| Ended::failed(&reason.to_string()))?).await?;
            self.note(number, None);
            let submitted = self.submit(id, &traceparent).await;
            return submitted.map(drop).map_err(Ended::Refused);
        }
        let submitted = self.submit(id, &traceparent).await;
        let test = submitted.map_err(Ended::Refused)?;
        let answered = match CurrentTest::try_from(&test) {
            Ok(current) => answer(&current).await,
            Err(reason) => Err(Ended::failed(&reason.to_string())),
        };
        match &answered {
            Ok(()) => self.note(number, None),
            Err(ended) => {
                let attempts = probe.attempts();
                let reason = format!("probe attempt {number} of {attempts} {ended}");
                self.cancel(&test, reason).await;
            }
        }
        answered
    }

    async fn reach<'a>(
        &self,
        request: &'a ProbeRequest,
        prepared: Option<Prepared>,
        whole: Duration,
    ) -> Result<Reached<'a>, String> {
        let within = self.probe.time_to_connect().min(whole);
        match request {
            ProbeRequest::Http(http) => {
                let url = http.url.parse::<Uri>().map_err(|error| error.to_string())?;
                let connection = self.http.connect(&url, within).await;
                let connection = connection.map_err(|error| error.to_string())?;
                Ok(Reached::Http(http, url, connection))
            }
            ProbeRequest::Grpc(grpc) => {
                let channel = grpc::connect(grpc, within).await?;
                let prepared = match prepared {
                    Some(prepared) => prepared,
                    None => grpc::find_method(grpc, &channel).await?,
                };
                Ok(Reached::Grpc(channel, prepared))
            }
        }
    }

    async fn submit(&self, id: String, traceparent: &str) -> Result<TestExecution, NodeError> {
        let case_name = self.slot.case.name.clone();
        let submission = Submission {
            case_name: case_name.clone(),
            id,
            test_args: self.probe.test_args.clone(),
            test_kwargs: self.probe.test_kwargs.clone(),
            expires: None,
            labels: [].into(),
            traceparent: traceparent.to_owned(),
            always: true,
        };
        let test = self.node.submit(submission).await?;
        test.ok_or_else(|| {
            NodeError::Internal(format!("a probe of case {case_name:?} was not sampled"))
        })
    }

    async fn cancel(&self, test: &TestExecution, reason: String) {
        let cancelled = self.node.cancel(&test.case_name, &test.id, reason).await;
        match cancelled {
            // The case was deleted, or the server goes down: it ends as SKIP too.
            Ok(_) | Err(NodeError::ExecutionNotFound { .. } | NodeError::ShuttingDown) => {}
            Err(error) => tracing::warn!(
                case = test.case_name,
                execution = test.id,
                %error,
                "the execution of a failed probe could not be cancelled",
            ),
        }
    }
}

impl Reached<'_> {
    /// Sends the request; the error says why what came is no answer.
    async fn answer(self, headers: HeaderMap, within: Duration) -> Result<(), String> {
        match self {
            Reached::Grpc(channel, prepared) => grpc::call(channel, prepared, headers).await,
            Reached::Http(http, url, connection) => {
                let mut request = Request::new(Bytes::from(http.body.clone()));
                if !http.method.is_empty() {
                    let method = Method::from_bytes(http.method.as_bytes());
                    *request.method_mut() = method.map_err(|error| error.to_string())?;
                }
                *request.uri_mut() = url;
                *request.headers_mut() = headers;
                let answered = connection.exchange(request, within, 0).await;
                let status = answered.map_err(|error| error.to_string())?.status();
                match status.is_success() {
                    true => Ok(()),
                    false => Err(format!("HTTP status {}", status.as_u16())),
                }
            }
        }
    }
}
