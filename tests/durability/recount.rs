//! The status of every case is what a plain recount of its reports and of the
//! answers to its signals gives, and a kill changes none of it.

use std::hash::{BuildHasher, RandomState};

use tempfile::TempDir;

use crate::{
    load::{self, Load},
    number,
    server::Server,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_status_of_every_case_is_what_its_reports_add_up_to() {
    let load = Load {
        cases: 20,
        executions: number("LIVECHECK_RECOUNT_EXECUTIONS", 2_000),
        rate: None,
        callers: 16,
        seed: number("LIVECHECK_SEED", RandomState::new().hash_one(0)),
    };
    println!("LIVECHECK_SEED={}", load.seed);
    let data = TempDir::new().unwrap();
    let server = Server::start(data.path()).await;
    let channel = server.clients().await.channel;
    load::apply(&channel, &load).await.unwrap();
    let counted = load::run(&channel, &load).await.unwrap();
    println!(
        "{} executions and {} signals in {:?}, {} incidents",
        counted.sampled, counted.signals, counted.took, counted.incidents
    );
    assert!(counted.incidents > 0, "nothing to see");
    counted.check(&channel).await.unwrap();
    server.kill().await;
    let server = Server::start(data.path()).await;
    counted
        .check(&server.clients().await.channel)
        .await
        .unwrap();
    server.stop().await;
}
