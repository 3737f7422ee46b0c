//! All integration tests, as modules of one binary, so that it links once.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "clippy.toml allows them in tests, but sees none in a helper function of an integration test"
)]

#[path = "it/dialect.rs"]
mod dialect;
#[path = "it/observe.rs"]
mod observe;
