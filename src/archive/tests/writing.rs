use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// Everything that readers can see.
fn contents(archive: &Archive) -> impl PartialEq + std::fmt::Debug + use<> {
    let reader = archive.reader().unwrap();
    let all = reader
        .list_executions(&ExecutionFilter::default(), None, usize::MAX)
        .unwrap();
    let marks: Vec<_> = (0..2)
        .map(|partition| {
            (
                reader.position(partition).unwrap(),
                reader.marks(partition).unwrap().deleted_reports,
            )
        })
        .collect();
    let changes = reader.case_changes_after(&[(0, 0)], usize::MAX).unwrap();
    (all, marks, changes)
}

/// A history of two partitions in the order of the journal, with late signals
/// and changes of cases.
fn history() -> impl Strategy<Value = Vec<Entry>> {
    prop::collection::vec((0..2_u32, 0..4_u8, any::<prop::sample::Index>()), 0..40).prop_map(
        |steps| {
            let mut entries = Vec::new();
            let mut done: Vec<Finished> = Vec::new();
            let mut counts: BTreeMap<String, u64> = BTreeMap::new();
            for ((partition, kind, which), n) in steps.into_iter().zip(1..) {
                let position = 2 * n + 1;
                match kind {
                    0 => entries.push(case_entry(
                        position,
                        CaseChange::Applied(case("a", n).into()),
                    )),
                    1 if !done.is_empty() => {
                        let of = which.get(&done);
                        let count = counts.entry(of.view.test.id.clone()).or_default();
                        *count += 1;
                        let kept = *count <= 16;
                        entries.push(late(of, position, *count, kept));
                    }
                    2 => {
                        entries.push(case_entry(position, CaseChange::Deleted("b".to_owned())));
                    }
                    _ => {
                        let one = finished(partition, 2 * n, "a", State::Pass);
                        entries.push(entry(&one));
                        done.push(one);
                    }
                }
            }
            entries
        },
    )
}

pub fn commit(writer: &mut Writer, entries: &[Entry]) {
    let mut positions = BTreeMap::new();
    for entry in entries {
        let (partition, position) = entry.place();
        positions.insert(partition, position);
    }
    let positions: Vec<_> = positions.into_iter().collect();
    writer.commit(entries, &positions).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_batching_and_any_replay_give_the_same(
        entries in history(),
        cuts in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 0..6),
    ) {
        let once = Archive::in_memory(JOURNAL, 2).unwrap();
        commit(&mut once.writer().unwrap(), &entries);

        let often = Archive::in_memory(JOURNAL, 2).unwrap();
        let mut writer = often.writer().unwrap();
        let mut done = 0;
        let mut cuts: Vec<_> = cuts
            .iter()
            .map(|(back, to)| (back.index(entries.len() + 1), to.index(entries.len() + 1)))
            .collect();
        cuts.sort_by_key(|(_, to)| *to);
        for (back, to) in cuts {
            commit(&mut writer, &entries[back.min(done)..to.max(done)]);
            done = to.max(done);
        }
        commit(&mut writer, &entries[done..]);
        prop_assert_eq!(contents(&often), contents(&once));
    }

    #[test]
    fn any_execution_is_read_as_it_was_written(
        view in crate::convert::arbitrary::view(),
        report in crate::convert::arbitrary::report(),
        submission in crate::convert::arbitrary::submission(),
        same in any::<(bool, bool)>(),
    ) {
        let mut one = finished(0, 1, "a", State::Pass);
        one.submission = submission;
        one.view = view;
        one.view.late_signals.clear();
        one.view.report = Some(report);
        if same.0
            && let Some(report) = &mut one.view.report
        {
            report.test = Some(one.view.test.clone());
        }
        if same.1 {
            one.submission = Submission {
                always: false,
                traceparent: String::new(),
                case_name: one.view.test.case_name.clone(),
                id: one.view.test.id.clone(),
                test_args: one.view.test.test_args.clone(),
                test_kwargs: one.view.test.test_kwargs.clone(),
                expires: one.submission.expires,
                labels: one.view.test.labels.clone(),
            };
        }
        one.submission.id.push('x');
        let archive = Archive::in_memory(JOURNAL, 1).unwrap();
        archive.writer().unwrap().commit(&[entry(&one)], &[(0, 2)]).unwrap();
        let test = &one.view.test;
        let found = archive.reader().unwrap().get(&test.case_name, &test.id).unwrap();
        prop_assert_eq!(found, Some(one));
    }
}

