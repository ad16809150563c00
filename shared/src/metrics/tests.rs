//! Every metric against the plainest thing that could work, and answers against their description.

use std::collections::BTreeSet;

use chrono::{Days, TimeDelta};
use futures_util::FutureExt;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::strategy::ValueTree;
use serde_json::{Value, json};

use super::*;
use crate::customer::Customer;
use crate::fact::{Fact, arbitrary};
use crate::join::Join;
use crate::ledger::bin::Tally;
use crate::ledger::{lines, oldest_detailed};
use crate::store::listing::Listing;
use crate::store::memory::MemoryStore;
use crate::store::meta::Meta;
use crate::store::records::Records;
use crate::store::{names, segment};

mod plain;

fn at(text: &str) -> Time {
    Time::parse(text).expect("a time")
}

/// Facts that share a key belong together; what belongs together is joined.
fn fold(facts: &[Fact]) -> Vec<Customer> {
    let mut customers: Vec<Customer> = Vec::new();
    for fact in facts {
        let mut customer = Customer::from(fact.clone());
        for other in std::mem::take(&mut customers) {
            if other.keys.is_disjoint(&customer.keys) {
                customers.push(other);
            } else {
                customer.join(other);
            }
        }
        customers.push(customer);
    }
    customers
}

/// What a sweep does to pages and ledger: takes some facts, then rolls up old days.
async fn sweep(store: &MemoryStore, facts: &[Fact], now: Time) -> Result<(), StoreError> {
    let mut meta = Meta::load(store).await?;
    let mut records = Records::new(store, meta.page_count(), oldest_detailed(now));
    for fact in facts {
        records.join(fact.clone()).await?;
    }
    let stored = segment::store(store, 0, &facts.iter().cloned().collect()).await?;
    let counted: Vec<String> = stored.iter().map(|stored| stored.key.clone()).collect();
    meta.update(records.save(&counted).await?);
    meta.fold(stored);
    meta.save(store).await?;
    for date in Listing::read(store).await?.days.range(..oldest_detailed(now)) {
        records.ledger.roll_up(*date).await?;
    }
    Ok(())
}

/// The ledger's counts without a ledger.
fn counted(customers: &[Customer]) -> Counts {
    let mut counts = Counts::default();
    for (_, line) in customers.iter().flat_map(lines) {
        counts.add(line.at.date(), &line.bin, Tally::one(line.weight));
    }
    counts
}

proptest! {
    /// Swept, waiting, twice, late, changed, rolled up: it is all the same.
    #[test]
    fn every_metric_equals_a_plain_recomputation(
        facts in arbitrary::facts(1..16),
        cuts in proptest::collection::vec((any::<Index>(), 0..120_u64), 0..4),
        later in 0..120_u64,
        product in any::<bool>(),
    ) {
        let start = at("2026-11-22T12:00:00Z");
        let now = start + TimeDelta::days(i64::try_from(later).unwrap_or_default());
        let store = MemoryStore::default();
        let mut waiting = facts.as_slice();
        let mut cuts = cuts;
        cuts.sort_by_key(|(_, day)| *day);
        for (cut, day) in cuts {
            let (now, rest) = waiting.split_at(cut.index(waiting.len() + 1));
            let day = start + TimeDelta::days(i64::try_from(day.min(later)).unwrap_or_default());
            sweep(&store, now, day).now_or_never().expect("never waits").expect("never fails");
            waiting = rest;
        }
        for fact in waiting {
            store.0.borrow_mut().insert(names::inbox(&fact.id()), fact.to_bytes());
        }
        let customers = fold(&facts);
        let window = Window { from: start.date() - Days::new(10), to: now.date() };
        let mut question = Question { by: Some(crate::window::Period::Week), compare: true, ..Question::about(window) };
        if product {
            question.filter = Question::from_query("product=1", now).expect("a question").filter;
        }
        let settings = Settings::default();
        let read = metrics(&store, &settings, &question, now).now_or_never().expect("never waits").expect("readable");
        let plain = of_counts(&counted(&customers), &settings, &question, now);
        let (read_json, plain_json) = (serde_json::to_value(&read)?, serde_json::to_value(&plain)?);
        for (name, value) in plain_json.as_object().expect("members") {
            prop_assert_eq!(&read_json[name], value, "{}", name);
        }
        if !product {
            let expected = plain::worked_out(&customers, window, now);
            for entry in read.entries() {
                let Some((n, value)) = expected.get(entry.name) else { continue };
                prop_assert_eq!(entry.estimate.n, *n, "{}", entry.name);
                let close = match (entry.estimate.value, value) {
                    (Some(one), Some(other)) => (one - other).abs() < 1e-9,
                    (one, other) => one.is_none() && other.is_none(),
                };
                prop_assert!(close, "{} is {:?} and should be {:?}", entry.name, entry.estimate.value, value);
            }
        }
    }
}

