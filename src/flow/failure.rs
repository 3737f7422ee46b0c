//! Why a use came to nothing before a host was touched. Failures of steps are outcomes, not these.

use crate::model::problem::Rejected;
use crate::source::error::{ReadError, SourceError};

/// Why nothing was done; each is an exit code of its own.
#[derive(Debug)]
pub enum Failure {
    /// The repository is wrong.
    Rejected(Rejected),
    /// A guard refuses.
    Guard(String),
    /// A host that is needed does not answer.
    Unreachable(String),
    /// Another run has the lock.
    Locked(String),
    /// A saved plan no longer holds.
    Stale(String),
    /// The command line is wrong.
    Usage(String),
    /// Something else.
    Other(String),
}

impl From<Rejected> for Failure {
    fn from(rejected: Rejected) -> Self {
        Self::Rejected(rejected)
    }
}

impl From<SourceError> for Failure {
    fn from(error: SourceError) -> Self {
        let words = match error.hint() {
            Some(hint) => format!("{error}\n{hint}"),
            None => error.to_string(),
        };
        match error.is_usage() {
            true => Self::Usage(words),
            false => Self::Other(words),
        }
    }
}

impl From<ReadError> for Failure {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Rejected(rejected) => Self::Rejected(rejected),
            ReadError::Source(error) => error.into(),
        }
    }
}
