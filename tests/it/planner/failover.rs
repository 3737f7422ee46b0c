//! Hosts that do not answer, are down or drained: what goes elsewhere, what stays and what it would need, and what goes when they are back.

use cdk::model::container::ContainerState;
use cdk::model::policy::Order;
use cdk::plan::step::{Note, Plan};
use cdk::resolve::desired::{Availability, Desired, Mode};

use super::ask::*;
use super::sim::state;
use super::world::*;

const HOSTS: [&str; 3] = ["h1", "h2", "h3"];

fn web(replicas: u32) -> Desired {
    desired(&HOSTS, vec![("web", service("web:1", replicas))])
}

fn hint(plan: &Plan) -> Option<(usize, usize)> {
    plan.notes.iter().find_map(|note| match note {
        Note::Unreachable { holds, fails_over, .. } => Some((holds.len(), *fails_over)),
        Note::Unplaced { .. }
        | Note::Differs { .. }
        | Note::Waits { .. }
        | Note::Halted { .. }
        | Note::Interrupted { .. }
        | Note::NotInForce { .. }
        | Note::Text(_)
        | Note::Refused(_) => None,
    })
}

#[test]
fn unasked_nothing_fails_over_and_the_plan_says_what_would() {
    let mut all = web(3);
    all.services.insert("db".parse().unwrap(), writing("db:1", 3));
    all.services.insert("agent".parse().unwrap(), global("agent:1"));
    let mut seen = running(&all);
    silence(&mut seen, "h3");
    let plan = ask(&all, &seen, &nothing());
    assert!(plan.is_empty() && plan.is_partial());
    assert_eq!(hint(&plan), Some((3, 1)));
}

#[test]
fn asked_it_is_made_elsewhere_and_says_why() {
    let desired = web(3);
    let mut seen = running(&desired);
    silence(&mut seen, "h3");
    let plan = done(&desired, &mut seen, &failover());
    assert_eq!(changes(&plan), ["web.3 Create on h1: h3 does not answer: failed over"]);
    assert!(plan.is_partial(), "a host still does not answer");
    assert_eq!(hint(&plan), Some((0, 0)));
    let next = ask(&desired, &seen, &nothing());
    assert!(next.is_empty() && next.is_partial());
    assert_eq!(hint(&next), Some((0, 0)));
    assert!(ask(&desired, &seen, &failover()).is_empty());
}

#[test]
fn what_writes_is_global_or_a_job_stays_and_says_what_it_would_need() {
    let mut all = web(3);
    all.services.insert("db".parse().unwrap(), writing("db:1", 3));
    all.services.insert("agent".parse().unwrap(), global("agent:1"));
    let mut seen = running(&all);
    silence(&mut seen, "h3");
    let plan = done(&all, &mut seen, &failover());
    let unknown =
        |slot: &str| format!("{slot} Unknown on h3: the host does not answer; by the journal it holds this replica");
    assert_eq!(
        changes(&plan),
        [
            unknown("agent.h3"),
            unknown("db.3"),
            "web.3 Create on h1: h3 does not answer: failed over".to_owned(),
        ]
    );
    let told = texts(&plan);
    assert!(
        told.contains(&"agent.h3 is not failed over from h3: its service is for each host".to_owned()),
        "{told:?}"
    );
    assert!(
        told.contains(
            &"db.3 is not failed over from h3: it writes to volume shop_data there; `cdk move db.3 HOST --without-data` would start it anew"
                .to_owned()
        ),
        "{told:?}"
    );
}

#[test]
fn when_the_host_is_back_its_doubles_go_and_nothing_else_is_touched() {
    let mut all = web(3);
    all.services.insert("db".parse().unwrap(), writing("db:1", 3));
    all.services.insert("agent".parse().unwrap(), global("agent:1"));
    let mut seen = running(&all);
    let was = silence(&mut seen, "h3");
    done(&all, &mut seen, &failover());
    back(&mut seen, "h3", was);
    let plan = done(&all, &mut seen, &nothing());
    assert!(
        steps(&plan).iter().all(|step| step.starts_with("h3: stop shop.web.3")
            || step.starts_with("h3: remove shop.web.3")
            || step.starts_with("h1: wait")
            || step.starts_with("h1: watch")),
        "{:?}",
        steps(&plan)
    );
    assert_eq!(stands(&seen).len(), 9);
    assert!(stands(&seen).contains(&"web.3 h1".to_owned()));
    settled(&all, &seen);
    assert!(!ask(&all, &seen, &nothing()).is_partial());
}

