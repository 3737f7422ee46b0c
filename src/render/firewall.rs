//! The rule set of each host: names become addresses, services the ports of their replicas. What would lock out is refused here.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::firewall::{
    Admin, Bridges, FIREWALL_VERSION, FirewallSeen, LiveFirewall, Probe, Rule, RuleSet, Source, Verdict,
};
use crate::model::host::{HostState, ObservedHost};
use crate::model::name::{ClusterName, HostName, ServiceName, Slot};
use crate::model::network::Subnet;
use crate::model::problem::Problem;
use crate::model::setting::PortBinding;
use crate::model::traffic::Traffic;
use crate::model::unit::Span;
use crate::observe::Observed;
use crate::place::Placement;
use crate::place::live::Standing;
use crate::render::lockout::Around;
use crate::render::probe::{Probing, probing};
use crate::resolve::constraint::holds;
use crate::resolve::desired::{Desired, Host};
use crate::resolve::rules::{About, CONFIRM_TIMEOUT, Firewall, FirewallRule, Ingress, Peer};

/// sshd's own port.
pub(super) const SSH_PORT: u16 = 22;

/// What a host's firewall is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirewallTarget {
    /// In force while replicas go from here to there: open to those that are still here and to those that come.
    pub open: Wall,
    /// In force in the end.
    pub wanted: Wall,
    /// What its rules say must be tried, and nobody can now, since those who could do not answer: `80/tcp (http)`.
    pub untried: BTreeSet<String>,
}

/// A rule set, and what must be reached once it is in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wall {
    /// The rules.
    pub rules: RuleSet,
    /// What is tried before it is confirmed.
    pub probes: Vec<Probe>,
}

/// What all hosts' firewalls are to be.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Firewalls {
    /// Whether git has no rules, so that those which stand go.
    pub removes: bool,
    /// Of each host that answers.
    pub hosts: BTreeMap<HostName, FirewallTarget>,
    /// The hosts that answer, and that nobody asked for theirs: an observation of before git had rules.
    pub unasked: BTreeSet<HostName>,
    /// The services by whose replicas' places a rule goes, by its name.
    pub follows: BTreeMap<String, BTreeSet<ServiceName>>,
    /// How long a host waits for the confirmation of a change.
    pub confirm_timeout: Span,
    /// How many hosts get a change at once; 0 for all.
    pub parallelism: u32,
    /// From one batch of hosts to the next.
    pub delay: Span,
}

impl Firewalls {
    /// Whether some rule goes by where a service's replicas are.
    pub fn follows_service(&self, service: &ServiceName) -> bool {
        self.follows.values().any(|services| services.contains(service))
    }
}

/// What a plan leaves where it is, and what it makes.
#[derive(Debug, Clone, Default)]
pub struct Ends<'s, 'a> {
    /// The containers that stay, and those that come back.
    pub staying: Vec<&'s Standing<'a>>,
    /// The ports of those that are made: where one comes beside its predecessor, they are not those of the placement.
    pub made: BTreeMap<&'s Slot, Vec<PortBinding>>,
}

/// Where the replicas of services stand, and at which of their hosts' ports.
#[derive(Debug, Clone, Default)]
pub(super) struct Places(BTreeMap<ServiceName, BTreeMap<HostName, BTreeSet<Traffic>>>);

