//! What a client reads of a call that was refused.

use tonic::{Code, Response, Status};
use tonic_types::StatusExt;

/// A status and its details.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub code: Code,
    pub message: String,
    /// Of `google.rpc.ErrorInfo`.
    pub reason: String,
    /// Of `google.rpc.ErrorInfo`.
    pub domain: String,
    /// Fields of `google.rpc.BadRequest`, in their order.
    pub fields: Vec<String>,
    /// Whether there is `google.rpc.RetryInfo`.
    pub retry: bool,
}

impl From<&Status> for Refusal {
    fn from(status: &Status) -> Self {
        let details = status.get_error_details();
        let info = details.error_info();
        let bad = details.bad_request();
        let bad = bad.map_or(&[][..], |bad| &bad.field_violations);
        let text = |text: Option<&String>| text.cloned().unwrap_or_default();
        Refusal {
            code: status.code(),
            message: status.message().to_owned(),
            reason: text(info.map(|info| &info.reason)),
            domain: text(info.map(|info| &info.domain)),
            fields: bad.iter().map(|one| one.field.clone()).collect(),
            retry: details.retry_info().is_some(),
        }
    }
}

impl Refusal {
    /// Sees that it is what was promised, and names what it should.
    pub fn check(&self, call: &str, code: Code, reason: &str, fields: &[&str]) {
        let told = (self.code, self.reason.as_str(), self.domain.as_str());
        assert_eq!(told, (code, reason, "livecheck"), "{call}: {self:?}");
        let (mut named, mut wanted) = (self.fields.clone(), fields.to_vec());
        named.sort_unstable();
        wanted.sort_unstable();
        assert_eq!(named, wanted, "{call}: {self:?}");
        for field in fields {
            assert!(self.message.contains(field), "{call}: {field}: {self:?}");
        }
        assert_ne!(self.message, "", "{call}");
        let retry = code == Code::ResourceExhausted;
        assert_eq!(self.retry, retry, "{call}: {self:?}");
    }
}

/// The refusal of a call, wherever it is told: at once, or as the end of a stream.
pub trait Refused {
    /// The status with which it ends.
    fn refusal(self) -> impl Future<Output = Refusal>;
}

impl<T: Told> Refused for Result<Response<T>, Status> {
    async fn refusal(self) -> Refusal {
        let status = match self {
            Err(status) => status,
            Ok(response) => response.into_inner().end().await,
        };
        Refusal::from(&status)
    }
}

/// An answer that should not have come, or a stream that ends with a status.
pub trait Told {
    /// The status at the end.
    fn end(self) -> impl Future<Output = Status>;
}

impl<T: std::fmt::Debug> Told for tonic::Streaming<T> {
    async fn end(mut self) -> Status {
        loop {
            match self.message().await {
                Ok(Some(_)) => {}
                Ok(None) => panic!("the stream ended well"),
                Err(status) => return status,
            }
        }
    }
}

macro_rules! unary {
    ($($answer:ident),+ $(,)?) => {
        $(impl Told for livecheck::pb::v1::$answer {
            async fn end(self) -> Status {
                panic!("the call was served: {self:?}");
            }
        })+
    };
}
unary!(
    SubmitExecutionResponse,
    GetExecutionResponse,
    ListExecutionsResponse,
    CancelExecutionResponse,
    SendSignalResponse,
    WaitSignalResponse,
    GetReportResponse,
    ListReportsResponse,
    ApplyCaseResponse,
    GetCaseResponse,
    ListCasesResponse,
    ControlCaseResponse,
    ListFailuresResponse,
    DeleteCaseResponse,
);
