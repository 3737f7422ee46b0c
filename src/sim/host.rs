//! `SimHost`: one simulated host. Each call takes its time, may fail because the host is gone, and is counted.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::sleep;

use crate::host::{Containers, Credentials, Host, HostError, Lock, Others};
use crate::model::blob::{FileFacts, FileRef};
use crate::model::container::{ContainerSpec, LiveContainer, Ownership};
use crate::model::host::{HostFacts, HostState, ObservedHost};
use crate::model::image::{Digest, ImageFacts, ImageRef, RegistryImage};
use crate::model::name::{ClusterName, HostName};
use crate::model::network::{Attachment, LiveNetwork, NetworkSpec, Route};
use crate::model::setting::{Limits, Restart};
use crate::model::volume::{LiveVolume, VolumeSpec};
use crate::sim::lock::{Latch, SimLock};
use crate::sim::state::State;
use crate::sim::world::{Kill, World};

/// Until a stopping container is killed, where it has no grace of its own.
const GRACE: Duration = Duration::from_secs(10);

/// A simulated host. It shows the containers of its world's one cluster as the cluster's own.
pub struct SimHost {
    name: HostName,
    world: Rc<World>,
    state: RefCell<State>,
    calls: Cell<u64>,
    down: RefCell<Option<(u64, String)>>,
    refused: RefCell<BTreeMap<String, String>>,
    lock: Rc<Latch>,
}

impl SimHost {
    /// A host as it was found; one that did not answer then does not answer here.
    pub fn new(name: &HostName, found: ObservedHost, world: &Rc<World>) -> Self {
        let (state, down) = match found {
            ObservedHost::Reachable(state) => (*state, None),
            ObservedHost::Unreachable(why) => (HostState::default(), Some((1, why))),
        };
        Self {
            name: name.clone(),
            world: Rc::clone(world),
            state: RefCell::new(State::new(state, world)),
            calls: Cell::new(0),
            down: RefCell::new(down),
            refused: RefCell::default(),
            lock: Rc::default(),
        }
    }

    /// What is there now, whether the host answers or not.
    pub fn observe(&self) -> HostState {
        self.state.borrow().observe(&self.world)
    }

    /// From its n-th call on, counted from 1, the host does not answer.
    pub fn fail_from(&self, call: u64) {
        let why = format!("{}: connection timed out", self.name);
        self.down.replace(Some((call, why)));
    }

    /// The host answers again.
    pub fn revive(&self) {
        self.down.replace(None);
    }

    /// The engine refuses this change, as the world's log would write it (`create shop.web.2`), in these words.
    pub fn refuse(&self, what: &str, words: &str) {
        self.refused.borrow_mut().insert(what.to_owned(), words.to_owned());
    }

    /// How many calls it was sent.
    pub fn calls(&self) -> u64 {
        self.calls.get()
    }

    /// From now on nothing is heard of the lock there, though all else still gets through; or it is again.
    pub fn lock_is_silent(&self, silent: bool) {
        self.lock.set_silent(silent);
    }

    async fn read<T>(&self, effect: impl FnOnce(&State) -> Result<T, HostError>) -> Result<T, HostError> {
        self.call(Duration::ZERO, |state| effect(state)).await
    }

    async fn change<T>(
        &self,
        what: String,
        takes: Duration,
        effect: impl FnOnce(&mut State) -> Result<T, HostError>,
    ) -> Result<T, HostError> {
        self.world.note(&self.name, &what);
        let refused = self.refused.borrow().get(&what).cloned();
        self.call(takes, |state| match refused {
            Some(words) => Err(HostError::Refused(words)),
            None => effect(state),
        })
        .await
    }

    async fn call<T>(
        &self,
        takes: Duration,
        effect: impl FnOnce(&mut State) -> Result<T, HostError>,
    ) -> Result<T, HostError> {
        let number = self.world.count();
        self.calls.set(self.calls.get() + 1);
        let down = self.down.borrow().clone().filter(|(from, _)| self.calls.get() >= *from);
        self.world.pass(Kill::Before(number)).await;
        sleep(self.world.latency() + takes).await;
        let result = match down {
            Some((_, why)) => Err(HostError::Unreachable(why)),
            None => effect(&mut self.state.borrow_mut()),
        };
        self.world.pass(Kill::After(number)).await;
        result
    }

