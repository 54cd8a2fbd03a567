use std::fs;

use rusqlite::Connection;

use super::*;

fn refused(path: &std::path::Path, journal: Uuid, partitions: u32) -> String {
    let before = fs::read(path).unwrap();
    let error = Archive::open(path, journal, partitions).unwrap_err();
    assert_eq!(fs::read(path).unwrap(), before, "the file is untouched");
    error
        .to_string()
        .replace(&path.display().to_string(), "FILE")
}

#[test]
fn what_is_synced_is_there_when_it_is_opened_again() {
    let disk = OnDisk::new();
    let one = finished(0, 1, "a", State::Pass);
    let mut writer = disk.archive.writer().unwrap();
    writer.commit(&[entry(&one)], &[(0, 7)]).unwrap();
    writer.sync().unwrap();
    assert!(disk.archive.check(|| false).unwrap());

    // The main file alone holds everything.
    let copy = disk.dir.path().join("copy");
    fs::copy(disk.path(), &copy).unwrap();
    let archive = Archive::open(&copy, JOURNAL, 1).unwrap();
    assert_eq!(archive.writer().unwrap().position(0).unwrap(), 7);
    let reader = archive.reader().unwrap();
    assert_eq!(reader.get("a", "id-1").unwrap(), Some(one));
}

#[test]
fn readers_see_what_is_committed_and_do_not_wait() {
    let disk = OnDisk::new();
    let reader = disk.archive.reader().unwrap();
    let mut writer = disk.archive.writer().unwrap();
    assert_eq!(reader.get("a", "id-1").unwrap(), None);
    let one = finished(0, 1, "a", State::Pass);
    writer.commit(&[entry(&one)], &[(0, 2)]).unwrap();
    assert_eq!(reader.get("a", "id-1").unwrap(), Some(one));

    let blocking = Connection::open(disk.path()).unwrap();
    blocking.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert_eq!(reader.position(0).unwrap(), 2);
}

#[test]
fn a_file_of_something_else_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let text = dir.path().join("text");
    fs::write(&text, "not a database\n".repeat(100)).unwrap();
    assert_eq!(
        refused(&text, JOURNAL, 1),
        "FILE is no archive of LiveCheck (no SQLite file); restore it from a backup, together \
         with the journal"
    );

    let other = dir.path().join("other");
    Connection::open(&other)
        .unwrap()
        .execute_batch("CREATE TABLE t (x)")
        .unwrap();
    assert!(refused(&other, JOURNAL, 1).contains("(a SQLite file of something else)"));

    let empty = dir.path().join("empty");
    Connection::open(&empty)
        .unwrap()
        .pragma_update(None, "application_id", 1)
        .unwrap();
    assert!(refused(&empty, JOURNAL, 1).contains("(a SQLite file of something else)"));
}

#[test]
fn the_archive_of_another_journal_is_refused() {
    let disk = OnDisk::new();
    assert_eq!(
        refused(&disk.path(), Uuid::from_u128(8), 1),
        "FILE is the archive of the journal 00000000-0000-0000-0000-000000000007, and not of \
         00000000-0000-0000-0000-000000000008; put the journal and the archive that belong \
         together back together, or name another file"
    );
    assert_eq!(
        refused(&disk.path(), JOURNAL, 4),
        "the archive has 1 partitions, and the journal 4; they belong apart"
    );
}

#[test]
fn a_newer_schema_is_refused() {
    let disk = OnDisk::new();
    Connection::open(disk.path())
        .unwrap()
        .pragma_update(None, "user_version", 3)
        .unwrap();
    assert_eq!(
        refused(&disk.path(), JOURNAL, 1),
        "FILE was written by a newer version of LiveCheck (schema 3; this one knows up to 2); \
         start that version"
    );
}

#[test]
fn a_file_of_the_first_version_is_brought_up_to_date() {
    let disk = OnDisk::new();
    let change = CaseChange::Applied(case("a", 1).into());
    let mut writer = disk.archive.writer().unwrap();
    let entry = case_entry(1, change.clone());
    writer.commit(&[entry], &[(0, 1)]).unwrap();
    let db = Connection::open(disk.path()).unwrap();
    db.execute_batch("ALTER TABLE case_changes DROP COLUMN kind; PRAGMA user_version = 1;")
        .unwrap();
    drop(db);
    let archive = Archive::open(&disk.path(), JOURNAL, 1).unwrap();
    let changes = archive.reader().unwrap().case_changes_after(&[(0, 0)], 9);
    let changes = changes.unwrap().items;
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0].change, change);
}

#[test]
fn an_empty_file_becomes_an_archive() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("archive");
    fs::write(&path, "").unwrap();
    Archive::open(&path, JOURNAL, 1).unwrap();
    Archive::open(&path, JOURNAL, 1).unwrap();
}

