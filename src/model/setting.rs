//! The settings of a container: ports, mounts, health check, restart policy, logging, limits. Each in one form for wanted and live.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::runtime::is_default;
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
    /// A file system in memory.
    Tmpfs,
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
    /// What else is asked of it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub options: MountOptions,
}

/// What is asked of a mount, each where its source takes it; what is none or empty is the engine's own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct MountOptions {
    /// Of a bind mount: how mounts below it are shared with the host; `rprivate` unless given.
    #[serde(skip_serializing_if = "is_default")]
    pub propagation: Option<String>,
    /// Of a bind mount: whether a path that is not there is made a folder.
    #[serde(skip_serializing_if = "is_default")]
    pub create_host_path: bool,
    /// Of a bind mount or a volume: `z` or `Z`, the SELinux label that it gets.
    #[serde(skip_serializing_if = "is_default")]
    pub selinux: Option<String>,
    /// Of a volume: whether it stays empty where the image has files.
    #[serde(skip_serializing_if = "is_default")]
    pub nocopy: bool,
    /// Of a volume: the folder in it that is mounted.
    #[serde(skip_serializing_if = "is_default")]
    pub subpath: Option<String>,
    /// Of a file system in memory: its size; zero is half of the host's memory.
    #[serde(skip_serializing_if = "is_default")]
    pub size: Bytes,
    /// Of a file system in memory: its permissions; zero is 1777.
    #[serde(skip_serializing_if = "is_default")]
    pub mode: u32,
}

impl fmt::Display for Mount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let MountOptions {
            propagation,
            create_host_path,
            selinux,
            nocopy,
            subpath,
            size,
            mode,
        } = &self.options;
        match &self.source {
            MountSource::Bind(source) | MountSource::Volume(source) => write!(f, "{source}")?,
            MountSource::Anonymous => {}
            MountSource::Tmpfs => write!(f, "tmpfs")?,
        }
        if let Some(subpath) = subpath {
            write!(f, "/{subpath}")?;
        }
        let separator = if self.source == MountSource::Anonymous { "" } else { ":" };
        write!(f, "{separator}{}", self.target)?;
        let flag = |given: bool, word: &str| given.then(|| word.to_owned());
        let words = [
            flag(self.read_only, "ro"),
            selinux.clone(),
            propagation.clone(),
            flag(*create_host_path, "create_host_path"),
            flag(*nocopy, "nocopy"),
            (*size != Bytes::default()).then(|| format!("size={size}")),
            (*mode != 0).then(|| format!("mode={mode:o}")),
        ];
        let words: Vec<String> = words.into_iter().flatten().collect();
        if words.is_empty() {
            return Ok(());
        }
        write!(f, ":{}", words.join(","))
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
    /// Between two checks at the start; engines before 25 know nothing of it.
    #[serde(skip_serializing_if = "is_default")]
    pub start_interval: Span,
}

impl Healthcheck {
    /// One laid over the image's own, field by field, as an engine does it.
    pub fn merged(wanted: Option<&Self>, image: Option<&Self>) -> Option<Self> {
        let (Some(wanted), Some(image)) = (wanted, image) else {
            return wanted.or(image).cloned();
        };
        let or = |own: Span, other: Span| if own == Span::default() { other } else { own };
        Some(Self {
            test: if wanted.test.is_empty() {
                image.test.clone()
            } else {
                wanted.test.clone()
            },
            interval: or(wanted.interval, image.interval),
            timeout: or(wanted.timeout, image.timeout),
            retries: if wanted.retries == 0 {
                image.retries
            } else {
                wanted.retries
            },
            start_period: or(wanted.start_period, image.start_period),
            start_interval: or(wanted.start_interval, image.start_interval),
        })
    }

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
            ("at the start every", self.start_interval),
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

/// The total of memory and swap that a container may use, in bytes; -1 is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Swap(pub i64);

impl fmt::Display for Swap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match u64::try_from(self.0) {
            Ok(bytes) => fmt::Display::fmt(&Bytes(bytes), f),
            Err(_) => f.pad("-1"),
        }
    }
}

/// What a container may use at most, and its share where there is not enough: all that an engine can change in place. Zero is no limit.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Limits {
    /// CPU time.
    pub cpus: Cpus,
    /// Memory.
    pub memory: Bytes,
    /// Processes and threads.
    #[serde(skip_serializing_if = "is_default")]
    pub pids: u64,
    /// Memory and swap; none is twice the memory.
    #[serde(skip_serializing_if = "is_default")]
    pub memswap: Option<Swap>,
    /// Its share of CPU time, beside the 1024 of others.
    #[serde(skip_serializing_if = "is_default")]
    pub cpu_shares: u64,
    /// The CPUs that it runs on: `0-2,4`.
    #[serde(skip_serializing_if = "is_default")]
    pub cpuset: String,
    /// The kernel's period for CPU time, in microseconds.
    #[serde(skip_serializing_if = "is_default")]
    pub cpu_period: u64,
    /// CPU time in each period, in microseconds.
    #[serde(skip_serializing_if = "is_default")]
    pub cpu_quota: u64,
    /// The kernel's period for real-time CPU time, in microseconds.
    #[serde(skip_serializing_if = "is_default")]
    pub cpu_rt_period: u64,
    /// Real-time CPU time in each of its periods, in microseconds.
    #[serde(skip_serializing_if = "is_default")]
    pub cpu_rt_runtime: u64,
}

impl Limits {
    /// Without what says no more than the engine's own rule: swap as large as the memory.
    pub fn folded(mut self) -> Self {
        let twice = i64::try_from(self.memory.0.saturating_mul(2)).unwrap_or(i64::MAX);
        self.memswap = self.memswap.filter(|swap| swap.0 != 0 && swap.0 != twice);
        self
    }
}
