//! What a simulated host holds, and what each of Docker's verbs does to it, at once. Time and faults are `host`'s.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;

use crate::host::{Containers, ForeignContainer, HostError};
use crate::model::blob::FileFacts;
use crate::model::container::{ContainerSpec, ContainerState, LiveContainer, Ownership};
use crate::model::host::{Foreign, HeldPort, HostFacts, HostState, OtherCluster};
use crate::model::image::{Digest, ImageFacts, ImageRef};
use crate::model::journal::{JournalRecord, journal_path};
use crate::model::name::{ClusterName, HostName, container_name};
use crate::model::network::{LiveNetwork, Route};
use crate::model::setting::{Limits, MountSource, Restart};
use crate::model::unit::{Bytes, Reserved};
use crate::model::volume::LiveVolume;
use crate::sim::address::Interfaces;
use crate::sim::container::SimContainer;
use crate::sim::firewall::Filter;
use crate::sim::world::{Behaviour, World};

/// Until a stopping container is killed, where it has no grace of its own.
const GRACE: Duration = Duration::from_secs(10);

/// What a simulated host holds.
pub(super) struct State {
    name: HostName,
    pub(super) facts: HostFacts,
    containers: BTreeMap<String, SimContainer>,
    pub(super) images: BTreeMap<String, ImageFacts>,
    pub(super) volumes: BTreeMap<String, LiveVolume>,
    pub(super) networks: BTreeMap<String, LiveNetwork>,
    pub(super) routes: Option<Vec<Route>>,
    pub(super) free_disk: Option<Bytes>,
    pub(super) filter: Filter,
    pub(super) interfaces: Interfaces,
    foreign: Foreign,
    held_ports: BTreeSet<HeldPort>,
    other_containers: u32,
    reserved: Reserved,
    other_clusters: BTreeMap<ClusterName, OtherCluster>,
    pub(super) files: BTreeMap<String, Vec<u8>>,
    pub(super) configs: BTreeMap<String, FileFacts>,
}

impl State {
    /// A host as it was observed. What a file written by hand leaves out is filled in: ids, and the slots' own names.
    pub(super) fn new(name: &HostName, state: HostState, world: &World) -> Self {
        let containers = state.containers.into_iter().map(|mut live| {
            if live.id.is_empty() {
                live.id = world.next_id();
            }
            if live.name.is_empty() {
                live.name = container_name(world.cluster(), &live.owner.slot);
            }
            (live.name.clone(), SimContainer::new(live, name, false, world))
        });
        let journal = state.journal.iter();
        let files =
            journal.filter_map(|record| Some((journal_path(record.sequence), serde_json::to_vec(record).ok()?)));
        Self {
            name: name.clone(),
            facts: state.facts,
            containers: containers.collect(),
            images: state.images,
            volumes: state.volumes,
            networks: state.networks,
            routes: state.routes,
            free_disk: state.free_disk,
            filter: Filter::new(state.firewall),
            interfaces: Interfaces::new(state.addresses),
            foreign: state.foreign,
            held_ports: state.held_ports,
            other_containers: state.other_containers,
            reserved: state.reserved,
            other_clusters: state.other_clusters,
            files: files.collect(),
            configs: state
                .files
                .into_iter()
                .filter_map(|(path, facts)| Some((path, facts?)))
                .collect(),
        }
    }

    pub(super) fn observe(&self, world: &World) -> HostState {
        let records = self.files.iter().filter(|(path, _)| path.starts_with("journal/"));
        let mut journal: Vec<JournalRecord> = records
            .filter_map(|(_, content)| serde_json::from_slice(content).ok())
            .collect();
        journal.sort_by_key(|record| record.sequence);
        let own = self.own(world);
        let own = own.iter().flat_map(LiveContainer::files);
        // Old ones are looked at as far as the newest record knows them.
        let versions = journal.last().into_iter().flat_map(|record| &record.memory.versions);
        let wanted: BTreeSet<String> = own.chain(versions.flat_map(|version| version.files.clone())).collect();
        HostState {
            files: wanted
                .into_iter()
                .map(|path| (path.clone(), self.lies(&path)))
                .collect(),
            facts: self.facts.clone(),
            containers: self.own(world),
            images: self.images.clone(),
            volumes: self.volumes.clone(),
            networks: self.networks.clone(),
            routes: self.routes.clone(),
            free_disk: self.free_disk,
            firewall: self.filter.now(),
            addresses: self.interfaces.now(),
            foreign: self.foreign.clone(),
            held_ports: self.held_ports.clone(),
            other_containers: self.other_containers,
            reserved: self.reserved,
            journal,
            other_clusters: self.other_clusters.clone(),
        }
    }

