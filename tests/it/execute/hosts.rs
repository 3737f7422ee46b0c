//! What happens when a host fails, and what the journal says of it then.

use cdk::execute::outcome::Event;
use cdk::execute::stop::Stop;
use cdk::model::journal::JournalEnd;
use cdk::model::op::{ContainerOp, Op};
use cdk::plan::step::Action;

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

#[tokio::test(start_paused = true)]
async fn a_failed_host_stops_only_its_own_replicas() {
    let lab = Lab::new(&[("h1", &["web.1", "web.4"]), ("h2", &["web.2"]), ("h3", &["web.3"])]);
    let mut maker = Maker::new(2, 0);
    for (on, of) in [("h1", "web.1"), ("h2", "web.2"), ("h3", "web.3"), ("h1", "web.4")] {
        maker.replace(on, of);
    }
    // The journal, a look and the stop are answered; the rename is not.
    lab.sim("h1").fail_from(4);
    let outcome = lab.run(&maker.plan, &Stop::never()).await;
    assert!(outcome.failed());
    let ends = ends(&maker.plan, &outcome);
    assert!(ends[0].ends_with("failed") && ends[1].ends_with("failed"), "{ends:#?}");
    for (on, of) in &THREE[1..] {
        let containers = lab.containers(on);
        assert!(
            containers.contains(&format!("shop.{} web:2 healthy", of[0])),
            "{containers:?}"
        );
    }
    assert!(
        ends.iter()
            .filter(|end| end.contains("web.4"))
            .all(|end| end.ends_with("skipped"))
    );
    let events = lab.events.borrow();
    let error = events.iter().find_map(|(_, event)| match event {
        Event::Undone { error, .. } => error.clone(),
        _ => None,
    });
    assert_eq!(error.as_deref(), Some("h1: connection timed out"));
    // What h1 holds is not known; the others say that it holds both.
    let record = lab.journal("h2");
    assert_eq!(record.end, JournalEnd::Failed);
    assert_eq!(record.placement[&slot("web.1")].host, host("h1"));
    assert_eq!(lab.journal("h1").end, JournalEnd::Begun);
}

#[tokio::test(start_paused = true)]
async fn a_replica_that_may_be_down_on_a_host_that_failed_counts_as_worked_on() {
    for (parallelism, others) in [(1, 0), (2, 2)] {
        let (lab, maker) = three(parallelism);
        lab.sim("h1").fail_from(4);
        assert!(lab.run(&maker.plan, &Stop::never()).await.failed());
        let new = ["h2", "h3"].iter().flat_map(|on| lab.containers(on));
        assert_eq!(new.filter(|one| one.contains("web:2")).count(), others, "{parallelism}");
    }
    // Where nothing of it was begun, it is as it was.
    let (lab, maker) = three(1);
    lab.sim("h1").fail_from(2);
    assert!(lab.run(&maker.plan, &Stop::never()).await.failed());
    assert_eq!(lab.containers("h3")[0], "shop.web.3 web:2 healthy");
}

