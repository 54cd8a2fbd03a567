//! The `traceparent` of a submission is kept, whether spans are exported or not.

use crate::{SUBMITTER, TRACE, server::Server, traceparent};

#[tokio::test]
async fn execution_and_report_carry_the_traceparent_of_the_submission() {
    let sent = traceparent(TRACE, SUBMITTER);
    let unsampled = sent.replace("-01", "-00");
    let newer = sent.replace("00-", "fe-") + "-more";
    let table: [(&[&str], &str); 7] = [
        (&[&sent], &sent),
        (&[&unsampled], &unsampled),
        (&[&newer], &sent),
        (&[], ""),
        (&["none"], ""),
        (
            &["00-00000000000000000000000000000000-00f067aa0ba902b7-01"],
            "",
        ),
        (&[&sent, &unsampled], ""),
    ];
    let mut server = Server::start("").await;
    for (number, (given, expected)) in table.iter().enumerate() {
        let (clients, case) = (server.clients(), format!("case-{number}"));
        clients.apply(&case).await;
        let test = clients.submit(&case, "one", given).await;
        assert_eq!(test.traceparent, *expected, "{given:?}");
        // The same submission of another trace is answered as the first time.
        let again = traceparent(TRACE, crate::SENDER);
        let test = clients.submit(&case, "one", &[&again]).await;
        assert_eq!(test.traceparent, *expected, "{given:?}");
        clients.send(&case, "one", 1, &[&again]).await;
        assert_eq!(
            clients.shown(&case, "one").await,
            [*expected; 4],
            "{given:?}"
        );
    }
    server = server.restart().await;
    for (number, (given, expected)) in table.iter().enumerate() {
        let shown = server
            .clients()
            .shown(&format!("case-{number}"), "one")
            .await;
        assert_eq!(shown, [*expected; 4], "{given:?}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_live_execution_keeps_it_over_a_restart() {
    let sent = traceparent(TRACE, SUBMITTER);
    let server = Server::start("").await;
    server.clients().apply("orders").await;
    server.clients().submit("orders", "one", &[&sent]).await;
    let server = server.restart().await;
    server.clients().send("orders", "one", 1, &[]).await;
    let shown = server.clients().shown("orders", "one").await;
    assert_eq!(shown, [sent.as_str(); 4]);
    server.stop().await;
}
