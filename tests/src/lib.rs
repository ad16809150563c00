//! What tests and automation share: signed payloads, the simulation, and a process to end.

pub mod load;
pub mod payload;
pub mod provider;
pub mod signing;
pub mod simulation;
