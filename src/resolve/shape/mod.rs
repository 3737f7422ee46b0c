//! The repository's words as serde types: what may stand where, in short and in long form. What they mean together is decided above.

pub mod attach;
pub mod autoscale;
pub mod cluster;
pub mod depends;
pub mod deploy;
pub mod device;
pub mod env_file;
pub mod file;
pub mod firewall;
pub mod hook;
pub mod ingress;
mod long_mount;
pub mod mount;
pub mod network;
pub mod number;
pub mod placement;
pub mod plain;
pub mod port;
pub mod pull;
pub mod runtime;
pub mod scalar;
pub mod service;
pub mod update;

use std::collections::BTreeMap;

use schemars::JsonSchema;

use crate::resolve::shape::cluster::{ClusterShape, HostShape, RegistryShape, VolumeShape};
use crate::resolve::shape::file::{ConfigShape, SecretShape};
use crate::resolve::shape::firewall::FirewallShape;
use crate::resolve::shape::ingress::IngressShape;
use crate::resolve::shape::network::NetworkShape;
use crate::resolve::shape::service::WholeServiceShape;

/// A file of a cdk repository: any of these sections, in any file.
#[derive(Debug, Default, JsonSchema)]
#[schemars(title = "cdk cluster file", deny_unknown_fields, default, extend("patternProperties" = {"^x-": true}))]
pub struct FileShape {
    /// The cluster itself: its name, what it includes, what holds for all hosts and services. It stands in cdk.yaml.
    pub cluster: Option<ClusterShape>,
    /// Values of any kind, used in texts as `{{ vars.NAME }}`. They hold no templates themselves.
    pub vars: Option<BTreeMap<String, serde_json::Value>>,
    /// Who to be at which registry, by the registry's HOST[:PORT].
    pub registries: Option<BTreeMap<String, RegistryShape>>,
    /// The hosts, by name.
    pub hosts: Option<BTreeMap<String, HostShape>>,
    /// The services, by name, as the Compose Specification writes them.
    pub services: Option<BTreeMap<String, WholeServiceShape>>,
    /// The networks that services are attached to: one on each host that needs it.
    pub networks: Option<BTreeMap<String, Option<NetworkShape>>>,
    /// The named volumes that services mount.
    pub volumes: Option<BTreeMap<String, Option<VolumeShape>>>,
    /// What comes in to the hosts.
    pub firewall: Option<FirewallShape>,
    /// The proxies before the services, by name.
    pub ingress: Option<BTreeMap<String, IngressShape>>,
    /// The configs that services get as files.
    pub configs: Option<BTreeMap<String, ConfigShape>>,
    /// The secrets that services get as files, or use in templates.
    pub secrets: Option<BTreeMap<String, SecretShape>>,
}
