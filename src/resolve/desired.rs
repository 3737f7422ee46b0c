//! `Desired`: the whole of what git wants, parsed and checked. What `resolve` hands on.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;

use crate::model::blob::FileKind;
use crate::model::endpoint::{Address, Ssh};
use crate::model::gate::Gate;
use crate::model::hook::Hooks;
use crate::model::image::ImageRef;
use crate::model::name::{ClusterName, HostName, NetworkName, ServiceName, VolumeName};
use crate::model::network::{NetworkSpec, Networking};
use crate::model::order::Dependency;
use crate::model::policy::{PullPolicy, RollbackScope, UpdatePolicy};
use crate::model::revision::Revision;
use crate::model::runtime::{Runtime, Security, is_default};
use crate::model::setting::{Healthcheck, Limits, Logging, Mount, MountSource, Protocol, Restart};
use crate::model::stamp::Stamp;
use crate::model::unit::{Bytes, Cpus, PortRange, Reserved, Span};
use crate::model::volume::VolumeSpec;
use crate::resolve::accepted::NotInForce;
use crate::resolve::content::Content;
use crate::resolve::rules::{Firewall, Ingress};
use crate::resolve::template::Text;
use crate::resolve::wish::{Constraint, Placing};

/// What git wants.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Desired {
    /// The state of the repository that this was read from.
    pub revision: Revision,
    /// The cluster's own settings.
    pub cluster: Cluster,
    /// Its hosts.
    pub hosts: BTreeMap<HostName, Host>,
    /// Its services.
    pub services: BTreeMap<ServiceName, Service>,
    /// Its networks.
    pub networks: BTreeMap<NetworkName, Network>,
    /// Its volumes.
    pub volumes: BTreeMap<VolumeName, Volume>,
    /// Who to be at which registry, by its host and port.
    pub registries: BTreeMap<String, Registry>,
    /// The secrets, encrypted.
    pub secrets: BTreeMap<String, SecretFile>,
    /// What comes in to the hosts; none where cdk leaves their firewalls alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub firewall: Option<Firewall>,
    /// Where the ingresses stand, and what they hand on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ingresses: Vec<Ingress>,
    /// What stands in git, is right, and is not in force yet in this version of cdk; by path.
    pub not_in_force: Vec<NotInForce>,
}

impl Desired {
    /// The public addresses of all hosts and services.
    pub fn public_addresses(&self) -> impl Iterator<Item = IpAddr> {
        let hosts = self.hosts.values().flat_map(|host| &host.public_addresses);
        let services = self.services.values().flat_map(|service| &service.public_addresses);
        hosts.chain(services).copied()
    }
}

/// A secret as it lies in the repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SecretFile {
    /// Its path there.
    pub path: PathBuf,
    /// The SHA-256 of it, encrypted.
    pub sha256: String,
    /// It, encrypted.
    #[serde(skip)]
    pub encrypted: Arc<[u8]>,
}

/// A config or a secret as a file of a service's containers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ServiceFile {
    /// Which it is.
    pub kind: FileKind,
    /// Its name in the YAML.
    pub source: String,
    /// What it holds.
    pub content: Content,
    /// The user whose it is.
    pub uid: u32,
    /// The group whose it is.
    pub gid: u32,
    /// Its permissions.
    #[serde(serialize_with = "octal")]
    pub mode: u32,
    /// The signal that follows a change in place; none where a change replaces the replica.
    pub signal: Option<String>,
}

fn octal<S: serde::Serializer>(mode: &u32, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{mode:04o}"))
}

/// A cluster's own settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cluster {
    /// Its name.
    pub name: ClusterName,
    /// How many hosts are worked on at once, at most; 16 unless given.
    pub parallel: usize,
    /// The host ports that cdk may hand out; 20000-29999 unless given.
    pub ports: PortRange,
    /// What a service that is taken back takes along.
    pub rollback: RollbackScope,
    /// How many versions' images and files stay on the hosts, the present one among them; 5 unless given.
    pub keep: usize,
    /// The programs that run before and after an apply.
    #[serde(skip_serializing_if = "Hooks::is_empty")]
    pub hooks: Hooks,
}

