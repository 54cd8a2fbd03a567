use std::sync::Arc;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::{
    convert::{arbitrary, value::MAX_DEPTH},
    model::{Json, SignalEvent, State, TestExecution, TestReport},
};

fn round_trip(event: &Event) -> Event {
    let mut bytes = vec![7];
    encode_event(event, &mut bytes);
    assert_eq!(bytes[0], 7, "what stands in the buffer is kept");
    decode_event(&bytes[1..]).unwrap()
}

fn refused(event: pb::Event) -> String {
    decode_event(&event.encode_to_vec())
        .unwrap_err()
        .to_string()
}

proptest! {
    #[test]
    fn events_survive(event in arbitrary::event()) {
        prop_assert_eq!(round_trip(&event), event);
    }

    #[test]
    fn the_short_way_for_signals_gives_the_same_bytes(signal in arbitrary::signalled()) {
        let event = Event::Signalled(signal.clone());
        let mut bytes = Vec::new();
        encode_event(&event, &mut bytes);
        prop_assert_eq!(&bytes, &event_to_pb(&event).encode_to_vec());
        prop_assert_eq!(signalled::decode(&bytes), Some(signal));
        prop_assert_eq!(decode_any(&bytes).unwrap(), event);
    }

    #[test]
    fn the_short_way_reads_nothing_else_than_the_long_one(
        signal in arbitrary::signalled(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), 0..64_u8), 1..3),
    ) {
        let mut bytes = Vec::new();
        encode_event(&Event::Signalled(signal), &mut bytes);
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(signal) = signalled::decode(&bytes) {
            prop_assert_eq!(decode_any(&bytes).unwrap(), Event::Signalled(signal));
        }
    }

    #[test]
    fn any_bytes_are_an_event_or_an_error(bytes: Vec<u8>) {
        if let Ok(event) = decode_event(&bytes) {
            prop_assert_eq!(round_trip(&event), event);
        }
    }

    #[test]
    fn a_damaged_event_is_an_event_or_an_error(
        event in arbitrary::event(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = Vec::new();
        encode_event(&event, &mut bytes);
        for (at, byte) in damage {
            if !bytes.is_empty() {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
        }
        if let Ok(event) = decode_event(&bytes) {
            prop_assert_eq!(round_trip(&event), event);
        }
    }
}

/// Values that are accepted must be readable from within every event.
#[test]
fn the_deepest_values_survive() {
    let object = (1..MAX_DEPTH).fold(json!({"end": 1}), |inner, _| json!({ "k": inner }));
    let Json::Object(kwargs) = object.clone() else {
        unreachable!("it is an object")
    };
    let time = DateTime::from_timestamp_micros(1).unwrap();
    let test = TestExecution {
        traceparent: String::new(),
        id: "i".into(),
        case_name: "c".into(),
        timestamp: time,
        test_args: vec![],
        test_kwargs: kwargs.clone(),
        expires: time,
        labels: [].into(),
    };
    for event in [
        Event::Signalled(Signalled {
            event: SignalEvent {
                signal_name: "s".into(),
                case_name: "c".into(),
                key: object.clone(),
                value: object,
            },
            signal_id: String::new(),
        }),
        Event::Submitted(Submission {
            always: false,
            traceparent: String::new(),
            case_name: "c".into(),
            id: "i".into(),
            test_args: vec![],
            test_kwargs: kwargs,
            expires: None,
            labels: [].into(),
        }),
        Event::Concluded(Arc::new(Concluded {
            webhooks: Vec::new(),
            execution: 1,
            decided_by: 2,
            report: TestReport {
                failure: None,
                case_name: "c".into(),
                state: State::Pass,
                test: Some(test),
                runtime: None,
                signal_latency: [].into(),
                error: None,
                traceback: None,
                concluded_at: time,
            },
        })),
    ] {
        assert_eq!(round_trip(&event), event);
    }
}

#[test]
fn long_signals_survive() {
    for len in [126, 127, 128, 129, 16_383, 16_384, 65_534] {
        let event = Event::Signalled(Signalled {
            event: SignalEvent {
                signal_name: "s".into(),
                case_name: "c".into(),
                key: json!("k"),
                value: json!({"a": ["x".repeat(len), 1]}),
            },
            signal_id: "i".repeat(len % 256),
        });
        assert_eq!(round_trip(&event), event);
        let mut bytes = Vec::new();
        encode_event(&event, &mut bytes);
        assert!(signalled::decode(&bytes).is_some());
        assert_eq!(bytes, event_to_pb(&event).encode_to_vec());
    }
}

#[test]
fn what_is_no_event_is_refused() {
    let kind = |kind| refused(pb::Event { kind: Some(kind) });
    assert_eq!(
        refused(pb::Event { kind: None }),
        "the kind of the event is unknown; a newer version may have written it"
    );
    assert_eq!(
        kind(Kind::Signalled(pb::Signalled::default())),
        "the event does not hold together: event: is missing"
    );
    assert_eq!(
        kind(Kind::Signalled(pb::Signalled {
            event: Some(Default::default()),
            signal_id: String::new(),
        })),
        "the event does not hold together: event.key: must be set"
    );
    assert_eq!(
        kind(Kind::CaseApplied(pb::CaseApplied { case: None })),
        "the event does not hold together: case: is missing"
    );
    assert_eq!(
        kind(Kind::Concluded(pb::Concluded::default())),
        "the event does not hold together: report: is missing"
    );
    assert_eq!(
        kind(Kind::Concluded(pb::Concluded {
            report: Some(Default::default()),
            ..Default::default()
        })),
        "the event does not hold together: report.state: must be set; \
         report.concluded_at: must be set"
    );
    assert_eq!(
        kind(Kind::Tick(pb::Tick {
            queued_at_micros: i64::MAX
        })),
        "the event does not hold together: \
         queued_at_micros: 9223372036854775807 is no time"
    );
    assert!(
        decode_event(&[0xff; 8])
            .unwrap_err()
            .to_string()
            .starts_with("no event can be read from the bytes: ")
    );
}
