//! Finds `prometheus` and `promtool` on the `PATH`, and runs promtool. A test
//! whose program is not there says so and passes; with
//! `LIVECHECK_REQUIRE_CLIENTS=1`, or else `CI=true`, it fails.

use std::{
    env,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
};

/// The program that the test needs. None when it is not here and the test may be
/// skipped.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&path).map(|directory| directory.join(program));
    let found = found.into_iter().find(|file| file.is_file());
    if found.is_none() {
        assert!(
            !required(),
            "{program} is needed: install the Debian package prometheus, or put it on the PATH"
        );
        let test = thread::current();
        let test = test.name().unwrap_or("a test");
        let line = format!("SKIPPED {test}: {program} is not here\n");
        // Not `eprintln!`, which the harness keeps to itself.
        std::io::stderr().write_all(line.as_bytes()).unwrap();
    }
    found
}

/// Whether nothing may be skipped.
fn required() -> bool {
    let asked = env::var("LIVECHECK_REQUIRE_CLIENTS").or_else(|_| env::var("CI"));
    asked.is_ok_and(|value| matches!(value.as_str(), "1" | "true"))
}

/// The files that are shipped.
pub fn ops() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("ops")
}

/// Runs promtool in the directory of the rules, and sees that it finds nothing
/// wrong: not even what it warns of.
pub fn promtool(program: &Path, arguments: &[&str], input: &str) {
    let mut child = Command::new(program)
        .args(arguments)
        .current_dir(ops().join("prometheus"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    let writer = thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().unwrap();
    // One that does not read its input fails in its own words.
    let _ = writer.join().unwrap();
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(
        output.status.success() && err.is_empty(),
        "promtool {arguments:?}: {}\n{out}\n{err}",
        output.status
    );
}
