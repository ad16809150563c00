//! Playbooks: what is said, when, and to whom.
//!
//! Pure: a record, the settings and the time go in; what is to be said comes out. Nothing of a plan is stored, so it
//! always follows the facts, up to the moment of sending.

mod recovery;
mod thank_you;

use crate::customer::Customer;
use crate::draft::Draft;
use crate::message::{MessageId, Step};
use crate::settings::Settings;
use crate::time::Time;

/// One message that a playbook has in mind for a customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    pub id: MessageId,
    pub playbook: &'static str,
    /// What it is about: `order:1001`.
    pub cause: String,
    /// When `intent` is to be carried out.
    pub due: Time,
    pub intent: Intent,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Intent {
    Send(Box<Draft>),
    /// Not to be sent after all: skipped, merged or expired, with the reason.
    End(Step),
    /// Something is still missing, such as an address. Looked at again when `due`.
    Wait,
}

impl Planned {
    fn new(playbook: &'static str, cause: String, due: Time, intent: Intent) -> Self {
        Self { id: MessageId::new(playbook, &cause), playbook, cause, due, intent }
    }
}

/// Everything that the playbooks have in mind for this customer as of `now`, messages that already ended included:
/// their intent has no effect any more.
pub fn plan(customer: &Customer, settings: &Settings, now: Time) -> Vec<Planned> {
    let mut planned = thank_you::plan(customer, settings, now);
    planned.extend(recovery::plan(customer, settings, now));
    planned
}
