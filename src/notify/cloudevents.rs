//! CloudEvents 1.0 in JSON, structured mode. The data is protobuf JSON of the
//! schema: a `CaseTransition` or a `TestReport`.

use serde_json::json;

use super::message::{About, What, instant};
use crate::{
    convert::{
        json::{JsonError, to_json},
        models::report_to_pb,
        status::transition_to_pb,
    },
    model::{Json, TransitionKind},
};

/// Media type of the structured mode.
pub const MEDIA_TYPE: &str = "application/cloudevents+json";

/// The event.
pub fn event(about: &About<'_>) -> Result<Json, JsonError> {
    let (kind, at, data) = match about.what {
        What::Transition(transition) => {
            let kind = match transition.kind {
                TransitionKind::IncidentStarted => "livecheck.case.incident_started",
                TransitionKind::CauseChanged => "livecheck.case.cause_changed",
                TransitionKind::Recovered => "livecheck.case.recovered",
                TransitionKind::FlappingStarted => "livecheck.case.flapping_started",
                TransitionKind::FlappingEnded => "livecheck.case.flapping_ended",
                TransitionKind::Unmuted => "livecheck.case.unmuted",
            };
            let data = to_json(&transition_to_pb(transition), "livecheck.v1.CaseTransition")?;
            (kind, transition.at, data)
        }
        What::Report(report) => {
            let data = to_json(&report_to_pb(report), "livecheck.v1.TestReport")?;
            ("livecheck.execution.report", report.concluded_at, data)
        }
    };
    Ok(json!({
        "specversion": "1.0",
        "id": about.id,
        "source": about.source,
        "type": kind,
        "subject": about.case_name,
        "time": instant(at),
        "datacontenttype": "application/json",
        "data": data,
    }))
}
