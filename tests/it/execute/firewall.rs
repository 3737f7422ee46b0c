//! Firewalls on simulated hosts: batch after batch, taken back where one does not confirm, open before replicas come and closed after.

use cdk::execute::stop::{Stop, Stopper};
use cdk::host::Host;
use cdk::model::firewall::{FirewallSeen, LiveFirewall, Verdict};
use cdk::model::host::ObservedHost;
use cdk::model::op::{FirewallOp, Op};
use cdk::model::unit::Span;
use cdk::observe::Observed;
use cdk::place::asked::Asked;
use cdk::plan::lint::lint;
use cdk::plan::step::Plan;
use cdk::render::firewall::{Ends, firewalls};
use cdk::resolve::desired::{Availability, Desired};
use cdk::resolve::rules::{About, Firewall, FirewallRule, Peer};

use super::fixture::{Lab, secs};
use crate::planner::world::{assigned, desired, label, placed, planned_as, service, texts};

const HOSTS: [&str; 3] = ["h1", "h2", "h3"];

pub fn rule(name: &str, about: About, from: Peer) -> FirewallRule {
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

pub fn port(text: &str) -> About {
    About::Traffic([text.parse().unwrap()].into())
}

/// A web of two replicas behind a wall with these rules.
pub fn walled(parallelism: u32, rules: Vec<FirewallRule>) -> Desired {
    let mut web = service("web:1", 2);
    web.ports.insert(assigned(8080));
    let mut desired = desired(&HOSTS, vec![("web", web)]);
    wall(&mut desired, parallelism, rules);
    desired
}

/// Puts hosts behind a wall, and gives them addresses: 10.0.0.1, 10.0.0.2 …
pub fn wall(desired: &mut Desired, parallelism: u32, rules: Vec<FirewallRule>) {
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
}

pub fn observed(lab: &Lab) -> Observed {
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

/// A rule whose port must stay open.
fn probed(name: &str, ports: &str) -> FirewallRule {
    FirewallRule {
        probe: true,
        ..rule(name, port(ports), Peer::Any)
    }
}

#[tokio::test(start_paused = true)]
async fn a_port_that_must_stay_open_is_tried_from_another_host_before_the_confirmation() {
    let lab = lab();
    let desired = walled(1, vec![probed("http", "80-90/tcp")]);
    let outcome = lab.run(&plan(&lab, &desired), &Stop::never()).await;
    assert!(!outcome.failed(), "{:#?}", lab.log());
    let log = lab.log();
    // The first host that is another, and the first port of the range.
    for (host, from, to) in [
        ("h1", "h2", "10.0.0.1"),
        ("h2", "h1", "10.0.0.2"),
        ("h3", "h1", "10.0.0.3"),
    ] {
        let tried = at(&log, &format!("{from} reach {to}:80"));
        assert!(at(&log, &format!("{host} change the firewall")) < tried, "{log:#?}");
        assert!(tried < at(&log, &format!("{host} confirm the firewall")), "{log:#?}");
    }
    assert!(plan(&lab, &desired).is_empty());

    // One that is not reached is tried until there is no time left, and stops all.
    let more = walled(1, vec![probed("http", "80-90/tcp"), probed("https", "443/tcp")]);
    lab.sim("h1").refuse("reach 10.0.0.2:443", "no answer within 2s");
    let outcome = lab.run(&plan(&lab, &more), &Stop::never()).await;
    assert!(outcome.failed());
    let (why, _) = lab.failure();
    let wanted = "the change was not confirmed: h1 does not reach 443/tcp at 10.0.0.2, which the rule https probes (no answer within 2s), \
                  and it was taken back";
    assert_eq!(why, wanted);
    let log = lab.log();
    let tries = log.iter().filter(|line| *line == "h1 reach 10.0.0.2:443").count();
    assert!(tries > 10, "{log:#?}");
    for host in HOSTS {
        assert_eq!(rules(&lab, host), ["http"], "{host}");
    }
    assert!(plan(&lab, &desired).is_empty());
}

#[tokio::test(start_paused = true)]
async fn who_does_not_answer_tries_nothing_and_where_nobody_ever_could_is_refused() {
    let lab = lab();
    let only_h1 = |from: &str| FirewallRule {
        on: vec![label("one", true, "yes")],
        from: vec![Peer::Network(from.parse().unwrap())],
        ..probed("http", "80/tcp")
    };
    let with = |rules: Vec<FirewallRule>| {
        let mut desired = walled(1, rules);
        let h1 = desired.hosts.get_mut(&"h1".parse().unwrap()).unwrap();
        h1.labels.insert("one".to_owned(), "yes".to_owned());
        desired
    };
    // h2 alone may come in, and it does not answer.
    let desired = with(vec![only_h1("10.0.0.2/32")]);
    let mut observed = observed(&lab);
    observed
        .hosts
        .insert("h2".parse().unwrap(), ObservedHost::Unreachable("gone".to_owned()));
    let plan = planned_as(&desired, &observed, &Asked::default());
    let said = texts(&plan);
    let wanted =
        "h1: nobody tries 80/tcp (http) before the change is confirmed: no other host that they let in answers";
    assert!(said.iter().any(|note| note == wanted), "{said:#?}");
    // A rule before it keeps everybody else out, or the host itself is the only one.
    let deny = FirewallRule {
        verdict: Verdict::Deny,
        ..rule("nobody", port("80/tcp"), Peer::Hosts)
    };
    for rules in [vec![deny, only_h1("10.0.0.0/24")], vec![only_h1("10.0.0.1/32")]] {
        let desired = with(rules);
        let refused = firewalls(&desired, &placed(&desired, &observed), &Ends::default(), &observed).unwrap_err();
        let said: Vec<&str> = refused.iter().map(|problem| problem.message.as_str()).collect();
        assert_eq!(
            said,
            ["h1: the rule `http` probes 80/tcp, and the rules let no other host in to it"]
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_that_waits_is_told_and_planned_as_if_it_had_been_taken_back() {
    let lab = lab();
    let before = walled(0, vec![rule("http", port("80/tcp"), Peer::Any)]);
    lab.run(&plan(&lab, &before), &Stop::never()).await;
    let after = walled(0, vec![rule("https", port("443/tcp"), Peer::Any)]);
    // Killed between the change and its confirmation.
    let change = plan(&lab, &after).steps[0].op.clone();
    let Op::Firewall(FirewallOp::Change(change)) = change else {
        panic!("{change}");
    };
    let cluster = super::fixture::cluster();
    let sim: &dyn Host = lab.sim("h1");
    let pending = sim.firewall(&cluster).change(&change).await.unwrap();
    assert_eq!(live(&lab, "h1").pending.as_deref(), Some(pending.pending.id()));
    assert_eq!(rules(&lab, "h1"), ["http"]);
    let again = plan(&lab, &after);
    assert!(texts(&again)[0].starts_with("h1: a change of its firewall waits to be confirmed or taken back"));
    assert_eq!(again.firewalls.len(), 3);
    let outcome = lab.run(&again, &Stop::never()).await;
    assert!(!outcome.failed(), "{:#?}", lab.log());
    assert_eq!(
        (rules(&lab, "h1"), live(&lab, "h1").pending),
        (vec!["https".to_owned()], None)
    );
    // One that nobody confirms is gone by itself, and one of another id is not confirmed.
    let pending = sim.firewall(&cluster).undo(Span::seconds(30)).await.unwrap();
    let other = cdk::host::Pending::of("other");
    assert!(sim.firewall(&cluster).confirm(&other, secs(1)).await.is_err());
    tokio::time::sleep(secs(31)).await;
    assert_eq!(live(&lab, "h1").pending, None);
    assert!(sim.firewall(&cluster).confirm(&pending, secs(1)).await.is_err());
    assert!(plan(&lab, &after).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_signal_ends_the_delay_between_two_batches_and_the_next_is_left_alone() {
    let lab = lab();
    let mut desired = walled(1, vec![rule("http", port("80/tcp"), Peer::Any)]);
    desired.firewall.as_mut().unwrap().delay = Span::seconds(300);
    let (stopper, stop) = Stopper::new();
    let plan = plan(&lab, &desired);
    let signal = async {
        tokio::time::sleep(secs(100)).await;
        stopper.signal();
    };
    let (outcome, ()) = tokio::join!(lab.run(&plan, &stop), signal);
    assert!(outcome.interrupted);
    assert_eq!(rules(&lab, "h1"), ["http"]);
    assert_eq!(rules(&lab, "h2"), [""; 0]);
    let last = lab.events.borrow().last().map(|(at, _)| *at).unwrap();
    assert!(last < secs(110), "{last:?}");
}
