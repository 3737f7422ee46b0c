//! Does a plan's steps on an observation in memory, as hosts without faults would; whatever a real engine refuses is an error.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use cdk::model::address::AddressesSeen;
use cdk::model::blob::FileFacts;
use cdk::model::container::{ContainerState, Health, LiveContainer};
use cdk::model::firewall::FirewallSeen;
use cdk::model::host::{HeldPort, HostState, ObservedHost};
use cdk::model::image::Resolution;
use cdk::model::journal::{JOURNAL_VERSION, JournalEnd, JournalRecord};
use cdk::model::name::{HostName, Slot};
use cdk::model::network::{LiveNetwork, is_predefined};
use cdk::model::op::{ContainerOp, FileOp, FirewallOp, GateOp, ImageOp, NetworkOp, Op, VolumeOp};
use cdk::model::order::JobVersion;
use cdk::model::setting::{PortBinding, Protocol};
use cdk::model::volume::LiveVolume;
use cdk::observe::Observed;
use cdk::plan::step::{Plan, Precondition, Step, StepId};

/// Does the first `limit` steps in some order that the plan allows: `choice` picks among those that may begin.
pub fn apply(
    observed: &mut Observed,
    plan: &Plan,
    limit: usize,
    mut choice: impl FnMut(usize) -> usize,
) -> Result<(), String> {
    journal(observed, plan, JournalEnd::Begun, &BTreeSet::new());
    let mut done: BTreeSet<StepId> = BTreeSet::new();
    while done.len() < plan.steps.len() {
        if done.len() == limit {
            return Ok(());
        }
        let ready: Vec<&Step> = plan.steps.iter().filter(|step| may_begin(plan, step, &done)).collect();
        let Some(step) = ready.get(choice(ready.len().max(1))) else {
            return Err(format!("no step may begin after {done:?}"));
        };
        perform(observed, step).map_err(|error| format!("step {} ({} on {}): {error}", step.id, step.op, step.host))?;
        done.insert(step.id);
    }
    journal(observed, plan, JournalEnd::Done, &done);
    Ok(())
}

fn may_begin(plan: &Plan, step: &Step, done: &BTreeSet<StepId>) -> bool {
    let waits = step.after.iter().chain(&step.settled).all(|other| done.contains(other));
    let rollout = plan.rollouts.iter().find(|rollout| rollout.cleanup.contains(&step.id));
    let ended = rollout.is_none_or(|rollout| {
        let mut all = rollout
            .units
            .iter()
            .flat_map(|unit| unit.steps.iter().chain(&unit.watch));
        all.all(|id| done.contains(id))
    });
    let last = !plan.tidy.contains(&step.id)
        || plan
            .steps
            .iter()
            .all(|other| done.contains(&other.id) || plan.tidy.contains(&other.id));
    !done.contains(&step.id) && waits && ended && last
}

fn journal(observed: &mut Observed, plan: &Plan, end: JournalEnd, done: &BTreeSet<StepId>) {
    let (jobs, done) = (succeeded(plan, done), done.len());
    for host in &plan.hosts {
        if let Some(ObservedHost::Reachable(state)) = observed.hosts.get_mut(host) {
            state.journal.retain(|record| record.sequence != plan.sequence);
            state.journal.push(JournalRecord {
                version: JOURNAL_VERSION,
                sequence: plan.sequence,
                at: String::new(),
                by: String::new(),
                revision: plan.revision.commit.clone(),
                steps: plan.steps.len(),
                done,
                end,
                placement: plan.placement.clone(),
                digests: plan.digests.clone(),
                committed_at: None,
                memory: plan.memory.clone(),
                jobs: jobs.clone(),
                depends_on: plan.depends_on.clone(),
                account: Default::default(),
            });
        }
    }
}

pub fn state<'o>(observed: &'o mut Observed, host: &HostName) -> Result<&'o mut HostState, String> {
    match observed.hosts.get_mut(host) {
        Some(ObservedHost::Reachable(state)) => Ok(state),
        Some(ObservedHost::Unreachable(_)) | None => Err("the host does not answer".to_owned()),
    }
}

