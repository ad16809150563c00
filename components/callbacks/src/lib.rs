//! `POST /webhooks/callbacks/<provider>`: what became of messages, and who wants no more of them.

use adapter::http::{IncomingRequest, ResponseOutparam};
use aftercare::webhook::callback::CALLBACKS;
use p256::ecdsa::signature::Verifier;
use p256::ecdsa::{Signature, VerifyingKey};

adapter::serve!(handle);

async fn handle(request: IncomingRequest, out: ResponseOutparam) {
    adapter::webhook::handle_callback(request, out, CALLBACKS, verify_p256).await;
}

/// Is this a signature, in DER, of `message` by the owner of the key, a point as SEC 1 writes it?
fn verify_p256(key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    match (VerifyingKey::from_sec1_bytes(key), Signature::from_der(signature)) {
        (Ok(key), Ok(signature)) => key.verify(message, &signature).is_ok(),
        _ => false,
    }
}
