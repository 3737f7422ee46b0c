//! What people and scripts see: plan text, progress, outcome, exit codes, help, completions.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use cdk::cli::args::Shell;
use cdk::cli::exit::{self, ExitCode};
use cdk::execute::outcome::{Event, Outcome, StepEnd};
use cdk::flow::Failure;
use cdk::model::container::{
    ContainerSpec, ContainerState, Health, Limits, LiveContainer, Logging, Ownership, Restart,
};
use cdk::model::host::{HostState, ObservedHost};
use cdk::model::journal::{JOURNAL_VERSION, JournalEnd, JournalRecord, PlacedSlot};
use cdk::model::name::{HostName, Slot};
use cdk::model::op::{ContainerOp, GateOp, ImageOp, Op};
use cdk::model::revision::Revision;
use cdk::model::unit::Span;
use cdk::observe::Observed;
use cdk::plan::step::{
    Action, FieldChange, Note, Plan, PlanDocument, Precondition, Rollout, ServiceChange, SlotChange, Step, StepId, Unit,
};
use cdk::report::estimate::{Estimate, estimate};
use cdk::report::progress::{Detail, Lines, Reporter};
use cdk::report::style::Style;
use cdk::report::{mask, outcome, plan, status};

fn host(name: &str) -> HostName {
    name.parse().unwrap()
}

fn slot(name: &str) -> Slot {
    name.parse().unwrap()
}

fn field(field: &str, key: Option<&str>, old: Option<&str>, new: Option<&str>) -> FieldChange {
    FieldChange {
        field: field.to_owned(),
        key: key.map(str::to_owned),
        old: old.map(str::to_owned),
        new: new.map(str::to_owned),
    }
}

fn replica(name: &str, action: Action, on: Option<&str>, why: &str) -> SlotChange {
    SlotChange {
        slot: slot(name),
        action,
        host: on.map(host),
        from: None,
        fields: Vec::new(),
        why: why.to_owned(),
    }
}

fn service(name: &str, how: &str, fields: Vec<FieldChange>, slots: Vec<SlotChange>) -> ServiceChange {
    ServiceChange {
        service: name.parse().unwrap(),
        how: how.to_owned(),
        fields,
        slots,
    }
}

fn step(id: u32, on: &str, of: Option<&str>, op: Op, after: &[u32], why: &str) -> Step {
    Step {
        id: StepId(id),
        host: host(on),
        slot: of.map(slot),
        op,
        pre: Precondition::None,
        after: after.iter().copied().map(StepId).collect(),
        settled: Vec::new(),
        undo: Vec::new(),
        why: why.to_owned(),
    }
}

fn pull() -> Op {
    let image = "web:1.5.0".parse().unwrap();
    Op::Image(ImageOp::Pull { image, digest: None })
}

fn remove(name: &str) -> Op {
    Op::Container(ContainerOp::Remove { name: name.to_owned() })
}

fn up(name: &str) -> Op {
    Op::Gate(GateOp::Up {
        name: name.to_owned(),
        monitor: Span::seconds(5),
        timeout: Span::seconds(120),
    })
}

fn empty() -> Plan {
    Plan {
        cluster: "shop".parse().unwrap(),
        revision: Revision {
            commit: Some("3f2a1c9e0f".repeat(4)),
            branch: Some("main".to_owned()),
            tag: None,
            subject: "web 1.5.0".to_owned(),
            dirty: false,
        },
        services: Vec::new(),
        notes: Vec::new(),
        steps: Vec::new(),
        rollouts: Vec::new(),
        placement: BTreeMap::new(),
        digests: BTreeMap::new(),
        sequence: 7,
        hosts: Vec::new(),
    }
}