impl Places {
    fn add<'p>(&mut self, service: &ServiceName, host: &HostName, ports: impl Iterator<Item = &'p PortBinding>) {
        let at = self
            .0
            .entry(service.clone())
            .or_default()
            .entry(host.clone())
            .or_default();
        at.extend(ports.filter_map(|port| Traffic::port(port.protocol, port.host)));
    }

    /// By the placement, and where some stay that it does not want there.
    fn wanted(placement: &Placement, ends: &Ends<'_, '_>) -> Self {
        let mut all = Self::default();
        for (slot, assignment) in &placement.slots {
            let ports = ends.made.get(slot).unwrap_or(&assignment.ports);
            all.add(&slot.service, &assignment.host, ports.iter());
        }
        for one in &ends.staying {
            all.add(&one.slot().service, one.host, one.ports.into_iter().flatten());
        }
        all
    }

    /// And where there are some now.
    pub(super) fn with_live(mut self, observed: &Observed) -> Self {
        for (host, seen) in &observed.hosts {
            for one in seen.state().into_iter().flat_map(|state| &state.containers) {
                let ports = one.spec.iter().flat_map(|spec| &spec.ports);
                self.add(&one.owner.slot.service, host, ports);
            }
        }
        self
    }

    fn hosts(&self, service: &ServiceName) -> impl Iterator<Item = &HostName> {
        self.0.get(service).into_iter().flat_map(BTreeMap::keys)
    }

    pub(super) fn ports(&self, service: &ServiceName, host: &HostName) -> BTreeSet<Traffic> {
        let at = self.0.get(service).and_then(|hosts| hosts.get(host));
        at.cloned().unwrap_or_default()
    }
}

/// The rule sets of all hosts that answer. What stays that the placement does not want where it is (a replica that fits nowhere else,
/// one of an update that was stopped) serves on, and so nothing is closed to it.
///
/// # Errors
/// Where a host's firewall cannot be read or is another cluster's, and where rules cut off what must not be.
pub fn firewalls(
    desired: &Desired,
    placement: &Placement,
    ends: &Ends<'_, '_>,
    observed: &Observed,
) -> Result<Firewalls, Vec<Problem>> {
    let answering = observed.hosts.iter();
    let answering = answering.filter_map(|(name, seen)| Some((name, seen.state()?, desired.hosts.get(name)?)));
    let Some(firewall) = &desired.firewall else {
        return removed(answering.map(|(name, state, _)| (name, state)));
    };
    let mut problems = Vec::new();
    let places = Places::wanted(placement, ends);
    let moving = places.clone().with_live(observed);
    let mut all = Firewalls {
        removes: false,
        hosts: BTreeMap::new(),
        unasked: BTreeSet::new(),
        follows: follows(desired, firewall),
        confirm_timeout: firewall.confirm_timeout,
        parallelism: firewall.parallelism,
        delay: firewall.delay,
    };
    for (name, state, host) in answering {
        let live = match &state.firewall {
            FirewallSeen::Found(live) => live,
            FirewallSeen::NotAsked => {
                all.unasked.insert(name.clone());
                continue;
            }
            FirewallSeen::Unknown(why) => {
                problems.push(unreadable(name, why));
                continue;
            }
        };
        let owners = live.owned_by().into_iter();
        let others = owners.filter(|owner| **owner != desired.cluster.name);
        let others: Vec<&str> = others.map(ClusterName::as_str).collect();
        if !others.is_empty() {
            let message = format!("{name}: the cluster {} owns its firewall", others.join(", "));
            let hint = "leave the section `firewall` to one of the clusters, or remove the table of one that is gone: `nft delete table \
                        inet cdk-NAME`, and /var/lib/cdk/firewall";
            problems.push(Problem::at(None, message).hint(hint));
            continue;
        }
        let set = |places: &Places| {
            Setting {
                desired,
                firewall,
                places,
            }
            .rules(name, host, (state, live))
        };
        let (open, wanted) = (set(&moving), set(&places));
        let around = Around { desired, name, live };
        problems.extend(around.lint(&wanted, &places));
        let while_open = probing(desired, observed, name, &open);
        let Probing {
            probes,
            untried,
            problems: unprobed,
        } = probing(desired, observed, name, &wanted);
        problems.extend(unprobed);
        let target = FirewallTarget {
            open: Wall {
                rules: open,
                probes: while_open.probes,
            },
            wanted: Wall { rules: wanted, probes },
            untried,
        };
        all.hosts.insert(name.clone(), target);
    }
    if problems.is_empty() { Ok(all) } else { Err(problems) }
}

