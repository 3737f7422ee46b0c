//! Signals, and a process that is killed at any call.

use std::collections::BTreeSet;

use cdk::execute::outcome::Event;
use cdk::execute::stop::{Stop, Stopper};
use cdk::model::journal::JournalEnd;
use cdk::model::policy::Order;
use cdk::sim::world::{Behaviour, Kill};
use tokio::time::sleep;

use super::fixture::{Lab, Maker, ends, secs, slot};

const THREE: [(&str, &[&str]); 3] = [("h1", &["web.1"]), ("h2", &["web.2"]), ("h3", &["web.3"])];

fn three(order: Order) -> (Lab, Maker) {
    let lab = Lab::new(&THREE);
    let mut maker = Maker::new(1, 0);
    maker.order = order;
    for (on, of) in THREE {
        maker.replace(on, of[0]);
    }
    (lab, maker)
}

#[tokio::test(start_paused = true)]
async fn the_first_signal_lets_the_replica_in_hand_end() {
    let (lab, mut maker) = three(Order::StopFirst);
    maker.create("h1", "web.9");
    let (stopper, stop) = Stopper::new();
    let signal = async {
        sleep(secs(1)).await;
        stopper.signal();
    };
    let (outcome, ()) = tokio::join!(lab.run(&maker.plan, &stop), signal);
    assert!(outcome.interrupted && !outcome.failed());
    let containers = ["shop.web.1 web:2 healthy", "shop.web.1.old web:1 exited (0)"];
    assert_eq!(lab.containers("h1"), containers);
    assert_eq!(lab.containers("h2"), ["shop.web.2 web:1 running"]);
    let ends = ends(&maker.plan, &outcome);
    assert!(ends[..6].iter().all(|end| end.ends_with("done")), "{ends:#?}");
    assert!(ends[6..].iter().all(|end| end.ends_with("skipped")), "{ends:#?}");
    let events = lab.events.borrow();
    let stopping = events
        .iter()
        .filter(|(at, event)| *event == Event::Stopping && *at == secs(1));
    assert_eq!(stopping.count(), 1);
    let record = lab.journal("h3");
    assert_eq!((record.end, record.done), (JournalEnd::Interrupted, 6));
    let slots: BTreeSet<_> = record.placement.keys().cloned().collect();
    assert_eq!(
        slots,
        ["web.1", "web.2", "web.3"].map(slot).into(),
        "web.9 was not made"
    );
}

#[tokio::test(start_paused = true)]
async fn a_signal_ends_a_delay() {
    let lab = Lab::new(&THREE);
    let mut maker = Maker::new(1, 3_600);
    for (on, of) in THREE {
        maker.replace(on, of[0]);
    }
    let (stopper, stop) = Stopper::new();
    let signal = async {
        sleep(secs(30)).await;
        stopper.signal();
    };
    let (outcome, ()) = tokio::join!(lab.run(&maker.plan, &stop), signal);
    assert!(outcome.interrupted);
    assert_eq!(outcome.took, secs(30));
    assert_eq!(lab.times("stop"), [0]);
}

#[tokio::test(start_paused = true)]
async fn the_second_signal_ends_at_once() {
    let (lab, maker) = three(Order::StopFirst);
    let never = Behaviour {
        healthy_after: None,
        ..Behaviour::default()
    };
    lab.behave("web:2", never);
    let (stopper, stop) = Stopper::new();
    let signals = async {
        sleep(secs(1)).await;
        stopper.signal();
        sleep(secs(1)).await;
        stopper.signal();
    };
    let (outcome, ()) = tokio::join!(lab.run(&maker.plan, &stop), signals);
    assert!(outcome.interrupted && outcome.failed());
    assert_eq!(outcome.took, secs(2));
    assert_eq!(ends(&maker.plan, &outcome)[4], "h1 wait until shop.web.1 is up: failed");
    // The last word says that it was cut off.
    assert_eq!(lab.journal("h2").end, JournalEnd::Begun);
}

#[tokio::test(start_paused = true)]
async fn a_signal_that_comes_too_late_interrupts_nothing() {
    let (lab, maker) = three(Order::StopFirst);
    let (stopper, stop) = Stopper::new();
    let signal = async {
        sleep(secs(3_600)).await;
        stopper.signal();
    };
    let (outcome, ()) = tokio::join!(lab.run(&maker.plan, &stop), signal);
    assert!(!outcome.interrupted);
    assert_eq!(lab.journal("h1").end, JournalEnd::Done);
}

