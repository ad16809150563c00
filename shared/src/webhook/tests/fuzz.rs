//! Spoilt payloads, from a corpus of sound ones: whatever comes, the answer is a fact, a reason or a 4xx, never a panic and
//! never a 5xx; and a fact is the same whenever it comes.
//!
//! A normal run takes a moment a sender and always the same one. `AFTERCARE_FUZZ_SECONDS=600 cargo test fuzz` searches for
//! that long a sender, from another seed each time; a failing seed is printed, and `AFTERCARE_FUZZ_SEED` repeats it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::Value;

use super::senders::{files, secret, signed};
use super::{NOW, PEERS, fact};
use crate::time::Time;
use crate::webhook::{Accepted, EVENTS, Route};

/// How often a normal run spoils something, for each sender.
const NORMAL_RUN: u64 = 400;

/// A small generator (xorshift64*): the same numbers everywhere from the same seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 16
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.roll()).unwrap_or(0) % end.max(1)
    }

    fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }
}

/// Values that break readers.
const NASTY: &[&str] = &[
    "null",
    "true",
    "false",
    "0",
    "-0",
    "-1",
    "1e400",
    "1E-7",
    "0.1",
    "18446744073709551616",
    "9007199254740993",
    "99999999999999999999999999999999999999",
    "4.999999999999999",
    "[]",
    "{}",
    "[[]]",
    "[null]",
    "[{}]",
    "{\"\":\"\"}",
    "\"\"",
    "\" \"",
    "\"\\u0000\"",
    "\"\\u202e\"",
    "\"\\ud800\"",
    "\"\\ud83d\\ude00\"",
    "\"é\"",
    "\"None\"",
    "\"xxxxx\"",
    "\"{{ticket.id}}\"",
    "\"0000-00-00T00:00:00Z\"",
    "\"9999-12-31T23:59:59Z\"",
    "\"+262143-12-31T23:59:59Z\"",
    "\"2026-11-21\"",
    "\"2026-11-21T24:00:00\"",
    "\"1795288240\"",
    "9999999999",
    "99999999999",
    "\"-1\"",
    "\"1-5\"",
    "\"<script>alert(1)</script>\"",
    "\"=1+1\"",
    "\"a@b.c\"",
    "\"@\"",
    "\"+49 30 1234567\"",
    "\"https://example.com/?a=b\"",
    "\"javascript:alert(1)\"",
    "\"ssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssss\"",
];

/// The body, spoilt once to four times: by bytes, or by values in place of values.
fn spoil(body: &str, corpus: &[String], dice: &mut Dice) -> Vec<u8> {
    let mut body = body.as_bytes().to_vec();
    for _ in 0..=dice.below(4) {
        let at = dice.below(body.len() + 1);
        match dice.below(8) {
            0 if at < body.len() => body[at] ^= 1 << dice.below(8),
            1 => body.insert(at, *dice.pick(b"{}[]\",:\\ e-.0\n\0\xff")),
            2 => body.truncate(at),
            3 => {
                let end = (at + dice.below(64)).min(body.len());
                body.drain(at..end);
            }
            4 => {
                let other = dice.pick(corpus).as_bytes();
                let start = dice.below(other.len());
                let end = (start + dice.below(64)).min(other.len());
                body.splice(at..at, other[start..end].iter().copied());
            }
            _ => {
                if let Some(spoilt) = std::str::from_utf8(&body).ok().and_then(|text| spoil_value(text, dice))
                {
                    body = spoilt;
                }
            }
        }
    }
    body
}

/// The body with one of its values replaced, taken away, repeated, or given another name.
fn spoil_value(text: &str, dice: &mut Dice) -> Option<Vec<u8>> {
    let mut root: Value = serde_json::from_str(text).ok()?;
    let mut pointers = Vec::new();
    collect(&root, String::new(), &mut pointers);
    if pointers.is_empty() {
        return None;
    }
    let pointer = dice.pick(&pointers).clone();
    if dice.below(4) == 0 {
        let (parent, name) = pointer.rsplit_once('/')?;
        match root.pointer_mut(parent)? {
            Value::Object(object) => _ = object.remove(name),
            Value::Array(items) => {
                let item = items.first()?.clone();
                items.extend(std::iter::repeat_n(item, dice.below(40)));
            }
            _ => {}
        }
        return Some(root.to_string().into_bytes());
    }
    // Put in as text, so that numbers beyond what a `Value` holds come through as well.
    *root.pointer_mut(&pointer)? = Value::from("\u{1}here\u{1}");
    let printed = root.to_string();
    Some(printed.replacen("\"\\u0001here\\u0001\"", NASTY[dice.below(NASTY.len())], 1).into_bytes())
}

