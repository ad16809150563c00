//! Reads the body, stores it under the id that stands in the path, answers 202. No signature, no parsing: whatever
//! `order-created` takes longer than this is its own.

use adapter::KeyValue;
use adapter::http::{IncomingRequest, ResponseOutparam};
use adapter::inbound;
use aftercare::store::Store;
use aftercare::webhook::MAX_BODY_BYTES;
use aftercare::webhook::problem::Problem;

adapter::serve!(handle);

async fn handle(request: IncomingRequest, out: ResponseOutparam) {
    let stored = async {
        let request = inbound::read(request, MAX_BODY_BYTES)?;
        let store = KeyValue::open().map_err(|_| Problem::Unavailable)?;
        store.set(request.path(), request.body()).await.map_err(|_| Problem::Unavailable)
    };
    let answer = match stored.await {
        Ok(()) => inbound::json(202, "{}"),
        Err(problem) => inbound::problem(&problem),
    };
    inbound::send(out, answer);
}
