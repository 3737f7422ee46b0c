//! Volumes: what a cluster's own is to be, and how one stands on a host. No engine formats.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The driver that keeps a volume on its host's own disk.
pub const LOCAL: &str = "local";

/// What git wants a volume to be.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct VolumeSpec {
    /// Who keeps it.
    pub driver: String,
    /// The driver's own options.
    pub options: BTreeMap<String, String>,
    /// The user's labels; cdk's own are not among them.
    pub labels: BTreeMap<String, String>,
}

impl Default for VolumeSpec {
    fn default() -> Self {
        Self {
            driver: LOCAL.to_owned(),
            options: BTreeMap::new(),
            labels: BTreeMap::new(),
        }
    }
}

impl VolumeSpec {
    /// What of a volume that stands is otherwise than it is to be; none where nothing is. Labels that somebody else
    /// gave it are no difference.
    pub fn differs_from(&self, live: &Self) -> Option<String> {
        let Self {
            driver,
            options,
            labels,
        } = self;
        let list = |pairs: &BTreeMap<String, String>| {
            let pairs: Vec<String> = pairs.iter().map(|(key, value)| format!("{key}={value}")).collect();
            if pairs.is_empty() {
                "none".to_owned()
            } else {
                pairs.join(" ")
            }
        };
        let mut said = Vec::new();
        if *driver != live.driver {
            said.push(format!("driver {} where git says {driver}", live.driver));
        }
        if *options != live.options {
            said.push(format!(
                "driver_opts {} where git says {}",
                list(&live.options),
                list(options)
            ));
        }
        if labels.iter().any(|(key, value)| live.labels.get(key) != Some(value)) {
            said.push(format!("labels {} where git says {}", list(&live.labels), list(labels)));
        }
        (!said.is_empty()).then(|| said.join(", "))
    }
}

/// A volume as it stands on a host. In a file written by hand every field has a default.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct LiveVolume {
    /// What it is.
    pub spec: VolumeSpec,
    /// Whether cdk made it for this cluster.
    pub own: bool,
}
