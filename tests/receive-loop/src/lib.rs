//! What `order-created` does between reading a request and storing its fact, again and again on one request: verify,
//! normalise, encode, hash. Answers the nanoseconds of each turn, by the host's clock; `?turns=` says how many.

use adapter::http::{IncomingRequest, ResponseOutparam};
use adapter::inbound::{self, Answer, Inbound};
use adapter::wasi::clocks::monotonic_clock;
use adapter::{WallClock, list};
use aftercare::fact::Fact;
use aftercare::store::lease::Clock;
use aftercare::webhook::problem::Problem;
use aftercare::webhook::{self, Accepted, Delivery, MAX_BODY_BYTES, ORDER_CREATED};

adapter::serve!(handle);

async fn handle(request: IncomingRequest, out: ResponseOutparam) {
    let answer = inbound::read(request, MAX_BODY_BYTES).and_then(|request| measure(&request));
    inbound::send(out, answer.unwrap_or_else(|problem| inbound::problem(&problem)));
}

fn measure(request: &Inbound) -> Result<Answer, Problem> {
    let turns: usize =
        request.query().strip_prefix("turns=").and_then(|turns| turns.parse().ok()).unwrap_or(1);
    let secrets = list("shopify_secrets");
    let mut times = Vec::with_capacity(turns);
    for _ in 0..turns {
        let started = monotonic_clock::now();
        let delivery = Delivery {
            method: request.method(),
            headers: request.headers(),
            query: "",
            body: request.body(),
            now: WallClock.now(),
        };
        let accepted = webhook::receive(ORDER_CREATED, &delivery, &|_| secrets.clone())?;
        let Accepted::Fact(fact) = accepted else { return Err(Problem::NotFound("No fact.".to_owned())) };
        let id = Fact::id_of(&fact.to_bytes());
        std::hint::black_box(id);
        times.push(monotonic_clock::now() - started);
    }
    Ok(inbound::json(200, serde_json::to_vec(&times).unwrap_or_default()))
}
