//! One cluster, one change, and what the plan says and does about it.

use cdk::model::name::HostName;
use cdk::model::policy::Order;
use cdk::model::setting::Limits;
use cdk::model::unit::Bytes;
use cdk::observe::Observed;
use cdk::plan::step::{Action, Plan};
use cdk::resolve::desired::{Availability, Desired, Mode};

use super::sim::{apply, state};
use super::world::*;

const THREE: &str = "hosts: {h1: {}, h2: {}, h3: {}}";

/// The cluster after it was applied to these hosts.
pub fn live(desired: &Desired, yaml: &str) -> Observed {
    let mut observed = observed(yaml);
    go(desired, &mut observed);
    observed
}

pub fn go(desired: &Desired, observed: &mut Observed) -> Plan {
    let plan = planned(desired, observed);
    apply(observed, &plan, usize::MAX, |_| 0).unwrap();
    plan
}

pub fn hosts_of(plan: &Plan) -> Vec<&str> {
    plan.placement.values().map(|placed| placed.host.as_str()).collect()
}

#[test]
fn a_container_that_is_written_down_twice_is_one() {
    let desired = desired(&["h1"], vec![("web", service("web:1", 1))]);
    let twice = "hosts: {h1: {containers: [{owner: {slot: web.1}}, {name: shop.web.1, owner: {slot: web.1}}]}}";
    assert_eq!(steps(&planned(&desired, &observed(twice))), [""; 0]);
}

#[test]
fn new_replicas_spread_evenly_and_start_all_at_once() {
    let desired = desired(&["h1", "h2", "h3"], vec![("web", service("web:1", 4))]);
    let plan = planned(&desired, &observed(THREE));
    assert_eq!(hosts_of(&plan), ["h1", "h2", "h3", "h1"]);
    assert_eq!((plan.rollouts[0].parallelism, plan.services[0].how.as_str()), (0, ""));
    assert_eq!(
        steps(&plan)[..3],
        ["h1: pull web:1", "h2: pull web:1", "h3: pull web:1"]
    );
    assert_eq!(plan.sequence, 1);
}

#[test]
fn hosts_with_more_containers_of_others_come_later() {
    let desired = desired(&["h1", "h2"], vec![("web", service("web:1", 1))]);
    let plan = planned(
        &desired,
        &observed("hosts: {h1: {other_containers: 3}, h2: {other_containers: 1}}"),
    );
    assert_eq!(hosts_of(&plan), ["h2"]);
}

#[test]
fn stop_first_replaces_one_after_the_other() {
    let mut desired = desired(&["h1"], vec![("web", service("web:2", 1))]);
    desired.services.get_mut(&"web".parse().unwrap()).unwrap().update.delay = cdk::model::unit::Span::seconds(10);
    let seen = observed("hosts: {h1: {containers: [{id: c1, owner: {slot: web.1, image: 'web:1'}}]}}");
    let plan = planned(&desired, &seen);
    assert_eq!(
        changes(&plan),
        ["web: image · web:1 → web:2", "web.1 Replace on h1: it differs"]
    );
    assert_eq!(
        steps(&plan),
        [
            "h1: pull web:2",
            "h1: stop shop.web.1",
            "h1: rename shop.web.1 to shop.web.1.old",
            "h1: create shop.web.1",
            "h1: start shop.web.1",
            "h1: wait until shop.web.1 is up",
            "h1: watch shop.web.1 for 5s",
            "h1: remove shop.web.1.old",
        ]
    );
    assert_eq!(plan.services[0].how, "rolling, 1 at a time, 10s apart");
    assert_eq!(
        plan.steps[1].settled,
        [plan.steps[0].id],
        "the pull has ended before the first stop"
    );
    assert_eq!(serde_json::to_value(&plan.steps[1].pre).unwrap()["is"]["id"], "c1");
}

