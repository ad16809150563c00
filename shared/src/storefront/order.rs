//! `/o/<token>`: where an order is, how to send something back, and help. What can be answered from what is known is
//! answered at once; for the rest a case is opened for the team.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use minijinja::{Value, context};

use super::{Form, Guest, Look, MOST_BYTES, Reply, Uses, Visit, fill, notice, with};
use crate::customer::{Customer, Ticket};
use crate::fact::{Contact, Event, Help, HelpTopic, OrderStage, ReturnReason, ShipmentState, TicketReport};
use crate::join::Latest;
use crate::key::Key;
use crate::playbook::delay;
use crate::playbook::help;
use crate::playbook::loyalty::Account;
use crate::playbook::parcel::Parcel;
use crate::playbook::story::{Chapter, Story};
use crate::render::clean;
use crate::settings::{Settings, find_product};
use crate::time::Time;
use crate::zone::Zone;

/// Cases that one order's page opens within a day.
const MOST_CASES: usize = 5;

/// How many of what there may be many of are shown.
#[derive(Clone, Copy)]
struct Room {
    items: usize,
    parcels: usize,
    cases: usize,
    faq: usize,
    tutorials: usize,
}

/// The first one that gives a page which is small enough counts; nearly always the very first.
const ROOMS: [Room; 4] = [
    Room { items: 10, parcels: 6, cases: 5, faq: 12, tutorials: 10 },
    Room { items: 10, parcels: 3, cases: 3, faq: 5, tutorials: 3 },
    Room { items: 5, parcels: 1, cases: 1, faq: 0, tutorials: 0 },
    Room { items: 2, parcels: 1, cases: 0, faq: 0, tutorials: 0 },
];

/// So much of their own words is shown to them again, in characters.
const MOST_WORDS: usize = 300;

/// Longest title of an item, in characters.
const LONGEST_TITLE: usize = 100;

/// Longest link of a carrier or platform that is shown; theirs have a few hundred characters at most.
const LONGEST_LINK: usize = 700;

/// Of a ticket that was opened here.
pub(crate) const CHANNEL: &str = "self-service";

pub(super) fn answer(
    settings: &Settings,
    guest: &Guest,
    customer: Customer,
    uses: &Uses,
    visit: &Visit<'_>,
) -> Reply {
    let order = customer.orders.get(guest.key.id());
    let look = Look::of(settings, &customer, order);
    let page = |customer: &Customer, said: Option<Said>| {
        let [most, fewer @ ..] = ROOMS;
        let mut shown = page(&look, guest, customer, uses, visit, said, most);
        for room in fewer {
            if shown.html.len() <= MOST_BYTES {
                break;
            }
            shown = page(&look, guest, customer, uses, visit, said, room);
        }
        shown
    };
    let Some(form) = Form::posted(visit) else {
        return page(&customer, None);
    };
    let asked = match asked(settings, &customer, guest, &form) {
        Ok(asked) => asked,
        Err((topic, why)) => {
            return page(&customer, Some(Said { topic: Some(topic), words: why, status: 422 }));
        }
    };
    let said = Said {
        topic: (!asked.answered).then_some(asked.help.topic),
        words: if asked.answered { "glad" } else { "received" },
        status: 200,
    };
    let id = asked.id(guest);
    if customer.tickets.contains_key(&id) {
        return page(&customer, Some(said));
    }
    let since = visit.now - TimeDelta::days(1);
    let lately = || cases(&customer, guest.key.id()).filter(|(at, ..)| *at > since).count();
    if !asked.answered && lately() >= MOST_CASES {
        return notice(&look, 429, "many");
    }
    let report = TicketReport {
        status: Some(if asked.answered { "answered" } else { "new" }.to_owned()),
        order_id: Some(guest.key.id().to_owned()),
        channel: Some(CHANNEL.to_owned()),
        created_at: Some(visit.now),
        contact: Contact::default(),
        help: Some(asked.help),
        id,
        ..TicketReport::default()
    };
    let fact = guest.fact(visit, None, Key::ticket(&report.id), Event::Ticket(report));
    let customer = with(customer.clone(), &fact);
    page(&customer, Some(said)).storing(Some(fact))
}