pub fn perform(observed: &mut Observed, step: &Step) -> Result<(), String> {
    let images = observed.images.clone();
    let fresh = format!("c{}-{}", step.id, observed_generation(observed));
    if let Op::Container(ContainerOp::Create { owner, name, .. }) = &step.op
        && let Some(version) = &owner.job
        && has_run(observed, name, &owner.slot, version)
    {
        return Err(format!("{version} of {} has run before", owner.slot));
    }
    let state = state(observed, &step.host)?;
    match &step.pre {
        Precondition::None => {}
        Precondition::Absent { name } => {
            if at(state, name).is_some() {
                return Err(format!("there is a {name}"));
            }
        }
        Precondition::Is { name, id } => {
            let found = at(state, name).and_then(|at| state.containers.get(at));
            if found.is_none_or(|container| container.id != *id) {
                return Err(format!("{name} is not {id}"));
            }
        }
    }
    match &step.op {
        Op::Image(ImageOp::Pull { image, digest }) => pull(state, &image.to_string(), digest.as_ref(), &images),
        Op::Volume(VolumeOp::Create { name, spec }) => {
            let (spec, own) = (spec.as_ref().clone(), true);
            state.volumes.insert(name.to_string(), LiveVolume { spec, own });
            Ok(())
        }
        Op::File(FileOp::Write(write)) => {
            let (mode, changed) = (write.file.mode, write.file.stamp());
            state
                .files
                .insert(write.path.clone(), Some(FileFacts { mode, changed }));
            Ok(())
        }
        Op::Image(ImageOp::Remove { id, .. }) => {
            let used = state.containers.iter().any(|live| live.image_id == *id);
            match state.images.remove(&**id) {
                Some(_) if !used => Ok(()),
                Some(_) => Err(format!("{id} is used")),
                None => Err(format!("there is no image {id}")),
            }
        }
        Op::File(FileOp::Remove { path }) => match state.files.insert(path.to_string(), None) {
            Some(Some(_)) => Ok(()),
            Some(None) | None => Err(format!("there is no file {path}")),
        },
        Op::Network(op) => network(state, op, fresh),
        Op::Gate(GateOp::Up { name, .. } | GateOp::Stays { name, .. }) => {
            let container = get(state, name)?;
            match &mut container.state {
                ContainerState::Running { health } => {
                    *health = health.map(|_| Health::Healthy);
                    Ok(())
                }
                ContainerState::Restarting => Ok(()),
                other => Err(format!("{name} is {other}")),
            }
        }
        Op::Gate(GateOp::Completed { name, .. }) => {
            let container = get(state, name)?;
            match &container.state {
                ContainerState::Running { .. } | ContainerState::Restarting | ContainerState::Exited { code: 0 } => {
                    container.state = ContainerState::Exited { code: 0 };
                    Ok(())
                }
                other => Err(format!("{name} is {other}")),
            }
        }
        Op::Container(op) => container(state, op, fresh),
        Op::Firewall(op) => firewall(state, op),
        Op::Address(change) => match &mut state.addresses {
            AddressesSeen::Found(live) => {
                live.take(change);
                Ok(())
            }
            AddressesSeen::NotAsked | AddressesSeen::Unknown(_) => Err("nobody read the addresses".to_owned()),
        },
    }
}

fn firewall(state: &mut HostState, op: &FirewallOp) -> Result<(), String> {
    let FirewallOp::Change(change) = op else {
        return Err("an undo is no step".to_owned());
    };
    let FirewallSeen::Found(live) = &mut state.firewall else {
        return Err("nobody read the firewall".to_owned());
    };
    if !change.replaces.is(live.hash.as_deref()) {
        return Err("the firewall has changed".to_owned());
    }
    let hash = change.rules.as_ref().map(|rules| serde_json::to_string(rules).unwrap());
    (live.rules, live.hash) = (change.rules.clone(), hash);
    live.by_hand.clear();
    Ok(())
}

/// The versions of jobs that have succeeded once these steps are done.
fn succeeded(plan: &Plan, done: &BTreeSet<StepId>) -> BTreeMap<Slot, Vec<JobVersion>> {
    let mut all = plan.jobs.clone();
    for step in plan.steps.iter().filter(|step| done.contains(&step.id)) {
        if let (Op::Gate(GateOp::Completed { version, .. }), Some(slot)) = (&step.op, &step.slot) {
            all.entry(slot.clone()).or_default().push(version.clone());
        }
    }
    all
}

