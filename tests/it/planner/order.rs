//! The order of services, and jobs: what waits for what, what runs, and what never runs again.

use std::collections::BTreeMap;
use std::sync::Arc;

use cdk::diff::depends::{Grounds, hold};
use cdk::diff::diff;
use cdk::model::container::{ContainerState, Health};
use cdk::model::host::ObservedHost;
use cdk::model::image::Resolution;
use cdk::model::name::Slot;
use cdk::model::op::{GateOp, Op};
use cdk::model::order::{Condition, Dependency};
use cdk::model::setting::{Limits, Restart};
use cdk::model::unit::{Bytes, Cpus};
use cdk::observe::Observed;
use cdk::plan::lint::lint;
use cdk::plan::step::{Action, Plan, StepId};
use cdk::plan::{Input, plan};
use cdk::render::render;
use cdk::resolve::desired::{Availability, Desired, Mode, Service};
use cdk::resolve::template::Text;

use super::sim::{apply, state};
use super::world::*;

fn job(image: &str, runs: u32) -> Service {
    let mut one = service(image, 0);
    one.mode = Mode::ReplicatedJob(runs);
    one.restart = Restart::No;
    one.update.parallelism = 0;
    one
}

fn needs(mut one: Service, on: &[(&str, Condition)]) -> Service {
    for (name, condition) in on {
        let (condition, required) = (*condition, true);
        one.depends_on
            .insert(name.parse().unwrap(), Dependency { condition, required });
    }
    one
}

const RUN: Condition = Condition::ServiceCompletedSuccessfully;
const WELL: Condition = Condition::ServiceHealthy;
const STARTED: Condition = Condition::ServiceStarted;

/// `migrate`, and `web` that waits for it.
fn shop(version: &str) -> Desired {
    let web = needs(service(&format!("web:{version}"), 2), &[("migrate", RUN)]);
    let migrate = job(&format!("web:{version}"), 1);
    desired(&["h1", "h2"], vec![("migrate", migrate), ("web", web)])
}

fn go(desired: &Desired, observed: &mut Observed) -> Plan {
    let plan = planned(desired, observed);
    assert_eq!(lint(&plan), Default::default());
    apply(observed, &plan, usize::MAX, |_| 0).unwrap();
    plan
}

pub(super) fn at(plan: &Plan, words: &str) -> StepId {
    let found = plan
        .steps
        .iter()
        .find(|step| format!("{}: {}", step.host, step.op).contains(words));
    found.unwrap_or_else(|| panic!("no {words} in {:#?}", steps(plan))).id
}

/// Whether a step waits for another, by however many others.
pub(super) fn waits(plan: &Plan, step: StepId, other: StepId) -> bool {
    let step = plan.step(step).unwrap();
    let mut before = step.after.iter().chain(&step.settled);
    before.any(|id| *id == other || waits(plan, *id, other))
}

fn set(observed: &mut Observed, name: &str, new: ContainerState) {
    let states = observed.hosts.values_mut().filter_map(|host| match host {
        ObservedHost::Reachable(state) => Some(state),
        ObservedHost::Unreachable(_) => None,
    });
    let found = states
        .flat_map(|state| &mut state.containers)
        .find(|one| one.name == name);
    found.unwrap().state = new;
}

fn actions(plan: &Plan, service: &str) -> Vec<Action> {
    let change = plan
        .services
        .iter()
        .find(|change| change.service.as_str() == service)
        .unwrap();
    change.slots.iter().map(|slot| slot.action).collect()
}

fn silence(observed: &mut Observed, host: &str) {
    let down = ObservedHost::Unreachable("no route".to_owned());
    observed.hosts.insert(host_name(host), down);
}

