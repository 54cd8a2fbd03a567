//! A page of a list: as many items as were asked for, or as fit into a message
//! that clients take.

use prost::Message;

use crate::{
    convert::{
        case::case_to_pb,
        value::{message_len, object_len},
    },
    model::{Case, ExecutionView, Position, ReceivedSignal, TestExecution, TestReport, Time},
    pb::storage as pb,
};

use super::token;

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

/// Size of a report as a message, about.
pub(super) fn report_bytes(report: &TestReport) -> usize {
    let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    let test = report.test.as_ref().map_or(0, test_bytes);
    let latencies = report.signal_latency.keys();
    let latencies: usize = latencies.map(|name| 32 + name.len()).sum();
    FRAME + test + text(&report.error) + text(&report.traceback) + latencies
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
    FRAME + args + object_len(&test.test_kwargs) + labels
}

fn signal_bytes(signal: &ReceivedSignal) -> usize {
    FRAME + message_len(&signal.event.key) + message_len(&signal.event.value)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        convert::models::{report_to_pb, view_to_pb},
        model::{SignalProgress, State},
    };

    #[test]
    fn the_size_of_an_execution_counts_all_of_its_signals() {
        let now = Time::from_timestamp_micros(1_780_000_000_123_456).unwrap();
        let test = TestExecution {
            traceparent: String::new(),
            id: "id".to_owned(),
            case_name: "orders".to_owned(),
            timestamp: now,
            test_args: Vec::new(),
            test_kwargs: serde_json::Map::new(),
            expires: now,
            labels: [].into(),
        };
        let names = (0..64).map(|n| format!("signal-{n}"));
        let latency = Duration::new(1_000_000, 123_456_789);
        let report = TestReport {
            failure: None,
            case_name: test.case_name.clone(),
            state: State::Pass,
            test: Some(test.clone()),
            runtime: None,
            signal_latency: names.clone().map(|name| (name, latency)).collect(),
            error: None,
            traceback: None,
            concluded_at: now,
        };
        let progress = names.map(|signal_name| SignalProgress {
            signal_name,
            count: 1,
            min: 1,
            max: Some(1),
            settled: true,
            clock_started_at: Some(now),
            deadline: now,
            latency: Some(latency),
        });
        let view = ExecutionView {
            test,
            case_revision: 1,
            progress: progress.collect(),
            signals: Vec::new(),
            signal_count: 64,
            late_signals: Vec::new(),
            late_signal_count: 0,
            report: Some(report.clone()),
        };
        let message = report_to_pb(&report).encoded_len();
        assert!((message..3 * message).contains(&report_bytes(&report)));
        let message = view_to_pb(&view, now).encoded_len();
        assert!((message..3 * message).contains(&view_bytes(&view)));
    }

    /// Pages through numbers, each of `bytes`, of which there are `count`.
    fn pages(count: u64, size: usize, bytes: usize) -> Vec<usize> {
        let (mut lens, mut after) = (Vec::new(), None);
        loop {
            let mut page = Page::new(after, size);
            while let Some(limit) = page.wants() {
                let first = page.after.map_or(0, |(.., position)| position + 1);
                let found = (first..count).take(limit);
                let found = found.map(|n| ((Time::default(), 0, n), n)).collect();
                page.add(found, |_| bytes);
            }
            after = page.after;
            let (items, token) = page.finish(1);
            let first = lens.iter().sum::<usize>() as u64;
            let next = first + items.len() as u64;
            assert_eq!(items, (first..next).collect::<Vec<_>>());
            lens.push(items.len());
            if token.is_empty() {
                assert_eq!(next, count);
                return lens;
            }
        }
    }

    #[test]
    fn portions_go_by_the_size_of_the_items() {
        for (bytes, expected) in [
            (0, &[64, 256, 256, 256, 168][..]),
            (100, &[64, 256, 256, 256, 168]),
            (PAGE_BYTES / 100, &[64, 36, 1]),
            (PAGE_BYTES / 3, &[64]),
            (2 * PAGE_BYTES, &[64]),
        ] {
            let mut page = Page::new(None, 1000);
            let mut portions = Vec::new();
            while let Some(limit) = page.wants() {
                portions.push(limit - 1);
                let found = (0..limit as u64).map(|n| ((Time::default(), 0, n), n));
                page.add(found.collect(), |_| bytes);
            }
            assert_eq!(portions, expected, "{bytes}");
        }
    }

    #[test]
    fn a_watch_reads_less_while_items_are_large() {
        let mut portion = Portion::new();
        for (bytes, len, expected) in [
            (100, 64, (64, false, 128)),
            (100, 128, (128, false, 256)),
            (100, 256, (256, false, 256)),
            (PAGE_BYTES / 3, 256, (3, true, 3)),
            (PAGE_BYTES / 3, 3, (3, false, 6)),
            (2 * PAGE_BYTES, 6, (1, true, 1)),
            (2 * PAGE_BYTES, 1, (1, false, 2)),
            (0, 0, (0, false, 4)),
        ] {
            let mut read = vec![bytes; len];
            let cut = portion.cut(&mut read, |bytes| *bytes);
            assert_eq!((read.len(), cut, portion.wants()), expected, "{bytes}");
        }
    }

    #[test]
    fn pages_are_as_long_as_asked_for_or_as_fits() {
        for (count, size, bytes, expected) in [
            (0, 50, 100, vec![0]),
            (3, 50, 100, vec![3]),
            (100, 50, 100, vec![50, 50]),
            (101, 50, 100, vec![50, 50, 1]),
            (300, 1000, 100, vec![300]),
            (128, 128, 0, vec![128]),
            (129, 128, 0, vec![128, 1]),
            (7, 50, PAGE_BYTES / 3, vec![3, 3, 1]),
            (3, 50, PAGE_BYTES + 1, vec![1, 1, 1]),
            (3, 1, PAGE_BYTES, vec![1, 1, 1]),
        ] {
            assert_eq!(
                pages(count, size, bytes),
                expected,
                "{count} {size} {bytes}"
            );
        }
    }
}
