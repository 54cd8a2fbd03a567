//! Probes, between the schema and the model.
//!
//! A probe that passes can be sent: its URLs, methods, headers and timings are
//! well formed. Whether a gRPC method exists is known only by the target.

use std::{collections::BTreeMap, time::Duration};

use http::{HeaderName, HeaderValue, Method, Uri};
use prost::Message;
use tonic::metadata::{AsciiMetadataKey, BinaryMetadataKey};

use super::{
    Violations,
    names::check_length,
    time::{duration_from_pb, duration_to_pb},
    value::{Limits, list_from_pb, list_to_pb, object_from_pb, object_to_pb},
    violation::quoted,
};
use crate::{
    model::{DEFAULT_DELAY_MAX, DEFAULT_DELAY_MIN, GrpcProbe, HttpProbe, Probe, ProbeRequest},
    pb::v1,
};

/// Shortest time from one probe to the next.
const MIN_FREQUENCY: Duration = Duration::from_secs(1);
/// Longest time from one probe to the next.
const MAX_FREQUENCY: Duration = Duration::from_secs(30 * 24 * 3600);
/// Most retries.
const MAX_RETRIES: u32 = 100;
/// Largest factor between two pauses.
const MAX_BACKOFF: f64 = 100.0;
/// Longest URL, in bytes.
const MAX_URL_BYTES: usize = 2 * 1024;
/// Most headers of a request.
const MAX_HEADERS: usize = 64;
/// Longest header, in bytes.
const MAX_HEADER_BYTES: usize = 4 * 1024;
/// Largest body, in bytes.
const MAX_BODY_BYTES: usize = 64 * 1024;
/// Largest set of descriptors, in bytes.
const MAX_DESCRIPTOR_SET_BYTES: usize = 1 << 20;

type Request = v1::probe::Request;

/// Writes a probe.
pub fn probe_to_pb(probe: &Probe) -> v1::Probe {
    let Probe {
        frequency,
        request,
        timeout,
        connect_timeout,
        retries,
        delay_min,
        delay_backoff,
        delay_max,
        fake_header,
        test_args,
        test_kwargs,
    } = probe;
    v1::Probe {
        frequency: Some(duration_to_pb(*frequency)),
        request: Some(request_to_pb(request)),
        timeout: timeout.map(duration_to_pb),
        connect_timeout: connect_timeout.map(duration_to_pb),
        retries: *retries,
        delay_min: delay_min.map(duration_to_pb),
        delay_backoff: *delay_backoff,
        delay_max: delay_max.map(duration_to_pb),
        fake_header: fake_header.clone(),
        test_args: Some(list_to_pb(test_args)).filter(|list| !list.values.is_empty()),
        test_kwargs: Some(object_to_pb(test_kwargs)).filter(|object| !object.fields.is_empty()),
    }
}

fn request_to_pb(request: &ProbeRequest) -> Request {
    match request {
        ProbeRequest::Http(HttpProbe {
            method,
            url,
            headers,
            body,
        }) => Request::Http(v1::HttpProbe {
            method: method.clone(),
            url: url.clone(),
            headers: headers.clone(),
            body: body.clone(),
        }),
        ProbeRequest::Grpc(GrpcProbe {
            target,
            method,
            request,
            metadata,
            descriptor_set,
        }) => Request::Grpc(v1::GrpcProbe {
            target: target.clone(),
            method: method.clone(),
            request: request.as_ref().map(object_to_pb),
            metadata: metadata.clone(),
            descriptor_set: descriptor_set.clone(),
        }),
    }
}

/// Reads a probe as far as its form goes: what once was applied is read back.
pub fn probe_from_stored(pb: v1::Probe, bad: &mut Violations) -> Option<Probe> {
    read(pb, Limits::STORED, bad)
}

/// Reads a probe that a client sent.
pub fn probe_from_pb(pb: v1::Probe, bad: &mut Violations) -> Option<Probe> {
    let before = bad.len();
    check_timing(&pb, bad);
    match &pb.request {
        Some(Request::Http(request)) => check_http(request, &mut bad.field("http")),
        Some(Request::Grpc(request)) => check_grpc(request, &mut bad.field("grpc")),
        None => {}
    }
    if !pb.fake_header.is_empty() {
        check_header_name(&pb.fake_header, &mut bad.field("fake_header"));
    }
    let probe = read(pb, Limits::ARGS, bad);
    probe.filter(|_| bad.len() == before)
}

