//! The metrics of the cases.

use std::fmt;

use crate::{
    engine::health::History,
    model::{IncidentCause, ProbeStatus, SamplingTotals, SignalOutcome, SignalTotals, State},
    node::{CaseFigures, Figures},
};

use super::{families::Families, server::unix_seconds};

/// The states that a case can have.
const CASE_STATES: [State; 4] = [State::Init, State::Pass, State::Fail, State::Stall];
/// The verdicts on executions.
const VERDICTS: [State; 5] = [
    State::Pass,
    State::Fail,
    State::Error,
    State::Timeout,
    State::Skip,
];
const CAUSES: [IncidentCause; 3] = [
    IncidentCause::Failed,
    IncidentCause::Stalled,
    IncidentCause::TargetDown,
];

pub(super) fn encode(figures: &Figures, families: &mut Families<'_>) -> fmt::Result {
    state(figures, families)?;
    counts(figures, families)?;
    histories(figures, families)?;
    probes(figures, families)
}

fn cases(figures: &Figures) -> impl Iterator<Item = &CaseFigures> {
    let partitions = figures.partitions.iter();
    partitions.flat_map(|partition| &partition.cases)
}

fn of(case: &CaseFigures) -> [(&'static str, &str); 1] {
    [("case", &case.case.name)]
}

fn of_and<'a>(
    case: &'a CaseFigures,
    name: &'static str,
    value: &'a str,
) -> [(&'static str, &'a str); 2] {
    [("case", &case.case.name), (name, value)]
}

fn state(figures: &Figures, families: &mut Families<'_>) -> fmt::Result {
    families.gauges(
        "livecheck_case_state",
        "1 for the state that the case has, 0 for the others.",
        cases(figures).flat_map(|case| {
            let is = |state| u32::from(case.health.state() == state);
            CASE_STATES.map(|state| (of_and(case, "state", state.name()), is(state)))
        }),
    )?;
    families.gauges(
        "livecheck_case_state_since_timestamp_seconds",
        "Unix time since which the case has its state.",
        cases(figures).map(|case| (of(case), unix_seconds(case.health.since()))),
    )?;
    families.gauges(
        "livecheck_case_incident",
        "1 for the cause of the incident that runs.",
        cases(figures).flat_map(|case| {
            let runs = case.health.incident().map(|incident| incident.cause);
            let is = move |cause| u32::from(runs == Some(cause));
            CAUSES.map(|cause| (of_and(case, "cause", cause_name(cause)), is(cause)))
        }),
    )?;
    families.gauges(
        "livecheck_case_active",
        "Whether executions of the case are judged.",
        cases(figures).map(|case| (of(case), u32::from(case.health.is_active(&case.case)))),
    )?;
    families.gauges(
        "livecheck_case_flapping",
        "Whether the case goes back and forth.",
        cases(figures).map(|case| (of(case), u32::from(case.health.is_flapping()))),
    )?;
    let muted = figures.partitions.iter().flat_map(|partition| {
        let is_muted = |case: &CaseFigures| case.health.control().is_muted(partition.time);
        let cases = partition.cases.iter();
        cases.map(move |case| (of(case), u32::from(is_muted(case))))
    });
    families.gauges(
        "livecheck_case_muted",
        "Whether notifications of the case are muted.",
        muted,
    )?;
    families.gauges(
        "livecheck_case_consecutive_failures",
        "Failures since the last PASS.",
        cases(figures).map(|case| (of(case), case.health.consecutive_failures())),
    )
}

