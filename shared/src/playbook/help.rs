//! help: somebody wrote to us on the page of their order, or asked for their data. The team is told at once; who asked
//! was told on the page when to expect an answer.

use serde_json::{Value, json};

use super::name::Name;
use super::story::{Chapter, Story};
use super::wish::{To, Verdict, Wish};
use crate::customer::Ticket;
use crate::fact::{Help, HelpTopic, PrivacyKind};
use crate::time::Time;

pub(super) fn plan<'a>(story: &Story<'a>, wishes: &mut Vec<Wish<'a>>) {
    for (id, ticket) in &story.customer.tickets {
        let Some((at, help)) = asked(ticket).filter(|(at, _)| story.concerns(Name::Help, *at)) else {
            continue;
        };
        let verdict = if ticket.solved_at.is_empty() {
            let what = if help.topic == HelpTopic::Return { "return" } else { "help" };
            let order = ticket.order_id.get();
            Verdict::say(To::Team, "case-alert", case(story, what, Some(told(help)), order, at))
        } else {
            Verdict::skip("it was answered meanwhile")
        };
        wishes.push(Wish::about(story, Name::Help, ["ticket:", id].concat(), at, verdict));
    }
    // A platform's own requests reach the team through the platform.
    let ours = story.customer.requests.iter().filter(|(id, _)| id.starts_with("page-"));
    for (id, latest) in ours {
        let (Some(at), Some(request)) = (latest.reported_at(), latest.get()) else { continue };
        if request.kind == PrivacyKind::Export && story.concerns(Name::Help, at) {
            let verdict =
                Verdict::say(To::Team, "case-alert", case(story, "export", Some(id.clone()), None, at));
            wishes.push(Wish::about(story, Name::Help, ["request:", id].concat(), at, verdict));
        }
    }
}

/// When a case was opened on the order's page, and what for. What the page could answer by itself is none.
pub(crate) fn asked(ticket: &Ticket) -> Option<(Time, &Help)> {
    let answered = ticket.status.get().is_some_and(|status| status == "answered");
    let (at, help) = (*ticket.created_at.first()?, ticket.help.get()?);
    (!answered).then_some((at, help))
}

/// What was asked for, a line each.
fn told(help: &Help) -> String {
    let mut lines = help.items.clone();
    lines.extend(help.reason.map(|reason| ["(", reason.as_str(), ")"].concat()));
    lines.extend(help.text.clone());
    lines.join("\n")
}

fn case<'a>(
    story: &Story<'a>,
    what: &'static str,
    comment: Option<String>,
    order: Option<&'a String>,
    at: Time,
) -> impl FnOnce() -> Value + use<'a> {
    let (customer, email) = (story.full_name(), story.customer.email());
    let number = order.and_then(|id| story.chapter(id)).and_then(Chapter::number);
    let order = number.or(order.map(String::as_str));
    move || {
        json!({
            "what": what,
            "score": null,
            "scale": null,
            "comment": comment.filter(|comment| !comment.is_empty()),
            "customer": customer,
            "email": email,
            "order": order,
            "carrier": null,
            "tracking_number": null,
            "tracking_url": null,
            "at": at.to_string(),
        })
    }
}
