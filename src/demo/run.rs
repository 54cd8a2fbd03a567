//! One run: start the services, let the orders flow, show what is reported.

use std::{io::Write, net::SocketAddr, path::Path, pin::pin, sync::Arc, time::Duration};

use tokio::{
    sync::mpsc::UnboundedReceiver,
    task::JoinSet,
    time::{Instant, interval, sleep_until},
};
use tonic::{Streaming, transport::Channel};

use super::{
    case,
    error::DemoError,
    livecheck::{Told, endpoint},
    options::Options,
    plan::Plan,
    print::{Printer, Started},
    services::OrderSystem,
    summary::{Ledger, Summary},
};
use crate::{
    convert::{Violations, case::case_to_pb, models::report_from_pb},
    headers::CurrentTest,
    model::Case,
    pb::v1::{
        ApplyCaseRequest, WatchReportsRequest, WatchReportsResponse,
        case_service_client::CaseServiceClient, report_service_client::ReportServiceClient,
    },
};

/// Most orders on their way at once. If they go through more slowly than they
/// should come in, they come in more slowly.
const MAX_UNDER_WAY: usize = 1000;
/// How long after the end of its life an execution may still lack its report.
const REPORT_GRACE: Duration = Duration::from_secs(5);

/// A running LiveCheck server.
#[derive(Clone, Copy, Debug)]
pub struct Server<'a> {
    /// Where it listens.
    pub addr: SocketAddr,
    /// Where it stores its data, to be shown; none if that is not known.
    pub data_dir: Option<&'a Path>,
}

/// Runs the demo against a LiveCheck server that is its own: it applies a case,
/// and reports about other executions would be shown as well.
///
/// With [`Options::keep`] everything stays up after the summary, and reports are
/// shown, until `shutdown` ends. When that ends earlier, the summary is of what
/// has come until then.
///
/// # Errors
///
/// The server cannot be reached, refuses what the demo cannot do without, or
/// leaves an execution without a report; no port is free; the output is closed.
pub async fn run<W: Write>(
    options: &Options,
    server: Server<'_>,
    printer: &mut Printer<W>,
    shutdown: impl Future<Output = ()>,
) -> Result<Summary, DemoError> {
    let mut shutdown = pin!(shutdown);
    let case = case::declared();
    let plan = Arc::new(Plan::new(
        options.seed,
        options.orders,
        case.sampled_share(),
    ));
    let reports = prepare(server.addr, &case).await?;
    let (system, told) = OrderSystem::start(server.addr, plan.clone(), options.slowness).await?;
    printer.started(&Started {
        server,
        services: &system.services,
        options,
        probability: case.sampled_share(),
    })?;

    let began = Instant::now();
    let mut run = Run {
        reports,
        told,
        ledger: Ledger::default(),
        printer,
    };
    let ended = tokio::select! {
        () = &mut shutdown => None,
        ended = run.flow(options, &plan, &system, case.execution_life()) => Some(ended),
    };
    run.hear_the_rest();
    let summary = run.ledger.summary(began.elapsed(), ended.is_none());
    run.printer.summary(&summary)?;
    match ended {
        Some(ended) => ended?,
        None => return Ok(summary),
    }

    if options.keep {
        run.printer
            .hints(server, &system.services, &summary, case.sampled_share())?;
        tokio::select! {
            () = shutdown => {}
            ended = run.go_on() => ended?,
        }
    }
    Ok(summary)
}

/// Applies the case and begins to watch its reports.
async fn prepare(
    server: SocketAddr,
    case: &Case,
) -> Result<Streaming<WatchReportsResponse>, DemoError> {
    let channel = connect(server).await?;
    let apply = ApplyCaseRequest {
        case: Some(case_to_pb(case)),
        validate_only: false,
    };
    CaseServiceClient::new(channel.clone())
        .apply_case(apply)
        .await
        .map_err(DemoError::refused("apply the case"))?;

    let watch = WatchReportsRequest {
        case_name: case.name.clone(),
        ..WatchReportsRequest::default()
    };
    let mut reports = ReportServiceClient::new(channel)
        .watch_reports(watch)
        .await
        .map_err(DemoError::refused("show its reports"))?
        .into_inner();
    // The first item is a checkpoint: no report from now on is missed.
    next_item(&mut reports).await?;
    Ok(reports)
}

async fn connect(addr: SocketAddr) -> Result<Channel, DemoError> {
    endpoint(addr)
        .connect()
        .await
        .map_err(|source| DemoError::Unreachable { addr, source })
}

/// The next item of the watch. Safe to be called off.
async fn next_item(
    reports: &mut Streaming<WatchReportsResponse>,
) -> Result<WatchReportsResponse, DemoError> {
    reports
        .message()
        .await
        .map_err(DemoError::refused("show its reports"))?
        .ok_or(DemoError::WatchEnded)
}

/// A run under way.
struct Run<'a, W> {
    reports: Streaming<WatchReportsResponse>,
    told: UnboundedReceiver<Told>,
    ledger: Ledger,
    printer: &'a mut Printer<W>,
}

impl<W: Write> Run<'_, W> {
    /// Places the orders and waits until all have gone through and every test
    /// has its report.
    async fn flow(
        &mut self,
        options: &Options,
        plan: &Plan,
        system: &OrderSystem,
        execution_life: Duration,
    ) -> Result<(), DemoError> {
        let mut orders = plan.orders().fuse();
        let mut next = orders.next();
        let mut under_way: JoinSet<Result<(String, Option<CurrentTest>), DemoError>> =
            JoinSet::new();
        let mut pace = interval(options.rate.interval());
        while next.is_some() || !under_way.is_empty() {
            tokio::select! {
                item = next_item(&mut self.reports) => self.show(item?)?,
                Some(told) = self.told.recv() => self.ledger.told(told),
                Some(done) = under_way.join_next() => {
                    let (id, test) = done.map_err(DemoError::Dropped)??;
                    self.ledger.answered(&id, test.is_some());
                }
                _ = pace.tick(), if next.is_some() && under_way.len() < MAX_UNDER_WAY => {
                    if let Some(order) = std::mem::replace(&mut next, orders.next()) {
                        self.ledger.placed(&order.id, plan.hurt(&order.id));
                        under_way.spawn(system.place(&order));
                    }
                }
            }
        }

        let over = Instant::now() + execution_life + REPORT_GRACE;
        while let Some((missing, example)) = self.ledger.missing() {
            let example = example.to_owned();
            tokio::select! {
                item = next_item(&mut self.reports) => self.show(item?)?,
                () = sleep_until(over) => {
                    return Err(DemoError::ReportsMissing { missing, example });
                }
            }
        }
        Ok(())
    }

    /// Shows reports for as long as there is a server.
    async fn go_on(&mut self) -> Result<(), DemoError> {
        loop {
            tokio::select! {
                item = next_item(&mut self.reports) => self.show(item?)?,
                // The summary is out; nobody counts any more.
                Some(_) = self.told.recv() => {}
            }
        }
    }

    /// Hears what the services have told already.
    fn hear_the_rest(&mut self) {
        while let Ok(told) = self.told.try_recv() {
            self.ledger.told(told);
        }
    }

    fn show(&mut self, item: WatchReportsResponse) -> Result<(), DemoError> {
        let Some(report) = item.report else {
            return Ok(());
        };
        let mut bad = Violations::new();
        let report = report_from_pb(report, &mut bad)
            .ok_or_else(|| DemoError::UnreadableReport(bad.to_string()))?;
        let hurt = self.ledger.reported(&report);
        self.printer.report(&report, hurt)?;
        Ok(())
    }
}
