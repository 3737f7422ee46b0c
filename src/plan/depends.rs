//! The order of services in a plan: who waits for which step of whom. Units and removals are made already when this comes.

use std::collections::{BTreeMap, BTreeSet};

use crate::diff::Verdict;
use crate::model::host::ObservedHost;
use crate::model::journal::JournalRecord;
use crate::model::name::{ServiceName, Slot};
use crate::model::op::{ContainerOp, GateOp, Op};
use crate::model::order::{Condition, Dependency};
use crate::place::live::newest_record;
use crate::plan::Input;
use crate::plan::build::{Builder, is_unit};
use crate::plan::rollout::{Rollout, Unit};
use crate::plan::step::{Step, StepId};

/// What one service waits for of another, as steps.
struct Wait {
    required: bool,
    steps: Vec<StepId>,
}

impl Builder<'_> {
    /// Makes what is begun wait for what it depends on, and what is removed wait for what depended on it.
    pub(super) fn order(&mut self, rollouts: &[Rollout]) {
        let by_name: BTreeMap<&ServiceName, &Rollout> = rollouts.iter().map(|one| (&one.service, one)).collect();
        let depended = depends_on(self.input);
        if depended.values().all(BTreeSet::is_empty) {
            return;
        }
        let mut gates = BTreeMap::new();
        let mut graph = Graph::new(self.steps());
        for rollout in rollouts {
            let waits = self.waits(rollout, &by_name, &mut gates);
            for unit in rollout.units.iter().filter(|_| !waits.is_empty()) {
                self.begin_after(unit, &waits, &mut graph);
            }
        }
        self.order_removals(&by_name, &depended, &mut graph);
    }

    fn waits(
        &mut self,
        rollout: &Rollout,
        rollouts: &BTreeMap<&ServiceName, &Rollout>,
        gates: &mut BTreeMap<ServiceName, Vec<StepId>>,
    ) -> Vec<Wait> {
        let Some(service) = self.input.target.services.get(&rollout.service) else {
            return Vec::new();
        };
        let mut all = Vec::new();
        for (to, Dependency { condition, required }) in &service.depends_on {
            let units = rollouts.get(to).into_iter().flat_map(|rollout| &rollout.units);
            let mut steps: Vec<StepId> = units.filter_map(|unit| self.milestone(unit, *condition)).collect();
            match condition {
                Condition::ServiceHealthy => match gates.get(to) {
                    Some(known) => steps.extend(known),
                    None => {
                        let own = self.gates(to);
                        steps.extend(&own);
                        gates.insert(to.clone(), own);
                    }
                },
                Condition::ServiceStarted | Condition::ServiceCompletedSuccessfully => {}
            }
            let required = *required;
            all.push(Wait { required, steps });
        }
        all
    }

    /// The step of a unit with which a condition comes true; none where it is true already.
    fn milestone(&self, unit: &Unit, condition: Condition) -> Option<StepId> {
        let is = |op: &Op| match (op, condition) {
            (Op::Container(ContainerOp::Start { .. }), Condition::ServiceStarted)
            | (Op::Gate(GateOp::Up { .. }), Condition::ServiceHealthy)
            | (Op::Gate(GateOp::Completed { .. }), Condition::ServiceCompletedSuccessfully) => true,
            (
                Op::Container(_)
                | Op::Gate(_)
                | Op::Image(_)
                | Op::Volume(_)
                | Op::File(_)
                | Op::Network(_)
                | Op::Firewall(_)
                | Op::Address(_),
                _,
            ) => false,
        };
        let mut steps = unit.steps.iter().filter_map(|id| self.step(*id));
        steps.find(|step| is(&step.op)).map(|step| step.id)
    }

    /// Waits for the replicas of a service that stay as they are and are not well yet.
    fn gates(&mut self, name: &ServiceName) -> Vec<StepId> {
        let Some(policy) = self.policy(name) else {
            return Vec::new();
        };
        let (monitor, timeout) = (policy.monitor, policy.timeout);
        let asked = self.asked(name);
        let (diff, why) = (self.input.diff, "others depend on it".into());
        let unsettled = diff.unsettled.iter().filter(|one| one.service == *name);
        unsettled
            .map(|one| {
                let name = one.name.as_str().into();
                let op = Op::Gate(GateOp::Up {
                    name,
                    monitor,
                    timeout,
                    gate: asked.clone(),
                });
                self.push(&one.host, None, op, &why)
            })
            .collect()
    }

    /// Lets a unit begin only after these, unless one of them waits for the unit itself: a port that changes hands the other
    /// way round. Then the port decides, or nobody would ever begin.
    fn begin_after(&mut self, unit: &Unit, waits: &[Wait], graph: &mut Graph) {
        let Some(first) = unit.steps.first().copied() else {
            return;
        };
        let behind = graph.behind(first);
        for Wait { required, steps } in waits {
            let new: Vec<StepId> = steps.iter().copied().filter(|id| !behind.contains(id)).collect();
            self.wait(first, new, *required, graph);
        }
    }

    fn wait(&mut self, id: StepId, before: Vec<StepId>, required: bool, graph: &mut Graph) {
        self.edit(id, |step| {
            let known: &[StepId] = if required { &step.after } else { &step.settled };
            let new: Vec<StepId> = before.into_iter().filter(|other| !known.contains(other)).collect();
            graph.extend(id, &new);
            match required {
                true => step.after.extend(new),
                false => step.settled.extend(new),
            }
        });
    }

    /// What is removed waits until what depended on it is removed too or, where git knows it no more at all, is done over.
    fn order_removals(
        &mut self,
        rollouts: &BTreeMap<&ServiceName, &Rollout>,
        depended: &BTreeMap<ServiceName, BTreeSet<ServiceName>>,
        graph: &mut Graph,
    ) {
        let removals = self.removals();
        for (name, steps) in &removals {
            let dependants = depended.iter().filter(|(_, needs)| needs.contains(name));
            let mut before: BTreeSet<StepId> = BTreeSet::new();
            for (dependant, _) in dependants {
                before.extend(removals.get(dependant).into_iter().flatten());
                if !self.input.target.services.contains_key(name) {
                    let units = rollouts.get(dependant).into_iter().flat_map(|rollout| &rollout.units);
                    before.extend(units.flat_map(|unit| unit.steps.last().into_iter().chain(&unit.watch)));
                }
            }
            if before.is_empty() {
                continue;
            }
            for id in steps {
                let behind = graph.behind(*id);
                let new: Vec<StepId> = before.iter().copied().filter(|other| !behind.contains(other)).collect();
                self.wait(*id, new, true, graph);
            }
        }
    }

    /// The steps that remove what git does not want, by service.
    fn removals(&self) -> BTreeMap<ServiceName, Vec<StepId>> {
        let slots = self.input.diff.services.values().flat_map(|service| &service.slots);
        let gone: BTreeSet<&Slot> = slots
            .filter(|slot| matches!(slot.verdict, Verdict::Remove { .. }))
            .map(|slot| &slot.slot)
            .collect();
        let mut all: BTreeMap<ServiceName, Vec<StepId>> = BTreeMap::new();
        for step in self.steps() {
            let is_removal = match &step.op {
                Op::Container(ContainerOp::Stop { .. } | ContainerOp::Remove { .. }) => true,
                Op::Container(_)
                | Op::Gate(_)
                | Op::Image(_)
                | Op::Volume(_)
                | Op::File(_)
                | Op::Network(_)
                | Op::Firewall(_)
                | Op::Address(_) => false,
            };
            if let Some(slot) = step.slot.as_ref().filter(|slot| is_removal && gone.contains(slot)) {
                all.entry(slot.service.clone()).or_default().push(step.id);
            }
        }
        all
    }
}