    pub(super) fn own(&self, world: &World) -> Vec<LiveContainer> {
        self.containers.values().map(|container| container.now(world)).collect()
    }

    pub(super) fn all(&self, world: &World) -> Containers {
        let Foreign {
            volumes,
            networks,
            images,
            digests: _,
        } = &self.foreign;
        // Which of them has what does not matter, so the first has it all.
        let mut first = Some(ForeignContainer {
            name: volumes
                .values()
                .chain(networks.values())
                .next()
                .cloned()
                .unwrap_or_default(),
            ports: self.held_ports.iter().copied().collect(),
            volumes: volumes.keys().cloned().collect(),
            networks: networks.keys().cloned().collect(),
            image: images.first().cloned().unwrap_or_default(),
            replica: None,
            reserved: self.reserved,
        });
        let foreign = (0..self.other_containers).map(|_| first.take().unwrap_or_default());
        Containers {
            foreign: foreign.collect(),
            own: self.own(world),
        }
    }

    pub(super) fn container(&self, name: &str, world: &World) -> Option<LiveContainer> {
        let found = self.containers.get(name).map(|container| container.now(world));
        found.or_else(|| self.own(world).into_iter().find(|container| container.id == name))
    }

    /// How long a container has run since it was last started; none where it runs as it was found.
    pub(super) fn uptime(&self, name: &str, world: &World) -> Option<Duration> {
        let found = self.containers.get(name);
        let found = found.or_else(|| self.containers.values().find(|one| one.now(world).id == name));
        found?.uptime(world)
    }

    /// How a container behaves; as any does where there is none.
    pub(super) fn behaviour(&self, name: &str, world: &World) -> Behaviour {
        let found = self.containers.get(name).map(|container| container.behaviour(world));
        found.unwrap_or_default()
    }

    pub(super) fn existing(&mut self, name: &str) -> Result<&mut SimContainer, HostError> {
        let found = self.containers.get_mut(name);
        found.ok_or_else(|| HostError::NotFound(format!("No such container: {name}")))
    }

    pub(super) fn create(
        &mut self,
        name: &str,
        spec: &ContainerSpec,
        owner: &Ownership,
        world: &World,
    ) -> Result<(), HostError> {
        self.check_free(name)?;
        self.check_networks(spec)?;
        let digest = owner.digest.as_ref().or(spec.image.digest());
        let Some((image_id, facts)) = self.image(&spec.image, digest) else {
            return Err(HostError::NotFound(format!("No such image: {}", spec.image)));
        };
        let live = LiveContainer {
            id: world.next_id(),
            name: name.to_owned(),
            owner: Ownership {
                // Behaviour is looked up by it, as everything else is for show.
                image: owner.image.clone().or_else(|| Some(spec.image.clone())),
                ..owner.clone()
            },
            image_id: image_id.as_str().into(),
            state: ContainerState::Created,
            started_at: String::new(),
            restarts: 0,
            network_ids: BTreeMap::new(),
            spec: Some(Box::new(spec.effective(&facts.defaults))),
            masked: false,
        };
        let volumes = spec.mounts.iter().filter_map(|mount| match &mount.source {
            MountSource::Volume(name) if !self.volumes.contains_key(name) => {
                Some((name.clone(), LiveVolume::default()))
            }
            MountSource::Volume(_) | MountSource::Bind(_) | MountSource::Anonymous | MountSource::Tmpfs => None,
        });
        let volumes: Vec<_> = volumes.collect();
        self.volumes.extend(volumes);
        self.containers
            .insert(name.to_owned(), SimContainer::new(live, &self.name, true, world));
        Ok(())
    }

    fn check_free(&self, name: &str) -> Result<(), HostError> {
        if self.containers.contains_key(name) {
            let words = format!("Conflict. The container name \"/{name}\" is already in use");
            return Err(HostError::Refused(words));
        }
        Ok(())
    }

    fn image(&self, image: &ImageRef, digest: Option<&Digest>) -> Option<(&String, &ImageFacts)> {
        self.images.iter().find(|(_, facts)| match digest {
            Some(digest) => facts.has_digest(digest),
            None => image.tagged().is_some_and(|tagged| facts.tags.contains(&tagged)),
        })
    }

