//! What comes of failures: pauses, what goes on, and the way back of replicas that were done already.

use std::collections::BTreeMap;
use std::time::Duration;

use cdk::execute::outcome::{Event, Outcome, ServiceEnd};
use cdk::execute::stop::{Stop, Stopper};
use cdk::host::Host as _;
use cdk::model::journal::{Halt, JournalEnd};
use cdk::model::order::JobVersion;
use cdk::model::policy::{FailureAction, Order, RollbackFailure, RollbackPolicy, Strategy};
use cdk::model::unit::Span;
use cdk::plan::rollout::OnFailure;
use cdk::sim::world::Behaviour;

use super::fixture::{Lab, Maker, secs};

const SIX: [(&str, &[&str]); 6] = [
    ("h1", &["web.1"]),
    ("h2", &["web.2"]),
    ("h3", &["web.3"]),
    ("h4", &["web.4"]),
    ("h5", &["web.5"]),
    ("h6", &["web.6"]),
];

/// Six replicas of which those that are named run `web:3`, which fails, and the others `web:2`.
struct Scene {
    lab: Lab,
    maker: Maker,
}

fn scene(order: Order, action: FailureAction, ratio: f64, bad: &[&str], behaviour: Behaviour) -> Scene {
    let lab = Lab::new(&SIX);
    lab.behave("web:3", behaviour);
    let mut maker = Maker::new(1, 0);
    maker.order = order;
    for (on, of) in SIX {
        maker.image = if bad.contains(&of[0]) { "web:3" } else { "web:2" };
        maker.replace(on, of[0]);
    }
    maker.plan.rollouts[0].on_failure = Some(OnFailure {
        strategy: Strategy::Rolling,
        action,
        max_failure_ratio: ratio.into(),
        rollback: RollbackPolicy {
            monitor: Span::seconds(1),
            ..RollbackPolicy::default()
        },
        version: Some(JobVersion("two".into())),
    });
    Scene { lab, maker }
}

fn crashes(after: u64) -> Behaviour {
    Behaviour {
        exits: Some((secs(after), 1)),
        ..Behaviour::default()
    }
}

fn never() -> Behaviour {
    Behaviour {
        healthy_after: None,
        ..Behaviour::default()
    }
}

impl Scene {
    async fn run(&self) -> Outcome {
        self.lab.run(&self.maker.plan, &Stop::never()).await
    }

    /// What runs where: `web:1` is what was there before.
    fn runs(&self) -> Vec<String> {
        let each = SIX.iter().map(|(on, _)| {
            let live = self.lab.containers(on);
            let runs = live.iter().filter(|one| !one.contains("exited"));
            let runs: Vec<&str> = runs.filter_map(|one| one.split(' ').nth(1)).collect();
            runs.join("+")
        });
        each.collect()
    }

    fn end(&self, outcome: &Outcome) -> ServiceEnd {
        outcome.services[&"web".parse().unwrap()]
    }

    /// How the journal says that the service stands.
    fn halted(&self) -> Option<Halt> {
        let halted = self.lab.journal("h1").memory.halted;
        halted.get(&"web".parse().unwrap()).map(|halted| halted.how)
    }

    fn events(&self, is: impl Fn(&Event) -> bool) -> usize {
        self.lab.events.borrow().iter().filter(|(_, event)| is(event)).count()
    }
}

const OLD: [&str; 6] = ["web:1"; 6];