/// Whether a host that answers knows of a success of this version.
fn has_run(observed: &Observed, name: &str, slot: &Slot, version: &JobVersion) -> bool {
    let mut states = observed.hosts.values().filter_map(ObservedHost::state);
    states.any(|state| {
        let mut records = state.journal.iter().filter_map(|record| record.jobs.get(slot));
        let mut ended = state.containers.iter().filter(|one| one.name == name);
        records.any(|versions| versions.contains(version))
            || ended
                .any(|one| one.owner.job.as_ref() == Some(version) && one.state == (ContainerState::Exited { code: 0 }))
    })
}

/// Something that differs from apply to apply, for ids that are never used twice.
fn observed_generation(observed: &Observed) -> u64 {
    let states = observed.hosts.values().filter_map(ObservedHost::state);
    let records = states.flat_map(|state| &state.journal);
    records.map(|record| record.sequence).max().unwrap_or(0)
}

fn pull(
    state: &mut HostState,
    image: &str,
    digest: Option<&cdk::model::image::Digest>,
    images: &BTreeMap<String, Resolution>,
) -> Result<(), String> {
    match images.get(image) {
        Some(Resolution::Local) => return Err("it is in no registry".to_owned()),
        Some(Resolution::Digest(_) | Resolution::Kept { .. } | Resolution::Unknown(_)) | None => {}
    }
    let id = digest.map_or_else(|| format!("id-of-{image}"), |digest| format!("id-{}", digest.short()));
    for facts in state.images.values_mut() {
        facts.tags.retain(|tag| tag != image);
    }
    let facts = state.images.entry(id).or_default();
    facts.tags.push(image.to_owned());
    let defaults = Arc::make_mut(&mut facts.defaults);
    defaults.environment.insert("PATH".to_owned(), "/bin".to_owned());
    facts.digests.extend(digest.map(|digest| format!("app@{digest}")));
    Ok(())
}

fn at(state: &HostState, name: &str) -> Option<usize> {
    state.containers.iter().position(|container| container.name == name)
}

fn get<'s>(state: &'s mut HostState, name: &str) -> Result<&'s mut LiveContainer, String> {
    let found = at(state, name).and_then(|at| state.containers.get_mut(at));
    found.ok_or_else(|| format!("there is no {name}"))
}

pub fn keys<'p>(ports: impl IntoIterator<Item = &'p PortBinding>) -> BTreeSet<(Protocol, u16)> {
    ports.into_iter().map(|port| (port.protocol, port.host)).collect()
}

fn is_live(container: &LiveContainer) -> bool {
    match container.state {
        ContainerState::Running { .. } | ContainerState::Restarting | ContainerState::Paused => true,
        ContainerState::Created | ContainerState::Exited { .. } | ContainerState::Dead => false,
    }
}

fn ports(container: &LiveContainer) -> BTreeSet<(Protocol, u16)> {
    keys(container.spec.iter().flat_map(|spec| &spec.ports))
}

