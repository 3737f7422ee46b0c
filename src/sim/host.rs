//! `SimHost`: one simulated host. Each call takes its time, may fail because the host is gone, and is counted.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use async_trait::async_trait;

use crate::host::{Addresses, Containers, Credentials, Firewall, Host, HostError, Lock, Others};
use crate::model::blob::{FileFacts, FileRef};
use crate::model::container::{ContainerSpec, ContainerState, Health, LiveContainer, Ownership};
use crate::model::gate::{Gate, Tried};
use crate::model::host::{HostFacts, HostState, ObservedHost};
use crate::model::image::{Digest, ImageFacts, ImageRef, RegistryImage};
use crate::model::name::{ClusterName, HostName};
use crate::model::network::{Attachment, LiveNetwork, NetworkSpec, Route};
use crate::model::setting::{Limits, Restart};
use crate::model::unit::Bytes;
use crate::model::volume::{LiveVolume, VolumeSpec};
use crate::sim::lock::{Latch, SimLock};
use crate::sim::reach::Reach;
use crate::sim::state::State;
use crate::sim::tempo::Tempo;
use crate::sim::world::{Kill, World};

/// A simulated host. It shows the containers of its world's one cluster as the cluster's own.
pub struct SimHost {
    pub(super) name: HostName,
    pub(super) world: Rc<World>,
    pub(super) state: RefCell<State>,
    pub(super) reach: Reach,
    pub(super) refused: RefCell<BTreeMap<String, String>>,
    pub(super) tempo: Tempo,
    lock: Rc<Latch>,
}

impl SimHost {
    /// A host as it was found; one that did not answer then does not answer here.
    pub fn new(name: &HostName, found: ObservedHost, world: &Rc<World>) -> Self {
        let reach = Reach::default();
        let state = match found {
            ObservedHost::Reachable(state) => *state,
            ObservedHost::Unreachable(why) => {
                reach.cut(Kill::Before(1), why);
                HostState::default()
            }
        };
        Self {
            name: name.clone(),
            world: Rc::clone(world),
            state: RefCell::new(State::new(name, state, world)),
            reach,
            refused: RefCell::default(),
            tempo: Tempo::default(),
            lock: Rc::default(),
        }
    }

    /// What is there now, whether the host answers or not.
    pub fn observe(&self) -> HostState {
        self.state.borrow().observe(&self.world)
    }

    /// From its n-th call on, counted from 1, the host does not answer.
    pub fn fail_from(&self, call: u64) {
        self.cut(Kill::Before(call));
    }

    /// The way to the host is cut at one of its calls, counted from 1: that one is done unheard or not at all, and no later one is.
    pub fn cut(&self, at: Kill) {
        self.reach.cut(at, format!("{}: connection timed out", self.name));
    }

    /// From this moment of the world on the host says nothing any more, to calls that are under way neither.
    pub fn fall_silent(&self, at: Duration) {
        self.tempo.fall_silent(Some(at));
    }

    /// The host answers again.
    pub fn revive(&self) {
        self.reach.revive();
        self.tempo.fall_silent(None);
    }

    /// The engine refuses this change (`create shop.web.2`, as the log has it), in these words.
    pub fn refuse(&self, what: &str, words: &str) {
        self.refused.borrow_mut().insert(what.to_owned(), words.to_owned());
    }

    /// How many calls it was sent.
    pub fn calls(&self) -> u64 {
        self.reach.calls()
    }