#[tokio::test(start_paused = true)]
async fn killed_at_any_call_every_replica_is_still_there() {
    for order in [Order::StopFirst, Order::StartFirst] {
        for fails in [false, true] {
            let calls = kill_at(None, order, fails).await;
            assert!(calls > 40, "{calls} calls");
            for call in 1..=calls {
                kill_at(Some(Kill::Before(call)), order, fails).await;
                kill_at(Some(Kill::After(call)), order, fails).await;
            }
        }
    }
}

/// Does three replacements and is killed at a call, with replicas that fail where told; gives the number of calls.
async fn kill_at(kill: Option<Kill>, order: Order, fails: bool) -> u64 {
    let (lab, maker) = three(order);
    if fails {
        lab.behave(
            "web:2",
            Behaviour {
                exits: Some((secs(4), 1)),
                ..Behaviour::default()
            },
        );
    }
    if let Some(kill) = kill {
        lab.world.kill(kill);
    }
    let stop = Stop::never();
    let killed = tokio::select! {
        biased;
        () = lab.world.killed() => true,
        _ = lab.run(&maker.plan, &stop) => false,
    };
    assert_eq!(killed, kill.is_some(), "{kill:?}");
    for (on, of) in THREE {
        let containers = lab.sim(on).observe().containers;
        let name = format!("shop.{}", of[0]);
        let whole = |live: &&cdk::model::container::LiveContainer| live.owner.slot == slot(of[0]);
        let names: Vec<_> = containers.iter().filter(whole).map(|live| live.name.as_str()).collect();
        assert!(
            names
                .iter()
                .all(|found| *found == name || *found == format!("{name}.old")),
            "{names:?}"
        );
        // Old or new: the one that is named, or the old one under its other name.
        let old = containers.iter().any(|live| live.id == format!("old-{}", of[0]));
        let new = containers
            .iter()
            .any(|live| live.name == name && live.state.is_running());
        assert!(old || new, "{kill:?} {order:?}: {:?}", lab.containers(on));
        if order == Order::StartFirst && !fails {
            let runs = containers.iter().any(|live| live.state.is_running());
            assert!(runs, "{kill:?}: {:?}", lab.containers(on));
        }
    }
    lab.world.calls()
}

#[tokio::test(start_paused = true)]
async fn after_a_signal_a_pull_in_hand_ends_and_what_waits_for_it_is_skipped() {
    let (lab, mut maker) = three(Order::StopFirst);
    let pulls = ["h1", "h1", "h1", "h1"].map(|on| maker.pull(on, "web:2"));
    let first = maker.plan.rollouts[0].units[0].steps[0];
    maker.plan.steps[first.0 as usize].after.push(pulls[0]);
    let after = maker.pull("h2", "web:2");
    maker.plan.steps[after.0 as usize].after.push(pulls[0]);
    let (stopper, stop) = Stopper::new();
    let signal = async {
        sleep(secs(1)).await;
        stopper.signal();
    };
    let (outcome, ()) = tokio::join!(lab.run(&maker.plan, &stop), signal);
    // Three are pulled at once; the fourth and the one on h2 had not begun.
    assert_eq!(lab.log(), ["h1 pull web:2"; 3]);
    assert_eq!((outcome.done(), outcome.took), (3, secs(3)));
    assert!(outcome.interrupted && !outcome.failed());
}

#[tokio::test(start_paused = true)]
async fn killed_the_journal_says_how_far_it_came_two_seconds_before_at_the_latest() {
    let (lab, maker) = three(Order::StopFirst);
    let stop = Stop::never();
    let after = secs(9);
    let killed = tokio::time::timeout(after, lab.run(&maker.plan, &stop)).await.is_err();
    assert!(killed, "it had ended by then");
    let record = lab.journal("h1");
    let done_by = |end| {
        let events = lab.events.borrow();
        events
            .iter()
            .filter(|(at, event)| *at <= end && matches!(event, Event::Done(..)))
            .count()
    };
    assert_eq!(record.end, JournalEnd::Begun);
    let (least, most) = (done_by(after - secs(2)), done_by(after));
    assert!(least > 0 && least < maker.plan.steps.len());
    assert!(
        (least..=most).contains(&record.done),
        "{least} to {most}: {}",
        record.done
    );
    // One host is told; the others know that it began.
    let others = ["h2", "h3"].map(|name| lab.journal(name).done);
    assert_eq!(others, [0, 0]);
}
