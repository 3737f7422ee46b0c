//! Values whose names say that they are secret are masked, wherever they stand. What is shown or saved passes through here.

use std::sync::Arc;

use crate::model::container::ContainerSpec;
use crate::model::gate::Gate;
use crate::model::host::ObservedHost;
use crate::model::op::{ContainerOp, FileOp, GateOp, Op};
use crate::model::secret::masked_words;
use crate::observe::Observed;
use crate::plan::step::Plan;

/// The plan with its secrets masked. A secret that changes still shows: in its container's fingerprint.
#[must_use]
pub fn plan(plan: &Plan) -> Plan {
    let mut plan = plan.clone();
    for step in &mut plan.steps {
        op(&mut step.op);
        step.undo.iter_mut().for_each(op);
    }
    plan
}

/// What was seen, with its secrets masked; containers that had some say so, and are compared without them.
#[must_use]
pub fn observed(mut observed: Observed) -> Observed {
    for state in observed.hosts.values_mut().filter_map(ObservedHost::state_mut) {
        for container in &mut state.containers {
            if let Some(spec) = &mut container.spec {
                let masked = spec.as_ref().clone().masked();
                container.masked |= masked != **spec;
                **spec = masked;
            }
        }
        for facts in state.images.values_mut() {
            facts.defaults = Arc::unwrap_or_clone(std::mem::take(&mut facts.defaults))
                .masked()
                .into();
        }
    }
    observed
}

fn op(op: &mut Op) {
    match op {
        Op::Container(ContainerOp::Create { spec: wanted, .. }) => {
            *wanted = Arc::new(wanted.changed(ContainerSpec::mask))
        }
        Op::Gate(GateOp::Up { gate: Some(gate), .. }) => {
            if let Gate::Exec { command } = Arc::make_mut(gate) {
                *command = masked_words(command);
            }
        }
        Op::File(FileOp::Write(write)) => write.blob = Arc::new(write.blob.masked()),
        Op::Container(
            ContainerOp::Start { .. }
            | ContainerOp::Stop { .. }
            | ContainerOp::Rename { .. }
            | ContainerOp::Update { .. }
            | ContainerOp::Signal { .. }
            | ContainerOp::Remove { .. },
        )
        | Op::File(FileOp::Remove { .. })
        | Op::Image(_)
        | Op::Volume(_)
        | Op::Network(_)
        | Op::Firewall(_)
        | Op::Address(_)
        | Op::Gate(GateOp::Up { .. } | GateOp::Stays { .. } | GateOp::Completed { .. }) => {}
    }
}
