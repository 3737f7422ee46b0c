//! Jobs and what depends on them, planned and done on simulated hosts: success, failure, deadlines, signals, death, and again.

use cdk::execute::outcome::{Event, Outcome};
use cdk::execute::stop::{Stop, Stopper};
use cdk::host::Host as _;
use cdk::model::container::ContainerState;
use cdk::model::host::ObservedHost;
use cdk::model::journal::JournalEnd;
use cdk::model::order::{Condition, Dependency};
use cdk::model::setting::Restart;
use cdk::model::unit::Span;
use cdk::observe::Observed;
use cdk::plan::step::Plan;
use cdk::resolve::desired::{Desired, Mode};
use cdk::sim::world::{Behaviour, Kill};
use tokio::time::sleep;

use super::fixture::{Lab, ends, secs, slot};
use crate::planner::world::{desired, planned, service};

/// `migrate` (`web:3`) on two hosts, and a replica of `web` (`web:1`) that waits for it.
fn shop() -> Desired {
    let mut migrate = service("web:3", 0);
    (migrate.mode, migrate.restart) = (Mode::ReplicatedJob(1), Restart::No);
    (migrate.update.timeout, migrate.update.parallelism) = (Span::default(), 0);
    let mut web = service("web:1", 1);
    let condition = Condition::ServiceCompletedSuccessfully;
    let dependency = Dependency {
        condition,
        required: true,
    };
    web.depends_on.insert("migrate".parse().unwrap(), dependency);
    desired(&["h1", "h2"], vec![("migrate", migrate), ("web", web)])
}

/// Two empty hosts, and a job that ends after five seconds with this code; none where it never does.
fn lab(code: Option<i64>) -> Lab {
    let lab = Lab::new(&[("h1", &[]), ("h2", &[])]);
    ends_with(&lab, code);
    lab
}

fn ends_with(lab: &Lab, code: Option<i64>) {
    let exits = code.map(|code| (secs(5), code));
    let logs = vec!["migrating".to_owned(), "done".to_owned()];
    let behaviour = Behaviour {
        exits,
        logs,
        ..Behaviour::default()
    };
    lab.behave("web:3", behaviour);
}

fn plan(lab: &Lab, desired: &Desired) -> Plan {
    let hosts = lab.hosts.iter();
    let hosts = hosts.map(|(name, sim)| (name.clone(), ObservedHost::Reachable(Box::new(sim.observe()))));
    let observed = Observed {
        hosts: hosts.collect(),
        ..Observed::default()
    };
    planned(desired, &observed)
}

async fn apply(lab: &Lab, desired: &Desired) -> Outcome {
    lab.run(&plan(lab, desired), &Stop::never()).await
}

fn count(lab: &Lab, what: &str) -> usize {
    lab.log().iter().filter(|line| line.contains(what)).count()
}

