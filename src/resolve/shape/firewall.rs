//! The words of `firewall`.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

use crate::model::setting::Protocol;
use crate::model::unit::{PortRange, Span};
use crate::resolve::shape::plain::{Count, Plain, Positive};
use crate::resolve::shape::scalar::{Network, OneOrMany};

/// What comes in to the hosts.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct FirewallShape {
    /// What becomes of what no rule names; `allow` unless given. Replies, loopback, ICMP and what cdk itself wires always come in.
    pub default: Option<VerdictShape>,
    /// SSH from these addresses and networks stays open, whatever the rules say. Required with `default: deny`.
    pub admin: Option<OneOrMany<Network>>,
    /// How long a host waits for cdk to come in anew before it takes a change back; 30s unless given.
    pub confirm_timeout: Option<Plain<Positive<Span>>>,
    /// How many hosts get a change at once.
    pub rollout: Option<RolloutShape>,
    /// The rules.
    pub rules: Option<Vec<RuleShape>>,
}

/// Whether something comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum VerdictShape {
    /// It does.
    Allow,
    /// It does not.
    Deny,
}

/// How a change goes from host to host.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct RolloutShape {
    /// How many hosts at once; 1 unless given, 0 for all.
    pub parallelism: Option<Plain<Count<0>>>,
    /// From one host's end to the next one's beginning; 0s unless given.
    pub delay: Option<Plain<Span>>,
}

/// A rule: what comes in, where, and from whom.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct RuleShape {
    /// Names it; no other rule has this name. Required.
    pub name: Option<Plain<String>>,
    /// On which hosts: constraints as under `deploy.placement`; all hosts unless given.
    pub on: Option<OneOrMany<String>>,
    /// The host ports of this service's replicas, wherever they are; instead of `allow` and `deny`.
    pub service: Option<String>,
    /// The ports that are let in: `22/tcp`, `8000-8010/udp`; tcp unless given.
    pub allow: Option<OneOrMany<Ports>>,
    /// The ports that are not let in.
    pub deny: Option<OneOrMany<Ports>>,
    /// From whom: `any`, `hosts`, `ingress`, a service's name, an address or a network. Required.
    pub from: Option<OneOrMany<Peer>>,
    /// How many new connections one address may make: `600/minute`.
    pub limit: Option<Plain<Rate>>,
}

/// Ports of a host, with their transport: `22/tcp`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ports {
    /// The ports.
    pub range: PortRange,
    /// Their transport.
    pub protocol: Protocol,
}

impl FromStr for Ports {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (ports, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
        let protocol = match protocol {
            "tcp" => Protocol::Tcp,
            "udp" => Protocol::Udp,
            "sctp" => Protocol::Sctp,
            other => return Err(format!("{other:?} is not a protocol: tcp, udp or sctp")),
        };
        let range = ports
            .parse()
            .map_err(|_| format!("{text:?} is not a port: write it as 22/tcp, 53/udp or 8000-8010/tcp"))?;
        Ok(Self { range, protocol })
    }
}

impl JsonSchema for Ports {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Ports".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^ *[0-9]+ *(- *[0-9]+ *)?(/(tcp|udp|sctp))?$", "description": "PORT[-PORT][/PROTOCOL]" })
    }
}

/// Whom a rule lets in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Peer {
    /// Everyone.
    Any,
    /// The cluster's hosts.
    Hosts,
    /// The hosts of the ingress.
    Ingress,
    /// An address or a network.
    Network(Network),
    /// The hosts of a service's replicas.
    Service(String),
}

impl FromStr for Peer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // No service's name has a dot, a colon or a slash.
        let looks_like_address = text.contains(['.', ':', '/']);
        match text {
            "any" => Ok(Self::Any),
            "hosts" => Ok(Self::Hosts),
            "ingress" => Ok(Self::Ingress),
            _ if looks_like_address => text.parse().map(Self::Network),
            _ => Ok(Self::Service(text.to_owned())),
        }
    }
}

impl JsonSchema for Peer {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Peer".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "description": "any, hosts, ingress, a service's name, an address or a network" })
    }
}

/// So many in a span of time: `600/minute`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rate {
    /// How many.
    pub count: u32,
    /// In how many seconds.
    pub seconds: u32,
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not a rate: write it as 10/second, 600/minute, 1000/hour or 5000/day");
        let (count, unit) = text.split_once('/').ok_or_else(wrong)?;
        let count = count.trim().parse().ok().filter(|count| *count > 0).ok_or_else(wrong)?;
        let seconds = match unit.trim() {
            "second" | "s" => 1,
            "minute" | "m" => 60,
            "hour" | "h" => 3600,
            "day" | "d" => 86_400,
            _ => return Err(wrong()),
        };
        Ok(Self { count, seconds })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {}s", self.count, self.seconds)
    }
}

impl JsonSchema for Rate {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Rate".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^ *[0-9]+ */ *(second|minute|hour|day|s|m|h|d) *$", "description": "600/minute" })
    }
}
