//! Tells webhooks what the node has queued for them.
//!
//! Each webhook is told of each case by one worker: one notification after the
//! other, in their order, the next one only once the node has taken note that
//! the one before was delivered or given up. So a receiver sees each at least
//! once, and what was confirmed never again; the id tells repetitions.
//!
//! Knows the node only by what is next and what came of it; keeps nothing that a
//! restart would miss.

mod alertmanager;
mod backoff;
mod cloudevents;
mod message;
mod post;
mod sign;
mod slack;
#[cfg(test)]
mod tests;

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use futures_util::FutureExt as _;
use tokio::{
    sync::Semaphore,
    task::{Id, JoinError, JoinSet},
    time::{Instant, sleep, sleep_until, timeout},
};

use crate::{
    engine::health::{Notification, Subject},
    http::HttpClient,
    model::{Delivered, TestReport, Webhook},
    node::{Node, NodeError},
};

use message::{About, Standing, What, message};
use post::{Outgoing, post};

/// Least time between two looks at all cases.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// How long to wait before the node is asked again for what it could not do.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// How webhooks are told.
#[derive(Clone, Debug)]
pub struct Options {
    /// Pause after the first failed attempt, about; it doubles with each one.
    pub first_pause: Duration,
    /// The longest pause, about.
    pub longest_pause: Duration,
    /// The longest pause that a receiver can ask for.
    pub longest_asked: Duration,
    /// Attempts that may be under way at once, for each webhook.
    pub at_once: usize,
    /// How long attempts that are under way may take when the node goes down.
    pub ending: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            first_pause: Duration::from_secs(1),
            longest_pause: Duration::from_secs(300),
            longest_asked: Duration::from_secs(900),
            at_once: 8,
            ending: Duration::from_secs(1),
        }
    }
}

/// A case and a webhook that is told of it, by their names.
#[derive(Clone, Debug)]
struct Pair {
    case_name: String,
    webhook: String,
}

/// A webhook, and its places for attempts.
struct Receiver {
    webhook: Webhook,
    places: Semaphore,
}

/// What all workers share.
struct Notifier {
    node: Node,
    options: Options,
    client: HttpClient,
    receivers: HashMap<String, Receiver>,
    source: String,
}

/// Tells webhooks until the node goes down. What is under way then may end, for
/// a short time; the rest is told after the next start.
pub async fn run(node: Node, options: Options) {
    let receivers = node.webhooks().iter().map(|webhook| {
        let receiver = Receiver {
            webhook: webhook.clone(),
            places: Semaphore::new(options.at_once.clamp(1, Semaphore::MAX_PERMITS)),
        };
        (webhook.name.clone(), receiver)
    });
    let notifier = Arc::new(Notifier {
        receivers: receivers.collect(),
        source: format!("/livecheck/{}", node.journal_id()),
        client: HttpClient::default(),
        options,
        node,
    });
    let mut workers = Workers {
        notifier: Arc::clone(&notifier),
        tasks: JoinSet::new(),
        pairs: HashMap::new(),
        working: HashMap::new(),
    };
    let mut look_from = Instant::now();
    workers.look();
    loop {
        let changed = async {
            sleep_until(look_from).await;
            notifier.node.notifications_changed().await;
        };
        tokio::select! {
            biased;
            () = notifier.node.closing() => break,
            Some(ended) = workers.tasks.join_next_with_id() => workers.ended(ended),
            () = changed => {
                look_from = Instant::now() + LOOK_EVERY;
                workers.look();
            }
        }
    }
    let ended = async { while workers.tasks.join_next().await.is_some() {} };
    if timeout(notifier.options.ending, ended).await.is_err() {
        tracing::info!("attempts to tell webhooks are cut off; they are made after a restart");
    }
}

/// The workers: at most one for each pair.
struct Workers {
    notifier: Arc<Notifier>,
    tasks: JoinSet<()>,
    pairs: HashMap<Id, Pair>,
    /// By case, the webhooks that are told of it.
    working: HashMap<String, HashSet<String>>,
}

impl Workers {
    /// Starts workers where something is to be told and none is at work.
    fn look(&mut self) {
        let idle = |case_name: &str, webhook: &str| {
            let working = self.working.get(case_name);
            working.is_none_or(|webhooks| !webhooks.contains(webhook))
        };
        for (case_name, notification) in self.notifier.node.next_notifications(idle) {
            self.start(Pair {
                case_name,
                webhook: notification.webhook.clone(),
            });
        }
    }

    fn start(&mut self, pair: Pair) {
        let worker = Arc::clone(&self.notifier).work(pair.clone());
        let task = self.tasks.spawn(worker).id();
        self.pairs.insert(task, pair.clone());
        let webhooks = self.working.entry(pair.case_name).or_default();
        webhooks.insert(pair.webhook);
    }

    fn ended(&mut self, ended: Result<(Id, ()), JoinError>) {
        let task = match ended {
            Ok((task, ())) => task,
            Err(error) => {
                tracing::error!(%error, "a worker that tells a webhook ended unexpectedly");
                error.id()
            }
        };
        let Some(pair) = self.pairs.remove(&task) else {
            return;
        };
        if let Some(webhooks) = self.working.get_mut(&pair.case_name) {
            webhooks.remove(&pair.webhook);
            if webhooks.is_empty() {
                self.working.remove(&pair.case_name);
            }
        }
        // What was queued while it ended.
        if self.notifier.next(&pair).is_some() {
            self.start(pair);
        }
    }
}

