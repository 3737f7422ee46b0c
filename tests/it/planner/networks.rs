//! Networks and volumes in plans: made before what needs them, made anew under what stays, removed after what goes, and what stays as it is.

use std::sync::Arc;

use cdk::model::network::{NetworkSpec, Pool};
use cdk::model::policy::Order;
use cdk::observe::Observed;
use cdk::plan::lint::lint;
use cdk::plan::step::{Action, Plan};
use cdk::render::network::{clashes, hosts_to_ask};
use cdk::render::render;
use cdk::resolve::desired::Desired;

use super::order::{at, waits};
use super::sim::{apply, state};
use super::world::*;

fn with_subnet(subnet: &str) -> NetworkSpec {
    NetworkSpec {
        pools: vec![Pool {
            subnet: subnet.parse().unwrap(),
            gateway: None,
            ip_range: None,
            aux_addresses: Default::default(),
        }],
        ..NetworkSpec::default()
    }
}

/// Two replicas of `web` on `front`, and one of `job` on no network of the cluster's.
fn cluster(hosts: &[&str], front: NetworkSpec) -> Desired {
    let mut web = service("web:1", 2);
    attach(&mut web, &["front"]);
    let mut all = desired(hosts, vec![("web", web), ("job", service("job:1", 1))]);
    all.networks = [network("front", front)].into();
    all
}

fn go(desired: &Desired, observed: &mut Observed) -> Plan {
    let plan = planned(desired, observed);
    assert_eq!(lint(&plan), Default::default());
    apply(observed, &plan, usize::MAX, |_| 0).unwrap();
    assert_eq!(steps(&planned(desired, observed)), [""; 0]);
    plan
}

fn networks(plan: &Plan) -> Vec<String> {
    let lines = plan.networks.iter().map(|it| {
        let fields = it.fields.iter().map(|field| {
            let text = |text: &Option<String>| text.clone().unwrap_or("∅".to_owned());
            format!(" {} {} → {}", field.field, text(&field.old), text(&field.new))
        });
        format!(
            "{:?} {} on {}{}",
            it.action,
            it.network,
            it.host,
            fields.collect::<String>()
        )
    });
    lines.collect()
}

#[test]
fn a_network_is_made_where_it_is_needed_and_before() {
    let desired = cluster(&["h1", "h2", "h3"], NetworkSpec::default());
    let mut seen = observed("hosts: {h1: {}, h2: {}, h3: {}}");
    let plan = go(&desired, &mut seen);
    assert_eq!(networks(&plan), ["Create shop.front on h2", "Create shop.front on h3"]);
    let container = &state(&mut seen, &host_name("h2")).unwrap().containers[0];
    let aliases = &container.spec.as_ref().unwrap().network.networks["shop.front"].aliases;
    assert_eq!(aliases.iter().collect::<Vec<_>>(), ["web", "web.1"]);
}

#[test]
fn a_changed_network_is_made_anew_under_its_containers_host_after_host() {
    let mut seen = observed("hosts: {h1: {}, h2: {}}");
    go(&cluster(&["h1", "h2"], with_subnet("10.1.0.0/24")), &mut seen);
    let plan = go(&cluster(&["h1", "h2"], with_subnet("10.2.0.0/24")), &mut seen);
    assert_eq!(
        networks(&plan),
        [
            "Replace shop.front on h1 ipam.config 10.1.0.0/24 → 10.2.0.0/24",
            "Replace shop.front on h2 ipam.config 10.1.0.0/24 → 10.2.0.0/24"
        ]
    );
    assert_eq!(
        steps(&plan),
        [
            "h1: disconnect shop.web.2 from shop.front",
            "h1: remove network shop.front",
            "h1: create network shop.front",
            "h1: connect shop.web.2 to shop.front",
            "h2: disconnect shop.web.1 from shop.front",
            "h2: remove network shop.front",
            "h2: create network shop.front",
            "h2: connect shop.web.1 to shop.front",
        ]
    );
    let kept = plan.services.iter().flat_map(|service| &service.slots);
    assert!(kept.clone().all(|slot| slot.action == Action::Keep));
}

#[test]
fn of_two_changed_networks_one_stands_again_before_the_other_goes() {
    // An engine attaches a container to nothing while the network that it was made with is gone.
    let both = |subnets: [&str; 2]| {
        let mut web = service("web:1", 1);
        attach(&mut web, &["back", "front"]);
        let mut all = desired(&["h1"], vec![("web", web)]);
        let [back, front] = subnets.map(with_subnet);
        all.networks = [network("back", back), network("front", front)].into();
        all
    };
    let mut seen = observed("hosts: {h1: {}}");
    go(&both(["10.1.0.0/24", "10.3.0.0/24"]), &mut seen);
    let plan = go(&both(["10.2.0.0/24", "10.4.0.0/24"]), &mut seen);
    let first = at(&plan, "h1: connect shop.web.1 to shop.back");
    assert!(waits(
        &plan,
        at(&plan, "h1: disconnect shop.web.1 from shop.front"),
        first
    ));
}

