//! Integration tests: one binary, because linking is what takes time.

mod crash;
mod end_to_end;
mod shop;
mod simulation;
