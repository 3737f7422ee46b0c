//! Versions of services: what tells one from the next, and which of them failed and are left alone.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::model::container::Fingerprint;
use crate::model::image::Resolution;
use crate::model::journal::{Halted, JournalRecord};
use crate::model::name::ServiceName;
use crate::model::order::JobVersion;
use crate::observe::Observed;
use crate::resolve::desired::{Desired, Service};
use crate::resolve::template::Text;

/// What of a service makes no other version of a job: where, how many, how labelled, logged, limited or watched it is.
const UNCOUNTED_OF_JOBS: [&str; 15] = [
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

/// What of a service makes no other version of it for its updates: where and how many. All else may be what puts it right: a longer
/// deadline, more memory, another health check.
const UNCOUNTED_OF_UPDATES: [&str; 4] = ["mode", "constraints", "max_replicas_per_node", "placing"];

/// What a job runs, in which image.
pub(super) fn of_job(service: &Service, resolution: Option<&Resolution>) -> JobVersion {
    version(service, resolution, &UNCOUNTED_OF_JOBS)
}

/// The versions of these services that git wants: what is held when one of them fails.
pub fn versions<'n>(
    desired: &Desired,
    observed: &Observed,
    names: impl Iterator<Item = &'n ServiceName>,
) -> BTreeMap<ServiceName, JobVersion> {
    let one = |name: &ServiceName| {
        let service = desired.services.get(name)?;
        let resolution = observed.images.get(&service.image.to_string());
        Some((name.clone(), version(service, resolution, &UNCOUNTED_OF_UPDATES)))
    };
    names.filter_map(one).collect()
}

/// The services that are left alone, because what git still wants of them has failed.
///
/// `last` is the newest journal record, `retry` names those that are tried again.
pub fn halted(
    desired: &Desired,
    observed: &Observed,
    last: Option<&JournalRecord>,
    retry: &BTreeSet<ServiceName>,
) -> BTreeMap<ServiceName, Halted> {
    let Some(last) = last else {
        return BTreeMap::new();
    };
    let halted = last.memory.halted.iter().filter(|(name, _)| !retry.contains(*name));
    let wanted = versions(desired, observed, last.memory.halted.keys());
    halted
        .filter(|(name, halted)| wanted.get(*name).is_some_and(|wanted| wanted.is(&halted.version)))
        .map(|(name, halted)| (name.clone(), halted.clone()))
        .collect()
}

/// A key that comes with a later cdk counts, but only where it is given.
fn version(service: &Service, resolution: Option<&Resolution>, uncounted: &[&str]) -> JobVersion {
    // Plain data with text keys always serialises.
    let mut counts = serde_json::to_value(shared(service)).unwrap_or_default();
    if let Some(keys) = counts.as_object_mut() {
        keys.retain(|key, _| !uncounted.contains(&key.as_str()));
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
