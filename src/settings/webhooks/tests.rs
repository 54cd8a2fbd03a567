use std::ffi::OsString;

use super::*;

/// The base64 of 24 bytes, and those.
const KEY: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX";

/// Reads a file of webhooks, beside which `key` holds [`KEY`] and `bad` a text.
/// Its name is `FILE` in errors.
fn read(text: &str) -> Result<Vec<Webhook>, Vec<String>> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("webhooks.toml");
    fs::write(&path, text).unwrap();
    fs::write(dir.path().join("key"), format!("{KEY}\n")).unwrap();
    fs::write(dir.path().join("bad"), "hidden").unwrap();
    let environment = |name: &str| match name {
        "TOKEN" => Some(OsString::from("Bearer hidden")),
        "KEY" => Some(OsString::from(KEY)),
        "URL" => Some(OsString::from("https://b.example/hidden")),
        "LINES" => Some(OsString::from("a\nb")),
        "EMPTY" => Some(OsString::new()),
        _ => None,
    };
    let mut webhooks = Webhooks::read(path.to_str().unwrap()).unwrap();
    let mut problems = Vec::new();
    webhooks.load(&environment, &mut problems);
    match problems.is_empty() {
        true => Ok(webhooks.declared().to_vec()),
        false => {
            let file = path.display().to_string();
            let problems = problems.iter();
            Err(problems.map(|text| text.replace(&file, "FILE")).collect())
        }
    }
}

#[test]
fn every_field_is_read() {
    let read = read(
        r#"
            [[webhook]]
            name = "ops"
            url = "http://a.example:8080/hook?to=ops"

            [[webhook]]
            name = "all-of.it_1"
            url_env = "URL"
            format = "slack"
            every_case = true
            reports = true
            secret_file = "key"
            max_attempts = 3
            timeout = "1m30s"
            [webhook.headers]
            X-Team = "pay"
            [webhook.headers_from_env]
            authorization = "TOKEN"

            [[webhook]]
            name = "alerts"
            url = "http://am/api/v2/alerts"
            format = "alertmanager"
            secret_env = "KEY"
        "#,
    );
    let ops = Webhook {
        name: "ops".to_owned(),
        url: Secret::new("http://a.example:8080/hook?to=ops".parse().unwrap()),
        format: WebhookFormat::CloudEvents,
        every_case: false,
        reports: false,
        key: None,
        headers: Secret::new(HeaderMap::new()),
        max_attempts: 12,
        timeout: Duration::from_secs(10),
    };
    let mut headers = HeaderMap::new();
    headers.insert("x-team", "pay".parse().unwrap());
    headers.insert("authorization", "Bearer hidden".parse().unwrap());
    let key = Some(Secret::new((0..24).collect()));
    let all = Webhook {
        name: "all-of.it_1".to_owned(),
        url: Secret::new("https://b.example/hidden".parse().unwrap()),
        format: WebhookFormat::Slack,
        every_case: true,
        reports: true,
        key: key.clone(),
        headers: Secret::new(headers),
        max_attempts: 3,
        timeout: Duration::from_secs(90),
    };
    let alerts = Webhook {
        name: "alerts".to_owned(),
        url: Secret::new("http://am/api/v2/alerts".parse().unwrap()),
        format: WebhookFormat::Alertmanager,
        key,
        ..ops.clone()
    };
    let shown = format!("{read:?}");
    assert_eq!(read, Ok(vec![ops, all, alerts]));
    assert!(
        !shown.contains("hidden") && !shown.contains("[0, 1"),
        "{shown}"
    );
}

