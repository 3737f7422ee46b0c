//! Tests.

#[path = "it/planner.rs"]
mod planner;
