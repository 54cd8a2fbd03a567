//! What webhooks are to be told: what is next, what was given up, and what
//! became of it.

use std::sync::Arc;

use tokio::sync::oneshot;
use uuid::Uuid;

use crate::{
    engine::{
        Answer,
        health::{DeadNotification, Notification},
    },
    journal::Admission,
    model::{Delivered, Event, Position, Redelivery, Webhook},
    pb::storage as pb,
};

use super::{
    Appended, Node, NodeError, Reply,
    page::{cut, keep_first, notification_bytes},
    token,
};

/// Where a notification stands.
#[derive(Clone, Debug)]
pub enum Notified {
    /// It waits.
    Pending(Arc<Notification>),
    /// It was given up.
    Dead(DeadNotification),
}

impl Notified {
    /// What it is.
    pub fn notification(&self) -> &Arc<Notification> {
        match self {
            Notified::Pending(notification) => notification,
            Notified::Dead(dead) => &dead.notification,
        }
    }
}

/// Which notifications to list.
#[derive(Clone, Debug, Default)]
pub struct NotificationFilter {
    /// Only of this case.
    pub case_name: Option<String>,
    /// Only for this webhook.
    pub webhook: Option<String>,
    /// Only those that wait.
    pub pending: bool,
    /// Only those that were given up.
    pub dead: bool,
}

impl Node {
    /// The webhooks of the server.
    pub fn webhooks(&self) -> &[Webhook] {
        &self.options().webhooks
    }

    /// Identity of the journal.
    pub fn journal_id(&self) -> Uuid {
        self.journal().id()
    }

    /// Id of a notification: where the event of which it tells is, in which
    /// journal. So it differs from those of other servers, and of this one's
    /// earlier data.
    pub fn notification_id(&self, case_name: &str, notification: &Notification) -> String {
        format!("{}{}", self.id_prefix(case_name), notification.position)
    }

    /// The position in an id; none if it is no id of a case's notification.
    pub fn notification_position(&self, case_name: &str, id: &str) -> Option<Position> {
        let position = id.strip_prefix(&self.id_prefix(case_name))?;
        let plain = position.bytes().all(|b| b.is_ascii_digit());
        position.parse().ok().filter(|_| plain)
    }

    fn id_prefix(&self, case_name: &str) -> String {
        // The last digits are random in every version of UUIDs that is in use.
        let journal = self.journal_id().as_u128() & 0xffff_ffff;
        format!("{journal:08x}-{}-", self.partition_number(case_name))
    }

    /// What webhooks are to be told next of cases: the name of the case and the
    /// notification, of each case and webhook that is wanted by their names. No
    /// others are copied, as their partition is locked meanwhile.
    pub fn next_notifications(
        &self,
        wanted: impl Fn(&str, &str) -> bool,
    ) -> Vec<(String, Arc<Notification>)> {
        let mut next = Vec::new();
        for partition in self.partitions() {
            let state = partition.lock();
            for (case, health) in state.engine.notifying() {
                let of_case = health.notifications().next();
                let of_case = of_case.filter(|one| wanted(&case.name, &one.webhook));
                next.extend(of_case.map(|one| (case.name.clone(), Arc::clone(one))));
            }
        }
        next
    }

    /// What a webhook is to be told next of a case.
    pub fn next_notification(&self, case_name: &str, webhook: &str) -> Option<Arc<Notification>> {
        let state = self.partition(case_name).lock();
        let (_, health) = state.engine.health(case_name)?;
        let mut next = health.notifications().next();
        next.find(|one| one.webhook == webhook).map(Arc::clone)
    }

    /// Resolves when what webhooks are to be told may have changed since the last
    /// call.
    pub async fn notifications_changed(&self) {
        self.0.notified.notified().await;
    }

    /// Takes note that a webhook was told, or that this was given up; resolves
    /// when that is durable and what comes next is known.
    pub async fn delivered(&self, delivered: Delivered) -> Result<(), NodeError> {
        let number = self.partition_number(&delivered.case_name);
        let (caller, answer) = oneshot::channel();
        let event = Event::Delivered(delivered);
        self.journal()
            .append(number, Admission::Always, vec![(event, Reply::One(caller))]);
        Appended(answer).answer().await.map(drop)
    }

