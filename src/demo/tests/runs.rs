//! Whole runs: what is shown and what it adds up to.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    path::Path,
    sync::Arc,
    time::Duration,
};

use tokio::{net::TcpListener, sync::Notify};

use super::*;
use crate::model::{Json, State};

/// A fast run.
fn options() -> Options {
    Options {
        rate: "10000/s".parse().expect("is a rate"),
        slowness: Duration::from_millis(1),
        ..Options::default()
    }
}

/// Gives up the tests that would time out.
fn behaviour(options: &Options) -> Behaviour {
    let plan = plan(options);
    let silent = |hurt| matches!(hurt, Some(Hurt::MessageLost | Hurt::StepTooSlow));
    let orders = plan.orders().filter(|order| silent(plan.hurt(&order.id)));
    Behaviour {
        gives_up: orders.map(|order| order.id).collect(),
        ..Behaviour::default()
    }
}

/// Keeps what is shown, and tells when something has been.
struct Screen {
    text: String,
    awaited: &'static str,
    shown: Arc<Notify>,
}

impl Screen {
    fn awaiting(awaited: &'static str) -> Self {
        Screen {
            text: String::new(),
            awaited,
            shown: Arc::default(),
        }
    }
}

impl Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.text.push_str(&String::from_utf8_lossy(bytes));
        if self.text.contains(self.awaited) {
            self.shown.notify_one();
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Runs the demo until its end, or until the screen shows what is awaited.
async fn run_on(
    options: &Options,
    format: Format,
    screen: &mut Screen,
) -> Result<Summary, DemoError> {
    let mock = Mock::start(behaviour(options)).await;
    let server = Server {
        addr: mock.addr,
        data_dir: Some(Path::new("/data")),
    };
    let shown = screen.shown.clone();
    let mut printer = Printer::new(format, screen);
    let summary = run(options, server, &mut printer, shown.notified()).await?;
    let applied: Vec<_> = mock.applied().into_iter().map(|case| case.name).collect();
    assert_eq!(applied, [CASE_NAME]);
    Ok(summary)
}

#[tokio::test]
async fn a_run_adds_up() {
    let options = options();
    let mut screen = Screen::awaiting("never shown");
    let format = Format::Table { colours: false };
    let summary = run_on(&options, format, &mut screen).await.expect("runs");

    let plan = plan(&options);
    let tests: Vec<_> = plan.orders().filter(|order| sampled(&order.id)).collect();
    let count = |hurt: Option<Hurt>| {
        let of = tests.iter().filter(|order| plan.hurt(&order.id) == hurt);
        of.count() as u64
    };
    let [side, lost, slow, doubled, order] = Hurt::ALL.map(|hurt| count(Some(hurt)));
    let unsampled = u64::from(options.orders) - tests.len() as u64;
    assert_eq!(summary.orders, u64::from(options.orders));
    assert_eq!(summary.sampled, tests.len() as u64);
    assert_eq!(
        summary.reports,
        BTreeMap::from([
            (State::Pass, count(None) + doubled + order),
            (State::Fail, side),
            (State::Timeout, lost + slow),
        ])
    );
    // Of an order whose side changed, the execution comes after the verdict.
    assert_eq!(
        summary.signals,
        BTreeMap::from([
            ("ACCEPTED", 4 * (count(None) + doubled + order) + 3 * side),
            ("DUPLICATE", doubled),
            ("IGNORED", 4 * unsampled),
            ("LATE", side + 3 * lost + 4 * slow),
        ])
    );
    assert_eq!((summary.failed_calls, summary.interrupted), (0, false));

    let groups: Vec<_> = summary
        .groups
        .iter()
        .map(|group| (group.hurt, group.state, group.orders))
        .collect();
    assert_eq!(
        groups,
        [
            (None, Some(State::Pass), count(None)),
            (Some(Hurt::SideChanged), Some(State::Fail), side),
            (Some(Hurt::MessageLost), Some(State::Timeout), lost),
            (Some(Hurt::StepTooSlow), Some(State::Timeout), slow),
            (Some(Hurt::SignalDoubled), Some(State::Pass), doubled),
            (Some(Hurt::OutOfOrder), Some(State::Pass), order),
        ]
    );
    for group in &summary.groups {
        assert_eq!(group.hurt, plan.hurt(&group.example));
        assert!(screen.text.contains(&group.example), "{}", group.example);
    }
}

#[tokio::test]
async fn people_are_shown_reports_with_explanations() {
    for colours in [false, true] {
        let mut screen = Screen::awaiting("never shown");
        run_on(&options(), Format::Table { colours }, &mut screen)
            .await
            .expect("runs");
        let text = &screen.text;
        for (shown, times) in [
            ("data in /data", 1),
            ("\nOrderInitService ", 1),
            ("\nOrderExecutorService ", 1),
            ("\n         sides\n         differ\\u{1b}\n", 1),
            ("\n         nothing came\n", 2),
            ("\u{1b}[32mPASS\u{1b}[0m ", usize::from(colours)),
            ("\u{1b}[31mFAIL\u{1b}[0m ", usize::from(colours)),
            ("\nPASS ", usize::from(!colours)),
            ("\nFAIL ", usize::from(!colours)),
            ("\nOrders   40 in ", 1),
            ("\nReports  ", 1),
            ("\nside changed ", 1),
            ("\nout of order ", 1),
        ] {
            let found = text.matches(shown).count();
            assert!(
                found >= times && (times > 0 || found == 0),
                "{shown:?}\n{text}"
            );
        }
        assert!(
            !text.contains("Ctrl-C") && !text.contains("Not seen"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn programs_are_shown_documents() {
    let mut screen = Screen::awaiting("never shown");
    let summary = run_on(&options(), Format::Json, &mut screen)
        .await
        .expect("runs");
    let documents: Vec<Json> = screen
        .text
        .lines()
        .map(|line| serde_json::from_str(line).expect(line))
        .collect();
    let [started, reports @ .., summed_up] = &documents[..] else {
        panic!("{documents:?}");
    };
    assert_eq!(started["started"]["data_dir"], "/data");
    let init = &started["started"]["services"]["livecheck.demo.v1.OrderInitService"];
    assert!(init.is_string(), "{started}");
    assert_eq!(reports.len() as u64, summary.sampled);
    let plan = plan(&options());
    for report in reports {
        let id = report["report"]["test"]["id"].as_str().expect("is text");
        assert_eq!(report["hurt"].as_str(), plan.hurt(id).map(Hurt::name));
    }
    assert_eq!(summed_up["summary"]["orders"], summary.orders);
    assert_eq!(
        summed_up["summary"]["reports"]["PASS"],
        summary.reports[&State::Pass]
    );
    let groups = summed_up["summary"]["groups"].as_array().expect("a list");
    assert_eq!(groups.len(), summary.groups.len());
}

#[tokio::test]
async fn a_run_that_is_stopped_adds_up_what_it_has() {
    let options = Options {
        orders: 1000,
        rate: "100/s".parse().expect("is a rate"),
        ..options()
    };
    let mut screen = Screen::awaiting("\nPASS ");
    let format = Format::Table { colours: false };
    let summary = run_on(&options, format, &mut screen).await.expect("stops");
    assert!(summary.interrupted);
    assert!(summary.orders < 1000);
    assert!(
        screen.text.contains(" s, then stopped\n"),
        "{}",
        screen.text
    );
}

#[tokio::test]
async fn what_is_kept_stays_up_with_hints() {
    let options = Options {
        orders: 3,
        keep: true,
        ..options()
    };
    let mut screen = Screen::awaiting("/InitOrder\n");
    let format = Format::Table { colours: false };
    let summary = run_on(&options, format, &mut screen).await.expect("stops");
    assert!(!summary.interrupted);
    assert_eq!(summary.orders, 3);
    let text = &screen.text;
    let of = |prefix: &str| text.lines().filter(|line| line.starts_with(prefix)).count();
    assert_eq!(of("  livecheck reports --watch"), 1, "{text}");
    assert!(text.contains("\nNot seen in so few orders: "), "{text}");
    // The id in the hint is one that will be sampled.
    let (_, rest) = text.split_once(r#"{"id": ""#).expect("is shown");
    let (id, _) = rest.split_once('"').expect("is closed");
    assert!(sampled(id), "{id}");
}

#[tokio::test]
async fn without_a_server_or_an_output_there_is_no_demo() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("is free");
    let addr = listener.local_addr().expect("is bound");
    drop(listener);
    let server = Server {
        addr,
        data_dir: None,
    };
    let mut printer = Printer::new(Format::Json, io::sink());
    let error = run(&options(), server, &mut printer, std::future::pending())
        .await
        .expect_err("nobody listens");
    assert!(matches!(error, DemoError::Unreachable { .. }), "{error}");

    let mock = Mock::start(Behaviour::default()).await;
    let server = Server {
        addr: mock.addr,
        data_dir: None,
    };
    let mut nothing: [u8; 0] = [];
    let mut printer = Printer::new(Format::Json, &mut nothing[..]);
    let error = run(&options(), server, &mut printer, std::future::pending())
        .await
        .expect_err("nothing can be written");
    assert!(matches!(error, DemoError::Output(_)), "{error}");
}
