//! `submit`: makes a test execution. It is sent once: without an id, a repeat would
//! be another execution.

use std::time::Duration;

use tonic::metadata::MetadataMap;

use super::report;
use crate::{
    cli::{
        Context,
        error::{CliError, even_unread},
        exit,
        exit::Exit,
        output::{Style, json_of},
        render, text, values,
    },
    convert::{
        time::time_to_pb,
        value::{list_to_pb, object_to_pb},
    },
    headers::read_metadata,
    model::Json,
    pb::v1::{Sampling, SubmitExecutionRequest, SubmitExecutionResponse},
    settings::units::parse_duration,
};

/// Submit a test execution and show it with the headers that carry it on
///
/// The headers are shown as arguments that curl and grpcurl take. As JSON they
/// are the member `headers` of the answer. A request that is not sampled is no
/// execution and has no report; the exit code is then 0.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = exit::HELP)]
pub struct Args {
    /// Name of the case
    case: String,

    /// Id of the execution; submitting it again is harmless [default: a new UUID]
    #[arg(long, value_name = "ID")]
    id: Option<String>,

    /// A positional argument of the request; can be repeated
    #[arg(long = "arg", value_name = "JSON", allow_negative_numbers = true, value_parser = values::json)]
    args: Vec<Json>,

    /// A named argument of the request; can be repeated
    #[arg(long = "kwarg", value_name = "NAME=JSON", value_parser = values::named_json)]
    kwargs: Vec<(String, Json)>,

    /// Sample it whatever the case's probability
    #[arg(long)]
    always: bool,

    /// End it after so long, such as 30s or 2m [default: the case's test_expires]
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    expires: Option<Duration>,

    /// A label; can be repeated
    #[arg(long = "label", value_name = "NAME=VALUE", value_parser = values::label)]
    labels: Vec<(String, String)>,

    /// Wait so long for the report and show it; the exit code tells whether it
    /// is OK
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    wait: Option<Duration>,
}

/// Carries it out.
pub async fn run(args: Args, context: &mut Context<'_>) -> Result<Exit, CliError> {
    let kwargs = values::by_name(args.kwargs, "--kwarg").map_err(CliError::Input)?;
    let labels = values::by_name(args.labels, "--label").map_err(CliError::Input)?;
    let sampling = match args.always {
        true => Sampling::Always,
        false => Sampling::ByProbability,
    };
    // A length of time that was typed is at most a century.
    let expires = args.expires.map(|life| context.clock.wall() + life);
    let request = SubmitExecutionRequest {
        case_name: args.case,
        id: args.id.unwrap_or_default(),
        test_args: Some(list_to_pb(&args.args)),
        test_kwargs: Some(object_to_pb(&kwargs)),
        expires: expires.map(time_to_pb),
        sampling: sampling.into(),
        labels,
    };

    let client = context.connect().await?;
    let response = client.executions().submit_execution(request).await;
    let (metadata, response, _) = response
        .map_err(|status| client.error(status))?
        .into_parts();
    let headers = Headers::read(&metadata);
    if context.output.is_json() {
        let mut json = json_of("livecheck.v1.SubmitExecutionResponse", &response)?;
        if let Some(fields) = json.as_object_mut() {
            fields.insert("headers".to_owned(), headers.json());
        }
        even_unread(context.output.text(&format!("{json}\n")))?;
    } else {
        let style = context.output.style();
        even_unread(context.output.text(&render(&response, &headers, style)))?;
    }

    match (args.wait, &response.test) {
        (_, None) => {
            context.tell("not sampled: there is no execution; --always samples every one");
            Ok(Exit::Ok)
        }
        (None, Some(_)) => Ok(Exit::Ok),
        (Some(wait), Some(test)) => {
            let report =
                report::get(&client, context, &test.case_name, &test.id, Some(wait)).await?;
            if !context.output.is_json() {
                even_unread(context.output.text("\n"))?;
            }
            report::show(context, &report)
        }
    }
}

/// The headers by which an execution travels on.
struct Headers(Vec<(&'static str, String)>);

impl Headers {
    /// Reads them from an answer of the server.
    fn read(metadata: &MetadataMap) -> Self {
        let Some(test) = read_metadata(metadata).test() else {
            return Headers(Vec::new());
        };
        let text = |value: Vec<u8>| String::from_utf8_lossy(&value).into_owned();
        Headers(
            test.to_list()
                .map(|(name, value)| (name, text(value)))
                .into(),
        )
    }

    fn json(&self) -> Json {
        let headers = self.0.iter();
        headers
            .map(|(name, value)| ((*name).to_owned(), Json::from(value.as_str())))
            .collect()
    }

    /// As arguments of curl or grpcurl, a line each.
    fn arguments(&self) -> String {
        let arguments: Vec<_> = self
            .0
            .iter()
            .map(|(name, value)| format!("-H {}", text::shell_word(&format!("{name}: {value}"))))
            .collect();
        arguments.join(" \\\n")
    }
}

fn render(response: &SubmitExecutionResponse, headers: &Headers, style: Style) -> String {
    match &response.test {
        None => String::new(),
        Some(test) => format!("{}\n{}\n", render::test(test, style), headers.arguments()),
    }
}
