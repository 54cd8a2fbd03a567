//! The plan of a case: its declaration in the form in which executions are
//! judged.
//!
//! Invariant: a plan has no loose ends. Every name is an index, every default
//! is filled in, every expression compiled, and the signals can start one after
//! the other. Making one is pure: the same case gives the same plan, or the same
//! list of all that is wrong.

mod check;
mod order;
#[cfg(test)]
mod tests;

use std::{collections::HashMap, sync::Arc, time::Duration};

pub use check::check;
use foldhash::fast::RandomState;

use crate::{
    contract::{self, Program, Scope},
    convert::Violation,
    model::{Case, Contract, Signal},
};

/// What is wrong with a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseViolation {
    /// Path of the field, such as `signals[0].expect[1].expression`.
    pub field: String,
    /// What is wrong with it and what to do; without a full stop.
    pub description: String,
    /// Where in the field's text, if it is an expression.
    pub at: Option<Place>,
}

/// A place in an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

impl From<CaseViolation> for Violation {
    /// Says the place in words.
    fn from(violation: CaseViolation) -> Self {
        let CaseViolation {
            field,
            description,
            at,
        } = violation;
        let description = match at {
            Some(Place { line, column }) => {
                format!("line {line}, column {column}: {description}")
            }
            None => description,
        };
        Violation { field, description }
    }
}

/// A case in the form in which executions are judged.
#[derive(Debug)]
pub struct Plan {
    case: Arc<Case>,
    signals: Vec<SignalPlan>,
    contracts: Vec<CaseContract>,
    by_name: HashMap<Arc<str>, usize, RandomState>,
}

/// A signal of a [`Plan`], defaults filled in.
#[derive(Debug)]
pub struct SignalPlan {
    /// Its name.
    pub name: Arc<str>,
    /// From the start of its clock to its deadline.
    pub timeout: Duration,
    /// Longest time from the start of the execution, if there is one.
    pub within: Option<Duration>,
    /// How many must come.
    pub min: u32,
    /// How many may come, if there is a limit.
    pub max: Option<u32>,
    /// When its clock starts.
    pub starts: Starts,
    /// The signals whose clock this one helps to start.
    pub dependents: Vec<usize>,
    /// The key that it carries besides the execution's id.
    pub key: Option<Program>,
    /// What is checked when it arrives.
    pub expect: Vec<ContractPlan>,
    /// The contracts of the case that name it, by their index in
    /// [`Plan::contracts`].
    pub contracts: Vec<usize>,
}

/// When the clock of a signal starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Starts {
    /// With the execution.
    AtStart,
    /// When all of these signals have arrived; never empty, no signal twice.
    After(Vec<usize>),
}

/// A compiled contract.
#[derive(Debug)]
pub struct ContractPlan {
    /// What must be true.
    pub program: Program,
    /// Its name; empty if none.
    pub id: String,
    /// What a violation means; empty if not said.
    pub message: String,
    /// How texts call it: its id, or where it stands, such as
    /// `order_sent.expect[1]` or `contracts[0]`.
    pub label: String,
}

/// A contract over several signals.
#[derive(Debug)]
pub struct CaseContract {
    /// The contract.
    pub contract: ContractPlan,
    /// The signals that it names, in ascending order; it is evaluated when all
    /// of them are settled.
    pub signals: Vec<usize>,
}

