//! What happens when a replica, a host or an image fails.

use cdk::execute::outcome::Event;
use cdk::execute::stop::Stop;
use cdk::host::Host as _;
use cdk::model::journal::JournalEnd;
use cdk::model::op::{ContainerOp, Op, VolumeOp};
use cdk::model::policy::Order;
use cdk::model::text::SharedText;
use cdk::model::unit::Span;
use cdk::sim::world::Behaviour;

use super::fixture::{Lab, Maker, ends, host, secs, slot};

const THREE: [(&str, &[&str]); 3] = [("h1", &["web.1"]), ("h2", &["web.2"]), ("h3", &["web.3"])];

fn three(parallelism: u32) -> (Lab, Maker) {
    let lab = Lab::new(&THREE);
    let mut maker = Maker::new(parallelism, 0);
    for (on, of) in THREE {
        maker.replace(on, of[0]);
    }
    (lab, maker)
}

fn exits(after: u64, code: i64) -> Behaviour {
    Behaviour {
        exits: Some((secs(after), code)),
        logs: (0..30).map(|line| format!("line {line}")).collect(),
        ..Behaviour::default()
    }
}

#[tokio::test(start_paused = true)]
async fn a_replica_that_exits_is_taken_back_and_no_other_begins() {
    for order in [Order::StopFirst, Order::StartFirst] {
        let lab = Lab::new(&THREE);
        lab.behave("web:2", exits(1, 0));
        let mut maker = Maker::new(1, 0);
        maker.order = order;
        for (on, of) in THREE {
            maker.replace(on, of[0]);
        }
        let outcome = lab.run(&maker.plan, &Stop::never()).await;
        assert!(outcome.failed() && !outcome.interrupted);
        let (error, logs) = lab.failure();
        assert_eq!(error, "shop.web.1 exited and is being restarted");
        assert_eq!((logs.len(), logs[9].as_str()), (10, "line 29"));
        let back = [
            "h1 stop shop.web.1",
            "h1 remove shop.web.1",
            "h1 rename shop.web.1.old to shop.web.1",
        ];
        let log = lab.log();
        let tail = match order {
            Order::StopFirst => [&back[..], &["h1 start shop.web.1"]].concat(),
            Order::StartFirst => back.to_vec(),
        };
        assert!(
            log.ends_with(&tail.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>()),
            "{log:#?}"
        );
        for (on, of) in THREE {
            let state = format!("shop.{} web:1 running", of[0]);
            assert_eq!(lab.containers(on), [state]);
        }
        assert!(log.iter().all(|line| line.starts_with("h1 ")), "{log:#?}");
        let record = lab.journal("h3");
        assert_eq!((record.end, record.done), (JournalEnd::Failed, 0));
        assert_eq!(record.placement[&slot("web.1")].host, host("h1"));
    }
}

