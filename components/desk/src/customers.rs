//! `/customers` and `/messages`: who somebody is, what happened to them, and how every message ended.

use adapter::inbound::{self, Answer, Inbound};
use adapter::{KeyValue, WallClock, variable};
use aftercare::customer::Customer;
use aftercare::desk::{Asked, Found, identified, messages, search, timeline};
use aftercare::export::{Whose, export};
use aftercare::link::Links;
use aftercare::page;
use aftercare::query;
use aftercare::settings::Settings;
use aftercare::store::StoreError;
use aftercare::store::lease::Clock;
use aftercare::store::view::View;
use aftercare::webhook::problem::Problem;
use serde::Serialize;

use crate::unreadable;

/// Longer than any name of anybody.
const LONGEST_NAME: usize = 250;

pub(crate) async fn answer(request: &Inbound) -> Result<Answer, Problem> {
    match request.path().trim_end_matches('/') {
        "/customers" => found(request).await,
        "/customers/export" => exported(request).await,
        "/customers/erasures" => {
            let receipts = async { View::receipts(&KeyValue::open()?).await }.await.map_err(unreadable)?;
            Ok(inbound::json_of(200, &receipts))
        }
        "/messages" => listed(request).await,
        path => match path.strip_prefix("/customers/") {
            Some(id) => story(request, id).await,
            None => Err(Problem::NotFound("There are /customers and /messages.".to_owned())),
        },
    }
}

#[derive(Serialize)]
struct Search<'a> {
    q: &'a str,
    customers: &'a [Found],
}

async fn found(request: &Inbound) -> Result<Answer, Problem> {
    let name = query::value(request.query(), "q").unwrap_or_default();
    let asked = name.trim();
    if asked.len() > LONGEST_NAME {
        return Err(Problem::bad_parameter("q", "No name is that long."));
    }
    if asked.is_empty() && !request.wants_page() {
        let what = "Say who: an e-mail address, a phone number, an order, a tracking number, a customer id.";
        return Err(Problem::bad_parameter("q", what));
    }
    // Not trimmed: a blank at the beginning may have been a plus sign.
    let customers =
        async { search(&KeyValue::open()?, WallClock.now(), &name).await }.await.map_err(unreadable)?;
    Ok(if request.wants_page() {
        inbound::page(
            page::customer_search(&variable("brand_name"), asked, &customers),
            page::SECURITY_POLICY,
        )
    } else {
        inbound::json_of(200, &Search { q: asked, customers: &customers })
    })
}

async fn story(request: &Inbound, id: &str) -> Result<Answer, Problem> {
    let now = WallClock.now();
    let known = async {
        let store = KeyValue::open()?;
        let customer = identified(&store, now, id).await?;
        let settings = settings(&store).await?;
        Ok(customer.and_then(|customer: Customer| Some((timeline(&customer, &settings, now)?, settings))))
    };
    let known = known.await.map_err(unreadable)?;
    match known {
        Some((timeline, settings)) if request.wants_page() => {
            Ok(inbound::page(page::customer(&timeline, &settings), page::SECURITY_POLICY))
        }
        Some((timeline, _)) => Ok(inbound::json_of(200, &timeline)),
        None => Err(Problem::NotFound(
            "Nobody has this id. /customers?q= finds people by their names.".to_owned(),
        )),
    }
}

async fn listed(request: &Inbound) -> Result<Answer, Problem> {
    let asked = Asked::from_query(request.query())?;
    let listing = async { messages(&KeyValue::open()?, WallClock.now(), &asked).await };
    let listing = listing.await.map_err(unreadable)?;
    if !request.wants_page() {
        return Ok(inbound::json_of(200, &listing));
    }
    let settings = async { settings(&KeyValue::open()?).await }.await.map_err(unreadable)?;
    Ok(inbound::page(page::message_list(&listing, &asked, &settings), page::SECURITY_POLICY))
}

async fn exported(request: &Inbound) -> Result<Answer, Problem> {
    let whose = Whose::from_query(request.query())?;
    let export =
        async { export(&KeyValue::open()?, whose, WallClock.now()).await }.await.map_err(unreadable)?;
    let export = export.ok_or_else(|| Problem::NotFound("Nothing is held of them.".to_owned()))?;
    let answer = inbound::json_of(200, &export);
    Ok(answer.with("content-disposition", "attachment; filename=\"customer.json\""))
}

/// The settings in force. Whether links can be made decides what is planned; the keys that sign them are not needed for
/// that, and are not here.
async fn settings(store: &KeyValue) -> Result<Settings, StoreError> {
    let settings = adapter::settings::load(store).await?;
    Ok(Settings { links: Links::new(&variable("public_url"), vec!["not a key".to_owned()]), ..settings })
}
