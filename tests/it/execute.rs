//! The executor on simulated hosts in virtual time: orders and gaps, failures and the way back, signals, the journal.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]

#[path = "execute/address.rs"]
mod address;
#[path = "execute/failures.rs"]
mod failures;
#[path = "execute/firewall.rs"]
pub mod firewall;
#[path = "execute/fixture.rs"]
pub mod fixture;
#[path = "execute/gates.rs"]
mod gates;
#[path = "execute/hosts.rs"]
mod hosts;
#[path = "execute/interrupts.rs"]
mod interrupts;
#[path = "execute/jobs.rs"]
mod jobs;
#[path = "execute/kills.rs"]
mod kills;
#[path = "execute/lock.rs"]
mod lock;
#[path = "execute/only.rs"]
mod only;
#[path = "execute/rollback.rs"]
mod rollback;
#[path = "execute/stage.rs"]
mod stage;
#[path = "execute/updates.rs"]
mod updates;

use cdk::execute::outcome::{Event, ServiceEnd};
use cdk::execute::stop::Stop;
use cdk::model::journal::JournalEnd;
use cdk::model::policy::Order;
use cdk::sim::world::Behaviour;
use std::time::Duration;

use fixture::{Lab, Maker, host, secs, slot};

#[tokio::test(start_paused = true)]
async fn stop_first_makes_the_new_one_when_the_old_one_stands() {
    let lab = Lab::new(&[("h1", &["web.1"])]);
    let mut maker = Maker::new(1, 0);
    maker.replace("h1", "web.1");
    let outcome = lab.run(&maker.plan, &Stop::never()).await;
    assert_eq!(outcome.done(), maker.plan.steps.len());
    assert!(!outcome.failed() && !outcome.interrupted);
    let expected = [
        "h1 stop shop.web.1",
        "h1 rename shop.web.1 to shop.web.1.old",
        "h1 create shop.web.1",
        "h1 start shop.web.1",
        "h1 remove shop.web.1.old",
    ];
    assert_eq!(lab.log(), expected);
    assert_eq!(lab.containers("h1"), ["shop.web.1 web:2 healthy"]);
    // 0.2 s to stop, 2 s until healthy seen at 2.25 s, then the watch of 5 s before the clean-up.
    assert_eq!(lab.times("remove"), [7]);
    assert!(outcome.took > secs(7) && outcome.took < secs(8), "{:?}", outcome.took);
}

#[tokio::test(start_paused = true)]
async fn start_first_stops_the_old_one_when_the_new_one_is_up() {
    let lab = Lab::new(&[("h1", &["web.1"])]);
    let mut maker = Maker::new(1, 0);
    maker.order = Order::StartFirst;
    maker.replace("h1", "web.1");
    lab.run(&maker.plan, &Stop::never()).await;
    let expected = [
        "h1 rename shop.web.1 to shop.web.1.old",
        "h1 create shop.web.1",
        "h1 start shop.web.1",
        "h1 stop shop.web.1.old",
        "h1 remove shop.web.1.old",
    ];
    assert_eq!(lab.log(), expected);
    let (start, stop) = (lab.times("start")[0], lab.times("stop")[0]);
    assert!(stop >= start + 2, "{start} {stop}");
}

const FIVE: [(&str, &[&str]); 5] = [
    ("h1", &["web.1"]),
    ("h2", &["web.2"]),
    ("h3", &["web.3"]),
    ("h4", &["web.4"]),
    ("h5", &["web.5"]),
];

fn five(parallelism: u32, delay: u64) -> (Lab, Maker) {
    let lab = Lab::new(&FIVE);
    let mut maker = Maker::new(parallelism, delay);
    for (on, of) in FIVE {
        maker.replace(on, of[0]);
    }
    (lab, maker)
}

