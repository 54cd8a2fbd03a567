//! What the server shows beside what was recounted: any difference is an error.

use std::{
    collections::BTreeMap,
    fmt::Debug,
    time::{Duration, Instant},
};

use livecheck::pb::v1::{
    CaseStatus, ListCasesRequest, ListFailuresRequest, ListReportsRequest, SamplingTotals, State,
    TestReport, case_service_client::CaseServiceClient, report_service_client::ReportServiceClient,
};
use tonic::transport::Channel;

use super::{
    Any, Counted, DEADLINE, Sent,
    recount::{Recount, micros},
};

const PAGE: i32 = 1000;
/// Differences that are told.
const TOLD: usize = 20;

impl Counted {
    /// Holds the status of every case, the list of reports and the groups of
    /// failures against the recount: how long a list of all cases takes.
    pub async fn check(&self, channel: &Channel) -> Result<Duration, Any> {
        let mut bad = Vec::new();
        let (statuses, took) = self.statuses(channel).await?;
        for (name, sent) in &self.sent {
            let nothing = Recount::default();
            let recount = self.recounts.get(name).unwrap_or(&nothing);
            match statuses.get(name) {
                Some(status) => compare_status(name, status, recount, sent, &mut bad),
                None => bad.push(format!("{name} is not listed")),
            }
        }
        let mut listed = all_reports(channel).await?;
        let mut told = self.reports.clone();
        same(&mut bad, "reports", "number", listed.len(), told.len());
        for reports in [&mut listed, &mut told] {
            reports.sort_by_cached_key(|one| {
                let id = one.test.as_ref().map(|test| test.id.clone());
                (one.case_name.clone(), id, one.concluded_at.map(micros))
            });
        }
        for (listed, told) in listed.iter().zip(&told) {
            same(&mut bad, &told.case_name, "report", listed, told);
        }
        let failures = all_failures(channel).await?;
        for (name, recount) in &self.recounts {
            let shown = failures.get(name).cloned().unwrap_or_default();
            same(&mut bad, name, "failures", &shown, &recount.failures);
        }
        match bad.is_empty() {
            true => Ok(took),
            false => {
                let told = bad.iter().take(TOLD).map(String::as_str);
                let told = told.collect::<Vec<_>>().join("\n");
                Err(format!("{} differences, among them:\n{told}", bad.len()).into())
            }
        }
    }

    /// The status of every case, once what is counted without an event of its own
    /// has come to the journal.
    async fn statuses(
        &self,
        channel: &Channel,
    ) -> Result<(BTreeMap<String, CaseStatus>, Duration), Any> {
        let sent = |of: fn(&Sent) -> u64| self.sent.values().map(of).sum::<u64>();
        let not_sampled = sent(|one| one.sampling.not_sampled);
        let ignored = sent(|one| one.signals.ignored);
        let deadline = Instant::now() + DEADLINE;
        loop {
            let began = Instant::now();
            let statuses = all_cases(channel).await?;
            let took = began.elapsed();
            let shown = |of: fn(&CaseStatus) -> u64| statuses.values().map(of).sum::<u64>();
            let counted = shown(|one| one.sampling.unwrap_or_default().not_sampled) >= not_sampled
                && shown(|one| one.signals.unwrap_or_default().ignored) >= ignored;
            if counted || Instant::now() > deadline {
                return Ok((statuses, took));
            }
        }
    }
}

fn compare_status(
    name: &str,
    status: &CaseStatus,
    recount: &Recount,
    sent: &Sent,
    bad: &mut Vec<String>,
) {
    let totals = status.totals.iter();
    let totals: BTreeMap<State, u64> = totals.map(|one| (one.state(), one.count)).collect();
    same(bad, name, "totals", &totals, &recount.totals);
    same(bad, name, "state", status.state(), recount.state());
    same(
        bad,
        name,
        "consecutive failures",
        status.consecutive_failures,
        recount.consecutive_failures,
    );
    same(
        bad,
        name,
        "total failures",
        status.total_failures,
        recount.total_failures(),
    );
    same(
        bad,
        name,
        "last failure",
        &status.last_failure,
        &recount.last_failure,
    );
    same(bad, name, "incidents", status.incidents, recount.incidents);
    same(
        bad,
        name,
        "incident",
        status.incident.is_some(),
        recount.unwell,
    );
    let received = status.last_test_received.map(micros);
    same(bad, name, "last test", received, recount.last_received());
    same(
        bad,
        name,
        "runtime",
        status.runtime,
        Some(recount.runtime()),
    );
    same(
        bad,
        name,
        "frequency",
        status.frequency,
        Some(recount.frequency()),
    );
    let latency = status.signal_latency.iter();
    let latency: BTreeMap<_, _> = latency.map(|(name, one)| (name.as_str(), *one)).collect();
    same(bad, name, "latency", latency, recount.latency());
    same(bad, name, "signals", status.signals, Some(sent.signals));
    let SamplingTotals {
        sampled,
        not_sampled,
        ..
    } = sent.sampling;
    let all = sampled + not_sampled;
    let sampling = SamplingTotals {
        share: (all > 0).then(|| sampled as f64 / all as f64),
        ..sent.sampling
    };
    same(bad, name, "sampling", status.sampling, Some(sampling));
}

fn same<T: Debug + PartialEq>(bad: &mut Vec<String>, name: &str, what: &str, shown: T, counted: T) {
    if shown != counted {
        bad.push(format!(
            "{name}: {what} {shown:?}, but {counted:?} were counted"
        ));
    }
}

async fn all_cases(channel: &Channel) -> Result<BTreeMap<String, CaseStatus>, Any> {
    let mut cases = CaseServiceClient::new(channel.clone());
    let mut all = BTreeMap::new();
    let mut request = ListCasesRequest {
        page_size: PAGE,
        ..ListCasesRequest::default()
    };
    loop {
        let page = cases.list_cases(request.clone()).await?.into_inner();
        for view in page.cases {
            all.insert(
                view.case.unwrap_or_default().name,
                view.status.unwrap_or_default(),
            );
        }
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            return Ok(all);
        }
    }
}

async fn all_reports(channel: &Channel) -> Result<Vec<TestReport>, Any> {
    let mut reports = ReportServiceClient::new(channel.clone());
    let mut all = Vec::new();
    let mut request = ListReportsRequest {
        page_size: PAGE,
        ..ListReportsRequest::default()
    };
    loop {
        let page = reports.list_reports(request.clone()).await?.into_inner();
        all.extend(page.reports);
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            return Ok(all);
        }
    }
}

/// How many failures there are of each fingerprint, by case.
async fn all_failures(channel: &Channel) -> Result<BTreeMap<String, BTreeMap<String, u64>>, Any> {
    let mut reports = ReportServiceClient::new(channel.clone());
    let mut all: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
    let mut request = ListFailuresRequest {
        page_size: PAGE,
        ..ListFailuresRequest::default()
    };
    loop {
        let page = reports.list_failures(request.clone()).await?.into_inner();
        for group in page.failures {
            let of_case = all.entry(group.case_name).or_default();
            let fingerprint = group.failure.unwrap_or_default().fingerprint;
            *of_case.entry(fingerprint).or_default() += group.count;
        }
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            return Ok(all);
        }
    }
}
