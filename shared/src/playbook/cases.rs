//! What is open between us and a customer: somebody should do something about it.

use chrono::TimeDelta;

use super::story::{Story, is_unhappy};
use crate::customer::Customer;
use crate::fact::{Answer, Item, Review};
use crate::settings::Settings;
use crate::time::Time;

/// Two stars or fewer.
const BAD_REVIEW: u16 = 200;

/// What nobody touched for so long is not waited for any more.
const FORGOTTEN_AFTER: TimeDelta = TimeDelta::days(60);

/// One thing that is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    pub since: Time,
    /// `answer:a1`, `review:r1`, `shipment:s1`, `ticket:t1`.
    pub about: String,
    /// As a person reads it: `3 of 0-10`, `parcel delayed`, `ticket open`.
    pub what: String,
    /// What they said themselves.
    pub said: Option<String>,
}

/// Something that an unhappy customer said, and about what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    pub at: Time,
    pub what: String,
    /// Names of the products that it may be about; empty where nobody knows.
    pub products: Vec<String>,
    pub reasons: Vec<String>,
    pub said: Option<String>,
}

/// What is open with this customer, oldest first: their newest answer or review is a bad one, a parcel is in trouble, a
/// ticket is not solved.
pub fn cases(customer: &Customer, settings: &Settings, now: Time) -> Vec<Case> {
    let story = Story::new(customer, settings, now);
    let mut cases: Vec<Case> = newest_bad(customer, now).into_iter().collect();
    for parcel in &story.parcels {
        let Some((since, what)) = parcel.trouble() else { continue };
        let delivered = parcel.reached(&crate::fact::ShipmentState::Delivered).is_some();
        let Some(id) = parcel.ids.first().filter(|_| !delivered && !parcel.is_over()) else { continue };
        let what = ["parcel: ", &what.replace('_', " ")].concat();
        cases.push(Case { since, about: ["shipment:", id].concat(), what, said: None });
    }
    for (id, ticket) in &customer.tickets {
        let Some((at, status)) = ticket.status.reported_at().zip(ticket.status.get()) else { continue };
        let over = matches!(status.as_str(), "solved" | "closed" | "resolved" | "deleted");
        if over || ticket.needed_nobody() {
            continue;
        }
        let since = ticket.created_at.first().copied().unwrap_or(at);
        let what = ["ticket ", status].concat();
        cases.push(Case {
            since,
            about: ["ticket:", id].concat(),
            what,
            said: ticket.subject.get().cloned(),
        });
    }
    cases.retain(|case| case.since <= now && case.since + FORGOTTEN_AFTER > now);
    cases.sort_by(|one, other| (one.since, &one.about).cmp(&(other.since, &other.about)));
    cases
}

/// Every bad answer and review of this customer.
pub fn complaints(customer: &Customer) -> Vec<Complaint> {
    let answers = customer.answers.values().filter_map(|latest| Some((latest.reported_at()?, latest.get()?)));
    let answers = answers.filter(|(_, answer)| is_unhappy(answer)).map(|(at, answer)| Complaint {
        at,
        what: rated(answer),
        products: products(customer, answer.product_id.as_deref(), answer.order_id.as_deref()),
        reasons: answer.tags.iter().cloned().collect(),
        said: answer.comment.clone(),
    });
    let reviews = customer.reviews.values().filter_map(|latest| Some((latest.reported_at()?, latest.get()?)));
    let reviews = reviews.filter(|(_, review)| is_bad(review)).map(|(at, review)| Complaint {
        at,
        what: ["review ", &review.rated].concat(),
        products: products(customer, review.product_id.as_deref(), review.order_id.as_deref()),
        reasons: Vec::new(),
        said: words(review),
    });
    answers.chain(reviews).collect()
}

/// The newest answer or review, if it is a bad one.
fn newest_bad(customer: &Customer, now: Time) -> Option<Case> {
    let answers = customer.answers.iter().filter_map(|(id, latest)| {
        let (since, answer) = (latest.reported_at()?, latest.get()?);
        let case = Case {
            since,
            about: ["answer:", id].concat(),
            what: rated(answer),
            said: answer.comment.clone(),
        };
        Some((case, is_unhappy(answer)))
    });
    let reviews = customer.reviews.iter().filter_map(|(id, latest)| {
        let (since, review) = (latest.reported_at()?, latest.get()?);
        let what = ["review ", &review.rated].concat();
        Some((Case { since, about: ["review:", id].concat(), what, said: words(review) }, is_bad(review)))
    });
    let said = answers.chain(reviews).filter(|(case, _)| case.since <= now);
    let (case, bad) =
        said.max_by(|(one, _), (other, _)| (one.since, &one.about).cmp(&(other.since, &other.about)))?;
    bad.then_some(case)
}

fn is_bad(review: &Review) -> bool {
    review.rating_hundredths <= BAD_REVIEW && !review.withdrawn
}

/// `NPS 3 of 0-10`.
fn rated(answer: &Answer) -> String {
    use crate::fact::SurveyKind;
    let kind = match answer.kind {
        SurveyKind::Nps => "NPS ",
        SurveyKind::Csat => "CSAT ",
        SurveyKind::Ces => "CES ",
    };
    [kind, &answer.score.to_string(), " of ", &answer.scale.to_string()].concat()
}

fn words(review: &Review) -> Option<String> {
    let text = [review.title.as_deref(), review.body.as_deref()];
    let text = text.into_iter().flatten().collect::<Vec<_>>().join(": ");
    (!text.is_empty()).then_some(text)
}

/// What somebody bought under this product id, or else in this order.
fn products(customer: &Customer, product: Option<&str>, order: Option<&str>) -> Vec<String> {
    let items = |order: &crate::customer::Order| order.items.get().cloned().unwrap_or_default();
    let title = |item: Item| item.title;
    if let Some(product) = product {
        let all = customer.orders.values().flat_map(items);
        let named = all.filter(|item| item.product_id.as_deref() == Some(product)).map(title).next();
        return vec![named.unwrap_or_else(|| product.to_owned())];
    }
    order.and_then(|id| customer.orders.get(id)).map(items).into_iter().flatten().map(title).collect()
}
