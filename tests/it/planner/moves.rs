//! `cdk move`: only what was asked for moves, up there before it stops here; what writes stops first and leaves its data.

use cdk::model::policy::Order;
use cdk::plan::step::Action;
use cdk::resolve::desired::{Availability, Mode};

use super::ask::*;
use super::world::*;

const HOSTS: [&str; 3] = ["h1", "h2", "h3"];

#[test]
fn a_replica_is_up_there_before_it_stops_here() {
    let desired = desired(&HOSTS, vec![("web", service("web:1", 2))]);
    let mut seen = running(&desired);
    let plan = done(&desired, &mut seen, &moving("web.1", "h3", false));
    assert_eq!(changes(&plan), ["web.1 Move on h3 from h1: moved as asked"]);
    assert_eq!(
        steps(&plan),
        [
            "h3: pull web:1",
            "h3: create shop.web.1",
            "h3: start shop.web.1",
            "h3: wait until shop.web.1 is up",
            "h1: stop shop.web.1",
            "h3: watch shop.web.1 for 5s",
            "h1: remove shop.web.1",
        ]
    );
    settled(&desired, &seen);
    assert_eq!(stands(&seen), ["web.1 h3", "web.2 h2"]);
}

#[test]
fn a_stop_first_service_moves_start_first_too() {
    let mut desired = desired(&HOSTS, vec![("web", service("web:1", 1))]);
    of(&mut desired, "web").update.order = Order::StopFirst;
    of(&mut desired, "web").ports.insert(published(80, "8080"));
    let mut seen = running(&desired);
    let plan = done(&desired, &mut seen, &moving("web.1", "h2", false));
    let all = steps(&plan);
    let at = |text: &str| all.iter().position(|step| step.contains(text)).unwrap();
    assert!(at("wait until") < at("stop"), "{all:?}");
    settled(&desired, &seen);
}

#[test]
fn what_writes_is_not_moved_with_its_data() {
    let desired = desired(&HOSTS, vec![("db", writing("db:1", 1))]);
    let seen = running(&desired);
    let plan = ask(&desired, &seen, &moving("db.1", "h2", false));
    assert!(plan.is_empty());
    assert_eq!(
        denied(&plan),
        [
            "db.1 can't be moved to h2: it writes to volume shop_data, and data does not move by itself; \
          `cdk move db.1 h2 --without-data` starts it with none, and leaves the old where it is"
        ]
    );
}

#[test]
fn what_writes_stops_before_it_starts_elsewhere_and_leaves_its_volume() {
    let mut desired = desired(&HOSTS, vec![("db", writing("db:1", 1))]);
    of(&mut desired, "db").update.order = Order::StartFirst;
    let mut seen = running(&desired);
    let plan = done(&desired, &mut seen, &moving("db.1", "h2", true));
    assert_eq!(
        changes(&plan),
        ["db.1 Move on h2 from h1: moved as asked, without its data: volume shop_data stays behind on h1"]
    );
    assert_eq!(
        steps(&plan),
        [
            "h2: pull db:1",
            "h2: create volume shop_data",
            "h1: stop shop.db.1",
            "h2: create shop.db.1",
            "h2: start shop.db.1",
            "h2: wait until shop.db.1 is up",
            "h2: watch shop.db.1 for 5s",
            "h1: remove shop.db.1",
        ]
    );
    assert!(
        seen.hosts[&host_name("h1")]
            .state()
            .unwrap()
            .volumes
            .contains_key("shop_data")
    );
    settled(&desired, &seen);
    assert_eq!(stands(&seen), ["db.1 h2"]);
}

#[test]
fn what_writes_moves_back_to_the_data_it_left() {
    let desired = desired(&HOSTS, vec![("db", writing("db:1", 1))]);
    let mut seen = running(&desired);
    done(&desired, &mut seen, &moving("db.1", "h2", true));
    let plan = done(&desired, &mut seen, &moving("db.1", "h1", true));
    assert!(
        !steps(&plan).iter().any(|step| step.contains("create volume")),
        "{:?}",
        steps(&plan)
    );
    assert_eq!(stands(&seen), ["db.1 h1"]);
}

