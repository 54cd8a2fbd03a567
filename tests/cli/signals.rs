use livecheck::pb::v1::*;
use prost_types::{Duration, Timestamp, Value, value::Kind};
use tonic::Status;

use crate::{
    mock::{Mock, SignalStream},
    terminal::Terminal,
};

#[tokio::test]
async fn a_signal_is_sent() {
    let (mock, server) = Mock::serve().await;
    mock.answer(SendSignalResponse {
        outcome: SignalOutcome::Accepted.into(),
        message: String::new(),
    });
    let args = [
        "signal",
        "orders",
        "sent",
        "--key=order 17",
        "--value={\"a\": [1]}",
        "--id=s-1",
    ];
    let ran = Terminal::new(server).run(&args).await;
    assert_eq!(ran.out, "ACCEPTED\n");
    assert_eq!((ran.exit, ran.err.as_str()), (0, ""));
    assert_eq!(
        mock.calls(),
        [concat!(
            r#"SendSignal {"event":{"case_name":"orders","key":"order 17","#,
            r#""signal_name":"sent","value":{"a":[1]}},"signal_id":"s-1"}"#
        )]
    );

    mock.answer(SendSignalResponse {
        outcome: SignalOutcome::Ignored.into(),
        message: "it names no key".into(),
    });
    let ran = Terminal::new(server)
        .run(&["signal", "orders", "sent"])
        .await;
    assert_eq!(ran.out, "IGNORED: it names no key\n");
    assert_eq!(
        mock.calls()[1],
        r#"SendSignal {"event":{"case_name":"orders","signal_name":"sent"}}"#
    );
}

#[tokio::test]
async fn a_signal_is_waited_for() {
    let (mock, server) = Mock::serve().await;
    mock.answer(WaitSignalResponse {
        event: Some(SignalEvent {
            signal_name: "sent".into(),
            case_name: "orders".into(),
            key: Some(Value {
                kind: Some(Kind::NumberValue(17.0)),
            }),
            value: None,
        }),
        latency: Some(Duration {
            seconds: 0,
            nanos: 12_000_000,
        }),
        at: Some(Timestamp {
            seconds: 1_780_000_000,
            nanos: 0,
        }),
    });
    let args = ["wait", "orders", "sent", "--key=17", "--timeout=2m"];
    let ran = Terminal::new(server).run(&args).await;
    assert_eq!(
        ran.out,
        "Case     orders\n\
         Signal   sent\n\
         Key      17\n\
         Value    null\n\
         At       2026-05-28T20:26:40.000Z\n\
         Latency  0.012s\n"
    );
    assert_eq!((ran.exit, ran.err.as_str()), (0, ""));

    mock.refuse::<WaitSignalResponse>(Status::deadline_exceeded("it did not come"));
    let ran = Terminal::new(server).run(&args).await;
    assert_eq!((ran.exit, ran.out.as_str()), (3, ""));
    assert_eq!(ran.err, "error: it did not come (DEADLINE_EXCEEDED)\n");
    assert_eq!(
        mock.calls(),
        [r#"WaitSignal {"case_name":"orders","key":17,"signal_name":"sent","timeout":"120s"}"#; 2]
    );
}

/// Lines with a signal each, whose key is the number of the line.
fn lines(count: usize) -> String {
    (1..=count)
        .map(|n| format!(r#"{{"event":{{"case_name":"c","key":{n},"signal_name":"s"}}}}"#) + "\n")
        .collect()
}

#[tokio::test]
async fn lines_are_sent_and_acknowledged() {
    let (mock, server) = Mock::serve().await;
    mock.signals(SignalStream::default());
    let input = lines(300);
    let ran = Terminal::new(server)
        .input(&input)
        .run(&["signal", "--stdin"])
        .await;
    assert_eq!(ran.out, "300 signals acknowledged, 0 refused\n");
    assert_eq!((ran.exit, ran.err.as_str()), (0, ""));
    let sent: String = mock
        .calls()
        .iter()
        .map(|call| call.replace("StreamSignals ", "") + "\n")
        .collect();
    assert_eq!(sent, input);
}

#[tokio::test]
async fn lines_that_are_wrong_are_told_and_left_out() {
    let (mock, server) = Mock::serve().await;
    mock.signals(SignalStream {
        reject: vec![2],
        break_at: None,
    });
    let good = lines(1);
    let input = format!("{good}\nnonsense\n{{\"evnt\": 1}}\n{good}{good}");
    let ran = Terminal::new(server)
        .input(&input)
        .run(&["signal", "--stdin", "--output=json"])
        .await;
    assert_eq!(ran.out, "{\"acknowledged\":2,\"refused\":3}\n");
    assert_eq!(ran.exit, 2);
    let mut told: Vec<_> = ran.err.lines().collect();
    told.sort_unstable();
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(told[0].starts_with("line 3: no JSON: "), "{told:?}");
    assert!(
        told[1].starts_with("line 4: not a livecheck.v1.StreamSignalsRequest: "),
        "{told:?}"
    );
    assert_eq!(told[2], "line 5: there is no such case");
}

#[tokio::test]
async fn what_is_not_acknowledged_is_sent_again_after_a_break() {
    let (mock, server) = Mock::serve().await;
    mock.signals(SignalStream {
        reject: vec![1],
        break_at: Some(3),
    })
    .signals(SignalStream::default());
    let input = lines(3);
    let ran = Terminal::new(server)
        .input(&input)
        .run(&["signal", "--stdin"])
        .await;
    // The third one, and whatever acknowledgement the break overtook.
    let calls = mock.calls();
    assert_eq!(calls.last(), calls.get(2), "{calls:?}");
    assert!(calls.len() >= 4, "{calls:?}");
    assert_eq!(ran.out, "2 signals acknowledged, 1 refused\n");
    assert_eq!(ran.err, "line 1: there is no such case\n");
    assert_eq!(ran.exit, 2);
}

#[tokio::test]
async fn a_stream_that_never_gets_on_ends() {
    let (mock, server) = Mock::serve().await;
    for _ in 0..10 {
        mock.signals(SignalStream {
            reject: vec![],
            break_at: Some(1),
        });
    }
    let input = lines(2);
    let ran = Terminal::new(server)
        .input(&input)
        .run(&["signal", "--stdin"])
        .await;
    assert_eq!(ran.exit, 5);
    assert_eq!(ran.out, "0 signals acknowledged, 0 refused\n");
    assert_eq!(
        ran.err,
        "2 signals not acknowledged\nerror: going away (UNAVAILABLE)\n"
    );
}
