//! What people and scripts see: here the plan's text and data; beside it progress, outcomes, tables and the command line.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use cdk::model::container::{ContainerSpec, ContainerState, Health};
use cdk::model::op::{ContainerOp, GateOp, Op};
use cdk::model::runtime::Runtime;
use cdk::model::setting::{Healthcheck, Limits, Logging, Restart};
use cdk::model::unit::Span;
use cdk::plan::rollout::{Rollout, Unit};
use cdk::plan::step::{Action, Plan, PlanDocument, StepId};
use cdk::report::estimate::{Estimate, estimate};
use cdk::report::style::Style;
use cdk::report::{mask, plan};
use cdk::sim::pace::ASSUMED;

#[path = "report/asked.rs"]
mod asked;
#[path = "report/back.rs"]
mod back;
#[path = "report/history.rs"]
mod history;
#[path = "report/line.rs"]
mod line;
#[path = "report/made.rs"]
mod made;
#[path = "report/tables.rs"]
mod tables;
#[path = "report/told.rs"]
mod told;
#[path = "report/walls.rs"]
mod walls;

use made::{PLAIN, empty, everything, golden, owner, pull, remove, replica, service, slot, step, up};

#[test]
fn a_plan_shows_every_action_and_note() {
    let shown = plan::text(&everything(), 4, Duration::from_millis(430), PLAIN);
    golden("plan.txt", &shown);
}

#[test]
fn verbose_adds_every_step_with_its_host_and_why() {
    let verbose = Style { verbose: true, ..PLAIN };
    let shown = plan::text(&everything(), 4, Duration::from_millis(430), verbose);
    golden("plan-verbose.txt", &shown);
}

#[test]
fn colours_add_nothing_but_colours() {
    let colored = plan::text(&everything(), 4, Duration::ZERO, Style { color: true, ..PLAIN });
    let bare = ["32", "33", "31", "36", "2", "35", "1", "0"]
        .iter()
        .fold(colored.clone(), |text, code| {
            text.replace(&format!("\u{1b}[{code}m"), "")
        });
    assert_ne!(colored, bare);
    assert_eq!(bare, plan::text(&everything(), 4, Duration::ZERO, PLAIN));
}

#[test]
fn nothing_to_do_says_what_is_as_it_should_be() {
    let mut slots = vec![
        replica("web.1", Action::Keep, Some("bj-01"), "as it should be"),
        replica("web.2", Action::Keep, Some("bj-02"), "as it should be, but unhealthy"),
        replica("web.3", Action::Unknown, Some("bj-05"), ""),
    ];
    slots[1].state = Some(ContainerState::Running {
        health: Some(Health::Unhealthy),
    });
    let quiet = Plan {
        services: vec![service("web", "", Vec::new(), slots)],
        ..empty()
    };
    let shown = plan::text(&quiet, 1, Duration::ZERO, PLAIN);
    let wanted = "cluster shop · 3f2a1c9 main \"web 1.5.0\" · 1 host\n\n\
                  = web            1 replica as it should be, 1 replica not well, 1 replica unknown\n    \
                  = web.2      bj-02   as it should be, but unhealthy\n\n\
                  No changes. 2 replicas are as git says; 1 unknown\n";
    assert_eq!(shown, wanted);
}

#[test]
fn work_on_no_replica_is_shown_too() {
    let tidy = Plan {
        services: vec![service(
            "web",
            "",
            Vec::new(),
            vec![replica("web.1", Action::Keep, Some("bj-01"), "")],
        )],
        steps: vec![step(
            0,
            "bj-01",
            Some("web.1"),
            remove("shop.web.1.old"),
            &[],
            "left over",
        )],
        ..empty()
    };
    let shown = plan::text(&tidy, 1, Duration::ZERO, PLAIN);
    assert!(
        shown.contains("~ bj-01          remove shop.web.1.old: left over\n"),
        "{shown}"
    );
    assert!(
        shown.ends_with("Plan: 1 step to tidy up · 1 wave · about 1 s\n"),
        "{shown}"
    );
}

