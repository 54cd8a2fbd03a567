//! Executions of many cases with mixed ends, and a plain recount of what became
//! of them beside the status that the server shows. Shared by a test and a bench.
//!
//! What is counted here comes from reports and answers alone: the server's own
//! counting is held against it and never asked for it.

mod compare;
mod execution;
mod random;
mod recount;

use std::{
    collections::BTreeMap,
    error::Error,
    sync::Arc,
    time::{Duration, Instant},
};

use livecheck::pb::v1::{
    ApplyCaseRequest, Case, Contract, SamplingTotals, Signal, SignalTotals, TestReport,
    WatchReportsRequest, case_service_client::CaseServiceClient,
    report_service_client::ReportServiceClient,
};
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{sleep_until, timeout},
};
use tonic::{Streaming, transport::Channel};

use recount::Recount;

pub type Any = Box<dyn Error + Send + Sync>;

/// Failures in a row that make a case fail: few, so that many do.
const LIMIT: u32 = 3;
/// Length of the histories: short, so that they fill.
const HISTORY: u32 = 20;
/// How long each signal has to come.
const TIMEOUT: Duration = Duration::from_secs(1);
/// How long what must come may take.
const DEADLINE: Duration = Duration::from_secs(60);

/// How much is sent.
pub struct Load {
    pub cases: u64,
    pub executions: u64,
    /// Executions a second; none: as fast as they are taken.
    pub rate: Option<f64>,
    /// Calls under way at once.
    pub callers: u64,
    /// From it everything random follows.
    pub seed: u64,
}

/// What the senders of a case know.
#[derive(Default)]
pub struct Sent {
    signals: SignalTotals,
    sampling: SamplingTotals,
}

/// What was sent, and what came of it.
pub struct Counted {
    /// By case.
    sent: BTreeMap<String, Sent>,
    recounts: BTreeMap<String, Recount>,
    /// All reports, in the order in which they were told.
    reports: Vec<TestReport>,
    /// From the first submission to the last answer.
    pub took: Duration,
    pub signals: u64,
    pub sampled: u64,
    pub incidents: u64,
}

fn name(number: u64) -> String {
    format!("load.case_{number:04}")
}

fn case(number: u64) -> Case {
    let signal = |name: &str, expect: &[&str]| Signal {
        name: name.to_owned(),
        timeout: Some(TIMEOUT.try_into().unwrap_or_default()),
        expect: expect
            .iter()
            .map(|expression| Contract {
                expression: (*expression).to_owned(),
                ..Contract::default()
            })
            .collect(),
        ..Signal::default()
    };
    Case {
        name: name(number),
        signals: vec![signal("first", &["value.ok"]), signal("second", &[])],
        max_consecutive_failures: Some(LIMIT),
        state_transition_delay: Some(prost_types::Duration::default()),
        max_history: Some(HISTORY),
        ..Case::default()
    }
}

/// Applies the cases.
pub async fn apply(channel: &Channel, load: &Load) -> Result<(), Any> {
    let mut cases = CaseServiceClient::new(channel.clone());
    for number in 0..load.cases {
        let request = ApplyCaseRequest {
            case: Some(case(number)),
            validate_only: false,
        };
        cases.apply_case(request).await?;
    }
    Ok(())
}

/// Sends the load to the cases that were applied, and waits until all that must
/// come of it has been told.
pub async fn run(channel: &Channel, load: &Load) -> Result<Counted, Any> {
    let names: Arc<Vec<_>> = Arc::new((0..load.cases).map(name).collect());
    let mut reports = ReportServiceClient::new(channel.clone());
    let watch = reports
        .watch_reports(WatchReportsRequest::default())
        .await?;
    let total = watch::Sender::new(None);
    let collector = tokio::spawn(collect(watch.into_inner(), total.subscribe()));

    let began = Instant::now();
    let mut callers = JoinSet::new();
    for caller in 0..load.callers {
        let numbers = (caller..load.executions).step_by(load.callers as usize);
        let (channel, names) = (channel.clone(), Arc::clone(&names));
        let (rate, seed) = (load.rate, load.seed);
        callers.spawn(async move {
            let mut sender = execution::Sender::new(channel);
            for number in numbers {
                if let Some(rate) = rate {
                    let due = began + Duration::from_secs_f64(number as f64 / rate);
                    sleep_until(due.into()).await;
                }
                sender.send(&names, seed, number).await?;
            }
            Ok::<_, Any>(sender.sent)
        });
    }
    let mut sent: BTreeMap<String, Sent> = BTreeMap::new();
    while let Some(done) = callers.join_next().await {
        for (name, more) in done?? {
            sent.entry(name).or_default().add(&more);
        }
    }
    let took = began.elapsed();
    let sampled = sent.values().map(|one| one.sampling.sampled).sum();
    total.send_replace(Some(sampled));
    let collected = timeout(DEADLINE, collector).await;
    let (recounts, reports) = collected.map_err(|_| "reports are missing")???;
    let signals = sent.values().map(|one| one.signals());
    Ok(Counted {
        took,
        signals: signals.sum(),
        sampled,
        incidents: recounts.values().map(|one| one.incidents).sum(),
        sent,
        recounts,
        reports,
    })
}

/// Recounts the reports as they are told, until those of all executions have
/// come, once their number is known, and all that must come of them.
async fn collect(
    mut watch: Streaming<livecheck::pb::v1::WatchReportsResponse>,
    mut total: watch::Receiver<Option<u64>>,
) -> Result<(BTreeMap<String, Recount>, Vec<TestReport>), Any> {
    let mut recounts: BTreeMap<String, Recount> = BTreeMap::new();
    let mut reports = Vec::new();
    let (mut of_executions, mut of_cases, mut owed) = (0, 0, 0);
    loop {
        let known = *total.borrow_and_update();
        if known.is_some_and(|total| of_executions >= total) && of_cases >= owed {
            return Ok((recounts, reports));
        }
        let item = tokio::select! {
            item = watch.message() => item?.ok_or("the watch ended")?,
            changed = total.changed(), if known.is_none() => {
                changed?;
                continue;
            }
        };
        let Some(report) = item.report else {
            continue;
        };
        match &report.test {
            Some(test) => {
                let recount = recounts.entry(report.case_name.clone()).or_default();
                owed += recount.add(&report, test);
                of_executions += 1;
            }
            None => of_cases += 1,
        }
        reports.push(report);
    }
}

impl Sent {
    fn add(&mut self, more: &Sent) {
        let (to, from) = (&mut self.signals, &more.signals);
        to.accepted += from.accepted;
        to.early += from.early;
        to.duplicate += from.duplicate;
        to.late += from.late;
        to.unknown_signal += from.unknown_signal;
        to.orphan += from.orphan;
        to.ignored += from.ignored;
        self.sampling.sampled += more.sampling.sampled;
        self.sampling.not_sampled += more.sampling.not_sampled;
    }

    /// All signals, those that were early and found their execution twice.
    fn signals(&self) -> u64 {
        let SignalTotals {
            accepted,
            early,
            duplicate,
            late,
            unknown_signal,
            orphan,
            ignored,
        } = self.signals;
        accepted + early + duplicate + late + unknown_signal + orphan + ignored
    }
}