    /// How long a container takes to stop.
    fn stopping(&self, name: &str) -> Duration {
        let Some(live) = self.state.borrow().container(name, &self.world) else {
            return Duration::ZERO;
        };
        if !live.state.is_running() {
            return Duration::ZERO;
        }
        let grace = live.spec.as_ref().and_then(|spec| spec.stop_grace_period);
        let behaviour = self.world.behaviour(live.owner.image.as_ref());
        behaviour.stops_after.min(grace.map_or(GRACE, |grace| grace.0))
    }
}

#[async_trait(?Send)]
impl Host for SimHost {
    fn name(&self) -> &HostName {
        &self.name
    }

    async fn facts(&self) -> Result<HostFacts, HostError> {
        self.read(|state| Ok(state.facts.clone())).await
    }

    async fn containers(&self, _: &ClusterName, _: Others) -> Result<Containers, HostError> {
        self.read(|state| Ok(state.all(&self.world))).await
    }

    async fn container(&self, name: &str) -> Result<Option<LiveContainer>, HostError> {
        self.read(|state| Ok(state.container(name, &self.world))).await
    }

    async fn logs(&self, name: &str, lines: usize) -> Result<Vec<String>, HostError> {
        self.read(|state| {
            let live = state.container(name, &self.world);
            let live = live.ok_or_else(|| HostError::NotFound(format!("No such container: {name}")))?;
            let mut logs = self.world.behaviour(live.owner.image.as_ref()).logs;
            Ok(logs.split_off(logs.len().saturating_sub(lines)))
        })
        .await
    }

    async fn images(&self, _: &[String]) -> Result<BTreeMap<String, ImageFacts>, HostError> {
        self.read(|state| Ok(state.images.clone())).await
    }

    async fn volumes(&self, _: &ClusterName) -> Result<BTreeMap<String, LiveVolume>, HostError> {
        self.read(|state| Ok(state.volumes.clone())).await
    }

    async fn networks(&self, _: &ClusterName) -> Result<BTreeMap<String, LiveNetwork>, HostError> {
        self.read(|state| Ok(state.networks.clone())).await
    }

    async fn routes(&self) -> Result<Option<Vec<Route>>, HostError> {
        self.read(|state| Ok(state.routes.clone())).await
    }

    async fn registry_image(&self, image: &ImageRef, _: Option<&Credentials>) -> Result<RegistryImage, HostError> {
        self.read(|_| {
            let published = image.tagged().and_then(|tagged| self.world.published(&tagged));
            let published = published.map(|published| published.digest);
            let digest = image.digest().cloned().or(published);
            let digest = digest.ok_or_else(|| HostError::NotFound(format!("manifest for {image} not found")))?;
            let platforms = BTreeSet::new();
            Ok(RegistryImage { digest, platforms })
        })
        .await
    }

    async fn pull(&self, image: &ImageRef, digest: Option<&Digest>, _: Option<&Credentials>) -> Result<(), HostError> {
        let takes = self.world.behaviour(Some(image)).pull;
        let pull = |state: &mut State| {
            state.pull(image, digest, &self.world);
            Ok(())
        };
        self.change(format!("pull {image}"), takes, pull).await
    }

    async fn create_volume(&self, name: &str, spec: &VolumeSpec, _: &ClusterName) -> Result<(), HostError> {
        let create = |state: &mut State| {
            let (spec, own) = (spec.clone(), true);
            state.volumes.entry(name.to_owned()).or_insert(LiveVolume { spec, own });
            Ok(())
        };
        self.change(format!("create volume {name}"), Duration::ZERO, create)
            .await
    }

    async fn create_network(&self, name: &str, spec: &NetworkSpec, _: &ClusterName) -> Result<(), HostError> {
        let create = |state: &mut State| state.create_network(name, spec, &self.world);
        let what = format!("create network {name}");
        self.change(what, Duration::ZERO, create).await
    }