    /// From now on nothing is heard of the lock there, though all else still gets through; or it is again.
    pub fn lock_is_silent(&self, silent: bool) {
        self.lock.set_silent(silent);
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
            let mut logs = state.behaviour(&live.name, &self.world).logs;
            Ok(logs.split_off(logs.len().saturating_sub(lines)))
        })
        .await
    }

    async fn probe(&self, name: &str, gate: &Gate) -> Result<Tried, HostError> {
        self.read(|state| {
            let live = state.container(name, &self.world);
            let live = live.ok_or_else(|| HostError::NotFound(format!("No such container: {name}")))?;
            let behaviour = state.behaviour(&live.name, &self.world);
            let after = behaviour.gate_after.or(behaviour.healthy_after);
            let up = state.uptime(name, &self.world);
            Ok(match after.is_some_and(|after| up.is_none_or(|up| up >= after)) {
                true => Tried::Passed,
                false => Tried::Not(format!("{gate}: connection refused")),
            })
        })
        .await
    }

    async fn health(&self, name: &str) -> Result<Option<String>, HostError> {
        self.read(|state| {
            let unwell = ContainerState::Running {
                health: Some(Health::Unhealthy),
            };
            let live = state.container(name, &self.world).filter(|live| live.state == unwell);
            Ok(live.map(|_| "its health check ended with code 1".to_owned()))
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

    async fn remove_image(&self, id: &str, _: &[String]) -> Result<(), HostError> {
        let remove = |state: &mut State| state.remove_image(id, &self.world);
        self.change(format!("remove image {id}"), Duration::ZERO, remove).await
    }

    async fn free_disk(&self, _: &str) -> Result<Option<Bytes>, HostError> {
        self.read(|state| Ok(state.free_disk)).await
    }

    async fn create_volume(&self, name: &str, spec: &VolumeSpec, _: &ClusterName) -> Result<(), HostError> {
        let create = |state: &mut State| {
            let (spec, own) = (spec.clone(), true);
            state.volumes.entry(name.to_owned()).or_insert(LiveVolume { spec, own });
            Ok(())
        };
        let what = format!("create volume {name}");
        self.change(what, self.world.pace().volume, create).await
    }

    async fn create_network(&self, name: &str, spec: &NetworkSpec, _: &ClusterName) -> Result<(), HostError> {
        let create = |state: &mut State| state.create_network(name, spec, &self.world);
        let what = format!("create network {name}");
        self.change(what, self.world.pace().network, create).await
    }

    async fn remove_network(&self, name: &str) -> Result<(), HostError> {
        let remove = |state: &mut State| state.remove_network(name, &self.world);
        let what = format!("remove network {name}");
        self.change(what, self.world.pace().network, remove).await
    }

    async fn connect(&self, network: &str, container: &str, how: &Attachment) -> Result<(), HostError> {
        let connect = |state: &mut State| state.connect(network, container, how);
        let what = format!("connect {container} to {network}");
        self.change(what, self.world.pace().network, connect).await
    }

    async fn disconnect(&self, network: &str, container: &str) -> Result<(), HostError> {
        let disconnect = |state: &mut State| state.disconnect(network, container);
        let what = format!("disconnect {container} from {network}");
        self.change(what, self.world.pace().network, disconnect).await
    }

    async fn create(
        &self,
        name: &str,
        spec: &ContainerSpec,
        owner: &Ownership,
        _: &ClusterName,
    ) -> Result<(), HostError> {
        let create = |state: &mut State| state.create(name, spec, owner, &self.world);
        let what = format!("create {name}");
        let _turn = self.tempo.turn(self.world.pace().create).await;
        self.change(what, self.world.pace().create, create).await
    }

    async fn start(&self, name: &str) -> Result<(), HostError> {
        let start = |state: &mut State| state.start(name, &self.world);
        let what = format!("start {name}");
        let _turn = self.tempo.turn(self.world.pace().start).await;
        self.change(what, self.world.pace().start, start).await
    }

    async fn stop(&self, name: &str) -> Result<(), HostError> {
        let takes = self.state.borrow().stopping(name, &self.world);
        let stop = |state: &mut State| state.stop(name, takes, &self.world);
        self.change(format!("stop {name}"), takes, stop).await
    }

    async fn rename(&self, name: &str, to: &str) -> Result<(), HostError> {
        let rename = |state: &mut State| state.rename(name, to);
        let what = format!("rename {name} to {to}");
        self.change(what, self.world.pace().touch, rename).await
    }

    async fn update(&self, name: &str, limits: &Limits, restart: Restart) -> Result<(), HostError> {
        let update = |state: &mut State| state.update(name, limits, restart);
        let what = format!("update {name}");
        self.change(what, self.world.pace().update, update).await
    }

    async fn signal(&self, name: &str, signal: &str) -> Result<(), HostError> {
        let signalled = |state: &mut State| state.signal(name, &self.world);
        let what = format!("send {signal} to {name}");
        self.change(what, self.world.pace().touch, signalled).await
    }

    async fn look_at(
        &self,
        _: &ClusterName,
        paths: &BTreeSet<String>,
    ) -> Result<BTreeMap<String, Option<FileFacts>>, HostError> {
        self.read(|state| {
            let facts = |path: &String| (path.clone(), state.lies(path));
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
        let what = format!("write {path}");
        self.change(what, self.world.pace().file, write).await
    }

    async fn remove_config(&self, _: &ClusterName, path: &str) -> Result<(), HostError> {
        let remove = |state: &mut State| {
            state.remove_config(path);
            Ok(())
        };
        self.change(format!("remove {path}"), Duration::ZERO, remove).await
    }

    async fn reaches(&self, to: SocketAddr) -> Result<Tried, HostError> {
        crate::sim::firewall::reaches(self, to).await
    }

    fn firewall<'a>(&'a self, _: &'a ClusterName) -> Box<dyn Firewall + 'a> {
        Box::new(crate::sim::firewall::SimFirewall(self))
    }

    fn addresses<'a>(&'a self, _: &'a ClusterName) -> Box<dyn Addresses + 'a> {
        Box::new(crate::sim::address::SimAddresses(self))
    }

    async fn lock(&self, _: &ClusterName) -> Result<Box<dyn Lock>, HostError> {
        let open = || Box::new(SimLock::open(&self.lock)) as Box<dyn Lock>;
        self.read(|_| Ok(open())).await
    }

    async fn remove(&self, name: &str) -> Result<(), HostError> {
        let remove = |state: &mut State| state.remove(name, &self.world);
        let what = format!("remove {name}");
        self.change(what, self.world.pace().remove, remove).await
    }

    async fn read_files(&self, _: &ClusterName) -> Result<BTreeMap<String, Vec<u8>>, HostError> {
        self.read(|state| Ok(state.files.clone())).await
    }

    async fn write_file(&self, _: &ClusterName, path: &str, content: &[u8]) -> Result<(), HostError> {
        let write = |state: &mut State| {
            state.files.insert(path.to_owned(), content.to_owned());
            Ok(())
        };
        self.change(format!("write {path}"), self.world.pace().file, write)
            .await
    }
}
