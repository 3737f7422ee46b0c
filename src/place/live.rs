//! What stands already, by slot: on the hosts that answer by looking, on the others by the newest journal record. Looking only.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use rayon::iter::{IntoParallelRefIterator as _, ParallelIterator as _};
use rayon::slice::ParallelSliceMut as _;

use crate::model::container::{ContainerState, Health, LiveContainer};
use crate::model::host::{HostState, ObservedHost};
use crate::model::image::ImageFacts;
use crate::model::journal::{JournalEnd, JournalRecord};
use crate::model::name::{ClusterName, HostName, ServiceName, Slot, container_name, is_container_name};
use crate::model::setting::PortBinding;
use crate::observe::Observed;
use crate::place::HostAnswer;

/// Stands in for an empty set, so that asking whether a container binds ports does not look at its spec again.
static NO_PORTS: BTreeSet<PortBinding> = BTreeSet::new();

/// A live container and the host that it is on.
#[derive(Debug, Clone)]
pub struct Standing<'a> {
    /// The host.
    pub host: &'a HostName,
    /// What was seen there.
    pub state: &'a HostState,
    /// The container.
    pub container: &'a LiveContainer,
    /// The image that it runs; none where that is gone from its host, or was not told.
    pub image: Option<&'a ImageFacts>,
    /// The ports that it binds; none where it does not tell them.
    pub ports: Option<&'a BTreeSet<PortBinding>>,
    /// Its name there.
    pub name: Cow<'a, str>,
    /// Whether that is the slot's own name, and not the one of a predecessor.
    pub in_place: bool,
}

/// The same container of the same look.
impl PartialEq for Standing<'_> {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.container, other.container)
    }
}

impl<'a> Standing<'a> {
    fn new(cluster: &ClusterName, host: &'a HostName, state: &'a HostState, container: &'a LiveContainer) -> Self {
        let slot = &container.owner.slot;
        let unnamed = container.name.is_empty();
        let ports = container.spec.as_ref().map(|spec| match spec.ports.is_empty() {
            true => &NO_PORTS,
            false => &spec.ports,
        });
        Self {
            host,
            state,
            container,
            image: state.images.get(&*container.image_id),
            ports,
            name: if unnamed {
                Cow::Owned(container_name(cluster, slot))
            } else {
                Cow::Borrowed(&container.name)
            },
            in_place: unnamed || is_container_name(cluster, slot, &container.name),
        }
    }

    /// The replica that it is.
    pub fn slot(&self) -> &'a Slot {
        &self.container.owner.slot
    }

    /// Whether it holds what a program holds: ports, memory, files. It must be stopped before it goes.
    pub fn is_live(&self) -> bool {
        self.container.state.is_live()
    }

    /// Whether it runs, and its health check has not said anything yet.
    pub fn is_starting(&self) -> bool {
        let starting = ContainerState::Running {
            health: Some(Health::Starting),
        };
        self.container.state == starting
    }

    /// Whether it runs, and its health check does not say otherwise.
    pub fn is_well(&self) -> bool {
        match self.container.state {
            ContainerState::Running { health } => match health {
                None | Some(Health::Healthy) => true,
                Some(Health::Starting | Health::Unhealthy) => false,
            },
            ContainerState::Restarting
            | ContainerState::Paused
            | ContainerState::Created
            | ContainerState::Exited { .. }
            | ContainerState::Dead => false,
        }
    }
}

/// How often a container was started again by its engine until it counts as one that keeps failing: as often as Swarm lets a task
/// fail before it puts the node last (`maxFailures` in swarmkit, `manager/scheduler/nodeinfo.go`).
const RESTARTS: u64 = 5;

