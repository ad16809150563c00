//! What holds for every message, whichever playbook wishes to send it.
//!
//! In this order: it ends when it is of no use any more; the playbook's own reasons; holdouts; a channel with an
//! address and, where it is needed, consent; an unsubscribe link and a postal address, where these are needed; nothing
//! to sell while somebody is unhappy with us; daytime where they are; not more than the cap allows.

use chrono::TimeDelta;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::name::{Name, Purpose};
use super::story::{Story, is_unhappy};
use super::wish::{Say, To, Verdict, Wish};
use super::{Intent, Planned};
use crate::customer::Order;
use crate::draft::Draft;
use crate::fact::{Channel, PrivacyKind, Topic};
use crate::join::Latest;
use crate::key::Key;
use crate::link;
use crate::message::{Body, Message, MessageId, Step};
use crate::render;
use crate::time::Time;

/// How long nothing is advertised to somebody who was unhappy, unless they said since that they are not.
const MUTED_FOR: TimeDelta = TimeDelta::days(14);

/// How long links in messages are good: as long as anybody may look for a mail again.
const LINKS_LAST: TimeDelta = TimeDelta::days(365);

pub(super) fn apply(story: &Story<'_>, wishes: Vec<Wish<'_>>) -> Vec<Planned> {
    let mut rules = Rules { story, taken: Vec::new(), counted: None };
    wishes.into_iter().filter_map(|wish| rules.apply(wish)).collect()
}

struct Rules<'s, 'a> {
    story: &'s Story<'a>,
    /// Messages that this very plan sends, for the cap.
    taken: Vec<Name>,
    /// When messages that count for the cap were sent lately. Only looked up when somebody asks.
    counted: Option<Vec<(Time, Name)>>,
}

