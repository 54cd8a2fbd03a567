//! Runs a command as if it had been typed, and keeps what it wrote.

use std::{
    io::{self, Write},
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use clap::Parser;
use livecheck::{
    cli::{self, Cli, Host, client::Backoff},
    clock::ManualClock,
};
use tokio::sync::Notify;

/// What a command did.
#[derive(Debug, PartialEq, Eq)]
pub struct Ran {
    pub exit: u8,
    pub out: String,
    pub err: String,
}

/// A text, and what happens once the output has it in it.
type Trigger<'a> = (&'a str, Box<dyn FnOnce() + 'a>);

/// A terminal at which commands are typed.
#[derive(Default)]
pub struct Terminal<'a> {
    server: Option<SocketAddr>,
    input: &'a str,
    /// Ctrl-C comes when the output has this in it.
    interrupt_at: Option<&'a str>,
    when: Option<Trigger<'a>>,
    /// Nobody reads the output.
    closed: bool,
}

impl<'a> Terminal<'a> {
    pub fn new(server: SocketAddr) -> Self {
        Terminal {
            server: Some(server),
            ..Terminal::default()
        }
    }

    pub fn input(self, input: &'a str) -> Self {
        Terminal { input, ..self }
    }

    pub fn interrupt_at(self, text: &'a str) -> Self {
        Terminal {
            interrupt_at: Some(text),
            ..self
        }
    }

    /// Lets something happen once the output has this in it.
    pub fn when(self, text: &'a str, happens: impl FnOnce() + 'a) -> Self {
        Terminal {
            when: Some((text, Box::new(happens))),
            ..self
        }
    }

    pub fn closed(self) -> Self {
        Terminal {
            closed: true,
            ..self
        }
    }

    /// Types a command and waits for its end. The clock stands at
    /// 2026-05-28T20:26:40Z.
    pub async fn run(self, args: &[&str]) -> Ran {
        let mut line = vec!["livecheck".to_owned()];
        if let Some(server) = self.server {
            line.push(format!("--server={server}"));
        }
        line.extend(args.iter().map(|arg| (*arg).to_owned()));
        let cli = Cli::try_parse_from(line).unwrap();

        let interrupted = Notify::new();
        let text = Arc::new(Mutex::new(Vec::new()));
        let mut out = Screen {
            text: Arc::clone(&text),
            closed: self.closed,
            when: self.when,
            interrupt: self.interrupt_at.map(|text| (text, &interrupted)),
        };
        let mut err = Vec::new();
        let host = Host {
            input: &mut self.input.as_bytes(),
            out: &mut out,
            err: &mut err,
            colours: false,
            clock: &ManualClock::fixed(),
            backoff: Backoff::new(Duration::from_millis(1), Duration::from_millis(1)),
        };
        let run = cli::run(cli, host, interrupted.notified());
        let exit = tokio::time::timeout(Duration::from_secs(30), run)
            .await
            .expect("the command ends");
        let out = text.lock().unwrap().clone();
        Ran {
            exit: exit.code(),
            out: String::from_utf8(out).unwrap(),
            err: String::from_utf8(err).unwrap(),
        }
    }
}

struct Screen<'a> {
    text: Arc<Mutex<Vec<u8>>>,
    closed: bool,
    when: Option<Trigger<'a>>,
    interrupt: Option<(&'a str, &'a Notify)>,
}

impl Write for Screen<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.closed {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let mut text = self.text.lock().unwrap();
        text.extend_from_slice(bytes);
        let shown = String::from_utf8_lossy(&text);
        if let Some((_, happens)) = self.when.take_if(|(awaited, _)| shown.contains(*awaited)) {
            happens();
        }
        if let Some((awaited, notify)) = self.interrupt
            && shown.contains(awaited)
        {
            notify.notify_one();
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
