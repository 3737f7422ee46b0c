//! The words of a service that say how an engine runs its containers: rights, namespaces, devices, kernel settings, limits.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::model::runtime::Ulimit;
use crate::model::unit::{Bytes, Cpus};
use crate::resolve::decode;
use crate::resolve::shape::device::{BlkioShape, DeviceShape, GpusShape};
use crate::resolve::shape::number::{Micros, SwapShape, Within};
use crate::resolve::shape::plain::{Plain, Positive, pairs_schema};

/// What a container may do.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub struct SecurityShape {
    /// Capabilities over the engine's own: `NET_ADMIN`, `ALL`.
    pub cap_add: Option<Vec<String>>,
    /// Capabilities taken away.
    pub cap_drop: Option<Vec<String>>,
    /// `no-new-privileges:true`, `seccomp=unconfined`, `apparmor=PROFILE`, `label=…`, `systempaths=unconfined`.
    pub security_opt: Option<Vec<String>>,
    /// Whether it may do everything.
    pub privileged: Option<bool>,
    /// Whether its own file system is read-only.
    pub read_only: Option<bool>,
    /// `host`: its users are the host's, even where the engine maps them.
    pub userns_mode: Option<String>,
    /// Groups that its user is in besides, by name or number.
    pub group_add: Option<Vec<Plain<String>>>,
}

/// How a container is run.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub struct RuntimeShape {
    /// The engine's OCI runtime; its own default unless given.
    pub runtime: Option<String>,
    /// The platform of the image: `linux/arm64`; the host's own unless given.
    pub platform: Option<String>,
    /// Whether a small init is its first process.
    pub init: Option<bool>,
    /// Whether it has a terminal.
    pub tty: Option<bool>,
    /// Whether its standard input stays open.
    pub stdin_open: Option<bool>,
    /// The signal that stops it; the image's, or SIGTERM, unless given.
    pub stop_signal: Option<Plain<String>>,
    /// Whose shared memory it sees: `private`, `shareable`, `host`, `none`.
    pub ipc: Option<String>,
    /// Whose processes it sees: `host`; its own unless given.
    pub pid: Option<String>,
    /// Whose host name it has: `host`; its own unless given.
    pub uts: Option<String>,
    /// Whose control groups it sees: `host`, `private`.
    pub cgroup: Option<String>,
    /// The control group that its own stands in.
    pub cgroup_parent: Option<String>,
    /// The size of /dev/shm; 64M unless given.
    pub shm_size: Option<Plain<Positive<Bytes>>>,
    /// Kernel parameters of its namespaces: `net.core.somaxconn: 1024`.
    #[schemars(schema_with = "pairs_schema")]
    pub sysctls: Option<BTreeMap<String, Plain<String>>>,
    /// What its processes may use at most: `nofile: 65536`, or with `soft` and `hard`.
    pub ulimits: Option<BTreeMap<String, UlimitShape>>,
    /// File systems in memory: `/run`, `/tmp:size=64m,mode=1777`.
    pub tmpfs: Option<OneOrMore>,
    /// The host's devices in it.
    pub devices: Option<Vec<DeviceShape>>,
    /// Rules for devices, in the kernel's words: `c 1:3 mr`.
    pub device_cgroup_rules: Option<Vec<String>>,
    /// GPUs: `all`, or which.
    pub gpus: Option<GpusShape>,
    /// Options of the engine's storage driver: `size: 10G`.
    pub storage_opt: Option<BTreeMap<String, Plain<String>>>,
    /// Annotations for the OCI runtime.
    #[schemars(schema_with = "pairs_schema")]
    pub annotations: Option<BTreeMap<String, Plain<String>>>,
    /// Whether the kernel leaves it alone when memory runs out.
    pub oom_kill_disable: Option<bool>,
    /// How soon the kernel kills it when memory runs out.
    pub oom_score_adj: Option<Plain<Within<-1000, 1000>>>,
    /// How readily its memory is swapped out.
    pub mem_swappiness: Option<Plain<Within<0, 100>>>,
    /// What of the disks' time and speed it gets.
    pub blkio_config: Option<BlkioShape>,
}

