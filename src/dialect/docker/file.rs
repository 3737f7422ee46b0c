//! Configs and secrets in an engine's words: a volume that holds them, the container through which they get there, the binds of a
//! replica, both ways. No content.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use bollard::models::{ContainerCreateBody, HostConfig, Mount as EngineMount, MountType, VolumeCreateRequest};

use crate::dialect::docker::label;
use crate::model::blob::{FileRef, folder_name};
use crate::model::container::{ContainerSpec, Ownership};
use crate::model::effective::EffectiveSpec;
use crate::model::name::{ClusterName, configs_name, files_name};
use crate::model::setting::{Mount, MountSource};

/// Where the volume stands in the container through which files get there.
pub const STORE: &str = "/cdk";

/// The volume of a cluster's files on a host.
pub fn volume(cluster: &ClusterName) -> VolumeCreateRequest {
    VolumeCreateRequest {
        name: Some(configs_name(cluster)),
        driver: Some("local".to_owned()),
        labels: Some(label::of_helper(cluster, label::CONFIGS)),
        ..VolumeCreateRequest::default()
    }
}

/// The container through which files get into the volume: it is never started.
pub fn holder(cluster: &ClusterName, image: &str) -> (String, ContainerCreateBody) {
    let body = ContainerCreateBody {
        image: Some(image.to_owned()),
        // It never runs; the API wants a command all the same.
        cmd: Some(vec!["cdk".to_owned()]),
        labels: Some(label::of_helper(cluster, label::CONFIGS)),
        network_disabled: Some(true),
        host_config: Some(HostConfig {
            mounts: Some(vec![EngineMount {
                typ: Some(MountType::VOLUME),
                source: Some(configs_name(cluster)),
                target: Some(STORE.to_owned()),
                ..EngineMount::default()
            }]),
            network_mode: Some("none".to_owned()),
            ..HostConfig::default()
        }),
        ..ContainerCreateBody::default()
    };
    (files_name(cluster), body)
}

/// Binds a replica's files, which lie below `mountpoint` on its host.
pub fn bind(body: &mut ContainerCreateBody, spec: &ContainerSpec, owner: &Ownership, mountpoint: &str) {
    let bind = |name: String, target: &String| EngineMount {
        typ: Some(MountType::BIND),
        source: Some(format!("{mountpoint}/{name}")),
        target: Some(target.clone()),
        read_only: Some(true),
        ..EngineMount::default()
    };
    let files = spec.files.iter().map(|(target, file)| bind(file.host_name(), target));
    let folders = spec.folders.keys();
    let folders = folders.map(|target| bind(folder_name(owner, target), target));
    let host = body.host_config.get_or_insert_default();
    host.mounts.get_or_insert_default().extend(files.chain(folders));
    if !spec.folders.is_empty() {
        let names: BTreeMap<&String, BTreeSet<String>> =
            spec.folders.iter().map(|(at, folder)| (at, folder.names())).collect();
        let text = serde_json::to_string(&names).unwrap_or_default();
        let labels = body.labels.get_or_insert_default();
        labels.insert(label::FOLDERS.to_owned(), text);
    }
}

/// Tells a replica's configs and secrets from what else is bound in it.
pub fn read(spec: &mut EffectiveSpec, owner: &Ownership, labels: &HashMap<String, String>) {
    let Some(cluster) = labels.get(label::CLUSTER).and_then(|name| name.parse().ok()) else {
        return;
    };
    let names: BTreeMap<String, BTreeSet<String>> = labels
        .get(label::FOLDERS)
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default();
    let (files, folders) = (Arc::make_mut(&mut spec.files), Arc::make_mut(&mut spec.folders));
    Arc::make_mut(&mut spec.mounts).retain(|mount| {
        let Some(name) = own(&cluster, mount) else { return true };
        if let Ok(file) = name.parse::<FileRef>() {
            files.insert(mount.target.clone(), file);
            return false;
        }
        let is_folder = name == folder_name(owner, &mount.target);
        if is_folder {
            let names = names.get(&mount.target).cloned().unwrap_or_default();
            folders.insert(mount.target.clone(), names);
        }
        !is_folder
    });
}

/// The name of the cluster's file or folder that is bound, where it is one: wherever the engine keeps its volumes.
fn own<'m>(cluster: &ClusterName, mount: &'m Mount) -> Option<&'m str> {
    let MountSource::Bind(source) = &mount.source else {
        return None;
    };
    let (_, name) = source.split_once(&format!("/volumes/{}/_data/", configs_name(cluster)))?;
    (mount.read_only && !name.contains('/')).then_some(name)
}
