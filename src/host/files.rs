//! cdk's own small files on a host, such as the journal: the labels of a volume that holds nothing else. No meaning of the files.
//!
//! A list of volumes brings them along, so that reading costs no call of its own; an archive of a container, the
//! other place without root or a shell, takes Docker 20.10 a new process of 50 ms. A new version is a new volume, made
//! whole or not at all, before the old one goes. And a volume outlives `docker system prune`, where a container that
//! never ran does not.

use std::collections::{BTreeMap, HashMap};

use bollard::Docker;
use bollard::models::{Volume, VolumeCreateRequest};
use bollard::query_parameters::{ListVolumesOptions, ListVolumesOptionsBuilder, RemoveVolumeOptions};

use crate::dialect::docker::{label, volume};
use crate::host::call::{CHANGE, SMALL, within};
use crate::host::{HostError, Stored};
use crate::model::image::Digest;
use crate::model::name::{ClusterName, files_name};

/// How often a write is tried again that another writer was faster than.
const TRIES: u32 = 5;

/// The files, by path.
pub type Files = BTreeMap<String, Vec<u8>>;

/// All volumes but cdk's own by name, the files of `cluster` (none where there is no store yet), and what others' speak of.
pub async fn stored(docker: &Docker, cluster: &ClusterName) -> Result<Stored, HostError> {
    let volumes = list(docker, None).await?;
    let newest = newest(cluster, &volumes);
    let files = newest.map(|(_, volume)| content(volume)).unwrap_or_default();
    let others = volumes.iter().filter(|volume| !label::is_of(&volume.labels, cluster));
    let texts = others.flat_map(|volume| volume.labels.iter().filter(|(key, _)| key.starts_with(label::FILE)));
    let spoken_of = texts.flat_map(|(_, text)| digests(text)).collect();
    let volumes = volumes
        .into_iter()
        .filter(|volume| !label::is_helper(&volume.labels))
        .map(|volume| volume::listed(volume, cluster))
        .collect();
    Ok(Stored {
        volumes,
        files,
        spoken_of,
    })
}

/// The digests that a text holds, whatever else it says: a newer cdk may have written it.
fn digests(text: &str) -> impl Iterator<Item = Digest> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != ':');
    words.filter_map(|word| word.parse().ok())
}

/// The files of `cluster` alone.
pub async fn read(docker: &Docker, cluster: &ClusterName) -> Result<Files, HostError> {
    let volumes = list(docker, Some(cluster)).await?;
    Ok(newest(cluster, &volumes)
        .map(|(_, volume)| content(volume))
        .unwrap_or_default())
}

/// Writes one file, which must be text.
pub async fn write(docker: &Docker, cluster: &ClusterName, path: &str, text: &[u8]) -> Result<(), HostError> {
    let text = std::str::from_utf8(text).map_err(|why| HostError::Refused(format!("cdk's file {path}: {why}")))?;
    for _ in 0..TRIES {
        let volumes = list(docker, Some(cluster)).await?;
        let (number, mut labels) = match newest(cluster, &volumes) {
            Some((number, volume)) => (number + 1, volume.labels.clone()),
            None => (1, label::of_helper(cluster, label::FILES)),
        };
        labels.insert(format!("{}{path}", label::FILE), text.to_owned());
        let request = VolumeCreateRequest {
            name: Some(name(cluster, number)),
            driver: Some("local".to_owned()),
            labels: Some(labels.clone()),
            ..VolumeCreateRequest::default()
        };
        let made = within("write cdk's files", CHANGE, docker.create_volume(request)).await?;
        // An engine answers with what is there where the name is taken: somebody else wrote meanwhile.
        if made.labels == labels {
            remove_older(docker, cluster, &volumes).await;
            return Ok(());
        }
    }
    Err(HostError::Refused(format!(
        "cdk's file {path} could not be written: another cdk is writing there"
    )))
}

/// What the newest version stands above is of no use any more. What cannot be removed now goes with the next write.
async fn remove_older(docker: &Docker, cluster: &ClusterName, volumes: &[Volume]) {
    for volume in volumes.iter().filter(|volume| number_of(cluster, volume).is_some()) {
        let remove = docker.remove_volume(&volume.name, None::<RemoveVolumeOptions>);
        let _ = within("remove cdk's older files", SMALL, remove).await;
    }
}

async fn list(docker: &Docker, cluster: Option<&ClusterName>) -> Result<Vec<Volume>, HostError> {
    let options: Option<ListVolumesOptions> = cluster.map(|cluster| {
        let labels = vec![
            format!("{}={cluster}", label::CLUSTER),
            format!("{}={}", label::ROLE, label::FILES),
        ];
        let filters = HashMap::from([("label", labels)]);
        ListVolumesOptionsBuilder::new().filters(&filters).build()
    });
    let answer = within("list volumes", SMALL, docker.list_volumes(options)).await?;
    Ok(answer.volumes.unwrap_or_default())
}

fn newest<'v>(cluster: &ClusterName, volumes: &'v [Volume]) -> Option<(u64, &'v Volume)> {
    volumes
        .iter()
        .filter_map(|volume| Some((number_of(cluster, volume)?, volume)))
        .max_by_key(|(number, _)| *number)
}

/// Which version of the cluster's files a volume holds; none where it is something else.
fn number_of(cluster: &ClusterName, volume: &Volume) -> Option<u64> {
    let is_store = label::is_of(&volume.labels, cluster)
        && volume.labels.get(label::ROLE).is_some_and(|role| role == label::FILES);
    let number = volume.name.strip_prefix(&files_name(cluster))?.strip_prefix('.')?;
    number.parse().ok().filter(|_| is_store)
}

fn name(cluster: &ClusterName, number: u64) -> String {
    format!("{}.{number}", files_name(cluster))
}

fn content(volume: &Volume) -> Files {
    volume
        .labels
        .iter()
        .filter_map(|(key, text)| Some((key.strip_prefix(label::FILE)?.to_owned(), text.clone().into_bytes())))
        .collect()
}
