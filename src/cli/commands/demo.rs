//! `livecheck demo`: a server of its own and a small order system that is tested
//! while it runs.

use crate::{
    cli::{
        error::CliError,
        exit::Exit,
        output::{Format, Output},
    },
    demo::{self, DemoError, MAX_ORDERS, Options, Printer, Rate, run_with_server},
};

/// Show LiveCheck at work on a small order system
///
/// Starts a server of its own on a store in a temporary directory (--server is
/// not read) and four services that pass orders on to one another. Half of the
/// orders are tested; some of those are hurt on purpose, and the reports show
/// how. As JSON, each line has one member that says what it is: started, report
/// (beside hurt) or summary.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// How many orders come in
    #[arg(
        long,
        value_name = "N",
        default_value_t = Options::default().orders,
        value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_ORDERS))
    )]
    orders: u32,

    /// How fast they come in
    #[arg(long, value_name = "N/s", default_value_t = Options::default().rate)]
    rate: Rate,

    /// Keep everything up after the orders, to be explored until Ctrl-C
    #[arg(long)]
    keep: bool,

    /// What the orders are made from; the same seed, the same orders
    #[arg(long, value_name = "N", default_value_t = Options::default().seed)]
    seed: u64,
}

/// Runs the demo. `interrupt` ends it with the summary of what has come.
pub(in crate::cli) async fn run(
    args: Args,
    format: Format,
    output: &mut Output<'_>,
    interrupt: impl Future<Output = ()>,
) -> Result<Exit, CliError> {
    let Args {
        orders,
        rate,
        keep,
        seed,
    } = args;
    let options = Options {
        orders,
        rate,
        keep,
        seed,
        ..Options::default()
    };
    let format = match format {
        Format::Table => demo::Format::Table {
            colours: output.style().colours,
        },
        Format::Json => demo::Format::Json,
    };
    let mut printer = Printer::new(format, output.writer());
    match run_with_server(&options, &mut printer, interrupt).await {
        Ok(summary) if summary.interrupted => Ok(Exit::Interrupted),
        Ok(_) => Ok(Exit::Ok),
        Err(DemoError::Output(error)) => Err(error.into()),
        Err(error) => Err(CliError::Failed(error.to_string())),
    }
}
