//! The files of `ops/`: they load as they are, and name what there is.

use std::collections::BTreeSet;

use regex::Regex;
use serde_json::Value;

use crate::{get::get, server::Server, tools};

#[test]
fn promtool_finds_nothing_wrong_with_rules_and_configuration() {
    let Some(promtool) = tools::find("promtool") else {
        return;
    };
    tools::promtool(&promtool, &["check", "rules", "alerts.yml"], "");
    tools::promtool(&promtool, &["check", "config", "prometheus.yml"], "");
    tools::promtool(&promtool, &["test", "rules", "alerts_test.yml"], "");
}

#[test]
fn every_rule_has_a_test() {
    let rules = read("prometheus/alerts.yml");
    let tests = read("prometheus/alerts_test.yml");
    let names = Regex::new(r"- alert: (\w+)").unwrap();
    let mut count = 0;
    for name in names.captures_iter(&rules) {
        let name = &name[1];
        count += 1;
        assert!(tests.contains(name), "{name}");
    }
    assert!(count > 10, "{count}");
}

#[tokio::test]
async fn rules_and_dashboard_name_metrics_that_there_are() {
    let server = Server::start(|_| {}).await;
    let readme = read("README.md");
    let mut known = BTreeSet::new();
    for line in get(server.http(), "/metrics").await.lines() {
        let told = line
            .strip_prefix("# TYPE ")
            .and_then(|told| told.split_once(' '));
        let Some((name, kind)) = told else { continue };
        let short = name.strip_prefix("livecheck_").unwrap();
        assert!(readme.contains(&format!("`{short}`")), "README.md: {name}");
        let suffixes: &[_] = match kind {
            "histogram" => &["_bucket", "_sum", "_count"],
            _ => &[""],
        };
        known.extend(suffixes.iter().map(|suffix| format!("{name}{suffix}")));
    }
    server.stop().await;
    assert!(known.contains("livecheck_case_state"), "{known:?}");

    let metric = Regex::new(r"\blivecheck_\w+").unwrap();
    for file in [
        "prometheus/alerts.yml",
        "prometheus/alerts_test.yml",
        "grafana/livecheck.json",
    ] {
        let text = read(file);
        let named: BTreeSet<_> = metric.find_iter(&text).map(|one| one.as_str()).collect();
        assert!(named.len() > 10, "{file} names {named:?}");
        for name in named {
            assert!(known.contains(name), "{name} in {file}");
        }
    }
}

#[test]
fn the_dashboard_is_sound() {
    let dashboard = dashboard();
    assert!(dashboard["schemaVersion"].as_u64().unwrap() >= 36);
    assert_eq!(dashboard.get("id"), None, "it would replace another one");
    let variables = dashboard["templating"]["list"].as_array().unwrap();
    let variables: Vec<_> = variables
        .iter()
        .map(|one| one["name"].as_str().unwrap())
        .collect();
    assert_eq!(variables, ["datasource", "job", "case"]);

    let panels = dashboard["panels"].as_array().unwrap();
    let mut ids = BTreeSet::new();
    let mut taken = BTreeSet::new();
    for panel in panels {
        let title = panel["title"].as_str().unwrap();
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{title}");
        let place = |name: &str| panel["gridPos"][name].as_u64().unwrap();
        assert!(place("x") + place("w") <= 24, "{title}");
        for x in place("x")..place("x") + place("w") {
            for y in place("y")..place("y") + place("h") {
                assert!(taken.insert((x, y)), "{title} lies over another one");
            }
        }
        if panel["type"] == "row" {
            continue;
        }
        assert_eq!(panel["datasource"]["uid"], "${datasource}", "{title}");
        assert!(
            !panel["description"].as_str().unwrap().is_empty(),
            "{title}"
        );
        let targets = panel["targets"].as_array().unwrap();
        assert!(!targets.is_empty(), "{title}");
        let refs: BTreeSet<_> = targets.iter().map(|one| one["refId"].as_str()).collect();
        assert_eq!(refs.len(), targets.len(), "{title}");
    }
}

/// The expressions of the dashboard, for everything and over five minutes.
pub fn expressions() -> Vec<String> {
    let dashboard = dashboard();
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let targets = panels
        .filter_map(|panel| panel["targets"].as_array())
        .flatten();
    targets
        .map(|target| {
            let expression = target["expr"].as_str().unwrap();
            expression
                .replace("$__rate_interval", "5m")
                .replace("$__range", "5m")
                .replace("\"$job\"", "\".*\"")
                .replace("\"$case\"", "\".*\"")
        })
        .collect()
}

fn dashboard() -> Value {
    serde_json::from_str(&read("grafana/livecheck.json")).unwrap()
}

fn read(file: &str) -> String {
    std::fs::read_to_string(tools::ops().join(file)).unwrap()
}