fn read(pb: v1::Probe, limits: Limits, bad: &mut Violations) -> Option<Probe> {
    let v1::Probe {
        frequency,
        request,
        timeout,
        connect_timeout,
        retries,
        delay_min,
        delay_backoff,
        delay_max,
        fake_header,
        test_args,
        test_kwargs,
    } = pb;
    if frequency.is_none() {
        bad.add_to(
            "frequency",
            "must be set; write how long it is from one probe to the next, such as 30s",
        );
    }
    let frequency = frequency.and_then(|pb| duration_from_pb(pb, &mut bad.field("frequency")));
    let mut duration = |pb: Option<prost_types::Duration>, field: &str| match pb {
        Some(pb) => duration_from_pb(pb, &mut bad.field(field)).map(Some),
        None => Some(None),
    };
    let timeout = duration(timeout, "timeout");
    let connect_timeout = duration(connect_timeout, "connect_timeout");
    let delay_min = duration(delay_min, "delay_min");
    let delay_max = duration(delay_max, "delay_max");
    let request = match request {
        Some(Request::Http(v1::HttpProbe {
            method,
            url,
            headers,
            body,
        })) => Some(ProbeRequest::Http(HttpProbe {
            method,
            url,
            headers,
            body,
        })),
        Some(Request::Grpc(v1::GrpcProbe {
            target,
            method,
            request,
            metadata,
            descriptor_set,
        })) => {
            let mut bad = bad.field("grpc");
            let request = match request {
                Some(_) => object_from_pb(request, limits, &mut bad.field("request")).map(Some),
                None => Some(None),
            };
            request.map(|request| {
                ProbeRequest::Grpc(GrpcProbe {
                    target,
                    method,
                    request,
                    metadata,
                    descriptor_set,
                })
            })
        }
        None => {
            bad.add_to("request", "must be set; write `http` or `grpc`");
            None
        }
    };
    let test_args = list_from_pb(test_args, limits, &mut bad.field("test_args"));
    let test_kwargs = object_from_pb(test_kwargs, limits, &mut bad.field("test_kwargs"));
    Some(Probe {
        frequency: frequency?,
        request: request?,
        timeout: timeout?,
        connect_timeout: connect_timeout?,
        retries,
        delay_min: delay_min?,
        delay_backoff,
        delay_max: delay_max?,
        fake_header,
        test_args: test_args?,
        test_kwargs: test_kwargs?,
    })
}

/// Checks the timing; spans that are none are told where they are read.
fn check_timing(pb: &v1::Probe, bad: &mut Violations) {
    let span = |pb: &Option<prost_types::Duration>| {
        pb.and_then(|pb| duration_from_pb(pb, &mut Violations::new()))
    };
    if span(&pb.frequency).is_some_and(|time| !(MIN_FREQUENCY..=MAX_FREQUENCY).contains(&time)) {
        bad.add_to("frequency", "must be at least 1s and at most 30 days");
    }
    for (field, time) in [
        ("timeout", span(&pb.timeout)),
        ("connect_timeout", span(&pb.connect_timeout)),
    ] {
        if time.is_some_and(|time| time.is_zero()) {
            bad.add_to(
                field,
                "is 0s, in which nothing can answer; leave it out for the default",
            );
        }
    }
    if pb.retries.is_some_and(|retries| retries > MAX_RETRIES) {
        bad.add_to("retries", format!("must be at most {MAX_RETRIES}"));
    }
    if let Some(backoff) = pb.delay_backoff
        && !(1.0..=MAX_BACKOFF).contains(&backoff)
    {
        bad.add_to(
            "delay_backoff",
            format!("is {backoff}; write a factor from 1 to {MAX_BACKOFF}"),
        );
    }
    match (span(&pb.delay_min), span(&pb.delay_max)) {
        (Some(min), Some(max)) if max < min => {
            bad.add_to("delay_max", "is less than `delay_min`");
        }
        (Some(min), None) if pb.delay_max.is_none() && min > DEFAULT_DELAY_MAX => bad.add_to(
            "delay_min",
            "is more than `delay_max`, which is 5s where it is left out; write `delay_max` too",
        ),
        (None, Some(max)) if pb.delay_min.is_none() && max < DEFAULT_DELAY_MIN => bad.add_to(
            "delay_max",
            "is less than `delay_min`, which is 0.5s where it is left out; write `delay_min` too",
        ),
        _ => {}
    }
}

