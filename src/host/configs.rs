//! The files of configs and secrets on a host: in a volume, reached through the archive of a container that never starts. No meaning.
//!
//! It needs neither root on the host, nor a shell, nor a registry; what is bound from there serves read-only containers too, and stands
//! after a reboot without cdk. Replicas bind single files of it, or a folder where files change in place.

use std::collections::{BTreeMap, BTreeSet};

use bollard::Docker;
use bollard::query_parameters::{
    ContainerArchiveInfoOptionsBuilder, CreateContainerOptionsBuilder, CreateImageOptionsBuilder,
    InspectContainerOptions, UploadToContainerOptionsBuilder,
};
use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use zeroize::Zeroizing;

use crate::dialect::docker::file::{STORE, holder, volume};
use crate::host::HostError;
use crate::host::call::{CHANGE, SMALL, within};
use crate::model::blob::{FileFacts, FileRef};
use crate::model::name::{ClusterName, configs_name, files_name};

/// An image without a single file, made on the host itself.
const IMAGE: (&str, &str) = ("cdk/files", "1");

/// The end of an archive, and so an empty one: two blocks of zeros.
const EMPTY_ARCHIVE: &[u8] = &[0; 1024];

/// How many files are looked at at once.
const LOOKS: usize = 8;

/// What is said in errors of all that sets the store up.
const MAKE: &str = "make the store of configs and secrets";

/// Where the volume lies on the host.
pub async fn mountpoint(docker: &Docker, cluster: &ClusterName) -> Result<String, HostError> {
    let name = configs_name(cluster);
    let inspect = docker.inspect_volume(&name);
    within("look for configs and secrets", SMALL, inspect)
        .await
        .map(|volume| volume.mountpoint)
}

/// What files look like; none where one is gone.
pub async fn look(
    docker: &Docker,
    cluster: &ClusterName,
    paths: &BTreeSet<String>,
) -> Result<BTreeMap<String, Option<FileFacts>>, HostError> {
    let name = &files_name(cluster);
    let inspect = docker.inspect_container(name, None::<InspectContainerOptions>);
    match within("look for configs and secrets", SMALL, inspect).await {
        Ok(_) => {}
        // `docker container prune` takes it, and the files are there all the same.
        Err(HostError::NotFound(_)) => make(docker, cluster).await?,
        Err(error) => return Err(error),
    }
    let looks = stream::iter(paths).map(|path| async move {
        let facts = look_at(docker, name, path).await?;
        Ok::<_, HostError>((path.clone(), facts))
    });
    looks.buffer_unordered(LOOKS).try_collect().await
}

async fn look_at(docker: &Docker, holder: &str, path: &str) -> Result<Option<FileFacts>, HostError> {
    let options = ContainerArchiveInfoOptionsBuilder::new()
        .path(&format!("{STORE}/{path}"))
        .build();
    let info = docker.get_container_archive_info(holder, Some(options));
    let found = match within("look at configs and secrets", SMALL, info).await {
        Ok(found) => found,
        Err(HostError::NotFound(_)) => return Ok(None),
        Err(error) => return Err(error),
    };
    let changed = found
        .modification_time
        .and_then(|time| time.parse::<jiff::Timestamp>().ok());
    let seconds = changed.and_then(|time| u64::try_from(time.as_second()).ok());
    Ok(Some(FileFacts {
        // Beside permissions there are Go's own bits for what kind of file it is: one of another kind equals none of ours.
        mode: found.file_mode,
        changed: seconds.unwrap_or_default(),
    }))
}

/// Writes one file, and makes the store first where it is missing.
pub async fn write(
    docker: &Docker,
    cluster: &ClusterName,
    path: &str,
    file: &FileRef,
    content: &[u8],
) -> Result<(), HostError> {
    let archive = pack(path, file, content).map_err(|why| HostError::Refused(format!("the file {path}: {why}")))?;
    match upload(docker, cluster, &archive).await {
        Err(HostError::NotFound(_)) => {
            make(docker, cluster).await?;
            upload(docker, cluster, &archive).await
        }
        answer => answer,
    }
}