#[test]
fn start_first_stops_the_old_one_last_and_on_other_ports() {
    let mut one = service("web:1", 1);
    one.ports.insert(assigned(80));
    one.update.order = Order::StartFirst;
    let mut desired = desired(&["h1"], vec![("web", one)]);
    let mut seen = live(&desired, "hosts: {h1: {}}");
    desired
        .services
        .values_mut()
        .for_each(|one| one.image = "web:2".parse().unwrap());
    let plan = go(&desired, &mut seen);
    assert_eq!(
        steps(&plan)[1..],
        [
            "h1: rename shop.web.1 to shop.web.1.old",
            "h1: create shop.web.1",
            "h1: start shop.web.1",
            "h1: wait until shop.web.1 is up",
            "h1: stop shop.web.1.old",
            "h1: watch shop.web.1 for 5s",
            "h1: remove shop.web.1.old",
        ]
    );
    assert_eq!(
        plan.placement[&slot("web.1")].ports[0].host,
        20001,
        "20000 is the old one's until it ends"
    );
    assert!(planned(&desired, &seen).is_empty());
}

#[test]
fn start_first_on_one_published_port_is_refused_with_the_cure() {
    let mut one = service("web:1", 1);
    one.ports.insert(published(80, "8080"));
    one.update.order = Order::StartFirst;
    let mut desired = desired(&["h1"], vec![("web", one)]);
    let mut seen = live(&desired, "hosts: {h1: {}}");
    desired
        .services
        .values_mut()
        .for_each(|one| one.image = "web:2".parse().unwrap());
    let plan = go(&desired, &mut seen);
    assert!(plan.is_empty() && plan.is_partial());
    let cure = "set deploy.update_config.order: stop-first";
    assert!(texts(&plan)[0].starts_with("web.1 unplaced: start-first can never fit here: port 8080/tcp"));
    assert!(texts(&plan)[0].ends_with(cure));
}

#[test]
fn a_draining_host_is_left_for_one_that_fits_and_the_new_one_is_up_first() {
    let mut desired = desired(&["h1", "h2"], vec![("web", service("web:1", 2))]);
    let seen = live(&desired, "hosts: {h1: {}, h2: {}}");
    desired.hosts.get_mut(&host_name("h2")).unwrap().state = Availability::Drain;
    let plan = planned(&desired, &seen);
    assert_eq!(changes(&plan), ["web.2 Move on h1 from h2: h2 is draining"]);
    assert_eq!(
        steps(&plan),
        [
            "h1: create shop.web.2",
            "h1: start shop.web.2",
            "h1: wait until shop.web.2 is up",
            "h2: stop shop.web.2",
            "h1: watch shop.web.2 for 5s",
            "h2: remove shop.web.2",
        ]
    );
}

#[test]
fn a_paused_host_keeps_what_it_has_and_gets_nothing_new() {
    let mut desired = desired(&["h1", "h2"], vec![("web", service("web:1", 2))]);
    let seen = live(&desired, "hosts: {h1: {}, h2: {}}");
    desired.hosts.get_mut(&host_name("h2")).unwrap().state = Availability::Pause;
    desired
        .services
        .values_mut()
        .for_each(|one| one.mode = Mode::Replicated(4));
    assert_eq!(hosts_of(&planned(&desired, &seen)), ["h1", "h2", "h1", "h1"]);
}

#[test]
fn what_writes_to_its_host_waits_there_for_a_person() {
    let mut one = service("db:1", 1);
    one.mounts.insert(volume("shop_data"));
    let mut desired = desired(&["h1", "h2"], vec![("db", one)]);
    let mut seen = live(&desired, "hosts: {h1: {}, h2: {}}");
    desired.hosts.get_mut(&host_name("h1")).unwrap().state = Availability::Drain;
    let plan = go(&desired, &mut seen);
    assert!(plan.is_empty());
    assert_eq!(
        texts(&plan),
        [
            "db.1 unplaced: h1 is draining, but it writes to volume shop_data there, and data does not move by itself: `cdk move db.1 HOST --without-data` would start it anew"
        ]
    );
    // Its container is gone, its data is not: it comes back to its data, whatever else would be better.
    desired.hosts.get_mut(&host_name("h1")).unwrap().state = Availability::Active;
    let h1 = state(&mut seen, &host_name("h1")).unwrap();
    h1.containers.clear();
    h1.other_containers = 9;
    assert_eq!(
        changes(&planned(&desired, &seen)),
        ["db.1 Create on h1: its data is there"]
    );
    // Its host is gone from hosts.yaml: it is not begun anew elsewhere.
    desired.hosts.remove(&host_name("h1"));
    let plan = planned(&desired, &seen);
    assert!(plan.is_empty());
    assert_eq!(
        plan.placement[&slot("db.1")].host,
        host_name("h1"),
        "the journal does not forget it"
    );
}

