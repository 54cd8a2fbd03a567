//! A day in the life of a case: it passes, fails, recovers, stalls, is controlled
//! and muted. The server is killed with kill -9 as soon as each step is
//! acknowledged, and stopped with a snapshot when all has come of it: every
//! transition is told once, and the status stays what it was.

use std::time::{Duration, SystemTime};

use livecheck::pb::v1::{
    Case, CaseSetting, CaseStatus, CaseTransition, Contract, ControlCaseRequest, Signal,
    SignalEvent, State, TestReport, TransitionKind, WatchCasesRequest, WatchReportsRequest,
    watch_cases_response::Payload,
};
use prost_types::{Value, value::Kind};
use tempfile::TempDir;
use tokio::time::timeout;

use crate::{
    DEADLINE,
    clients::{Clients, case, text},
    server::Server,
};

const CASE: &str = "durability.day";
/// A case whose changes come behind everything that is looked for.
const MARK: &str = "durability.mark";
const LIMIT: u32 = 3;
/// Longer than the day lasts.
const LONG: Duration = Duration::from_secs(3600);
/// How soon the case stalls when it is to.
const SOON: Duration = Duration::from_secs(1);

struct Day {
    data: TempDir,
    /// None while it is being replaced.
    server: Option<Server>,
    clients: Clients,
    /// Where the watches began.
    case_start: String,
    report_start: String,
    /// Where they resume, and what they have told until there.
    case_token: String,
    changes: Vec<Payload>,
    report_token: String,
    reports: Vec<TestReport>,
    /// Marks that were set.
    marks: u64,
    starts: u64,
}

/// The case, which stalls after so long.
fn declared(stalled_after: Duration) -> Case {
    Case {
        name: CASE.to_owned(),
        signals: vec![Signal {
            name: "done".to_owned(),
            expect: vec![Contract {
                expression: "value == \"good\"".to_owned(),
                ..Contract::default()
            }],
            ..Signal::default()
        }],
        max_consecutive_failures: Some(LIMIT),
        state_transition_delay: Some(Duration::ZERO.try_into().unwrap()),
        warn_stalled_after: Some(stalled_after.try_into().unwrap()),
        ..Case::default()
    }
}

fn done(id: &str, value: &str) -> SignalEvent {
    SignalEvent {
        signal_name: "done".to_owned(),
        case_name: CASE.to_owned(),
        key: Some(text(id)),
        value: Some(Value {
            kind: Some(Kind::StringValue(value.to_owned())),
        }),
    }
}

