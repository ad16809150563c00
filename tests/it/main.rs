//! Integration tests: one binary, because linking is what takes time.

mod bad_input;
mod clouds;
mod crash;
mod deploy;
mod description;
mod desk;
mod end_to_end;
mod events;
mod fetch;
mod journey;
mod metrics;
mod pages;
mod playbooks;
mod privacy;
mod process;
mod providers;
mod senders;
mod shop;
mod simulation;
mod storefront;
mod vouchers;
