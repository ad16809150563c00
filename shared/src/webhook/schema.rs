//! The JSON Schemas of the generic contract, one an event, as they are served at `/schemas/<event>.json`.

/// Every event with its schema (draft 2020-12).
pub const SCHEMAS: &[(&str, &str)] = &[
    ("order-created", include_str!("../../schemas/order-created.json")),
    ("shipment-updated", include_str!("../../schemas/shipment-updated.json")),
    ("survey-submitted", include_str!("../../schemas/survey-submitted.json")),
    ("review-posted", include_str!("../../schemas/review-posted.json")),
    ("ticket-updated", include_str!("../../schemas/ticket-updated.json")),
    ("privacy-request", include_str!("../../schemas/privacy-request.json")),
];

/// The schema of an event, by the name in its URL (`order-created`) or by the type of its bodies (`order.paid`).
pub fn find(event: &str) -> Option<&'static str> {
    let event = match event {
        "order.paid" | "order.cancelled" | "order.refunded" => "order-created",
        "privacy.requested" => "privacy-request",
        other => &other.replace('.', "-"),
    };
    SCHEMAS.iter().find(|(name, _)| *name == event).map(|(_, schema)| *schema)
}

/// Where the schemas are: for whoever asked for one that there is not.
pub fn known() -> String {
    let mut known = "There are".to_owned();
    for (number, (event, _)) in SCHEMAS.iter().enumerate() {
        known.extend([if number == 0 { " " } else { ", " }, "/schemas/", event, ".json"]);
    }
    known.push('.');
    known
}
