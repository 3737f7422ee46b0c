//! The plan's linter, each check tried on a good plan that was broken for it.

use std::collections::BTreeSet;

use cdk::model::container::LiveContainer;
use cdk::plan::lint::{Lint, lint};
use cdk::plan::step::{Action, Plan, Precondition, StepId};

use super::world::*;

/// Replaces two of three replicas and makes the third. Steps 0 and 1 pull; the rest are units, watches and clean-ups.
fn good() -> Plan {
    let desired = desired(&["h1", "h2"], vec![("web", service("web:2", 3))]);
    let seen = observed(
        "hosts: {h1: {containers: [{owner: {slot: web.1, image: 'web:1'}}]},
                 h2: {containers: [{owner: {slot: web.2, image: 'web:1'}}]}}",
    );
    let plan = planned(&desired, &seen);
    assert_eq!(lint(&plan), BTreeSet::new());
    plan
}

fn find(plan: &Plan, words: &str) -> usize {
    steps(plan).iter().position(|step| step.contains(words)).unwrap()
}

fn broken(change: impl FnOnce(&mut Plan)) -> BTreeSet<Lint> {
    let mut plan = good();
    change(&mut plan);
    let found = lint(&plan);
    assert!(found.iter().all(|lint| !lint.to_string().is_empty()));
    found
}

type Break = Box<dyn FnOnce(&mut Plan)>;

#[test]
fn every_check_finds_what_it_is_for() {
    let plan = good();
    let id = |at: usize| plan.steps[at].id;
    let create = find(&plan, "create shop.web.1");
    let stop = find(&plan, "stop shop.web.1");
    let start = find(&plan, "start shop.web.1");
    let cleanup = find(&plan, "remove shop.web.1.old");
    let cases: Vec<(Lint, Break)> = vec![
        (
            Lint::Numbered(StepId(999)),
            Box::new(move |plan| plan.steps[create].id = StepId(999)),
        ),
        (
            Lint::Forward(id(create)),
            Box::new(move |plan| plan.steps[create].after.push(StepId(create as u32))),
        ),
        (
            Lint::Blind(id(create)),
            Box::new(move |plan| plan.steps[create].pre = Precondition::None),
        ),
        (
            Lint::Unstarted(id(create)),
            Box::new(move |plan| plan.steps[start].after.clear()),
        ),
        (
            Lint::Steps(id(create)),
            Box::new(move |plan| {
                let unit = plan.rollouts[0]
                    .units
                    .iter_mut()
                    .find(|unit| unit.slot == slot("web.1"))
                    .unwrap();
                unit.steps.retain(|step| *step != StepId(create as u32));
            }),
        ),
        (
            Lint::Steps(id(cleanup)),
            Box::new(move |plan| plan.rollouts[0].cleanup.push(StepId(cleanup as u32))),
        ),
        (
            Lint::Unchained(id(start)),
            Box::new(move |plan| plan.steps[start].after.clear()),
        ),
        (
            Lint::NoWayBack(id(stop)),
            Box::new(move |plan| plan.steps[stop].undo.clear()),
        ),
        (
            Lint::StopBeforePull(id(stop)),
            Box::new(move |plan| plan.steps[stop].settled.clear()),
        ),
        (
            Lint::EarlyCleanup(id(cleanup)),
            Box::new(move |plan| plan.steps[cleanup].after.clear()),
        ),
        (
            Lint::Unasked(id(0)),
            Box::new(|plan| plan.steps[0].host = host_name("h9")),
        ),
        (
            Lint::Untold("web.1".to_owned()),
            Box::new(|plan| {
                let change = plan.services[0]
                    .slots
                    .iter_mut()
                    .find(|change| change.slot == slot("web.1"));
                change.unwrap().action = Action::Keep;
            }),
        ),
    ];
    for (expected, change) in cases {
        let found = broken(change);
        assert!(found.contains(&expected), "{expected:?} is not in {found:?}");
    }
}

#[test]
fn a_container_written_by_hand_has_no_id_to_be_held_to() {
    let plan = good();
    let by_hand: LiveContainer = serde_yaml::from_str("{owner: {slot: web.1}}").unwrap();
    assert!(by_hand.id.is_empty());
    let stop = &plan.steps[find(&plan, "stop shop.web.1")];
    assert_eq!(stop.pre, Precondition::None);
}
