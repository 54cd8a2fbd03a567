use std::fs;

use livecheck::pb::v1::*;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::{mock::Mock, terminal::Terminal};

fn applied(name: &str, outcome: ApplyOutcome) -> ApplyCaseResponse {
    ApplyCaseResponse {
        case: Some(Case {
            name: name.into(),
            revision: 2,
            ..Case::default()
        }),
        outcome: outcome.into(),
    }
}

/// A directory with files, as (path, text).
fn directory(files: &[(&str, &str)]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = directory.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    directory
}

#[tokio::test]
async fn every_file_below_a_directory_is_checked_and_then_applied() {
    let (mock, server) = Mock::serve().await;
    let directory = directory(&[
        ("a.yaml", "name: a\n---\nname: b"),
        ("sub/c.json", r#"{"name": "c"}"#),
        ("sub/deep/d.YML", "name: d"),
        (".hidden/e.yaml", "nonsense"),
        ("README.md", "nonsense"),
    ]);
    for _ in 0..2 {
        mock.answer(applied("a", ApplyOutcome::Created))
            .answer(applied("b", ApplyOutcome::Updated))
            .answer(applied("c", ApplyOutcome::Unchanged))
            .answer(applied("d", ApplyOutcome::Created));
    }
    let path = directory.path().to_str().unwrap();
    let ran = Terminal::new(server).run(&["apply", "-f", path]).await;
    assert_eq!(
        ran.out,
        "a created (revision 2)\n\
         b updated (revision 2)\n\
         c unchanged (revision 2)\n\
         d created (revision 2)\n"
    );
    assert_eq!((ran.exit, ran.err.as_str()), (0, ""));
    assert_eq!(
        mock.calls(),
        [
            r#"ApplyCase {"case":{"name":"a"},"validate_only":true}"#,
            r#"ApplyCase {"case":{"name":"b"},"validate_only":true}"#,
            r#"ApplyCase {"case":{"name":"c"},"validate_only":true}"#,
            r#"ApplyCase {"case":{"name":"d"},"validate_only":true}"#,
            r#"ApplyCase {"case":{"name":"a"}}"#,
            r#"ApplyCase {"case":{"name":"b"}}"#,
            r#"ApplyCase {"case":{"name":"c"}}"#,
            r#"ApplyCase {"case":{"name":"d"}}"#,
        ]
    );
}

#[tokio::test]
async fn the_standard_input_can_be_only_checked() {
    let (mock, server) = Mock::serve().await;
    mock.answer(applied("a", ApplyOutcome::Created));
    let ran = Terminal::new(server)
        .input("name: a")
        .run(&["apply", "-f", "-", "--validate-only"])
        .await;
    assert_eq!(ran.out, "a would be created (revision 2)\n");
    assert_eq!((ran.exit, ran.err.as_str()), (0, ""));
    assert_eq!(mock.calls().len(), 1);
}

#[tokio::test]
async fn whatever_is_wrong_with_the_files_is_told_before_anything_is_applied() {
    let (mock, server) = Mock::serve().await;
    let directory = directory(&[
        ("a.yaml", "name: a\nprobability: 2"),
        ("b.yaml", "nam: b"),
        ("c.yaml", "name: c"),
        ("more/c.yaml", "\nname: c"),
        ("empty/README.md", ""),
    ]);
    let at = |path: &str| directory.path().join(path).display().to_string();
    let args = [
        "apply",
        "-f",
        &at("a.yaml"),
        &at("b.yaml"),
        "-f",
        &at("c.yaml"),
        &at("more"),
        &at("empty"),
        &at("missing.yaml"),
    ];
    let ran = Terminal::new(server).run(&args).await;
    assert_eq!((ran.exit, ran.out.as_str()), (2, ""));
    let (problems, last) = ran.err.trim_end().rsplit_once('\n').unwrap();
    let count = problems.lines().count();
    assert_eq!(
        last,
        format!("error: {count} problems; nothing was applied")
    );
    for expected in [
        format!("{}:2:", at("a.yaml")),
        format!("{}:1:", at("b.yaml")),
        format!(
            "{}:2: c is declared at {}:1 already",
            at("more/c.yaml"),
            at("c.yaml")
        ),
        format!("{}: no .yaml, .yml or .json file is below it", at("empty")),
        format!("{}: ", at("missing.yaml")),
    ] {
        let told = problems.lines().any(|line| line.starts_with(&expected));
        assert!(told, "{expected}: {problems}");
    }
    assert_eq!(mock.calls(), [""; 0]);
}

#[tokio::test]
async fn whatever_the_server_finds_wrong_is_told_before_anything_is_applied() {
    let (mock, server) = Mock::serve().await;
    let directory = directory(&[("a.yaml", "name: a\n---\nname: b\n---\nname: c")]);
    let path = directory.path().join("a.yaml").display().to_string();
    let details = ErrorDetails::with_bad_request_violation("case.name", "is taken");
    let refusal = Status::with_error_details(Code::InvalidArgument, "bad", details);
    mock.refuse::<ApplyCaseResponse>(refusal.clone())
        .answer(applied("b", ApplyOutcome::Created))
        .refuse::<ApplyCaseResponse>(refusal);
    let ran = Terminal::new(server).run(&["apply", "-f", &path]).await;
    assert_eq!((ran.exit, ran.out.as_str()), (2, ""));
    assert_eq!(
        ran.err,
        format!(
            "{path}:1: bad (INVALID_ARGUMENT)\n  case.name: is taken\n\
             {path}:5: bad (INVALID_ARGUMENT)\n  case.name: is taken\n\
             error: 2 problems; nothing was applied\n"
        )
    );
    assert_eq!(mock.calls().len(), 3);
}

#[tokio::test]
async fn an_apply_that_fails_on_its_way_says_where() {
    let (mock, server) = Mock::serve().await;
    mock.answer(applied("a", ApplyOutcome::Created))
        .answer(applied("b", ApplyOutcome::Created))
        .answer(applied("a", ApplyOutcome::Created))
        .refuse::<ApplyCaseResponse>(Status::resource_exhausted("too many cases"));
    let ran = Terminal::new(server)
        .input("name: a\n---\nname: b")
        .run(&["apply", "-f", "-"])
        .await;
    assert_eq!(
        (ran.exit, ran.out.as_str()),
        (6, "a created (revision 2)\n")
    );
    assert_eq!(
        ran.err,
        "<stdin>:3: b was not applied\nerror: too many cases (RESOURCE_EXHAUSTED)\n"
    );
}

#[tokio::test]
async fn an_apply_is_finished_even_if_nobody_reads_of_it() {
    let (mock, server) = Mock::serve().await;
    for _ in 0..2 {
        mock.answer(applied("a", ApplyOutcome::Created))
            .answer(applied("b", ApplyOutcome::Created));
    }
    let ran = Terminal::new(server)
        .input("name: a\n---\nname: b")
        .closed()
        .run(&["apply", "-f", "-"])
        .await;
    assert_eq!((ran.exit, ran.err.as_str()), (0, ""));
    assert_eq!(mock.calls().len(), 4);
}
