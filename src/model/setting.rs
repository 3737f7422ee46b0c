//! The settings of a container: ports, mounts, health check, restart policy, logging, limits. Each in one form for wanted and live.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::unit::{Bytes, Cpus, Span};

/// The transport of a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// TCP.
    #[default]
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Sctp => "sctp",
        })
    }
}

/// A container's port bound to a port of its host.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct PortBinding {
    /// The port in the container.
    pub container: u16,
    /// Its transport.
    #[serde(default)]
    pub protocol: Protocol,
    /// The host's address that it is bound to; none means all of them.
    #[serde(default)]
    pub address: Option<IpAddr>,
    /// The port on the host.
    pub host: u16,
}

impl fmt::Display for PortBinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.address {
            Some(IpAddr::V6(address)) => write!(f, "[{address}]:")?,
            Some(IpAddr::V4(address)) => write!(f, "{address}:")?,
            None => {}
        }
        write!(f, "{}:{}/{}", self.host, self.container, self.protocol)
    }
}

/// Where a mount's content comes from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MountSource {
    /// A path on the host.
    Bind(String),
    /// A volume, by its name on the host.
    Volume(String),
    /// A volume that the engine makes for this container alone.
    Anonymous,
}

/// Something mounted into a container.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Mount {
    /// Where it stands in the container: an absolute path. First, so that mounts sort by it.
    pub target: String,
    /// Where it comes from.
    pub source: MountSource,
    /// Whether the container may not write to it.
    #[serde(default)]
    pub read_only: bool,
}

impl fmt::Display for Mount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            MountSource::Bind(source) | MountSource::Volume(source) => write!(f, "{source}:{}", self.target)?,
            MountSource::Anonymous => f.write_str(&self.target)?,
        }
        f.write_str(if self.read_only { ":ro" } else { "" })
    }
}

/// How an engine asks whether a container is healthy. A time that is zero is the engine's own default.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Healthcheck {
    /// Docker's own form: `["CMD", …]`, `["CMD-SHELL", …]`, or `["NONE"]` to switch the image's off; empty inherits it.
    pub test: Vec<String>,
    /// Between two checks.
    pub interval: Span,
    /// Until a check counts as failed.
    pub timeout: Span,
    /// Failures in a row until unhealthy; zero is the engine's default.
    pub retries: u32,
    /// At the start, where failures don't count.
    pub start_period: Span,
}

impl Healthcheck {
    /// Whether it switches health checks off.
    pub fn is_none(&self) -> bool {
        self.test.first().is_some_and(|word| word == "NONE")
    }
}

impl fmt::Display for Healthcheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.test.join(" "))?;
        for (name, span) in [
            ("every", self.interval),
            ("timeout", self.timeout),
            ("start", self.start_period),
        ] {
            if span != Span::default() {
                write!(f, ", {name} {span}")?;
            }
        }
        if self.retries > 0 {
            write!(f, ", {} retries", self.retries)?;
        }
        Ok(())
    }
}

/// What the engine does when a container ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Restart {
    /// Nothing.
    #[default]
    No,
    /// Starts it again, after the engine's own start too.
    Always,
    /// Starts it again where it failed; at most so many times, zero for no limit.
    OnFailure(u32),
    /// As `Always`, but what was stopped stays stopped.
    UnlessStopped,
}

impl TryFrom<String> for Restart {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.split_once(':') {
            None => match text.as_str() {
                "no" | "" => Some(Self::No),
                "always" => Some(Self::Always),
                "on-failure" => Some(Self::OnFailure(0)),
                "unless-stopped" => Some(Self::UnlessStopped),
                _ => None,
            },
            Some(("on-failure", times)) => times.parse().ok().map(Self::OnFailure),
            Some(_) => None,
        }
        .ok_or_else(|| format!("{text:?} is not a restart policy: no, always, on-failure[:TIMES] or unless-stopped"))
    }
}

impl From<Restart> for String {
    fn from(restart: Restart) -> String {
        restart.to_string()
    }
}

impl fmt::Display for Restart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::No => f.pad("no"),
            Self::Always => f.pad("always"),
            Self::OnFailure(0) => f.pad("on-failure"),
            Self::OnFailure(times) => f.pad(&format!("on-failure:{times}")),
            Self::UnlessStopped => f.pad("unless-stopped"),
        }
    }
}

impl JsonSchema for Restart {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Restart".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string", "pattern": "^(no|always|unless-stopped|on-failure(:[0-9]+)?)$",
            "description": "no, always, on-failure[:TIMES] or unless-stopped"
        })
    }
}

/// Where a container's output goes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Logging {
    /// The engine's log driver.
    pub driver: String,
    /// The driver's own options.
    pub options: BTreeMap<String, String>,
}

impl fmt::Display for Logging {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.driver)?;
        for (key, value) in &self.options {
            write!(f, " {key}={value}")?;
        }
        Ok(())
    }
}

/// What a container may use at most; zero is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Limits {
    /// CPU time.
    pub cpus: Cpus,
    /// Memory.
    pub memory: Bytes,
}
