//! struggle: who bought one thing and not what goes with it may be stuck. One entry of the settings is one offer of
//! help.

use serde_json::json;

use super::name::Name;
use super::story::Story;
use super::wish::{To, Verdict, Wish};

pub(super) fn plan<'a>(story: &Story<'a>, wishes: &mut Vec<Wish<'a>>) {
    let purchases = if story.settings.struggles.is_empty() { Vec::new() } else { story.purchases() };
    for struggle in &story.settings.struggles {
        // The first purchase of it: who buys a second machine knows how the first one works.
        let bought =
            purchases.iter().find(|(_, chapter)| chapter.items().any(|item| struggle.bought.matches(item)));
        let Some((placed, chapter)) = bought else { continue };
        let at = *placed + struggle.after.delta();
        if !story.concerns(Name::Struggle, at) {
            continue;
        }
        let goes_on = purchases.iter().any(|(_, chapter)| {
            chapter.items().any(|item| struggle.without.matches(item) && !struggle.bought.matches(item))
        });
        let verdict = if goes_on {
            Verdict::skip("they bought what goes with it")
        } else {
            let first_name = story.first_name();
            Verdict::say(To::Customer(Some(chapter.order)), "struggle", move || {
                json!({
                    "first_name": first_name,
                    "title": struggle.title,
                    "text": Some(&struggle.text).filter(|text| !text.is_empty()),
                    "help_url": Some(&struggle.url).filter(|url| !url.is_empty()),
                })
            })
        };
        let cause = ["order:", chapter.id, ":", &struggle.name].concat();
        wishes.push(Wish::about(story, Name::Struggle, cause, at, verdict));
    }
}
