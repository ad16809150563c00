//! The description of the metrics' answers for machines.

/// `OpenAPI` 3.1, as it is served at `/metrics/openapi.json`.
pub const OPENAPI: &str = include_str!("../../schemas/metrics.openapi.json");
