//! The order system and whole runs, against a LiveCheck server that writes
//! down what it is sent.

mod mock;
mod runs;
mod system;

use super::*;
use crate::model::is_sampled;
use mock::{Behaviour, Mock};
use plan::Plan;

/// The plan of these options, with the probability of the case.
fn plan(options: &Options) -> Plan {
    Plan::new(
        options.seed,
        options.orders,
        case::declared().sampled_share(),
    )
}

fn sampled(order_id: &str) -> bool {
    is_sampled(order_id, case::declared().sampled_share())
}
