//! The case by which the orders are judged, declared in `case.yaml`.

use crate::{casefile, model::Case};

/// Name of the case.
pub const CASE_NAME: &str = "orders.test_order";

/// Signal of the service where orders come in.
pub(super) const ORDER_RECEIVED: &str = "order_received";
/// Signal of the service that creates orders.
pub(super) const ORDER_CREATED: &str = "order_created";
/// Signal of the service that writes orders to the database.
pub(super) const ORDER_WRITTEN: &str = "order_written";
/// Signal of the service that executes orders.
pub(super) const ORDER_EXECUTED: &str = "order_executed";

const FILE: &str = include_str!("case.yaml");

/// The case.
pub(super) fn declared() -> Case {
    read(FILE).expect("the case of the demo is valid; a test reads it")
}

fn read(yaml: &str) -> Result<Case, String> {
    let cases = casefile::parse("case.yaml", yaml.as_bytes());
    let cases = cases.map_err(|errors| {
        let lines: Vec<_> = errors.iter().map(ToString::to_string).collect();
        lines.join("\n")
    })?;
    let mut cases = cases.into_iter().map(|document| document.case);
    cases.next().ok_or_else(|| "there is no case".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::Options;

    #[test]
    fn the_file_declares_what_the_services_do() {
        let case = read(FILE).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(case.name, CASE_NAME);
        let names: Vec<_> = case.signals.iter().map(|signal| &signal.name).collect();
        assert_eq!(
            names,
            [ORDER_RECEIVED, ORDER_CREATED, ORDER_WRITTEN, ORDER_EXECUTED]
        );
    }

    #[test]
    fn the_slow_step_takes_longer_than_the_case_allows() {
        let slowness = Options::default().slowness;
        let case = declared();
        for signal in &case.signals {
            assert!(slowness > signal.time_to_come(), "{}", signal.name);
            // It is the signal that is late, not the whole execution.
            assert!(case.execution_life() > signal.time_to_come() * 2);
        }
    }
}
