//! The receiver: notes what comes, and fails as it is told to.

use std::{
    collections::{BTreeMap, HashSet},
    convert::Infallible,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use futures_util::stream;
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full, StreamBody, combinators::BoxBody};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use sha2::Sha256;
use tokio::{net::TcpListener, sync::watch, time::timeout};

use crate::DEADLINE;

/// The key with which every test has its webhooks sign.
pub const KEY: &[u8] = b"the key of every test here";

/// How the receiver answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It takes everything.
    Takes,
    /// It takes everything, with answers that have no end.
    TakesWithoutEnd,
    /// It answers 500.
    Refuses,
    /// It never answers.
    Silent,
    /// About half is not confirmed, in various ways.
    HalfFails,
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Confirmed.
    Taken,
    /// 500.
    Refused,
    /// The connection was closed.
    Broken,
    /// Nothing.
    Silence,
}

/// A request that came.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// Its path.
    pub path: String,
    pub headers: HeaderMap,
    pub body: Bytes,
    pub answer: Answer,
}

impl Arrival {
    /// The id of the notification.
    pub fn id(&self) -> &str {
        self.header("webhook-id")
    }

    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        let value = value.unwrap_or_else(|| panic!("{name} is missing: {:?}", self.headers));
        value.to_str().unwrap()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// Checks the signature as a receiver has to.
    pub fn verify(&self) {
        let (id, timestamp) = (self.id(), self.header("webhook-timestamp"));
        let signed_at: i64 = timestamp.parse().unwrap();
        let age = chrono::Utc::now().timestamp() - signed_at;
        assert!((-1..60).contains(&age), "{age} s old");
        let code = self.header("webhook-signature").strip_prefix("v1,");
        let code = STANDARD.decode(code.unwrap()).unwrap();
        let mut mac = Hmac::<Sha256>::new_from_slice(KEY).unwrap();
        mac.update([id, timestamp, ""].join(".").as_bytes());
        mac.update(&self.body);
        mac.verify_slice(&code).unwrap();
    }
}

/// A receiver; it ends with the test.
#[derive(Clone)]
pub struct Receiver {
    address: SocketAddr,
    mode: Arc<Mutex<Mode>>,
    seed: u32,
    arrivals: watch::Sender<Vec<Arrival>>,
}

impl Receiver {
    /// Starts one.
    pub async fn start(mode: Mode) -> Receiver {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let seed = std::env::var("LIVECHECK_SEED").map(|seed| seed.parse().unwrap());
        let seed = seed.unwrap_or_else(|_| std::process::id());
        println!("LIVECHECK_SEED={seed}");
        let receiver = Receiver {
            address: listener.local_addr().unwrap(),
            mode: Arc::new(Mutex::new(mode)),
            seed,
            arrivals: watch::Sender::new(Vec::new()),
        };
        let serving = receiver.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let receiver = serving.clone();
                let service = service_fn(move |request| receiver.clone().take(request));
                let connection =
                    http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                tokio::spawn(async move {
                    // That connections break is what this is about.
                    let _ = connection.await;
                });
            }
        });
        receiver
    }

    /// A URL of it.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Answers differently from now on.
    pub fn set(&self, mode: Mode) {
        *self.mode.lock().unwrap() = mode;
    }

    /// What came so far.
    pub fn arrivals(&self) -> Vec<Arrival> {
        self.arrivals.borrow().clone()
    }

    /// Waits until what came is as expected.
    pub async fn wait(&self, expected: impl Fn(&[Arrival]) -> bool) -> Vec<Arrival> {
        let mut arrivals = self.arrivals.subscribe();
        let came = timeout(DEADLINE, arrivals.wait_for(|came| expected(came))).await;
        match came {
            Ok(came) => came.unwrap().clone(),
            Err(_) => panic!("waited in vain; {} requests came", self.arrivals().len()),
        }
    }

    async fn take(
        self,
        request: Request<Incoming>,
    ) -> io::Result<Response<BoxBody<Bytes, Infallible>>> {
        let (parts, body) = request.into_parts();
        // A sender that is killed in the middle has sent nothing.
        let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
        let mut answer = Answer::Taken;
        self.arrivals.send_modify(|arrivals| {
            answer = self.answer(arrivals.len());
            arrivals.push(Arrival {
                path: parts.uri.path().to_owned(),
                headers: parts.headers,
                body,
                answer,
            });
        });
        let mut response = Response::new(Full::default().boxed());
        match answer {
            Answer::Taken if *self.mode.lock().unwrap() == Mode::TakesWithoutEnd => {
                *response.body_mut() = BoxBody::new(StreamBody::new(stream::pending()));
            }
            Answer::Taken => *response.status_mut() = http::StatusCode::NO_CONTENT,
            Answer::Refused => {
                *response.status_mut() = http::StatusCode::INTERNAL_SERVER_ERROR;
                *response.body_mut() = Full::from("not now").boxed();
            }
            Answer::Broken => return Err(io::ErrorKind::ConnectionAborted.into()),
            Answer::Silence => {
                let never: Infallible = std::future::pending().await;
                match never {}
            }
        }
        Ok(response)
    }

    fn answer(&self, number: usize) -> Answer {
        match *self.mode.lock().unwrap() {
            Mode::Takes | Mode::TakesWithoutEnd => Answer::Taken,
            Mode::Refuses => Answer::Refused,
            Mode::Silent => Answer::Silence,
            Mode::HalfFails => {
                let chance = crc32fast::hash(format!("{} {number}", self.seed).as_bytes());
                match chance % 6 {
                    0 => Answer::Refused,
                    1 => Answer::Broken,
                    2 => Answer::Silence,
                    _ => Answer::Taken,
                }
            }
        }
    }
}

/// Ids that were confirmed.
pub fn taken(arrivals: &[Arrival]) -> HashSet<String> {
    let taken = arrivals.iter().filter(|one| one.answer == Answer::Taken);
    taken.map(|one| one.id().to_owned()).collect()
}

/// By case, the numbers of the transitions that were told, as they came; those
/// that came again at once are one. Everything about them is checked.
pub fn numbers(arrivals: &[Arrival]) -> BTreeMap<String, Vec<u64>> {
    let mut numbers: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    let mut ids: BTreeMap<(String, u64), (String, Bytes)> = BTreeMap::new();
    for arrival in arrivals {
        arrival.verify();
        assert_eq!(
            arrival.header("content-type"),
            "application/cloudevents+json"
        );
        let event = arrival.json();
        assert_eq!(event["id"], arrival.id());
        let case = event["subject"].as_str().unwrap().to_owned();
        assert_eq!(event["data"]["case_name"], case.as_str());
        let number: u64 = event["data"]["number"].as_str().unwrap().parse().unwrap();
        let same = (arrival.id().to_owned(), arrival.body.clone());
        let first = ids.entry((case.clone(), number)).or_insert(same.clone());
        assert_eq!(*first, same, "a repetition is the same");
        let of_case = numbers.entry(case).or_default();
        if of_case.last() != Some(&number) {
            of_case.push(number);
        }
    }
    numbers
}
