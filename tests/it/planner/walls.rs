//! Firewalls as the planner sees them: nothing is closed to what stays, what nobody read is never taken for no rules, lints refuse what cuts off and nothing else.

use cdk::model::endpoint::Address;
use cdk::model::firewall::{FirewallSeen, Listener, LiveFirewall, RuleSet, Verdict};
use cdk::model::host::{HostState, ObservedHost};
use cdk::model::name::HostName;
use cdk::model::network::NetworkSpec;
use cdk::model::policy::{Order, Strategy};
use cdk::model::problem::Problem;
use cdk::model::setting::{Protocol, Restart};
use cdk::observe::Observed;
use cdk::place::asked::Asked;
use cdk::plan::step::Plan;
use cdk::render::firewall::{Ends, Firewalls, firewalls, found as found_on};
use cdk::resolve::desired::{Desired, HostPort, Mode};
use cdk::resolve::rules::{About, FirewallRule, Peer};

use super::world::{assigned, desired, label, network, placed, planned, planned_as, published, service, texts};
use crate::execute::firewall::{observed, port, rule, wall, walled};
use crate::execute::fixture::Lab;
use cdk::execute::stop::Stop;
use cdk::sim::world::Behaviour;

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
    firewalls(desired, &placed(desired, &observed), &Ends::default(), &observed)
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
    let refused = firewalls(&none, &placed(&none, &unknown), &Ends::default(), &unknown).unwrap_err();
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

/// The words and ports of a host's rules that are in force.
fn in_force(observed: &Observed, host: &str) -> Vec<String> {
    let host: HostName = host.parse().unwrap();
    let (_, live) = found_on(observed).find(|(name, _)| **name == host).unwrap();
    let rules = live.rules.iter().flat_map(|rules| &rules.rules);
    rules.map(ToString::to_string).collect()
}

/// Changes and comes again: then nothing is to be done, and the rules are these on the host of `web.1`.
async fn settles(lab: &Lab, desired: &Desired, ports: &[&str]) {
    let outcome = lab.run(&planned(desired, &observed(lab)), &Stop::never()).await;
    assert!(!outcome.failed(), "{:#?}", lab.log());
    let after = planned(desired, &observed(lab));
    assert!(after.is_empty(), "{:#?}", after.steps);
    let open: Vec<String> = HOSTS.iter().flat_map(|host| in_force(&observed(lab), host)).collect();
    let wanted: Vec<String> = ports.iter().map(|port| format!("allow {port} from hosts")).collect();
    assert_eq!(open, wanted);
}

