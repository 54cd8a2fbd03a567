//! `completions`: what shells need to complete the command line. Needs no server.

use clap::CommandFactory;
use clap_complete::Shell;

use crate::cli::{Cli, Context, error::CliError, exit::Exit};

/// Print a script that teaches a shell to complete this command line
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// The shell
    shell: Shell,
}

/// Carries it out.
pub fn run(args: Args, context: &mut Context<'_>) -> Result<Exit, CliError> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "livecheck", &mut script);
    context.output.text(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Ok)
}
