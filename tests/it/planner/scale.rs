//! More replicas and fewer: a scale-up touches only what is new; a scale-down takes what serves least, and then what stands most crowded.

use cdk::model::container::{ContainerState, Health};
use cdk::observe::Observed;
use cdk::resolve::desired::{Availability, Desired};
use cdk::resolve::wish::Strategy;

use super::ask::*;
use super::sim::state;
use super::world::*;

const HOSTS: [&str; 3] = ["h1", "h2", "h3"];

fn web(replicas: u32) -> (Desired, Observed) {
    let desired = desired(&HOSTS, vec![("web", service("web:1", replicas))]);
    let seen = running(&desired);
    (desired, seen)
}

/// Sets the state of a replica's container.
fn set(seen: &mut Observed, text: &str, to: ContainerState) {
    let hosts: Vec<_> = seen.hosts.keys().cloned().collect();
    for host in hosts {
        let Ok(state) = state(seen, &host) else { continue };
        let mut all = state.containers.iter_mut();
        if let Some(one) = all.find(|one| one.owner.slot == slot(text)) {
            one.state = to.clone();
        }
    }
}

/// Those that go.
fn gone(desired: &mut Desired, seen: &Observed, replicas: u32) -> Vec<String> {
    scale(desired, "web", replicas);
    let mut seen = seen.clone();
    let before = stands(&seen);
    done(desired, &mut seen, &nothing());
    settled(desired, &seen);
    let after = stands(&seen);
    before.into_iter().filter(|line| !after.contains(line)).collect()
}

#[test]
fn more_replicas_touch_only_what_is_new() {
    let (mut desired, mut seen) = web(4);
    scale(&mut desired, "web", 7);
    let plan = done(&desired, &mut seen, &nothing());
    assert_eq!(changes(&plan).len(), 3);
    assert!(changes(&plan).iter().all(|line| line.contains("Create")));
    assert_eq!(counts_of(&seen, "web").into_values().collect::<Vec<_>>(), [3, 2, 2]);
}

#[test]
fn up_and_down_again_is_where_it_was() {
    for (from, to) in [(1, 2), (3, 8), (4, 5), (5, 12), (0, 7)] {
        let (mut desired, mut seen) = web(from);
        let before = stands(&seen);
        scale(&mut desired, "web", to);
        done(&desired, &mut seen, &nothing());
        scale(&mut desired, "web", from);
        let plan = ask(&desired, &seen, &nothing());
        super::sim::apply(&mut seen, &plan, usize::MAX, |_| 0).unwrap();
        assert_eq!(stands(&seen), before, "{from} to {to}");
    }
}

#[test]
fn the_fullest_host_loses_first_and_of_equals_the_highest_slot_goes() {
    let (mut desired, seen) = web(5);
    assert_eq!(counts_of(&seen, "web").into_values().collect::<Vec<_>>(), [2, 2, 1]);
    assert_eq!(gone(&mut desired, &seen, 4), ["web.5 h2"]);
    assert_eq!(gone(&mut desired, &seen, 3), ["web.4 h1", "web.5 h2"]);
    assert_eq!(gone(&mut desired, &seen, 2), ["web.3 h3", "web.4 h1", "web.5 h2"]);
}

#[test]
fn what_does_not_run_or_is_not_well_goes_before_what_serves() {
    let (mut desired, seen) = web(4);
    let mut sick = seen.clone();
    let unhealthy = ContainerState::Running {
        health: Some(Health::Unhealthy),
    };
    set(&mut sick, "web.2", unhealthy);
    assert_eq!(gone(&mut desired, &sick, 3), ["web.2 h2"]);
    set(&mut sick, "web.3", ContainerState::Exited { code: 1 });
    assert_eq!(
        gone(&mut desired, &sick, 3),
        ["web.3 h3"],
        "what does not run at all goes before it"
    );
    assert_eq!(gone(&mut desired, &sick, 2), ["web.2 h2", "web.3 h3"]);
}

#[test]
fn what_would_have_to_leave_its_host_goes_before_what_may_stay() {
    let (mut desired, seen) = web(4);
    availability(&mut desired, "h3", Availability::Drain);
    assert_eq!(gone(&mut desired, &seen, 3), ["web.3 h3"], "and nothing moves");
}