impl Notifier {
    fn next(&self, pair: &Pair) -> Option<Arc<Notification>> {
        self.node.next_notification(&pair.case_name, &pair.webhook)
    }

    /// How a case stands; one that is gone stands well.
    fn standing(&self, case_name: &str) -> Standing {
        let view = self.node.case_view(case_name).ok();
        let status = view.map(|view| view.status());
        status.map_or_else(Standing::default, |status| Standing {
            incident: status.incident,
            flapping: status.flapping,
        })
    }

    /// Tells what is queued for a pair until nothing is left, or the node goes
    /// down.
    async fn work(self: Arc<Self>, pair: Pair) {
        while let Some(notification) = self.next(&pair) {
            if self.node.closing().now_or_never().is_some() {
                return;
            }
            if let Some(delivered) = self.deliver(&pair, &notification).await
                && !self.record(delivered).await
            {
                return;
            }
        }
    }

    /// Tells one; `None` if it is not to be told any more, or the node goes down.
    async fn deliver(&self, pair: &Pair, notification: &Notification) -> Option<Delivered> {
        let Pair { case_name, webhook } = pair;
        let id = self.node.notification_id(case_name, notification);
        let delivered = |attempts, error: Option<String>| {
            match &error {
                None => tracing::debug!(%id, case_name, webhook, attempts, "told a webhook"),
                Some(error) => {
                    tracing::warn!(%id, case_name, webhook, attempts, error, "gave up to tell a webhook");
                }
            }
            Some(Delivered {
                case_name: case_name.clone(),
                webhook: webhook.clone(),
                position: notification.position,
                attempts,
                error,
            })
        };
        let Some(receiver) = self.receivers.get(webhook) else {
            return delivered(0, Some("the settings name no such webhook".to_owned()));
        };
        let report;
        let what = match &notification.subject {
            Subject::Transition(transition) => What::Transition(transition),
            Subject::Report { id, .. } => match self.report(pair, notification, id).await? {
                Ok(found) => {
                    report = found;
                    What::Report(&report)
                }
                Err(error) => return delivered(0, Some(error.to_string())),
            },
        };
        let standing = self.standing(case_name);
        let about = About {
            id: &id,
            source: &self.source,
            case_name,
            what,
            standing: &standing,
        };
        let outgoing = match message(receiver.webhook.format, &about) {
            Ok(message) => Outgoing {
                id: id.clone(),
                content_type: message.content_type,
                body: message.body.to_string().into(),
            },
            Err(error) => return delivered(0, Some(error.to_string())),
        };
        let mut attempts = 0;
        loop {
            let place = self.unless_closing(receiver.places.acquire()).await?;
            let told = post(&self.client, &receiver.webhook, &outgoing, self.node.now());
            let failure = match told.await {
                Ok(()) => return delivered(attempts + 1, None),
                Err(failure) => failure,
            };
            drop(place);
            attempts += 1;
            if attempts >= receiver.webhook.max_attempts {
                return delivered(attempts, Some(failure.error));
            }
            let salt = format!("{id} {webhook}");
            let pause = backoff::pause(&self.options, attempts, failure.retry_after, &salt);
            let error = failure.error;
            tracing::info!(%id, case_name, webhook, attempts, error, ?pause, "a webhook was not told");
            self.unless_closing(sleep(pause)).await?;
            self.still_next(pair, notification)?;
        }
    }

    /// `None` if a notification is not the next one any more: its case may be
    /// deleted, or too much wait behind it.
    fn still_next(&self, pair: &Pair, notification: &Notification) -> Option<()> {
        let next = self.next(pair)?;
        (next.position == notification.position).then_some(())
    }

    /// The report of which a notification tells. It is asked for again while it
    /// cannot be read; the error says that it is no longer kept. `None` if it is
    /// not to be told any more, or the node goes down.
    async fn report(
        &self,
        pair: &Pair,
        notification: &Notification,
        execution: &str,
    ) -> Option<Result<TestReport, NodeError>> {
        let Pair { case_name, webhook } = pair;
        loop {
            match self.node.report(case_name, execution, Duration::ZERO).await {
                Err(NodeError::ShuttingDown) => return None,
                found @ (Ok(_) | Err(NodeError::ExecutionNotFound { .. })) => return Some(found),
                Err(error) => {
                    tracing::warn!(case_name, webhook, execution, %error, "a report was not read");
                }
            }
            self.unless_closing(sleep(ASK_AGAIN)).await?;
            self.still_next(pair, notification)?;
        }
    }

    /// Records what came of a notification, again if that failed: it must not be
    /// told once more because of it. Whether it is recorded; it is not if the
    /// node goes down.
    async fn record(&self, delivered: Delivered) -> bool {
        loop {
            match self.node.delivered(delivered.clone()).await {
                Ok(()) => return true,
                Err(NodeError::ShuttingDown) => return false,
                Err(error) => {
                    tracing::warn!(%error, "what came of a notification was not recorded");
                }
            }
            if self.unless_closing(sleep(ASK_AGAIN)).await.is_none() {
                return false;
            }
        }
    }

    async fn unless_closing<T>(&self, what: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.node.closing() => None,
            done = what => Some(done),
        }
    }
}
