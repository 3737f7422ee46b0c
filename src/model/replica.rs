//! One replica's container spec in two parts: what the replicas of its service share, and the little that is its own. No rendering.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::{Arc, OnceLock};

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};

use crate::model::container::{ContainerSpec, Fingerprint};
use crate::model::effective::EffectiveSpec;
use crate::model::image::ImageDefaults;
use crate::model::name::Slot;
use crate::model::network::{Networking, exposed, is_predefined};
use crate::model::setting::PortBinding;

/// What git wants one replica's container to be. It stands in a plan as the [`ContainerSpec`] that it is as a whole.
#[derive(Debug, Clone)]
pub struct ReplicaSpec {
    common: Arc<Common>,
    /// Its ports on its host, sorted.
    ports: Vec<PortBinding>,
    /// The slot by whose names, and its service's, others find it on networks of one's own, as Compose has it.
    slot: Option<Slot>,
}

#[derive(Debug)]
struct Common {
    spec: ContainerSpec,
    /// The digest so far, when all of the spec but ports and names has gone into it.
    digest: OnceLock<Sha256>,
    /// The fingerprint of those that have nothing of their own.
    fingerprint: OnceLock<Fingerprint>,
}

impl From<ContainerSpec> for ReplicaSpec {
    fn from(spec: ContainerSpec) -> Self {
        let common = Common {
            spec,
            digest: OnceLock::new(),
            fingerprint: OnceLock::new(),
        };
        Self {
            common: Arc::new(common),
            ports: Vec::new(),
            slot: None,
        }
    }
}

impl ReplicaSpec {
    /// A replica of the same service, with these ports beside what is common, and under its own names on networks of one's own.
    pub fn of(&self, ports: &[PortBinding], slot: &Slot) -> Self {
        let mut networks = self.common.spec.networks();
        Self {
            common: Arc::clone(&self.common),
            ports: ports.to_vec(),
            slot: networks.any(|name| !is_predefined(name)).then(|| slot.clone()),
        }
    }

    /// The same with other ports of its own.
    #[must_use]
    pub fn with_ports(&self, ports: &[PortBinding]) -> Self {
        Self {
            ports: ports.to_vec(),
            ..self.clone()
        }
    }

    /// Whether anything is its own beside what is common.
    pub fn has_own(&self) -> bool {
        !self.ports.is_empty() || self.slot.is_some()
    }

    /// What it has in common with the other replicas: all but the ports and the names on networks.
    pub fn common(&self) -> &ContainerSpec {
        &self.common.spec
    }

    /// Its ports on its host.
    pub fn ports(&self) -> impl Iterator<Item = &PortBinding> {
        self.common.spec.ports.iter().chain(&self.ports)
    }

    /// All of it.
    pub fn whole(&self) -> Cow<'_, ContainerSpec> {
        if !self.has_own() {
            return Cow::Borrowed(&self.common.spec);
        }
        let mut spec = self.common.spec.clone();
        spec.ports.extend(self.ports.iter().cloned());
        spec.network = self.network();
        Cow::Owned(spec)
    }

    /// All of it, changed.
    #[must_use]
    pub fn changed(&self, change: impl FnOnce(&mut ContainerSpec)) -> Self {
        let mut spec = self.whole().into_owned();
        change(&mut spec);
        spec.into()
    }

    fn network(&self) -> Networking {
        let mut own = self.common.spec.network.clone();
        if let Some(slot) = &self.slot {
            let names = [slot.service.to_string(), slot.to_string()];
            for (_, attachment) in own.networks.iter_mut().filter(|(name, _)| !is_predefined(name)) {
                attachment.aliases.extend(names.clone());
            }
        }
        own
    }

    /// Whether two are made from the same common part, and both have something of their own beside it, or neither.
    pub fn is_like(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.common, &other.common) && self.has_own() == other.has_own()
    }

    /// Makes what an engine reports of a replica that is like this one, made from an image with these defaults, what it reports of this one.
    pub fn complete(&self, effective: &mut EffectiveSpec, image: &ImageDefaults) {
        if !self.has_own() {
            return;
        }
        effective.ports = self.ports().cloned().collect();
        let network = self.network();
        let expose = exposed(&network.expose, &image.exposed, &effective.ports);
        effective.network = network.effective(expose).into();
    }

    /// A digest over all of it; equal specs have equal fingerprints, on every machine.
    pub fn fingerprint(&self) -> Fingerprint {
        match self.has_own() {
            true => self.hashed(),
            false => self.common.fingerprint.get_or_init(|| self.hashed()).clone(),
        }
    }

    fn hashed(&self) -> Fingerprint {
        let mut hash = self.common.digest.get_or_init(|| digest(&self.common.spec)).clone();
        hash.update(self.own_text().as_bytes());
        let first = hash
            .finalize()
            .iter()
            .take(8)
            .fold(0, |all, byte| all << 8 | u64::from(*byte));
        Fingerprint(format!("{first:016x}").into())
    }

    /// What differs from replica to replica: the ports, and the names on each network.
    fn own_text(&self) -> String {
        let mut text = String::new();
        let mut ports: Vec<&PortBinding> = self.ports().collect();
        ports.sort();
        for port in ports {
            let _ = writeln!(text, "{port}");
        }
        let own = self
            .slot
            .as_ref()
            .map(|slot| (slot.service.to_string(), slot.to_string()));
        for (network, attachment) in &self.common.spec.network.networks {
            let own = own.iter().filter(|_| !is_predefined(network));
            let own = own.flat_map(|(service, slot)| [service.as_str(), slot.as_str()]);
            let mut names: Vec<&str> = attachment.aliases.iter().map(String::as_str).chain(own).collect();
            names.sort_unstable();
            names.dedup();
            let _ = writeln!(text, "{network}: {names:?}");
        }
        text
    }
}

/// The beginning of a fingerprint: what many replicas share comes first, so that it is read once for all of them.
fn digest(spec: &ContainerSpec) -> Sha256 {
    let mut spec = ContainerSpec {
        ports: [].into(),
        // What the environment holds is no part of what git wants.
        stamps: [].into(),
        ..spec.clone()
    };
    for attachment in spec.network.networks.values_mut() {
        attachment.aliases.clear();
    }
    // A spec is plain data with text keys, so it always serialises; an empty text would only make the look slower.
    let text = serde_json::to_string(&spec).unwrap_or_default();
    Sha256::new_with_prefix(text.as_bytes())
}

impl PartialEq for ReplicaSpec {
    fn eq(&self, other: &Self) -> bool {
        let parts = Arc::ptr_eq(&self.common, &other.common) && self.ports == other.ports && self.slot == other.slot;
        parts || self.whole() == other.whole()
    }
}

impl Eq for ReplicaSpec {}

impl Serialize for ReplicaSpec {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.whole().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for ReplicaSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        ContainerSpec::deserialize(deserializer).map(Self::from)
    }
}

impl JsonSchema for ReplicaSpec {
    fn schema_name() -> Cow<'static, str> {
        ContainerSpec::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        ContainerSpec::schema_id()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        ContainerSpec::json_schema(generator)
    }
}
