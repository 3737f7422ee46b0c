//! `Host` over a Docker engine, however its socket is reached: the verbs for containers, volumes and networks.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use async_trait::async_trait;
use bollard::Docker;
use bollard::models::{ContainerCreateBody, ContainerSummary};
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, InspectContainerOptions, KillContainerOptionsBuilder, ListContainersOptionsBuilder,
    RemoveContainerOptionsBuilder, RenameContainerOptionsBuilder, StartContainerOptions, StopContainerOptions,
};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::sync::Mutex;

use crate::dialect::docker::engine::{self, ApiVersion};
use crate::dialect::docker::{Unreadable, container, create, file, label, volume};
use crate::host::call::{CHANGE, SMALL, if_there, within};
use crate::host::dial;
use crate::host::root::Root;
use crate::host::ssh::Session;
use crate::host::transport::Transport;
use crate::host::{
    Addresses, Containers, Credentials, Firewall, Host, HostError, Lock, Others, Stored, address, configs, disk, files,
    firewall, foreign, gate, images, lock, logs, networks,
};
use crate::model::blob::{FileFacts, FileRef};
use crate::model::container::{ContainerSpec, LiveContainer, Ownership};
use crate::model::gate::{Gate, Tried};
use crate::model::host::HostFacts;
use crate::model::image::{Digest, ImageFacts, ImageRef, RegistryImage};
use crate::model::name::{ClusterName, HostName};
use crate::model::network::{Attachment, LiveNetwork, NetworkSpec, Route};
use crate::model::setting::{Limits, Restart};
use crate::model::unit::Bytes;
use crate::model::volume::{LiveVolume, VolumeSpec};

/// How many containers of one host are inspected at once. More gains nothing: the engine has to do the work.
const INSPECTS: usize = 4;

/// What an engine may take beyond a container's grace until it says that it stopped.
const AFTER_GRACE: Duration = Duration::from_secs(15);

/// An engine's own grace, where a container has none.
const ENGINE_GRACE: Duration = Duration::from_secs(10);

/// A host, by its engine's API.
pub struct Engine {
    name: HostName,
    transport: Transport,
    api: ApiVersion,
    /// The SSH connection below, where there is one. It ends with `close`.
    session: Option<Session>,
    configs: Mutex<()>,
}

impl Engine {
    /// Greets the engine behind a transport.
    ///
    /// # Errors
    /// It does not answer in time, or is too old.
    pub async fn greet(name: &HostName, transport: Transport, within_time: Duration) -> Result<Self, HostError> {
        within("ping", within_time, transport.docker.ping()).await?;
        let Some(api) = transport.greeting().and_then(|greeting| greeting.api) else {
            return Err(HostError::Refused(
                "what answers on the Docker socket is no Docker engine".to_owned(),
            ));
        };
        api.agreed().map_err(refused)?;
        Ok(Self {
            name: name.clone(),
            transport,
            api,
            session: None,
            configs: Mutex::new(()),
        })
    }

    /// The same, with the SSH connection that carries it.
    pub fn carried_by(mut self, session: Session) -> Self {
        self.session = Some(session);
        self
    }

    /// The way to run cdk's own scripts there.
    fn root(&self) -> Root<'_> {
        let session = self.session.as_ref();
        Root { session }
    }

    fn docker(&self) -> &Docker {
        &self.transport.docker
    }

    async fn inspect(&self, name: &str) -> Result<LiveContainer, HostError> {
        let inspect = self.docker().inspect_container(name, None::<InspectContainerOptions>);
        let answer = within(&format!("inspect {name}"), SMALL, inspect).await?;
        container::live(answer).map_err(refused)
    }

    async fn create_from(
        &self,
        name: &str,
        platform: Option<&str>,
        body: ContainerCreateBody,
    ) -> Result<(), HostError> {
        let options = CreateContainerOptionsBuilder::new().name(name);
        let options = platform
            .into_iter()
            .fold(options, |options, platform| options.platform(platform))
            .build();
        let create = self.docker().create_container(Some(options), body);
        within(&format!("create {name}"), CHANGE, create).await.map(drop)
    }
}

fn refused(why: Unreadable) -> HostError {
    HostError::Refused(why.0)
}

#[async_trait(?Send)]
impl Host for Engine {
    fn name(&self) -> &HostName {
        &self.name
    }

    async fn facts(&self) -> Result<HostFacts, HostError> {
        let server = self.transport.greeting().map_or("", |greeting| &greeting.server);
        if let Some(facts) = self.session.as_ref().and_then(|session| session.recall(server)) {
            return Ok(facts);
        }
        let info = within("info", SMALL, self.docker().info()).await?;
        let facts = engine::facts(info, self.api);
        if let Some(session) = &self.session {
            session.remember(server, &facts);
        }
        Ok(facts)
    }