#[tokio::test(start_paused = true)]
async fn a_rule_opens_the_port_that_a_replica_has_and_not_the_one_that_is_kept_for_its_successor() {
    let lab = Lab::new(&[("h1", &[]), ("h2", &[]), ("h3", &[])]);
    let follow = || vec![rule("web", About::Service("web".parse().unwrap()), Peer::Hosts)];
    let mut desired = walled(0, follow());
    let web = desired.services.get_mut(&"web".parse().unwrap()).unwrap();
    web.mode = Mode::Replicated(1);
    web.update.order = Order::StartFirst;
    settles(&lab, &desired, &["20000/tcp"]).await;
    for (image, port) in [("web:2", "20001/tcp"), ("web:3", "20000/tcp")] {
        let web = desired.services.get_mut(&"web".parse().unwrap()).unwrap();
        web.image = image.parse().unwrap();
        settles(&lab, &desired, &[port]).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_an_update_may_go_back_to_keeps_its_port() {
    let lab = Lab::new(&[("h1", &[]), ("h2", &[]), ("h3", &[])]);
    let follow = vec![rule("web", About::Service("web".parse().unwrap()), Peer::Hosts)];
    let mut desired = walled(0, follow);
    let web = desired.services.get_mut(&"web".parse().unwrap()).unwrap();
    web.mode = Mode::Replicated(2);
    web.update.order = Order::StartFirst;
    web.update.strategy = Strategy::Canary(1);
    lab.run(&planned(&desired, &observed(&lab)), &Stop::never()).await;
    let web = desired.services.get_mut(&"web".parse().unwrap()).unwrap();
    web.image = "web:2".parse().unwrap();
    lab.run(&planned(&desired, &observed(&lab)), &Stop::never()).await;
    let waits = planned(&desired, &observed(&lab));
    assert!(waits.is_waiting() && waits.is_empty(), "{:#?}", waits.steps);
    // The old container of the canary is stopped, and comes back if its other replicas fail.
    let open = |host: &str| in_force(&observed(&lab), host);
    let asks = async |asked: Asked| {
        let plan = planned_as(&desired, &observed(&lab), &asked);
        lab.run(&plan, &Stop::never()).await
    };
    let web = || ["web".parse().unwrap()].into();
    assert_eq!(open("h1"), ["allow 20000/tcp, 20001/tcp from hosts"]);
    asks(Asked {
        abort: web(),
        ..Asked::default()
    })
    .await;
    assert_eq!(open("h1"), ["allow 20000/tcp from hosts"]);
    let held = planned(&desired, &observed(&lab));
    assert!(held.is_empty(), "{:#?}", held.steps);
    asks(Asked {
        retry: web(),
        ..Asked::default()
    })
    .await;
    assert_eq!(open("h1"), ["allow 20000/tcp, 20001/tcp from hosts"]);
    asks(Asked {
        promote: web(),
        ..Asked::default()
    })
    .await;
    assert_eq!(open("h1"), ["allow 20001/tcp from hosts"]);
}

#[tokio::test(start_paused = true)]
async fn who_may_come_from_a_job_may_do_so_once_that_has_run() {
    let lab = Lab::new(&[("h1", &[]), ("h2", &[]), ("h3", &[])]);
    let mut desired = walled(
        0,
        vec![rule("db", port("5432/tcp"), Peer::Service("migrate".parse().unwrap()))],
    );
    let mut migrate = service("migrate:1", 1);
    migrate.mode = Mode::ReplicatedJob(1);
    migrate.restart = Restart::No;
    desired.services.insert("migrate".parse().unwrap(), migrate);
    lab.behave(
        "migrate:1",
        Behaviour {
            exits: Some((std::time::Duration::from_secs(1), 0)),
            ..Behaviour::default()
        },
    );
    let outcome = lab.run(&planned(&desired, &observed(&lab)), &Stop::never()).await;
    assert!(!outcome.failed(), "{:#?}", lab.log());
    assert!(
        lab.log().iter().any(|call| call.contains("migrate.1")),
        "{:#?}",
        lab.log()
    );
    let after = planned(&desired, &observed(&lab));
    assert!(after.is_empty(), "{:#?}", after.firewalls);
    assert_eq!(in_force(&observed(&lab), "h1"), ["allow 5432/tcp from migrate"]);
}

#[test]
fn rules_that_are_not_loaded_just_now_are_somebodys_all_the_same() {
    let desired = walled(0, vec![rule("http", port("80/tcp"), Peer::Any)]);
    let rules = rendered(&desired)
        .unwrap()
        .hosts
        .into_values()
        .next()
        .unwrap()
        .wanted
        .rules;
    let unloaded = |cluster: &str| {
        let live = LiveFirewall {
            rules: Some(RuleSet {
                cluster: cluster.parse().unwrap(),
                ..rules.clone()
            }),
            ..LiveFirewall::default()
        };
        seen(&FirewallSeen::Found(Box::new(live)))
    };
    // They would come back at the next boot.
    let none = Desired {
        firewall: None,
        ..walled(0, Vec::new())
    };
    let plan = planned(&none, &unloaded("shop"));
    assert_eq!(plan.firewalls.len(), 3);
    let others = unloaded("other");
    let refused = firewalls(&desired, &placed(&desired, &others), &Ends::default(), &others).unwrap_err();
    assert_eq!(refused[0].message, "h1: the cluster other owns its firewall");
}

#[test]
fn a_network_is_behind_the_wall_before_it_is_made() {
    let mut desired = walled(0, Vec::new());
    let spec = NetworkSpec {
        options: [("com.docker.network.bridge.name".to_owned(), "shop0".to_owned())].into(),
        ..NetworkSpec::default()
    };
    desired.networks.extend([network("inner", spec)]);
    let walls = rendered(&desired).unwrap();
    assert!(
        walls
            .hosts
            .values()
            .all(|host| host.wanted.rules.bridges.also.contains("shop0"))
    );
}

#[test]
fn the_first_rule_that_denies_tells_what_it_closes_and_dhcp_stays() {
    let listener = |protocol: Protocol, port: u16| Listener {
        protocol,
        address: None,
        port,
        program: "some".to_owned(),
    };
    let live = LiveFirewall {
        listeners: vec![
            listener(Protocol::Tcp, 5432),
            listener(Protocol::Udp, 68),
            listener(Protocol::Udp, 546),
        ],
        ..LiveFirewall::default()
    };
    let seen = seen(&FirewallSeen::Found(Box::new(live)));
    let told = |rules: Vec<FirewallRule>, default: Verdict| {
        let mut desired = walled(0, rules);
        desired.firewall.as_mut().unwrap().default = default;
        let notes = texts(&planned(&desired, &seen)).into_iter();
        notes
            .filter(|note| note.contains("lets anybody in"))
            .collect::<Vec<_>>()
    };
    let deny = FirewallRule {
        verdict: Verdict::Deny,
        ..rule("db", port("5432/tcp"), Peer::Any)
    };
    let said = "h1: no rule lets anybody in to what listens there: 5432/tcp (some)";
    assert_eq!(told(vec![deny], Verdict::Allow)[0], said);
    assert_eq!(told(vec![], Verdict::Deny)[0], said);
    assert_eq!(told(vec![], Verdict::Allow), [""; 0]);
}

/// What of a host's rules changes for `web` alone where git has these by now, and others are in force; in words.
async fn for_web_alone(live: &[FirewallRule], new: &[FirewallRule], default: Verdict) -> Option<Vec<String>> {
    let of = |rules: &[FirewallRule]| {
        let mut desired = walled(0, rules.to_vec());
        let mut api = service("api:1", 3);
        api.ports.insert(assigned(9090));
        desired.services.insert("api".parse().unwrap(), api);
        desired.services.get_mut(&"web".parse().unwrap()).unwrap().mode = Mode::Replicated(3);
        desired
    };
    let lab = Lab::new(&[("h1", &[]), ("h2", &[]), ("h3", &[])]);
    let outcome = lab.run(&planned(&of(live), &observed(&lab)), &Stop::never()).await;
    assert!(!outcome.failed(), "{:#?}", lab.log());
    let seen = observed(&lab);
    let mut desired = of(new);
    desired.firewall.as_mut().unwrap().default = default;
    let mut walls = firewalls(&desired, &placed(&desired, &seen), &Ends::default(), &seen).unwrap();
    walls.follow_only(&["web".parse().unwrap()].into(), &seen);
    let rules = |wall: &RuleSet| wall.rules.iter().map(ToString::to_string).collect();
    walls
        .hosts
        .get(&"h1".parse().unwrap())
        .map(|wall| rules(&wall.wanted.rules))
}

/// What is to be seen, the rules in force, those of git, and what then stands; none where nothing changes.
type Case<'r> = (&'r str, &'r [FirewallRule], &'r [FirewallRule], Option<&'r [&'r str]>);

