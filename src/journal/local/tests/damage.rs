//! Whatever is changed in the files of a journal is noticed, and nothing is cut.

use std::{
    fs::{self, OpenOptions},
    mem,
    path::{Path, PathBuf},
};

use uuid::Uuid;

use super::{SEGMENT, corruption, patch, recover, segment_files, write};
use crate::journal::{
    JournalError,
    local::{
        frame::SECTOR,
        segment::{SegmentHeader, name},
        snapshot::Snapshots,
    },
};

/// Three segments; the last one ends with a round of three sectors.
const ROUNDS: &[&[usize]] = &[
    &[3, 700, 0],
    &[1_100],
    &[900, 900],
    &[40; 9],
    &[5],
    &[600, 600],
];

#[test]
fn every_changed_byte_is_noticed() {
    for (close, flip) in [(false, 0x01), (true, 0x01), (true, 0xFF)] {
        let directory = tempfile::tempdir().unwrap();
        let records = write(directory.path(), &ROUNDS[..3], close);
        let files = segment_files(directory.path());
        assert_eq!(files.len(), 2);
        // The last one first, because opening erases the mark of the close.
        for path in files.iter().rev() {
            let whole = fs::read(path).unwrap();
            for (at, byte) in whole.iter().enumerate() {
                patch(path, &[byte ^ flip], at);
                let text = corruption(recover(directory.path()));
                assert!(text.contains(path.to_str().unwrap()), "{text}");
                assert!(text.contains(" at byte "), "{text}");
                assert!(text.contains("restore the data directory"), "{text}");
                patch(path, &[*byte], at);
            }
            // None of the refusals has changed anything.
            assert_eq!(fs::read(path).unwrap(), whole);
        }
        assert_eq!(recover(directory.path()).unwrap(), records);
    }
}

#[test]
fn every_other_length_is_noticed() {
    for close in [false, true] {
        let directory = tempfile::tempdir().unwrap();
        let records = write(directory.path(), ROUNDS, close);
        for path in segment_files(directory.path()).iter().rev() {
            let whole = fs::read(path).unwrap();
            let file = OpenOptions::new().write(true).open(path).unwrap();
            for length in (0..whole.len() + 1_030).rev() {
                if length != whole.len() {
                    file.set_len(length as u64).unwrap();
                    let text = corruption(recover(directory.path()));
                    assert!(text.contains(path.to_str().unwrap()), "{text}");
                }
            }
            patch(path, &whole, 0);
        }
        assert_eq!(recover(directory.path()).unwrap(), records);
    }
}

#[test]
fn a_sector_of_zeros_is_noticed_in_what_was_closed() {
    let directory = tempfile::tempdir().unwrap();
    let records = write(directory.path(), ROUNDS, true);
    let mut mark_seen = false;
    for path in segment_files(directory.path()).iter().rev() {
        let whole = fs::read(path).unwrap();
        let (sectors, _) = whole.as_chunks::<SECTOR>();
        for (number, sector) in sectors.iter().enumerate().rev() {
            if *sector == [0; SECTOR] {
                continue;
            }
            // Without its mark, a closed journal is as good as one that was not.
            if mem::replace(&mut mark_seen, true) {
                patch(path, &[0; SECTOR], number * SECTOR);
                corruption(recover(directory.path()));
                patch(path, sector, number * SECTOR);
            }
        }
    }
    assert_eq!(recover(directory.path()).unwrap(), records);
}

