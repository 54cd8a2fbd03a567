use std::{ffi::OsString, fs};

use clap::{CommandFactory, Parser};

use super::{value::Value, *};

#[derive(Parser)]
struct Serve {
    #[command(flatten)]
    args: ServeArgs,
}

/// Reads the settings from the three sources; an empty file is none. The name
/// of the file is `FILE` in errors.
fn read(flags: &[&str], env: &[(&str, &str)], file: &str) -> Result<ServeSettings, Vec<String>> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("livecheck.toml");
    let mut line = vec!["serve".to_owned()];
    line.extend(flags.iter().map(|flag| flag.to_string()));
    if !file.is_empty() {
        fs::write(&path, file).unwrap();
        line.push(format!("--config={}", path.display()));
    }
    let environment = |name: &str| {
        env.iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| OsString::from(value))
    };
    Serve::parse_from(line)
        .args
        .settings(&environment)
        .map_err(|error| {
            let text = error.to_string();
            text.replace(&path.display().to_string(), "FILE")
                .lines()
                .map(str::to_owned)
                .collect()
        })
}

#[test]
fn the_command_line_is_sound() {
    Serve::command().debug_assert();
}

#[test]
fn without_any_source_the_defaults_hold() {
    let settings = read(&[], &[], "").unwrap();
    assert_eq!(settings, ServeSettings::default());
    assert_eq!(settings.listen.to_string(), "127.0.0.1:50051");
    assert_eq!(settings.http_listen, HttpListen::Off);
    assert_eq!(settings.data_dir, PathBuf::from("./livecheck-data"));
    assert_eq!(settings.drain_grace, Duration::from_secs(10));
    assert_eq!(settings.retention_age, Duration::from_secs(30 * 86_400));
    assert_eq!(settings.max_message_bytes.as_usize(), 4 * 1024 * 1024);
}

#[test]
fn flags_overrule_the_environment_and_that_the_file() {
    const FLAG: &[&str] = &["--max-cases=1"];
    const ENV: &[(&str, &str)] = &[("LIVECHECK_MAX_CASES", "2")];
    const EMPTY: &[(&str, &str)] = &[("LIVECHECK_MAX_CASES", "")];
    const FILE: &str = "max_cases = 3";
    for (flags, env, file, expected) in [
        (FLAG, ENV, FILE, 1),
        (FLAG, ENV, "", 1),
        (FLAG, &[][..], FILE, 1),
        (&[][..], ENV, FILE, 2),
        (&[][..], ENV, "", 2),
        (&[][..], EMPTY, FILE, 3),
        (&[][..], &[][..], FILE, 3),
        (&[][..], EMPTY, "", 10_000),
    ] {
        let settings = read(flags, env, file).unwrap();
        assert_eq!(settings.max_cases, expected, "{flags:?} {env:?} {file:?}");
    }
}

#[test]
fn the_environment_can_name_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.toml");
    fs::write(&path, "runtime_threads = 2").unwrap();
    let settings = read(&[], &[("LIVECHECK_CONFIG", path.to_str().unwrap())], "").unwrap();
    assert_eq!(settings.runtime_threads, 2);
}

