//! The labels by which cdk knows its own: written when a container is made, split off again when it is read. No other labels.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use crate::dialect::docker::Unreadable;
use crate::model::container::{Fingerprint, Ownership};
use crate::model::name::{ClusterName, ServiceName};
use crate::model::network::{NetworkSpec, Networking};
use crate::model::order::JobVersion;
use crate::model::setting::Logging;
use crate::model::unit::Reserved;

/// The version of the labels that this cdk writes; it refuses a newer one.
pub const LABELS_VERSION: u32 = 1;

/// Which cluster a container or a volume belongs to.
pub const CLUSTER: &str = "cdk.cluster";
/// What something is for that is neither a replica nor a volume of git's: see [`FILES`].
pub const ROLE: &str = "cdk.role";
/// The role of the volume whose labels are cdk's own small files.
pub const FILES: &str = "files";
/// What such a file's label begins with; its path follows.
pub const FILE: &str = "cdk.file.";
/// The role of the volume and the container that hold replicas' configs and secrets.
pub const CONFIGS: &str = "configs";
/// The names of the files in a replica's folders that change in place.
pub const FOLDERS: &str = "cdk.folders";

const VERSION: &str = "cdk.version";
const SLOT: &str = "cdk.slot";
const SERVICE: &str = "cdk.service";
const FINGERPRINT: &str = "cdk.fingerprint";
const REVISION: &str = "cdk.revision";
const IMAGE: &str = "cdk.image";
const DIGEST: &str = "cdk.digest";
const JOB: &str = "cdk.job";
const RESERVED: &str = "cdk.reserved";
const LOGGING: &str = "cdk.logging";
const NETWORK: &str = "cdk.network";
/// What `asked` keeps.
pub(super) const ASKED: &str = "cdk.asked";

const OWN: [&str; 15] = [
    CLUSTER,
    ROLE,
    FOLDERS,
    VERSION,
    SLOT,
    SERVICE,
    FINGERPRINT,
    REVISION,
    IMAGE,
    DIGEST,
    JOB,
    RESERVED,
    LOGGING,
    NETWORK,
    ASKED,
];

/// The labels that mark a container or volume as cdk's own helper in this cluster.
pub fn of_helper(cluster: &ClusterName, role: &str) -> HashMap<String, String> {
    HashMap::from([
        (CLUSTER.to_owned(), cluster.to_string()),
        (ROLE.to_owned(), role.to_owned()),
        (VERSION.to_owned(), LABELS_VERSION.to_string()),
    ])
}

/// The labels of a replica's container: cdk's own.
///
/// What logging was asked for goes along, because the engine fills in its own defaults and nobody could tell later
/// which of them git had wanted.
pub fn of_replica(
    cluster: &ClusterName,
    owner: &Ownership,
    logging: &Logging,
    network: &Networking,
) -> BTreeMap<String, String> {
    let Ownership {
        slot,
        fingerprint,
        revision,
        image,
        digest,
        job,
        reserved,
    } = owner;
    let networking = AskedNetworking::of(network);
    let networking = (networking != AskedNetworking::default()).then_some(networking);
    let networking = networking.map(|asked| serde_json::to_string(&asked).unwrap_or_default());
    let asked = (*logging != Logging::default()).then(|| serde_json::to_string(logging).unwrap_or_default());
    [
        (CLUSTER, Some(cluster.to_string())),
        (VERSION, Some(LABELS_VERSION.to_string())),
        (SLOT, Some(slot.to_string())),
        (SERVICE, Some(slot.service.to_string())),
        (FINGERPRINT, fingerprint.as_ref().map(ToString::to_string)),
        (REVISION, revision.as_ref().map(ToString::to_string)),
        (IMAGE, image.as_ref().map(ToString::to_string)),
        (DIGEST, digest.as_ref().map(ToString::to_string)),
        (JOB, job.as_ref().map(ToString::to_string)),
        (RESERVED, promise(reserved)),
        (LOGGING, asked),
        (NETWORK, networking),
    ]
    .into_iter()
    .filter_map(|(key, value)| Some((key.to_owned(), value?)))
    .collect()
}

/// What was asked of a container's networking and can't be told from what the engine chose by itself.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct AskedNetworking {
    /// Its name for itself.
    pub hostname: Option<String>,
    /// Hardware addresses by network.
    pub macs: BTreeMap<String, String>,
}

impl AskedNetworking {
    fn of(network: &Networking) -> Self {
        let macs = network.networks.iter();
        Self {
            hostname: network.hostname.clone(),
            macs: macs
                .filter_map(|(name, it)| Some((name.clone(), it.mac.clone()?)))
                .collect(),
        }
    }
}

/// What was asked when the container was made; nothing where there is no such label.
pub fn asked_networking(labels: &HashMap<String, String>) -> AskedNetworking {
    let text = labels.get(NETWORK);
    text.and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default()
}

