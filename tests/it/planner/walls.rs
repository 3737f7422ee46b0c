//! Firewalls as the planner sees them: nothing is closed to what stays, what nobody read is never taken for no rules, lints refuse what cuts off and nothing else.

use cdk::model::endpoint::Address;
use cdk::model::firewall::{FirewallSeen, Verdict};
use cdk::model::host::{HostState, ObservedHost};
use cdk::model::problem::Problem;
use cdk::observe::Observed;
use cdk::place::asked::Asked;
use cdk::plan::step::Plan;
use cdk::render::firewall::{Firewalls, firewalls};
use cdk::resolve::desired::{Desired, HostPort};
use cdk::resolve::rules::{About, FirewallRule, Peer};

use super::world::{assigned, desired, label, placed, planned, planned_as, published, service, texts};
use crate::execute::firewall::{observed, port, rule, wall, walled};
use crate::execute::fixture::Lab;
use cdk::execute::stop::Stop;

const HOSTS: [&str; 3] = ["h1", "h2", "h3"];

/// Hosts of which this is seen.
fn seen(firewall: &FirewallSeen) -> Observed {
    let host = |name: &str| {
        let state = HostState {
            firewall: firewall.clone(),
            ..HostState::default()
        };
        (name.parse().unwrap(), ObservedHost::Reachable(Box::new(state)))
    };
    Observed {
        hosts: HOSTS.map(host).into(),
        ..Observed::default()
    }
}

fn found() -> Observed {
    seen(&FirewallSeen::Found(Box::default()))
}

fn rendered(desired: &Desired) -> Result<Firewalls, Vec<Problem>> {
    let observed = found();
    firewalls(desired, &placed(desired, &observed), &[], &observed)
}

/// What is refused, each problem by its message.
fn refused(desired: &Desired) -> Vec<String> {
    let problems = rendered(desired).err().unwrap_or_default();
    problems.into_iter().map(|problem| problem.message).collect()
}

fn from(name: &str, ports: &str, networks: &[&str]) -> FirewallRule {
    let peers = networks.iter().map(|network| Peer::Network(network.parse().unwrap()));
    FirewallRule {
        from: peers.collect(),
        ..rule(name, port(ports), Peer::Any)
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_closed_to_what_fits_nowhere_and_stays() {
    let lab = Lab::new(&[("h1", &[]), ("h2", &[]), ("h3", &[])]);
    let plan = |desired: &Desired| planned_as(desired, &observed(&lab), &Asked::default());
    let mut desired = walled(
        0,
        vec![rule("web", About::Service("web".parse().unwrap()), Peer::Hosts)],
    );
    lab.run(&plan(&desired), &Stop::never()).await;
    assert!(plan(&desired).is_empty());
    let web = desired.services.get_mut(&"web".parse().unwrap()).unwrap();
    web.constraints.push(label("nobody", true, "has it"));
    let after = plan(&desired);
    assert!(after.is_empty() && after.is_partial(), "{:#?}", after.steps);
    assert!(after.firewalls.is_empty(), "{:#?}", after.firewalls);
}

#[test]
fn what_nobody_read_is_not_taken_for_no_rules() {
    let walled = walled(0, vec![rule("http", port("80/tcp"), Peer::Any)]);
    // An observation of before git had rules says nothing of them.
    let plan: Plan = planned(&walled, &seen(&FirewallSeen::NotAsked));
    assert!(plan.is_partial());
    let said = format!("{:?}", plan.notes);
    assert!(said.contains("does not tell it: observe again"), "{said}");
    // And where git has none any more, a host that can't tell may have some still.
    let none = Desired {
        firewall: None,
        ..walled
    };
    let unknown = seen(&FirewallSeen::Unknown("its firewall needs root".to_owned()));
    let refused = firewalls(&none, &placed(&none, &unknown), &[], &unknown).unwrap_err();
    assert_eq!(refused.len(), HOSTS.len());
    assert_eq!(refused[0].message, "h1: its firewall needs root");
}

#[test]
fn a_registry_on_a_host_is_cut_off_only_where_no_way_leads_there() {
    let with_registry = |at: &str, rules: Vec<FirewallRule>| {
        let app = service(&format!("{at}/app:1"), 1);
        let mut desired = desired(&HOSTS, vec![("app", app)]);
        wall(&mut desired, 0, rules);
        let h1 = desired.hosts.get_mut(&"h1".parse().unwrap()).unwrap();
        h1.public_addresses.insert("203.0.113.5".parse().unwrap());
        desired
    };
    let private = from("registry", "5000/tcp", &["10.0.0.0/8"]);
    // Its public address is no way that a host with a private one takes.
    assert_eq!(refused(&with_registry("10.0.0.2:5000", vec![private.clone()])), [""; 0]);
    let said = refused(&with_registry("10.0.0.2:5000", vec![]));
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].starts_with("h2: `default: deny` keeps out hosts that pull from the registry 10.0.0.2:5000"));
    // Where it is known by its public one, that is the way.
    let public = |rules: Vec<FirewallRule>| {
        let mut desired = with_registry("203.0.113.2:5000", rules);
        for (number, host) in desired.hosts.values_mut().enumerate() {
            host.public_addresses.clear();
            host.address = Address::Ssh(format!("203.0.113.{}", number + 1));
        }
        desired
    };
    assert_eq!(refused(&public(vec![private.clone()])).len(), 1);
    let allowed = from("registry", "5000/tcp", &["203.0.113.0/24"]);
    assert_eq!(refused(&public(vec![allowed])), [""; 0]);
    // Where nobody knows from where they come, somebody must be let in.
    let nameless = |rules: Vec<FirewallRule>| {
        let mut desired = with_registry("h2:5000", rules);
        for host in desired.hosts.values_mut() {
            host.private_address = None;
            host.public_addresses.clear();
        }
        desired
    };
    assert_eq!(refused(&nameless(vec![])).len(), 1);
    assert_eq!(refused(&nameless(vec![private])), [""; 0]);
}

