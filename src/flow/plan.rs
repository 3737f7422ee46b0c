//! Composes the pure floors: what git wants and what is live, to a plan.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::diff::{Diff, diff};
use crate::flow::failure::Failure;
use crate::flow::secret::Encrypted;
use crate::flow::{Seen, Settings};
use crate::model::blob::SecretRef;
use crate::model::host::ObservedHost;
use crate::model::problem::Rejected;
use crate::observe::Observed;
use crate::place::live::newest_record;
use crate::place::place;
use crate::plan::step::{Note, Plan};
use crate::plan::{Input, plan};
use crate::render::{Target, render};
use crate::resolve::desired::Desired;
use crate::resolve::resolve;
use crate::scale::counts;
use crate::source::Repository;

/// A plan, and what it was made from.
#[derive(Debug)]
pub struct Planned {
    /// What git wants.
    pub desired: Desired,
    /// What is live.
    pub observed: Observed,
    /// What apply would do.
    pub plan: Plan,
    /// The secrets that its files hold, encrypted.
    pub encrypted: Encrypted,
    /// How long the hosts took to say what is live.
    pub took: Duration,
}

/// So many earlier revisions are read, at most, for what files held then.
const PAST: usize = 8;

/// The plan for what was seen, narrowed to the hosts and services that the caller names; `notes` are told with it.
///
/// # Errors
/// Where a named host does not answer, or a per-replica template does not render.
pub fn plan_from(settings: &Settings, seen: Seen, notes: Vec<String>) -> Result<Planned, Failure> {
    let Seen {
        desired,
        observed,
        took,
    } = seen;
    for name in &settings.hosts {
        if let Some(ObservedHost::Unreachable(why)) = observed.hosts.get(name) {
            return Err(Failure::Unreachable(format!("{name} is unreachable: {why}")));
        }
    }
    let counts = counts(&desired, &observed);
    let placement = place(&desired, &observed, &counts);
    let mut target = render(&desired, &placement).map_err(|problems| Rejected {
        problems,
        texts: BTreeMap::new(),
    })?;
    let mut encrypted = secrets(&desired);
    for past in past(settings, &target, &observed) {
        let rendered = render(&past, &place(&past, &observed, &self::counts(&past, &observed)));
        target
            .past
            .extend(rendered.map(|target| target.blobs).unwrap_or_default());
        encrypted.extend(secrets(&past));
    }
    let mut difference = diff(&target, &placement, &observed);
    narrow(settings, &mut difference);
    let mut plan = plan(Input {
        target: &target,
        placement: &placement,
        observed: &observed,
        diff: &difference,
    });
    plan.notes.extend(notes.into_iter().map(Note::Text));
    Ok(Planned {
        desired,
        observed,
        plan,
        encrypted,
        took,
    })
}

fn secrets(desired: &Desired) -> Encrypted {
    let all = desired.secrets.iter().map(|(name, file)| {
        let (name, sha256) = (name.clone(), file.sha256.clone());
        (SecretRef { name, sha256 }, Arc::clone(&file.encrypted))
    });
    all.collect()
}

/// The repository as it was when the containers were made whose files are no longer those of git, and as it was applied last. Git
/// keeps what files held then: what it no longer has (a shallow clone) is only not shown.
fn past(settings: &Settings, target: &Target, observed: &Observed) -> Vec<Desired> {
    let states = observed.hosts.values().filter_map(ObservedHost::state);
    let containers = states.flat_map(|state| &state.containers);
    let differing = containers.filter(|live| {
        let spec = live.spec.as_deref();
        spec.is_some_and(|spec| {
            let mut files = spec.files.values();
            files.any(|file| !target.blobs.contains_key(&file.digest)) || !spec.folders.is_empty()
        })
    });
    let mut revisions: BTreeSet<&String> = differing.filter_map(|live| live.owner.revision.as_ref()).collect();
    if revisions.is_empty() {
        return Vec::new();
    }
    revisions.extend(newest_record(observed).and_then(|record| record.revision.as_ref()));
    revisions.retain(|revision| Some(*revision) != target.revision.commit.as_ref());
    let Ok(repository) = Repository::find(&settings.directory) else {
        return Vec::new();
    };
    let read = |revision: &String| resolve(&repository.read(Some(revision)).ok()?).ok();
    revisions.into_iter().take(PAST).filter_map(read).collect()
}

/// Takes out what happens elsewhere than on the hosts and to the services that the caller names.
fn narrow(settings: &Settings, difference: &mut Diff<'_>) {
    if !settings.services.is_empty() {
        difference.services.retain(|name, _| settings.services.contains(name));
    }
    if !settings.hosts.is_empty() {
        for service in difference.services.values_mut() {
            service.slots.retain(|slot| {
                // A move has two ends, and is done whole or not at all.
                let ends = slot.host.iter().chain(&slot.from);
                ends.clone().count() > 0 && ends.clone().all(|host| settings.hosts.contains(host))
            });
        }
    }
}