fn collect(value: &Value, pointer: String, pointers: &mut Vec<String>) {
    match value {
        Value::Object(object) => {
            for (name, inner) in object {
                collect(inner, format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1")), pointers);
            }
        }
        Value::Array(items) => {
            for (index, inner) in items.iter().enumerate() {
                collect(inner, format!("{pointer}/{index}"), pointers);
            }
        }
        _ => {}
    }
    if !pointer.is_empty() {
        pointers.push(pointer);
    }
}

/// Topics of the senders that have them, which stand in a header; nothing for none.
fn topics(sender: &str) -> (&'static str, &'static [&'static str]) {
    match sender {
        "shopify" => (
            "x-shopify-topic",
            &[
                "orders/updated",
                "orders/edited",
                "refunds/create",
                "returns/close",
                "fulfillments/update",
                "fulfillment_events/create",
                "customers/redact",
                "customers/data_request",
                "shop/redact",
                "app/uninstalled",
                "customers_email_marketing_consent/update",
                "customers_marketing_consent/update",
                "",
            ],
        ),
        "woocommerce" => {
            ("x-wc-webhook-topic", &["order.updated", "product_review.created", "order.deleted", ""])
        }
        _ => ("x-topic", &[""]),
    }
}

/// One delivery, twice: now, and a minute later.
fn check(sender: &str, routes: &[Route], topic: &str, body: &[u8]) -> bool {
    let at = |now: Time| {
        let mut request = signed(sender, body, now).with("x-shopify-triggered-at", "2026-11-21T19:59:58Z");
        if !topic.is_empty() {
            request = request.with(topics(sender).0, topic);
        }
        request.send(routes, &[(sender, secret(sender))])
    };
    let result = at(NOW);
    assert_eq!(
        at(Time::from_seconds(NOW.seconds() + 60)),
        result,
        "the answer depends on when the delivery came"
    );
    match result {
        Err(problem) => {
            assert!((400..500).contains(&problem.status()), "{problem:?}");
            assert_ne!(problem.status(), 401, "it was signed");
            assert!(serde_json::from_slice::<Value>(&problem.to_json()).is_ok());
            false
        }
        Ok(Accepted::Ignored(why)) => {
            assert!(!why.is_empty());
            false
        }
        Ok(accepted) => {
            let fact = fact(Ok(accepted));
            // A fact holds what it read, and no more: escapes may grow sixfold, the rest is names of fields.
            assert!(fact.to_bytes().len() <= body.len() * 6 + 4096, "a fact larger than what it was made of");
            true
        }
    }
}

fn fuzz(sender: &str) {
    let mut corpus: Vec<String> = files(sender).into_iter().map(|(_, text)| text).collect();
    if sender == "webhook" {
        let generic = PEERS.iter().filter(|peer| peer.name.starts_with("generic "));
        corpus.extend(generic.map(|peer| peer.body.to_owned()));
    }
    let reported = EVENTS.into_iter().map(|(_, routes)| routes);
    let events: Vec<&[Route]> =
        reported.filter(|routes| routes.iter().any(|route| route.sender.name == sender)).collect();
    assert!(!events.is_empty(), "{sender} reports nothing");
    assert!(!corpus.is_empty(), "{sender} has no payloads");
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let budget = number("AFTERCARE_FUZZ_SECONDS").map(Duration::from_secs);
    let clock = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |now| now.as_secs());
    let first =
        number("AFTERCARE_FUZZ_SEED").unwrap_or_else(|| if budget.is_some() { clock() << 20 } else { 1 });
    let started = Instant::now();
    let (mut runs, mut facts) = (0_u64, 0_u64);
    while budget.map_or(runs < NORMAL_RUN, |budget| started.elapsed() < budget) {
        let seed = first + runs;
        let mut dice = Dice((seed + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        let sound = dice.pick(&corpus).clone();
        let body = spoil(&sound, &corpus, &mut dice);
        let routes = dice.pick(&events);
        let topic = dice.pick(topics(sender).1);
        let outcome = catch_unwind(AssertUnwindSafe(|| check(sender, routes, topic, &body)));
        let Ok(is_fact) = outcome else {
            panic!("{sender}: AFTERCARE_FUZZ_SEED={seed} fails with {:?}", String::from_utf8_lossy(&body));
        };
        facts += u64::from(is_fact);
        runs += 1;
    }
    println!("{sender}: {runs} spoilt payloads, {facts} of them facts all the same");
}

macro_rules! fuzz {
    ($($sender:ident)+) => {
        $(#[test]
        fn $sender() {
            fuzz(stringify!($sender));
        })+
    };
}

fuzz! { shopify woocommerce bigcommerce webhook aftership easypost shippo typeform delighted judgeme stamped zendesk gorgias chatwoot }