#[test]
fn what_is_on_a_silent_host_goes_before_what_serves_and_one_of_three_goes_when_it_is_back() {
    let (mut desired, mut seen) = web(3);
    let was = silence(&mut seen, "h1");
    scale(&mut desired, "web", 2);
    done(&desired, &mut seen, &nothing());
    assert_eq!(stands(&seen), ["web.2 h2", "web.3 h3"]);
    back(&mut seen, "h1", was);
    let plan = done(&desired, &mut seen, &nothing());
    assert_eq!(changes(&plan), ["web.3 Remove on h3: scaled down to 2"]);
}

#[test]
fn what_never_found_a_place_goes_first() {
    let mut desired = desired(&["h1", "h2"], vec![("web", service("web:1", 4))]);
    of(&mut desired, "web").max_replicas_per_node = Some(1);
    let mut seen = running(&desired);
    assert_eq!(stands(&seen), ["web.1 h1", "web.2 h2"]);
    scale(&mut desired, "web", 2);
    let plan = done(&desired, &mut seen, &nothing());
    assert!(plan.is_empty() && !plan.is_partial());
}

#[test]
fn zones_stay_even_on_the_way_down() {
    let mut desired = desired(&["a1", "a2", "b1"], vec![("web", service("web:1", 6))]);
    labelled(&mut desired, "zone", &[("a1", "a"), ("a2", "a"), ("b1", "b")]);
    of(&mut desired, "web").placing.preferences.push("zone".to_owned());
    let mut seen = running(&desired);
    for replicas in (1..6).rev() {
        scale(&mut desired, "web", replicas);
        let plan = ask(&desired, &seen, &nothing());
        super::sim::apply(&mut seen, &plan, usize::MAX, |_| 0).unwrap();
        let counts = counts_of(&seen, "web");
        let of = |host: &str| counts.get(host).copied().unwrap_or(0);
        assert!((of("a1") + of("a2")).abs_diff(of("b1")) <= 1, "{counts:?}");
        assert!(of("a1").abs_diff(of("a2")) <= 1, "{counts:?}");
    }
}

#[test]
fn what_stands_apart_from_its_friends_goes_first() {
    let mut all = desired(
        &HOSTS,
        vec![("cache", service("cache:1", 1)), ("web", service("web:1", 3))],
    );
    let seen = running(&all);
    assert_eq!(stands(&seen)[0], "cache.1 h1");
    of(&mut all, "web").placing.affinity.push(nearer("cache", None, 10));
    assert_eq!(
        gone(&mut all, &seen, 1),
        ["web.1 h2", "web.2 h3"],
        "web.3 is on h1, with the cache"
    );
}

#[test]
fn packed_ones_go_from_the_end() {
    let mut all = desired(&HOSTS, vec![("web", service("web:1", 6))]);
    of(&mut all, "web").placing.strategy = Strategy::Binpack;
    all.hosts.values_mut().for_each(|host| host.max_containers = Some(2));
    let seen = running(&all);
    assert_eq!(counts_of(&seen, "web").into_values().collect::<Vec<_>>(), [2, 2, 2]);
    assert_eq!(
        gone(&mut all, &seen, 4),
        ["web.5 h3", "web.6 h3"],
        "so that whole hosts become empty"
    );
}

#[test]
fn what_writes_is_scaled_down_like_others_and_comes_back_to_its_data() {
    let mut desired = desired(&HOSTS, vec![("web", writing("web:1", 3))]);
    let mut seen = running(&desired);
    scale(&mut desired, "web", 2);
    done(&desired, &mut seen, &nothing());
    assert_eq!(stands(&seen), ["web.1 h1", "web.2 h2"]);
    // h3 is now the worst choice, but for the data.
    state(&mut seen, &host_name("h3")).unwrap().other_containers = 9;
    scale(&mut desired, "web", 3);
    done(&desired, &mut seen, &nothing());
    assert_eq!(stands(&seen), ["web.1 h1", "web.2 h2", "web.3 h3"]);
    assert!(
        seen.hosts[&host_name("h3")]
            .state()
            .unwrap()
            .volumes
            .contains_key("shop_data")
    );
}

#[test]
fn a_gap_in_the_numbers_is_filled_first() {
    let (mut desired, mut seen) = web(4);
    set(&mut seen, "web.2", ContainerState::Exited { code: 1 });
    scale(&mut desired, "web", 3);
    done(&desired, &mut seen, &nothing());
    assert_eq!(stands(&seen), ["web.1 h1", "web.3 h3", "web.4 h1"]);
    scale(&mut desired, "web", 4);
    done(&desired, &mut seen, &nothing());
    assert_eq!(stands(&seen), ["web.1 h1", "web.2 h2", "web.3 h3", "web.4 h1"]);
}
