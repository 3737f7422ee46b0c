//! The part of a cluster that a person means: hosts, services, kinds of things. Plain data; leaving out the rest is `flow`'s.

use std::collections::BTreeSet;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::name::{HostName, ServiceName};

/// What of a cluster can be planned by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Services and their replicas, with their images, files, networks and public addresses.
    Services,
    /// The hosts' firewalls.
    Firewall,
}

impl Part {
    /// Its name on the command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::Services => "services",
            Self::Firewall => "firewall",
        }
    }
}

/// The part of a cluster that is meant: what all three name. It is written as flags.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Scope {
    /// Only what happens on these hosts; empty is all.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub hosts: BTreeSet<HostName>,
    /// Only what happens to these services; empty is all.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub services: BTreeSet<ServiceName>,
    /// Only these parts; empty is all.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub only: BTreeSet<Part>,
}

impl Scope {
    /// Whether the whole cluster is meant.
    pub fn is_whole(&self) -> bool {
        self.hosts.is_empty() && self.services.is_empty() && self.only.is_empty()
    }

    /// Whether a part of the cluster is meant.
    pub fn has(&self, part: Part) -> bool {
        self.only.is_empty() || self.only.contains(&part)
    }

    /// Whether a host is meant.
    pub fn has_host(&self, host: &HostName) -> bool {
        self.hosts.is_empty() || self.hosts.contains(host)
    }

    /// Whether a service is meant.
    pub fn has_service(&self, service: &ServiceName) -> bool {
        self.services.is_empty() || self.services.contains(service)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hosts = self.hosts.iter().map(|host| format!("--host {host}"));
        let services = self.services.iter().map(|service| format!("--service {service}"));
        let only = self.only.iter().map(|part| format!("--only {}", part.word()));
        let all: Vec<String> = hosts.chain(services).chain(only).collect();
        f.write_str(&all.join(" "))
    }
}
