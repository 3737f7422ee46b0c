//! What a replica was before its update does its work again: it is started, and waited for.

use crate::execute::run::Run;
use crate::execute::stop::Urgency;
use crate::model::name::HostName;
use crate::model::op::{ContainerOp, Op};
use crate::model::text::SharedText;
use crate::plan::rollout::{Rollout, Unit};

impl Run<'_> {
    /// Starts what a replica was before again, where all old replicas have stopped at once.
    pub(super) async fn switch_back(&self, rollout: &Rollout, unit: &Unit) {
        for step in rollout.stops.iter().filter_map(|id| self.plan.step(*id)) {
            if step.slot.as_ref() == Some(&unit.slot) && self.board.is_tried(step.id) {
                self.board.ended(step.id).await;
                self.undo_step(step).await;
                // What is new serves until then.
                for name in step.undo.iter().filter_map(started) {
                    self.serves_again(rollout, &step.host, name).await;
                }
            }
        }
    }

    /// Waits until a container that was started again is up, as the service's way back says; whether it is.
    pub(super) async fn serves_again(&self, rollout: &Rollout, host: &HostName, name: &str) -> bool {
        let policy = rollout.on_failure.as_ref().map(|it| it.rollback).unwrap_or_default();
        let Ok(host) = self.host(host) else { return false };
        let up = self.up(host.as_ref(), name, (policy.monitor, policy.timeout), None);
        tokio::select! {
            biased;
            () = self.stop.reached(Urgency::Finish) => false,
            up = up => up.is_ok(),
        }
    }
}

/// The container that an operation starts.
pub(super) fn started(op: &Op) -> Option<&SharedText> {
    match op {
        Op::Container(ContainerOp::Start { name }) => Some(name),
        Op::Container(_)
        | Op::Image(_)
        | Op::Volume(_)
        | Op::File(_)
        | Op::Network(_)
        | Op::Firewall(_)
        | Op::Address(_)
        | Op::Gate(_) => None,
    }
}
