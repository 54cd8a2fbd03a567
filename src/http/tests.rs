use std::{error::Error, fmt, io, time::Duration};

use bytes::Bytes;
use http::{Request, StatusCode, Uri};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    task::JoinHandle,
};

use super::{HttpClient, HttpError, cause, one_line};

const LONG: Duration = Duration::from_secs(60);

/// What a server does once it has written its answer.
#[derive(Clone, Copy, PartialEq)]
enum Then {
    /// It closes the connection.
    Closes,
    /// It holds it open until the client has gone.
    Holds,
}
use Then::{Closes, Holds};

/// Takes one connection, reads a request up to `ends_with` and writes `answer`.
/// Gives what it read.
async fn server(
    ends_with: &'static str,
    answer: &'static str,
    then: Then,
) -> (u16, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let served = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut read = Vec::new();
        while !read.ends_with(ends_with.as_bytes()) {
            if stream.read_buf(&mut read).await.unwrap() == 0 {
                break;
            }
        }
        stream.write_all(answer.as_bytes()).await.unwrap();
        if then == Holds {
            assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
        }
        String::from_utf8(read).unwrap()
    });
    (port, served)
}

fn post(port: u16) -> Request<Bytes> {
    Request::post(format!("http://user:secret@127.0.0.1:{port}/a?b=c"))
        .header("X-Mark", "yes")
        .header("Content-Length", "999")
        .body(Bytes::from_static(b"hello"))
        .unwrap()
}

#[tokio::test]
async fn a_request_is_sent_as_it_is_given() {
    let answer = "HTTP/1.1 400 Bad Request\r\n\r\nuntil closed";
    let (port, served) = server("hello", answer, Closes).await;
    let response = HttpClient::default().request(post(port), LONG, 1024).await;
    let response = response.unwrap();
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    assert_eq!(response.body(), "until closed");

    let read = served.await.unwrap();
    let (head, body) = read.split_once("\r\n\r\n").unwrap();
    let mut lines: Vec<_> = head.lines().collect();
    assert_eq!(lines.remove(0), "POST /a?b=c HTTP/1.1");
    lines.sort_unstable();
    let expected = [
        "content-length: 5".to_owned(),
        format!("host: 127.0.0.1:{port}"),
        format!("user-agent: livecheck/{}", env!("CARGO_PKG_VERSION")),
        "x-mark: yes".to_owned(),
    ];
    assert_eq!(lines, expected);
    assert_eq!(body, "hello");
}

#[tokio::test]
async fn of_a_large_answer_a_part_is_kept() {
    for (answer, kept) in [
        ("HTTP/1.1 500 No\r\ncontent-length: 9\r\n\r\n12345", "12345"),
        ("HTTP/1.1 500 No\r\ncontent-length: 9\r\n\r\n123", "123"),
        ("HTTP/1.1 500 No\r\n\r\n123456789", "12345"),
        (
            "HTTP/1.1 500 No\r\ntransfer-encoding: chunked\r\n\r\n3\r\n123\r\n3\r\n456\r\n",
            "12345",
        ),
        ("HTTP/1.1 500 No\r\ncontent-length: 3\r\n\r\n123", "123"),
        ("HTTP/1.1 304 Not Modified\r\n\r\n", ""),
    ] {
        let (port, served) = server("hello", answer, Closes).await;
        let response = HttpClient::default().request(post(port), LONG, 5).await;
        assert_eq!(response.expect(answer).body(), kept, "{answer}");
        served.await.unwrap();
    }
}

#[tokio::test]
async fn the_head_of_an_answer_decides() {
    let short = Duration::from_millis(200);
    for (answer, within, kept) in [
        ("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n123", LONG, ""),
        ("HTTP/1.1 202 Accepted\r\n\r\n", LONG, ""),
        (
            "HTTP/1.1 503 No\r\ncontent-length: 9\r\n\r\n123",
            short,
            "123",
        ),
    ] {
        let (port, served) = server("hello", answer, Holds).await;
        let response = HttpClient::default()
            .request(post(port), within, 1024)
            .await;
        let response = response.expect(answer);
        assert!(answer.contains(response.status().as_str()));
        assert_eq!(response.body(), kept, "{answer}");
        // The connection is closed.
        served.await.unwrap();
    }
}

