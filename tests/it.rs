//! The one integration binary: every area is a module, so that linking stays cheap.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and may wait"
)]

#[path = "it/check.rs"]
mod check;
#[path = "it/dialect.rs"]
mod dialect;
#[path = "it/e2e/mod.rs"]
mod e2e;
#[path = "it/edit.rs"]
mod edit;
#[path = "it/execute.rs"]
mod execute;
#[path = "it/hooks.rs"]
mod hooks;
#[path = "it/observe.rs"]
mod observe;
#[path = "it/placing/mod.rs"]
mod placing;
#[path = "it/planner.rs"]
mod planner;
#[path = "it/readme.rs"]
mod readme;
#[path = "it/rehearse.rs"]
mod rehearse;
#[path = "it/report.rs"]
mod report;
mod tidy;

/// Whether this is a run of `tests/run --full`, for the longer proofs.
fn full() -> bool {
    std::env::var_os("CDK_TEST_FULL").is_some()
}
