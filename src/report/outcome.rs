//! How an apply ended, in a sentence or as data.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;

use crate::execute::outcome::{Outcome, ServiceEnd, StepEnd};
use crate::model::name::{ServiceName, Slot};
use crate::plan::step::{Note, Plan, StepId};
use crate::report::json;
use crate::report::style::{Paint, Style};
use crate::report::summary::note;
use crate::report::words::{clean, count, time};

/// The version of the outcome's format that this cdk writes.
pub const OUTCOME_VERSION: u32 = 1;

/// How an apply ended, as data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct OutcomeDocument {
    /// The format's version, [`OUTCOME_VERSION`].
    pub version: u32,
    /// The commit that was applied.
    pub revision: Option<String>,
    /// How many steps the plan had.
    pub steps: usize,
    /// How many were done, and stayed so.
    pub done: usize,
    /// How many were done or tried, and taken back.
    pub undone: usize,
    /// How many were not begun.
    pub skipped: usize,
    /// Those that failed.
    pub failed: Vec<FailedStep>,
    /// How each service's rollout ended.
    pub services: BTreeMap<ServiceName, ServiceEnd>,
    /// Whether a signal cut it short.
    pub interrupted: bool,
    /// How many replicas of each service are not yet as was meant.
    pub unchanged: BTreeMap<ServiceName, usize>,
    /// What could not be done: hosts that don't answer, replicas that fit nowhere.
    pub left: Vec<String>,
    /// From begin to end, in milliseconds.
    pub took_ms: u64,
}

/// A step that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct FailedStep {
    /// Its number in the plan.
    pub step: StepId,
    /// What it is about: the replica, or the operation where it is for none.
    pub what: String,
    /// Its host.
    pub host: String,
    /// What happened.
    pub error: String,
}

/// How the apply of this plan ended. A step that the outcome does not name was not begun.
pub fn document(plan: &Plan, outcome: &Outcome) -> OutcomeDocument {
    let failed = outcome.steps.iter().filter_map(|(&id, end)| match end {
        StepEnd::Failed(error) => Some(failed_step(plan, id, error)),
        StepEnd::Done | StepEnd::Undone | StepEnd::Skipped => None,
    });
    let failed: Vec<FailedStep> = failed.collect();
    let undone = outcome.steps.values().filter(|end| **end == StepEnd::Undone).count();
    let begun = outcome.done() + undone + failed.len();
    OutcomeDocument {
        version: OUTCOME_VERSION,
        revision: plan.revision.commit.clone(),
        steps: plan.steps.len(),
        done: outcome.done(),
        undone,
        skipped: plan.steps.len().saturating_sub(begun),
        failed,
        services: outcome.services.clone(),
        interrupted: outcome.interrupted,
        unchanged: unchanged(plan, outcome),
        left: left(plan),
        took_ms: u64::try_from(outcome.took.as_millis()).unwrap_or(u64::MAX),
    }
}

fn failed_step(plan: &Plan, id: StepId, error: &str) -> FailedStep {
    let step = plan.step(id);
    let what = step.map(|step| {
        step.slot
            .as_ref()
            .map_or_else(|| step.op.to_string(), ToString::to_string)
    });
    FailedStep {
        step: id,
        what: what.unwrap_or_else(|| format!("step {id}")),
        host: step.map(|step| step.host.to_string()).unwrap_or_default(),
        error: error.to_owned(),
    }
}

/// The replicas with a step that was not done, but for the removal of what they replaced.
fn unchanged(plan: &Plan, outcome: &Outcome) -> BTreeMap<ServiceName, usize> {
    let cleanup: BTreeSet<&StepId> = plan.rollouts.iter().flat_map(|rollout| &rollout.cleanup).collect();
    let steps = plan.steps.iter().filter(|step| !cleanup.contains(&step.id));
    let missed = steps.filter(|step| outcome.steps.get(&step.id) != Some(&StepEnd::Done));
    let slots: BTreeSet<&Slot> = missed.filter_map(|step| step.slot.as_ref()).collect();
    let mut all = BTreeMap::new();
    for slot in slots {
        *all.entry(slot.service.clone()).or_default() += 1;
    }
    all
}

fn left(plan: &Plan) -> Vec<String> {
    let partial = plan.notes.iter().filter(|note| match note {
        Note::Unreachable { .. } | Note::Unplaced { .. } | Note::Waits { .. } | Note::Differs { .. } => true,
        // They wait for a person, and that is told beside.
        Note::Halted { .. } => true,
        Note::Interrupted { .. } | Note::NotInForce { .. } | Note::Text(_) | Note::Refused(_) => false,
    });
    partial.map(note).collect()
}

