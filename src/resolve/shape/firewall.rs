//! The words of `firewall`.

use std::borrow::Cow;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

use crate::model::firewall::Verdict;
use crate::model::traffic::{Rate, Traffic};
use crate::model::unit::Span;
use crate::resolve::shape::plain::{Count, Plain, Positive};
use crate::resolve::shape::scalar::{Network, OneOrMany};

/// What comes in to the hosts.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct FirewallShape {
    /// What becomes of what no rule names; `allow` unless given. Replies, loopback, ICMP and what cdk itself wires always come in.
    pub default: Option<Verdict>,
    /// SSH from these addresses and networks stays open, whatever the rules say. Required with `default: deny`.
    pub admin: Option<OneOrMany<Network>>,
    /// How long a host waits for cdk to come in anew before it takes a change back; 30s unless given.
    pub confirm_timeout: Option<Plain<Positive<Span>>>,
    /// How many hosts get a change at once.
    pub rollout: Option<RolloutShape>,
    /// The rules.
    pub rules: Option<Vec<RuleShape>>,
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
    /// What is let in: `22/tcp`, `8000-8010/udp`; tcp unless given; `udp` for all of its ports, `icmp` for pings.
    pub allow: Option<OneOrMany<Traffic>>,
    /// What is not let in, likewise.
    pub deny: Option<OneOrMany<Traffic>>,
    /// From whom: `any`, `hosts`, `ingress`, a service's name, an address or a network. Required.
    pub from: Option<OneOrMany<Peer>>,
    /// How many new connections one address may make: `600/minute`. So many may come at once.
    pub limit: Option<Plain<Rate>>,
    /// Whether a change is kept only where another host of the cluster, one that the rules let in, still reaches these TCP ports.
    pub probe: Option<bool>,
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