/// What a form asks for.
struct Asked {
    /// The page was answer enough: nobody has to do anything, but it is counted.
    answered: bool,
    help: Help,
}

impl Asked {
    /// The same words about the same thing are one case.
    fn id(&self, guest: &Guest) -> String {
        let Help { topic, text, items, reason, faq } = &self.help;
        let mut parts = vec![if self.answered { "answered" } else { "case" }, topic.as_str()];
        parts.extend(text.as_deref());
        parts.extend(items.iter().map(String::as_str));
        parts.extend(reason.map(ReturnReason::as_str));
        parts.extend(faq.as_deref());
        guest.name(&parts)
    }
}

/// Reads a form; else what is wrong with it.
fn asked(
    settings: &Settings,
    customer: &Customer,
    guest: &Guest,
    form: &Form,
) -> Result<Asked, (HelpTopic, &'static str)> {
    let named = form.get("topic").unwrap_or_default();
    let topic = HelpTopic::ALL.into_iter().find(|topic| topic.as_str() == named);
    let topic = topic.ok_or((HelpTopic::Other, "unclear"))?;
    let text = form.get("text").map(super::words).filter(|text| !text.is_empty());
    let mut help = Help { topic, text, items: Vec::new(), reason: None, faq: None };
    match form.get("do") {
        Some("answered") => {
            help.text = None;
            let named = form.get("faq").filter(|_| topic == HelpTopic::Other);
            let mut known = settings.faq.iter().map(|entry| entry.id(&settings.default_locale));
            help.faq = named.and_then(|named| known.find(|id| id == named));
            return Ok(Asked { answered: true, help });
        }
        Some("return") if topic == HelpTopic::Return => {
            // Lines of the order by their place; nothing else can be sent back.
            let items = customer.orders.get(guest.key.id()).and_then(|order| order.items.get());
            let lines = items.into_iter().flatten().enumerate();
            let chosen = lines.filter(|(index, _)| form.has("item", &index.to_string()));
            help.items = chosen.map(|(_, item)| clean::line(&item.title, 200)).collect();
            let reason = form.get("reason").unwrap_or_default();
            help.reason = ReturnReason::ALL.into_iter().find(|known| known.as_str() == reason);
            if help.items.is_empty() {
                return Err((topic, "no_item"));
            }
        }
        Some("case") if help.text.is_none() => return Err((topic, "no_text")),
        Some("case") => {}
        _ => return Err((topic, "unclear")),
    }
    Ok(Asked { answered: false, help })
}

/// Cases that were opened on the order's page, and when.
fn cases<'a>(
    customer: &'a Customer,
    order: &'a str,
) -> impl Iterator<Item = (Time, &'a Help, &'a Ticket)> + use<'a> {
    let of_order =
        customer.tickets.values().filter(move |ticket| ticket.order_id.get().is_some_and(|id| id == order));
    of_order.filter_map(|ticket| help::asked(ticket).map(|(at, help)| (at, help, ticket)))
}

/// What is said above the page after a form.
#[derive(Clone, Copy)]
struct Said {
    topic: Option<HelpTopic>,
    words: &'static str,
    status: u16,
}