/// The labels of a network of the cluster: cdk's own.
pub fn of_network(cluster: &ClusterName, spec: &NetworkSpec) -> BTreeMap<String, String> {
    let spec = serde_json::to_string(spec).unwrap_or_default();
    BTreeMap::from([
        (CLUSTER.to_owned(), cluster.to_string()),
        (VERSION.to_owned(), LABELS_VERSION.to_string()),
        (NETWORK.to_owned(), spec),
    ])
}

/// What a network with these labels was made from; none where it is not the cluster's.
pub fn network(labels: &HashMap<String, String>, cluster: &ClusterName) -> Option<NetworkSpec> {
    let text = labels.get(NETWORK).filter(|_| is_of(labels, cluster))?;
    Some(serde_json::from_str(text).unwrap_or_default())
}

/// A container's labels without cdk's own.
pub fn without_own(labels: HashMap<String, String>) -> BTreeMap<String, String> {
    labels
        .into_iter()
        .filter(|(key, _)| !OWN.contains(&key.as_str()))
        .collect()
}

/// Whether a container with these labels is a replica of the cluster.
pub fn is_replica(labels: &HashMap<String, String>, cluster: &ClusterName) -> bool {
    is_of(labels, cluster) && !labels.contains_key(ROLE)
}

/// Whether something with these labels is a helper of cdk's, of whichever cluster.
pub fn is_helper(labels: &HashMap<String, String>) -> bool {
    labels.contains_key(CLUSTER) && labels.contains_key(ROLE)
}

/// Of which cluster and service these labels make something a replica, and from which commit; none where they do not.
pub fn replica(labels: &HashMap<String, String>) -> Option<(ClusterName, ServiceName, Option<String>)> {
    let text = |key: &str| labels.get(key).filter(|_| !labels.contains_key(ROLE));
    let (cluster, service) = (text(CLUSTER)?.parse().ok()?, text(SERVICE)?.parse().ok()?);
    Some((cluster, service, text(REVISION).cloned()))
}

/// Whether something with these labels is the cluster's: a replica or a helper.
pub fn is_of(labels: &HashMap<String, String>, cluster: &ClusterName) -> bool {
    labels.get(CLUSTER).is_some_and(|name| name == cluster.as_str())
}

/// What the labels of the container `name` say of it.
///
/// # Errors
/// The container is not cdk's, was made by a newer cdk, or bears a label that does not read.
pub fn owner(name: &str, labels: &HashMap<String, String>) -> Result<Ownership, Unreadable> {
    let version = labels.get(VERSION).and_then(|text| text.parse::<u32>().ok());
    if version.is_some_and(|version| version > LABELS_VERSION) {
        return Err(Unreadable(format!(
            "container {name} was made by a newer cdk: use that one here"
        )));
    }
    let Some(slot) = labels.get(SLOT) else {
        return Err(Unreadable(format!(
            "container {name} bears no label {SLOT}: it is not a replica that cdk made"
        )));
    };
    let wrong = |key: &str, why: &dyn std::fmt::Display| {
        Unreadable(format!(
            "container {name} has a label {key} that cdk cannot read ({why}): remove the container, or its label {CLUSTER}"
        ))
    };
    Ok(Ownership {
        slot: slot.parse().map_err(|why| wrong(SLOT, &why))?,
        fingerprint: labels.get(FINGERPRINT).map(|text| Fingerprint(text.as_str().into())),
        revision: labels.get(REVISION).map(|text| text.as_str().into()),
        image: labels
            .get(IMAGE)
            .map(|text| text.parse())
            .transpose()
            .map_err(|why| wrong(IMAGE, &why))?,
        digest: labels
            .get(DIGEST)
            .map(|text| text.parse())
            .transpose()
            .map_err(|why| wrong(DIGEST, &why))?,
        job: labels.get(JOB).map(|text| JobVersion(text.as_str().into())),
        reserved: reserved(labels),
    })
}

/// `cpus=0.5,memory=256M`; none where nothing is promised.
fn promise(reserved: &Reserved) -> Option<String> {
    let Reserved { cpus, memory } = reserved;
    let cpus = (cpus.0 > 0).then(|| format!("cpus={cpus}"));
    let memory = (memory.0 > 0).then(|| format!("memory={memory}"));
    let parts: Vec<String> = cpus.into_iter().chain(memory).collect();
    (!parts.is_empty()).then(|| parts.join(","))
}

/// What a container with these labels was promised when it was made, of whichever cluster it is. What a newer cdk may add is
/// passed over; without such a label it is nothing.
pub fn reserved(labels: &HashMap<String, String>) -> Reserved {
    let mut reserved = Reserved::default();
    for (key, value) in labels
        .get(RESERVED)
        .into_iter()
        .flat_map(|text| text.split(','))
        .filter_map(|part| part.split_once('='))
    {
        match key {
            "cpus" => reserved.cpus = value.parse().unwrap_or_default(),
            "memory" => reserved.memory = value.parse().unwrap_or_default(),
            _ => {}
        }
    }
    reserved
}

/// The logging that was asked for when the container was made; nothing asked where there is no such label.
pub fn asked_logging(labels: &HashMap<String, String>) -> Logging {
    labels
        .get(LOGGING)
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default()
}