#[test]
fn an_execution_is_found_by_case_and_id() {
    let archive = Archive::in_memory(JOURNAL, 2).unwrap();
    let (a, b) = (
        finished(0, 2, "a", State::Pass),
        finished(1, 2, "b", State::Fail),
    );
    let mut again = finished(0, 4, "a", State::Skip);
    again.view.test.id = a.view.test.id.clone();
    let mut writer = archive.writer().unwrap();
    writer
        .commit(&[entry(&a), entry(&b)], &[(0, 3), (1, 3)])
        .unwrap();
    let reader = archive.reader().unwrap();
    assert_eq!(reader.get("a", "id-2").unwrap(), Some(a));
    assert_eq!(reader.get("b", "id-2").unwrap(), Some(b));
    assert_eq!(reader.get("c", "id-2").unwrap(), None);
    assert_eq!(reader.get("a", "id-3").unwrap(), None);
    assert_eq!(reader.position(1).unwrap(), 3);

    writer.commit(&[entry(&again)], &[(0, 5)]).unwrap();
    assert_eq!(reader.get("a", "id-2").unwrap(), Some(again));
}

#[test]
fn late_signals_are_noted_beside_the_report() {
    let archive = Archive::in_memory(JOURNAL, 1).unwrap();
    let mut writer = archive.writer().unwrap();
    let one = finished(0, 1, "a", State::Pass);
    let unknown = finished(0, 500, "a", State::Pass);
    writer
        .commit(&[entry(&one), late(&unknown, 3, 1, true)], &[(0, 3)])
        .unwrap();
    let entries: Vec<_> = (1..=20)
        .map(|count| late(&one, 10 + count, count, count <= 16))
        .collect();
    commit(&mut writer, &entries[..5]);
    commit(&mut writer, &entries);

    let found = archive.reader().unwrap().get("a", "id-1").unwrap().unwrap();
    assert_eq!(found.view.late_signal_count, 20);
    let positions: Vec<_> = found
        .view
        .late_signals
        .iter()
        .map(|late| late.event.value.as_u64().unwrap())
        .collect();
    assert_eq!(positions, (11..=26).collect::<Vec<_>>());
    assert_eq!(found.view.report, one.view.report);
}

#[test]
fn changes_of_cases_are_read_in_order() {
    let archive = Archive::in_memory(JOURNAL, 1).unwrap();
    let mut writer = archive.writer().unwrap();
    let changes = [
        CaseChange::Applied(case("a", 1).into()),
        CaseChange::Applied(case("a", 2).into()),
        CaseChange::Deleted("a".to_owned()),
    ];
    let entries: Vec<_> = (1..)
        .zip(&changes)
        .map(|(n, change)| case_entry(n * 10, change.clone()))
        .collect();
    writer.commit(&entries, &[(0, 40)]).unwrap();

    let reader = archive.reader().unwrap();
    let page = reader.case_changes_after(&[(0, 10)], 1).unwrap();
    assert_eq!(
        page.items,
        [ArchivedCaseChange {
            partition: 0,
            position: 20,
            time: at(20),
            change: changes[1].clone(),
        }]
    );
    assert_eq!((page.reached.as_slice(), page.more), (&[(0, 20)][..], true));
    let page = reader.case_changes_after(&page.reached, 10).unwrap();
    assert_eq!(page.items[0].change, changes[2]);
    assert_eq!(
        (page.reached.as_slice(), page.more),
        (&[(0, 40)][..], false)
    );
}

#[test]
fn what_has_no_place_is_refused_whole() {
    let archive = Archive::in_memory(JOURNAL, 1).unwrap();
    let mut writer = archive.writer().unwrap();
    let good = finished(0, 1, "a", State::Pass);
    let mut unfinished = finished(0, 3, "a", State::Pass);
    unfinished.view.report = None;
    let mut beyond = finished(0, 3, "a", State::Pass);
    beyond.concluded = 1 << 48;
    for (bad, positions, expected) in [
        (
            finished(1, 3, "a", State::Pass),
            vec![],
            "the journal has no position 4 in a partition 1",
        ),
        (
            beyond,
            vec![],
            "the journal has no position 281474976710656 in a partition 0",
        ),
        (
            unfinished,
            vec![],
            "the execution a:id-3 has no report and is not for the archive",
        ),
        (
            finished(0, 3, "a", State::Pass),
            vec![(7, 1)],
            "the journal has no position 1 in a partition 7",
        ),
    ] {
        let refused = writer
            .commit(&[entry(&good), entry(&bad)], &positions)
            .unwrap_err();
        assert_eq!(refused.to_string(), expected);
        assert_eq!(archive.reader().unwrap().get("a", "id-1").unwrap(), None);
    }
    // The number of the case was taken back with the rest.
    writer.commit(&[entry(&good)], &[(0, 2)]).unwrap();
    let reader = archive.reader().unwrap();
    assert_eq!(reader.get("a", "id-1").unwrap(), Some(good));
}

