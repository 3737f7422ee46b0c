//! What can be done on a host, as plain data: one enum per domain. Doing it is `execute`'s and `host`'s.

use std::fmt;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::address::{AddressChange, Binding};
use crate::model::blob::FileWrite;
use crate::model::container::Ownership;
use crate::model::firewall::FirewallChange;
use crate::model::gate::Gate;
use crate::model::image::{Digest, ImageRef};
use crate::model::network::{Attachment, NetworkSpec};
use crate::model::order::JobVersion;
use crate::model::replica::ReplicaSpec;
use crate::model::setting::{Limits, Restart};
use crate::model::text::SharedText;
use crate::model::unit::Span;
use crate::model::volume::VolumeSpec;

/// One thing to do on one host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Op {
    /// About an image.
    Image(ImageOp),
    /// About a volume.
    Volume(VolumeOp),
    /// About a config's or a secret's file.
    File(FileOp),
    /// About a network.
    Network(NetworkOp),
    /// About a container.
    Container(ContainerOp),
    /// About the host's firewall.
    Firewall(FirewallOp),
    /// About one of the host's public addresses: changed, and confirmed over a new connection.
    Address(Box<AddressChange>),
    /// A wait for something to come true.
    Gate(GateOp),
}

/// What is done to images.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ImageOp {
    /// Bring it to the host; with a digest by the digest, then tagged as git writes it.
    Pull {
        /// As git writes it.
        image: ImageRef,
        /// The manifest's digest; none where nobody could say it.
        digest: Option<Digest>,
    },
    /// Remove one that an earlier version used, unless the engine says that something uses it.
    Remove {
        /// The engine's id of it.
        id: SharedText,
        /// As git wrote it.
        image: ImageRef,
        /// All its names there, where it has several: they go first.
        names: Vec<String>,
    },
}

/// What is done to volumes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum VolumeOp {
    /// Make it.
    Create {
        /// Its name on the host.
        name: SharedText,
        /// What it is to be.
        #[serde(default)]
        spec: Box<VolumeSpec>,
    },
}

/// What is done to networks, which are named by their name on the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NetworkOp {
    /// Make it.
    Create {
        /// Its name.
        name: SharedText,
        /// What it is to be.
        spec: Box<NetworkSpec>,
    },
    /// Remove it; nothing may be attached to it.
    Remove {
        /// Its name.
        name: SharedText,
    },
    /// Attach a container that stands already.
    Connect {
        /// The network's name.
        name: SharedText,
        /// The container's.
        container: SharedText,
        /// How.
        attachment: Box<Attachment>,
    },
    /// Part a container from it.
    Disconnect {
        /// The network's name.
        name: SharedText,
        /// The container's.
        container: SharedText,
    },
}

/// What is done to the files that containers get from cdk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FileOp {
    /// Write it, over what is there. Its secrets are put in at the last moment; there are none in the plan.
    Write(Box<FileWrite>),
    /// Remove one that earlier versions' containers had, or a whole folder of such.
    Remove {
        /// Its name among cdk's files there.
        path: SharedText,
    },
}

/// What is done to containers, which are named by their name on the host at that point of the plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ContainerOp {
    /// Make it; do not start it.
    Create {
        /// Its name.
        name: SharedText,
        /// What it is to be.
        spec: Arc<ReplicaSpec>,
        /// What goes into its labels.
        owner: Box<Ownership>,
    },
    /// Start it.
    Start {
        /// Its name.
        name: SharedText,
    },
    /// Stop it, with the grace that it was made with.
    Stop {
        /// Its name.
        name: SharedText,
    },
    /// Give it another name.
    Rename {
        /// Its name before.
        name: SharedText,
        /// Its name after.
        to: SharedText,
    },
    /// Change in place what Docker can change so.
    Update {
        /// Its name.
        name: SharedText,
        /// What it may use from now on.
        limits: Box<Limits>,
        /// What the engine does from now on when it ends.
        restart: Restart,
    },
    /// Send a signal to its first process.
    Signal {
        /// Its name.
        name: SharedText,
        /// The signal: `SIGHUP`.
        signal: SharedText,
    },
    /// Remove it, and its anonymous volumes; never a named one.
    Remove {
        /// Its name.
        name: SharedText,
    },
}

