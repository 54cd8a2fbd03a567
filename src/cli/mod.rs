//! The command line: what can be typed, and the call that it becomes.
//!
//! Commands speak to a server through its public API only and know nothing of
//! what is behind it. Results go to stdout, messages to stderr, and how it went
//! is the exit code.

pub mod client;
mod commands;
pub mod error;
pub mod exit;
mod output;
mod render;
mod text;
mod values;

use std::{
    io::{self, IsTerminal},
    time::Duration,
};

use clap::{Parser, Subcommand};
use tokio::io::{AsyncBufRead, BufReader};

use crate::clock::{Clock, SystemClock};
use client::{Backoff, Client, DEFAULT_SERVER, ServerAddr};
use error::CliError;
use exit::Exit;
use output::{Format, Output, Style, tell};

/// Heading of the options that every command takes.
const GLOBAL: &str = "Global options";

/// Test asynchronous systems while they run.
#[derive(Parser, Clone, Debug)]
#[command(name = "livecheck", version, after_help = exit::HELP)]
pub struct Cli {
    /// Address of the server: HOST:PORT or http://HOST:PORT
    #[arg(
        long,
        global = true,
        help_heading = GLOBAL,
        value_name = "ADDR",
        env = "LIVECHECK_SERVER",
        default_value = DEFAULT_SERVER
    )]
    server: ServerAddr,

    /// How results are written; json is protobuf JSON, one document a line
    #[arg(long, short, global = true, help_heading = GLOBAL, value_enum, default_value_t)]
    output: Format,

    #[command(subcommand)]
    command: Command,
}

/// What can be done.
#[derive(Subcommand, Clone, Debug)]
enum Command {
    Serve(Box<commands::serve::Args>),
    Demo(commands::demo::Args),
    Apply(commands::apply::Args),
    Cases(commands::cases::Args),
    Case(commands::case::Args),
    Control(commands::control::Args),
    Delete(commands::delete::Args),
    Submit(commands::submit::Args),
    Signal(commands::signal::Args),
    Wait(commands::wait::Args),
    Report(commands::report::Args),
    Reports(commands::reports::Args),
    Failures(commands::failures::Args),
    Execution(commands::execution::Args),
    Executions(commands::executions::Args),
    Cancel(commands::cancel::Args),
    Webhooks(commands::webhooks::Args),
    Notifications(commands::notifications::Args),
    Retry(commands::retry::Args),
    Completions(commands::completions::Args),
}

/// What a command reads and writes besides the server.
pub struct Host<'a> {
    /// Standard input.
    pub input: &'a mut (dyn AsyncBufRead + Unpin),
    /// Where results go.
    pub out: &'a mut dyn io::Write,
    /// Where messages go.
    pub err: &'a mut dyn io::Write,
    /// Whether `out` shows colours.
    pub colours: bool,
    /// The time, for what is given relative to it.
    pub clock: &'a dyn Clock,
    /// How fast lost connections are tried again.
    pub backoff: Backoff,
}

/// What every command works with.
struct Context<'a> {
    server: ServerAddr,
    output: Output<'a>,
    input: &'a mut (dyn AsyncBufRead + Unpin),
    err: &'a mut dyn io::Write,
    clock: &'a dyn Clock,
    backoff: Backoff,
    /// Where a watch that ends now would resume; empty if nowhere.
    resume_token: String,
}

impl Context<'_> {
    async fn connect(&self) -> Result<Client, CliError> {
        Client::connect(&self.server).await
    }

    /// Tells the person at the terminal something that is no result.
    fn tell(&mut self, text: &str) {
        tell(self.err, text);
    }
}

/// Carries out a command of this process, with its standard streams.
pub fn main(cli: Cli) -> Exit {
    if let Command::Serve(args) = &cli.command {
        return commands::serve::main(args);
    }
    let mut out = io::stdout();
    let mut err = io::stderr();
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            tell(&mut err, &format!("error: cannot start: {error}"));
            return Exit::Failed;
        }
    };
    let colours = out.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
    let exit = runtime.block_on(async {
        let host = Host {
            input: &mut BufReader::new(tokio::io::stdin()),
            out: &mut out,
            err: &mut err,
            colours,
            clock: &SystemClock,
            backoff: Backoff::default(),
        };
        let interrupt = async {
            if tokio::signal::ctrl_c().await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        run(cli, host, interrupt).await
    });
    // A read of the standard input cannot be called off; do not wait for it.
    runtime.shutdown_timeout(Duration::ZERO);
    exit
}

/// Carries out a command, until it is done or `interrupt` ends.
pub async fn run(cli: Cli, host: Host<'_>, interrupt: impl Future<Output = ()>) -> Exit {
    let style = Style {
        colours: host.colours,
    };
    let mut context = Context {
        server: cli.server,
        output: Output::new(cli.output, style, host.out),
        input: host.input,
        err: host.err,
        clock: host.clock,
        backoff: host.backoff,
        resume_token: String::new(),
    };
    let ended = match cli.command {
        // It ends by itself when it is interrupted, and stops its server.
        Command::Demo(args) => {
            let output = &mut context.output;
            Some(commands::demo::run(args, cli.output, output, interrupt).await)
        }
        command => tokio::select! {
            biased;
            () = interrupt => None,
            ended = dispatch(command, &mut context) => Some(ended),
        },
    };
    let exit = match ended {
        None => Exit::Interrupted,
        Some(Ok(exit)) => exit,
        Some(Err(error)) => {
            if !matches!(error, CliError::OutputClosed) {
                context.tell(&format!("error: {error}"));
            }
            Exit::of_error(&error)
        }
    };
    if !context.resume_token.is_empty() {
        let token = text::shell_word(&context.resume_token);
        context.tell(&format!("to go on from here: --resume-token {token}"));
    }
    exit
}

async fn dispatch(command: Command, context: &mut Context<'_>) -> Result<Exit, CliError> {
    use commands::*;
    match command {
        Command::Serve(_) | Command::Demo(_) => Err(CliError::Failed(
            "this command has a server of its own".to_owned(),
        )),
        Command::Apply(args) => apply::run(args, context).await,
        Command::Cases(args) => cases::run(args, context).await,
        Command::Case(args) => case::run(args, context).await,
        Command::Control(args) => control::run(args, context).await,
        Command::Delete(args) => delete::run(args, context).await,
        Command::Submit(args) => submit::run(args, context).await,
        Command::Signal(args) => signal::run(args, context).await,
        Command::Wait(args) => wait::run(args, context).await,
        Command::Report(args) => report::run(args, context).await,
        Command::Reports(args) => reports::run(args, context).await,
        Command::Failures(args) => failures::run(args, context).await,
        Command::Execution(args) => execution::run(args, context).await,
        Command::Executions(args) => executions::run(args, context).await,
        Command::Cancel(args) => cancel::run(args, context).await,
        Command::Webhooks(args) => webhooks::run(args, context).await,
        Command::Notifications(args) => notifications::run(args, context).await,
        Command::Retry(args) => retry::run(args, context).await,
        Command::Completions(args) => completions::run(args, context),
    }
}