#[test]
fn a_host_that_comes_back_after_git_changed_gets_what_is_new_and_no_doubles() {
    let before = web(3);
    let mut seen = running(&before);
    let was = silence(&mut seen, "h3");
    done(&before, &mut seen, &failover());
    let mut after = before.clone();
    of(&mut after, "web").image = "web:2".parse().unwrap();
    scale(&mut after, "web", 4);
    // Not applied while it was away.
    let mut late = seen.clone();
    back(&mut late, "h3", was.clone());
    let plan = done(&after, &mut late, &nothing());
    settled(&after, &late);
    assert_eq!(stands(&late), ["web.1 h1", "web.2 h2", "web.3 h1", "web.4 h3"]);
    assert!(
        !changes(&plan).iter().any(|line| line.contains("Move")),
        "{:?}",
        changes(&plan)
    );
    // Applied while it was away.
    done(&after, &mut seen, &nothing());
    assert_eq!(stands(&seen), ["web.1 h1", "web.2 h2", "web.3 h1", "web.4 h2"]);
    back(&mut seen, "h3", was);
    done(&after, &mut seen, &nothing());
    settled(&after, &seen);
    assert_eq!(stands(&seen), ["web.1 h1", "web.2 h2", "web.3 h1", "web.4 h2"]);
}

#[test]
fn a_host_that_comes_back_after_a_scale_down_or_a_removal_loses_what_git_has_no_more() {
    let before = web(3);
    let mut seen = running(&before);
    let was = silence(&mut seen, "h3");
    done(&before, &mut seen, &failover());
    let mut after = before.clone();
    scale(&mut after, "web", 2);
    done(&after, &mut seen, &nothing());
    assert_eq!(stands(&seen), ["web.1 h1", "web.2 h2"]);
    let mut one = seen.clone();
    back(&mut one, "h3", was.clone());
    done(&after, &mut one, &nothing());
    settled(&after, &one);
    assert_eq!(stands(&one), ["web.1 h1", "web.2 h2"]);
    after.services.clear();
    back(&mut seen, "h3", was);
    done(&after, &mut seen, &nothing());
    assert_eq!(stands(&seen), [""; 0]);
}

#[test]
fn a_double_that_is_the_only_one_that_runs_is_kept() {
    let desired = web(3);
    let mut seen = running(&desired);
    let was = silence(&mut seen, "h3");
    done(&desired, &mut seen, &failover());
    let h1 = state(&mut seen, &host_name("h1")).unwrap();
    let made = h1
        .containers
        .iter_mut()
        .find(|one| one.owner.slot == slot("web.3"))
        .unwrap();
    made.state = ContainerState::Exited { code: 1 };
    back(&mut seen, "h3", was);
    done(&desired, &mut seen, &nothing());
    settled(&desired, &seen);
    assert_eq!(stands(&seen), ["web.1 h1", "web.2 h2", "web.3 h3"]);
}

#[test]
fn what_fits_nowhere_else_stays_and_does_not_hold_up_the_others() {
    let mut desired = web(3);
    of(&mut desired, "web").max_replicas_per_node = Some(1);
    desired.services.insert("api".parse().unwrap(), service("api:1", 3));
    let mut seen = running(&desired);
    let was = silence(&mut seen, "h3");
    let plan = done(&desired, &mut seen, &failover());
    assert_eq!(
        changes(&plan),
        [
            "api.3 Create on h1: h3 does not answer: failed over",
            "web.3 Unplaced on h3: 2 hosts hold 1 of its replicas already, 1 does not answer; it stays on h3 until then",
        ]
    );
    back(&mut seen, "h3", was);
    done(&desired, &mut seen, &nothing());
    settled(&desired, &seen);
    assert_eq!(
        stands(&seen),
        ["api.1 h1", "api.2 h2", "api.3 h1", "web.1 h1", "web.2 h2", "web.3 h3"]
    );
}