/// Four replicas by two workers: pull, two rounds, clean-up. 5 s pull, 2 × 5 s until up, 10 s delay, 5 s watch, clean-up.
#[test]
fn waves_follow_workers_delays_and_edges() {
    let mut steps = vec![step(0, "bj-01", None, pull(), &[], "")];
    let mut units = Vec::new();
    for n in 1..=4 {
        let name = format!("web.{n}");
        let (first, watch) = (n * 2 - 1, n * 2);
        steps.push(step(first, "bj-01", Some(&name), up(&name), &[0], ""));
        let monitor = Span::seconds(5);
        let stays = Op::Gate(GateOp::Stays {
            name: name.as_str().into(),
            monitor,
            gated: false,
        });
        steps.push(step(watch, "bj-01", Some(&name), stays, &[first], ""));
        units.push(Unit {
            slot: slot(&name),
            steps: [StepId(first)].into_iter().collect(),
            watch: Some(StepId(watch)),
            resumes: None,
            zone: None,
        });
    }
    steps.push(step(9, "bj-01", Some("web.1"), remove("shop.web.1.old"), &[], ""));
    let rollout = Rollout {
        service: "web".parse().unwrap(),
        parallelism: 2,
        delay: Span::seconds(10),
        units,
        cleanup: vec![StepId(9)],
        stops: Vec::new(),
        canary: false,
        on_failure: None,
    };
    let mut rolling = Plan {
        steps,
        rollouts: vec![rollout],
        ..empty()
    };
    let time = Duration::from_millis(5000 + 5000 + 10_000 + 5000 + 5000) + ASSUMED.remove;
    assert_eq!(estimate(&rolling), Estimate { waves: 4, time });
    rolling.rollouts[0].parallelism = 0;
    let time = Duration::from_millis(5000 + 5000 + 5000) + ASSUMED.remove;
    assert_eq!(estimate(&rolling), Estimate { waves: 3, time });
}

#[test]
fn saved_plans_read_back_and_hold_no_secret() {
    let spec = ContainerSpec {
        network: Default::default(),
        image: "web:1".parse().unwrap(),
        command: Some(vec!["app".to_owned(), "--token=hunter2".to_owned()]),
        entrypoint: None,
        environment: [("DB_PASSWORD", "hunter2"), ("LOG_LEVEL", "info")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
        labels: BTreeMap::new(),
        stamps: BTreeMap::new(),
        files: Default::default(),
        folders: Default::default(),
        ports: [].into(),
        mounts: [].into(),
        healthcheck: Some(Healthcheck {
            test: ["CMD", "ping", "--password=hunter2"].map(str::to_owned).to_vec(),
            ..Healthcheck::default()
        }),
        restart: Restart::Always,
        user: None,
        working_dir: None,
        logging: Logging::default(),
        stop_grace_period: None,
        limits: Limits::default(),
        security: Default::default(),
        runtime: Runtime {
            annotations: [("api-token".to_owned(), "hunter2".to_owned())].into(),
            ..Runtime::default()
        },
    };
    let create = || {
        Op::Container(ContainerOp::Create {
            name: "shop.web.1".into(),
            spec: Arc::new(spec.clone().into()),
            owner: Box::new(owner("web.1")),
        })
    };
    let mut made = everything();
    made.steps[0].op = create();
    made.steps[1].undo = [create()].into_iter().collect();
    let document = plan::document(mask::plan(&made), "2026-01-02T03:04:05Z".to_owned());
    let json = plan::json(&document).unwrap();
    assert!(!json.contains("hunter2") && json.contains("LOG_LEVEL"));
    let read: PlanDocument = serde_json::from_str(&json).unwrap();
    assert_eq!(read, document);
    assert_eq!(read.plan, mask::plan(&made));
    assert_eq!(mask::plan(&read.plan), read.plan);
    cdk::flow::expect_same(&mask::plan(&made), &read.plan).unwrap();
    let mut moved = made.clone();
    moved.steps[0].host = "bj-09".parse().unwrap();
    cdk::flow::expect_same(&mask::plan(&moved), &read.plan).unwrap_err();
    assert_eq!(read.counts[&Action::Create], 3);
    assert_eq!(read.counts[&Action::Remove], 4);
}
