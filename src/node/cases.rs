//! Cases: apply, look up, list, delete, watch.

use std::sync::{Arc, OnceLock};

use tokio::sync::oneshot;

use crate::{
    contract,
    convert::{Violation, Violations, case::MAX_WEBHOOKS, violation::quoted},
    engine::{Answer, ApplyOutcome, Engine, health::Health},
    model::{Absences, Case, CaseStatus, Event},
    pb::{storage as pb, v1},
    plan,
};

use super::{
    Node, NodeError,
    page::{case_bytes, cut, status_bytes},
    token,
};

/// A case as it now is.
#[derive(Clone, Debug)]
pub struct CaseView {
    /// The case.
    pub case: Arc<Case>,
    /// How many of its executions are live.
    pub live_executions: usize,
    health: Arc<Health>,
    absences: Absences,
    status: OnceLock<CaseStatus>,
}

impl CaseView {
    /// Its health; takes medians at the first call, so call it without a lock.
    pub fn status(&self) -> CaseStatus {
        self.kept_status().clone()
    }

    fn kept_status(&self) -> &CaseStatus {
        self.status
            .get_or_init(|| self.health.status(self.absences))
    }
}

/// A case as it now is in an engine.
fn view(engine: &Engine, name: &str) -> Option<CaseView> {
    let (case, health) = engine.health(name)?;
    Some(CaseView {
        case: Arc::clone(case),
        live_executions: engine.live_of(name),
        health: Arc::clone(health),
        absences: engine.absences(),
        status: OnceLock::new(),
    })
}

impl Node {
    /// A case as it now stands.
    pub fn case(&self, name: &str) -> Result<Arc<Case>, NodeError> {
        let state = self.partition(name).lock();
        let case = state.engine.case(name).map(Arc::clone);
        case.ok_or_else(|| NodeError::CaseNotFound(name.to_owned()))
    }

    /// A case with its health.
    pub fn case_view(&self, name: &str) -> Result<CaseView, NodeError> {
        let view = view(&self.partition(name).lock().engine, name);
        view.ok_or_else(|| NodeError::CaseNotFound(name.to_owned()))
    }

    /// A page of the cases, by name, and the token of the next one.
    pub fn list_cases(
        &self,
        page_size: usize,
        page_token: &str,
    ) -> Result<(Vec<CaseView>, String), NodeError> {
        let request = token::request_checksum(&"cases");
        let after = token::read_page_token(page_token, request)?.map(|token| token.name);
        let mut page = Vec::new();
        for partition in self.partitions() {
            let state = partition.lock();
            let cases = state.engine.cases_after(after.as_deref());
            let cases = cases.take(page_size.saturating_add(1));
            page.extend(cases.filter_map(|case| view(&state.engine, &case.name)));
        }
        page.sort_by(|a, b| a.case.name.cmp(&b.case.name));
        let more = cut(&mut page, page_size, |view| {
            case_bytes(&view.case) + status_bytes(view.kept_status())
        });
        let next = match page.last() {
            Some(last) if more => token::page_token(&pb::PageToken {
                request,
                name: last.case.name.clone(),
                ..pb::PageToken::default()
            }),
            _ => String::new(),
        };
        Ok((page, next))
    }

    /// Creates or replaces a case, or only says what that would do.
    pub async fn apply_case(
        &self,
        case: v1::Case,
        validate_only: bool,
    ) -> Result<(Arc<Case>, ApplyOutcome), NodeError> {
        let case = self.compiled(case).await?;
        let current = self.case(&case.name).ok();
        // Only what creates a case takes a place.
        let _place = match &current {
            None if validate_only => {
                self.admit_case(0)?;
                None
            }
            None => {
                let (place, creating) = self.0.creating.take();
                self.admit_case(creating)?;
                Some(place)
            }
            Some(_) => None,
        };
        let outcome = match &current {
            None => ApplyOutcome::Created,
            Some(current) if same_declaration(current, &case) => ApplyOutcome::Unchanged,
            Some(_) => ApplyOutcome::Updated,
        };
        if validate_only {
            let revision = current.map_or(0, |current| current.revision);
            let changes = u64::from(outcome != ApplyOutcome::Unchanged);
            let case = Case {
                revision: revision.saturating_add(changes),
                ..Case::clone(&case)
            };
            return Ok((Arc::new(case), outcome));
        }
        let name = case.name.clone();
        match self
            .append(&name, Event::CaseApplied(case))
            .answer()
            .await?
        {
            Answer::CaseApplied(case, outcome) => Ok((case, outcome)),
            other => Err(super::unexpected(&other)),
        }
    }

