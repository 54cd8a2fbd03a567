//! Finds the clients, and runs them.
//!
//! They are looked up in the virtual environment that `LIVECHECK_CLIENT_VENV`
//! names, else on the `PATH`. A test whose client is not there says so and
//! passes; with `LIVECHECK_REQUIRE_CLIENTS=1`, or else `CI=true`, it fails.

use std::{env, io::Write, path::PathBuf, process::Stdio, sync::OnceLock, thread};

use serde_json::Value;
use tokio::{io::AsyncWriteExt, process::Command, time::timeout};

use crate::DEADLINE;

/// A program of another toolchain.
pub struct Tool {
    /// What is told to be missing.
    name: &'static str,
    program: &'static str,
    /// Arguments with which it exits 0 when it is of use.
    probe: &'static [&'static str],
    found: OnceLock<Result<PathBuf, String>>,
}

pub static GRPCURL: Tool = Tool::new("grpcurl", "grpcurl", &["-version"]);

pub static BUF: Tool = Tool::new("buf", "buf", &["--version"]);

pub static PYTHON: Tool = Tool::new(
    "Python with grpcio, grpcio-status and grpcio-tools",
    "python3",
    &["-c", "import grpc, grpc_status, grpc_tools"],
);

pub static FAUST: Tool = Tool::new(
    "Python with faust-streaming 0.15.3",
    "python3",
    &[
        "-c",
        "from importlib.metadata import version; import faust.livecheck.models; \
         assert version('faust-streaming') == '0.15.3', 'faust-streaming is of another version'",
    ],
);

impl Tool {
    const fn new(
        name: &'static str,
        program: &'static str,
        probe: &'static [&'static str],
    ) -> Self {
        Tool {
            name,
            program,
            probe,
            found: OnceLock::new(),
        }
    }

    /// What to start. None when it is not here and the test may be skipped.
    pub fn find(&self) -> Option<PathBuf> {
        match self.found.get_or_init(|| self.look_up()) {
            Ok(program) => Some(program.clone()),
            Err(why) if required() => panic!(
                "{} is needed ({why}): install tests/clients/python/requirements.txt in a \
                 virtual environment and name it in LIVECHECK_CLIENT_VENV",
                self.name
            ),
            Err(why) => {
                let test = thread::current();
                let test = test.name().unwrap_or("a test");
                let line = format!("SKIPPED {test}: {} is not here ({why})\n", self.name);
                // Not `eprintln!`, which the harness keeps to itself.
                std::io::stderr().write_all(line.as_bytes()).unwrap();
                None
            }
        }
    }

    fn look_up(&self) -> Result<PathBuf, String> {
        let program: PathBuf = match env::var_os("LIVECHECK_CLIENT_VENV") {
            Some(venv) => PathBuf::from(venv).join("bin").join(self.program),
            None => self.program.into(),
        };
        let probed = std::process::Command::new(&program)
            .args(self.probe)
            .stdin(Stdio::null())
            .output()
            .map_err(|error| format!("{}: {error}", program.display()))?;
        if probed.status.success() {
            return Ok(program);
        }
        let told = String::from_utf8_lossy(&probed.stderr);
        let told = told.lines().last().unwrap_or("it told nothing").to_owned();
        Err(format!("{}: {told}", program.display()))
    }
}

/// Whether nothing may be skipped.
fn required() -> bool {
    let asked = env::var("LIVECHECK_REQUIRE_CLIENTS").or_else(|_| env::var("CI"));
    asked.is_ok_and(|value| matches!(value.as_str(), "1" | "true"))
}

/// What a program did.
pub struct Ran {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Ran {
    /// Sees that it went well.
    pub fn ok(self) -> Ran {
        let Ran { code, out, err } = &self;
        assert_eq!(*code, Some(0), "it wrote: {out}\nand to stderr: {err}");
        self
    }

    /// Sees that it went well; the output as JSON.
    pub fn json(self) -> Value {
        let out = self.ok().out;
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}"))
    }
}

/// Runs a program to its end.
pub async fn run(mut command: Command, input: &str) -> Ran {
    let mut child = command
        // A proxy of this machine has no way to the server.
        .env("no_proxy", "127.0.0.1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let output = timeout(DEADLINE, async {
        let (_, output) = tokio::join!(
            // One that does not read its input fails in its own words.
            async move { stdin.write_all(input.as_bytes()).await },
            child.wait_with_output(),
        );
        output.unwrap()
    });
    let output = output.await.expect("the client ends in time");
    Ran {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}