#[test]
fn a_host_that_does_not_answer_keeps_what_the_journal_says() {
    let mut desired = desired(&["h1", "h2"], vec![("web", service("web:1", 2))]);
    let mut seen = live(&desired, "hosts: {h1: {}, h2: {}}");
    let why = "connection timed out after 5s".to_owned();
    let was = seen
        .hosts
        .insert(host_name("h2"), cdk::model::host::ObservedHost::Unreachable(why));
    desired
        .services
        .values_mut()
        .for_each(|one| one.mode = Mode::Replicated(3));
    let plan = go(&desired, &mut seen);
    assert_eq!(hosts_of(&plan), ["h1", "h2", "h1"]);
    assert_eq!(texts(&plan), ["h2 unreachable: connection timed out after 5s; holds 1"]);
    assert!(
        plan.services[0]
            .slots
            .iter()
            .any(|one| one.slot == slot("web.2") && one.action == Action::Unknown)
    );
    assert_eq!(plan.hosts, [host_name("h1")]);
    // It comes back: nothing was doubled, nothing is to do.
    seen.hosts.extend(was.map(|was| (host_name("h2"), was)));
    assert!(planned(&desired, &seen).is_empty());
}

#[test]
fn a_host_that_is_down_loses_its_replicas_and_doubles_go_when_it_is_back() {
    let mut desired = desired(&["h1", "h2"], vec![("web", service("web:1", 2))]);
    let mut seen = live(&desired, "hosts: {h1: {}, h2: {}}");
    let was = seen.hosts.remove(&host_name("h2"));
    desired.hosts.get_mut(&host_name("h2")).unwrap().state = Availability::Down;
    let plan = go(&desired, &mut seen);
    assert_eq!(changes(&plan), ["web.2 Create on h1: h2 is gone"]);
    assert!(texts(&plan).is_empty());
    desired.hosts.get_mut(&host_name("h2")).unwrap().state = Availability::Active;
    seen.hosts.extend(was.map(|was| (host_name("h2"), was)));
    let plan = go(&desired, &mut seen);
    assert!(changes(&plan).contains(&"web.2 Remove on h2: doubled: it stands on h1 too".to_owned()));
    assert!(planned(&desired, &seen).is_empty());
}

#[test]
fn what_fits_nowhere_is_told_by_filter() {
    let mut one = service("web:1", 3);
    one.constraints.push(label("disk", true, "ssd"));
    one.reserved_memory = Bytes(256 << 20);
    one.max_replicas_per_node = Some(1);
    let mut desired = desired(&["h1", "h2", "h3", "h4", "h5"], vec![("web", one)]);
    for name in ["h1", "h2", "h3"] {
        let labels = &mut desired.hosts.get_mut(&host_name(name)).unwrap().labels;
        labels.insert("disk".to_owned(), "SSD".to_owned());
    }
    desired.hosts.get_mut(&host_name("h2")).unwrap().state = Availability::Drain;
    let seen = observed("hosts: {h1: {}, h2: {}, h3: {facts: {memory: 128M}}, h4: {}, h5: {}}");
    let plan = planned(&desired, &seen);
    let why = "2 hosts lack label disk=ssd, 1 holds 1 of its replicas already, 1 is draining, 1 lacks 256 MiB";
    assert_eq!(
        texts(&plan),
        [format!("web.2 unplaced: {why}"), format!("web.3 unplaced: {why}")]
    );
    assert_eq!(hosts_of(&plan), ["h1"]);
}

