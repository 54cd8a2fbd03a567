//! The metrics of the server: its journal, fold, archive and limits.

use std::{collections::BTreeMap, fmt};

use crate::{
    model::Time,
    node::{Figures, NodeOptions, PartitionFigures},
};

use super::families::{Families, NONE};

pub(super) fn encode(
    figures: &Figures,
    started_at: Time,
    families: &mut Families<'_>,
) -> fmt::Result {
    families.info(
        "livecheck_build_info",
        "Version of the server.",
        &[("version", env!("CARGO_PKG_VERSION"))],
    )?;
    families.gauges(
        "livecheck_start_time_seconds",
        "Unix time at which the server came up.",
        [(NONE, unix_seconds(started_at))],
    )?;
    let cases = figures.partitions.iter().map(|one| one.cases.len());
    families.gauges(
        "livecheck_cases",
        "Cases that are declared.",
        [(NONE, cases.sum::<usize>())],
    )?;
    families.gauges(
        "livecheck_waiters",
        "Calls that wait or watch.",
        [(NONE, figures.waiters)],
    )?;
    limits(&figures.options, families)?;
    notifications(figures, families)?;
    journal(figures, families)?;
    kept(figures, families)
}

/// An instant as Prometheus has it.
pub(super) fn unix_seconds(time: Time) -> f64 {
    time.timestamp_micros() as f64 / 1e6
}

fn limits(options: &NodeOptions, families: &mut Families<'_>) -> fmt::Result {
    families.gauges(
        "livecheck_cases_limit",
        "Cases that may be declared.",
        [(NONE, options.max_cases)],
    )?;
    families.gauges(
        "livecheck_waiters_limit",
        "Calls that may wait or watch at once.",
        [(NONE, options.max_waiters)],
    )?;
    families.gauges(
        "livecheck_executions_in_memory_limit",
        "Executions that may be live at once.",
        [(NONE, options.max_live_executions)],
    )?;
    families.gauges(
        "livecheck_state_limit_bytes",
        "Bytes that live executions and early signals may take.",
        [(NONE, options.max_state_bytes)],
    )?;
    families.gauges(
        "livecheck_archive_backlog_limit_bytes",
        "Bytes that may be queued for the archive.",
        [(NONE, options.archive_backlog_bytes)],
    )
}

/// What is kept for a webhook.
#[derive(Clone, Copy, Default)]
struct Kept {
    pending: usize,
    dead: usize,
}

fn notifications(figures: &Figures, families: &mut Families<'_>) -> fmt::Result {
    // A webhook that is not declared any more shows as long as something is kept
    // for it.
    let mut by_webhook: BTreeMap<&str, Kept> = BTreeMap::new();
    for webhook in figures.options.webhooks.iter() {
        by_webhook.entry(&webhook.name).or_default();
    }
    for case in figures.partitions.iter().flat_map(|one| &one.cases) {
        let kept = case.health.notifications();
        for pending in kept.pending() {
            by_webhook.entry(&pending.webhook).or_default().pending += 1;
        }
        for dead in kept.dead() {
            let webhook = &dead.notification.webhook;
            by_webhook.entry(webhook).or_default().dead += 1;
        }
    }
    let by_webhook = || {
        let webhooks = by_webhook.iter();
        webhooks.map(|(&name, &kept)| ([("webhook", name)], kept))
    };
    families.gauges(
        "livecheck_notifications_pending",
        "Notifications that wait to be delivered.",
        by_webhook().map(|(labels, kept)| (labels, kept.pending)),
    )?;
    families.gauges(
        "livecheck_notifications_dead",
        "Notifications that were given up and can be retried.",
        by_webhook().map(|(labels, kept)| (labels, kept.dead)),
    )
}

fn partitions<V>(
    figures: &Figures,
    value: impl Fn(&PartitionFigures) -> V,
) -> impl Iterator<Item = ([(&'static str, u32); 1], V)> {
    let partitions = figures.partitions.iter();
    partitions.map(move |one| ([("partition", one.number)], value(one)))
}

fn journal(figures: &Figures, families: &mut Families<'_>) -> fmt::Result {
    families.counters(
        "livecheck_journal_records_total",
        "Durable records: the position of the last one.",
        partitions(figures, |one| one.head),
    )?;
    families.counters(
        "livecheck_folded_records_total",
        "Records that were folded: the position of the last one.",
        partitions(figures, |one| one.folded),
    )?;
    families.gauges(
        "livecheck_fold_lag_records",
        "Durable records that are not folded yet.",
        partitions(figures, |one| one.head.saturating_sub(one.folded)),
    )?;
    families.gauges(
        "livecheck_archive_position",
        "Position up to which the archive has everything that it is to have.",
        partitions(figures, |one| one.archived),
    )?;
    families.gauges(
        "livecheck_archive_backlog_bytes",
        "Bytes queued for the archive.",
        partitions(figures, |one| one.archive_backlog),
    )?;
    families.counters(
        "livecheck_absences_total",
        "How often the server was away, so that silence proved nothing.",
        partitions(figures, |one| one.absences),
    )?;
    families.gauges(
        "livecheck_wall_clock_ahead_seconds",
        "Wall clock minus journal time.",
        partitions(figures, |one| {
            unix_seconds(figures.wall) - unix_seconds(one.time)
        }),
    )
}

fn kept(figures: &Figures, families: &mut Families<'_>) -> fmt::Result {
    families.gauges(
        "livecheck_executions_in_memory",
        "Live executions, those included whose verdict is not recorded yet.",
        partitions(figures, |one| one.live),
    )?;
    families.gauges(
        "livecheck_early_signals",
        "Signals that are kept for an execution that has not come.",
        partitions(figures, |one| one.early),
    )?;
    families.gauges(
        "livecheck_state_bytes",
        "Bytes that live executions and early signals take.",
        partitions(figures, |one| one.state_bytes),
    )
}