#[test]
fn two_hosts_fail_over_and_come_back_one_after_the_other() {
    let desired = web(6);
    let mut seen = running(&desired);
    let second = silence(&mut seen, "h2");
    let third = silence(&mut seen, "h3");
    done(&desired, &mut seen, &failover());
    assert_eq!(counts_of(&seen, "web")["h1"], 6);
    back(&mut seen, "h2", second);
    done(&desired, &mut seen, &failover());
    back(&mut seen, "h3", third);
    done(&desired, &mut seen, &nothing());
    settled(&desired, &seen);
    assert_eq!(counts_of(&seen, "web"), [("h1".to_owned(), 6)].into());
    // It is never evened out unasked.
    done(&desired, &mut seen, &evening(u32::MAX));
    assert_eq!(counts_of(&seen, "web").into_values().collect::<Vec<_>>(), [2, 2, 2]);
}

#[test]
fn failing_over_keeps_zones_even() {
    let mut desired = desired(&["a1", "a2", "b1", "b2"], vec![("web", service("web:1", 4))]);
    labelled(
        &mut desired,
        "zone",
        &[("a1", "a"), ("a2", "a"), ("b1", "b"), ("b2", "b")],
    );
    of(&mut desired, "web").placing.preferences.push("zone".to_owned());
    let mut seen = running(&desired);
    silence(&mut seen, "b2");
    done(&desired, &mut seen, &failover());
    assert_eq!(
        counts_of(&seen, "web"),
        [("a1", 1), ("a2", 1), ("b1", 2)]
            .map(|(host, n)| (host.to_owned(), n))
            .into()
    );
}

#[test]
fn a_host_that_is_said_to_be_down_and_comes_back() {
    let before = {
        let mut all = web(3);
        all.services.insert("db".parse().unwrap(), writing("db:1", 3));
        all.services.insert("agent".parse().unwrap(), global("agent:1"));
        all
    };
    let mut seen = running(&before);
    let mut down = before.clone();
    availability(&mut down, "h3", Availability::Down);
    let was = seen.hosts.remove(&host_name("h3")).unwrap();
    let plan = done(&down, &mut seen, &nothing());
    assert_eq!(
        changes(&plan),
        [
            "db.3 Unplaced on h3: h3 is down, but it writes to volume shop_data there, and data does not move by itself: \
             `cdk move db.3 HOST --without-data` would start it anew",
            "web.3 Create on h1: h3 is gone",
        ]
    );
    settled(&down, &seen);
    back(&mut seen, "h3", was);
    let plan = done(&before, &mut seen, &nothing());
    settled(&before, &seen);
    assert_eq!(
        changes(&plan),
        [
            "web.3 Start on h1: it takes the place of another that still stands",
            "web.3 Remove on h3: doubled: it stands on h1 too",
        ]
    );
    assert_eq!(stands(&seen).len(), 9);
}

#[test]
fn draining_moves_start_first_and_takes_global_ones_away() {
    let before = {
        let mut all = web(3);
        of(&mut all, "web").update.order = Order::StopFirst;
        of(&mut all, "web").ports.insert(assigned(80));
        all.services.insert("agent".parse().unwrap(), global("agent:1"));
        all
    };
    let mut seen = running(&before);
    let mut drained = before.clone();
    availability(&mut drained, "h3", Availability::Drain);
    let plan = done(&drained, &mut seen, &nothing());
    assert_eq!(
        changes(&plan),
        [
            "agent.h3 Remove on h3: h3 is draining",
            "web.3 Move on h1 from h3: h3 is draining"
        ]
    );
    let all = steps(&plan);
    let at = |text: &str| all.iter().position(|step| step == text).unwrap();
    assert!(
        at("h1: wait until shop.web.3 is up") < at("h3: stop shop.web.3"),
        "{all:?}"
    );
    settled(&drained, &seen);
    let plan = done(&before, &mut seen, &nothing());
    assert_eq!(
        changes(&plan),
        ["agent.h3 Create on h3: one on each host that fits"],
        "what runs well stays"
    );
}