#[test]
fn what_is_replaced_waits_for_its_network_and_leaves_its_old_address() {
    let fixed = |subnet: &str, address: &str| {
        let mut all = cluster(&["h1"], with_subnet(subnet));
        let web = all.services.get_mut(&"web".parse().unwrap()).unwrap();
        web.mode = cdk::resolve::desired::Mode::Replicated(1);
        let rest = &mut web.network.rest;
        rest.networks.get_mut("shop.front").unwrap().ipv4 = Some(address.parse().unwrap());
        all
    };
    let mut seen = observed("hosts: {h1: {}}");
    go(&fixed("10.1.0.0/24", "10.1.0.9"), &mut seen);
    let plan = go(&fixed("10.2.0.0/24", "10.2.0.9"), &mut seen);
    let steps = steps(&plan);
    let at = |what: &str| steps.iter().position(|step| step.contains(what)).unwrap();
    assert!(at("connect shop.web.1 to") < at("stop shop.web.1"), "{steps:?}");
    assert_eq!(
        changes(&plan)[0],
        "web: networks shop.front as web, web.1 10.1.0.9 → as web, web.1 10.2.0.9"
    );
}

#[test]
fn a_network_goes_after_its_last_container() {
    let mut seen = observed("hosts: {h1: {}}");
    let before = cluster(&["h1"], NetworkSpec::default());
    go(&before, &mut seen);
    let mut after = before.clone();
    after.networks.clear();
    attach_none(&mut after);
    let plan = go(&after, &mut seen);
    assert_eq!(networks(&plan), ["Remove shop.front on h1"]);
    assert_eq!(steps(&plan).last().unwrap(), "h1: remove network shop.front");
    assert!(state(&mut seen, &host_name("h1")).unwrap().networks.is_empty());
}

fn attach_none(desired: &mut Desired) {
    desired.services.get_mut(&"web".parse().unwrap()).unwrap().network.rest = Default::default();
}

#[test]
fn strangers_on_a_network_keep_it_as_it_is() {
    let mut seen = observed("hosts: {h1: {}}");
    go(&cluster(&["h1"], NetworkSpec::default()), &mut seen);
    let foreign = &mut state(&mut seen, &host_name("h1")).unwrap().foreign.networks;
    foreign.insert("shop.front".to_owned(), "stranger".to_owned());
    let changed = cluster(&["h1"], with_subnet("10.1.0.0/24"));
    let plan = planned(&changed, &seen);
    assert_eq!(steps(&plan), [""; 0]);
    assert!(plan.is_partial() && texts(&plan)[0].contains("stranger, which is not cdk's, is on it"));
    let mut dropped = changed;
    attach_none(&mut dropped);
    let plan = planned(&dropped, &seen);
    assert!(!steps(&plan).iter().any(|step| step.contains("network")));
    assert!(!plan.is_partial() && texts(&plan)[0].contains("it stays, for stranger"));
}

#[test]
fn what_was_done_to_attachments_by_hand_is_put_back() {
    let desired = cluster(&["h1"], NetworkSpec::default());
    let mut applied = observed("hosts: {h1: {}}");
    go(&desired, &mut applied);
    let drifted = |drift: &dyn Fn(&mut cdk::model::host::HostState)| {
        let mut seen = applied.clone();
        drift(state(&mut seen, &host_name("h1")).unwrap());
        changes(&go(&desired, &mut seen))
    };
    let spec = |state: &mut cdk::model::host::HostState, at: usize| state.containers[at].spec.take().unwrap();
    let parted = drifted(&|state| {
        let mut own = spec(state, 1);
        let network = Arc::make_mut(&mut own.network);
        assert!(network.networks.remove("shop.front").is_some());
        state.containers[1].spec = Some(own);
    });
    assert_eq!(parted[0], "web: networks shop.front ∅ → as web, web.1");
    let joined = drifted(&|state| {
        let mut own = spec(state, 0);
        let network = Arc::make_mut(&mut own.network);
        network.networks.insert("bridge".to_owned(), Default::default());
        network.networks.insert("other".to_owned(), Default::default());
        state.containers[0].spec = Some(own);
    });
    assert_eq!(joined[0], "job: networks other attached → ∅");
    let lost = drifted(&|state| {
        state.networks.clear();
        for container in &mut state.containers {
            container.state = cdk::model::container::ContainerState::Exited { code: 0 };
        }
    });
    assert!(
        lost[1].contains("web: networks shop.front a network that is gone"),
        "{lost:?}"
    );
}

