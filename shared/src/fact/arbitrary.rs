//! Arbitrary facts of every kind, over alphabets so small that ids, people and times collide all the time.
//!
//! Boxed part by part: as one type they would outgrow a test's stack.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use proptest::collection::{btree_map, btree_set, vec};
use proptest::prelude::*;
use proptest::sample::{Index, select, subsequence};

use super::{
    Answer, Channel, ConsentReport, Contact, Direction, Event, Fact, Fetch, FetchReport, FetchStep, Help,
    HelpTopic, Item, OrderReport, OrderStage, PrivacyKind, PrivacyRequest, Reach, ReachReport, Refund,
    ReturnReason, Review, Scale, ShipmentReport, ShipmentState, SurveyKind, TicketReport, Topic,
};
use crate::channel::Provider;
use crate::field::Field;
use crate::key::Key;
use crate::message::{Body, MessageId, MessageStep, Step};
use crate::money::Money;
use crate::time::Time;

/// Facts, with copies among them: a delivery may come twice.
pub(crate) fn facts(count: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Fact>> {
    (vec(fact(), count), vec(any::<Index>(), 0..4)).prop_map(|(mut facts, copies)| {
        for copy in copies {
            facts.push(copy.get(&facts).clone());
        }
        facts
    })
}

/// One fact that may stand in a record: no request to be forgotten.
pub(crate) fn fact() -> impl Strategy<Value = Fact> {
    (time(), select(vec!["shopify", "generic"]), keys(), event()).prop_map(|(at, source, mut keys, event)| {
        keys.extend(own_key(&event));
        Fact { at, source: source.to_owned(), keys, event }
    })
}

/// What every reader of webhooks sees to: reports of one thing share a key, or they could end in two records.
fn own_key(event: &Event) -> Option<Key> {
    match event {
        Event::Order(report) => Key::order(&report.id),
        Event::Shipment(report) => Key::shipment(&report.id),
        Event::Answer(answer) => Key::person("answer", &answer.id),
        Event::Review(review) => Key::person("review", &review.id),
        Event::Ticket(report) => Key::ticket(&report.id),
        Event::Privacy(request) => Key::person("request", &request.id),
        Event::Fetch(fetch) => Key::order(&fetch.order_id),
        Event::Fetched(report) => Key::order(&report.order_id),
        Event::Message(step) => {
            let (kind, id) = step.cause.split_once(':')?;
            if kind == "order" { Key::order(id) } else { Key::person(kind, id) }
        }
        Event::Reach(reach) => Reach::key(reach.channel, &reach.address),
        Event::Consent(_) | Event::Past(_) => None,
    }
}

/// Days, hours and milliseconds apart, and often the same.
fn time() -> impl Strategy<Value = Time> {
    let base = Time::parse("2026-11-21T20:00:00Z").expect("a time").millis();
    (0..3_i64, 0..2_i64, 0..2_i64).prop_map(move |(day, hour, milli)| {
        Time::from_millis(base + day * 86_400_000 + hour * 3_600_000 + milli)
    })
}

fn id() -> impl Strategy<Value = String> {
    select(vec!["1", "2", "9007199254740993"]).prop_map(str::to_owned)
}

fn word() -> impl Strategy<Value = String> {
    select(vec!["", "a", "Ä ö", "\"\\\u{1f600}", "<b>"]).prop_map(str::to_owned)
}

fn maybe<T: std::fmt::Debug + Clone>(of: impl Strategy<Value = T>) -> impl Strategy<Value = Option<T>> {
    proptest::option::of(of)
}

fn keys() -> BoxedStrategy<BTreeSet<Key>> {
    let all: Vec<Key> = [
        Key::customer("1"),
        Key::customer("2"),
        Key::email("ann@example.com"),
        Key::email("ann@work.example"),
        Key::email("bob@example.com"),
        Key::phone("+49 30 1234567"),
        Key::order("1"),
        Key::order_number("1001"),
        Key::tracking("0034 1"),
        Key::shipment("1"),
        Key::ticket("2"),
    ]
    .into_iter()
    .flatten()
    .collect();
    subsequence(all, 1..=2).prop_map(BTreeSet::from_iter).boxed()
}

fn money() -> impl Strategy<Value = Money> {
    (0..3_i64, select(vec!["EUR", "JPY"]))
        .prop_map(|(minor, currency)| Money { minor, currency: currency.to_owned() })
}

fn field(of: impl Strategy<Value = String>) -> impl Strategy<Value = Field<String>> {
    maybe(maybe(of)).prop_map(|said| match said {
        None => Field::Absent,
        Some(None) => Field::None,
        Some(Some(value)) => Field::Some(value),
    })
}

fn date() -> impl Strategy<Value = NaiveDate> {
    time().prop_map(Time::date)
}

fn contact() -> BoxedStrategy<Contact> {
    let channel = select(vec![Channel::Email, Channel::Sms, Channel::Whatsapp]);
    let address = select(vec!["ann@example.com", "Ann@Work.example", "no address"]).prop_map(str::to_owned);
    let names = (maybe(word()), maybe(word()));
    let place = (maybe(select(vec!["de", "en-CA"])), maybe(word()), maybe(word()));
    let marketing = (btree_map(channel, any::<bool>(), 0..2), maybe(time()));
    (field(address), field(word()), names, place, marketing)
        .prop_map(
            |(
                email,
                phone,
                (first_name, last_name),
                (locale, country, region),
                (marketing, marketing_at),
            )| {
                Contact {
                    email,
                    phone,
                    first_name,
                    last_name,
                    locale: locale.map(str::to_owned),
                    country,
                    region,
                    marketing,
                    marketing_at,
                }
            },
        )
        .boxed()
}

fn event() -> BoxedStrategy<Event> {
    prop_oneof![
        4 => order().prop_map(Event::Order),
        2 => shipment().prop_map(Event::Shipment),
        4 => answer().prop_map(Event::Answer),
        1 => review().prop_map(Event::Review),
        1 => ticket().prop_map(Event::Ticket),
        2 => consent().prop_map(Event::Consent),
        1 => (id(), select(vec![PrivacyKind::Export, PrivacyKind::Uninstalled]))
            .prop_map(|(id, kind)| Event::Privacy(PrivacyRequest { id, kind })),
        1 => id().prop_map(|order_id| Event::Fetch(Fetch { platform: "bigcommerce".to_owned(), order_id })),
        1 => (id(), time(), fetch_step()).prop_map(|(order_id, asked, step)| {
            Event::Fetched(FetchReport { platform: "bigcommerce".to_owned(), order_id, asked, step })
        }),
        3 => message().prop_map(Event::Message),
        1 => reach().prop_map(Event::Reach),
    ]
    .boxed()
}

fn consent() -> BoxedStrategy<ConsentReport> {
    let birthday = maybe(maybe(date())).prop_map(|said| match said {
        None => Field::Absent,
        Some(None) => Field::None,
        Some(Some(date)) => Field::Some(date),
    });
    let topics = btree_map(select(vec![Topic::Purchases, Topic::Offers]), any::<bool>(), 0..2);
    let language = field(select(vec!["de", "pl"]).prop_map(str::to_owned));
    (contact(), birthday, topics, language, maybe(time()), 0..3_u8)
        .prop_map(|(contact, birthday, topics, language, paused_until, change)| ConsentReport {
            contact,
            birthday,
            topics,
            language,
            paused_until,
            change,
        })
        .boxed()
}

fn fetch_step() -> BoxedStrategy<FetchStep> {
    prop_oneof![
        (1..3_u32, time(), word()).prop_map(|(attempt, until, why)| FetchStep::Retry { attempt, until, why }),
        word().prop_map(|why| FetchStep::Failed { why }),
        Just(FetchStep::Gone),
        Just(FetchStep::Got),
    ]
    .boxed()
}

fn order() -> BoxedStrategy<OrderReport> {
    let stage = select(vec![
        OrderStage::Placed,
        OrderStage::Paid,
        OrderStage::PartlyFulfilled,
        OrderStage::Fulfilled,
        OrderStage::Returned,
        OrderStage::Refunded,
        OrderStage::Cancelled,
    ]);
    let item = (word(), 0..2_u32, maybe(money()), btree_set(word(), 0..2))
        .prop_map(|(title, quantity, price, tags)| Item { title, tags, quantity, price, ..Item::default() });
    let refund = (time(), maybe(money()), maybe(word()), btree_map(id(), 0..2_u32, 0..2))
        .prop_map(|(at, amount, reason, lines)| Refund { at, amount, reason, lines });
    let sums = (maybe(money()), maybe(money()), maybe(vec(item, 0..2)));
    let back = (btree_map(id(), refund, 0..2), btree_map(id(), word(), 0..2));
    let rest = (maybe(date()), maybe(word()), proptest::bool::weighted(0.1));
    (id(), maybe(id()), btree_map(stage, time(), 0..4), sums, back, rest, contact())
        .prop_map(
            |(
                id,
                number,
                stages,
                (total, shown_total, items),
                (refunds, returns),
                (promised_by, status_url, test),
                contact,
            )| {
                OrderReport {
                    id,
                    number,
                    stages,
                    total,
                    shown_total,
                    items,
                    refunds,
                    returns,
                    promised_by,
                    status_url,
                    test,
                    contact,
                }
            },
        )
        .boxed()
}

fn shipment() -> BoxedStrategy<ShipmentReport> {
    let state = select(vec!["packed", "out_for_delivery", "delivered", "at the neighbour's", ""]);
    let states = btree_map(state.prop_map(ShipmentState::from), time(), 0..3);
    let carrier = (maybe(word()), maybe(word()), maybe(word()), maybe(word()));
    (id(), maybe(id()), states, btree_set(id(), 0..2), carrier, maybe(time()), contact())
        .prop_map(
            |(
                id,
                order_id,
                states,
                tracking_numbers,
                (tracking_url, carrier, carrier_phone, note),
                estimated_at,
                contact,
            )| {
                ShipmentReport {
                    id,
                    order_id,
                    states,
                    tracking_numbers,
                    tracking_url,
                    carrier,
                    carrier_phone,
                    estimated_at,
                    note,
                    contact,
                }
            },
        )
        .boxed()
}

fn answer() -> BoxedStrategy<Answer> {
    let kind = select(vec![
        (SurveyKind::Nps, Scale::NPS),
        (SurveyKind::Csat, Scale { min: 1, max: 5, good: Direction::High }),
        (SurveyKind::Ces, Scale { min: 1, max: 7, good: Direction::Low }),
    ]);
    let about = (maybe(id()), maybe(id()), maybe(id()));
    let said = (maybe(word()), btree_set(word(), 0..2), 0..3_u8);
    (id(), kind, select(vec![1_u8, 5, 9]), said, about, contact())
        .prop_map(|(id, (kind, scale), score, (comment, tags, change), about, contact)| {
            let (order_id, ticket_id, product_id) = about;
            Answer {
                id,
                kind,
                score: score.min(scale.max),
                scale,
                comment,
                tags,
                order_id,
                ticket_id,
                product_id,
                contact,
                change,
            }
        })
        .boxed()
}

fn review() -> BoxedStrategy<Review> {
    let said = (maybe(word()), maybe(word()), 0..2_u16);
    let about = (maybe(id()), maybe(id()));
    (id(), select(vec![100_u16, 450]), said, about, maybe(any::<bool>()), any::<bool>(), contact())
        .prop_map(
            |(
                id,
                rating_hundredths,
                (title, body, media),
                (product_id, order_id),
                verified,
                withdrawn,
                contact,
            )| Review {
                id,
                rating_hundredths,
                rated: "4.5 of 1-5".to_owned(),
                source: "own-shop".to_owned(),
                title,
                body,
                media,
                product_id,
                order_id,
                verified,
                withdrawn,
                contact,
            },
        )
        .boxed()
}

fn ticket() -> BoxedStrategy<TicketReport> {
    let status = prop_oneof![word(), Just("answered".to_owned())];
    let words = (maybe(status), maybe(word()), maybe(word()), maybe(word()));
    let times = (maybe(time()), maybe(time()), btree_set(time(), 0..2), btree_set(time(), 0..2));
    let counts = (maybe(0..2_u32), maybe(0..2_u32));
    (id(), maybe(id()), words, times, counts, maybe(help()), contact())
        .prop_map(|(id, order_id, (status, channel, agent, subject), times, counts, help, contact)| {
            let (reopened, handle_seconds) = counts;
            let (created_at, first_reply_at, solved_at, reopened_at) = times;
            TicketReport {
                id,
                order_id,
                status,
                channel,
                agent,
                subject,
                created_at,
                first_reply_at,
                solved_at,
                reopened_at,
                reopened,
                handle_seconds,
                contact,
                help,
            }
        })
        .boxed()
}

fn help() -> BoxedStrategy<Help> {
    let reason = maybe(select(ReturnReason::ALL.to_vec()));
    (select(HelpTopic::ALL.to_vec()), maybe(word()), vec(word(), 0..2), reason, maybe(word()))
        .prop_map(|(topic, text, items, reason, faq)| Help { topic, text, items, reason, faq })
        .boxed()
}

/// Steps of messages that the playbooks plan, so that plans meet what was said before.
fn message() -> BoxedStrategy<MessageStep> {
    let step = prop_oneof![
        (time(), word()).prop_map(|(until, why)| Step::Deferred { until, why }),
        (1..3_u32).prop_map(|attempt| Step::Sending { attempt }),
        (1..3_u32, time(), word(), any::<bool>(), any::<bool>()).prop_map(
            |(attempt, until, why, maybe_sent, held)| Step::Retry { attempt, until, why, maybe_sent, held }
        ),
        word().prop_map(|why| Step::Skipped { why }),
        id().prop_map(|id| Step::Merged { into: MessageId::new("digest", &id) }),
        word().prop_map(|why| Step::Expired { why }),
        word().prop_map(|why| Step::Unknown { why }),
        word().prop_map(|why| Step::Failed { why }),
        maybe(word()).prop_map(|provider_id| Step::Sent { provider_id }),
        Just(Step::Delivered),
        word().prop_map(|why| Step::Bounced { why }),
        Just(Step::Complained),
    ];
    let body = (word(), word()).prop_map(|(subject, text)| {
        Box::new(Body {
            channel: Channel::Email,
            provider: Provider::Postmark,
            reference: String::new(),
            to: "ann@example.com".to_owned(),
            locale: "en".to_owned(),
            from: "Shop <shop@example.com>".to_owned(),
            subject,
            text,
            html: String::new(),
            headers: BTreeMap::new(),
        })
    });
    let about = prop_oneof![
        id().prop_map(|id| ("thank-you", format!("order:{id}"))),
        id().prop_map(|id| ("recovery", format!("answer:{id}"))),
    ];
    (about, step, maybe(body), maybe(reach()))
        .prop_map(|((playbook, cause), step, body, reach)| MessageStep {
            id: MessageId::new(playbook, &cause),
            playbook: playbook.to_owned(),
            cause,
            step,
            body,
            trace: None,
            reach,
        })
        .boxed()
}

fn reach() -> BoxedStrategy<Reach> {
    let report = prop_oneof![
        Just(ReachReport::Bounced),
        Just(ReachReport::Complained),
        Just(ReachReport::Stopped),
        Just(ReachReport::Resumed),
    ];
    let address = prop_oneof![
        Just((Channel::Email, "ann@example.com")),
        Just((Channel::Sms, "+4930123456")),
        Just((Channel::Whatsapp, "+4930123456")),
    ];
    (address, report)
        .prop_map(|((channel, address), report)| Reach { channel, address: address.to_owned(), report })
        .boxed()
}
