//! The demo with a LiveCheck server of its own, on an embedded store in a
//! temporary directory that goes away with it.

use std::{io::Write, net::Ipv4Addr, time::Duration};

use tokio::net::TcpListener;

use super::{
    error::DemoError,
    options::Options,
    print::Printer,
    run::{Server, run},
    summary::Summary,
};
use crate::{
    server::{self, ServerError},
    settings::ServeSettings,
};

/// At the end only strangers may still be calling; they have so long.
const DRAIN_GRACE: Duration = Duration::from_secs(1);

/// Starts a server on a free port of this machine, runs the demo against it as
/// [`run`] does, and stops it.
///
/// # Errors
///
/// Those of [`run`]; the server does not start, fails, or does not stop as it
/// should.
pub async fn run_with_server<W: Write>(
    options: &Options,
    printer: &mut Printer<W>,
    shutdown: impl Future<Output = ()>,
) -> Result<Summary, DemoError> {
    let data_dir = tempfile::Builder::new()
        .prefix("livecheck-demo-")
        .tempdir()
        .map_err(DemoError::DataDir)?;
    let settings = ServeSettings {
        data_dir: data_dir.path().to_owned(),
        drain_grace: DRAIN_GRACE,
        ..ServeSettings::default()
    };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .map_err(DemoError::Listen)?;
    let livecheck = server::start(&settings, listener).await?;
    let place = Server {
        addr: livecheck.addr(),
        data_dir: Some(data_dir.path()),
    };
    let ended = tokio::select! {
        ended = run(options, place, printer, shutdown) => ended,
        () = livecheck.failed() => Err(ServerError::Failed.into()),
    };
    let stopped = livecheck.stop().await;
    let summary = ended?;
    stopped?;
    Ok(summary)
}
