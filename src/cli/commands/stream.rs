//! Signals from the standard input to `StreamSignals`.
//!
//! A signal is kept until it is acknowledged, and sent again after a break;
//! how many are kept is bounded, and reading waits while they are too many.

use std::collections::VecDeque;

use tokio::{
    io::{AsyncBufRead, AsyncBufReadExt, Lines},
    sync::mpsc,
    time::sleep,
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use crate::{
    cli::{
        Context,
        client::Client,
        error::{CliError, even_unread, retry_delay},
        exit::Exit,
        output::tell,
        text::count,
    },
    convert::json::from_json,
    pb::v1::{SignalRejection, StreamSignalsRequest, stream_signals_response::Payload},
};

/// Most signals that wait for their acknowledgement.
const MAX_IN_FLIGHT: usize = 4096;
/// Signals handed over to the connection ahead of their turn.
const HANDED_OVER: usize = 64;
/// Attempts without any acknowledgement after which no more are made; at the
/// usual back-off, about a minute.
const MAX_ATTEMPTS: u32 = 10;

/// Sends every line of the input as a signal.
pub async fn send_lines(context: &mut Context<'_>, client: &Client) -> Result<Exit, CliError> {
    let mut sending = Sending {
        lines: (&mut *context.input).lines(),
        err: &mut *context.err,
        line: 0,
        at_end: false,
        in_flight: VecDeque::new(),
        acknowledged: 0,
        refused: 0,
        attempts: 0,
    };
    let mut backoff = context.backoff;
    let result = loop {
        let status = match sending.attempt(client).await {
            Ok(None) => break Ok(()),
            Ok(Some(status)) => status,
            Err(error) => break Err(error),
        };
        if sending.attempts == 0 {
            backoff.reset();
        }
        sending.attempts += 1;
        match retry_delay(&status) {
            Some(asked) if sending.attempts < MAX_ATTEMPTS => sleep(backoff.delay(asked)).await,
            _ => break Err(client.error(status)),
        }
    };

    let (acknowledged, refused) = (sending.acknowledged, sending.refused);
    let left = sending.in_flight.len();
    if left > 0 {
        context.tell(&format!("{} not acknowledged", count(left, "signal")));
    }
    let text = if context.output.is_json() {
        format!("{{\"acknowledged\":{acknowledged},\"refused\":{refused}}}\n")
    } else {
        format!(
            "{} acknowledged, {refused} refused\n",
            count(acknowledged, "signal")
        )
    };
    let written = even_unread(context.output.text(&text));
    result.and(written).map(|()| match refused {
        0 => Exit::Ok,
        _ => Exit::BadInput,
    })
}

/// A signal on its way.
struct Signal {
    /// Its line in the input, from 1.
    line: usize,
    request: StreamSignalsRequest,
    /// Whether the server refused it, which it tells before it acknowledges.
    refused: bool,
}

/// Where the sending is.
struct Sending<'a, 'host> {
    lines: Lines<&'a mut (dyn AsyncBufRead + Unpin + 'host)>,
    err: &'a mut (dyn std::io::Write + 'host),
    /// Lines read so far.
    line: usize,
    at_end: bool,
    /// What is not acknowledged yet, in the order of the input.
    in_flight: VecDeque<Signal>,
    acknowledged: usize,
    /// Lines that are no signals, and signals that the server refused.
    refused: usize,
    /// Attempts since the last acknowledgement.
    attempts: u32,
}

