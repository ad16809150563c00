use jsonschema::Validator;
use serde_json::{Value, json};

use super::super::schema::{SCHEMAS, find};
use super::*;
use crate::fact::{Direction, Event, Scale, ShipmentState, SurveyKind};
use crate::field::Field;

fn routes(event: &str) -> &'static [Route] {
    match event {
        "order-created" => ORDER_CREATED,
        "shipment-updated" => SHIPMENT_UPDATED,
        "survey-submitted" => SURVEY_SUBMITTED,
        "review-posted" => REVIEW_POSTED,
        "ticket-updated" => TICKET_UPDATED,
        "privacy-request" => PRIVACY_REQUEST,
        other => panic!("{other}"),
    }
}

/// Sends a body to the event of its type.
fn send(body: &Value) -> Result<Accepted, Problem> {
    generic(body.to_string().as_bytes()).send(routes(event_of(body)), SECRETS)
}

/// The event whose schema a body has.
fn event_of(body: &Value) -> &'static str {
    let schema = find(body["type"].as_str().unwrap_or("order.created")).unwrap();
    SCHEMAS.iter().find(|(_, other)| *other == schema).unwrap().0
}

fn validator(event: &str) -> Validator {
    jsonschema::draft202012::new(&serde_json::from_str(find(event).unwrap()).unwrap()).unwrap()
}

fn body(kind: &str, data: Value) -> Value {
    json!({"type": kind, "timestamp": "2026-11-20T09:30:00+01:00", "data": data})
}

// ── The contract and its schemas ────────────────────────────────────────────

#[test]
fn examples_of_the_schemas_are_accepted() {
    for (event, schema) in SCHEMAS {
        let schema: Value = serde_json::from_str(schema).unwrap();
        jsonschema::draft202012::meta::validate(&schema).unwrap();
        let validator = validator(event);
        let examples = schema["examples"].as_array().unwrap();
        assert!(examples.len() >= 2, "{event}");
        for example in examples {
            assert!(validator.is_valid(example), "{event}: {example}");
            fact(send(example));
        }
    }
}

#[test]
fn schemas_are_found_by_event_and_by_type() {
    for (event, schema) in SCHEMAS {
        assert_eq!(find(event), Some(*schema));
    }
    assert_eq!(find("order.refunded"), find("order-created"));
    assert_eq!(find("privacy.requested"), find("privacy-request"));
    assert_eq!(find("survey.submitted"), find("survey-submitted"));
    assert_eq!(find("../Cargo.toml"), None);
}

/// Every leaf of every example, replaced by every kind of value or removed: what is accepted is valid. (The other way
/// round a schema cannot say everything: an amount may have more decimals than its currency.)
#[test]
fn whatever_is_accepted_is_valid() {
    let values = [
        Value::Null,
        json!(true),
        json!(0),
        json!(5),
        json!(-3),
        json!(7.5),
        json!(1e3),
        json!(99_999_999_999_u64),
        json!(""),
        json!(" "),
        json!("text"),
        json!(" 1 "),
        json!("9"),
        json!("49.90"),
        json!("49.999"),
        json!("EUR"),
        json!("low"),
        json!("1-5"),
        json!("0-10"),
        json!("2026-11-20"),
        json!("2026-11-20T09:30:00"),
        json!("2026-11-20 09:30:00Z"),
        json!("2026-11-20T09:30:00.5-05:00"),
        json!("https://a.example/x"),
        json!("javascript:x"),
        json!("Ann@Example.com"),
        json!(" ann@example.com"),
        json!("a@b@c.d"),
        json!("+49 30 123456"),
        json!("pt_BR"),
        json!("x\u{0}y"),
        json!("\n"),
        json!([]),
        json!(["a", 1]),
        json!({}),
        json!({"id": "x"}),
    ];
    let (mut accepted, mut refused) = (0, 0);
    for (event, schema) in SCHEMAS {
        let validator = validator(event);
        let schema: Value = serde_json::from_str(schema).unwrap();
        for example in schema["examples"].as_array().unwrap() {
            let mut paths = Vec::new();
            collect_paths(example, String::new(), &mut paths);
            for path in paths {
                for value in values.iter().map(Some).chain([None]) {
                    let mut changed = example.clone();
                    match value {
                        Some(value) => *changed.pointer_mut(&path).unwrap() = value.clone(),
                        None => remove(&mut changed, &path),
                    }
                    let result = generic(changed.to_string().as_bytes()).send(routes(event), SECRETS);
                    match result {
                        Ok(Accepted::Fact(_)) => {
                            accepted += 1;
                            let errors: Vec<_> =
                                validator.iter_errors(&changed).map(|error| error.to_string()).collect();
                            assert!(
                                errors.is_empty(),
                                "accepted but invalid: {path} in {changed}: {errors:?}"
                            );
                        }
                        Ok(Accepted::Ignored(_)) => assert_eq!(path, "/type"),
                        Err(Problem::Unprocessable { .. }) => refused += 1,
                        Err(other) => panic!("{other:?}: {changed}"),
                    }
                }
            }
        }
    }
    println!("{accepted} accepted, {refused} refused");
    assert!(accepted > 500 && refused > 1_000);
}

