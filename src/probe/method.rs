//! A gRPC call as bytes: the method that a probe names, looked up among
//! descriptors, and its request, read from JSON.

use bytes::{Buf as _, BufMut as _, Bytes};
use http::uri::PathAndQuery;
use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage};
use prost_types::FileDescriptorSet;
use tonic::{
    Status,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
};

use crate::model::{GrpcProbe, Json};

/// A unary call that is ready to be made.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Prepared {
    /// `/package.Service/Method`.
    pub path: PathAndQuery,
    /// The request, encoded.
    pub request: Bytes,
}

/// Finds the method of a probe and encodes its request; where the descriptors
/// come from is for the error.
pub(super) fn prepare(
    probe: &GrpcProbe,
    descriptors: FileDescriptorSet,
    from: &str,
) -> Result<Prepared, String> {
    let pool = DescriptorPool::from_file_descriptor_set(descriptors);
    let pool = pool.map_err(|error| format!("{from} is not complete: {error}"))?;
    let (service_name, method_name) = probe.method.split_once('/').unwrap_or_default();
    let service = pool.get_service_by_name(service_name);
    let service = service.ok_or_else(|| format!("{from} has no service {service_name}"))?;
    let method = service.methods().find(|one| one.name() == method_name);
    let method =
        method.ok_or_else(|| format!("service {service_name} has no method {method_name}"))?;
    if method.is_client_streaming() || method.is_server_streaming() {
        return Err(format!(
            "{} is a streaming method; only unary methods can be probed",
            probe.method
        ));
    }
    let request = Json::Object(probe.request.clone().unwrap_or_default());
    let input = method.input();
    let request = DynamicMessage::deserialize(input.clone(), request).map_err(|error| {
        format!(
            "the request of the probe is no {}: {error}",
            input.full_name()
        )
    })?;
    let path = PathAndQuery::try_from(format!("/{}", probe.method));
    let path = path.map_err(|_| format!("{} is no path of a method", probe.method))?;
    Ok(Prepared {
        path,
        request: request.encode_to_vec().into(),
    })
}

/// Sends bytes as they are, and drops what is answered unread.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Encoded;

impl Codec for Encoded {
    type Encode = Bytes;
    type Decode = ();
    type Encoder = Encoded;
    type Decoder = Encoded;

    fn encoder(&mut self) -> Encoded {
        Encoded
    }

    fn decoder(&mut self) -> Encoded {
        Encoded
    }
}

impl Encoder for Encoded {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(item);
        Ok(())
    }
}

impl Decoder for Encoded {
    type Item = ();
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<()>, Status> {
        buffer.advance(buffer.remaining());
        Ok(Some(()))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use prost_types::FileDescriptorProto;
    use serde_json::json;

    use super::*;
    use crate::pb::{self, demo::InitOrderRequest, v1::GetReportRequest};

    fn probe(method: &str, request: Json) -> GrpcProbe {
        let request = match request {
            Json::Object(request) => Some(request),
            _ => None,
        };
        GrpcProbe {
            target: "http://orders:50051".to_owned(),
            method: method.to_owned(),
            request,
            metadata: BTreeMap::new(),
            descriptor_set: Vec::new(),
        }
    }

    fn descriptors() -> FileDescriptorSet {
        FileDescriptorSet::decode(pb::DESCRIPTORS).unwrap()
    }

    #[test]
    fn a_call_is_prepared_from_json() {
        let method = "livecheck.v1.ReportService/GetReport";
        let prepared = prepare(
            &probe(
                method,
                json!({"caseName": "orders", "id": "7", "wait": "1.5s"}),
            ),
            descriptors(),
            "it",
        );
        let prepared = prepared.unwrap();
        assert_eq!(prepared.path, format!("/{method}"));
        let request = GetReportRequest::decode(prepared.request).unwrap();
        let expected = GetReportRequest {
            case_name: "orders".to_owned(),
            id: "7".to_owned(),
            wait: Some(prost_types::Duration {
                seconds: 1,
                nanos: 500_000_000,
            }),
        };
        assert_eq!(request, expected);

        // No request is an empty one; files may come in any order.
        let mut reversed = descriptors();
        reversed.file.reverse();
        let method = "livecheck.demo.v1.OrderInitService/InitOrder";
        let prepared = prepare(&probe(method, Json::Null), reversed, "it").unwrap();
        let request = InitOrderRequest::decode(prepared.request).unwrap();
        assert_eq!(request, InitOrderRequest::default());
    }

    #[test]
    fn what_cannot_be_called_is_told() {
        let get = "livecheck.v1.ReportService/GetReport";
        for (method, request, expected) in [
            (
                "orders.v1.Orders/Create",
                json!({}),
                "the set has no service orders.v1.Orders",
            ),
            (
                "livecheck.v1.ReportService/Get",
                json!({}),
                "service livecheck.v1.ReportService has no method Get",
            ),
            (
                "livecheck.v1.ReportService/WatchReports",
                json!({}),
                "livecheck.v1.ReportService/WatchReports is a streaming method; only unary \
                 methods can be probed",
            ),
            (
                get,
                json!({"name": "orders"}),
                "the request of the probe is no livecheck.v1.GetReportRequest: unrecognized \
                 field name 'name'",
            ),
            (
                get,
                json!({"id": 7}),
                "the request of the probe is no livecheck.v1.GetReportRequest: invalid type: \
                 integer `7`, expected a string",
            ),
        ] {
            let error = prepare(&probe(method, request), descriptors(), "the set");
            assert_eq!(error.unwrap_err(), expected);
        }
    }

    #[test]
    fn descriptors_that_lack_an_import_are_told() {
        let lacking = FileDescriptorSet {
            file: vec![FileDescriptorProto {
                name: Some("a.proto".to_owned()),
                dependency: vec!["b.proto".to_owned()],
                ..FileDescriptorProto::default()
            }],
        };
        let error = prepare(&probe("a.B/C", json!({})), lacking, "the set").unwrap_err();
        assert!(error.starts_with("the set is not complete: "), "{error}");
        assert!(error.contains("b.proto"), "{error}");
    }
}
