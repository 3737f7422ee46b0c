//! What a record of the journal says of an apply: what it means to do, and in short what it did. Where it is written is `journal`'s.

use std::collections::{BTreeMap, BTreeSet};

use crate::execute::Options;
use crate::execute::outcome::{Outcome, StepEnd};
use crate::model::journal::{Account, Changed, JOURNAL_VERSION, JournalEnd, JournalRecord};
use crate::model::name::{ServiceName, Slot};
use crate::plan::step::{Action, FieldChange, Plan, ServiceChange};

/// So many failures are told.
const FAILURES: usize = 8;
/// In so many characters each: what containers say of themselves stays on the terminal.
const FAILURE: usize = 200;

/// An apply that is about to begin.
pub(super) fn begun(plan: &Plan, options: &Options) -> JournalRecord {
    let at = (options.at)();
    JournalRecord {
        version: JOURNAL_VERSION,
        sequence: plan.sequence,
        at: at.clone(),
        by: options.by.clone(),
        revision: plan.revision.commit.clone(),
        steps: plan.steps.len(),
        done: 0,
        end: JournalEnd::Begun,
        placement: plan.placement.clone(),
        digests: plan.digests.clone(),
        committed_at: plan.revision.committed_at,
        memory: plan.memory.clone(),
        jobs: plan.jobs.clone(),
        depends_on: plan.depends_on.clone(),
        account: Account {
            run: options.run.clone(),
            environment: plan.revision.environment.clone(),
            build: options.build.clone(),
            began: Some(at),
            ..Account::default()
        },
    }
}

/// What was done to each service, but for the slots that were missed.
pub(super) fn changes(plan: &Plan, missed: &BTreeSet<&Slot>) -> BTreeMap<ServiceName, Changed> {
    let all = plan
        .services
        .iter()
        .map(|change| (change.service.clone(), changed(change, missed)));
    all.filter(|(_, changed)| *changed != Changed::default()).collect()
}

fn changed(change: &ServiceChange, missed: &BTreeSet<&Slot>) -> Changed {
    let mut changed = Changed::default();
    for slot in &change.slots {
        let (is_missed, counts) = (missed.contains(&slot.slot), &mut changed);
        let number = match slot.action {
            Action::Keep | Action::Unknown | Action::Unplaced | Action::Wait | Action::Hold => continue,
            Action::Create => &mut counts.created,
            Action::Update => &mut counts.updated,
            Action::Start => &mut counts.started,
            Action::Replace => &mut counts.replaced,
            Action::Move => &mut counts.moved,
            Action::Run => &mut counts.ran,
            Action::Remove => &mut counts.removed,
        };
        match is_missed {
            true => changed.missed += 1,
            false => *number += 1,
        }
    }
    let fields = || {
        change
            .fields
            .iter()
            .chain(change.slots.iter().flat_map(|slot| &slot.fields))
    };
    let image = |field: &&FieldChange| field.field == "image" && field.key.is_none();
    if let (true, Some(image)) = (changed != Changed::default(), fields().find(image)) {
        (changed.from, changed.to) = (image.old.clone(), image.new.clone());
    }
    changed
}

/// What failed, in a line each.
pub(super) fn failures(plan: &Plan, outcome: &Outcome) -> Vec<String> {
    let failed = outcome.steps.iter().filter_map(|(id, end)| match end {
        StepEnd::Failed(error) => Some((plan.step(*id)?, error)),
        StepEnd::Done | StepEnd::Undone | StepEnd::Skipped => None,
    });
    let told = failed.map(|(step, error)| {
        let what = step
            .slot
            .as_ref()
            .map_or_else(|| step.op.to_string(), ToString::to_string);
        let error: String = error.lines().next().unwrap_or_default().chars().take(FAILURE).collect();
        format!("{what} on {}: {error}", step.host)
    });
    told.take(FAILURES).collect()
}
