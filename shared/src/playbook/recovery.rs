//! recovery: an unhappy customer, told to the team at once.

use chrono::TimeDelta;
use serde_json::json;

use super::{Intent, Planned};
use crate::customer::Customer;
use crate::draft::Draft;
use crate::fact::{Answer, Channel, SurveyKind};
use crate::message::Step;
use crate::settings::Settings;
use crate::time::Time;

const NAME: &str = "recovery";

/// Detractors are those who answer the NPS question with 0 to 6 (Reichheld, 2003).
const DETRACTOR_UP_TO: u8 = 6;

/// An alert about an answer older than this helps nobody to act in time; it also stops a flood on an import.
const USEFUL_FOR: TimeDelta = TimeDelta::days(7);

pub(super) fn plan(customer: &Customer, settings: &Settings, now: Time) -> Vec<Planned> {
    let answers = customer.answers.iter().filter_map(|(id, latest)| {
        let (at, answer) = (latest.reported_at()?, latest.get()?);
        let detractor = answer.kind == SurveyKind::Nps && answer.score <= DETRACTOR_UP_TO;
        let intent = if !detractor {
            return None;
        } else if settings.team_email.is_empty() {
            Intent::End(Step::Skipped { why: "no address for the team is set".to_owned() })
        } else if now > at + USEFUL_FOR {
            Intent::End(Step::Expired { why: format!("answered at {at}") })
        } else {
            Intent::Send(Box::new(alert(customer, settings, answer, at)))
        };
        Some(Planned::new(NAME, format!("answer:{id}"), at, intent))
    });
    answers.collect()
}

fn alert(customer: &Customer, settings: &Settings, answer: &Answer, at: Time) -> Draft {
    let profile = &customer.profile;
    let names = [profile.first_name.get(), profile.last_name.get()];
    let name = names.into_iter().flatten().cloned().collect::<Vec<_>>().join(" ");
    let order = answer.order_id.as_ref().map(|id| {
        let number = customer.orders.get(id).and_then(|order| order.number.get());
        number.unwrap_or(id)
    });
    Draft {
        template: "detractor-alert",
        locale: settings.default_locale.clone(),
        channel: Channel::Email,
        to: settings.team_email.clone(),
        context: json!({
            "score": answer.score,
            "scale": answer.scale.to_string(),
            "comment": answer.comment,
            "customer": Some(name).filter(|name| !name.is_empty()),
            "email": customer.email(),
            "order": order,
            "at": at.to_string(),
        }),
    }
}