#[test]
fn a_job_runs_before_its_dependants_and_once() {
    let mut seen = observed("hosts: {h1: {}, h2: {}}");
    let plan = go(&shop("1"), &mut seen);
    assert_eq!(
        steps(&plan)[2..],
        [
            "h1: create shop.migrate.1",
            "h1: start shop.migrate.1",
            "h1: wait until shop.migrate.1 has succeeded",
            "h2: create shop.web.1",
            "h2: start shop.web.1",
            "h2: wait until shop.web.1 is up",
            "h2: watch shop.web.1 for 5s",
            "h1: create shop.web.2",
            "h1: start shop.web.2",
            "h1: wait until shop.web.2 is up",
            "h1: watch shop.web.2 for 5s",
        ]
    );
    assert!(waits(&plan, at(&plan, "create shop.web.2"), at(&plan, "has succeeded")));
    assert_eq!(changes(&plan)[0], "migrate.1 Run on h1: this version has not run yet");
    assert_eq!(plan.services[0].how, "runs once per version");
    assert!(planned(&shop("1"), &seen).is_empty());
    assert_eq!(actions(&planned(&shop("1"), &seen), "migrate"), [Action::Keep]);
}

#[test]
fn a_version_that_ran_never_runs_again_after_a_revert_or_without_its_container() {
    let mut seen = observed("hosts: {h1: {}, h2: {}}");
    go(&shop("1"), &mut seen);
    let second = go(&shop("2"), &mut seen);
    assert_eq!(actions(&second, "migrate"), [Action::Run]);
    assert_eq!(changes(&second)[0], "migrate: image · web:1 → web:2");
    assert!(steps(&second).contains(&"h1: remove shop.migrate.1".to_owned()));
    let back = go(&shop("1"), &mut seen);
    assert_eq!(actions(&back, "migrate"), [Action::Keep]);
    assert_eq!(actions(&back, "web"), [Action::Replace, Action::Replace]);
    let forth = go(&shop("2"), &mut seen);
    assert_eq!(actions(&forth, "migrate"), [Action::Keep]);
    for host in ["h1", "h2"] {
        let state = state(&mut seen, &host_name(host)).unwrap();
        state.containers.retain(|one| !one.name.contains("migrate"));
    }
    assert!(planned(&shop("2"), &seen).is_empty());
    // A commit that takes the job out, and the revert of it.
    let mut without = shop("2");
    without.services.remove(&"migrate".parse().unwrap());
    without.services.values_mut().for_each(|one| one.depends_on.clear());
    without
        .services
        .values_mut()
        .for_each(|one| one.image = "web:3".parse().unwrap());
    go(&without, &mut seen);
    assert_eq!(actions(&go(&shop("2"), &mut seen), "migrate"), [Action::Keep]);
}

#[test]
fn only_what_a_job_runs_makes_another_version() {
    let mut seen = observed("hosts: {h1: {}, h2: {}}");
    let mut desired = shop("1");
    let migrate = "migrate".parse().unwrap();
    let own =
        |desired: &mut Desired, change: &dyn Fn(&mut Service)| change(desired.services.get_mut(&migrate).unwrap());
    own(&mut desired, &|one| {
        drop(one.environment.insert("A".to_owned(), plain("")))
    });
    go(&desired, &mut seen);
    own(&mut desired, &|one| {
        one.labels.insert("build".to_owned(), plain("42"));
        one.limits = Limits {
            cpus: Cpus::default(),
            memory: Bytes(64 << 20),
            ..Limits::default()
        };
        one.restart = Restart::OnFailure(3);
        one.logging.options.insert("max-size".to_owned(), "1m".to_owned());
        one.constraints.push(label("disk", false, "hdd"));
        one.update.timeout = cdk::model::unit::Span::seconds(9);
        one.max_replicas_per_node = Some(1);
        one.reserved_memory = Bytes(1);
    });
    desired.hosts.get_mut(&host_name("h1")).unwrap().state = Availability::Drain;
    assert_eq!(actions(&planned(&desired, &seen), "migrate"), [Action::Keep]);
    desired.hosts.get_mut(&host_name("h1")).unwrap().state = Availability::Active;
    let changed: [&dyn Fn(&mut Service); 5] = [
        &|one| one.environment.clear(),
        &|one| one.command = Some(vec![plain("other")]),
        &|one| one.mounts.extend([volume("shop_data")]),
        &|one| one.user = Some("1000".to_owned()),
        &|one| one.mode = Mode::ReplicatedJob(2),
    ];
    for change in changed {
        let mut desired = desired.clone();
        own(&mut desired, change);
        assert!(actions(&planned(&desired, &seen), "migrate").contains(&Action::Run));
    }
}