#[test]
fn every_kind_of_value_is_read() {
    let file = "
        listen = '[::1]:1'
        http_listen = '127.0.0.1:9464'
        data_dir = '/var/lib/livecheck'
        runtime_threads = 4
        drain_grace = '1m30s'
        retention_size = '1TiB'
        max_message_bytes = 1048576
        max_concurrent_streams = '2_000'
        otlp_endpoint = 'https://collector.example:4317'
        trace_sample_ratio = 0.25
        log = 'warn,livecheck=debug'
        log_format = 'json'
    ";
    let expected = ServeSettings {
        listen: "[::1]:1".parse().unwrap(),
        http_listen: HttpListen::On("127.0.0.1:9464".parse().unwrap()),
        data_dir: PathBuf::from("/var/lib/livecheck"),
        runtime_threads: 4,
        drain_grace: Duration::from_secs(90),
        retention_size: ByteSize::gib(1024),
        max_message_bytes: ByteSize::mib(1),
        max_concurrent_streams: 2000,
        otlp_endpoint: "https://collector.example:4317".parse().unwrap(),
        trace_sample_ratio: 0.25,
        log: read(&["--log=warn,livecheck=debug"], &[], "").unwrap().log,
        log_format: LogFormat::Json,
        ..ServeSettings::default()
    };
    assert_eq!(read(&[], &[], file), Ok(expected));
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    for (flags, env, file, expected) in [
        (
            &["--listen=localhost"][..],
            &[][..],
            "",
            &[
                r#"--listen: "localhost" is no IP address and port, such as 0.0.0.0:50051 or [::1]:50051"#,
            ][..],
        ),
        (
            &["--http-listen=on"],
            &[],
            "",
            &[
                r#"--http-listen: "on" is no IP address and port, such as 0.0.0.0:50051 or [::1]:50051, nor off"#,
            ],
        ),
        (
            &["--drain-grace=5"],
            &[],
            "",
            &[r#"--drain-grace: "5" has no unit; write 5s for seconds, or use ms, m, h or d"#],
        ),
        (
            &["--runtime-threads=0"],
            &[],
            "",
            &["--runtime-threads: 0 is too little; at least 1"],
        ),
        (
            &["--max-header-list-bytes=1GiB"],
            &[],
            "",
            &["--max-header-list-bytes: 1 GiB is too much; at most 16 MiB"],
        ),
        (
            &[],
            &[("LIVECHECK_LOG_FORMAT", "xml")],
            "",
            &[r#"LIVECHECK_LOG_FORMAT: "xml" is no log format; text and json are"#],
        ),
        (
            &["--otlp-endpoint=localhost:4317"],
            &[],
            "",
            &[
                r#"--otlp-endpoint: "localhost:4317" is no address of a collector, such as http://localhost:4317"#,
            ],
        ),
        (
            &["--trace-sample-ratio=1.5"],
            &[("LIVECHECK_TRACE_SAMPLE_RATIO", "NaN")],
            "trace_sample_ratio = -1",
            &[
                "--trace-sample-ratio: 1.5 is too much; at most 1",
                r#"LIVECHECK_TRACE_SAMPLE_RATIO: "NaN" is no number"#,
                "FILE:1: trace_sample_ratio: -1 is too little; at least 0",
            ],
        ),
        // All of it at once, whatever is overruled.
        (
            &["--max-cases=5"],
            &[("LIVECHECK_MAX_CASES", "many")],
            "max_cases = -1\n\nmax_case = 1\nlisten = true\n[limits]\na = 1\n",
            &[
                "FILE:5: limits: no such setting; `livecheck serve --help` lists them",
                "FILE:4: listen: must be a text or a number",
                "FILE:3: max_case: no such setting; `livecheck serve --help` lists them",
                r#"LIVECHECK_MAX_CASES: "many" is no whole number in range"#,
                r#"FILE:1: max_cases: "-1" is no whole number in range"#,
            ],
        ),
    ] {
        let mut problems = read(flags, env, file).unwrap_err();
        let mut expected = expected.to_vec();
        problems.sort();
        expected.sort();
        assert_eq!(problems, expected, "{flags:?} {env:?} {file:?}");
    }
}

#[test]
fn problems_of_the_webhooks_are_told_with_the_others() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("webhooks.toml");
    fs::write(&path, "[[webhook]]\nname = 'a'\n").unwrap();
    let path = path.to_str().unwrap();
    let flag = format!("--webhooks={path}");
    let problems = read(&[&flag, "--max-cases=0"], &[], "").unwrap_err();
    assert_eq!(
        problems,
        [
            "--max-cases: 0 is too little; at least 1".to_owned(),
            format!("{path}:1: url: must be set, or url_file, or url_env"),
        ]
    );

    fs::write(path, "[[webhook]]\nname = 'a'\nurl = 'http://a/hidden'\n").unwrap();
    let settings = read(&[&flag], &[], "").unwrap();
    assert_eq!(settings.webhooks.declared()[0].name, "a");
    let printed = settings.to_toml();
    assert!(
        printed.contains(&format!("\nwebhooks = \"{path}\"\n")),
        "{printed}"
    );
    assert!(!printed.contains("hidden"), "{printed}");
    assert_eq!(read(&[], &[], &printed), Ok(settings));
}

#[test]
fn a_broken_or_missing_file_is_named() {
    let problems = read(&[], &[], "max_cases = 1\nlisten = \n").unwrap_err();
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].starts_with("FILE:2: "), "{problems:?}");

    let problems = read(&["--config=/no/such/file"], &[], "").unwrap_err();
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(
        problems[0].starts_with("/no/such/file: cannot be read: "),
        "{problems:?}"
    );
}

#[test]
fn printed_settings_read_back() {
    let flags = [
        "--listen=0.0.0.0:9",
        "--retention-age=1h30m",
        "--journal-queue-bytes=5MiB",
        "--log=\"quoted\"=info",
        "--log-format=json",
        "--otlp-endpoint=http://[::1]:4317/",
        "--trace-sample-ratio=0.001",
    ];
    for flags in [&[][..], &flags[..3], &flags[4..]] {
        let settings = read(flags, &[], "").unwrap();
        assert_eq!(read(&[], &[], &settings.to_toml()), Ok(settings));
    }
}

#[test]
fn the_help_tells_default_and_variable() {
    let help = Serve::command().render_long_help().to_string();
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    for expected in [
        "--listen <ADDR> IP address and port to listen on. [default: 127.0.0.1:50051] [env: LIVECHECK_LISTEN]",
        "[default: 4 MiB] [env: LIVECHECK_MAX_MESSAGE_BYTES]",
        "[default: 30d] [env: LIVECHECK_RETENTION_AGE]",
    ] {
        assert!(help.contains(expected), "{help}");
    }
}

#[test]
fn the_address_of_a_collector_is_an_url_of_a_host() {
    for (text, expected) in [
        ("", Some("")),
        (" ", Some("")),
        ("http://localhost:4317", Some("http://localhost:4317")),
        ("https://[::1]:4317/", Some("https://[::1]:4317/")),
        ("http://collector", Some("http://collector")),
        ("collector:4317", None),
        ("grpc://collector:4317", None),
        ("http://collector:4318/v1/traces", None),
        ("http://collector:4317?a=b", None),
        ("http://user@collector:4317", None),
        ("http://", None),
        ("none", None),
    ] {
        let read = text.parse::<CollectorUrl>().map(|url| url.text());
        assert_eq!(read.ok().as_deref(), expected, "{text:?}");
    }
}
