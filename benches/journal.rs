//! How fast the local journal is, beside a raw loop of write and fdatasync on
//! the same disk: `cargo bench --bench journal`.
//!
//! Times of a disk vary from minute to minute; the ratios are what counts.
//! `BENCH_DIR` names another directory to write to; one in memory shows what is
//! left without a disk.

use std::{
    env,
    error::Error,
    fs::File,
    io::Write,
    os::unix::fs::FileExt,
    path::Path,
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;
use livecheck::{
    clock::SystemClock,
    convert::storage::encode_event,
    journal::{Admission, AppendError, Journal, LocalJournal, Ticket, local::LocalOptions},
    model::{Event, SignalEvent, Signalled},
};
use serde_json::json;

// As in the server.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Events of a batch, as one round of many callers would have them.
const BATCH: usize = 256;
/// Batches that are appended and not yet delivered.
const IN_FLIGHT: usize = 64;
const EVENTS: usize = 1 << 20;
const SINGLE: usize = 2_000;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Makes the event of a number.
type MakeEvent = fn(usize) -> Event;

fn main() -> Result<()> {
    let place = env::var_os("BENCH_DIR").unwrap_or(env!("CARGO_TARGET_TMPDIR").into());
    let directory = tempfile::tempdir_in(place)?;
    let kinds: [(&str, MakeEvent); 2] = [("signal", signal), ("text", text)];
    for (kind, event) in kinds {
        let bytes = encoded(&event(EVENTS)).len();
        println!(
            "{EVENTS} {kind} events of {bytes} B in batches of {BATCH}, up to {IN_FLIGHT} in flight"
        );
        let raw = raw_loop(directory.path(), bytes * BATCH, EVENTS / BATCH)?;
        report("raw write and fdatasync of each batch", raw.spent);
        let encoding = measure(|| {
            let mut bytes = Vec::new();
            for number in 0..EVENTS {
                bytes.clear();
                encode_event(&event(number), &mut bytes);
            }
            Ok(())
        })?;
        report("making and encoding events alone", encoding);
        let journal = open(directory.path(), kind)?;
        let batches = measure(|| append_batches(&journal, event))?;
        report("journal, append to delivery", batches);
        let reading = measure(|| read(&journal))?;
        report("journal, reading back", reading);
        ratio("events per second, journal to raw", raw.spent, batches);
        let own = batches.cpu.saturating_sub(encoding.cpu).as_secs_f64();
        let own = own / raw.spent.cpu.as_secs_f64();
        println!(
            "  {:<40} {own:>7.2}",
            "CPU without the events, journal to raw"
        );
    }

    println!("\n{SINGLE} times one event, each after the one before is durable");
    let raw = raw_loop(directory.path(), 512, SINGLE)?;
    latencies("raw write and fdatasync of 512 B", &raw.rounds);
    let journal = open(directory.path(), "single")?;
    let mut rounds = Histogram::new(3)?;
    let single = measure(|| append_single(&journal, &mut rounds))?;
    latencies("journal, append to delivery", &rounds);
    ratio("latency, raw to journal", raw.spent, single);
    Ok(())
}

/// Wall-clock and processor time.
#[derive(Clone, Copy)]
struct Spent {
    wall: Duration,
    cpu: Duration,
}

fn measure(work: impl FnOnce() -> Result<()>) -> Result<Spent> {
    let (wall, cpu) = (Instant::now(), cpu_time());
    work()?;
    Ok(Spent {
        wall: wall.elapsed(),
        cpu: cpu_time().saturating_sub(cpu),
    })
}

fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32)
}

fn report(what: &str, spent: Spent) {
    let per_second = EVENTS as f64 / spent.wall.as_secs_f64() / 1e6;
    let cpu = spent.cpu.as_secs_f64() * 1e6 / EVENTS as f64;
    println!("  {what:<40} {per_second:>7.3} M events/s {cpu:>7.3} µs of CPU each");
}

fn latencies(what: &str, rounds: &Histogram<u64>) {
    let at = |quantile| rounds.value_at_quantile(quantile);
    println!(
        "  {what:<40} p50 {:>6} µs  p99 {:>6} µs  max {:>6} µs",
        at(0.5),
        at(0.99),
        rounds.max()
    );
}