#[test]
fn what_some_replicas_alone_get_makes_another_version_too() {
    let text = |source: &str, var: &str, other: &str| Text::PerReplica {
        source: source.into(),
        context: Arc::new(BTreeMap::from([
            ("vars".to_owned(), minijinja::context! { var, other }),
            ("cluster".to_owned(), "shop".into()),
        ])),
    };
    let with = |text: Text| {
        let mut desired = shop("1");
        let migrate = desired.services.get_mut(&"migrate".parse().unwrap()).unwrap();
        migrate.environment.insert("A".to_owned(), text);
        desired
    };
    let only_one = "{{ vars.var if slot == 'migrate.7' else cluster }}";
    let mut seen = observed("hosts: {h1: {}, h2: {}}");
    go(&with(text(only_one, "1", "1")), &mut seen);
    let then = |text: Text| actions(&planned(&with(text), &seen), "migrate");
    assert_eq!(then(text(only_one, "1", "2")), [Action::Keep], "nothing that it names");
    assert_eq!(then(text(only_one, "2", "1")), [Action::Run]);
    assert_eq!(then(text(&only_one.replace('7', "8"), "1", "1")), [Action::Run]);
}

#[test]
fn a_tag_that_was_pushed_again_is_another_version_and_one_that_nobody_can_look_up_is_none() {
    let digest = |seed: &str| Resolution::Digest(format!("sha256:{}", seed.repeat(32)).parse().unwrap());
    let mut seen = observed("hosts: {h1: {}, h2: {}}");
    seen.images.insert("web:1".to_owned(), digest("0a"));
    go(&shop("1"), &mut seen);
    seen.images
        .insert("web:1".to_owned(), Resolution::Unknown("no answer".to_owned()));
    assert!(planned(&shop("1"), &seen).is_empty());
    seen.images.insert("web:1".to_owned(), digest("0b"));
    assert_eq!(actions(&planned(&shop("1"), &seen), "migrate"), [Action::Run]);
}

#[test]
fn one_that_was_cut_off_is_waited_for_and_one_that_failed_runs_again() {
    let desired = shop("1");
    let mut seen = observed("hosts: {h1: {}, h2: {}}");
    let plan = planned(&desired, &seen);
    apply(&mut seen, &plan, 4, |_| 0).unwrap();
    let name = "shop.migrate.1";
    let again = planned(&desired, &seen);
    assert_eq!(steps(&again)[0], "h1: wait until shop.migrate.1 has succeeded");
    assert_eq!(
        changes(&again)[0],
        "migrate.1 Run on h1: it runs: its end is waited for"
    );
    // Nobody stops it because of what happens to its host.
    let mut drained = desired.clone();
    drained.hosts.get_mut(&host_name("h1")).unwrap().state = Availability::Drain;
    assert_eq!(steps(&planned(&drained, &seen))[0], steps(&again)[0]);

    let mut failed = seen.clone();
    set(&mut failed, name, ContainerState::Exited { code: 3 });
    let again = planned(&desired, &failed);
    assert_eq!(
        changes(&again)[0],
        "migrate.1 Run on h1: it failed with exit code 3: it runs again"
    );
    assert_eq!(
        steps(&again)[..2],
        ["h1: remove shop.migrate.1", "h1: create shop.migrate.1"]
    );

    let mut paused = seen.clone();
    set(&mut paused, name, ContainerState::Paused);
    let again = planned(&desired, &paused);
    assert!(again.is_empty() && again.is_partial());
    assert_eq!(actions(&again, "web"), [Action::Wait, Action::Wait]);
    assert!(
        again.placement.keys().all(|slot| slot.service.as_str() == "migrate"),
        "web stands nowhere"
    );

    set(&mut seen, name, ContainerState::Exited { code: 0 });
    let again = go(&desired, &mut seen);
    assert_eq!(actions(&again, "migrate"), [Action::Keep]);
    assert_eq!(actions(&again, "web"), [Action::Create, Action::Create]);
}

