//! `CaseService`.

use tonic::{Request, Response, Status};

use crate::{
    convert::{Violations, case::case_to_pb, names::check_case_name},
    engine::ApplyOutcome,
    node::{CaseStatus, Node},
    pb::v1::{
        self, ApplyCaseRequest, ApplyCaseResponse, DeleteCaseRequest, DeleteCaseResponse,
        GetCaseRequest, GetCaseResponse, ListCasesRequest, ListCasesResponse, WatchCasesRequest,
        WatchCasesResponse, case_service_server::CaseService, watch_cases_response::Payload,
    },
};

use super::{
    Stream, fields,
    status::invalid,
    watch::{Watch, watch},
};

/// The service; a thin one over the node.
#[derive(Clone)]
pub struct Cases {
    pub(super) node: Node,
}

#[tonic::async_trait]
impl CaseService for Cases {
    async fn apply_case(
        &self,
        request: Request<ApplyCaseRequest>,
    ) -> Result<Response<ApplyCaseResponse>, Status> {
        let ApplyCaseRequest {
            case,
            validate_only,
        } = request.into_inner();
        let case = fields::required("case", case)?;
        let (case, outcome) = self.node.apply_case(case, validate_only).await?;
        let outcome = match outcome {
            ApplyOutcome::Created => v1::ApplyOutcome::Created,
            ApplyOutcome::Updated => v1::ApplyOutcome::Updated,
            ApplyOutcome::Unchanged => v1::ApplyOutcome::Unchanged,
        };
        Ok(Response::new(ApplyCaseResponse {
            case: Some(case_to_pb(&case)),
            outcome: outcome.into(),
        }))
    }

    async fn get_case(
        &self,
        request: Request<GetCaseRequest>,
    ) -> Result<Response<GetCaseResponse>, Status> {
        let GetCaseRequest { name } = request.into_inner();
        check_name(&name)?;
        let status = self.node.case_status(&name)?;
        Ok(Response::new(status_to_pb(&status)))
    }

    async fn list_cases(
        &self,
        request: Request<ListCasesRequest>,
    ) -> Result<Response<ListCasesResponse>, Status> {
        let ListCasesRequest {
            page_size,
            page_token,
        } = request.into_inner();
        let page_size = fields::page_size(page_size)?;
        let (cases, next_page_token) = self.node.list_cases(page_size, &page_token)?;
        Ok(Response::new(ListCasesResponse {
            cases: cases.iter().map(status_to_pb).collect(),
            next_page_token,
        }))
    }

    async fn delete_case(
        &self,
        request: Request<DeleteCaseRequest>,
    ) -> Result<Response<DeleteCaseResponse>, Status> {
        let DeleteCaseRequest { name } = request.into_inner();
        check_name(&name)?;
        self.node.delete_case(&name).await?;
        Ok(Response::new(DeleteCaseResponse {}))
    }

    type WatchCasesStream = Stream<WatchCasesResponse>;

    async fn watch_cases(
        &self,
        request: Request<WatchCasesRequest>,
    ) -> Result<Response<Self::WatchCasesStream>, Status> {
        let WatchCasesRequest { resume_token } = request.into_inner();
        let changes = self.node.watch_cases(&resume_token).await?;
        Ok(Response::new(watch(CaseWatch(changes))))
    }
}

struct CaseWatch(crate::node::CaseChanges);

impl Watch for CaseWatch {
    type Item = WatchCasesResponse;

    async fn next(&mut self) -> Result<Option<Vec<WatchCasesResponse>>, Status> {
        let Some(changes) = self.0.next().await? else {
            return Ok(None);
        };
        let items = changes.into_iter().map(|(change, resume_token)| {
            let payload = match change {
                crate::model::CaseChange::Applied(case) => Payload::Applied(case_to_pb(&case)),
                crate::model::CaseChange::Deleted(name) => Payload::Deleted(name),
            };
            WatchCasesResponse {
                payload: Some(payload),
                resume_token,
            }
        });
        Ok(Some(items.collect()))
    }

    fn checkpoint(&self) -> WatchCasesResponse {
        WatchCasesResponse {
            payload: None,
            resume_token: self.0.token(),
        }
    }
}

fn check_name(name: &str) -> Result<(), Status> {
    let mut bad = Violations::new();
    check_case_name(name, &mut bad.field("name"));
    bad.finish(Some(())).map_err(invalid)
}

fn status_to_pb(status: &CaseStatus) -> GetCaseResponse {
    GetCaseResponse {
        case: Some(case_to_pb(&status.case)),
        live_executions: status.live_executions as u64,
    }
}
