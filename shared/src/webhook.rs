//! Webhooks: signed reports of senders in, facts out.
//!
//! Pure: headers, bytes, secrets and the time go in; a fact, a reason to ignore it, or a problem comes out.

pub mod problem;
pub mod verify;