/// What is done to a host's firewall.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FirewallOp {
    /// Put these rules in force, and confirm them over a new connection.
    Change(Box<FirewallChange>),
    /// Put in force what the last change took the place of, likewise.
    Undo {
        /// How long the host waits for the confirmation.
        confirm_timeout: Span,
    },
}

/// What is waited for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GateOp {
    /// Until a container is up: past its gate where it has one, healthy where it has a health check, else running through `monitor`.
    Up {
        /// The container's name.
        name: SharedText,
        /// How long it must run where it has no health check.
        monitor: Span,
        /// The deadline.
        timeout: Span,
        /// What is asked instead of its health check.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        gate: Option<Arc<Gate>>,
    },
    /// That a container which is up stays so for a while: any exit of it is a failure.
    Stays {
        /// The container's name.
        name: SharedText,
        /// For so long, from when it was up.
        monitor: Span,
        /// Whether a gate said that it was up: then its health check is not asked here either.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        gated: bool,
    },
    /// Until a job's container has ended, with code 0.
    Completed {
        /// The container's name.
        name: SharedText,
        /// The version of the job, which is remembered once it succeeded.
        version: JobVersion,
        /// The deadline, where there is one.
        timeout: Option<Span>,
    },
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Image(ImageOp::Pull {
                image,
                digest: Some(digest),
            }) => {
                write!(f, "pull {image} ({})", digest.short())
            }
            Self::Image(ImageOp::Pull { image, digest: None }) => write!(f, "pull {image}"),
            Self::Image(ImageOp::Remove { image, .. }) => write!(f, "remove image {image}"),
            Self::File(FileOp::Remove { path }) => write!(f, "remove {path}"),
            Self::File(FileOp::Write(write)) => write!(f, "write {}", write.path),
            Self::Container(ContainerOp::Signal { name, signal }) => write!(f, "send {signal} to {name}"),
            Self::Volume(VolumeOp::Create { name, .. }) => write!(f, "create volume {name}"),
            Self::Network(op) => op.fmt(f),
            Self::Firewall(FirewallOp::Change(change)) => match &change.rules {
                Some(_) => f.write_str("change the firewall"),
                None => f.write_str("remove the firewall"),
            },
            Self::Firewall(FirewallOp::Undo { .. }) => f.write_str("take the firewall back"),
            Self::Address(change) => change.fmt(f),
            Self::Container(ContainerOp::Create { name, .. }) => write!(f, "create {name}"),
            Self::Container(ContainerOp::Start { name }) => write!(f, "start {name}"),
            Self::Container(ContainerOp::Stop { name }) => write!(f, "stop {name}"),
            Self::Container(ContainerOp::Rename { name, to }) => write!(f, "rename {name} to {to}"),
            Self::Container(ContainerOp::Update { name, .. }) => {
                write!(f, "update {name} in place")
            }
            Self::Container(ContainerOp::Remove { name }) => write!(f, "remove {name}"),
            Self::Gate(GateOp::Up { name, .. }) => write!(f, "wait until {name} is up"),
            Self::Gate(GateOp::Stays { name, monitor, .. }) => write!(f, "watch {name} for {monitor}"),
            Self::Gate(GateOp::Completed { name, .. }) => write!(f, "wait until {name} has succeeded"),
        }
    }
}

impl fmt::Display for AddressChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, interface, .. } = self;
        match self.to {
            Binding::Bound | Binding::TakenOver => write!(f, "bind {address} to {interface}"),
            Binding::Released => write!(f, "release {address}"),
        }
    }
}

impl fmt::Display for NetworkOp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Create { name, .. } => write!(f, "create network {name}"),
            Self::Remove { name } => write!(f, "remove network {name}"),
            Self::Connect { name, container, .. } => write!(f, "connect {container} to {name}"),
            Self::Disconnect { name, container } => write!(f, "disconnect {container} from {name}"),
        }
    }
}
