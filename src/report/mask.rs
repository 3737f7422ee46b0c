//! Values whose names say that they are secret are masked, wherever they stand. What is shown or saved passes through here.

use std::sync::Arc;

use crate::model::container::ContainerSpec;
use crate::model::op::{ContainerOp, Op};
use crate::model::secret::{MASK, is_secret_name, masked_words};
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

/// A saved plan with the secrets back in each step that is `fresh`'s own but for its masks.
#[must_use]
pub fn unmask(mut saved: Plan, fresh: &Plan) -> Plan {
    for (saved, (masked, fresh)) in saved.steps.iter_mut().zip(plan(fresh).steps.iter().zip(&fresh.steps)) {
        if saved == masked {
            saved.clone_from(fresh);
        }
    }
    saved
}

fn op(op: &mut Op) {
    match op {
        Op::Container(ContainerOp::Create { spec: wanted, .. }) => spec(Arc::make_mut(wanted)),
        Op::Container(
            ContainerOp::Start { .. }
            | ContainerOp::Stop { .. }
            | ContainerOp::Rename { .. }
            | ContainerOp::Update { .. }
            | ContainerOp::Remove { .. },
        )
        | Op::Image(_)
        | Op::Volume(_)
        | Op::Network(_)
        | Op::Gate(_) => {}
    }
}

fn spec(spec: &mut ContainerSpec) {
    let maps = [&mut spec.environment, &mut spec.labels, &mut spec.logging.options];
    for (name, value) in maps.into_iter().flatten() {
        if is_secret_name(name) {
            MASK.clone_into(value);
        }
    }
    for line in [&mut spec.command, &mut spec.entrypoint].into_iter().flatten() {
        *line = masked_words(line);
    }
}
