//! The health of cases: control, failures that look alike, and what is counted
//! without being journaled by itself.

use crate::{
    engine::Answer,
    model::{ControlChange, Counts, Event, FailureGroup, Time},
    pb::storage as pb,
};

use super::{
    CaseView, Node, NodeError,
    page::{cut, group_bytes, keep_first},
    token,
};

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
        let after = after.as_ref().map(|token| {
            let (fingerprint, case) = token.name.split_once('\n').unwrap_or((&token.name, ""));
            (token.time_micros, fingerprint, case)
        });
        let mut found = Vec::new();
        for partition in self.partitions() {
            let state = partition.lock();
            let of_cases = state.engine.healths();
            let of_cases =
                of_cases.filter(|(case, _)| case_name.is_none_or(|name| name == case.name));
            let groups = of_cases.flat_map(|(case, health)| {
                let groups = health.failures().iter();
                groups.map(|group| (case.name.as_str(), group))
            });
            let mut groups: Vec<_> = groups
                .filter(|(_, group)| since.is_none_or(|since| group.last_at >= since))
                .filter(|(case, group)| after.is_none_or(|after| place(case, group) < after))
                .collect();
            keep_first(&mut groups, page_size.saturating_add(1), |one, other| {
                place(other.0, other.1).cmp(&place(one.0, one.1))
            });
            let groups = groups.into_iter();
            found.extend(groups.map(|(case, group)| (case.to_owned(), group.clone())));
        }
        found.sort_by(|(case, group), (other_case, other)| {
            place(other_case, other).cmp(&place(case, group))
        });
        let more = cut(&mut found, page_size, |(case, group)| {
            group_bytes(case, group)
        });
        let next = match found.last().filter(|_| more) {
            Some((case, group)) => {
                let (time_micros, fingerprint, case) = place(case, group);
                token::page_token(&pb::PageToken {
                    request,
                    time_micros,
                    name: format!("{fingerprint}\n{case}"),
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

/// Place of failures in their list, which has the last seen first: when they were
/// seen last, their fingerprint, and the name of their case.
fn place<'a>(case_name: &'a str, group: &'a FailureGroup) -> (i64, &'a str, &'a str) {
    let last_at = group.last_at.timestamp_micros();
    (last_at, &group.failure.fingerprint, case_name)
}
