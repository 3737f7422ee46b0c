//! Checks a finished plan, apart from the planner: what must hold of every plan. Used by the tests.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::model::op::{ContainerOp, FileOp, GateOp, ImageOp, Op};
use crate::plan::step::{Action, Plan, Precondition, Step, StepId};

/// What is wrong with a plan.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lint {
    /// A step's number is not its place.
    Numbered(StepId),
    /// A step waits for one that does not come before it.
    Forward(StepId),
    /// A container is made without looking whether there is one of its name.
    Blind(StepId),
    /// A container that is made is never started.
    Unstarted(StepId),
    /// A unit or a clean-up names a step that there is not, or that another has too.
    Steps(StepId),
    /// A unit's step does not wait for the one before it.
    Unchained(StepId),
    /// A step that changes something has no way back.
    NoWayBack(StepId),
    /// A service stops something before its pulls have ended.
    StopBeforePull(StepId),
    /// A replaced container goes while its service is still rolled.
    EarlyCleanup(StepId),
    /// A step is done on a host that did not answer.
    Unasked(StepId),
    /// What earlier versions left is removed before all else was done, or something else is not.
    Untidy(StepId),
    /// A change is told for which there is no step, or the other way round.
    Untold(String),
}

impl fmt::Display for Lint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Numbered(id) => write!(f, "step {id} is not at its place"),
            Self::Forward(id) => write!(f, "step {id} waits for one that does not come before it"),
            Self::Blind(id) => write!(f, "step {id} makes a container without asking that there is none"),
            Self::Unstarted(id) => write!(f, "step {id} makes a container that is never started"),
            Self::Steps(id) => write!(
                f,
                "step {id} is not in exactly one unit, watch or clean-up, or does not exist"
            ),
            Self::Unchained(id) => write!(f, "step {id} does not wait for the one before it in its unit"),
            Self::NoWayBack(id) => write!(f, "step {id} has no way back"),
            Self::StopBeforePull(id) => write!(f, "step {id} does not wait for its service's pulls"),
            Self::EarlyCleanup(id) => write!(f, "clean-up {id} does not wait for its replica"),
            Self::Unasked(id) => write!(f, "step {id} is on a host that did not answer"),
            Self::Untidy(id) => write!(
                f,
                "step {id} removes an image or a file before all else was done, or comes last without cause"
            ),
            Self::Untold(slot) => write!(f, "what is told of {slot} and what is done are not the same"),
        }
    }
}

/// Everything that is wrong with a plan; nothing, if the planner is right.
pub fn lint(plan: &Plan) -> BTreeSet<Lint> {
    let mut found = BTreeSet::new();
    for (at, step) in plan.steps.iter().enumerate() {
        single(plan, at, step, &mut found);
    }
    rollouts(plan, &mut found);
    pulls(plan, &mut found);
    tidy(plan, &mut found);
    told(plan, &mut found);
    found
}

fn single(plan: &Plan, at: usize, step: &Step, found: &mut BTreeSet<Lint>) {
    if usize::try_from(step.id.0) != Ok(at) {
        found.insert(Lint::Numbered(step.id));
    }
    if step.after.iter().chain(&step.settled).any(|other| *other >= step.id) {
        found.insert(Lint::Forward(step.id));
    }
    if !plan.hosts.contains(&step.host) {
        found.insert(Lint::Unasked(step.id));
    }
    let Op::Container(op) = &step.op else {
        return;
    };
    let needs_undo = match op {
        ContainerOp::Create { name, .. } => {
            if step.pre != (Precondition::Absent { name: name.clone() }) {
                found.insert(Lint::Blind(step.id));
            }
            let starts = |other: &&Step| match &other.op {
                Op::Container(ContainerOp::Start { name: started }) => {
                    started == name && other.host == step.host && other.after.contains(&step.id)
                }
                Op::Container(_)
                | Op::Image(_)
                | Op::Volume(_)
                | Op::File(_)
                | Op::Network(_)
                | Op::Firewall(_)
                | Op::Address(_)
                | Op::Gate(_) => false,
            };
            if !plan.steps.iter().any(|other| starts(&other)) {
                found.insert(Lint::Unstarted(step.id));
            }
            true
        }
        ContainerOp::Start { .. } | ContainerOp::Stop { .. } | ContainerOp::Rename { .. } => true,
        // What cannot be taken back is done last; an update goes back where what was before is known.
        ContainerOp::Update { .. } | ContainerOp::Signal { .. } | ContainerOp::Remove { .. } => false,
    };
    if needs_undo && step.undo.is_empty() && !clears_for_job(plan, step) {
        found.insert(Lint::NoWayBack(step.id));
    }
}

/// Whether a step makes room for a job's run, which is never taken back: what it stopped would begin anew.
fn clears_for_job(plan: &Plan, step: &Step) -> bool {
    let is_gate = |id: &StepId| match plan.step(*id).map(|step| &step.op) {
        Some(Op::Gate(GateOp::Completed { .. })) => true,
        Some(
            Op::Gate(_)
            | Op::Container(_)
            | Op::Image(_)
            | Op::Volume(_)
            | Op::File(_)
            | Op::Network(_)
            | Op::Firewall(_)
            | Op::Address(_),
        )
        | None => false,
    };
    let clears = match &step.op {
        Op::Container(ContainerOp::Stop { .. } | ContainerOp::Rename { .. }) => true,
        Op::Container(_)
        | Op::Gate(_)
        | Op::Image(_)
        | Op::Volume(_)
        | Op::File(_)
        | Op::Network(_)
        | Op::Firewall(_)
        | Op::Address(_) => false,
    };
    let mut units = plan.rollouts.iter().flat_map(|rollout| &rollout.units);
    clears && units.any(|unit| unit.steps.contains(&step.id) && unit.steps.iter().any(is_gate))
}

