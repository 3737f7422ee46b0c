//! Networks: what a cluster's own is to be, how one stands on a host, and how containers are attached to them. No engine formats.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::setting::PortBinding;

/// The network that an engine gives a container for which nobody says anything else.
pub const BRIDGE: &str = "bridge";
/// The host's own network, as Docker's network mode.
pub const HOST: &str = "host";
/// No network at all, as Docker's network mode.
pub const NONE: &str = "none";

/// A range of addresses: `10.20.0.0/24`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Subnet(IpNet);

impl Subnet {
    /// Whether an address lies in it.
    pub fn holds(self, address: IpAddr) -> bool {
        self.0.contains(&address)
    }

    /// Whether all of another range lies in it.
    pub fn encloses(self, other: Self) -> bool {
        self.0.contains(&other.0)
    }

    /// Whether some address lies in both.
    pub fn overlaps(self, other: Self) -> bool {
        self.encloses(other) || other.encloses(self)
    }

    /// Whether it is one of IPv6.
    pub fn is_ipv6(self) -> bool {
        matches!(self.0, IpNet::V6(_))
    }

    /// Whether it holds every address there is: a default route's.
    pub fn is_everything(self) -> bool {
        self.0.prefix_len() == 0
    }

    /// How many leading bits all its addresses share.
    pub fn bits(self) -> u8 {
        self.0.prefix_len()
    }

    /// The range of one address alone.
    pub fn of(address: IpAddr) -> Self {
        Self(IpNet::from(address))
    }

    /// The range that an address and a count of leading bits name; none where there are not so many.
    pub fn new(address: IpAddr, bits: u8) -> Option<Self> {
        IpNet::new(address, bits).ok().map(|net| Self(net.trunc()))
    }
}

impl From<IpNet> for Subnet {
    fn from(net: IpNet) -> Self {
        Self(net.trunc())
    }
}

impl FromStr for Subnet {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let net: IpNet = text
            .trim()
            .parse()
            .map_err(|_| format!("{text:?} is not a subnet: write it as 10.20.0.0/24"))?;
        if net.trunc() != net {
            return Err(format!("{text} is an address in {}, not a subnet", net.trunc()));
        }
        Ok(Self(net))
    }
}

impl TryFrom<String> for Subnet {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Subnet> for String {
    fn from(subnet: Subnet) -> String {
        subnet.to_string()
    }
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0.to_string())
    }
}

impl JsonSchema for Subnet {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Subnet".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "description": "a range of addresses such as 10.20.0.0/24" })
    }
}

/// A pool of a network's addresses.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Pool {
    /// All of it.
    pub subnet: Subnet,
    /// The host's own address in it; the engine's choice unless given.
    #[serde(default)]
    pub gateway: Option<IpAddr>,
    /// Of which containers are given theirs; all of it unless given.
    #[serde(default)]
    pub ip_range: Option<Subnet>,
    /// Addresses that others have, by name.
    #[serde(default)]
    pub aux_addresses: BTreeMap<String, IpAddr>,
}

/// What git wants a network to be. What is none or empty is left to the engine.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct NetworkSpec {
    /// `bridge`, `macvlan` or `ipvlan`.
    pub driver: String,
    /// The driver's own options.
    pub options: BTreeMap<String, String>,
    /// Whether nothing leads out of it.
    pub internal: bool,
    /// Whether anybody may attach containers by hand; of meaning in a Swarm only.
    pub attachable: bool,
    /// Whether containers get IPv6 addresses.
    pub ipv6: bool,
    /// Who hands out addresses; the engine itself unless given.
    pub ipam_driver: Option<String>,
    /// That one's own options.
    pub ipam_options: BTreeMap<String, String>,
    /// Its addresses; the engine chooses where there are none.
    pub pools: Vec<Pool>,
    /// The user's labels; cdk's own are not among them.
    pub labels: BTreeMap<String, String>,
}

impl Default for NetworkSpec {
    fn default() -> Self {
        Self {
            driver: BRIDGE.to_owned(),
            options: BTreeMap::new(),
            internal: false,
            attachable: false,
            ipv6: false,
            ipam_driver: None,
            ipam_options: BTreeMap::new(),
            pools: Vec::new(),
            labels: BTreeMap::new(),
        }
    }
}

/// The longest name of an interface, in bytes: Linux has 16 with the zero at the end (`IFNAMSIZ`).
const LONGEST_NAME: usize = 15;

/// The bridge driver's option that names the host's interface.
pub const INTERFACE: &str = "com.docker.network.bridge.name";

impl NetworkSpec {
    /// The interface of a host that leads to it, where that has a name of its own, and one that an interface can have.
    pub fn interface(&self) -> Option<&str> {
        let named = self.options.get(INTERFACE).filter(|_| self.driver == BRIDGE);
        named
            .map(String::as_str)
            .filter(|name| (1..=LONGEST_NAME).contains(&name.len()))
    }

    /// Its subnets.
    pub fn subnets(&self) -> impl Iterator<Item = Subnet> {
        self.pools.iter().map(|pool| pool.subnet)
    }

    /// Whether the host itself gets an address in its subnets, and a route to them. The others share a network that is
    /// there already, with the addresses that are in use there.
    pub fn is_routed(&self) -> bool {
        self.driver == BRIDGE
    }
}