/// What a step does to the case.
enum Do {
    Apply(Duration),
    Control(ControlCaseRequest),
    Pass(&'static str),
    Fail(&'static str),
    /// An execution that is skipped at once.
    Skip(&'static str),
    /// Waits for the transition of this number.
    Await(u64),
}

fn control() -> ControlCaseRequest {
    ControlCaseRequest {
        name: CASE.to_owned(),
        ..ControlCaseRequest::default()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_transition_of_a_day_is_told_once_whenever_the_server_is_killed() {
    use Do::{Apply, Await, Control, Fail, Pass, Skip};
    use TransitionKind::{FlappingStarted, IncidentStarted, Recovered};

    let mut day = Day::begin().await;
    let muted_until = SystemTime::now() + LONG;
    let over = ControlCaseRequest {
        active: Some(false),
        probability: Some(0.25),
        ..control()
    };
    let mute = ControlCaseRequest {
        mute_until: Some(muted_until.into()),
        clear: vec![CaseSetting::Active.into()],
        ..control()
    };
    let clear = ControlCaseRequest {
        clear: vec![CaseSetting::Mute.into(), CaseSetting::Probability.into()],
        ..control()
    };
    for (actions, kinds, state) in [
        (vec![Pass("p1")], vec![], State::Pass),
        (vec![Fail("a1"), Fail("a2")], vec![], State::Pass),
        (vec![Fail("a3")], vec![IncidentStarted], State::Fail),
        (vec![Fail("a4")], vec![], State::Fail),
        (vec![Pass("p2")], vec![Recovered], State::Pass),
        (
            vec![Fail("b1"), Fail("b2"), Fail("b3")],
            vec![IncidentStarted],
            State::Fail,
        ),
        (vec![Pass("p3")], vec![Recovered], State::Pass),
        (
            vec![Apply(SOON), Await(5)],
            vec![IncidentStarted, FlappingStarted],
            State::Stall,
        ),
        (vec![Apply(LONG), Pass("p4")], vec![Recovered], State::Pass),
        (vec![Control(over)], vec![], State::Pass),
        (vec![Skip("skipped")], vec![], State::Pass),
        (
            vec![Control(mute), Fail("c1"), Fail("c2"), Fail("c3")],
            vec![IncidentStarted],
            State::Fail,
        ),
        (vec![Pass("p5")], vec![Recovered], State::Pass),
        // That it flaps was told before the mute, and it still does.
        (vec![Control(clear)], vec![], State::Pass),
    ] {
        let step = day.step(&actions, &kinds, state);
        timeout(DEADLINE, step).await.expect("a step hangs");
    }
    day.end().await;
}

impl Day {
    async fn begin() -> Day {
        let data = TempDir::new().unwrap();
        let server = Server::start(data.path()).await;
        let mut clients = server.clients().await;
        clients.apply(case(MARK, &["done"], LONG)).await;
        clients.apply(declared(LONG)).await;
        let case_start = clients.case_token().await;
        let watch = clients
            .reports
            .watch_reports(WatchReportsRequest::default());
        let mut watch = watch.await.unwrap().into_inner();
        let report_start = watch.message().await.unwrap().unwrap().resume_token;
        Day {
            data,
            server: Some(server),
            clients,
            case_token: case_start.clone(),
            case_start,
            changes: Vec::new(),
            report_token: report_start.clone(),
            report_start,
            reports: Vec::new(),
            marks: 0,
            starts: 1,
        }
    }

    /// Kills the server, or stops it, and starts another one over the same data.
    async fn restart(&mut self, kill: bool) {
        let server = self.server.take().unwrap();
        match kill {
            true => server.kill().await,
            false => server.stop().await,
        }
        let server = Server::start(self.data.path()).await;
        self.clients = server.clients().await;
        self.server = Some(server);
        self.starts += 1;
    }

    async fn step(&mut self, actions: &[Do], kinds: &[TransitionKind], state: State) {
        let known = self.transitions().len();
        let ids = self.act(actions).await;
        self.restart(true).await;
        for id in &ids {
            self.clients.report(CASE, id).await;
        }
        self.await_transition((known + kinds.len()) as u64).await;
        self.read().await;
        let told = self.transitions();
        let new: Vec<_> = told[known..].iter().map(CaseTransition::kind).collect();
        assert_eq!(new, kinds, "after {ids:?}: {told:?}");
        for (number, transition) in (1..).zip(&told) {
            assert_eq!(transition.number, number);
        }
        // The reports on the case itself are those of its transitions.
        let of_case = self.reports.iter().filter(|report| report.test.is_none());
        let of_transitions = told.iter().filter_map(|one| one.report.as_ref());
        assert!(of_case.eq(of_transitions), "{:?}", self.reports);

        let status = self.status().await;
        assert_eq!(status.state(), state, "after {ids:?}: {status:?}");
        self.restart(false).await;
        assert_eq!(self.status().await, status);
        let (changes, reports) = (self.changes.len(), self.reports.len());
        self.read().await;
        let new = (&self.changes[changes..], &self.reports[reports..]);
        assert_eq!(new, (&[][..], &[][..]), "a restart alone tells nothing");
    }

    /// Acts, and returns as soon as all is acknowledged: the ids of executions
    /// that come to an end.
    async fn act(&mut self, actions: &[Do]) -> Vec<&'static str> {
        let mut ids = Vec::new();
        for action in actions {
            match action {
                Do::Apply(stalled_after) => self.clients.apply(declared(*stalled_after)).await,
                Do::Control(request) => {
                    let request = request.clone();
                    self.clients.cases.control_case(request).await.unwrap();
                }
                Do::Pass(id) | Do::Fail(id) => {
                    self.clients.submit(CASE, id).await.unwrap();
                    let good = matches!(action, Do::Pass(_));
                    let value = if good { "good" } else { "bad" };
                    self.clients.signal(done(id, value)).await.unwrap();
                    ids.push(*id);
                }
                Do::Skip(id) => {
                    self.clients.submit(CASE, id).await.unwrap();
                    ids.push(*id);
                }
                Do::Await(number) => self.await_transition(*number).await,
            }
        }
        ids
    }

    /// The health of the case but for absences, as each start is the end of one.
    async fn status(&mut self) -> CaseStatus {
        let mut status = self.clients.status(CASE).await;
        let absences = status.absences.take().unwrap();
        assert_eq!(absences.count, self.starts - 1);
        status
    }

    /// The transitions that were told.
    fn transitions(&self) -> Vec<CaseTransition> {
        let told = self.changes.iter();
        told.filter_map(|told| match told {
            Payload::Transition(transition) => Some(transition.clone()),
            _ => None,
        })
        .collect()
    }

    /// Waits until the transition of this number is told; 0 is before the first.
    async fn await_transition(&mut self, number: u64) {
        let wanted =
            |told: &Payload| matches!(told, Payload::Transition(one) if one.number >= number);
        if number > self.transitions().len() as u64 {
            self.clients.changes(&self.case_token, wanted).await;
        }
    }

    /// Reads the watches from where they were, and once more from their start:
    /// both tell the same.
    async fn read(&mut self) {
        self.marks += 1;
        let mark = self.marks.to_string();
        let mut marked = case(MARK, &["done"], LONG);
        marked.description = mark.clone();
        self.clients.apply(marked).await;
        self.clients.submit(MARK, &mark).await.unwrap();
        self.clients
            .signal(SignalEvent {
                case_name: MARK.to_owned(),
                ..done(&mark, "good")
            })
            .await
            .unwrap();

        let is_mark =
            |told: &Payload| matches!(told, Payload::Applied(case) if case.description == mark);
        let (new, token) = self.clients.changes(&self.case_token, is_mark).await;
        self.changes.extend(new);
        self.case_token = token;
        let (all, _) = self.clients.changes(&self.case_start, is_mark).await;
        assert_eq!(all, self.changes);

        let (new, token) = self.clients.reports_until(&self.report_token, &mark).await;
        self.reports.extend(new);
        self.report_token = token;
        let (all, _) = self.clients.reports_until(&self.report_start, &mark).await;
        assert_eq!(all, self.reports);
        let mut listed = self.clients.list_reports(CASE).await;
        listed.reverse();
        assert_eq!(listed, self.reports);
    }

    async fn end(self) {
        self.server.unwrap().stop().await;
    }
}

impl Clients {
    /// The changes of the case after a token, up to one of these, and the token
    /// behind it.
    async fn changes(
        &mut self,
        token: &str,
        last: impl Fn(&Payload) -> bool,
    ) -> (Vec<Payload>, String) {
        let request = WatchCasesRequest {
            resume_token: token.to_owned(),
        };
        let mut watch = self.cases.watch_cases(request).await.unwrap().into_inner();
        let mut told = Vec::new();
        loop {
            let item = watch.message().await.unwrap().unwrap();
            let Some(payload) = item.payload else {
                continue;
            };
            let ends = last(&payload);
            if !matches!(&payload, Payload::Applied(case) if case.name == MARK) {
                told.push(payload);
            }
            if ends {
                return (told, item.resume_token);
            }
        }
    }

    /// The reports of the case after a token, up to a mark, and the token behind
    /// it.
    async fn reports_until(&mut self, token: &str, mark: &str) -> (Vec<TestReport>, String) {
        let request = WatchReportsRequest {
            resume_token: token.to_owned(),
            ..WatchReportsRequest::default()
        };
        let mut watch = self
            .reports
            .watch_reports(request)
            .await
            .unwrap()
            .into_inner();
        let mut told = Vec::new();
        loop {
            let item = watch.message().await.unwrap().unwrap();
            let Some(report) = item.report else {
                continue;
            };
            if report.case_name == CASE {
                told.push(report);
            } else if report.test.as_ref().is_some_and(|test| test.id == mark) {
                return (told, item.resume_token);
            }
        }
    }
}