fn collect_paths(value: &Value, path: String, paths: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            members.iter().for_each(|(name, value)| collect_paths(value, format!("{path}/{name}"), paths));
        }
        Value::Array(items) => {
            items
                .iter()
                .enumerate()
                .for_each(|(index, item)| collect_paths(item, format!("{path}/{index}"), paths));
        }
        _ => {}
    }
    if !path.is_empty() {
        paths.push(path);
    }
}

fn remove(value: &mut Value, path: &str) {
    let (parent, name) = path.rsplit_once('/').unwrap();
    match value.pointer_mut(parent).unwrap() {
        Value::Object(members) => _ = members.remove(name),
        Value::Array(items) => _ = items.remove(name.parse().unwrap()),
        other => panic!("{other}"),
    }
}

/// Defects that both the schema and the code refuse: (body, the field that the code names).
#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn defects_are_refused_by_schema_and_code() {
    let order = |order: Value| body("order.created", json!({"order": order}));
    let answer = |survey: Value| {
        let mut survey = survey;
        survey.as_object_mut().unwrap().entry("answer_id").or_insert(json!("a1"));
        body("survey.submitted", json!({"survey": survey, "customer": {"id": 77}}))
    };
    let table = [
        (order(json!({})), "data.order.id"),
        (order(json!({"id": ""})), "data.order.id"),
        (order(json!({"id": {"value": 1}})), "data.order.id"),
        (order(json!({"id": 1, "placed_at": "yesterday"})), "data.order.placed_at"),
        (order(json!({"id": 1, "placed_at": "2026-11-20T09:30:00"})), "data.order.placed_at"),
        (order(json!({"id": 1, "total": "49.90"})), "data.order.currency"),
        (order(json!({"id": 1, "currency": "euro", "total": "49.90"})), "data.order.currency"),
        (order(json!({"id": 1, "currency": "EUR", "total": "49,90"})), "data.order.total"),
        (order(json!({"id": 1, "currency": "EUR", "total": true})), "data.order.total"),
        (order(json!({"id": 1, "promised_by": "tomorrow"})), "data.order.promised_by"),
        (order(json!({"id": 1, "locale": "German"})), "data.order.locale"),
        (order(json!({"id": 1, "test": "no"})), "data.order.test"),
        (order(json!({"id": 1, "items": {}})), "data.order.items"),
        (order(json!({"id": 1, "items": ["x"]})), "data.order.items"),
        (order(json!({"id": 1, "items": [{"quantity": "2"}]})), "data.order.items[0].quantity"),
        (order(json!({"id": 1, "items": [{}, {"tags": "coffee"}]})), "data.order.items[1].tags"),
        (order(json!({"id": 1, "status_url": "javascript:alert(1)"})), "data.order.status_url"),
        (order(json!({"id": 1, "customer": "Ann"})), "data.order.customer"),
        (order(json!({"id": 1, "customer": {"email": "ann"}})), "data.order.customer.email"),
        (order(json!({"id": 1, "customer": {"phone": 4_930_123}})), "data.order.customer.phone"),
        (order(json!({"id": 1, "customer": {"marketing": true}})), "data.order.customer.marketing"),
        (
            order(json!({"id": 1, "customer": {"marketing": {"email": "yes"}}})),
            "data.order.customer.marketing.email",
        ),
        (answer(json!({"kind": "nps", "score": 11})), "data.survey.score"),
        (answer(json!({"kind": "nps", "score": -1})), "data.survey.score"),
        (answer(json!({"kind": "nps", "score": 7.5})), "data.survey.score"),
        (answer(json!({"kind": "nps", "score": "9"})), "data.survey.score"),
        (answer(json!({"kind": "nps", "score": null})), "data.survey.score"),
        (answer(json!({"kind": "nps", "score": 9, "scale": "1-10"})), "data.survey.scale"),
        (answer(json!({"kind": "nps", "score": 9, "good": "low"})), "data.survey.scale"),
        (answer(json!({"kind": "csat", "score": 6})), "data.survey.score"),
        (answer(json!({"kind": "csat", "score": 0})), "data.survey.score"),
        (answer(json!({"kind": "csat", "score": 3, "scale": "3-7"})), "data.survey.scale"),
        (answer(json!({"kind": "ces", "score": 8})), "data.survey.score"),
        (answer(json!({"kind": "ces", "score": 3, "good": "middle"})), "data.survey.good"),
        (answer(json!({"kind": "stars", "score": 3})), "data.survey.kind"),
        (answer(json!({"kind": "nps", "score": 9, "answer_id": null})), "data.survey.answer_id"),
        (
            body("survey.submitted", json!({"survey": {"kind": "nps", "answer_id": "a", "score": 9}})),
            "data.customer",
        ),
        (
            body(
                "survey.submitted",
                json!({"survey": {"kind": "nps", "answer_id": "a", "score": 9}, "customer": {"first_name": "Ann"}}),
            ),
            "data.customer",
        ),
        (
            body(
                "survey.submitted",
                json!({"survey": {"kind": "nps", "answer_id": "a", "score": 9}, "customer": {"phone": "030 1"}}),
            ),
            "data.customer",
        ),
        (body("shipment.updated", json!({"shipment": {"status": "shipped"}})), "data.shipment.id"),
        (body("shipment.updated", json!({"shipment": {"id": "s1"}})), "data.shipment.status"),
        (body("shipment.updated", json!({"shipment": {"id": "s1", "status": " "}})), "data.shipment.status"),
        (
            body(
                "shipment.updated",
                json!({"shipment": {"id": "s1", "status": "shipped", "estimated_at": "soon"}}),
            ),
            "data.shipment.estimated_at",
        ),
        (
            body("review.posted", json!({"review": {"id": "r1", "rating": 6}, "order": {"id": 1}})),
            "data.review.rating",
        ),
        (
            body("review.posted", json!({"review": {"id": "r1", "rating": "5"}, "order": {"id": 1}})),
            "data.review.rating",
        ),
        (
            body(
                "review.posted",
                json!({"review": {"id": "r1", "rating": 5, "scale": "5"}, "order": {"id": 1}}),
            ),
            "data.review.scale",
        ),
        (body("review.posted", json!({"review": {"id": "r1", "rating": 5}})), "data.customer"),
        (body("ticket.updated", json!({"ticket": {"status": "new"}})), "data.ticket.id"),
        (
            body("ticket.updated", json!({"ticket": {"id": 1, "handle_seconds": -1}})),
            "data.ticket.handle_seconds",
        ),
        (
            body("ticket.updated", json!({"ticket": {"id": 1, "solved_at": 1_795_291_200}})),
            "data.ticket.solved_at",
        ),
        (
            body(
                "privacy.requested",
                json!({"request": {"id": "p", "kind": "delete"}, "customer": {"id": 1}}),
            ),
            "data.request.kind",
        ),
        (
            body("privacy.requested", json!({"request": {"id": "p", "kind": "erase"}, "customer": {}})),
            "data.customer",
        ),
        (json!({"type": "order.created", "data": {"order": {"id": 1}}}), "timestamp"),
        (
            json!({"type": "order.created", "timestamp": 1_795_291_200, "data": {"order": {"id": 1}}}),
            "timestamp",
        ),
        (json!({"type": "order.created", "timestamp": "2026-11-20T09:30:00Z"}), "data"),
        (json!({"type": "order.created", "timestamp": "2026-11-20T09:30:00Z", "data": []}), "data"),
        (json!({"timestamp": "2026-11-20T09:30:00Z", "data": {}}), "type"),
    ];
    for (body, field) in table {
        assert_eq!(wrong_field(send(&body)), field, "{body}");
        assert!(!validator(event_of(&body)).is_valid(&body), "the schema lets {field} pass in {body}");
    }
}

