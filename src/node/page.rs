//! A page of a list: as many items as were asked for, or as fit into a message
//! that clients take.

use std::cmp::Ordering;

use prost::Message;

use crate::{
    convert::{
        case::case_to_pb,
        value::{message_len, object_len},
    },
    engine::health::Subject,
    model::{
        Case, CaseStatus, ExecutionView, Failure, FailureGroup, Position, ReceivedSignal,
        TestExecution, TestReport, Time,
    },
    pb::storage as pb,
};

use super::{Notified, token};

/// Place of an item in a list, which has the newest first: its sort time,
/// partition and position.
pub(super) type Place = (Time, u32, Position);

/// Most bytes of a page, about; clients take messages of 4 MiB. A single item
/// may be larger.
const PAGE_BYTES: usize = 1 << 20;
/// Items that are looked up at once while it is not known how large they are.
const PORTION: usize = 64;
/// Most items that are looked up at once: each look-up goes through all that is
/// live, so there should be few, and each is held in memory as a whole.
const LARGE_PORTION: usize = 256;
/// Bytes of an item beside what its senders put into it, about.
const FRAME: usize = 512;

/// A page in the making.
pub(super) struct Page<T> {
    items: Vec<T>,
    /// Behind this place it goes on.
    pub after: Option<Place>,
    room: usize,
    bytes: usize,
    more: bool,
    full: bool,
}

impl<T> Page<T> {
    /// A page of at most `size` items behind a place.
    pub(super) fn new(after: Option<Place>, size: usize) -> Page<T> {
        Page {
            items: Vec::new(),
            after,
            room: size,
            bytes: PAGE_BYTES,
            more: false,
            full: false,
        }
    }

    /// How many items to look up next, and one to see whether there are more.
    pub(super) fn wants(&self) -> Option<usize> {
        let portion = match self.items.len() {
            0 => PORTION,
            // As many as fit, if they are like those before.
            count => {
                let each = (PAGE_BYTES - self.bytes) / count;
                (self.bytes / each.max(1)).clamp(1, LARGE_PORTION)
            }
        };
        let wants = self.room.min(portion);
        (wants > 0 && !self.full).then_some(wants + 1)
    }

    /// Adds what was found, when as many as wanted were looked up.
    pub(super) fn add(&mut self, found: Vec<(Place, T)>, bytes: impl Fn(&T) -> usize) {
        let wanted = self.wants().unwrap_or_default();
        self.more = found.len() >= wanted;
        self.full = !self.more;
        for (place, item) in found.into_iter().take(wanted.saturating_sub(1)) {
            let bytes = bytes(&item);
            if bytes > self.bytes && !self.items.is_empty() {
                (self.more, self.full) = (true, true);
                return;
            }
            self.bytes = self.bytes.saturating_sub(bytes);
            self.room -= 1;
            self.after = Some(place);
            self.items.push(item);
        }
    }

    /// The items, and the token of the next page if there is one.
    pub(super) fn finish(self, request: u32) -> (Vec<T>, String) {
        let token = match self.after {
            Some((time, partition, position)) if self.more => token::page_token(&pb::PageToken {
                request,
                time_micros: time.timestamp_micros(),
                partition,
                position,
                name: String::new(),
            }),
            _ => String::new(),
        };
        (self.items, token)
    }
}

/// How many items of these sizes fit into a page: one at least.
pub(super) fn fitting(sizes: impl Iterator<Item = usize>) -> usize {
    let mut bytes = 0_usize;
    let fit = sizes.take_while(|size| {
        bytes = bytes.saturating_add(*size);
        bytes <= PAGE_BYTES
    });
    fit.count().max(1)
}

/// Cuts a list to a page of at most `page_size` items that fit; whether there was
/// more.
pub(super) fn cut<T>(items: &mut Vec<T>, page_size: usize, bytes: impl Fn(&T) -> usize) -> bool {
    let fit = fitting(items.iter().map(bytes)).min(page_size);
    let more = items.len() > fit;
    items.truncate(fit);
    more
}

/// Keeps the first `count` items in an order, and these in any order.
pub(super) fn keep_first<T>(items: &mut Vec<T>, count: usize, order: impl Fn(&T, &T) -> Ordering) {
    if items.len() > count {
        items.select_nth_unstable_by(count, order);
        items.truncate(count);
    }
}

