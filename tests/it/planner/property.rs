//! What must hold of every plan, over random clusters: filters, convergence, stability, and a death at any step.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use cdk::model::container::{ContainerState, Health, LiveContainer};
use cdk::model::host::{HeldPort, HostState, ObservedHost};
use cdk::model::image::{Digest, ImageFacts, Resolution};
use cdk::model::name::{HostName, ServiceName, Slot, SlotKey};
use cdk::model::network::{NetworkSpec, Pool};
use cdk::model::op::{ContainerOp, GateOp, Op};
use cdk::model::order::{Condition, Dependency};
use cdk::model::policy::Order;
use cdk::model::setting::{Limits, Restart};
use cdk::model::unit::{Bytes, Cpus};
use cdk::observe::Observed;
use cdk::place::reason::Reason;
use cdk::plan::lint::lint;
use cdk::plan::step::{Action, Plan, StepId};
use cdk::resolve::desired::{Availability, Desired, HostPort, Mode, Service};
use proptest::prelude::*;
use proptest::sample::Index;

use super::sim::{apply, keys, undo};
use super::world::{
    assigned, attach, desired, host, host_name, label, network, placed, plain, planned, published, service, volume,
};

const HOSTS: [&str; 4] = ["h1", "h2", "h3", "h4"];

fn any_service() -> impl Strategy<Value = Service> {
    let shape = (0..8u8, 0..4u32, 0..4u8, 0..6u8, 0..4u8, 0..5u8);
    let rest = (0..4u8, any::<bool>(), 0..3u32, 0..3u8, (0..3u8, 0..6u8));
    (shape, rest).prop_map(|((mode, replicas, image, ports, state, constraint), rest)| {
        let (max, start_first, parallelism, env, (limit, networks)) = rest;
        let mut one = service(["app:1", "app:2", "app:3", "local:1"][usize::from(image)], replicas);
        if mode == 0 {
            one.mode = Mode::Global;
        }
        match ports {
            0 => drop(one.ports.insert(assigned(80))),
            1 => drop(one.ports.insert(published(80, "8080"))),
            2 => drop(one.ports.insert(published(80, "9000-9002"))),
            3 => one
                .ports
                .extend([assigned(80), assigned(81), published(82, "8081-8082")]),
            _ => {}
        }
        if state == 0 {
            one.mounts.insert(volume("shop_data"));
        }
        match networks {
            0 => attach(&mut one, &["front"]),
            1 => attach(&mut one, &["back", "front"]),
            _ => {}
        }
        match constraint {
            0 => one.constraints.push(label("disk", true, "SSD")),
            1 => one.constraints.push(label("disk", false, "hdd")),
            _ => {}
        }
        one.max_replicas_per_node = (max < 2).then_some(u32::from(max) + 1);
        one.update.order = if start_first {
            Order::StartFirst
        } else {
            Order::StopFirst
        };
        one.update.parallelism = parallelism;
        if mode == 1 || mode == 2 {
            one.mode = [Mode::ReplicatedJob(replicas), Mode::GlobalJob][usize::from(mode) - 1];
            one.ports.clear();
            one.restart = Restart::No;
            one.update.order = Order::StopFirst;
        }
        one.environment.insert("V".to_owned(), plain(&env.to_string()));
        one.limits = Limits {
            cpus: Cpus::default(),
            memory: Bytes(u64::from(limit) << 28),
            ..Limits::default()
        };
        one.reserved_memory = Bytes(if limit == 1 { 400 << 20 } else { 0 });
        one
    })
}

fn pool(subnet: &str) -> Pool {
    Pool {
        subnet: subnet.parse().unwrap(),
        gateway: None,
        ip_range: None,
        aux_addresses: BTreeMap::new(),
    }
}

