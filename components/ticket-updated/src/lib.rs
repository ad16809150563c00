//! `POST /webhooks/ticket-updated`: support tickets opened, answered, solved, reopened.

use adapter::http::{IncomingRequest, ResponseOutparam};
use aftercare::webhook::TICKET_UPDATED;

adapter::serve!(handle);

async fn handle(request: IncomingRequest, out: ResponseOutparam) {
    adapter::webhook::handle(request, out, TICKET_UPDATED).await;
}