fn container(state: &mut HostState, op: &ContainerOp, fresh: String) -> Result<(), String> {
    match op {
        ContainerOp::Create { name, spec, owner } => {
            let spec = spec.whole();
            let found = state.images.iter().find(|(_, facts)| match &owner.digest {
                Some(digest) => facts.has_digest(digest),
                None => facts.is_named(&spec.image),
            });
            let (image_id, facts) = found.ok_or_else(|| format!("there is no image {}", spec.image))?;
            if let Some(missing) = spec.volumes().find(|volume| !state.volumes.contains_key(*volume)) {
                return Err(format!("there is no volume {missing}"));
            }
            let is_there = |network: &&str| is_predefined(network) || state.networks.contains_key(*network);
            if let Some(missing) = spec.networks().find(|network| !is_there(network)) {
                return Err(format!("there is no network {missing}"));
            }
            let made = LiveContainer {
                id: fresh,
                name: name.to_string(),
                owner: owner.as_ref().clone(),
                image_id: image_id.as_str().into(),
                state: ContainerState::Created,
                started_at: String::new(),
                restarts: 0,
                network_ids: BTreeMap::new(),
                spec: Some(Box::new(spec.effective(&facts.defaults))),
                masked: false,
            };
            if let Some(missing) = made.files().iter().find(|path| !state.files.contains_key(*path)) {
                return Err(format!("there is no file {missing}"));
            }
            state.containers.push(made);
        }
        ContainerOp::Start { name } => {
            let mine = ports(get(state, name)?);
            let others = state
                .containers
                .iter()
                .filter(|other| other.name != *name && is_live(other));
            if let Some(other) = others.into_iter().find(|other| !ports(other).is_disjoint(&mine)) {
                return Err(format!("a port of it is held by {}", other.name));
            }
            let held = |(protocol, port): &(Protocol, u16)| {
                let (protocol, port) = (*protocol, *port);
                state.held_ports.contains(&HeldPort { port, protocol })
            };
            if mine.iter().any(held) {
                return Err("a port of it is held by somebody else".to_owned());
            }
            let specs = get(state, name)?.spec.clone();
            for network in specs.iter().flat_map(|spec| spec.network.networks.keys()) {
                if !is_predefined(network) {
                    let id = state.networks.get(network).ok_or("its network is gone")?.id.clone();
                    let before = get(state, name)?.network_ids.insert(network.clone(), id.clone());
                    if before.is_some_and(|before| before != id) {
                        return Err("its network is another one now".to_owned());
                    }
                }
            }
            get(state, name)?.state = ContainerState::Running { health: None };
        }
        ContainerOp::Signal { name, .. } => {
            if !is_live(get(state, name)?) {
                return Err(format!("{name} does not run"));
            }
        }
        ContainerOp::Stop { name } => get(state, name)?.state = ContainerState::Exited { code: 0 },
        ContainerOp::Rename { name, to } => {
            if at(state, to).is_some() {
                return Err(format!("there is a {to}"));
            }
            get(state, name)?.name = to.to_string();
        }
        ContainerOp::Update { name, limits, restart } => {
            let spec = get(state, name)?.spec.as_mut().ok_or("it has no spec")?;
            let own = Arc::make_mut(&mut spec.limits);
            if limits.memory.0 > 0 {
                own.memory = limits.memory;
            }
            if limits.cpus.0 > 0 {
                own.cpus = limits.cpus;
            }
            spec.restart = *restart;
        }
        ContainerOp::Remove { name } => {
            let at = at(state, name).ok_or_else(|| format!("there is no {name}"))?;
            state.containers.remove(at);
        }
    }
    Ok(())
}

fn network(state: &mut HostState, op: &NetworkOp, fresh: String) -> Result<(), String> {
    match op {
        NetworkOp::Create { name, spec } => {
            if state.networks.contains_key(&**name) {
                return Err("it is there".to_owned());
            }
            let mut taken = state.networks.values().flat_map(|other| &other.subnets);
            if spec.subnets().any(|subnet| taken.any(|other| other.overlaps(subnet))) {
                return Err("its subnet is another's".to_owned());
            }
            let live = LiveNetwork {
                id: fresh,
                made_from: Some(spec.as_ref().clone()),
                subnets: spec.subnets().collect(),
                interface: String::new(),
            };
            state.networks.insert(name.to_string(), live);
        }
        NetworkOp::Remove { name } => {
            let on_it = |one: &&LiveContainer| one.spec.iter().any(|spec| spec.network.networks.contains_key(&**name));
            if let Some(one) = state.containers.iter().find(|one| is_live(one) && on_it(one)) {
                return Err(format!("{} is on it", one.name));
            }
            state.networks.remove(&**name).ok_or("it is not there")?;
        }
        NetworkOp::Connect {
            name,
            container,
            attachment,
        } => {
            let id = state.networks.get(&**name).ok_or("it is not there")?.id.clone();
            let container = get(state, container)?;
            container.network_ids.insert(name.to_string(), id);
            let spec = container.spec.as_mut().ok_or("it has no spec")?;
            let network = Arc::make_mut(&mut spec.network);
            network.networks.insert(name.to_string(), attachment.as_ref().clone());
        }
        NetworkOp::Disconnect { name, container } => {
            let container = get(state, container)?;
            container.network_ids.remove(&**name);
            let spec = container.spec.as_mut().ok_or("it has no spec")?;
            let network = Arc::make_mut(&mut spec.network);
            network.networks.remove(&**name).ok_or("it is not on it")?;
        }
    }
    Ok(())
}

/// Takes a unit's steps back, the last first, as the executor does; what finds nothing to undo is no error.
pub fn undo(observed: &mut Observed, plan: &Plan, done: &[StepId]) {
    for step in done.iter().rev().filter_map(|id| plan.step(*id)) {
        for op in &step.undo {
            if let (Op::Container(op), Ok(state)) = (op, state(observed, &step.host)) {
                let _ = container(state, op, String::new());
            }
        }
    }
}
