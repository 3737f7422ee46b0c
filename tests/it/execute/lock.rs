//! The cluster's lock on simulated hosts: who of several gets it, when it is free again, and that nothing begins without a fresh beat.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use cdk::execute::outcome::{Outcome, StepEnd};
use cdk::execute::stop::Stop;
use cdk::flow::{Failure, Locks, Wish, this_run};
use cdk::host::{Host, HostError, Hosts, SILENCE};
use cdk::model::policy::Order;
use tokio::time::{Instant, sleep, timeout};

use super::fixture::{Lab, Maker, cluster, ends, host, secs};

const THREE: [(&str, &[&str]); 3] = [("h1", &["web.1"]), ("h2", &["web.2"]), ("h3", &["web.3"])];

/// The hosts as a run sees them: only these answer.
fn links(lab: &Lab, answering: &[&str]) -> Hosts {
    let link = |(name, sim): (&cdk::model::name::HostName, &Rc<_>)| {
        let link = match answering.contains(&name.as_str()) {
            true => Ok(Rc::clone(sim) as Rc<dyn Host>),
            false => Err(HostError::Unreachable("no route".to_owned())),
        };
        (name.clone(), link)
    };
    lab.hosts.iter().map(link).collect()
}

async fn lock(lab: &Lab, answering: &[&str], patience: Duration) -> Result<Locks, Failure> {
    let waits = |_: &str| {};
    let wish = Wish {
        patience,
        waits: &waits,
    };
    Locks::take(&mut links(lab, answering), &cluster(), &wish, 8, this_run()).await
}

const ALL: [&str; 3] = ["h1", "h2", "h3"];

