//! Puts a plan's steps together: pulls and volumes first, removals, then every service's rollout; and the edges between them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use indexmap::IndexMap;
use thin_vec::ThinVec;

use crate::diff::{SlotDiff, Verdict};
use crate::model::container::Ownership;
use crate::model::gate::Gate;
use crate::model::host::HostState;
use crate::model::image::{Digest, ImageRef, Resolution};
use crate::model::name::{HostName, ServiceName, Slot};
use crate::model::op::{ContainerOp, Op};
use crate::model::order::JobVersion;
use crate::model::policy::UpdatePolicy;
use crate::model::replica::ReplicaSpec;
use crate::model::setting::Protocol;
use crate::model::text::SharedText;
use crate::place::live::Standing;
use crate::plan::change::NetworkChange;
use crate::plan::network::Networks;
use crate::plan::number::renumber;
use crate::plan::order::{arrange, held, wanted};
use crate::plan::ready::Ready;
use crate::plan::roll::Removed;
use crate::plan::rollout::Rollout;
use crate::plan::step::{Precondition, Step, StepId, StepIds};
use crate::plan::{Input, address};
use crate::render::ServiceTarget;

/// Steps and rollouts.
pub(super) struct Work {
    pub(super) steps: Vec<Step>,
    pub(super) rollouts: Vec<Rollout>,
    pub(super) networks: Vec<NetworkChange>,
}

/// A port of a host, and its transport.
type HeldOn = (HostName, Protocol, u16);

/// A host that answered, looked up for each of its replicas.
#[derive(Clone, Copy)]
pub(super) struct Seen<'i> {
    /// Its place among them.
    pub(super) number: usize,
    /// What was seen there.
    pub(super) state: &'i HostState,
}

/// A service of git, looked up for each of its replicas.
#[derive(Clone, Copy)]
pub(super) struct Known<'i> {
    /// The service.
    pub(super) target: &'i ServiceTarget,
    /// What it runs.
    pub(super) image: Image<'i>,
}

/// An image that services of git run.
#[derive(Clone, Copy)]
pub(super) struct Image<'i> {
    /// Its place among them.
    pub(super) number: usize,
    /// As git writes it.
    pub(super) name: &'i ImageRef,
    /// What it stands for.
    pub(super) resolution: Option<&'i Resolution>,
}

impl<'i> Image<'i> {
    /// The digest that it is used by: the registry's, or the one that git pins.
    pub(super) fn digest(self) -> Option<&'i Digest> {
        match self.resolution {
            Some(Resolution::Digest(digest) | Resolution::Kept { digest, why: _ }) => Some(digest),
            Some(Resolution::Local) => None,
            Some(Resolution::Unknown(_)) | None => self.name.digest(),
        }
    }

    /// Whether it is missing on a host.
    pub(super) fn is_missing(self, state: &HostState) -> bool {
        match self.resolution {
            Some(Resolution::Local) => false,
            Some(Resolution::Digest(_) | Resolution::Kept { .. } | Resolution::Unknown(_)) | None => {
                state.image(self.name, self.resolution).is_none()
            }
        }
    }
}

/// Everything while a plan is put together. Steps bear provisional numbers until the end.
pub(super) struct Builder<'i> {
    pub(super) input: Input<'i>,
    steps: Vec<Step>,
    pub(super) hosts: BTreeMap<HostName, Seen<'i>>,
    /// By host and image, as they are numbered; none where the image lies there. There are nearly as many as containers.
    pub(super) pulls: IndexMap<(usize, usize), Option<StepId>>,
    pub(super) ready: BTreeMap<HostName, Box<Ready>>,
    pub(super) pulls_by_service: BTreeMap<ServiceName, BTreeSet<StepId>>,
    services: BTreeMap<ServiceName, Known<'i>>,
    revision: Option<SharedText>,
    pub(super) networks: Networks,
    /// The replica that lets go of a port, and the step after which it does not want it back.
    released: BTreeMap<HeldOn, (Slot, StepId)>,
    /// The ports that a step needs, and its replica.
    taken: Vec<(StepId, Slot, Vec<HeldOn>)>,
    /// The replicas that services have no more, and that come back where those are taken back.
    pub(super) removed: BTreeMap<ServiceName, Removed>,
    /// The stops of old replicas that go once all new ones of their service are up.
    pub(super) olds: Vec<Step>,
    /// The removal of a global service's replica that stands under its host's former name, by host and service.
    pub(super) vacated: BTreeMap<(HostName, ServiceName), StepId>,
    /// The public addresses that change, and that nothing brings along yet.
    pub(super) addresses: Vec<address::Work>,
}

