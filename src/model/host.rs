//! What is known of a host: its engine, its size, what it holds. No connections.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::marker::PhantomData;

use schemars::JsonSchema;
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::model::address::AddressesSeen;
use crate::model::blob::FileFacts;
use crate::model::container::LiveContainer;
use crate::model::firewall::FirewallSeen;
use crate::model::image::{Digest, ImageFacts, ImageRef, Resolution};
use crate::model::journal::JournalRecord;
use crate::model::name::{ClusterName, ServiceName};
use crate::model::network::{LiveNetwork, Route};
use crate::model::setting::Protocol;
use crate::model::unit::{Bytes, Reserved};
use crate::model::volume::LiveVolume;

/// A host's engine and machine.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct HostFacts {
    /// The engine's own id, which names the machine whatever hosts.yaml calls it.
    pub machine_id: String,
    /// The name that the machine gives itself.
    pub hostname: String,
    /// `linux`.
    pub os: String,
    /// As the engine says it: `x86_64`, `aarch64`.
    pub arch: String,
    /// The engine's version: `26.1.5`.
    pub engine: String,
    /// The highest version of Docker's API that it speaks: `1.45`.
    pub api: String,
    /// CPUs.
    pub cpus: u64,
    /// Memory.
    pub memory: Bytes,
    /// The version of the kernel's control groups, `1` or `2`; empty where it is not known.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub cgroups: String,
    /// The folder that the engine keeps images in; empty where it did not say.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub root: String,
    /// The labels that its engine was started with.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub engine_labels: BTreeMap<String, String>,
}

/// A port of a host that something not of this cluster holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct HeldPort {
    /// The port.
    pub port: u16,
    /// Its transport.
    #[serde(default)]
    pub protocol: Protocol,
}

/// All that was seen on one host that answered. In a file written by hand every field has a default.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct HostState {
    /// Its engine and machine.
    pub facts: HostFacts,
    /// The cluster's containers, by name.
    pub containers: Vec<LiveContainer>,
    /// The images that lie there, by the engine's id.
    pub images: BTreeMap<String, ImageFacts>,
    /// All volumes, by name; a list of names says no more of them.
    #[serde(deserialize_with = "by_name")]
    pub volumes: BTreeMap<String, LiveVolume>,
    /// All networks, by name; a list of names says no more of them.
    #[serde(deserialize_with = "by_name")]
    pub networks: BTreeMap<String, LiveNetwork>,
    /// Its routes and its own addresses; none where nobody asked, or the host did not say.
    pub routes: Option<Vec<Route>>,
    /// What containers that are not the cluster's use of volumes and networks, by name.
    pub foreign: Foreign,
    /// The configs and secrets of its containers, and old ones, by path among cdk's files there; none where one is gone. What is not
    /// here nobody looked at.
    pub files: BTreeMap<String, Option<FileFacts>>,
    /// What is free on the disk that the engine keeps images on; none where nobody asked, or the host did not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub free_disk: Option<Bytes>,
    /// Its firewall.
    pub firewall: FirewallSeen,
    /// Its public addresses.
    #[serde(skip_serializing_if = "AddressesSeen::is_not_asked")]
    pub addresses: AddressesSeen,
    /// Ports that other containers hold.
    pub held_ports: BTreeSet<HeldPort>,
    /// How many containers there are that are not the cluster's.
    pub other_containers: u32,
    /// What those of them that hold something are promised: other clusters' by their labels, and the memory of all others, where
    /// somebody wanted to know.
    pub reserved: Reserved,
    /// What earlier applies wrote there, oldest first.
    pub journal: Vec<JournalRecord>,
    /// Other clusters that have replicas there.
    pub other_clusters: BTreeMap<ClusterName, OtherCluster>,
}

/// What is seen of another cluster on a host.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct OtherCluster {
    /// Its services.
    pub services: BTreeSet<ServiceName>,
    /// The git commits that its replicas were made from.
    pub revisions: BTreeSet<String>,
}

/// What containers that are not the cluster's use.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Foreign {
    /// The volumes that they mount, and one of them that does.
    pub volumes: BTreeMap<String, String>,
    /// The networks that they are attached to, and one of them that is.
    pub networks: BTreeMap<String, String>,
    /// The engine's ids of the images that they were made from.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub images: BTreeSet<String>,
    /// The digests that other clusters' journals there speak of, of those that this cluster's speaks of too.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub digests: BTreeSet<Digest>,
}

/// Things by their names, or a list of names alone.
fn by_name<'de, D, T>(deserializer: D) -> Result<BTreeMap<String, T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    struct ByName<T>(PhantomData<T>);

    impl<'de, T: Deserialize<'de> + Default> Visitor<'de> for ByName<T> {
        type Value = BTreeMap<String, T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a map, or a list of names")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut names: A) -> Result<Self::Value, A::Error> {
            let mut all = BTreeMap::new();
            while let Some(name) = names.next_element()? {
                all.insert(name, T::default());
            }
            Ok(all)
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
            BTreeMap::deserialize(MapAccessDeserializer::new(map))
        }
    }

    deserializer.deserialize_any(ByName(PhantomData))
}

/// A host as it was found.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "HostDocument")]
pub enum ObservedHost {
    /// It answered.
    Reachable(Box<HostState>),
    /// It did not, and why. What it holds is unknown, never absent.
    Unreachable(String),
}

impl HostState {
    /// The image of this reference, and of the content that it stands for, that lies there.
    pub fn image(&self, image: &ImageRef, resolution: Option<&Resolution>) -> Option<&ImageFacts> {
        self.images
            .values()
            .find(|facts| match resolution.and_then(Resolution::digest) {
                Some(digest) => facts.has_digest(digest),
                None => facts.is_named(image),
            })
    }
}

impl ObservedHost {
    /// What was seen there; none where it did not answer.
    pub fn state(&self) -> Option<&HostState> {
        match self {
            Self::Reachable(state) => Some(state),
            Self::Unreachable(_) => None,
        }
    }

    /// The same, to be changed.
    pub fn state_mut(&mut self) -> Option<&mut HostState> {
        match self {
            Self::Reachable(state) => Some(state),
            Self::Unreachable(_) => None,
        }
    }
}

/// A host as it stands in a file: `{unreachable: WHY}`, or what was seen.
// The state is no `Option`: flattened, that would take a state with an error in it for none.
#[derive(Deserialize, JsonSchema)]
struct HostDocument {
    /// Why it did not answer; everything else is left out then.
    #[serde(default)]
    unreachable: Option<String>,
    #[serde(flatten)]
    state: HostState,
}

impl From<HostDocument> for ObservedHost {
    fn from(document: HostDocument) -> Self {
        match document.unreachable {
            Some(why) => Self::Unreachable(why),
            None => Self::Reachable(Box::new(document.state)),
        }
    }
}

impl Serialize for ObservedHost {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Reachable(state) => state.serialize(serializer),
            Self::Unreachable(why) => serializer.collect_map([("unreachable", why)]),
        }
    }
}

impl JsonSchema for ObservedHost {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ObservedHost".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        HostDocument::json_schema(generator)
    }
}
