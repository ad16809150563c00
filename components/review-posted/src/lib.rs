//! `POST /webhooks/review-posted`: reviews posted, changed, withdrawn.

use adapter::http::{IncomingRequest, ResponseOutparam};
use aftercare::webhook::REVIEW_POSTED;

adapter::serve!(handle);

async fn handle(request: IncomingRequest, out: ResponseOutparam) {
    adapter::webhook::handle(request, out, REVIEW_POSTED).await;
}
