//! The metrics of a node over the journal in memory, with a clock that is moved
//! by hand.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};

use super::*;
use crate::{
    archive::Archive,
    clock::{Clock, ManualClock},
    journal::{Journal, MemoryJournal},
    model::{
        CaseControl, ControlChange, ProbeResult, Secret, SignalEvent, Signalled, Submission,
        Webhook, WebhookFormat,
    },
    node::{NodeOptions, Opened, Reply},
    pb::v1,
};

const DEADLINE: Duration = Duration::from_secs(20);
const CASE: &str = "orders.checkout";

struct Site {
    clock: Arc<ManualClock>,
    opened: Opened,
    metrics: Metrics,
}

impl Site {
    async fn new() -> Site {
        let clock = Arc::new(ManualClock::fixed());
        let journal = Arc::new(MemoryJournal::<Reply>::new(2, clock.clone(), 10_000));
        let archive = Archive::in_memory(Journal::<Reply>::id(journal.as_ref()), 2).unwrap();
        let webhook = Webhook {
            name: "ops".to_owned(),
            url: Secret::new(http::Uri::from_static("http://127.0.0.1:9/")),
            format: WebhookFormat::CloudEvents,
            every_case: true,
            reports: false,
            key: None,
            headers: Secret::new(http::HeaderMap::new()),
            max_attempts: 1,
            timeout: Duration::from_secs(1),
        };
        let options = NodeOptions {
            webhooks: Arc::new([webhook]),
            ..NodeOptions::default()
        };
        let opened = Node::open(journal, archive, clock.clone(), options).await;
        let opened = opened.unwrap();
        let seconds = |seconds| Some(prost_types::Duration { seconds, nanos: 0 });
        let signal = |name: &str| v1::Signal {
            name: name.to_owned(),
            timeout: seconds(2),
            ..v1::Signal::default()
        };
        let http = v1::HttpProbe {
            url: "http://127.0.0.1:9/".to_owned(),
            ..v1::HttpProbe::default()
        };
        let case = v1::Case {
            name: CASE.to_owned(),
            signals: vec![signal("sent"), signal("executed")],
            max_consecutive_failures: Some(1),
            probability: Some(1.0),
            max_live_executions: Some(1),
            probe: Some(v1::Probe {
                frequency: seconds(3600),
                request: Some(v1::probe::Request::Http(http)),
                ..v1::Probe::default()
            }),
            ..v1::Case::default()
        };
        opened.node.apply_case(case, false).await.unwrap();
        Site {
            clock,
            metrics: Metrics::new(opened.node.clone()),
            opened,
        }
    }

    fn node(&self) -> &Node {
        &self.opened.node
    }

    async fn submit(&self, id: &str) -> bool {
        let submission = Submission {
            case_name: CASE.to_owned(),
            id: id.to_owned(),
            test_args: Vec::new(),
            test_kwargs: serde_json::Map::new(),
            expires: None,
            labels: BTreeMap::new(),
            traceparent: String::new(),
            always: false,
        };
        self.node().submit(submission).await.unwrap().is_some()
    }

    async fn signal(&self, id: &str, name: &str) {
        let event = SignalEvent {
            signal_name: name.to_owned(),
            case_name: CASE.to_owned(),
            key: id.into(),
            value: serde_json::Value::Null,
        };
        let signal_id = String::new();
        let taken = self.node().signal(Signalled { event, signal_id });
        taken.unwrap().outcome().await.unwrap();
    }

    /// Lets `seconds` pass, each with its tick, as on a machine that is awake.
    async fn pass(&self, seconds: u32) {
        for _ in 0..seconds {
            let head = |figures: Figures| {
                let partitions = figures.partitions.iter();
                let of_case = partitions.filter(|one| !one.cases.is_empty());
                of_case.map(|one| one.folded).sum::<u64>()
            };
            let before = head(self.node().figures());
            self.clock.advance(Duration::from_millis(1001));
            let ticked = async {
                while head(self.node().figures()) == before {
                    tokio::task::yield_now().await;
                }
            };
            let ticked = tokio::time::timeout(DEADLINE, ticked).await;
            ticked.expect("a tick a second");
        }
    }

    fn text(&self) -> String {
        self.metrics.scrape(Format::PrometheusText).unwrap()
    }

    /// The text once it has a line.
    async fn with(&self, line: &str) -> String {
        let shown = async {
            loop {
                let text = self.text();
                if text.lines().any(|one| one == line) {
                    return text;
                }
                tokio::task::yield_now().await;
            }
        };
        match tokio::time::timeout(DEADLINE, shown).await {
            Ok(text) => text,
            Err(_) => panic!("{line} does not come:\n{}", self.text()),
        }
    }

