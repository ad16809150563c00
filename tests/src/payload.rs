//! Payloads shaped like the real ones, for tests and for the demo.

use serde_json::{Value, json};

/// A Shopify order: `orders/create`. Times are RFC 3339.
pub struct ShopifyOrder<'a> {
    /// Real ones exceed 2^53.
    pub id: u64,
    pub number: u32,
    pub email: &'a str,
    pub first_name: &'a str,
    pub locale: &'a str,
    pub placed_at: &'a str,
    pub title: &'a str,
    pub price: &'a str,
}

impl ShopifyOrder<'_> {
    pub fn to_json(&self) -> Value {
        let Self { id, number, email, first_name, locale, placed_at, title, price } = self;
        json!({
            "id": id,
            "admin_graphql_api_id": format!("gid://shopify/Order/{id}"),
            "name": format!("#{number}"),
            "order_number": number,
            "email": email,
            "created_at": placed_at,
            "updated_at": placed_at,
            "currency": "EUR",
            "total_price": price,
            "financial_status": "paid",
            "fulfillment_status": null,
            "cancelled_at": null,
            "test": false,
            "buyer_accepts_marketing": false,
            "customer_locale": locale,
            "order_status_url": format!("https://shop.example/orders/{number}"),
            "customer": {"id": id + 7_000_000, "first_name": first_name, "last_name": "Example"},
            "shipping_address": {"country_code": "DE", "province_code": null},
            "line_items": [{
                "id": id + 1, "product_id": id + 2, "sku": "CAFE-1", "title": title, "variant_title": null,
                "quantity": 1, "current_quantity": 1, "price": price, "requires_shipping": true,
            }],
        })
    }
}

/// An NPS answer in the generic contract.
pub fn nps_answer(answer_id: &str, score: i64, email: &str, at: &str) -> Value {
    json!({
        "type": "survey.submitted",
        "timestamp": at,
        "data": {
            "survey": {"kind": "nps", "answer_id": answer_id, "score": score, "scale": "0-10"},
            "customer": {"email": email},
        },
    })
}