#[test]
fn external_networks_and_volumes_must_be_there() {
    let mut desired = cluster(&["h1", "h2"], NetworkSpec::default());
    desired
        .networks
        .values_mut()
        .for_each(|network| network.external = true);
    let plan = planned(&desired, &observed("hosts: {h1: {}, h2: {}}"));
    assert_eq!(
        texts(&plan),
        [
            "web.1 unplaced: 2 hosts lack network shop.front",
            "web.2 unplaced: 2 hosts lack network shop.front",
            "network shop.front, which is external, is not on h1, h2"
        ]
    );
    let mut seen = observed("hosts: {h1: {}, h2: {networks: [shop.front]}}");
    let plan = go(&desired, &mut seen);
    assert_eq!(networks(&plan), [""; 0]);
    let web = plan.placement.iter().filter(|(slot, _)| slot.service.as_str() == "web");
    assert!(web.clone().all(|(_, placed)| placed.host.as_str() == "h2"));

    let mut data = service("db:1", 1);
    data.mounts.insert(volume("shop_data"));
    let mut desired = super::world::desired(&["h1"], vec![("db", data)]);
    desired.volumes.values_mut().for_each(|volume| volume.external = true);
    let plan = planned(&desired, &observed("hosts: {h1: {}}"));
    assert_eq!(texts(&plan)[0], "db.1 unplaced: 1 host lacks volume shop_data");
    let plan = planned(&desired, &observed("hosts: {h1: {volumes: [shop_data]}}"));
    assert!(
        !steps(&plan).iter().any(|step| step.contains("volume")),
        "{:?}",
        steps(&plan)
    );
}

#[test]
fn a_volume_that_somebody_else_mounts_is_no_place_for_data_unless_shared() {
    let mut db = service("db:1", 1);
    db.mounts.insert(volume("shop_data"));
    let mut desired = super::world::desired(&["h1"], vec![("db", db)]);
    let seen = observed("hosts: {h1: {volumes: [shop_data], foreign: {volumes: {shop_data: stranger}}}}");
    let plan = planned(&desired, &seen);
    assert_eq!(
        texts(&plan)[0],
        "db.1 unplaced: 1 host mounts shop_data in stranger, which is not cdk's"
    );
    let db = desired.services.get_mut(&"db".parse().unwrap()).unwrap();
    db.shared.insert("shop_data".to_owned());
    assert_eq!(planned(&desired, &seen).placement.len(), 1);
}

#[test]
fn what_writes_to_a_shared_volume_is_replaced_beside_itself_and_moves() {
    let make = |image: &str| {
        let mut db = service(image, 1);
        db.mounts.insert(volume("shop_data"));
        db.shared.insert("shop_data".to_owned());
        db.update.order = Order::StartFirst;
        super::world::desired(&["h1", "h2"], vec![("db", db)])
    };
    let mut seen = observed("hosts: {h1: {}, h2: {}}");
    go(&make("db:1"), &mut seen);
    let plan = go(&make("db:2"), &mut seen);
    let steps = steps(&plan);
    let at = |what: &str| steps.iter().position(|step| step.contains(what)).unwrap();
    assert!(at("start shop.db.1") < at("stop shop.db.1.old"), "{steps:?}");
    let mut drained = make("db:2");
    drained.hosts.get_mut(&host_name("h1")).unwrap().state = cdk::resolve::desired::Availability::Drain;
    let plan = go(&drained, &mut seen);
    assert_eq!(plan.placement.values().next().unwrap().host.as_str(), "h2");
}

#[test]
fn volumes_that_differ_or_left_git_are_named_and_stay() {
    let mut db = service("db:1", 1);
    db.mounts.insert(volume("shop_data"));
    let mut desired = super::world::desired(&["h1"], vec![("db", db)]);
    let mut seen = observed("hosts: {h1: {}}");
    go(&desired, &mut seen);
    let data = desired.volumes.get_mut(&"data".parse().unwrap()).unwrap();
    data.spec.options.insert("size".to_owned(), "1G".to_owned());
    let plan = planned(&desired, &seen);
    assert!(plan.is_empty() && plan.is_partial());
    assert!(
        texts(&plan)[0].contains("driver_opts none where git says size=1G"),
        "{:?}",
        texts(&plan)
    );

    desired.volumes.clear();
    desired.services.clear();
    let plan = go(&desired, &mut seen);
    assert_eq!(
        texts(&plan),
        ["volume shop_data is no longer in git; it stays on h1 with all that is in it"]
    );
    assert_eq!(state(&mut seen, &host_name("h1")).unwrap().volumes.len(), 1);
}

