//! What happens in the shop: a few people with several names each, who order, answer, complain and change their minds.

use std::collections::{BTreeMap, BTreeSet};

use aftercare::fact::{
    Answer, ConsentReport, Contact, Event, Fact, Item, OrderReport, OrderStage, PrivacyKind, PrivacyRequest,
    Review, Scale, ShipmentReport, ShipmentState, SurveyKind, TicketReport,
};
use aftercare::field::Field;
use aftercare::key::Key;
use aftercare::time::Time;
use chrono::TimeDelta;

use super::random::Random;

/// One person and the names under which senders know them. No fact needs to carry more than one of these.
struct Person {
    keys: Vec<Key>,
    emails: Vec<String>,
}

struct Shop<'r> {
    random: &'r mut Random,
    now: Time,
    /// Facts happen within this many milliseconds.
    span: u64,
    /// Whether some of it is heard of only weeks later.
    old: bool,
    facts: Vec<Fact>,
}

/// The facts of one world, in no particular order. No two happened in the same millisecond, so that a ledger line tells
/// which report it stems from.
pub(super) fn facts(random: &mut Random, now: Time, span: u64) -> Vec<Fact> {
    let people: Vec<Person> = (0..random.between(1, 3)).map(person).collect();
    let old = random.chance(300);
    let mut shop = Shop { random, now, span, old, facts: Vec::new() };
    for number in 0..shop.random.between(1, 3) {
        let person = shop.random.index(people.len());
        shop.order(&people[person], number);
    }
    for number in 0..shop.random.below(3) {
        let person = shop.random.index(people.len());
        shop.odds_and_ends(&people[person], number);
    }
    if people.len() > 1 && shop.random.chance(200) {
        shop.shared(&people[0], &people[1]);
    }
    if shop.random.chance(300) {
        for number in 0..shop.random.between(1, 2) {
            let person = shop.random.index(people.len());
            shop.request(&people[person], number);
        }
    }
    shop.facts
}

fn person(number: u64) -> Person {
    let emails = vec![format!("p{number}@example.com"), format!("p{number}@work.example")];
    let keys = [
        Key::customer(&number.to_string()),
        Key::email(&emails[0]),
        Key::email(&emails[1]),
        Key::phone(&format!("+49 30 12345{number}")),
    ];
    Person { keys: keys.into_iter().flatten().collect(), emails }
}

