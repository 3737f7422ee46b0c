//! What a plan says beside its steps: changes, notes, the placement and the digests for the journal. No steps.

use std::collections::BTreeMap;

use crate::diff::field::Difference;
use crate::diff::{Diff, ServiceDiff, SlotDiff, Verdict};
use crate::model::image::{Digest, Resolution};
use crate::model::journal::{JournalEnd, PlacedSlot};
use crate::model::name::{ServiceName, Slot};
use crate::model::unit::Span;
use crate::observe::Observed;
use crate::place::live::newest_record;
use crate::place::{HostAnswer, Placement};
use crate::plan::Input;
use crate::plan::network;
use crate::plan::step::{Action, FieldChange, Note, Rollout, ServiceChange, SlotChange};
use crate::render::Target;

pub(super) fn services(diff: &Diff<'_>, rollouts: &[Rollout]) -> Vec<ServiceChange> {
    let rollouts: BTreeMap<&ServiceName, &Rollout> = rollouts.iter().map(|one| (&one.service, one)).collect();
    let one = |(name, service): (&ServiceName, &ServiceDiff<'_>)| {
        let rolls = service.slots.iter().any(|slot| is_rolled(&slot.verdict));
        ServiceChange {
            service: name.clone(),
            how: match rollouts.get(name).filter(|_| rolls) {
                Some(rollout) => how(rollout),
                None => String::new(),
            },
            fields: service.fields.iter().map(FieldChange::from).collect(),
            slots: service.slots.iter().map(slot).collect(),
        }
    };
    diff.services.iter().map(one).collect()
}

/// Whether a replica that does its work is touched, so that it matters how many at once.
pub(super) fn is_rolled(verdict: &Verdict<'_>) -> bool {
    match verdict {
        Verdict::Replace { .. } | Verdict::Move { .. } | Verdict::Update { .. } => true,
        Verdict::Keep
        | Verdict::Create { .. }
        | Verdict::Start { .. }
        | Verdict::Remove { .. }
        | Verdict::Doubled
        | Verdict::Unknown
        | Verdict::Unplaced => false,
    }
}

fn how(rollout: &Rollout) -> String {
    if rollout.parallelism == 0 {
        return "all at once".to_owned();
    }
    let apart = if rollout.delay == Span::default() {
        String::new()
    } else {
        format!(", {} apart", rollout.delay)
    };
    format!("rolling, {} at a time{apart}", rollout.parallelism)
}

fn slot(diff: &SlotDiff<'_>) -> SlotChange {
    SlotChange {
        slot: diff.slot.clone(),
        action: action(&diff.verdict),
        host: diff.host.clone(),
        from: diff.from.clone(),
        fields: diff.fields.iter().map(FieldChange::from).collect(),
        why: diff.why.clone(),
    }
}

fn action(verdict: &Verdict<'_>) -> Action {
    match verdict {
        Verdict::Keep => Action::Keep,
        Verdict::Create { .. } => Action::Create,
        Verdict::Update { .. } => Action::Update,
        Verdict::Start { .. } => Action::Start,
        Verdict::Replace { .. } => Action::Replace,
        Verdict::Move { .. } => Action::Move,
        Verdict::Remove { .. } | Verdict::Doubled => Action::Remove,
        Verdict::Unknown => Action::Unknown,
        Verdict::Unplaced => Action::Unplaced,
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

pub(super) fn notes(input: Input<'_>) -> Vec<Note> {
    let Input {
        placement,
        observed,
        diff,
        target: _,
    } = input;
    let mut notes = Vec::new();
    if let Some(record) = newest_record(observed).filter(|record| record.end == JournalEnd::Begun) {
        notes.push(Note::Interrupted { steps: record.steps });
    }
    for (host, answer) in &placement.hosts {
        match answer {
            HostAnswer::Answers | HostAnswer::Down => {}
            HostAnswer::Silent(why) => notes.push(Note::Unreachable {
                host: host.clone(),
                why: why.clone(),
                holds: placement.held.get(host).cloned().unwrap_or_default(),
            }),
        }
    }
    let slots = diff.services.values().flat_map(|service| &service.slots);
    for slot in slots.filter(|slot| slot.verdict == Verdict::Unplaced) {
        notes.push(Note::Unplaced {
            slot: slot.slot.clone(),
            why: slot.why.clone(),
        });
    }
    notes.extend(placement.notes.iter().cloned().map(Note::Text));
    notes.extend(network::notes(input));
    notes
}

/// Where every replica will stand: those placed, those that stay though they fit nowhere, and those that are not wanted but
/// on a host that does not answer.
pub(super) fn placement(placement: &Placement, diff: &Diff<'_>) -> BTreeMap<Slot, PlacedSlot> {
    let mut all: BTreeMap<Slot, PlacedSlot> = BTreeMap::new();
    for (host, slots) in &placement.held {
        let placed = slots.iter().map(|slot| {
            let (host, ports) = (host.clone(), Vec::new());
            (slot.clone(), PlacedSlot { host, ports })
        });
        all.extend(placed);
    }
    for (slot, refusal) in &placement.unplaced {
        if let Some(placed) = &refusal.stays {
            all.insert(slot.clone(), placed.clone());
        }
    }
    for (slot, assignment) in &placement.slots {
        let (host, ports) = (assignment.host.clone(), assignment.ports.clone());
        all.insert(slot.clone(), PlacedSlot { host, ports });
    }
    for slot in diff.services.values().flat_map(|service| &service.slots) {
        if let Verdict::Replace { spec, .. } = &slot.verdict
            && let Some(placed) = all.get_mut(&slot.slot)
        {
            placed.ports = spec.ports.iter().cloned().collect();
        }
    }
    all
}

pub(super) fn digests(target: &Target, observed: &Observed) -> BTreeMap<String, Digest> {
    let images = target.services.values().map(|service| service.image.to_string());
    let digests = images.filter_map(|image| match observed.images.get(&image)? {
        Resolution::Digest(digest) => Some((image, digest.clone())),
        Resolution::Local | Resolution::Unknown(_) => None,
    });
    digests.collect()
}
