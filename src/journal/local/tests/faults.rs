//! Full and failing disks.

use std::{
    env,
    os::unix::process::ExitStatusExt,
    path::Path,
    process::Command,
    sync::{Arc, mpsc},
    time::Duration,
};

use super::{Faults, SEGMENT, TestDisk, event, recover};
use crate::{
    clock::ManualClock,
    journal::{
        Admission, AppendError, Follower, Journal, LocalJournal, Ticket, local::LocalOptions,
    },
    model::Event,
};

const DEADLINE: Duration = Duration::from_secs(30);

/// A ticket that tells what it was refused with.
#[derive(Debug)]
struct Refusal(mpsc::Sender<AppendError>);

impl Ticket for Refusal {
    fn refuse(self, error: AppendError) {
        self.0.send(error).unwrap();
    }
}

struct Setup {
    disk: Arc<TestDisk>,
    journal: LocalJournal<Refusal>,
    follower: Box<dyn Follower<Refusal>>,
}

impl Setup {
    fn new(data_dir: &Path) -> Self {
        let disk = Arc::new(TestDisk::default());
        let options = LocalOptions {
            segment_bytes: SEGMENT,
            ..LocalOptions::default()
        };
        let clock = Arc::new(ManualClock::fixed());
        let journal = LocalJournal::open_on(data_dir, clock, options, disk.clone()).unwrap();
        Setup {
            follower: journal.follow(0, journal.head(0)).unwrap(),
            journal,
            disk,
        }
    }

    /// Appends an event; what comes back says why it was refused.
    fn append(&self, admission: Admission, event: Event) -> mpsc::Receiver<AppendError> {
        let (refusal, refused) = mpsc::channel();
        self.journal
            .append(0, admission, vec![(event, Refusal(refusal))]);
        refused
    }

    /// Appends an event that has to be stored.
    fn store(&mut self, event: Event) -> Event {
        let _refused = self.append(Admission::Bounded, event.clone());
        assert_eq!(self.delivered(), std::slice::from_ref(&event));
        event
    }

    fn refused(&self, event: Event) -> AppendError {
        let refused = self.append(Admission::Bounded, event);
        refused.recv_timeout(DEADLINE).expect("a refusal in time")
    }

    fn delivered(&mut self) -> Vec<Event> {
        let delivered = self.follower.next().unwrap();
        delivered.into_iter().map(|one| one.record.event).collect()
    }

    fn read(&self) -> Vec<Event> {
        let mut reader = self.journal.read(0, 0).unwrap();
        let mut events = Vec::new();
        loop {
            let batch = reader.next().unwrap();
            if batch.is_empty() {
                return events;
            }
            events.extend(batch.into_iter().map(|record| record.event));
        }
    }
}

/// What lies in the journal of a data directory.
fn stored(data_dir: &Path) -> Vec<Event> {
    let records = recover(&data_dir.join("journal")).unwrap();
    records.into_iter().map(|record| record.event).collect()
}

#[test]
fn a_full_disk_refuses_and_leaves_nothing_behind() {
    // The write fails after so many bytes; then there is room to put the zeros
    // back, or not even that.
    for (fitting, room_for_zeros) in [(0, true), (512, true), (1_024, true), (512, false)] {
        let directory = tempfile::tempdir().unwrap();
        let mut setup = Setup::new(directory.path());
        let mut events = vec![setup.store(event(1, 10)), setup.store(event(2, 900))];

        let zeros = if room_for_zeros { 3 * 512 } else { 0 };
        for number in 3..6 {
            setup.disk.set(Faults {
                space: Some(fitting),
                space_after_failure: zeros,
                ..Faults::default()
            });
            let error = setup.refused(event(number, 1_100));
            assert!(matches!(error, AppendError::Full(_)), "{error:?}");
            assert_eq!(setup.journal.head(0), 2);
            assert_eq!(setup.read(), events);
        }
        setup.disk.set(Faults::default());
        // Shorter than what failed, which must not show behind it.
        events.push(setup.store(event(6, 5)));
        events.push(setup.store(event(7, 700)));
        assert_eq!(setup.read(), events);
        drop(setup);
        assert_eq!(
            stored(directory.path()),
            events,
            "{fitting} {room_for_zeros}"
        );
    }
}

