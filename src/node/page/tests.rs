use std::{sync::Arc, time::Duration};

use super::*;
use crate::{
    convert::{
        models::{report_to_pb, view_to_pb},
        status::{failure_group_to_pb, status_to_pb},
        time::time_to_pb,
    },
    engine::health::{DeadNotification, Notification},
    model::{
        Absences, CaseControl, FailedExecution, Incident, IncidentCause, ProbeStatus,
        SamplingTotals, SignalProgress, SignalTotals, State, Summary,
    },
    pb::v1,
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

/// A time whose message is among the longest.
fn now() -> Time {
    Time::from_timestamp_micros(1_780_000_000_123_456).unwrap()
}

fn text(bytes: usize) -> String {
    "x".repeat(bytes)
}

#[test]
fn the_size_of_a_report_counts_its_texts() {
    let (now, long) = (now(), text(10_000));
    let report = TestReport {
        case_name: long.clone(),
        state: State::Fail,
        test: Some(TestExecution {
            id: long.clone(),
            case_name: long.clone(),
            timestamp: now,
            test_args: vec![long.clone().into()],
            test_kwargs: [("k".to_owned(), long.clone().into())]
                .into_iter()
                .collect(),
            expires: now,
            labels: [(long.clone(), long.clone())].into(),
            traceparent: long.clone(),
        }),
        runtime: Some(Duration::new(1_000_000, 123_456_789)),
        signal_latency: [(long.clone(), Duration::new(1_000_000, 123_456_789))].into(),
        error: Some(long.clone()),
        traceback: Some(long.clone()),
        concluded_at: now,
        failure: Some(failure(&long)),
    };
    let message = report_to_pb(&report).encoded_len();
    assert!((message..message + 4 * FRAME).contains(&report_bytes(&report)));
}

fn failure(text: &str) -> Failure {
    Failure {
        fingerprint: text.to_owned(),
        contract: text.to_owned(),
        signal: text.to_owned(),
        last_signal: text.to_owned(),
    }
}

#[test]
fn the_size_of_a_status_counts_all_that_it_has() {
    let (now, long) = (now(), text(1_000));
    let duration = Duration::new(315_576_000_000, 999_999_999);
    let summary = Summary {
        count: 1_000,
        median: duration,
        p90: duration,
    };
    let most = u64::MAX;
    for signals in [0, 1, 64] {
        let names = (0..signals).map(|n| (format!("{long}{n}"), summary));
        let status = CaseStatus {
            state: State::Fail,
            since: now,
            reason: long.clone(),
            incident: Some(Incident {
                number: most,
                started_at: now,
                cause: IncidentCause::TargetDown,
                cause_since: now,
            }),
            incidents: most,
            flapping: true,
            consecutive_failures: u32::MAX,
            totals: State::ALL
                .into_iter()
                .map(|state| (state, 1 << 50))
                .collect(),
            last_test_received: Some(now),
            last_failure: Some(FailedExecution {
                id: long.clone(),
                state: State::Fail,
                at: now,
                error: long.clone(),
            }),
            runtime: summary,
            signal_latency: names.collect(),
            frequency: summary,
            signals: SignalTotals {
                accepted: most,
                early: most,
                duplicate: most,
                late: most,
                unknown_signal: most,
                orphan: most,
                ignored: most,
            },
            sampling: SamplingTotals {
                sampled: 1 << 60,
                not_sampled: 1 << 60,
                over_rate: 1 << 60,
                over_live: 1 << 60,
                refused: 1 << 60,
            },
            probe: Some(ProbeStatus {
                last_at: now,
                last_due: now,
                error: Some(long.clone()),
                probes: most,
                attempts: most,
                failures: most,
                consecutive_failures: u32::MAX,
            }),
            absences: Absences {
                count: most,
                last: Some((now, now)),
            },
            control: CaseControl {
                active: Some(true),
                probability: Some(0.5),
                muted_until: Some(now),
            },
            notifications_pending: usize::MAX,
            notifications_dead: usize::MAX,
        };
        let message = status_to_pb(&status).encoded_len();
        let room = message..message + 2 * FRAME + 32 * signals;
        assert!(room.contains(&status_bytes(&status)), "{signals} {message}");
    }
}

#[test]
fn the_sizes_of_failures_and_notifications_count_their_texts() {
    let (now, long) = (now(), text(1_000));
    let group = FailureGroup {
        failure: failure(&long),
        state: State::Fail,
        count: u64::MAX,
        first_at: now,
        last_at: now,
        examples: vec![long.clone(); 4],
        error: long.clone(),
    };
    let message = failure_group_to_pb(&long, &group).encoded_len();
    assert!((message..message + FRAME).contains(&group_bytes(&long, &group)));

    let notification = Arc::new(Notification {
        webhook: long.clone(),
        position: u64::MAX,
        queued_at: now,
        subject: Subject::Report {
            id: long.clone(),
            state: State::Fail,
        },
    });
    let text = notification.subject.text();
    let pending = Notified::Pending(Arc::clone(&notification));
    let dead = Notified::Dead(DeadNotification {
        notification,
        attempts: u32::MAX,
        error: long.clone(),
    });
    for (notified, error) in [(pending, String::new()), (dead, long.clone())] {
        // An id is made of three numbers.
        let shown = v1::Notification {
            id: "f".repeat(8 + 1 + 10 + 1 + 20),
            webhook: long.clone(),
            case_name: long.clone(),
            queued_at: Some(time_to_pb(now)),
            state: v1::NotificationState::Dead.into(),
            text: text.clone(),
            case_state: v1::State::Fail.into(),
            attempts: u32::MAX,
            error,
        };
        let message = shown.encoded_len();
        assert!((message..message + FRAME).contains(&notification_bytes(&long, &notified)));
    }
}

#[test]
fn a_list_is_cut_to_a_page_that_fits() {
    for (len, size, bytes, expected) in [
        (0, 50, 100, (0, false)),
        (50, 50, 100, (50, false)),
        (51, 50, 100, (50, true)),
        (7, 50, PAGE_BYTES / 3, (3, true)),
        (3, 50, PAGE_BYTES / 3, (3, false)),
        (2, 50, 2 * PAGE_BYTES, (1, true)),
    ] {
        let mut items: Vec<_> = (0..len).collect();
        let more = cut(&mut items, size, |_| bytes);
        assert_eq!((items.len(), more), expected, "{len} {size} {bytes}");
    }
}

#[test]
fn the_first_are_kept() {
    for (count, expected) in [
        (0, &[][..]),
        (2, &[1, 2]),
        (5, &[1, 2, 3, 4, 5]),
        (9, &[1, 2, 3, 4, 5]),
    ] {
        let mut items = vec![4, 2, 5, 1, 3];
        keep_first(&mut items, count, Ord::cmp);
        items.sort_unstable();
        assert_eq!(items, expected);
    }
}