/// What there is without rules in git, on hosts that answer.
fn removed<'o>(hosts: impl Iterator<Item = (&'o HostName, &'o HostState)>) -> Result<Firewalls, Vec<Problem>> {
    let unreadable = hosts.filter_map(|(name, state)| match &state.firewall {
        FirewallSeen::Unknown(why) => Some(unreadable(name, why)),
        FirewallSeen::NotAsked | FirewallSeen::Found(_) => None,
    });
    let problems: Vec<Problem> = unreadable.collect();
    let all = Firewalls {
        removes: true,
        confirm_timeout: CONFIRM_TIMEOUT,
        ..Firewalls::default()
    };
    if problems.is_empty() { Ok(all) } else { Err(problems) }
}

/// That what stands on a host cannot be read. It is never taken for no rules.
fn unreadable(host: &HostName, why: &str) -> Problem {
    Problem::at(None, format!("{host}: {why}"))
}

/// The services by whose replicas' places a rule goes, by its name.
fn follows(desired: &Desired, firewall: &Firewall) -> BTreeMap<String, BTreeSet<ServiceName>> {
    let named = firewall.rules.iter().map(|rule| {
        let peers = rule.from.iter().filter_map(|peer| match peer {
            Peer::Service(name) => Some(name),
            Peer::Any | Peer::Hosts | Peer::Ingress | Peer::Network(_) => None,
        });
        let about = match &rule.about {
            About::Service(name) => Some(name),
            About::Traffic(_) => None,
        };
        (rule.name.clone(), peers.chain(about).cloned().collect())
    });
    let routed = desired.ingresses.iter();
    let routed = routed.map(|ingress| (wired_name(ingress), ingress.services.iter().cloned().collect()));
    named.chain(routed).collect()
}

/// The name of the rule that an ingress reaches its services by.
fn wired_name(ingress: &Ingress) -> String {
    format!("ingress {}", ingress.name)
}

struct Setting<'a> {
    desired: &'a Desired,
    firewall: &'a Firewall,
    places: &'a Places,
}