#[tokio::test(start_paused = true)]
async fn a_host_that_is_silent_for_a_moment_is_waited_for() {
    let (lab, maker) = three(1);
    lab.sim("h1").fail_from(9);
    let stop = Stop::never();
    let revive = async {
        tokio::time::sleep(secs(6)).await;
        lab.sim("h1").revive();
    };
    let (outcome, ()) = tokio::join!(lab.run(&maker.plan, &stop), revive);
    assert!(!outcome.failed(), "{:#?}", ends(&maker.plan, &outcome));
    assert!(lab.times("stop")[1] >= 6);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_done_on_a_host_that_cannot_be_told() {
    let (lab, maker) = three(1);
    lab.sim("h2").fail_from(1);
    let outcome = lab.run(&maker.plan, &Stop::never()).await;
    assert!(outcome.failed());
    assert_eq!(lab.sim("h2").calls(), 1);
    for on in ["h1", "h3"] {
        assert!(lab.containers(on).iter().any(|line| line.contains("web:2 healthy")));
    }
    let (error, _) = lab.failure();
    assert_eq!(
        error,
        "the journal could not be written on h2: h2: connection timed out"
    );
    let events = lab.events.borrow();
    assert!(
        events
            .iter()
            .any(|(_, event)| matches!(event, Event::Journal(name, _) if *name == host("h2")))
    );
}

#[tokio::test(start_paused = true)]
async fn the_journal_keeps_what_nobody_knows_and_what_did_not_move() {
    let lab = Lab::new(&THREE);
    let mut maker = Maker::new(0, 0);
    maker.create("h1", "web.7");
    maker.create("h2", "web.8");
    maker.create("h3", "web.9");
    maker.plan.services[0].slots[2].action = Action::Move;
    maker.plan.services[0].slots[2].from = Some(host("h2"));
    // The journal, a look and the create are answered on h1, and nothing after.
    lab.sim("h1").fail_from(4);
    lab.sim("h2").refuse("start shop.web.8", "no");
    lab.sim("h3").refuse("start shop.web.9", "no");
    lab.run(&maker.plan, &Stop::never()).await;
    assert_eq!(lab.containers("h1").len(), 2);
    let placement = lab.journal("h2").placement;
    let places: Vec<_> = placement
        .iter()
        .map(|(slot, at)| format!("{slot} {}", at.host))
        .collect();
    assert_eq!(places, ["web.7 h1", "web.9 h2"], "web.8 was made and removed again");
}

#[tokio::test(start_paused = true)]
async fn a_replica_made_by_a_step_alone_may_be_there_when_its_host_is_lost() {
    let (lab, mut maker) = (Lab::new(&THREE), Maker::new(0, 0));
    maker.create("h1", "web.7");
    maker.create("h2", "web.8");
    maker.plan.rollouts.clear();
    // The journal and a look are answered on h1; whether it made the container is not known.
    lab.sim("h1").fail_from(3);
    lab.sim("h2").refuse("create shop.web.8", "no");
    lab.run(&maker.plan, &Stop::never()).await;
    let placement = lab.journal("h2").placement;
    assert_eq!(placement.keys().cloned().collect::<Vec<_>>(), [slot("web.7")]);
}

#[tokio::test(start_paused = true)]
async fn nothing_more_begins_on_a_host_that_has_failed() {
    let (lab, mut maker) = (Lab::new(&THREE), Maker::new(1, 0));
    let first = maker.pull("h1", "web:7");
    for on in ["h1", "h2"] {
        let later = maker.pull(on, "web:8");
        maker.plan.steps[later.0 as usize].settled.push(first);
    }
    // The journal is answered.
    lab.sim("h1").fail_from(2);
    let outcome = lab.run(&maker.plan, &Stop::never()).await;
    let expected = ["h1 pull web:7: failed", "h1 pull web:8: skipped", "h2 pull web:8: done"];
    assert_eq!(ends(&maker.plan, &outcome), expected);
}

#[tokio::test(start_paused = true)]
async fn a_replica_has_moved_though_its_old_container_is_still_there() {
    let (lab, mut maker) = (Lab::new(&THREE), Maker::new(1, 0));
    maker.create("h3", "web.9");
    let name = "shop.web.9.old".into();
    let remove = Op::Container(ContainerOp::Remove { name });
    let cleanup = maker.step("h2", Some("web.9"), remove, Vec::new()).id;
    maker.plan.rollouts[0].cleanup.push(cleanup);
    let change = &mut maker.plan.services[0].slots[0];
    (change.action, change.from) = (Action::Move, Some(host("h2")));
    lab.sim("h2").refuse("remove shop.web.9.old", "device is busy");
    let outcome = lab.run(&maker.plan, &Stop::never()).await;
    assert!(outcome.failed());
    assert_eq!(lab.journal("h2").placement[&slot("web.9")].host, host("h3"));
}

#[tokio::test(start_paused = true)]
async fn a_host_is_given_up_in_the_journal_even_where_nothing_else_is_to_do() {
    let lab = Lab::new(&[("h1", &["web.1"])]);
    let mut plan = Maker::new(1, 0).plan;
    plan.hosts.push(host("h1"));
    plan.rollouts.clear();
    assert!(plan.is_empty());
    plan.forgets.insert(host("h2"));
    plan.memory.forgotten.insert(host("h2"));
    assert!(!plan.is_empty());
    let outcome = lab.run(&plan, &Stop::never()).await;
    assert!(!outcome.failed());
    let record = lab.journal("h1");
    assert_eq!(record.end, JournalEnd::Done);
    assert!(record.memory.forgotten.contains(&host("h2")));
}
