//! Hosts and how they are reached: `trait Host`, over the local socket or over SSH. It never prints and never decides.

mod address;
mod arguments;
pub(crate) mod call;
mod command;
mod configs;
mod connect;
mod dial;
mod disk;
mod engine;
mod files;
mod firewall;
mod foreign;
mod gate;
mod images;
mod lock;
mod logs;
mod networks;
mod relay;
mod root;
mod run;
mod ssh;
mod transport;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use async_trait::async_trait;

use crate::model::blob::{FileFacts, FileRef};
use crate::model::container::{ContainerSpec, LiveContainer, Ownership};
use crate::model::gate::{Gate, Tried};
use crate::model::host::HostFacts;
use crate::model::image::{Digest, ImageFacts, ImageRef, RegistryImage};
use crate::model::name::{ClusterName, HostName, ServiceName};
use crate::model::network::{Attachment, LiveNetwork, NetworkSpec, Route};
use crate::model::setting::{Limits, Restart};
use crate::model::unit::{Bytes, Reserved};
use crate::model::volume::{LiveVolume, VolumeSpec};

pub use address::Addresses;
pub use connect::{ConnectOptions, Hosts, close_all, connect_all};
pub use firewall::{Firewall, Trial};
pub use lock::{Evicted, Found, Lock, SILENCE};
pub use root::Pending;

/// Why a call to a host came to nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// The host does not answer; the reason in words a person can act upon.
    #[error("{0}")]
    Unreachable(String),
    /// The host answers, but may not do this for us (no right to the Docker socket, say), with the cure.
    #[error("{0}")]
    Denied(String),
    /// What was named does not exist there.
    #[error("{0}")]
    NotFound(String),
    /// The engine refuses: its own words.
    #[error("{0}")]
    Refused(String),
    /// The call took longer than its deadline.
    #[error("no answer within {after:?} to: {call}")]
    Deadline {
        /// What was asked.
        call: String,
        /// The deadline.
        after: Duration,
    },
}

/// A registry's user and password. Its `Debug` shows neither.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The registry's host and port, as images name it.
    pub registry: String,
    /// The user.
    pub username: String,
    /// The password, in plain; it never leaves this process but to the engine.
    pub password: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Credentials({})", self.registry)
    }
}

/// How closely the containers that are not the cluster's are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Others {
    /// What the list says of them is enough: of what they are promised, only cdk's own labels tell.
    #[default]
    Listed,
    /// Those that somebody else made are inspected too, for the memory that they are promised (`docker run --memory-reservation`).
    Inspected,
}

/// What a list of all containers says of one that is not the cluster's.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ForeignContainer {
    /// Its name.
    pub name: String,
    /// The ports of the host that it holds.
    pub ports: Vec<crate::model::host::HeldPort>,
    /// The named volumes that it mounts.
    pub volumes: Vec<String>,
    /// The networks that it is attached to.
    pub networks: Vec<String>,
    /// The engine's id of the image that it was made from.
    pub image: String,
    /// Another cluster's replica, where it is one.
    pub replica: Option<OtherReplica>,
    /// What it is promised; nothing where it has ended.
    pub reserved: Reserved,
}

/// Another cluster's replica, by its labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherReplica {
    /// The cluster.
    pub cluster: ClusterName,
    /// The service.
    pub service: ServiceName,
    /// The git commit that it was made from.
    pub revision: Option<String>,
}

/// What lies in a host's volumes' names and labels.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stored {
    /// All volumes but cdk's own, by name.
    pub volumes: BTreeMap<String, LiveVolume>,
    /// cdk's own small files of the cluster, by path.
    pub files: BTreeMap<String, Vec<u8>>,
    /// The digests that other clusters' files speak of.
    pub spoken_of: BTreeSet<Digest>,
}

/// All containers of a host: the cluster's whole, the others by what they hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Containers {
    /// The cluster's, by its labels, sorted by name.
    pub own: Vec<LiveContainer>,
    /// Everybody else's.
    pub foreign: Vec<ForeignContainer>,
}

/// One host, in Docker's verbs and the model's words. Each call has a deadline of its own.
#[async_trait(?Send)]
pub trait Host {
    /// The host's name in hosts.yaml.
    fn name(&self) -> &HostName;

    /// The engine and the machine.
    async fn facts(&self) -> Result<HostFacts, HostError>;
    /// All containers, stopped ones too; the cluster's are inspected, and `others` as closely as it says.
    async fn containers(&self, cluster: &ClusterName, others: Others) -> Result<Containers, HostError>;
    /// One container of the cluster by name or id; none where there is no such container.
    async fn container(&self, name: &str) -> Result<Option<LiveContainer>, HostError>;
    /// The last lines that a container wrote, stdout and stderr.
    async fn logs(&self, name: &str, lines: usize) -> Result<Vec<String>, HostError>;
    /// Tries a container's gate once, over the host. That it does not pass is no error.
    async fn probe(&self, name: &str, gate: &Gate) -> Result<Tried, HostError>;
    /// What a container's health check last said, in a sentence; none where it has none, or was not asked yet.
    async fn health(&self, name: &str) -> Result<Option<String>, HostError>;
    /// All tagged or digested images that lie there (id → tags, digests), with the defaults of those in `inspect`:
    /// ids, or names as `ImageRef::tagged` gives them.
    async fn images(&self, inspect: &[String]) -> Result<BTreeMap<String, ImageFacts>, HostError>;
    /// All volumes but cdk's own, by name.
    async fn volumes(&self, cluster: &ClusterName) -> Result<BTreeMap<String, LiveVolume>, HostError>;
    /// All networks, by name.
    async fn networks(&self, cluster: &ClusterName) -> Result<BTreeMap<String, LiveNetwork>, HostError>;
    /// The machine's routes and addresses; none where it does not tell.
    async fn routes(&self) -> Result<Option<Vec<Route>>, HostError>;

