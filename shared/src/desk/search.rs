//! Who is meant by a name that somebody typed.

use serde::Serialize;

use crate::customer::{Customer, CustomerId};
use crate::key::Key;
use crate::store::view::View;
use crate::store::{Store, StoreError};
use crate::time::Time;

/// A customer who has the name that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Found {
    pub id: CustomerId,
    /// What of theirs has this name: `email`, `order`, `tracking`, ...
    pub matched: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// Numbers of their orders, as the buyer sees them where they are known.
    pub orders: Vec<String>,
}

/// Everybody who has this e-mail address, phone number, order id or number, tracking number, customer id, or id of a
/// parcel or ticket.
pub async fn search(store: &impl Store, now: Time, name: &str) -> Result<Vec<Found>, StoreError> {
    let customers = View::customers(store, now, &Key::possible(name)).await?;
    Ok(customers.iter().filter_map(|(customer, by)| found(customer, by)).collect())
}

/// The customer whom an id means, or else a name that is only one's.
pub async fn identified(store: &impl Store, now: Time, text: &str) -> Result<Option<Customer>, StoreError> {
    if let Some(id) = CustomerId::parse(text)
        && let Some(customer) = View::identified(store, now, id).await?
        // What is about nobody has no id.
        && customer.id().is_some()
    {
        return Ok(Some(customer));
    }
    let mut customers = View::customers(store, now, &Key::possible(text)).await?;
    Ok(if customers.len() == 1 { customers.pop().map(|(customer, _)| customer) } else { None })
}

fn found(customer: &Customer, by: &[Key]) -> Option<Found> {
    let order = |(id, order): (&String, &crate::customer::Order)| order.number.get().unwrap_or(id).clone();
    Some(Found {
        id: customer.id()?,
        matched: by.iter().map(|key| key.kind().to_owned()).collect(),
        name: customer.full_name(),
        email: customer.email().map(str::to_owned),
        phone: customer.phone().map(str::to_owned),
        orders: customer.orders.iter().map(order).collect(),
    })
}
