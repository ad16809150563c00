//! Aftercare's domain: what happened after a sale, what to say about it, and how well it went.
//!
//! Pure on purpose: no SDK, no clock, no randomness, no input or output. Components hand in bytes, the time and a
//! store; tests hand in whatever they like.

pub mod access;
pub mod brand;
pub mod channel;
pub mod customer;
pub mod desk;
pub mod draft;
pub mod export;
pub mod fact;
pub mod fetch;
pub mod field;
mod gather;
pub mod health;
pub mod hex;
pub mod join;
pub mod key;
pub mod ledger;
pub mod link;
pub mod message;
pub mod metrics;
pub mod money;
pub mod outbox;
pub mod page;
pub mod playbook;
pub mod query;
pub mod render;
pub mod score;
pub mod settings;
pub mod store;
pub mod storefront;
pub mod sweep;
mod template;
pub mod time;
pub mod voucher;
pub mod webhook;
pub mod window;
pub mod zone;
