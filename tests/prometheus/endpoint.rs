//! What the HTTP side answers, to whom it does not, and how it ends.

use std::time::Duration;

use http::Method;
use livecheck::{server, settings::HttpListen};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};

use crate::{
    DEADLINE,
    get::{get, request},
    server::{Server, apply},
    tools,
};

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

#[tokio::test]
async fn paths_and_methods() {
    let server = Server::start(|_| {}).await;
    for (method, path, status, body) in [
        (Method::GET, "/healthz", 200, Some("up\n")),
        (Method::GET, "/readyz", 200, Some("serving\n")),
        (Method::HEAD, "/readyz", 200, Some("")),
        (Method::HEAD, "/metrics", 200, Some("")),
        (Method::GET, "/healthz?verbose=1", 200, Some("up\n")),
        (Method::GET, "/", 404, None),
        (Method::GET, "/metrics/", 404, None),
        (Method::POST, "/", 404, None),
        (Method::POST, "/metrics", 405, Some("only GET and HEAD\n")),
        (Method::DELETE, "/healthz", 405, Some("only GET and HEAD\n")),
    ] {
        let answer = request(server.http(), method.clone(), path, &[]).await;
        let answer = answer.unwrap();
        assert_eq!(answer.status(), status, "{method} {path}");
        if let Some(body) = body {
            assert_eq!(answer.body(), body, "{method} {path}");
        }
        let allow = answer
            .headers()
            .get("allow")
            .map(|value| value.to_str().unwrap());
        assert_eq!(
            allow,
            (status == 405).then_some("GET, HEAD"),
            "{method} {path}"
        );
        assert_eq!(answer.headers()["cache-control"], "no-store");
    }
    server.stop().await;
}

#[tokio::test]
async fn the_format_is_negotiated_and_promtool_finds_nothing_wrong() {
    let server = Server::start(|_| {}).await;
    apply(&server.channel(), "shop.orders").await;
    for (accept, expected, ends) in [
        ("*/*", TEXT, None),
        (
            "application/openmetrics-text; version=1.0.0",
            OPEN_METRICS,
            Some("\n# EOF\n"),
        ),
    ] {
        let accept = [("accept", accept)];
        let answer = request(server.http(), Method::GET, "/metrics", &accept).await;
        let answer = answer.unwrap();
        assert_eq!(answer.headers()["content-type"], expected);
        let body = answer.body();
        assert!(body.contains("livecheck_case_state{case=\"shop.orders\",state=\"INIT\"} 1\n"));
        assert_eq!(ends.is_some(), body.ends_with("# EOF\n"));
    }
    if let Some(promtool) = tools::find("promtool") {
        let text = get(server.http(), "/metrics").await;
        tools::promtool(&promtool, &["check", "metrics"], &text);
    }
    server.stop().await;
}

#[tokio::test]
async fn it_is_off_unless_it_is_asked_for_and_told_when_it_cannot_be() {
    let server = Server::start(|settings| settings.http_listen = HttpListen::Off).await;
    assert_eq!(server.running.http_addr(), None);
    server.stop().await;

    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = taken.local_addr().unwrap();
    let data = tempfile::tempdir().unwrap();
    let settings = livecheck::settings::ServeSettings {
        data_dir: data.path().to_owned(),
        http_listen: HttpListen::On(addr),
        ..Default::default()
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let error = server::start(&settings, listener).await.err().unwrap();
    let told = error.to_string();
    let named = format!("cannot listen on {addr} for HTTP: ");
    assert!(
        told.starts_with(&named) && told.ends_with("--http-listen"),
        "{told}"
    );
}

#[tokio::test]
async fn what_is_no_request_harms_nobody() {
    let server = Server::start(|_| {}).await;
    let long = "x".repeat(64 << 10);
    let many: String = (0..200).map(|number| format!("h{number}: 1\r\n")).collect();
    for (sent, status) in [
        ("\0\x01\x02 nonsense\r\n\r\n".to_owned(), "400"),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(), ""),
        (format!("GET /metrics HTTP/1.1\r\na: {long}\r\n\r\n"), "431"),
        (format!("GET /metrics HTTP/1.1\r\n{many}\r\n"), "431"),
    ] {
        let mut stream = TcpStream::connect(server.http()).await.unwrap();
        // It may have hung up before it was told everything.
        let _ = stream.write_all(sent.as_bytes()).await;
        let mut answer = Vec::new();
        let read = timeout(DEADLINE, stream.read_to_end(&mut answer)).await;
        let _ = read.expect("it hangs up");
        let answer = String::from_utf8_lossy(&answer);
        let line = answer.lines().next().unwrap_or_default();
        assert!(
            line.contains(status) && !line.contains("200"),
            "{status}: {answer}"
        );
    }
    assert_eq!(get(server.http(), "/healthz").await, "up\n");
    server.stop().await;
}

#[tokio::test]
async fn connections_that_have_ended_make_room_for_others() {
    let server = Server::start(|_| {}).await;
    let mut idle = Vec::new();
    // More than may be open at once: some of them are not even accepted.
    for _ in 0..64 {
        idle.push(TcpStream::connect(server.http()).await.unwrap());
    }
    drop(idle);
    assert_eq!(get(server.http(), "/healthz").await, "up\n");
    server.stop().await;
}

#[tokio::test]
async fn a_server_that_drains_says_so_until_its_calls_have_ended() {
    let grace = Duration::from_secs(20);
    let server = Server::start(|settings| settings.drain_grace = grace).await;
    let http = server.http();
    // A connection that begins a call and does not go on holds the drain up.
    let mut call = TcpStream::connect(server.running.addr()).await.unwrap();
    call.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        .await
        .unwrap();
    let mut settings = [0];
    call.read_exact(&mut settings).await.unwrap();

    let stopping = tokio::spawn(server.stop());
    let draining = async {
        loop {
            let ready = request(http, Method::GET, "/readyz", &[]).await.unwrap();
            match ready.status().as_u16() {
                200 => tokio::task::yield_now().await,
                status => return (status, ready.into_body()),
            }
        }
    };
    let (status, body) = timeout(DEADLINE, draining).await.unwrap();
    assert_eq!((status, body.as_str()), (503, "draining\n"));
    assert_eq!(get(http, "/healthz").await, "up\n");
    assert!(get(http, "/metrics").await.contains("livecheck_build_info"));
    drop(call);
    timeout(DEADLINE, stopping).await.unwrap().unwrap();
    assert!(TcpStream::connect(http).await.is_err());
}

#[tokio::test]
async fn a_request_that_does_not_come_holds_up_no_drain_beyond_its_grace() {
    let grace = Duration::from_millis(500);
    let server = Server::start(|settings| settings.drain_grace = grace).await;
    let mut half = TcpStream::connect(server.http()).await.unwrap();
    half.write_all(b"GET /metrics HT").await.unwrap();
    assert_eq!(get(server.http(), "/healthz").await, "up\n");
    timeout(Duration::from_secs(8), server.stop())
        .await
        .expect("it stops in time");
}