fn counts(figures: &Figures, families: &mut Families<'_>) -> fmt::Result {
    families.counters(
        "livecheck_incidents_total",
        "Incidents of the case.",
        cases(figures).map(|case| (of(case), case.health.incidents())),
    )?;
    families.counters(
        "livecheck_stalls_total",
        "How often the case stalled.",
        cases(figures).map(|case| (of(case), case.health.total(State::Stall))),
    )?;
    families.counters(
        "livecheck_executions_total",
        "Executions that ended, by verdict.",
        cases(figures).flat_map(|case| {
            VERDICTS.map(|state| {
                let labels = of_and(case, "state", state.name());
                (labels, case.health.total(state))
            })
        }),
    )?;
    families.gauges(
        "livecheck_executions_live",
        "Executions that have no verdict yet.",
        cases(figures).map(|case| (of(case), case.live)),
    )?;
    families.gauges(
        "livecheck_last_execution_timestamp_seconds",
        "Unix time at which the last execution came that was not skipped at once.",
        cases(figures).filter_map(|case| {
            let last = case.health.last_test_received()?;
            Some((of(case), unix_seconds(last)))
        }),
    )?;
    families.counters(
        "livecheck_requests_total",
        "Requests that were offered as executions, by what became of them.",
        cases(figures).flat_map(|case| {
            let results = results(case.health.sampling());
            results.map(|(result, count)| (of_and(case, "result", result), count))
        }),
    )?;
    families.counters(
        "livecheck_signals_total",
        "Signals that came, by outcome.",
        cases(figures).flat_map(|case| {
            let outcomes = outcomes(case.health.signals());
            outcomes.map(|(outcome, count)| (of_and(case, "outcome", outcome.name()), count))
        }),
    )
}

fn histories(figures: &Figures, families: &mut Families<'_>) -> fmt::Result {
    families.histograms(
        "livecheck_execution_runtime_seconds",
        "Time from the start to the verdict of the executions that passed.",
        cases(figures).map(|case| (of(case), case.health.runtime())),
    )?;
    let empty = History::default();
    let latencies = cases(figures).flat_map(|case| {
        let declared = case.case.signals.iter();
        declared.map(|signal| {
            let history = case.health.latency().get(&signal.name);
            let labels = of_and(case, "signal", &signal.name);
            (labels, history.unwrap_or(&empty))
        })
    });
    families.histograms(
        "livecheck_signal_latency_seconds",
        "Time from the start of a signal's clock to its arrival.",
        latencies,
    )
}

fn probes(figures: &Figures, families: &mut Families<'_>) -> fmt::Result {
    let probed = || {
        cases(figures).filter_map(|case| {
            let declared = case.case.probe.as_ref();
            Some((case, declared.and(case.health.probe())?))
        })
    };
    families.gauges(
        "livecheck_probe_up",
        "Whether the target answered the last probe.",
        probed().map(|(case, probe)| (of(case), u32::from(probe.error.is_none()))),
    )?;
    families.gauges(
        "livecheck_probe_last_timestamp_seconds",
        "Unix time at which the last probe ended.",
        probed().map(|(case, probe)| (of(case), unix_seconds(probe.last_at))),
    )?;
    let mut counters = |name, help, count: fn(&ProbeStatus) -> u64| {
        let counts = probed().map(|(case, probe)| (of(case), count(probe)));
        families.counters(name, help, counts)
    };
    counters("livecheck_probes_total", "Probes that ended.", |probe| {
        probe.probes
    })?;
    counters(
        "livecheck_probe_attempts_total",
        "Attempts of all probes.",
        |probe| probe.attempts,
    )?;
    counters(
        "livecheck_probe_failures_total",
        "Probes that failed after all their attempts.",
        |probe| probe.failures,
    )
}

/// What the API calls a cause, without its prefix.
fn cause_name(cause: IncidentCause) -> &'static str {
    match cause {
        IncidentCause::Failed => "FAILED",
        IncidentCause::Stalled => "STALLED",
        IncidentCause::TargetDown => "TARGET_DOWN",
    }
}

fn results(totals: SamplingTotals) -> [(&'static str, u64); 5] {
    let SamplingTotals {
        sampled,
        not_sampled,
        over_rate,
        over_live,
        refused,
    } = totals;
    [
        ("sampled", sampled),
        ("not_sampled", not_sampled),
        ("over_rate", over_rate),
        ("over_live", over_live),
        ("refused", refused),
    ]
}

fn outcomes(totals: SignalTotals) -> [(SignalOutcome, u64); 7] {
    let SignalTotals {
        accepted,
        early,
        duplicate,
        late,
        unknown_signal,
        orphan,
        ignored,
    } = totals;
    [
        (SignalOutcome::Accepted, accepted),
        (SignalOutcome::Early, early),
        (SignalOutcome::Duplicate, duplicate),
        (SignalOutcome::Late, late),
        (SignalOutcome::UnknownSignal, unknown_signal),
        (SignalOutcome::Orphan, orphan),
        (SignalOutcome::Ignored, ignored),
    ]
}
