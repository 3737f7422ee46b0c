//! Where replicas best stand: near others and apart from them, over groups, packed, by chance, where their data lies, not where they fail.

use cdk::model::container::ContainerState;
use cdk::model::unit::Bytes;
use cdk::observe::Observed;
use cdk::resolve::desired::{Desired, Service};
use cdk::resolve::wish::{Affinity, Strategy};

use super::ask::*;
use super::sim::state;
use super::world::*;

const FOUR: [&str; 4] = ["a1", "a2", "b1", "b2"];

fn zoned(services: Vec<(&str, Service)>) -> Desired {
    let mut all = desired(&FOUR, services);
    labelled(&mut all, "zone", &[("a1", "a"), ("a2", "a"), ("b1", "b"), ("b2", "b")]);
    all
}

fn with(mut service: Service, near: Vec<Affinity>, apart: Vec<Affinity>) -> Service {
    service.placing.affinity = near;
    service.placing.anti_affinity = apart;
    service
}

/// Where a service's replicas stand, in the order of their numbers.
fn at(seen: &Observed, service: &str) -> Vec<String> {
    let own = stands(seen).into_iter();
    own.filter_map(|line| Some(line.strip_prefix(&format!("{service}."))?.split(' ').nth(1)?.to_owned()))
        .collect()
}

fn fresh(desired: &Desired) -> Observed {
    let hosts: Vec<&str> = desired.hosts.keys().map(|name| name.as_str()).collect();
    let mut seen = empty(&hosts);
    done(desired, &mut seen, &nothing());
    seen
}

#[test]
fn required_nearness_per_host_and_per_zone() {
    let cache = || {
        let mut cache = service("cache:1", 1);
        cache.constraints.push(label("disk", true, "ssd"));
        cache
    };
    for (per, expected) in [(None, ["b1", "b1", "b1"]), (Some("zone"), ["b2", "b1", "b2"])] {
        let web = with(service("web:1", 3), vec![near("cache", per)], vec![]);
        let mut all = zoned(vec![("cache", cache()), ("web", web)]);
        labelled(&mut all, "disk", &[("b1", "ssd")]);
        let seen = fresh(&all);
        assert_eq!(at(&seen, "web"), expected, "{per:?}");
    }
}

#[test]
fn without_what_must_be_near_it_waits() {
    let web = with(service("web:1", 1), vec![near("cache", None)], vec![]);
    let mut all = zoned(vec![("cache", service("cache:1", 0)), ("web", web)]);
    let mut seen = fresh(&all);
    let plan = ask(&all, &seen, &nothing());
    assert_eq!(texts(&plan), ["web.1 unplaced: 4 hosts hold no replica of cache"]);
    scale(&mut all, "cache", 1);
    let plan = done(&all, &mut seen, &nothing());
    assert_eq!(
        changes(&plan),
        [
            "cache.1 Create on a1: fewest cache replicas",
            "web.1 Create on a1: near cache, fewest web replicas",
        ]
    );
}

#[test]
fn nearness_that_is_only_better_gives_way_to_filters() {
    let mut web = with(service("web:1", 3), vec![nearer("cache", None, 50)], vec![]);
    web.max_replicas_per_node = Some(2);
    let all = zoned(vec![("cache", service("cache:1", 1)), ("web", web)]);
    assert_eq!(at(&fresh(&all), "web"), ["a1", "a1", "a2"]);
}

#[test]
fn the_heavier_wish_wins() {
    let mut one = service("one:1", 1);
    one.constraints.push(label("zone", true, "a"));
    let mut two = service("two:1", 1);
    two.constraints.push(label("zone", true, "b"));
    for (first, second, expected) in [(10, 20, "b1"), (20, 10, "a1")] {
        let near = vec![nearer("one", None, first), nearer("two", None, second)];
        let web = with(service("web:1", 1), near, vec![]);
        let all = zoned(vec![("one", one.clone()), ("two", two.clone()), ("web", web)]);
        assert_eq!(at(&fresh(&all), "web"), [expected]);
    }
}

