//! Encodes and decodes the facts of one segment, and the customers that they make, in every encoding that was a
//! candidate for stored values, and answers how large and how slow each is.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use adapter::http::{IncomingRequest, ResponseOutparam};
use adapter::inbound;
use aftercare::customer::Customer;
use aftercare::fact::Fact;
use aftercare::join::Join;
use aftercare::key::Key;
use aftercare::webhook::problem::Problem;
use serde::Serialize;
use serde::de::DeserializeOwned;

adapter::serve!(handle);

const MAX_BODY_BYTES: usize = 16 << 20;
/// How long each side of an encoding is repeated.
const TIME: Duration = Duration::from_millis(300);

async fn handle(request: IncomingRequest, out: ResponseOutparam) {
    let answer = match inbound::read(request, MAX_BODY_BYTES) {
        Ok(request) => match serde_json::from_slice::<BTreeSet<Fact>>(request.body()) {
            Ok(facts) => inbound::json_of(200, &measure(&facts)),
            Err(error) => inbound::problem(&Problem::NotJson(error.to_string())),
        },
        Err(problem) => inbound::problem(&problem),
    };
    inbound::send(out, answer);
}

#[derive(Serialize)]
struct Row {
    encoding: String,
    what: &'static str,
    count: usize,
    bytes: usize,
    encode_nanos: u128,
    decode_nanos: u128,
}

fn measure(facts: &BTreeSet<Fact>) -> Vec<Row> {
    let customers = customers(facts);
    let mut rows = Vec::new();
    both::<Json>(facts, &customers, &mut rows);
    both::<Cbor>(facts, &customers, &mut rows);
    both::<MessagePack>(facts, &customers, &mut rows);
    rows
}

fn both<E: Encoding>(facts: &BTreeSet<Fact>, customers: &Vec<Customer>, rows: &mut Vec<Row>) {
    for compressed in [false, true] {
        rows.push(row::<E, _>("facts", facts.len(), facts, compressed));
        rows.push(row::<E, _>("customers", customers.len(), customers, compressed));
    }
}

fn row<E: Encoding, T: Serialize + DeserializeOwned>(
    what: &'static str,
    count: usize,
    value: &T,
    compressed: bool,
) -> Row {
    let encode = || {
        let plain = E::encode(value);
        if compressed { lz4_flex::block::compress_prepend_size(&plain) } else { plain }
    };
    let bytes = encode();
    let decode = || -> T {
        if compressed {
            E::decode(&lz4_flex::block::decompress_size_prepended(&bytes).expect("what was compressed"))
        } else {
            E::decode(&bytes)
        }
    };
    Row {
        encoding: format!("{}{}", E::NAME, if compressed { " + LZ4" } else { "" }),
        what,
        count,
        bytes: bytes.len(),
        encode_nanos: time(encode),
        decode_nanos: time(decode),
    }
}

/// The quickest of many turns.
fn time<T>(what: impl Fn() -> T) -> u128 {
    let started = Instant::now();
    let mut best = u128::MAX;
    while started.elapsed() < TIME {
        let turn = Instant::now();
        drop(std::hint::black_box(what()));
        best = best.min(turn.elapsed().as_nanos());
    }
    best
}

/// Facts that share a key make one customer.
fn customers(facts: &BTreeSet<Fact>) -> Vec<Customer> {
    let mut customers: Vec<Customer> = Vec::new();
    let mut by_key: BTreeMap<Key, usize> = BTreeMap::new();
    for fact in facts {
        let keys = fact.keys.clone();
        let known = keys.iter().find_map(|key| by_key.get(key).copied());
        let index = known.unwrap_or_else(|| {
            customers.push(Customer::default());
            customers.len() - 1
        });
        customers[index].join(fact.clone().into());
        by_key.extend(keys.into_iter().map(|key| (key, index)));
    }
    customers
}

trait Encoding {
    const NAME: &'static str;
    fn encode<T: Serialize>(value: &T) -> Vec<u8>;
    fn decode<T: DeserializeOwned>(bytes: &[u8]) -> T;
}

struct Json;

impl Encoding for Json {
    const NAME: &'static str = "JSON";

    fn encode<T: Serialize>(value: &T) -> Vec<u8> {
        serde_json::to_vec(value).expect("plain data")
    }

    fn decode<T: DeserializeOwned>(bytes: &[u8]) -> T {
        serde_json::from_slice(bytes).expect("what was encoded")
    }
}

struct Cbor;

impl Encoding for Cbor {
    const NAME: &'static str = "CBOR";

    fn encode<T: Serialize>(value: &T) -> Vec<u8> {
        let mut bytes = Vec::new();
        ciborium::into_writer(value, &mut bytes).expect("plain data");
        bytes
    }

    fn decode<T: DeserializeOwned>(bytes: &[u8]) -> T {
        ciborium::from_reader(bytes).expect("what was encoded")
    }
}

/// With field names: without them a new optional field could not be told from the next one.
struct MessagePack;

impl Encoding for MessagePack {
    const NAME: &'static str = "MessagePack";

    fn encode<T: Serialize>(value: &T) -> Vec<u8> {
        rmp_serde::to_vec_named(value).expect("plain data")
    }

    fn decode<T: DeserializeOwned>(bytes: &[u8]) -> T {
        rmp_serde::from_slice(bytes).expect("what was encoded")
    }
}