#[test]
fn another_version_that_runs_goes_first_and_never_counts() {
    let mut seen = observed("hosts: {h1: {}, h2: {}}");
    let plan = planned(&shop("1"), &seen);
    apply(&mut seen, &plan, 4, |_| 0).unwrap();
    let plan = planned(&shop("2"), &seen);
    let of_job = steps(&plan).into_iter().filter(|step| step.contains("migrate"));
    let expected = [
        "h1: rename shop.migrate.1 to shop.migrate.1.old",
        "h1: stop shop.migrate.1.old",
        "h1: remove shop.migrate.1.old",
        "h1: create shop.migrate.1",
        "h1: start shop.migrate.1",
        "h1: wait until shop.migrate.1 has succeeded",
    ];
    assert_eq!(of_job.collect::<Vec<_>>(), expected);
    // Cut off after the stop, which it took well.
    let stop = usize::try_from(at(&plan, "stop shop.migrate").0).unwrap();
    apply(&mut seen, &plan, stop + 1, |_| 0).unwrap();
    assert_eq!(actions(&planned(&shop("1"), &seen), "migrate"), [Action::Run]);
    go(&shop("2"), &mut seen);
    assert!(planned(&shop("2"), &seen).is_empty());
}

#[test]
fn a_revert_stops_the_version_that_runs_where_the_wanted_one_has_run() {
    let mut seen = observed("hosts: {h1: {}, h2: {}}");
    go(&shop("1"), &mut seen);
    let plan = planned(&shop("2"), &seen);
    let start = usize::try_from(at(&plan, "start shop.migrate.1").0).unwrap();
    apply(&mut seen, &plan, start + 1, |_| 0).unwrap();
    let back = go(&shop("1"), &mut seen);
    assert_eq!(
        steps(&back)[..2],
        ["h1: stop shop.migrate.1", "h1: remove shop.migrate.1"]
    );
    assert!(planned(&shop("1"), &seen).is_empty());
}

#[test]
fn a_job_of_which_nobody_knows_holds_its_dependants_back() {
    let mut seen = observed("hosts: {h1: {}, h2: {}}");
    go(&shop("1"), &mut seen);
    let plan = planned(&shop("2"), &seen);
    let start = usize::try_from(at(&plan, "start shop.migrate.1").0).unwrap();
    apply(&mut seen, &plan, start + 1, |_| 0).unwrap();
    silence(&mut seen, "h1");
    let plan = planned(&shop("2"), &seen);
    assert!(plan.is_empty() && plan.is_partial());
    assert_eq!(actions(&plan, "migrate"), [Action::Unknown]);
    assert_eq!(actions(&plan, "web"), [Action::Wait, Action::Unknown]);
    let told = "web waits for migrate.1: the host does not answer; by the journal it holds this replica, and nobody knows whether it has run";
    assert!(texts(&plan).contains(&told.to_owned()), "{:#?}", texts(&plan));
    // What has run is known on every host.
    let mut done = observed("hosts: {h1: {}, h2: {}}");
    go(&shop("1"), &mut done);
    silence(&mut done, "h1");
    assert_eq!(actions(&planned(&shop("1"), &done), "migrate"), [Action::Keep]);
}

