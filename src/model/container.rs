//! A container as it is wanted, and as it stands on a host, in the same words; and how one becomes the other. No engine formats.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::blob::{FileRef, Folder};
use crate::model::effective::EffectiveSpec;
use crate::model::image::{Digest, ImageRef};
use crate::model::name::Slot;
use crate::model::network::Networking;
use crate::model::order::JobVersion;
use crate::model::runtime::{Runtime, Security, is_default};
use crate::model::setting::{Healthcheck, Limits, Logging, Mount, MountSource, PortBinding, Restart};
use crate::model::stamp::Stamp;
use crate::model::text::SharedText;
use crate::model::unit::{Reserved, Span};

/// What git wants a replica's container to be. What is none or empty is left to the image, or to the engine.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct ContainerSpec {
    /// The image as git writes it.
    pub image: ImageRef,
    /// What runs instead of the image's `CMD`.
    pub command: Option<Vec<String>>,
    /// What runs instead of the image's `ENTRYPOINT`; it discards the image's `CMD` too, as Compose has it.
    pub entrypoint: Option<Vec<String>>,
    /// Variables, over the image's.
    pub environment: BTreeMap<String, String>,
    /// The user's labels, over the image's; cdk's own are not among them.
    pub labels: BTreeMap<String, String>,
    /// Labels whose values the environment of whoever applies gives.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub stamps: BTreeMap<String, Stamp>,
    /// Configs and secrets, by their path in the container.
    #[serde(default)]
    pub files: BTreeMap<String, FileRef>,
    /// Folders in the container whose files change in place.
    #[serde(default)]
    pub folders: BTreeMap<String, Folder>,
    /// Ports bound on the host.
    pub ports: BTreeSet<PortBinding>,
    /// What it sees of networks.
    pub network: Networking,
    /// Volumes and bind mounts.
    pub mounts: BTreeSet<Mount>,
    /// Field by field over the image's own.
    pub healthcheck: Option<Healthcheck>,
    /// What the engine does when it ends.
    pub restart: Restart,
    /// Who runs it.
    pub user: Option<String>,
    /// Where it runs.
    pub working_dir: Option<String>,
    /// Where its output goes.
    pub logging: Logging,
    /// From the stop signal to the kill.
    pub stop_grace_period: Option<Span>,
    /// What it may use.
    pub limits: Limits,
    /// What it may do.
    #[serde(default, skip_serializing_if = "is_default")]
    pub security: Security,
    /// How it is run.
    #[serde(default, skip_serializing_if = "is_default")]
    pub runtime: Runtime,
}

impl ContainerSpec {
    /// The same with its stamps made labels, as these values have them.
    pub fn stamped(&self, values: &BTreeMap<String, String>) -> Self {
        let mut spec = self.clone();
        for (label, stamp) in std::mem::take(&mut spec.stamps) {
            spec.labels.insert(label, stamp.fill(values));
        }
        spec
    }

    /// The names of the volumes that it mounts, as they are on a host.
    pub fn volumes(&self) -> impl Iterator<Item = &str> {
        self.mounts.iter().filter_map(|mount| match &mount.source {
            MountSource::Volume(name) => Some(name.as_str()),
            MountSource::Bind(_) | MountSource::Anonymous | MountSource::Tmpfs => None,
        })
    }

    /// The names of the networks that it is attached to, as they are on a host.
    pub fn networks(&self) -> impl Iterator<Item = &str> {
        self.network.networks.keys().map(String::as_str)
    }
}

/// The digest of a wanted spec, 16 hexadecimal digits; kept in a label of the container made from it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Fingerprint(pub SharedText);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// What cdk writes into the labels of a container that it makes, beside the cluster's name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Ownership {
    /// The slot that it fills.
    pub slot: Slot,
    /// The spec that it was made from.
    #[serde(default)]
    pub fingerprint: Option<Fingerprint>,
    /// The git commit that it was made from.
    #[serde(default)]
    pub revision: Option<SharedText>,
    /// The image as git wrote it then.
    #[serde(default)]
    pub image: Option<ImageRef>,
    /// The registry's digest of it then.
    #[serde(default)]
    pub digest: Option<Digest>,
    /// The version of the job that it is a run of; none where it is no job's.
    #[serde(default)]
    pub job: Option<JobVersion>,
    /// What it was promised then. It is no part of what it is: another promise makes no other container.
    #[serde(default, skip_serializing_if = "Reserved::is_nothing")]
    pub reserved: Reserved,
}

/// What a health check last said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// Not yet known.
    Starting,
    /// Well.
    Healthy,
    /// Not well.
    Unhealthy,
}

/// The state that a container is in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ContainerState {
    /// Made, never started.
    Created,
    /// Running; with what its health check says, where it has one.
    Running {
        /// What the health check says; none where there is none.
        #[serde(default)]
        health: Option<Health>,
    },
    /// Frozen.
    Paused,
    /// Between two starts, after it ended by itself.
    Restarting,
    /// Ended.
    Exited {
        /// With this code.
        code: i64,
    },
    /// Half removed.
    Dead,
}

impl ContainerState {
    /// Whether its program runs.
    pub fn is_running(&self) -> bool {
        matches!(self, Self::Running { .. })
    }

    /// Whether it holds what a program holds (ports, memory, files), and so must be stopped before it goes.
    pub fn is_live(&self) -> bool {
        match self {
            Self::Running { .. } | Self::Restarting | Self::Paused => true,
            Self::Created | Self::Exited { .. } | Self::Dead => false,
        }
    }
}

impl Default for ContainerState {
    fn default() -> Self {
        Self::Running { health: None }
    }
}

impl fmt::Display for ContainerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Created => f.pad("created"),
            Self::Running { health: None } => f.pad("running"),
            Self::Running {
                health: Some(Health::Starting),
            } => f.pad("starting"),
            Self::Running {
                health: Some(Health::Healthy),
            } => f.pad("healthy"),
            Self::Running {
                health: Some(Health::Unhealthy),
            } => f.pad("unhealthy"),
            Self::Paused => f.pad("paused"),
            Self::Restarting => f.pad("restarting"),
            Self::Exited { code } => f.pad(&format!("exited ({code})")),
            Self::Dead => f.pad("dead"),
        }
    }
}

/// A container of the cluster as it stands on a host. In a file written by hand only `owner.slot` is needed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LiveContainer {
    /// The engine's id; empty in a file written by hand.
    #[serde(default)]
    pub id: String,
    /// Its name on the host; empty means the slot's own.
    #[serde(default)]
    pub name: String,
    /// What its labels say.
    pub owner: Ownership,
    /// The engine's id of the image that it runs.
    #[serde(default)]
    pub image_id: SharedText,
    /// The state that it is in.
    #[serde(default)]
    pub state: ContainerState,
    /// The engine's ids of the networks that it is attached to, by their names. One that was never started has none.
    #[serde(default)]
    pub network_ids: BTreeMap<String, String>,
    /// When it was last started, RFC 3339 in UTC; empty where it never was. For show only.
    #[serde(default)]
    pub started_at: String,
    /// How often the engine started it again by itself.
    #[serde(default)]
    pub restarts: u64,
    /// What it is made of; none (in a file written by hand) means: as git wants it, but for the image.
    #[serde(default)]
    pub spec: Option<Box<EffectiveSpec>>,
    /// Whether values in `spec` are masked, as they are in a saved observation: nobody can tell then whether they differ.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub masked: bool,
}
