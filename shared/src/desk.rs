//! What the team looks up: customers and how it went with them, messages and how they ended.
//!
//! Everything is read from records and counts facts that no sweep has met yet. Who is found under a name is exact: there
//! is no search in text, so nobody is found who was not asked for.

mod cases;
mod messages;
mod search;
#[cfg(test)]
pub(crate) mod tests;
mod timeline;

pub use cases::{Attention, Comment, Grievance, Open, attention};
pub use messages::{Asked, Listed, Listing, Took, messages};
pub use search::{Found, identified, search};
pub use timeline::{Entry, Kind, Score, Timeline, Upcoming, timeline};
