//! Plans with what a person asks for, made by `flow` as for the command line; and that each of them ends well, cut off wherever it is.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use cdk::flow::{Seen, Settings, plan_from};
use cdk::model::container::LiveContainer;
use cdk::model::host::ObservedHost;
use cdk::model::name::Slot;
use cdk::observe::Observed;
use cdk::place::asked::{Asked, MoveTo};
use cdk::plan::guard::GuardKind;
use cdk::plan::lint::lint;
use cdk::plan::step::Plan;
use cdk::resolve::desired::{Availability, Desired, Mode, Service};

use super::sim::apply;
use super::world::*;

/// Nothing but what git says.
pub fn nothing() -> Asked {
    Asked::default()
}

pub fn failover() -> Asked {
    Asked {
        failover: true,
        ..Asked::default()
    }
}

/// A move, with the data left behind where there is any.
pub fn moving(text: &str, host: &str, without_data: bool) -> Asked {
    let host = host_name(host);
    Asked {
        moves: [(slot(text), MoveTo { host, without_data })].into(),
        ..Asked::default()
    }
}

pub fn evening(moves: u32) -> Asked {
    Asked {
        rebalance: Some(moves),
        ..Asked::default()
    }
}

/// The plan, as the command line would have it.
pub fn ask(desired: &Desired, observed: &Observed, asked: &Asked) -> Plan {
    let settings = Settings {
        asked: asked.clone(),
        ..Settings::default()
    };
    let seen = Seen {
        desired: desired.clone(),
        observed: observed.clone(),
        took: Duration::ZERO,
    };
    let plan = plan_from(&settings, seen, &BTreeMap::new()).unwrap().plan;
    assert_eq!(lint(&plan), BTreeSet::new());
    plan
}

/// What is refused of what was asked for, and the cure.
pub fn denied(plan: &Plan) -> Vec<String> {
    let refused = plan.refused().filter(|guard| guard.kind == GuardKind::Asked);
    let refused = refused.map(|guard| format!("{}; {}", guard.why, guard.cure));
    refused.collect()
}

/// Plans, does it, and proves that it leaves nothing to do; and that it would have ended so wherever it was cut off.
pub fn done(desired: &Desired, observed: &mut Observed, asked: &Asked) -> Plan {
    let plan = ask(desired, observed, asked);
    assert_eq!(denied(&plan), [""; 0]);
    // One that comes back with a host runs twice until this very plan.
    let before = writers_twice(desired, observed);
    for limit in 0..plan.steps.len() {
        let mut cut = observed.clone();
        apply(&mut cut, &plan, limit, |_| 0).unwrap();
        assert!(writers_twice(desired, &cut).is_subset(&before));
        for again in [asked, &nothing()] {
            let mut seen = cut.clone();
            let again = ask(desired, &seen, again);
            assert_eq!(denied(&again), [""; 0], "after {limit} of {:#?}", steps(&plan));
            apply(&mut seen, &again, usize::MAX, |_| 0).unwrap();
            if asked.is_alone() {
                // What waited for git waits still.
                let rest = ask(desired, &seen, &nothing());
                apply(&mut seen, &rest, usize::MAX, |_| 0).unwrap();
            }
            settled(desired, &seen);
        }
    }
    apply(observed, &plan, usize::MAX, |_| 0).unwrap();
    assert_eq!(writers_twice(desired, observed), BTreeSet::new());
    plan
}

/// There is nothing to do, and nothing stands twice.
pub fn settled(desired: &Desired, observed: &Observed) {
    let plan = ask(desired, observed, &nothing());
    assert!(plan.is_empty(), "{:#?}", steps(&plan));
    let slots: Vec<Slot> = containers(observed).map(|(_, one)| one.owner.slot.clone()).collect();
    let distinct: BTreeSet<&Slot> = slots.iter().collect();
    assert_eq!(distinct.len(), slots.len(), "{slots:?}");
}