#[tokio::test(start_paused = true)]
async fn a_version_that_fails_goes_back_and_is_held() {
    for order in [Order::StopFirst, Order::StartFirst] {
        for (behaviour, bad) in [
            (crashes(1), "web.4"),
            (crashes(4), "web.4"),
            (never(), "web.4"),
            (crashes(1), "web.1"),
        ] {
            let scene = scene(order, FailureAction::Rollback, 0.0, &[bad], behaviour);
            let outcome = scene.run().await;
            assert_eq!(scene.runs(), OLD, "{order:?} {bad}");
            assert_eq!(scene.end(&outcome), ServiceEnd::RolledBack);
            assert!(!outcome.is_broken(&scene.maker.plan) && outcome.failed());
            // Nothing is left of the new version, and what was before is itself and no copy.
            for (on, of) in SIX {
                let live = scene
                    .lab
                    .sim(on)
                    .container(&format!("shop.{}", of[0]))
                    .await
                    .unwrap()
                    .unwrap();
                assert_eq!(live.id, format!("old-{}", of[0]));
                assert_eq!(scene.lab.containers(on).len(), 1);
            }
            assert_eq!(scene.halted(), Some(Halt::RolledBack));
            let record = scene.lab.journal("h6");
            assert_eq!((record.end, record.done), (JournalEnd::RolledBack, 0));
            assert_eq!(scene.events(|event| matches!(event, Event::RollingBack(_))), 1);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_paused_one_stays_where_it_is() {
    for order in [Order::StopFirst, Order::StartFirst] {
        let scene = scene(order, FailureAction::Pause, 0.0, &["web.3"], crashes(1));
        let outcome = scene.run().await;
        assert_eq!(scene.runs(), ["web:2", "web:2", "web:1", "web:1", "web:1", "web:1"]);
        assert_eq!(scene.end(&outcome), ServiceEnd::Paused);
        assert!(!outcome.is_broken(&scene.maker.plan));
        assert_eq!(scene.halted(), Some(Halt::Paused));
        assert_eq!(scene.lab.journal("h6").end, JournalEnd::Paused);
        // What was replaced stays to go back to.
        assert_eq!(scene.lab.containers("h1").len(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn what_goes_on_says_at_the_end_what_failed() {
    let scene = scene(
        Order::StopFirst,
        FailureAction::Continue,
        0.0,
        &["web.1", "web.3"],
        crashes(1),
    );
    let outcome = scene.run().await;
    assert_eq!(scene.runs(), ["web:1", "web:2", "web:1", "web:2", "web:2", "web:2"]);
    assert_eq!(scene.end(&outcome), ServiceEnd::Left);
    assert!(outcome.is_broken(&scene.maker.plan));
    assert_eq!(
        (scene.halted(), scene.lab.journal("h1").end),
        (None, JournalEnd::Failed)
    );
    // Of those that are done nothing is left; of those that failed nothing was taken away.
    assert!(SIX.iter().all(|(on, _)| scene.lab.containers(on).len() == 1));
}

#[tokio::test(start_paused = true)]
async fn above_the_ratio_and_not_at_it() {
    // One of six is at most 0.17, and two are more.
    for (bad, end) in [
        (&["web.1"][..], ServiceEnd::Left),
        (&["web.1", "web.5"], ServiceEnd::RolledBack),
    ] {
        let scene = scene(Order::StopFirst, FailureAction::Rollback, 0.17, bad, crashes(1));
        let outcome = scene.run().await;
        assert_eq!(scene.end(&outcome), end, "{bad:?}");
        match end {
            ServiceEnd::RolledBack => assert_eq!(scene.runs(), OLD),
            _ => assert_eq!(scene.runs(), ["web:1", "web:2", "web:2", "web:2", "web:2", "web:2"]),
        }
    }
}

/// The failed replica counts once, though its watch and its work both fail; and one that fails after it was up counts too.
#[tokio::test(start_paused = true)]
async fn a_crash_within_the_monitor_counts_though_others_were_begun() {
    let scene = scene(Order::StopFirst, FailureAction::Rollback, 0.17, &["web.2"], crashes(4));
    let outcome = scene.run().await;
    // It was healthy at 2 s, ended at 4 s, and was brought back alone.
    assert_eq!(scene.end(&outcome), ServiceEnd::Left);
    assert_eq!(scene.runs(), ["web:2", "web:1", "web:2", "web:2", "web:2", "web:2"]);
}

#[tokio::test(start_paused = true)]
async fn the_way_back_has_its_own_workers_and_delay() {
    for (parallelism, delay, last) in [(0, 0, 0), (1, 10, 40), (2, 10, 20)] {
        let mut scene = scene(Order::StopFirst, FailureAction::Rollback, 0.0, &["web.6"], crashes(1));
        let rollout = &mut scene.maker.plan.rollouts[0];
        let policy = &mut rollout.on_failure.as_mut().unwrap().rollback;
        (policy.parallelism, policy.delay) = (parallelism, Span::seconds(delay));
        scene.run().await;
        assert_eq!(scene.runs(), OLD);
        let events = scene.lab.events.borrow();
        let begin = events
            .iter()
            .find(|(_, event)| matches!(event, Event::RollingBack(_)))
            .unwrap()
            .0;
        let backs = events.iter().filter(|(_, event)| matches!(event, Event::Back { .. }));
        let end = backs.map(|(at, _)| *at).max().unwrap();
        // Each takes 1 s until it has run through its monitor, and 0.2 s for the other to stop.
        let rounds = match parallelism {
            0 => 1,
            workers => 5_u32.div_ceil(workers),
        };
        let most = secs(last) + Duration::from_millis(1700) * rounds;
        assert!(
            end - begin >= secs(last) && end - begin <= most,
            "{parallelism}: {:?}",
            end - begin
        );
    }
}

/// Of what was before one does not come back: it stops there, and it is an error.
#[tokio::test(start_paused = true)]
async fn a_way_back_that_fails_is_not_walked_further_unless_it_is_to() {
    for failure_action in [RollbackFailure::Pause, RollbackFailure::Continue] {
        let mut scene = scene(Order::StopFirst, FailureAction::Rollback, 0.0, &["web.6"], crashes(1));
        let rollout = &mut scene.maker.plan.rollouts[0];
        rollout.on_failure.as_mut().unwrap().rollback.failure_action = failure_action;
        scene.lab.sim("h4").refuse("start shop.web.4", "no more room");
        // It could be started before; only the way back is barred.
        let undo = "start shop.web.4";
        assert!(
            scene
                .maker
                .plan
                .steps
                .iter()
                .any(|step| step.undo.iter().any(|op| op.to_string() == undo))
        );
        let outcome = scene.run().await;
        let refused = scene.end(&outcome);
        assert_eq!(refused, ServiceEnd::Stuck, "{failure_action:?}");
        assert!(outcome.is_broken(&scene.maker.plan));
        assert_eq!(scene.halted(), None);
    }
}

#[tokio::test(start_paused = true)]
async fn a_signal_on_the_way_back_finishes_what_is_in_hand() {
    let mut scene = scene(Order::StopFirst, FailureAction::Rollback, 0.0, &["web.6"], crashes(1));
    let rollout = &mut scene.maker.plan.rollouts[0];
    rollout.on_failure.as_mut().unwrap().rollback.delay = Span::seconds(60);
    let (stopper, stop) = Stopper::new();
    let run = scene.lab.run(&scene.maker.plan, &stop);
    let signal = async {
        loop {
            tokio::time::sleep(secs(1)).await;
            if scene.events(|event| matches!(event, Event::Back { .. })) > 0 {
                stopper.signal();
                break;
            }
        }
    };
    let (outcome, ()) = tokio::join!(run, signal);
    assert_eq!(scene.end(&outcome), ServiceEnd::Stuck);
    // Each replica runs, in one version or the other.
    assert!(
        scene.runs().iter().all(|run| run == "web:1" || run == "web:2"),
        "{:?}",
        scene.runs()
    );
    assert_eq!(scene.runs().iter().filter(|run| *run == "web:1").count(), 2);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_taken_back_where_nothing_was_before() {
    let mut scene = scene(Order::StopFirst, FailureAction::Rollback, 0.0, &["web.3"], crashes(1));
    scene.maker.plan.rollouts[0].on_failure.as_mut().unwrap().version = None;
    let outcome = scene.run().await;
    assert_eq!(scene.end(&outcome), ServiceEnd::Left);
    assert!(outcome.is_broken(&scene.maker.plan));
    assert_eq!(scene.halted(), None);
    assert_eq!(scene.events(|event| matches!(event, Event::RollingBack(_))), 0);
}

/// Workers take replicas of other hosts and zones first, where there are any.
#[tokio::test(start_paused = true)]
async fn those_at_work_stand_apart() {
    let lab = Lab::new(&[
        ("h1", &["web.1", "web.2"]),
        ("h2", &["web.3", "web.4"]),
        ("h3", &["web.5", "web.6"]),
        ("h4", &["web.7", "web.8"]),
    ]);
    let mut maker = Maker::new(2, 0);
    for slot in 1..=8 {
        maker.replace(&format!("h{}", (slot + 1) / 2), &format!("web.{slot}"));
    }
    let zones = BTreeMap::from([("h1", "a"), ("h2", "a"), ("h3", "b"), ("h4", "b")]);
    for (at, unit) in maker.plan.rollouts[0].units.iter_mut().enumerate() {
        let host = format!("h{}", at / 2 + 1);
        unit.zone = Some(zones[host.as_str()].into());
    }
    let outcome = lab.run(&maker.plan, &Stop::never()).await;
    assert_eq!(outcome.done(), maker.plan.steps.len());
    let log = lab.world.log();
    let stops: Vec<&str> = log
        .iter()
        .filter(|call| call.what.starts_with("stop"))
        .map(|call| zones[call.host.as_str()])
        .collect();
    for pair in stops.chunks(2) {
        assert_ne!(pair[0], pair[1], "{stops:?}");
    }
}
