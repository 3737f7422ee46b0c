//! Configs and secrets in plans: when they are written, what a change of one does, and that a plan holds no secret.

use std::sync::Arc;

use cdk::model::blob::{Blob, FileKind, SecretRef, Segment};
use cdk::model::host::ObservedHost;
use cdk::observe::Observed;
use cdk::plan::lint::lint;
use cdk::plan::step::{Action, Plan};
use cdk::resolve::content::Content;
use cdk::resolve::desired::{Desired, Service, ServiceFile};

use super::sim::apply;
use super::world::*;

fn text(text: &str) -> Blob {
    Blob(vec![Segment::Text(text.to_owned())])
}

fn secret(sha256: &str) -> Blob {
    let (name, sha256) = ("db".to_owned(), sha256.to_owned());
    Blob(vec![Segment::Secret(SecretRef { name, sha256 })])
}

fn file(kind: FileKind, blob: Blob, signal: Option<&str>) -> ServiceFile {
    ServiceFile {
        kind,
        source: "x".to_owned(),
        content: Content::Known(Arc::new(blob)),
        uid: 0,
        gid: 0,
        mode: 0o444,
        signal: signal.map(str::to_owned),
    }
}

/// Two replicas with a config, one that is reloaded, and a secret.
fn web(fixed: &str, live: &str, password: &str) -> Service {
    let mut web = service("web:1", 2);
    web.files = [
        ("/app.toml", file(FileKind::Config, text(fixed), None)),
        ("/etc/web/live.toml", file(FileKind::Config, text(live), Some("SIGHUP"))),
        ("/run/secrets/db", file(FileKind::Secret, secret(password), None)),
    ]
    .map(|(target, file)| (target.to_owned(), file))
    .into();
    web
}

fn cluster(fixed: &str, live: &str, password: &str) -> Desired {
    desired(&["h1", "h2"], vec![("web", web(fixed, live, password))])
}

fn go(desired: &Desired, observed: &mut Observed) -> Plan {
    let plan = planned(desired, observed);
    assert!(lint(&plan).is_empty(), "{:?}", lint(&plan));
    apply(observed, &plan, usize::MAX, |_| 0).unwrap();
    let again = planned(desired, observed);
    assert!(again.is_empty(), "{:?}", steps(&again));
    plan
}

fn fields(plan: &Plan) -> Vec<String> {
    let change = &plan.services[0];
    let fields = change
        .fields
        .iter()
        .chain(change.slots.iter().flat_map(|slot| &slot.fields));
    fields
        .map(|field| format!("{} {}", field.field, field.key.as_deref().unwrap_or_default()))
        .collect()
}

fn actions(plan: &Plan) -> Vec<Action> {
    plan.services[0].slots.iter().map(|slot| slot.action).collect()
}

#[test]
fn files_are_written_before_their_replicas_are_made() {
    let mut observed = observed("hosts: {h1: {}, h2: {}}");
    let plan = go(&cluster("a", "b", "1"), &mut observed);
    let steps = steps(&plan);
    assert_eq!(
        steps.iter().filter(|step| step.contains(": write ")).count(),
        6,
        "{steps:?}"
    );
}

#[test]
fn a_changed_content_replaces_or_is_reloaded() {
    let mut observed = observed("hosts: {h1: {}, h2: {}}");
    go(&cluster("a", "b", "1"), &mut observed);
    let plan = go(&cluster("a2", "b", "1"), &mut observed);
    assert_eq!(fields(&plan), ["configs /app.toml"]);
    assert_eq!(actions(&plan), [Action::Replace, Action::Replace]);
    let plan = go(&cluster("a2", "b", "2"), &mut observed);
    assert_eq!(fields(&plan), ["secrets /run/secrets/db"]);
    assert_eq!(actions(&plan), [Action::Replace, Action::Replace]);
    let plan = go(&cluster("a2", "b2", "2"), &mut observed);
    assert_eq!(fields(&plan), ["configs /etc/web/live.toml"]);
    assert_eq!(actions(&plan), [Action::Update, Action::Update]);
    let told = steps(&plan);
    assert!(told.contains(&"h1: send SIGHUP to shop.web.1".to_owned()), "{told:?}");
    assert!(!told.iter().any(|step| step.contains("create")), "{told:?}");
}

#[test]
fn what_was_altered_on_a_host_is_put_back_there_alone() {
    let desired = cluster("a", "b", "1");
    let mut observed = observed("hosts: {h1: {}, h2: {}}");
    go(&desired, &mut observed);
    let mut alter = |of: &str, gone: bool| {
        let ObservedHost::Reachable(state) = observed.hosts.get_mut(&host_name("h1")).unwrap() else {
            panic!("h1 answers");
        };
        let paths = state.files.iter_mut().filter(|(path, _)| path.starts_with(of));
        for (_, facts) in paths {
            match gone {
                true => *facts = None,
                false => facts.as_mut().unwrap().changed += 1,
            }
        }
        go(&desired, &mut observed)
    };
    assert_eq!(actions(&alter("secret.", false)), [Action::Replace, Action::Keep]);
    assert_eq!(actions(&alter("config.", true)), [Action::Replace, Action::Keep]);
    assert_eq!(actions(&alter("live.", false)), [Action::Update, Action::Keep]);
    // The folder may have gone with it, and what is mounted would be the one that was there before.
    assert_eq!(actions(&alter("live.", true)), [Action::Replace, Action::Keep]);
}
