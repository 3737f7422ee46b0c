//! What a plan says beside its steps: changes, notes, the placement and the digests for the journal. No steps.

use std::collections::{BTreeMap, BTreeSet};

use crate::diff::field::Difference;
use crate::diff::{Diff, ServiceDiff, SlotDiff, Verdict};
use crate::model::host::ObservedHost;
use crate::model::image::Digest;
use crate::model::journal::{
    EarlierVersion, Halt, Halted, JOURNAL_VERSIONS, JournalEnd, JournalRecord, Memory, PlacedSlot,
};
use crate::model::name::{HostName, ServiceName, Slot};
use crate::model::platform::Platform;
use crate::observe::Observed;
use crate::place::live::newest_record;
use crate::place::reason::Reason;
use crate::place::{Denial, HostAnswer, Placement};
use crate::plan::Input;
use crate::plan::depends::unchecked;
use crate::plan::guard::{Guard, GuardKind};
use crate::plan::how::how;
use crate::plan::inert::without_effect;
use crate::plan::network;
use crate::plan::rollout::Rollout;
use crate::plan::step::{Action, FieldChange, Note, ServiceChange, SlotChange};
use crate::render::Target;

pub(super) fn services(diff: &Diff<'_>, target: &Target, rollouts: &[Rollout]) -> Vec<ServiceChange> {
    let rollouts: BTreeMap<&ServiceName, &Rollout> = rollouts.iter().map(|one| (&one.service, one)).collect();
    let stopped = |name: &ServiceName| waits_for_a_person(name, target, diff);
    let one = |(name, service): (&ServiceName, &ServiceDiff<'_>)| {
        let rolls = service.slots.iter().any(|slot| is_rolled(&slot.verdict));
        ServiceChange {
            service: name.clone(),
            how: match rollouts.get(name).filter(|_| rolls) {
                Some(rollout) => {
                    let is_job = target.services.get(name).is_some_and(|service| service.job.is_some());
                    how(rollout, is_job)
                }
                None => String::new(),
            },
            fields: service.fields.iter().map(FieldChange::from).collect(),
            slots: service.slots.iter().map(|slot| self::slot(slot, stopped)).collect(),
        }
    };
    diff.services.iter().map(one).collect()
}

/// Whether a replica that does its work is touched, so that it matters how many at once.
pub(super) fn is_rolled(verdict: &Verdict<'_>) -> bool {
    match verdict {
        Verdict::Replace { .. } | Verdict::Move { .. } | Verdict::Update { .. } | Verdict::Run { .. } => true,
        Verdict::Restore { .. } => true,
        Verdict::Keep
        | Verdict::Create { .. }
        | Verdict::Start { .. }
        | Verdict::Remove { .. }
        | Verdict::Doubled
        | Verdict::Unknown
        | Verdict::Unplaced
        | Verdict::Waits { .. } => false,
    }
}

/// Whether what is not done of a service waits for a person, and not for other services.
fn waits_for_a_person(name: &ServiceName, target: &Target, diff: &Diff<'_>) -> bool {
    target.has_stopped(name) || diff.canaries.contains(name)
}

fn slot(diff: &SlotDiff<'_>, stopped: impl Fn(&ServiceName) -> bool) -> SlotChange {
    let action = match action(&diff.verdict) {
        Action::Wait if stopped(&diff.slot.service) => Action::Hold,
        action => action,
    };
    SlotChange {
        slot: diff.slot.clone(),
        action,
        host: diff.host.clone(),
        from: diff.from.clone(),
        fields: diff.fields.iter().map(FieldChange::from).collect(),
        why: diff.why.clone(),
        state: diff.state.clone(),
    }
}

