//! Volumes: from the model's words to an engine's, and back. No other domain.

use std::collections::HashMap;

use bollard::models::{ContainerSummary, Volume, VolumeCreateRequest};

use crate::dialect::docker::label;
use crate::model::name::ClusterName;
use crate::model::volume::{LiveVolume, VolumeSpec};

/// A volume of the cluster, to be made.
pub fn created(name: &str, spec: &VolumeSpec, cluster: &ClusterName) -> VolumeCreateRequest {
    let VolumeSpec {
        driver,
        options,
        labels,
    } = spec;
    let mut all_labels: HashMap<String, String> = labels.clone().into_iter().collect();
    all_labels.insert(label::CLUSTER.to_owned(), cluster.to_string());
    VolumeCreateRequest {
        name: Some(name.to_owned()),
        driver: Some(driver.clone()),
        driver_opts: Some(options.clone().into_iter().collect()),
        labels: Some(all_labels),
        ..VolumeCreateRequest::default()
    }
}

/// A volume as an engine lists it, by its name.
pub fn listed(volume: Volume, cluster: &ClusterName) -> (String, LiveVolume) {
    let own = label::is_of(&volume.labels, cluster);
    let spec = VolumeSpec {
        driver: volume.driver,
        options: volume.options.into_iter().collect(),
        labels: label::without_own(volume.labels),
    };
    (volume.name, LiveVolume { spec, own })
}

/// The named volumes that a container in a list mounts.
pub fn mounted(summary: &ContainerSummary) -> Vec<String> {
    let mounts = summary.mounts.iter().flatten();
    let volumes = mounts.filter(|mount| mount.typ.as_deref() == Some("volume"));
    volumes.filter_map(|mount| mount.name.clone()).collect()
}
