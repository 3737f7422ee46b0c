//! How a rehearsed apply went, as data: what happened when to each replica, and how many of each service served at the least.

pub mod picture;
pub mod serving;
pub mod text;

mod effects;

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;

use crate::execute::outcome::{Event, Outcome, StepEnd};
use crate::model::fault::Faults;
use crate::model::name::{HostName, ServiceName, Slot};
use crate::model::op::{ContainerOp, GateOp, Op};
use crate::plan::step::{Action, Note, Plan, SlotChange, StepId};
use crate::report::outcome::{self, OutcomeDocument};
use crate::report::rehearsal::serving::Least;
use crate::report::summary;
use crate::sim::world::Served;

/// The version of the rehearsal's format that this cdk writes.
pub const REHEARSAL_VERSION: u32 = 1;

/// An apply that was only played.
#[derive(Debug)]
pub struct Rehearsal {
    /// The plan that was played.
    pub plan: Plan,
    /// How many hosts were simulated.
    pub hosts: usize,
    /// What happened, and when, from the beginning.
    pub events: Vec<(Duration, Event)>,
    /// When each container served.
    pub served: Vec<Served>,
    /// How it ended.
    pub outcome: Outcome,
    /// What was to go wrong.
    pub faults: Faults,
    /// What was taken for granted, in sentences.
    pub assumed: Vec<String>,
}

/// A rehearsal, as data. All times are in milliseconds from the beginning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RehearsalDocument {
    /// The format's version, [`REHEARSAL_VERSION`].
    pub version: u32,
    /// The cluster.
    pub cluster: String,
    /// The commit that was rehearsed.
    pub revision: Option<String>,
    /// How long the apply would take.
    pub took_ms: u64,
    /// What `cdk apply` would end with.
    pub exit_code: u8,
    /// How it would end.
    pub outcome: OutcomeDocument,
    /// The least that served of each service that changes, or that loses replicas.
    pub services: Vec<Least>,
    /// What happened to each replica that changes.
    pub replicas: Vec<Replica>,
    /// Everything that happened, in order.
    pub events: Vec<Happened>,
    /// What was to go wrong, as on the command line, and what it did.
    pub faults: Vec<Effect>,
    /// What was taken for granted.
    pub assumed: Vec<String>,
    /// What a person should know beside; what apply would refuse.
    pub notes: Vec<String>,
}

/// What happened to one replica.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Replica {
    /// The replica.
    pub slot: Slot,
    /// What the plan means to do.
    pub action: Action,
    /// Where it is, or is to be.
    pub host: Option<HostName>,
    /// Where it comes from, for a move.
    pub from: Option<HostName>,
    /// How that ended.
    pub end: End,
    /// When its first step began; none where none did.
    pub begins_ms: Option<u64>,
    /// When its last step was at its end, taken back or not.
    pub ends_ms: Option<u64>,
    /// What happened, in order.
    pub marks: Vec<Mark>,
}

/// How the work on a replica ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// Done.
    Done,
    /// It failed, and was taken back as far as the marks say.
    Failed,
    /// It was done, and taken back.
    Undone,
    /// It was not begun.
    Skipped,
    /// Begun, and not finished.
    Partial,
}

/// Something that happened to a replica.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Mark {
    /// When.
    pub at_ms: u64,
    /// Where.
    pub host: HostName,
    /// What: `stopped`, `started`, `up`, `failed`, `taken back`.
    pub what: &'static str,
    /// Why, where it failed.
    pub error: Option<String>,
}

/// One event, for programs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Happened {
    /// When.
    pub at_ms: u64,
    /// What: `started`, `done`, `failed`, `undone`, `skipped`, `left`, `delay`, `paused`, `waits`, `rolling_back`, `back`, `rolled`,
    /// `stopping`, `journal`.
    pub event: &'static str,
    /// The step that it is about.
    pub step: Option<StepId>,
    /// The step's host.
    pub host: Option<HostName>,
    /// The step's replica.
    pub slot: Option<Slot>,
    /// What the step does.
    pub op: Option<String>,
    /// The service, where it is about one.
    pub service: Option<ServiceName>,
    /// What went wrong.
    pub error: Option<String>,
}

/// A fault, and what it did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Effect {
    /// As on the command line: `--fail web.3@8s`.
    pub fault: String,
    /// What came of it.
    pub effect: String,
}