    /// Asks the image's registry, through the engine, for the manifest's digest and the platforms that it has.
    async fn registry_image(&self, image: &ImageRef, auth: Option<&Credentials>) -> Result<RegistryImage, HostError>;
    /// Pulls by digest where one is given, else by tag, and tags the image as git writes it.
    async fn pull(
        &self,
        image: &ImageRef,
        digest: Option<&Digest>,
        auth: Option<&Credentials>,
    ) -> Result<(), HostError>;

    /// Removes an image that nothing uses, its other names first; that it is gone already is no error. Nothing is forced.
    async fn remove_image(&self, id: &str, names: &[String]) -> Result<(), HostError>;
    /// What is free on the disk that the engine keeps images on; none where the host does not say.
    async fn free_disk(&self, root: &str) -> Result<Option<Bytes>, HostError>;

    /// Makes a volume of the cluster; that it exists already is no error.
    async fn create_volume(&self, name: &str, spec: &VolumeSpec, cluster: &ClusterName) -> Result<(), HostError>;
    /// Makes a network of the cluster.
    async fn create_network(&self, name: &str, spec: &NetworkSpec, cluster: &ClusterName) -> Result<(), HostError>;
    /// Removes a network, to which nothing may be attached; that it is gone already is no error.
    async fn remove_network(&self, name: &str) -> Result<(), HostError>;
    /// Attaches a container that stands already to a network, running or not.
    async fn connect(&self, network: &str, container: &str, how: &Attachment) -> Result<(), HostError>;
    /// Parts a container from a network; that it is not attached is no error.
    async fn disconnect(&self, network: &str, container: &str) -> Result<(), HostError>;
    /// Makes a container, and does not start it. With a digest in `owner`, the image is taken by it.
    async fn create(
        &self,
        name: &str,
        spec: &ContainerSpec,
        owner: &Ownership,
        cluster: &ClusterName,
    ) -> Result<(), HostError>;
    /// Starts a container; that it runs already is no error.
    async fn start(&self, name: &str) -> Result<(), HostError>;
    /// Stops a container with its own signal and grace; that it stands already is no error. The deadline is the
    /// container's grace and some more.
    async fn stop(&self, name: &str) -> Result<(), HostError>;
    /// Gives a container another name.
    async fn rename(&self, name: &str, to: &str) -> Result<(), HostError>;
    /// Changes a container's limits and restart policy in place. A limit that is lifted (zero) stays as it was: that
    /// takes a new container.
    async fn update(&self, name: &str, limits: &Limits, restart: Restart) -> Result<(), HostError>;
    /// Sends a signal to a container's first process.
    async fn signal(&self, name: &str, signal: &str) -> Result<(), HostError>;
    /// Removes a container and its anonymous volumes, running or not; never a named volume. That it is gone already is
    /// no error.
    async fn remove(&self, name: &str) -> Result<(), HostError>;

    /// What these paths among the cluster's configs and secrets look like: none where there is no such file.
    async fn look_at(
        &self,
        cluster: &ClusterName,
        paths: &BTreeSet<String>,
    ) -> Result<BTreeMap<String, Option<FileFacts>>, HostError>;
    /// Writes a config's or a secret's file, over what is there.
    async fn write_config(
        &self,
        cluster: &ClusterName,
        path: &str,
        file: &FileRef,
        content: &[u8],
    ) -> Result<(), HostError>;

    /// Removes a config's or a secret's file, or a folder of such; that it is gone already is no error.
    async fn remove_config(&self, cluster: &ClusterName, path: &str) -> Result<(), HostError>;

    /// cdk's own small files of the cluster, by path; empty where there are none yet.
    async fn read_files(&self, cluster: &ClusterName) -> Result<BTreeMap<String, Vec<u8>>, HostError>;
    /// Writes one of cdk's own files, text of some kilobytes: whole, or not at all.
    async fn write_file(&self, cluster: &ClusterName, path: &str, content: &[u8]) -> Result<(), HostError>;
    /// What `volumes` and `read_files` say, and what other clusters' files speak of; in one call where that can be had.
    async fn stored(&self, cluster: &ClusterName) -> Result<Stored, HostError> {
        Ok(Stored {
            volumes: self.volumes(cluster).await?,
            files: self.read_files(cluster).await?,
            spoken_of: BTreeSet::new(),
        })
    }

    /// Tries once whether packets of this host get to a TCP port elsewhere: that nobody listens there is no matter, only that there is
    /// an answer. That there is none is no error.
    async fn reaches(&self, to: SocketAddr) -> Result<Tried, HostError>;

    /// The way to its firewall, of which this cluster's table is a part.
    fn firewall<'a>(&'a self, cluster: &'a ClusterName) -> Box<dyn Firewall + 'a>;
    /// The way to its public addresses, some of which are the cluster's.
    fn addresses<'a>(&'a self, cluster: &'a ClusterName) -> Box<dyn Addresses + 'a>;

    /// Opens the cluster's lock there, which one run of cdk has at a time; it is not taken yet.
    async fn lock(&self, cluster: &ClusterName) -> Result<Box<dyn Lock>, HostError>;

    /// Parts from the host. What was called before has been done; nothing may be called after.
    async fn close(&self) {}
}
