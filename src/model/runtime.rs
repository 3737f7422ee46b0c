//! How an engine runs a container, beyond what it runs: rights, namespaces, devices, kernel settings. Each in one form for wanted and live.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::unit::Bytes;

/// Whether a value says nothing, so that it is left out of what is written.
pub fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// What a container may do.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Security {
    /// Capabilities over the engine's own, without `CAP_`.
    #[serde(skip_serializing_if = "is_default")]
    pub cap_add: BTreeSet<String>,
    /// Capabilities taken away.
    #[serde(skip_serializing_if = "is_default")]
    pub cap_drop: BTreeSet<String>,
    /// Labels, profiles and the like, as KEY=VALUE.
    #[serde(skip_serializing_if = "is_default")]
    pub security_opt: BTreeSet<String>,
    /// Whether it may do everything.
    #[serde(skip_serializing_if = "is_default")]
    pub privileged: bool,
    /// Whether its own file system is read-only.
    #[serde(skip_serializing_if = "is_default")]
    pub read_only: bool,
    /// `host`: its users are the host's, even where the engine maps them.
    #[serde(skip_serializing_if = "is_default")]
    pub userns_mode: Option<String>,
    /// Groups that its user is in besides, by name or number.
    #[serde(skip_serializing_if = "is_default")]
    pub group_add: BTreeSet<String>,
}

/// How a container is run. What is none or empty is the image's, or the engine's own.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Runtime {
    /// The engine's OCI runtime.
    #[serde(skip_serializing_if = "is_default")]
    pub runtime: Option<String>,
    /// The platform of its image, as OS[/ARCHITECTURE[/VARIANT]].
    #[serde(skip_serializing_if = "is_default")]
    pub platform: Option<String>,
    /// Whether a small init is its first process.
    #[serde(skip_serializing_if = "is_default")]
    pub init: Option<bool>,
    /// Whether it has a terminal.
    #[serde(skip_serializing_if = "is_default")]
    pub tty: bool,
    /// Whether its standard input stays open.
    #[serde(skip_serializing_if = "is_default")]
    pub stdin_open: bool,
    /// The signal that stops it, `SIGTERM` unless given.
    #[serde(skip_serializing_if = "is_default")]
    pub stop_signal: Option<String>,
    /// Whose shared memory it sees: none, private, shareable, host.
    #[serde(skip_serializing_if = "is_default")]
    pub ipc: Option<String>,
    /// Whose processes it sees: host.
    #[serde(skip_serializing_if = "is_default")]
    pub pid: Option<String>,
    /// Whose host name it has: host.
    #[serde(skip_serializing_if = "is_default")]
    pub uts: Option<String>,
    /// Whose control groups it sees: host, private.
    #[serde(skip_serializing_if = "is_default")]
    pub cgroup: Option<String>,
    /// The control group that its own stands in.
    #[serde(skip_serializing_if = "is_default")]
    pub cgroup_parent: Option<String>,
    /// The size of /dev/shm.
    #[serde(skip_serializing_if = "is_default")]
    pub shm_size: Option<Bytes>,
    /// Kernel parameters of its namespaces.
    #[serde(skip_serializing_if = "is_default")]
    pub sysctls: BTreeMap<String, String>,
    /// What its processes may use at most, by the limit's name.
    #[serde(skip_serializing_if = "is_default")]
    pub ulimits: BTreeMap<String, Ulimit>,
    /// File systems in memory, by path, with their mount options, sorted.
    #[serde(skip_serializing_if = "is_default")]
    pub tmpfs: BTreeMap<String, String>,
    /// The host's devices in it.
    #[serde(skip_serializing_if = "is_default")]
    pub devices: BTreeSet<Device>,
    /// Rules for devices, in the kernel's words: `c 1:3 mr`.
    #[serde(skip_serializing_if = "is_default")]
    pub device_cgroup_rules: BTreeSet<String>,
    /// Devices that the engine's drivers choose: GPUs.
    #[serde(skip_serializing_if = "is_default")]
    pub device_requests: BTreeSet<DeviceRequest>,
    /// Options of the engine's storage driver.
    #[serde(skip_serializing_if = "is_default")]
    pub storage_opt: BTreeMap<String, String>,
    /// Annotations for the OCI runtime.
    #[serde(skip_serializing_if = "is_default")]
    pub annotations: BTreeMap<String, String>,
    /// Whether the kernel leaves it alone when memory runs out.
    #[serde(skip_serializing_if = "is_default")]
    pub oom_kill_disable: bool,
    /// How soon the kernel kills it when memory runs out: -1000 to 1000.
    #[serde(skip_serializing_if = "is_default")]
    pub oom_score_adj: i64,
    /// How readily its memory is swapped out, 0 to 100.
    #[serde(skip_serializing_if = "is_default")]
    pub mem_swappiness: Option<u64>,
    /// What of the disks' time and speed it gets.
    #[serde(skip_serializing_if = "is_default")]
    pub blkio: Blkio,
}

/// What a process may use at most; -1 is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, JsonSchema)]
pub struct Ulimit {
    /// Where it stands at first.
    pub soft: i64,
    /// How far it may be raised.
    pub hard: i64,
}

impl fmt::Display for Ulimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.soft == self.hard {
            return write!(f, "{}", self.soft);
        }
        write!(f, "{}:{}", self.soft, self.hard)
    }
}

