//! A real Prometheus that scrapes a real server, and the rules that are shipped.

use livecheck::pb::v1::State;

use crate::{
    files,
    prometheus::Prometheus,
    server::{Server, apply, execution},
    tools,
};

const CASE: &str = "shop.orders";
const FIRING: &str = r#"ALERTS{alertname="LiveCheckCaseFailed", alertstate="firing"}"#;

#[tokio::test]
async fn a_case_that_fails_fires_its_alert_until_it_recovers() {
    let Some(program) = tools::find("prometheus") else {
        return;
    };
    let server = Server::start(|_| {}).await;
    let channel = server.channel();
    apply(&channel, CASE).await;
    assert_eq!(execution(&channel, CASE, "e1", "good").await, State::Pass);
    let prometheus = Prometheus::start(&program, server.http()).await;

    prometheus
        .until(r#"livecheck_case_state{case="shop.orders", state="PASS"} == 1"#)
        .await;
    assert_eq!(prometheus.query(FIRING).await, []);

    assert_eq!(execution(&channel, CASE, "e2", "bad").await, State::Fail);
    prometheus.until(FIRING).await;
    let alerts = prometheus.api("/api/v1/alerts").await;
    let alerts = alerts["alerts"].as_array().unwrap();
    let failed = |one: &&serde_json::Value| one["labels"]["alertname"] == "LiveCheckCaseFailed";
    let alert = alerts.iter().find(failed).expect("the alert that fires");
    assert_eq!(alert["labels"]["case"], CASE);
    assert_eq!(alert["labels"]["instance"], server.http().to_string());
    assert_eq!(alert["labels"]["severity"], "critical");
    assert_eq!(alert["annotations"]["summary"], "shop.orders has failed");
    prometheus
        .until(r#"livecheck_executions_total{case="shop.orders", state="FAIL"} == 1"#)
        .await;

    // What the fold counted goes on behind a restart, which is told as well.
    let server = server.restart().await;
    prometheus
        .until(r#"ALERTS{alertname="LiveCheckServerAway", alertstate="firing"}"#)
        .await;
    let channel = server.channel();
    assert_eq!(execution(&channel, CASE, "e3", "good").await, State::Pass);
    prometheus.until_is(FIRING, <[_]>::is_empty).await;
    let passed = r#"livecheck_executions_total{case="shop.orders", state="PASS"}"#;
    prometheus.until(&format!("{passed} == 2")).await;
    assert_eq!(
        prometheus.query(&format!("resets({passed}[5m]) > 0")).await,
        []
    );

    no_error(&prometheus).await;
    drop(prometheus);
    server.stop().await;
}

#[tokio::test]
async fn the_dashboard_asks_what_prometheus_answers() {
    let Some(program) = tools::find("prometheus") else {
        return;
    };
    let server = Server::start(|_| {}).await;
    let channel = server.channel();
    apply(&channel, CASE).await;
    let prometheus = Prometheus::start(&program, server.http()).await;
    prometheus.until("livecheck_cases == 1").await;
    assert_eq!(execution(&channel, CASE, "e1", "good").await, State::Pass);
    assert_eq!(execution(&channel, CASE, "e2", "bad").await, State::Fail);
    prometheus
        .until(r#"livecheck_case_state{state="FAIL"} == 1"#)
        .await;

    for expression in files::expressions() {
        // A case without a probe has no series of one.
        match expression.contains("livecheck_probe") {
            true => drop(prometheus.query(&expression).await),
            false => drop(prometheus.until(&expression).await),
        }
    }
    no_error(&prometheus).await;
    drop(prometheus);
    server.stop().await;
}

/// The target is scraped without a complaint, and so is every rule evaluated.
async fn no_error(prometheus: &Prometheus) {
    let data = prometheus.api("/api/v1/targets").await;
    let targets = data["activeTargets"].as_array().unwrap();
    assert_eq!(targets.len(), 1);
    assert_eq!(targets[0]["lastError"], "");
    assert_eq!(targets[0]["health"], "up");
    let data = prometheus.api("/api/v1/rules").await;
    let groups = data["groups"].as_array().unwrap().iter();
    let rules = groups.flat_map(|group| group["rules"].as_array().unwrap());
    let mut count = 0;
    for rule in rules {
        count += 1;
        assert_eq!(rule["health"], "ok", "{rule}");
    }
    assert!(count > 10, "{count} rules are loaded");
}
