//! What is asked of a replica instead of a health check, and what came of it. How it is asked is `host`'s.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What says that a replica is up. It is asked from outside, and so no part of what a container is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Gate {
    /// A path answers over HTTP.
    Http {
        /// The path, and what may follow it.
        path: String,
        /// The port in the container.
        port: u16,
        /// The status that counts as well; none is any from 200 to 399.
        expect: Option<u16>,
    },
    /// A port takes a connection.
    Tcp {
        /// The port in the container.
        port: u16,
    },
    /// A command in the container ends with 0.
    Exec {
        /// The program and its arguments.
        command: Vec<String>,
    },
}

impl Gate {
    /// Whether an HTTP status counts as well.
    pub fn is_well(expect: Option<u16>, status: u16) -> bool {
        match expect {
            Some(expect) => status == expect,
            None => (200..400).contains(&status),
        }
    }
}

impl fmt::Display for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http { path, port, .. } => write!(f, "GET {path} on port {port}"),
            Self::Tcp { port } => write!(f, "port {port}"),
            // Its arguments may hold what nobody is to see.
            Self::Exec { command } => write!(f, "{}", command.first().map_or("", String::as_str)),
        }
    }
}

/// What came of one try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tried {
    /// It passed.
    Passed,
    /// It did not, and why.
    Not(String),
}