/// How many items a watch reads from the archive at once: fewer while they are
/// large.
#[derive(Debug)]
pub(super) struct Portion(usize);

impl Portion {
    pub(super) fn new() -> Portion {
        Portion(PORTION)
    }

    pub(super) fn wants(&self) -> usize {
        self.0
    }

    /// Cuts what was read to what fits; whether it was more.
    pub(super) fn cut<T>(&mut self, read: &mut Vec<T>, bytes: impl Fn(&T) -> usize) -> bool {
        let fit = fitting(read.iter().map(bytes));
        let cut = fit < read.len();
        read.truncate(fit);
        self.0 = match cut {
            true => fit,
            false => (2 * self.0).min(LARGE_PORTION),
        };
        cut
    }
}

/// Size of a case as a message, about.
pub(super) fn case_bytes(case: &Case) -> usize {
    FRAME + case_to_pb(case).encoded_len()
}

/// Size of a case's status as a message, about.
pub(super) fn status_bytes(status: &CaseStatus) -> usize {
    let failed = status.last_failure.as_ref();
    let failed = failed.map_or(0, |one| one.id.len() + one.error.len());
    let probe = status.probe.as_ref();
    let probe = probe.and_then(|probe| probe.error.as_ref());
    let latencies = status.signal_latency.keys();
    let latencies: usize = latencies.map(|name| 64 + name.len()).sum();
    2 * FRAME + status.reason.len() + failed + probe.map_or(0, String::len) + latencies
}

/// Size of failures that look alike as a message, about.
pub(super) fn group_bytes(case_name: &str, group: &FailureGroup) -> usize {
    let examples = group.examples.iter();
    let examples: usize = examples.map(|id| 8 + id.len()).sum();
    FRAME + case_name.len() + failure_bytes(&group.failure) + examples + group.error.len()
}

fn failure_bytes(failure: &Failure) -> usize {
    let Failure {
        fingerprint,
        contract,
        signal,
        last_signal,
    } = failure;
    32 + fingerprint.len() + contract.len() + signal.len() + last_signal.len()
}

/// Size of a notification as a message, about.
pub(super) fn notification_bytes(case_name: &str, notified: &Notified) -> usize {
    let notification = notified.notification();
    let text = match &notification.subject {
        Subject::Transition(transition) => transition.reason.len(),
        Subject::Report { id, .. } => id.len(),
    };
    let error = match notified {
        Notified::Pending(_) => 0,
        Notified::Dead(dead) => dead.error.len(),
    };
    FRAME + case_name.len() + notification.webhook.len() + text + error
}

/// Size of a report as a message, about.
pub(super) fn report_bytes(report: &TestReport) -> usize {
    let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    let test = report.test.as_ref().map_or(0, test_bytes);
    let latencies = report.signal_latency.keys();
    let latencies: usize = latencies.map(|name| 32 + name.len()).sum();
    let failure = report.failure.as_ref().map_or(0, failure_bytes);
    let texts = text(&report.error) + text(&report.traceback);
    FRAME + report.case_name.len() + test + texts + latencies + failure
}

/// Size of an execution as a message, about.
pub(super) fn view_bytes(view: &ExecutionView) -> usize {
    let signals = view.signals.iter().chain(&view.late_signals);
    let signals: usize = signals.map(signal_bytes).sum();
    let progress = view.progress.iter();
    let progress: usize = progress.map(|one| 64 + one.signal_name.len()).sum();
    let report = view.report.as_ref().map_or(0, report_bytes);
    FRAME + test_bytes(&view.test) + progress + signals + report
}

fn test_bytes(test: &TestExecution) -> usize {
    let args: usize = test.test_args.iter().map(message_len).sum();
    let labels = test.labels.iter();
    let labels: usize = labels.map(|(name, text)| 8 + name.len() + text.len()).sum();
    let texts = test.id.len() + test.case_name.len() + test.traceparent.len();
    FRAME + args + object_len(&test.test_kwargs) + labels + texts
}

fn signal_bytes(signal: &ReceivedSignal) -> usize {
    FRAME + message_len(&signal.event.key) + message_len(&signal.event.value)
}

#[cfg(test)]
mod tests;