#[tokio::test(start_paused = true)]
async fn parallelism_and_delay_hold() {
    let (lab, maker) = five(2, 10);
    let outcome = lab.run(&maker.plan, &Stop::never()).await;
    assert_eq!(outcome.done(), maker.plan.steps.len());
    // Each takes 0.2 s to stop and is seen healthy at 2.25 s: a worker takes its next after 12.45 s.
    assert_eq!(lab.times("stop"), [0, 0, 12, 12, 24]);
    let delays = lab.events.borrow();
    let delays = delays.iter().filter(|(_, event)| matches!(event, Event::Delay(..)));
    // After the last replica there is nothing to wait for.
    assert_eq!(delays.count(), 4);
    // The clean-up waits for the last watch.
    assert!(lab.times("remove").iter().all(|at| *at >= 24 + 2 + 5));
}

#[tokio::test(start_paused = true)]
async fn the_delay_runs_while_the_old_one_of_start_first_stops() {
    for (stops_after, starts) in [(secs(2), [0, 6]), (secs(8), [0, 10])] {
        let lab = Lab::new(&[("h1", &["web.1"]), ("h2", &["web.2"])]);
        lab.behave(
            "web:1",
            Behaviour {
                stops_after,
                ..Behaviour::default()
            },
        );
        let mut maker = Maker::new(1, 4);
        maker.order = Order::StartFirst;
        maker.replace("h1", "web.1");
        maker.replace("h2", "web.2");
        lab.run(&maker.plan, &Stop::never()).await;
        assert_eq!(lab.times("start"), starts, "{stops_after:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_up_is_seen_a_tenth_later_at_most() {
    for healthy in [500, 1050, 2000, 7300, 40_000] {
        let lab = Lab::new(&[("h1", &["web.1"])]);
        let healthy_after = Some(Duration::from_millis(healthy));
        lab.behave(
            "web:2",
            Behaviour {
                healthy_after,
                ..Behaviour::default()
            },
        );
        let mut maker = Maker::new(1, 0);
        maker.replace("h1", "web.1");
        lab.run(&maker.plan, &Stop::never()).await;
        let events = lab.events.borrow();
        let waits = maker
            .plan
            .steps
            .iter()
            .filter(|step| step.op.to_string().starts_with("wait"));
        let gate = waits.map(|step| step.id).next().unwrap();
        let took = events.iter().find_map(|(_, event)| match event {
            Event::Done(id, took) if *id == gate => Some(took.as_millis()),
            _ => None,
        });
        let (took, healthy) = (took.unwrap(), u128::from(healthy));
        assert!(
            took <= healthy + (healthy / 10).max(100) + 10,
            "{took} for {healthy} ms"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn workers_are_no_batches() {
    let lab = Lab::new(&FIVE);
    let slow = Behaviour {
        healthy_after: Some(secs(60)),
        ..Behaviour::default()
    };
    lab.behave("web:3", slow);
    let mut maker = Maker::new(2, 0);
    maker.image = "web:3";
    maker.replace("h1", "web.1");
    maker.image = "web:2";
    for (on, of) in &FIVE[1..] {
        maker.replace(on, of[0]);
    }
    lab.run(&maker.plan, &Stop::never()).await;
    // While one worker waits for the slow one, the other does all the rest.
    assert_eq!(lab.times("stop"), [0, 0, 2, 4, 7]);
}

#[tokio::test(start_paused = true)]
async fn a_parallelism_of_nought_is_all() {
    let (lab, maker) = five(0, 10);
    lab.run(&maker.plan, &Stop::never()).await;
    assert_eq!(lab.times("stop"), [0; 5]);
}

#[tokio::test(start_paused = true)]
async fn pulls_are_bounded_per_host_and_all_over() {
    let pulls = |maker: &mut Maker| {
        for on in ["h1", "h1", "h1", "h1", "h1", "h2", "h2", "h2", "h2"] {
            maker.pull(on, "web:9");
        }
    };
    for (parallel, expected) in [
        (16, vec![0, 0, 0, 0, 0, 0, 3, 3, 3]),
        (2, vec![0, 0, 3, 3, 6, 6, 9, 9, 12]),
    ] {
        let lab = Lab::new(&[("h1", &[]), ("h2", &[])]);
        let mut maker = Maker::new(1, 0);
        pulls(&mut maker);
        let outcome = lab.run_with(&maker.plan, &Stop::never(), parallel).await;
        assert_eq!(outcome.done(), 9);
        assert_eq!(lab.times("pull"), expected, "{parallel} at once");
    }
}

#[tokio::test(start_paused = true)]
async fn a_rollout_waits_for_what_must_be_settled() {
    let (lab, mut maker) = five(0, 0);
    let slow = Behaviour {
        pull: secs(40),
        ..Behaviour::default()
    };
    lab.behave("web:9", slow);
    let pull = maker.pull("h5", "web:9");
    let first = maker.plan.rollouts[0].units[0].steps[0];
    maker.plan.steps[first.0 as usize].settled.push(pull);
    lab.run(&maker.plan, &Stop::never()).await;
    assert_eq!(lab.times("stop"), [0, 0, 0, 0, 40]);
}

#[tokio::test(start_paused = true)]
async fn without_a_health_check_up_is_running_through_the_monitor() {
    let lab = Lab::new(&[("h1", &["web.1"]), ("h2", &["web.2"])]);
    let mut maker = Maker::new(1, 0);
    maker.replace("h1", "web.1");
    maker.replace("h2", "web.2");
    for step in &mut maker.plan.steps {
        if let cdk::model::op::Op::Container(cdk::model::op::ContainerOp::Create { spec, .. }) = &mut step.op {
            *spec = std::sync::Arc::new(spec.changed(|spec| spec.healthcheck = None));
        }
    }
    lab.run(&maker.plan, &Stop::never()).await;
    assert_eq!(lab.times("stop"), [0, 5], "the second waits for the first one's 5 s");
    assert_eq!(lab.containers("h2"), ["shop.web.2 web:2 running"]);
}

#[tokio::test(start_paused = true)]
async fn the_journal_says_what_was_meant_and_what_was_reached() {
    let (lab, maker) = five(0, 0);
    lab.run(&maker.plan, &Stop::never()).await;
    let writes: Vec<_> = lab
        .world
        .log()
        .into_iter()
        .filter(|call| call.what.starts_with("write "))
        .collect();
    // Its beginning and its end on each of five hosts; between, on one of them, how far it is.
    let told: Vec<_> = writes[5..writes.len() - 5]
        .iter()
        .map(|call| (call.host.as_str(), call.at))
        .collect();
    assert_eq!(told, [("h1", secs(2)), ("h1", secs(4))]);
    assert!(writes[..5].iter().all(|call| call.at == Duration::ZERO));
    assert!(
        writes.iter().all(|call| call.what == "write journal/03.json"),
        "19 % 16"
    );
    let record = lab.journal("h4");
    assert_eq!(
        (record.end, record.sequence, record.by.as_str()),
        (JournalEnd::Done, 19, "ann@desk")
    );
    assert_eq!(
        (record.steps, record.done),
        (maker.plan.steps.len(), maker.plan.steps.len())
    );
    assert_eq!(record.placement[&slot("web.5")].host, host("h5"));
    assert_eq!(record.at, "2026-01-02T03:04:05Z");
}

#[tokio::test(start_paused = true)]
async fn a_plan_without_steps_touches_nothing() {
    let lab = Lab::new(&FIVE);
    let outcome = lab.run(&Maker::new(1, 0).plan, &Stop::never()).await;
    assert_eq!((outcome.steps.len(), lab.world.calls()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_rollout_is_told_once_when_nothing_more_happens_to_it() {
    let sick = Behaviour {
        healthy_after: None,
        unhealthy_after: Some(secs(3)),
        ..Behaviour::default()
    };
    for (behaviour, end) in [(Behaviour::default(), ServiceEnd::Done), (sick, ServiceEnd::Left)] {
        let (lab, maker) = five(2, 0);
        lab.behave("web:2", behaviour);
        lab.run(&maker.plan, &Stop::never()).await;
        let events = lab.events.borrow();
        let told: Vec<&Event> = events
            .iter()
            .map(|(_, event)| event)
            .filter(|event| matches!(event, Event::Rolled(..)))
            .collect();
        assert_eq!(told, [&Event::Rolled("web".parse().unwrap(), end)]);
        assert_eq!(
            events.last().map(|(_, event)| event),
            Some(told[0]),
            "what failed is taken back by then"
        );
    }
}
