//! What is carried along for later plans: promises in labels, platforms in the journal, and what of a container tells that it keeps failing.

use cdk::model::image::{Digest, Resolution};
use cdk::model::journal::JOURNAL_VERSIONS;
use cdk::model::op::{ContainerOp, Op};
use cdk::model::unit::{Bytes, Reserved};
use cdk::observe::read_document;
use cdk::place::live::keeps_failing;

use super::scenarios::{go, live};
use super::world::*;

#[test]
fn a_new_container_bears_its_promise_and_another_promise_makes_no_other_container() {
    let mut web = service("web:1", 1);
    web.reserved_memory = Bytes(1 << 30);
    let mut desired = desired(&["h1"], vec![("web", web)]);
    let plan = planned(&desired, &observed("hosts: {h1: {}}"));
    let promised: Vec<Reserved> = plan
        .steps
        .iter()
        .filter_map(|step| {
            let Op::Container(ContainerOp::Create { owner, .. }) = &step.op else {
                return None;
            };
            Some(owner.reserved)
        })
        .collect();
    let memory = |memory: u64| Reserved {
        memory: Bytes(memory),
        ..Reserved::default()
    };
    assert_eq!(promised, [memory(1 << 30)]);
    let seen = live(&desired, "hosts: {h1: {}}");
    for web in desired.services.values_mut() {
        web.reserved_memory = Bytes(2 << 30);
    }
    let plan = planned(&desired, &seen);
    assert!(
        plan.is_empty() && plan.notes.is_empty(),
        "{:?} {:?}",
        steps(&plan),
        plan.notes
    );
}

#[test]
fn the_journal_keeps_the_platforms_of_the_versions_that_it_knows_and_of_no_others() {
    let mut desired = desired(&["h1"], vec![("web", service("web:0", 1))]);
    let mut seen = observed("hosts: {h1: {facts: {os: linux, arch: x86_64}}}");
    let digest = |version: usize| -> Digest { format!("sha256:{version:064x}").parse().unwrap() };
    for version in 0..JOURNAL_VERSIONS + 5 {
        let image = format!("web:{version}");
        desired.revision.commit = Some(format!("commit {version}"));
        for web in desired.services.values_mut() {
            web.image = image.parse().unwrap();
        }
        seen.images.insert(image.clone(), Resolution::Digest(digest(version)));
        // Told once, when its registry was asked.
        let told = ["linux/amd64".parse().unwrap()].into();
        seen.platforms = [(image, told)].into();
        go(&desired, &mut seen);
    }
    seen.platforms.clear();
    let platforms = planned(&desired, &seen).memory.platforms;
    assert_eq!(platforms.len(), JOURNAL_VERSIONS + 1);
    assert!(platforms.contains_key(&digest(JOURNAL_VERSIONS + 4)) && !platforms.contains_key(&digest(3)));
    assert!(platforms.contains_key(&digest(4)));
}

#[test]
fn a_container_keeps_failing_where_it_ends_again_and_again() {
    for (container, fails) in [
        ("state: restarting", true),
        ("state: dead", true),
        ("state: {exited: {code: 1}}", true),
        ("state: {exited: {code: 0}}", false),
        ("state: created", false),
        ("state: paused", false),
        ("state: {running: {}}, restarts: 4", false),
        ("state: {running: {}}, restarts: 5", true),
        ("state: {running: {health: unhealthy}}", false),
        ("state: {running: {health: unhealthy}}, restarts: 5", true),
        ("state: {running: {health: starting}}, restarts: 5", true),
        ("state: {running: {health: healthy}}, restarts: 50", false),
    ] {
        let read = |job: &str| {
            let text = format!("hosts: {{h1: {{containers: [{{owner: {{slot: web.1{job}}}, {container}}}]}}}}");
            let document = read_document(&text).unwrap();
            let state = document.observed.hosts[&host_name("h1")].state().unwrap().clone();
            keeps_failing(&state.containers[0])
        };
        assert_eq!(read(""), fails, "{container}");
        // A job's run that failed is one that ended.
        let ended = container.contains("exited");
        assert_eq!(read(", job: 1a2b"), fails && !ended, "a job's: {container}");
    }
}