/// Which steps wait for which.
struct Graph(BTreeMap<StepId, Vec<StepId>>);

impl Graph {
    fn new(steps: &[Step]) -> Self {
        let mut graph = Self(BTreeMap::new());
        for step in steps {
            graph.extend(step.id, &step.after);
            graph.extend(step.id, &step.settled);
        }
        graph
    }

    fn extend(&mut self, id: StepId, before: &[StepId]) {
        for before in before {
            self.0.entry(*before).or_default().push(id);
        }
    }

    /// A step, and all that wait for it.
    fn behind(&self, id: StepId) -> BTreeSet<StepId> {
        let (mut all, mut stack) = (BTreeSet::from([id]), vec![id]);
        while let Some(id) = stack.pop() {
            let next = self.0.get(&id).into_iter().flatten();
            stack.extend(next.filter(|id| all.insert(**id)));
        }
        all
    }
}

/// Which services depend on which: by git and, of those that git knows no more or did not know so, by the last apply.
pub(super) fn depends_on(input: Input<'_>) -> BTreeMap<ServiceName, BTreeSet<ServiceName>> {
    let mut all: BTreeMap<ServiceName, BTreeSet<ServiceName>> = recorded(input)
        .map(|record| record.depends_on.clone())
        .unwrap_or_default();
    for (name, needs) in wanted(input) {
        all.entry(name).or_default().extend(needs);
    }
    all
}

