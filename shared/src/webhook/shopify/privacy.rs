//! What people ask of their data, what they agree to, and the end of the app.

use sha2::{Digest, Sha256};

use super::super::json::Object;
use super::super::problem::Problem;
use super::super::{Accepted, Delivery};
use super::{SOURCE, fits, ignored, topic, triggered_at};
use crate::fact::{Channel, ConsentReport, Contact, Event, PrivacyKind, PrivacyRequest};
use crate::field::Field;
use crate::hex;
use crate::key::Key;
use crate::time::Time;

/// Compliance topics, consent topics, and `app/uninstalled`.
pub(in super::super) fn requests(delivery: &Delivery<'_>, body: &Object<'_>) -> Result<Accepted, Problem> {
    let Some(topic) = topic(delivery) else {
        return Err(Problem::unprocessable("x-shopify-topic", "This header is missing."));
    };
    match topic.as_str() {
        "customers/data_request" => data_request(delivery, body),
        "customers/redact" => redact(delivery, body),
        "shop/redact" => shop_redact(delivery, body),
        "app/uninstalled" => uninstalled(delivery, body),
        "customers_email_marketing_consent/update" => email_consent(delivery, body),
        "customers_marketing_consent/update" => sms_consent(delivery, body),
        _ => Ok(ignored(&topic)),
    }
}

/// When a request was made. Its body has no time, so it is when Shopify triggered the webhook. Should even that be
/// missing, this is the one place where the time of arrival has to do: a request must not fail for want of a date, and
/// doing it twice does no harm.
fn requested_at(delivery: &Delivery<'_>) -> Time {
    triggered_at(delivery).unwrap_or(delivery.now)
}

/// The person and the orders that a request names. Each part may be missing, but not all of them.
fn person(body: &Object<'_>, orders: &str) -> Result<Vec<Option<Key>>, Problem> {
    let mut keys: Vec<Option<Key>> = body.ids(orders).iter().map(|id| Key::order(id)).collect();
    if let Some(customer) = body.object("customer") {
        keys.extend([
            customer.id("id").as_deref().and_then(Key::customer),
            customer.line("email").as_deref().and_then(Key::email),
            customer.line("phone").as_deref().and_then(Key::phone),
        ]);
    }
    if keys.iter().all(Option::is_none) {
        return Err(body.problem("customer", "It names neither a customer nor an order."));
    }
    Ok(keys)
}

fn data_request(delivery: &Delivery<'_>, body: &Object<'_>) -> Result<Accepted, Problem> {
    fits(body, &["data_request", "orders_requested"], &["orders_to_redact"])?;
    let keys = person(body, "orders_requested")?;
    let id =
        body.object("data_request").and_then(|request| request.id("id")).unwrap_or_else(|| digest(delivery));
    Ok(request(delivery, keys, id, PrivacyKind::Export))
}

fn redact(delivery: &Delivery<'_>, body: &Object<'_>) -> Result<Accepted, Problem> {
    fits(body, &["shop_id", "shop_domain"], &["data_request", "orders_requested"])?;
    let keys = person(body, "orders_to_redact")?;
    Ok(request(delivery, keys, digest(delivery), PrivacyKind::Erase))
}

/// Comes 48 hours after the app was removed. Forgets everything, so the body had better be about the shop alone.
fn shop_redact(delivery: &Delivery<'_>, body: &Object<'_>) -> Result<Accepted, Problem> {
    fits(
        body,
        &["shop_domain"],
        &["customer", "orders_to_redact", "orders_requested", "data_request", "id"],
    )?;
    let shop = body.require("shop_id", body.id("shop_id"))?;
    Ok(request(delivery, vec![Key::shop(&shop)], digest(delivery), PrivacyKind::EraseShop))
}

/// The body is the shop. It may arrive after the first webhooks of a new installation.
fn uninstalled(delivery: &Delivery<'_>, body: &Object<'_>) -> Result<Accepted, Problem> {
    fits(body, &["myshopify_domain", "shop_owner", "plan_name"], &["customer", "order_id"])?;
    let shop = body.require("id", body.id("id"))?;
    Ok(request(delivery, vec![Key::shop(&shop)], digest(delivery), PrivacyKind::Uninstalled))
}

fn request(delivery: &Delivery<'_>, keys: Vec<Option<Key>>, id: String, kind: PrivacyKind) -> Accepted {
    Accepted::fact(requested_at(delivery), SOURCE, keys, Event::Privacy(PrivacyRequest { id, kind }))
}

/// A name for a request that has none: the same for every delivery of it, and it tells nothing about the person.
fn digest(delivery: &Delivery<'_>) -> String {
    hex::encode(&Sha256::digest(delivery.body)[..12])
}

// ── Consent ─────────────────────────────────────────────────────────────────

fn email_consent(delivery: &Delivery<'_>, body: &Object<'_>) -> Result<Accepted, Problem> {
    let email = body
        .said("email_address", "an e-mail address", |text| Key::email(text).map(|_| text.trim().to_owned()));
    let keys = vec![
        body.id("customer_id").as_deref().and_then(Key::customer),
        email.as_ref().value().and_then(|email| Key::email(email)),
    ];
    let contact = Contact { email, ..Contact::default() };
    consent(delivery, body, "email_marketing_consent", "customer_id", Channel::Email, keys, contact)
}

fn sms_consent(delivery: &Delivery<'_>, body: &Object<'_>) -> Result<Accepted, Problem> {
    let phone = body.phone("phone");
    let keys = vec![
        body.id("id").as_deref().and_then(Key::customer),
        phone.as_ref().value().and_then(|phone| Key::phone(phone)),
    ];
    // No number here means none for SMS; the person may still have one.
    let phone = if phone == Field::None { Field::Absent } else { phone };
    let contact = Contact { phone, ..Contact::default() };
    consent(delivery, body, "sms_marketing_consent", "id", Channel::Sms, keys, contact)
}

fn consent(
    delivery: &Delivery<'_>,
    body: &Object<'_>,
    name: &str,
    id: &str,
    channel: Channel,
    keys: Vec<Option<Key>>,
    mut contact: Contact,
) -> Result<Accepted, Problem> {
    let consent = body.require(name, body.object(name))?;
    if keys.iter().all(Option::is_none) {
        return body.require(id, None);
    }
    let said_at = consent.time("consent_updated_at");
    let agreed = match consent.line("state").unwrap_or_default().to_ascii_lowercase().as_str() {
        "subscribed" => true,
        // `pending` waits for the double opt-in; until then there is no consent.
        "unsubscribed" | "pending" | "redacted" | "invalid" => false,
        "not_subscribed" if said_at.is_some() => false,
        "" | "not_subscribed" => {
            return Ok(Accepted::ignored("nobody was asked yet: neither consent nor refusal"));
        }
        other => return Ok(Accepted::ignored(format!("consent state {other} is not known"))),
    };
    let at = match said_at {
        Some(at) => at,
        None => triggered_at(delivery)?,
    };
    contact.marketing.insert(channel, agreed);
    Ok(Accepted::fact(
        at,
        SOURCE,
        keys,
        Event::Consent(ConsentReport { contact, ..ConsentReport::default() }),
    ))
}
