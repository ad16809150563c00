//! Ids of customers in the addresses of our own pages.

use std::fmt;

use serde::{Serialize, Serializer};
use sha2::{Digest, Sha256};

use super::Customer;
use crate::hex;
use crate::key::Key;

const BYTES: usize = 16;

/// A customer in an address (`/customers/<id>`): the first 128 bits of the SHA-256 of one of their keys, in hex. Tells
/// nothing of the person to whoever reads it over a shoulder or in a log.
///
/// Every key has one, and any of a customer's leads to them. So an id stays good when two customers turn out to be one,
/// although the one that they are then shown under may be another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct CustomerId([u8; BYTES]);

impl CustomerId {
    pub fn of(key: &Key) -> Self {
        let digest: [u8; 32] = Sha256::digest(key.as_str()).into();
        Self(std::array::from_fn(|index| digest[index]))
    }

    /// `None` where the text is no id.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = hex::decode(text).filter(|_| text.len() == 2 * BYTES)?;
        Some(Self(bytes.try_into().ok()?))
    }

    /// By this number a key finds its page: see [`crate::store::page`].
    pub(crate) fn hash(&self) -> u32 {
        let [a, b, c, d, ..] = self.0;
        u32::from_le_bytes([a, b, c, d])
    }
}

impl Customer {
    /// The id to show them under: of a key that is no address and no number where there is one. `None` for what is about
    /// nobody: a week.
    pub fn id(&self) -> Option<CustomerId> {
        let telling = |key: &&Key| matches!(key.kind(), "email" | "phone");
        let key = self.keys.iter().find(|key| !telling(key)).or_else(|| self.root());
        key.filter(|key| key.kind() != "week").map(CustomerId::of)
    }
}

impl fmt::Display for CustomerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.0))
    }
}

impl Serialize for CustomerId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::page::page_of;

    fn key(email: &str) -> Key {
        Key::email(email).expect("an address")
    }

    #[test]
    fn an_id_is_read_as_it_is_written() {
        let id = CustomerId::of(&key("ann@example.com"));
        assert_eq!(CustomerId::parse(&id.to_string()), Some(id));
        assert_eq!(id.to_string().len(), 32);
        for text in
            ["", "ann@example.com", "0f", &"g".repeat(32), &"0".repeat(31), &"0".repeat(34), "/../../"]
        {
            assert_eq!(CustomerId::parse(text), None, "{text}");
        }
    }

    #[test]
    fn an_id_finds_the_page_of_its_key() {
        for pages in [1, 2, 3, 17, 250] {
            let key = key("ann@example.com");
            assert_eq!(crate::store::page::page_at(CustomerId::of(&key).hash(), pages), page_of(&key, pages));
        }
    }

    #[test]
    fn an_address_is_only_used_where_there_is_nothing_else() {
        let order = Key::order("1001").expect("an id");
        let keys = [key("ann@example.com"), order.clone(), Key::phone("+4930123456").expect("a number")];
        let ann = Customer { keys: keys.into(), ..Customer::default() };
        assert_eq!(ann.id(), Some(CustomerId::of(&order)));
        let bob = Customer { keys: [key("bob@example.com")].into(), ..Customer::default() };
        assert_eq!(bob.id(), Some(CustomerId::of(&key("bob@example.com"))));
        assert_eq!(Customer::default().id(), None);
    }
}
