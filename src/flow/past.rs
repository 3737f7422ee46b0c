//! What configs held at earlier revisions, as git keeps it: for showing what changes, and for the way back. Where git no longer has it
//! (a shallow clone) it is only not shown.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::flow::Settings;
use crate::flow::secret::Encrypted;
use crate::model::blob::SecretRef;
use crate::model::host::ObservedHost;
use crate::observe::Observed;
use crate::place::live::newest_record;
use crate::render::Target;
use crate::resolve::desired::Desired;
use crate::resolve::resolve;
use crate::source::Repository;

/// So many earlier revisions are read, at most.
const PAST: usize = 8;

/// A revision's secrets, as they lie there.
pub fn encrypted(desired: &Desired) -> Encrypted {
    let all = desired.secrets.iter().map(|(name, file)| {
        let (name, sha256) = (name.clone(), file.sha256.clone());
        (SecretRef { name, sha256 }, Arc::clone(&file.encrypted))
    });
    all.collect()
}

/// The repository as it was when the containers were made whose files are no longer those of git, and as it was applied last.
pub fn past(settings: &Settings, target: &Target, observed: &Observed) -> Vec<Desired> {
    let states = observed.hosts.values().filter_map(ObservedHost::state);
    let containers = states.flat_map(|state| &state.containers);
    let differing = containers.filter(|live| {
        let spec = live.spec.as_deref();
        spec.is_some_and(|spec| {
            let mut files = spec.files.values();
            files.any(|file| !target.blobs.contains_key(&file.digest)) || !spec.folders.is_empty()
        })
    });
    let mut revisions: BTreeSet<&str> = differing.filter_map(|live| live.owner.revision.as_deref()).collect();
    if revisions.is_empty() {
        return Vec::new();
    }
    revisions.extend(newest_record(observed).and_then(|record| record.revision.as_deref()));
    revisions.retain(|revision| Some(*revision) != target.revision.commit.as_deref());
    let Ok(repository) = Repository::find(&settings.directory) else {
        return Vec::new();
    };
    let repository = repository.in_environment(settings.environment.clone());
    let read = |revision: &str| resolve(&repository.read(Some(revision)).ok()?).ok();
    revisions.into_iter().take(PAST).filter_map(read).collect()
}
