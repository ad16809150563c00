//! `POST /webhooks/order-created`: orders placed, paid, cancelled, refunded.

use adapter::http::{IncomingRequest, ResponseOutparam};
use aftercare::webhook::ORDER_CREATED;

adapter::serve!(handle);

async fn handle(request: IncomingRequest, out: ResponseOutparam) {
    adapter::webhook::handle(request, out, ORDER_CREATED).await;
}