#[test]
fn several_runs_are_counted_each_for_itself() {
    let mut desired = desired(
        &["h1", "h2"],
        vec![("load", job("app:1", 3)), ("each", job("app:1", 1))],
    );
    desired.services.get_mut(&"each".parse().unwrap()).unwrap().mode = Mode::GlobalJob;
    let mut seen = observed("hosts: {h1: {}, h2: {}}");
    let plan = go(&desired, &mut seen);
    assert_eq!(actions(&plan, "load"), [Action::Run; 3]);
    assert_eq!(actions(&plan, "each"), [Action::Run; 2]);
    assert!(planned(&desired, &seen).is_empty());
    desired.services.get_mut(&"load".parse().unwrap()).unwrap().mode = Mode::ReplicatedJob(4);
    desired.hosts.insert(host_name("h3"), host(&[]));
    seen.hosts
        .insert(host_name("h3"), ObservedHost::Reachable(Box::default()));
    let plan = planned(&desired, &seen);
    let runs: Vec<&Slot> = plan
        .rollouts
        .iter()
        .flat_map(|one| &one.units)
        .map(|unit| &unit.slot)
        .collect();
    assert_eq!(runs, [&slot("each.h3"), &slot("load.4")]);
}

#[test]
fn conditions_are_different_steps_of_what_is_waited_for() {
    let web = |condition| needs(service("web:1", 1), &[("db", condition)]);
    for (condition, step) in [(STARTED, "start shop.db.1"), (WELL, "wait until shop.db.1 is up")] {
        let desired = desired(&["h1"], vec![("db", service("db:1", 1)), ("web", web(condition))]);
        let plan = planned(&desired, &observed("hosts: {h1: {}}"));
        let create = plan.step(at(&plan, "create shop.web.1")).unwrap();
        assert!(create.after.contains(&at(&plan, step)), "{condition}");
        assert!(
            !plan
                .step(at(&plan, "pull web"))
                .unwrap()
                .after
                .contains(&at(&plan, step))
        );
    }
}

#[test]
fn what_is_not_required_is_only_waited_for() {
    let mut web = needs(service("web:1", 1), &[("db", WELL), ("none", STARTED)]);
    web.depends_on.values_mut().for_each(|one| one.required = false);
    let desired = desired(&["h1"], vec![("db", service("db:1", 1)), ("web", web)]);
    let plan = planned(&desired, &observed("hosts: {h1: {}}"));
    let create = plan.step(at(&plan, "create shop.web.1")).unwrap();
    assert!(create.settled.contains(&at(&plan, "wait until shop.db.1 is up")));
    assert_eq!(*create.after, [at(&plan, "pull web")]);
}

#[test]
fn what_stays_as_it_is_is_waited_for_where_it_is_not_well_yet() {
    let db = service("db:1", 2);
    let mut desired = desired(&["h1", "h2"], vec![("db", db)]);
    let mut seen = observed("hosts: {h1: {}, h2: {}}");
    go(&desired, &mut seen);
    desired
        .services
        .insert("web".parse().unwrap(), needs(service("web:1", 1), &[("db", WELL)]));
    assert!(
        !steps(&planned(&desired, &seen))
            .iter()
            .any(|step| step.contains("shop.db"))
    );
    let health = Some(Health::Starting);
    set(&mut seen, "shop.db.2", ContainerState::Running { health });
    let plan = planned(&desired, &seen);
    assert_eq!(lint(&plan), Default::default());
    let gate = plan.step(at(&plan, "h2: wait until shop.db.2 is up")).unwrap();
    assert!(matches!(gate.op, Op::Gate(GateOp::Up { .. })));
    assert!(waits(&plan, at(&plan, "create shop.web.1"), gate.id));
    set(
        &mut seen,
        "shop.db.2",
        ContainerState::Running {
            health: Some(Health::Healthy),
        },
    );
    go(&desired, &mut seen);
    // Nobody begins: nobody waits.
    set(&mut seen, "shop.db.2", ContainerState::Running { health });
    assert!(planned(&desired, &seen).is_empty());
}