#[test]
fn a_shared_volume_keeps_nothing_in_its_place() {
    let mut desired = desired(&HOSTS, vec![("web", writing("web:1", 1))]);
    of(&mut desired, "web").shared.insert("shop_data".to_owned());
    let mut seen = running(&desired);
    let plan = done(&desired, &mut seen, &moving("web.1", "h2", false));
    assert_eq!(changes(&plan), ["web.1 Move on h2 from h1: moved as asked"]);
}

#[test]
fn what_is_there_already_is_no_change() {
    let desired = desired(&HOSTS, vec![("web", service("web:1", 2))]);
    let seen = running(&desired);
    let plan = ask(&desired, &seen, &moving("web.2", "h2", false));
    assert!(plan.is_empty() && plan.notes.is_empty(), "{:?}", plan.notes);
}

#[test]
fn unknown_slots_and_hosts_are_refused_with_what_was_meant() {
    let mut all = desired(&HOSTS, vec![("web", service("web:1", 2)), ("agent", global("agent:1"))]);
    let seen = running(&all);
    let ask = |slot: &str, host: &str| denied(&ask(&all, &seen, &moving(slot, host, false)));
    assert_eq!(
        ask("wbe.1", "h2"),
        ["wbe.1 can't be moved to h2: there is no service wbe in git; did you mean web?"]
    );
    assert_eq!(
        ask("web.9", "h2"),
        ["web.9 can't be moved to h2: it stands nowhere; `cdk ps` shows what stands where"]
    );
    assert_eq!(
        ask("web.1", "h22"),
        ["web.1 can't be moved to h22: there is no such host; did you mean h2?"]
    );
    assert_eq!(
        ask("agent.h1", "h2"),
        [
            "agent.h1 can't be moved to h2: its service is global, and has one replica on each host that fits; \
          constraints say which hosts fit"
        ]
    );
    all.services.clear();
}

#[test]
fn a_host_that_does_not_fit_is_refused_with_its_obstacle() {
    let mut desired = desired(&["h1", "h2", "h3", "h4", "h5"], vec![("web", service("web:1", 2))]);
    of(&mut desired, "web").constraints.push(label("disk", true, "ssd"));
    of(&mut desired, "web").max_replicas_per_node = Some(1);
    labelled(
        &mut desired,
        "disk",
        &[("h1", "ssd"), ("h2", "ssd"), ("h4", "ssd"), ("h5", "ssd")],
    );
    let mut seen = running(&desired);
    availability(&mut desired, "h4", Availability::Drain);
    silence(&mut seen, "h5");
    let to = |host: &str| denied(&ask(&desired, &seen, &moving("web.1", host, false)));
    let said = |why: &str| [format!("web.1 can't be moved to {why}; choose another host")];
    assert_eq!(to("h2"), said("h2: h2 holds 1 of its replicas already"));
    assert_eq!(to("h3"), said("h3: h3 lacks label disk=ssd"));
    assert_eq!(to("h4"), said("h4: h4 is draining"));
    assert_eq!(to("h5"), said("h5: h5 does not answer"));
}

#[test]
fn what_git_changed_beside_it_waits() {
    let mut desired = desired(&HOSTS, vec![("api", service("api:1", 2)), ("web", service("web:1", 2))]);
    let mut seen = running(&desired);
    of(&mut desired, "api").image = "api:2".parse().unwrap();
    desired.services.insert("new".parse().unwrap(), service("new:1", 1));
    let plan = done(&desired, &mut seen, &moving("web.1", "h2", false));
    assert_eq!(changes(&plan), ["web.1 Move on h2 from h3: moved as asked"]);
    assert!(!plan.placement.contains_key(&slot("new.1")), "{:?}", plan.placement);
    let rest = changes(&ask(&desired, &seen, &nothing()));
    assert_eq!(rest.len(), 4, "{rest:?}");
}