/// What the journal is told: what git says and, of services that git knows no more but that still stand, what was known before.
pub(super) fn to_record(input: Input<'_>) -> BTreeMap<ServiceName, BTreeSet<ServiceName>> {
    let mut all: BTreeMap<_, _> = wanted(input).collect();
    for (name, needs) in recorded(input).into_iter().flat_map(|record| &record.depends_on) {
        let stands = input.diff.services.get(name).is_some_and(|one| !one.slots.is_empty());
        if stands && !input.target.services.contains_key(name) {
            all.insert(name.clone(), needs.clone());
        }
    }
    all
}

fn recorded<'i>(input: Input<'i>) -> Option<&'i JournalRecord> {
    newest_record(input.observed)
}

fn wanted<'i>(input: Input<'i>) -> impl Iterator<Item = (ServiceName, BTreeSet<ServiceName>)> + 'i {
    let services = input.target.services.iter();
    let depend = services.filter(|(_, service)| !service.depends_on.is_empty());
    depend.map(|(name, service)| (name.clone(), service.depends_on.keys().cloned().collect()))
}

/// Services that others are about to wait for until they are healthy, and that have no health check, as far as is known: a
/// sentence each.
pub(super) fn unchecked(input: Input<'_>) -> Vec<String> {
    let mut all = Vec::new();
    for (name, service) in &input.target.services {
        let slots = input.diff.services.get(name).into_iter().flat_map(|one| &one.slots);
        if !slots.into_iter().any(|slot| is_unit(&slot.verdict)) {
            continue;
        }
        let healthy = |link: &Dependency| link.condition == Condition::ServiceHealthy;
        for to in service
            .depends_on
            .iter()
            .filter(|(_, link)| healthy(link))
            .map(|(to, _)| to)
        {
            let other = input.target.services.get(to).filter(|other| other.gate.is_none());
            if let Some(monitor) = other.map(|other| other.policy.monitor)
                && has_no_check(input, to)
            {
                all.push(format!(
                    "{name} waits until {to} is healthy, but neither git nor its image gives {to} a health check: it counts as healthy once it has run for {monitor}"
                ));
            }
        }
    }
    all
}

/// Whether a host has the image of a service's replica, and it is seen that nothing checks its health.
fn has_no_check(input: Input<'_>, name: &ServiceName) -> bool {
    let slots = input.diff.services.get(name).into_iter().flat_map(|one| &one.slots);
    let mut known = slots.filter_map(|slot| {
        let host = slot.host.as_ref()?;
        // Of one that stands twice the one that stays counts.
        input
            .placement
            .slots
            .get(&slot.slot)
            .filter(|placed| placed.host == *host)?;
        let spec = input.target.containers.get(&slot.slot)?.common();
        let state = input.observed.hosts.get(host).and_then(ObservedHost::state)?;
        let facts = input.observed.lying(&spec.image, state)?;
        Some(spec.effective(&facts.defaults).healthcheck)
    });
    known
        .next()
        .is_some_and(|check| check.as_ref().as_ref().is_none_or(|check| check.is_none()))
}
