//! Public addresses on simulated hosts: bound where their replica is up, before they are released where it was; taken back with it.

use std::collections::BTreeMap;
use std::net::IpAddr;

use cdk::execute::stop::Stop;
use cdk::model::address::{AddressesSeen, LiveAddresses, WayOut};
use cdk::model::host::{HostState, ObservedHost};
use cdk::model::name::HostName;
use cdk::model::policy::FailureAction;
use cdk::model::unit::Span;
use cdk::observe::Observed;
use cdk::place::asked::Asked;
use cdk::plan::lint::lint;
use cdk::plan::step::{Action, Plan};
use cdk::resolve::desired::{Availability, Desired};
use cdk::sim::world::Behaviour;

use super::fixture::{Lab, host, secs};
use crate::planner::world::{desired, planned_as, published, service};

const HOSTS: [&str; 3] = ["h1", "h2", "h3"];

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// A host that has a way out, and these addresses of the cluster's.
pub fn with_addresses(kept: &[&str]) -> HostState {
    let mut live = LiveAddresses::default();
    for is_ipv6 in [false, true] {
        let interface = "eth0".to_owned();
        live.ways_out.insert(WayOut {
            is_ipv6,
            metric: 0,
            interface,
        });
    }
    for one in kept {
        let (address, interface) = (address(one), "eth0".to_owned());
        let network = cdk::model::network::Subnet::of(address);
        live.bound
            .insert(address, cdk::model::address::Bound { interface, network });
        live.own.insert(address);
    }
    HostState {
        addresses: AddressesSeen::Found(Box::new(live)),
        ..HostState::default()
    }
}

fn lab() -> Lab {
    Lab::of(HOSTS.iter().map(|name| (host(name), with_addresses(&[]))).collect())
}

/// One `web` with an address of each family, and these hosts drained.
fn web(addresses: &[&str], drained: &[&str]) -> Desired {
    let mut web = service("web:1", 1);
    web.ports.insert(published(8080, "80"));
    web.public_addresses = addresses.iter().map(|one| address(one)).collect();
    let mut desired = desired(&HOSTS, vec![("web", web)]);
    for name in drained {
        desired.hosts.get_mut(&host(name)).unwrap().state = Availability::Drain;
    }
    desired
}

fn observed(lab: &Lab) -> Observed {
    let hosts = lab.hosts.iter();
    let hosts = hosts.map(|(name, sim)| (name.clone(), ObservedHost::Reachable(Box::new(sim.observe()))));
    Observed {
        hosts: hosts.collect(),
        ..Observed::default()
    }
}

fn plan(lab: &Lab, desired: &Desired) -> Plan {
    let plan = planned_as(desired, &observed(lab), &Asked::default());
    assert!(lint(&plan).is_empty(), "{:?}\n{:#?}", lint(&plan), plan.steps);
    plan
}

/// Where the cluster keeps addresses: `h1 203.0.113.5`.
fn kept(lab: &Lab) -> Vec<String> {
    let states = lab.hosts.iter().map(|(name, sim)| (name, sim.observe().addresses));
    let all = states.flat_map(|(name, seen): (&HostName, AddressesSeen)| {
        let own = seen.found().map(|live| live.own.clone()).unwrap_or_default();
        own.into_iter()
            .map(move |one| format!("{name} {one}"))
            .collect::<Vec<_>>()
    });
    all.collect()
}

fn at(log: &[String], line: &str) -> usize {
    let found = log.iter().position(|one| one == line);
    found.unwrap_or_else(|| panic!("no {line:?} in {log:#?}"))
}

#[tokio::test(start_paused = true)]
async fn an_address_is_bound_where_its_replica_is_up_and_then_released_where_it_was() {
    let lab = lab();
    let both = ["203.0.113.5", "2001:db8::5"];
    let first = plan(&lab, &web(&both, &["h2", "h3"]));
    assert_eq!(first.addresses.len(), 2);
    lab.run(&first, &Stop::never()).await;
    assert_eq!(kept(&lab), ["h1 203.0.113.5", "h1 2001:db8::5"]);
    assert!(plan(&lab, &web(&both, &["h2", "h3"])).is_empty());

    let began = lab.log().len();
    let moves = plan(&lab, &web(&both, &["h1", "h3"]));
    assert!(
        moves.addresses.iter().all(|one| one.action == Action::Move),
        "{:#?}",
        moves.addresses
    );
    let outcome = lab.run(&moves, &Stop::never()).await;
    assert!(!outcome.failed(), "{:#?}", lab.log());
    let log = &lab.log()[began..];
    let order = [
        "h2 start shop.web.1",
        "h2 bind 203.0.113.5 to eth0",
        "h2 confirm the address",
        "h1 release 203.0.113.5",
        "h1 stop shop.web.1",
    ];
    let places: Vec<usize> = order.iter().map(|line| at(log, line)).collect();
    assert!(places.is_sorted(), "{places:?} {log:#?}");
    assert_eq!(kept(&lab), ["h2 203.0.113.5", "h2 2001:db8::5"]);
    assert!(plan(&lab, &web(&both, &["h1", "h3"])).is_empty());

    // Out of git, it goes.
    lab.run(&plan(&lab, &web(&[], &["h1", "h3"])), &Stop::never()).await;
    assert!(kept(&lab).is_empty());
    assert!(plan(&lab, &web(&[], &["h1", "h3"])).is_empty());
}