fn action(verdict: &Verdict<'_>) -> Action {
    match verdict {
        Verdict::Keep => Action::Keep,
        Verdict::Create { .. } => Action::Create,
        Verdict::Update { .. } => Action::Update,
        Verdict::Start { .. } => Action::Start,
        Verdict::Replace { .. } | Verdict::Restore { .. } => Action::Replace,
        Verdict::Move { .. } => Action::Move,
        Verdict::Run { .. } => Action::Run,
        Verdict::Remove { .. } | Verdict::Doubled => Action::Remove,
        Verdict::Unknown => Action::Unknown,
        Verdict::Unplaced => Action::Unplaced,
        Verdict::Waits { .. } => Action::Wait,
    }
}

impl From<&Difference> for FieldChange {
    fn from(difference: &Difference) -> Self {
        let Difference { field, key, old, new } = difference;
        Self {
            field: (*field).to_owned(),
            key: key.clone(),
            old: old.clone(),
            new: new.clone(),
        }
    }
}

/// That an apply did not come to its end.
fn interrupted(record: &JournalRecord) -> Option<Note> {
    match record.end {
        JournalEnd::Begun | JournalEnd::Failed | JournalEnd::Interrupted => Some(Note::Interrupted {
            by: record.by.clone(),
            at: record.at.clone(),
            end: record.end,
            done: record.done,
            steps: record.steps,
        }),
        JournalEnd::Done | JournalEnd::RolledBack | JournalEnd::Paused | JournalEnd::Waiting => None,
    }
}

pub(super) fn notes(input: Input<'_>) -> Vec<Note> {
    let Input {
        placement,
        observed,
        diff,
        target,
        ..
    } = input;
    let mut notes = Vec::new();
    notes.extend(newest_record(observed).and_then(interrupted));
    for (host, answer) in &placement.hosts {
        match answer {
            HostAnswer::Answers | HostAnswer::Down => {}
            HostAnswer::Gone(silent) => notes.push(Note::Refused(gone(host, silent.as_deref(), placement))),
            HostAnswer::Silent(why) => notes.push(Note::Unreachable {
                host: host.clone(),
                why: why.clone(),
                holds: placement.held.get(host).cloned().unwrap_or_default(),
                fails_over: fails_over(host, placement, target),
            }),
        }
    }
    let slots = diff.services.values().flat_map(|service| &service.slots);
    for slot in slots.filter(|slot| slot.verdict == Verdict::Unplaced) {
        notes.push(Note::Unplaced {
            slot: slot.slot.clone(),
            why: slot.why.to_string(),
        });
    }
    let mut seen = observed.hosts.values().filter_map(ObservedHost::state);
    if seen.any(|state| state.containers.iter().any(|container| container.masked)) {
        let words =
            "the observation is masked: whether secrets in variables, labels or commands differ cannot be seen in it";
        notes.push(Note::Text(words.to_owned()));
    }
    for (name, service) in &diff.services {
        let mut waiting = service.slots.iter().filter(|slot| match slot.verdict {
            Verdict::Waits { .. } => true,
            Verdict::Keep
            | Verdict::Create { .. }
            | Verdict::Update { .. }
            | Verdict::Start { .. }
            | Verdict::Replace { .. }
            | Verdict::Move { .. }
            | Verdict::Run { .. }
            | Verdict::Restore { .. }
            | Verdict::Remove { .. }
            | Verdict::Doubled
            | Verdict::Unknown
            | Verdict::Unplaced => false,
        });
        if let Some(slot) = waiting.next() {
            if let Some(halted) = target.halted.get(name) {
                let (service, halted) = (name.clone(), halted.clone());
                notes.push(Note::Halted { service, halted });
            }
            if waits_for_a_person(name, target, diff) {
                continue;
            }
            let (service, why) = (name.clone(), slot.why.to_string());
            notes.push(Note::Waits { service, why });
        }
    }
    notes.extend(unchecked(input).into_iter().map(Note::Text));
    notes.extend(placement.notes.iter().cloned().map(Note::Text));
    notes.extend(placement.denied.iter().map(|Denial { why, cure }| {
        let (kind, why, cure) = (GuardKind::Asked, why.clone(), cure.clone());
        Note::Refused(Guard { kind, why, cure })
    }));
    notes.extend(without_effect(input));
    notes.extend(network::notes(input));
    notes
}