// ── Answers ─────────────────────────────────────────────────────────────────

/// A shop with something of everything.
fn sample() -> (Counts, Time) {
    let now = at("2026-11-21T20:00:00Z");
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let facts = proptest::collection::vec(arbitrary::fact(), 400..401);
    let facts = facts.new_tree(&mut runner).expect("facts").current();
    let facts = facts.into_iter().enumerate().map(|(n, mut fact)| {
        let days = TimeDelta::days(i64::try_from(n).unwrap_or_default() % 300);
        fact.at = fact.at - days;
        fact
    });
    (counted(&fold(&facts.collect::<Vec<_>>())), now)
}

fn ask(query: &str) -> Metrics {
    let (counts, now) = sample();
    let question = Question::from_query(query, now).expect("a question");
    of_counts(&counts, &Settings::default(), &question, now)
}

#[test]
fn members_have_the_names_of_their_metrics() {
    let answer = serde_json::to_value(ask("by=month&compare=previous")).expect("JSON");
    let members: BTreeSet<&str> = answer.as_object().expect("members").keys().map(String::as_str).collect();
    assert_eq!(members, Metrics::KNOWN.iter().map(|(name, _)| *name).collect());
    for (name, member) in answer.as_object().expect("members") {
        for common in ["value", "n", "interval", "formula", "scale", "from", "to", "previous", "change"] {
            assert!(member.get(common).is_some(), "{name} lacks {common}");
        }
        assert_eq!(member["periods"].as_array().map(Vec::len), Some(13), "{name}");
    }
    let nps = &answer["nps"];
    let groups = ["promoters", "passives", "detractors"].map(|group| nps[group].as_u64().expect("a count"));
    assert_eq!(groups.iter().sum::<u64>(), nps["n"].as_u64().expect("a count"));
    assert_eq!(nps["previous"]["to"], json!("2025-11-21"));
}

/// Written by `AFTERCARE_UPDATE=1`, like the schema of the settings.
#[test]
fn the_description_is_that_of_the_types() {
    let described = described();
    let text = serde_json::to_string_pretty(&described).expect("JSON") + "\n";
    if std::env::var_os("AFTERCARE_UPDATE").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/schemas/metrics.openapi.json");
        std::fs::write(path, &text).expect("the description is written");
    } else {
        let wrong = "schemas/metrics.openapi.json is not that of the types; AFTERCARE_UPDATE=1 writes it";
        assert!(text == OPENAPI, "{wrong}");
    }
}

#[test]
fn answers_are_as_described() {
    let described = described();
    let check = |name: &str, answer: &Value| {
        let schema = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$ref": format!("#/components/schemas/{name}"),
            "components": described["components"],
        });
        let schema = jsonschema::validator_for(&schema).expect("a schema");
        let wrong: Vec<_> =
            schema.iter_errors(answer).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert!(wrong.is_empty(), "{wrong:?}");
    };
    for query in ["", "by=week&compare=previous", "product=1&by=day&from=2026-11-01", "source=own-shop"] {
        let answer = ask(query);
        check("Metrics", &serde_json::to_value(&answer).expect("JSON"));
        for (name, _) in Metrics::KNOWN {
            let one: Value = serde_json::from_slice(&answer.json(name).expect("a metric")).expect("JSON");
            assert!(one["formula"].is_string());
        }
    }
    let problem = Question::from_query("from=x", at("2026-11-21T20:00:00Z")).expect_err("a problem");
    check("Problem", &serde_json::from_slice(&problem.to_json()).expect("JSON"));
}

