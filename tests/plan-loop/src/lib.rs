//! What a sweep asks of the playbooks for one customer, again and again. The body of the request has the customer's
//! facts; the answer has how many messages were planned, and the nanoseconds of each turn by the host's clock.
//! `?turns=` says how many.

use adapter::WallClock;
use adapter::http::{IncomingRequest, ResponseOutparam};
use adapter::inbound::{self, Answer, Inbound};
use adapter::wasi::clocks::monotonic_clock;
use aftercare::customer::Customer;
use aftercare::fact::Fact;
use aftercare::join::Join;
use aftercare::playbook;
use aftercare::settings::Settings;
use aftercare::store::lease::Clock;
use aftercare::webhook::problem::Problem;

adapter::serve!(handle);

const MAX_BODY_BYTES: usize = 1024 * 1024;

async fn handle(request: IncomingRequest, out: ResponseOutparam) {
    let answer = inbound::read(request, MAX_BODY_BYTES).and_then(|request| measure(&request));
    inbound::send(out, answer.unwrap_or_else(|problem| inbound::problem(&problem)));
}

fn measure(request: &Inbound) -> Result<Answer, Problem> {
    let turns: usize =
        request.query().strip_prefix("turns=").and_then(|turns| turns.parse().ok()).unwrap_or(1);
    let facts: Vec<Fact> = serde_json::from_slice(request.body())
        .map_err(|_| Problem::NotJson("The body is not a list of facts.".to_owned()))?;
    let mut customer = Customer::default();
    for fact in facts {
        customer.join(Customer::from(fact));
    }
    let (settings, now) = (Settings::default(), WallClock.now());
    let mut times = Vec::with_capacity(turns);
    let mut planned = 0;
    for _ in 0..turns {
        let started = monotonic_clock::now();
        planned = std::hint::black_box(playbook::plan(&customer, &settings, now)).len();
        times.push(monotonic_clock::now() - started);
    }
    Ok(inbound::json(200, serde_json::to_vec(&(planned, times)).unwrap_or_default()))
}
