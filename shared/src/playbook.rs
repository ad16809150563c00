//! Playbooks: what is said, when, and to whom.
//!
//! Pure: a record, the settings and the time go in; what is to be said comes out. Nothing of a plan is stored, so it
//! always follows the facts, up to the moment of sending.
//!
//! Each playbook only says what it wishes, why and until when. Everything that holds for all of them (consent, quiet
//! hours, the cap, holdouts, expiry) is done once, in [`rules`].

mod advocate;
mod alert;
mod cases;
pub(crate) mod delay;
pub mod digest;
pub(crate) mod help;
pub(crate) mod loyalty;
mod milestones;
mod name;
mod onboarding;
pub(crate) mod parcel;
mod recovery;
mod replenish;
mod returns;
mod review_request;
mod review_thanks;
mod rules;
mod shipment_status;
pub(crate) mod story;
mod struggle;
mod survey;
#[cfg(test)]
mod tests;
mod thank_you;
mod win_back;
mod wish;

use crate::customer::Customer;
use crate::draft::Draft;
use crate::message::{MessageId, Step};
use crate::settings::Settings;
use crate::time::Time;

pub use cases::{Case, Complaint, cases, complaints};
pub use loyalty::Earned;
pub use name::{Name, Purpose};
pub(crate) use parcel::Parcel;
use story::Story;
pub(crate) use story::{goodness, goodness_of, is_unhappy};
use wish::Wish;

/// One message that a playbook has in mind for a customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    pub id: MessageId,
    pub playbook: Name,
    /// What it is about: `order:1001`.
    pub cause: String,
    /// When `intent` is to be carried out. Follows from the facts, not from when it is asked.
    pub due: Time,
    pub intent: Intent,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Intent {
    Send(Box<Draft>),
    /// Not to be sent after all: skipped, merged or expired, with the reason.
    End(Step),
    /// Not now: it is night where they are, or they had enough for this week.
    Defer {
        until: Time,
        why: String,
    },
    /// Not due yet, or something is still missing, such as an address. Looked at again when `due`.
    Wait,
}

/// Everything that the playbooks have in mind for this customer as of `now`. Messages that have ended are left out, and
/// so is what was over before the last few days: a shop that imports ten years of orders has nothing to say about them.
pub fn plan(customer: &Customer, settings: &Settings, now: Time) -> Vec<Planned> {
    let story = Story::new(customer, settings, now);
    rules::apply(&story, wishes(&story))
}

/// What somebody earned, and what of it is good at `now`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Points {
    pub balance: u32,
    /// Oldest first.
    pub earned: Vec<Earned>,
}

/// A customer's account of points, made from what they did.
pub fn points(customer: &Customer, settings: &Settings, now: Time) -> Points {
    let account = loyalty::Account::of(&Story::new(customer, settings, now));
    Points { balance: account.balance(now), earned: account.earned }
}

fn wishes<'a>(story: &Story<'a>) -> Vec<Wish<'a>> {
    let mut wishes = Vec::new();
    // In order of importance: where the cap lets only some of them go, these go first.
    thank_you::plan(story, &mut wishes);
    shipment_status::plan(story, &mut wishes);
    delay::plan(story, &mut wishes);
    recovery::plan(story, &mut wishes);
    help::plan(story, &mut wishes);
    returns::plan(story, &mut wishes);
    review_thanks::plan(story, &mut wishes);
    onboarding::plan(story, &mut wishes);
    survey::plan(story, &mut wishes);
    review_request::plan(story, &mut wishes);
    struggle::plan(story, &mut wishes);
    advocate::plan(story, &mut wishes);
    loyalty::plan(story, &mut wishes);
    milestones::plan(story, &mut wishes);
    replenish::plan(story, &mut wishes);
    win_back::plan(story, &mut wishes);
    wishes
}