#[test]
fn a_wait_for_health_that_nobody_checks_is_told() {
    let web = needs(service("web:1", 1), &[("db", WELL)]);
    let mut desired = desired(&["h1"], vec![("db", service("db:1", 1)), ("web", web)]);
    let told = "web waits until db is healthy, but neither git nor its image gives db a health check: it counts as healthy once it has run for 5s";
    let nothing = "hosts: {h1: {}}";
    assert!(
        texts(&planned(&desired, &observed(nothing))).is_empty(),
        "the image may have one"
    );
    let image = "hosts: {h1: {images: {i: {tags: ['db:1']}}}}";
    assert_eq!(texts(&planned(&desired, &observed(image))), [told]);
    let check = "hosts: {h1: {images: {i: {tags: ['db:1'], defaults: {healthcheck: {test: [CMD, 'true']}}}}}}";
    assert!(texts(&planned(&desired, &observed(check))).is_empty());
    let mut seen = observed(image);
    go(&desired, &mut seen);
    assert!(texts(&planned(&desired, &seen)).is_empty(), "nobody waits");
    desired.services.values_mut().for_each(|one| one.depends_on.clear());
    assert!(planned(&desired, &seen).is_empty());
}

#[test]
fn a_jobs_last_run_is_compared_with_the_host_where_it_ran() {
    let mut desired = desired(&["h1", "h2"], vec![("cron", job("cron:2", 1))]);
    desired.hosts.get_mut(&"h1".parse().unwrap()).unwrap().state = Availability::Drain;
    let ran =
        "hosts: {h1: {networks: {shop.front: {id: n1}}, containers: [{owner: {slot: cron.1, image: 'cron:1', job: a},
        state: {exited: {code: 0}}, network_ids: {shop.front: n1}}]}, h2: {networks: {shop.front: {id: n2}}}}";
    let plan = planned(&desired, &observed(ran));
    assert_eq!(actions(&plan, "cron"), [Action::Run]);
    let lines = changes(&plan);
    assert_eq!(lines[0], "cron: image · cron:1 → cron:2", "{lines:?}");
    assert_eq!(lines.len(), 2, "{lines:?}");
}

#[test]
fn of_one_that_stands_twice_the_image_counts_where_it_stays() {
    let web = needs(service("web:1", 1), &[("db", WELL)]);
    let desired = desired(&["h1", "h2"], vec![("db", service("db:2", 1)), ("web", web)]);
    let twice = "hosts: {h1: {containers: [{owner: {slot: db.1, image: 'db:1'}}]},
        h2: {images: {i: {tags: ['db:2']}}, containers: [{owner: {slot: db.1, image: 'db:1'}, state: created}]}}";
    let plan = planned(&desired, &observed(twice));
    assert_eq!(actions(&plan, "db"), [Action::Replace, Action::Remove]);
    assert!(texts(&plan).is_empty(), "the image that h1 will pull may have a check");
}

#[test]
fn some_of_a_service_is_enough_and_nothing_of_it_is_not() {
    let mut db = service("db:1", 3);
    db.max_replicas_per_node = Some(1);
    let web = needs(service("web:1", 1), &[("db", STARTED)]);
    let mut desired = desired(&["h1", "h2"], vec![("db", db), ("web", web)]);
    let plan = planned(&desired, &observed("hosts: {h1: {}, h2: {}}"));
    assert_eq!(actions(&plan, "db"), [Action::Create, Action::Create, Action::Unplaced]);
    assert_eq!(actions(&plan, "web"), [Action::Create]);
    let db = desired.services.get_mut(&"db".parse().unwrap()).unwrap();
    db.constraints.push(label("disk", true, "ssd"));
    let plan = planned(&desired, &observed("hosts: {h1: {}, h2: {}}"));
    assert!(plan.is_empty() && plan.placement.is_empty());
    let told = "web waits for db.1: 2 hosts lack label disk=ssd";
    assert!(texts(&plan).contains(&told.to_owned()), "{:#?}", texts(&plan));
}