/// How many of the replicas that a silent host holds would be made elsewhere, if a person said so.
fn fails_over(host: &HostName, placement: &Placement, target: &Target) -> usize {
    let held = placement.held.get(host).into_iter().flatten();
    let free = held.filter(|slot| {
        let service = target.services.get(&slot.service);
        let free = service.is_some_and(|service| !service.stateful && service.job.is_none());
        let wanted = placement
            .slots
            .get(*slot)
            .is_some_and(|placed| *placed.reason == Reason::Held);
        free && wanted && placement.counts.contains_key(&slot.service)
    });
    free.count()
}

/// A host that is gone from hosts.yaml but holds replicas.
fn gone(host: &HostName, silent: Option<&str>, placement: &Placement) -> Guard {
    let holds: Vec<String> = placement
        .held
        .get(host)
        .into_iter()
        .flatten()
        .map(Slot::to_string)
        .collect();
    let holds = holds.join(", ");
    let why = match silent {
        None => format!("{host} is gone from hosts.yaml, but holds {holds}"),
        Some(why) => {
            format!("{host} is gone from hosts.yaml and does not answer ({why}), but by the journal it holds {holds}")
        }
    };
    let cure =
        format!("put it back with `state: drain`, apply, and then remove it; or give it up with --forget {host}");
    let kind = GuardKind::Gone;
    Guard { kind, why, cure }
}

/// Where every replica will stand: those placed, those that stay though they fit nowhere, and those that are not wanted but
/// on a host that does not answer.
pub(super) fn placement(input: Input<'_>) -> BTreeMap<Slot, PlacedSlot> {
    let Input { placement, diff, .. } = input;
    let placed = placement.slots.iter().map(|(slot, assignment)| {
        let (host, ports) = (assignment.host.clone(), assignment.ports.clone());
        (slot.clone(), PlacedSlot { host, ports })
    });
    let mut all: BTreeMap<Slot, PlacedSlot> = placed.collect();
    for (slot, refusal) in &placement.unplaced {
        if let Some(stays) = &refusal.stays {
            all.entry(slot.clone()).or_insert_with(|| stays.clone());
        }
    }
    for (host, slots) in &placement.held {
        for slot in slots {
            let placed = || PlacedSlot {
                host: host.clone(),
                ports: Vec::new(),
            };
            all.entry(slot.clone()).or_insert_with(placed);
        }
    }
    if diff.narrowed {
        leave_out(&mut all, input);
    }
    for slot in diff.services.values().flat_map(|service| &service.slots) {
        if let Verdict::Replace { spec, .. } = &slot.verdict
            && let Some(placed) = all.get_mut(&slot.slot)
        {
            placed.ports = spec.ports().cloned().collect();
        }
        if let Verdict::Restore { old, .. } = &slot.verdict
            && let Some(placed) = all.get_mut(&slot.slot)
        {
            placed.ports = old.ports.into_iter().flatten().cloned().collect();
        }
        if let Verdict::Waits { stands } = slot.verdict {
            all.remove(&slot.slot);
            // Its ports are read from its container again.
            let ports = Vec::new();
            let placed = slot.host.clone().map(|host| PlacedSlot { host, ports });
            all.extend(placed.filter(|_| stands).map(|placed| (slot.slot.clone(), placed)));
        }
    }
    all
}

/// What is left out of this plan stands where it stood.
fn leave_out(all: &mut BTreeMap<Slot, PlacedSlot>, input: Input<'_>) {
    let slots = input.diff.services.values().flat_map(|service| &service.slots);
    let planned: BTreeSet<&Slot> = slots.map(|slot| &slot.slot).collect();
    let record = newest_record(input.observed);
    all.retain(|slot, placed| {
        if planned.contains(slot) {
            return true;
        }
        let standings = input.standing.of(slot);
        let recorded = record.and_then(|record| record.placement.get(slot));
        if let (None, Some(one)) = (standings.iter().find(|one| *one.host == placed.host), standings.first()) {
            placed.host = one.host.clone();
            // They are read from its container again.
            placed.ports = Vec::new();
        } else if let (true, Some(recorded)) = (standings.is_empty(), recorded) {
            *placed = recorded.clone();
            let renamed = input.placement.renamed.get(&placed.host).cloned();
            placed.host = renamed.unwrap_or_else(|| placed.host.clone());
        }
        !standings.is_empty() || recorded.is_some()
    });
}