#[test]
fn what_is_open_to_everybody_is_told_in_whichever_words() {
    let notes = |rules: Vec<FirewallRule>, default: Verdict, address: Option<&str>| {
        let mut web = service("web:1", 1);
        let mut public = published(80, "8080");
        public.host = HostPort::Published {
            address: address.map(|address| address.parse().unwrap()),
            ports: "8080".parse().unwrap(),
        };
        web.ports.insert(public);
        let mut desired = desired(&HOSTS, vec![("web", web)]);
        wall(&mut desired, 0, rules);
        desired.firewall.as_mut().unwrap().default = default;
        let notes = texts(&planned(&desired, &found()));
        notes.iter().any(|note| note.contains("the firewall lets in any"))
    };
    let everybody = || from("web", "8080/tcp", &["0.0.0.0/0", "::/0"]);
    let denied = || FirewallRule {
        verdict: Verdict::Deny,
        ..everybody()
    };
    assert!(notes(vec![everybody()], Verdict::Deny, None));
    assert!(notes(vec![from("web", "8080/tcp", &["::/0"])], Verdict::Deny, None));
    assert!(notes(vec![everybody()], Verdict::Deny, Some("0.0.0.0")));
    assert!(!notes(
        vec![from("web", "8080/tcp", &["10.0.0.0/8"])],
        Verdict::Deny,
        None
    ));
    assert!(notes(vec![], Verdict::Allow, None));
    assert!(!notes(vec![denied()], Verdict::Allow, None));
}

#[test]
fn a_port_that_only_replicas_beside_it_may_reach_is_untried_and_nothing_is_refused() {
    let mut web = service("web:1", 1);
    web.ports.insert(assigned(8080));
    web.constraints.push(label("only", true, "here"));
    let mut api = service("api:1", 1);
    api.constraints.push(label("only", true, "here"));
    let mut desired = desired(&HOSTS, vec![("web", web), ("api", api)]);
    let probed = FirewallRule {
        probe: true,
        ..rule(
            "web",
            About::Service("web".parse().unwrap()),
            Peer::Service("api".parse().unwrap()),
        )
    };
    wall(&mut desired, 0, vec![probed]);
    let h2 = desired.hosts.get_mut(&"h2".parse().unwrap()).unwrap();
    h2.labels.insert("only".to_owned(), "here".to_owned());
    let notes = texts(&planned(&desired, &found()));
    let told = notes
        .iter()
        .any(|note| note.starts_with("h2: nobody tries") && note.contains("(web)"));
    assert!(told, "{notes:#?}");
    // Where it is a rule before it that keeps them out, that is refused.
    let denied = FirewallRule {
        verdict: Verdict::Deny,
        ..rule("nobody", About::Service("web".parse().unwrap()), Peer::Hosts)
    };
    let elsewhere = desired.services.get_mut(&"api".parse().unwrap()).unwrap();
    elsewhere.constraints = vec![label("only", false, "here")];
    assert_eq!(refused(&desired), [""; 0]);
    desired.firewall.as_mut().unwrap().rules.insert(0, denied);
    assert_eq!(refused(&desired).len(), 1);
}
