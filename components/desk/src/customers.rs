//! `GET /customers/export`, `/customers/erasures`: what is held of a person, and who was forgotten.

use adapter::inbound::{self, Answer, Inbound};
use adapter::{KeyValue, WallClock};
use aftercare::export::{Whose, export};
use aftercare::store::lease::Clock;
use aftercare::store::view::View;
use aftercare::webhook::problem::Problem;

use crate::unreadable;

pub(crate) async fn answer(request: &Inbound) -> Result<Answer, Problem> {
    let now = WallClock.now();
    match request.path().trim_end_matches('/') {
        "/customers/export" => {
            let whose = Whose::from_query(request.query())?;
            let export = async { export(&KeyValue::open()?, whose, now).await }.await.map_err(unreadable)?;
            let export = export.ok_or_else(|| Problem::NotFound("Nothing is held of them.".to_owned()))?;
            let answer = inbound::json_of(200, &export);
            Ok(answer.with("content-disposition", "attachment; filename=\"customer.json\""))
        }
        "/customers/erasures" => {
            let receipts = async { View::receipts(&KeyValue::open()?).await }.await.map_err(unreadable)?;
            Ok(inbound::json_of(200, &receipts))
        }
        _ => Err(Problem::NotFound("There are /customers/export and /customers/erasures.".to_owned())),
    }
}