async fn upload(docker: &Docker, cluster: &ClusterName, archive: &[u8]) -> Result<(), HostError> {
    let options = UploadToContainerOptionsBuilder::new().path(STORE).build();
    let name = files_name(cluster);
    let body = bollard::body_full(Bytes::copy_from_slice(archive));
    let upload = docker.upload_to_container(&name, Some(options), body);
    within("write configs and secrets", CHANGE, upload).await
}

/// Removes a file, or a folder with all that is in it; that there is none is no error.
///
/// The API has no word for it. So an empty file takes its place first, which nothing is to be read from any more; then a link to
/// what is not there is to take the place of that: engines clear the place, and then refuse.
pub async fn remove(docker: &Docker, cluster: &ClusterName, path: &str) -> Result<(), HostError> {
    let bad = |why: std::io::Error| HostError::Refused(format!("the file {path}: {why}"));
    match upload(docker, cluster, &empty(path).map_err(bad)?).await {
        Err(HostError::NotFound(_)) => return Ok(()),
        answer => answer?,
    }
    match upload(docker, cluster, &dangling(path).map_err(bad)?).await {
        // An engine that did not mind would have left an empty file, which does no harm.
        Ok(()) | Err(HostError::NotFound(_) | HostError::Refused(_)) => Ok(()),
        answer => answer,
    }
}

/// An archive of an empty file.
fn empty(path: &str) -> std::io::Result<Vec<u8>> {
    let mut archive = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_ustar();
    header.set_mode(0o400);
    header.set_size(0);
    archive.append_data(&mut header, path, std::io::empty())?;
    archive.into_inner()
}

/// An archive of a hard link to nothing.
fn dangling(path: &str) -> std::io::Result<Vec<u8>> {
    let mut archive = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_ustar();
    header.set_entry_type(tar::EntryType::Link);
    header.set_mode(0o400);
    header.set_size(0);
    archive.append_link(&mut header, path, ".nothing")?;
    archive.into_inner()
}

/// Makes what is missing of the store.
async fn make(docker: &Docker, cluster: &ClusterName) -> Result<(), HostError> {
    within(MAKE, CHANGE, docker.create_volume(volume(cluster))).await?;
    match make_holder(docker, cluster).await {
        Err(HostError::NotFound(_)) => {
            import(docker).await?;
            make_holder(docker, cluster).await
        }
        answer => answer,
    }
}

async fn make_holder(docker: &Docker, cluster: &ClusterName) -> Result<(), HostError> {
    let (repository, tag) = IMAGE;
    let (name, body) = holder(cluster, &format!("{repository}:{tag}"));
    let options = CreateContainerOptionsBuilder::new().name(&name).build();
    match within(MAKE, CHANGE, docker.create_container(Some(options), body)).await {
        Ok(_) => Ok(()),
        // Another cdk was faster.
        Err(HostError::Refused(why)) if why.contains("already in use") => Ok(()),
        Err(error) => Err(error),
    }
}

async fn import(docker: &Docker) -> Result<(), HostError> {
    let (repository, tag) = IMAGE;
    let options = CreateImageOptionsBuilder::new()
        .from_src("-")
        .repo(repository)
        .tag(tag)
        .build();
    let body = bollard::body_full(Bytes::from_static(EMPTY_ARCHIVE));
    let import = docker.create_image(Some(options), Some(body), None);
    let import = import.try_collect::<Vec<_>>();
    within(MAKE, CHANGE, import).await.map(drop)
}

/// An archive of one file, and of the folder that it lies in.
fn pack(path: &str, file: &FileRef, content: &[u8]) -> std::io::Result<Zeroizing<Vec<u8>>> {
    let mut archive = tar::Builder::new(Vec::new());
    if let Some((folder, _)) = path.split_once('/') {
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(tar::EntryType::Directory);
        header.set_mode(0o755);
        header.set_size(0);
        archive.append_data(&mut header, folder, std::io::empty())?;
    }
    let mut header = tar::Header::new_ustar();
    header.set_mode(file.mode);
    header.set_uid(file.uid.into());
    header.set_gid(file.gid.into());
    header.set_mtime(file.stamp());
    header.set_size(u64::try_from(content.len()).unwrap_or(u64::MAX));
    archive.append_data(&mut header, path, content)?;
    archive.into_inner().map(Zeroizing::new)
}