impl Sending<'_, '_> {
    /// Opens a stream and sends what is in flight and what comes. `None` when
    /// everything is sent and acknowledged, else how the stream ended.
    async fn attempt(&mut self, client: &Client) -> Result<Option<Status>, CliError> {
        let (sender, receiver) = mpsc::channel(HANDED_OVER);
        let mut sender = Some(sender);
        let opened = client
            .signals()
            .stream_signals(ReceiverStream::new(receiver))
            .await;
        let mut answers = match opened {
            Ok(answers) => answers.into_inner(),
            Err(status) => return Ok(Some(status)),
        };
        // Of this stream: how many of those in flight were sent, how many
        // acknowledged ones came before them, and whether it takes more.
        let mut sent = 0;
        let mut settled = 0;
        let mut takes_more = true;
        loop {
            if self.at_end && sent == self.in_flight.len() {
                sender = None;
            }
            tokio::select! {
                answer = answers.message() => match answer {
                    Err(status) => return Ok(Some(status)),
                    Ok(None) if self.at_end && self.in_flight.is_empty() => return Ok(None),
                    Ok(None) => return Ok(Some(Status::unavailable("the server ended the stream"))),
                    Ok(Some(answer)) => match answer.payload {
                        None => {}
                        Some(Payload::Ack(position)) => {
                            let news = position.saturating_sub(settled);
                            let news = usize::try_from(news).unwrap_or(usize::MAX).min(sent);
                            self.acknowledge(news);
                            sent -= news;
                            settled = position;
                        }
                        Some(Payload::Rejection(rejection)) => self.refuse(settled, rejection),
                    },
                },
                permit = reserve(sender.as_ref()), if takes_more && sent < self.in_flight.len() => {
                    match (permit, self.in_flight.get(sent)) {
                        (Some(permit), Some(signal)) => {
                            permit.send(signal.request.clone());
                            sent += 1;
                        }
                        // The answers tell why.
                        _ => takes_more = false,
                    }
                }
                line = self.lines.next_line(),
                    if !self.at_end && self.in_flight.len() < MAX_IN_FLIGHT =>
                {
                    self.take(line)?;
                }
            }
        }
    }

    /// Takes a line of the input.
    fn take(&mut self, line: std::io::Result<Option<String>>) -> Result<(), CliError> {
        self.line += 1;
        let line = match line {
            Ok(Some(line)) => line,
            Ok(None) => {
                self.at_end = true;
                return Ok(());
            }
            Err(error) => {
                let text = format!(
                    "the input cannot be read after line {}: {error}",
                    self.line - 1
                );
                return Err(CliError::Input(text));
            }
        };
        if line.trim().is_empty() {
            return Ok(());
        }
        match read(&line) {
            Ok(request) => self.in_flight.push_back(Signal {
                line: self.line,
                request,
                refused: false,
            }),
            Err(problem) => {
                self.refused += 1;
                tell(self.err, &format!("line {}: {problem}", self.line));
            }
        }
        Ok(())
    }

    /// The first `news` in flight are acknowledged.
    fn acknowledge(&mut self, news: usize) {
        for signal in self.in_flight.drain(..news) {
            self.attempts = 0;
            match signal.refused {
                true => self.refused += 1,
                false => self.acknowledged += 1,
            }
        }
    }

    /// The server refused a signal; `settled` of its stream are acknowledged.
    fn refuse(&mut self, settled: u64, rejection: SignalRejection) {
        let index = rejection.position.checked_sub(settled.saturating_add(1));
        let index = index.and_then(|index| usize::try_from(index).ok());
        let signal = index.and_then(|index| self.in_flight.get_mut(index));
        // After a break it is refused again, which is no news.
        if let Some(signal) = signal.filter(|signal| !signal.refused) {
            signal.refused = true;
            let message = format!("line {}: {}", signal.line, rejection.message);
            tell(self.err, &message);
        }
    }
}

/// Waits until the connection takes another signal; `None` if it takes no more.
async fn reserve<T>(sender: Option<&mpsc::Sender<T>>) -> Option<mpsc::Permit<'_, T>> {
    match sender {
        Some(sender) => sender.reserve().await.ok(),
        None => std::future::pending().await,
    }
}

fn read(line: &str) -> Result<StreamSignalsRequest, String> {
    let json = serde_json::from_str(line).map_err(|error| format!("no JSON: {error}"))?;
    from_json("livecheck.v1.StreamSignalsRequest", &json).map_err(|error| error.to_string())
}
