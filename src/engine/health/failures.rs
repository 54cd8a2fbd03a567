//! Failures that look alike, as one: what they have in common, how many there
//! were, and some examples.

use crate::model::{FailureGroup, TestReport};

use super::cut;

/// Groups kept of a case; the one that was seen least lately goes first.
pub const GROUPS: usize = 64;
/// Examples kept of a group: the first one and the last ones.
const EXAMPLES: usize = 4;

/// The groups of one case.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Failures {
    /// In the order in which they were seen last.
    pub(super) groups: Vec<FailureGroup>,
}

impl Failures {
    /// Adds a failure.
    pub(super) fn add(&mut self, report: &TestReport) {
        let (Some(failure), Some(test)) = (&report.failure, &report.test) else {
            return;
        };
        let same = |group: &FailureGroup| group.failure.fingerprint == failure.fingerprint;
        let mut group = match self.groups.iter().position(same) {
            Some(known) => self.groups.remove(known),
            None => {
                if self.groups.len() >= GROUPS {
                    self.groups.remove(0);
                }
                FailureGroup {
                    failure: failure.clone(),
                    state: report.state,
                    count: 0,
                    first_at: report.concluded_at,
                    last_at: report.concluded_at,
                    examples: Vec::new(),
                    error: String::new(),
                }
            }
        };
        group.count += 1;
        group.last_at = group.last_at.max(report.concluded_at);
        group.error = cut(report.error.as_deref().unwrap_or_default());
        if group.examples.len() >= EXAMPLES {
            group.examples.remove(1);
        }
        group.examples.push(test.id.clone());
        self.groups.push(group);
    }

    /// The groups, in the order in which they were seen last.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &FailureGroup> {
        self.groups.iter()
    }
}
