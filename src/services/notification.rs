//! `NotificationService`.

use tonic::{Request, Response, Status};

use crate::{
    convert::{
        Violations,
        models::state_to_pb,
        names::{check_case_name, check_signal_name},
        notification::webhook_to_pb,
        time::time_to_pb,
        violation::quoted,
    },
    model::Redelivery,
    node::{Node, NotificationFilter, Notified},
    pb::v1::{
        ListNotificationsRequest, ListNotificationsResponse, ListWebhooksRequest,
        ListWebhooksResponse, Notification, NotificationState, RetryNotificationsRequest,
        RetryNotificationsResponse, notification_service_server::NotificationService,
    },
};

use super::{
    fields::{self, given},
    status::invalid,
};

/// The service; a thin one over the node.
#[derive(Clone)]
pub struct NotificationCalls {
    pub(super) node: Node,
}

#[tonic::async_trait]
impl NotificationService for NotificationCalls {
    async fn list_webhooks(
        &self,
        request: Request<ListWebhooksRequest>,
    ) -> Result<Response<ListWebhooksResponse>, Status> {
        let ListWebhooksRequest {} = request.into_inner();
        let mut webhooks: Vec<_> = self.node.webhooks().iter().map(webhook_to_pb).collect();
        webhooks.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(Response::new(ListWebhooksResponse { webhooks }))
    }

    async fn list_notifications(
        &self,
        request: Request<ListNotificationsRequest>,
    ) -> Result<Response<ListNotificationsResponse>, Status> {
        let ListNotificationsRequest {
            case_name,
            webhook,
            state,
            page_size,
            page_token,
        } = request.into_inner();
        let mut bad = Violations::new();
        let case_name = fields::read_case_name(case_name, &mut bad);
        let webhook = read_webhook(webhook, &mut bad);
        let state = read_state(state, &mut bad);
        let size = fields::read_page_size(page_size, &mut bad);
        let read = (|| {
            let state = state?;
            let filter = NotificationFilter {
                case_name: case_name?,
                webhook: webhook?,
                pending: state == NotificationState::Pending,
                dead: state == NotificationState::Dead,
            };
            Some((filter, size?))
        })();
        let (filter, size) = bad.finish(read).map_err(invalid)?;
        let page = self.node.list_notifications(&filter, size, &page_token);
        let (found, next_page_token) = page?;
        let found = found.iter();
        Ok(Response::new(ListNotificationsResponse {
            notifications: found.map(|(case, one)| self.shown(case, one)).collect(),
            next_page_token,
        }))
    }

    async fn retry_notifications(
        &self,
        request: Request<RetryNotificationsRequest>,
    ) -> Result<Response<RetryNotificationsResponse>, Status> {
        let RetryNotificationsRequest {
            case_name,
            webhook,
            id,
        } = request.into_inner();
        let mut bad = Violations::new();
        let named = check_case_name(&case_name, &mut bad.field("case_name"));
        let webhook = read_webhook(webhook, &mut bad);
        let position = match given(id) {
            None => Some(None),
            Some(id) => {
                let position = self.node.notification_position(&case_name, &id);
                // It tells nothing of an id where it is not known of which case.
                if named && position.is_none() {
                    let case = quoted(&case_name);
                    let id = quoted(&id);
                    bad.add_to("id", format!("{id} is no id of a notification of {case}"));
                }
                position.map(Some)
            }
        };
        let read = (|| {
            Some(Redelivery {
                webhook: webhook?,
                position: position?,
                case_name: Some(case_name).filter(|_| named)?,
            })
        })();
        let wanted = bad.finish(read).map_err(invalid)?;
        let queued = self.node.retry_notifications(wanted).await?;
        Ok(Response::new(RetryNotificationsResponse {
            queued: u32::try_from(queued).unwrap_or(u32::MAX),
        }))
    }
}

impl NotificationCalls {
    fn shown(&self, case_name: &str, notified: &Notified) -> Notification {
        let notification = notified.notification();
        let (state, attempts, error) = match notified {
            Notified::Pending(_) => (NotificationState::Pending, 0, String::new()),
            Notified::Dead(dead) => (NotificationState::Dead, dead.attempts, dead.error.clone()),
        };
        Notification {
            id: self.node.notification_id(case_name, notification),
            webhook: notification.webhook.clone(),
            case_name: case_name.to_owned(),
            queued_at: Some(time_to_pb(notification.queued_at)),
            state: state.into(),
            text: notification.subject.text(),
            case_state: state_to_pb(notification.subject.state()).into(),
            attempts,
            error,
        }
    }
}

/// Reads the name of a webhook that may be left out; the outer `None` is a
/// violation.
fn read_webhook(name: String, bad: &mut Violations) -> Option<Option<String>> {
    match given(name) {
        Some(name) if !check_signal_name(&name, &mut bad.field("webhook")) => None,
        name => Some(name),
    }
}

fn read_state(state: i32, bad: &mut Violations) -> Option<NotificationState> {
    let known = NotificationState::try_from(state).ok();
    if known.is_none() {
        bad.add_to("state", format!("{state} is no state of a notification"));
    }
    known
}
