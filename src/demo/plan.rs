//! Which orders come, and which of them are hurt: all of it from the seed.
//!
//! Pure: the same seed and number give the same orders, and only orders that
//! will be sampled are hurt, as nobody would see it of the others.

use std::collections::HashMap;

use sha2::{Digest, Sha256};

use super::order::{Order, Side};
use crate::model::is_sampled;

/// What is done to an order on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hurt {
    /// Its side changes on the way to the database.
    SideChanged,
    /// The message to the service that executes it is lost.
    MessageLost,
    /// The database takes longer than the case allows.
    StepTooSlow,
    /// The signal of its creation is sent twice.
    SignalDoubled,
    /// The signal of its execution comes before that of the database.
    OutOfOrder,
}

impl Hurt {
    /// Every kind, in the order in which they happen.
    pub const ALL: [Hurt; 5] = [
        Hurt::SideChanged,
        Hurt::MessageLost,
        Hurt::StepTooSlow,
        Hurt::SignalDoubled,
        Hurt::OutOfOrder,
    ];

    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Hurt::SideChanged => "side changed",
            Hurt::MessageLost => "message lost",
            Hurt::StepTooSlow => "step too slow",
            Hurt::SignalDoubled => "signal doubled",
            Hurt::OutOfOrder => "out of order",
        }
    }
}

/// Of so many sampled orders one is hurt.
const HURT_ONE_IN: usize = 3;

/// The orders of a run.
#[derive(Debug)]
pub struct Plan {
    seed: u64,
    orders: u32,
    hurts: HashMap<String, Hurt>,
}

impl Plan {
    /// A plan of so many orders, sampled with this probability.
    pub fn new(seed: u64, orders: u32, probability: f64) -> Self {
        // The first sampled order is left alone, so that a PASS comes first.
        let hurts = (1..=orders)
            .map(|number| id(seed, number))
            .filter(|id| is_sampled(id, probability))
            .skip(1)
            .step_by(HURT_ONE_IN)
            .zip(Hurt::ALL.into_iter().cycle())
            .collect();
        Plan {
            seed,
            orders,
            hurts,
        }
    }

    /// The orders, in the order in which they come.
    pub fn orders(&self) -> impl Iterator<Item = Order> {
        let seed = self.seed;
        (1..=self.orders).map(move |number| order(seed, number))
    }

    /// What is done to the order with this id.
    pub fn hurt(&self, id: &str) -> Option<Hurt> {
        self.hurts.get(id).copied()
    }
}

fn id(seed: u64, number: u32) -> String {
    format!("order-{seed}-{number:03}")
}

fn order(seed: u64, number: u32) -> Order {
    let id = id(seed, number);
    let [side, quantity, cents_high, cents_low, ..] = <[u8; 32]>::from(Sha256::digest(&id));
    Order {
        id,
        side: match side % 2 {
            0 => Side::Buy,
            _ => Side::Sell,
        },
        quantity: u32::from(quantity % 100) + 1,
        price: f64::from(u16::from_be_bytes([cents_high, cents_low]) % 10_000 + 1) / 100.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::{Options, case};

    #[test]
    fn a_default_run_shows_every_hurt_of_sampled_orders() {
        let Options { seed, orders, .. } = Options::default();
        let probability = case::declared().sampled_share();
        let plan = Plan::new(seed, orders, probability);
        let sampled: Vec<_> = plan
            .orders()
            .filter(|order| is_sampled(&order.id, probability))
            .map(|order| plan.hurt(&order.id))
            .collect();
        let [a, b, c, d, e] = Hurt::ALL.map(Some);
        let hurts: Vec<_> = sampled.iter().copied().filter(Option::is_some).collect();
        assert_eq!(hurts.get(..5), Some(&[a, b, c, d, e][..]));
        assert_eq!(
            plan.hurts.len(),
            hurts.len(),
            "unsampled ones are left alone"
        );
        assert_eq!(sampled.get(..3), Some(&[None, a, None][..]));
    }

    #[test]
    fn the_seed_decides() {
        let orders = |seed| Plan::new(seed, 100, 0.5).orders().collect::<Vec<_>>();
        let first = orders(1);
        assert_eq!(first, orders(1));
        assert_ne!(first, orders(2));
        for order in first {
            assert_eq!(Order::from_pb(Some(order.to_pb())).ok(), Some(order));
        }
    }

    #[test]
    fn a_plan_may_be_short() {
        for (orders, probability, hurt) in [(0, 1.0, 0), (1, 1.0, 0), (2, 1.0, 1), (9, 0.0, 0)] {
            let plan = Plan::new(1, orders, probability);
            assert_eq!(plan.hurts.len(), hurt, "{orders} orders");
        }
    }
}
