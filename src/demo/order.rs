//! An order as the services know it.
//!
//! Invariant: what is read from a request is a valid order, or every field that
//! is wrong is named.

use serde_json::{Map, json};
use tonic::Status;

use crate::{
    convert::{Violations, names::check_id},
    model::Json,
    pb::demo as pb,
};

/// Whether to buy or to sell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Buy,
    Sell,
}

impl Side {
    pub fn other(self) -> Self {
        match self {
            Side::Buy => Side::Sell,
            Side::Sell => Side::Buy,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Side::Buy => "buy",
            Side::Sell => "sell",
        }
    }
}

/// An order.
#[derive(Clone, Debug, PartialEq)]
pub struct Order {
    pub id: String,
    pub side: Side,
    pub quantity: u32,
    pub price: f64,
}

impl Order {
    /// Reads the order of a request.
    pub fn from_pb(pb: Option<pb::Order>) -> Result<Self, Status> {
        let pb::Order {
            id,
            side,
            quantity,
            price,
        } = pb.ok_or_else(|| Status::invalid_argument("order: must be set"))?;
        let mut bad = Violations::new();
        check_id(&id, &mut bad.field("order.id"));
        let side = match pb::Side::try_from(side) {
            Ok(pb::Side::Buy) => Some(Side::Buy),
            Ok(pb::Side::Sell) => Some(Side::Sell),
            Ok(pb::Side::Unspecified) | Err(_) => {
                bad.add_to("order.side", "must be SIDE_BUY or SIDE_SELL");
                None
            }
        };
        if quantity == 0 {
            bad.add_to("order.quantity", "must be more than zero");
        }
        if !(price > 0.0 && price.is_finite()) {
            bad.add_to("order.price", "must be more than zero");
        }
        let order = side.map(|side| Order {
            id,
            side,
            quantity,
            price,
        });
        bad.finish(order)
            .map_err(|bad| Status::invalid_argument(bad.to_string()))
    }

    /// Writes it for a request.
    pub fn to_pb(&self) -> pb::Order {
        let side = match self.side {
            Side::Buy => pb::Side::Buy,
            Side::Sell => pb::Side::Sell,
        };
        pb::Order {
            id: self.id.clone(),
            side: side.into(),
            quantity: self.quantity,
            price: self.price,
        }
    }

    /// What a test execution is told of it: everything but the id, which is
    /// the execution's.
    pub fn named_args(&self) -> Map<String, Json> {
        [
            ("side".to_owned(), json!(self.side.name())),
            ("quantity".to_owned(), json!(self.quantity)),
            ("price".to_owned(), json!(self.price)),
        ]
        .into_iter()
        .collect()
    }

    /// What a signal says of it.
    pub fn signal_value(&self) -> Json {
        let mut fields = self.named_args();
        fields.insert("id".to_owned(), json!(self.id));
        Json::Object(fields)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_read_or_every_bad_field_is_named() {
        let good = pb::Order {
            id: "o-1".to_owned(),
            side: pb::Side::Sell.into(),
            quantity: 7,
            price: 9.5,
        };
        let order = Order::from_pb(Some(good.clone())).expect("is valid");
        assert_eq!(order.to_pb(), good);
        assert_eq!(
            order.signal_value(),
            json!({"id": "o-1", "side": "sell", "quantity": 7, "price": 9.5})
        );

        let bad_price = |price| pb::Order {
            price,
            ..good.clone()
        };
        for (order, fields) in [
            (None, &["order"][..]),
            (
                Some(pb::Order::default()),
                &["order.id", "order.side", "order.quantity", "order.price"],
            ),
            (Some(bad_price(f64::NAN)), &["order.price"]),
            (Some(bad_price(f64::INFINITY)), &["order.price"]),
            (
                Some(pb::Order {
                    side: 17,
                    ..good.clone()
                }),
                &["order.side"],
            ),
        ] {
            let status = Order::from_pb(order).expect_err("is not valid");
            assert_eq!(status.code(), tonic::Code::InvalidArgument);
            let named: Vec<_> = status
                .message()
                .split("; ")
                .filter_map(|line| Some(line.split_once(": ")?.0))
                .collect();
            assert_eq!(named, fields);
        }
    }
}
