use std::{collections::BTreeMap, time::Duration};

use sha2::{Digest, Sha256};

/// Share of requests that a case samples unless it says otherwise.
pub const DEFAULT_PROBABILITY: f64 = 0.5;
/// Life of an execution unless its case or its submission says otherwise.
pub const DEFAULT_TEST_EXPIRES: Duration = Duration::from_secs(3 * 3600);
/// Longest life of an execution.
pub const MAX_TEST_EXPIRES: Duration = Duration::from_secs(30 * 24 * 3600);
/// Time for a signal to come unless its case says otherwise.
pub const DEFAULT_SIGNAL_TIMEOUT: Duration = Duration::from_secs(30);

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
    Applied(Case),
    /// A case was deleted.
    Deleted(String),
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
