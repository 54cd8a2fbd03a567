use proptest::{prelude::*, sample::select};

use super::*;

const CASES: [&str; 3] = ["a", "b", "c"];

/// Finished executions with ties in their times, over three cases in two
/// partitions.
fn some() -> impl Strategy<Value = Vec<Finished>> {
    let one = (
        0..3_usize,
        select(State::ALL.to_vec()),
        0..12_i64,
        0..12_i64,
    );
    prop::collection::vec(one, 0..24).prop_map(|all| {
        let mut all: Vec<_> = all
            .into_iter()
            .zip(1..)
            .map(|((case, state, start, end), n): (_, u64)| {
                let partition = u32::from(case == 2);
                let mut one = finished(partition, 2 * n, CASES[case], state);
                one.view.test.timestamp = at(start);
                let report = one.view.report.as_mut().unwrap();
                report.test = Some(one.view.test.clone());
                report.concluded_at = at(end);
                one
            })
            .collect();
        all.sort_by_key(|one| one.concluded);
        all
    })
}

fn filled(all: &[Finished]) -> Archive {
    let archive = Archive::in_memory(JOURNAL, 2).unwrap();
    let entries: Vec<_> = all.iter().map(entry).collect();
    let mut writer = archive.writer().unwrap();
    writer.commit(&entries, &[(0, 100), (1, 100)]).unwrap();
    archive
}

fn filter() -> impl Strategy<Value = ReportFilter> {
    (
        prop::option::of(select(vec!["a", "b", "c", "unknown"])),
        prop::collection::vec(select(State::ALL.to_vec()), 0..3),
        any::<Option<bool>>(),
        prop::option::of((0..12_i64).prop_map(at)),
        prop::option::of((0..12_i64).prop_map(at)),
    )
        .prop_map(|(case_name, states, ok, since, until)| ReportFilter {
            case_name: case_name.map(str::to_owned),
            states,
            ok,
            since,
            until,
        })
}

fn passes(filter: &ReportFilter, case: &str, state: State, time: Time) -> bool {
    filter.case_name.as_deref().is_none_or(|name| name == case)
        && (filter.states.is_empty() || filter.states.contains(&state))
        && filter.ok.is_none_or(|ok| ok == state.is_ok())
        && filter.since.is_none_or(|since| time >= since)
        && filter.until.is_none_or(|until| time < until)
}

fn report(one: &Finished) -> &TestReport {
    one.view.report.as_ref().unwrap()
}

fn archived(one: &Finished) -> ArchivedReport {
    ArchivedReport {
        partition: one.partition,
        execution: one.execution,
        concluded: one.concluded,
        report: report(one).clone(),
    }
}

proptest! {
    #[test]
    fn pages_of_executions_make_the_list(all in some(), filter in filter(), limit in 1..6_usize) {
        let place = |one: &Finished| ExecutionCursor {
            timestamp: one.view.test.timestamp,
            partition: one.partition,
            execution: one.execution,
        };
        let mut expected: Vec<_> = all
            .iter()
            .filter(|one| {
                let filter = ReportFilter { ok: None, ..filter.clone() };
                let test = &one.view.test;
                passes(&filter, &test.case_name, report(one).state, test.timestamp)
            })
            .cloned()
            .collect();
        expected.sort_by_key(|one| std::cmp::Reverse(place(one)));

        let filter = ExecutionFilter {
            case_name: filter.case_name,
            states: filter.states,
            since: filter.since,
            until: filter.until,
        };
        let reader = filled(&all).reader().unwrap();
        let mut listed = Vec::new();
        loop {
            let page = reader
                .list_executions(&filter, listed.last().map(place), limit)
                .unwrap();
            if page.is_empty() {
                break;
            }
            prop_assert!(page.len() <= limit);
            listed.extend(page);
        }
        prop_assert_eq!(listed, expected);
    }

    #[test]
    fn pages_of_reports_make_the_list(all in some(), filter in filter(), limit in 1..6_usize) {
        let place = |one: &ArchivedReport| ReportCursor {
            concluded_at: one.report.concluded_at,
            partition: one.partition,
            concluded: one.concluded,
        };
        let mut expected: Vec<_> = all
            .iter()
            .filter(|one| {
                let report = report(one);
                passes(&filter, &report.case_name, report.state, report.concluded_at)
            })
            .map(archived)
            .collect();
        expected.sort_by_key(|one| std::cmp::Reverse(place(one)));

        let reader = filled(&all).reader().unwrap();
        let mut listed = Vec::new();
        loop {
            let page = reader
                .list_reports(&filter, listed.last().map(place), limit)
                .unwrap();
            if page.is_empty() {
                break;
            }
            prop_assert!(page.len() <= limit);
            listed.extend(page);
        }
        prop_assert_eq!(listed, expected);
    }

    #[test]
    fn the_journals_order_has_neither_gap_nor_repeat(
        all in some(),
        filter in filter(),
        limit in 1..6_usize,
        from in 0..60_u64,
    ) {
        let expected = |partition| -> Vec<_> {
            all.iter()
                .filter(|one| one.partition == partition && one.concluded > from)
                .filter(|one| {
                    let report = report(one);
                    passes(&filter, &report.case_name, report.state, report.concluded_at)
                })
                .map(archived)
                .collect()
        };
        let reader = filled(&all).reader().unwrap();
        let mut cursors = vec![(0, from), (1, from)];
        let mut seen = Vec::new();
        loop {
            let page = reader.reports_after(&cursors, &filter, limit).unwrap();
            prop_assert!(page.items.len() <= limit);
            seen.extend(page.items);
            cursors = page.reached;
            if !page.more {
                break;
            }
        }
        prop_assert_eq!(cursors, vec![(0, 100), (1, 100)]);
        for partition in 0..2 {
            let seen: Vec<_> = seen
                .iter()
                .filter(|one| one.partition == partition)
                .cloned()
                .collect();
            prop_assert_eq!(seen, expected(partition));
        }
    }
}