#[tokio::test(start_paused = true)]
async fn for_some_services_alone_only_the_rules_that_follow_them_change() {
    let http = |ports: &str| rule("http", port(ports), Peer::Any);
    let bots = || FirewallRule {
        verdict: Verdict::Deny,
        ..from("bots", "tcp", &["203.0.113.0/24"])
    };
    let follow = |name: &str| rule(name, About::Service(name.parse().unwrap()), Peer::Hosts);
    let by = |names: &[&str]| FirewallRule {
        from: names.iter().map(|name| Peer::Service(name.parse().unwrap())).collect(),
        ..rule("db", port("5432/tcp"), Peer::Any)
    };
    let (api, web) = ("allow 20000/tcp from hosts", "allow 20001/tcp from hosts");
    let from_any = FirewallRule {
        from: vec![Peer::Any],
        ..follow("web")
    };
    let denied = FirewallRule {
        verdict: Verdict::Deny,
        ..by(&["web", "api"])
    };
    let elsewhere = FirewallRule {
        on: vec![label("no", true, "host")],
        ..http("20001/tcp")
    };
    let cases: [Case<'_>; 11] = [
        (
            "others' rules stay as they are in force, and its own comes where git has it",
            &[http("80/tcp"), follow("api")],
            &[http("443/tcp"), follow("web"), follow("api")],
            Some(&["allow 80/tcp from any", web, api]),
        ),
        (
            "only others' rules differ",
            &[http("80/tcp"), follow("web")],
            &[http("443/tcp"), follow("web")],
            None,
        ),
        (
            "who is denied in front of it stays so where git says it no more",
            &[bots(), follow("web")],
            &[follow("web")],
            None,
        ),
        (
            "and where its own rule changes",
            &[http("80/tcp"), bots(), follow("web")],
            &[http("80/tcp"), from_any],
            Some(&[
                "allow 80/tcp from any",
                "deny tcp from 203.0.113.0/24",
                "allow 20001/tcp from any",
            ]),
        ),
        (
            "and where it is new",
            &[http("80/tcp"), bots()],
            &[http("80/tcp"), follow("web")],
            Some(&["allow 80/tcp from any", "deny tcp from 203.0.113.0/24", web]),
        ),
        (
            "its own rule goes where git has none for it there",
            &[follow("web"), follow("api")],
            &[
                FirewallRule {
                    on: vec![label("no", true, "host")],
                    ..follow("web")
                },
                follow("api"),
            ],
            Some(&[api]),
        ),
        (
            "a rule that was others' too is left",
            &[by(&["web", "api"])],
            &[by(&["web"])],
            None,
        ),
        ("so is one that was others'", &[by(&["api"])], &[by(&["web"])], None),
        (
            "a new one that denies may be meant for others",
            &[http("80/tcp")],
            &[http("80/tcp"), denied],
            None,
        ),
        (
            "one that follows nobody is nobody's own",
            &[http("20001/tcp")],
            &[elsewhere],
            None,
        ),
        ("nothing differs", &[follow("web")], &[follow("web")], None),
    ];
    for (what, live, new, expected) in cases {
        let changed = for_web_alone(live, new, Verdict::Deny).await;
        let expected = expected.map(|words| words.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(changed, expected, "{what}");
    }
    // What is not needed where all is allowed is needed where it is not.
    assert_eq!(for_web_alone(&[follow("web")], &[], Verdict::Allow).await, None);
}

#[test]
fn for_some_services_alone_no_rules_come_and_none_go_where_there_are_none() {
    let follow = rule("web", About::Service("web".parse().unwrap()), Peer::Hosts);
    let desired = walled(0, vec![follow]);
    let mut walls = rendered(&desired).unwrap();
    walls.follow_only(&["web".parse().unwrap()].into(), &found());
    assert!(walls.hosts.is_empty());
    let none = Desired {
        firewall: None,
        ..walled(0, Vec::new())
    };
    let mut walls = firewalls(&none, &placed(&none, &found()), &Ends::default(), &found()).unwrap();
    assert!(walls.removes);
    walls.follow_only(&["web".parse().unwrap()].into(), &found());
    assert!(!walls.removes);
}