#[test]
fn types_of_other_urls_and_unknown_types_are_ignored() {
    for (event, _) in SCHEMAS {
        for kind in ["order.created", "shipment.updated", "survey.submitted", "review.posted", "x"] {
            if find(kind) != find(event) {
                is_ignored(
                    &generic(body(kind, json!({})).to_string().as_bytes()).send(routes(event), SECRETS),
                );
            }
        }
    }
}

// ── What the bodies become ──────────────────────────────────────────────────

#[test]
fn the_customer_of_an_order_may_stand_in_it_or_beside_it() {
    let ann = json!({"email": "ann@example.com"});
    let eve = json!({"email": "eve@example.com"});
    let table = [
        (json!({"order": {"id": 1, "customer": ann}}), "email:ann@example.com"),
        (json!({"order": {"id": 1}, "customer": ann}), "email:ann@example.com"),
        (json!({"order": {"id": 1, "customer": ann}, "customer": eve}), "email:ann@example.com"),
    ];
    for (data, email) in table {
        let body = body("order.created", data);
        assert!(validator("order-created").is_valid(&body), "{body}");
        assert_eq!(keys(&fact(send(&body))), [email, "order:1"], "{body}");
    }
}

#[test]
fn an_order_is_read_as_it_is() {
    let schema: Value = serde_json::from_str(find("order-created").unwrap()).unwrap();
    let fact = fact(send(&schema["examples"][0]));
    assert_eq!(
        keys(&fact),
        ["customer:77", "email:ann@example.com", "number:1001", "order:1001", "phone:+4930123456"]
    );
    insta::assert_snapshot!(written(&fact), @r#"
    {
      "at": 1795287480000,
      "source": "generic",
      "keys": [
        "customer:77",
        "email:ann@example.com",
        "number:1001",
        "order:1001",
        "phone:+4930123456"
      ],
      "event": {
        "order": {
          "id": "1001",
          "number": "1001",
          "stages": {
            "placed": 1795287480000
          },
          "total": {
            "minor": 4990,
            "currency": "EUR"
          },
          "items": [
            {
              "product_id": "9",
              "sku": "CAFE-1",
              "title": "Espresso machine",
              "type": "machine",
              "tags": [
                "coffee"
              ],
              "quantity": 1,
              "price": {
                "minor": 4990,
                "currency": "EUR"
              }
            }
          ],
          "promised_by": "2026-11-25",
          "contact": {
            "email": "ann@example.com",
            "phone": "+49 30 123456",
            "first_name": "Ann",
            "locale": "de-DE",
            "marketing": {
              "email": true,
              "sms": false
            },
            "marketing_at": 1795287480000
          }
        }
      }
    }
    "#);
}

#[test]
fn each_type_of_order_event_reaches_its_stage() {
    let stages = |kind: &str, data: Value| {
        let Event::Order(report) = fact(send(&body(kind, data))).event else { panic!() };
        report.stages.into_keys().map(|stage| serde_json::to_value(stage).unwrap()).collect::<Vec<_>>()
    };
    let order = json!({"id": 1, "currency": "EUR", "total": "49.90"});
    assert_eq!(stages("order.created", json!({"order": order})), ["placed"]);
    assert_eq!(stages("order.paid", json!({"order": order})), ["paid"]);
    assert_eq!(stages("order.cancelled", json!({"order": order})), ["cancelled"]);
    assert_eq!(stages("order.refunded", json!({"order": order})), ["refunded"]);
    let refund = |refund: Value| stages("order.refunded", json!({"order": order, "refund": refund})).len();
    assert_eq!(refund(json!({"id": "r", "amount": "10.00"})), 0);
    assert_eq!(refund(json!({"id": "r", "amount": "49.90"})), 1);
    assert_eq!(refund(json!({"id": "r", "amount": "10.00", "full": true})), 1);
    assert_eq!(refund(json!({"id": "r"})), 1);
}

#[test]
fn scales_and_directions_travel_with_the_answer() {
    let check = |survey: Value, kind: SurveyKind, (min, max, good): (u8, u8, Direction)| {
        let data = json!({"survey": survey, "order": {"id": 1001}, "ticket": {"id": "t1"}});
        let fact = fact(send(&body("survey.submitted", data)));
        assert_eq!(keys(&fact), ["order:1001", "ticket:t1"]);
        let Event::Answer(answer) = fact.event else { panic!() };
        assert_eq!((answer.kind, answer.scale), (kind, Scale { min, max, good }));
    };
    check(json!({"kind": "nps", "answer_id": 1, "score": 0}), SurveyKind::Nps, (0, 10, Direction::High));
    check(json!({"kind": "csat", "answer_id": 1, "score": 5}), SurveyKind::Csat, (1, 5, Direction::High));
    check(
        json!({"kind": "csat", "answer_id": 1, "score": 9, "scale": "1-10"}),
        SurveyKind::Csat,
        (1, 10, Direction::High),
    );
    check(json!({"kind": "ces", "answer_id": 1, "score": 7}), SurveyKind::Ces, (1, 7, Direction::High));
    check(
        json!({"kind": "ces", "answer_id": 1, "score": 1, "scale": "1-5", "good": "low"}),
        SurveyKind::Ces,
        (1, 5, Direction::Low),
    );
}

#[test]
fn a_parcel_without_an_id_goes_by_its_number() {
    let fact = fact(send(&body(
        "shipment.updated",
        json!({
            "shipment": {"tracking_number": "0034 0434 161a", "status": "Sorting_Centre", "at": "2026-11-24T07:12:00+01:00"},
            "order": {"id": 1001}, "customer": {"email": ""}
        }),
    )));
    assert_eq!(keys(&fact), ["order:1001", "tracking:00340434161A"]);
    assert_eq!(fact.at, time("2026-11-24T06:12:00Z"));
    let Event::Shipment(report) = fact.event else { panic!() };
    assert_eq!(report.id, "tracking:0034 0434 161a");
    assert_eq!(
        report.states.into_keys().collect::<Vec<_>>(),
        [ShipmentState::Other("sorting_centre".to_owned())]
    );
    assert_eq!(report.contact.email, Field::None);
}

#[test]
fn ratings_are_brought_to_one_scale_and_kept_as_given() {
    let data = json!({"review": {"id": 1, "rating": 8.5, "scale": "1-10", "body": "Good\u{0}"}, "customer": {"id": 77}});
    let Event::Review(review) = fact(send(&body("review.posted", data))).event else { panic!() };
    assert_eq!((review.rating_hundredths, review.rated.as_str()), (433, "8.5 of 1-10"));
    assert_eq!((review.source.as_str(), review.body.as_deref()), ("own-shop", Some("Good")));
}

#[test]
fn what_was_agreed_is_as_old_as_the_order() {
    let contact = |customer: Value| {
        let order = json!({"id": 1, "placed_at": "2026-11-19T00:00:00Z", "customer": customer});
        let Event::Order(report) = fact(send(&body("order.paid", json!({"order": order})))).event else {
            panic!()
        };
        report.contact
    };
    assert_eq!(
        contact(json!({"marketing": {"email": true}})).marketing_at,
        Some(time("2026-11-19T00:00:00Z"))
    );
    assert_eq!(contact(json!({"marketing": {}})).marketing_at, None);
}