#[test]
fn dependants_go_before_what_they_depend_on_though_git_knows_neither() {
    let web = needs(service("web:1", 1), &[("api", STARTED)]);
    let api = needs(service("api:1", 1), &[("db", STARTED)]);
    let all = vec![("db", service("db:1", 1)), ("api", api), ("web", web)];
    let mut desired = desired(&["h1", "h2"], all);
    let mut seen = observed("hosts: {h1: {}, h2: {}}");
    go(&desired, &mut seen);
    // `web` no longer needs `api`, and changes.
    let whole = desired.services.clone();
    desired.services.retain(|name, _| name.as_str() == "web");
    let web = desired.services.get_mut(&"web".parse().unwrap()).unwrap();
    (web.depends_on, web.image) = (Default::default(), "web:2".parse().unwrap());
    let plan = planned(&desired, &seen);
    assert!(waits(
        &plan,
        at(&plan, "stop shop.api.1"),
        at(&plan, "wait until shop.web.1 is up")
    ));
    assert!(waits(
        &plan,
        at(&plan, "stop shop.db.1"),
        at(&plan, "remove shop.api.1")
    ));

    desired.services.clear();
    let plan = go(&desired, &mut seen);
    assert!(waits(
        &plan,
        at(&plan, "stop shop.api.1"),
        at(&plan, "remove shop.web.1")
    ));
    assert!(waits(
        &plan,
        at(&plan, "stop shop.db.1"),
        at(&plan, "remove shop.api.1")
    ));
    assert!(plan.placement.is_empty());
    desired.services = whole;
    go(&desired, &mut seen);
}

#[test]
fn what_is_left_out_of_a_plan_is_no_reason_to_begin_without_it() {
    let narrowed = |desired: &Desired, seen: &Observed, service: &str| {
        let (placement, standing) = surveyed(desired, seen);
        let target = render(desired, &placement).unwrap();
        let whole = diff(&target, &placement, seen, &standing);
        let mut part = whole.clone();
        part.services.retain(|name, _| name.as_str() == service);
        let grounds = Grounds {
            target: &target,
            placement: &placement,
            observed: seen,
        };
        hold(&mut part, Some(&whole), grounds);
        plan(Input {
            target: &target,
            versions: &std::collections::BTreeMap::new(),
            rollback: desired.cluster.rollback,
            placement: &placement,
            observed: seen,
            standing: &standing,
            diff: &part,
        })
    };
    let mut seen = observed("hosts: {h1: {}, h2: {}}");
    let told = "web waits for migrate.1: it has not run, and is left out of this plan";
    let without = narrowed(&shop("1"), &seen, "web");
    assert!(without.is_empty());
    assert!(texts(&without).contains(&told.to_owned()), "{:#?}", texts(&without));
    let alone = narrowed(&shop("1"), &seen, "migrate");
    apply(&mut seen, &alone, usize::MAX, |_| 0).unwrap();
    assert_eq!(
        actions(&narrowed(&shop("1"), &seen, "web"), "web"),
        [Action::Create, Action::Create]
    );
}

#[test]
fn a_port_that_changes_hands_the_other_way_round_goes_before_the_order() {
    let mut web = needs(service("web:1", 1), &[("db", WELL)]);
    web.ports.insert(published(80, "8080"));
    let mut desired = desired(&["h1"], vec![("db", service("db:1", 1)), ("web", web)]);
    let mut seen = observed("hosts: {h1: {}}");
    go(&desired, &mut seen);
    let take = |desired: &mut Desired, name: &str| {
        std::mem::take(&mut desired.services.get_mut(&name.parse().unwrap()).unwrap().ports)
    };
    let ports = take(&mut desired, "web");
    desired.services.get_mut(&"db".parse().unwrap()).unwrap().ports = ports;
    go(&desired, &mut seen);
    assert!(planned(&desired, &seen).is_empty());
}

#[test]
fn a_service_that_becomes_a_job_lets_go_of_its_port_first() {
    let mut before = service("app:1", 1);
    before.ports = [published(80, "8080")].into();
    let mut seen = observed("hosts: {h1: {}}");
    go(&desired(&["h1"], vec![("c", before.clone())]), &mut seen);
    // The port that it held goes to what it now depends on: the other order would be a circle.
    let after = needs(job("app:1", 1), &[("a", STARTED)]);
    let plan = go(&desired(&["h1"], vec![("a", before), ("c", after)]), &mut seen);
    assert!(waits(
        &plan,
        at(&plan, "h1: start shop.a.1"),
        at(&plan, "h1: stop shop.c.1")
    ));
}
