//! Takes a failed replica's steps back, last first, by the way back that the plan holds.

use std::collections::BTreeSet;

use crate::execute::board::{Cause, Verdict};
use crate::execute::outcome::{Event, StepEnd};
use crate::execute::run::{Failure, Run};
use crate::host::HostError;
use crate::model::name::HostName;
use crate::model::op::{ContainerOp, Op};
use crate::plan::step::{Step, Unit};

impl Run<'_> {
    /// Takes back what was done or tried of a unit. Where that fails on a host, the rest stays as it is there: each way
    /// back begins where the one before it ended. A job's run that ended by itself, or may still run, is left.
    pub(super) async fn undo(&self, unit: &Unit) {
        if self.is_left(unit) {
            return;
        }
        let mut stuck = BTreeSet::new();
        self.board.trust(&unit.slot);
        let steps = unit.steps.iter().chain(&unit.watch).rev();
        let tried = steps.filter(|id| self.board.is_tried(**id));
        for step in tried.filter_map(|id| self.plan.step(*id)) {
            let back = self.way_back(step);
            let error = self.take_back(step, &back, &mut stuck).await;
            let failed = matches!(self.board.end(step.id), StepEnd::Failed(_));
            match &error {
                Some(error) => {
                    self.board.doubt(&unit.slot);
                    if !failed {
                        let end = StepEnd::Failed(format!("done, and could not be taken back: {error}"));
                        self.board.amend(step.id, end);
                    }
                }
                None if failed => {}
                None => self.board.amend(step.id, StepEnd::Undone),
            }
            if !back.is_empty() {
                self.emit(Event::Undone { step: step.id, error });
            }
        }
    }

    /// Does a step that belongs to no replica. Where the engine refuses it, its way back restores what went before it.
    pub(super) async fn alone(&self, step: &Step) {
        let verdict = self.step(step.id, false).await;
        if verdict == Verdict::Not(Cause::Replica) && self.board.is_refused(step.id) && !step.undo.is_empty() {
            let back: Vec<&Op> = step.undo.iter().collect();
            let error = self.take_back(step, &back, &mut BTreeSet::new()).await;
            self.emit(Event::Undone { step: step.id, error });
        }
    }

    /// What takes a step back. A container that the engine refused to make was not made: what bears its name is another's.
    fn way_back<'s>(&self, step: &'s Step) -> Vec<&'s Op> {
        let made = match &step.op {
            Op::Container(ContainerOp::Create { name, .. }) if self.board.is_refused(step.id) => Some(name),
            Op::Container(_) | Op::Image(_) | Op::Volume(_) | Op::Network(_) | Op::Gate(_) => None,
        };
        let removes = |op: &Op| match op {
            Op::Container(ContainerOp::Remove { name }) => Some(name) == made,
            Op::Container(_) | Op::Image(_) | Op::Volume(_) | Op::Network(_) | Op::Gate(_) => false,
        };
        step.undo.iter().filter(|op| !removes(op)).collect()
    }

    async fn take_back<'s>(&self, step: &'s Step, back: &[&Op], stuck: &mut BTreeSet<&'s HostName>) -> Option<String> {
        if back.is_empty() {
            return None;
        }
        if stuck.contains(&step.host) {
            return Some(format!("not tried, because a later step on {} stays", step.host));
        }
        for op in back {
            if let Err(failure) = self.op_back(step, op).await {
                stuck.insert(&step.host);
                return Some(failure.error);
            }
        }
        None
    }

    async fn op_back(&self, step: &Step, op: &Op) -> Result<(), Failure> {
        let host = self.host(&step.host)?.as_ref();
        let _permits = self.permits(&step.host, op).await;
        let found = |result: Result<(), HostError>| match result {
            Ok(()) | Err(HostError::NotFound(_)) => Ok(()),
            Err(error) => Err(Failure::from(error)),
        };
        match op {
            // What is not there needs no way back.
            Op::Container(ContainerOp::Stop { name }) => found(host.stop(name).await),
            Op::Container(ContainerOp::Remove { name }) => found(host.remove(name).await),
            Op::Container(ContainerOp::Rename { name, to }) => found(host.rename(name, to).await),
            Op::Container(ContainerOp::Start { name }) => found(host.start(name).await),
            Op::Container(ContainerOp::Update { name, limits, restart }) => {
                found(host.update(name, limits, *restart).await)
            }
            Op::Container(ContainerOp::Create { .. }) | Op::Image(_) | Op::Volume(_) | Op::Network(_) | Op::Gate(_) => {
                self.apply(host, op).await
            }
        }
    }
}
