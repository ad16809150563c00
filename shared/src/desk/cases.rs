//! What the team should look at: open cases, and what unhappy customers say of which product.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde::Serialize;

use crate::customer::{Customer, CustomerId};
use crate::playbook;
use crate::settings::Settings;
use crate::store::view::View;
use crate::store::{Store, StoreError};
use crate::time::{Time, as_text};
use crate::window::Window;

/// Pages of the store that are looked through: see [`super::messages`].
const PART: u32 = 32;

/// So many cases, products and comments are shown.
const CASES: usize = 12;
const PRODUCTS: usize = 8;
const COMMENTS: usize = 3;

/// One open case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Open {
    #[serde(serialize_with = "as_text")]
    pub since: Time,
    pub customer: CustomerId,
    pub name: Option<String>,
    pub about: String,
    pub what: String,
    pub said: Option<String>,
}

/// What is said of one product by people who are unhappy.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Grievance {
    /// How many bad answers and reviews.
    pub count: u64,
    pub reasons: BTreeMap<String, u64>,
    /// Newest first.
    pub comments: Vec<Comment>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Comment {
    #[serde(serialize_with = "as_text")]
    pub at: Time,
    pub customer: CustomerId,
    pub what: String,
    pub said: String,
}

/// What needs somebody's attention.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Attention {
    /// The oldest open cases.
    pub open: Vec<Open>,
    /// How many there are in all.
    pub count: usize,
    /// How many of each kind: `answer`, `review`, `shipment`, `ticket`.
    pub kinds: BTreeMap<String, usize>,
    /// Products with the most complaints first.
    pub grievances: Vec<(String, Grievance)>,
    /// Only a part of a large store was looked at: so many of so many pages.
    pub part: Option<(u32, u32)>,
}

#[derive(Default)]
struct Gathered {
    open: BTreeMap<(Time, String), Open>,
    count: usize,
    kinds: BTreeMap<String, usize>,
    grievances: BTreeMap<String, Grievance>,
}

impl Gathered {
    fn add(&mut self, customer: &Customer, settings: &Settings, days: Window, now: Time) {
        let Some(id) = customer.id() else { return };
        for case in playbook::cases(customer, settings, now) {
            let playbook::Case { since, about, what, said } = case;
            let kind = about.split(':').next().unwrap_or_default().to_owned();
            *self.kinds.entry(kind).or_default() += 1;
            let open =
                Open { since, customer: id, name: customer.full_name(), about: about.clone(), what, said };
            self.open.insert((since, about), open);
            self.count += 1;
            if self.open.len() > CASES {
                self.open.pop_last();
            }
        }
        for complaint in playbook::complaints(customer) {
            let date: NaiveDate = complaint.at.date();
            if date < days.from || date > days.to {
                continue;
            }
            for product in &complaint.products {
                let grievance = self.grievances.entry(product.clone()).or_default();
                grievance.count += 1;
                for reason in &complaint.reasons {
                    *grievance.reasons.entry(reason.clone()).or_default() += 1;
                }
                let Some(said) = &complaint.said else { continue };
                let what = complaint.what.clone();
                grievance.comments.push(Comment { at: complaint.at, customer: id, what, said: said.clone() });
                grievance.comments.sort_by(|one, other| (other.at, &other.said).cmp(&(one.at, &one.said)));
                grievance.comments.truncate(COMMENTS);
            }
        }
    }
}

/// Open cases as of now, and complaints of these days (UTC).
pub async fn attention(
    store: &impl Store,
    settings: &Settings,
    days: Window,
    now: Time,
) -> Result<Attention, StoreError> {
    let visit = |gathered: &mut Gathered, customer: &Customer| gathered.add(customer, settings, days, now);
    let (gathered, pages) = View::scan(store, now, 0..PART, visit).await?;
    let mut grievances: Vec<_> = gathered.grievances.into_iter().collect();
    grievances.sort_by(|(one_name, one), (other_name, other)| {
        other.count.cmp(&one.count).then_with(|| one_name.cmp(other_name))
    });
    grievances.truncate(PRODUCTS);
    Ok(Attention {
        open: gathered.open.into_values().collect(),
        count: gathered.count,
        kinds: gathered.kinds,
        grievances,
        part: (pages > PART).then_some((PART, pages)),
    })
}
