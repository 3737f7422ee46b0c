//! Docker's API, from version 1.41 on, to and from the model: containers, networks, volumes, labels, images, the engine itself. No connections.

mod asked;
pub mod container;
pub mod create;
pub mod engine;
pub mod file;
pub mod gate;
pub mod label;
pub mod network;
pub mod volume;

mod limits;
mod mount;
mod runtime;

/// An answer of an engine that cannot be taken for what it should be; the text says which and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(pub String);

/// A count or size; what is negative (an engine's "no limit") counts as none.
fn natural(number: Option<i64>) -> u64 {
    u64::try_from(number.unwrap_or(0)).unwrap_or(0)
}

/// A count or size as the API has it.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
