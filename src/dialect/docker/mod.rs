//! Docker's API, from version 1.41 on, to and from the model: containers, networks, volumes, labels, images, the engine itself. No connections.

pub mod container;
pub mod create;
pub mod engine;
pub mod label;
pub mod network;
pub mod volume;

/// An answer of an engine that cannot be taken for what it should be; the text says which and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(pub String);
