//! The README's tour, run as it is written.

use tokio::process::Command;

use crate::{
    server::Server,
    tools::{self, run},
};

#[tokio::test]
async fn the_tour_of_the_readme_runs_as_written() {
    let Some(program) = tools::GRPCURL.find() else {
        return;
    };
    let readme = include_str!("../../README.md");
    let (_, tour) = readme.split_once("<!-- tour -->\n```sh\n").unwrap();
    let (tour, _) = tour.split_once("```").unwrap();
    let server = Server::start(&[]).await;

    let tour = tour
        .replace("localhost:50051", server.address())
        .replace("grpcurl ", &format!("{} ", program.display()));
    let mut shell = Command::new("sh");
    shell.args(["-e", "-c", &tour]);
    let out = run(shell, "").await.ok().out;

    for expected in [
        "APPLY_OUTCOME_CREATED",
        "livecheck-test-id: order-17",
        "\"sampled\": true",
        "SIGNAL_OUTCOME_ACCEPTED",
        "\"state\": \"STATE_PASS\"",
    ] {
        assert!(out.contains(expected), "{expected} is not in\n{out}");
    }
    server.stop().await;
}