impl<'i> Builder<'i> {
    pub(super) fn new(input: Input<'i>) -> Self {
        let services = &input.target.services;
        let images: BTreeSet<&ImageRef> = services.values().map(|service| &service.image).collect();
        let images = images.into_iter().enumerate().map(|(number, name)| {
            let resolution = input.observed.images.get(&name.to_string());
            let image = Image {
                number,
                name,
                resolution,
            };
            (name, image)
        });
        let images: BTreeMap<&ImageRef, Image<'_>> = images.collect();
        let known = services.iter().filter_map(|(name, target)| {
            let image = *images.get(&target.image)?;
            Some((name.clone(), Known { target, image }))
        });
        let hosts = input.observed.hosts.iter();
        let hosts = hosts.filter_map(|(name, host)| Some((name, host.state()?))).enumerate();
        let hosts = hosts.map(|(number, (name, state))| (name.clone(), Seen { number, state }));
        Self {
            input,
            steps: Vec::new(),
            hosts: hosts.collect(),
            pulls: IndexMap::new(),
            ready: BTreeMap::new(),
            pulls_by_service: BTreeMap::new(),
            services: known.collect(),
            revision: input.target.revision.commit.as_deref().map(SharedText::from),
            networks: Networks::default(),
            released: BTreeMap::new(),
            taken: Vec::new(),
            removed: BTreeMap::new(),
            olds: Vec::new(),
            vacated: BTreeMap::new(),
            addresses: address::work(input),
        }
    }

    pub(super) fn build(mut self) -> Work {
        let services = &self.input.diff.services;
        self.renew_networks();
        for slot in services.values().flat_map(|service| &service.slots) {
            if let (Some(spec), Some(host)) = (slot.verdict.made(), &slot.host) {
                self.prepare(host, &slot.slot, spec);
            }
        }
        for slot in services.values().flat_map(|service| &service.slots) {
            if let Verdict::Remove { gone } = &slot.verdict {
                self.removal(slot, gone);
            }
        }
        let units = services
            .values()
            .map(|service| service.slots.iter().filter(|slot| is_unit(&slot.verdict)).collect());
        let (units, forced) = arrange(units.collect());
        let mut rollouts = self.rollouts(&units, &forced);
        self.remove_networks();
        self.join_ports();
        self.order(&rollouts);
        self.other_addresses(&rollouts);
        self.firewalls();
        renumber(&mut self.steps, &mut rollouts);
        Work {
            steps: self.steps,
            rollouts,
            networks: self.networks.changes,
        }
    }

    /// What goes into the labels of a new container.
    pub(super) fn owner(&self, slot: &Slot, spec: &ReplicaSpec) -> Ownership {
        let known = self.service(&slot.service);
        let service = known.map(|known| known.target);
        Ownership {
            slot: slot.clone(),
            fingerprint: Some(spec.fingerprint()),
            revision: self.revision.clone(),
            image: Some(spec.common().image.clone()),
            digest: known.and_then(|known| known.image.digest()).cloned(),
            job: service.and_then(|service| service.job.clone()),
            reserved: service.map(|service| service.reserved).unwrap_or_default(),
        }
    }