#[tokio::test(start_paused = true)]
async fn dependants_begin_when_the_job_has_succeeded_and_it_never_runs_again() {
    let lab = lab(Some(0));
    let outcome = apply(&lab, &shop()).await;
    assert!(!outcome.failed() && !outcome.interrupted);
    assert_eq!(
        (lab.times("start shop.migrate.1"), lab.times("create shop.web.1")),
        (vec![0], vec![5])
    );
    assert_eq!(lab.containers("h1"), ["shop.migrate.1 web:3 exited (0)"]);
    assert_eq!(lab.journal("h2").jobs[&slot("migrate.1")].len(), 1);
    assert!(plan(&lab, &shop()).is_empty());
    lab.sim("h1").remove("shop.migrate.1").await.unwrap();
    assert!(plan(&lab, &shop()).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_job_that_fails_leaves_its_dependants_untouched_and_runs_again() {
    let lab = lab(Some(3));
    let first = plan(&lab, &shop());
    let outcome = lab.run(&first, &Stop::never()).await;
    assert!(outcome.failed());
    let (error, logs) = lab.failure();
    assert_eq!(error, "shop.migrate.1 exited with code 3");
    assert_eq!(logs, ["migrating", "done"]);
    assert_eq!(
        lab.containers("h1"),
        ["shop.migrate.1 web:3 exited (3)"],
        "it stays to be looked at"
    );
    assert_eq!(count(&lab, "web"), 0);
    let told = ends(&first, &outcome);
    assert!(
        told.iter()
            .filter(|line| line.contains("web"))
            .all(|line| line.ends_with("skipped")),
        "{told:#?}"
    );
    let record = lab.journal("h2");
    assert_eq!(
        (record.end, record.jobs.len(), record.placement.len()),
        (JournalEnd::Failed, 0, 0)
    );

    assert!(apply(&lab, &shop()).await.failed());
    assert_eq!(count(&lab, "start shop.migrate.1"), 2);
    let mut better = shop();
    better.services.get_mut(&"migrate".parse().unwrap()).unwrap().image = "web:2".parse().unwrap();
    let exits = Some((secs(5), 0));
    lab.behave(
        "web:2",
        Behaviour {
            exits,
            ..Behaviour::default()
        },
    );
    assert!(!apply(&lab, &better).await.failed());
    assert!(plan(&lab, &better).is_empty());
    assert!(!plan(&lab, &shop()).is_empty(), "what failed is not taken to have run");
}

#[tokio::test(start_paused = true)]
async fn further_tries_are_the_engines_own() {
    let lab = lab(Some(1));
    let mut desired = shop();
    let migrate = desired.services.get_mut(&"migrate".parse().unwrap()).unwrap();
    migrate.restart = Restart::OnFailure(2);
    assert!(apply(&lab, &desired).await.failed());
    let live = lab.sim("h1").observe().containers.remove(0);
    assert_eq!((live.state, live.restarts), (ContainerState::Exited { code: 1 }, 2));
}

#[tokio::test(start_paused = true)]
async fn one_that_misses_its_deadline_is_taken_back() {
    let lab = lab(None);
    let mut desired = shop();
    let migrate = desired.services.get_mut(&"migrate".parse().unwrap()).unwrap();
    migrate.update.timeout = Span::seconds(60);
    let outcome = apply(&lab, &desired).await;
    assert_eq!(lab.failure().0, "shop.migrate.1 has not ended within 1m");
    assert!(outcome.failed() && lab.containers("h1").is_empty() && lab.containers("h2").is_empty());
    // What it was stopped with is no success.
    assert!(!plan(&lab, &desired).is_empty());
    migrate_forever(&lab).await;
}

/// Without a deadline it has all the time of the world.
async fn migrate_forever(lab: &Lab) {
    let exits = Some((secs(5_000), 0));
    lab.behave(
        "web:3",
        Behaviour {
            exits,
            ..Behaviour::default()
        },
    );
    assert!(!apply(lab, &shop()).await.failed());
}

#[tokio::test(start_paused = true)]
async fn a_signal_leaves_a_job_to_itself_and_the_next_apply_waits_for_it() {
    let lab = lab(Some(0));
    let (stopper, stop) = Stopper::new();
    let signal = async {
        sleep(secs(2)).await;
        stopper.signal();
    };
    let first = plan(&lab, &shop());
    let (outcome, ()) = tokio::join!(lab.run(&first, &stop), signal);
    assert!(outcome.interrupted && !outcome.failed());
    assert_eq!(outcome.took, secs(2));
    assert_eq!(lab.containers("h1"), ["shop.migrate.1 web:3 running"]);
    let left = lab
        .events
        .borrow()
        .iter()
        .filter(|(_, event)| matches!(event, Event::Left(_)))
        .count();
    assert_eq!(left, 1);
    let record = lab.journal("h2");
    let placed: Vec<_> = record.placement.keys().cloned().collect();
    assert_eq!((record.end, placed), (JournalEnd::Interrupted, vec![slot("migrate.1")]));

    assert!(!apply(&lab, &shop()).await.failed());
    assert_eq!(count(&lab, "start shop.migrate.1"), 1);
    assert_eq!(lab.times("create shop.web.1"), [5]);
    assert!(plan(&lab, &shop()).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_host_that_falls_silent_keeps_the_job_that_runs_there() {
    let lab = lab(None);
    let first = plan(&lab, &shop());
    let silence = async {
        sleep(secs(3)).await;
        lab.sim("h1").fail_from(1);
    };
    let never = Stop::never();
    let (outcome, ()) = tokio::join!(lab.run(&first, &never), silence);
    assert!(outcome.failed() && count(&lab, "web") == 0);
    assert_eq!(lab.containers("h1"), ["shop.migrate.1 web:3 running"]);
    assert!(
        lab.journal("h2").placement.contains_key(&slot("migrate.1")),
        "nobody runs it elsewhere meanwhile"
    );
    lab.sim("h1").revive();
    ends_with(&lab, Some(0));
    assert!(!apply(&lab, &shop()).await.failed());
    assert_eq!(count(&lab, "start shop.migrate.1"), 1);
}

#[tokio::test(start_paused = true)]
async fn killed_at_any_call_the_job_runs_to_its_end_once() {
    for call in 1.. {
        for kill in [Kill::Before(call), Kill::After(call)] {
            let lab = lab(Some(0));
            let first = plan(&lab, &shop());
            lab.world.kill(kill);
            let never = Stop::never();
            let killed = tokio::select! {
                biased;
                () = lab.world.killed() => true,
                _ = lab.run(&first, &never) => false,
            };
            lab.world.next_caller();
            if !killed {
                assert!(call > 20, "{call}");
                return;
            }
            let last = lab.log().pop().unwrap_or_default();
            let created = lab.containers("h1").iter().any(|one| one.ends_with("created"));
            let undone = usize::from(created && last.ends_with("start shop.migrate.1"));
            assert!(!apply(&lab, &shop()).await.failed(), "{kill:?}");
            assert_eq!(count(&lab, "start shop.migrate.1"), 1 + undone, "{kill:?}");
            assert!(plan(&lab, &shop()).is_empty(), "{kill:?}");
            let mut all = [lab.containers("h1"), lab.containers("h2")].concat();
            all.sort();
            assert_eq!(all, ["shop.migrate.1 web:3 exited (0)", "shop.web.1 web:1 running"]);
        }
    }
}