pub(super) fn digests(target: &Target, observed: &Observed) -> BTreeMap<String, Digest> {
    let images = target.services.values().map(|service| service.image.to_string());
    let digests = images.filter_map(|image| {
        let digest = observed.images.get(&image)?.digest()?.clone();
        Some((image, digest))
    });
    digests.collect()
}

/// What later applies must know: the hosts, and what images stood for in earlier versions.
pub(super) fn memory(input: Input<'_>, files: BTreeSet<String>, rollouts: &[Rollout]) -> Memory {
    let Input { target, observed, .. } = input;
    let versions = versions(target, observed, &files);
    let halted = newest_record(observed).into_iter().flat_map(|last| &last.memory.halted);
    // What is begun anew is judged anew; what a person takes up stands as it did until that has ended.
    let halted = halted.filter(|(name, _)| {
        let begins = rollouts.iter().any(|rollout| rollout.service == **name);
        let stands = target.halted.contains_key(*name) || target.taken_up.contains(*name);
        target.services.contains_key(*name) && (stands || !begins)
    });
    let aborted = target.aborted.iter().map(|(name, halted)| {
        let how = Halt::RolledBack;
        let halted = Halted { how, ..halted.clone() };
        (name.clone(), halted)
    });
    let halted = halted.map(|(name, halted)| (name.clone(), halted.clone()));
    Memory {
        halted: halted.chain(aborted).collect(),
        platforms: platforms(target, observed, &versions),
        versions,
        files,
        partial: input.diff.narrowed,
        ..input.placement.memory.clone()
    }
}

/// The platforms of the images in use, as far as they are known, and of those of earlier versions.
fn platforms(
    target: &Target,
    observed: &Observed,
    versions: &[EarlierVersion],
) -> BTreeMap<Digest, BTreeSet<Platform>> {
    let now = digests(target, observed);
    let earlier = versions.iter().flat_map(|version| version.digests.values());
    let used: BTreeSet<&Digest> = now.values().chain(earlier).collect();
    let recorded = newest_record(observed)
        .into_iter()
        .flat_map(|last| &last.memory.platforms);
    let told = now
        .iter()
        .filter_map(|(image, digest)| Some((digest, observed.platforms.get(image)?)));
    let all = recorded.filter(|(digest, _)| used.contains(digest)).chain(told);
    all.map(|(digest, platforms)| (digest.clone(), platforms.clone()))
        .collect()
}

/// The earlier versions, the newest first; each says only what the next newer one does not.
fn versions(target: &Target, observed: &Observed, files: &BTreeSet<String>) -> Vec<EarlierVersion> {
    let Some(last) = newest_record(observed) else {
        return Vec::new();
    };
    let now = digests(target, observed);
    let gone = last
        .digests
        .iter()
        .filter(|(image, digest)| now.get(*image) != Some(digest));
    let gone: BTreeMap<String, Digest> = gone.map(|(image, digest)| (image.clone(), digest.clone())).collect();
    let old_files = last.memory.files.difference(files).cloned();
    let mut versions = last.memory.versions.clone();
    if last.revision == target.revision.commit {
        if let Some(newest) = versions.first_mut() {
            for (image, digest) in gone {
                newest.digests.entry(image).or_insert(digest);
            }
            newest.files.extend(old_files);
        }
    } else {
        let revision = last.revision.clone();
        versions.insert(
            0,
            EarlierVersion {
                revision,
                digests: gone,
                files: old_files.collect(),
            },
        );
    }
    versions.truncate(JOURNAL_VERSIONS.max(target.keep));
    versions
}
