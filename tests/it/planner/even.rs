//! `cdk rebalance`: the fewest moves that even the cluster out, and never at the cost of a service, of nearness or of data.

use cdk::observe::Observed;
use cdk::resolve::desired::{Availability, Desired};
use cdk::resolve::wish::Strategy;

use super::ask::*;
use super::world::*;

/// A cluster where these hosts came late: everything stands on the others.
fn crowded(mut desired: Desired, late: &[&str]) -> (Desired, Observed) {
    for host in late {
        availability(&mut desired, host, Availability::Drain);
    }
    let seen = running(&desired);
    for host in late {
        availability(&mut desired, host, Availability::Active);
    }
    assert!(ask(&desired, &seen, &nothing()).is_empty(), "nothing moves unasked");
    (desired, seen)
}

fn counts(seen: &Observed, service: &str) -> Vec<usize> {
    counts_of(seen, service).into_values().collect()
}

#[test]
fn the_fewest_moves_even_a_service_out() {
    let (desired, mut seen) = crowded(
        desired(&["h1", "h2", "h3"], vec![("web", service("web:1", 6))]),
        &["h3"],
    );
    let plan = done(&desired, &mut seen, &evening(u32::MAX));
    assert_eq!(
        changes(&plan),
        [
            "web.5 Move on h3 from h1: evens out: 3 web replicas on h1, 0 here",
            "web.6 Move on h3 from h2: evens out: 3 web replicas on h2, 1 here",
        ]
    );
    assert_eq!(counts(&seen, "web"), [2, 2, 2]);
    settled(&desired, &seen);
    assert!(ask(&desired, &seen, &evening(u32::MAX)).is_empty());
}

#[test]
fn no_more_moves_than_said() {
    let (desired, mut seen) = crowded(
        desired(&["h1", "h2", "h3"], vec![("web", service("web:1", 9))]),
        &["h2", "h3"],
    );
    let plan = done(&desired, &mut seen, &evening(2));
    assert_eq!(changes(&plan).len(), 2);
    done(&desired, &mut seen, &evening(u32::MAX));
    assert_eq!(counts(&seen, "web"), [3, 3, 3]);
}

#[test]
fn an_even_cluster_stays_as_it_is() {
    let desired = desired(
        &["h1", "h2", "h3"],
        vec![("api", service("api:1", 4)), ("web", service("web:1", 5))],
    );
    let seen = running(&desired);
    let plan = ask(&desired, &seen, &evening(u32::MAX));
    assert!(plan.is_empty() && plan.notes.is_empty());
}

#[test]
fn all_containers_are_evened_out_too() {
    let services = ["a", "b", "c", "d"].map(|name| (name, service("app:1", 1)));
    let (desired, mut seen) = crowded(desired(&["h1", "h2"], services.into()), &["h2"]);
    let plan = done(&desired, &mut seen, &evening(u32::MAX));
    assert_eq!(
        changes(&plan),
        [
            "a.1 Move on h2 from h1: evens out: 4 containers on h1, 0 here",
            "b.1 Move on h2 from h1: evens out: 3 containers on h1, 1 here",
        ]
    );
    assert!(ask(&desired, &seen, &evening(u32::MAX)).is_empty());
}

#[test]
fn containers_of_others_count() {
    let desired = desired(
        &["h1", "h2"],
        vec![("a", service("app:1", 1)), ("b", service("app:1", 1))],
    );
    let mut seen = running(&desired);
    assert_eq!(stands(&seen), ["a.1 h1", "b.1 h2"]);
    super::sim::state(&mut seen, &host_name("h2")).unwrap().other_containers = 2;
    done(&desired, &mut seen, &evening(u32::MAX));
    assert_eq!(stands(&seen), ["a.1 h1", "b.1 h1"]);
}

#[test]
fn zones_are_evened_out_before_hosts() {
    let mut all = desired(&["a1", "a2", "b1"], vec![("web", service("web:1", 4))]);
    labelled(&mut all, "zone", &[("a1", "a"), ("a2", "a"), ("b1", "b")]);
    of(&mut all, "web").placing.preferences.push("zone".to_owned());
    let (desired, mut seen) = crowded(all, &["b1"]);
    assert_eq!(counts(&seen, "web"), [2, 2]);
    done(&desired, &mut seen, &evening(u32::MAX));
    assert_eq!(
        counts(&seen, "web"),
        [1, 1, 2],
        "two in each zone, as it would be placed anew"
    );
    assert!(ask(&desired, &seen, &evening(u32::MAX)).is_empty());
}

#[test]
fn a_crowded_host_gives_to_its_own_zone_where_the_zones_are_even() {
    let mut all = desired(&["a1", "a2", "b1", "b2"], vec![("web", service("web:1", 5))]);
    labelled(&mut all, "zone", &[("a1", "a"), ("a2", "a"), ("b1", "b"), ("b2", "b")]);
    of(&mut all, "web").placing.preferences.push("zone".to_owned());
    let (desired, mut seen) = crowded(all, &["a2", "b2"]);
    assert_eq!(counts(&seen, "web"), [3, 2]);
    done(&desired, &mut seen, &evening(u32::MAX));
    let counts = counts_of(&seen, "web");
    assert_eq!(counts["a1"] + counts["a2"], 3, "{counts:?}");
    assert!(counts.values().all(|count| (1..=2).contains(count)), "{counts:?}");
    assert!(ask(&desired, &seen, &evening(u32::MAX)).is_empty());
}