/// An archive of 200 executions in one file.
fn filled() -> OnDisk {
    let disk = OnDisk::new();
    let entries: Vec<_> = (1..=200)
        .map(|n| entry(&finished(0, n * 2, "a", State::Pass)))
        .collect();
    let mut writer = disk.archive.writer().unwrap();
    writer.commit(&entries, &[(0, 401)]).unwrap();
    writer.sync().unwrap();
    drop(writer);
    disk
}

#[test]
fn a_cut_file_is_refused() {
    let disk = filled();
    let len = fs::metadata(disk.path()).unwrap().len();
    let file = fs::OpenOptions::new()
        .write(true)
        .open(disk.path())
        .unwrap();
    file.set_len(len / 2).unwrap();
    assert!(refused(&disk.path(), JOURNAL, 1).starts_with("the archive is corrupt: "));
}

#[test]
fn damage_is_found_wherever_it_is() {
    let whole = filled();
    let bytes = fs::read(whole.path()).unwrap();
    let path = whole.dir.path().join("damaged");
    let page = 8192;
    for start in (0..bytes.len()).step_by(page) {
        let mut damaged = bytes.clone();
        damaged[start..start + page].fill(0xa5);
        fs::write(&path, damaged).unwrap();
        let found = Archive::open(&path, JOURNAL, 1)
            .and_then(|archive| archive.check(|| false))
            .unwrap_err();
        assert!(
            matches!(
                found,
                ArchiveError::Corrupt(_) | ArchiveError::NotAnArchive { .. }
            ),
            "page at {start}: {found}"
        );
        for suffix in ["-wal", "-shm"] {
            let _ = fs::remove_file(whole.dir.path().join(format!("damaged{suffix}")));
        }
    }
}

#[test]
fn a_changed_byte_of_a_row_is_found_when_it_is_read() {
    let disk = filled();
    let db = Connection::open(disk.path()).unwrap();
    let reader = disk.archive.reader().unwrap();
    for column in ["report", "rest", "submitted"] {
        let swap = format!(
            "UPDATE finished SET {column} = (SELECT {column} FROM finished WHERE id = 'id-4')
             WHERE id = 'id-2'"
        );
        let before: Vec<u8> = db
            .query_one(
                &format!("SELECT {column} FROM finished WHERE id = 'id-2'"),
                [],
                |row| row.get(0),
            )
            .unwrap();
        db.execute(&swap, []).unwrap();
        let refused = reader.get("a", "id-2").unwrap_err();
        assert!(
            matches!(&refused, ArchiveError::Corrupt(what) if what.ends_with("checksum is wrong")),
            "{refused}"
        );
        assert!(reader.get("a", "id-4").unwrap().is_some());
        db.execute(
            &format!("UPDATE finished SET {column} = ?1 WHERE id = 'id-2'"),
            [before],
        )
        .unwrap();
        assert!(reader.get("a", "id-2").unwrap().is_some());
    }
}

#[test]
fn a_full_disk_leaves_nothing_half_done() {
    let disk = OnDisk::new();
    let mut writer = disk.archive.writer().unwrap();
    let one = finished(0, 1, "a", State::Pass);
    writer.commit(&[entry(&one)], &[(0, 2)]).unwrap();
    let limit = |writer: &Writer, pages: i64| {
        writer
            .db
            .with(|db| {
                Ok(
                    db.pragma_update_and_check(None, "max_page_count", pages, |row| {
                        row.get::<_, i64>(0)
                    })?,
                )
            })
            .unwrap()
    };
    let least = limit(&writer, 1);
    let more: Vec<_> = (2..=200)
        .map(|n| entry(&finished(0, n * 2, "b", State::Pass)))
        .collect();
    let full = writer.commit(&more, &[(0, 401)]).unwrap_err();
    assert!(matches!(full, ArchiveError::Full(_)), "{full}");
    assert_eq!(writer.position(0).unwrap(), 2);
    let reader = disk.archive.reader().unwrap();
    let all = ExecutionFilter::default();
    assert_eq!(reader.list_executions(&all, None, 1_000).unwrap(), [one]);

    limit(&writer, least + 10_000);
    writer.commit(&more, &[(0, 401)]).unwrap();
    assert_eq!(writer.position(0).unwrap(), 401);
    assert_eq!(
        reader.list_executions(&all, None, 1_000).unwrap().len(),
        200
    );
}

#[test]
fn a_reader_in_the_middle_of_something_holds_up_no_commit() {
    let disk = filled();
    let db = Connection::open(disk.path()).unwrap();
    let mut statement = db.prepare("SELECT id FROM finished").unwrap();
    let mut rows = statement.query([]).unwrap();
    rows.next().unwrap().unwrap();

    let mut writer = disk.archive.writer().unwrap();
    let one = finished(0, 500, "b", State::Pass);
    writer.commit(&[entry(&one)], &[(0, 501)]).unwrap();
    writer
        .db
        .with(|db| Ok(db.busy_timeout(Duration::ZERO)?))
        .unwrap();
    let busy = writer.sync().unwrap_err();
    assert!(matches!(busy, ArchiveError::Busy(_)), "{busy}");
    drop(rows);
    writer.sync().unwrap();
}
