//! Tests.

#[path = "it/execute.rs"]
mod execute;
