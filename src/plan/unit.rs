//! The work on one replica as steps, with the way back of each. Pulls, volumes and the order of replicas are `build`'s.

use std::sync::Arc;

use thin_vec::{ThinVec, thin_vec};

use crate::diff::{SlotDiff, Verdict};
use crate::model::gate::Gate;
use crate::model::name::{HostName, Slot, SlotKey, container_name, retired_name};
use crate::model::op::{ContainerOp, GateOp, Op};
use crate::model::policy::UpdatePolicy;
use crate::model::replica::ReplicaSpec;
use crate::model::setting::{Limits, Restart};
use crate::model::text::SharedText;
use crate::model::unit::Span;
use crate::place::live::Standing;
use crate::plan::build::{Builder, blank};
use crate::plan::network::{self, touched};
use crate::plan::ops::{remove, rename, start, stop};
use crate::plan::order::held;
use crate::plan::rollout::Unit;
use crate::plan::step::{Precondition, Step, StepId, StepIds};

/// A unit under construction.
pub(super) struct Draft<'d, 'a> {
    pub(super) slot: &'d Slot,
    /// The host where the replica is to stand.
    pub(super) host: &'d HostName,
    /// The name that it is to have.
    pub(super) name: SharedText,
    pub(super) why: &'d SharedText,
    pub(super) diff: &'d SlotDiff<'a>,
    pub(super) steps: StepIds,
    pub(super) cleanup: Vec<Gone<'d, 'a>>,
    /// The step whose way back undoes what an update did before this plan.
    pub(super) resumes: Option<StepId>,
    /// What comes before its first step: that networks are there again which its containers are on.
    ready: Vec<StepId>,
    /// Whether others may have its ports as soon as it lets go of them, and not only when it no longer wants them back.
    yields: bool,
    /// The containers that let go of their ports.
    stopped: Vec<&'d Standing<'a>>,
}

/// A container that is removed once all went well, under the name that it has then.
pub(super) struct Gone<'d, 'a> {
    pub(super) standing: &'d Standing<'a>,
    pub(super) name: SharedText,
}

/// The container of that name is the one that was seen.
pub(super) fn is(name: &str, standing: &Standing<'_>) -> Precondition {
    network::is(name, standing.container)
}

impl<'i> Builder<'i> {
    /// Removes a container that is not wanted.
    pub(super) fn removal(&mut self, diff: &SlotDiff<'_>, gone: &Standing<'_>) {
        self.leaves(gone, &gone.name);
        let name = SharedText::from(gone.name.as_ref());
        let mut before = self.networks_of(gone);
        let mut stopped = None;
        if gone.is_live() {
            let settled = self.pulls_of(&diff.slot.service);
            let id = self.push(gone.host, Some(&diff.slot), stop(&name), &diff.why);
            self.edit(id, |step| {
                step.pre = is(&gone.name, gone);
                step.settled = settled;
                step.after = before.as_slice().into();
                step.undo = thin_vec![start(&name)];
            });
            self.release(gone, id);
            stopped = Some(id);
            before = vec![id];
        }
        let id = self.push(gone.host, Some(&diff.slot), remove(&name), &diff.why);
        self.edit(id, |step| {
            step.pre = is(&gone.name, gone);
            step.after.extend(before);
        });
        if matches!(diff.slot.key, SlotKey::Host(_)) {
            // What takes its place there waits for this, so that it can't wait for anybody itself.
            self.vacated.insert((gone.host.clone(), diff.slot.service.clone()), id);
        } else if self.can_go_back(&diff.slot.service) {
            let removed = self.removed.entry(diff.slot.service.clone()).or_default();
            removed.stops.extend(stopped);
            removed.removals.push(id);
        }
    }