/// A network as it stands on a host. In a file written by hand every field has a default.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct LiveNetwork {
    /// The engine's id; empty in a file written by hand.
    pub id: String,
    /// What cdk made it from; none where it is not the cluster's.
    pub made_from: Option<NetworkSpec>,
    /// The subnets that it has.
    pub subnets: Vec<Subnet>,
    /// The host's interface for it; empty where that is not known.
    pub interface: String,
}

/// What makes addresses taken on a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RouteKind {
    /// It has a route to them.
    #[default]
    Route,
    /// It is its own.
    Address,
    /// SSH comes from there.
    SshPeer,
}

/// Addresses that a host reaches otherwise than through a network of its engine.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Route {
    /// The addresses.
    pub to: Subnet,
    /// Over which interface; empty where that is not known.
    #[serde(default)]
    pub interface: String,
    /// Why they are taken.
    #[serde(default)]
    pub kind: RouteKind,
}

/// How a container is attached to one network.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Attachment {
    /// The names under which others on the network find it.
    pub aliases: BTreeSet<String>,
    /// Its fixed address; the engine's choice unless given.
    pub ipv4: Option<Ipv4Addr>,
    /// Its fixed IPv6 address.
    pub ipv6: Option<Ipv6Addr>,
    /// Further addresses that lead nowhere else.
    pub link_local: BTreeSet<IpAddr>,
    /// Its hardware address; the engine's choice unless given.
    pub mac: Option<String>,
    /// The driver's own options.
    pub options: BTreeMap<String, String>,
}

impl fmt::Display for Attachment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            aliases,
            ipv4,
            ipv6,
            link_local,
            mac,
            options,
        } = self;
        let mut said: Vec<String> = Vec::new();
        if !aliases.is_empty() {
            said.push(format!("as {}", aliases.iter().cloned().collect::<Vec<_>>().join(", ")));
        }
        said.extend(ipv4.map(|address| address.to_string()));
        said.extend(ipv6.map(|address| address.to_string()));
        said.extend(link_local.iter().map(ToString::to_string));
        said.extend(mac.clone());
        said.extend(options.iter().map(|(key, value)| format!("{key}={value}")));
        f.pad(&if said.is_empty() {
            "attached".to_owned()
        } else {
            said.join(" ")
        })
    }
}

/// What a container sees of networks: those that it is attached to, and the names that it knows.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Networking {
    /// Docker's network mode: the network that comes first, by its name on the host, or `bridge`, `host`, `none`.
    pub mode: String,
    /// The networks by their names on the host, the first among them.
    pub networks: BTreeMap<String, Attachment>,
    /// Its name for itself; the engine's choice unless given.
    pub hostname: Option<String>,
    /// The domain of it.
    pub domainname: Option<String>,
    /// Whom it asks for names; the host's own servers unless given.
    pub dns: Vec<IpAddr>,
    /// The resolver's options.
    pub dns_opt: BTreeSet<String>,
    /// Domains in which short names are looked for.
    pub dns_search: Vec<String>,
    /// Names of its own: `name:address`.
    pub extra_hosts: BTreeSet<String>,
    /// Ports that it says it has, beside those that are published: `8080/tcp`.
    pub expose: BTreeSet<String>,
}

impl Default for Networking {
    /// What an engine does where nothing is said.
    fn default() -> Self {
        Self {
            mode: BRIDGE.to_owned(),
            networks: BTreeMap::from([(BRIDGE.to_owned(), Attachment::default())]),
            hostname: None,
            domainname: None,
            dns: Vec::new(),
            dns_opt: BTreeSet::new(),
            dns_search: Vec::new(),
            extra_hosts: BTreeSet::new(),
            expose: BTreeSet::new(),
        }
    }
}

impl Networking {
    /// What an engine reports of it, where a container says that it has these ports. What it calls itself is a name for
    /// others too, so that an alias of the same name says nothing.
    pub fn effective(&self, expose: BTreeSet<String>) -> Self {
        let mut all = Self { expose, ..self.clone() };
        if let Some(hostname) = &self.hostname {
            for attachment in all.networks.values_mut() {
                attachment.aliases.remove(hostname);
            }
        }
        all
    }
}

/// The ports that a container says it has, and its image for it, but for those that are published.
pub fn exposed(
    own: &BTreeSet<String>,
    others: &BTreeSet<String>,
    published: &BTreeSet<PortBinding>,
) -> BTreeSet<String> {
    let is_published = |port: &str| {
        published
            .iter()
            .any(|one| format!("{}/{}", one.container, one.protocol) == port)
    };
    own.union(others).filter(|port| !is_published(port)).cloned().collect()
}

/// Whether a network is one that every engine has.
pub fn is_predefined(name: &str) -> bool {
    [BRIDGE, HOST, NONE].contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subnets_overlap_where_one_holds_the_other() -> Result<(), String> {
        let net = |text: &str| text.parse::<Subnet>();
        assert!(net("10.0.0.0/8")?.overlaps(net("10.1.0.0/16")?));
        assert!(net("10.1.0.0/16")?.overlaps(net("10.0.0.0/8")?));
        assert!(!net("10.1.0.0/16")?.overlaps(net("10.2.0.0/16")?));
        assert!(!net("10.1.0.0/16")?.overlaps(net("fd00::/8")?));
        assert!(net("10.1.0.1/16").is_err_and(|why| why.contains("10.1.0.0/16")));
        assert!(net("10.1.0.0").is_err());
        Ok(())
    }
}