#[tokio::test(start_paused = true)]
async fn the_ends_say_what_was_undone_and_skipped() {
    let (lab, maker) = three(1);
    lab.behave("web:2", exits(1, 1));
    let outcome = lab.run(&maker.plan, &Stop::never()).await;
    let ends = ends(&maker.plan, &outcome);
    let expected = [
        "h1 stop shop.web.1: undone",
        "h1 rename shop.web.1 to shop.web.1.old: undone",
        "h1 create shop.web.1: undone",
        "h1 start shop.web.1: undone",
        "h1 wait until shop.web.1 is up: failed",
        "h1 watch shop.web.1 for 5s: skipped",
        "h1 remove shop.web.1.old: skipped",
    ];
    assert_eq!(ends[..7], expected);
    assert!(ends[7..].iter().all(|end| end.ends_with("skipped")), "{ends:#?}");
    let events = lab.events.borrow();
    let undone = events
        .iter()
        .filter(|(_, event)| matches!(event, Event::Undone { error: None, .. }));
    assert_eq!(undone.count(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_gate_tells_how_a_replica_failed() {
    let never = Behaviour {
        healthy_after: None,
        ..Behaviour::default()
    };
    let unhealthy = Behaviour {
        unhealthy_after: Some(secs(9)),
        ..never.clone()
    };
    for (behaviour, error, at) in [
        (never, "shop.web.1 is not healthy within 2m", 120),
        (
            unhealthy,
            "shop.web.1 is unhealthy: its health check ended with code 1",
            9,
        ),
        (exits(0, 0), "shop.web.1 exited and is being restarted", 0),
    ] {
        let (lab, maker) = three(1);
        lab.behave("web:2", behaviour);
        lab.run(&maker.plan, &Stop::never()).await;
        assert_eq!(lab.failure().0, error);
        // The second stop takes the new one back.
        assert!(lab.times("stop")[1].abs_diff(at) <= 1, "{:?}", lab.times("stop"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_restart_between_two_looks_is_seen() {
    let lab = Lab::new(&THREE[..1]);
    // It ends after 2.5 s and is back a second later; the first look finds it running, after 4 s.
    lab.behave(
        "web:2",
        Behaviour {
            exits: Some((std::time::Duration::from_millis(2_500), 3)),
            healthy_after: None,
            ..Behaviour::default()
        },
    );
    lab.world.set_latency(secs(4));
    let mut maker = Maker::new(1, 0);
    maker.replace("h1", "web.1");
    lab.run(&maker.plan, &Stop::never()).await;
    assert_eq!(lab.failure().0, "shop.web.1 exited and was started again");
    assert_eq!(
        lab.times("stop")[1] - lab.times("start")[0],
        12,
        "start, the first look, the log"
    );
    assert_eq!(lab.containers("h1"), ["shop.web.1 web:1 running"]);
}

#[tokio::test(start_paused = true)]
async fn a_replica_that_ends_under_its_watch_is_taken_back_and_the_rollout_stops() {
    let (lab, mut maker) = three(1);
    lab.behave("web:2", exits(4, 7));
    for step in &mut maker.plan.steps {
        if let Op::Container(ContainerOp::Create { spec, .. }) = &mut step.op {
            *spec = std::sync::Arc::new(spec.changed(|spec| spec.restart = cdk::model::setting::Restart::No));
        }
    }
    // Healthy after 2 s, so the second begins; the first ends after 4 s, the second after it.
    let outcome = lab.run(&maker.plan, &Stop::never()).await;
    assert!(outcome.failed());
    assert_eq!(lab.failure().0, "shop.web.1 exited with code 7");
    let ends = ends(&maker.plan, &outcome);
    assert_eq!(ends[4], "h1 wait until shop.web.1 is up: undone");
    assert_eq!(ends[5], "h1 watch shop.web.1 for 5s: failed");
    for (on, of) in THREE {
        assert_eq!(lab.containers(on), [format!("shop.{} web:1 running", of[0])]);
    }
    assert!(ends[14..].iter().all(|end| end.ends_with("skipped")), "{ends:#?}");
    assert_eq!(lab.times("remove shop.web.1.old"), [0; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_failed_watch_does_not_wait_for_the_delay() {
    let lab = Lab::new(&THREE);
    lab.behave("web:2", exits(4, 7));
    let mut maker = Maker::new(1, 600);
    maker.monitor = Span::seconds(10);
    for (on, of) in THREE {
        maker.replace(on, of[0]);
    }
    let outcome = lab.run(&maker.plan, &Stop::never()).await;
    assert!(outcome.failed() && outcome.took < secs(20), "{:?}", outcome.took);
    assert_eq!(lab.containers("h1"), ["shop.web.1 web:1 running"]);
}

#[tokio::test(start_paused = true)]
async fn a_refused_image_keeps_the_whole_service_as_it_is() {
    let (lab, mut maker) = three(1);
    let pulls = ["h1", "h2", "h3"].map(|on| maker.pull(on, "web:2"));
    for (unit, own) in maker.plan.rollouts[0].units.iter().zip(pulls) {
        let first = &mut maker.plan.steps[unit.steps[0].0 as usize];
        (first.after, first.settled) = ([own].into_iter().collect(), pulls.into_iter().collect());
    }
    lab.sim("h2").refuse("pull web:2", "manifest unknown");
    let outcome = lab.run(&maker.plan, &Stop::never()).await;
    assert!(outcome.failed());
    assert_eq!(lab.failure().0, "manifest unknown");
    assert!(lab.log().iter().all(|line| line.contains("pull")), "{:#?}", lab.log());
}

#[tokio::test(start_paused = true)]
async fn a_create_that_is_refused_removes_nobody_elses_container() {
    let lab = Lab::new(&[("h1", &["web.1"])]);
    let mut maker = Maker::new(1, 0);
    maker.replace("h1", "web.1");
    lab.sim("h1").refuse("create shop.web.1", "no space left on device");
    lab.run(&maker.plan, &Stop::never()).await;
    assert_eq!(lab.failure().0, "no space left on device");
    assert!(
        !lab.log().iter().any(|line| line.contains("remove")),
        "{:#?}",
        lab.log()
    );
    assert_eq!(lab.containers("h1"), ["shop.web.1 web:1 running"]);
}

#[tokio::test(start_paused = true)]
async fn a_create_that_is_refused_still_brings_back_what_an_earlier_apply_put_aside() {
    let lab = Lab::new(&[("h1", &["web.1"])]);
    // As a killed apply left it.
    let aside = lab.sim("h1");
    aside.stop("shop.web.1").await.unwrap();
    aside.rename("shop.web.1", "shop.web.1.old").await.unwrap();
    let mut maker = Maker::new(1, 0);
    maker.create("h1", "web.1");
    let (name, old) = (SharedText::from("shop.web.1"), SharedText::from("shop.web.1.old"));
    let back = [
        Op::Container(ContainerOp::Rename {
            name: old,
            to: name.clone(),
        }),
        Op::Container(ContainerOp::Start { name }),
    ];
    maker.plan.steps[0].undo.extend(back);
    aside.refuse("create shop.web.1", "no space left on device");
    lab.run(&maker.plan, &Stop::never()).await;
    assert!(
        !lab.log().iter().any(|line| line.contains("remove")),
        "{:#?}",
        lab.log()
    );
    assert_eq!(lab.containers("h1"), ["shop.web.1 web:1 running"]);
}

#[tokio::test(start_paused = true)]
async fn a_host_that_has_moved_is_left_alone() {
    let (lab, mut maker) = three(1);
    let cdk::plan::step::Precondition::Is { id, .. } = &mut maker.plan.steps[0].pre else {
        panic!("the first step looks at its container");
    };
    *id = "another".into();
    let outcome = lab.run(&maker.plan, &Stop::never()).await;
    assert!(outcome.failed());
    let expected = "shop.web.1 on h1 is not the container that the plan was made for: plan again";
    assert_eq!(lab.failure().0, expected);
    assert!(lab.log().is_empty(), "{:#?}", lab.log());
}

#[tokio::test(start_paused = true)]
async fn what_is_in_the_way_is_left_alone() {
    let lab = Lab::new(&[("h1", &["web.1"])]);
    let mut maker = Maker::new(1, 0);
    maker.create("h1", "web.1");
    let outcome = lab.run(&maker.plan, &Stop::never()).await;
    assert!(outcome.failed());
    assert_eq!(
        lab.failure().0,
        "shop.web.1 on h1 was not there when the plan was made: plan again"
    );
    assert_eq!(lab.containers("h1"), ["shop.web.1 web:1 running"]);
    assert!(lab.journal("h1").placement.is_empty(), "it was not made");
}

#[tokio::test(start_paused = true)]
async fn steps_after_a_failed_one_are_skipped_and_settled_ones_are_not() {
    let lab = Lab::new(&[("h1", &[])]);
    let mut maker = Maker::new(1, 0);
    let first = maker.pull("h1", "web:7");
    let second = maker.pull("h1", "web:8");
    let third = maker.pull("h1", "web:9");
    maker.plan.steps[second.0 as usize].after.push(first);
    maker.plan.steps[third.0 as usize].settled.push(second);
    lab.sim("h1").refuse("pull web:7", "manifest unknown");
    let outcome = lab.run(&maker.plan, &Stop::never()).await;
    let expected = ["h1 pull web:7: failed", "h1 pull web:8: skipped", "h1 pull web:9: done"];
    assert_eq!(ends(&maker.plan, &outcome), expected);
}

#[tokio::test(start_paused = true)]
async fn a_replica_that_waits_does_not_begin_when_another_has_failed() {
    let (lab, mut maker) = three(0);
    lab.behave("web:2", exits(1, 1));
    let slow = Behaviour {
        pull: secs(40),
        ..Behaviour::default()
    };
    lab.behave("web:9", slow);
    let pull = maker.pull("h2", "web:9");
    let second = maker.plan.rollouts[0].units[1].steps[0];
    maker.plan.steps[second.0 as usize].after.push(pull);
    lab.run(&maker.plan, &Stop::never()).await;
    assert!(lab.log().iter().all(|line| !line.contains("web.2")), "{:#?}", lab.log());
    let events = lab.events.borrow();
    let skipped = events.iter().find(|(_, event)| *event == Event::Skipped(second));
    assert!(
        skipped.expect("it is skipped").0 < secs(5),
        "it need not wait for the pull"
    );
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_fails_meanwhile_ends_the_work_at_its_step() {
    let lab = Lab::new(&THREE);
    let slow = Behaviour {
        stops_after: secs(8),
        ..Behaviour::default()
    };
    lab.behave("web:1", slow);
    lab.behave("web:2", exits(4, 1));
    let mut maker = Maker::new(1, 0);
    maker.order = Order::StartFirst;
    maker.replace("h1", "web.1");
    let name = "late".into();
    let late = maker
        .step(
            "h1",
            None,
            Op::Volume(VolumeOp::Create {
                name,
                spec: Default::default(),
            }),
            Vec::new(),
        )
        .id;
    maker.plan.rollouts[0].units[0].steps.push(late);
    lab.run(&maker.plan, &Stop::never()).await;
    let log = lab.log();
    assert!(log.iter().all(|line| !line.contains("late")), "{log:#?}");
    let back = [
        "h1 stop shop.web.1.old",
        "h1 start shop.web.1.old",
        "h1 stop shop.web.1",
        "h1 remove shop.web.1",
        "h1 rename shop.web.1.old to shop.web.1",
    ];
    assert_eq!(log[3..], back);
    assert_eq!(lab.containers("h1"), ["shop.web.1 web:1 running"]);
}

#[tokio::test(start_paused = true)]
async fn a_way_back_that_is_barred_is_not_walked_further() {
    let (lab, maker) = three(1);
    lab.behave("web:2", exits(1, 1));
    lab.sim("h1").refuse("remove shop.web.1", "device is busy");
    let outcome = lab.run(&maker.plan, &Stop::never()).await;
    assert_eq!(lab.log().last().unwrap(), "h1 remove shop.web.1");
    let ends = ends(&maker.plan, &outcome);
    assert!(ends[..3].iter().all(|end| end.ends_with("failed")), "{ends:#?}");
    assert_eq!(ends[3], "h1 start shop.web.1: undone");
    let events = lab.events.borrow();
    let stuck = events.iter().filter_map(|(_, event)| match event {
        Event::Undone { error, .. } => error.clone(),
        _ => None,
    });
    let not_tried = "not tried, because a later step on h1 stays".to_owned();
    assert_eq!(
        stuck.collect::<Vec<_>>(),
        ["device is busy".to_owned(), not_tried.clone(), not_tried]
    );
}