    /// The steps for one replica, and those that clean up after it, which come once all replicas are done.
    /// `stop_first` overrules the service's order.
    pub(super) fn unit(&mut self, diff: &SlotDiff<'_>, stop_first: bool) -> Option<(Unit, Vec<Step>)> {
        let host = diff.host.as_ref()?;
        let policy = self.policy(&diff.slot.service)?;
        let mut draft = Draft {
            slot: &diff.slot,
            host,
            name: container_name(&self.input.target.cluster, &diff.slot).into(),
            why: &diff.why,
            diff,
            steps: StepIds::new(),
            cleanup: Vec::new(),
            resumes: None,
            ready: touched(diff).flat_map(|standing| self.networks_of(standing)).collect(),
            yields: stop_first,
            stopped: Vec::new(),
        };
        let mut extras: Vec<&Standing<'_>> = diff.extras.iter().collect();
        if stop_first || self.writes(&diff.slot.service) {
            self.stop_extras(&mut draft, std::mem::take(&mut extras));
        }
        let waits = match &diff.verdict {
            Verdict::Run { spec, here, gone } => {
                self.run(&mut draft, spec, here.as_deref(), gone);
                false
            }
            Verdict::Update {
                here,
                limits,
                restart,
                reload,
            } => {
                self.update(&mut draft, here, limits, *restart);
                self.reload(&mut draft, here, reload);
                !extras.is_empty() || !reload.files.is_empty()
            }
            Verdict::Start { here } => {
                let (clashing, others) = extras.into_iter().partition(|extra| clashes(here, extra));
                extras = others;
                self.stop_extras(&mut draft, clashing);
                self.bring_up(&mut draft, here);
                true
            }
            Verdict::Create { spec } | Verdict::Move { spec } => {
                self.create(&mut draft, spec, None);
                true
            }
            Verdict::Replace {
                spec,
                old,
                drop,
                beside,
            } => {
                self.replace(&mut draft, spec, old.as_deref(), drop, *beside && !stop_first);
                true
            }
            Verdict::Restore { old, new, beside } => {
                self.restore(&mut draft, old, new.as_deref(), *beside);
                true
            }
            Verdict::Keep
            | Verdict::Remove { .. }
            | Verdict::Doubled
            | Verdict::Unknown
            | Verdict::Unplaced
            | Verdict::Waits { .. } => return None,
        };
        if waits {
            let up = up(&draft.name, policy, self.asked(&diff.slot.service));
            self.gate(&mut draft, up);
            self.leads_back(&mut draft);
            self.bring_addresses(&mut draft);
        }
        if !stop_first {
            self.stop_old(&mut draft, policy.strategy);
            extras = self.switched(&mut draft, policy.strategy, extras);
        }
        self.stop_extras(&mut draft, extras);
        Some(self.finish(draft, waits, policy.monitor))
    }

    fn update(&mut self, draft: &mut Draft<'_, '_>, here: &Standing<'_>, limits: &Limits, restart: Restart) {
        let update = |limits: &Limits, restart| {
            let limits = Box::new(limits.clone());
            let name = here.name.as_ref().into();
            Op::Container(ContainerOp::Update { name, limits, restart })
        };
        let before = here.container.spec.as_ref();
        if before.is_some_and(|spec| (&*spec.limits, spec.restart) == (limits, restart)) {
            return;
        }
        let undo = before
            .map(|spec| update(&spec.limits, spec.restart))
            .into_iter()
            .collect();
        self.act(draft, here.host, update(limits, restart), is(&here.name, here), undo);
    }

    fn bring_up(&mut self, draft: &mut Draft<'_, '_>, here: &Standing<'_>) {
        let name = draft.name.clone();
        if !here.in_place {
            let before = here.name.as_ref().into();
            let undo = thin_vec![rename(&name, &before)];
            self.act(draft, here.host, rename(&before, &name), is(&here.name, here), undo);
        }
        if !here.is_live() {
            self.act(draft, here.host, start(&name), is(&name, here), thin_vec![stop(&name)]);
        }
    }

    pub(super) fn create(&mut self, draft: &mut Draft<'_, '_>, spec: &Arc<ReplicaSpec>, restore: Option<&SharedText>) {
        let name = draft.name.clone();
        let owner = Box::new(self.owner(draft.slot, spec));
        let op = Op::Container(ContainerOp::Create {
            name: name.clone(),
            spec: Arc::clone(spec),
            owner,
        });
        let mut undo = thin_vec![remove(&name)];
        if let Some(old) = restore {
            undo.extend([rename(old, &name), start(&name)]);
        }
        let pre = Precondition::Absent { name: name.clone() };
        let mut needs = self.needs(draft.host, draft.slot, spec);
        if matches!(draft.slot.key, SlotKey::Host(_)) {
            // Its host was renamed: never two of it on one machine, with the same data perhaps.
            let vacated = self.vacated.get(&(draft.host.clone(), draft.slot.service.clone()));
            needs.extend(vacated.copied());
        }
        let id = self.act(draft, draft.host, op, pre, undo);
        self.edit(id, |step| step.after.extend(needs));
        draft.resumes = restore.map(|_| id);
        self.takes_ports(id, draft.diff);
        self.act(
            draft,
            draft.host,
            start(&name),
            Precondition::None,
            thin_vec![stop(&name)],
        );
    }

