//! What webhooks are to be told of one case: by webhook and in order. A webhook
//! takes one after the other, so that it is told in order.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use crate::model::{Delivered, Position, Redelivery, State, Time, Transition};

/// Notifications that wait for one webhook; of more, the oldest is given up.
pub const PENDING: usize = 256;
/// Notifications of a case that were given up and are kept; of more, the oldest
/// is forgotten.
pub const DEAD: usize = 256;

/// Something that a webhook is to be told.
#[derive(Clone, Debug, PartialEq)]
pub struct Notification {
    /// Name of the webhook.
    pub webhook: String,
    /// Position of the event that it is told of.
    pub position: Position,
    /// When that was recorded.
    pub queued_at: Time,
    /// What it is told.
    pub subject: Subject,
}

/// What a webhook is told of.
#[derive(Clone, Debug, PartialEq)]
pub enum Subject {
    /// A change of the health of a case.
    Transition(Arc<Transition>),
    /// The report on an execution. It may be large and is kept elsewhere.
    Report {
        /// Id of the execution.
        id: String,
        /// The verdict.
        state: State,
    },
}

impl Subject {
    /// State of the case, or of the report.
    pub fn state(&self) -> State {
        match self {
            Subject::Transition(transition) => transition.state,
            Subject::Report { state, .. } => *state,
        }
    }

    /// What it says, for people.
    pub fn text(&self) -> String {
        match self {
            Subject::Transition(transition) => transition.reason.clone(),
            Subject::Report { id, .. } => format!("execution {id}"),
        }
    }
}

/// A notification that was given up.
#[derive(Clone, Debug, PartialEq)]
pub struct DeadNotification {
    /// What it is.
    pub notification: Arc<Notification>,
    /// Attempts that failed.
    pub attempts: u32,
    /// Why it was given up.
    pub error: String,
}

/// The notifications of one case.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Notifications {
    pub(super) pending: BTreeMap<String, VecDeque<Arc<Notification>>>,
    pub(super) dead: VecDeque<DeadNotification>,
}

impl Notifications {
    /// Queues what webhooks are to be told.
    pub(in crate::engine) fn queue(
        &mut self,
        webhooks: &[String],
        position: Position,
        queued_at: Time,
        subject: &Subject,
    ) {
        for webhook in webhooks {
            self.put(Arc::new(Notification {
                webhook: webhook.clone(),
                position,
                queued_at,
                subject: subject.clone(),
            }));
        }
    }

    pub(super) fn put(&mut self, notification: Arc<Notification>) {
        let queue = self
            .pending
            .entry(notification.webhook.clone())
            .or_default();
        let crowded = (queue.len() >= PENDING)
            .then(|| queue.pop_front())
            .flatten();
        queue.push_back(notification);
        if let Some(notification) = crowded {
            self.bury(DeadNotification {
                notification,
                attempts: 0,
                error: format!("more than {PENDING} notifications waited"),
            });
        }
    }

    /// Takes note that a webhook was told, or that this was given up.
    pub(in crate::engine) fn delivered(&mut self, delivered: &Delivered) {
        let is_it = |one: &Notification| {
            one.webhook == delivered.webhook && one.position == delivered.position
        };
        let queue = self.pending.get_mut(&delivered.webhook);
        let found = queue.and_then(|queue| {
            let told = queue.iter().position(|one| is_it(one));
            queue.remove(told?)
        });
        self.pending.retain(|_, queue| !queue.is_empty());
        let Some(notification) = found else {
            if delivered.error.is_none() {
                // It was crowded out while it was on its way.
                self.dead.retain(|dead| !is_it(&dead.notification));
            }
            return;
        };
        if let Some(error) = &delivered.error {
            self.bury(DeadNotification {
                notification,
                attempts: delivered.attempts,
                error: error.clone(),
            });
        }
    }

    /// Queues again what was given up; how many those are.
    pub(in crate::engine) fn retry(&mut self, wanted: &Redelivery) -> usize {
        let fits = |one: &Notification| {
            wanted
                .webhook
                .as_ref()
                .is_none_or(|name| *name == one.webhook)
                && wanted.position.is_none_or(|at| at == one.position)
        };
        let (again, left): (VecDeque<_>, VecDeque<_>) = std::mem::take(&mut self.dead)
            .into_iter()
            .partition(|dead| fits(&dead.notification));
        self.dead = left;
        let count = again.len();
        for dead in again {
            self.put(dead.notification);
        }
        count
    }

    fn bury(&mut self, dead: DeadNotification) {
        if self.dead.len() >= DEAD {
            self.dead.pop_front();
        }
        self.dead.push_back(dead);
    }

    /// Whether something waits.
    pub(in crate::engine) fn are_waiting(&self) -> bool {
        !self.pending.is_empty()
    }

    /// What each webhook is to be told next.
    pub fn next(&self) -> impl Iterator<Item = &Arc<Notification>> {
        self.pending.values().filter_map(VecDeque::front)
    }

    /// What waits, by webhook and in order.
    pub fn pending(&self) -> impl Iterator<Item = &Arc<Notification>> {
        self.pending.values().flatten()
    }

    /// What was given up, in the order in which it was.
    pub fn dead(&self) -> impl Iterator<Item = &DeadNotification> {
        self.dead.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Subject {
        Subject::Report {
            id: "e1".to_owned(),
            state: State::Pass,
        }
    }

    fn told(position: Position, error: Option<&str>) -> Delivered {
        Delivered {
            case_name: "c".to_owned(),
            webhook: "a".to_owned(),
            position,
            attempts: 3,
            error: error.map(str::to_owned),
        }
    }

    fn positions(notifications: &Notifications) -> (Vec<Position>, Vec<Position>) {
        let pending = notifications.pending().map(|one| one.position);
        let dead = notifications.dead().map(|one| one.notification.position);
        (pending.collect(), dead.collect())
    }

    #[test]
    fn told_given_up_and_tried_again() {
        let mut all = Notifications::default();
        let webhooks = ["a".to_owned(), "b".to_owned()];
        for position in [1, 2] {
            all.queue(&webhooks, position, Time::UNIX_EPOCH, &report());
        }
        all.delivered(&told(1, Some("503")));
        // Given up twice, and told without being queued: nothing.
        all.delivered(&told(1, Some("503")));
        all.delivered(&told(9, None));
        assert_eq!(positions(&all), (vec![2, 1, 2], vec![1]));
        let next: Vec<_> = all
            .next()
            .map(|one| (&*one.webhook, one.position))
            .collect();
        assert_eq!(next, [("a", 2), ("b", 1)]);

        let mut wanted = Redelivery {
            case_name: "c".to_owned(),
            webhook: Some("b".to_owned()),
            position: None,
        };
        assert_eq!(all.retry(&wanted), 0);
        wanted.webhook = None;
        wanted.position = Some(1);
        assert_eq!(all.retry(&wanted), 1);
        assert_eq!(positions(&all), (vec![2, 1, 1, 2], vec![]));
    }

    #[test]
    fn bounded() {
        let mut all = Notifications::default();
        for position in 0..(PENDING + DEAD + 10) as Position {
            all.queue(&["a".to_owned()], position, Time::UNIX_EPOCH, &report());
        }
        let (pending, dead) = positions(&all);
        assert_eq!((pending.len(), dead.len()), (PENDING, DEAD));
        assert_eq!(dead.first(), Some(&10));
        // One that was on its way when it was crowded out.
        all.delivered(&told(10, None));
        assert_eq!(positions(&all).1.first(), Some(&11));
    }
}
