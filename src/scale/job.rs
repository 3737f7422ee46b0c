//! Jobs: which version each is at, and which versions have run. By the journal, and by the containers that ended well.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

use crate::model::container::{ContainerState, Fingerprint, LiveContainer};
use crate::model::host::ObservedHost;
use crate::model::image::Resolution;
use crate::model::journal::JournalRecord;
use crate::model::name::{ClusterName, ServiceName, Slot, container_name};
use crate::model::order::{JobVersion, VERSIONS_KEPT};
use crate::model::policy::UpdatePolicy;
use crate::model::setting::{Limits, Logging, Restart};
use crate::model::unit::{Bytes, Cpus};
use crate::observe::Observed;
use crate::resolve::desired::{Desired, Mode, Service};
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

/// What a job runs, in which image. All that only says where, how many, how labelled, logged, limited or watched it is makes
/// no other version; what is a replica's own (`slot`, `host`) neither.
fn version(service: &Service, resolution: Option<&Resolution>) -> JobVersion {
    let shared = |texts: &[Text]| texts.iter().map(|text| Text::Plain(text.shared())).collect();
    let environment = service.environment.iter();
    let counts = Service {
        mode: Mode::GlobalJob,
        depends_on: BTreeMap::new(),
        command: service.command.as_deref().map(shared),
        entrypoint: service.entrypoint.as_deref().map(shared),
        environment: environment
            .map(|(name, text)| (name.clone(), Text::Plain(text.shared())))
            .collect(),
        labels: BTreeMap::new(),
        healthcheck: None,
        restart: Restart::No,
        logging: Logging::default(),
        stop_grace_period: None,
        limits: Limits::default(),
        reserved_cpus: Cpus::default(),
        reserved_memory: Bytes::default(),
        constraints: Vec::new(),
        max_replicas_per_node: None,
        update: UpdatePolicy::default(),
        // A key that comes later counts, unless it is named above.
        ..service.clone()
    };
    // Plain data with text keys always serialises.
    let text = serde_json::to_string(&counts).unwrap_or_default();
    let hash = Sha256::digest(text.as_bytes());
    let fingerprint = Fingerprint(hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect());
    let digest = match resolution {
        Some(Resolution::Digest(digest)) => Some(digest),
        Some(Resolution::Local | Resolution::Unknown(_)) | None => service.image.digest(),
    };
    JobVersion::new(&fingerprint, digest)
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