    pub(super) fn start(&mut self, name: &str, world: &World) -> Result<(), HostError> {
        let live = self.existing(name)?.now(world);
        if live.state.is_running() {
            return Ok(());
        }
        let mut taken = self.held_ports.clone();
        for other in self.own(world).into_iter().filter(|other| other.state.is_running()) {
            taken.extend(bound(&other));
        }
        if let Some(port) = bound(&live).into_iter().find(|port| taken.contains(port)) {
            let words = format!("Bind for 0.0.0.0:{} failed: port is already allocated", port.port);
            return Err(HostError::Refused(words));
        }
        self.join_networks(name, world)?;
        let host = self.name.clone();
        self.existing(name)?.start(Instant::now(), &host, world);
        Ok(())
    }

    /// How long a container takes to stop.
    pub(super) fn stopping(&self, name: &str, world: &World) -> Duration {
        let Some(live) = self.container(name, world).filter(|live| live.state.is_running()) else {
            return Duration::ZERO;
        };
        let grace = live.spec.as_ref().and_then(|spec| spec.stop_grace_period);
        let behaviour = self.behaviour(name, world);
        behaviour.stops_after.min(grace.map_or(GRACE, |grace| grace.0))
    }

    /// A container has stopped, which took so long: it served no longer from the signal on.
    pub(super) fn stop(&mut self, name: &str, took: Duration, world: &World) -> Result<(), HostError> {
        let container = self.existing(name)?;
        let live = container.now(world);
        if live.state.is_running() {
            world.ends(&live.id, took);
        }
        container.stop(world);
        Ok(())
    }

    pub(super) fn signal(&mut self, name: &str, world: &World) -> Result<(), HostError> {
        if self.existing(name)?.now(world).state.is_running() {
            return Ok(());
        }
        Err(HostError::Refused(format!("Container {name} is not running")))
    }

    pub(super) fn rename(&mut self, name: &str, to: &str) -> Result<(), HostError> {
        self.existing(name)?;
        self.check_free(to)?;
        if let Some(mut container) = self.containers.remove(name) {
            container.rename(to);
            self.containers.insert(to.to_owned(), container);
        }
        Ok(())
    }

    pub(super) fn update(&mut self, name: &str, limits: &Limits, restart: Restart) -> Result<(), HostError> {
        if let Some(spec) = self.existing(name)?.spec() {
            spec.limits = limits.clone().folded().into();
            spec.restart = restart;
        }
        Ok(())
    }

    pub(super) fn remove(&mut self, name: &str, world: &World) -> Result<(), HostError> {
        let live = self.existing(name)?.now(world);
        world.ends(&live.id, Duration::ZERO);
        self.containers.remove(name);
        Ok(())
    }

    /// What a file looks like, or a folder that holds some.
    pub(super) fn lies(&self, path: &str) -> Option<FileFacts> {
        let inside = format!("{path}/");
        let folder = self.configs.iter().find(|(name, _)| name.starts_with(&inside));
        self.configs.get(path).or_else(|| Some(folder?.1)).copied()
    }

    pub(super) fn remove_config(&mut self, path: &str) {
        let inside = format!("{path}/");
        self.configs
            .retain(|name, _| name != path && !name.starts_with(&inside));
    }

    pub(super) fn remove_image(&mut self, id: &str, world: &World) -> Result<(), HostError> {
        let own = self.own(world);
        if self.foreign.images.contains(id) || own.iter().any(|live| *live.image_id == *id) {
            let words = format!("conflict: unable to delete {id} (cannot be forced) - image is being used");
            return Err(HostError::Refused(words));
        }
        self.images.remove(id);
        Ok(())
    }

    pub(super) fn pull(&mut self, image: &ImageRef, digest: Option<&Digest>, world: &World) {
        let asked = digest.or(image.digest());
        let key = asked.map(|digest| image.pinned(digest)).or_else(|| image.tagged());
        let key = key.unwrap_or_else(|| image.to_string());
        let published = world.published(&key);
        let digest = asked.or(published.as_ref().map(|published| &published.digest));
        let id = digest.map_or_else(|| format!("sim-image:{key}"), ToString::to_string);
        let tagged = image.tagged();
        for facts in self.images.values_mut() {
            facts.tags.retain(|tag| Some(tag) != tagged.as_ref());
        }
        let facts = self.images.entry(id).or_default();
        if let Some(published) = &published {
            facts.defaults = published.defaults.clone();
        }
        facts.tags.extend(tagged);
        if let Some(pinned) = digest.map(|digest| image.pinned(digest))
            && !facts.digests.contains(&pinned)
        {
            facts.digests.push(pinned);
        }
    }
}

fn bound(container: &LiveContainer) -> BTreeSet<HeldPort> {
    let ports = container.spec.iter().flat_map(|spec| &spec.ports);
    ports
        .map(|port| HeldPort {
            port: port.host,
            protocol: port.protocol,
        })
        .collect()
}
