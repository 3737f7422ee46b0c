//! What happens to hosts beside their replicas: to networks, firewalls, public addresses. Types only.

use std::net::IpAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::name::HostName;
use crate::plan::step::{Action, FieldChange};

/// What happens to a network on a host, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NetworkChange {
    /// The network, by its name on the host.
    pub network: String,
    /// The host.
    pub host: HostName,
    /// It is made, made anew, or removed.
    pub action: Action,
    /// What differs.
    pub fields: Vec<FieldChange>,
    /// Why, for people.
    pub why: String,
}

/// What happens to a host's firewall, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FirewallDiff {
    /// The host.
    pub host: HostName,
    /// It is made, changed, or removed.
    pub action: Action,
    /// What differs, rule by rule.
    pub fields: Vec<FieldChange>,
    /// What was changed there by hand; empty where nothing was.
    pub why: String,
}

/// What happens to a public address, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AddressDiff {
    /// The address.
    pub address: IpAddr,
    /// The host that it is bound to; where it goes, the one that it leaves.
    pub host: HostName,
    /// It is bound, moved, or released.
    pub action: Action,
    /// The host that it leaves, for a move.
    pub from: Option<HostName>,
    /// The interface that it is bound to; none where it stands already, or goes.
    pub interface: Option<String>,
    /// Why, for people.
    pub why: String,
}