    /// Refuses a new case when there are too many, those on their way included.
    fn admit_case(&self, creating: usize) -> Result<(), NodeError> {
        let partitions = self.partitions();
        let counts = partitions.map(|one| one.lock().engine.cases().count());
        let max = self.options().max_cases;
        match counts.sum::<usize>() + creating >= max {
            true => Err(NodeError::TooManyCases(max)),
            false => Ok(()),
        }
    }

    /// Compiles a case for what that says of it; the fold compiles it again.
    async fn compiled(&self, case: v1::Case) -> Result<Arc<Case>, NodeError> {
        let turn = self.0.compilers.acquire().await;
        let _turn = turn.map_err(|_| NodeError::ShuttingDown)?;
        let unknown = self.unknown_webhooks(&case.webhooks);
        let (case, mut violations) = match compile(case).await? {
            Ok(case) => (Some(case), Vec::new()),
            Err(violations) => (None, violations),
        };
        for violation in unknown {
            // What is no name is not looked up too.
            if violations.iter().all(|one| one.field != violation.field) {
                violations.push(violation);
            }
        }
        let mut bad = Violations::new();
        for Violation { field, description } in violations {
            match field.as_str() {
                "" => bad.add_to("case", description),
                field => bad.field("case").add_to(field, description),
            }
        }
        Ok(bad.finish(case)?)
    }

    /// What a case names and the server does not have: nobody would be told.
    fn unknown_webhooks(&self, names: &[String]) -> Vec<Violation> {
        let known: Vec<_> = self.webhooks().iter().map(|one| &*one.name).collect();
        let named = names.iter().take(MAX_WEBHOOKS).enumerate();
        let unknown = named.filter(|(_, name)| !known.contains(&name.as_str()));
        unknown
            .map(|(i, name)| Violation {
                field: format!("webhooks[{i}]"),
                description: match known.is_empty() {
                    true => "the server has no webhooks; declare them with --webhooks".to_owned(),
                    false => format!(
                        "{} is no webhook of this server; it has: {}",
                        quoted(name),
                        known.join(", ")
                    ),
                },
            })
            .collect()
    }

    /// Deletes a case.
    pub async fn delete_case(&self, name: &str) -> Result<(), NodeError> {
        let event = Event::CaseDeleted {
            name: name.to_owned(),
        };
        match self.append(name, event).answer().await? {
            Answer::CaseDeleted(true) => Ok(()),
            Answer::CaseDeleted(false) => Err(NodeError::CaseNotFound(name.to_owned())),
            other => Err(super::unexpected(&other)),
        }
    }
}

fn same_declaration(one: &Case, other: &Case) -> bool {
    let other = Case {
        revision: one.revision,
        ..other.clone()
    };
    *one == other
}

/// Checks and compiles a case on a thread of its own, as deep expressions need a
/// deep stack: the case, or what is wrong with it.
async fn compile(case: v1::Case) -> Result<Result<Arc<Case>, Vec<Violation>>, NodeError> {
    let (sender, compiled) = oneshot::channel();
    let compiler = std::thread::Builder::new()
        .name("compile-case".to_owned())
        .stack_size(contract::STACK_SIZE);
    let spawned = compiler.spawn(move || {
        let checked = match plan::check(case) {
            Ok(plan) => Ok(Arc::clone(plan.case())),
            Err(violations) => Err(violations.into_iter().map(Violation::from).collect()),
        };
        // A caller that has left is not told.
        let _ = sender.send(checked);
    });
    spawned
        .map_err(|error| NodeError::Internal(format!("no thread to compile a case: {error}")))?;
    let compiled = compiled.await;
    compiled.map_err(|_| NodeError::Internal("compiling a case failed".to_owned()))
}
