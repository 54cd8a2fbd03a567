//! `ReportService`.

use std::time::Duration;

use tonic::{Request, Response, Status};

use crate::{
    convert::{Violations, models::report_to_pb, status::failure_group_to_pb},
    node::{Node, ReportFilter, ReportStream},
    pb::v1::{
        GetReportRequest, GetReportResponse, ListFailuresRequest, ListFailuresResponse,
        ListReportsRequest, ListReportsResponse, WatchReportsRequest, WatchReportsResponse,
        report_service_server::ReportService,
    },
};

use super::{
    Stream,
    execution::check_execution_fields,
    fields,
    status::invalid,
    watch::{Watch, watch},
};

/// The service; a thin one over the node.
#[derive(Clone)]
pub struct Reports {
    pub(super) node: Node,
}

#[tonic::async_trait]
impl ReportService for Reports {
    async fn get_report(
        &self,
        request: Request<GetReportRequest>,
    ) -> Result<Response<GetReportResponse>, Status> {
        let GetReportRequest {
            case_name,
            id,
            wait,
        } = request.into_inner();
        let mut bad = Violations::new();
        check_execution_fields(&case_name, &id, &mut bad);
        let wait = fields::read_wait("wait", wait, &mut bad);
        let wait = bad.finish(wait).map_err(invalid)?.unwrap_or(Duration::ZERO);
        let report = self.node.report(&case_name, &id, wait).await?;
        Ok(Response::new(GetReportResponse {
            report: Some(report_to_pb(&report)),
        }))
    }

    async fn list_reports(
        &self,
        request: Request<ListReportsRequest>,
    ) -> Result<Response<ListReportsResponse>, Status> {
        let ListReportsRequest {
            case_name,
            states,
            ok,
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
            let filter = ReportFilter {
                case_name: case_name?,
                states: states?,
                ok,
                since: since?,
                until: until?,
            };
            Some((filter, size?))
        })();
        let (filter, size) = bad.finish(read).map_err(invalid)?;
        let (reports, next_page_token) = self.node.list_reports(filter, size, &page_token).await?;
        Ok(Response::new(ListReportsResponse {
            reports: reports.iter().map(report_to_pb).collect(),
            next_page_token,
        }))
    }

    async fn list_failures(
        &self,
        request: Request<ListFailuresRequest>,
    ) -> Result<Response<ListFailuresResponse>, Status> {
        let ListFailuresRequest {
            case_name,
            since,
            page_size,
            page_token,
        } = request.into_inner();
        let mut bad = Violations::new();
        let case_name = fields::read_case_name(case_name, &mut bad);
        let since = fields::read_time("since", since, &mut bad);
        let size = fields::read_page_size(page_size, &mut bad);
        let read = (|| Some((case_name?, since?, size?)))();
        let (case_name, since, size) = bad.finish(read).map_err(invalid)?;
        let (groups, next_page_token) =
            self.node
                .list_failures(case_name.as_deref(), since, size, &page_token)?;
        let groups = groups.iter();
        Ok(Response::new(ListFailuresResponse {
            failures: groups
                .map(|(case_name, group)| failure_group_to_pb(case_name, group))
                .collect(),
            next_page_token,
        }))
    }

    type WatchReportsStream = Stream<WatchReportsResponse>;

    async fn watch_reports(
        &self,
        request: Request<WatchReportsRequest>,
    ) -> Result<Response<Self::WatchReportsStream>, Status> {
        let WatchReportsRequest {
            case_name,
            states,
            ok,
            resume_token,
        } = request.into_inner();
        let mut bad = Violations::new();
        let case_name = fields::read_case_name(case_name, &mut bad);
        let states = fields::read_states(&states, &mut bad);
        let read = (|| {
            Some(ReportFilter {
                case_name: case_name?,
                states: states?,
                ok,
                since: None,
                until: None,
            })
        })();
        let filter = bad.finish(read).map_err(invalid)?;
        let reports = self.node.watch_reports(filter, &resume_token).await?;
        Ok(Response::new(watch(ReportWatch(reports))))
    }
}

struct ReportWatch(ReportStream);

impl Watch for ReportWatch {
    type Item = WatchReportsResponse;

    async fn next(&mut self) -> Result<Option<Vec<WatchReportsResponse>>, Status> {
        let reports = self.0.next().await?.into_iter();
        let items = reports.map(|(report, resume_token)| WatchReportsResponse {
            report: Some(report_to_pb(&report)),
            resume_token,
        });
        Ok(Some(items.collect()))
    }

    fn checkpoint(&self) -> WatchReportsResponse {
        WatchReportsResponse {
            report: None,
            resume_token: self.0.token(),
        }
    }
}
