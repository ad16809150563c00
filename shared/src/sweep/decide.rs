//! From plans to the next step of each message. Pure.

use crate::customer::Customer;
use crate::draft::Draft;
use crate::message::{Body, Message, MessageId, Step};
use crate::playbook::{Intent, Planned};
use crate::time::Time;

/// What happens to one message now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    pub id: MessageId,
    pub playbook: String,
    pub cause: String,
    pub next: Next,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Write the step down; nothing is handed over.
    Record(Step),
    /// Put the draft into words, freeze it, hand it over.
    Begin(Box<Draft>),
    /// Hand the frozen message over again. `recorded` when this very attempt was written down before a crash;
    /// `maybe_sent` when an attempt may have been carried out although nobody heard of it.
    Attempt {
        attempt: u32,
        /// How many attempts were made, this one included: those that were held back do not count.
        tries: u32,
        body: Box<Body>,
        first_attempt_at: Time,
        recorded: bool,
        maybe_sent: bool,
    },
}

/// What happens now to each of the customer's messages. Only the holder of the lease may ask: it takes an attempt
/// without an outcome for one that a dead sweep left behind.
pub fn decide(customer: &Customer, planned: &[Planned], now: Time) -> Vec<Decision> {
    let from_plans = planned.iter().filter_map(|plan| {
        let message = customer.messages.get(&plan.id);
        let next = next(message, Some(plan), now)?;
        Some(Decision {
            id: plan.id.clone(),
            playbook: plan.playbook.as_str().to_owned(),
            cause: plan.cause.clone(),
            next,
        })
    });
    let dropped = unplanned(customer, planned).filter_map(|(id, message)| {
        let next = next(Some(message), None, now)?;
        let (playbook, cause) = (message.playbook.clone(), message.cause.clone());
        Some(Decision { id: id.clone(), playbook, cause, next })
    });
    from_plans.chain(dropped).collect()
}

/// When [`decide`] next has something to say, if nothing else happens. Depends on the facts alone, not on when it is
/// asked, so that a rebuilt page is the same to the byte.
pub(crate) fn next_due(customer: &Customer, planned: &[Planned]) -> Option<Time> {
    let plans = planned.iter().filter_map(|plan| due(customer.messages.get(&plan.id), Some(plan)));
    let dropped = unplanned(customer, planned).filter_map(|(_, message)| due(Some(message), None));
    plans.chain(dropped).min()
}

/// Messages under way that no playbook wants any more.
fn unplanned<'a>(
    customer: &'a Customer,
    planned: &'a [Planned],
) -> impl Iterator<Item = (&'a MessageId, &'a Message)> {
    customer.messages.iter().filter(|(id, message)| {
        message.state().is_some_and(|(_, step)| !step.is_terminal())
            && !planned.iter().any(|plan| plan.id == **id)
    })
}

fn next(message: Option<&Message>, plan: Option<&Planned>, now: Time) -> Option<Next> {
    let state = message.and_then(Message::state).map(|(_, step)| step);
    match state {
        Some(step) if step.is_terminal() => None,
        Some(Step::Sending { attempt }) => Some(again(message?, *attempt, true, true, now)),
        Some(Step::Retry { until, .. } | Step::Deferred { until, .. }) if *until > now => None,
        Some(Step::Retry { attempt, .. }) => Some(match plan.map(|plan| &plan.intent) {
            Some(Intent::Send(_)) => again(message?, attempt + 1, false, message?.maybe_sent(), now),
            Some(Intent::Defer { until, why }) => Next::Record(Step::Retry {
                attempt: *attempt,
                until: *until,
                why: why.clone(),
                maybe_sent: message?.maybe_sent(),
                held: false,
            }),
            Some(Intent::Wait) => return None,
            // It cannot be taken back, and to ask the provider about it would be to send it.
            Some(Intent::End(_)) | None if message?.maybe_sent() => Next::Record(Step::Unknown {
                why: "no longer called for, after an attempt whose answer was lost".to_owned(),
            }),
            Some(Intent::End(step)) => Next::Record(step.clone()),
            None => no_longer_called_for(),
        }),
        _ => match plan {
            None => Some(no_longer_called_for()),
            Some(plan) if plan.due > now => None,
            Some(plan) => match &plan.intent {
                Intent::Send(draft) => Some(Next::Begin(draft.clone())),
                Intent::End(step) => Some(Next::Record(step.clone())),
                Intent::Defer { until, why } => {
                    Some(Next::Record(Step::Deferred { until: *until, why: why.clone() }))
                }
                Intent::Wait => None,
            },
        },
    }
}

fn due(message: Option<&Message>, plan: Option<&Planned>) -> Option<Time> {
    match message.and_then(Message::state).map(|(_, step)| step) {
        Some(step) if step.is_terminal() => None,
        // What was put off may since have been planned for later still; or the address that it had is gone, with whoever
        // asked to be forgotten.
        Some(Step::Deferred { until, .. }) => Some(plan.map_or(*until, |plan| plan.due.max(*until))),
        Some(Step::Retry { until, .. }) => match plan {
            Some(Planned { intent: Intent::Wait, due, .. }) => Some((*until).max(*due)),
            _ => Some(*until),
        },
        Some(_) => message.and_then(Message::state).map(|(at, _)| *at),
        None => plan.map(|plan| plan.due),
    }
}

fn no_longer_called_for() -> Next {
    Next::Record(Step::Skipped { why: "no longer called for".to_owned() })
}

/// Hands a frozen message over again, unless the provider could have forgotten its key and send it twice.
fn again(message: &Message, attempt: u32, recorded: bool, maybe_sent: bool, now: Time) -> Next {
    let first =
        message.steps.iter().find(|(_, step)| matches!(step, Step::Sending { .. })).map(|(at, _)| *at);
    match (&message.body, first) {
        (Some(body), Some(first_attempt_at))
            if !maybe_sent || body.provider.may_be_asked_again(first_attempt_at, now) =>
        {
            let tries = message.tries(attempt);
            Next::Attempt { attempt, tries, body: body.clone(), first_attempt_at, recorded, maybe_sent }
        }
        (Some(_), _) => Next::Record(Step::Unknown {
            why: "the answer was lost, and the provider cannot be asked whether it was sent".to_owned(),
        }),
        (None, _) => Next::Record(Step::Failed { why: "its frozen body is missing".to_owned() }),
    }
}
