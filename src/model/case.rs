use std::{collections::BTreeMap, sync::Arc, time::Duration};

use sha2::{Digest, Sha256};

use super::{CaseControl, Probe, Transition};

/// Share of requests that a case samples unless it says otherwise.
pub const DEFAULT_PROBABILITY: f64 = 0.5;
/// Life of an execution unless its case or its submission says otherwise.
pub const DEFAULT_TEST_EXPIRES: Duration = Duration::from_secs(3 * 3600);
/// Longest life of an execution.
pub const MAX_TEST_EXPIRES: Duration = Duration::from_secs(30 * 24 * 3600);
/// Time for a signal to come unless its case says otherwise.
pub const DEFAULT_SIGNAL_TIMEOUT: Duration = Duration::from_secs(30);

/// How long no execution may come unless the case says otherwise.
pub const DEFAULT_WARN_STALLED_AFTER: Duration = Duration::from_secs(30 * 60);
/// Failures in a row that make a failed case unless it says otherwise.
pub const DEFAULT_MAX_CONSECUTIVE_FAILURES: u32 = 30;
/// How long after its last failure a case may recover unless it says otherwise.
pub const DEFAULT_STATE_TRANSITION_DELAY: Duration = Duration::from_secs(60);
/// Length of the histories unless the case says otherwise.
pub const DEFAULT_MAX_HISTORY: u32 = 100;

/// A case as it was declared: what is left out is `None`, the methods give the
/// defaults.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    /// Name of the case.
    pub name: String,
    /// What the case is about.
    pub description: String,
    /// Labels for people and tools.
    pub labels: BTreeMap<String, String>,
    /// Whether executions are judged.
    pub active: Option<bool>,
    /// Share of requests that are sampled, 0 to 1.
    pub probability: Option<f64>,
    /// Life of an execution.
    pub test_expires: Option<Duration>,
    /// The signals that the case knows, in the order in which they are expected.
    pub signals: Vec<Signal>,
    /// Contracts over several signals and the execution.
    pub contracts: Vec<Contract>,
    /// How long no execution may come; zero: for ever.
    pub warn_stalled_after: Option<Duration>,
    /// A request that LiveCheck itself makes.
    pub probe: Option<Probe>,
    /// Failures in a row that make a failed case.
    pub max_consecutive_failures: Option<u32>,
    /// How long after its last failure it may recover.
    pub state_transition_delay: Option<Duration>,
    /// Length of the histories.
    pub max_history: Option<u32>,
    /// Executions that may start within a second on the long run.
    pub max_executions_per_second: Option<f64>,
    /// Executions that may be live at once.
    pub max_live_executions: Option<u32>,
    /// Names of the webhooks that are told of its transitions.
    pub webhooks: Vec<String>,
    /// Number of the declaration, from 1; 0 before it is applied.
    pub revision: u64,
}

impl Case {
    /// Whether executions are judged.
    pub fn is_active(&self) -> bool {
        self.active.unwrap_or(true)
    }

    /// Share of requests that are sampled.
    pub fn sampled_share(&self) -> f64 {
        self.probability.unwrap_or(DEFAULT_PROBABILITY)
    }

    /// Life of an execution.
    pub fn execution_life(&self) -> Duration {
        self.test_expires.unwrap_or(DEFAULT_TEST_EXPIRES)
    }

    /// How long no execution may come; none: for ever.
    pub fn stalled_after(&self) -> Option<Duration> {
        let after = self
            .warn_stalled_after
            .unwrap_or(DEFAULT_WARN_STALLED_AFTER);
        Some(after).filter(|after| !after.is_zero())
    }

    /// Failures in a row that make a failed case.
    pub fn failures_to_fail(&self) -> u32 {
        self.max_consecutive_failures
            .unwrap_or(DEFAULT_MAX_CONSECUTIVE_FAILURES)
    }

    /// How long after its last failure it may recover.
    pub fn recovers_after(&self) -> Duration {
        self.state_transition_delay
            .unwrap_or(DEFAULT_STATE_TRANSITION_DELAY)
    }

    /// Length of the histories.
    pub fn history_length(&self) -> usize {
        self.max_history.unwrap_or(DEFAULT_MAX_HISTORY) as usize
    }
}

/// A signal that a case knows.
#[derive(Clone, Debug, PartialEq)]
pub struct Signal {
    /// Name of the signal.
    pub name: String,
    /// From the start of its clock to its deadline.
    pub timeout: Option<Duration>,
    /// Needed signals after which its clock starts; empty: the nearest needed
    /// one before it.
    pub after: Vec<String>,
    /// Whether its clock starts with the execution.
    pub at_start: bool,
    /// How many must come.
    pub min: Option<u32>,
    /// How many may come.
    pub max: Option<u32>,
    /// Longest time from the start of the execution.
    pub within: Option<Duration>,
    /// CEL over `execution`: the key that it carries besides the execution's id.
    pub key: Option<String>,
    /// Contracts evaluated when it arrives.
    pub expect: Vec<Contract>,
}

impl Signal {
    /// From the start of its clock to its deadline.
    pub fn time_to_come(&self) -> Duration {
        self.timeout.unwrap_or(DEFAULT_SIGNAL_TIMEOUT)
    }

    /// How many must come.
    pub fn needed(&self) -> u32 {
        self.min.unwrap_or(1)
    }
}

/// A CEL expression that must be true.
#[derive(Clone, Debug, PartialEq)]
pub struct Contract {
    /// The expression.
    pub expression: String,
    /// Name of the contract; empty if none.
    pub id: String,
    /// What a violation means; empty if not said.
    pub message: String,
}

/// A change of the set of cases.
#[derive(Clone, Debug, PartialEq)]
pub enum CaseChange {
    /// A case was created or replaced.
    Applied(Arc<Case>),
    /// A case was deleted.
    Deleted(String),
    /// The health of a case changed.
    Transitioned(Arc<Transition>),
    /// The settings of a case were changed at runtime.
    Controlled {
        /// Name of the case.
        case_name: String,
        /// What now lies over its declaration.
        control: CaseControl,
    },
}

impl CaseChange {
    /// Name of the case.
    pub fn case_name(&self) -> &str {
        match self {
            CaseChange::Applied(case) => &case.name,
            CaseChange::Deleted(name) => name,
            CaseChange::Transitioned(transition) => &transition.case_name,
            CaseChange::Controlled { case_name, .. } => case_name,
        }
    }
}

/// Whether an execution is sampled: the top 53 bits of SHA-256 of its id,
/// divided by 2^53, are below the probability. So every retry and every client,
/// in any language, decides alike.
pub fn is_sampled(id: &str, probability: f64) -> bool {
    let digest = Sha256::digest(id.as_bytes());
    let mut top = [0; 8];
    top.copy_from_slice(&digest[..8]);
    let bits = u64::from_be_bytes(top) >> 11;
    (bits as f64) / ((1_u64 << 53) as f64) < probability
}
