//! The firewall as git says it, and of the ingresses what it must let work: names, not yet the addresses that they stand for. Types only.

use std::collections::BTreeSet;
use std::fmt;

use serde::Serialize;

use crate::model::firewall::Verdict;
use crate::model::name::{HostName, ServiceName};
use crate::model::network::Subnet;
use crate::model::traffic::{Rate, Traffic};
use crate::model::unit::Span;
use crate::resolve::wish::Constraint;

/// How long a host waits for the confirmation of a change, unless git says so.
pub const CONFIRM_TIMEOUT: Span = Span::seconds(30);

/// What comes in to the hosts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Firewall {
    /// What becomes of what no rule names.
    pub default: Verdict,
    /// From where SSH stays open.
    pub admin: BTreeSet<Subnet>,
    /// How long a host waits for the confirmation of a change; 30s unless given.
    pub confirm_timeout: Span,
    /// How many hosts get a change at once; 0 for all.
    pub parallelism: u32,
    /// From one batch of hosts to the next.
    pub delay: Span,
    /// The rules, as they are written; the first that fits decides.
    pub rules: Vec<FirewallRule>,
}

/// A rule as git has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FirewallRule {
    /// Its name.
    pub name: String,
    /// On which hosts: all of these must hold.
    pub on: Vec<Constraint>,
    /// What becomes of what it is about.
    pub verdict: Verdict,
    /// What it is about.
    pub about: About,
    /// From whom.
    pub from: Vec<Peer>,
    /// How many new connections one address may make.
    pub limit: Option<Rate>,
    /// Whether a change is kept only where another host still reaches its TCP ports.
    pub probe: bool,
}

/// What a rule is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum About {
    /// These ports, on every host of the rule.
    Traffic(BTreeSet<Traffic>),
    /// The host ports of a service's replicas, wherever they are.
    Service(ServiceName),
}

/// Whom a rule is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Peer {
    /// Everyone.
    Any,
    /// The cluster's hosts.
    Hosts,
    /// The hosts of the ingress.
    Ingress,
    /// The hosts of a service's replicas.
    Service(ServiceName),
    /// These addresses.
    Network(Subnet),
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any"),
            Self::Hosts => f.write_str("hosts"),
            Self::Ingress => f.write_str("ingress"),
            Self::Service(name) => name.fmt(f),
            Self::Network(network) => network.fmt(f),
        }
    }
}

/// An ingress, as far as the firewall must let it work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ingress {
    /// Its name.
    pub name: String,
    /// The hosts that it stands on.
    pub hosts: BTreeSet<HostName>,
    /// Whether these agree by VRRP who holds its virtual address.
    pub has_virtual_address: bool,
    /// The services that it hands anything on to.
    pub services: BTreeSet<ServiceName>,
}