/// The outcome in a sentence; what failed below it where that is more than one thing.
pub fn text(plan: &Plan, outcome: &Outcome, style: Style) -> String {
    let document = document(plan, outcome);
    let whole = document.done == document.steps;
    let (head, paint) = match (whole, outcome.interrupted, document.failed.is_empty()) {
        (true, ..) => ("Applied:", Paint::Add),
        (false, true, true) => ("Interrupted:", Paint::Warn),
        (false, _, false) => ("Applied:", Paint::Remove),
        (false, false, true) => ("Applied:", Paint::Change),
    };
    let told: Vec<String> = document
        .failed
        .iter()
        .map(|it| format!("{} on {}: {}", it.what, it.host, clean(&it.error)))
        .collect();
    let mut parts = vec![format!("{} of {} steps", document.done, document.steps)];
    match told.as_slice() {
        [] => {}
        [one] => parts.push(format!("1 failed ({one})")),
        more => parts.push(format!("{} failed", more.len())),
    }
    for (number, words) in [(document.undone, "taken back"), (document.skipped, "not begun")] {
        if number > 0 {
            parts.push(format!("{number} {words}"));
        }
    }
    let took = Duration::from_millis(document.took_ms);
    let mut out = format!(
        "{} {} in {}.",
        style.paint(Paint::Strong, &style.paint(paint, head)),
        parts.join(", "),
        time(took)
    );
    if !whole && (outcome.is_broken(plan) || outcome.interrupted) {
        out.push_str(" The same command again goes on from there.");
    }
    out.push('\n');
    if outcome.interrupted && !document.unchanged.is_empty() {
        let services = document.unchanged.iter();
        let services = services.map(|(service, number)| format!("{} of {service}", count(*number, "replica")));
        out.push_str(&format!("  left: {}\n", services.collect::<Vec<_>>().join(", ")));
    }
    if told.len() > 1 {
        told.iter().for_each(|line| out.push_str(&format!("  {line}\n")));
    }
    for line in outcome
        .services
        .iter()
        .filter_map(|(service, end)| ended(service, *end))
    {
        out.push_str(&format!("{} {line}\n", style.paint(Paint::Warn, "!")));
    }
    for line in &document.left {
        out.push_str(&format!("{} {line}\n", style.paint(Paint::Warn, "!")));
    }
    out
}

/// What a person should know of how a service's rollout ended.
fn ended(service: &ServiceName, end: ServiceEnd) -> Option<String> {
    let retry = format!("change it in git, or try it again with `cdk apply --retry {service}`");
    match end {
        ServiceEnd::Done | ServiceEnd::Left => None,
        ServiceEnd::Paused => Some(format!("{service} is paused where it failed; {retry}")),
        ServiceEnd::Waiting => Some(format!(
            "{service} waits: go on with `cdk promote {service}`, or back with `cdk abort {service}`"
        )),
        ServiceEnd::RolledBack => Some(format!(
            "{service} failed and was rolled back to what it was; this version is held: {retry}"
        )),
        ServiceEnd::TakenAlong => Some(format!(
            "{service} was rolled back with the service that failed (`cluster.rollback: all`)"
        )),
        ServiceEnd::Stuck => Some(format!("{service} failed, and not all of it could be rolled back")),
    }
}

/// An apply as far as it is, and the service whose rollout has just ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ServiceDocument {
    /// The service.
    pub service: ServiceName,
    /// How its rollout ended.
    pub end: ServiceEnd,
    /// The apply so far.
    #[serde(flatten)]
    pub outcome: OutcomeDocument,
}

/// The JSON text of an apply so far, and how one of its rollouts ended.
///
/// # Errors
/// Where a value does not fit into JSON.
pub fn service_json(
    plan: &Plan,
    outcome: &Outcome,
    service: ServiceName,
    end: ServiceEnd,
) -> Result<String, serde_json::Error> {
    let outcome = document(plan, outcome);
    json::pretty(&ServiceDocument { service, end, outcome })
}

/// The outcome as JSON text.
///
/// # Errors
/// Where a value does not fit into JSON.
pub fn json(plan: &Plan, outcome: &Outcome) -> Result<String, serde_json::Error> {
    json::pretty(&document(plan, outcome))
}
