use livecheck::pb::v1::*;
use prost_types::Timestamp;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::{mock::Mock, terminal::Terminal};

/// A case over which this lies.
fn controlled(control: Option<CaseControl>) -> ControlCaseResponse {
    ControlCaseResponse {
        case: Some(GetCaseResponse {
            case: Some(Case {
                name: "orders".into(),
                ..Case::default()
            }),
            live_executions: 0,
            status: Some(CaseStatus {
                control,
                ..CaseStatus::default()
            }),
        }),
    }
}

#[tokio::test]
async fn settings_are_laid_over_a_case_and_shown() {
    let (mock, server) = Mock::serve().await;
    mock.answer(controlled(Some(CaseControl {
        active: Some(false),
        probability: Some(0.07),
        muted_until: Some(Timestamp {
            seconds: 1_780_007_200,
            nanos: 0,
        }),
    })));
    let args = [
        "control",
        "orders",
        "--active=false",
        "--probability=0.07",
        "--mute=2h",
    ];
    let ran = Terminal::new(server).run(&args).await;
    assert_eq!(
        ran.out,
        "Case         orders\n\
         Active       no; declared: yes\n\
         Probability  7%; declared: 50%\n\
         Muted        until 2026-05-28T22:26:40.000Z\n"
    );
    assert_eq!((ran.exit, ran.err.as_str()), (0, ""));

    mock.answer(controlled(None));
    let args = [
        "control",
        "orders",
        "--clear=active,probability",
        "--clear",
        "mute",
    ];
    let ran = Terminal::new(server).run(&args).await;
    assert_eq!(
        ran.out,
        "Case         orders\n\
         Active       yes, as declared\n\
         Probability  50%, as declared\n\
         Muted        no\n"
    );

    mock.answer(controlled(None));
    let args = [
        "control",
        "orders",
        "--mute-until=2026-11-23T09:08:07+01:00",
        "--output=json",
    ];
    let ran = Terminal::new(server).run(&args).await;
    assert_eq!(ran.out, "{\"case\":{\"name\":\"orders\"},\"status\":{}}\n");
    assert_eq!(
        mock.calls(),
        [
            concat!(
                r#"ControlCase {"active":false,"mute_until":"2026-05-28T22:26:40Z","#,
                r#""name":"orders","probability":0.07}"#
            ),
            concat!(
                r#"ControlCase {"clear":["CASE_SETTING_ACTIVE","CASE_SETTING_PROBABILITY","#,
                r#""CASE_SETTING_MUTE"],"name":"orders"}"#
            ),
            r#"ControlCase {"mute_until":"2026-11-23T08:08:07Z","name":"orders"}"#,
        ]
    );
}

#[tokio::test]
async fn a_control_that_is_refused_has_its_exit_code() {
    let (mock, server) = Mock::serve().await;
    let details = ErrorDetails::with_bad_request_violation("probability", "is -1; write a share");
    let bad = Status::with_error_details(Code::InvalidArgument, "bad", details);
    mock.refuse::<ControlCaseResponse>(bad)
        .refuse::<ControlCaseResponse>(Status::not_found("there is no case \"none\""));
    let args = ["control", "orders", "--probability", "-1"];
    let ran = Terminal::new(server).run(&args).await;
    assert_eq!((ran.exit, ran.out.as_str()), (2, ""));
    assert_eq!(
        ran.err,
        "error: bad (INVALID_ARGUMENT)\n  probability: is -1; write a share\n"
    );
    let ran = Terminal::new(server)
        .run(&["control", "none", "--active=true"])
        .await;
    assert_eq!((ran.exit, ran.out.as_str()), (4, ""));
}
