//! The settings of the server: what can be set, and where it is read from.
//!
//! Each setting is declared once, below. A flag overrules the environment, the
//! environment the file, the file the default. The server gets the plain
//! [`ServeSettings`] and knows nothing of where they came from.

mod declare;
mod source;
#[cfg(test)]
mod tests;
pub mod units;
mod value;
mod webhooks;

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use declare::settings;
use source::Sources;
use units::ByteSize;

pub use source::{Environment, SettingsError};
pub use value::{CollectorUrl, HttpListen, LogFilter, LogFormat};
pub use webhooks::Webhooks;

settings! {
    /// IP address and port to listen on.
    listen: SocketAddr = SocketAddr::from((Ipv4Addr::LOCALHOST, 50051)), "ADDR", ..;
    /// IP address and port of the HTTP side, which has /metrics, /healthz and
    /// /readyz; off is none.
    http_listen: HttpListen = HttpListen::Off, "ADDR", ..;
    /// Directory of the journal and the archive; created when it is not there.
    data_dir: PathBuf = PathBuf::from("./livecheck-data"), "DIR", ..;
    /// Threads that serve calls. The journal has threads of its own; on a
    /// small machine one does best.
    runtime_threads: usize = 1, "COUNT", 1..=1024;
    /// After SIGTERM, how long the server may take to end; calls that are open
    /// are cut off up to two seconds before.
    drain_grace: Duration = Duration::from_secs(10), "DURATION", ..;
    /// How long reports and finished executions are kept; 0s keeps them
    /// whatever their age.
    retention_age: Duration = Duration::from_secs(30 * 24 * 3600), "DURATION", ..;
    /// How large the archive may grow before the oldest reports are deleted;
    /// 0 lets it grow without limit.
    retention_size: ByteSize = ByteSize::gib(10), "SIZE", ..;
    /// Largest message that is taken.
    max_message_bytes: ByteSize = ByteSize::mib(4), "SIZE",
        ByteSize::kib(1)..=ByteSize::gib(1);
    /// Calls that may be open at once on one connection; waiting calls stay
    /// open.
    max_concurrent_streams: u32 = 1024, "COUNT", 1..;
    /// Connections that may be open at once.
    max_connections: usize = 10_000, "COUNT", 1..;
    /// Calls that may wait or watch at once.
    max_waiters: usize = 100_000, "COUNT", 1..;
    /// Executions that may be live at once.
    max_live_executions: usize = 1_000_000, "COUNT", 1..;
    /// What live executions and early signals may take in memory, about;
    /// further submissions and signals are refused.
    max_state_bytes: ByteSize = ByteSize::gib(4), "SIZE", ByteSize::mib(1)..;
    /// Cases that may be declared.
    max_cases: usize = 10_000, "COUNT", 1..;
    /// Events that may be queued for the journal; more are refused.
    journal_queue_bytes: ByteSize = ByteSize::mib(64), "SIZE", ByteSize::mib(1)..;
    /// Events by which the archive may be behind the journal; further
    /// submissions are refused.
    archive_backlog_bytes: ByteSize = ByteSize::mib(256), "SIZE", ByteSize::mib(1)..;
    /// How often an idle connection is asked whether it is still there; 0s
    /// never asks.
    http2_keepalive_interval: Duration = Duration::from_secs(60), "DURATION", ..;
    /// How long a connection may take to answer that before it is closed.
    http2_keepalive_timeout: Duration = Duration::from_secs(20), "DURATION",
        Duration::from_millis(1)..;
    /// Largest headers of a call, all together.
    max_header_list_bytes: ByteSize = ByteSize::kib(16), "SIZE",
        ByteSize::kib(1)..=ByteSize::mib(16);
    /// Streams that a client may have reset before they were accepted; a
    /// connection with more is closed (CVE-2023-44487, rapid reset).
    max_pending_reset_streams: usize = 20, "COUNT", 1..;
    /// Streams that the server may have reset because of a client's errors; a
    /// connection with more is closed.
    max_error_reset_streams: usize = 1024, "COUNT", 1..;
    /// Where a collector takes OpenTelemetry spans (OTLP over gRPC), such as
    /// http://localhost:4317; empty exports none.
    otlp_endpoint: CollectorUrl = CollectorUrl::none(), "URL", ..;
    /// Share of the calls without a traceparent that begin a trace, from 0 to
    /// 1; a call with one is traced if its sampled flag says so.
    trace_sample_ratio: f64 = 1.0, "RATIO", 0.0..=1.0;
    /// File of the webhooks that are told of the health of cases, in TOML; empty
    /// for none.
    webhooks: Webhooks = Webhooks::default(), "FILE", ..;
    /// Which log lines are written, such as warn,livecheck=debug.
    log: LogFilter = LogFilter::info(), "FILTER", ..;
    /// How log lines are written: text or json.
    log_format: LogFormat = LogFormat::Text, "FORMAT", ..;
}

/// The command line of `livecheck serve`.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct ServeArgs {
    /// File with settings in TOML, named like the flags with `_` for `-`; flags
    /// and the environment overrule it [env: LIVECHECK_CONFIG]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Print the effective settings as TOML and exit
    #[arg(long)]
    pub print_config: bool,

    #[command(flatten)]
    flags: Flags,
}

impl ServeArgs {
    /// The effective settings. The error names everything that is wrong, one a
    /// line, with flag, variable, or file, line and key.
    pub fn settings(&self, environment: Environment<'_>) -> Result<ServeSettings, SettingsError> {
        let mut sources = Sources::new(environment, self.config.as_deref(), ServeSettings::NAMES);
        let mut settings = self.flags.resolve(&mut sources);
        sources.load(&mut settings.webhooks);
        sources.finish(settings)
    }
}