fn ratio(what: &str, control: Spent, journal: Spent) {
    let ratio = control.wall.as_secs_f64() / journal.wall.as_secs_f64();
    println!("  {what:<40} {ratio:>7.2}");
}

struct Raw {
    spent: Spent,
    rounds: Histogram<u64>,
}

/// The control: what the disk does at best, one batch at a time.
fn raw_loop(directory: &Path, bytes: usize, rounds: usize) -> Result<Raw> {
    let path = directory.join("raw");
    let mut file = File::create(&path)?;
    let zeros = vec![0; 1 << 20];
    for _ in 0..(bytes * rounds).div_ceil(zeros.len()) {
        file.write_all(&zeros)?;
    }
    file.sync_all()?;
    let batch = vec![b'x'; bytes];
    let mut times = Histogram::new(3)?;
    let spent = measure(|| {
        for round in 0..rounds {
            let start = Instant::now();
            file.write_all_at(&batch, (round * bytes) as u64)?;
            file.sync_data()?;
            times.record(start.elapsed().as_micros() as u64)?;
        }
        Ok(())
    })?;
    std::fs::remove_file(&path)?;
    Ok(Raw {
        spent,
        rounds: times,
    })
}

/// Tells the appender that a batch was delivered.
struct Ack(Option<mpsc::Sender<()>>);

impl Ticket for Ack {
    fn refuse(self, error: AppendError) {
        // The appender then waits in vain, which ends with this.
        eprintln!("refused: {error}");
        std::process::exit(1);
    }
}

fn open(directory: &Path, name: &str) -> Result<LocalJournal<Ack>> {
    let journal: LocalJournal<Ack> = LocalJournal::open(
        &directory.join(name),
        Arc::new(SystemClock),
        LocalOptions::default(),
    )?;
    let mut follower = journal.follow(0, 0)?;
    thread::spawn(move || {
        while let Ok(delivered) = follower.next() {
            if delivered.is_empty() {
                break;
            }
            for ack in delivered.into_iter().filter_map(|one| one.ticket?.0) {
                // Gone only at the end of the measurement.
                let _ = ack.send(());
            }
        }
    });
    Ok(journal)
}

fn append_batches(journal: &LocalJournal<Ack>, event: MakeEvent) -> Result<()> {
    let (ack, acks) = mpsc::channel();
    let batches = EVENTS / BATCH;
    for batch in 0..batches {
        let events = (0..BATCH).map(|number| {
            let ack = (number == BATCH - 1).then(|| ack.clone());
            (event(batch * BATCH + number), Ack(ack))
        });
        journal.append(0, Admission::Bounded, events.collect());
        if batch >= IN_FLIGHT {
            acks.recv()?;
        }
    }
    for _ in 0..IN_FLIGHT.min(batches) {
        acks.recv()?;
    }
    Ok(())
}

fn append_single(journal: &LocalJournal<Ack>, rounds: &mut Histogram<u64>) -> Result<()> {
    let (ack, acks) = mpsc::channel();
    for number in 0..SINGLE {
        let start = Instant::now();
        let event = (signal(number), Ack(Some(ack.clone())));
        journal.append(0, Admission::Bounded, vec![event]);
        acks.recv()?;
        rounds.record(start.elapsed().as_micros() as u64)?;
    }
    Ok(())
}

fn read(journal: &LocalJournal<Ack>) -> Result<()> {
    let mut reader = journal.read(0, 0)?;
    let mut count = 0;
    loop {
        let records = reader.next()?;
        if records.is_empty() {
            break;
        }
        count += records.len();
    }
    assert_eq!(count, EVENTS);
    Ok(())
}

/// As a service would send it.
fn signal(number: usize) -> Event {
    Event::Signalled(Signalled {
        event: SignalEvent {
            signal_name: "order_sent_to_db".to_owned(),
            case_name: "orders.checkout".to_owned(),
            key: json!(format!("0193b5c1-7a3e-7c4d-9f1a-{number:012}")),
            value: json!({
                "id": number,
                "side": "buy",
                "note": "x".repeat(90),
                "quantity": 17,
            }),
        },
        signal_id: String::new(),
    })
}

/// As long, and next to nothing to encode.
fn text(number: usize) -> Event {
    Event::CaseDeleted {
        name: format!("{number:0240}"),
    }
}

fn encoded(event: &Event) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_event(event, &mut bytes);
    bytes
}