fn page(
    look: &Look<'_>,
    guest: &Guest,
    customer: &Customer,
    uses: &Uses,
    visit: &Visit<'_>,
    said: Option<Said>,
    room: Room,
) -> Reply {
    let settings = look.settings;
    let story = Story::new(customer, settings, visit.now);
    let Some(chapter) = story.chapter(guest.key.id()) else { return super::gone(settings, visit) };
    let words = look.words("order");
    let (zone, places) = (story.zone(), story.zones().len());
    // Where somebody may be in several zones, a day is all that can be said.
    let when = |at: Time| if places == 1 { look.moment(at, &zone) } else { look.day(zone.date(at)) };
    let parcels: Vec<&Parcel<'_>> = chapter.parcels.iter().map(|index| &story.parcels[*index]).collect();
    let reply = settings.business_hours.next(visit.now, &settings.time_zone);
    let reply = if reply == visit.now {
        words("reply_today").to_string()
    } else {
        fill(&words("reply_on"), &[("{day}", &look.day(settings.time_zone.date(reply)))])
    };
    let status = status(&story, chapter, &parcels);
    // The newest say most.
    let mut asked: Vec<_> = cases(customer, guest.key.id()).collect();
    asked.sort_by_key(|(at, ..)| *at);
    let waiting = asked.iter().any(|(_, _, ticket)| ticket.solved_at.is_empty());
    let asked = asked.into_iter().rev().take(room.cases);
    let arrived = delay::arrived(&story, chapter);
    let values = context! {
        title => match chapter.number() {
            Some(number) => fill(&words("title"), &[("{number}", number)]),
            None => words("title_plain").to_string(),
        },
        said => said.as_ref().map_or_else(String::new, |said| words(said.words).to_string()),
        failed => said.as_ref().is_some_and(|said| said.status >= 400),
        open => said.as_ref().and_then(|said| said.topic).map_or("", HelpTopic::as_str),
        reply,
        status => match arrived.filter(|_| status == "delivered") {
            Some(at) => fill(&words("delivered_on"), &[("{day}", &look.day(zone.date(at)))]),
            None => words(status).to_string(),
        },
        status_url => chapter.order.status_url.get().filter(|url| is_link(url)),
        promise => promise(look, &story, chapter, &parcels, &zone),
        trouble => trouble(&story, chapter).map_or_else(String::new, |what| words(what).to_string()),
        parcels => parcels.iter().take(room.parcels).map(|parcel| shown(look, parcel, &when)).collect::<Vec<_>>(),
        items => items(chapter, room.items),
        returns => returns(look, &story, chapter, arrived, &zone),
        changes => words(match status {
            "cancelled" | "refunded" => "change_over",
            "placed" | "packed" => "change_early",
            _ => "change_late",
        }),
        cases => asked
            .map(|(at, help, _)| {
                let topic = words(&["about_", help.topic.as_str()].concat());
                let text = help.text.as_deref().map(|text| clean::cut(text, MOST_WORDS));
                context! { day => look.day(zone.date(at)), topic, text => text.unwrap_or_default() }
            })
            .collect::<Vec<_>>(),
        waiting,
        faq => faq(look, uses, room.faq),
        tutorials => tutorials(&story, chapter, room.tutorials),
        points => points(look, &story),
    };
    look.reply(said.map_or(200, |said| said.status), "order.html", values)
}