    async fn containers(&self, cluster: &ClusterName, closely: Others) -> Result<Containers, HostError> {
        let options = ListContainersOptionsBuilder::new().all(true).build();
        let all = within("list containers", SMALL, self.docker().list_containers(Some(options))).await?;
        let no_labels = Default::default();
        let (own, others): (Vec<ContainerSummary>, Vec<ContainerSummary>) = all
            .into_iter()
            .filter(|one| {
                let labels = one.labels.as_ref().unwrap_or(&no_labels);
                label::is_replica(labels, cluster) || !(label::is_of(labels, cluster) || label::is_helper(labels))
            })
            .partition(|one| label::is_replica(one.labels.as_ref().unwrap_or(&no_labels), cluster));
        let found: Vec<Option<LiveContainer>> = stream::iter(own.into_iter().filter_map(|one| one.id))
            // One that went between the list and the look is simply gone.
            .map(|id| async move { if_there(self.inspect(&id).await) })
            .buffer_unordered(INSPECTS)
            .try_collect()
            .await?;
        let mut own: Vec<LiveContainer> = found.into_iter().flatten().collect();
        own.sort_by(|a, b| a.name.cmp(&b.name));
        let foreign = foreign::look(self.docker(), &others, closely).await?;
        Ok(Containers { own, foreign })
    }

    async fn container(&self, name: &str) -> Result<Option<LiveContainer>, HostError> {
        if_there(self.inspect(name).await)
    }

    async fn logs(&self, name: &str, lines: usize) -> Result<Vec<String>, HostError> {
        logs::last(self.docker(), name, lines).await
    }

    async fn probe(&self, name: &str, what: &Gate) -> Result<Tried, HostError> {
        gate::probe(self.docker(), self.session.as_ref(), name, what).await
    }

    async fn health(&self, name: &str) -> Result<Option<String>, HostError> {
        gate::health(self.docker(), name).await
    }

    async fn images(&self, inspect: &[String]) -> Result<BTreeMap<String, ImageFacts>, HostError> {
        images::list(self.docker(), inspect).await
    }

    async fn volumes(&self, cluster: &ClusterName) -> Result<BTreeMap<String, LiveVolume>, HostError> {
        Ok(files::stored(self.docker(), cluster).await?.volumes)
    }

    async fn stored(&self, cluster: &ClusterName) -> Result<Stored, HostError> {
        files::stored(self.docker(), cluster).await
    }

    async fn networks(&self, cluster: &ClusterName) -> Result<BTreeMap<String, LiveNetwork>, HostError> {
        networks::list(self.docker(), cluster).await
    }

    async fn routes(&self) -> Result<Option<Vec<Route>>, HostError> {
        match &self.session {
            Some(session) => Ok(session.routes().await),
            None => Ok(networks::local_routes()),
        }
    }

    async fn registry_image(&self, image: &ImageRef, auth: Option<&Credentials>) -> Result<RegistryImage, HostError> {
        images::registry_image(self.docker(), image, auth).await
    }

    async fn pull(
        &self,
        image: &ImageRef,
        digest: Option<&Digest>,
        auth: Option<&Credentials>,
    ) -> Result<(), HostError> {
        images::pull(self.docker(), image, digest, auth).await
    }

    async fn remove_image(&self, id: &str, names: &[String]) -> Result<(), HostError> {
        images::remove(self.docker(), id, names).await
    }

    async fn free_disk(&self, root: &str) -> Result<Option<Bytes>, HostError> {
        match &self.session {
            Some(session) => Ok(session.free_disk(root).await),
            None => Ok(disk::local(root).await),
        }
    }

    async fn create_volume(&self, name: &str, spec: &VolumeSpec, cluster: &ClusterName) -> Result<(), HostError> {
        let create = self.docker().create_volume(volume::created(name, spec, cluster));
        within(&format!("create volume {name}"), CHANGE, create).await.map(drop)
    }

    async fn create_network(&self, name: &str, spec: &NetworkSpec, cluster: &ClusterName) -> Result<(), HostError> {
        networks::create(self.docker(), name, spec, cluster).await
    }

    async fn remove_network(&self, name: &str) -> Result<(), HostError> {
        networks::remove(self.docker(), name).await
    }

    async fn connect(&self, network: &str, container: &str, how: &Attachment) -> Result<(), HostError> {
        networks::connect(self.docker(), network, container, how).await
    }

    async fn disconnect(&self, network: &str, container: &str) -> Result<(), HostError> {
        networks::disconnect(self.docker(), network, container).await
    }

