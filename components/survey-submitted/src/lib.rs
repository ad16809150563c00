//! `POST /webhooks/survey-submitted`: answers to surveys.

use adapter::http::{IncomingRequest, ResponseOutparam};
use aftercare::webhook::SURVEY_SUBMITTED;

adapter::serve!(handle);

async fn handle(request: IncomingRequest, out: ResponseOutparam) {
    adapter::webhook::handle(request, out, SURVEY_SUBMITTED).await;
}
