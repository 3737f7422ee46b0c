//! Progress, outcomes and the cluster's state.

use std::collections::BTreeMap;
use std::time::Duration;

use cdk::cli::exit::{self, ExitCode};
use cdk::execute::outcome::{Event, StepEnd};
use cdk::model::container::{ContainerState, Health, LiveContainer};
use cdk::model::host::{HostState, ObservedHost};
use cdk::model::journal::{Halt, Halted, JOURNAL_VERSION, JournalEnd, JournalRecord, Memory, PlacedSlot};
use cdk::model::order::JobVersion;
use cdk::observe::Observed;
use cdk::plan::step::{Action, Note, Plan, StepId};
use cdk::report::progress::{Detail, Lines, Reporter};
use cdk::report::{outcome, status};

use super::made::{PLAIN, empty, ended, everything, host, owner, replica, service, slot};

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
            format!(
                "Interrupted: 1 of 3 steps, 2 not begun in 1 min 12 s. {again}\n  left: 1 replica of cache, 1 replica of web\n"
            ),
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
    assert_eq!(value["left"].as_array().unwrap().len(), 4);
    assert_eq!(value["took_ms"], 72_000);
}

fn live(of: &str, state: ContainerState) -> LiveContainer {
    LiveContainer {
        id: String::new(),
        name: format!("shop.{of}"),
        owner: owner(of),
        image_id: "".into(),
        state,
        started_at: String::new(),
        restarts: 0,
        network_ids: BTreeMap::new(),
        spec: None,
        masked: false,
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
        committed_at: None,
        memory: Memory::default(),
        jobs: BTreeMap::new(),
        depends_on: BTreeMap::new(),
        account: Default::default(),
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
        ..Observed::default()
    };
    let slots = ["web.1", "web.2"].map(|name| replica(name, Action::Keep, Some("bj-01"), ""));
    let plan = Plan {
        services: vec![service("web", "", Vec::new(), slots.into())],
        ..empty()
    };
    let well = status::status(&seen(&state), &plan);
    assert_eq!(exit::of_status(&well), ExitCode::Done);
    // What is held is not as git says, though there is nothing to apply.
    let mut held = plan.clone();
    held.notes.push(Note::Halted {
        service: "web".parse().unwrap(),
        halted: Halted {
            version: JobVersion("two".into()),
            how: Halt::RolledBack,
            revision: None,
            why: String::new(),
        },
    });
    let held = status::status(&seen(&state), &held);
    assert_eq!(exit::of_status(&held), ExitCode::Changes);
    assert!(held.healthy);
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
