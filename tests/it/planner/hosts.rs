//! Hosts that do not answer, that went out of hosts.yaml, or that bear another name: nothing is lost, nothing is made twice.

use cdk::model::host::ObservedHost;
use cdk::model::name::HostName;
use cdk::observe::Observed;
use cdk::place::gone_endpoints;
use cdk::plan::guard::{Guard, GuardKind};
use cdk::plan::step::{Action, Plan};
use cdk::resolve::desired::{Availability, Desired, Mode, Service};

use super::scenarios::{go, hosts_of, live};
use super::sim::state;
use super::world::*;

fn global(image: &str) -> Service {
    Service {
        mode: Mode::Global,
        ..service(image, 0)
    }
}

/// Takes a host away: it does not answer any more. What it held is given back.
fn silence(observed: &mut Observed, name: &str) -> ObservedHost {
    let why = "connection timed out after 5s".to_owned();
    let was = observed.hosts.insert(host_name(name), ObservedHost::Unreachable(why));
    was.unwrap()
}

/// Gives each host a machine of its own.
fn machines(observed: &mut Observed) {
    for (name, host) in &mut observed.hosts {
        host.state_mut().unwrap().facts.machine_id = format!("machine of {name}");
    }
}

fn guards(plan: &Plan) -> Vec<&Guard> {
    plan.refused().collect()
}

fn forget(observed: &mut Observed, name: &str) {
    for state in observed.hosts.values_mut().filter_map(ObservedHost::state_mut) {
        for record in &mut state.journal {
            record.memory.forgotten.insert(host_name(name));
        }
    }
}

fn everywhere(observed: &Observed) -> Vec<String> {
    let mut all = Vec::new();
    for (host, state) in observed
        .hosts
        .iter()
        .filter_map(|(name, host)| Some((name, host.state()?)))
    {
        for container in &state.containers {
            all.push(format!("{} on {host}", container.owner.slot));
        }
    }
    all.sort();
    all
}

#[test]
fn one_commit_with_a_host_down_does_the_rest_and_the_return_finishes_it() {
    let services = |web, image: &str| vec![("agent", global(image)), ("web", service("web:1", web))];
    let before = desired(&["h1", "h2", "h3"], services(3, "agent:1"));
    let mut seen = live(&before, "hosts: {h1: {}, h2: {}, h3: {}}");
    let was = silence(&mut seen, "h2");
    let mut all = services(5, "agent:2");
    all.push(("api", service("api:1", 3)));
    all.push(("probe", global("probe:1")));
    let after = desired(&["h1", "h2", "h3"], all);
    let plan = go(&after, &mut seen);
    assert_eq!(
        changes(&plan),
        [
            "agent: image · agent:1 → agent:2",
            "agent.h1 Replace on h1: it differs",
            "agent.h2 Unknown on h2: the host does not answer; by the journal it holds this replica",
            "agent.h3 Replace on h3: it differs",
            "api.1 Create on h1: fewest api replicas",
            "api.2 Create on h3: fewest api replicas",
            "api.3 Create on h1: fewest api replicas",
            "probe.h1 Create on h1: one on each host that fits",
            "probe.h2 Unplaced on nowhere: h2 does not answer",
            "probe.h3 Create on h3: one on each host that fits",
            "web.2 Unknown on h2: the host does not answer; by the journal it holds this replica",
            "web.4 Create on h3: fewest web replicas",
            "web.5 Create on h1: fewest web replicas",
        ]
    );
    assert!(plan.is_partial());
    let again = planned(&after, &seen);
    assert!(again.is_empty() && again.is_partial(), "{:?}", steps(&again));

    seen.hosts.insert(host_name("h2"), was);
    let plan = go(&after, &mut seen);
    assert_eq!(
        changes(&plan),
        [
            "agent: image · agent:1 → agent:2",
            "agent.h2 Replace on h2: it differs",
            "probe.h2 Create on h2: one on each host that fits",
        ]
    );
    assert!(planned(&after, &seen).is_empty());
    let mut all = everywhere(&seen);
    all.dedup_by_key(|line| line.split(' ').next().unwrap().to_owned());
    assert_eq!(all.len(), everywhere(&seen).len(), "{all:?}");
    assert_eq!(all.len(), 3 + 3 + 3 + 5);
}

fn gone() -> (Desired, Observed) {
    let services = || vec![("agent", global("agent:1")), ("web", service("web:1", 2))];
    let before = desired(&["h1", "h2"], services());
    let mut seen = live(&before, "hosts: {h1: {}, h2: {}}");
    machines(&mut seen);
    // Once more, for the machines' ids.
    let mut more = before.clone();
    more.services.insert("new".parse().unwrap(), service("new:1", 1));
    go(&more, &mut seen);
    let mut after = more;
    after.hosts.remove(&host_name("h2"));
    (after, seen)
}

