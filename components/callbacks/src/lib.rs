//! `POST /webhooks/callbacks/<provider>`: what became of messages, and who wants no more of them.

use adapter::http::{IncomingRequest, ResponseOutparam};
use aftercare::webhook::callback::CALLBACKS;
use p256::ecdsa::signature::hazmat::PrehashVerifier;
use p256::ecdsa::{Signature, VerifyingKey};

adapter::serve!(handle);

async fn handle(request: IncomingRequest, out: ResponseOutparam) {
    adapter::webhook::handle_callback(request, out, CALLBACKS, verify_p256).await;
}

/// Is this a signature of what has this digest, by the owner of the key, a point as SEC 1 writes it?
///
/// Of the digest, so that the component has SHA-256 once; the library's own would be eight kilobytes more.
fn verify_p256(key: &[u8], digest: &[u8; 32], signature: &[u8; 64]) -> bool {
    match (VerifyingKey::from_sec1_bytes(key), Signature::from_slice(signature)) {
        (Ok(key), Ok(signature)) => key.verify_prehash(digest, &signature).is_ok(),
        _ => false,
    }
}
