//! Plans and their parts, made by hand.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use cdk::execute::outcome::{Outcome, StepEnd};
use cdk::model::container::Ownership;
use cdk::model::journal::{JournalEnd, Memory};
use cdk::model::name::{HostName, Slot};
use cdk::model::op::{ContainerOp, GateOp, ImageOp, Op};
use cdk::model::revision::Revision;
use cdk::model::unit::Span;
use cdk::plan::step::{Action, FieldChange, Note, Plan, Precondition, ServiceChange, SlotChange, Step, StepId};
use cdk::report::style::Style;

pub const PLAIN: Style = Style {
    color: false,
    verbose: false,
};

/// Compares with a kept text; `CDK_GOLDEN=write cargo test` keeps the new one instead, for git to show the difference.
pub fn golden(name: &str, shown: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/report").join(name);
    if std::env::var_os("CDK_GOLDEN").is_some_and(|value| value == "write") {
        std::fs::write(&path, shown).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap();
    assert_eq!(shown, kept, "\n{shown}");
}

pub fn host(name: &str) -> HostName {
    name.parse().unwrap()
}

pub fn slot(name: &str) -> Slot {
    name.parse().unwrap()
}

pub fn field(field: &str, key: Option<&str>, old: Option<&str>, new: Option<&str>) -> FieldChange {
    FieldChange {
        field: field.to_owned(),
        key: key.map(str::to_owned),
        old: old.map(str::to_owned),
        new: new.map(str::to_owned),
    }
}

pub fn replica(name: &str, action: Action, on: Option<&str>, why: &str) -> SlotChange {
    SlotChange {
        slot: slot(name),
        action,
        host: on.map(host),
        from: None,
        fields: Vec::new(),
        why: why.into(),
        state: None,
    }
}

pub fn service(name: &str, how: &str, fields: Vec<FieldChange>, slots: Vec<SlotChange>) -> ServiceChange {
    ServiceChange {
        service: name.parse().unwrap(),
        how: how.to_owned(),
        fields,
        slots,
    }
}

pub fn step(id: u32, on: &str, of: Option<&str>, op: Op, after: &[u32], why: &str) -> Step {
    Step {
        id: StepId(id),
        host: host(on),
        slot: of.map(slot),
        op,
        pre: Precondition::None,
        after: after.iter().copied().map(StepId).collect(),
        settled: Default::default(),
        undo: Default::default(),
        why: why.into(),
    }
}

pub fn pull() -> Op {
    let image = "web:1.5.0".parse().unwrap();
    Op::Image(ImageOp::Pull { image, digest: None })
}

pub fn remove(name: &str) -> Op {
    Op::Container(ContainerOp::Remove { name: name.into() })
}

pub fn up(name: &str) -> Op {
    Op::Gate(GateOp::Up {
        name: name.into(),
        monitor: Span::seconds(5),
        timeout: Span::seconds(120),
        gate: None,
    })
}

pub fn empty() -> Plan {
    Plan {
        tidy: Vec::new(),
        firewalls: Vec::new(),
        addresses: Vec::new(),
        networks: Vec::new(),
        cluster: "shop".parse().unwrap(),
        revision: Revision {
            commit: Some("3f2a1c9e0f".repeat(4)),
            branch: Some("main".to_owned()),
            tag: None,
            subject: "web 1.5.0".to_owned(),
            dirty: false,
            committed_at: None,
            environment: None,
        },
        services: Vec::new(),
        notes: Vec::new(),
        steps: Vec::new(),
        rollouts: Vec::new(),
        placement: BTreeMap::new(),
        digests: BTreeMap::new(),
        sequence: 7,
        hosts: Vec::new(),
        memory: Memory::default(),
        forgets: BTreeSet::new(),
        asked: Default::default(),
        scope: Default::default(),
        rollback: Default::default(),
        pinned: false,
        jobs: BTreeMap::new(),
        depends_on: BTreeMap::new(),
    }
}

/// Every action, every note, fields of every shape.
pub fn everything() -> Plan {
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
            service(
                "migrate",
                "runs once per version",
                Vec::new(),
                vec![replica(
                    "migrate.1",
                    Action::Run,
                    Some("bj-03"),
                    "this version has not run yet",
                )],
            ),
            service(
                "proxy",
                "",
                Vec::new(),
                vec![
                    replica("proxy.1", Action::Wait, Some("bj-01"), "waits for load.1"),
                    replica("proxy.2", Action::Wait, None, "waits for load.1"),
                ],
            ),
            web,
        ],
        notes: vec![
            Note::Unreachable {
                host: host("bj-05"),
                why: "connection timed out after 5 s".to_owned(),
                holds: vec![slot("cache.7"), slot("cache.8"), slot("lone.1")],
                fails_over: 2,
            },
            Note::Unreachable {
                host: host("bj-06"),
                why: "no route".to_owned(),
                holds: Vec::new(),
                fails_over: 0,
            },
            Note::Unplaced {
                slot: slot("web.6"),
                why: "4 hosts: 4 full".to_owned(),
            },
            Note::Waits {
                service: "proxy".parse().unwrap(),
                why: "waits for load.1: 4 hosts are full".to_owned(),
            },
            Note::Interrupted {
                by: "ci@build".to_owned(),
                at: "2026-01-02T03:04:05Z".to_owned(),
                end: JournalEnd::Begun,
                done: 7,
                steps: 12,
            },
            Note::NotInForce {
                key: "deploy.autoscale".to_owned(),
                of: ["api", "cache", "mail", "web"].map(str::to_owned).into(),
                paths: ["api", "cache", "mail", "web"]
                    .map(|name| format!("services.{name}.deploy.autoscale"))
                    .into(),
            },
            Note::NotInForce {
                key: "firewall".to_owned(),
                of: Vec::new(),
                paths: vec!["firewall".to_owned()],
            },
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

pub fn owner(of: &str) -> Ownership {
    Ownership {
        slot: slot(of),
        fingerprint: None,
        revision: None,
        image: None,
        digest: None,
        job: None,
        reserved: Default::default(),
    }
}

pub fn ended(ends: [StepEnd; 3], interrupted: bool) -> Outcome {
    Outcome {
        services: BTreeMap::new(),
        steps: (0..).map(StepId).zip(ends).collect(),
        interrupted,
        took: Duration::from_secs(72),
    }
}