fn any_desired() -> impl Strategy<Value = Desired> {
    let hosts = prop::collection::vec((0..3u8, 0..9u8, 0..8u32, 0..12u8), HOSTS.len());
    let services = prop::collection::btree_map(prop::sample::select(vec!["a", "b", "c"]), any_service(), 0..4);
    (hosts, services, [0..5u8, 0..5u8, 0..5u8], 0..4u8).prop_map(|(hosts, services, links, front)| {
        let mut all = desired(&[], services.into_iter().collect());
        let front = NetworkSpec {
            internal: front == 1,
            pools: match front {
                2 => vec![pool("10.1.0.0/24")],
                3 => vec![pool("10.1.0.0/16")],
                _ => Vec::new(),
            },
            ..NetworkSpec::default()
        };
        all.networks = [network("front", front), network("back", NetworkSpec::default())].into();
        for ((from, to), kind) in [("b", "a"), ("c", "a"), ("c", "b")].into_iter().zip(links) {
            link(&mut all, from, to, kind);
        }
        for (name, (disk, state, max, gone)) in HOSTS.iter().zip(hosts) {
            let labels = [("disk", ["ssd", "hdd", "none"][usize::from(disk)])];
            let mut one = host(&labels);
            one.state = match state {
                0 => Availability::Pause,
                1 => Availability::Drain,
                2 => Availability::Down,
                _ => Availability::Active,
            };
            one.max_containers = (1..=4).contains(&max).then_some(max + 1);
            if gone > 0 {
                all.hosts.insert(host_name(name), one);
            }
        }
        all
    })
}

/// Lets a service depend on another, where both are there and `kind` says so.
fn link(all: &mut Desired, from: &str, to: &str, kind: u8) {
    let (from, to): (ServiceName, ServiceName) = (from.parse().unwrap(), to.parse().unwrap());
    let Some(other) = all.services.get(&to) else { return };
    let condition = match (other.mode.is_job(), kind) {
        (true, 0..3) => Condition::ServiceCompletedSuccessfully,
        (_, 1) => Condition::ServiceHealthy,
        (_, _) => Condition::ServiceStarted,
    };
    let required = kind != 2;
    if let (Some(one), 0..4) = (all.services.get_mut(&from), kind) {
        one.depends_on.insert(to, Dependency { condition, required });
    }
}

fn digest(seed: u8) -> Digest {
    format!("sha256:{}", format!("{seed:02x}").repeat(32)).parse().unwrap()
}

fn empty() -> Observed {
    let mut observed = Observed::default();
    for (index, name) in HOSTS.iter().enumerate() {
        let mut state = HostState::default();
        state.facts.memory = Bytes(if index == 0 { 1 << 30 } else { 0 });
        if index < 2 {
            let facts = ImageFacts {
                tags: vec!["local:1".to_owned()],
                ..ImageFacts::default()
            };
            state.images.insert("id-local".to_owned(), facts);
        }
        observed
            .hosts
            .insert(host_name(name), ObservedHost::Reachable(Box::new(state)));
    }
    observed
        .images
        .insert("app:1".to_owned(), Resolution::Digest(digest(1)));
    observed
        .images
        .insert("app:2".to_owned(), Resolution::Digest(digest(2)));
    observed
        .images
        .insert("app:3".to_owned(), Resolution::Unknown("no answer".to_owned()));
    observed.images.insert("local:1".to_owned(), Resolution::Local);
    observed
}

/// What happens to a cluster between two applies.
#[derive(Debug, Clone)]
struct Fate {
    states: Vec<(Index, u8)>,
    silent: Vec<bool>,
    pushed: bool,
    held: Option<(Index, u16)>,
}

fn any_fate() -> impl Strategy<Value = Fate> {
    let states = prop::collection::vec((any::<Index>(), 0..7u8), 0..4);
    let silent = prop::collection::vec(prop::bool::weighted(0.15), HOSTS.len());
    let held = prop::option::of((any::<Index>(), prop::sample::select(vec![8080u16, 9000, 20000])));
    (states, silent, any::<bool>(), held).prop_map(|(states, silent, pushed, held)| Fate {
        states,
        silent,
        pushed,
        held,
    })
}

fn states_mut(observed: &mut Observed) -> impl Iterator<Item = &mut HostState> {
    observed.hosts.values_mut().filter_map(|host| match host {
        ObservedHost::Reachable(state) => Some(&mut **state),
        ObservedHost::Unreachable(_) => None,
    })
}

