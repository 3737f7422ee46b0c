//! How a service rolls, in words.

use crate::model::policy::{FailureAction, FailureRatio, Strategy};
use crate::model::unit::Span;
use crate::plan::rollout::Rollout;

/// How a service rolls: `rolling, 2 at a time, 10s apart, roll back above 10 % failures`.
pub(super) fn how(rollout: &Rollout, is_job: bool) -> String {
    let canary = rollout.canary.then(|| {
        let (few, name) = (rollout.units.len(), &rollout.service);
        format!("canary of {few}, then `cdk promote {name}` or `cdk abort {name}`")
    });
    if let Some(canary) = canary {
        return format!("{canary}{}", failing(rollout));
    }
    let kind = match (is_job, rollout.on_failure.as_ref().map(|it| it.strategy)) {
        (true, _) => "runs once per version",
        (false, Some(Strategy::BlueGreen)) => "blue-green",
        (false, Some(Strategy::Rolling | Strategy::Canary(_)) | None) => "rolling",
    };
    if is_job && (rollout.parallelism == 0 || rollout.units.len() < 2) {
        return kind.to_owned();
    }
    if rollout.parallelism == 0 {
        let kind = if kind == "rolling" { "all at once" } else { kind };
        return format!("{kind}{}", failing(rollout));
    }
    let apart = if rollout.delay == Span::default() {
        String::new()
    } else {
        format!(", {} apart", rollout.delay)
    };
    format!("{kind}, {} at a time{apart}{}", rollout.parallelism, failing(rollout))
}

/// What failed replicas lead to, unless it is what they always do: to stop at the first.
fn failing(rollout: &Rollout) -> String {
    let Some(on_failure) = rollout.on_failure.as_ref().filter(|it| it.version.is_some()) else {
        return String::new();
    };
    let some = on_failure.max_failure_ratio != FailureRatio::default();
    match (on_failure.action, some) {
        (FailureAction::Pause, false) => String::new(),
        (FailureAction::Pause, true) => format!(", pause above {} failures", on_failure.max_failure_ratio),
        (FailureAction::Rollback, false) => ", roll back at the first failure".to_owned(),
        (FailureAction::Rollback, true) => format!(", roll back above {} failures", on_failure.max_failure_ratio),
        (FailureAction::Continue, _) => ", past failures".to_owned(),
    }
}
