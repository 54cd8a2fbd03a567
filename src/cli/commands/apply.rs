//! `apply`: creates or replaces cases from files. Nothing is applied while
//! anything is known to be wrong.

use std::{
    collections::HashMap,
    fs, io,
    path::{Path, PathBuf},
};

use tokio::io::AsyncReadExt;
use tonic::Code;

use crate::{
    casefile,
    cli::{
        Context,
        client::Client,
        error::{CliError, even_unread},
        exit::Exit,
        text::{self, count},
    },
    pb::v1::{ApplyCaseRequest, ApplyCaseResponse, ApplyOutcome, Case},
};

/// Create or replace cases from YAML or JSON files
///
/// Everything that is wrong, in any of the files, is told before anything is
/// applied.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// A file with cases; - is the standard input; a directory stands for every
    /// .yaml, .yml and .json file below it, hidden ones aside
    #[arg(short, long = "file", value_name = "FILE", required = true, num_args = 1..)]
    files: Vec<PathBuf>,

    /// Only tell what would happen
    #[arg(long)]
    validate_only: bool,
}

/// A case and where it was declared.
struct Declared {
    /// `FILE:LINE`.
    place: String,
    case: Case,
}

/// Carries it out.
pub async fn run(args: Args, context: &mut Context<'_>) -> Result<Exit, CliError> {
    let mut problems = Vec::new();
    let cases = read(&args.files, context, &mut problems).await;
    refuse_if_any(problems, context)?;

    let client = context.connect().await?;
    let mut problems = Vec::new();
    let mut checked = Vec::new();
    for declared in &cases {
        match apply(&client, declared, true).await {
            Ok(response) => checked.push(response),
            Err(CliError::Refused(status)) if status.code() == Code::InvalidArgument => {
                let error = CliError::Refused(status);
                problems.push(format!("{}: {error}", declared.place));
            }
            Err(error) => return Err(error),
        }
    }
    refuse_if_any(problems, context)?;

    if args.validate_only {
        for response in &checked {
            show(context, response, true)?;
        }
        return Ok(Exit::Ok);
    }
    for declared in &cases {
        match apply(&client, declared, false).await {
            Ok(response) => show(context, &response, false)?,
            Err(error) => {
                let (place, name) = (&declared.place, &declared.case.name);
                context.tell(&format!("{place}: {name} was not applied"));
                return Err(error);
            }
        }
    }
    Ok(Exit::Ok)
}

async fn apply(
    client: &Client,
    declared: &Declared,
    validate_only: bool,
) -> Result<ApplyCaseResponse, CliError> {
    let request = ApplyCaseRequest {
        case: Some(declared.case.clone()),
        validate_only,
    };
    let response = client.cases().apply_case(request).await;
    let response = response.map_err(|status| client.error(status))?;
    Ok(response.into_inner())
}

fn show(
    context: &mut Context<'_>,
    response: &ApplyCaseResponse,
    validate_only: bool,
) -> Result<(), CliError> {
    let full_name = "livecheck.v1.ApplyCaseResponse";
    let render = |response: &_, _| render(response, validate_only);
    // Half of the files would be worse than an output that nobody reads.
    even_unread(context.output.message(full_name, response, render))
}

fn render(response: &ApplyCaseResponse, validate_only: bool) -> String {
    let case = response.case.clone().unwrap_or_default();
    let outcome = ApplyOutcome::try_from(response.outcome).map(|outcome| outcome.as_str_name());
    let outcome = text::name(outcome, "APPLY_OUTCOME_", response.outcome).to_lowercase();
    let would_be = if validate_only { "would be " } else { "" };
    let (name, revision) = (text::clean(&case.name), case.revision);
    format!("{name} {would_be}{outcome} (revision {revision})\n")
}

/// Tells what is wrong, one problem a line, and ends with it.
fn refuse_if_any(problems: Vec<String>, context: &mut Context<'_>) -> Result<(), CliError> {
    if problems.is_empty() {
        return Ok(());
    }
    for problem in &problems {
        context.tell(problem);
    }
    let problems = count(problems.len(), "problem");
    Err(CliError::Input(format!("{problems}; nothing was applied")))
}

/// Reads the cases of all files. A name may stand in only one of them.
async fn read(
    paths: &[PathBuf],
    context: &mut Context<'_>,
    problems: &mut Vec<String>,
) -> Vec<Declared> {
    let mut cases: Vec<Declared> = Vec::new();
    let mut places = HashMap::new();
    for (path, text) in texts(paths, context, problems).await {
        let documents = match casefile::parse(&path, &text) {
            Ok(documents) => documents,
            Err(errors) => {
                problems.extend(errors.iter().map(ToString::to_string));
                continue;
            }
        };
        for document in documents {
            let place = format!("{path}:{}", document.line);
            let name = document.pb.name.clone();
            if let Some(first) = places.insert(name.clone(), place.clone()) {
                problems.push(format!("{place}: {name} is declared at {first} already"));
            }
            cases.push(Declared {
                place,
                case: document.pb,
            });
        }
    }
    cases
}

/// The contents of all files, by the names that errors give them.
async fn texts(
    paths: &[PathBuf],
    context: &mut Context<'_>,
    problems: &mut Vec<String>,
) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for path in paths {
        let mut unreadable =
            |path: &Path, error| problems.push(format!("{}: {error}", path.display()));
        if path == Path::new("-") {
            let mut text = Vec::new();
            match context.input.read_to_end(&mut text).await {
                Ok(_) => files.push(("<stdin>".to_owned(), text)),
                Err(error) => unreadable(Path::new("<stdin>"), error),
            }
            continue;
        }
        let found = if path.is_dir() {
            match files_below(path) {
                Ok(found) if found.is_empty() => {
                    let nothing = io::Error::other("no .yaml, .yml or .json file is below it");
                    unreadable(path, nothing);
                    continue;
                }
                Ok(found) => found,
                Err(error) => {
                    unreadable(path, error);
                    continue;
                }
            }
        } else {
            vec![path.clone()]
        };
        for path in found {
            match fs::read(&path) {
                Ok(text) => files.push((path.display().to_string(), text)),
                Err(error) => unreadable(&path, error),
            }
        }
    }
    files
}

/// The case files below a directory, by name. Links to files are followed,
/// links to directories are not, as they may lead in a circle; hidden files and
/// directories are passed by.
fn files_below(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut entries = fs::read_dir(directory)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.path();
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        if entry.file_type()?.is_dir() {
            found.append(&mut files_below(&path)?);
        } else if has_cases(&path) && !path.is_dir() {
            found.push(path);
        }
    }
    Ok(found)
}

/// Whether a file is one of cases, by its name.
fn has_cases(path: &Path) -> bool {
    let extension = path.extension().map(|e| e.to_ascii_lowercase());
    extension.is_some_and(|e| e == "yaml" || e == "yml" || e == "json")
}