    async fn remove_network(&self, name: &str) -> Result<(), HostError> {
        let remove = |state: &mut State| state.remove_network(name, &self.world);
        let what = format!("remove network {name}");
        self.change(what, Duration::ZERO, remove).await
    }

    async fn connect(&self, network: &str, container: &str, how: &Attachment) -> Result<(), HostError> {
        let connect = |state: &mut State| state.connect(network, container, how);
        let what = format!("connect {container} to {network}");
        self.change(what, Duration::ZERO, connect).await
    }

    async fn disconnect(&self, network: &str, container: &str) -> Result<(), HostError> {
        let disconnect = |state: &mut State| state.disconnect(network, container);
        let what = format!("disconnect {container} from {network}");
        self.change(what, Duration::ZERO, disconnect).await
    }

    async fn create(
        &self,
        name: &str,
        spec: &ContainerSpec,
        owner: &Ownership,
        _: &ClusterName,
    ) -> Result<(), HostError> {
        let create = |state: &mut State| state.create(name, spec, owner, &self.world);
        self.change(format!("create {name}"), Duration::ZERO, create).await
    }

    async fn start(&self, name: &str) -> Result<(), HostError> {
        let start = |state: &mut State| state.start(name, &self.world);
        self.change(format!("start {name}"), Duration::ZERO, start).await
    }

    async fn stop(&self, name: &str) -> Result<(), HostError> {
        let stop = |state: &mut State| state.stop(name, &self.world);
        self.change(format!("stop {name}"), self.stopping(name), stop).await
    }

    async fn rename(&self, name: &str, to: &str) -> Result<(), HostError> {
        let rename = |state: &mut State| state.rename(name, to);
        self.change(format!("rename {name} to {to}"), Duration::ZERO, rename)
            .await
    }

    async fn update(&self, name: &str, limits: &Limits, restart: Restart) -> Result<(), HostError> {
        let update = |state: &mut State| state.update(name, limits, restart);
        self.change(format!("update {name}"), Duration::ZERO, update).await
    }

    async fn signal(&self, name: &str, signal: &str) -> Result<(), HostError> {
        let signalled = |state: &mut State| state.signal(name, &self.world);
        self.change(format!("send {signal} to {name}"), Duration::ZERO, signalled)
            .await
    }

    async fn look_at(
        &self,
        _: &ClusterName,
        paths: &BTreeSet<String>,
    ) -> Result<BTreeMap<String, Option<FileFacts>>, HostError> {
        self.read(|state| {
            let facts = |path: &String| (path.clone(), state.configs.get(path).copied());
            Ok(paths.iter().map(facts).collect())
        })
        .await
    }

    async fn write_config(&self, _: &ClusterName, path: &str, file: &FileRef, _: &[u8]) -> Result<(), HostError> {
        let facts = FileFacts {
            mode: file.mode,
            changed: file.stamp(),
        };
        let write = |state: &mut State| {
            state.configs.insert(path.to_owned(), facts);
            Ok(())
        };
        self.change(format!("write {path}"), Duration::ZERO, write).await
    }

    async fn lock(&self, _: &ClusterName) -> Result<Box<dyn Lock>, HostError> {
        let open = || Box::new(SimLock::open(&self.lock)) as Box<dyn Lock>;
        self.read(|_| Ok(open())).await
    }

    async fn remove(&self, name: &str) -> Result<(), HostError> {
        let remove = |state: &mut State| state.remove(name);
        self.change(format!("remove {name}"), Duration::ZERO, remove).await
    }

    async fn read_files(&self, _: &ClusterName) -> Result<BTreeMap<String, Vec<u8>>, HostError> {
        self.read(|state| Ok(state.files.clone())).await
    }

    async fn write_file(&self, _: &ClusterName, path: &str, content: &[u8]) -> Result<(), HostError> {
        let write = |state: &mut State| {
            state.files.insert(path.to_owned(), content.to_owned());
            Ok(())
        };
        self.change(format!("write {path}"), Duration::ZERO, write).await
    }
}