#[test]
fn hardware_addresses_need_an_engine_that_takes_them() {
    let mut desired = cluster(&["h1", "h2"], NetworkSpec::default());
    let web = desired.services.get_mut(&"web".parse().unwrap()).unwrap();
    let how = web.network.rest.networks.get_mut("shop.front").unwrap();
    how.mac = Some("02:42:00:00:00:09".to_owned());
    let seen = observed("hosts: {h1: {facts: {api: '1.41'}}, h2: {facts: {api: '1.45'}}}");
    let plan = planned(&desired, &seen);
    let web = plan.placement.iter().filter(|(slot, _)| slot.service.as_str() == "web");
    assert!(web.clone().count() == 2 && web.clone().all(|(_, placed)| placed.host.as_str() == "h2"));
}

fn clashes_of(front: NetworkSpec, yaml: &str) -> Vec<String> {
    let (desired, seen) = (cluster(&["h1"], front), observed(yaml));
    let target = render(&desired, &placed(&desired, &seen)).unwrap();
    clashes(&target, &seen)
        .into_iter()
        .map(|problem| problem.message)
        .collect()
}

#[test]
fn addresses_that_a_host_has_otherwise_are_refused() {
    let front = || with_subnet("10.1.0.0/24");
    let route = |route: &str| clashes_of(front(), &format!("hosts: {{h1: {{routes: [{route}]}}}}"));
    assert_eq!(
        route("{to: 10.0.0.0/8, interface: eth0}"),
        ["h1: the subnet 10.1.0.0/24 of the network shop.front overlaps the route to 10.0.0.0/8 over eth0"]
    );
    assert_eq!(
        route("{to: 10.1.0.7/32, kind: ssh_peer}"),
        ["h1: the subnet 10.1.0.0/24 of the network shop.front overlaps 10.1.0.7, from where SSH comes"]
    );
    assert_eq!(
        route("{to: 10.1.0.7/32, kind: address}"),
        ["h1: the subnet 10.1.0.0/24 of the network shop.front overlaps the host's own address 10.1.0.7"]
    );
    assert_eq!(route("{to: 10.2.0.0/16, interface: eth0}"), [""; 0]);
    let other = "hosts: {h1: {networks: {shop.front: {made_from: {}}, x: {subnets: [10.1.0.0/16], interface: br-x}}}}";
    assert_eq!(
        clashes_of(front(), other),
        ["h1: the subnet 10.1.0.0/24 of the network shop.front overlaps 10.1.0.0/16 of the network x there"]
    );
    // Its own predecessor's addresses are free once that is gone.
    let own = "hosts: {h1: {networks: {shop.front: {made_from: {}, subnets: [10.1.0.0/16], interface: br-a}}, \
               routes: [{to: 10.1.0.0/16, interface: br-a}, {to: 10.1.0.1/32, kind: address}]}}";
    assert_eq!(clashes_of(front(), own), [""; 0]);
    // One that shares the host's network has the host's addresses.
    let mut macvlan = front();
    macvlan.driver = "macvlan".to_owned();
    let lan = "hosts: {h1: {routes: [{to: 10.1.0.0/24, interface: eth0}]}}";
    assert_eq!(clashes_of(macvlan, lan), [""; 0]);
    assert_eq!(
        clashes_of(front(), "hosts: {h1: {networks: {shop.front: {}}}}"),
        ["h1 has a network shop.front that cdk did not make"]
    );
}

#[test]
fn routes_are_asked_for_only_where_a_subnet_is_to_be_made() {
    let asked = |front: NetworkSpec, seen: &Observed| {
        let desired = cluster(&["h1", "h2"], front);
        let target = render(&desired, &placed(&desired, seen)).unwrap();
        hosts_to_ask(&target, seen).len()
    };
    let mut seen = observed("hosts: {h1: {}, h2: {}}");
    assert_eq!(asked(NetworkSpec::default(), &seen), 0);
    assert_eq!(asked(with_subnet("10.1.0.0/24"), &seen), 2);
    go(&cluster(&["h1", "h2"], with_subnet("10.1.0.0/24")), &mut seen);
    assert_eq!(asked(with_subnet("10.1.0.0/24"), &seen), 0);
    assert_eq!(asked(with_subnet("10.2.0.0/24"), &seen), 2);
}