#[test]
fn an_image_that_no_registry_has_goes_only_where_it_lies() {
    let desired = desired(&["h1", "h2"], vec![("app", service("app:1", 2))]);
    let seen = observed("{images: {'app:1': local}, hosts: {h1: {}, h2: {images: {x: {tags: ['app:1']}}}}}");
    assert_eq!(hosts_of(&planned(&desired, &seen)), ["h2", "h2"]);
    let seen = observed("{images: {'app:1': local}, hosts: {h1: {}, h2: {}}}");
    assert_eq!(
        texts(&planned(&desired, &seen))[0],
        "app.1 unplaced: 2 hosts lack image app:1"
    );
}

#[test]
fn what_git_no_longer_has_goes_and_says_why() {
    let mut desired = desired(
        &["h1"],
        vec![("web", service("web:1", 3)), ("old", service("old:1", 1))],
    );
    let seen = live(&desired, "hosts: {h1: {}}");
    desired.services.remove(&"old".parse().unwrap());
    desired
        .services
        .values_mut()
        .for_each(|one| one.mode = Mode::Replicated(2));
    let plan = planned(&desired, &seen);
    assert_eq!(
        changes(&plan),
        [
            "old.1 Remove on h1: no longer in git",
            "web.3 Remove on h1: scaled down to 2"
        ]
    );
    assert!(plan.rollouts.is_empty());
}

#[test]
fn limits_change_in_place_but_none_needs_a_new_container() {
    let limits = |memory: u64| Limits {
        memory: Bytes(memory << 20),
        ..Limits::default()
    };
    let mut desired = desired(&["h1"], vec![("web", service("web:1", 1))]);
    let mut seen = live(&desired, "hosts: {h1: {}}");
    desired.services.values_mut().for_each(|one| one.limits = limits(256));
    let plan = go(&desired, &mut seen);
    assert_eq!(steps(&plan), ["h1: update shop.web.1 in place"]);
    assert_eq!(changes(&plan)[0], "web: deploy.resources.limits.memory · ∅ → 256M");
    assert!(planned(&desired, &seen).is_empty());
    desired.services.values_mut().for_each(|one| one.limits = limits(0));
    assert!(changes(&planned(&desired, &seen))[1].starts_with("web.1 Replace"));
}

#[test]
fn what_an_image_brings_along_is_no_change_and_secrets_are_masked() {
    let mut one = service("web:1", 1);
    one.environment.insert("API_TOKEN".to_owned(), plain("first"));
    let mut desired = desired(&["h1"], vec![("web", one)]);
    let mut seen = live(&desired, "hosts: {h1: {}}");
    let h1 = state(&mut seen, &host_name("h1")).unwrap();
    let spec = h1.containers[0].spec.as_ref().unwrap();
    assert_eq!(spec.environment["PATH"], "/bin", "the image brings it along");
    assert!(planned(&desired, &seen).is_empty());
    desired
        .services
        .values_mut()
        .for_each(|one| drop(one.environment.insert("API_TOKEN".to_owned(), plain("second"))));
    assert_eq!(
        changes(&planned(&desired, &seen))[0],
        "web: environment API_TOKEN *** → ***"
    );
}

#[test]
fn a_tag_that_was_pushed_again_is_a_change() {
    let (first, second) = ("a".repeat(64), "b".repeat(64));
    let desired = desired(&["h1"], vec![("web", service("web:1", 1))]);
    let yaml = |hex: &str| format!("{{images: {{'web:1': {{digest: 'sha256:{hex}'}}}}, hosts: {{h1: {{}}}}}}");
    let mut seen = live(&desired, &yaml(&first));
    assert!(planned(&desired, &seen).is_empty());
    seen.images = observed(&yaml(&second)).images;
    let plan = go(&desired, &mut seen);
    assert_eq!(
        changes(&plan)[0],
        "web: image · web:1 (aaaaaaaaaaaa) → web:1 (bbbbbbbbbbbb)"
    );
    assert_eq!(steps(&plan)[0], "h1: pull web:1 (bbbbbbbbbbbb)");
    assert_eq!(plan.digests["web:1"].as_str(), format!("sha256:{second}"));
    assert!(planned(&desired, &seen).is_empty());
}