#[tokio::test(start_paused = true)]
async fn where_it_cannot_be_confirmed_the_replica_and_its_address_stay_where_they_were() {
    let lab = lab();
    lab.run(&plan(&lab, &web(&["203.0.113.5"], &["h2", "h3"])), &Stop::never())
        .await;
    lab.sim("h2").refuse("confirm the address", "connection timed out");
    let outcome = lab
        .run(&plan(&lab, &web(&["203.0.113.5"], &["h1", "h3"])), &Stop::never())
        .await;
    assert!(outcome.failed());
    assert_eq!(kept(&lab), ["h1 203.0.113.5"]);
    let on = |name: &str| lab.sim(name).observe().containers.len();
    assert_eq!([on("h1"), on("h2")], [1, 0], "{:#?}", lab.log());
    assert!(plan(&lab, &web(&["203.0.113.5"], &["h2", "h3"])).is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_address_that_is_replaced_stays_until_its_service_is_well_and_while_that_is_held() {
    let lab = lab();
    let version = |address: &str, image: &str| {
        let mut all = web(&[address], &["h2", "h3"]);
        for web in all.services.values_mut() {
            web.image = image.parse().unwrap();
            web.update.failure_action = FailureAction::Rollback;
            web.update.timeout = Span::seconds(5);
        }
        all
    };
    lab.run(&plan(&lab, &version("203.0.113.5", "web:1")), &Stop::never())
        .await;
    let never = Behaviour {
        exits: Some((secs(1), 1)),
        ..Behaviour::default()
    };
    lab.behave("web:2", never);
    let bad = plan(&lab, &version("203.0.113.6", "web:2"));
    assert_eq!(bad.addresses.len(), 2, "{:#?}", bad.addresses);
    assert!(lab.run(&bad, &Stop::never()).await.failed());
    assert_eq!(kept(&lab), ["h1 203.0.113.5"], "{:#?}", lab.log());
    let held = plan(&lab, &version("203.0.113.6", "web:2"));
    assert!(held.is_empty(), "{:#?}", held.steps);
    let good = plan(&lab, &version("203.0.113.6", "web:3"));
    assert!(!lab.run(&good, &Stop::never()).await.failed());
    assert_eq!(kept(&lab), ["h1 203.0.113.6"]);
    assert!(plan(&lab, &version("203.0.113.6", "web:3")).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_host_that_is_in_git_no_more_and_keeps_an_address_is_asked_again_and_told() {
    let lab = lab();
    let mut own = web(&[], &["h2", "h3"]);
    let address = address("203.0.113.9");
    own.hosts.get_mut(&host("h3")).unwrap().public_addresses.insert(address);
    lab.run(&plan(&lab, &own), &Stop::never()).await;
    own.hosts.remove(&host("h3"));
    let gone = plan(&lab, &own);
    assert!(gone.is_empty() && gone.is_partial(), "{:#?}", gone.notes);
    assert!(gone.memory.hosts.contains_key(&host("h3")), "it is asked again");
    // Back without the address, it lets go of it.
    let back = web(&[], &["h2", "h3"]);
    let released = plan(&lab, &back);
    assert_eq!(released.addresses[0].action, Action::Remove);
    lab.run(&released, &Stop::never()).await;
    assert!(kept(&lab).is_empty());
    assert!(!plan(&lab, &own).memory.hosts.contains_key(&host("h3")));
}

#[tokio::test(start_paused = true)]
async fn what_publishes_at_a_hosts_own_address_is_made_once_that_is_bound() {
    let lab = lab();
    let mut all = web(&[], &["h2", "h3"]);
    let own = address("203.0.113.9");
    all.hosts.get_mut(&host("h1")).unwrap().public_addresses.insert(own);
    for web in all.services.values_mut() {
        web.ports = web
            .ports
            .iter()
            .cloned()
            .map(|mut port| {
                if let cdk::resolve::desired::HostPort::Published { address, .. } = &mut port.host {
                    *address = Some(own);
                }
                port
            })
            .collect();
    }
    let outcome = lab.run(&plan(&lab, &all), &Stop::never()).await;
    assert!(!outcome.failed(), "{:#?}", lab.log());
    let log = lab.log();
    assert!(
        at(&log, "h1 confirm the address") < at(&log, "h1 create shop.web.1"),
        "{log:#?}"
    );
    assert!(plan(&lab, &all).is_empty());
    // One that the host had before is not cdk's, and stays.
    let states: BTreeMap<HostName, HostState> =
        [(host("h1"), with_addresses(&[])), (host("h2"), with_addresses(&[]))].into();
    let lab = Lab::of(states);
    let mut found = observed(&lab);
    let state = found
        .hosts
        .get_mut(&host("h1"))
        .and_then(ObservedHost::state_mut)
        .unwrap();
    let AddressesSeen::Found(live) = &mut state.addresses else {
        panic!("asked")
    };
    let network = cdk::model::network::Subnet::of(own);
    let bound = cdk::model::address::Bound {
        interface: "eth1".to_owned(),
        network,
    };
    live.bound.insert(own, bound);
    assert!(planned_as(&all, &found, &Asked::default()).addresses.is_empty());
    all.hosts.get_mut(&host("h1")).unwrap().public_addresses.clear();
    assert!(planned_as(&all, &found, &Asked::default()).addresses.is_empty());
}