/// A rehearsal as data; `exit_code` is what apply would end with.
pub fn document(rehearsal: &Rehearsal, exit_code: u8) -> RehearsalDocument {
    let Rehearsal { plan, outcome, .. } = rehearsal;
    let replicas = replicas(rehearsal);
    RehearsalDocument {
        version: REHEARSAL_VERSION,
        cluster: plan.cluster.to_string(),
        revision: plan.revision.commit.clone(),
        took_ms: millis(outcome.took),
        exit_code,
        outcome: outcome::document(plan, outcome),
        services: serving::least(rehearsal),
        faults: effects::effects(rehearsal, &replicas),
        replicas,
        events: rehearsal.events.iter().map(|one| happened(plan, one)).collect(),
        assumed: rehearsal.assumed.clone(),
        notes: notes(plan),
    }
}

/// What a person should know before the plan is applied, and the outcome does not say.
fn notes(plan: &Plan) -> Vec<String> {
    let told = plan.notes.iter().filter(|note| match note {
        Note::Interrupted { .. } | Note::Halted { .. } | Note::Refused(_) => true,
        Note::Unreachable { .. }
        | Note::Unplaced { .. }
        | Note::Differs { .. }
        | Note::Waits { .. }
        | Note::NotInForce { .. }
        | Note::Text(_) => false,
    });
    told.map(summary::note).collect()
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Each replica that the plan does something to, in the plan's order.
fn replicas(rehearsal: &Rehearsal) -> Vec<Replica> {
    let plan = &rehearsal.plan;
    let mut marks: BTreeMap<&Slot, Vec<Mark>> = BTreeMap::new();
    let mut begins: BTreeMap<&Slot, u64> = BTreeMap::new();
    let mut ends: BTreeMap<&Slot, u64> = BTreeMap::new();
    for (at, event) in &rehearsal.events {
        let Some((slot, host, what, error)) = mark(plan, event) else {
            continue;
        };
        let at_ms = millis(*at);
        begins.entry(slot).or_insert(at_ms);
        ends.insert(slot, at_ms);
        let marks = marks.entry(slot).or_default();
        // Of a way back of many steps only the end is told, and where it failed first.
        if what == TAKEN_BACK {
            marks.retain(|mark| mark.what != TAKEN_BACK);
        }
        let told = what == NOT_TAKEN_BACK && marks.iter().any(|mark| mark.what == NOT_TAKEN_BACK);
        if !what.is_empty() && !told {
            let (host, error) = (host.clone(), error.map(str::to_owned));
            marks.push(Mark {
                at_ms,
                host,
                what,
                error,
            });
        }
    }
    let changes = plan.services.iter().flat_map(|service| &service.slots);
    let mut steps: BTreeMap<&Slot, Vec<Option<&StepEnd>>> = BTreeMap::new();
    for step in &plan.steps {
        if let Some(slot) = &step.slot {
            steps
                .entry(slot)
                .or_default()
                .push(rehearsal.outcome.steps.get(&step.id));
        }
    }
    let replica = |change: &SlotChange| Replica {
        slot: change.slot.clone(),
        action: change.action,
        host: change.host.clone(),
        from: change.from.clone(),
        end: steps.get(&change.slot).map_or(End::Skipped, |ends| end(ends)),
        begins_ms: begins.get(&change.slot).copied(),
        ends_ms: ends.get(&change.slot).copied(),
        marks: marks.get(&change.slot).cloned().unwrap_or_default(),
    };
    changes
        .filter(|change| steps.contains_key(&change.slot))
        .map(replica)
        .collect()
}

const TAKEN_BACK: &str = "taken back";
const NOT_TAKEN_BACK: &str = "not taken back";

/// A replica, a host, what an event means there (empty where it is only told that something goes on), and why.
type Meaning<'e> = (&'e Slot, &'e HostName, &'static str, Option<&'e str>);

fn mark<'e>(plan: &'e Plan, event: &'e Event) -> Option<Meaning<'e>> {
    let of = |id: StepId, what: &'static str, error: Option<&'e str>| {
        let step = plan.step(id)?;
        Some((step.slot.as_ref()?, &step.host, what, error))
    };
    match event {
        Event::Started(id) => of(*id, "", None),
        Event::Done(id, _) => of(*id, plan.step(*id).map(|step| done(&step.op))?, None),
        Event::Failed { step, error, .. } => of(*step, "failed", Some(error)),
        Event::Undone { step, error: None } => of(*step, TAKEN_BACK, None),
        Event::Undone {
            step,
            error: Some(error),
        } => of(*step, NOT_TAKEN_BACK, Some(error)),
        Event::Left(id) => of(*id, "left running", None),
        Event::Back { slot, error, .. } => {
            let step = plan.steps.iter().find(|step| step.slot.as_ref() == Some(slot))?;
            let what = if error.is_none() { "up again" } else { "not up again" };
            Some((slot, &step.host, what, error.as_deref()))
        }
        Event::Skipped(_)
        | Event::Delay(..)
        | Event::Paused(_)
        | Event::Waits(_)
        | Event::RollingBack(_)
        | Event::Rolled(..)
        | Event::Stopping
        | Event::Journal(..) => None,
    }
}

/// What the end of a step means to its replica; empty where a person need not know.
fn done(op: &Op) -> &'static str {
    match op {
        Op::Container(ContainerOp::Stop { .. }) => "stopped",
        Op::Container(ContainerOp::Start { .. }) => "started",
        Op::Container(ContainerOp::Update { .. }) => "updated",
        Op::Container(ContainerOp::Signal { .. }) => "signalled",
        Op::Container(ContainerOp::Remove { .. }) => "removed",
        Op::Gate(GateOp::Up { .. }) => "up",
        Op::Gate(GateOp::Stays { .. }) => "stayed up",
        Op::Gate(GateOp::Completed { .. }) => "succeeded",
        Op::Container(ContainerOp::Create { .. } | ContainerOp::Rename { .. })
        | Op::Image(_)
        | Op::Volume(_)
        | Op::File(_)
        | Op::Network(_)
        | Op::Firewall(_)
        | Op::Address(_) => "",
    }
}