impl<'a> Rules<'_, 'a> {
    fn apply(&mut self, wish: Wish<'a>) -> Option<Planned> {
        let Story { customer, settings, now, .. } = *self.story;
        if !settings.is_enabled(wish.playbook) || !self.story.is_recent(wish.expires) {
            return None;
        }
        let id = MessageId::new(wish.playbook.as_str(), &wish.cause);
        let message = customer.messages.get(&id);
        let state = message.and_then(Message::state).map(|(_, step)| step);
        if state.is_some_and(Step::is_terminal) {
            return None;
        }
        // An attempt was made; what follows is not a new message.
        let under_way = matches!(state, Some(Step::Sending { .. } | Step::Retry { .. }));
        let Wish { playbook, cause, due, expires, verdict } = wish;
        let purpose = playbook.purpose();
        let planned = |due, intent| Some(Planned { id, playbook, cause: cause.clone(), due, intent });
        let say = match verdict {
            Verdict::End(step) => return planned(due, Intent::End(step)),
            Verdict::Say(say) => say,
        };
        if now >= expires {
            let why = format!("due at {due}, heard of or sendable only after {expires}");
            return planned(due, Intent::End(Step::Expired { why }));
        }
        if let To::Team = say.to {
            let intent = match settings.team() {
                None => skip("no address for the team is set"),
                Some(_) if due > now => Intent::Wait,
                Some(reach) => self.send(say, reach, None),
            };
            return planned(due, intent);
        }
        if self.wants_to_be_forgotten() {
            return planned(due, skip("they asked to be forgotten, or the shop left"));
        }
        if !under_way && self.is_held_out(playbook) {
            return planned(due, skip("holdout group: nothing is sent, so that the effect can be measured"));
        }
        let order = match say.to {
            To::Customer(order) => order,
            To::Team => None,
        };
        let frozen = message.filter(|_| under_way).and_then(|message| message.body.as_deref());
        let reach = match self.reach(playbook, say.template, order, frozen) {
            Ok(reach) => reach,
            Err(Unreachable::NoAddress) => {
                // It may come with a later report.
                return planned(expires, Intent::Wait);
            }
            Err(Unreachable::Refused(why)) => return planned(due, skip(why)),
        };
        let unsubscribe = if purpose == Purpose::Service {
            None
        } else {
            match self.unsubscribe(due) {
                Ok(link) => Some(link),
                Err(why) => return planned(due, skip(why)),
            }
        };
        let by_day = purpose != Purpose::Service || matches!(reach.0, Channel::Sms | Channel::Whatsapp);
        let zones = if by_day { self.story.zones() } else { Vec::new() };
        let due = settings.sending_hours.next(due, &zones);
        if !under_way && due > now {
            return planned(due, Intent::Wait);
        }
        let morning = settings.sending_hours.next(now, &zones);
        if morning > now {
            let why = "it is night where they are".to_owned();
            return planned(due, Intent::Defer { until: morning, why });
        }
        if !under_way {
            let waits = [
                (purpose != Purpose::Service).then(|| self.paused_until()).flatten(),
                (purpose == Purpose::Marketing).then(|| self.muted_until()).flatten(),
                (purpose != Purpose::Service).then(|| self.capped_until(playbook)).flatten(),
            ];
            if let Some((until, why)) = waits.into_iter().flatten().max_by_key(|(until, _)| *until) {
                let until = until.min(expires);
                return planned(due, Intent::Defer { until, why: why.to_owned() });
            }
            if purpose != Purpose::Service {
                self.taken.push(playbook);
            }
        }
        let intent = self.send(say, reach, unsubscribe);
        planned(due, intent)
    }

    fn send(&self, say: Say<'a>, reach: (Channel, String), unsubscribe_url: Option<String>) -> Intent {
        let Story { customer, settings, .. } = *self.story;
        let (locale, order_url) = match say.to {
            To::Team => (None, None),
            To::Customer(order) => {
                let chosen = customer.profile.language.get().and_then(Option::as_ref);
                let ordered = || order.and_then(|order| order.locale.get());
                (chosen.or_else(ordered).or_else(|| customer.profile.locale.get()), self.page_of(order))
            }
        };
        let (channel, to) = reach;
        let context: Value = (say.context)();
        Intent::Send(Box::new(Draft {
            template: say.template,
            locale: locale.unwrap_or(&settings.default_locale).clone(),
            channel,
            to,
            unsubscribe_url,
            order_url,
            context,
            // A short text has no room for it.
            voucher: say.voucher.filter(|_| !matches!(channel, Channel::Sms | Channel::Whatsapp)),
        }))
    }

    /// The page of the order that a message is about.
    fn page_of(&self, order: Option<&Order>) -> Option<String> {
        let Story { ref orders, settings, .. } = *self.story;
        let chapter =
            orders.iter().find(|chapter| order.is_some_and(|order| std::ptr::eq(chapter.order, order)))?;
        let key = ["order:", chapter.id].concat();
        settings.links.make(link::Purpose::Order, &key, chapter.placed.unwrap_or(self.story.now), LINKS_LAST)
    }

    /// An address for one of the channels, in order of preference, that the person lets us use for this. A message of
    /// which an attempt was made stays on the channel that it was made on, and with the address it has.
    fn reach(
        &self,
        playbook: Name,
        template: &str,
        order: Option<&Order>,
        frozen: Option<&Body>,
    ) -> Result<(Channel, String), Unreachable> {
        let Story { customer, settings, .. } = *self.story;
        let purpose = playbook.purpose();
        let mut refused = None;
        let channels = match &frozen {
            Some(body) => std::slice::from_ref(&body.channel),
            None => playbook.channels(settings),
        };
        if !channels.iter().any(|channel| settings.connected.contains(channel)) {
            return Err(Unreachable::Refused("none of its channels has a provider"));
        }
        for channel in channels.iter().filter(|channel| settings.connected.contains(channel)) {
            let address = match channel {
                Channel::Email => order.map_or_else(|| customer.email(), |order| customer.email_for(order)),
                Channel::Sms | Channel::Whatsapp => customer.phone(),
                Channel::Slack | Channel::Webhook => None,
            };
            let Some(address) = address else { continue };
            let address = frozen.map_or(address, |body| &body.to);
            match self.usable(*channel, address, template, purpose) {
                Ok(address) => return Ok((*channel, address)),
                Err(why) => refused = refused.or(Some(why)),
            }
        }
        Err(refused.map_or(Unreachable::NoAddress, Unreachable::Refused))
    }

    /// The address as it is written on this channel; or why it must not be used.
    fn usable(
        &self,
        channel: Channel,
        address: &str,
        template: &str,
        purpose: Purpose,
    ) -> Result<String, &'static str> {
        let is_phone = matches!(channel, Channel::Sms | Channel::Whatsapp);
        if is_phone && !render::has_short_text(template) {
            return Err("there is no short text of this message");
        }
        let written = match Key::phone(address) {
            _ if !is_phone => address.to_owned(),
            Some(number) => number.id().to_owned(),
            None => return Err("the phone number has no country code"),
        };
        let against = self.story.customer.against(channel, address);
        if against.bounced {
            Err("nothing arrives at this address: a message to it bounced")
        } else if against.stopped {
            Err("opted out of this channel")
        } else if against.complained && purpose != Purpose::Service {
            Err("reported an earlier message as spam")
        } else {
            self.refusal(channel, purpose).map_or(Ok(written), Err)
        }
    }

    /// Why a channel must not be used for this purpose.
    fn refusal(&self, channel: Channel, purpose: Purpose) -> Option<&'static str> {
        let profile = &self.story.customer.profile;
        let latest = profile.marketing.get(&channel);
        let agreed = latest.and_then(|latest| latest.get()).copied();
        let declined = |topic| {
            profile
                .topics
                .get(&topic)
                .filter(|topic| topic.get() == Some(&false))
                .and_then(Latest::reported_at)
        };
        // Who ticks the shop's box after that wants offers again; who does both at once does not.
        let no_offers = declined(Topic::Offers)
            .is_some_and(|at| agreed != Some(true) || latest.and_then(Latest::reported_at) <= Some(at));
        match (purpose, channel, agreed) {
            // Who answers STOP gets nothing more on that number.
            (_, Channel::Sms | Channel::Whatsapp, Some(false)) => Some("opted out of this channel"),
            (Purpose::Service, _, _) => None,
            (_, _, Some(false)) => Some("opted out"),
            (Purpose::Relation, _, _) if declined(Topic::Purchases).is_some() => {
                Some("wants nothing of this kind")
            }
            (Purpose::Marketing, _, _) if no_offers => Some("wants no offers"),
            _ if self.complained() => Some("reported an earlier message as spam"),
            (Purpose::Marketing, _, None) => Some("no consent to marketing on this channel"),
            (Purpose::Relation, Channel::Sms | Channel::Whatsapp, None) => {
                Some("no consent for this channel")
            }
            (Purpose::Relation | Purpose::Marketing, _, _) => None,
        }
    }

    fn complained(&self) -> bool {
        let complaint = |message: &Message| message.steps.iter().any(|(_, step)| *step == Step::Complained);
        self.story.customer.messages.values().any(complaint)
    }

    /// The link that ends it, which every message has that is not about an order under way; and the postal address.
    fn unsubscribe(&self, due: Time) -> Result<String, &'static str> {
        let Story { customer, settings, .. } = *self.story;
        if settings.brand.address.trim().is_empty() {
            return Err("no postal address is set (`brand.address`), and the law wants one in this message");
        }
        let order = self.story.first_order().map(|id| ["order:", id].concat());
        // A link should tell nothing of the person; an address stands in one only where nothing else is known.
        let anonymous = || customer.keys.iter().find(|key| !matches!(key.kind(), "email" | "phone"));
        let other = || anonymous().or_else(|| customer.root()).map(|key| key.as_str().to_owned());
        let key = order.or_else(other);
        key.and_then(|key| settings.links.make(link::Purpose::Preferences, &key, due, LINKS_LAST))
            .ok_or("no `link_keys` are set, so nobody could unsubscribe from this message")
    }

    /// Is this person one of the few who get nothing from the playbook? The same person always is, or never.
    fn is_held_out(&self, playbook: Name) -> bool {
        let percent = playbook.holdout(self.story.settings);
        if percent == 0 {
            return false;
        }
        let person = self.story.first_order().or_else(|| Some(self.story.customer.root()?.as_str()));
        let digest = Sha256::digest(["holdout", playbook.as_str(), person.unwrap_or_default()].join("\n"));
        u16::from_le_bytes([digest[0], digest[1]]) % 100 < u16::from(percent)
    }

    fn wants_to_be_forgotten(&self) -> bool {
        let requests = self.story.customer.requests.values().filter_map(|request| request.get());
        requests.map(|request| request.kind).any(|kind| kind != PrivacyKind::Export)
    }

    /// Until when they want to be left alone.
    fn paused_until(&self) -> Option<(Time, &'static str)> {
        let until = self.story.customer.profile.paused_until.get().copied();
        until.filter(|until| *until > self.story.now).map(|until| (until, "they asked for a pause"))
    }

    /// Until when nothing is advertised, because the last answer or review was a bad one.
    fn muted_until(&self) -> Option<(Time, &'static str)> {
        let customer = self.story.customer;
        let answers = customer
            .answers
            .values()
            .filter_map(|latest| Some((latest.reported_at()?, is_unhappy(latest.get()?))));
        let reviews = customer
            .reviews
            .values()
            .filter_map(|latest| Some((latest.reported_at()?, latest.get()?.rating_hundredths <= 200)));
        let (at, unhappy) = answers.chain(reviews).filter(|(at, _)| *at <= self.story.now).max()?;
        let until = at + MUTED_FOR;
        (unhappy && until > self.story.now)
            .then_some((until, "nothing is advertised to somebody who is unhappy"))
    }

    /// When the cap has room again, if it has none now.
    fn capped_until(&mut self, playbook: Name) -> Option<(Time, &'static str)> {
        let (story, now) = (self.story, self.story.now);
        let cap = story.settings.cap;
        let window = cap.within.delta();
        let counted = self.counted.get_or_insert_with(|| {
            let named = Name::ALL.into_iter().filter(|name| name.purpose() != Purpose::Service);
            let attempts = named.flat_map(|name| story.attempts(name).map(move |(at, _)| (at, name)));
            attempts.filter(|(at, _)| *at + window > now).collect()
        });
        // Who is asked for a review, and when, must not follow from a score, not even in a roundabout way. What is
        // advertised does, and so does the survey that follows a bad one; so these take nobody's place but their own
        // kind's.
        let counts = |other: &Name| {
            playbook.purpose() == Purpose::Marketing
                || (other.purpose() == Purpose::Relation
                    && (*other != Name::Survey || playbook == Name::Survey))
        };
        let mut times: Vec<Time> =
            counted.iter().filter(|(_, name)| counts(name)).map(|(at, _)| *at).collect();
        times.extend(self.taken.iter().filter(|name| counts(name)).map(|_| now));
        times.sort_unstable();
        let freed_by = times.len().checked_sub(usize::from(cap.messages))?;
        Some((*times.get(freed_by)? + window, "they had as many messages as the cap allows"))
    }
}

enum Unreachable {
    NoAddress,
    Refused(&'static str),
}

fn skip(why: &str) -> Intent {
    Intent::End(Step::Skipped { why: why.to_owned() })
}
