//! All integration tests, as modules of one binary, so that it links once.

#[path = "it/dialect.rs"]
mod dialect;
#[path = "it/observe.rs"]
mod observe;