/// Every action, every note, fields of every shape.
fn everything() -> Plan {
    let moved = SlotChange {
        from: Some(host("bj-02")),
        ..replica("web.3", Action::Move, Some("bj-04"), "bj-02 is draining")
    };
    let drifted = SlotChange {
        fields: vec![field("user", None, Some("root"), Some("app"))],
        ..replica("web.2", Action::Replace, Some("bj-03"), "changed by hand")
    };
    let web = service(
        "web",
        "rolling, 2 at a time, 10s apart",
        vec![
            field("image", None, Some("reg:5000/web:1.4.0"), Some("reg:5000/web:1.5.0")),
            field("environment", Some("LOG_LEVEL"), Some("debug"), Some("info")),
            field("environment", Some("A"), None, Some("x\u{1b}[2J")),
            field("environment", Some("B"), Some("gone"), None),
            field("command", None, Some("one\ntwo\nthree"), Some("one\n2\nthree")),
        ],
        vec![
            replica("web.1", Action::Replace, Some("bj-01"), "image"),
            drifted,
            moved,
            replica("web.4", Action::Create, Some("bj-04"), "fewest web replicas"),
            replica("web.5", Action::Keep, Some("bj-01"), ""),
            replica("web.6", Action::Unplaced, None, "4 hosts: 4 full"),
            replica("web.7", Action::Remove, Some("bj-01"), "4 replicas wanted"),
        ],
    );
    let limits = field("deploy.resources.limits.memory", None, Some("256M"), Some("512M"));
    let db = service(
        "db",
        "",
        vec![limits],
        vec![
            replica("db.1", Action::Update, Some("bj-01"), "limits"),
            replica("db.2", Action::Start, Some("bj-02"), "it is stopped"),
        ],
    );
    let api = ["api.1", "api.2"].into_iter().zip(["bj-03", "bj-01"]);
    let legacy = ["legacy.1", "legacy.2", "legacy.3"];
    let mut cache: Vec<_> = (1..=6)
        .map(|n| replica(&format!("cache.{n}"), Action::Keep, Some("bj-01"), ""))
        .collect();
    cache.extend([7, 8].map(|n| replica(&format!("cache.{n}"), Action::Unknown, Some("bj-05"), "")));
    Plan {
        services: vec![
            service(
                "api",
                "",
                Vec::new(),
                api.map(|(name, on)| replica(name, Action::Create, Some(on), ""))
                    .collect(),
            ),
            service("cache", "", Vec::new(), cache),
            db,
            service(
                "lone",
                "",
                Vec::new(),
                vec![replica("lone.1", Action::Unknown, Some("bj-05"), "")],
            ),
            service(
                "legacy",
                "",
                Vec::new(),
                legacy
                    .map(|name| replica(name, Action::Remove, Some("bj-01"), "no longer in git"))
                    .into(),
            ),
            web,
        ],
        notes: vec![
            Note::Unreachable {
                host: host("bj-05"),
                why: "connection timed out after 5 s".to_owned(),
                holds: vec![slot("cache.7"), slot("cache.8"), slot("lone.1")],
            },
            Note::Unreachable {
                host: host("bj-06"),
                why: "no route".to_owned(),
                holds: Vec::new(),
            },
            Note::Unplaced {
                slot: slot("web.6"),
                why: "4 hosts: 4 full".to_owned(),
            },
            Note::Interrupted { done: 3, steps: 12 },
            Note::Text("The tag web:1.5.0 stands for itself".to_owned()),
        ],
        steps: vec![
            step(0, "bj-01", None, pull(), &[], "web.1 needs it"),
            step(1, "bj-01", Some("web.1"), up("shop.web.1"), &[0], "image"),
            step(
                2,
                "bj-03",
                Some("cache.1"),
                remove("shop.cache.1.old"),
                &[],
                "left by an apply that was cut off",
            ),
        ],
        ..empty()
    }
}

const PLAIN: Style = Style {
    color: false,
    verbose: false,
};

/// Compares with a kept text; `CDK_GOLDEN=write cargo test` keeps the new one instead, for git to show the difference.
fn golden(name: &str, shown: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/report").join(name);
    if std::env::var_os("CDK_GOLDEN").is_some_and(|value| value == "write") {
        std::fs::write(&path, shown).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap();
    assert_eq!(shown, kept, "\n{shown}");
}

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
    let slots = vec![
        replica("web.1", Action::Keep, Some("bj-01"), ""),
        replica("web.2", Action::Keep, Some("bj-02"), ""),
        replica("web.3", Action::Unknown, Some("bj-05"), ""),
    ];
    let quiet = Plan {
        services: vec![service("web", "", Vec::new(), slots)],
        ..empty()
    };
    let shown = plan::text(&quiet, 1, Duration::ZERO, PLAIN);
    let wanted = "cluster shop · 3f2a1c9 main \"web 1.5.0\" · 1 host\n\n\
                  = web            2 replicas as they should be, 1 unknown\n\n\
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
            name: name.clone(),
            monitor,
        });
        steps.push(step(watch, "bj-01", Some(&name), stays, &[first], ""));
        units.push(Unit {
            slot: slot(&name),
            steps: vec![StepId(first)],
            watch: Some(StepId(watch)),
        });
    }
    steps.push(step(9, "bj-01", Some("web.1"), remove("shop.web.1.old"), &[], ""));
    let rollout = Rollout {
        service: "web".parse().unwrap(),
        parallelism: 2,
        delay: Span::seconds(10),
        units,
        cleanup: vec![StepId(9)],
    };
    let mut rolling = Plan {
        steps,
        rollouts: vec![rollout],
        ..empty()
    };
    let time = Duration::from_millis(5000 + 5000 + 10_000 + 5000 + 5000 + 400);
    assert_eq!(estimate(&rolling), Estimate { waves: 4, time });
    rolling.rollouts[0].parallelism = 0;
    let time = Duration::from_millis(5000 + 5000 + 5000 + 400);
    assert_eq!(estimate(&rolling), Estimate { waves: 3, time });
}

