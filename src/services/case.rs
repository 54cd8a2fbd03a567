//! `CaseService`.

use std::time::Duration;

use chrono::SecondsFormat;
use tonic::{Request, Response, Status};

use crate::{
    convert::{
        Violations,
        case::case_to_pb,
        names::check_case_name,
        status::{control_to_pb, status_to_pb, transition_to_pb},
    },
    engine::ApplyOutcome,
    model::{CaseChange, CaseControl, ControlChange, Time},
    node::{CaseView, Node, ToldChange},
    pb::v1::{
        self, ApplyCaseRequest, ApplyCaseResponse, CaseSetting, ControlCaseRequest,
        ControlCaseResponse, DeleteCaseRequest, DeleteCaseResponse, GetCaseRequest,
        GetCaseResponse, ListCasesRequest, ListCasesResponse, WatchCasesRequest,
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
        let view = self.node.case_view(&name)?;
        Ok(Response::new(view_to_pb(&view)))
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
            cases: cases.iter().map(view_to_pb).collect(),
            next_page_token,
        }))
    }

    async fn control_case(
        &self,
        request: Request<ControlCaseRequest>,
    ) -> Result<Response<ControlCaseResponse>, Status> {
        let change = read_control(request.into_inner(), self.node.journal_time())?;
        let view = self.node.control_case(change).await?;
        Ok(Response::new(ControlCaseResponse {
            case: Some(view_to_pb(&view)),
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
        let items = changes.into_iter().map(|told| {
            let ToldChange {
                change,
                status,
                token,
            } = told;
            let payload = match change {
                CaseChange::Applied(case) => Payload::Applied(case_to_pb(&case)),
                CaseChange::Deleted(name) => Payload::Deleted(name),
                CaseChange::Transitioned(transition) => {
                    Payload::Transition(transition_to_pb(&transition))
                }
                CaseChange::Controlled { case_name, control } => {
                    Payload::Controlled(v1::CaseControlled {
                        case_name,
                        control: Some(control_to_pb(&control)),
                    })
                }
            };
            WatchCasesResponse {
                payload: Some(payload),
                resume_token: token,
                status: status.as_ref().map(status_to_pb),
            }
        });
        Ok(Some(items.collect()))
    }

    fn checkpoint(&self) -> WatchCasesResponse {
        WatchCasesResponse {
            payload: None,
            resume_token: self.0.token(),
            status: None,
        }
    }
}

/// Longest mute.
const MAX_MUTE: Duration = Duration::from_secs(366 * 24 * 3600);

/// Reads a control; `now` is the time of the journal, by which a mute ends.
fn read_control(request: ControlCaseRequest, now: Time) -> Result<ControlChange, Status> {
    let ControlCaseRequest {
        name,
        active,
        probability,
        mute_until,
        clear,
    } = request;
    let mut bad = Violations::new();
    check_case_name(&name, &mut bad.field("name"));
    if let Some(share) = probability
        && !(0.0..=1.0).contains(&share)
    {
        let text = format!("is {share}; write a share from 0 to 1");
        bad.add_to("probability", text);
    }
    let muted_until = fields::read_time("mute_until", mute_until, &mut bad).flatten();
    if let Some(until) = muted_until {
        let wrong = match (until - now).to_std() {
            Ok(mute) if mute > MAX_MUTE => Some("at most a year from now"),
            Ok(mute) if !mute.is_zero() => None,
            Ok(_) | Err(_) => Some("in the future"),
        };
        if let Some(wanted) = wrong {
            let now = now.to_rfc3339_opts(SecondsFormat::Millis, true);
            let text = format!("must be {wanted}; the server's time is {now}");
            bad.add_to("mute_until", text);
        }
    }
    let mut change = ControlChange {
        case_name: name,
        set: CaseControl {
            active,
            probability,
            muted_until,
        },
        clear_active: false,
        clear_probability: false,
        clear_mute: false,
    };
    let nothing = clear.is_empty() && change.set == CaseControl::default();
    for (i, setting) in clear.into_iter().enumerate() {
        let (field, flag, set) = match CaseSetting::try_from(setting) {
            Ok(CaseSetting::Active) => ("active", &mut change.clear_active, active.is_some()),
            Ok(CaseSetting::Probability) => (
                "probability",
                &mut change.clear_probability,
                probability.is_some(),
            ),
            Ok(CaseSetting::Mute) => ("mute_until", &mut change.clear_mute, muted_until.is_some()),
            Ok(CaseSetting::Unspecified) | Err(_) => {
                bad.at("clear", i)
                    .add(format!("{setting}: use a value of CaseSetting"));
                continue;
            }
        };
        *flag = true;
        if set {
            let text = format!("clears what `{field}` of the same request sets");
            bad.at("clear", i).add(text);
        }
    }
    if nothing {
        bad.add("changes nothing; set or clear something");
    }
    bad.finish(Some(change)).map_err(invalid)
}

fn check_name(name: &str) -> Result<(), Status> {
    let mut bad = Violations::new();
    check_case_name(name, &mut bad.field("name"));
    bad.finish(Some(())).map_err(invalid)
}

fn view_to_pb(view: &CaseView) -> GetCaseResponse {
    GetCaseResponse {
        case: Some(case_to_pb(&view.case)),
        live_executions: view.live_executions as u64,
        status: Some(status_to_pb(&view.status())),
    }
}
