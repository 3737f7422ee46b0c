//! Public addresses: which stand on a host, which cdk has put there, and how that is changed. No `ip`.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::name::ClusterName;
use crate::model::network::Subnet;
use crate::model::unit::Span;

/// An address as it stands on an interface.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Bound {
    /// The interface.
    pub interface: String,
    /// The network that can be reached over that interface because of it: the address alone, where it brings no other.
    pub network: Subnet,
}

/// The public addresses as they were found on a host.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct LiveAddresses {
    /// All that stand on its interfaces, and are not being tried just now; whoever put them there.
    pub bound: BTreeMap<IpAddr, Bound>,
    /// Those that the cluster keeps there: they are bound again at boot.
    pub own: BTreeSet<IpAddr>,
    /// Those that other clusters keep there.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub others: BTreeMap<IpAddr, ClusterName>,
    /// The interfaces of the default routes: what lies in no network of the host's own is reached over them.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub ways_out: BTreeSet<WayOut>,
}

/// An interface that a default route leads over.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct WayOut {
    /// Whether it leads IPv6.
    pub is_ipv6: bool,
    /// Its metric: the least one counts.
    pub metric: u32,
    /// The interface.
    pub interface: String,
}

impl LiveAddresses {
    /// The interface that an address belongs on: that of the narrowest network which holds it, else that of the default route. None
    /// where neither is there.
    pub fn interface_for(&self, address: IpAddr) -> Option<&str> {
        let others = self.bound.iter().filter(|(other, _)| **other != address);
        let around = others.filter(|(_, bound)| !is_bridge(&bound.interface) && bound.network.holds(address));
        let narrowest = around.max_by_key(|(_, bound)| bound.network.bits());
        let way_out = self.ways_out.iter().find(|way| way.is_ipv6 == address.is_ipv6());
        let narrowest = narrowest.map(|(_, bound)| bound.interface.as_str());
        narrowest.or_else(|| way_out.map(|way| way.interface.as_str()))
    }

    /// Makes it what stands once a change was confirmed.
    pub fn take(&mut self, change: &AddressChange) {
        let AddressChange {
            address, interface, to, ..
        } = change;
        match to {
            Binding::Bound | Binding::TakenOver => {
                let bound = Bound {
                    interface: interface.clone(),
                    network: Subnet::of(*address),
                };
                self.bound.insert(*address, bound);
                self.own.insert(*address);
            }
            Binding::Released => {
                self.bound.remove(address);
                self.own.remove(address);
            }
        }
    }
}

/// Whether an interface leads to containers.
fn is_bridge(interface: &str) -> bool {
    interface == "docker0" || interface.starts_with("br-") || interface.starts_with("veth")
}

/// What is known of a host's public addresses.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AddressesSeen {
    /// Nobody asked.
    #[default]
    NotAsked,
    /// They could not be read, and why, with the cure.
    Unknown(String),
    /// These were found.
    Found(Box<LiveAddresses>),
}

impl AddressesSeen {
    /// Whether nobody asked.
    pub fn is_not_asked(&self) -> bool {
        match self {
            Self::NotAsked => true,
            Self::Unknown(_) | Self::Found(_) => false,
        }
    }

    /// What was found; none where nobody asked, or it could not be read.
    pub fn found(&self) -> Option<&LiveAddresses> {
        match self {
            Self::Found(live) => Some(live),
            Self::NotAsked | Self::Unknown(_) => None,
        }
    }
}

/// How a host's public addresses are changed: by one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AddressChange {
    /// The address.
    pub address: IpAddr,
    /// Its interface.
    pub interface: String,
    /// What becomes of it.
    pub to: Binding,
    /// How long the host waits for the confirmation before it takes the change back.
    pub confirm_timeout: Span,
}

/// What becomes of a public address on a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Binding {
    /// It is bound, and kept over reboots. Where somebody on the network answers for it, that is an error.
    Bound,
    /// Likewise, and whoever had it loses it: it comes from another host of the cluster.
    TakenOver,
    /// It goes.
    Released,
}

impl AddressChange {
    /// The way back.
    pub fn undo(&self) -> Self {
        let to = match self.to {
            Binding::Bound | Binding::TakenOver => Binding::Released,
            Binding::Released => Binding::TakenOver,
        };
        Self { to, ..self.clone() }
    }
}
