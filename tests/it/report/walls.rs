//! Plans that change firewalls, and what `cdk firewall` says, as a person reads them; and as data.

use std::time::Duration;

use cdk::model::firewall::{
    Confirmations, Confirmed, FirewallChange, FirewallSeen, InForce, Listener, LiveFirewall, RuleSet, Verdict,
};
use cdk::model::host::{HostState, ObservedHost};
use cdk::model::op::{FirewallOp, Op};
use cdk::model::setting::Protocol;
use cdk::model::unit::Span;
use cdk::observe::Observed;
use cdk::plan::step::Plan;
use cdk::report::{plan, wall};
use cdk::resolve::desired::{Desired, Service};
use cdk::resolve::rules::{About, Firewall, FirewallRule, Peer};

use super::made::{PLAIN, golden, host};
use crate::planner::world::{desired, label, planned, published, service};

const HOSTS: [&str; 5] = ["h1", "h2", "h3", "h4", "h5"];

fn rule(name: &str, verdict: Verdict, ports: &str, from: Peer) -> FirewallRule {
    FirewallRule {
        name: name.to_owned(),
        on: Vec::new(),
        verdict,
        about: About::Traffic([ports.parse().unwrap()].into()),
        from: vec![from],
        limit: None,
        probe: false,
    }
}

fn allow(name: &str, ports: &str, from: Peer) -> FirewallRule {
    rule(name, Verdict::Allow, ports, from)
}

fn network(text: &str) -> Peer {
    Peer::Network(text.parse().unwrap())
}

/// One `web` that is published at 8080, and rules.
fn git(rules: Vec<FirewallRule>) -> Desired {
    let mut web: Service = service("web:1", 1);
    web.ports.insert(published(80, "8080"));
    web.constraints.push(label("web", true, "yes"));
    let mut all = desired(&HOSTS, vec![("web", web)]);
    all.revision.subject = "rules".to_owned();
    for (number, (name, host)) in all.hosts.iter_mut().enumerate() {
        host.private_address = Some(format!("10.0.0.{}", number + 1).parse().unwrap());
        if name.as_str() == "h5" {
            host.labels.insert("web".to_owned(), "yes".to_owned());
        }
    }
    all.firewall = Some(Firewall {
        default: Verdict::Deny,
        admin: ["192.0.2.0/24".parse().unwrap()].into(),
        confirm_timeout: Span::seconds(30),
        parallelism: 2,
        delay: Span::default(),
        rules,
    });
    all
}

fn base() -> Vec<FirewallRule> {
    vec![
        rule("bots", Verdict::Deny, "80/tcp", network("203.0.113.0/24")),
        allow("http", "80/tcp", Peer::Any),
        allow("db", "5432/tcp", Peer::Hosts),
    ]
}

/// Hosts with these firewalls.
fn live(of: impl Fn(&str) -> LiveFirewall) -> Observed {
    let found = |name: &str| {
        let state = HostState {
            firewall: FirewallSeen::Found(Box::new(of(name))),
            ..HostState::default()
        };
        (host(name), ObservedHost::Reachable(Box::new(state)))
    };
    Observed {
        hosts: HOSTS.map(found).into(),
        ..Observed::default()
    }
}

fn change(plan: &Plan, on: &str) -> FirewallChange {
    let changes = plan.steps.iter().rev().filter_map(|step| match &step.op {
        Op::Firewall(FirewallOp::Change(change)) if step.host.as_str() == on => Some(change),
        _ => None,
    });
    FirewallChange::clone(changes.into_iter().next().unwrap())
}

/// Each host's firewall as an apply of this leaves it.
fn applied(desired: &Desired) -> impl Fn(&str) -> LiveFirewall + use<> {
    let plan = planned(desired, &live(|_| LiveFirewall::default()));
    move |name: &str| LiveFirewall {
        rules: change(&plan, name).rules,
        hash: Some(format!("hash of {name}")),
        owners: ["shop".parse().unwrap()].into(),
        ..LiveFirewall::default()
    }
}

fn listens(port: u16, program: &str) -> Listener {
    Listener {
        protocol: Protocol::Tcp,
        address: None,
        port,
        program: program.to_owned(),
    }
}

