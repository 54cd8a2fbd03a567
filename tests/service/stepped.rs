//! A node over the journal in memory, with a clock that is moved by hand; behind
//! its services where a test speaks to those.

use std::{collections::BTreeMap, ops::Range, sync::Arc, time::Duration};

use livecheck::{
    archive::Archive,
    clock::{Clock, ManualClock},
    headers::TestHeadersLayer,
    journal::{Journal, MemoryJournal},
    model::{Event, Submission, TestExecution, Time},
    node::{Node, NodeOptions, Opened, Reply},
    services,
};
use tokio::{net::TcpListener, time::timeout};
use tonic::transport::{Endpoint, Server, server::TcpIncoming};

use crate::{given::DEADLINE, server::Clients};

/// A second and a little, as each tick takes its place a little after it is due.
const SECOND: Duration = Duration::from_millis(1001);
/// Largest message that is taken.
const MAX_MESSAGE: usize = 4 << 20;

/// A node that is up; ended with [`Stepped::close`].
pub struct Stepped {
    /// Moves journal time.
    pub clock: Arc<ManualClock>,
    journal: Arc<MemoryJournal<Reply>>,
    opened: Opened,
}

impl Stepped {
    /// A node over so many partitions.
    pub async fn start(partitions: u32) -> Stepped {
        Stepped::with(partitions, NodeOptions::default()).await
    }

    /// A node over so many partitions, with these limits.
    pub async fn with(partitions: u32, options: NodeOptions) -> Stepped {
        let clock = Arc::new(ManualClock::fixed());
        let journal = Arc::new(MemoryJournal::new(partitions, clock.clone(), 10_000));
        let id = Journal::<Reply>::id(journal.as_ref());
        let archive = Archive::in_memory(id, partitions).unwrap();
        let opened = Node::open(journal.clone(), archive, clock.clone(), options);
        Stepped {
            clock: clock.clone(),
            opened: opened.await.unwrap(),
            journal,
        }
    }

    /// Clients of its services, over a port of its own.
    pub async fn clients(&self) -> Clients {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let serving = Server::builder()
            .layer(TestHeadersLayer::new(self.clock.clone()))
            .add_routes(services::routes(self.node(), MAX_MESSAGE))
            .serve_with_incoming(TcpIncoming::from(listener).with_nodelay(Some(true)));
        // It ends with the runtime of the test.
        tokio::spawn(serving);
        let endpoint = Endpoint::from_shared(format!("http://{addr}")).unwrap();
        Clients::over(endpoint.connect_lazy())
    }

    /// The node.
    pub fn node(&self) -> &Node {
        &self.opened.node
    }

    /// Position of the last record of a partition.
    pub fn head(&self, partition: u32) -> u64 {
        Journal::<Reply>::head(self.journal.as_ref(), partition)
    }

    /// The numbers of the partitions.
    pub fn partitions(&self) -> Range<u32> {
        0..Journal::<Reply>::partitions(self.journal.as_ref())
    }

    /// Lets a second pass, and waits until every partition has taken note.
    pub async fn second(&self) {
        let heads: Vec<_> = self.partitions().map(|one| self.head(one)).collect();
        self.clock.advance(SECOND);
        let noted = async {
            for (partition, head) in self.partitions().zip(heads) {
                while !self.ticked_after(partition, head) {
                    tokio::task::yield_now().await;
                }
            }
        };
        timeout(DEADLINE, noted).await.expect("a tick a second");
    }

    /// Lets so many seconds pass, one after the other.
    pub async fn seconds(&self, seconds: u32) {
        for _ in 0..seconds {
            self.second().await;
        }
    }

    fn ticked_after(&self, partition: u32, position: u64) -> bool {
        let journal = self.journal.as_ref();
        let reader = Journal::<Reply>::read(journal, partition, position);
        let records = reader.unwrap().next().unwrap();
        let mut events = records.iter().map(|record| &record.event);
        events.any(|event| matches!(event, Event::Tick { .. }))
    }

    /// Lets time pass up to an instant; the wall clock was not stepped.
    pub fn advance_to(&self, time: Time) {
        self.clock
            .advance((time - self.clock.wall()).to_std().unwrap());
    }

    /// Submits an execution that is sampled.
    pub async fn submit(&self, case_name: &str, id: &str) -> TestExecution {
        let submission = Submission {
            case_name: case_name.to_owned(),
            id: id.to_owned(),
            test_args: Vec::new(),
            test_kwargs: serde_json::Map::new(),
            expires: None,
            labels: BTreeMap::new(),
            traceparent: String::new(),
            always: true,
        };
        self.node().submit(submission).await.unwrap().unwrap()
    }

    /// Ends its waits and its threads.
    pub async fn close(self) {
        let close = tokio::task::spawn_blocking(move || {
            self.opened.close(std::time::Instant::now() + DEADLINE)
        });
        close.await.unwrap();
    }
}
