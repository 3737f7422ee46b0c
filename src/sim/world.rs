//! What simulated hosts share: the registry, how containers of an image behave, the record of what was done, and faults of the caller.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::model::container::LiveContainer;
use crate::model::image::{Digest, ImageDefaults, ImageRef};
use crate::model::name::{ClusterName, HostName, Slot};
use crate::sim::pace::Pace;

/// How containers of an image behave, and what it takes to get it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Behaviour {
    /// How long a pull takes.
    pub pull: Duration,
    /// From start to healthy, where there is a health check; none is never.
    pub healthy_after: Option<Duration>,
    /// From start to unhealthy, where it is not healthy before; none is never.
    pub unhealthy_after: Option<Duration>,
    /// From start to where its gate lets it pass, where it has one; none is as `healthy_after`.
    pub gate_after: Option<Duration>,
    /// From each start to its end, and the exit code; none runs on.
    pub exits: Option<(Duration, i64)>,
    /// From the world's beginning to its end with code 1; what is started later ends at once. None runs on.
    pub exits_at: Option<Duration>,
    /// From the stop signal to the end; the container's grace cuts it short.
    pub stops_after: Duration,
    /// What it writes.
    pub logs: Vec<String>,
}

impl Default for Behaviour {
    /// A plain service: pulled in three seconds, healthy after two, stopped in a fifth of one.
    fn default() -> Self {
        Self {
            pull: Duration::from_secs(3),
            healthy_after: Some(Duration::from_secs(2)),
            unhealthy_after: None,
            gate_after: None,
            exits: None,
            exits_at: None,
            stops_after: Duration::from_millis(200),
            logs: Vec::new(),
        }
    }
}

/// Something that a host was asked to change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// When, from the world's beginning.
    pub at: Duration,
    /// The host.
    pub host: HostName,
    /// What: `start shop.web.1`.
    pub what: String,
}

/// Where the caller's process is killed, or its way to a host is cut: around the n-th call of all, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kill {
    /// The call is never done.
    Before(u64),
    /// The call is done, but the caller never hears so.
    After(u64),
}

/// An image in the registry.
#[derive(Debug, Clone)]
pub(super) struct Published {
    pub(super) digest: Digest,
    pub(super) defaults: Arc<ImageDefaults>,
}

/// How one container behaves, where the image alone does not say: the container, its host, and whether it was made here and not
/// found.
pub type Manner = Box<dyn Fn(&LiveContainer, &HostName, bool) -> Behaviour>;

/// When a container served: was healthy, or ran where it has no health check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Served {
    /// The host.
    pub host: HostName,
    /// The replica that it is.
    pub slot: Slot,
    /// The engine's id of it.
    pub id: String,
    /// Whether it was made here, and not found.
    pub made: bool,
    /// When it was started, from the world's beginning; zero for what ran then.
    pub started: Duration,
    /// From when on it served; none where it would never have.
    pub from: Option<Duration>,
    /// When it was stopped or ended by itself; none where it ran on.
    pub until: Option<Duration>,
}

/// What simulated hosts share.
pub struct World {
    cluster: ClusterName,
    begin: Instant,
    registry: RefCell<BTreeMap<String, Published>>,
    behaviours: RefCell<BTreeMap<String, Behaviour>>,
    latency: Cell<Duration>,
    pace: Cell<Pace>,
    manner: RefCell<Option<Manner>>,
    served: RefCell<Vec<Served>>,
    calls: Cell<u64>,
    kill: Cell<Option<Kill>>,
    killed: watch::Sender<bool>,
    log: RefCell<Vec<Call>>,
    ids: Cell<u64>,
}

impl World {
    /// A world for one cluster, in which every call takes two milliseconds. Its time begins now.
    pub fn new(cluster: &ClusterName) -> Self {
        Self {
            cluster: cluster.clone(),
            begin: Instant::now(),
            registry: RefCell::default(),
            behaviours: RefCell::default(),
            latency: Cell::new(Duration::from_millis(2)),
            pace: Cell::default(),
            manner: RefCell::default(),
            served: RefCell::default(),
            calls: Cell::new(0),
            kill: Cell::new(None),
            killed: watch::Sender::new(false),
            log: RefCell::default(),
            ids: Cell::new(0),
        }
    }

    /// Sets how long every call takes.
    pub fn set_latency(&self, latency: Duration) {
        self.latency.set(latency);
    }

    /// Sets how long each change takes beside.
    pub fn set_pace(&self, pace: Pace) {
        self.pace.set(pace);
    }

