//! What the README shows is what a reader will see.

use std::{fs, path::Path, process::Command};

use clap::Parser;
use livecheck::{
    casefile, server,
    settings::{ServeArgs, ServeSettings},
};
use tempfile::TempDir;
use tokio::net::TcpListener;

const README: &str = include_str!("../README.md");

/// The blocks of the README after each of a mark.
fn blocks(mark: &str) -> impl Iterator<Item = &'static str> {
    README.split(mark).skip(1).map(|rest| {
        let (_, rest) = rest.split_once("```").unwrap();
        let (_, rest) = rest.split_once('\n').unwrap();
        rest.split_once("```").unwrap().0
    })
}

/// The block of the README after a mark.
fn block(mark: &str) -> &'static str {
    blocks(mark).next().unwrap()
}

/// Reads a block as a case file; the names of its cases.
fn names(mark: &str) -> Vec<String> {
    let cases = casefile::parse("README.md", block(mark).as_bytes());
    let cases = cases.unwrap_or_else(|errors| {
        let lines = errors.iter().map(|error| format!("{error}\n"));
        panic!("{}", lines.collect::<String>())
    });
    cases.into_iter().map(|one| one.case.name).collect()
}

/// A text without its figures, which differ from run to run.
fn without_times(text: &str) -> String {
    let mut out = String::new();
    for word in text.split_whitespace() {
        let time = word.trim_start_matches('+').trim_end_matches(['s', ',']);
        let is_time = word.contains('.') && time.parse::<f64>().is_ok();
        out.push_str(if is_time { "TIME" } else { word });
        out.push(' ');
    }
    out
}

#[test]
fn the_case_files_of_the_readme_are_some() {
    assert_eq!(names("<!-- case -->"), ["orders.checkout"]);
    assert_eq!(names("<!-- probes -->"), ["orders.health", "orders.create"]);
}

#[derive(Parser)]
struct Serve {
    #[command(flatten)]
    args: ServeArgs,
}

/// Settings with the webhooks of the README, in a directory.
fn settings(here: &Path) -> ServeSettings {
    fs::write(here.join("webhooks.toml"), block("<!-- webhooks -->")).unwrap();
    fs::write(here.join("chat.url"), "https://chat.example/a/secret").unwrap();
    let at = |name: &str| here.join(name).display().to_string();
    let line = [
        "serve".to_owned(),
        "--webhooks".to_owned(),
        at("webhooks.toml"),
    ];
    let line = line
        .into_iter()
        .chain(["--data-dir".to_owned(), at("livecheck-data")]);
    let environment = |name: &str| {
        let secret = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX";
        (name == "ON_CALL_SECRET").then(|| secret.into())
    };
    Serve::parse_from(line).args.settings(&environment).unwrap()
}

/// Runs a line of a shell in a directory, against a server.
async fn shell(line: &str, directory: &Path, server: &str) -> (Option<i32>, String) {
    let programs = Path::new(env!("CARGO_BIN_EXE_livecheck")).parent().unwrap();
    let path = std::env::var("PATH").unwrap_or_default();
    let ran = tokio::process::Command::new("sh")
        .args(["-c", &format!("{line} 2>&1")])
        .current_dir(directory)
        .env("PATH", format!("{}:{path}", programs.display()))
        .env("LIVECHECK_SERVER", server)
        .output()
        .await
        .unwrap();
    (ran.status.code(), String::from_utf8(ran.stdout).unwrap())
}

#[tokio::test]
async fn the_commands_of_the_readme_run_as_written() {
    let directory = TempDir::new().unwrap();
    let here = directory.path();
    fs::write(here.join("orders.yaml"), block("<!-- case -->")).unwrap();
    let settings = settings(here);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let running = server::start(&settings, listener).await.unwrap();
    let address = running.addr().to_string();

    let mut shown = String::new();
    for line in blocks("<!-- run -->").flat_map(str::lines) {
        let line = line.strip_prefix("$ ").unwrap();
        let (command, comment) = line.split_once("  #").unwrap_or((line, ""));
        // What has no end of its own is only seen to be understood.
        let command = match comment.contains("until Ctrl-C") {
            true => format!("{command} --help"),
            false => command.to_owned(),
        };
        let (code, out) = shell(&command, here, &address).await;
        let expected = i32::from(comment.contains("exits 1"));
        assert_eq!(code, Some(expected), "{line}: {out}");
        shown.push_str(&out);
    }
    for expected in [
        "orders.checkout created (revision 1)",
        "Contract failed at signal order_sent_to_db",
        "orders.checkout  INIT",
        "Failures         1 in a row, 1 in all",
        "1  FAIL   orders.checkout  contract value.side == execution.kwargs.side",
        "Active       no; declared: yes",
        "Probability  10%; declared: 50%",
        "Muted        until ",
        "Muted        no",
        "orders.checkout unchanged (revision 1)",
        "on-call  CLOUDEVENTS   named  no       yes     https://example.com/livecheck",
        "alerts   ALERTMANAGER  all    no       no      http://localhost:9093/api/v2/alerts",
        "no notifications",
        "0 notifications queued again",
    ] {
        assert!(shown.contains(expected), "{expected:?} is not in\n{shown}");
    }
    running.stop().await.unwrap();
}

#[test]
fn the_demo_shows_what_the_readme_shows() {
    let demo = Command::new(env!("CARGO_BIN_EXE_livecheck"))
        .arg("demo")
        .output()
        .unwrap();
    let out = String::from_utf8(demo.stdout).unwrap();
    assert!(
        demo.status.success(),
        "{out}{}",
        String::from_utf8_lossy(&demo.stderr)
    );
    let shown: Vec<String> = out.lines().map(without_times).collect();
    for line in block("<!-- demo -->").lines() {
        let line = without_times(line);
        assert!(shown.contains(&line), "{line:?} is not in\n{out}");
    }
    for kind in ["PASS", "FAIL", "TIMEOUT"] {
        let line = out.lines().find(|line| line.starts_with("Reports"));
        assert!(line.is_some_and(|line| line.contains(kind)), "{out}");
    }
}