#[test]
fn what_does_not_run_is_started_and_what_is_only_unwell_is_kept() {
    let desired = desired(&["h1"], vec![("web", service("web:1", 3))]);
    let seen = observed(
        "hosts: {h1: {containers: [
            {owner: {slot: web.1}, state: {exited: {code: 3}}},
            {owner: {slot: web.2}, state: {running: {health: unhealthy}}},
            {owner: {slot: web.3}, state: paused}]}}",
    );
    let plan = planned(&desired, &seen);
    assert_eq!(
        changes(&plan),
        [
            "web.1 Start on h1: it is exited (3)",
            "web.3 Replace on h1: it is paused"
        ]
    );
    assert_eq!(plan.services[0].slots[1].why, "as it should be, but unhealthy");
    let order: Vec<String> = plan.rollouts[0]
        .units
        .iter()
        .map(|unit| unit.slot.to_string())
        .collect();
    assert_eq!(order, ["web.1", "web.3"], "what does not run first");
}

#[test]
fn what_an_apply_left_that_was_cut_off_is_finished() {
    let desired = desired(&["h1"], vec![("web", service("web:2", 1))]);
    let both = "hosts: {h1: {containers: [
        {id: n, name: shop.web.1, owner: {slot: web.1, image: 'web:2'}},
        {id: o, name: shop.web.1.old, owner: {slot: web.1, image: 'web:1'}, state: {exited: {code: 0}}}]}}";
    assert_eq!(
        steps(&planned(&desired, &observed(both))),
        [
            "h1: wait until shop.web.1 is up",
            "h1: watch shop.web.1 for 5s",
            "h1: remove shop.web.1.old"
        ]
    );
    let only_old = "hosts: {h1: {containers: [
        {id: o, name: shop.web.1.old, owner: {slot: web.1, image: 'web:2'}, state: {exited: {code: 0}}}]}}";
    assert_eq!(
        steps(&planned(&desired, &observed(only_old)))[..2],
        ["h1: rename shop.web.1.old to shop.web.1", "h1: start shop.web.1"]
    );
}

#[test]
fn turns_go_round_the_hosts() {
    let mut desired = desired(&["h1", "h2"], vec![("web", service("web:1", 4))]);
    let mut seen = live(&desired, "hosts: {h1: {}, h2: {}}");
    let h1 = state(&mut seen, &host_name("h1")).unwrap();
    h1.containers.iter_mut().for_each(|one| {
        one.owner.slot = slot(if one.owner.slot == slot("web.3") {
            "web.2"
        } else {
            "web.1"
        })
    });
    h1.containers
        .iter_mut()
        .for_each(|one| one.name = format!("shop.{}", one.owner.slot));
    let h2 = state(&mut seen, &host_name("h2")).unwrap();
    h2.containers.iter_mut().for_each(|one| {
        one.owner.slot = slot(if one.owner.slot == slot("web.2") {
            "web.3"
        } else {
            "web.4"
        })
    });
    h2.containers
        .iter_mut()
        .for_each(|one| one.name = format!("shop.{}", one.owner.slot));
    desired
        .services
        .values_mut()
        .for_each(|one| one.image = "web:2".parse().unwrap());
    let plan = planned(&desired, &seen);
    let order: Vec<&HostName> = plan.rollouts[0]
        .units
        .iter()
        .filter_map(|unit| Some(&plan.step(unit.steps[0])?.host))
        .collect();
    assert_eq!(
        order,
        [&host_name("h1"), &host_name("h2"), &host_name("h1"), &host_name("h2")]
    );
}