#[tokio::test]
async fn what_breaks_off_is_no_answer() {
    for (answer, expected) in [
        ("", "connection closed before message completed"),
        ("HTTP/1.1 200", "connection closed before message completed"),
        ("SSH-2.0-OpenSSH_9.2\r\n", "invalid HTTP version parsed"),
    ] {
        let (port, served) = server("hello", answer, Closes).await;
        let error = HttpClient::default().request(post(port), LONG, 1024).await;
        let error = error.expect_err(answer).to_string();
        assert!(error.contains(expected), "{answer}: {error}");
        served.await.unwrap();
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_refuses() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let url = format!("http://127.0.0.1:{port}").parse::<Uri>().unwrap();
    let error = HttpClient::default().connect(&url, LONG).await.unwrap_err();
    assert!(matches!(error, HttpError::Connect(_)));
    assert_eq!(error.to_string(), "connection refused");
}

#[tokio::test]
async fn a_server_that_says_nothing_is_given_up() {
    let within = Duration::from_millis(200);
    let (port, served) = server("hello", "", Holds).await;
    let error = HttpClient::default()
        .request(post(port), within, 1024)
        .await;
    let error = error.unwrap_err();
    assert!(matches!(error, HttpError::Timeout(_)));
    assert_eq!(error.to_string(), "no answer within 200ms");
    served.await.unwrap();

    // TLS is a part of connecting.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let url = format!("https://127.0.0.1:{port}").parse::<Uri>().unwrap();
    let within = Duration::from_millis(20);
    let error = HttpClient::default().connect(&url, within).await;
    let text = error.unwrap_err().to_string();
    assert_eq!(text, "no connection within 20ms");
}

#[tokio::test]
async fn a_server_without_tls_is_none_for_https() {
    let (port, served) = server("", "HTTP/1.1 200 OK\r\n\r\n", Closes).await;
    let url = format!("https://127.0.0.1:{port}").parse::<Uri>().unwrap();
    let error = HttpClient::default().connect(&url, LONG).await.unwrap_err();
    assert!(matches!(error, HttpError::Connect(_)), "{error}");
    assert!(error.to_string().contains("corrupt message"), "{error}");
    served.await.unwrap();
}

#[tokio::test]
async fn only_urls_of_servers_are_called() {
    for url in ["/path", "ftp://127.0.0.1/", "127.0.0.1:80"] {
        let url = url.parse::<Uri>().unwrap();
        let error = HttpClient::default().connect(&url, LONG).await.unwrap_err();
        assert!(matches!(error, HttpError::Url(_)), "{url}: {error}");
    }
}

#[test]
fn texts_of_others_are_short_and_on_one_line() {
    let long = "é".repeat(301);
    let cut = format!("{}…", "é".repeat(300));
    for (text, expected) in [
        ("connection refused", "connection refused"),
        (" a\r\nb\u{1b}[31m\u{85}\t", "a b [31m"),
        ("\u{0}", ""),
        (&long, &cut),
        (&long[2..], &long[2..]),
    ] {
        assert_eq!(one_line(text), expected);
    }
}

#[test]
fn causes_are_told_once() {
    #[derive(Debug)]
    struct Layer(&'static str, Option<Box<dyn Error + 'static>>);
    impl fmt::Display for Layer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }
    }
    impl Error for Layer {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            self.1.as_deref()
        }
    }
    let refused = || Box::new(io::Error::from_raw_os_error(111));
    for (error, expected) in [
        (Layer("outer", None), "outer"),
        (
            Layer("outer", Some(Box::new(Layer("inner", None)))),
            "outer: inner",
        ),
        (
            Layer("outer: inner", Some(Box::new(Layer("inner", None)))),
            "outer: inner",
        ),
        (
            Layer("tcp connect error", Some(refused())),
            "connection refused",
        ),
    ] {
        assert_eq!(cause(&error), expected);
    }
}
