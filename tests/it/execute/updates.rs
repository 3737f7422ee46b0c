//! Whole updates, planned and done on simulated hosts, and what the next plan makes of their ends: held, paused, canaries, blue-green.

use cdk::execute::outcome::{Event, Outcome, ServiceEnd};
use cdk::execute::stop::Stop;
use cdk::model::host::ObservedHost;
use cdk::model::journal::Halt;
use cdk::model::policy::{FailureAction, Order, Strategy};
use cdk::model::unit::Span;
use cdk::observe::Observed;
use cdk::place::asked::Asked;
use cdk::plan::lint::lint;
use cdk::plan::step::{Action, Note, Plan};
use cdk::resolve::desired::{Desired, Mode};
use cdk::sim::world::{Behaviour, Kill};

use super::fixture::{Lab, secs};
use crate::planner::world::{assigned, desired, planned_as, service};

const HOSTS: [&str; 3] = ["h1", "h2", "h3"];

/// Six replicas on three hosts.
fn shop(image: &str) -> Desired {
    let mut web = service(image, 6);
    web.update.monitor = Span::seconds(5);
    web.update.rollback.parallelism = 0;
    desired(&HOSTS, vec![("web", web)])
}

fn with(image: &str, change: impl Fn(&mut cdk::resolve::desired::Service)) -> Desired {
    let mut desired = shop(image);
    desired.services.values_mut().for_each(change);
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

fn plan_as(lab: &Lab, desired: &Desired, asked: &Asked) -> Plan {
    let plan = planned_as(desired, &observed(lab), asked);
    assert!(lint(&plan).is_empty(), "{:?}\n{:#?}", lint(&plan), plan.steps);
    plan
}

fn plan(lab: &Lab, desired: &Desired) -> Plan {
    plan_as(lab, desired, &Asked::default())
}

async fn apply_as(lab: &Lab, desired: &Desired, asked: &Asked) -> (Plan, Outcome) {
    let plan = plan_as(lab, desired, asked);
    let outcome = lab.run(&plan, &Stop::never()).await;
    (plan, outcome)
}

async fn apply(lab: &Lab, desired: &Desired) -> Option<ServiceEnd> {
    let (_, outcome) = apply_as(lab, desired, &Asked::default()).await;
    outcome.services.get(&"web".parse().unwrap()).copied()
}

/// A lab on which the first version runs.
async fn begun() -> Lab {
    let lab = Lab::new(&[("h1", &[]), ("h2", &[]), ("h3", &[])]);
    assert_eq!(apply(&lab, &shop("web:1")).await, Some(ServiceEnd::Done));
    lab
}

fn fails(lab: &Lab, image: &str) {
    let behaviour = Behaviour {
        exits: Some((secs(1), 1)),
        ..Behaviour::default()
    };
    lab.behave(image, behaviour);
}

/// What runs, by slot.
fn runs(lab: &Lab) -> String {
    let mut all: Vec<(String, String)> = Vec::new();
    for host in HOSTS {
        for live in lab.sim(host).observe().containers {
            if live.state.is_live() {
                let image = live.owner.image.unwrap().to_string();
                all.push((live.owner.slot.to_string(), image.replace("web:", "")));
            }
        }
    }
    all.sort();
    all.into_iter().map(|(_, version)| version).collect()
}

fn asked(change: impl Fn(&mut Asked)) -> Asked {
    let mut asked = Asked::default();
    change(&mut asked);
    asked
}

fn halted(plan: &Plan) -> Option<Halt> {
    plan.notes.iter().find_map(|note| match note {
        Note::Halted { halted, .. } => Some(halted.how),
        _ => None,
    })
}

fn containers(lab: &Lab) -> usize {
    HOSTS.iter().map(|host| lab.containers(host).len()).sum()
}

#[tokio::test(start_paused = true)]
async fn what_was_rolled_back_is_held_until_it_changes_or_is_tried_again() {
    for order in [Order::StopFirst, Order::StartFirst] {
        let lab = begun().await;
        fails(&lab, "web:2");
        let rolling = |image: &str| {
            with(image, |web| {
                web.update.order = order;
                web.update.failure_action = FailureAction::Rollback;
            })
        };
        assert_eq!(apply(&lab, &rolling("web:2")).await, Some(ServiceEnd::RolledBack));
        assert_eq!((runs(&lab).as_str(), containers(&lab)), ("111111", 6));

        // The same again does nothing, and says why; so does a commit that is about something else, or the number of replicas.
        let held = plan(&lab, &rolling("web:2"));
        assert!(
            held.is_empty() && held.is_waiting() && !held.is_partial(),
            "{:#?}",
            held.steps
        );
        assert_eq!(halted(&held), Some(Halt::RolledBack));
        assert!(held.services[0].slots.iter().all(|slot| slot.action == Action::Hold));
        let mut more = rolling("web:2");
        more.services.insert("api".parse().unwrap(), service("web:1", 1));
        more.services.get_mut(&"web".parse().unwrap()).unwrap().mode = Mode::Replicated(9);
        let (_, outcome) = apply_as(&lab, &more, &Asked::default()).await;
        assert!(!outcome.failed());
        assert_eq!(runs(&lab), "1111111");
        more.services.remove(&"api".parse().unwrap());

        // What it was before is no change, and no news.
        let reverted = plan(&lab, &rolling("web:1"));
        assert_eq!(halted(&reverted), None);
        assert!(reverted.services[1..].is_empty() || reverted.services.iter().all(|one| one.service.as_str() != "x"));

        // Tried again, it fails again; another version goes through.
        let retry = asked(|asked| asked.retry = ["web".parse().unwrap()].into());
        let (_, outcome) = apply_as(&lab, &rolling("web:2"), &retry).await;
        assert_eq!(outcome.services[&"web".parse().unwrap()], ServiceEnd::RolledBack);
        assert_eq!(apply(&lab, &rolling("web:3")).await, Some(ServiceEnd::Done));
        assert_eq!((runs(&lab).as_str(), containers(&lab)), ("333333", 6));
        assert!(plan(&lab, &rolling("web:3")).is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_paused_update_goes_on_with_a_new_version_or_when_it_is_tried_again() {
    let lab = begun().await;
    // Those on h3 fail, the others do not.
    fails(&lab, "web:2");
    let bad = shop("web:2");
    assert_eq!(apply(&lab, &bad).await, Some(ServiceEnd::Paused));
    assert_eq!(runs(&lab), "111111");
    assert_eq!(halted(&plan(&lab, &bad)), Some(Halt::Paused));
    assert!(plan(&lab, &bad).is_empty());
    lab.behave("web:2", Behaviour::default());
    let retry = asked(|asked| asked.retry = ["web".parse().unwrap()].into());
    let (_, outcome) = apply_as(&lab, &bad, &retry).await;
    assert!(!outcome.failed());
    assert_eq!((runs(&lab).as_str(), containers(&lab)), ("222222", 6));
    let after = plan(&lab, &bad);
    assert!(after.is_empty() && !after.is_waiting());
}

#[tokio::test(start_paused = true)]
async fn a_canary_waits_and_goes_on_or_back() {
    for (order, promotes) in [
        (Order::StopFirst, true),
        (Order::StartFirst, true),
        (Order::StopFirst, false),
        (Order::StartFirst, false),
    ] {
        let lab = begun().await;
        let ids = |lab: &Lab| {
            let all = HOSTS.iter().flat_map(|host| lab.sim(host).observe().containers);
            let mut ids: Vec<String> = all.map(|live| live.id).collect();
            ids.sort();
            ids
        };
        let before = ids(&lab);
        let canary = with("web:2", |web| {
            web.update.order = order;
            web.update.strategy = Strategy::Canary(2);
        });
        assert_eq!(apply(&lab, &canary).await, Some(ServiceEnd::Waiting));
        assert_eq!(runs(&lab), "221111");
        let waits = plan(&lab, &canary);
        assert!(waits.is_empty() && waits.is_waiting());
        assert_eq!(halted(&waits), Some(Halt::Canary));
        if promotes {
            let promote = asked(|asked| asked.promote = ["web".parse().unwrap()].into());
            let (_, outcome) = apply_as(&lab, &canary, &promote).await;
            assert!(!outcome.failed());
            assert_eq!((runs(&lab).as_str(), containers(&lab)), ("222222", 6));
            let after = plan(&lab, &canary);
            assert!(after.is_empty() && !after.is_waiting());
        } else {
            let abort = asked(|asked| asked.abort = ["web".parse().unwrap()].into());
            let (plan_back, outcome) = apply_as(&lab, &canary, &abort).await;
            assert!(!outcome.failed(), "{:#?}", plan_back.steps);
            // They are the same containers as before, not such as those.
            assert_eq!((runs(&lab), ids(&lab)), ("111111".to_owned(), before));
            assert_eq!(halted(&plan(&lab, &canary)), Some(Halt::RolledBack));
            assert!(plan(&lab, &shop("web:1")).is_empty());
        }
    }
}

/// A canary that fails is no canary that waits.
#[tokio::test(start_paused = true)]
async fn a_canary_that_fails_does_as_its_failure_action_says() {
    for (action, end) in [
        (FailureAction::Pause, ServiceEnd::Paused),
        (FailureAction::Rollback, ServiceEnd::RolledBack),
    ] {
        let lab = begun().await;
        fails(&lab, "web:2");
        let canary = with("web:2", |web| {
            web.update.strategy = Strategy::Canary(2);
            web.update.failure_action = action;
        });
        assert_eq!(apply(&lab, &canary).await, Some(end));
        assert_eq!(runs(&lab), "111111");
    }
}

#[tokio::test(start_paused = true)]
async fn blue_green_switches_once_when_all_new_ones_are_up() {
    let lab = begun().await;
    let desired = with("web:2", |web| {
        (web.update.strategy, web.update.parallelism) = (Strategy::BlueGreen, 0);
    });
    let (plan_there, outcome) = apply_as(&lab, &desired, &Asked::default()).await;
    assert!(!outcome.failed(), "{:#?}", plan_there.steps);
    assert_eq!((runs(&lab).as_str(), containers(&lab)), ("222222", 6));
    assert!(plan(&lab, &desired).is_empty());
    // The first version's six starts, then the second one's, then all stops.
    let log = lab.log();
    let first_stop = log.iter().position(|line| line.contains(" stop ")).unwrap();
    let last_start = log.iter().rposition(|line| line.contains(" start ")).unwrap();
    assert!(last_start < first_stop, "{log:#?}");
}

#[tokio::test(start_paused = true)]
async fn blue_green_that_fails_before_or_after_its_switch_goes_back_whole() {
    // Without a health check they are up after five seconds.
    for after in [1, 8] {
        let lab = begun().await;
        let behaviour = Behaviour {
            exits: Some((secs(after), 1)),
            ..Behaviour::default()
        };
        lab.behave("web:2", behaviour);
        let desired = with("web:2", |web| {
            (web.update.strategy, web.update.parallelism) = (Strategy::BlueGreen, 0);
            web.update.failure_action = FailureAction::Rollback;
        });
        assert_eq!(apply(&lab, &desired).await, Some(ServiceEnd::RolledBack), "{after}");
        assert_eq!((runs(&lab).as_str(), containers(&lab)), ("111111", 6));
        let stops = lab
            .log()
            .iter()
            .filter(|line| line.ends_with(".old") && line.contains(" stop "))
            .count();
        assert_eq!(stops, if after == 1 { 0 } else { 6 });
    }
}

/// Blue-green gives the new ones other ports. What they took the place of is as git wants it all the same, in whichever order it
/// comes back.
#[tokio::test(start_paused = true)]
async fn what_stood_before_a_switch_comes_back_though_its_ports_are_others() {
    let with_ports = |image: &str, strategy: Strategy| {
        with(image, |web| {
            web.ports.insert(assigned(8080));
            (web.update.strategy, web.update.parallelism) = (strategy, 0);
        })
    };
    let lab = Lab::new(&[("h1", &[]), ("h2", &[]), ("h3", &[])]);
    let first = with_ports("web:1", Strategy::Rolling);
    apply(&lab, &first).await;
    let ids = |lab: &Lab| {
        let all = HOSTS.iter().flat_map(|host| lab.sim(host).observe().containers);
        let mut ids: Vec<String> = all.map(|live| live.id).collect();
        ids.sort();
        ids
    };
    let before = ids(&lab);
    for (host, slot) in HOSTS.iter().flat_map(|host| (1..=6).map(move |slot| (host, slot))) {
        lab.sim(host).refuse(&format!("remove shop.web.{slot}.old"), "busy");
    }
    apply(&lab, &with_ports("web:2", Strategy::BlueGreen)).await;
    assert_eq!((runs(&lab).as_str(), containers(&lab)), ("222222", 12));
    apply(&lab, &first).await;
    assert_eq!((runs(&lab), ids(&lab)), ("111111".to_owned(), before));
    assert!(plan(&lab, &first).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_scale_down_that_fails_with_its_version_is_taken_back_too() {
    let lab = begun().await;
    fails(&lab, "web:2");
    let desired = with("web:2", |web| {
        web.mode = Mode::Replicated(4);
        web.update.failure_action = FailureAction::Rollback;
    });
    assert_eq!(apply(&lab, &desired).await, Some(ServiceEnd::RolledBack));
    assert_eq!((runs(&lab).as_str(), containers(&lab)), ("111111", 6));
    assert!(plan(&lab, &shop("web:1")).is_empty());
    // Where it ends well they go.
    lab.behave("web:2", Behaviour::default());
    let retry = asked(|asked| asked.retry = ["web".parse().unwrap()].into());
    apply_as(&lab, &desired, &retry).await;
    assert_eq!((runs(&lab).as_str(), containers(&lab)), ("2222", 4));
}

#[tokio::test(start_paused = true)]
async fn all_that_an_apply_touched_goes_back_with_the_one_that_failed() {
    let both = |web: &str, api: &str, scope| {
        let mut desired = with(web, |web| web.update.failure_action = FailureAction::Rollback);
        desired.services.insert("api".parse().unwrap(), service(api, 2));
        desired.services.insert("gone".parse().unwrap(), service("web:1", 1));
        desired.cluster.rollback = scope;
        desired
    };
    use cdk::model::policy::RollbackScope::{All, Service};
    for (scope, api, left) in [(Service, "33", 8), (All, "11", 9)] {
        let lab = Lab::new(&[("h1", &[]), ("h2", &[]), ("h3", &[])]);
        apply(&lab, &both("web:1", "web:1", scope)).await;
        fails(&lab, "web:2");
        let mut next = both("web:2", "web:3", scope);
        next.services.remove(&"gone".parse().unwrap());
        let (_, outcome) = apply_as(&lab, &next, &Asked::default()).await;
        assert_eq!(outcome.services[&"web".parse().unwrap()], ServiceEnd::RolledBack);
        let version = |service: &str| {
            let all = HOSTS.iter().flat_map(|host| lab.sim(host).observe().containers);
            let own = all.filter(|live| live.owner.slot.service.as_str() == service && live.state.is_live());
            own.map(|live| live.owner.image.unwrap().to_string().replace("web:", ""))
                .collect::<String>()
        };
        assert_eq!(
            (version("web").as_str(), version("api").as_str()),
            ("111111", api),
            "{scope:?}"
        );
        assert_eq!(containers(&lab), left);
    }
}

/// Cut off at each call of an update that fails and goes back, the same command again ends as if it had not been.
#[tokio::test(start_paused = true)]
async fn killed_at_any_call_it_still_goes_back_whole() {
    for order in [Order::StopFirst, Order::StartFirst] {
        let desired = with("web:2", |web| {
            web.update.order = order;
            web.update.failure_action = FailureAction::Rollback;
            web.mode = Mode::Replicated(3);
            web.update.max_failure_ratio = 0.4.into();
        });
        let small = with("web:1", |web| web.mode = Mode::Replicated(3));
        let begin = async || {
            let lab = Lab::new(&[("h1", &[]), ("h2", &[]), ("h3", &[])]);
            apply(&lab, &small).await;
            fails(&lab, "web:2");
            lab
        };
        let mut cut = 0;
        for call in 1.. {
            let mut ended = false;
            for kill in [Kill::Before, Kill::After] {
                let lab = begin().await;
                let kill = kill(lab.world.calls() + call);
                lab.world.kill(kill);
                let (first, never) = (plan(&lab, &desired), Stop::never());
                let killed = tokio::select! {
                    biased;
                    () = lab.world.killed() => true,
                    _ = lab.run(&first, &never) => false,
                };
                lab.world.next_caller();
                ended |= !killed;
                cut += usize::from(killed);
                let end = apply(&lab, &desired).await;
                assert_eq!(runs(&lab), "111", "{order:?} {kill:?} {end:?} {:#?}", lab.log());
                let all = HOSTS.map(|host| lab.containers(host)).concat();
                assert_eq!(all.len(), 3, "{order:?} {kill:?} {end:?} {all:#?} {:#?}", lab.log());
                let left = plan(&lab, &desired);
                assert!(left.is_empty(), "{order:?} {kill:?} {end:?} {:#?}", lab.log());
            }
            if ended {
                break;
            }
        }
        assert!(cut > 60, "{cut}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_depends_on_a_version_that_failed_waits_for_it() {
    use cdk::model::order::{Condition, Dependency};
    let both = |version: &str| {
        let mut desired = with(version, |web| web.update.failure_action = FailureAction::Rollback);
        let mut front = service(version, 1);
        let condition = Condition::ServiceStarted;
        front.depends_on.insert(
            "web".parse().unwrap(),
            Dependency {
                condition,
                required: true,
            },
        );
        desired.services.insert("front".parse().unwrap(), front);
        desired
    };
    let lab = Lab::new(&[("h1", &[]), ("h2", &[]), ("h3", &[])]);
    apply(&lab, &both("web:1")).await;
    fails(&lab, "web:2");
    assert_eq!(apply(&lab, &both("web:2")).await, Some(ServiceEnd::RolledBack));
    let again = plan(&lab, &both("web:2"));
    assert!(again.is_empty(), "{:#?}", again.steps);
    let waits = again
        .notes
        .iter()
        .any(|note| matches!(note, Note::Waits { service, .. } if service.as_str() == "front"));
    assert!(waits, "{:#?}", again.notes);
    assert!(
        !lab.events
            .borrow()
            .iter()
            .any(|(_, event)| matches!(event, Event::Stopping))
    );
}
