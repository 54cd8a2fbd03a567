//! The health of cases: control, failures that look alike, and what is counted
//! without being journaled by itself.

use crate::{
    engine::Answer,
    model::{ControlChange, Counts, Event, FailureGroup, Time},
    pb::storage as pb,
};

use super::{CaseView, Node, NodeError, token};

impl Node {
    /// Lays settings over the declaration of a case, or clears them.
    pub async fn control_case(&self, change: ControlChange) -> Result<CaseView, NodeError> {
        let name = change.case_name.clone();
        // Refused before anything is stored.
        self.case(&name)?;
        match self
            .append(&name, Event::CaseControlled(change))
            .answer()
            .await?
        {
            Answer::Controlled(true) => self.case_view(&name),
            Answer::Controlled(false) => Err(NodeError::CaseNotFound(name)),
            other => Err(super::unexpected(&other)),
        }
    }

    /// A page of the failures that look alike, the last seen first, each with the
    /// name of its case, and the token of the next page.
    pub fn list_failures(
        &self,
        case_name: Option<&str>,
        since: Option<Time>,
        page_size: usize,
        page_token: &str,
    ) -> Result<(Vec<(String, FailureGroup)>, String), NodeError> {
        let request = token::request_checksum(&("failures", case_name, since));
        let after = token::read_page_token(page_token, request)?;
        let mut found = Vec::new();
        for partition in self.partitions() {
            let state = partition.lock();
            for (case, health) in state.engine.healths() {
                if case_name.is_some_and(|name| name != case.name) {
                    continue;
                }
                let groups = health.failures().iter();
                let groups =
                    groups.filter(|group| since.is_none_or(|since| group.last_at >= since));
                found.extend(groups.map(|group| (case.name.clone(), group.clone())));
            }
        }
        // Where a page ends: the time at which a group was seen last, and its name.
        let place = |(case, group): &(String, FailureGroup)| {
            let name = format!("{}{case}", group.failure.fingerprint);
            (group.last_at.timestamp_micros(), name)
        };
        if let Some(after) = after {
            let after = (after.time_micros, after.name);
            found.retain(|one| place(one) < after);
        }
        found.sort_by_cached_key(|one| std::cmp::Reverse(place(one)));
        let more = found.len() > page_size;
        found.truncate(page_size);
        let next = match found.last().filter(|_| more) {
            Some(last) => {
                let (time_micros, name) = place(last);
                token::page_token(&pb::PageToken {
                    request,
                    time_micros,
                    name,
                    ..pb::PageToken::default()
                })
            }
            None => String::new(),
        };
        Ok((found, next))
    }

    /// Counts what is not journaled by itself; it reaches the status within about
    /// a second. Of a case that is not there, nothing.
    pub(super) fn count(&self, case_name: &str, add: impl FnOnce(&mut Counts)) {
        self.partition(case_name).count(case_name, add);
    }

    /// Counts a signal without a key and without a current test.
    pub fn count_ignored(&self, case_name: &str) {
        self.count(case_name, |counts| counts.ignored += 1);
    }
}