#[test]
fn without_room_for_a_segment_what_fits_is_stored() {
    let directory = tempfile::tempdir().unwrap();
    let mut setup = Setup::new(directory.path());
    setup.disk.set(Faults {
        no_new_files: true,
        ..Faults::default()
    });
    let mut events = vec![setup.store(event(1, 1_900))];
    for number in 2..4 {
        let error = setup.refused(event(number, 1_900));
        assert!(matches!(error, AppendError::Full(_)), "{error:?}");
    }
    events.push(setup.store(event(4, 5)));
    setup.disk.set(Faults::default());
    events.push(setup.store(event(5, 1_900)));
    assert_eq!(setup.read(), events);
    drop(setup);
    assert_eq!(stored(directory.path()), events);
}

#[test]
fn what_must_be_queued_waits_for_space() {
    let full = Faults {
        space: Some(0),
        ..Faults::default()
    };
    let directory = tempfile::tempdir().unwrap();
    let mut setup = Setup::new(directory.path());
    let mut events = vec![setup.store(event(1, 10))];

    setup.disk.set(full);
    let waiting = [event(2, 20), event(3, 30)];
    let tickets = waiting
        .clone()
        .map(|event| setup.append(Admission::Always, event));
    // Behind them in the queue; it is refused and they are not.
    assert!(matches!(setup.refused(event(4, 10)), AppendError::Full(_)));
    assert!(tickets.iter().all(|ticket| ticket.try_recv().is_err()));
    assert_eq!(setup.journal.head(0), 1);

    // No append is needed for another try.
    setup.disk.set(Faults::default());
    while events.len() < 3 {
        events.extend(setup.delivered());
    }
    assert_eq!(events[1..], waiting);
    events.push(setup.store(event(5, 10)));

    // At the end even they are refused.
    setup.disk.set(full);
    let last = setup.append(Admission::Always, event(6, 10));
    setup.journal.close();
    assert!(matches!(last.try_recv(), Ok(AppendError::Full(_))));
    drop(setup);
    assert_eq!(stored(directory.path()), events);
}

#[test]
fn an_event_that_is_too_large_is_refused_alone() {
    let directory = tempfile::tempdir().unwrap();
    let mut setup = Setup::new(directory.path());
    let AppendError::TooLarge { bytes, max } = setup.refused(event(1, 5_000)) else {
        panic!("refused for another reason");
    };
    assert!(bytes > 5_000 && max < 5_000, "{bytes} {max}");
    let overhead = bytes - 5_000;
    let events = vec![
        setup.store(event(2, max - overhead)),
        setup.store(event(3, max - overhead)),
    ];
    let error = setup.refused(event(4, max - overhead + 1));
    assert_eq!(
        error,
        AppendError::TooLarge {
            bytes: max + 1,
            max
        }
    );
    drop(setup);
    assert_eq!(stored(directory.path()), events);
}

/// Names the data directory to the process that is to die.
const DATA_DIR: &str = "LIVECHECK_TEST_FAILING_SYNC";

#[test]
fn a_failed_sync_ends_the_process() {
    if let Some(data_dir) = env::var_os(DATA_DIR) {
        return append_while_syncs_fail(Path::new(&data_dir));
    }
    let directory = tempfile::tempdir().unwrap();
    let output = Command::new(env::current_exe().unwrap())
        .args(["--exact", "--nocapture"])
        .arg("journal::local::tests::faults::a_failed_sync_ends_the_process")
        .env(DATA_DIR, directory.path())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.signal(), Some(6), "{text}");
    assert!(text.contains("a sync of the journal failed"), "{text}");
    assert!(text.contains("the disk is on fire"), "{text}");
    assert!(!text.contains("acknowledged"), "{text}");
}

/// In a process that the test starts, and that dies of it.
fn append_while_syncs_fail(data_dir: &Path) {
    tracing_subscriber::fmt().init();
    let mut setup = Setup::new(data_dir);
    setup.disk.set(Faults {
        failing_sync: true,
        ..Faults::default()
    });
    setup.store(event(1, 10));
    println!("acknowledged");
}
