//! Where a service's replicas may stand and where best, as git says it: constraints, strategies, preferences, affinities. Types only.

use std::fmt;

use serde::Serialize;

use crate::model::name::ServiceName;

/// What a constraint looks at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Attribute {
    /// `node.id`: the engine's own id, as `docker info` and `cdk hosts -o json` say it.
    Id,
    /// `node.hostname`: the host's name in hosts.yaml.
    Hostname,
    /// `node.role`.
    Role,
    /// `node.labels.KEY`.
    Label(String),
    /// `node.ip`: the host's address, or a network that it is in.
    Ip,
    /// `node.platform.os`, as the engine says it.
    Os,
    /// `node.platform.arch`, as the engine says it: `x86_64`, `aarch64`.
    Arch,
    /// `engine.labels.KEY`.
    EngineLabel(String),
}

/// A demand on a host, in Swarm's syntax: `node.labels.type == large`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Constraint {
    /// What it looks at.
    pub attribute: Attribute,
    /// `==` where true, `!=` where false.
    pub equal: bool,
    /// What it compares with: whole, and without regard to case.
    pub value: String,
}

impl fmt::Display for Constraint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.attribute {
            Attribute::Id => f.write_str("node.id")?,
            Attribute::Hostname => f.write_str("node.hostname")?,
            Attribute::Role => f.write_str("node.role")?,
            Attribute::Label(key) => write!(f, "node.labels.{key}")?,
            Attribute::Ip => f.write_str("node.ip")?,
            Attribute::Os => f.write_str("node.platform.os")?,
            Attribute::Arch => f.write_str("node.platform.arch")?,
            Attribute::EngineLabel(key) => write!(f, "engine.labels.{key}")?,
        }
        write!(f, " {} {}", if self.equal { "==" } else { "!=" }, self.value)
    }
}

/// Which of the hosts that fit is the best.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Strategy {
    /// The one with the fewest of the service's replicas, then of all containers.
    #[default]
    Spread,
    /// The one that is the fullest.
    Binpack,
    /// Any, by a seed of the cluster and the slot.
    Random,
}

/// What makes hosts a group.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Group {
    /// Each is one by itself.
    Host,
    /// Those with the same value of this label; those without it are one too.
    Label(String),
}

/// How much a wish counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Strength {
    /// It must be so.
    Required,
    /// It is better so: 1 to 100.
    Weight(u8),
}

/// Nearness to the replicas of a service, or distance from them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Affinity {
    /// The service.
    pub service: ServiceName,
    /// What is near.
    pub per: Group,
    /// How much it counts.
    pub strength: Strength,
}

/// What is wished of a service's place, beyond what must be so.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Placing {
    /// Which host is the best.
    pub strategy: Strategy,
    /// The labels whose groups replicas are spread over, the first one first.
    pub preferences: Vec<String>,
    /// The services that it stands near to.
    pub affinity: Vec<Affinity>,
    /// The services that it stands apart from; its own replicas perhaps.
    pub anti_affinity: Vec<Affinity>,
}