/// Lets it happen, and gives back the hosts that fell silent.
fn befall(observed: &mut Observed, fate: &Fate) -> BTreeMap<HostName, ObservedHost> {
    for (which, state) in &fate.states {
        let mut all: Vec<(usize, usize)> = Vec::new();
        for (host, state) in states_mut(observed).enumerate() {
            all.extend((0..state.containers.len()).map(|at| (host, at)));
        }
        if all.is_empty() {
            continue;
        }
        let (host, at) = all[which.index(all.len())];
        let host = states_mut(observed).nth(host).unwrap();
        let container = &mut host.containers[at];
        match state {
            0 => container.state = ContainerState::Exited { code: 1 },
            1 => container.state = ContainerState::Paused,
            2 => {
                container.state = ContainerState::Running {
                    health: Some(Health::Unhealthy),
                }
            }
            3 => container.state = ContainerState::Dead,
            4 => container.state = ContainerState::Restarting,
            5 => {
                let spec = container.spec.as_mut().unwrap();
                Arc::make_mut(&mut spec.environment).insert("V".to_owned(), "drift".to_owned());
            }
            _ => drop(host.containers.remove(at)),
        }
    }
    if fate.pushed {
        observed
            .images
            .insert("app:1".to_owned(), Resolution::Digest(digest(9)));
    }
    if let Some((which, port)) = fate.held {
        let state = states_mut(observed).nth(which.index(HOSTS.len())).unwrap();
        let mut live = state.containers.iter().filter_map(|container| container.spec.as_ref());
        if !live.any(|spec| spec.ports.iter().any(|binding| binding.host == port)) {
            let protocol = Default::default();
            state.held_ports.insert(HeldPort { port, protocol });
        }
    }
    let mut silent = BTreeMap::new();
    for (name, _) in HOSTS.iter().zip(&fate.silent).filter(|(_, silent)| **silent) {
        let down = ObservedHost::Unreachable("no route".to_owned());
        let was = observed.hosts.insert(host_name(name), down).unwrap();
        silent.insert(host_name(name), was);
    }
    silent
}

/// Plans and applies. Where something had to wait, what it waited for may be there now, so the same again is allowed then.
fn finish(desired: &Desired, observed: &mut Observed) -> Result<(), TestCaseError> {
    // A job's runs that have no place beside each other take one apply each, and one that depends on it comes after.
    for _ in 0..12 {
        let plan = planned(desired, observed);
        prop_assert_eq!(lint(&plan), BTreeSet::new());
        assert_ordered(desired, observed, &plan)?;
        apply(observed, &plan, usize::MAX, |_| 0).map_err(TestCaseError::fail)?;
        let mut changes = plan.services.iter().flat_map(|service| &service.slots);
        if !changes.any(|change| matches!(change.action, Action::Unplaced | Action::Wait)) {
            break;
        }
    }
    Ok(())
}

fn assert_settled(desired: &Desired, observed: &Observed, when: &str) -> Result<(), TestCaseError> {
    let plan = planned(desired, observed);
    let left = super::world::steps(&plan);
    prop_assert!(
        left.is_empty(),
        "{}: {:#?}\n{:#?}",
        when,
        left,
        super::world::changes(&plan)
    );
    // One container for each placed replica, and none beside it, but where replicas wait or hosts are silent.
    let placement = placed(desired, observed);
    let mut seen: BTreeSet<&Slot> = BTreeSet::new();
    for (name, container) in containers(observed) {
        let known = desired
            .hosts
            .get(name)
            .is_some_and(|host| host.state != Availability::Down);
        let slot = &container.owner.slot;
        let waits = placement.unplaced.contains_key(slot)
            || placement
                .slots
                .get(slot)
                .is_some_and(|placed| *placed.reason == Reason::Held)
            || plan
                .services
                .iter()
                .flat_map(|service| &service.slots)
                .any(|change| change.slot == *slot && matches!(change.action, Action::Unplaced | Action::Wait));
        // What a host holds that went out of hosts.yaml is not made a second time.
        if !desired.hosts.contains_key(name) {
            let mut others = containers(observed).filter(|(other, _)| desired.hosts.contains_key(*other));
            prop_assert!(
                !others.any(|(_, other)| other.owner.slot == *slot),
                "{} is doubled",
                slot
            );
        }
        if known && !waits {
            prop_assert!(seen.insert(slot), "{} stands twice", slot);
            prop_assert!(!container.name.ends_with(".old"), "{} is left over", container.name);
        }
    }
    Ok(())
}

fn containers(observed: &Observed) -> impl Iterator<Item = (&HostName, &LiveContainer)> {
    let states = observed
        .hosts
        .iter()
        .filter_map(|(name, host)| host.state().map(|state| (name, state)));
    states.flat_map(|(name, state)| state.containers.iter().map(move |container| (name, container)))
}

