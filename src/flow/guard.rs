//! What apply refuses unless it was said: a pure look at a plan, before anything is touched.

use std::collections::BTreeMap;

use crate::flow::credentials::variables;
use crate::flow::failure::Failure;
use crate::flow::plan::Planned;
use crate::model::op::{ImageOp, Op};
use crate::observe::Observed;
use crate::plan::step::{Action, Plan};

/// What the caller said may be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Allowed {
    /// Uncommitted changes may be applied.
    pub dirty: bool,
    /// More than half of what is there may be removed.
    pub removals: bool,
}

/// Whether apply may go on; `missing` says of each registry without a password why there is none.
///
/// # Errors
/// Uncommitted changes or many removals that nobody allowed; a variable that a label needs and that is not set; a registry's password that a pull needs and nobody has.
pub(super) fn guard(planned: &Planned, missing: &BTreeMap<String, String>, allowed: Allowed) -> Result<(), Failure> {
    let plan = &planned.plan;
    if plan.revision.dirty && !allowed.dirty && !plan.is_empty() {
        return Err(Failure::Guard(
            "the repository has uncommitted changes: commit them, or say --dirty to apply them all the same".into(),
        ));
    }
    let (removed, there) = (removals(plan), containers(&planned.observed));
    if removed * 2 > there && !allowed.removals {
        return Err(Failure::Guard(format!(
            "{removed} of the cluster's {there} containers would be removed: say --allow-removals if that is meant"
        )));
    }
    let (_, unset) = variables(plan);
    if !unset.is_empty() {
        let names: Vec<String> = unset.into_iter().collect();
        return Err(Failure::Guard(format!(
            "a container to be made takes a label from the environment, where {} is not set: set it, if only to nothing",
            names.join(", ")
        )));
    }
    for step in &plan.steps {
        let Op::Image(ImageOp::Pull { image, .. }) = &step.op else {
            continue;
        };
        if let Some(why) = image.registry().and_then(|registry| missing.get(registry)) {
            return Err(Failure::Guard(format!(
                "{image} has to be pulled, but there is no password: {why}"
            )));
        }
    }
    Ok(())
}

fn removals(plan: &Plan) -> usize {
    let slots = plan.services.iter().flat_map(|change| &change.slots);
    slots.filter(|slot| slot.action == Action::Remove).count()
}

fn containers(observed: &Observed) -> usize {
    let hosts = observed.hosts.values().filter_map(|host| host.state());
    hosts.map(|state| state.containers.len()).sum()
}
