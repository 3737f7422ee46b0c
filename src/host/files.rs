//! cdk's own files on a host: a volume, reached through the archive of a container that never starts. No meaning of the files.
//!
//! It needs neither root, nor a shell, nor a registry, and outlives a reboot.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

use bollard::Docker;
use bollard::models::VolumeCreateRequest;
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, CreateImageOptionsBuilder, DownloadFromContainerOptionsBuilder,
    UploadToContainerOptionsBuilder,
};
use bytes::Bytes;
use futures_util::TryStreamExt as _;

use crate::dialect::docker::{create, label};
use crate::host::HostError;
use crate::host::call::{SMALL, within};
use crate::model::name::{ClusterName, files_name};

/// Where the volume stands in the container.
const STORE: &str = "/cdk";

/// An image without a single file, made on the host itself.
const IMAGE: (&str, &str) = ("cdk/files", "1");

/// The end of an archive, and so an empty one: two blocks of zeros.
const EMPTY_ARCHIVE: &[u8] = &[0; 1024];

/// All files, by path below the store; empty where there is no store.
///
/// Where the volume is there but somebody removed the container (`docker container prune` does), it is made again: the
/// files are there, and "none" would be a lie.
pub async fn read(docker: &Docker, cluster: &ClusterName) -> Result<BTreeMap<String, Vec<u8>>, HostError> {
    match download(docker, cluster).await {
        Err(HostError::NotFound(_)) => {}
        answer => return answer,
    }
    let name = files_name(cluster);
    match within("look for cdk's files", SMALL, docker.inspect_volume(&name)).await {
        Ok(_) => {
            make(docker, cluster).await?;
            download(docker, cluster).await
        }
        Err(HostError::NotFound(_)) => Ok(BTreeMap::new()),
        Err(error) => Err(error),
    }
}

/// Writes one file, and makes the store first where it is missing.
pub async fn write(docker: &Docker, cluster: &ClusterName, path: &str, content: &[u8]) -> Result<(), HostError> {
    let archive = pack(path, content).map_err(|why| HostError::Refused(format!("cdk's file {path}: {why}")))?;
    match upload(docker, cluster, archive.clone()).await {
        Err(HostError::NotFound(_)) => {
            make(docker, cluster).await?;
            upload(docker, cluster, archive).await
        }
        answer => answer,
    }
}

async fn download(docker: &Docker, cluster: &ClusterName) -> Result<BTreeMap<String, Vec<u8>>, HostError> {
    let options = DownloadFromContainerOptionsBuilder::new().path(STORE).build();
    let chunks = docker.download_from_container(&files_name(cluster), Some(options));
    let read = chunks.try_fold(Vec::new(), |mut all, chunk| async move {
        all.extend_from_slice(&chunk);
        Ok(all)
    });
    let archive = within("read cdk's files", SMALL, read).await?;
    unpack(&archive).map_err(|why| HostError::Refused(format!("cdk's files do not read: {why}")))
}

async fn upload(docker: &Docker, cluster: &ClusterName, archive: Bytes) -> Result<(), HostError> {
    let options = UploadToContainerOptionsBuilder::new().path(STORE).build();
    let name = files_name(cluster);
    let upload = docker.upload_to_container(&name, Some(options), bollard::body_full(archive));
    within("write cdk's files", SMALL, upload).await
}

async fn make(docker: &Docker, cluster: &ClusterName) -> Result<(), HostError> {
    let name = files_name(cluster);
    let (repository, tag) = IMAGE;
    let options = CreateImageOptionsBuilder::new()
        .from_src("-")
        .repo(repository)
        .tag(tag)
        .build();
    let body = bollard::body_full(Bytes::from_static(EMPTY_ARCHIVE));
    let import = docker
        .create_image(Some(options), Some(body), None)
        .try_collect::<Vec<_>>();
    within("make cdk's file store", SMALL, import).await?;
    let volume = VolumeCreateRequest {
        name: Some(name.clone()),
        driver: Some("local".to_owned()),
        labels: Some(label::of_helper(cluster, label::FILES)),
        ..VolumeCreateRequest::default()
    };
    within("make cdk's file store", SMALL, docker.create_volume(volume)).await?;
    let body = create::files(&name, STORE, &format!("{repository}:{tag}"), cluster);
    let options = CreateContainerOptionsBuilder::new().name(&name).build();
    let create = docker.create_container(Some(options), body);
    within("make cdk's file store", SMALL, create).await.map(drop)
}

fn pack(path: &str, content: &[u8]) -> std::io::Result<Bytes> {
    let mut archive = tar::Builder::new(Vec::new());
    if let Some(folder) = Path::new(path).parent().filter(|folder| !folder.as_os_str().is_empty()) {
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(tar::EntryType::Directory);
        header.set_mode(0o755);
        header.set_size(0);
        archive.append_data(&mut header, folder, std::io::empty())?;
    }
    let mut header = tar::Header::new_ustar();
    header.set_mode(0o644);
    header.set_size(u64::try_from(content.len()).unwrap_or(u64::MAX));
    archive.append_data(&mut header, path, content)?;
    archive.into_inner().map(Bytes::from)
}

/// The files of an archive, by path below its first folder.
fn unpack(archive: &[u8]) -> std::io::Result<BTreeMap<String, Vec<u8>>> {
    let mut files = BTreeMap::new();
    for entry in tar::Archive::new(archive).entries()? {
        let mut entry = entry?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let path: std::path::PathBuf = entry.path()?.components().skip(1).collect();
        let mut content = Vec::new();
        entry.read_to_end(&mut content)?;
        files.insert(path.to_string_lossy().into_owned(), content);
    }
    Ok(files)
}