/// Those that write to their host, and run twice: none must.
fn writers_twice(desired: &Desired, observed: &Observed) -> BTreeSet<Slot> {
    let writes = |slot: &Slot| desired.services.get(&slot.service).is_some_and(Service::is_stateful);
    let live = containers(observed).filter(|(_, one)| one.state.is_running() && writes(&one.owner.slot));
    let mut seen = BTreeSet::new();
    let twice = live.filter(|(_, one)| !seen.insert(one.owner.slot.clone()));
    twice.map(|(_, one)| one.owner.slot.clone()).collect()
}

/// All containers of hosts that answer.
pub fn containers(observed: &Observed) -> impl Iterator<Item = (&str, &LiveContainer)> {
    let states = observed
        .hosts
        .iter()
        .filter_map(|(name, host)| Some((name, host.state()?)));
    states.flat_map(|(name, state)| state.containers.iter().map(move |one| (name.as_str(), one)))
}

/// Where everything stands: `web.1 h1`.
pub fn stands(observed: &Observed) -> Vec<String> {
    let mut all: Vec<(Slot, &str)> = containers(observed)
        .map(|(host, one)| (one.owner.slot.clone(), host))
        .collect();
    all.sort();
    all.into_iter().map(|(slot, host)| format!("{slot} {host}")).collect()
}

/// How many containers of a service each host has.
pub fn counts_of(observed: &Observed, service: &str) -> BTreeMap<String, usize> {
    let mut all: BTreeMap<String, usize> = BTreeMap::new();
    for (host, one) in containers(observed) {
        if one.owner.slot.service.as_str() == service {
            *all.entry(host.to_owned()).or_default() += 1;
        }
    }
    all
}

/// Takes a host away: it does not answer any more. What it was is given back.
pub fn silence(observed: &mut Observed, name: &str) -> ObservedHost {
    let why = "connection timed out after 5s".to_owned();
    let was = observed.hosts.insert(host_name(name), ObservedHost::Unreachable(why));
    was.unwrap()
}

/// The host answers again.
pub fn back(observed: &mut Observed, name: &str, was: ObservedHost) {
    observed.hosts.insert(host_name(name), was);
}

/// Sets a host's state in hosts.yaml.
pub fn availability(desired: &mut Desired, name: &str, state: Availability) {
    desired.hosts.get_mut(&host_name(name)).unwrap().state = state;
}

/// The service of that name, to be changed.
pub fn of<'d>(desired: &'d mut Desired, name: &str) -> &'d mut Service {
    desired.services.get_mut(&name.parse().unwrap()).unwrap()
}

/// How many replicas it has.
pub fn scale(desired: &mut Desired, name: &str, replicas: u32) {
    of(desired, name).mode = Mode::Replicated(replicas);
}

/// One that writes to a volume.
pub fn writing(image: &str, replicas: u32) -> Service {
    let mut service = service(image, replicas);
    service.mounts.insert(volume("shop_data"));
    service
}

pub fn global(image: &str) -> Service {
    Service {
        mode: Mode::Global,
        ..service(image, 0)
    }
}

/// Gives the hosts a label each.
pub fn labelled(desired: &mut Desired, key: &str, values: &[(&str, &str)]) {
    for (name, value) in values {
        let host = desired.hosts.get_mut(&host_name(name)).unwrap();
        host.labels.insert(key.to_owned(), (*value).to_owned());
    }
}

/// Hosts that answer, with nothing on them.
pub fn empty(hosts: &[&str]) -> Observed {
    let all: Vec<String> = hosts.iter().map(|name| format!("{name}: {{}}")).collect();
    observed(&format!("hosts: {{{}}}", all.join(", ")))
}

/// The cluster after it was applied to hosts with nothing on them.
pub fn running(desired: &Desired) -> Observed {
    let hosts: Vec<&str> = desired.hosts.keys().map(|name| name.as_str()).collect();
    let mut seen = empty(&hosts);
    let plan = ask(desired, &seen, &nothing());
    apply(&mut seen, &plan, usize::MAX, |_| 0).unwrap();
    seen
}
