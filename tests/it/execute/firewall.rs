//! Firewalls on simulated hosts: batch after batch, taken back where one does not confirm, open before replicas come and closed after.

use cdk::execute::stop::Stop;
use cdk::model::firewall::{FirewallSeen, LiveFirewall, Verdict};
use cdk::model::host::ObservedHost;
use cdk::model::unit::Span;
use cdk::observe::Observed;
use cdk::place::asked::Asked;
use cdk::plan::lint::lint;
use cdk::plan::step::Plan;
use cdk::resolve::desired::{Availability, Desired};
use cdk::resolve::rules::{About, Firewall, FirewallRule, Peer};

use super::fixture::Lab;
use crate::planner::world::{assigned, desired, planned_as, service};

const HOSTS: [&str; 3] = ["h1", "h2", "h3"];

fn rule(name: &str, about: About, from: Peer) -> FirewallRule {
    FirewallRule {
        name: name.to_owned(),
        on: Vec::new(),
        verdict: Verdict::Allow,
        about,
        from: vec![from],
        limit: None,
        probe: false,
    }
}

fn port(text: &str) -> About {
    About::Traffic([text.parse().unwrap()].into())
}

/// A web of two replicas behind a wall with these rules.
fn walled(parallelism: u32, rules: Vec<FirewallRule>) -> Desired {
    let mut web = service("web:1", 2);
    web.ports.insert(assigned(8080));
    let mut desired = desired(&HOSTS, vec![("web", web)]);
    for (number, host) in desired.hosts.values_mut().enumerate() {
        host.private_address = Some(format!("10.0.0.{}", number + 1).parse().unwrap());
    }
    desired.firewall = Some(Firewall {
        default: Verdict::Deny,
        admin: ["192.0.2.0/24".parse().unwrap()].into(),
        confirm_timeout: Span::seconds(30),
        parallelism,
        delay: Span::default(),
        rules,
    });
    desired
}

fn observed(lab: &Lab) -> Observed {
    let hosts = lab.hosts.iter().map(|(name, sim)| {
        let mut state = sim.observe();
        if state.firewall == FirewallSeen::NotAsked {
            state.firewall = FirewallSeen::Found(Box::default());
        }
        (name.clone(), ObservedHost::Reachable(Box::new(state)))
    });
    Observed {
        hosts: hosts.collect(),
        ..Observed::default()
    }
}

fn plan(lab: &Lab, desired: &Desired) -> Plan {
    let plan = planned_as(desired, &observed(lab), &Asked::default());
    assert!(lint(&plan).is_empty(), "{:?}\n{:#?}", lint(&plan), plan.steps);
    plan
}

fn lab() -> Lab {
    Lab::new(&[("h1", &[]), ("h2", &[]), ("h3", &[])])
}

fn live(lab: &Lab, host: &str) -> LiveFirewall {
    match lab.sim(host).observe().firewall {
        FirewallSeen::Found(live) => *live,
        FirewallSeen::NotAsked | FirewallSeen::Unknown(_) => LiveFirewall::default(),
    }
}

/// The names of the rules in force.
fn rules(lab: &Lab, host: &str) -> Vec<String> {
    let rules = live(lab, host).rules.map(|rules| rules.rules).unwrap_or_default();
    rules.into_iter().map(|rule| rule.name).collect()
}

fn at(log: &[String], line: &str) -> usize {
    let found = log.iter().rposition(|one| one == line);
    found.unwrap_or_else(|| panic!("no {line:?} in {log:#?}"))
}

#[tokio::test(start_paused = true)]
async fn hosts_go_one_after_the_other_and_the_plan_is_empty_then() {
    let lab = lab();
    let desired = walled(1, vec![rule("http", port("80/tcp"), Peer::Any)]);
    let first = plan(&lab, &desired);
    assert_eq!(first.firewalls.len(), 3);
    let outcome = lab.run(&first, &Stop::never()).await;
    assert!(!outcome.failed(), "{:#?}", lab.log());
    let log = lab.log();
    for (before, after) in [("h1", "h2"), ("h2", "h3")] {
        let confirmed = at(&log, &format!("{before} confirm the firewall"));
        assert!(
            confirmed < at(&log, &format!("{after} change the firewall")),
            "{log:#?}"
        );
    }
    assert!(plan(&lab, &desired).is_empty());
    // A rule more is one difference, told once for all hosts.
    let more = walled(
        0,
        vec![
            rule("http", port("80/tcp"), Peer::Any),
            rule("https", port("443/tcp"), Peer::Any),
        ],
    );
    let second = plan(&lab, &more);
    assert_eq!(second.steps.len(), 3);
    assert!(second.firewalls.iter().all(|one| one.fields.len() == 1));
    lab.run(&second, &Stop::never()).await;
    assert_eq!(rules(&lab, "h3"), ["http", "https"]);
    // And without rules in git they go.
    let none = Desired { firewall: None, ..more };
    lab.run(&plan(&lab, &none), &Stop::never()).await;
    assert_eq!(live(&lab, "h1").hash, None);
    assert!(plan(&lab, &none).is_empty());
}

#[tokio::test(start_paused = true)]
async fn one_that_does_not_confirm_stops_the_rest_and_takes_back_those_before_it() {
    let lab = lab();
    let before = walled(0, vec![rule("http", port("80/tcp"), Peer::Any)]);
    lab.run(&plan(&lab, &before), &Stop::never()).await;
    let after = walled(1, vec![rule("https", port("443/tcp"), Peer::Any)]);
    lab.sim("h2").refuse("confirm the firewall", "connection timed out");
    let outcome = lab.run(&plan(&lab, &after), &Stop::never()).await;
    assert!(outcome.failed());
    for host in HOSTS {
        assert_eq!(rules(&lab, host), ["http"], "{host}");
    }
    let log = lab.log();
    assert!(
        at(&log, "h2 retract the firewall") < at(&log, "h1 undo the firewall"),
        "{log:#?}"
    );
    assert!(plan(&lab, &before).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_rule_is_open_before_a_replica_comes_and_closed_after_it_has_gone() {
    let lab = lab();
    let rules_of_web = || vec![rule("web", About::Service("web".parse().unwrap()), Peer::Hosts)];
    let first = walled(0, rules_of_web());
    lab.run(&plan(&lab, &first), &Stop::never()).await;
    let on = |host: &str| !lab.sim(host).observe().containers.is_empty();
    let from = HOSTS.into_iter().find(|host| on(host)).unwrap();
    let to = HOSTS.into_iter().find(|host| !on(host)).unwrap();
    assert_eq!(
        (rules(&lab, from), rules(&lab, to)),
        (vec!["web".to_owned()], Vec::new())
    );
    let mut moved = walled(0, rules_of_web());
    moved.hosts.get_mut(&from.parse().unwrap()).unwrap().state = Availability::Drain;
    let began = lab.log().len();
    let outcome = lab.run(&plan(&lab, &moved), &Stop::never()).await;
    assert!(!outcome.failed(), "{:#?}", lab.log());
    assert_eq!(
        (rules(&lab, from), rules(&lab, to)),
        (Vec::new(), vec!["web".to_owned()])
    );
    let log = &lab.log()[began..];
    let first = |text: &str| log.iter().position(|line| line.contains(text)).unwrap();
    assert!(
        first(&format!("{to} confirm the firewall")) < first(&format!("{to} create ")),
        "{log:#?}"
    );
    let gone = first(&format!("{from} remove "));
    assert!(gone < at(log, &format!("{from} change the firewall")), "{log:#?}");
    assert!(plan(&lab, &moved).is_empty());
}
