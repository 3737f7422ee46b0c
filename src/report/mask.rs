//! Values whose names say that they are secret are masked, wherever they stand. What is shown or saved passes through here.

use std::sync::Arc;

use crate::model::container::ContainerSpec;
use crate::model::op::{ContainerOp, Op};
use crate::plan::step::Plan;

/// What stands in a secret's place.
pub const MASK: &str = "***";

/// Whether a name says that its value is secret.
pub fn is_secret(name: &str) -> bool {
    let name = name.to_lowercase();
    ["password", "secret", "token", "key"]
        .iter()
        .any(|word| name.contains(word))
}

/// A command's words with `--password=…`, and the word after `--password`, masked.
pub fn words(words: &[String]) -> Vec<String> {
    let mut hide_next = false;
    let masked = words.iter().map(|word| {
        let hidden = std::mem::take(&mut hide_next);
        match word.split_once('=') {
            _ if hidden => MASK.to_owned(),
            Some((name, _)) if is_secret(name) => format!("{name}={MASK}"),
            None if word.starts_with('-') && is_secret(word) => {
                hide_next = true;
                word.clone()
            }
            Some(_) | None => word.clone(),
        }
    });
    masked.collect()
}

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
        | Op::Gate(_) => {}
    }
}

fn spec(spec: &mut ContainerSpec) {
    let maps = [&mut spec.environment, &mut spec.labels, &mut spec.logging.options];
    for (name, value) in maps.into_iter().flatten() {
        if is_secret(name) {
            MASK.clone_into(value);
        }
    }
    for line in [&mut spec.command, &mut spec.entrypoint].into_iter().flatten() {
        *line = words(line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_secrets() {
        assert!(is_secret("DB_PASSWORD") && is_secret("apiKey") && !is_secret("LOG_LEVEL"));
        let line = ["app", "--token", "a", "--db-password=b", "key=c", "on=d"].map(str::to_owned);
        let masked = ["app", "--token", MASK, "--db-password=***", "key=***", "on=d"];
        assert_eq!(words(&line), masked);
        assert_eq!(words(&words(&line)), masked);
    }
}
