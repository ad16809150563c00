//! Integration tests: one binary, because linking is what takes time.

mod end_to_end;
mod shop;
