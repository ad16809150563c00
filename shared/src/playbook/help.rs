//! help: somebody wrote to us on the page of their order, or asked for their data. The team is told at once; who asked
//! was told on the page when to expect an answer.

use super::alert::{Details, alert};
use super::name::Name;
use super::story::Story;
use super::wish::{Verdict, Wish};
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
            let order = story.number_of(ticket.order_id.get().map(String::as_str));
            alert(story, at, Details { what, comment: Some(told(help)), order, ..Details::default() })
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
            let case = Details { what: "export", comment: Some(id.clone()), ..Details::default() };
            let verdict = alert(story, at, case);
            wishes.push(Wish::about(story, Name::Help, ["request:", id].concat(), at, verdict));
        }
    }
}

/// When a case was opened on the order's page, and what for. What the page could answer by itself is none.
pub(crate) fn asked(ticket: &Ticket) -> Option<(Time, &Help)> {
    let (at, help) = (*ticket.created_at.first()?, ticket.help.get()?);
    (!ticket.needed_nobody()).then_some((at, help))
}

/// What was asked for, a line each.
fn told(help: &Help) -> String {
    let mut lines = help.items.clone();
    lines.extend(help.reason.map(|reason| ["(", reason.as_str(), ")"].concat()));
    lines.extend(help.text.clone());
    lines.join("\n")
}
