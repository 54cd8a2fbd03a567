//! Cases that swing: each failure begins an incident, each pass ends it.

use livecheck::pb::v1::{
    ApplyCaseRequest, Case, Contract, GetReportRequest, ListNotificationsRequest, Notification,
    NotificationState, RetryNotificationsRequest, Sampling, SendSignalRequest, Signal, SignalEvent,
    State, SubmitExecutionRequest, case_service_client::CaseServiceClient,
    execution_service_client::ExecutionServiceClient,
    notification_service_client::NotificationServiceClient,
    report_service_client::ReportServiceClient, signal_service_client::SignalServiceClient,
};
use prost_types::{Duration, Value, value::Kind};
use tokio::time::timeout;
use tonic::{Status, transport::Channel};

use crate::DEADLINE;

/// The transitions of a case that swings as far as it goes until it flaps, which
/// are told: it begins, recovers, begins, recovers; that it begins again is not
/// told, but that it flaps.
pub const TOLD: [u64; 5] = [1, 2, 3, 4, 6];

/// A client of each service that the tests need.
#[derive(Clone)]
pub struct Clients {
    pub cases: CaseServiceClient<Channel>,
    pub executions: ExecutionServiceClient<Channel>,
    pub signals: SignalServiceClient<Channel>,
    pub reports: ReportServiceClient<Channel>,
    pub notifications: NotificationServiceClient<Channel>,
}

impl Clients {
    pub async fn connect(address: &str) -> Clients {
        let channel = Channel::from_shared(format!("http://{address}")).unwrap();
        let channel = channel.connect().await.unwrap();
        Clients {
            cases: CaseServiceClient::new(channel.clone()),
            executions: ExecutionServiceClient::new(channel.clone()),
            signals: SignalServiceClient::new(channel.clone()),
            reports: ReportServiceClient::new(channel.clone()),
            notifications: NotificationServiceClient::new(channel),
        }
    }

    /// Declares a case that one failure makes unwell and one pass well again, of
    /// which these webhooks are told.
    pub async fn apply(&mut self, name: &str, webhooks: &[&str]) {
        let zero = Some(Duration::default());
        let done = Signal {
            name: "done".to_owned(),
            expect: vec![Contract {
                expression: "value == true".to_owned(),
                ..Contract::default()
            }],
            ..Signal::default()
        };
        let case = Case {
            name: name.to_owned(),
            signals: vec![done],
            max_consecutive_failures: Some(1),
            state_transition_delay: zero,
            webhooks: webhooks.iter().map(|name| (*name).to_owned()).collect(),
            ..Case::default()
        };
        let request = ApplyCaseRequest {
            case: Some(case),
            validate_only: false,
        };
        self.cases.apply_case(request).await.unwrap();
    }

    /// Runs an execution that passes or fails.
    pub async fn swing(&mut self, case_name: &str, id: &str, passes: bool) {
        let request = SubmitExecutionRequest {
            case_name: case_name.to_owned(),
            id: id.to_owned(),
            sampling: Sampling::Always.into(),
            ..SubmitExecutionRequest::default()
        };
        self.executions.submit_execution(request).await.unwrap();
        let value = |kind| Some(Value { kind: Some(kind) });
        let event = SignalEvent {
            signal_name: "done".to_owned(),
            case_name: case_name.to_owned(),
            key: value(Kind::StringValue(id.to_owned())),
            value: value(Kind::BoolValue(passes)),
        };
        let request = SendSignalRequest {
            event: Some(event),
            signal_id: String::new(),
        };
        self.signals.send_signal(request).await.unwrap();
        let request = GetReportRequest {
            case_name: case_name.to_owned(),
            id: id.to_owned(),
            wait: Some(DEADLINE.try_into().unwrap()),
        };
        let report = self.reports.get_report(request).await.unwrap();
        let state = report.into_inner().report.unwrap().state();
        let expected = if passes { State::Pass } else { State::Fail };
        assert_eq!(state, expected);
    }

    /// Declares a case and lets it swing until it flaps: see [`TOLD`].
    pub async fn swing_all(&mut self, case_name: &str) {
        self.apply(case_name, &[]).await;
        for (number, passes) in [false, true, false, true, false].into_iter().enumerate() {
            self.swing(case_name, &number.to_string(), passes).await;
        }
    }

    /// What is not told yet and what was given up, in one state or in any.
    pub async fn list(&mut self, state: NotificationState) -> Vec<Notification> {
        let mut all = Vec::new();
        let mut page_token = String::new();
        loop {
            let request = ListNotificationsRequest {
                state: state.into(),
                // More than one page where there are many.
                page_size: 7,
                page_token,
                ..ListNotificationsRequest::default()
            };
            let page = self.notifications.list_notifications(request).await;
            let page = page.unwrap().into_inner();
            all.extend(page.notifications);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return all;
            }
        }
    }

    /// Waits until there are so many in a state.
    pub async fn wait_for(&mut self, state: NotificationState, count: usize) -> Vec<Notification> {
        let waited = timeout(DEADLINE, async {
            loop {
                let found = self.list(state).await;
                if found.len() == count {
                    return found;
                }
            }
        });
        let waited = waited.await;
        waited.unwrap_or_else(|_| panic!("there never are {count} {state:?}"))
    }

    pub async fn retry(&mut self, case_name: &str, id: &str) -> Result<u32, Status> {
        let request = RetryNotificationsRequest {
            case_name: case_name.to_owned(),
            webhook: String::new(),
            id: id.to_owned(),
        };
        let answer = self.notifications.retry_notifications(request).await?;
        Ok(answer.into_inner().queued)
    }
}