#[test]
fn retention_by_age_keeps_what_is_younger() {
    let archive = Archive::in_memory(JOURNAL, 2).unwrap();
    let mut writer = archive.writer().unwrap();
    let mut entries: Vec<_> = (1..=20)
        .map(|n| entry(&finished(0, n * 2, "a", State::Pass)))
        .collect();
    entries.push(late(&finished(0, 2, "a", State::Pass), 44, 1, true));
    entries.push(entry(&finished(1, 2, "b", State::Fail)));
    entries.extend((50..60).map(|n| case_entry(n, CaseChange::Deleted("a".to_owned()))));
    commit(&mut writer, &entries);

    // Verdicts fall 1.5 s after the start.
    let hour = Duration::from_secs(3600);
    let now = at(20) + Duration::from_millis(1500) + hour;
    let mut deleted = Retained::default();
    loop {
        let batch = writer.retain(hour, now, u64::MAX).unwrap();
        deleted.executions += batch.executions;
        deleted.case_changes += batch.case_changes;
        if !batch.more {
            break;
        }
    }
    assert_eq!((deleted.executions, deleted.case_changes), (10, 0));

    let reader = archive.reader().unwrap();
    assert_eq!(reader.marks(0).unwrap().deleted_reports, 19);
    assert_eq!(reader.marks(1).unwrap().deleted_reports, 3);
    assert_eq!(reader.get("a", "id-18").unwrap(), None);
    assert!(reader.get("a", "id-20").unwrap().is_some());
    let all = ReportFilter::default();
    assert_eq!(reader.list_reports(&all, None, 100).unwrap().len(), 11);
    let refused = reader.reports_after(&[(0, 18)], &all, 100).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the archive has deleted rows of partition 0 up to position 19, and was asked for those \
         after 18"
    );
    let page = reader.reports_after(&[(0, 19)], &all, 100).unwrap();
    assert_eq!(page.items.len(), 11);

    let before = contents(&archive);
    commit(&mut writer, &entries);
    assert_eq!(contents(&archive), before, "what is deleted stays so");

    writer.retain(hour, at(55) + hour, u64::MAX).unwrap();
    assert_eq!(reader.marks(0).unwrap().deleted_case_changes, 54);
    assert!(matches!(
        reader.case_changes_after(&[(0, 53)], 1),
        Err(ArchiveError::Trimmed {
            partition: 0,
            deleted: 54,
            wanted: 53
        })
    ));
    let page = reader.case_changes_after(&[(0, 54)], 100).unwrap();
    assert_eq!(page.items.len(), 5);
}

#[test]
fn retention_by_size_deletes_the_oldest_in_batches() {
    let disk = OnDisk::new();
    let mut writer = disk.archive.writer().unwrap();
    let entries: Vec<_> = (1..=5_000)
        .map(|n| entry(&finished(0, n * 2, "a", State::Pass)))
        .collect();
    commit(&mut writer, &entries);
    writer.sync().unwrap();
    let size = || std::fs::metadata(disk.path()).unwrap().len();
    let max_bytes = size() / 3;
    let forever = Duration::MAX;

    let mut batches = 0;
    loop {
        let batch = writer.retain(forever, at(0), max_bytes).unwrap();
        assert!(batch.executions <= 1_000);
        batches += 1;
        if !batch.more {
            break;
        }
    }
    assert!(batches > 3, "{batches}");
    let reader = disk.archive.reader().unwrap();
    let left = reader
        .list_reports(&ReportFilter::default(), None, usize::MAX)
        .unwrap();
    assert!((500..2_500).contains(&left.len()), "{}", left.len());
    let oldest = left.last().unwrap().concluded;
    assert_eq!(reader.marks(0).unwrap().deleted_reports, oldest - 2);

    // Free pages are used again.
    let full = size();
    let entries: Vec<_> = (5_001..=6_000)
        .map(|n| entry(&finished(0, n * 2, "a", State::Pass)))
        .collect();
    commit(&mut writer, &entries);
    writer.sync().unwrap();
    assert!(size() <= full);
    assert!(disk.archive.check(|| false).unwrap());
}

#[test]
fn an_entry_weighs_what_its_values_weigh() {
    let large = "x".repeat(100_000);
    let small = finished(0, 1, "a", State::Pass);
    let bytes = |finished: &Finished| entry(finished).bytes();

    // In the view, in the report and in the submission.
    let mut argument = small.clone();
    let test = &mut argument.view.test;
    test.test_args = vec![large.clone().into()];
    argument.submission.test_args = test.test_args.clone();
    argument.view.report.as_mut().unwrap().test = Some(test.clone());
    let more = bytes(&argument) - bytes(&small);
    assert!((300_000..310_000).contains(&more), "{more}");

    let mut signalled = small.clone();
    let mut heavy = signal("a", 1, None);
    heavy.event.value = large.clone().into();
    signalled.view.signals.push(heavy.clone());
    let more = bytes(&signalled) - bytes(&small);
    assert!((100_000..110_000).contains(&more), "{more}");

    let late = Entry::Late {
        partition: 0,
        position: 9,
        case_name: "a".to_owned(),
        id: "id-1".to_owned(),
        signal: Some(heavy),
        count: 1,
    };
    assert!((100_000..110_000).contains(&late.bytes()));

    let mut described = case("a", 1);
    described.description = large;
    let applied = case_entry(1, CaseChange::Applied(described.into()));
    assert!((100_000..110_000).contains(&applied.bytes()));
}
