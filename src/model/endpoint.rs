//! Where a host is and how ssh gets there. No connections.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::unit::Span;

/// Where a host is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Address {
    /// This machine's own Docker socket.
    Local,
    /// A name or an address for ssh.
    Ssh(String),
}

impl Address {
    /// The IP address that it is, where it is no name.
    pub fn literal(&self) -> Option<IpAddr> {
        match self {
            Self::Local => None,
            Self::Ssh(text) => text.parse().ok(),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local => f.pad("local"),
            Self::Ssh(address) => f.pad(address),
        }
    }
}

/// How the user gets the right to the Docker socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Become {
    /// It has it: it is root, or in the group `docker`.
    #[default]
    None,
    /// By sudo, which asks for nothing.
    Sudo,
}

impl Become {
    /// Whether the user is right as it is.
    pub fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }
}

/// What is said of SSH for one host; what is none is left to `~/.ssh/config` and ssh's own defaults.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Ssh {
    /// The user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// Jump hosts, as ssh's `-J` has them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jump: Option<String>,
    /// How the user gets the right to the Docker socket.
    #[serde(skip_serializing_if = "Become::is_none")]
    pub r#become: Become,
    /// A private key's path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity: Option<PathBuf>,
    /// A configuration file instead of `~/.ssh/config`, absolute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config: Option<PathBuf>,
    /// How long a host may take to answer; 5 s unless given.
    pub connect_timeout: Span,
}

/// How a host is reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Endpoint {
    /// Where it is.
    pub address: Address,
    /// How ssh gets there, where it is not local.
    pub ssh: Ssh,
}
