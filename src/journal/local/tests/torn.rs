//! A write that a crash has torn is cut, to exactly what was acknowledged; what
//! only looks like one is not.

use std::{
    fs,
    io::Write,
    path::PathBuf,
    sync::{Arc, Mutex},
};

use super::{corruption, patch, recover, segment_files, write};
use crate::{journal::local::frame::SECTOR, model::Record};

/// A journal before and after its last round.
struct Torn {
    directory: tempfile::TempDir,
    path: PathBuf,
    acknowledged: Vec<Record>,
    last: Vec<Record>,
    before: Vec<u8>,
    after: Vec<u8>,
    /// The sectors that the last round has written.
    sectors: Vec<usize>,
}

impl Torn {
    fn new(rounds: &[&[usize]], last: &[usize]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let acknowledged = write(directory.path(), rounds, false);
        let path = segment_files(directory.path()).pop().unwrap();
        let before = fs::read(&path).unwrap();
        let last = write(directory.path(), &[last], false);
        assert_eq!(segment_files(directory.path()).pop().as_ref(), Some(&path));
        let after = fs::read(&path).unwrap();
        let sectors = before.chunks(SECTOR).zip(after.chunks(SECTOR));
        let sectors = (0..).zip(sectors).filter(|(_, (a, b))| a != b);
        Torn {
            sectors: sectors.map(|(number, _)| number).collect(),
            directory,
            path,
            acknowledged,
            last,
            before,
            after,
        }
    }

    /// Leaves those sectors of the last round on the disk.
    fn tear(&self, written: impl Fn(usize) -> bool) {
        let mut bytes = self.before.clone();
        for (bit, number) in self.sectors.iter().enumerate() {
            if written(bit) {
                let range = number * SECTOR..(number + 1) * SECTOR;
                bytes[range.clone()].copy_from_slice(&self.after[range]);
            }
        }
        patch(&self.path, &bytes, 0);
    }
}

/// Rounds before, and the last one, which has to fit into the same segment.
const CASES: &[(&[&[usize]], &[usize])] = &[
    (&[], &[1]),
    (&[], &[400; 8]),
    (&[&[1]], &[1_500, 1_400]),
    (&[&[1], &[600]], &[0, 900, 0, 900]),
    (&[&[400; 6], &[500, 500]], &[900, 900]),
];

#[test]
fn any_part_of_the_last_round_is_cut() {
    let mut tried = 0;
    for (rounds, last) in CASES {
        let torn = Torn::new(rounds, last);
        let count = torn.sectors.len();
        for written in 0u32..1 << count {
            torn.tear(|bit| written & (1 << bit) != 0);
            let mut expected = torn.acknowledged.clone();
            if written == (1 << count) - 1 {
                expected.extend(torn.last.clone());
            }
            let found = recover(torn.directory.path()).unwrap();
            assert_eq!(found, expected, "sectors {written:b} of {count}");
            // What is appended then takes its place, and nothing shows through.
            expected.extend(write(torn.directory.path(), &[&[3], &[0]], false));
            assert_eq!(recover(torn.directory.path()).unwrap(), expected);
            for path in segment_files(torn.directory.path()) {
                if path > torn.path {
                    fs::remove_file(path).unwrap();
                }
            }
            tried += 1;
        }
    }
    assert!(tried > 200, "{tried}");
}

#[test]
fn what_only_looks_torn_is_refused() {
    let new = || Torn::new(&[&[1], &[600]], &[0, 900, 0, 900]);
    let last = |torn: &Torn| torn.sectors.last().unwrap() * SECTOR;
    let first = |torn: &Torn| torn.sectors[0] * SECTOR;
    type Damage = fn(&mut [u8], usize, usize);
    let cases: [(&str, Damage); 6] = [
        ("the checksum of a frame is wrong", |bytes, _, last| {
            bytes[last] ^= 1;
        }),
        ("lacks its stamp", |bytes, first, last| {
            bytes[first + SECTOR..first + 2 * SECTOR].fill(0);
            bytes[last + SECTOR - 1] ^= 1;
        }),
        ("header is wrong", |bytes, first, last| {
            bytes[first + 5] ^= 1;
            bytes[last..last + SECTOR].fill(0);
        }),
        ("something follows a torn frame", |bytes, first, last| {
            bytes.copy_within(first + SECTOR..first + 2 * SECTOR, last + SECTOR);
            bytes[first + SECTOR..first + 2 * SECTOR].fill(0);
        }),
        ("this is no part of a frame", |bytes, first, last| {
            bytes[first..first + SECTOR].fill(0);
            bytes[last + SECTOR + 9] = 1;
        }),
        // A round that was acknowledged before the last one.
        ("records before it are missing", |bytes, first, _| {
            bytes[2 * SECTOR..first].fill(0);
        }),
    ];
    for (expected, damage) in cases {
        let torn = new();
        let mut bytes = torn.after.clone();
        damage(&mut bytes, first(&torn), last(&torn));
        patch(&torn.path, &bytes, 0);
        let text = corruption(recover(torn.directory.path()));
        assert!(text.contains(expected), "{expected}: {text}");
        assert_eq!(fs::read(&torn.path).unwrap(), bytes, "{expected}");
    }
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_cut_is_logged() {
    let torn = Torn::new(&[&[1], &[600]], &[900, 900]);
    torn.tear(|bit| bit != 2);
    let lines = Lines::default();
    let to = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_writer(move || to.clone())
        .finish();
    tracing::subscriber::with_default(subscriber, || recover(torn.directory.path())).unwrap();
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    for part in [
        " WARN ",
        torn.path.to_str().unwrap(),
        &format!("offset={}", torn.sectors[0] * SECTOR),
        &format!("bytes={}", torn.sectors.len() * SECTOR),
        "after_position=2",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    // Once cut, it is not cut again.
    assert_eq!(recover(torn.directory.path()).unwrap(), torn.acknowledged);
    assert!(fs::read(&torn.path).unwrap() == torn.before);
}