/// Checks the placement against the words of the manual, independently of how it was made.
fn assert_placed_right(desired: &Desired, observed: &Observed) -> Result<(), TestCaseError> {
    let placement = placed(desired, observed);
    let mut ports: BTreeSet<(HostName, cdk::model::setting::Protocol, u16)> = BTreeSet::new();
    let mut replicas: BTreeMap<(&HostName, &str), u32> = BTreeMap::new();
    let mut fresh: BTreeMap<&HostName, u32> = BTreeMap::new();
    for (slot, placed) in placement
        .slots
        .iter()
        .filter(|(_, placed)| *placed.reason != Reason::Held && *placed.reason != Reason::Gone)
    {
        let service = &desired.services[&slot.service];
        let host = &desired.hosts[&placed.host];
        let stays = *placed.reason == Reason::Stays || *placed.reason == Reason::Data;
        prop_assert!(host.state == Availability::Active || (host.state == Availability::Pause && stays));
        prop_assert!(observed.hosts[&placed.host].state().is_some());
        let disk = host.labels["disk"].to_lowercase();
        for constraint in &service.constraints {
            prop_assert_eq!(disk == constraint.value.to_lowercase(), constraint.equal, "{}", slot);
        }
        for port in keys(&placed.ports)
            .into_iter()
            .chain(keys(placed.spare.iter().flatten()))
        {
            prop_assert!(
                ports.insert((placed.host.clone(), port.0, port.1)),
                "{} {:?}",
                slot,
                port
            );
        }
        prop_assert_eq!(placed.ports.len(), service.ports.len());
        for wanted in &service.ports {
            let range = match &wanted.host {
                HostPort::Assigned => desired.cluster.ports,
                HostPort::Published { ports, .. } => *ports,
            };
            let fits = placed
                .ports
                .iter()
                .any(|port| port.container == wanted.container && range.ports().contains(&port.host));
            prop_assert!(fits, "{}", slot);
        }
        let count = replicas.entry((&placed.host, slot.service.as_str())).or_default();
        *count += 1;
        prop_assert!(service.max_replicas_per_node.is_none_or(|max| *count <= max));
        let count = fresh.entry(&placed.host).or_default();
        *count += 1;
        prop_assert!(host.max_containers.is_none_or(|max| *count <= max));
        if let SlotKey::Host(name) = &slot.key {
            prop_assert_eq!(name, &placed.host);
        }
    }
    // Nothing is forgotten.
    for (name, service) in &desired.services {
        let of = |slot: &&Slot| slot.service == *name;
        let told: Vec<&Slot> = placement
            .slots
            .keys()
            .chain(placement.unplaced.keys())
            .chain(&placement.finished)
            .filter(of)
            .collect();
        let distinct: BTreeSet<&Slot> = told.iter().copied().collect();
        prop_assert_eq!(told.len(), distinct.len(), "{} is told twice", name);
        if let Mode::Replicated(count) | Mode::ReplicatedJob(count) = service.mode {
            prop_assert_eq!(u32::try_from(told.len()).unwrap(), count, "{}", name);
        }
    }
    Ok(())
}

/// Whatever runs well on a host that takes part and where nothing numbers can be against it stays there.
fn assert_nothing_moves_idly(desired: &Desired, observed: &Observed) -> Result<(), TestCaseError> {
    let placement = placed(desired, observed);
    for (name, container) in containers(observed) {
        let slot = &container.owner.slot;
        let (Some(service), Some(host)) = (desired.services.get(&slot.service), desired.hosts.get(name)) else {
            continue;
        };
        let disk = &host.labels["disk"];
        let wanted = match (&slot.key, service.mode) {
            (SlotKey::Index(_), Mode::Replicated(_)) => {
                placement.slots.contains_key(slot) || placement.unplaced.contains_key(slot)
            }
            (SlotKey::Host(_), Mode::Global) => true,
            // A job that has run needs no place.
            (SlotKey::Index(_) | SlotKey::Host(_), Mode::ReplicatedJob(_) | Mode::GlobalJob)
            | (SlotKey::Index(_), Mode::Global)
            | (SlotKey::Host(_), Mode::Replicated(_)) => false,
        };
        let fits = matches!(host.state, Availability::Active | Availability::Pause)
            && service
                .constraints
                .iter()
                .all(|one| (disk.to_lowercase() == one.value.to_lowercase()) == one.equal);
        let free = service.ports.is_empty()
            && service.max_replicas_per_node.is_none()
            && host.max_containers.is_none()
            && service.reserved_memory.0 == 0
            && service.image.to_string() != "local:1";
        let once = containers(observed)
            .filter(|(_, other)| other.owner.slot == *slot)
            .count()
            == 1;
        if wanted && fits && free && once && container.state.is_running() {
            prop_assert_eq!(
                placement.slots.get(slot).map(|placed| &placed.host),
                Some(name),
                "{}",
                slot
            );
        }
    }
    Ok(())
}