    async fn create(
        &self,
        name: &str,
        spec: &ContainerSpec,
        owner: &Ownership,
        cluster: &ClusterName,
    ) -> Result<(), HostError> {
        // Older engines would not say that they know nothing of it, and mount the whole volume.
        if self.api < ApiVersion::SUBPATH && spec.mounts.iter().any(|mount| mount.options.subpath.is_some()) {
            return Err(HostError::Refused(
                "a `subpath` of a volume needs Docker 26 or newer".to_owned(),
            ));
        }
        let platform = spec.runtime.platform.as_deref();
        let mountpoint = match spec.files.is_empty() && spec.folders.is_empty() {
            true => None,
            false => Some(configs::mountpoint(self.docker(), cluster).await?),
        };
        let all_networks = self.api.agreed().map_err(refused)? >= ApiVersion::ALL_NETWORKS;
        let body = |image: &str| {
            let mut body = create::replica(spec, owner, cluster, image, all_networks);
            if let Some(mountpoint) = &mountpoint {
                file::bind(&mut body, spec, owner, mountpoint);
            }
            body
        };
        match owner.digest.as_ref().or(spec.image.digest()) {
            None => self.create_from(name, platform, body(&spec.image.to_string())).await,
            Some(digest) => match self.create_from(name, platform, body(&spec.image.pinned(digest))).await {
                // The same image may lie here under another repository's name only; then its id serves.
                Err(HostError::NotFound(why)) => match images::id_of(self.docker(), digest).await? {
                    Some(id) => self.create_from(name, platform, body(&id)).await,
                    None => Err(HostError::NotFound(why)),
                },
                answer => answer,
            },
        }?;
        let others = spec.network.networks.iter();
        for (network, how) in others.filter(|(network, _)| !all_networks && **network != spec.network.mode) {
            if let Err(why) = self.connect(network, name, how).await {
                // It was not made, as far as anybody above knows; what can't be removed now is found by the next look.
                let _ = self.remove(name).await;
                return Err(why);
            }
        }
        Ok(())
    }

    async fn start(&self, name: &str) -> Result<(), HostError> {
        let start = self.docker().start_container(name, None::<StartContainerOptions>);
        within(&format!("start {name}"), CHANGE, start).await
    }

    async fn stop(&self, name: &str) -> Result<(), HostError> {
        let container = self.inspect(name).await?;
        let grace = container.spec.and_then(|spec| spec.stop_grace_period);
        let deadline = grace.map_or(ENGINE_GRACE, |span| span.0) + AFTER_GRACE;
        let stop = self.docker().stop_container(name, None::<StopContainerOptions>);
        within(&format!("stop {name}"), deadline, stop).await
    }

    async fn rename(&self, name: &str, to: &str) -> Result<(), HostError> {
        let options = RenameContainerOptionsBuilder::new().name(to).build();
        let rename = self.docker().rename_container(name, options);
        within(&format!("rename {name}"), CHANGE, rename).await
    }

    async fn update(&self, name: &str, limits: &Limits, restart: Restart) -> Result<(), HostError> {
        let update = self.docker().update_container(name, create::update(limits, restart));
        within(&format!("update {name}"), CHANGE, update).await
    }

    async fn signal(&self, name: &str, signal: &str) -> Result<(), HostError> {
        let options = KillContainerOptionsBuilder::new().signal(signal).build();
        let kill = self.docker().kill_container(name, Some(options));
        within(&format!("send {signal} to {name}"), CHANGE, kill).await
    }

    async fn look_at(
        &self,
        cluster: &ClusterName,
        paths: &BTreeSet<String>,
    ) -> Result<BTreeMap<String, Option<FileFacts>>, HostError> {
        configs::look(self.docker(), cluster, paths).await
    }

    async fn write_config(
        &self,
        cluster: &ClusterName,
        path: &str,
        file: &FileRef,
        content: &[u8],
    ) -> Result<(), HostError> {
        // The first of them makes the store.
        let _one_at_a_time = self.configs.lock().await;
        configs::write(self.docker(), cluster, path, file, content).await
    }

    async fn remove_config(&self, cluster: &ClusterName, path: &str) -> Result<(), HostError> {
        let _one_at_a_time = self.configs.lock().await;
        configs::remove(self.docker(), cluster, path).await
    }

    async fn reaches(&self, to: SocketAddr) -> Result<Tried, HostError> {
        dial::reaches(self.session.as_ref(), to).await
    }

    fn firewall<'a>(&'a self, cluster: &'a ClusterName) -> Box<dyn Firewall + 'a> {
        let root = self.root();
        Box::new(firewall::Script { root, cluster })
    }

    fn addresses<'a>(&'a self, cluster: &'a ClusterName) -> Box<dyn Addresses + 'a> {
        let root = self.root();
        Box::new(address::Script { root, cluster })
    }

    async fn lock(&self, cluster: &ClusterName) -> Result<Box<dyn Lock>, HostError> {
        Ok(Box::new(match &self.session {
            Some(session) => session.lock(cluster).await?,
            None => lock::local(cluster).await?,
        }))
    }

    async fn remove(&self, name: &str) -> Result<(), HostError> {
        let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
        let remove = self.docker().remove_container(name, Some(options));
        // A running one is killed, and a big file system takes its time to go.
        match within(&format!("remove {name}"), CHANGE, remove).await {
            Err(HostError::NotFound(_)) => Ok(()),
            answer => answer,
        }
    }

    async fn read_files(&self, cluster: &ClusterName) -> Result<BTreeMap<String, Vec<u8>>, HostError> {
        files::read(self.docker(), cluster).await
    }

    async fn write_file(&self, cluster: &ClusterName, path: &str, content: &[u8]) -> Result<(), HostError> {
        files::write(self.docker(), cluster, path, content).await
    }

    async fn close(&self) {
        if let Some(session) = &self.session {
            session.close().await;
        }
    }
}