    async fn close(self) {
        let close = move || self.opened.close(Instant::now() + DEADLINE);
        tokio::task::spawn_blocking(close).await.unwrap();
    }

    /// One pass, one time out, one skip; everything that can be counted.
    async fn live(&self) -> String {
        assert!(self.submit("e1").await);
        assert!(!self.submit("over").await);
        self.signal("e1", "sent").await;
        self.signal("e1", "nobody-declared-it").await;
        self.signal("e1", "executed").await;
        self.node().report(CASE, "e1", DEADLINE).await.unwrap();
        self.signal("e1", "sent").await;
        self.signal("e9", "sent").await;
        self.node().count_ignored(CASE);
        assert!(self.submit("e2").await);
        let cancelled = self.node().cancel(CASE, "e2", String::new()).await;
        cancelled.unwrap();
        assert!(self.submit("e3").await);
        self.pass(3).await;
        self.node().report(CASE, "e3", DEADLINE).await.unwrap();
        self.node().probed(ProbeResult {
            case_name: CASE.to_owned(),
            due: self.clock.wall(),
            attempts: 3,
            error: None,
        });
        let mute = ControlChange {
            case_name: CASE.to_owned(),
            set: CaseControl {
                muted_until: Some(self.clock.wall() + Duration::from_secs(60)),
                ..CaseControl::default()
            },
            clear_active: false,
            clear_probability: false,
            clear_mute: false,
        };
        self.with(r#"livecheck_notifications_pending{webhook="ops"} 1"#)
            .await;
        self.node().control_case(mute).await.unwrap();
        self.pass(1).await;
        self.with(r#"livecheck_signals_total{case="orders.checkout",outcome="IGNORED"} 1"#)
            .await
    }
}

#[tokio::test]
async fn what_happened_to_a_case_is_shown() {
    let site = Site::new().await;
    let text = site.live().await;
    let of_case = |line: &str| line.replace("{}", r#"{case="orders.checkout"}"#);
    for line in r#"
        livecheck_case_state{case="orders.checkout",state="INIT"} 0
        livecheck_case_state{case="orders.checkout",state="PASS"} 0
        livecheck_case_state{case="orders.checkout",state="FAIL"} 1
        livecheck_case_state{case="orders.checkout",state="STALL"} 0
        livecheck_case_incident{case="orders.checkout",cause="FAILED"} 1
        livecheck_case_incident{case="orders.checkout",cause="STALLED"} 0
        livecheck_case_incident{case="orders.checkout",cause="TARGET_DOWN"} 0
        livecheck_case_active{} 1
        livecheck_case_flapping{} 0
        livecheck_case_muted{} 1
        livecheck_case_consecutive_failures{} 1
        livecheck_incidents_total{} 1
        livecheck_stalls_total{} 0
        livecheck_executions_total{case="orders.checkout",state="PASS"} 1
        livecheck_executions_total{case="orders.checkout",state="FAIL"} 0
        livecheck_executions_total{case="orders.checkout",state="ERROR"} 0
        livecheck_executions_total{case="orders.checkout",state="TIMEOUT"} 1
        livecheck_executions_total{case="orders.checkout",state="SKIP"} 1
        livecheck_executions_live{} 0
        livecheck_requests_total{case="orders.checkout",result="sampled"} 3
        livecheck_requests_total{case="orders.checkout",result="not_sampled"} 0
        livecheck_requests_total{case="orders.checkout",result="over_rate"} 0
        livecheck_requests_total{case="orders.checkout",result="over_live"} 1
        livecheck_requests_total{case="orders.checkout",result="refused"} 0
        livecheck_signals_total{case="orders.checkout",outcome="ACCEPTED"} 2
        livecheck_signals_total{case="orders.checkout",outcome="EARLY"} 1
        livecheck_signals_total{case="orders.checkout",outcome="DUPLICATE"} 1
        livecheck_signals_total{case="orders.checkout",outcome="LATE"} 0
        livecheck_signals_total{case="orders.checkout",outcome="UNKNOWN_SIGNAL"} 1
        livecheck_signals_total{case="orders.checkout",outcome="ORPHAN"} 0
        livecheck_signals_total{case="orders.checkout",outcome="IGNORED"} 1
        livecheck_execution_runtime_seconds_bucket{case="orders.checkout",le="0.005"} 1
        livecheck_execution_runtime_seconds_bucket{case="orders.checkout",le="+Inf"} 1
        livecheck_execution_runtime_seconds_count{} 1
        livecheck_signal_latency_seconds_count{case="orders.checkout",signal="sent"} 1
        livecheck_signal_latency_seconds_count{case="orders.checkout",signal="executed"} 1
        livecheck_probe_up{} 1
        livecheck_probes_total{} 1
        livecheck_probe_attempts_total{} 3
        livecheck_probe_failures_total{} 0
        livecheck_notifications_pending{webhook="ops"} 1
        livecheck_notifications_dead{webhook="ops"} 0
        livecheck_start_time_seconds 1780000000.0
        livecheck_cases 1
        livecheck_waiters 0
        livecheck_waiters_limit 100000
        livecheck_fold_lag_records{partition="0"} 0
        livecheck_fold_lag_records{partition="1"} 0
    "#
    .lines()
    .map(str::trim)
    .filter(|line| !line.is_empty())
    {
        let line = of_case(line);
        assert!(text.lines().any(|one| one == line), "no {line} in\n{text}");
    }
    site.close().await;
}

#[tokio::test]
async fn both_formats_say_the_same() {
    let site = Site::new().await;
    site.live().await;
    let open = site.metrics.scrape(Format::OpenMetrics).unwrap();
    let text = site.text();
    assert!(open.ends_with("\n# EOF\n"));
    // The same samples but for the order of labels, and of floats the form.
    let samples = |text: &str| {
        // The archive goes on meanwhile.
        let skipped =
            |line: &&str| line.starts_with('#') || line.starts_with("livecheck_archive_p");
        let samples = text.lines().filter(|line| !skipped(line));
        samples
            .map(|line| {
                let (series, value) = line.rsplit_once(' ').unwrap();
                let (name, labels) = series.split_once('{').unwrap_or((series, ""));
                let labels = labels.trim_end_matches('}').split(',');
                let labels: BTreeSet<_> = labels.map(|label| label.replace(".0\"", "\"")).collect();
                let value: f64 = value.parse().unwrap();
                (name.to_owned(), labels, value.to_string())
            })
            .collect::<BTreeSet<_>>()
    };
    // Two scrapes, and time stands still between them.
    assert_eq!(samples(&open), samples(&text));
    site.close().await;
}

#[tokio::test]
async fn metrics_follow_the_conventions() {
    const LABELS: [&str; 10] = [
        "case",
        "cause",
        "le",
        "outcome",
        "partition",
        "result",
        "signal",
        "state",
        "version",
        "webhook",
    ];
    let site = Site::new().await;
    let text = site.live().await;
    let mut kinds = BTreeMap::new();
    let mut helps = BTreeMap::new();
    let mut sampled = BTreeSet::new();
    for line in text.lines() {
        if let Some(told) = line.strip_prefix("# TYPE ") {
            let (name, kind) = told.split_once(' ').unwrap();
            assert_eq!(kinds.insert(name, kind), None, "{name} twice");
        } else if let Some(told) = line.strip_prefix("# HELP ") {
            let (name, help) = told.split_once(' ').unwrap();
            assert!(help.ends_with('.') || help.contains(": "), "{line}");
            helps.insert(name, help);
        } else {
            let (series, _) = line.rsplit_once(' ').unwrap();
            let (name, labels) = series.split_once('{').unwrap_or((series, ""));
            let base = ["_bucket", "_sum", "_count"]
                .iter()
                .find_map(|suffix| name.strip_suffix(suffix))
                .unwrap_or(name);
            assert!(kinds.contains_key(base), "{line}");
            sampled.insert(base);
            for label in labels.trim_end_matches('}').split(',') {
                let known = label.is_empty()
                    || label
                        .split_once('=')
                        .is_some_and(|(label, _)| LABELS.contains(&label));
                assert!(known, "{label} in {line}");
            }
        }
    }
    for (name, kind) in &kinds {
        assert!(name.starts_with("livecheck_"), "{name}");
        assert_eq!(name.ends_with("_total"), *kind == "counter", "{name}");
        assert!(helps.contains_key(name), "{name}");
        assert!(sampled.contains(name), "{name} has no sample");
        for part in name.split('_') {
            let other_unit = ["ms", "millis", "micros", "minutes", "hours", "kib", "mib"];
            assert!(!other_unit.contains(&part), "{name}");
        }
        if *kind == "histogram" {
            assert!(name.ends_with("_seconds"), "{name}");
        }
    }
    assert_eq!(kinds.len(), helps.len());
    // What the documentation lists is what there is.
    let told = include_str!("../../ops/README.md");
    let (_, told) = told.split_once("| labels | metrics |").unwrap();
    let told = told.lines().filter_map(|line| line.rsplit('|').nth(1));
    let told = told.flat_map(|cell| cell.split('`').skip(1).step_by(2));
    let told: BTreeSet<_> = told.map(|name| format!("livecheck_{name}")).collect();
    let there: BTreeSet<_> = kinds.keys().map(|name| (*name).to_owned()).collect();
    assert_eq!(told, there);
    site.close().await;
}
