//! What stands already, by slot: on the hosts that answer by looking, on the others by the newest journal record. Looking only.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::model::container::{ContainerState, Health, LiveContainer};
use crate::model::journal::{JournalEnd, JournalRecord};
use crate::model::name::{ClusterName, HostName, Slot, container_name, is_container_name};
use crate::observe::Observed;
use crate::place::HostAnswer;

/// A live container and the host that it is on.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing<'a> {
    /// The host.
    pub host: &'a HostName,
    /// The container.
    pub container: &'a LiveContainer,
    /// Its name there.
    pub name: Cow<'a, str>,
    /// Whether that is the slot's own name, and not the one of a predecessor.
    pub in_place: bool,
}

impl<'a> Standing<'a> {
    fn new(cluster: &ClusterName, host: &'a HostName, container: &'a LiveContainer) -> Self {
        let slot = &container.owner.slot;
        let name = if container.name.is_empty() {
            Cow::Owned(container_name(cluster, slot))
        } else {
            Cow::Borrowed(container.name.as_str())
        };
        let in_place = container.name.is_empty() || is_container_name(&name, cluster, slot);
        Self {
            host,
            container,
            name,
            in_place,
        }
    }

    /// Whether it holds what a program holds: ports, memory, files. It must be stopped before it goes.
    pub fn is_live(&self) -> bool {
        self.container.state.is_live()
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

/// Everything of the cluster that stands on a host which answers, by slot and then by host and name.
pub fn standing<'a>(
    cluster: &ClusterName,
    hosts: &BTreeMap<HostName, HostAnswer>,
    observed: &'a Observed,
) -> BTreeMap<&'a Slot, Vec<Standing<'a>>> {
    let mut all: BTreeMap<&Slot, Vec<Standing<'_>>> = BTreeMap::new();
    for (name, host) in &observed.hosts {
        let Some(state) = host.state().filter(|_| hosts.get(name) == Some(&HostAnswer::Answers)) else {
            continue;
        };
        for container in &state.containers {
            let slot = &container.owner.slot;
            all.entry(slot)
                .or_default()
                .push(Standing::new(cluster, name, container));
        }
    }
    for standings in all.values_mut() {
        standings.sort_by(|a, b| (a.host, &a.name).cmp(&(b.host, &b.name)));
    }
    all
}

/// The newest journal record over all hosts; of one apply's records its end, where a host has it.
pub fn newest_record(observed: &Observed) -> Option<&JournalRecord> {
    let ended = |record: &JournalRecord| match record.end {
        JournalEnd::Begun => 0,
        JournalEnd::Done | JournalEnd::Failed | JournalEnd::Interrupted => 1,
    };
    observed
        .hosts
        .values()
        .filter_map(|host| host.state())
        .flat_map(|state| &state.journal)
        .max_by_key(|record| (record.sequence, ended(record), record.done))
}