    fn replace<'d, 'a>(
        &mut self,
        draft: &mut Draft<'d, 'a>,
        spec: &Arc<ReplicaSpec>,
        old: Option<&'d Standing<'a>>,
        drop: &'d [Standing<'a>],
        beside: bool,
    ) {
        for one in drop {
            let name = one.name.as_ref().into();
            if one.is_live() {
                self.stop(draft, one, &name);
            }
            self.leaves(one, &one.name);
            self.act(draft, one.host, remove(&name), is(&one.name, one), ThinVec::new());
        }
        let retired = retired_name(&self.input.target.cluster, draft.slot).into();
        let Some(old) = old else {
            return self.create(draft, spec, None);
        };
        let before = SharedText::from(old.name.as_ref());
        if !beside && old.is_live() {
            self.stop(draft, old, &before);
        }
        let name = if old.in_place {
            let op = rename(&draft.name, &retired);
            let mut undo = thin_vec![rename(&retired, &draft.name)];
            // One that stands still by an apply that was cut off: where its successor fails, git wants it to run all the same.
            undo.extend((!old.is_live()).then(|| start(&draft.name)));
            self.act(draft, old.host, op, is(&draft.name, old), undo);
            retired
        } else {
            before.clone()
        };
        draft.cleanup.push(Gone { standing: old, name });
        self.create(draft, spec, (!old.in_place).then_some(&before));
    }

    fn stop_extras<'d, 'a>(&mut self, draft: &mut Draft<'d, 'a>, extras: Vec<&'d Standing<'a>>) {
        for standing in extras {
            let name = standing.name.as_ref().into();
            if standing.is_live() {
                self.stop(draft, standing, &name);
            }
            draft.cleanup.push(Gone { standing, name });
        }
    }

    pub(super) fn stop<'d, 'a>(&mut self, draft: &mut Draft<'d, 'a>, standing: &'d Standing<'a>, name: &SharedText) {
        let id = self.act(
            draft,
            standing.host,
            stop(name),
            is(name, standing),
            thin_vec![start(name)],
        );
        if draft.yields {
            self.release(standing, id);
        } else {
            draft.stopped.push(standing);
        }
    }

    pub(super) fn gate(&mut self, draft: &mut Draft<'_, '_>, gate: GateOp) {
        self.act(draft, draft.host, Op::Gate(gate), Precondition::None, ThinVec::new());
    }

    /// Adds a step to a unit, after the one before; its first that touches what stands waits for the service's pulls.
    pub(super) fn act(
        &mut self,
        draft: &mut Draft<'_, '_>,
        host: &HostName,
        op: Op,
        pre: Precondition,
        undo: ThinVec<Op>,
    ) -> StepId {
        let touched = draft.steps.iter().any(|id| self.touches(*id));
        let id = self.push(host, Some(draft.slot), op, draft.why);
        let settled = if !touched && self.touches(id) {
            self.pulls_of(&draft.slot.service)
        } else {
            ThinVec::new()
        };
        let before = draft.steps.last().copied();
        self.edit(id, |step| {
            step.pre = pre;
            step.undo = undo;
            step.settled = settled;
            step.after.extend(before);
            step.after.extend(std::mem::take(&mut draft.ready));
        });
        draft.steps.push(id);
        id
    }

    fn finish(&mut self, draft: Draft<'_, '_>, waits: bool, monitor: Span) -> (Unit, Vec<Step>) {
        let last = draft.steps.last().copied();
        let watch = (waits && monitor > Span::default()).then(|| {
            let name = draft.name.clone();
            let gated = self.asked(&draft.slot.service).is_some();
            let op = Op::Gate(GateOp::Stays { name, monitor, gated });
            let id = self.push(draft.host, Some(draft.slot), op, draft.why);
            self.edit(id, |step| step.after.extend(last));
            id
        });
        for standing in &draft.stopped {
            if let Some(end) = watch.or(last) {
                self.release(standing, end);
            }
        }
        let after: StepIds = last.into_iter().chain(watch).collect();
        for gone in &draft.cleanup {
            self.leaves(gone.standing, &gone.name);
        }
        let cleanup = draft.cleanup.iter().map(|gone| Step {
            pre: is(&gone.name, gone.standing),
            after: after.clone(),
            ..blank(gone.standing.host, Some(draft.slot), remove(&gone.name), draft.why)
        });
        let cleanup = cleanup.collect();
        let unit = Unit {
            zone: self.zone(draft.slot, draft.host),
            slot: draft.slot.clone(),
            steps: draft.steps,
            watch,
            resumes: draft.resumes,
        };
        (unit, cleanup)
    }
}

/// A wait until a container is up.
pub(super) fn up(name: &SharedText, policy: UpdatePolicy, gate: Option<Arc<Gate>>) -> GateOp {
    GateOp::Up {
        name: name.clone(),
        monitor: policy.monitor,
        timeout: policy.timeout,
        gate,
    }
}

/// Whether a container that runs keeps another on its host from starting.
fn clashes(here: &Standing<'_>, other: &Standing<'_>) -> bool {
    let (mut ports, held) = (here.ports.into_iter().flatten(), held(other));
    ports.any(|port| held.contains(&(here.host, port.protocol, port.host)))
}
