//! `POST /webhooks/privacy-request`: data requests, redaction, shop removal.

use adapter::http::{IncomingRequest, ResponseOutparam};
use aftercare::webhook::PRIVACY_REQUEST;

adapter::serve!(handle);

async fn handle(request: IncomingRequest, out: ResponseOutparam) {
    adapter::webhook::handle(request, out, PRIVACY_REQUEST).await;
}