#[test]
fn a_host_that_left_hosts_yaml_is_asked_and_refuses_apply_until_it_was_drained() {
    let (after, mut seen) = gone();
    let endpoints = gone_endpoints(&after, &seen);
    assert_eq!(endpoints.keys().collect::<Vec<_>>(), [&host_name("h2")]);
    for silent in [false, true] {
        if silent {
            silence(&mut seen, "h2");
        }
        let plan = planned(&after, &seen);
        assert!(plan.is_empty());
        assert_eq!(hosts_of(&plan), ["h1", "h2", "h1", "h1", "h2"]);
        let [guard] = guards(&plan)[..] else {
            panic!("{:?}", plan.notes)
        };
        assert_eq!(guard.kind, GuardKind::Gone);
        assert!(guard.why.contains("h2 is gone from hosts.yaml") && guard.why.contains("agent.h2, web.2"));
        assert_eq!(guard.why.contains("timed out"), silent);
        assert!(guard.cure.contains("--forget h2") && guard.cure.contains("state: drain"));
        assert!(plan.memory.hosts.contains_key(&host_name("h2")));
    }
}

#[test]
fn a_host_that_was_drained_leaves_without_a_word_and_is_not_asked() {
    let (after, mut seen) = gone();
    let mut drained = after.clone();
    let leaving = cdk::resolve::desired::Host {
        state: Availability::Drain,
        ..host(&[])
    };
    drained.hosts.insert(host_name("h2"), leaving);
    go(&drained, &mut seen);
    seen.hosts.remove(&host_name("h2"));
    assert!(gone_endpoints(&after, &seen).is_empty());
    let plan = planned(&after, &seen);
    assert!(plan.is_empty() && plan.notes.is_empty(), "{:?}", plan.notes);
    assert_eq!(hosts_of(&plan), ["h1", "h1", "h1", "h1"]);
}

#[test]
fn a_host_that_is_given_up_is_replaced_and_never_asked_again() {
    let (after, mut seen) = gone();
    seen.hosts.remove(&host_name("h2"));
    forget(&mut seen, "h2");
    let plan = go(&after, &mut seen);
    assert!(guards(&plan).is_empty());
    assert_eq!(changes(&plan), ["web.2 Create on h1: h2 is gone"]);
    assert!(texts(&plan)[0].starts_with("h2 is given up; by the journal it held web.2"));
    assert!(plan.memory.forgotten.contains(&host_name("h2")));
    assert!(gone_endpoints(&after, &seen).is_empty());
    let plan = planned(&after, &seen);
    assert!(
        plan.is_empty() && plan.notes.is_empty(),
        "once is enough: {:?}",
        plan.notes
    );
    assert!(plan.memory.forgotten.contains(&host_name("h2")));
}

#[test]
fn what_was_removed_by_hand_from_a_gone_host_is_made_elsewhere() {
    let (after, mut seen) = gone();
    state(&mut seen, &host_name("h2")).unwrap().containers.clear();
    let plan = go(&after, &mut seen);
    assert!(guards(&plan).is_empty());
    assert_eq!(changes(&plan), ["web.2 Create on h1: fewest web replicas"]);
}

#[test]
fn a_renamed_host_is_known_by_its_machine() {
    let (mut after, mut seen) = gone();
    after.hosts.insert(host_name("h9"), host(&[]));
    let was: Option<ObservedHost> = seen.hosts.remove(&host_name("h2"));
    seen.hosts.insert(host_name("h9"), was.unwrap());
    assert!(gone_endpoints(&after, &seen).is_empty());
    let plan = go(&after, &mut seen);
    assert_eq!(texts(&plan), ["h2 is now called h9: the same machine"]);
    assert_eq!(
        changes(&plan),
        [
            "agent.h2 Remove on h9: h2 is now called h9",
            "agent.h9 Create on h9: one on each host that fits"
        ]
    );
    let at = |op: &str| {
        plan.steps
            .iter()
            .position(|step| step.op.to_string().starts_with(op))
            .unwrap()
    };
    assert!(
        at("remove") < at("create"),
        "never two of it on one machine: {:?}",
        steps(&plan)
    );
    let after_all = planned(&after, &seen);
    assert!(after_all.is_empty() && after_all.notes.is_empty());
    let hosts: Vec<&HostName> = after_all.memory.hosts.keys().collect();
    assert_eq!(hosts, [&host_name("h1"), &host_name("h9")]);
    // And with the host silent under its new name the journal still knows what it holds.
    silence(&mut seen, "h9");
    let plan = planned(&after, &seen);
    assert!(
        plan.services
            .iter()
            .flat_map(|one| &one.slots)
            .all(|one| one.action != Action::Create)
    );
}
