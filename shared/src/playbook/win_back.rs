//! win-back: somebody who has been silent for longer than is their habit. Once a lapse; a purchase ends it.

use chrono::TimeDelta;
use serde_json::json;

use super::name::Name;
use super::story::Story;
use super::wish::{To, Verdict, Wish};

pub(super) fn plan<'a>(story: &Story<'a>, wishes: &mut Vec<Wish<'a>>) {
    let purchases = story.purchases();
    let Some((last, chapter)) = purchases.last() else { return };
    let least = Name::WinBack.delay(story.settings).delta();
    // Twice their own median interval, but not before what the shop thinks is long.
    let mut gaps: Vec<TimeDelta> = purchases.windows(2).map(|pair| pair[1].0 - pair[0].0).collect();
    gaps.sort_unstable();
    let own = if gaps.len() >= 2 { gaps[gaps.len() / 2] * 2 } else { TimeDelta::zero() };
    let silence = least.max(own);
    if !story.is_recent(*last + silence + Name::WinBack.expires(story.settings).delta()) {
        return;
    }
    let (first_name, months) = (story.first_name(), (silence.num_days() / 30).max(1));
    let verdict = Verdict::say(
        To::Customer(Some(chapter.order)),
        "win-back",
        move || json!({ "first_name": first_name, "months": months }),
    );
    wishes.push(Wish::after(story, Name::WinBack, ["order:", chapter.id].concat(), *last, silence, verdict));
}
