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
use crate::resolve::desired::Desired;

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
            problems.extend(self.cut(rules, &ingress.hosts, &traffic, (&what, rule)));
        }
        let all: BTreeSet<HostName> = self.desired.hosts.keys().cloned().collect();
        for (registry, port) in self.registries() {
            let traffic: BTreeSet<Traffic> = Traffic::port(Protocol::Tcp, port).into_iter().collect();
            let rule = format!("{{name: registry, allow: {port}/tcp, from: [hosts]}}");
            let what = format!("hosts that pull from the registry {registry}");
            problems.extend(self.cut(rules, &all, &traffic, (&what, &rule)));
        }
        let behind: BTreeSet<HostName> = self.jumps().collect();
        let ssh: BTreeSet<Traffic> = rules
            .admin
            .ports
            .iter()
            .filter_map(|port| Traffic::port(Protocol::Tcp, *port))
            .collect();
        let rule = "admin: [ADDRESS OF THE JUMP HOST]";
        problems.extend(self.cut(rules, &behind, &ssh, ("the jump host that ssh comes by", rule)));
        problems
    }

    /// That these hosts are kept from something on this one.
    fn cut(
        &self,
        rules: &RuleSet,
        from: &BTreeSet<HostName>,
        traffic: &BTreeSet<Traffic>,
        (what, rule): (&str, &str),
    ) -> Option<Problem> {
        let others = from.iter().filter(|host| *host != self.name);
        let hosts = others.filter_map(|name| Some((name, self.desired.hosts.get(name)?)));
        let mut senders = hosts.flat_map(|(name, host)| host.own_addresses().map(move |address| (name, address)));
        let (host, one, by) = senders.find_map(|(host, address)| {
            traffic.iter().find_map(|one| {
                let sender = Sender {
                    address,
                    is_own_container: false,
                };
                match rules.decide(&sender, *one) {
                    (Verdict::Deny, by) => Some((host, one, by)),
                    (Verdict::Allow, _) => None,
                }
            })
        })?;
        let by = match by {
            Decider::Rule(rule) => format!("the rule `{}`", rule.name),
            Decider::Default | Decider::Admin | Decider::Icmp => "`default: deny`".to_owned(),
        };
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
        let address: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
        named
            || self.name.as_str() == host
            || address.is_some_and(|address| own.own_addresses().any(|one| one == address))
    }

    /// The registries that services' images come from and that are on this host.
    fn registries(&self) -> BTreeMap<String, u16> {
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
        here.map(|(name, _, port)| (name.to_owned(), port)).collect()
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
