//! What a rule set would cut off that cdk or the cluster lives by: refused, with the rule that is missing.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use crate::model::endpoint::Address;
use crate::model::firewall::{Decider, LiveFirewall, RuleSet, Sender, Verdict};
use crate::model::name::HostName;
use crate::model::problem::Problem;
use crate::model::setting::Protocol;
use crate::model::traffic::Traffic;
use crate::render::firewall::{Places, SSH_PORT};
use crate::render::probe::ways;
use crate::resolve::desired::{Desired, Host};

/// The port of registries that name none.
const REGISTRY_PORT: u16 = 443;

/// A host, as far as lints go.
pub(super) struct Around<'a> {
    pub(super) desired: &'a Desired,
    pub(super) name: &'a HostName,
    pub(super) live: &'a LiveFirewall,
}

impl Around<'_> {
    /// What a rule set would cut off that cdk or the cluster lives by.
    pub(super) fn lint(&self, rules: &RuleSet, places: &Places) -> Vec<Problem> {
        let mut problems = Vec::new();
        let port = self.live.ssh_port;
        if port != 0 && !rules.admin.from.is_empty() && !rules.admin.ports.contains(&port) {
            let message = format!(
                "{}: sshd listens on port {port} there, and `firewall.admin` keeps {SSH_PORT} open",
                self.name
            );
            let hint = format!("write `ssh: {{port: {port}}}` for that host in hosts.yaml");
            problems.push(Problem::at(None, message).hint(hint));
        }
        for ingress in &self.desired.ingresses {
            let services = ingress.services.iter();
            let traffic: BTreeSet<Traffic> = services.flat_map(|service| places.ports(service, self.name)).collect();
            let what = format!("its ingress `{}`", ingress.name);
            let rule = "{name: NAME, service: SERVICE, from: [ingress]}";
            problems.extend(self.cut(rules, &ingress.hosts, (None, &traffic), (&what, rule)));
        }
        let all: BTreeSet<HostName> = self.desired.hosts.keys().cloned().collect();
        for (registry, (at, port)) in self.registries() {
            let traffic: BTreeSet<Traffic> = Traffic::port(Protocol::Tcp, port).into_iter().collect();
            let rule = format!("{{name: registry, allow: {port}/tcp, from: [hosts]}}");
            let what = format!("hosts that pull from the registry {registry}");
            problems.extend(self.cut(rules, &all, (at, &traffic), (&what, &rule)));
        }
        let behind: BTreeSet<HostName> = self.jumps().collect();
        let own = self.desired.hosts.get(self.name);
        let port = own.and_then(|host| host.ssh.port);
        let ssh: BTreeSet<Traffic> = Traffic::port(Protocol::Tcp, port.unwrap_or(SSH_PORT))
            .into_iter()
            .collect();
        let rule = "admin: [ADDRESS OF THE JUMP HOST]";
        let at = own.and_then(|host| host.address.literal());
        problems.extend(self.cut(rules, &behind, (at, &ssh), ("the jump host that ssh comes by", rule)));
        problems
    }

    /// That these hosts are kept from something on this one, which they know by an address where one is given.
    fn cut(
        &self,
        rules: &RuleSet,
        from: &BTreeSet<HostName>,
        (at, traffic): (Option<IpAddr>, &BTreeSet<Traffic>),
        (what, rule): (&str, &str),
    ) -> Option<Problem> {
        let to = self.desired.hosts.get(self.name)?;
        let others = from.iter().filter(|host| *host != self.name);
        let mut hosts = others.filter_map(|name| Some((name, self.desired.hosts.get(name)?)));
        let (host, one, by) = hosts.find_map(|(name, host)| {
            let ways = ways_to(at, host, to);
            let out = |one: &Traffic| out(rules, &ways, *one);
            traffic.iter().find_map(|one| Some((name, one, out(one)?)))
        })?;
        let message = format!("{}: {by} keeps out {what}: {host} does not reach {one}", self.name);
        Some(Problem::at(None, message).hint(format!("write before it: `{rule}`")))
    }

    fn is_this(&self, host: &str) -> bool {
        let Some(own) = self.desired.hosts.get(self.name) else {
            return false;
        };
        let named = match &own.address {
            Address::Ssh(address) => address == host,
            Address::Local => false,
        };
        let address = literal(host);
        named
            || self.name.as_str() == host
            || address.is_some_and(|address| own.own_addresses().any(|one| one == address))
    }

    /// The registries that services' images come from and that are on this host.
    fn registries(&self) -> BTreeMap<String, (Option<IpAddr>, u16)> {
        let images = self
            .desired
            .services
            .values()
            .filter_map(|service| service.image.registry());
        let named = images.chain(self.desired.registries.keys().map(String::as_str));
        let parts = named.map(|name| match name.rsplit_once(':') {
            Some((host, port)) => (name, host, port.parse().unwrap_or(REGISTRY_PORT)),
            None => (name, name, REGISTRY_PORT),
        });
        let here = parts.filter(|(_, host, _)| self.is_this(host));
        here.map(|(name, host, port)| (name.to_owned(), (literal(host), port)))
            .collect()
    }

    /// The hosts of the cluster over which ssh comes here.
    fn jumps(&self) -> impl Iterator<Item = HostName> {
        let own = self.desired.hosts.get(self.name);
        let last = own.and_then(|host| host.ssh.jump.as_deref()?.rsplit(',').next().map(str::to_owned));
        let name = last.map(|jump| {
            let jump = jump.rsplit_once('@').map_or(jump.as_str(), |(_, host)| host).to_owned();
            jump.split_once(':').map_or(jump.as_str(), |(host, _)| host).to_owned()
        });
        let hosts = self.desired.hosts.keys().filter(move |host| {
            let around = Around {
                desired: self.desired,
                name: host,
                live: self.live,
            };
            name.as_ref().is_some_and(|name| around.is_this(name))
        });
        hosts.cloned()
    }
}

/// The address that a host is named by; none where it is a name.
fn literal(host: &str) -> Option<IpAddr> {
    host.trim_matches(['[', ']']).parse().ok()
}

/// The ways from one host to another; where it is known by which address, only to that.
fn ways_to(at: Option<IpAddr>, from: &Host, to: &Host) -> Vec<(IpAddr, IpAddr)> {
    let all = ways(from, to);
    let Some(at) = at else { return all };
    let there: Vec<(IpAddr, IpAddr)> = all.into_iter().filter(|(_, to)| *to == at).collect();
    if !there.is_empty() {
        return there;
    }
    let senders = from.own_addresses().filter(|one| one.is_ipv4() == at.is_ipv4());
    senders.map(|one| (one, at)).collect()
}

/// What keeps a host out whichever way it comes; of one whose address nobody knows, what keeps out everybody. None where it is let in.
fn out(rules: &RuleSet, ways: &[(IpAddr, IpAddr)], traffic: Traffic) -> Option<String> {
    let mut by = None;
    for (address, _) in ways {
        match rules.decide(&Sender::at(*address), traffic) {
            (Verdict::Allow, _) => return None,
            (Verdict::Deny, Decider::Rule(rule)) => by = Some(format!("the rule `{}`", rule.name)),
            (Verdict::Deny, Decider::Default | Decider::Itself | Decider::Admin | Decider::Icmp) => {
                by = by.or_else(|| Some("`default: deny`".to_owned()));
            }
        }
    }
    let nobody = || rules.names_nobody(traffic).then(|| "`default: deny`".to_owned());
    if ways.is_empty() { nobody() } else { by }
}