/// What the ends of a replica's steps come to.
fn end(ends: &[Option<&StepEnd>]) -> End {
    let all = |wanted: &StepEnd| ends.iter().all(|end| *end == Some(wanted));
    if ends.iter().any(|end| matches!(end, Some(StepEnd::Failed(_)))) {
        End::Failed
    } else if all(&StepEnd::Done) {
        End::Done
    } else if all(&StepEnd::Skipped) {
        End::Skipped
    } else if ends.contains(&Some(&StepEnd::Undone)) {
        End::Undone
    } else {
        End::Partial
    }
}

fn happened(plan: &Plan, (at, event): &(Duration, Event)) -> Happened {
    let (name, id, error, service) = match event {
        Event::Started(id) => ("started", Some(*id), None, None),
        Event::Done(id, _) => ("done", Some(*id), None, None),
        Event::Failed { step, error, .. } => ("failed", Some(*step), Some(error.clone()), None),
        Event::Undone { step, error } => ("undone", Some(*step), error.clone(), None),
        Event::Skipped(id) => ("skipped", Some(*id), None, None),
        Event::Left(id) => ("left", Some(*id), None, None),
        Event::Delay(service, _) => ("delay", None, None, Some(service.clone())),
        Event::Paused(service) => ("paused", None, None, Some(service.clone())),
        Event::Waits(service) => ("waits", None, None, Some(service.clone())),
        Event::RollingBack(service) => ("rolling_back", None, None, Some(service.clone())),
        Event::Back { slot, error, .. } => {
            return Happened {
                at_ms: millis(*at),
                event: "back",
                step: None,
                host: None,
                slot: Some(slot.clone()),
                op: None,
                service: Some(slot.service.clone()),
                error: error.clone(),
            };
        }
        Event::Rolled(service, _) => ("rolled", None, None, Some(service.clone())),
        Event::Stopping => ("stopping", None, None, None),
        Event::Journal(host, why) => ("journal", None, Some(format!("{host}: {why}")), None),
    };
    let step = id.and_then(|id| plan.step(id));
    Happened {
        at_ms: millis(*at),
        event: name,
        step: id,
        host: step.map(|step| step.host.clone()),
        slot: step.and_then(|step| step.slot.clone()),
        op: step.map(|step| step.op.to_string()),
        service,
        error,
    }
}