fn check_http(request: &v1::HttpProbe, bad: &mut Violations) {
    if Method::from_bytes(request.method.as_bytes()).is_err() && !request.method.is_empty() {
        bad.add_to(
            "method",
            format!("{} is no HTTP method", quoted(&request.method)),
        );
    }
    check_url(&request.url, &mut bad.field("url"));
    check_length(&request.body, MAX_BODY_BYTES, &mut bad.field("body"));
    check_count("headers", &request.headers, bad);
    for (name, value) in &request.headers {
        let mut bad = bad.entry("headers", name);
        check_header_name(name, &mut bad);
        if HeaderValue::from_str(value).is_err() || value.len() > MAX_HEADER_BYTES {
            bad.add("is no value of a header: visible ASCII of at most 4 KiB");
        }
    }
}

fn check_grpc(request: &v1::GrpcProbe, bad: &mut Violations) {
    check_target(&request.target, &mut bad.field("target"));
    let parts = request.method.split_once('/');
    if !parts.is_some_and(|(service, method)| {
        !service.is_empty() && !method.is_empty() && !method.contains('/')
    }) {
        bad.add_to(
            "method",
            format!(
                "{} is no method; write it as `package.Service/Method`",
                quoted(&request.method)
            ),
        );
    }
    check_count("metadata", &request.metadata, bad);
    for (key, value) in &request.metadata {
        let mut bad = bad.entry("metadata", key);
        let fits = if key.ends_with("-bin") {
            use base64::{Engine as _, engine::general_purpose::STANDARD};
            BinaryMetadataKey::from_bytes(key.as_bytes()).is_ok() && STANDARD.decode(value).is_ok()
        } else {
            AsciiMetadataKey::from_bytes(key.as_bytes()).is_ok()
                && HeaderValue::from_str(value).is_ok()
        };
        if !fits || value.len() > MAX_HEADER_BYTES {
            bad.add(
                "is no metadata: keys are ASCII, values visible ASCII or, where the \
                 key ends in `-bin`, base64; at most 4 KiB",
            );
        }
    }
    let descriptors = &request.descriptor_set;
    if descriptors.len() > MAX_DESCRIPTOR_SET_BYTES {
        bad.add_to(
            "descriptor_set",
            format!(
                "is {} bytes long; at most {MAX_DESCRIPTOR_SET_BYTES}",
                descriptors.len()
            ),
        );
    } else if prost_types::FileDescriptorSet::decode(descriptors.as_slice()).is_err() {
        bad.add_to(
            "descriptor_set",
            "is no FileDescriptorSet; write one with `buf build -o` or \
             `protoc --include_imports --descriptor_set_out`",
        );
    }
}

fn check_url(url: &str, bad: &mut Violations) -> bool {
    let before = bad.len();
    check_length(url, MAX_URL_BYTES, bad);
    let parsed = url.parse::<Uri>().ok();
    let fits = parsed.is_some_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https"))
            && uri.host().is_some_and(|host| !host.is_empty())
    });
    if !fits {
        bad.add(format!(
            "{} is no URL that can be called; write one such as http://orders:8080/health",
            quoted(url)
        ));
    }
    bad.len() == before
}

fn check_target(target: &str, bad: &mut Violations) {
    if check_url(target, bad)
        && let Ok(uri) = target.parse::<Uri>()
        && uri.path_and_query().is_some_and(|path| path != "/")
    {
        bad.add("must have no path; write a server such as http://orders:50051");
    }
}

fn check_header_name(name: &str, bad: &mut Violations) {
    if HeaderName::from_bytes(name.as_bytes()).is_err() {
        bad.add(format!("{} is no name of a header", quoted(name)));
    }
}

fn check_count(field: &str, headers: &BTreeMap<String, String>, bad: &mut Violations) {
    if headers.len() > MAX_HEADERS {
        bad.add_to(
            field,
            format!("has {} items; at most {MAX_HEADERS}", headers.len()),
        );
    }
}

#[cfg(test)]
mod tests;