impl Setting<'_> {
    fn rules(&self, name: &HostName, host: &Host, (state, live): (&HostState, &LiveFirewall)) -> RuleSet {
        let of_host = |rule: &&FirewallRule| rule.on.iter().all(|one| holds(one, name, host) == Some(true));
        let rules = self.firewall.rules.iter().filter(of_host);
        let rules = rules.filter_map(|rule| self.rule(rule, name));
        let ingresses = &self.desired.ingresses;
        let wired = ingresses.iter().filter_map(|ingress| self.wired(ingress, name));
        let wired = wired.filter(|_| self.firewall.default == Verdict::Deny);
        let vrrp = ingresses
            .iter()
            .filter(|one| one.has_virtual_address && one.hosts.contains(name));
        RuleSet {
            version: FIREWALL_VERSION,
            cluster: self.desired.cluster.name.clone(),
            default: self.firewall.default,
            admin: Admin {
                from: self.firewall.admin.clone(),
                ports: if self.firewall.admin.is_empty() {
                    BTreeSet::new()
                } else {
                    BTreeSet::from([SSH_PORT, host.ssh.port.unwrap_or(SSH_PORT)])
                },
            },
            rules: rules.chain(wired).collect(),
            vrrp: vrrp.flat_map(|ingress| self.addresses(ingress.hosts.iter())).collect(),
            bridges: bridges(self.desired, state, live),
        }
    }

    /// A rule on one host; none where it means nobody or nothing there.
    fn rule(&self, rule: &FirewallRule, host: &HostName) -> Option<Rule> {
        let FirewallRule {
            name,
            on: _,
            verdict,
            about,
            from,
            limit,
            probe,
        } = rule;
        let traffic = match about {
            About::Traffic(traffic) => traffic.clone(),
            About::Service(service) => self.places.ports(service, host),
        };
        let from = self.source(from, host)?;
        (!traffic.is_empty()).then(|| Rule {
            name: name.clone(),
            verdict: *verdict,
            traffic,
            from,
            limit: *limit,
            probe: *probe,
        })
    }

    /// What an ingress must reach, whatever the rules leave out.
    fn wired(&self, ingress: &Ingress, host: &HostName) -> Option<Rule> {
        let services = ingress.services.iter();
        let traffic: BTreeSet<Traffic> = services.flat_map(|service| self.places.ports(service, host)).collect();
        let networks = self.addresses(ingress.hosts.iter());
        let containers = ingress.hosts.contains(host);
        (!traffic.is_empty() && (!networks.is_empty() || containers)).then(|| Rule {
            name: wired_name(ingress),
            verdict: Verdict::Allow,
            traffic,
            from: Source::Of {
                words: vec!["ingress".to_owned()],
                networks,
                containers,
            },
            limit: None,
            probe: false,
        })
    }

    /// Whom peers stand for; none where that is nobody.
    fn source(&self, peers: &[Peer], host: &HostName) -> Option<Source> {
        let (mut networks, mut hosts) = (BTreeSet::new(), BTreeSet::new());
        for peer in peers {
            match peer {
                Peer::Any => return Some(Source::Any),
                Peer::Hosts => hosts.extend(self.desired.hosts.keys()),
                Peer::Ingress => hosts.extend(self.desired.ingresses.iter().flat_map(|ingress| &ingress.hosts)),
                Peer::Service(name) => hosts.extend(self.places.hosts(name)),
                Peer::Network(network) => drop(networks.insert(*network)),
            }
        }
        networks.extend(self.addresses(hosts.iter().copied()));
        let containers = hosts.contains(host);
        (containers || !networks.is_empty()).then(|| Source::Of {
            words: peers.iter().map(Peer::to_string).collect(),
            networks,
            containers,
        })
    }

    fn addresses<'h>(&self, hosts: impl Iterator<Item = &'h HostName>) -> BTreeSet<Subnet> {
        let hosts = hosts.filter_map(|name| self.desired.hosts.get(name));
        hosts.flat_map(Host::own_addresses).map(Subnet::of).collect()
    }
}

/// Which interfaces lead to a host's containers, where their names alone do not say so: those that are there, and those that git names.
fn bridges(desired: &Desired, state: &HostState, live: &LiveFirewall) -> Bridges {
    let own: BTreeSet<&str> = state
        .networks
        .values()
        .map(|network| network.interface.as_str())
        .filter(|name| !name.is_empty())
        .collect();
    let is_dockers = |name: &str| {
        name.strip_prefix("br-")
            .is_some_and(|id| id.len() == 12 && id.chars().all(|c| c.is_ascii_hexdigit()))
    };
    let named = desired.networks.values().filter(|network| !network.external);
    let named = named.filter_map(|network| network.spec.interface());
    let also = own
        .iter()
        .copied()
        .chain(named)
        .filter(|name| *name != "docker0" && !name.starts_with("br-"));
    let except = live.bridges.iter();
    let except = except.filter(|name| !own.contains(name.as_str()) && !is_dockers(name));
    Bridges {
        also: also.map(str::to_owned).collect(),
        except: except.cloned().collect(),
    }
}

/// The hosts whose firewall was read, with what was found.
pub fn found(observed: &Observed) -> impl Iterator<Item = (&HostName, &LiveFirewall)> {
    observed.hosts.iter().filter_map(|(name, seen)| match seen {
        ObservedHost::Reachable(state) => match &state.firewall {
            FirewallSeen::Found(live) => Some((name, live.as_ref())),
            FirewallSeen::NotAsked | FirewallSeen::Unknown(_) => None,
        },
        ObservedHost::Unreachable(_) => None,
    })
}