#[test]
fn what_is_left_out_is_remembered_where_it_stands() {
    let mut desired = desired(&HOSTS, vec![("api", service("api:1", 1)), ("web", service("web:1", 1))]);
    let mut seen = running(&desired);
    availability(&mut desired, "h1", Availability::Drain);
    // api.1 is to leave h1, but that is left out; then h1 dies.
    done(&desired, &mut seen, &moving("web.1", "h3", false));
    silence(&mut seen, "h1");
    let plan = ask(&desired, &seen, &nothing());
    assert_eq!(
        changes(&plan),
        ["api.1 Unknown on h1: the host does not answer; by the journal it holds this replica"]
    );
}

#[test]
fn a_service_that_is_not_as_git_says_is_not_moved() {
    let before = desired(&HOSTS, vec![("web", service("web:1", 2))]);
    let seen = running(&before);
    let said = |what: &str| {
        [format!(
            "web is not as git says ({what}), and only what is can be moved; `cdk apply` first"
        )]
    };
    let mut after = before.clone();
    of(&mut after, "web").image = "web:2".parse().unwrap();
    assert_eq!(
        denied(&ask(&after, &seen, &moving("web.1", "h3", false))),
        said("web.1 differs")
    );
    let mut after = before.clone();
    scale(&mut after, "web", 3);
    assert_eq!(
        denied(&ask(&after, &seen, &moving("web.1", "h3", false))),
        said("web.3 is missing")
    );
    scale(&mut after, "web", 1);
    assert_eq!(
        denied(&ask(&after, &seen, &moving("web.1", "h3", false))),
        said("web.2 is one too many")
    );
    assert_eq!(
        denied(&ask(&after, &seen, &moving("web.2", "h3", false)))[..1],
        ["web.2 can't be moved to h3: git wants it no more; `cdk apply` removes it"]
    );
}

#[test]
fn a_replica_of_a_dead_host_goes_where_a_person_says() {
    let desired = desired(&HOSTS, vec![("db", writing("db:1", 1)), ("web", service("web:1", 3))]);
    let mut seen = running(&desired);
    let was = silence(&mut seen, "h1");
    let plan = done(&desired, &mut seen, &moving("db.1", "h2", true));
    assert_eq!(
        changes(&plan)[0],
        "db.1 Create on h2: moved as asked, without its data: volume shop_data stays behind on h1"
    );
    let kept = ask(&desired, &seen, &nothing());
    assert!(kept.is_empty() && kept.is_partial());
    // web's replica on h1 was nobody's business.
    assert_eq!(stands(&seen).len(), 3, "{:?}", stands(&seen));
    back(&mut seen, "h1", was);
    let plan = done(&desired, &mut seen, &nothing());
    assert_eq!(
        steps(&plan),
        [
            "h1: stop shop.db.1",
            "h2: wait until shop.db.1 is up",
            "h2: watch shop.db.1 for 5s",
            "h1: remove shop.db.1"
        ]
    );
    assert_eq!(stands(&seen), ["db.1 h2", "web.1 h2", "web.2 h3", "web.3 h1"]);
}

#[test]
fn what_writes_to_a_host_that_is_down_goes_where_a_person_says() {
    let mut desired = desired(&HOSTS, vec![("db", writing("db:1", 1))]);
    let mut seen = running(&desired);
    availability(&mut desired, "h1", Availability::Down);
    let was = silence(&mut seen, "h1");
    assert!(texts(&ask(&desired, &seen, &nothing()))[0].contains("cdk move db.1 HOST --without-data"));
    done(&desired, &mut seen, &moving("db.1", "h3", true));
    settled(&desired, &seen);
    back(&mut seen, "h1", was);
    availability(&mut desired, "h1", Availability::Active);
    done(&desired, &mut seen, &nothing());
    assert_eq!(stands(&seen), ["db.1 h3"]);
}

#[test]
fn what_writes_leaves_a_draining_host_when_a_person_says() {
    let mut desired = desired(&HOSTS, vec![("db", writing("db:1", 2))]);
    let mut seen = running(&desired);
    availability(&mut desired, "h1", Availability::Drain);
    let plan = done(&desired, &mut seen, &moving("db.1", "h3", true));
    assert_eq!(plan.services.len(), 1);
    settled(&desired, &seen);
    assert_eq!(stands(&seen), ["db.1 h3", "db.2 h2"]);
}

