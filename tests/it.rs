//! Tests.

#[path = "it/report.rs"]
mod report;
