//! The binary itself: what only a process has.

use std::process::{Command, Output, Stdio};

use livecheck::pb::v1::{TestReport, WatchReportsResponse};
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, BufReader};

use crate::{mock::Mock, terminal::Terminal};

/// Runs the binary; nothing listens at the server's address.
fn livecheck(args: &[&str]) -> (Option<i32>, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = Command::new(env!("CARGO_BIN_EXE_livecheck"))
        .args(args)
        .env("LIVECHECK_SERVER", "127.0.0.1:1")
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout), text(stderr))
}

#[test]
fn the_help_shows_commands_and_exit_codes() {
    let (code, out, err) = livecheck(&["--help"]);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    for expected in [
        "submit ",
        "completions ",
        "LIVECHECK_SERVER",
        livecheck::cli::exit::HELP,
    ] {
        assert!(out.contains(expected), "{expected}: {out}");
    }
}

#[test]
fn a_wrong_command_line_is_bad_input() {
    for args in [
        &[][..],
        &["nonsense"],
        &["signal", "orders"],
        &["signal", "orders", "sent", "--stdin"],
        &["submit", "orders", "--arg", "buy"],
        &["report", "orders", "id", "--wait", "5"],
        &["reports", "--watch", "--since", "1h"],
        &["reports", "--resume-token", "t"],
        &["reports", "--ok", "--not-ok"],
        &["reports", "--state", "GREEN"],
        &["cases", "--server", "https://localhost"],
        &["cases", "--resume-token", "t"],
        &["control", "orders"],
        &["control", "orders", "--active", "maybe"],
        &["control", "orders", "--mute", "2"],
        &["control", "orders", "--mute-until", "2h"],
        &["control", "orders", "--mute=1h", "--mute-until=2026-11-23"],
        &["control", "orders", "--clear", "webhooks"],
        &["failures", "--since", "yesterday"],
        &["wait", "orders", "sent"],
    ] {
        let (code, out, err) = livecheck(args);
        assert_eq!((code, out.as_str()), (Some(2), ""), "{args:?}: {err}");
        assert_ne!(err, "", "{args:?}");
    }
}

#[test]
fn completions_are_made_for_every_shell() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let (code, out, _) = livecheck(&["completions", shell]);
        assert_eq!(code, Some(0));
        assert!(out.contains("executions"), "{shell}");
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named() {
    let (code, out, err) = livecheck(&["cases"]);
    assert_eq!((code, out.as_str()), (Some(5), ""));
    let expected = "error: cannot reach the LiveCheck server at http://127.0.0.1:1: is it \
                    running? start one with `livecheck serve`, or name another with --server or \
                    LIVECHECK_SERVER (Connection refused";
    assert!(err.starts_with(expected), "{err}");

    let address = "127.0.0.1:1".parse().unwrap();
    let ran = Terminal::new(address).run(&["delete", "c"]).await;
    assert_eq!(ran.exit, 5);
    assert!(ran.err.starts_with(expected), "{}", ran.err);
}

#[test]
fn an_output_that_nobody_reads_is_no_error() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_livecheck"))
        .args(["completions", "bash"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let Output { status, stderr, .. } = child.wait_with_output().unwrap();
    assert_eq!((status.code(), stderr), (Some(0), Vec::new()));
}

#[tokio::test]
async fn ctrl_c_ends_a_watch_cleanly() {
    let (mock, server) = Mock::serve().await;
    mock.stream(vec![Ok(WatchReportsResponse {
        report: Some(TestReport::default()),
        resume_token: "t1".into(),
    })]);
    let mut child = tokio::process::Command::new(env!("CARGO_BIN_EXE_livecheck"))
        .args(["reports", "--watch", "--output=json"])
        .env("LIVECHECK_SERVER", server.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = lines.next_line().await.unwrap();
    assert_eq!(
        line.as_deref(),
        Some(r#"{"report":{},"resume_token":"t1"}"#)
    );

    let pid = Pid::from_raw(child.id().unwrap().try_into().unwrap()).unwrap();
    kill_process(pid, Signal::INT).unwrap();
    let Output { status, stderr, .. } = child.wait_with_output().await.unwrap();
    assert_eq!(status.code(), Some(130));
    assert_eq!(
        String::from_utf8(stderr).unwrap(),
        "to go on from here: --resume-token 't1'\n"
    );
}