#[test]
fn a_port_changes_hands_only_when_it_is_free() {
    let with = |port: &str| {
        let mut one = service("web:1", 1);
        one.ports.insert(published(80, port));
        one
    };
    let mut desired = desired(&["h1"], vec![("a", with("8001")), ("z", with("8002"))]);
    let mut seen = live(&desired, "hosts: {h1: {}}");
    // z goes, b takes its port; and then two exchange theirs.
    desired.services.remove(&"z".parse().unwrap());
    desired.services.insert("b".parse().unwrap(), with("8002"));
    let plan = go(&desired, &mut seen);
    let done = steps(&plan);
    let at = |what: &str| done.iter().position(|step| step == what).unwrap();
    assert!(at("h1: stop shop.z.1") < at("h1: create shop.b.1"), "{done:#?}");
    desired.services.insert("a".parse().unwrap(), with("8002"));
    desired.services.insert("b".parse().unwrap(), with("8001"));
    desired
        .services
        .values_mut()
        .for_each(|one| one.update.order = Order::StartFirst);
    let plan = go(&desired, &mut seen);
    assert!(
        plan.rollouts.iter().all(|rollout| rollout.parallelism == 0),
        "both must let go at once"
    );
    assert!(planned(&desired, &seen).is_empty());
}

#[test]
fn a_global_service_is_on_each_host_that_fits() {
    let mut one = service("agent:1", 0);
    one.mode = Mode::Global;
    let mut desired = desired(&["h1", "h2", "h3"], vec![("agent", one)]);
    desired.hosts.get_mut(&host_name("h3")).unwrap().state = Availability::Pause;
    let mut seen = observed(THREE);
    let plan = go(&desired, &mut seen);
    assert_eq!(
        plan.placement.keys().map(ToString::to_string).collect::<Vec<_>>(),
        ["agent.h1", "agent.h2"]
    );
    desired.hosts.get_mut(&host_name("h1")).unwrap().state = Availability::Drain;
    assert_eq!(
        changes(&planned(&desired, &seen)),
        ["agent.h1 Remove on h1: h1 is draining"]
    );
}

#[test]
fn of_a_cut_off_replacement_what_was_before_it_is_kept_to_go_back_to() {
    let desired = desired(&["h1"], vec![("web", service("web:3", 1))]);
    let with = |new: &str, old: &str| {
        observed(&format!(
            "hosts: {{h1: {{containers: [
                {{id: n, name: shop.web.1, owner: {{slot: web.1, image: 'web:2'}}, state: {new}}},
                {{id: o, name: shop.web.1.old, owner: {{slot: web.1, image: 'web:1'}}, state: {old}}}]}}}}"
        ))
    };
    // The second version runs, but its update did not end well: it is the first one that comes back where the third fails.
    let well = planned(&desired, &with("{running: {}}", "{exited: {code: 0}}"));
    assert_eq!(
        steps(&well)[1..4],
        ["h1: stop shop.web.1", "h1: remove shop.web.1", "h1: create shop.web.1"]
    );
    let back: Vec<String> = well.steps[3].undo.iter().map(ToString::to_string).collect();
    assert_eq!(
        back,
        [
            "remove shop.web.1",
            "rename shop.web.1.old to shop.web.1",
            "start shop.web.1"
        ]
    );
    let broken = planned(&desired, &with("{exited: {code: 1}}", "{running: {}}"));
    assert_eq!(
        steps(&broken)[1..4],
        [
            "h1: remove shop.web.1",
            "h1: stop shop.web.1.old",
            "h1: create shop.web.1"
        ]
    );
    let back: Vec<String> = broken.steps[3].undo.iter().map(ToString::to_string).collect();
    assert_eq!(
        back,
        [
            "remove shop.web.1",
            "rename shop.web.1.old to shop.web.1",
            "start shop.web.1"
        ]
    );
}

#[test]
fn few_replicas_of_the_service_count_before_few_containers() {
    let desired = desired(&["h1", "h2"], vec![("web", service("web:1", 2))]);
    let yaml = "hosts: {h1: {containers: [{owner: {slot: web.1, image: 'web:1'}}]}, h2: {other_containers: 9}}";
    assert_eq!(hosts_of(&planned(&desired, &observed(yaml))), ["h1", "h2"]);
}
