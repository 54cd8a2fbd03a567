//! What the README shows is what a reader will see.

use std::process::Command;

use livecheck::casefile;

const README: &str = include_str!("../README.md");

/// The block of the README after a mark.
fn block(mark: &str) -> &'static str {
    let (_, rest) = README.split_once(mark).unwrap();
    let (_, rest) = rest.split_once("```").unwrap();
    let (_, rest) = rest.split_once('\n').unwrap();
    rest.split_once("```").unwrap().0
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
fn the_case_of_the_readme_is_one() {
    let cases = casefile::parse("README.md", block("<!-- case -->").as_bytes());
    let cases = cases.unwrap_or_else(|errors| {
        panic!(
            "{}",
            errors.iter().map(|e| format!("{e}\n")).collect::<String>()
        )
    });
    let names: Vec<_> = cases.iter().map(|one| one.case.name.as_str()).collect();
    assert_eq!(names, ["orders.checkout"]);
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
