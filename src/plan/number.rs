//! Numbers a plan's steps so that each comes after all that it waits for, anew where some are left out. No steps are made here.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use crate::plan::rollout::{Rollout, Unit};
use crate::plan::step::{Plan, Step, StepId};

/// Numbers the steps so that each comes after all that it waits for, and otherwise as they were made.
pub(super) fn renumber(steps: &mut [Step], rollouts: &mut [Rollout]) {
    let waits_for_later = |step: &Step| step.after.iter().chain(&step.settled).any(|other| *other >= step.id);
    if steps.iter().any(waits_for_later) {
        reorder(steps, rollouts);
    }
    for step in steps {
        step.after.sort();
        step.settled.sort();
    }
}

fn reorder(steps: &mut [Step], rollouts: &mut [Rollout]) {
    let at = |id: StepId| usize::try_from(id.0).unwrap_or(usize::MAX);
    let mut waits: Vec<usize> = vec![0; steps.len()];
    let mut next: Vec<Vec<u32>> = vec![Vec::new(); steps.len()];
    for (step, waits) in steps.iter().zip(&mut waits) {
        let mut before: Vec<StepId> = step.after.iter().chain(&step.settled).copied().collect();
        before.sort();
        before.dedup();
        *waits = before.len();
        for other in before {
            if let Some(next) = next.get_mut(at(other)) {
                next.push(step.id.0);
            }
        }
    }
    let ready = steps.iter().zip(&waits).filter(|(_, waits)| **waits == 0);
    let mut ready: BinaryHeap<Reverse<StepId>> = ready.map(|(step, _)| Reverse(step.id)).collect();
    let mut number: Vec<u32> = vec![0; steps.len()];
    let mut count = 0;
    while let Some(Reverse(id)) = ready.pop() {
        if let Some(number) = number.get_mut(at(id)) {
            *number = count;
            count += 1;
        }
        for other in next.get(at(id)).into_iter().flatten().map(|other| StepId(*other)) {
            if let Some(waits) = waits.get_mut(at(other)) {
                *waits -= 1;
                if *waits == 0 {
                    ready.push(Reverse(other));
                }
            }
        }
    }
    let renamed = |id: StepId| number.get(at(id)).copied().map(StepId);
    rename(steps, rollouts, renamed);
    steps.sort_by_key(|step| step.id);
}

/// A plan's work without some of its steps, numbered anew: as if whatever they do had been there.
pub fn without(plan: &Plan, gone: impl Fn(&Step) -> bool) -> (Vec<Step>, Vec<Rollout>) {
    let mut steps: Vec<Step> = plan.steps.iter().filter(|step| !gone(step)).cloned().collect();
    let mut rollouts = plan.rollouts.clone();
    let numbers: BTreeMap<StepId, StepId> = steps.iter().map(|step| step.id).zip((0..).map(StepId)).collect();
    rename(&mut steps, &mut rollouts, |id| numbers.get(&id).copied());
    (steps, rollouts)
}

/// Gives every step its new number, wherever it is named; one that has none is named nowhere any more.
fn rename(steps: &mut [Step], rollouts: &mut [Rollout], number: impl Fn(StepId) -> Option<StepId>) {
    let renamed = |id: &mut StepId| number(*id).map(|new| *id = new).is_some();
    for step in steps {
        renamed(&mut step.id);
        step.after.retain(renamed);
        step.settled.retain_mut(renamed);
    }
    for rollout in rollouts {
        let Rollout {
            service: _,
            parallelism: _,
            delay: _,
            units,
            cleanup,
            stops,
            canary: _,
            on_failure: _,
        } = rollout;
        stops.retain_mut(renamed);
        cleanup.retain_mut(renamed);
        for Unit {
            slot: _,
            steps,
            watch,
            resumes,
            zone: _,
        } in units
        {
            steps.retain(renamed);
            *watch = watch.and_then(&number);
            *resumes = resumes.and_then(&number);
        }
    }
}
