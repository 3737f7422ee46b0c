//! Jobs: which version each is at, and which versions have run. By the journal, and by the containers that ended well.

use std::collections::BTreeMap;

use crate::model::container::{ContainerState, LiveContainer};
use crate::model::host::ObservedHost;
use crate::model::journal::JournalRecord;
use crate::model::name::{ClusterName, ServiceName, Slot, container_name};
use crate::model::order::{JobVersion, VERSIONS_KEPT};
use crate::observe::Observed;
use crate::resolve::desired::Desired;
use crate::scale::version;

/// The cluster's jobs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Jobs {
    /// The version of each that git wants.
    pub versions: BTreeMap<ServiceName, JobVersion>,
    /// The versions that succeeded, the oldest first; of jobs that git knows no more, too.
    pub succeeded: BTreeMap<Slot, Vec<JobVersion>>,
}

impl Jobs {
    /// What git wants to have run, and what has.
    pub fn new(desired: &Desired, observed: &Observed) -> Self {
        let jobs = desired.services.iter().filter(|(_, service)| service.mode.is_job());
        let versions = jobs.map(|(name, service)| {
            let resolution = observed.images.get(&service.image.to_string());
            (name.clone(), version::of_job(service, resolution))
        });
        Self {
            versions: versions.collect(),
            succeeded: succeeded(&desired.cluster.name, observed),
        }
    }

    /// Whether this replica of a job has run in the version that git wants.
    pub fn has_run(&self, slot: &Slot) -> bool {
        let runs = self.succeeded.get(slot).into_iter().flatten();
        let wanted = self.versions.get(&slot.service);
        wanted.is_some_and(|wanted| runs.into_iter().any(|run| run.is(wanted)))
    }

    /// Whether a container is a run of the version that git wants.
    pub fn is_wanted(&self, container: &LiveContainer) -> bool {
        let wanted = self.versions.get(&container.owner.slot.service);
        wanted
            .zip(container.owner.job.as_ref())
            .is_some_and(|(wanted, run)| run.is(wanted))
    }
}

/// Every version that any host's journal remembers, or whose container ended well: an apply that was cut off could not write
/// it down. What cdk had to stop has lost its name first.
fn succeeded(cluster: &ClusterName, observed: &Observed) -> BTreeMap<Slot, Vec<JobVersion>> {
    let states = || observed.hosts.values().filter_map(ObservedHost::state);
    let mut records: Vec<&JournalRecord> = states().flat_map(|state| &state.journal).collect();
    records.sort_by_key(|record| record.sequence);
    let written = records.into_iter().flat_map(|record| &record.jobs);
    let mut all: BTreeMap<Slot, Vec<JobVersion>> = BTreeMap::new();
    let mut note = |slot: &Slot, version: &JobVersion| {
        let known = all.entry(slot.clone()).or_default();
        if !known.contains(version) {
            known.push(version.clone());
        }
    };
    for (slot, versions) in written {
        versions.iter().for_each(|version| note(slot, version));
    }
    let mut ended: Vec<(&Slot, &JobVersion)> = states()
        .flat_map(|state| &state.containers)
        .filter(|live| live.state == (ContainerState::Exited { code: 0 }))
        .filter(|live| live.name.is_empty() || live.name == container_name(cluster, &live.owner.slot))
        .filter_map(|live| Some((&live.owner.slot, live.owner.job.as_ref()?)))
        .collect();
    ended.sort();
    ended.into_iter().for_each(|(slot, version)| note(slot, version));
    for versions in all.values_mut() {
        versions.drain(..versions.len().saturating_sub(VERSIONS_KEPT));
    }
    all
}
