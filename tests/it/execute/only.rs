//! `--only firewall` and `--only services`: each leaves the other's part as it is, and one after the other they come to what both would.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use cdk::execute::stop::Stop;
use cdk::flow::{Failure, Seen, Settings, plan_from};
use cdk::model::firewall::{FirewallSeen, Phase};
use cdk::model::op::{FirewallOp, Op};
use cdk::model::scope::{Part, Scope};
use cdk::plan::lint::lint;
use cdk::plan::step::Plan;
use cdk::resolve::desired::{Availability, Desired};
use cdk::resolve::rules::{About, FirewallRule, Peer};

use super::firewall::{observed, port, rule, walled};
use super::fixture::Lab;
use crate::planner::world::texts;

const HOSTS: [&str; 3] = ["h1", "h2", "h3"];

fn only(parts: &[Part]) -> Settings {
    let scope = Scope {
        only: parts.iter().copied().collect(),
        ..Scope::default()
    };
    Settings {
        scope,
        ..Settings::default()
    }
}

fn planned(lab: &Lab, desired: &Desired, settings: &Settings) -> Result<Plan, Failure> {
    let seen = Seen {
        desired: desired.clone(),
        observed: observed(lab),
        took: Duration::ZERO,
    };
    let plan = plan_from(settings, seen, &BTreeMap::new())?.plan;
    assert_eq!(lint(&plan), BTreeSet::new());
    Ok(plan)
}

async fn done(lab: &Lab, plan: &Plan) {
    let outcome = lab.run(plan, &Stop::never()).await;
    assert!(!outcome.failed(), "{:#?}", lab.log());
}

fn phases(plan: &Plan) -> Vec<Option<Phase>> {
    let phase = |op: &Op| match op {
        Op::Firewall(FirewallOp::Change(change)) => Some(change.phase),
        _ => None,
    };
    plan.steps.iter().map(|step| phase(&step.op)).collect()
}

/// The names of the rules in force.
fn rules(lab: &Lab, host: &str) -> Vec<String> {
    let FirewallSeen::Found(live) = lab.sim(host).observe().firewall else {
        return Vec::new();
    };
    let rules = live.rules.into_iter().flat_map(|rules| rules.rules);
    rules.map(|rule| rule.name).collect()
}

fn rules_of_web(more: &[FirewallRule]) -> Vec<FirewallRule> {
    let web = rule("web", About::Service("web".parse().unwrap()), Peer::Hosts);
    more.iter().cloned().chain([web]).collect()
}

/// Hosts as the first commit left them, and the next one: another image, another rule, and a host to be left; with the host that is
/// left, and the one that comes for it.
async fn changed() -> (Lab, Desired, &'static str, &'static str) {
    let lab = Lab::new(&[("h1", &[]), ("h2", &[]), ("h3", &[])]);
    let first = walled(0, rules_of_web(&[rule("http", port("80/tcp"), Peer::Any)]));
    done(&lab, &planned(&lab, &first, &Settings::default()).unwrap()).await;
    let on = |host: &str| !lab.sim(host).observe().containers.is_empty();
    let from = HOSTS.into_iter().find(|host| on(host)).unwrap();
    let to = HOSTS.into_iter().find(|host| !on(host)).unwrap();
    let mut next = walled(0, rules_of_web(&[rule("https", port("443/tcp"), Peer::Any)]));
    next.hosts.get_mut(&from.parse().unwrap()).unwrap().state = Availability::Drain;
    for web in next.services.values_mut() {
        web.image = "web:2".parse().unwrap();
    }
    (lab, next, from, to)
}

#[tokio::test(start_paused = true)]
async fn firewalls_alone_close_nothing_that_replicas_in_place_need() {
    let (lab, next, from, to) = changed().await;
    let before: Vec<Vec<String>> = HOSTS.iter().map(|host| lab.containers(host)).collect();
    let walls = planned(&lab, &next, &only(&[Part::Firewall])).unwrap();
    assert_eq!(phases(&walls), [Some(Phase::Open); 3]);
    assert!(walls.services.is_empty() && walls.memory.partial);
    done(&lab, &walls).await;
    let after: Vec<Vec<String>> = HOSTS.iter().map(|host| lab.containers(host)).collect();
    assert_eq!(before, after);
    // Open where replicas are, and where they will be.
    for host in [from, to] {
        assert_eq!(rules(&lab, host), ["https", "web"], "{host}");
    }
    assert!(planned(&lab, &next, &only(&[Part::Firewall])).unwrap().is_empty());
    // What the journal says of the replicas is still so.
    let placed = &lab.journal(from).placement;
    assert!(placed.values().any(|placed| placed.host.as_str() == from), "{placed:?}");

    done(&lab, &planned(&lab, &next, &only(&[Part::Services])).unwrap()).await;
    assert!(lab.containers(from).is_empty());
    let rest = planned(&lab, &next, &Settings::default()).unwrap();
    assert!(
        !rest.is_empty() && phases(&rest).iter().all(Option::is_some),
        "{:#?}",
        rest.steps
    );
    done(&lab, &rest).await;
    assert_eq!(rules(&lab, from), ["https"]);
    assert!(planned(&lab, &next, &Settings::default()).unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn services_alone_leave_firewalls_as_they_are_and_say_so() {
    let (lab, next, from, to) = changed().await;
    let services = planned(&lab, &next, &only(&[Part::Services])).unwrap();
    assert!(phases(&services).iter().all(Option::is_none), "{:#?}", services.steps);
    assert!(services.firewalls.is_empty());
    let wanted = "the firewall of h1, h2, h3 is not as git says, and stays as it is: --only says nothing of it";
    assert!(
        texts(&services).iter().any(|note| note == wanted),
        "{:#?}",
        texts(&services)
    );
    done(&lab, &services).await;
    assert_eq!(
        (rules(&lab, from), rules(&lab, to)),
        (vec!["http".to_owned(), "web".to_owned()], vec!["http".to_owned()])
    );
    // Rules that could not be had otherwise keep nobody from it.
    let mut dangerous = next.clone();
    dangerous
        .hosts
        .values_mut()
        .for_each(|host| host.ssh.jump = Some("h1".to_owned()));
    let wants = |parts: &[Part]| planned(&lab, &dangerous, &only(parts)).is_ok();
    assert_eq!((wants(&[Part::Services]), wants(&[])), (true, false));
}

#[tokio::test(start_paused = true)]
async fn both_are_everything_and_what_fits_to_neither_is_refused() {
    let (lab, next, ..) = changed().await;
    let whole = planned(&lab, &next, &Settings::default()).unwrap();
    let both = planned(&lab, &next, &only(&[Part::Firewall, Part::Services])).unwrap();
    // But for the words in which it was asked for.
    let scope = Scope::default();
    assert_eq!(Plan { scope, ..both }, whole);
    let mut settings = only(&[Part::Firewall]);
    settings.scope.services = ["web".parse().unwrap()].into();
    let refused = planned(&lab, &next, &settings);
    assert!(matches!(refused, Err(Failure::Usage(_))), "{refused:?}");
    // Without rules in git the tables go, and nothing else.
    let none = Desired { firewall: None, ..next };
    let removal = planned(&lab, &none, &only(&[Part::Firewall])).unwrap();
    assert_eq!(phases(&removal), [Some(Phase::Open); 3]);
    done(&lab, &removal).await;
    assert!(HOSTS.iter().all(|host| rules(&lab, host).is_empty()));
}
