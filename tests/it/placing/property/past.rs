//! What stands on the hosts: what a placement left there, put down without a plan; and what befalls it. No checks.

use std::collections::{BTreeMap, BTreeSet};

use cdk::model::container::{ContainerState, Health, LiveContainer, Ownership};
use cdk::model::effective::EffectiveSpec;
use cdk::model::host::{HostState, ObservedHost};
use cdk::model::journal::{JOURNAL_VERSION, JournalEnd, JournalRecord, PlacedSlot};
use cdk::model::name::{HostName, Slot, SlotKey, container_name};
use cdk::model::setting::PortBinding;
use cdk::model::volume::LiveVolume;
use cdk::observe::Observed;
use cdk::place::asked::Asked;
use cdk::place::{Placement, place};
use cdk::resolve::desired::{Availability, Desired};
use cdk::scale::counts;

use super::cluster::{another, bare, cluster};
use super::dice::Dice;

/// A cluster with a past.
pub struct Case {
    /// What git wants now.
    pub desired: Desired,
    /// What is seen.
    pub observed: Observed,
    /// What is on the hosts that do not answer.
    pub hidden: BTreeMap<HostName, ObservedHost>,
}

/// A cluster that nothing of stands yet.
pub fn new(dice: &mut Dice) -> Case {
    let desired = cluster(dice);
    let observed = bare(dice);
    let hidden = BTreeMap::new();
    let mut case = Case {
        desired,
        observed,
        hidden,
    };
    if dice.chance(30) {
        silence(&mut case, dice);
    }
    case
}

/// A cluster that went through up to three versions of itself, and through what befell it.
pub fn grown(dice: &mut Dice) -> Case {
    let mut case = new(dice);
    for _ in 0..dice.below(4) {
        case.settle(&Asked::default());
        befall(&mut case, dice);
        case.desired = another(dice, &case.desired);
    }
    case
}

/// A cluster where all is as it should be, after up to three versions of itself.
pub fn settled(dice: &mut Dice) -> Case {
    let mut case = grown(dice);
    case.settle(&Asked::default());
    case
}

impl Case {
    /// Where all goes.
    pub fn placed(&self, asked: &Asked) -> Placement {
        let counts = counts(&self.desired, &self.observed);
        let (placement, _) = place(&self.desired, &self.observed, &counts, asked);
        placement
    }

    /// Puts a placement down, as an apply would that goes well.
    pub fn settle(&mut self, asked: &Asked) -> Placement {
        let placement = self.placed(asked);
        let record = record(self, &placement);
        let names: Vec<HostName> = self.desired.hosts.keys().cloned().collect();
        for name in &names {
            let down = self
                .desired
                .hosts
                .get(name)
                .is_none_or(|host| host.state == Availability::Down);
            if let Some(ObservedHost::Reachable(state)) = self.observed.hosts.get_mut(name).filter(|_| !down) {
                put_down(&self.desired, &placement, name, state);
            }
        }
        for state in states(&mut self.observed) {
            state.journal = vec![record.clone()];
        }
        placement
    }
}

/// The states of the hosts that answer.
pub fn states(observed: &mut Observed) -> impl Iterator<Item = &mut HostState> {
    observed.hosts.values_mut().filter_map(ObservedHost::state_mut)
}

fn put_down(desired: &Desired, placement: &Placement, host: &HostName, state: &mut HostState) {
    let waits = |slot: &Slot| {
        let refusal = placement.unplaced.get(slot);
        let stays = refusal.and_then(|refusal| refusal.stays.as_ref());
        stays.is_some_and(|stays| stays.host == *host)
    };
    let here = |slot: &Slot| placement.slots.get(slot).is_some_and(|placed| placed.host == *host);
    let mut seen: BTreeSet<Slot> = BTreeSet::new();
    state
        .containers
        .retain(|one| (waits(&one.owner.slot) || here(&one.owner.slot)) && seen.insert(one.owner.slot.clone()));
    for (slot, placed) in placement.slots.iter().filter(|(_, placed)| placed.host == *host) {
        let service = &desired.services[&slot.service];
        for source in service.data() {
            if let cdk::model::setting::MountSource::Volume(name) = source {
                state.volumes.insert(name.clone(), LiveVolume::default());
            }
        }
        state.containers.retain(|one| one.owner.slot != *slot);
        let mut made = container(desired, slot, &placed.ports);
        made.owner.job = placement.jobs.versions.get(&slot.service).cloned();
        if made.owner.job.is_some() {
            made.state = ContainerState::Exited { code: 0 };
        }
        state.containers.push(made);
    }
}