/// Nothing begins before what it depends on, and nothing at all that depends on a job which neither has run nor is to run.
fn assert_ordered(desired: &Desired, observed: &Observed, plan: &Plan) -> Result<(), TestCaseError> {
    let mut before: Vec<BTreeSet<StepId>> = Vec::new();
    for step in &plan.steps {
        let direct: Vec<StepId> = step.after.iter().chain(&step.settled).copied().collect();
        let further = direct
            .iter()
            .flat_map(|id| before[usize::try_from(id.0).unwrap()].clone());
        let all = further.chain(direct.iter().copied()).collect();
        before.push(all);
    }
    let waits = |id: StepId, other: StepId| before[usize::try_from(id.0).unwrap()].contains(&other);
    let placement = placed(desired, observed);
    let rollout = |name: &ServiceName| plan.rollouts.iter().find(|one| one.service == *name);
    for (name, service) in &desired.services {
        let Some(units) = rollout(name).map(|rollout| &rollout.units) else {
            continue;
        };
        for (to, Dependency { condition, required }) in &service.depends_on {
            let others = rollout(to).map(|rollout| rollout.units.as_slice()).unwrap_or_default();
            for other in others {
                let milestone = other
                    .steps
                    .iter()
                    .copied()
                    .find(|id| match (&plan.step(*id).unwrap().op, condition) {
                        (Op::Container(ContainerOp::Start { .. }), Condition::ServiceStarted)
                        | (Op::Gate(GateOp::Up { .. }), Condition::ServiceHealthy)
                        | (Op::Gate(GateOp::Completed { .. }), Condition::ServiceCompletedSuccessfully) => true,
                        (_, _) => false,
                    });
                for unit in units {
                    let first = unit.steps[0];
                    // A port that changes hands the other way round goes first.
                    let ordered = milestone.is_none_or(|other| waits(first, other) || waits(other, first));
                    prop_assert!(ordered, "{} does not wait for {}", unit.slot, other.slot);
                }
            }
            if !desired.services[to].mode.is_job() || *condition == Condition::ServiceStarted || !required {
                continue;
            }
            let wanted = placement.slots.keys().chain(placement.unplaced.keys());
            for slot in wanted.filter(|slot| slot.service == *to) {
                prop_assert!(
                    others.iter().any(|unit| unit.slot == *slot),
                    "{} begins without {}",
                    name,
                    slot
                );
            }
        }
    }
    Ok(())
}

fn assert_stateful_stays(desired: &Desired, plan: &Plan) -> Result<(), TestCaseError> {
    for change in plan.services.iter().flat_map(|service| &service.slots) {
        let stateful = desired
            .services
            .get(&change.slot.service)
            .is_some_and(Service::is_stateful);
        prop_assert!(!(stateful && change.action == Action::Move), "{} moves", change.slot);
    }
    Ok(())
}

