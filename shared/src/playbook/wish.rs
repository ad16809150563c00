//! What a playbook wishes to say, before the rules for all of them have been asked.

use chrono::TimeDelta;
use serde_json::Value;

use super::name::Name;
use super::story::Story;
use crate::customer::Order;
use crate::message::Step;
use crate::time::Time;
use crate::voucher::Voucher;

/// One message that a playbook would like to send, or has to account for.
pub(super) struct Wish<'a> {
    pub(super) playbook: Name,
    /// Makes the message's id, and so must be the same for every report of the same thing, and nobody else's:
    /// `order:1001`.
    pub(super) cause: String,
    pub(super) due: Time,
    pub(super) expires: Time,
    pub(super) verdict: Verdict<'a>,
}

pub(super) enum Verdict<'a> {
    Say(Say<'a>),
    /// Not to be said after all. Written down when it would have been due.
    End(Step),
}

pub(super) struct Say<'a> {
    pub(super) to: To<'a>,
    /// Folder or file below `templates/`.
    pub(super) template: &'static str,
    /// What the template may name. Only asked for when the message is about to be sent.
    pub(super) context: Box<dyn FnOnce() -> Value + 'a>,
    pub(super) voucher: Option<Voucher>,
}

#[derive(Clone, Copy)]
pub(super) enum To<'a> {
    /// The person, by the address and in the language of this order where there is one.
    Customer(Option<&'a Order>),
    Team,
}

impl<'a> Wish<'a> {
    /// `playbook`'s message about `cause`, which happened at `at`; delay and expiry are the playbook's.
    pub(super) fn about(
        story: &Story<'_>,
        playbook: Name,
        cause: String,
        at: Time,
        verdict: Verdict<'a>,
    ) -> Self {
        Self::after(story, playbook, cause, at, playbook.delay(story.settings).delta(), verdict)
    }

    /// With a delay of its own.
    pub(super) fn after(
        story: &Story<'_>,
        playbook: Name,
        cause: String,
        at: Time,
        delay: TimeDelta,
        verdict: Verdict<'a>,
    ) -> Self {
        let due = at + delay;
        let expires = due + playbook.expires(story.settings).delta();
        Self { playbook, cause, due, expires, verdict }
    }
}

impl<'a> Verdict<'a> {
    pub(super) fn say(to: To<'a>, template: &'static str, context: impl FnOnce() -> Value + 'a) -> Self {
        Self::Say(Say { to, template, context: Box::new(context), voucher: None })
    }

    /// The same, with a voucher that has to be made first.
    pub(super) fn with(mut self, voucher: Option<Voucher>) -> Self {
        if let Self::Say(say) = &mut self {
            say.voucher = voucher;
        }
        self
    }

    pub(super) fn skip(why: impl Into<String>) -> Self {
        Self::End(Step::Skipped { why: why.into() })
    }
}