#[test]
fn a_filter_that_nothing_passes_is_looked_through_in_steps() {
    let archive = filled(&[]);
    let mut writer = archive.writer().unwrap();
    writer.commit(&[], &[(0, 500_000)]).unwrap();
    let reader = archive.reader().unwrap();
    let none = ReportFilter::default();
    let mut reached = vec![(0, 1)];
    for (expected, more) in [(200_001, true), (400_001, true), (500_000, false)] {
        let page = reader.reports_after(&reached, &none, 10).unwrap();
        assert_eq!(page.items, []);
        assert_eq!(page.reached, [(0, expected)]);
        assert_eq!(page.more, more);
        reached = page.reached;
    }
    // A place beyond the archive is not taken back.
    let page = reader.reports_after(&[(0, 600_000)], &none, 10).unwrap();
    assert_eq!(page.reached, [(0, 600_000)]);
    assert!(!page.more);
}

#[test]
fn no_query_sorts_or_reads_every_row() {
    let archive = filled(&[]);
    let Place::Memory(db) = &archive.place else {
        panic!("it is in memory");
    };
    let db = db.0.lock().unwrap();
    let case_name = || Some("a".to_owned());
    let execution = ExecutionCursor {
        timestamp: at(0),
        partition: 0,
        execution: 1,
    };
    let verdict = ReportCursor {
        concluded_at: at(0),
        partition: 0,
        concluded: 1,
    };
    for case_name in [None, case_name()] {
        for states in [vec![], vec![State::Pass, State::Fail], vec![State::Fail]] {
            for time in [None, Some(at(0))] {
                for ok in [None, Some(true), Some(false)] {
                    let executions = ExecutionFilter {
                        case_name: case_name.clone(),
                        states: states.clone(),
                        since: time,
                        until: time,
                    };
                    let reports = ReportFilter {
                        case_name: case_name.clone(),
                        states: states.clone(),
                        ok,
                        since: time,
                        until: time,
                    };
                    for query in [
                        query::Query::executions(&executions, None).unwrap(),
                        query::Query::executions(&executions, Some(execution)).unwrap(),
                        query::Query::reports(&reports, None).unwrap(),
                        query::Query::reports(&reports, Some(verdict)).unwrap(),
                        query::Query::journal(&reports, 1, 2),
                    ] {
                        let (sql, params) = query.select("key", 10);
                        let plan: Vec<String> = db
                            .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
                            .unwrap()
                            .query_map(rusqlite::params_from_iter(params), |row| row.get(3))
                            .unwrap()
                            .collect::<Result<_, _>>()
                            .unwrap();
                        let plan = plan.join("; ");
                        assert!(!plan.contains("TEMP B-TREE"), "{sql}: {plan}");
                        assert!(
                            plan.contains("INDEX") || plan.contains("PRIMARY KEY"),
                            "{sql}: {plan}"
                        );
                        if case_name.is_some() && !sql.contains("NOT INDEXED") {
                            assert!(plan.contains("(case_id=?"), "{sql}: {plan}");
                        }
                    }
                }
            }
        }
    }
}
