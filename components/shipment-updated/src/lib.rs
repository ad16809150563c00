//! `POST /webhooks/shipment-updated`: fulfilments and carrier events.

use adapter::http::{IncomingRequest, ResponseOutparam};
use aftercare::webhook::SHIPMENT_UPDATED;

adapter::serve!(handle);

async fn handle(request: IncomingRequest, out: ResponseOutparam) {
    adapter::webhook::handle(request, out, SHIPMENT_UPDATED).await;
}