/// `OpenAPI` 3.1, whose schemas are JSON Schema: from the types, so that it cannot drift.
#[expect(clippy::too_many_lines, reason = "one document, read from top to bottom")]
fn described() -> Value {
    let settings = schemars::generate::SchemaSettings::draft2020_12()
        .for_serialize()
        .with(|settings| settings.definitions_path = "/components/schemas".into());
    let mut generator = settings.into_generator();
    let all = generator.subschema_for::<Metrics>();
    let mut paths = serde_json::Map::new();
    let query = |name: &str, schema: Value, description: &str| json!({ "name": name, "in": "query", "required": false, "schema": schema, "description": description });
    let window = [
        query(
            "from",
            json!({ "type": "string", "format": "date" }),
            "First day (UTC); a year before `to` if it is left out.",
        ),
        query(
            "to",
            json!({ "type": "string", "format": "date" }),
            "Last day, included; today if it is left out.",
        ),
        query("by", json!({ "enum": ["day", "week", "month"] }), "Adds `periods`; at most 400."),
        query(
            "compare",
            json!({ "enum": ["previous"] }),
            "Adds `previous`, as many days right before, and `change`.",
        ),
    ];
    let of = |dimensions: &[Dimension]| {
        let known = dimensions.iter().map(|dimension| {
            query(dimension.as_str(), json!({ "type": "string", "minLength": 1 }), "Only of this one.")
        });
        window.iter().cloned().chain(known).collect::<Vec<Value>>()
    };
    let problem = json!({
        "content": { "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } }
    });
    let said = |description: &str| {
        let mut said = problem.clone();
        said["description"] = json!(description);
        said
    };
    let get = |summary: &str, parameters: Vec<Value>, content: Value| {
        json!({ "get": {
            "summary": summary,
            "parameters": parameters,
            "responses": {
                "200": {
                    "description": "As of now, facts that no sweep has seen yet included.",
                    "headers": { "ETag": { "schema": { "type": "string" } } },
                    "content": content,
                },
                "304": { "description": "What `If-None-Match` names is still so." },
                "400": said("The question makes no sense; `detail` says what would."),
                "401": said("No token, or a wrong one."),
                "503": said("The store cannot be read; try again."),
            },
        } })
    };
    let csv = json!({ "schema": { "type": "string" } });
    paths.insert(
        "/metrics".to_owned(),
        get(
            "Every metric",
            of(&Dimension::ALL),
            json!({
                "application/json": { "schema": all },
                "text/csv": csv,
                "application/openmetrics-text": { "schema": { "type": "string" } },
            }),
        ),
    );
    paths.insert(
        "/metrics/prometheus".to_owned(),
        get(
            "Every metric for Prometheus",
            of(&Dimension::ALL),
            json!({
                "application/openmetrics-text": { "schema": { "type": "string" } },
            }),
        ),
    );
    let mut schemas = Value::Object(generator.take_definitions(true));
    schemas["Problem"] = json!({
        "description": "RFC 9457.",
        "type": "object",
        "required": ["type", "title", "status", "detail"],
        "properties": {
            "type": { "type": "string" },
            "title": { "type": "string" },
            "status": { "type": "integer" },
            "detail": { "type": "string" },
            "field": { "type": "string" },
        },
    });
    for (name, dimensions) in Metrics::KNOWN {
        let schema = schemas["Metrics"]["properties"][*name].clone();
        let content = json!({ "application/json": { "schema": schema }, "text/csv": csv });
        paths.insert(format!("/metrics/{name}"), get(name, of(dimensions), content));
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Aftercare metrics",
            "version": "1",
            "description": "Scores with their formula, scale, direction, what they rest on, 95 % interval and what they do not say.",
        },
        "security": [{ "bearer": [] }, { "basic": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "bearer": { "type": "http", "scheme": "bearer" },
                "basic": { "type": "http", "scheme": "basic" },
            },
            "schemas": schemas,
        },
    })
}

#[test]
fn csv_has_a_line_for_each_number() {
    let answer = ask("by=month&compare=previous");
    let text = csv(&answer.entries());
    let lines: Vec<&str> = text.split_terminator("\r\n").collect();
    assert_eq!(lines[0], "metric,part,from,to,value,n,low,high");
    assert_eq!(lines.len(), 1 + Metrics::KNOWN.len() * (2 + 13));
    assert!(lines.iter().all(|line| line.split(',').count() == 8), "{text}");
    assert!(lines[1].starts_with("nps,window,2025-11-22,2026-11-21,"));
}

#[test]
fn prometheus_understands_it() {
    let text = open_metrics(&ask(""));
    assert!(text.ends_with("# EOF\n") && text.contains("\naftercare_nps_n "));
    let mut promtool = match std::process::Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
    {
        Ok(promtool) => promtool,
        Err(error) => {
            println!("skipped: promtool cannot be run ({error}); Debian has it in `prometheus`");
            return;
        }
    };
    std::io::Write::write_all(promtool.stdin.as_mut().expect("a pipe"), text.as_bytes()).expect("it reads");
    let judged = promtool.wait_with_output().expect("it ends");
    let said = [judged.stdout, judged.stderr].concat();
    assert!(judged.status.success() && said.is_empty(), "{}", String::from_utf8_lossy(&said));
}
