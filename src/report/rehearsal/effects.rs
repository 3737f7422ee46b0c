//! What the faults of a rehearsal did, in a few words each.

use std::time::Duration;

use crate::execute::outcome::StepEnd;
use crate::model::fault::Faults;
use crate::model::name::{HostName, Slot};
use crate::report::rehearsal::{Effect, End, Rehearsal, Replica};

/// What each fault did.
pub(super) fn effects(rehearsal: &Rehearsal, replicas: &[Replica]) -> Vec<Effect> {
    let Faults { fails, silences, slows } = &rehearsal.faults;
    let took = rehearsal.outcome.took;
    let on = |host: &HostName| {
        let failed = rehearsal.plan.steps.iter().filter(|step| step.host == *host);
        let ends = failed.filter_map(|step| rehearsal.outcome.steps.get(&step.id));
        ends.filter(|end| matches!(end, StepEnd::Failed(_))).count()
    };
    let late = |at: Duration| at >= took;
    let failed = |slot: &Slot| {
        let replica = replicas.iter().find(|replica| replica.slot == *slot);
        replica.is_some_and(|replica| replica.end == End::Failed)
    };
    let of_fails = fails.iter().map(|fail| {
        let effect = match (late(fail.at.0), failed(&fail.slot)) {
            (_, true) => format!("{} fails", fail.slot),
            (true, false) => "nothing: the apply has ended by then".to_owned(),
            (false, false) => "the apply does not see it".to_owned(),
        };
        (fail.to_string(), effect)
    });
    let of_silences = silences.iter().map(|silence| {
        let effect = match (late(silence.at.0), on(&silence.host)) {
            (true, _) => "nothing: the apply has ended by then".to_owned(),
            (false, 0) => "no step fails; what stands there serves no longer".to_owned(),
            (false, 1) => "1 step fails; what stands there serves no longer".to_owned(),
            (false, steps) => format!("{steps} steps fail; what stands there serves no longer"),
        };
        (silence.to_string(), effect)
    });
    let of_slows = slows.iter().map(|slow| {
        let matching = replicas
            .iter()
            .filter(|replica| slow.pattern.matches(&replica.slot.to_string()));
        let failed = matching.filter(|replica| replica.end == End::Failed).count();
        let effect = match failed {
            0 => "none of these replicas fails".to_owned(),
            1 => "1 of these replicas fails".to_owned(),
            failed => format!("{failed} of these replicas fail"),
        };
        (slow.to_string(), effect)
    });
    let all = of_fails.chain(of_silences).chain(of_slows);
    all.map(|(fault, effect)| Effect { fault, effect }).collect()
}