#[test]
fn its_own_replicas_apart_per_host_and_per_zone() {
    let web = with(service("web:1", 5), vec![], vec![near("web", None)]);
    let all = zoned(vec![("web", web)]);
    let seen = fresh(&all);
    assert_eq!(at(&seen, "web"), FOUR);
    assert_eq!(
        texts(&ask(&all, &seen, &nothing())),
        ["web.5 unplaced: 4 hosts hold a replica of web"]
    );
    let web = with(service("web:1", 3), vec![], vec![near("web", Some("zone"))]);
    let all = zoned(vec![("web", web)]);
    let seen = fresh(&all);
    assert_eq!(at(&seen, "web"), ["a1", "b1"]);
    assert_eq!(
        texts(&ask(&all, &seen, &nothing())),
        ["web.3 unplaced: 4 hosts are in a zone with web"]
    );
}

#[test]
fn apart_counts_both_ways_whoever_says_it() {
    // `zeta` is placed after `alpha`; whichever of the two says it, they stand apart.
    let apart = |other: &str| vec![near(other, Some("zone"))];
    for (alpha, zeta) in [(apart("zeta"), vec![]), (vec![], apart("alpha"))] {
        let all = zoned(vec![
            ("alpha", with(service("alpha:1", 1), vec![], alpha)),
            ("zeta", with(service("zeta:1", 2), vec![], zeta)),
        ]);
        let seen = fresh(&all);
        assert_eq!(at(&seen, "alpha"), ["a1"]);
        assert_eq!(at(&seen, "zeta"), ["b1", "b2"]);
    }
}

#[test]
fn apart_if_possible_gives_way_to_the_count() {
    let web = with(service("web:1", 6), vec![], vec![nearer("web", None, 100)]);
    let seen = fresh(&zoned(vec![("web", web)]));
    assert_eq!(counts_of(&seen, "web").into_values().collect::<Vec<_>>(), [2, 2, 1, 1]);
}

#[test]
fn who_must_be_near_follows_the_target_when_it_moves() {
    let web = with(service("web:1", 2), vec![near("cache", None)], vec![]);
    let mut all = zoned(vec![("cache", service("cache:1", 1)), ("web", web)]);
    let mut seen = fresh(&all);
    availability(&mut all, "a1", cdk::resolve::desired::Availability::Drain);
    done(&all, &mut seen, &nothing());
    settled(&all, &seen);
    assert_eq!(
        (at(&seen, "cache"), at(&seen, "web")),
        (vec!["a2".to_owned()], vec!["a2".to_owned(); 2])
    );
}

#[test]
fn a_wish_that_is_new_moves_only_those_that_now_stand_wrong() {
    let mut all = zoned(vec![("api", service("api:1", 2)), ("web", service("web:1", 4))]);
    let mut seen = fresh(&all);
    assert_eq!(
        (at(&seen, "api"), at(&seen, "web")),
        (
            vec!["a1".to_owned(), "a2".to_owned()],
            ["b1", "b2", "a1", "a2"].map(str::to_owned).into()
        )
    );
    of(&mut all, "web").placing.anti_affinity.push(near("api", None));
    let plan = done(&all, &mut seen, &nothing());
    assert_eq!(
        changes(&plan),
        [
            "web.3 Move on b1 from a1: a1 holds a replica of api",
            "web.4 Move on b2 from a2: a2 holds a replica of api",
        ]
    );
    // One that is only better moves nothing.
    of(&mut all, "web").placing.anti_affinity = vec![];
    of(&mut all, "api").placing.affinity.push(nearer("web", None, 100));
    assert!(ask(&all, &seen, &nothing()).is_empty());
}

#[test]
fn preferences_nest_and_a_full_group_hands_its_share_on() {
    let mut all = desired(&["a1", "a2", "b1", "b2", "c1"], vec![("web", service("web:1", 8))]);
    labelled(
        &mut all,
        "dc",
        &[("a1", "x"), ("a2", "x"), ("b1", "x"), ("b2", "x"), ("c1", "y")],
    );
    labelled(
        &mut all,
        "rack",
        &[("a1", "a"), ("a2", "a"), ("b1", "b"), ("b2", "b"), ("c1", "c")],
    );
    of(&mut all, "web").placing.preferences = vec!["dc".to_owned(), "rack".to_owned()];
    let counts = |all: &Desired| counts_of(&fresh(all), "web").into_values().collect::<Vec<_>>();
    assert_eq!(counts(&all), [1, 1, 1, 1, 4]);
    all.hosts.get_mut(&host_name("c1")).unwrap().max_containers = Some(2);
    assert_eq!(counts(&all), [2, 1, 2, 1, 2]);
    all.hosts.get_mut(&host_name("a1")).unwrap().max_containers = Some(1);
    all.hosts.get_mut(&host_name("a2")).unwrap().max_containers = Some(1);
    assert_eq!(counts(&all), [1, 1, 2, 2, 2]);
}