#[test]
fn what_happens_to_firewalls_is_told_rule_by_rule() {
    let mut all = String::new();
    let mut shown = |what: &str, desired: &Desired, observed: &Observed| {
        let plan = planned(desired, observed);
        let text = plan::text(&plan, observed.hosts.len(), Duration::ZERO, PLAIN);
        all += &format!("--- {what}\n{text}\n");
        plan
    };
    let git_base = git(base());
    let before = applied(&git_base);

    let first = live(|name| LiveFirewall {
        listeners: match name {
            "h2" => vec![
                listens(22, "sshd"),
                listens(9100, "node_exporter"),
                listens(5432, "postgres"),
            ],
            _ => Vec::new(),
        },
        ..LiveFirewall::default()
    });
    shown(
        "the first rules: what listens and nobody could reach any more is told",
        &git_base,
        &first,
    );

    let mut added = base();
    added.push(allow("https", "443/tcp", Peer::Any));
    added[1].limit = Some("600/minute".parse().unwrap());
    added[1].probe = true;
    added.remove(2);
    shown("a rule is added, one removed, one changed", &git(added), &live(&before));

    let mut some = base();
    some.push(FirewallRule {
        on: vec![label("web", true, "yes")],
        ..allow("metrics", "9100/tcp", network("10.0.0.0/8"))
    });
    shown("a rule of one host", &git(some), &live(&before));

    let mut order = base();
    order.swap(0, 1);
    shown("only the order", &git(order), &live(&before));
    let mut more = base();
    more.swap(0, 1);
    more.push(allow("https", "443/tcp", Peer::Any));
    shown("the order, and a rule more", &git(more), &live(&before));
    let mut first = base();
    first.insert(0, allow("https", "443/tcp", Peer::Any));
    shown("a rule before the others", &git(first), &live(&before));

    let mut elsewhere = git(base());
    let h2 = elsewhere.hosts.get_mut(&host("h2")).unwrap();
    h2.private_address = Some("10.0.0.22".parse().unwrap());
    shown(
        "a host has another address: the words are the same, what they mean is not",
        &elsewhere,
        &live(&before),
    );

    let mut open = base();
    open.push(allow("web", "8080/tcp", Peer::Any));
    shown("what is published is open to any", &git(open), &live(&before));

    let by_hand = live(|name| {
        let mut live = before(name);
        if matches!(name, "h1" | "h3") {
            live.hash = Some("another".to_owned());
            live.by_hand = [
                "+ tcp dport 9103 accept",
                "- udp dport 53 accept",
                "- ip saddr 10.0.0.9 drop",
                "+ counter",
            ]
            .map(str::to_owned)
            .into();
        }
        if name == "h4" {
            (live.hash, live.by_hand) = (None, vec!["- the whole table".to_owned()]);
        }
        live
    });
    shown("changed by hand", &git_base, &by_hand);

    let waiting = live(|name| LiveFirewall {
        pending: (name == "h2").then(|| "17-3".to_owned()),
        ..before(name)
    });
    shown("a change waits on a host", &git_base, &waiting);

    let none = Desired {
        firewall: None,
        ..git(base())
    };
    shown("git has no rules any more", &none, &live(&before));

    let mut probed = base();
    probed[1].probe = true;
    let mut silent = live(&before);
    for name in ["h2", "h3", "h4", "h5"] {
        silent
            .hosts
            .insert(host(name), ObservedHost::Unreachable("connection timed out".to_owned()));
    }
    shown("nobody is there who could try a port", &git(probed), &silent);
    golden("firewall.txt", &all);
}

#[test]
fn the_data_of_a_plan_with_firewalls_is_as_it_was_agreed() {
    let before = applied(&git(base()));
    let mut rules = base();
    rules[1].probe = true;
    let changed = planned(&git(rules), &live(&before));
    let mut steps = serde_json::to_value(&changed.steps).unwrap();
    let steps = steps.as_array_mut().unwrap();
    steps.retain(|step| step["op"]["firewall"].is_object() && step["host"] == "h1");
    let told = serde_json::json!({ "firewalls": changed.firewalls, "steps": steps });
    golden("firewall.json", &(serde_json::to_string_pretty(&told).unwrap() + "\n"));
    // A plan of before there were probes still reads.
    let mut old = steps[0]["op"]["firewall"]["change"].clone();
    old.as_object_mut().unwrap().remove("probes");
    let old: FirewallChange = serde_json::from_value(old).unwrap();
    assert_eq!(old.probes, []);
    assert_eq!(old.rules, change(&changed, "h1").rules);
    let _: RuleSet = old.rules.unwrap();
}

#[test]
fn what_the_command_says_of_firewalls() {
    let before = applied(&git(base()));
    let hosts = HOSTS.map(|name| {
        let mut live = before(name);
        live.pending = (name == "h2").then(|| "17-3".to_owned());
        let found = match name {
            "h4" => Err("connection timed out".to_owned()),
            _ => Ok(live),
        };
        (host(name), found)
    });
    let in_force = InForce {
        cluster: "shop".parse().unwrap(),
        hosts: hosts.into(),
    };
    let confirmed = |name: &str| match name {
        "h1" => Confirmed::Now,
        "h2" => Confirmed::Not("the host had taken the change back already".to_owned()),
        _ => Confirmed::Nothing,
    };
    let confirmations = Confirmations {
        cluster: "shop".parse().unwrap(),
        hosts: HOSTS.map(|name| (host(name), confirmed(name))).into(),
    };
    let told = wall::confirmations(&confirmations);
    let json = serde_json::to_string_pretty(&told.hosts[&host("h2")]).unwrap();
    let all = format!(
        "--- show\n{}\n--- confirm\n{}\n--- confirm -o json, h2\n{json}\n",
        wall::text(&in_force, PLAIN),
        wall::confirmed(&told, PLAIN)
    );
    golden("walls.txt", &all);
}