/// Whether a host takes replicas.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Availability {
    /// It does.
    #[default]
    Active,
    /// It keeps those it has and gets no new ones.
    Pause,
    /// Those it has go elsewhere.
    Drain,
    /// It is gone: it is not asked, and its replicas go elsewhere.
    Down,
}

/// A host of the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Host {
    /// How it is reached.
    pub address: Address,
    /// Where ports handed out by cdk are bound; `127.0.0.1` for a local host, `address` for another, unless given. None means: it is
    /// a name, which only the host can look up, so all addresses are bound.
    pub private_address: Option<IpAddr>,
    /// Further addresses of its own, that others know it by: they are bound to it.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub public_addresses: BTreeSet<IpAddr>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// `node.role`: `worker` unless given.
    pub role: String,
    /// How many containers it may hold, at most.
    pub max_containers: Option<u32>,
    /// Whether it takes replicas.
    pub state: Availability,
    /// How ssh gets there: the host's own words over the cluster's.
    pub ssh: Ssh,
}

impl Host {
    /// The addresses that others see it come from, as far as git tells: no names, and none that only it itself can use.
    pub fn own_addresses(&self) -> impl Iterator<Item = IpAddr> {
        let all = self.address.literal().into_iter().chain(self.private_address);
        let all = all.chain(self.public_addresses.iter().copied());
        all.filter(|address| !address.is_loopback() && !address.is_unspecified())
    }
}

/// A network: one on each host that needs it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Network {
    /// Its name on the hosts.
    pub name: String,
    /// Whether it is not cdk's, and must be there.
    pub external: bool,
    /// What it is to be; nothing of it counts where it is external.
    pub spec: NetworkSpec,
}

/// A volume: one on each host where something mounts it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Volume {
    /// Its name on the hosts.
    pub name: String,
    /// Whether it is not cdk's, and must be there.
    pub external: bool,
    /// Whether several may write to it at once, wherever they are.
    pub shared: bool,
    /// What it is to be; nothing of it counts where it is external.
    pub spec: VolumeSpec,
}

/// What a service's replicas see of networks.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ServiceNetworking {
    /// What a replica calls itself.
    pub hostname: Option<Text>,
    /// All else, with the networks' names as they are on a host; the aliases that each replica gets by itself come later.
    #[serde(flatten)]
    pub rest: Networking,
}

/// A registry's user, and where its password comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Registry {
    /// The user.
    pub username: String,
    /// Where the password is read from, at the time that a host is asked to pull.
    pub password: PasswordSource,
}

/// Where a password comes from: never from git in plain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PasswordSource {
    /// An environment variable of the process.
    Env(String),
    /// A file outside git; a line feed at its end does not count.
    File(PathBuf),
    /// A secret of the repository, by name; a line feed at its end does not count.
    Secret(String),
}

/// How many replicas a service has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// So many.
    Replicated(u32),
    /// One on each host that fits.
    Global,
    /// A job: so many runs of each version, each to its end.
    ReplicatedJob(u32),
    /// A job: one run of each version on each host that fits.
    GlobalJob,
}

impl Mode {
    /// Whether its replicas run to their end, once per version.
    pub fn is_job(self) -> bool {
        match self {
            Self::ReplicatedJob(_) | Self::GlobalJob => true,
            Self::Replicated(_) | Self::Global => false,
        }
    }

    /// Whether there is one on each host that fits.
    pub fn is_global(self) -> bool {
        match self {
            Self::Global | Self::GlobalJob => true,
            Self::Replicated(_) | Self::ReplicatedJob(_) => false,
        }
    }
}

/// A port of a service's containers, and which port of the host it gets.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct ServicePort {
    /// The port in the container.
    pub container: u16,
    /// Its transport.
    pub protocol: Protocol,
    /// The host's side.
    pub host: HostPort,
}

/// The host's side of a service's port.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HostPort {
    /// One of `cluster.ports`, chosen per replica, bound to the host's private address.
    Assigned,
    /// One of these, bound to `address` or, without one, to all.
    Published {
        /// The address that it is bound to.
        address: Option<IpAddr>,
        /// A port, or a range of which each replica takes one.
        ports: PortRange,
    },
}

