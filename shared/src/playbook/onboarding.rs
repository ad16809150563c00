//! onboarding: how to make the most of what arrived, step by step. Two products with a step on one day are one mail.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::name::Name;
use super::story::Story;
use super::wish::{To, Verdict, Wish};
use crate::settings::{Span, Step, find_product};

pub(super) fn plan<'a>(story: &Story<'a>, wishes: &mut Vec<Wish<'a>>) {
    let products = &story.settings.products;
    if products.iter().all(|product| product.steps.is_empty()) {
        return;
    }
    for chapter in &story.orders {
        let Some(delivered) = chapter.delivered else { continue };
        let mut by_time: BTreeMap<Span, Vec<(&'a str, &'a Step)>> = BTreeMap::new();
        // What was sent back is listed too, so that its steps end with a reason.
        for item in chapter.order.items.get().into_iter().flatten() {
            for step in find_product(products, item).into_iter().flat_map(|product| &product.steps) {
                let steps = by_time.entry(step.after).or_default();
                if !steps.iter().any(|(_, known)| *known == step) {
                    steps.push((&item.title, step));
                }
            }
        }
        for (after, steps) in by_time {
            let at = delivered + after.delta();
            if !story.concerns(Name::Onboarding, at) {
                continue;
            }
            let kept: Vec<_> = steps
                .into_iter()
                .filter(|(title, _)| chapter.items().any(|item| item.title == *title))
                .collect();
            let verdict = match (chapter.problem(), kept.is_empty()) {
                (Some(problem), _) => Verdict::skip(problem),
                (None, true) => Verdict::skip("what it is about was sent back"),
                (None, false) => {
                    let first_name = story.first_name();
                    Verdict::say(To::Customer(Some(chapter.order)), "onboarding", move || {
                        let steps: Value = kept
                            .iter()
                            .map(|(product, step)| {
                                json!({
                                    "product": product,
                                    "title": step.title,
                                    "text": Some(&step.text).filter(|text| !text.is_empty()),
                                    "step_url": Some(&step.url).filter(|url| !url.is_empty()),
                                })
                            })
                            .collect();
                        json!({ "first_name": first_name, "steps": steps })
                    })
                }
            };
            let cause = ["order:", chapter.id, ":", &after.to_string()].concat();
            wishes.push(Wish::about(story, Name::Onboarding, cause, at, verdict));
        }
    }
}
