//! A job's run: waits for its end, and knows which runs are left as they are when the rest of their replica is taken back.

use tokio::time::Instant;

use crate::execute::board::{Cause, Verdict};
use crate::execute::gate::Looker;
use crate::execute::outcome::{Event, StepEnd};
use crate::execute::run::{Failure, Run};
use crate::execute::stop::Urgency;
use crate::host::Host;
use crate::model::container::ContainerState;
use crate::model::name::Slot;
use crate::model::op::{GateOp, Op};
use crate::model::order::JobVersion;
use crate::model::unit::Span;
use crate::plan::rollout::Unit;
use crate::plan::step::{Step, StepId};

impl Run<'_> {
    /// Until a job's container has ended with code 0. A signal ends the wait and not the job: the next apply waits for it.
    pub(super) async fn completed(&self, host: &dyn Host, name: &str, timeout: Option<Span>) -> Result<(), Failure> {
        let result = self.end_of(host, name, timeout).await;
        let left = match &result {
            Ok(()) | Err(End::Overdue(_)) => false,
            Err(End::Ended(_) | End::Unknown(_)) => true,
        };
        if left {
            let key = (host.name().clone(), name.to_owned());
            self.left.borrow_mut().insert(key);
        }
        result.map_err(|end| match end {
            End::Overdue(failure) | End::Ended(failure) | End::Unknown(failure) => failure,
        })
    }

    async fn end_of(&self, host: &dyn Host, name: &str, timeout: Option<Span>) -> Result<(), End> {
        let deadline = timeout.map(|timeout| (timeout, Instant::now() + timeout.0));
        let mut looker = Looker::new(host, name);
        loop {
            match looker
                .look()
                .await
                .map_err(End::Unknown)?
                .map(|container| container.state)
            {
                Some(ContainerState::Exited { code: 0 }) => return Ok(()),
                Some(ContainerState::Exited { code }) => {
                    return Err(End::Ended(Failure::replica(format!("{name} exited with code {code}"))));
                }
                Some(ContainerState::Dead) => return Err(End::Ended(Failure::replica(format!("{name} is dead")))),
                Some(
                    ContainerState::Created
                    | ContainerState::Running { .. }
                    | ContainerState::Restarting
                    | ContainerState::Paused,
                )
                | None => {}
            }
            if let Some((timeout, at)) = deadline
                && Instant::now() >= at
            {
                let error = format!("{name} has not ended within {timeout}");
                return Err(End::Overdue(Failure::replica(error)));
            }
            tokio::select! {
                biased;
                () = self.stop.reached(Urgency::Finish) => return Err(End::Unknown(Failure {
                    cause: Cause::Stop,
                    error: format!("{name} runs on"),
                    logs: Vec::new(),
                })),
                () = looker.rest(deadline.map(|(_, at)| at)) => {}
            }
        }
    }

    /// Ends a wait that a signal cut short.
    pub(super) fn leave(&self, id: StepId) -> Verdict {
        self.board.settle(id, Verdict::Not(Cause::Stop), StepEnd::Skipped);
        self.emit(Event::Left(id));
        Verdict::Not(Cause::Stop)
    }

    /// Whether a unit is a job's run that ended by itself, so that its container can be looked at, or that may still run.
    pub(super) fn is_left(&self, unit: &Unit) -> bool {
        let mut steps = unit.steps.iter().filter_map(|id| self.plan.step(*id));
        let left = self.left.borrow();
        let Some((step, name)) = steps.find_map(|step| Some((step, run_of(step)?.0))) else {
            return false;
        };
        let unanswered = |id: &StepId| self.board.verdict(*id) == Some(Verdict::Not(Cause::Host));
        left.contains(&(step.host.clone(), name.to_owned())) || unit.steps.iter().any(unanswered)
    }

    /// Whether this replica of a job may still run.
    pub(super) fn may_run(&self, slot: &Slot) -> bool {
        let mut steps = self.plan.steps.iter().filter(|step| step.slot.as_ref() == Some(slot));
        steps.any(|step| match (run_of(step), self.board.verdict(step.id)) {
            (Some(_), Some(Verdict::Not(Cause::Stop | Cause::Host)) | None) => self.board.is_tried(step.id),
            (Some(_), Some(Verdict::Done | Verdict::Not(Cause::Replica | Cause::Moved))) | (None, _) => false,
        })
    }
}

/// How a wait for a job's end came to nothing.
enum End {
    /// The deadline passed.
    Overdue(Failure),
    /// The job ended, and not well.
    Ended(Failure),
    /// Nobody knows: its host does not answer, or nobody waits any more.
    Unknown(Failure),
}

/// The container and the version of the job whose end a step waits for.
pub(super) fn run_of(step: &Step) -> Option<(&str, &JobVersion)> {
    match &step.op {
        Op::Gate(GateOp::Completed { name, version, .. }) => Some((name, version)),
        Op::Gate(GateOp::Up { .. } | GateOp::Stays { .. })
        | Op::Image(_)
        | Op::Volume(_)
        | Op::File(_)
        | Op::Network(_)
        | Op::Firewall(_)
        | Op::Address(_)
        | Op::Container(_) => None,
    }
}