/// How far it has come, as the name of what is said about it.
fn status(story: &Story<'_>, chapter: &Chapter<'_>, parcels: &[&Parcel<'_>]) -> &'static str {
    let reached = |stage| chapter.order.reached(stage).is_some();
    if reached(OrderStage::Cancelled) {
        return "cancelled";
    }
    if reached(OrderStage::Refunded) {
        return "refunded";
    }
    let on_their_way = || parcels.iter().filter(|parcel| !parcel.is_over());
    if on_their_way().next().is_none() && !parcels.is_empty() {
        return "called_off";
    }
    if delay::arrived(story, chapter).is_some() {
        return "delivered";
    }
    let stages: Vec<usize> =
        on_their_way().map(|parcel| parcel.furthest().map_or(0, |(stage, _)| stage)).collect();
    match (stages.iter().min(), stages.iter().max()) {
        (Some(least), Some(4)) if *least < 4 => "partly",
        (_, Some(3)) => "ready_for_pickup",
        (_, Some(2)) => "out_for_delivery",
        (_, Some(1)) => "shipped",
        (_, Some(_)) => "packed",
        _ if reached(OrderStage::Fulfilled) => "shipped",
        _ => "placed",
    }
}

/// What went wrong with it and is not put right yet.
fn trouble(story: &Story<'_>, chapter: &Chapter<'_>) -> Option<&'static str> {
    let over = chapter.order.reached(OrderStage::Cancelled).or(chapter.order.reached(OrderStage::Refunded));
    let open = delay::arrived(story, chapter).is_none() && over.is_none();
    let (_, what) = delay::trouble(story, chapter).filter(|(at, _)| open && *at <= story.now)?;
    Some(match what {
        "late" => "sorry_late",
        "delayed" => "sorry_delayed",
        "attempt_failed" => "sorry_attempt_failed",
        _ => "sorry_exception",
    })
}

/// What was promised and what is expected now, in one or two sentences.
fn promise(
    look: &Look<'_>,
    story: &Story<'_>,
    chapter: &Chapter<'_>,
    parcels: &[&Parcel<'_>],
    zone: &Zone,
) -> String {
    if chapter.problem().is_some() || delay::arrived(story, chapter).is_some() {
        return String::new();
    }
    let words = look.words("order");
    let day = |name: &str, day| fill(&words(name), &[("{day}", &look.day(day))]);
    let promised = chapter.order.promised_by();
    let expected = parcels.iter().filter_map(|parcel| parcel.estimate()).max().map(|at| zone.date(at));
    let promised_text = promised.map(|promised| day("promised", promised));
    let expected_text =
        expected.filter(|expected| Some(*expected) != promised).map(|expected| day("expected", expected));
    [promised_text, expected_text].into_iter().flatten().collect::<Vec<_>>().join(" ")
}

fn is_link(url: &str) -> bool {
    url.len() <= LONGEST_LINK && clean::is_url(url)
}

/// The states that are told, least first where two have one time.
const TOLD: [ShipmentState; 11] = [
    ShipmentState::Packed,
    ShipmentState::Shipped,
    ShipmentState::InTransit,
    ShipmentState::Delayed,
    ShipmentState::Exception,
    ShipmentState::OutForDelivery,
    ShipmentState::AttemptFailed,
    ShipmentState::ReadyForPickup,
    ShipmentState::Returning,
    ShipmentState::Delivered,
    ShipmentState::Cancelled,
];

fn shown(look: &Look<'_>, parcel: &Parcel<'_>, when: &impl Fn(Time) -> String) -> Value {
    let words = look.words("states");
    let mut states: Vec<(Time, &ShipmentState)> =
        TOLD.iter().filter_map(|state| Some((parcel.reached(state)?, state))).collect();
    states.sort_by_key(|(at, _)| *at);
    let states: Vec<Value> = states
        .into_iter()
        .map(
            |(at, state)| context! { state => words(state.as_str()), when => when(at), at => at.to_string() },
        )
        .collect();
    let line = |text: Option<&str>| text.map(|text| clean::line(text, LONGEST_TITLE)).unwrap_or_default();
    context! {
        states,
        carrier => line(parcel.carrier()),
        phone => line(parcel.carrier_phone()),
        number => line(parcel.tracking_number()),
        url => parcel.tracking_url().filter(|url| is_link(url)),
    }
}

fn items(chapter: &Chapter<'_>, most: usize) -> Vec<Value> {
    let items = chapter.order.items.get().into_iter().flatten().enumerate();
    let items = items.filter(|(_, item)| item.quantity > 0).take(most);
    let shown = items.map(|(index, item)| {
        let variant = item.variant.as_deref().map(|text| clean::line(text, LONGEST_TITLE / 2)).unwrap_or_default();
        context! { index, title => clean::line(&item.title, LONGEST_TITLE), variant, quantity => item.quantity }
    });
    shown.collect()
}

fn returns(
    look: &Look<'_>,
    story: &Story<'_>,
    chapter: &Chapter<'_>,
    arrived: Option<Time>,
    zone: &Zone,
) -> Value {
    let (rules, words) = (&story.settings.returns, look.words("order"));
    let fixed = |item| find_product(&story.settings.products, item).is_some_and(|product| product.final_sale);
    let kept = chapter.items().next().is_some();
    let today = zone.date(story.now);
    let days = rules.days.to_string();
    let (text, open) = if rules.days == 0 || (kept && chapter.items().all(fixed)) {
        (words("return_never").to_string(), false)
    } else if chapter.order.reached(OrderStage::Cancelled).is_some() {
        (words("cancelled").to_string(), false)
    } else if let Some(at) = arrived {
        let last = zone.date(at) + TimeDelta::days(i64::from(rules.days));
        let name = if last < today { "return_over" } else { "return_until" };
        (fill(&words(name), &[("{day}", &look.day(last)), ("{days}", &days)]), last >= today)
    } else {
        (fill(&words("return_later"), &[("{days}", &days)]), true)
    };
    let mut steps: BTreeMap<Time, String> = BTreeMap::new();
    for latest in chapter.order.returns.values() {
        let (Some(at), Some(state)) = (latest.reported_at(), latest.get()) else { continue };
        let name = match state.as_str() {
            "requested" => "return_requested",
            "approved" | "open" => "return_approved",
            "declined" | "rejected" => "return_declined",
            "closed" | "received" => "return_received",
            _ => continue,
        };
        steps.insert(at, words(name).to_string());
    }
    for refund in chapter.order.refunds.values().filter_map(Latest::get) {
        if let Some(amount) = refund.amount.as_ref().filter(|amount| amount.minor > 0) {
            let amount = look.money(amount);
            steps.insert(refund.at, fill(&words("return_refunded"), &[("{amount}", &amount)]));
        }
    }
    let steps: Vec<Value> =
        steps.into_iter().map(|(at, text)| context! { day => look.day(zone.date(at)), text }).collect();
    let url = Some(&rules.url).filter(|url| open && clean::is_url(url));
    context! { text, steps, form => open && url.is_none(), url }
}

/// What is often asked, most useful first, as far as it is written in a language that fits.
fn faq(look: &Look<'_>, uses: &Uses, most: usize) -> Vec<Value> {
    let settings = look.settings;
    let entries = uses.ranked(settings).into_iter().take(most).filter_map(|(id, entry)| {
        let question = entry.question.in_language(look.locale, &settings.default_locale)?;
        let answer = entry.answer.in_language(look.locale, &settings.default_locale)?;
        Some(context! { id, question, answer => answer.lines().map(str::to_owned).collect::<Vec<_>>() })
    });
    entries.collect()
}

/// What there is to learn about what they bought and kept.
fn tutorials(story: &Story<'_>, chapter: &Chapter<'_>, most: usize) -> Vec<Value> {
    if chapter.problem().is_some() {
        return Vec::new();
    }
    let mut seen = Vec::new();
    for item in chapter.items() {
        for step in
            find_product(&story.settings.products, item).into_iter().flat_map(|product| &product.steps)
        {
            if !seen.contains(&step) && seen.len() < most {
                seen.push(step);
            }
        }
    }
    let shown = seen.into_iter().map(|step| {
        let url = Some(&step.url).filter(|url| clean::is_url(url));
        context! { title => clean::line(&step.title, 200), text => clean::line(&step.text, 400), url }
    });
    shown.collect()
}

fn points(look: &Look<'_>, story: &Story<'_>) -> String {
    let rules = &story.settings.loyalty;
    if u32::from(rules.per_unit) + rules.per_review + rules.per_answer == 0 {
        return String::new();
    }
    let balance = Account::of(story).balance(story.now);
    if balance == 0 {
        return String::new();
    }
    let words = look.words("order");
    let text = fill(&words("points"), &[("{points}", &balance.to_string())]);
    match rules.tiers.iter().rev().find(|tier| tier.points <= balance) {
        Some(tier) => [text, fill(&words("tier"), &[("{tier}", &tier.name)])].join(" "),
        None => text,
    }
}
