//! The words of networks: the top-level `networks`. How a service is attached is `attach`'s.

use std::collections::BTreeMap;
use std::net::IpAddr;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::{Deserializer, Error};

use crate::model::network::Subnet;
use crate::resolve::decode;
use crate::resolve::shape::plain::{Plain, pairs_schema};

/// A network of the cluster: one on each host that needs it.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields, extend("patternProperties" = {"^x-": true}))]
pub struct NetworkShape {
    /// Its name on the hosts; CLUSTER.NAME unless given.
    pub name: Option<String>,
    /// It is not cdk's: it must be there already.
    pub external: Option<bool>,
    /// `bridge` unless given.
    pub driver: Option<DriverShape>,
    /// The driver's own options.
    pub driver_opts: Option<BTreeMap<String, Plain<String>>>,
    /// Its addresses; the engine chooses unless given.
    pub ipam: Option<IpamShape>,
    /// Nothing leads out of it.
    pub internal: Option<bool>,
    /// Of meaning in a Swarm only.
    pub attachable: Option<bool>,
    /// Containers get IPv6 addresses too.
    pub enable_ipv6: Option<bool>,
    /// Labels of the network.
    #[schemars(schema_with = "pairs_schema")]
    pub labels: Option<BTreeMap<String, Plain<String>>>,
}

/// A network's driver.
#[derive(Debug, Clone, Copy, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DriverShape {
    /// A network of the host's own.
    Bridge,
    /// Containers stand in a network of the host's with hardware addresses of their own.
    Macvlan,
    /// Containers stand in a network of the host's with the host's hardware address.
    Ipvlan,
}

impl DriverShape {
    /// As an engine names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bridge => "bridge",
            Self::Macvlan => "macvlan",
            Self::Ipvlan => "ipvlan",
        }
    }
}

impl<'de> Deserialize<'de> for DriverShape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match String::deserialize(deserializer)?.as_str() {
            "bridge" => Ok(Self::Bridge),
            "macvlan" => Ok(Self::Macvlan),
            "ipvlan" => Ok(Self::Ipvlan),
            "overlay" => Err(decode::error(
                "`overlay` needs a Swarm, and cdk works without one",
                "leave it out: each host gets a network of its own, and hosts reach each other by published ports",
            )),
            "host" | "none" => Err(decode::error(
                "this is no driver of a network of one's own",
                "write `network_mode: host` or `network_mode: none` in the service",
            )),
            other => Err(D::Error::custom(format!(
                "expected `bridge`, `macvlan` or `ipvlan`, not {other:?}"
            ))),
        }
    }
}

/// A network's addresses.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct IpamShape {
    /// Who hands them out; the engine itself unless given.
    pub driver: Option<String>,
    /// The pools that they come from.
    pub config: Option<Vec<PoolShape>>,
    /// The driver's own options.
    pub options: Option<BTreeMap<String, Plain<String>>>,
}

/// A pool of addresses.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct PoolShape {
    /// All of it: 10.20.0.0/24. Required.
    pub subnet: Option<Plain<Subnet>>,
    /// The host's own address in it.
    pub gateway: Option<IpAddr>,
    /// Of which containers get theirs.
    pub ip_range: Option<Plain<Subnet>>,
    /// Addresses that others have, by name.
    pub aux_addresses: Option<BTreeMap<String, IpAddr>>,
}