#[test]
fn hosts_without_the_label_are_one_group() {
    let mut all = desired(&["a1", "n1", "n2", "n3"], vec![("web", service("web:1", 4))]);
    labelled(&mut all, "zone", &[("a1", "a")]);
    of(&mut all, "web").placing.preferences.push("zone".to_owned());
    let seen = fresh(&all);
    assert_eq!(counts_of(&seen, "web")["a1"], 2);
    let plan = ask(&all, &empty(&["a1", "n1", "n2", "n3"]), &nothing());
    assert_eq!(changes(&plan)[1], "web.2 Create on n1: fewest web replicas in no zone");
}

#[test]
fn chance_repeats_itself_and_differs_by_slot_and_cluster() {
    let mut all = zoned(vec![("web", service("web:1", 24))]);
    of(&mut all, "web").placing.strategy = Strategy::Random;
    let (one, two) = (fresh(&all), fresh(&all));
    assert_eq!(at(&one, "web"), at(&two, "web"));
    assert_eq!(
        counts_of(&one, "web").len(),
        4,
        "24 replicas meet every host: {:?}",
        counts_of(&one, "web")
    );
    let mut other = all.clone();
    other.cluster.name = "store".parse().unwrap();
    assert_ne!(at(&fresh(&other), "web"), at(&one, "web"));
    // What stands stays, though more hosts came.
    let mut seen = one.clone();
    scale(&mut all, "web", 30);
    done(&all, &mut seen, &nothing());
    assert_eq!(at(&seen, "web")[..24], at(&one, "web")[..]);
}

#[test]
fn packing_fills_a_host_before_the_next_begins() {
    let mut web = service("web:1", 4);
    web.placing.strategy = Strategy::Binpack;
    web.reserved_memory = Bytes(1 << 30);
    let all = zoned(vec![("web", web)]);
    let mut seen = empty(&FOUR);
    for state in seen.hosts.values_mut().filter_map(|host| host.state_mut()) {
        state.facts.memory = Bytes(3 << 30);
        state.facts.cpus = 4;
    }
    let plan = done(&all, &mut seen, &nothing());
    assert_eq!(at(&seen, "web"), ["a1", "a1", "a1", "a2"]);
    assert_eq!(changes(&plan)[0], "web.1 Create on a1: the fullest host that fits");
}

#[test]
fn a_host_where_this_version_keeps_failing_comes_last() {
    let mut all = zoned(vec![("web", service("web:1", 1))]);
    let mut seen = fresh(&all);
    state(&mut seen, &host_name("a1")).unwrap().containers[0].state = ContainerState::Restarting;
    scale(&mut all, "web", 5);
    let plan = ask(&all, &seen, &nothing());
    assert!(
        !changes(&plan).iter().any(|line| line.contains("on a1")),
        "{:?}",
        changes(&plan)
    );
    // Another version has not failed there.
    all.hosts.retain(|name, _| name.as_str() < "b");
    of(&mut all, "web").max_replicas_per_node = Some(3);
    assert!(
        changes(&ask(&all, &seen, &nothing()))
            .iter()
            .any(|line| line.contains("Create on a1")),
        "last, not never"
    );
}

#[test]
fn what_writes_goes_where_its_data_waits_and_the_rest_anywhere() {
    let mut all = zoned(vec![("db", writing("db:1", 1))]);
    let mut seen = empty(&FOUR);
    let data = "hosts: {b2: {volumes: {shop_data: {}}}}";
    seen.hosts.extend(observed(data).hosts);
    done(&all, &mut seen, &nothing());
    assert_eq!(at(&seen, "db"), ["b2"]);
    scale(&mut all, "db", 2);
    done(&all, &mut seen, &nothing());
    assert_eq!(at(&seen, "db"), ["b2", "a1"]);
}

#[test]
fn data_on_a_host_that_does_not_fit_is_waited_for() {
    let mut all = zoned(vec![("db", writing("db:1", 1))]);
    availability(&mut all, "b2", cdk::resolve::desired::Availability::Pause);
    let mut seen = empty(&FOUR);
    seen.hosts
        .extend(observed("hosts: {b2: {volumes: {shop_data: {}}}}").hosts);
    let plan = ask(&all, &seen, &nothing());
    assert_eq!(
        texts(&plan),
        ["db.1 unplaced: 3 hosts lack volume shop_data, which lies elsewhere, 1 is paused"]
    );
}
