//! `GET /settings`, `PUT /settings`, `POST /settings/undo`, `GET /settings/preview`: what is said, when and to whom.
//!
//! A document is taken as a whole or not at all, and every one that was taken is kept for a while.

use adapter::inbound::{self, Answer, Inbound};
use adapter::{KeyValue, WallClock, settings};
use aftercare::page::{self, Preview};
use aftercare::render::lint;
use aftercare::settings::{History, Settings, Version, Wrong};
use aftercare::store::StoreError;
use aftercare::store::lease::Clock;
use aftercare::webhook::problem::Problem;
use serde::Serialize;
use serde_json::Value;

/// What is in force, and how it came to be.
#[derive(Serialize)]
struct View<'a> {
    /// 0 while there is no document.
    version: u32,
    /// The document as it was put.
    document: Value,
    /// All settings, those that the document leaves out included.
    settings: &'a Settings,
    /// Versions that can be looked at with `?version=`.
    history: Vec<Entry>,
}

#[derive(Serialize)]
struct Entry {
    version: u32,
    at: String,
}

pub(crate) async fn answer(request: &Inbound) -> Result<Answer, Problem> {
    let store = KeyValue::open().map_err(unavailable)?;
    let mut history = match History::load(&store).await {
        // What is damaged can be put again, and nothing else can be done with it.
        Err(StoreError::Unreadable { .. }) if request.method() == "PUT" => History::default(),
        history => history.map_err(unavailable)?,
    };
    match (request.method(), request.path().trim_end_matches('/')) {
        ("GET" | "HEAD", "/settings") => match request.query().strip_prefix("version=") {
            Some(number) => version(&history, number),
            None => Ok(view(&history)),
        },
        ("GET" | "HEAD", "/settings/preview") => previewed(request, &history),
        ("PUT", "/settings") => {
            let document: Value = inbound::from_json(request.body())
                .ok_or_else(|| Problem::NotJson("The body is not JSON.".to_owned()))?;
            let based_on = request.header("if-match").map(|tag| tag.trim_matches('"').to_owned());
            if based_on.is_some_and(|number| number != history.number().to_string()) {
                let why = "Somebody changed the settings meanwhile. Read them again.";
                return Ok(refused(412, "precondition-failed", why, &[]));
            }
            put(&store, &mut history, document).await
        }
        ("POST", "/settings/undo") => {
            let before = history.previous();
            let before = before.ok_or_else(|| Problem::NotFound("There is nothing to undo.".to_owned()))?;
            put(&store, &mut history, before).await
        }
        (_, "/settings") => Err(Problem::MethodNotAllowed("GET, PUT")),
        (_, "/settings/preview") => Err(Problem::MethodNotAllowed("GET")),
        (_, "/settings/undo") => Err(Problem::MethodNotAllowed("POST")),
        _ => Err(Problem::NotFound("There are /settings, /settings/undo and /settings/preview.".to_owned())),
    }
}

/// Messages with sample values: all of them as a list, or one.
fn previewed(request: &Inbound, history: &History) -> Result<Answer, Problem> {
    // As far as the settings can be used: wording is best looked at while something is wrong.
    let settings = history.settings(&settings::base()).unwrap_or_else(|_| settings::base());
    let brand = &settings.brand.name;
    Ok(match Preview::from_query(request.query(), &settings)? {
        Some(shown) if request.wants_page() => {
            inbound::page(page::preview(&shown, brand), page::PREVIEW_SECURITY_POLICY)
        }
        Some(shown) => inbound::json_of(200, &shown),
        None if request.wants_page() => {
            inbound::page(page::wording(&page::rows(&settings), brand), page::SECURITY_POLICY)
        }
        None => inbound::json_of(200, &page::rows(&settings)),
    })
}

async fn put(store: &KeyValue, history: &mut History, document: Value) -> Result<Answer, Problem> {
    let wrong = match settings::base().with(&document) {
        Ok(settings) => lint(&settings),
        Err(wrong) => wrong,
    };
    if !wrong.is_empty() {
        return Ok(refused(422, "unprocessable", "Nothing was changed.", &wrong));
    }
    history.put(document, WallClock.now());
    history.save(store).await.map_err(unavailable)?;
    Ok(view(history))
}

fn view(history: &History) -> Answer {
    let settings = match history.settings(&settings::base()) {
        Ok(settings) => settings,
        Err(wrong) => {
            let why = "The stored document cannot be used, and nothing is sent. Put a better one, or undo.";
            return refused(409, "settings", why, &wrong);
        }
    };
    let entries = history
        .versions()
        .iter()
        .map(|version| Entry { version: version.number, at: version.at.to_string() });
    let document = history
        .current()
        .map_or_else(|| Value::Object(serde_json::Map::new()), |known| known.document.clone());
    let view = View { version: history.number(), document, settings: &settings, history: entries.collect() };
    inbound::json_of(200, &view).with("etag", ["\"", &history.number().to_string(), "\""].concat())
}

fn version(history: &History, number: &str) -> Result<Answer, Problem> {
    let found: Option<&Version> = number.parse().ok().and_then(|number| history.find(number));
    let found = found.ok_or_else(|| Problem::NotFound("No such version is kept.".to_owned()))?;
    Ok(inbound::json_of(200, &found.document))
}

/// A problem document with everything that is wrong.
fn refused(status: u16, name: &str, detail: &str, errors: &[Wrong]) -> Answer {
    #[derive(Serialize)]
    struct Document<'a> {
        #[serde(rename = "type")]
        kind: String,
        title: &'a str,
        status: u16,
        detail: &'a str,
        errors: &'a [Wrong],
    }
    let kind = ["urn:aftercare:problem:", name].concat();
    let document = Document { kind, title: "The settings were not taken", status, detail, errors };
    inbound::answer(status, &[("content-type", "application/problem+json")], inbound::to_json(&document))
}

fn unavailable(error: StoreError) -> Problem {
    eprintln!("settings cannot be read or written: {error}");
    Problem::Unavailable
}
