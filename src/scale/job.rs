//! Jobs: which version each is at, and which versions have run. By the journal, and by the containers that ended well.

use std::collections::BTreeMap;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::model::container::{ContainerState, Fingerprint, LiveContainer};
use crate::model::host::ObservedHost;
use crate::model::image::Resolution;
use crate::model::journal::JournalRecord;
use crate::model::name::{ClusterName, ServiceName, Slot, container_name};
use crate::model::order::{JobVersion, VERSIONS_KEPT};
use crate::observe::Observed;
use crate::resolve::desired::{Desired, Service};
use crate::resolve::template::Text;

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
            (name.clone(), version(service, resolution))
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

/// What of a service makes no other version of a job: where, how many, how labelled, logged, limited or watched it is.
const UNCOUNTED: [&str; 15] = [
    "mode",
    "depends_on",
    "labels",
    "healthcheck",
    "restart",
    "logging",
    "stop_grace_period",
    "limits",
    "reserved_cpus",
    "reserved_memory",
    "constraints",
    "max_replicas_per_node",
    "placing",
    "pull_policy",
    "update",
];

/// What a job runs, in which image. A key that comes with a later cdk counts, but only where it is given.
fn version(service: &Service, resolution: Option<&Resolution>) -> JobVersion {
    // Plain data with text keys always serialises.
    let mut counts = serde_json::to_value(shared(service)).unwrap_or_default();
    if let Some(keys) = counts.as_object_mut() {
        keys.retain(|key, _| !UNCOUNTED.contains(&key.as_str()));
    }
    prune(&mut counts);
    let hash = Sha256::digest(counts.to_string().as_bytes());
    let digits: String = hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let fingerprint = Fingerprint(digits.into());
    let digest = resolution
        .and_then(Resolution::digest)
        .or_else(|| service.image.digest());
    JobVersion::new(&fingerprint, digest)
}

/// A service without what is a replica's own in its texts.
fn shared(service: &Service) -> Service {
    let list = |texts: &[Text]| texts.iter().map(|text| Text::Plain(text.shared())).collect();
    let environment = service.environment.iter();
    Service {
        command: service.command.as_deref().map(list),
        entrypoint: service.entrypoint.as_deref().map(list),
        environment: environment
            .map(|(name, text)| (name.clone(), Text::Plain(text.shared())))
            .collect(),
        ..service.clone()
    }
}

/// Takes out what is not given.
fn prune(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.values_mut().for_each(prune);
            map.retain(|_, value| match value {
                Value::Null | Value::Bool(false) => false,
                Value::Array(items) => !items.is_empty(),
                Value::Object(map) => !map.is_empty(),
                Value::Bool(true) | Value::Number(_) | Value::String(_) => true,
            });
        }
        Value::Array(items) => items.iter_mut().for_each(prune),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
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