/// A device of the host.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, JsonSchema)]
pub struct Device {
    /// Its path on the host.
    pub source: String,
    /// Its path in the container.
    pub target: String,
    /// What may be done with it: of `rwm`, in this order.
    pub permissions: String,
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            source,
            target,
            permissions,
        } = self;
        f.write_str(source)?;
        if target != source || permissions != "rwm" {
            write!(f, ":{target}")?;
        }
        if permissions != "rwm" {
            write!(f, ":{permissions}")?;
        }
        Ok(())
    }
}

/// What is asked of a driver of devices.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct DeviceRequest {
    /// The driver; empty is any that can.
    pub driver: String,
    /// How many; -1 is all.
    pub count: i64,
    /// Which.
    pub device_ids: Vec<String>,
    /// What they must be able to do: all of one of these lists.
    pub capabilities: Vec<Vec<String>>,
    /// The driver's own options.
    pub options: BTreeMap<String, String>,
}

impl fmt::Display for DeviceRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            driver,
            count,
            device_ids,
            capabilities,
            options,
        } = self;
        match (count, device_ids.is_empty()) {
            (-1, _) => f.write_str("all")?,
            (count, true) => write!(f, "{count}")?,
            (_, false) => f.write_str(&device_ids.join(","))?,
        }
        for list in capabilities {
            write!(f, " {}", list.join(","))?;
        }
        if !driver.is_empty() {
            write!(f, " driver={driver}")?;
        }
        for (key, value) in options {
            write!(f, " {key}={value}")?;
        }
        Ok(())
    }
}

/// What a container gets of the disks; zero is the engine's own.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Blkio {
    /// Its share of time, 10 to 1000.
    #[serde(skip_serializing_if = "is_default")]
    pub weight: u16,
    /// Likewise, by device.
    #[serde(skip_serializing_if = "is_default")]
    pub weight_device: BTreeMap<String, u16>,
    /// Bytes read in a second at most, by device.
    #[serde(skip_serializing_if = "is_default")]
    pub device_read_bps: BTreeMap<String, Bytes>,
    /// Bytes written in a second at most, by device.
    #[serde(skip_serializing_if = "is_default")]
    pub device_write_bps: BTreeMap<String, Bytes>,
    /// Reads in a second at most, by device.
    #[serde(skip_serializing_if = "is_default")]
    pub device_read_iops: BTreeMap<String, u64>,
    /// Writes in a second at most, by device.
    #[serde(skip_serializing_if = "is_default")]
    pub device_write_iops: BTreeMap<String, u64>,
}

impl Runtime {
    /// Whether it sees the host's processes or shared memory.
    pub fn shares_host(&self) -> bool {
        [&self.ipc, &self.pid]
            .iter()
            .any(|mode| mode.as_deref() == Some("host"))
    }
}

impl Security {
    /// As an engine comes to see it: what it adds by itself, or what says nothing beside the rest, is left out.
    ///
    /// `shares_host`: it sees the host's processes or shared memory. Then, and where it is privileged, engines switch SELinux
    /// labels off and say so among the options; and nothing is masked where all is allowed.
    pub fn folded(mut self, shares_host: bool) -> Self {
        if self.privileged || shares_host {
            self.security_opt.remove("label=disable");
        }
        if self.privileged {
            self.security_opt.remove(UNMASKED);
        }
        self
    }
}

/// The option that leaves no path of the kernel's masked or read-only.
pub const UNMASKED: &str = "systempaths=unconfined";

/// The name of a capability as git writes it: `net_admin`, `CAP_NET_ADMIN` and `NET_ADMIN` are one.
pub fn capability(name: &str) -> String {
    let upper = name.to_ascii_uppercase();
    upper.strip_prefix("CAP_").unwrap_or(&upper).to_owned()
}

/// A security option as KEY=VALUE: `label:disable` and `no-new-privileges` are older ways to write one.
pub fn security_option(text: &str) -> String {
    let split = text.find(['=', ':']);
    match split.map(|at| (text.get(..at), text.get(at + 1..))) {
        Some((Some("no-new-privileges"), Some(value))) => format!("no-new-privileges={}", value.to_ascii_lowercase()),
        Some((Some(key), Some(value))) => format!("{key}={value}"),
        Some(_) | None if text == "no-new-privileges" => "no-new-privileges=true".to_owned(),
        Some(_) | None => text.to_owned(),
    }
}

/// A signal as `SIGNAME`, or its number.
pub fn signal(text: &str) -> String {
    let upper = text.to_ascii_uppercase();
    if upper.starts_with("SIG") || upper.starts_with(|first: char| first.is_ascii_digit()) {
        return upper;
    }
    format!("SIG{upper}")
}

/// The stop signal in force; none is the engine's own, SIGTERM.
pub fn stop_signal(own: Option<&str>, image: Option<&str>) -> Option<String> {
    let text = own.or(image).filter(|text| !text.is_empty())?;
    Some(signal(text)).filter(|signal| signal != "SIGTERM" && signal != "15")
}

/// Mount options in one order.
pub fn mount_options(text: &str) -> String {
    let options: BTreeSet<&str> = text.split(',').filter(|option| !option.is_empty()).collect();
    options.into_iter().collect::<Vec<_>>().join(",")
}

/// The permissions of a device in one order; all of them where none are given.
pub fn permissions(text: &str) -> String {
    let all: String = "rwm".chars().filter(|one| text.contains(*one)).collect();
    if all.is_empty() { "rwm".to_owned() } else { all }
}