impl Shop<'_> {
    /// A moment: mostly these hours, sometimes days ago.
    fn moment(&mut self) -> Time {
        // Days that are about to be rolled up, or long have been.
        let days = match self.random.below(10) {
            0 => self.random.between(1, 4),
            1 if self.old => self.random.between(33, 70),
            2..=4 if self.old => self.random.between(34, 37),
            _ => 0,
        };
        let ago = days * 86_400_000;
        let within = self.random.below(self.span.max(1_000));
        let at = self.now + millis(within) - millis(ago);
        self.unlike_others(at)
    }

    /// No two moments alike.
    fn unlike_others(&self, at: Time) -> Time {
        let number = i64::try_from(self.facts.len()).unwrap_or_default();
        Time::from_millis(at.millis() / 1_000 * 1_000 + number)
    }

    fn tell(&mut self, at: Time, keys: impl IntoIterator<Item = Option<Key>>, event: Event) {
        let keys: BTreeSet<Key> = keys.into_iter().flatten().collect();
        self.facts.push(Fact { at, source: "generic".to_owned(), keys, event });
    }

    /// Some of a person's names, and perhaps none.
    fn names(&mut self, person: &Person) -> Vec<Option<Key>> {
        let chosen = person.keys.iter().filter(|_| self.random.chance(400));
        chosen.cloned().map(Some).collect()
    }

    fn contact(&mut self, person: &Person) -> Contact {
        let email =
            if self.random.chance(800) { self.random.pick(&person.emails).clone() } else { String::new() };
        Contact {
            email: if email.is_empty() { Field::Absent } else { Field::Some(email) },
            first_name: self.random.chance(500).then(|| "Ann".to_owned()),
            locale: self.random.chance(500).then(|| self.random.pick(&["de", "en", "pt-BR"]).to_string()),
            ..Contact::default()
        }
    }

    fn order(&mut self, person: &Person, number: u64) {
        let id = (9_007_199_254_740_993 + number).to_string();
        let key = Key::order(&id);
        let placed = self.moment();
        let mut stages = BTreeMap::from([(OrderStage::Placed, placed)]);
        let report = |stages: &BTreeMap<OrderStage, Time>, contact, test| OrderReport {
            id: id.clone(),
            number: Some(format!("{}", 1001 + number)),
            stages: stages.clone(),
            items: Some(vec![Item { title: "Kettle".to_owned(), quantity: 1, ..Item::default() }]),
            contact,
            test,
            ..OrderReport::default()
        };
        let test = self.random.chance(60);
        let (names, contact) = (self.names(person), self.contact(person));
        self.tell(placed, [vec![key.clone()], names].concat(), Event::Order(report(&stages, contact, test)));

        for (chance, stage) in [(400, OrderStage::Paid), (250, OrderStage::Cancelled)] {
            if self.random.chance(chance) {
                let at = self.moment().max(placed + millis(1));
                stages.insert(stage, at);
                let (names, contact) = (self.names(person), self.contact(person));
                let event = Event::Order(report(&stages, contact, test));
                self.tell(at, [vec![key.clone()], names].concat(), event);
            }
        }
        if self.random.chance(400) {
            self.shipment(number, key.clone(), &id);
        }
        if self.random.chance(600) {
            self.answer(person, number, key, &id);
        }
    }

    /// The shop knows the parcel by its order, the carrier only by the number on it.
    fn shipment(&mut self, number: u64, order: Option<Key>, order_id: &str) {
        let tracking = format!("0034{number}");
        let at = self.moment();
        let report = |id: String, state: ShipmentState, order_id: Option<String>| ShipmentReport {
            id,
            order_id,
            states: BTreeMap::from([(state, at)]),
            tracking_numbers: BTreeSet::from([tracking.clone()]),
            ..ShipmentReport::default()
        };
        let id = format!("f{number}");
        let keys = [Key::shipment(&id), order, Key::tracking(&tracking)];
        self.tell(at, keys, Event::Shipment(report(id, ShipmentState::Shipped, Some(order_id.to_owned()))));
        if self.random.chance(600) {
            let at = self.moment();
            let event =
                Event::Shipment(report(format!("tracking:{tracking}"), ShipmentState::Delivered, None));
            self.tell(at, [Key::tracking(&tracking)], event);
        }
    }

    /// An answer, and perhaps second thoughts about it.
    fn answer(&mut self, person: &Person, number: u64, order: Option<Key>, order_id: &str) {
        for _ in 0..self.random.between(1, 3) {
            let at = self.moment();
            let score = u8::try_from(self.random.below(11)).unwrap_or_default();
            let answer = Answer {
                id: format!("a{number}"),
                kind: SurveyKind::Nps,
                score,
                // A scale of its own for each report, so that a count in the ledger tells where it comes from.
                scale: Scale { max: u8::try_from(10 + self.facts.len()).unwrap_or(u8::MAX), ..Scale::NPS },
                comment: self.random.chance(300).then(|| "so so".to_owned()),
                tags: BTreeSet::new(),
                order_id: Some(order_id.to_owned()),
                ticket_id: None,
                product_id: None,
                contact: self.contact(person),
                change: 0,
            };
            let names = self.names(person);
            self.tell(at, [vec![order.clone()], names].concat(), Event::Answer(answer));
        }
    }

    fn odds_and_ends(&mut self, person: &Person, number: u64) {
        let at = self.moment();
        let one = self.random.index(person.keys.len());
        let name = person.keys[one].clone();
        let (keys, event) = match self.random.below(3) {
            0 => {
                let contact = self.contact(person);
                (self.names(person), Event::Consent(ConsentReport { contact, ..ConsentReport::default() }))
            }
            1 => {
                let report = TicketReport {
                    id: format!("t{number}"),
                    status: Some("open".to_owned()),
                    created_at: Some(at),
                    ..TicketReport::default()
                };
                (vec![Key::ticket(&report.id)], Event::Ticket(report))
            }
            _ => {
                let review = Review {
                    id: format!("r{number}"),
                    rating_hundredths: 450,
                    rated: "4.5 of 1-5".to_owned(),
                    source: "own-shop".to_owned(),
                    title: None,
                    body: None,
                    media: 0,
                    product_id: None,
                    order_id: None,
                    verified: None,
                    withdrawn: false,
                    contact: Contact::default(),
                };
                (vec![], Event::Review(review))
            }
        };
        self.tell(at, [vec![Some(name)], keys].concat(), event);
    }

    /// Somebody asks to be forgotten, or to see what is held of them; rarely the whole shop does.
    fn request(&mut self, person: &Person, number: u64) {
        let kind = match self.random.below(20) {
            0 => PrivacyKind::EraseShop,
            1 => PrivacyKind::Export,
            _ => PrivacyKind::Erase,
        };
        let id = format!("q{number}");
        if kind == PrivacyKind::EraseShop {
            // Longer ago than clocks are apart.
            let at = self.unlike_others(self.now - millis(600_000));
            self.tell(at, [Key::shop("1")], Event::Privacy(PrivacyRequest { id, kind }));
            return;
        }
        // It may come long before other things that happened earlier, but is dated when it was made.
        let within = self.random.below(self.span.clamp(1_000, 1_800_000));
        let at = self.unlike_others(self.now + millis(within));
        let mut keys = self.names(person);
        keys.push(Some(self.random.pick(&person.keys).clone()));
        if self.random.chance(300) {
            keys.push(Key::order(&9_007_199_254_740_993_u64.to_string()));
        }
        self.tell(at, keys, Event::Privacy(PrivacyRequest { id, kind }));
    }

    /// Two people turn out to be one, late.
    fn shared(&mut self, one: &Person, other: &Person) {
        let at = self.moment();
        let (one, other) = (self.random.pick(&one.keys).clone(), self.random.pick(&other.keys).clone());
        self.tell(at, [Some(one), Some(other)], Event::Consent(ConsentReport::default()));
    }
}

fn millis(millis: u64) -> TimeDelta {
    TimeDelta::milliseconds(i64::try_from(millis).unwrap_or(i64::MAX))
}
