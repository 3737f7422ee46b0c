//! How far each step of the plan is, so that others can wait for it. Nothing is done here.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};

use tokio::sync::watch;

use crate::execute::outcome::StepEnd;
use crate::model::name::Slot;
use crate::plan::step::{Plan, StepId};

/// Why a step was not done, which decides what stops with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// The replica or its image is at fault: its rollout stops.
    Replica,
    /// The host is not as it was when the plan was made: the rollout stops, and no version is to blame.
    Moved,
    /// The host is at fault: other hosts go on.
    Host,
    /// A signal came.
    Stop,
}

/// What a step's end means to those that wait for it. It stands even where the step is taken back later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It succeeded.
    Done,
    /// It did not.
    Not(Cause),
}

struct Entry {
    verdict: watch::Sender<Option<Verdict>>,
    end: RefCell<Option<StepEnd>>,
    begun: Cell<bool>,
    tried: Cell<bool>,
    refused: Cell<bool>,
}

/// The state of every step.
pub(super) struct Board {
    entries: BTreeMap<StepId, Entry>,
    unsure: RefCell<BTreeSet<Slot>>,
}

impl Board {
    pub(super) fn new(plan: &Plan) -> Self {
        let entry = || Entry {
            verdict: watch::Sender::new(None),
            end: RefCell::new(None),
            begun: Cell::new(false),
            tried: Cell::new(false),
            refused: Cell::new(false),
        };
        Self {
            entries: plan.steps.iter().map(|step| (step.id, entry())).collect(),
            unsure: RefCell::default(),
        }
    }

    /// Notes how a step ended. The first word stands.
    pub(super) fn settle(&self, id: StepId, verdict: Verdict, end: StepEnd) {
        if let Some(entry) = self.entries.get(&id)
            && entry.verdict.borrow().is_none()
        {
            entry.end.replace(Some(end));
            entry.verdict.send_replace(Some(verdict));
        }
    }

    /// Notes another end for a step that was taken back, or could not be.
    pub(super) fn amend(&self, id: StepId, end: StepEnd) {
        if let Some(entry) = self.entries.get(&id) {
            entry.end.replace(Some(end));
        }
    }

    /// What a step came to; none while it has not ended. A step that the plan does not have never succeeds.
    pub(super) fn verdict(&self, id: StepId) -> Option<Verdict> {
        match self.entries.get(&id) {
            Some(entry) => *entry.verdict.borrow(),
            None => Some(Verdict::Not(Cause::Replica)),
        }
    }

    /// Waits for a step's end.
    pub(super) async fn ended(&self, id: StepId) -> Verdict {
        if let Some(entry) = self.entries.get(&id) {
            // The sender lives as long as `self`, so this ends only when there is a verdict.
            let _ = entry.verdict.subscribe().wait_for(Option::is_some).await;
        }
        self.verdict(id).unwrap_or(Verdict::Not(Cause::Replica))
    }

    pub(super) fn begin(&self, id: StepId) {
        if let Some(entry) = self.entries.get(&id) {
            entry.begun.set(true);
        }
    }

    /// Notes that the host may have done something of this step, so that there may be something to take back.
    pub(super) fn set_tried(&self, id: StepId) {
        if let Some(entry) = self.entries.get(&id) {
            entry.tried.set(true);
        }
    }

    pub(super) fn is_tried(&self, id: StepId) -> bool {
        self.entries.get(&id).is_some_and(|entry| entry.tried.get())
    }

    /// Notes that the host said no to this step, and so did nothing of it.
    pub(super) fn set_refused(&self, id: StepId) {
        if let Some(entry) = self.entries.get(&id) {
            entry.refused.set(true);
        }
    }

    pub(super) fn is_refused(&self, id: StepId) -> bool {
        self.entries.get(&id).is_some_and(|entry| entry.refused.get())
    }

    /// Notes a slot of which nobody knows what its host holds now.
    pub(super) fn doubt(&self, slot: &Slot) {
        self.unsure.borrow_mut().insert(slot.clone());
    }

    /// Notes that a slot's way back is gone: what its host holds is known as far as that succeeds.
    pub(super) fn trust(&self, slot: &Slot) {
        self.unsure.borrow_mut().remove(slot);
    }

    pub(super) fn is_unsure(&self, slot: &Slot) -> bool {
        self.unsure.borrow().contains(slot)
    }

    /// How a step ended; of one that is under way, that it was cut off.
    pub(super) fn end(&self, id: StepId) -> StepEnd {
        let Some(entry) = self.entries.get(&id) else {
            return StepEnd::Skipped;
        };
        match &*entry.end.borrow() {
            Some(end) => end.clone(),
            None if entry.begun.get() => {
                StepEnd::Failed("cut off by a second signal: whether it was done is not known".to_owned())
            }
            None => StepEnd::Skipped,
        }
    }

    /// How many steps are done so far.
    pub(super) fn done(&self) -> usize {
        let is_done = |entry: &&Entry| matches!(&*entry.end.borrow(), Some(StepEnd::Done));
        self.entries.values().filter(is_done).count()
    }

    /// How every step ended.
    pub(super) fn ends(&self) -> BTreeMap<StepId, StepEnd> {
        self.entries.keys().map(|id| (*id, self.end(*id))).collect()
    }
}