    /// A service that git has.
    pub(super) fn service(&self, name: &ServiceName) -> Option<Known<'i>> {
        self.services.get(name).copied()
    }

    pub(super) fn policy(&self, service: &ServiceName) -> Option<UpdatePolicy> {
        self.service(service).map(|known| known.target.policy)
    }

    /// What says that a service's replica is up, instead of its health check. What goes back is not asked by the gate of what it
    /// goes back from: that may ask for what it never had.
    pub(super) fn asked(&self, service: &ServiceName) -> Option<Arc<Gate>> {
        if self.input.target.has_stopped(service) {
            return None;
        }
        self.service(service)?.target.gate.clone()
    }

    /// Whether a service's replicas write to their hosts: of such there are never two that run, though each writes to its own.
    pub(super) fn writes(&self, service: &ServiceName) -> bool {
        self.service(service).is_some_and(|known| known.target.stateful)
    }

    /// The version of a service that is a job.
    pub(super) fn job(&self, service: &ServiceName) -> Option<&'i JobVersion> {
        self.service(service)?.target.job.as_ref()
    }

    pub(super) fn state(&self, host: &HostName) -> Option<&'i HostState> {
        self.hosts.get(host).map(|seen| seen.state)
    }

    /// Adds a step that waits for nothing yet.
    pub(super) fn push(&mut self, host: &HostName, slot: Option<&Slot>, op: Op, why: &SharedText) -> StepId {
        self.append(blank(host, slot, op, why))
    }

    pub(super) fn append(&mut self, step: Step) -> StepId {
        let id = StepId(u32::try_from(self.steps.len()).unwrap_or(u32::MAX));
        self.steps.push(Step { id, ..step });
        id
    }

    pub(super) fn edit(&mut self, id: StepId, change: impl FnOnce(&mut Step)) {
        if let Some(step) = usize::try_from(id.0).ok().and_then(|at| self.steps.get_mut(at)) {
            change(step);
        }
    }

    pub(super) fn steps(&self) -> &[Step] {
        &self.steps
    }

    pub(super) fn step(&self, id: StepId) -> Option<&Step> {
        usize::try_from(id.0).ok().and_then(|at| self.steps.get(at))
    }

    /// Whether a step touches what stands already.
    pub(super) fn touches(&self, id: StepId) -> bool {
        self.step(id).is_some_and(|step| match &step.op {
            Op::Container(op) => match op {
                ContainerOp::Stop { .. }
                | ContainerOp::Rename { .. }
                | ContainerOp::Update { .. }
                | ContainerOp::Signal { .. }
                | ContainerOp::Remove { .. } => true,
                ContainerOp::Create { .. } | ContainerOp::Start { .. } => false,
            },
            Op::Image(_)
            | Op::Volume(_)
            | Op::File(_)
            | Op::Network(_)
            | Op::Firewall(_)
            | Op::Address(_)
            | Op::Gate(_) => false,
        })
    }

    /// Remembers that after this step a container's ports are free.
    pub(super) fn release(&mut self, standing: &Standing<'_>, id: StepId) {
        let slot = &standing.container.owner.slot;
        for (host, protocol, port) in held(standing) {
            let port = (host.clone(), protocol, port);
            self.released.insert(port, (slot.clone(), id));
        }
    }

    /// Remembers which ports a step's container takes.
    pub(super) fn takes_ports(&mut self, id: StepId, slot: &SlotDiff<'_>) {
        let ports = wanted(slot).into_iter();
        let ports: Vec<_> = ports
            .map(|(host, protocol, port)| (host.clone(), protocol, port))
            .collect();
        if !ports.is_empty() {
            self.taken.push((id, slot.slot.clone(), ports));
        }
    }

    /// A container is made only after another replica has let go of its ports.
    fn join_ports(&mut self) {
        for (id, slot, ports) in std::mem::take(&mut self.taken) {
            let released = ports.iter().filter_map(|port| self.released.get(port));
            let others: BTreeSet<StepId> = released.filter(|(from, _)| *from != slot).map(|(_, id)| *id).collect();
            self.edit(id, |step| {
                let new: Vec<StepId> = others.into_iter().filter(|other| !step.after.contains(other)).collect();
                step.after.extend(new);
            });
        }
    }
}

/// A step without a number that waits for nothing.
pub(super) fn blank(host: &HostName, slot: Option<&Slot>, op: Op, why: &SharedText) -> Step {
    Step {
        id: StepId(u32::MAX),
        host: host.clone(),
        slot: slot.cloned(),
        op,
        pre: Precondition::None,
        after: StepIds::new(),
        settled: ThinVec::new(),
        undo: ThinVec::new(),
        why: why.clone(),
    }
}

/// Whether a replica is worked on in its service's rollout.
pub(super) fn is_unit(verdict: &Verdict<'_>) -> bool {
    match verdict {
        Verdict::Create { .. }
        | Verdict::Update { .. }
        | Verdict::Start { .. }
        | Verdict::Replace { .. }
        | Verdict::Run { .. }
        | Verdict::Restore { .. }
        | Verdict::Move { .. } => true,
        Verdict::Keep
        | Verdict::Remove { .. }
        | Verdict::Doubled
        | Verdict::Unknown
        | Verdict::Unplaced
        | Verdict::Waits { .. } => false,
    }
}