fn rollouts(plan: &Plan, found: &mut BTreeSet<Lint>) {
    let mut seen: BTreeMap<StepId, u32> = BTreeMap::new();
    for rollout in &plan.rollouts {
        let mut ends: BTreeMap<_, StepId> = BTreeMap::new();
        for unit in &rollout.units {
            let mut before = None;
            for id in unit.steps.iter().chain(&unit.watch) {
                *seen.entry(*id).or_default() += 1;
                let chained = |step: &Step| before.is_none_or(|before| step.after.contains(&before));
                if !plan.step(*id).is_some_and(chained) {
                    found.insert(Lint::Unchained(*id));
                }
                before = Some(*id);
            }
            ends.extend(before.map(|end| (&unit.slot, end)));
        }
        for id in &rollout.cleanup {
            *seen.entry(*id).or_default() += 1;
            let slot = plan.step(*id).and_then(|step| step.slot.as_ref().zip(Some(step)));
            let waits = slot.is_some_and(|(slot, step)| match ends.get(slot) {
                Some(end) => step.after.contains(end),
                None => step.after.iter().all(|id| rollout.stops.contains(id)),
            });
            if !waits {
                found.insert(Lint::EarlyCleanup(*id));
            }
        }
    }
    let lost = seen
        .iter()
        .filter(|(id, count)| **count != 1 || plan.step(**id).is_none());
    found.extend(lost.map(|(id, _)| Lint::Steps(*id)));
    // Waits and creations are a unit's alone.
    for step in &plan.steps {
        let only_in_unit = match &step.op {
            // One for no replica waits for what others depend on.
            Op::Gate(GateOp::Up { .. }) => step.slot.is_some(),
            Op::Gate(GateOp::Stays { .. } | GateOp::Completed { .. }) => true,
            Op::Container(ContainerOp::Create { .. } | ContainerOp::Start { .. } | ContainerOp::Update { .. }) => true,
            Op::Container(ContainerOp::Rename { .. } | ContainerOp::Signal { .. }) => true,
            Op::Container(ContainerOp::Stop { .. } | ContainerOp::Remove { .. })
            | Op::Image(_)
            | Op::Volume(_)
            | Op::File(_)
            | Op::Network(_)
            | Op::Firewall(_)
            | Op::Address(_) => false,
        };
        if only_in_unit && !seen.contains_key(&step.id) {
            found.insert(Lint::Steps(step.id));
        }
    }
}

/// Every image is where it is needed before a service stops its first replica.
fn pulls(plan: &Plan, found: &mut BTreeSet<Lint>) {
    let is_pull = |id: &&StepId| match plan.step(**id).map(|step| &step.op) {
        Some(Op::Image(ImageOp::Pull { .. })) => true,
        Some(
            Op::Image(ImageOp::Remove { .. })
            | Op::Container(_)
            | Op::Volume(_)
            | Op::File(_)
            | Op::Network(_)
            | Op::Firewall(_)
            | Op::Address(_)
            | Op::Gate(_),
        )
        | None => false,
    };
    for rollout in &plan.rollouts {
        let all = || {
            rollout
                .units
                .iter()
                .flat_map(|unit| &unit.steps)
                .filter_map(|id| plan.step(*id))
        };
        let pulls: BTreeSet<StepId> = all().flat_map(|step| &step.after).filter(is_pull).copied().collect();
        for unit in &rollout.units {
            let mut steps = unit.steps.iter().filter_map(|id| plan.step(*id));
            let first = steps.find(|step| match &step.op {
                Op::Container(ContainerOp::Create { .. } | ContainerOp::Start { .. }) => false,
                Op::Container(_) => true,
                Op::Image(_)
                | Op::Volume(_)
                | Op::File(_)
                | Op::Network(_)
                | Op::Firewall(_)
                | Op::Address(_)
                | Op::Gate(_) => false,
            });
            if let Some(step) = first.filter(|step| !pulls.iter().all(|pull| step.settled.contains(pull))) {
                found.insert(Lint::StopBeforePull(step.id));
            }
        }
    }
}

/// What earlier versions left is removed last, and nothing else is.
fn tidy(plan: &Plan, found: &mut BTreeSet<Lint>) {
    for step in &plan.steps {
        let removes = match &step.op {
            Op::Image(ImageOp::Remove { .. }) | Op::File(FileOp::Remove { .. }) => true,
            Op::Image(ImageOp::Pull { .. })
            | Op::File(FileOp::Write(_))
            | Op::Container(_)
            | Op::Volume(_)
            | Op::Network(_)
            | Op::Firewall(_)
            | Op::Address(_)
            | Op::Gate(_) => false,
        };
        if removes != plan.tidy.contains(&step.id) {
            found.insert(Lint::Untidy(step.id));
        }
    }
}

/// What is told and what is done are the same.
fn told(plan: &Plan, found: &mut BTreeSet<Lint>) {
    let done: BTreeSet<_> = plan.steps.iter().filter_map(|step| step.slot.as_ref()).collect();
    let mut changed = BTreeSet::new();
    for slot in plan.services.iter().flat_map(|service| &service.slots) {
        match slot.action {
            Action::Keep | Action::Unknown | Action::Unplaced | Action::Wait | Action::Hold => {}
            Action::Run
            | Action::Create
            | Action::Update
            | Action::Start
            | Action::Replace
            | Action::Move
            | Action::Remove => {
                changed.insert(&slot.slot);
            }
        }
    }
    let differing = done.symmetric_difference(&changed);
    found.extend(differing.map(|slot| Lint::Untold(slot.to_string())));
}
