//! Exports: everything that is held of one person, in one file.

use serde::Serialize;

use crate::customer::{Customer, CustomerId};
use crate::fact::{Event, Fact};
use crate::key::Key;
use crate::query;
use crate::store::view::View;
use crate::store::{Store, StoreError};
use crate::time::Time;
use crate::webhook::problem::Problem;

/// What `GET /customers/export` answers. Times inside are milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Export {
    pub exported_at: String,
    /// All that is known, summed up. Messages have their words as long as those are kept.
    pub customer: Customer,
    /// Each thing that was reported or done, as it is stored.
    pub facts: Vec<Fact>,
}

/// Whose data is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whose {
    Key(Key),
    /// The id under which we show them.
    Id(CustomerId),
    /// The person on whose behalf a platform made the request with this id.
    Request(String),
}

impl Whose {
    /// Reads `request`, `id`, `email`, `phone`, `order` or `customer` from a query string.
    pub fn from_query(query: &str) -> Result<Self, Problem> {
        for (name, value) in query::pairs(query) {
            let key = match name {
                "request" if !value.is_empty() => return Ok(Self::Request(value)),
                "email" => Key::email(&value),
                // A plus sign that was not escaped has become a blank.
                "phone" => Key::phone(&value.replacen(' ', "+", usize::from(value.starts_with(' ')))),
                "order" => Key::order(&value),
                "customer" => Key::customer(&value),
                "id" => {
                    let id = CustomerId::parse(&value);
                    return id
                        .map(Self::Id)
                        .ok_or_else(|| Problem::bad_parameter(name, "This is no id of ours."));
                }
                _ => continue,
            };
            return key
                .map(Self::Key)
                .ok_or_else(|| Problem::bad_parameter(name, "This names nobody; is it spelt right?"));
        }
        let detail = "Say whose data: ?request=, ?id=, ?email=, ?phone=, ?order= or ?customer=.";
        Err(Problem::bad_parameter("request", detail))
    }
}

/// Everything that is held of this person; `None` when nothing is.
pub async fn export(store: &impl Store, whose: Whose, now: Time) -> Result<Option<Export>, StoreError> {
    let key = match whose {
        Whose::Key(key) => Some(key),
        Whose::Id(id) => {
            let customer = View::identified(store, now, id).await?;
            // What is about nobody has no id.
            customer.filter(|customer| customer.id().is_some()).and_then(|customer| customer.root().cloned())
        }
        Whose::Request(id) => View::who_asked(store, now, &id).await?,
    };
    let Some(key) = key else { return Ok(None) };
    let Some((mut customer, facts)) = View::all_of(store, now, &key).await? else { return Ok(None) };
    for fact in &facts {
        if let Event::Message(step) = &fact.event
            && let (Some(body), Some(message)) = (&step.body, customer.messages.get_mut(&step.id))
        {
            message.body = Some(body.clone());
        }
    }
    Ok(Some(Export { exported_at: now.to_string(), customer, facts: facts.into_iter().collect() }))
}

#[cfg(test)]
mod tests {
    use super::Whose;
    use crate::key::Key;

    #[track_caller]
    fn check(query: &str, expected: Option<Key>) {
        assert_eq!(Whose::from_query(query).ok(), expected.map(Whose::Key));
    }

    #[test]
    fn whose_data_is_asked_for() {
        check("email=ann%40example.com", Key::email("ann@example.com"));
        check("email=ann@example.com", Key::email("ann@example.com"));
        check("x=1&order=1001", Key::order("1001"));
        check("phone=%2B49%2030%20123456", Key::phone("+4930123456"));
        check("phone=+4930123456", Key::phone("+4930123456"));
        check("customer=77", Key::customer("77"));
        assert_eq!(Whose::from_query("request=p%2F1"), Ok(Whose::Request("p/1".to_owned())));
    }

    #[test]
    fn what_names_nobody_is_refused() {
        for query in ["", "email=ann", "email=%", "order=", "phone=030", "request=", "q=ann%40example.com"] {
            assert_eq!(Whose::from_query(query).map_err(|problem| problem.status()), Err(400), "{query}");
        }
    }
}