#[test]
fn evening_all_containers_out_leaves_zones_even() {
    let mut all = desired(
        &["a1", "b1"],
        vec![("api", service("api:1", 3)), ("web", service("web:1", 4))],
    );
    labelled(&mut all, "zone", &[("a1", "a"), ("b1", "b")]);
    of(&mut all, "web").placing.preferences.push("zone".to_owned());
    of(&mut all, "api").constraints.push(label("zone", true, "a"));
    let mut seen = running(&all);
    assert_eq!((counts(&seen, "api"), counts(&seen, "web")), (vec![3], vec![2, 2]));
    let plan = done(&all, &mut seen, &evening(u32::MAX));
    assert_eq!(changes(&plan), [""; 0], "five and two, but web would be less even");
}

#[test]
fn filters_hold() {
    let mut all = desired(&["h1", "h2", "h3"], vec![("web", service("web:1", 4))]);
    of(&mut all, "web").constraints.push(label("disk", true, "ssd"));
    labelled(&mut all, "disk", &[("h1", "ssd"), ("h2", "ssd")]);
    all.hosts.get_mut(&host_name("h2")).unwrap().max_containers = Some(1);
    let (desired, mut seen) = crowded(all, &["h2"]);
    let plan = done(&desired, &mut seen, &evening(u32::MAX));
    assert_eq!(
        changes(&plan),
        ["web.4 Move on h2 from h1: evens out: 4 web replicas on h1, 0 here"]
    );
}

#[test]
fn what_writes_what_is_global_and_what_is_packed_stays() {
    let mut packed = service("packed:1", 4);
    packed.placing.strategy = Strategy::Binpack;
    let mut chance = service("chance:1", 4);
    chance.placing.strategy = Strategy::Random;
    let services = vec![
        ("agent", global("agent:1")),
        ("chance", chance),
        ("db", writing("db:1", 4)),
        ("packed", packed),
    ];
    let mut all = desired(&["h1", "h2"], services);
    of(&mut all, "agent").constraints.push(label("old", true, "yes"));
    labelled(&mut all, "old", &[("h1", "yes")]);
    let (desired, seen) = crowded(all, &["h2"]);
    assert!(ask(&desired, &seen, &evening(u32::MAX)).is_empty());
}

#[test]
fn nearness_is_not_given_up_for_evenness() {
    let mut web = service("web:1", 3);
    web.placing.affinity.push(nearer("cache", None, 50));
    let desired = desired(&["h1", "h2"], vec![("cache", service("cache:1", 1)), ("web", web)]);
    let seen = running(&desired);
    assert_eq!(counts(&seen, "web"), [3], "{:?}", stands(&seen));
    assert!(ask(&desired, &seen, &evening(u32::MAX)).is_empty());
}

#[test]
fn of_what_others_are_to_be_near_one_stays_with_them() {
    let mut web = service("web:1", 1);
    web.placing.affinity.push(near("cache", None));
    let (desired, mut seen) = crowded(
        desired(&["h1", "h2"], vec![("cache", service("cache:1", 3)), ("web", web)]),
        &["h2"],
    );
    done(&desired, &mut seen, &evening(u32::MAX));
    settled(&desired, &seen);
    assert_eq!(stands(&seen), ["cache.1 h1", "cache.2 h2", "cache.3 h2", "web.1 h1"]);
}

#[test]
fn anti_affinity_holds_while_evening_out() {
    let mut api = service("api:1", 1);
    api.placing.anti_affinity.push(near("web", None));
    let mut all = desired(&["h1", "h2", "h3"], vec![("api", api), ("web", service("web:1", 4))]);
    of(&mut all, "api").constraints.push(label("api", true, "yes"));
    labelled(&mut all, "api", &[("h3", "yes")]);
    let (desired, mut seen) = crowded(all, &["h2"]);
    assert_eq!(stands(&seen)[0], "api.1 h3");
    done(&desired, &mut seen, &evening(u32::MAX));
    assert_eq!(
        counts_of(&seen, "web"),
        [("h1".to_owned(), 2), ("h2".to_owned(), 2)].into()
    );
}

#[test]
fn a_service_that_is_not_as_git_says_is_named_and_others_that_differ_wait() {
    let services = vec![("api", service("api:1", 1)), ("web", service("web:1", 4))];
    let (mut desired, mut seen) = crowded(desired(&["h1", "h2"], services), &["h2"]);
    let before = desired.clone();
    of(&mut desired, "web").image = "web:2".parse().unwrap();
    assert_eq!(
        denied(&ask(&desired, &seen, &evening(u32::MAX))),
        ["web is not as git says (web.1 differs), and only what is can be moved; `cdk apply` first"]
    );
    let mut desired = before;
    desired.services.insert("new".parse().unwrap(), service("new:1", 1));
    let plan = done(&desired, &mut seen, &evening(u32::MAX));
    assert!(
        changes(&plan).iter().all(|line| line.starts_with("web.")),
        "{:?}",
        changes(&plan)
    );
}

#[test]
fn a_host_where_the_version_keeps_failing_takes_nothing() {
    let (desired, mut seen) = crowded(desired(&["h1", "h2"], vec![("web", service("web:1", 4))]), &["h2"]);
    // One was moved there, and crashes.
    done(&desired, &mut seen, &moving("web.4", "h2", false));
    let h2 = super::sim::state(&mut seen, &host_name("h2")).unwrap();
    h2.containers[0].state = cdk::model::container::ContainerState::Restarting;
    assert!(ask(&desired, &seen, &evening(u32::MAX)).is_empty());
}