#[test]
fn saved_plans_read_back_and_hold_no_secret() {
    let spec = ContainerSpec {
        image: "web:1".parse().unwrap(),
        command: Some(vec!["app".to_owned(), "--token=hunter2".to_owned()]),
        entrypoint: None,
        environment: [("DB_PASSWORD", "hunter2"), ("LOG_LEVEL", "info")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
        labels: BTreeMap::new(),
        ports: [].into(),
        mounts: [].into(),
        healthcheck: None,
        restart: Restart::Always,
        user: None,
        working_dir: None,
        logging: Logging::default(),
        stop_grace_period: None,
        limits: Limits::default(),
    };
    let create = || {
        Op::Container(ContainerOp::Create {
            name: "shop.web.1".to_owned(),
            spec: Arc::new(spec.clone()),
            owner: owner("web.1"),
        })
    };
    let mut made = everything();
    made.steps[0].op = create();
    made.steps[1].undo = vec![create()];
    let document = plan::document(mask::plan(&made), "2026-01-02T03:04:05Z".to_owned());
    let json = plan::json(&document).unwrap();
    assert!(!json.contains("hunter2") && json.contains("LOG_LEVEL"));
    let read: PlanDocument = serde_json::from_str(&json).unwrap();
    assert_eq!(read, document);
    assert_eq!(read.plan, mask::plan(&made));
    assert_eq!(read.counts[&Action::Create], 3);
    assert_eq!(read.counts[&Action::Remove], 4);
}

fn told(detail: Detail, events: &[Event]) -> String {
    let mut out = Vec::new();
    let mut reporter = Lines::new(&mut out, detail, PLAIN);
    for event in events {
        reporter.event(&everything(), event);
    }
    reporter.finish();
    String::from_utf8(out).unwrap()
}

fn events() -> Vec<Event> {
    vec![
        Event::Started(StepId(0)),
        Event::Done(StepId(0), Duration::from_millis(400)),
        Event::Started(StepId(1)),
        Event::Failed {
            step: StepId(1),
            error: "not healthy within 2m".to_owned(),
            logs: vec!["panic: \u{1b}[31mred".to_owned(), "exit".to_owned()],
        },
        Event::Undone {
            step: StepId(1),
            error: None,
        },
        Event::Undone {
            step: StepId(1),
            error: Some("gone".to_owned()),
        },
        Event::Skipped(StepId(2)),
        Event::Delay("web".parse().unwrap(), Duration::from_secs(10)),
        Event::Stopping,
        Event::Journal(host("bj-01"), "disk full".to_owned()),
    ]
}

#[test]
fn progress_is_one_plain_line_per_event() {
    let wanted = "\
[0/3] bj-01  pull web:1.5.0  begins
[1/3] bj-01  pull web:1.5.0  done in 0.4s
[1/3] bj-01  web.1  wait until shop.web.1 is up  begins
[2/3] bj-01  web.1  wait until shop.web.1 is up  failed: not healthy within 2m
    | panic: \\u{1b}[31mred
    | exit
[2/3] bj-01  web.1  wait until shop.web.1 is up  taken back
[2/3] bj-01  web.1  wait until shop.web.1 is up  could not be taken back: gone
web  waits 10.0s before the next replica
Stopping: what is in hand is finished, nothing else begins. Interrupt again to leave at once.
! bj-01  the journal could not be written: disk full
";
    assert_eq!(told(Detail::Steps, &events()), wanted);
    let skipped = "[3/3] bj-03  cache.1  remove shop.cache.1.old  not begun\n";
    let all = told(Detail::All, &events());
    assert!(all.contains(skipped) && all.replace(skipped, "").eq(wanted), "{all}");
}

#[test]
fn quiet_tells_only_what_fails() {
    let quiet = told(Detail::Failures, &events());
    let heads: Vec<&str> = quiet.lines().map(|line| line.rsplit("  ").next().unwrap()).collect();
    let wanted = [
        "failed: not healthy within 2m",
        "| panic: \\u{1b}[31mred",
        "| exit",
        "could not be taken back: gone",
        "Stopping: what is in hand is finished, nothing else begins. Interrupt again to leave at once.",
        "the journal could not be written: disk full",
    ];
    assert_eq!(heads, wanted);
}

fn ended(ends: [StepEnd; 3], interrupted: bool) -> Outcome {
    Outcome {
        steps: (0..).map(StepId).zip(ends).collect(),
        interrupted,
        took: Duration::from_secs(72),
    }
}

#[test]
fn outcomes_in_a_sentence() {
    let whole = Plan {
        notes: Vec::new(),
        ..everything()
    };
    let failed = || StepEnd::Failed("not healthy within 2m".to_owned());
    let again = "The same command again goes on from there.";
    let cases = [
        (
            ended([StepEnd::Done, StepEnd::Done, StepEnd::Done], false),
            "Applied: 3 of 3 steps in 1 min 12 s.\n".to_owned(),
        ),
        (
            ended([StepEnd::Done, failed(), StepEnd::Skipped], false),
            format!(
                "Applied: 1 of 3 steps, 1 failed (web.1 on bj-01: not healthy within 2m), 1 not begun in 1 min 12 s. {again}\n"
            ),
        ),
        (
            ended([failed(), failed(), StepEnd::Undone], false),
            format!(
                "Applied: 0 of 3 steps, 2 failed, 1 taken back in 1 min 12 s. {again}\n  \
                 pull web:1.5.0 on bj-01: not healthy within 2m\n  web.1 on bj-01: not healthy within 2m\n"
            ),
        ),
        (
            ended([StepEnd::Done, StepEnd::Skipped, StepEnd::Skipped], true),
            format!("Interrupted: 1 of 3 steps, 2 not begun in 1 min 12 s. {again}\n"),
        ),
    ];
    for (outcome, wanted) in cases {
        assert_eq!(outcome::text(&whole, &outcome, PLAIN), wanted);
    }
    let partial = outcome::text(
        &everything(),
        &ended([StepEnd::Done, StepEnd::Done, StepEnd::Done], false),
        PLAIN,
    );
    assert!(
        partial.contains("! web.6 fits nowhere") && !partial.contains("stands for itself"),
        "{partial}"
    );
}

#[test]
fn outcomes_as_data() {
    let failed = StepEnd::Failed("no".to_owned());
    let json = outcome::json(&everything(), &ended([StepEnd::Done, failed, StepEnd::Skipped], true)).unwrap();
    let value: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(value["version"], 1);
    assert_eq!(
        (&value["done"], &value["skipped"], &value["interrupted"]),
        (&1.into(), &1.into(), &true.into())
    );
    assert_eq!(
        value["failed"][0],
        serde_json::json!({"step": 1, "what": "web.1", "host": "bj-01", "error": "no"})
    );
    assert_eq!(value["left"].as_array().unwrap().len(), 3);
    assert_eq!(value["took_ms"], 72_000);
}

#[test]
fn exit_codes_are_told_in_their_order() {
    let complete = Plan {
        notes: Vec::new(),
        ..everything()
    };
    let done = || ended([StepEnd::Done, StepEnd::Done, StepEnd::Done], false);
    let failed = |interrupted| {
        ended(
            [StepEnd::Failed(String::new()), StepEnd::Skipped, StepEnd::Skipped],
            interrupted,
        )
    };
    let cut = ended([StepEnd::Done, StepEnd::Skipped, StepEnd::Skipped], true);
    assert_eq!(exit::of_apply(&complete, &done()), ExitCode::Done);
    assert_eq!(exit::of_apply(&everything(), &done()), ExitCode::Partial);
    assert_eq!(exit::of_apply(&everything(), &failed(false)), ExitCode::StepFailed);
    assert_eq!(exit::of_apply(&everything(), &failed(true)), ExitCode::StepFailed);
    assert_eq!(exit::of_apply(&everything(), &cut), ExitCode::Interrupted);

    assert_eq!(exit::of_plan(&everything(), true), ExitCode::Changes);
    assert_eq!(exit::of_plan(&everything(), false), ExitCode::Partial);
    assert_eq!(exit::of_plan(&complete, false), ExitCode::Done);
    assert_eq!(exit::of_plan(&empty(), true), ExitCode::Done);

    let codes = [
        (Failure::Rejected(Default::default()), 3),
        (Failure::Guard(String::new()), 3),
        (Failure::Unreachable(String::new()), 6),
        (Failure::Stale(String::new()), 8),
        (Failure::Usage(String::new()), 64),
        (Failure::Other(String::new()), 1),
    ];
    for (failure, code) in codes {
        assert_eq!(ExitCode::from(&failure) as u8, code, "{failure:?}");
    }
}

fn owner(of: &str) -> Ownership {
    Ownership {
        slot: slot(of),
        fingerprint: None,
        revision: None,
        image: None,
        digest: None,
    }
}

fn live(of: &str, state: ContainerState) -> LiveContainer {
    LiveContainer {
        id: String::new(),
        name: format!("shop.{of}"),
        owner: owner(of),
        image_id: String::new(),
        state,
        started_at: String::new(),
        restarts: 0,
        spec: None,
    }
}

#[test]
fn status_tells_health_and_git_apart() {
    let running = |health| ContainerState::Running { health };
    let record = JournalRecord {
        version: JOURNAL_VERSION,
        sequence: 6,
        at: "2026-01-02T03:04:05Z".to_owned(),
        by: "ci@build".to_owned(),
        revision: Some("3f2a1c9e0f".to_owned()),
        steps: 3,
        done: 3,
        end: JournalEnd::Begun,
        placement: BTreeMap::from([(
            slot("web.3"),
            PlacedSlot {
                host: host("bj-05"),
                ports: Vec::new(),
            },
        )]),
        digests: BTreeMap::new(),
    };
    let mut state = HostState {
        containers: vec![
            live("web.1", running(None)),
            live("web.2", running(Some(Health::Healthy))),
        ],
        journal: vec![record],
        ..HostState::default()
    };
    let seen = |state: &HostState| Observed {
        hosts: [(host("bj-01"), ObservedHost::Reachable(Box::new(state.clone())))].into(),
        images: BTreeMap::new(),
    };
    let slots = ["web.1", "web.2"].map(|name| replica(name, Action::Keep, Some("bj-01"), ""));
    let plan = Plan {
        services: vec![service("web", "", Vec::new(), slots.into())],
        ..empty()
    };
    let well = status::status(&seen(&state), &plan);
    assert_eq!(exit::of_status(&well), ExitCode::Done);
    let wanted = "cluster shop · 3f2a1c9 main \"web 1.5.0\" · healthy, and as git says\n\n\
                  git         nothing to apply\n\
                  hosts       1 of 1 answer\n\
                  replicas    2 of 2 well\n\
                  last apply  3f2a1c9, 2026-01-02T03:04:05Z by ci@build: cut off\n";
    assert_eq!(status::text(&well, PLAIN), wanted);

    state.containers[1].state = running(Some(Health::Unhealthy));
    let unwell = status::status(&seen(&state), &plan);
    assert_eq!(exit::of_status(&unwell), ExitCode::Partial);
    assert!(status::text(&unwell, PLAIN).contains("1 of 2 well\n            ! web.2 on bj-01: unhealthy\n"));

    let mut both = seen(&state);
    both.hosts
        .insert(host("bj-05"), ObservedHost::Unreachable("no route".to_owned()));
    let silent = status::status(&both, &plan);
    assert!(status::text(&silent, PLAIN).contains("hosts       1 of 2 answer\n            ! bj-05: no route\n"));
    assert_eq!(
        exit::of_status(&status::status(&both, &everything())),
        ExitCode::Changes
    );
}

#[test]
fn the_help_is_as_it_was_agreed() {
    let help = cdk::cli::command().term_width(100).render_help().to_string();
    golden("help.txt", &help);
    cdk::cli::command().debug_assert();
}

#[test]
fn completions_are_fresh() {
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("completions")
            .join(shell.file_name());
        let kept = std::fs::read_to_string(&path).unwrap();
        let fresh = kept == cdk::cli::completions(shell);
        assert!(
            fresh,
            "{} is stale: write it anew with `cdk completions`",
            path.display()
        );
    }
}