/// A service: what its replicas are, how many, where, and how they are replaced.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Service {
    /// How many.
    pub mode: Mode,
    /// The image as git writes it.
    pub image: ImageRef,
    /// When a registry is asked for it.
    pub pull_policy: PullPolicy,
    /// What it waits for of which other services.
    pub depends_on: BTreeMap<ServiceName, Dependency>,
    /// What runs instead of the image's command.
    pub command: Option<Vec<Text>>,
    /// What runs instead of the image's entrypoint.
    pub entrypoint: Option<Vec<Text>>,
    /// Variables.
    pub environment: BTreeMap<String, Text>,
    /// Labels.
    pub labels: BTreeMap<String, Text>,
    /// Labels whose values the environment of whoever applies gives.
    pub stamps: BTreeMap<String, Stamp>,
    /// Configs and secrets, by their path in the container.
    pub files: BTreeMap<String, ServiceFile>,
    /// Ports.
    pub ports: BTreeSet<ServicePort>,
    /// Addresses that go where its replicas go.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub public_addresses: Vec<IpAddr>,
    /// Networks, and what belongs to them.
    pub network: ServiceNetworking,
    /// Mounts, with the volumes' names as they are on a host.
    pub mounts: BTreeSet<Mount>,
    /// Those of its volumes, by their names on a host, that several may write to at once.
    pub shared: BTreeSet<String>,
    /// The health check.
    pub healthcheck: Option<Healthcheck>,
    /// What the engine does when a container ends; `unless-stopped` unless given, and `no` for a job.
    pub restart: Restart,
    /// Who runs it.
    pub user: Option<String>,
    /// Where it runs.
    pub working_dir: Option<String>,
    /// Where output goes.
    pub logging: Logging,
    /// From the stop signal to the kill.
    pub stop_grace_period: Option<Span>,
    /// What a replica may use at most.
    pub limits: Limits,
    /// What a replica is promised: it counts for placement only, as in Swarm.
    pub reserved_cpus: Cpus,
    /// Likewise, memory.
    pub reserved_memory: Bytes,
    /// All of these must hold of a host.
    pub constraints: Vec<Constraint>,
    /// How many of its replicas one host may hold, at most.
    pub max_replicas_per_node: Option<u32>,
    /// What is wished of their place besides.
    #[serde(skip_serializing_if = "is_default")]
    pub placing: Placing,
    /// How replicas are replaced.
    pub update: UpdatePolicy,
    /// What says that a replica is up, instead of its health check.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gate: Option<Arc<Gate>>,
    /// What a replica may do.
    #[serde(skip_serializing_if = "is_default")]
    pub security: Security,
    /// How a replica is run.
    #[serde(skip_serializing_if = "is_default")]
    pub runtime: Runtime,
}

impl Service {
    /// What a replica is promised.
    pub fn reserved(&self) -> Reserved {
        Reserved {
            cpus: self.reserved_cpus,
            memory: self.reserved_memory,
        }
    }

    /// The public addresses that go with a replica, counted from 1: of each family the one at that place.
    pub fn addresses_of(&self, replica: u32) -> impl Iterator<Item = IpAddr> {
        let at = usize::try_from(replica).unwrap_or(usize::MAX).saturating_sub(1);
        let of = move |is_ipv6: bool| {
            let all = self.public_addresses.iter().copied();
            all.filter(move |address| address.is_ipv6() == is_ipv6).nth(at)
        };
        [false, true].into_iter().filter_map(of)
    }

    /// Whether its replicas write to a named volume or a path of their host, and so are bound to it.
    pub fn is_stateful(&self) -> bool {
        self.data().next().is_some()
    }

    /// The volumes and paths of their host that its replicas write to, as nobody else may.
    pub fn data(&self) -> impl Iterator<Item = &MountSource> {
        let written = self.mounts.iter().filter(|mount| !mount.read_only);
        written.map(|mount| &mount.source).filter(|source| match source {
            MountSource::Bind(_) => true,
            MountSource::Volume(name) => !self.shared.contains(name),
            MountSource::Anonymous | MountSource::Tmpfs => false,
        })
    }
}
