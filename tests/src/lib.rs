//! What tests and automation share: signed payloads, a shop's trade, the simulation, and a process to end.

pub mod browser;
pub mod load;
pub mod payload;
pub mod platform;
pub mod provider;
pub mod redis;
pub mod scripted;
pub mod simulation;
pub mod store;
pub mod trade;

pub use aftercare_signing as signing;