#[test]
fn files_that_do_not_belong_together_are_refused() {
    type Change = fn(&Path, &[PathBuf]);
    let cases: [(&str, Change); 7] = [
        ("is missing", |_, files| fs::remove_file(&files[1]).unwrap()),
        ("the segment was written as", |directory, files| {
            fs::rename(&files[2], directory.join(name(500))).unwrap();
        }),
        ("the one before it of journal", |_, files| {
            let other = tempfile::tempdir().unwrap();
            write(other.path(), ROUNDS, true);
            fs::copy(&segment_files(other.path())[2], &files[2]).unwrap();
        }),
        ("this is no segment of a journal", |_, files| {
            fs::write(&files[2], vec![b'x'; SEGMENT as usize]).unwrap();
        }),
        // As if the last segment had been lost.
        ("there is a snapshot at position 18", |directory, files| {
            snapshots(directory, &files[0]).save(18, b"fold").unwrap();
            fs::remove_file(&files[2]).unwrap();
        }),
        ("there is a snapshot at position 3", |directory, files| {
            snapshots(directory, &files[0]).save(3, b"fold").unwrap();
            files.iter().for_each(|file| fs::remove_file(file).unwrap());
        }),
        // Frames that are in order, in the place of others.
        ("position 5 stands where 17 belongs", |_, files| {
            let frames = fs::read(&files[1]).unwrap();
            patch(&files[2], &frames[SECTOR..], SECTOR);
        }),
    ];
    for (expected, change) in cases {
        let directory = tempfile::tempdir().unwrap();
        write(directory.path(), ROUNDS, true);
        change(directory.path(), &segment_files(directory.path()));
        let text = corruption(recover(directory.path()));
        assert!(text.contains(expected), "{expected}: {text}");
    }
}

fn snapshots(directory: &Path, segment: &Path) -> Snapshots {
    let journal = SegmentHeader::read(segment).unwrap().journal;
    Snapshots::new(directory, journal)
}

#[test]
fn a_newer_version_is_told_from_damage() {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), ROUNDS, true);
    let path = segment_files(directory.path()).pop().unwrap();
    let snapshots = snapshots(directory.path(), &path);
    snapshots.save(1, b"fold").unwrap();

    let mut bytes = fs::read(&path).unwrap();
    bytes[8] = 2;
    let checksum = crc32fast::hash(&bytes[..SECTOR - 4]);
    bytes[SECTOR - 4..SECTOR].copy_from_slice(&checksum.to_le_bytes());
    fs::write(&path, bytes).unwrap();
    let error = recover(directory.path()).unwrap_err();
    let version = "format version 2 and this program reads version 1";
    assert!(matches!(&error, JournalError::Unsupported(text) if text.contains(version)));

    let path = directory.path().join("snapshot-00000000000000000001");
    let mut bytes = fs::read(&path).unwrap();
    bytes[8] = 2;
    let checksum = crc32fast::hash(&[&bytes[..44], &bytes[48..]].concat());
    bytes[44..48].copy_from_slice(&checksum.to_le_bytes());
    fs::write(&path, bytes).unwrap();
    let error = snapshots.load().unwrap_err();
    assert!(matches!(&error, JournalError::Unsupported(text) if text.contains(version)));
}

#[test]
fn every_change_of_a_snapshot_is_noticed() {
    let directory = tempfile::tempdir().unwrap();
    let journal = Uuid::from_u128(7);
    let snapshots = Snapshots::new(directory.path(), journal);
    snapshots.save(3, b"the older one").unwrap();
    snapshots.save(12, b"the fold so far").unwrap();
    let path = directory.path().join("snapshot-00000000000000000012");
    let whole = fs::read(&path).unwrap();
    let refused = |changed: &[u8]| {
        fs::write(&path, changed).unwrap();
        let text = corruption(snapshots.load());
        assert!(text.contains(path.to_str().unwrap()), "{text}");
        assert!(text.contains("remove the file to start from an older snapshot"));
    };
    for at in 0..whole.len() {
        for flip in [0x01, 0xFF] {
            let mut changed = whole.clone();
            changed[at] ^= flip;
            refused(&changed);
        }
    }
    for length in (0..whole.len() + 3).filter(|length| *length != whole.len()) {
        let mut changed = whole.clone();
        changed.resize(length, 0);
        refused(&changed);
    }
    refused(&fs::read(directory.path().join("snapshot-00000000000000000003")).unwrap());
    fs::write(&path, whole).unwrap();
    assert_eq!(snapshots.load().unwrap().len(), 2);

    let text = corruption(Snapshots::new(directory.path(), Uuid::from_u128(8)).load());
    assert!(text.contains(&journal.to_string()), "{text}");
}