/// Each case goes through hundreds of states; the many are for `tests/run --full`.
fn cases() -> u32 {
    if crate::full() { 1_000 } else { 48 }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, max_shrink_iters: 4000, ..ProptestConfig::default() })]

    #[test]
    fn a_cluster_goes_from_any_state_to_any_other(first in any_desired(), second in any_desired(), fate in any_fate()) {
        let mut observed = empty();
        finish(&first, &mut observed)?;
        assert_placed_right(&first, &observed)?;
        assert_settled(&first, &observed, "after the first")?;
        let silent = befall(&mut observed, &fate);
        assert_placed_right(&second, &observed)?;
        assert_nothing_moves_idly(&second, &observed)?;

        let plan = planned(&second, &observed);
        assert_stateful_stays(&second, &plan)?;
        let mut shuffled = observed.clone();
        states_mut(&mut shuffled).for_each(|state| state.containers.reverse());
        prop_assert_eq!(
            serde_json::to_string(&planned(&second, &shuffled)).unwrap(),
            serde_json::to_string(&plan).unwrap()
        );
        for step in &plan.steps {
            prop_assert!(!silent.contains_key(&step.host));
        }
        finish(&second, &mut observed)?;
        assert_settled(&second, &observed, "after the second")?;

        observed.hosts.extend(silent);
        finish(&second, &mut observed)?;
        assert_settled(&second, &observed, "after all came back")?;
    }

    #[test]
    fn killed_at_any_step_the_same_again_ends_well(
        first in any_desired(), second in any_desired(), fate in any_fate(),
        death in any::<Index>(), order in prop::collection::vec(any::<Index>(), 1..20),
    ) {
        let mut observed = empty();
        finish(&first, &mut observed)?;
        let silent = befall(&mut observed, &Fate { silent: vec![false; HOSTS.len()], ..fate.clone() });
        prop_assert!(silent.is_empty());
        let volumes = |observed: &Observed| -> BTreeMap<HostName, BTreeSet<String>> {
            observed.hosts.iter().filter_map(|(name, host)| Some((name.clone(), host.state()?.volumes.keys().cloned().collect()))).collect()
        };
        let before = volumes(&observed);
        let plan = planned(&second, &observed);
        let mut turn = 0;
        let limit = death.index(plan.steps.len() + 1);
        apply(&mut observed, &plan, limit, |ready| {
            turn += 1;
            order[turn % order.len()].index(ready)
        }).map_err(TestCaseError::fail)?;
        finish(&second, &mut observed)?;
        assert_settled(&second, &observed, "after the death")?;
        for (host, volumes) in volumes(&observed) {
            prop_assert!(before[&host].is_subset(&volumes), "a volume is lost");
        }
    }

    #[test]
    fn a_replica_that_fails_gets_back_what_it_had(
        first in any_desired(), second in any_desired(), which in any::<Index>(), at in any::<Index>(),
    ) {
        let mut observed = empty();
        finish(&first, &mut observed)?;
        let plan = planned(&second, &observed);
        // What stood of a job is not taken back: two versions never run side by side.
        let is_job = |slot: &Slot| second.services.get(&slot.service).is_some_and(|service| service.mode.is_job());
        let units: Vec<_> = plan.rollouts.iter().flat_map(|rollout| &rollout.units).filter(|unit| !is_job(&unit.slot)).collect();
        if units.is_empty() {
            return Ok(());
        }
        let unit = units[which.index(units.len())];
        let limit = unit.steps[at.index(unit.steps.len())];
        let is_run = |id: &StepId| matches!(plan.step(*id).unwrap().op, Op::Gate(GateOp::Completed { .. }));
        if unit.steps.iter().any(is_run) {
            // Two versions of a job never run side by side, so nothing of what was there is begun again.
            return Ok(());
        }
        let runs = |observed: &Observed| -> BTreeSet<(HostName, String, String)> {
            let of_slot = containers(observed).filter(|(_, one)| one.owner.slot == unit.slot && one.state.is_running());
            of_slot.map(|(host, one)| (host.clone(), one.name.clone(), one.id.clone())).collect()
        };
        let before = runs(&observed);
        let stood: BTreeSet<String> = containers(&observed).map(|(_, one)| one.id.clone()).collect();
        // Numbers are a valid order: everything up to one step of a unit is done, then that unit is taken back.
        apply(&mut observed, &plan, usize::try_from(limit.0).unwrap() + 1, |_| 0).map_err(TestCaseError::fail)?;
        let done: Vec<_> = unit.steps.iter().copied().filter(|id| *id <= limit).collect();
        undo(&mut observed, &plan, &done);
        let after = runs(&observed);
        // What stood still by an apply that was cut off is started: git wants it to run.
        let begun = before.is_empty() && after.len() == 1 && after.iter().all(|(_, _, id)| stood.contains(id));
        prop_assert!(before == after || begun, "{before:?} {after:?} after {limit} of {:#?}", super::world::steps(&plan));
        finish(&second, &mut observed)?;
        assert_settled(&second, &observed, "after it was taken back")?;
    }
}