/// What a container may use, in Compose's older words, and what `deploy.resources` has no word for.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub struct LimitsShape {
    /// As `deploy.resources.limits.cpus`.
    pub cpus: Option<Plain<Positive<Cpus>>>,
    /// As `deploy.resources.limits.memory`.
    pub mem_limit: Option<Plain<Positive<Bytes>>>,
    /// As `deploy.resources.reservations.memory`.
    pub mem_reservation: Option<Plain<Positive<Bytes>>>,
    /// As `deploy.resources.limits.pids`.
    pub pids_limit: Option<Plain<Within<-1, { i64::MAX }>>>,
    /// Memory and swap together; -1 for no limit, twice the memory unless given.
    pub memswap_limit: Option<Plain<SwapShape>>,
    /// Its share of CPU time where there is not enough, beside the 1024 of others.
    pub cpu_shares: Option<Plain<Within<0, 262_144>>>,
    /// The CPUs that it runs on: `0-2,4`.
    pub cpuset: Option<Plain<String>>,
    /// The kernel's period for CPU time, in microseconds or as a duration.
    pub cpu_period: Option<Plain<Micros>>,
    /// CPU time in each period, likewise.
    pub cpu_quota: Option<Plain<Micros>>,
    /// The kernel's period for real-time CPU time, likewise.
    pub cpu_rt_period: Option<Plain<Micros>>,
    /// Real-time CPU time in each of its periods, likewise.
    pub cpu_rt_runtime: Option<Plain<Micros>>,
}

/// One limit, or where it stands at first and how far it may be raised; -1 is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UlimitShape(pub Ulimit);

impl<'de> Deserialize<'de> for UlimitShape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(UlimitVisitor)
    }
}

struct UlimitVisitor;

impl<'de> Visitor<'de> for UlimitVisitor {
    type Value = UlimitShape;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number, or a map of `soft` and `hard`")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<UlimitShape, E> {
        let Within(both) = text.parse::<Within<-1, { i64::MAX }>>().map_err(E::custom)?;
        Ok(UlimitShape(Ulimit { soft: both, hard: both }))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<UlimitShape, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<UlimitShape, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<UlimitShape, A::Error> {
        let LongUlimit { soft, hard } = LongUlimit::deserialize(MapAccessDeserializer::new(map))?;
        let (Some(Plain(Within(soft))), Some(Plain(Within(hard)))) = (soft, hard) else {
            return Err(decode::error(
                "a limit in long form needs `soft` and `hard`",
                "write {soft: 1024, hard: 4096}, or one number for both",
            ));
        };
        if hard != -1 && (soft > hard || soft == -1) {
            let hint = "a process may raise its own limit up to the hard one";
            return Err(decode::error("the soft limit is above the hard one", hint));
        }
        Ok(UlimitShape(Ulimit { soft, hard }))
    }
}

/// A limit in long form.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
struct LongUlimit {
    /// Where it stands at first.
    soft: Option<Plain<Within<-1, { i64::MAX }>>>,
    /// How far it may be raised.
    hard: Option<Plain<Within<-1, { i64::MAX }>>>,
}

impl JsonSchema for UlimitShape {
    fn schema_name() -> Cow<'static, str> {
        "UlimitShape".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let long = generator.subschema_for::<LongUlimit>();
        json_schema!({ "anyOf": [{ "type": "integer", "minimum": -1 }, long] })
    }
}

/// One text, or a list of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OneOrMore(pub Vec<String>);

impl<'de> Deserialize<'de> for OneOrMore {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OneOrMoreVisitor)
    }
}

struct OneOrMoreVisitor;

impl<'de> Visitor<'de> for OneOrMoreVisitor {
    type Value = OneOrMore;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text or a list")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<OneOrMore, E> {
        Ok(OneOrMore(vec![text.to_owned()]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<OneOrMore, A::Error> {
        let mut all = Vec::new();
        while let Some(text) = items.next_element::<String>()? {
            all.push(text);
        }
        Ok(OneOrMore(all))
    }
}

impl JsonSchema for OneOrMore {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "OneOrMore".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }] })
    }
}