#[test]
fn a_fixed_port_goes_to_a_host_where_it_is_free_or_says_that_there_is_none() {
    let mut before = desired(&["h1", "h2", "h3"], vec![("web", service("web:1", 2))]);
    of(&mut before, "web").ports.insert(published(80, "8080"));
    let mut seen = running(&before);
    assert_eq!(stands(&seen), ["web.1 h1", "web.2 h2"]);
    let mut drained = before.clone();
    availability(&mut drained, "h1", Availability::Drain);
    let plan = done(&drained, &mut seen, &nothing());
    assert_eq!(changes(&plan), ["web.1 Move on h3 from h1: h1 is draining"]);
    availability(&mut drained, "h3", Availability::Drain);
    let plan = done(&drained, &mut seen, &nothing());
    assert_eq!(
        changes(&plan),
        ["web.1 Unplaced on h3: 2 hosts are draining, 1 has no port 8080/tcp free; it stays on h3 until then"]
    );
    assert_eq!(stands(&seen), ["web.1 h3", "web.2 h2"]);
}

#[test]
fn what_writes_stays_on_a_draining_host_and_says_what_it_would_need() {
    let mut drained = desired(&HOSTS, vec![("db", writing("db:1", 1)), ("web", service("web:1", 3))]);
    let mut seen = running(&drained);
    availability(&mut drained, "h1", Availability::Drain);
    let plan = done(&drained, &mut seen, &nothing());
    assert!(
        changes(&plan)[0].starts_with("db.1 Unplaced on h1: h1 is draining, but it writes to volume shop_data there"),
        "{:?}",
        changes(&plan)
    );
    assert!(stands(&seen).contains(&"db.1 h1".to_owned()));
}

#[test]
fn a_run_that_is_going_on_ends_on_its_draining_host() {
    let mut load = service("load:1", 1);
    load.mode = Mode::ReplicatedJob(1);
    let mut drained = desired(&HOSTS, vec![("load", load)]);
    let mut seen = empty(&HOSTS);
    let plan = ask(&drained, &seen, &nothing());
    let runs = steps(&plan).iter().position(|step| step.contains("start")).unwrap();
    super::sim::apply(&mut seen, &plan, runs + 1, |_| 0).unwrap();
    availability(&mut drained, "h1", Availability::Drain);
    let plan = done(&drained, &mut seen, &nothing());
    assert!(
        steps(&plan).iter().all(|step| step.starts_with("h1: wait")),
        "{:?}",
        steps(&plan)
    );
    // What begins now begins elsewhere.
    of(&mut drained, "load").image = "load:2".parse().unwrap();
    let plan = done(&drained, &mut seen, &nothing());
    assert!(
        steps(&plan).iter().any(|step| step == "h2: start shop.load.1"),
        "{:?}",
        steps(&plan)
    );
}

#[test]
fn all_of_a_draining_host_goes_though_room_is_made_only_by_the_others() {
    // h2 takes two at most; one of its own must leave first, since its label went.
    let mut before = desired(
        &["h1", "h2", "h3"],
        vec![("api", service("api:1", 1)), ("web", service("web:1", 1))],
    );
    of(&mut before, "api").constraints.push(label("api", true, "yes"));
    labelled(&mut before, "api", &[("h2", "yes")]);
    of(&mut before, "web").constraints.push(label("web", true, "yes"));
    labelled(&mut before, "web", &[("h1", "yes"), ("h2", "yes")]);
    before.hosts.get_mut(&host_name("h2")).unwrap().max_containers = Some(1);
    let mut seen = running(&before);
    assert_eq!(stands(&seen), ["api.1 h2", "web.1 h1"]);
    let mut after = before.clone();
    availability(&mut after, "h1", Availability::Drain);
    labelled(&mut after, "api", &[("h2", "no"), ("h3", "yes")]);
    let plan = done(&after, &mut seen, &nothing());
    settled(&after, &seen);
    assert_eq!(stands(&seen), ["api.1 h3", "web.1 h2"], "{:?}", changes(&plan));
}