fn container(desired: &Desired, slot: &Slot, ports: &[PortBinding]) -> LiveContainer {
    LiveContainer {
        id: slot.to_string(),
        name: container_name(&desired.cluster.name, slot),
        owner: Ownership {
            slot: slot.clone(),
            fingerprint: None,
            revision: None,
            image: Some(desired.services[&slot.service].image.clone()),
            digest: None,
            job: None,
            reserved: Default::default(),
        },
        image_id: "".into(),
        state: ContainerState::Running { health: None },
        network_ids: BTreeMap::new(),
        started_at: String::new(),
        restarts: 0,
        spec: Some(Box::new(EffectiveSpec {
            ports: ports.iter().cloned().collect(),
            ..EffectiveSpec::default()
        })),
        masked: false,
    }
}

fn record(case: &mut Case, placement: &Placement) -> JournalRecord {
    let last = states(&mut case.observed)
        .flat_map(|state| &state.journal)
        .map(|record| record.sequence)
        .max();
    let mut all: BTreeMap<Slot, PlacedSlot> = BTreeMap::new();
    for (host, slots) in &placement.held {
        let held = |slot: &Slot| {
            (
                slot.clone(),
                PlacedSlot {
                    host: host.clone(),
                    ports: Vec::new(),
                },
            )
        };
        all.extend(slots.iter().map(held));
    }
    let stays = placement
        .unplaced
        .iter()
        .filter_map(|(slot, refusal)| Some((slot.clone(), refusal.stays.clone()?)));
    all.extend(stays);
    let slots = placement.slots.iter().map(|(slot, placed)| {
        let (host, ports) = (placed.host.clone(), placed.ports.clone());
        (slot.clone(), PlacedSlot { host, ports })
    });
    all.extend(slots);
    let mut jobs = placement.jobs.succeeded.clone();
    for slot in placement.slots.keys() {
        let version = placement.jobs.versions.get(&slot.service).cloned();
        version
            .into_iter()
            .for_each(|version| jobs.entry(slot.clone()).or_default().push(version));
    }
    JournalRecord {
        version: JOURNAL_VERSION,
        sequence: last.unwrap_or(0) + 1,
        at: String::new(),
        by: String::new(),
        revision: None,
        steps: 0,
        done: 0,
        end: JournalEnd::Done,
        placement: all,
        digests: BTreeMap::new(),
        committed_at: None,
        memory: placement.memory.clone(),
        jobs,
        depends_on: BTreeMap::new(),
        account: Default::default(),
    }
}

/// Hosts fall silent and come back; containers stop, ail, vanish, or are there twice.
pub fn befall(case: &mut Case, dice: &mut Dice) {
    if dice.chance(20) {
        let back = std::mem::take(&mut case.hidden);
        case.observed.hosts.extend(back);
    }
    if dice.chance(30) {
        silence(case, dice);
    }
    for _ in 0..dice.below(6).saturating_sub(2) {
        let all: Vec<(usize, usize)> = states(&mut case.observed)
            .enumerate()
            .flat_map(|(at, state)| (0..state.containers.len()).map(move |one| (at, one)))
            .collect();
        if all.is_empty() {
            return;
        }
        let (host, at) = all[dice.index(all.len())];
        let other = dice.index(case.observed.hosts.len());
        let mut copy = None;
        let state = states(&mut case.observed).nth(host).unwrap();
        let container = &mut state.containers[at];
        match dice.below(7) {
            0 => drop(state.containers.remove(at)),
            1 => container.state = ContainerState::Exited { code: 1 },
            2 => container.state = ContainerState::Paused,
            3 => container.state = ContainerState::Restarting,
            4 => {
                // A global service's replica bears its host's name.
                let is_counted = matches!(container.owner.slot.key, SlotKey::Index(_));
                copy = Some(container.clone()).filter(|_| is_counted);
            }
            _ => {
                let health = Some(Health::Unhealthy);
                container.state = ContainerState::Running { health };
            }
        }
        if let (Some(copy), Some(state)) = (copy, states(&mut case.observed).nth(other)) {
            let known = state.containers.iter().any(|one| one.name == copy.name);
            state.containers.extend(Some(copy).filter(|_| !known));
        }
    }
}

/// Hosts fall silent.
pub fn silence(case: &mut Case, dice: &mut Dice) {
    let names: Vec<HostName> = case.observed.hosts.keys().cloned().collect();
    for name in names {
        if dice.chance(15) {
            let silent = ObservedHost::Unreachable("no route".to_owned());
            let was = case.observed.hosts.insert(name.clone(), silent);
            let was = was.filter(|host| host.state().is_some());
            case.hidden.extend(was.map(|was| (name, was)));
        }
    }
}
