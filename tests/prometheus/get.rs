//! HTTP requests, one a connection.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{Method, Request, Response, header::HOST};
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, time::timeout};

use crate::DEADLINE;

/// Asks, and reads the answer as text.
pub async fn request(
    addr: SocketAddr,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
) -> Result<Response<String>, hyper::Error> {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.header(HOST, addr.to_string());
    let request = request.body(Empty::<Bytes>::new()).unwrap();
    let asked = async {
        let stream = TcpStream::connect(addr).await.unwrap();
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let connection = tokio::spawn(connection);
        let (parts, body) = sender.send_request(request).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        connection.abort();
        let body = String::from_utf8(body.into()).unwrap();
        Ok(Response::from_parts(parts, body))
    };
    timeout(DEADLINE, asked).await.expect("an answer in time")
}

/// Gets a page that is there.
pub async fn get(addr: SocketAddr, path: &str) -> String {
    let answer = request(addr, Method::GET, path, &[]).await.unwrap();
    assert_eq!(answer.status(), 200, "{path}: {}", answer.body());
    answer.into_body()
}