/// Whether a container keeps failing where it is: it is between two starts, half removed, ended with an error though it is no job's,
/// or was restarted too often and isn't healthy since.
///
/// Swarm counts the failures of five minutes. Here is neither a state nor a clock: without a health check nobody can tell an old row of
/// restarts from a new one, so they count until the container is made anew, or started by hand.
pub fn keeps_failing(container: &LiveContainer) -> bool {
    let often = container.restarts >= RESTARTS;
    match container.state {
        ContainerState::Restarting | ContainerState::Dead => true,
        ContainerState::Exited { code } => code != 0 && container.owner.job.is_none(),
        ContainerState::Running { health } => match health {
            Some(Health::Healthy) => false,
            None | Some(Health::Starting | Health::Unhealthy) => often,
        },
        ContainerState::Created | ContainerState::Paused => false,
    }
}

/// Everything of the cluster that stands on a host which answers, by slot, and then by host and name.
#[derive(Debug, Clone, Default)]
pub struct Standings<'a> {
    all: Vec<Standing<'a>>,
    /// Where each service's begin and end.
    services: BTreeMap<ServiceName, Range<usize>>,
}

impl<'a> Standings<'a> {
    /// What stands on the hosts that answer.
    pub fn new(cluster: &ClusterName, hosts: &BTreeMap<HostName, HostAnswer>, observed: &'a Observed) -> Self {
        let on_host = |(name, host): (&'a HostName, &'a ObservedHost)| {
            let state = host.state().filter(|_| hosts.get(name) == Some(&HostAnswer::Answers));
            let containers = state.into_iter().flat_map(move |state| {
                let containers = state.containers.iter();
                containers.map(move |container| Standing::new(cluster, name, state, container))
            });
            containers.collect::<Vec<_>>()
        };
        let mut all: Vec<Standing<'_>> = observed.hosts.par_iter().flat_map_iter(on_host).collect();
        all.par_sort_by(|a, b| (a.slot(), a.host, &a.name).cmp(&(b.slot(), b.host, &b.name)));
        let mut services = BTreeMap::new();
        let mut end = 0;
        for of_service in all.chunk_by(|a, b| a.slot().service == b.slot().service) {
            let begin = end;
            end += of_service.len();
            services.extend(
                of_service
                    .first()
                    .map(|first| (first.slot().service.clone(), begin..end)),
            );
        }
        Self { all, services }
    }

    /// Those of a service.
    pub fn of_service(&self, service: &ServiceName) -> &[Standing<'a>] {
        let range = self.services.get(service).cloned().unwrap_or_default();
        self.all.get(range).unwrap_or_default()
    }

    /// Those of a replica.
    pub fn of(&self, slot: &Slot) -> &[Standing<'a>] {
        let of_service = self.of_service(&slot.service);
        let begin = of_service.partition_point(|one| one.slot().key < slot.key);
        let end = of_service.partition_point(|one| one.slot().key <= slot.key);
        of_service.get(begin..end).unwrap_or_default()
    }

    /// All of them.
    pub fn all(&self) -> &[Standing<'a>] {
        &self.all
    }

    /// Those of each replica that stands.
    pub fn by_slot(&self) -> impl Iterator<Item = (&'a Slot, &[Standing<'a>])> {
        by_slot(&self.all)
    }
}

/// Those of each replica, of some that are sorted so.
pub fn by_slot<'s, 'a>(all: &'s [Standing<'a>]) -> impl Iterator<Item = (&'a Slot, &'s [Standing<'a>])> {
    let by_slot = all.chunk_by(|a, b| a.slot() == b.slot());
    by_slot.filter_map(|same| Some((same.first()?.slot(), same)))
}

/// The newest journal record over all hosts; of one apply's records its end, where a host has it.
pub fn newest_record(observed: &Observed) -> Option<&JournalRecord> {
    let ended = |record: &JournalRecord| match record.end {
        JournalEnd::Begun => 0,
        JournalEnd::Done
        | JournalEnd::Failed
        | JournalEnd::Interrupted
        | JournalEnd::RolledBack
        | JournalEnd::Paused
        | JournalEnd::Waiting => 1,
    };
    observed
        .hosts
        .values()
        .filter_map(|host| host.state())
        .flat_map(|state| &state.journal)
        .max_by_key(|record| (record.sequence, ended(record), record.done))
}