    /// Sets how each container behaves, whatever its image; before there are hosts.
    pub fn set_manner(&self, manner: Manner) {
        self.manner.replace(Some(manner));
    }

    /// When each container served, in the order in which they were found or started.
    pub fn served(&self) -> Vec<Served> {
        self.served.borrow().clone()
    }

    /// Pushes an image: its tag means this digest from now on. An image that was never pushed can be pulled all the same, and
    /// brings nothing along; only its digest cannot be asked for.
    pub fn publish(&self, image: &ImageRef, digest: &Digest, defaults: &ImageDefaults) {
        let published = Published {
            digest: digest.clone(),
            defaults: Arc::new(defaults.clone()),
        };
        let mut registry = self.registry.borrow_mut();
        registry.insert(image.pinned(digest), published.clone());
        if let Some(tagged) = image.tagged() {
            registry.insert(tagged, published);
        }
    }

    /// Sets how containers of an image behave, those that run already too.
    pub fn set_behaviour(&self, image: &ImageRef, behaviour: Behaviour) {
        self.behaviours.borrow_mut().insert(image.to_string(), behaviour);
    }

    /// What the hosts were asked to change, in order.
    pub fn log(&self) -> Vec<Call> {
        self.log.borrow().clone()
    }

    /// How many calls there were, reads too.
    pub fn calls(&self) -> u64 {
        self.calls.get()
    }

    /// Sets where the caller is killed: that call never returns, and [`World::killed`] does. What it had under way on other
    /// connections is done as time goes on, as engines do what they were told; but none of it returns, and no new call is done.
    pub fn kill(&self, kill: Kill) {
        self.kill.set(Some(kill));
    }

    /// Somebody else calls from now on, whom nobody kills.
    pub fn next_caller(&self) {
        self.kill.set(None);
        self.killed.send_replace(false);
    }

    /// Waits until the caller is to be killed: drop it then, at once or after a while.
    pub async fn killed(&self) {
        // The sender lives as long as `self`, so this ends only when the flag is up.
        let _ = self.killed.subscribe().wait_for(|killed| *killed).await;
    }

    pub(super) fn cluster(&self) -> &ClusterName {
        &self.cluster
    }

    pub(super) fn pace(&self) -> Pace {
        self.pace.get()
    }

    pub(super) fn manner(&self, live: &LiveContainer, host: &HostName, made: bool) -> Option<Behaviour> {
        let manner = self.manner.borrow();
        manner.as_ref().map(|manner| manner(live, host, made))
    }

    pub(super) fn serves(&self, served: Served) {
        self.served.borrow_mut().push(served);
    }

    /// A container serves no longer, since so long ago.
    pub(super) fn ends(&self, id: &str, ago: Duration) {
        let now = self.now().saturating_sub(ago);
        let mut served = self.served.borrow_mut();
        let last = served.iter_mut().rev().find(|served| served.id == id);
        if let Some(last) = last.filter(|last| last.until.is_none_or(|until| until > now)) {
            last.until = Some(now);
        }
    }

    /// The world's time.
    pub(super) fn now(&self) -> Duration {
        self.since_begin(Instant::now())
    }

    pub(super) fn since_begin(&self, at: Instant) -> Duration {
        at.saturating_duration_since(self.begin)
    }

    pub(super) fn latency(&self) -> Duration {
        self.latency.get()
    }

    pub(super) fn published(&self, key: &str) -> Option<Published> {
        self.registry.borrow().get(key).cloned()
    }

    pub(super) fn behaviour(&self, image: Option<&ImageRef>) -> Behaviour {
        let behaviours = self.behaviours.borrow();
        let known = image.and_then(|image| behaviours.get(&image.to_string()));
        known.cloned().unwrap_or_default()
    }

    pub(super) fn next_id(&self) -> String {
        self.ids.set(self.ids.get() + 1);
        format!("sim-{}", self.ids.get())
    }

    /// Counts a call; gives its number.
    pub(super) fn count(&self) -> u64 {
        self.calls.set(self.calls.get() + 1);
        self.calls.get()
    }

    pub(super) fn note(&self, host: &HostName, what: &str) {
        self.log.borrow_mut().push(Call {
            at: self.now(),
            host: host.clone(),
            what: what.to_owned(),
        });
    }

    /// Where the caller is killed just here, or was before, this never ends.
    pub(super) async fn pass(&self, here: Kill) {
        if self.kill.get() == Some(here) {
            self.killed.send_replace(true);
        }
        let is_killed = *self.killed.borrow();
        if is_killed {
            pending::<()>().await;
        }
    }
}