impl Plan {
    /// Makes the plan of a case, or tells everything that is wrong between its
    /// signals and with its expressions.
    ///
    /// Expressions need a deep stack: call it on a thread that has
    /// [`contract::STACK_SIZE`].
    pub fn compile(case: impl Into<Arc<Case>>) -> Result<Plan, Vec<CaseViolation>> {
        let case = case.into();
        let mut found = Vec::new();
        let starts = order::resolve(&case.signals, &mut found);
        let mut signals: Vec<_> = case
            .signals
            .iter()
            .zip(starts)
            .enumerate()
            .filter_map(|(i, (signal, starts))| plan_signal(i, signal, starts, &mut found))
            .collect();
        let names: Vec<_> = case.signals.iter().map(|s| s.name.as_str()).collect();
        let scope = Scope::Case { signals: &names };
        let programs: Vec<_> = case
            .contracts
            .iter()
            .enumerate()
            .filter_map(|(i, contract)| {
                let place = format!("contracts[{i}]");
                plan_contract(contract, scope, &place, &place, &mut found)
            })
            .collect();
        if !found.is_empty() {
            return Err(found);
        }

        let by_name: HashMap<_, _, _> = signals
            .iter()
            .enumerate()
            .map(|(i, signal)| (Arc::clone(&signal.name), i))
            .collect();
        order::link(&mut signals);
        let contracts = programs
            .into_iter()
            .map(|contract| {
                let named = contract.program.signals().iter();
                let mut named: Vec<_> = named
                    .filter_map(|name| by_name.get(name.as_str()).copied())
                    .collect();
                named.sort_unstable();
                named.dedup();
                CaseContract {
                    contract,
                    signals: named,
                }
            })
            .collect::<Vec<_>>();
        for (i, contract) in contracts.iter().enumerate() {
            for &signal in &contract.signals {
                if let Some(signal) = signals.get_mut(signal) {
                    signal.contracts.push(i);
                }
            }
        }
        Ok(Plan {
            case,
            signals,
            contracts,
            by_name,
        })
    }

    /// The plan of a case that cannot be judged: without its signals and
    /// contracts.
    pub fn without_signals(case: Arc<Case>) -> Plan {
        Plan {
            case,
            signals: Vec::new(),
            contracts: Vec::new(),
            by_name: HashMap::default(),
        }
    }

    /// The declaration.
    pub fn case(&self) -> &Arc<Case> {
        &self.case
    }

    /// The signals, in the order of the declaration.
    pub fn signals(&self) -> &[SignalPlan] {
        &self.signals
    }

    /// The contracts over several signals, in the order of the declaration.
    pub fn contracts(&self) -> &[CaseContract] {
        &self.contracts
    }

    /// Index of a signal by its name.
    pub fn signal_index(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }
}

fn plan_signal(
    index: usize,
    signal: &Signal,
    starts: Starts,
    found: &mut Vec<CaseViolation>,
) -> Option<SignalPlan> {
    let field = format!("signals[{index}]");
    let key = match &signal.key {
        Some(source) => compile(source, Scope::Key, &format!("{field}.key"), found).map(Some),
        None => Some(None),
    };
    let expect: Vec<_> = signal
        .expect
        .iter()
        .enumerate()
        .filter_map(|(i, contract)| {
            let label = format!("{}.expect[{i}]", signal.name);
            let field = format!("{field}.expect[{i}]");
            plan_contract(contract, Scope::Expect, &field, &label, found)
        })
        .collect();
    Some(SignalPlan {
        name: signal.name.as_str().into(),
        timeout: signal.time_to_come(),
        within: signal.within,
        min: signal.needed(),
        max: signal.max,
        starts,
        dependents: Vec::new(),
        key: key?,
        expect,
        contracts: Vec::new(),
    })
}

fn plan_contract(
    contract: &Contract,
    scope: Scope<'_>,
    field: &str,
    label: &str,
    found: &mut Vec<CaseViolation>,
) -> Option<ContractPlan> {
    let Contract {
        expression,
        id,
        message,
    } = contract;
    let program = compile(expression, scope, &format!("{field}.expression"), found)?;
    let label = if id.is_empty() { label } else { id };
    Some(ContractPlan {
        program,
        id: id.clone(),
        message: message.clone(),
        label: label.to_owned(),
    })
}

fn compile(
    source: &str,
    scope: Scope<'_>,
    field: &str,
    found: &mut Vec<CaseViolation>,
) -> Option<Program> {
    match contract::compile(source, scope) {
        Ok(program) => Some(program),
        Err(errors) => {
            found.extend(errors.into_iter().map(|error| CaseViolation {
                field: field.to_owned(),
                description: error.message,
                at: Some(Place {
                    line: error.line,
                    column: error.column,
                }),
            }));
            None
        }
    }
}