    /// A page of notifications by case and in their order, each with the name of
    /// its case, and the token of the next page.
    pub fn list_notifications(
        &self,
        filter: &NotificationFilter,
        page_size: usize,
        page_token: &str,
    ) -> Result<(Vec<(String, Notified)>, String), NodeError> {
        let request = token::request_checksum(&("notifications", filter));
        let after = token::read_page_token(page_token, request)?;
        let after = after.as_ref().map(|token| {
            // A name of a webhook has no line feed, and that of a case neither.
            let (case, webhook) = token.name.split_once('\n').unwrap_or((&token.name, ""));
            (case, token.position, webhook)
        });
        let is_wanted = |case: &str, one: &Notification| {
            let webhook = filter.webhook.as_ref();
            webhook.is_none_or(|name| *name == one.webhook)
                && after.is_none_or(|after| place(case, one) > after)
        };
        let (pending, dead) = (
            filter.pending || !filter.dead,
            filter.dead || !filter.pending,
        );
        let mut found = Vec::new();
        for partition in self.partitions() {
            let state = partition.lock();
            let mut here: Vec<(&str, Listed<'_>)> = Vec::new();
            for (case, health) in state.engine.healths() {
                let case_name = filter.case_name.as_ref();
                if case_name.is_some_and(|name| *name != case.name) {
                    continue;
                }
                let all = health.notifications();
                let pending = all.pending().filter(|_| pending).map(Listed::Pending);
                let dead = all.dead().filter(|_| dead).map(Listed::Dead);
                let both = pending.chain(dead);
                let wanted = both.filter(|one| is_wanted(&case.name, one.notification()));
                here.extend(wanted.map(|one| (case.name.as_str(), one)));
            }
            keep_first(&mut here, page_size.saturating_add(1), |one, other| {
                place(one.0, one.1.notification()).cmp(&place(other.0, other.1.notification()))
            });
            let here = here.into_iter();
            found.extend(here.map(|(case, one)| (case.to_owned(), one.notified())));
        }
        found.sort_by(|(case, one), (other_case, other)| {
            let other = place(other_case, other.notification());
            place(case, one.notification()).cmp(&other)
        });
        let more = cut(&mut found, page_size, |(case, one)| {
            notification_bytes(case, one)
        });
        let next = match found.last().filter(|_| more) {
            Some((case, one)) => {
                let (case, position, webhook) = place(case, one.notification());
                token::page_token(&pb::PageToken {
                    request,
                    position,
                    name: format!("{case}\n{webhook}"),
                    ..pb::PageToken::default()
                })
            }
            None => String::new(),
        };
        Ok((found, next))
    }

    /// Queues again what was given up; how much that was.
    pub async fn retry_notifications(&self, wanted: Redelivery) -> Result<usize, NodeError> {
        let name = wanted.case_name.clone();
        self.case(&name)?;
        match self
            .append(&name, Event::Redelivered(wanted))
            .answer()
            .await?
        {
            Answer::Redelivered(Some(queued)) => Ok(queued),
            Answer::Redelivered(None) => Err(NodeError::CaseNotFound(name)),
            other => Err(super::unexpected(&other)),
        }
    }
}

/// A notification under the lock, not cloned yet.
#[derive(Clone, Copy)]
enum Listed<'a> {
    Pending(&'a Arc<Notification>),
    Dead(&'a DeadNotification),
}

impl<'a> Listed<'a> {
    fn notification(self) -> &'a Notification {
        match self {
            Listed::Pending(notification) => notification,
            Listed::Dead(dead) => &dead.notification,
        }
    }

    fn notified(self) -> Notified {
        match self {
            Listed::Pending(notification) => Notified::Pending(Arc::clone(notification)),
            Listed::Dead(dead) => Notified::Dead(dead.clone()),
        }
    }
}

/// Place of a notification in the list: the name of its case, its position and
/// the name of its webhook.
fn place<'a>(case_name: &'a str, one: &'a Notification) -> (&'a str, Position, &'a str) {
    (case_name, one.position, &one.webhook)
}
