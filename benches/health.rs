//! The health of 1,000 cases under 1,000 executions a second with mixed ends, in
//! a server process of its own: at the end the status of every case is held
//! against a plain recount of the reports and of the answers to the signals. Any
//! difference is an error.
//!
//! `cargo bench --bench health`. `LIVECHECK_HEALTH_SECONDS` says for how long
//! (30), `LIVECHECK_HEALTH_RATE` how many executions a second (1,000),
//! `LIVECHECK_HEALTH_CASES` of how many cases (1,000), `LIVECHECK_SEED` from which
//! seed. The server has one runtime thread, over a directory that is gone
//! afterwards.

#[path = "../tests/load/mod.rs"]
mod load;
#[path = "waiters/server.rs"]
mod server;

use std::{process::ExitCode, time::Duration};

use load::{Any, Load};
use server::Server;

/// Calls under way at once.
const CALLERS: u64 = 128;
/// Unit of the times in `/proc`: USER_HZ is 100.
const TICK: Duration = Duration::from_millis(10);

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let measured = runtime.map_err(Any::from);
    match measured.and_then(|runtime| runtime.block_on(measure())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // One line for each difference.
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn measure() -> Result<(), Any> {
    let seconds = number("LIVECHECK_HEALTH_SECONDS", 30)?;
    let rate = number("LIVECHECK_HEALTH_RATE", 1_000)?;
    let load = Load {
        cases: number("LIVECHECK_HEALTH_CASES", 1_000)?,
        executions: seconds * rate,
        rate: Some(rate as f64),
        callers: CALLERS,
        seed: number("LIVECHECK_SEED", 1)?,
    };
    let server = Server::start(&[])?;
    let channel = server.connect().await?;
    println!(
        "{} cases, {} executions wanted at {rate}/s, seed {}",
        load.cases, load.executions, load.seed
    );
    load::apply(&channel, &load).await?;
    let before = cpu_time(&server)?;
    let counted = load::run(&channel, &load).await?;
    let cpu = cpu_time(&server)? - before;
    let took = counted.took.as_secs_f64();
    println!(
        "  sent in {took:.1} s: {:.0} executions/s, {} of them sampled, {:.0} signals/s",
        load.executions as f64 / took,
        counted.sampled,
        counted.signals as f64 / took
    );
    println!(
        "  server: {:.1} s of CPU, {:.0} µs an execution, {:.0} MiB resident",
        cpu.as_secs_f64(),
        cpu.as_secs_f64() * 1e6 / load.executions as f64,
        server.resident()?
    );
    let listed = counted.check(&channel).await?;
    println!(
        "  the status of every case is right, {} incidents among them; ListCases took {listed:.1?}",
        counted.incidents
    );
    if took > seconds as f64 * 1.1 + 1.0 {
        return Err(format!("{rate} executions/s are more than could be sent").into());
    }
    Ok(())
}

/// A number from the environment, or the usual one.
fn number(variable: &str, usual: u64) -> Result<u64, Any> {
    match std::env::var(variable) {
        Ok(text) => text
            .parse()
            .map_err(|error| format!("{variable}: {error}").into()),
        Err(_) => Ok(usual),
    }
}

/// The processor time that the server has used.
fn cpu_time(server: &Server) -> Result<Duration, Any> {
    let stat = server.shown("stat")?;
    // Behind the name in brackets come the third field and those after it; the
    // times are the 14th and 15th.
    let (_, fields) = stat.rsplit_once(')').ok_or("no stat")?;
    let times = fields.split_whitespace().skip(11).take(2);
    let ticks = times.map(str::parse::<u64>).sum::<Result<u64, _>>()?;
    Ok(TICK * u32::try_from(ticks)?)
}