#[tokio::test(start_paused = true)]
async fn the_second_is_told_who_the_first_is_and_may_wait_for_it() {
    let lab = Lab::new(&THREE);
    let first = lock(&lab, &ALL, Duration::ZERO).await.ok().unwrap();
    let Err(Failure::Locked(words)) = first.during(lock(&lab, &ALL, Duration::ZERO)).await else {
        panic!("both have it");
    };
    let by = this_run().by;
    assert!(
        words.contains(&by) && words.contains("on h1") && words.contains("--lock-timeout"),
        "{words}"
    );
    // It waits a minute, and has it as soon as the first is done.
    let began = Instant::now();
    let parting = async {
        first.during(sleep(secs(20))).await;
        first.free().await;
    };
    let (second, ()) = tokio::join!(lock(&lab, &ALL, secs(60)), parting);
    assert!(second.is_ok());
    assert_eq!(began.elapsed().as_secs(), 20);
    assert!(first.lease(&host("h1")).is_err());
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_is_gone_or_silent_is_followed_soon_and_one_that_beats_is_not() {
    let lab = Lab::new(&THREE);
    let first = lock(&lab, &ALL, Duration::ZERO).await.ok().unwrap();
    let began = Instant::now();
    drop(first);
    let first = lock(&lab, &ALL, Duration::ZERO).await.ok().unwrap();
    assert!(began.elapsed() < secs(1), "its end is heard at once");
    // For five minutes nobody else gets in.
    assert!(first.during(lock(&lab, &ALL, secs(300))).await.is_err());
    // Nobody keeps it: it is as if the network were silent.
    let began = Instant::now();
    assert!(lock(&lab, &ALL, secs(300)).await.is_ok());
    assert!(began.elapsed() <= SILENCE + secs(1), "{:?}", began.elapsed());
    assert!(first.lease(&host("h1")).is_err(), "and who was silent knows it");
}

#[tokio::test(start_paused = true)]
async fn hosts_that_do_not_answer_are_not_locked_and_those_of_others_stay_theirs() {
    let lab = Lab::new(&THREE);
    let one = lock(&lab, &["h2"], Duration::ZERO).await.ok().unwrap();
    assert_eq!(one.lease(&host("h2")), Ok(()));
    assert!(one.lease(&host("h1")).is_err());
    // The other holds h1 when it finds h2 busy, and must not keep it.
    assert!(one.during(lock(&lab, &ALL, Duration::ZERO)).await.is_err());
    assert!(one.during(lock(&lab, &["h1", "h3"], Duration::ZERO)).await.is_ok());
}

/// Runs that see different hosts and begin at once: one of them at least has all that it wants, and no two have the same.
#[tokio::test(start_paused = true)]
async fn of_those_that_meet_half_way_one_goes_on() {
    let views: [&[&str]; 6] = [&ALL, &["h2", "h3"], &["h1", "h3"], &["h1", "h2"], &["h3"], &["h2"]];
    for a in views {
        for b in views {
            for c in views {
                let lab = Lab::new(&THREE);
                let none = Duration::ZERO;
                let all = tokio::join!(lock(&lab, a, none), lock(&lab, b, none), lock(&lab, c, none));
                let won: Vec<&[&str]> = [(&all.0, a), (&all.1, b), (&all.2, c)]
                    .into_iter()
                    .filter(|(taken, _)| taken.is_ok())
                    .map(|(_, view)| view)
                    .collect();
                assert!(!won.is_empty(), "{a:?} {b:?} {c:?}: all lost");
                let mut names: Vec<&str> = won.concat();
                names.sort_unstable();
                let number = names.len();
                names.dedup();
                assert_eq!(names.len(), number, "{a:?} {b:?} {c:?}: {won:?}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn with_patience_all_of_them_come_to_their_turn() {
    let views: [&[&str]; 5] = [&ALL, &["h2", "h3"], &["h1", "h3"], &["h2"], &["h1", "h2"]];
    let lab = Lab::new(&THREE);
    let inside = std::cell::Cell::new(0);
    let turn = |view: &'static [&'static str]| {
        let (lab, inside) = (&lab, &inside);
        async move {
            let locks = lock(lab, view, secs(3_600)).await.ok().unwrap();
            locks.during(sleep(secs(5))).await;
            inside.set(inside.get() + 1);
            locks.free().await;
        }
    };
    let turns = futures_util::future::join_all(views.map(turn));
    timeout(secs(120), turns).await.expect("they wait for each other");
    assert_eq!(inside.get(), 5);
}

/// Replaces five replicas of each of two hosts, one after the other, ten seconds each; after `at` nothing is heard of h2's lock for `long`.
async fn with_silence(at: Duration, long: Duration) -> (Lab, Maker, Outcome) {
    let slots: [[&str; 5]; 2] = [
        ["web.1", "web.2", "web.3", "web.4", "web.5"],
        ["web.6", "web.7", "web.8", "web.9", "web.10"],
    ];
    let lab = Lab::new(&[("h1", &slots[0]), ("h2", &slots[1])]);
    let mut maker = Maker::new(2, 8);
    maker.order = Order::StopFirst;
    for (one, other) in slots[0].iter().zip(slots[1]) {
        maker.replace("h1", one);
        maker.replace("h2", other);
    }
    let locks = Rc::new(lock(&lab, &["h1", "h2"], Duration::ZERO).await.ok().unwrap());
    let lease = Rc::clone(&locks);
    let never = Stop::never();
    let run = lab.run_leased(&maker.plan, &never, 8, Box::new(move |host| lease.lease(host)));
    let silence = async {
        sleep(at).await;
        lab.sim("h2").lock_is_silent(true);
        sleep(long).await;
        lab.sim("h2").lock_is_silent(false);
    };
    let (outcome, ()) = tokio::join!(locks.during(run), silence);
    (lab, maker, outcome)
}

#[tokio::test(start_paused = true)]
async fn a_silence_that_ends_in_time_stops_nothing() {
    let (_, _, outcome) = with_silence(secs(15), secs(6)).await;
    assert!(!outcome.failed(), "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn nothing_begins_on_a_host_whose_lock_is_silent_and_the_others_go_on() {
    let at = secs(15);
    let (lab, maker, outcome) = with_silence(at, secs(600)).await;
    assert!(outcome.failed());
    let ends = ends(&maker.plan, &outcome);
    let h1_done = ends.iter().filter(|end| end.starts_with("h1") && end.ends_with("done"));
    assert!(h1_done.count() > 20, "{ends:#?}");
    // A successor may be in there from SILENCE after the last beat that was heard; long before, nothing more was begun.
    let log = lab.world.log();
    let last = log
        .iter()
        .filter(|call| call.host == host("h2"))
        .map(|call| call.at)
        .max()
        .unwrap();
    assert!(last >= secs(10), "it was at work there: {last:?}");
    assert!(last < at + secs(10) && last < at + SILENCE, "{last:?}");
    let told = outcome.steps.values().any(|end| match end {
        StepEnd::Failed(why) => why.contains("begun on h2") && why.contains("lock"),
        StepEnd::Done | StepEnd::Undone | StepEnd::Skipped => false,
    });
    assert!(told, "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn without_the_lock_nothing_at_all_is_done() {
    let lab = Lab::new(&THREE);
    let mut maker = Maker::new(1, 0);
    for (on, of) in THREE {
        maker.replace(on, of[0]);
    }
    let lease = |host: &cdk::model::name::HostName| Err(format!("{host} is not ours"));
    let outcome = lab.run_leased(&maker.plan, &Stop::never(), 8, Box::new(lease)).await;
    assert!(outcome.failed());
    assert_eq!(lab.world.log(), []);
    let kept: BTreeMap<_, _> = THREE.map(|(name, _)| (name, lab.containers(name).len())).into();
    assert!(kept.values().all(|number| *number == 1), "{kept:?}");
}