#[test]
fn every_problem_is_told_with_its_line() {
    let header = "[[webhook]]\nname = 'a'\nurl = 'http://a'\n";
    for (text, expected) in [
        ("webhook = 1", vec!["FILE:1: webhook: write [[webhook]]"]),
        (
            "\n[webhooks]\n",
            vec!["FILE:2: webhooks: no such field; write [[webhook]] tables"],
        ),
        (
            "[[webhook]]\n",
            vec![
                "FILE:1: name: must be set",
                "FILE:1: url: must be set, or url_file, or url_env",
            ],
        ),
        (
            "[[webhook]]\nname = 'a b'\nurl = 'ftp://a'\nformat = 'xml'\nevery_case = 1\n\
             reports = 'no'\nsecret = 'hidden'\nmax_attempts = 0\ntimeout = '10'\nretries = 3\n",
            vec![
                "FILE:10: retries: no such field of a webhook",
                "FILE:2: name: \"a b\" must be made of ASCII letters, digits, '_', '.' and '-'",
                "FILE:3: url: is no URL such as https://example.com/hook",
                "FILE:4: format: \"xml\" is none of cloudevents, slack and alertmanager",
                "FILE:5: every_case: must be true or false",
                "FILE:6: reports: must be true or false",
                "FILE:7: secret: keep it out of this file; write secret_file or secret_env",
                "FILE:8: max_attempts: 0 is too little; at least 1",
                "FILE:9: timeout: \"10\" has no unit; write 10s for seconds, or use ms, m, h or d",
            ],
        ),
        (
            "[[webhook]]\nname = 7\nurl = true\nmax_attempts = 0x1\ntimeout = '6m'\nheaders = 1\n",
            vec![
                "FILE:2: name: must be a text",
                "FILE:3: url: must be a text",
                "FILE:4: max_attempts: must be a text or a whole number",
                "FILE:5: timeout: 6m is too much; at most 5m",
                "FILE:6: headers: must be a table",
            ],
        ),
        (
            &format!("{header}\n{header}"),
            vec!["FILE:5: name: the webhook of line 1 is named \"a\" too"],
        ),
        (
            "[[webhook]]\nname = 'a'\nurl = 'http://me:hidden@a'\n",
            vec![
                "FILE:3: url: has a user in it; send it as the header authorization, from \
                 [webhook.headers_from_env]",
            ],
        ),
        (
            &format!("{header}url_env = 'URL'\nsecret_env = 'KEY'\nsecret_file = 'key'\n"),
            vec![
                "FILE:3: url: give one of url, url_file and url_env",
                "FILE:5: secret: give one of secret_file and secret_env",
            ],
        ),
        (
            &format!("{header}secret_file = 'bad'\n"),
            vec![
                "FILE:4: secret: must be whsec_ and 24 to 64 bytes in base64, as `echo \
                 whsec_$(openssl rand -base64 32)` writes it",
            ],
        ),
        (
            &format!("{header}secret_env = 'EMPTY'\nformat = 'alertmanager'\nreports = true\n"),
            vec![
                "FILE:4: secret_env: the variable EMPTY is not set",
                "FILE:6: reports: an alert is about a case and not about one execution; leave it \
                 out, or use another format",
            ],
        ),
        (
            &format!(
                "{header}[webhook.headers]\nHost = 'a'\n'a b' = 'c'\nx = 1\ny = \"a\\nb\"\n\
                 z = 'a'\n[webhook.headers_from_env]\nZ = 'TOKEN'\nv = 'LINES'\nw = 'NONE'\n"
            ),
            vec![
                "FILE:11: headers_from_env.Z: is given twice",
                "FILE:12: headers_from_env.v: the value fits no header",
                "FILE:13: headers_from_env.w: the variable NONE is not set",
                "FILE:5: headers.Host: is set by LiveCheck itself",
                "FILE:6: headers.a b: is no name of a header",
                "FILE:7: headers.x: must be a text",
                "FILE:8: headers.y: the value fits no header",
            ],
        ),
    ] {
        let mut problems = read(text).unwrap_err();
        problems.sort();
        assert_eq!(problems, expected, "{text}");
    }
}

#[test]
fn files_that_cannot_be_read_are_named() {
    let problems = read("[[webhook]]\nname = \n").unwrap_err();
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].starts_with("FILE:2: "), "{problems:?}");

    let text = "[[webhook]]\nname = 'a'\nurl = 'http://a'\nsecret_file = 'none'\n";
    let problems = read(text).unwrap_err();
    assert_eq!(problems.len(), 1, "{problems:?}");
    let expected = "FILE:4: secret_file: none: cannot be read: ";
    assert!(problems[0].starts_with(expected), "{problems:?}");

    let mut webhooks = Webhooks::read("/no/such/file").unwrap();
    let mut problems = Vec::new();
    webhooks.load(&|_| None, &mut problems);
    let expected = "/no/such/file: cannot be read: ";
    assert!(problems[0].starts_with(expected), "{problems:?}");
}
