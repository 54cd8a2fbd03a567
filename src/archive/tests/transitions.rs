//! Changes of cases beside the reports: each report is stored once, and retention
//! by size takes the oldest of both.

use super::{writing::commit, *};
use crate::model::{Transition, TransitionKind};

/// A transition at a position, with a large report that is ten seconds older.
fn transition(position: Position) -> Transition {
    let second = i64::try_from(position).unwrap();
    Transition {
        case_name: "a".to_owned(),
        number: 1,
        kind: TransitionKind::IncidentStarted,
        at: at(second),
        state: State::Fail,
        reason: "3 failures in a row".to_owned(),
        incident: None,
        muted: false,
        flapping: false,
        consecutive_failures: 3,
        total_failures: 3,
        report: Some(TestReport {
            case_name: "a".to_owned(),
            state: State::Fail,
            test: None,
            runtime: None,
            signal_latency: [].into(),
            error: Some("x".repeat(100_000)),
            traceback: None,
            concluded_at: at(second - 10),
            failure: None,
        }),
    }
}

/// Bytes of the blobs of the changes.
fn blob_bytes(writer: &Writer) -> i64 {
    let sql = "SELECT sum(length(declaration)) FROM case_changes";
    let bytes = writer
        .db
        .with(|db| Ok(db.query_one(sql, [], |row| row.get(0))?));
    bytes.unwrap()
}

#[test]
fn the_report_of_a_transition_is_stored_once() {
    let archive = Archive::in_memory(JOURNAL, 1).unwrap();
    let mut writer = archive.writer().unwrap();
    let whole = transition(50);
    let change = CaseChange::Transitioned(Arc::new(whole.clone()));
    commit(&mut writer, &[case_entry(50, change.clone())]);
    assert!(blob_bytes(&writer) < 1_000);

    let reader = archive.reader().unwrap();
    let page = reader.case_changes_after(&[(0, 0)], 10).unwrap();
    assert_eq!(page.items.len(), 1);
    assert_eq!(page.items[0].change, change);
    let reports = reader.list_reports(&ReportFilter::default(), None, 10);
    let reports: Vec<_> = reports.unwrap().into_iter().map(|one| one.report).collect();
    assert_eq!(reports, [whole.report.clone().unwrap()]);

    // It is without what retention has deleted.
    let deleted = writer.retain(Duration::ZERO, at(45), u64::MAX).unwrap();
    assert_eq!((deleted.executions, deleted.case_changes), (1, 0));
    let page = reader.case_changes_after(&[(0, 0)], 10).unwrap();
    let bare = Transition {
        report: None,
        ..whole
    };
    let changes: Vec<_> = page.items.into_iter().map(|one| one.change).collect();
    assert_eq!(changes, [CaseChange::Transitioned(Arc::new(bare))]);
}

/// Deletes until an archive fits into a share of its bytes.
fn shrink(disk: &OnDisk, writer: &mut Writer, share: u64) {
    writer.sync().unwrap();
    let max_bytes = std::fs::metadata(disk.path()).unwrap().len() / share;
    while writer.retain(Duration::MAX, at(0), max_bytes).unwrap().more {}
}

/// A declaration of some bytes at a position.
fn declared(position: Position) -> Entry {
    let case = Case {
        description: "d".repeat(1_000),
        ..case("a", position)
    };
    case_entry(position, CaseChange::Applied(Arc::new(case)))
}

#[test]
fn retention_by_size_deletes_changes_in_step_with_reports() {
    let disk = OnDisk::new();
    let mut writer = disk.archive.writer().unwrap();
    // By turns a report and a change.
    let entries: Vec<_> = (1..=2_000)
        .flat_map(|n| {
            [
                entry(&finished(0, 3 * n - 2, "a", State::Pass)),
                declared(3 * n),
            ]
        })
        .collect();
    commit(&mut writer, &entries);
    shrink(&disk, &mut writer, 2);
    let reader = disk.archive.reader().unwrap();
    let marks = reader.marks(0).unwrap();
    let (reports, changes) = (marks.deleted_reports, marks.deleted_case_changes);
    assert!((1_500..4_500).contains(&reports), "{reports}");
    assert!(reports.abs_diff(changes) <= 3, "{reports} {changes}");
    let page = reader.case_changes_after(&[(0, changes)], usize::MAX);
    let page = page.unwrap();
    assert_eq!(page.items.len() as u64, 2_000 - changes / 3);
    assert!(matches!(
        reader.case_changes_after(&[(0, changes - 1)], 1),
        Err(ArchiveError::Trimmed { deleted, .. }) if deleted == changes
    ));
}

#[test]
fn many_old_changes_do_not_cost_younger_reports() {
    let disk = OnDisk::new();
    let mut writer = disk.archive.writer().unwrap();
    let mut entries: Vec<_> = (1..=3_000).map(declared).collect();
    let reports = (0..100).map(|n| entry(&finished(0, 3_001 + 2 * n, "a", State::Pass)));
    entries.extend(reports);
    commit(&mut writer, &entries);
    shrink(&disk, &mut writer, 2);
    let reader = disk.archive.reader().unwrap();
    let marks = reader.marks(0).unwrap();
    assert_eq!(marks.deleted_reports, 0);
    let changes = marks.deleted_case_changes;
    assert!((1_000..2_500).contains(&changes), "{changes}");
}
