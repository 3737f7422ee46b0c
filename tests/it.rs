//! Tests.

#[path = "it/check.rs"]
mod check;
