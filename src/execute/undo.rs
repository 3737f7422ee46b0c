//! Takes a failed replica's steps back, last first, by the way back that the plan holds.

use std::collections::BTreeSet;

use crate::execute::again::started;
use crate::execute::board::{Cause, Verdict};
use crate::execute::outcome::{Event, StepEnd};
use crate::execute::run::{Failure, Run};
use crate::host::HostError;
use crate::model::name::HostName;
use crate::model::op::{ContainerOp, Op};
use crate::model::text::SharedText;
use crate::plan::rollout::Unit;
use crate::plan::step::Step;

/// What taking a unit back came to.
#[derive(Debug, Default)]
pub(super) struct Undone {
    /// The container that does the replica's work again, where one does.
    pub(super) restored: Option<Restored>,
    /// Why not all could be taken back.
    pub(super) error: Option<String>,
}

/// A container that was started again.
#[derive(Debug)]
pub(super) struct Restored {
    /// Its host.
    pub(super) host: HostName,
    /// Its name there.
    pub(super) name: SharedText,
}

impl Undone {
    /// Notes what an operation of the way back means to the container that is started again.
    fn follow(&mut self, step: &Step, op: &Op) {
        let Op::Container(op) = op else { return };
        match op {
            ContainerOp::Start { name } => {
                let (host, name) = (step.host.clone(), name.clone());
                self.restored = Some(Restored { host, name });
            }
            ContainerOp::Rename { name, to } => {
                let mut restored = self.restored.iter_mut();
                if let Some(one) = restored.find(|one| one.host == step.host && one.name == *name) {
                    one.name = to.clone();
                }
            }
            ContainerOp::Create { .. }
            | ContainerOp::Stop { .. }
            | ContainerOp::Update { .. }
            | ContainerOp::Signal { .. }
            | ContainerOp::Remove { .. } => {}
        }
    }
}

impl Run<'_> {
    /// Takes back what was done or tried of a unit. Where that fails on a host, the rest stays as it is there: each way
    /// back begins where the one before it ended. A job's run that ended by itself, or may still run, is left.
    pub(super) async fn undo(&self, unit: &Unit) -> Undone {
        let mut undone = Undone::default();
        if self.is_left(unit) {
            return undone;
        }
        let mut stuck = BTreeSet::new();
        self.board.trust(&unit.slot);
        let steps = unit.steps.iter().chain(&unit.watch).rev();
        let tried = steps.filter(|id| self.board.is_tried(**id));
        for step in tried.filter_map(|id| self.plan.step(*id)) {
            let back = self.way_back(step);
            let error = self.take_back(step, &back, &mut stuck).await;
            if error.is_some() && back.iter().any(|op| started(op).is_some()) {
                // What did the work before may stand still: what does it now is not taken down.
                stuck.extend(unit.steps.iter().filter_map(|id| Some(&self.plan.step(*id)?.host)));
            }
            match &error {
                Some(_) => self.board.doubt(&unit.slot),
                None => back.iter().for_each(|op| undone.follow(step, op)),
            }
            undone.error = undone.error.or_else(|| error.clone());
            self.amend(step, &back, error);
        }
        undone
    }

    /// Takes back one step that stands alone; whether that went well.
    pub(super) async fn undo_step(&self, step: &Step) -> bool {
        let back: Vec<&Op> = step.undo.iter().collect();
        let error = self.take_back(step, &back, &mut BTreeSet::new()).await;
        let well = error.is_none();
        self.amend(step, &back, error);
        well
    }

    /// Notes and tells how a step was taken back.
    fn amend(&self, step: &Step, back: &[&Op], error: Option<String>) {
        let failed = matches!(self.board.end(step.id), StepEnd::Failed(_));
        match &error {
            Some(_) | None if failed => {}
            Some(error) => {
                let end = StepEnd::Failed(format!("done, and could not be taken back: {error}"));
                self.board.amend(step.id, end);
            }
            None => self.board.amend(step.id, StepEnd::Undone),
        }
        if !back.is_empty() {
            self.emit(Event::Undone { step: step.id, error });
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
            Op::Container(_)
            | Op::Image(_)
            | Op::Volume(_)
            | Op::File(_)
            | Op::Network(_)
            | Op::Firewall(_)
            | Op::Address(_)
            | Op::Gate(_) => None,
        };
        let removes = |op: &Op| match op {
            Op::Container(ContainerOp::Remove { name }) => Some(name) == made,
            Op::Container(_)
            | Op::Image(_)
            | Op::Volume(_)
            | Op::File(_)
            | Op::Network(_)
            | Op::Firewall(_)
            | Op::Address(_)
            | Op::Gate(_) => false,
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
        self.leased(&step.host)?;
        let found = |result: Result<(), HostError>| match result {
            Ok(()) | Err(HostError::NotFound(_)) => Ok(()),
            Err(error) => Err(Failure::from(error)),
        };
        match op {
            // What is not there needs no way back.
            Op::Container(ContainerOp::Stop { name }) => found(host.stop(name).await),
            Op::Container(ContainerOp::Remove { name }) => found(host.remove(name).await),
            Op::Container(ContainerOp::Rename { name, to }) => {
                self.seen.borrow_mut().remove(&(step.host.clone(), to.to_string()));
                found(host.rename(name, to).await)
            }
            Op::Container(ContainerOp::Start { name }) => {
                // Another container had this name, and its restarts are not this one's.
                self.seen.borrow_mut().remove(&(step.host.clone(), name.to_string()));
                found(host.start(name).await)
            }
            Op::Container(ContainerOp::Update { name, limits, restart }) => {
                found(host.update(name, limits, *restart).await)
            }
            Op::Container(ContainerOp::Signal { name, signal }) => found(host.signal(name, signal).await),
            Op::Container(ContainerOp::Create { .. })
            | Op::Image(_)
            | Op::Volume(_)
            | Op::File(_)
            | Op::Network(_)
            | Op::Firewall(_)
            | Op::Address(_)
            | Op::Gate(_) => self.apply(host, op).await,
        }
    }
}