#[test]
fn what_must_be_near_goes_along() {
    let mut web = service("web:1", 1);
    web.placing.affinity.push(near("cache", None));
    let desired = desired(&HOSTS, vec![("cache", service("cache:1", 1)), ("web", web)]);
    let mut seen = running(&desired);
    assert_eq!(stands(&seen), ["cache.1 h1", "web.1 h1"]);
    let plan = done(&desired, &mut seen, &moving("cache.1", "h3", false));
    assert_eq!(
        changes(&plan),
        [
            "cache.1 Move on h3 from h1: moved as asked",
            "web.1 Move on h3 from h1: h1 holds no replica of cache",
        ]
    );
    settled(&desired, &seen);
    assert_eq!(
        denied(&ask(&desired, &seen, &moving("web.1", "h2", false))),
        ["web.1 can't be moved to h2: h2 holds no replica of cache; choose another host"]
    );
}

#[test]
fn what_is_cut_off_half_way_goes_on_by_the_same_command() {
    let desired = desired(&HOSTS, vec![("web", service("web:1", 1))]);
    let mut seen = running(&desired);
    let asked = moving("web.1", "h2", false);
    let plan = ask(&desired, &seen, &asked);
    let up = steps(&plan).iter().position(|step| step.contains("stop")).unwrap();
    super::sim::apply(&mut seen, &plan, up, |_| 0).unwrap();
    assert_eq!(stands(&seen), ["web.1 h1", "web.1 h2"]);
    let plan = done(&desired, &mut seen, &asked);
    assert_eq!(plan.services[0].slots[0].action, Action::Start);
    assert_eq!(stands(&seen), ["web.1 h2"]);
    settled(&desired, &seen);
}

#[test]
fn a_run_of_a_job_is_not_moved() {
    let mut load = service("load:1", 1);
    load.mode = Mode::ReplicatedJob(1);
    let desired = desired(&HOSTS, vec![("load", load)]);
    let mut seen = empty(&HOSTS);
    let plan = ask(&desired, &seen, &nothing());
    let runs = steps(&plan).iter().position(|step| step.contains("start")).unwrap();
    super::sim::apply(&mut seen, &plan, runs + 1, |_| 0).unwrap();
    assert!(denied(&ask(&desired, &seen, &moving("load.1", "h2", false)))[0].contains("its service is a job"));
}

#[test]
fn a_port_that_only_an_apply_would_free_is_waited_for() {
    let mut all = desired(&HOSTS, vec![("old", service("old:1", 1)), ("web", service("web:1", 1))]);
    of(&mut all, "old").constraints.push(label("old", true, "yes"));
    labelled(&mut all, "old", &[("h2", "yes")]);
    for name in ["old", "web"] {
        of(&mut all, name).ports.insert(published(80, "8080"));
    }
    let mut seen = running(&all);
    assert_eq!(stands(&seen), ["old.1 h2", "web.1 h1"]);
    all.services.remove(&"old".parse().unwrap());
    assert_eq!(
        denied(&ask(&all, &seen, &moving("web.1", "h2", false))),
        ["web.1 can't be moved to h2 now: old.1 still holds port 8080/tcp there; `cdk apply` first"]
    );
    done(&all, &mut seen, &nothing());
    done(&all, &mut seen, &moving("web.1", "h2", false));
    assert_eq!(stands(&seen), ["web.1 h2"]);
}

#[test]
fn what_stands_nowhere_begins_where_a_person_says_but_not_away_from_its_data() {
    let mut all = desired(&HOSTS, vec![("db", writing("db:1", 1))]);
    let mut seen = running(&all);
    scale(&mut all, "db", 0);
    done(&all, &mut seen, &nothing());
    scale(&mut all, "db", 1);
    assert_eq!(
        denied(&ask(&all, &seen, &moving("db.1", "h2", false))),
        ["db.1 can't be moved to h2: h2 lacks volume shop_data, which lies elsewhere; choose another host"]
    );
    done(&all, &mut seen, &moving("db.1", "h2", true));
    settled(&all, &seen);
    assert_eq!(stands(&seen), ["db.1 h2"]);
}
