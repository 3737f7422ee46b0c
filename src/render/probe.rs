//! Who tries the ports of a host that its rules say must stay open: another host of the cluster that they let in.

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::model::firewall::{Probe, Rule, RuleSet, Sender, Source, Verdict};
use crate::model::name::HostName;
use crate::model::problem::Problem;
use crate::model::setting::Protocol;
use crate::model::traffic::Traffic;
use crate::observe::Observed;
use crate::resolve::desired::{Desired, Host};
use crate::resolve::rules::Peer;

/// What is tried of a host before a change of its firewall is confirmed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Probing {
    /// What is tried, and by whom.
    pub(super) probes: Vec<Probe>,
    /// What nobody can try now, though a host that does not answer could, or one that is not let in now: `80/tcp (http)`.
    pub(super) untried: BTreeSet<String>,
    /// What no host could ever try.
    pub(super) problems: Vec<Problem>,
}

/// What is to be tried of one host under a rule set: each single TCP port of the rules that say so, of a range its first.
pub(super) fn probing(desired: &Desired, observed: &Observed, name: &HostName, rules: &RuleSet) -> Probing {
    let mut all = Probing::default();
    let Some(host) = desired.hosts.get(name) else {
        return all;
    };
    for rule in rules.rules.iter().filter(|rule| rule.probe) {
        let ports: BTreeSet<u16> = rule.traffic.iter().filter_map(|one| one.first_tcp()).collect();
        for port in ports {
            let others = desired.hosts.iter().filter(|(other, _)| *other != name);
            let mut let_in = others
                .filter_map(|(other, from)| Some((other, way(rules, from, host, port)?)))
                .peekable();
            let is_meant = |other: &Host| {
                ways(other, host)
                    .iter()
                    .any(|(from, _)| rule.from.holds(&Sender::at(*from)))
            };
            let mut others = desired.hosts.iter().filter(|(other, _)| *other != name);
            if let_in.peek().is_none() && follows(desired, rule) && !others.any(|(_, other)| is_meant(other)) {
                // Where those stand is the placement's, and may be here alone just now.
                all.untried.insert(format!("{port}/tcp ({})", rule.name));
                continue;
            }
            if let_in.peek().is_none() {
                let message = format!(
                    "{name}: the rule `{}` probes {port}/tcp, and the rules let no other host in to it",
                    rule.name
                );
                let hint =
                    "let another host of the cluster in, by an address that hosts.yaml knows; or leave `probe` out";
                all.problems.push(Problem::at(None, message).hint(hint));
                continue;
            }
            let answers = |name: &HostName| observed.hosts.get(name).is_some_and(|host| host.state().is_some());
            match let_in.find(|(other, _)| answers(other)) {
                Some((from, to)) => all.probes.push(Probe {
                    from: from.clone(),
                    to,
                    port,
                    rule: rule.name.clone(),
                }),
                None => drop(all.untried.insert(format!("{port}/tcp ({})", rule.name))),
            }
        }
    }
    all
}

/// Whether it depends on where replicas stand whom a rule lets in.
fn follows(desired: &Desired, rule: &Rule) -> bool {
    match &rule.from {
        Source::Any => false,
        Source::Of { words, .. } => words.iter().any(|word| {
            *word == Peer::Ingress.to_string() || desired.services.keys().any(|name| name.as_str() == word)
        }),
    }
}

/// The address at which one host reaches a port of another, as far as the rules go.
fn way(rules: &RuleSet, from: &Host, to: &Host, port: u16) -> Option<IpAddr> {
    let traffic = Traffic::port(Protocol::Tcp, port)?;
    let ways = ways(from, to).into_iter();
    let mut open = ways.filter(|(address, _)| rules.decide(&Sender::at(*address), traffic).0 == Verdict::Allow);
    open.next().map(|(_, to)| to)
}

/// From which address to which packets between two hosts go: from a private one to a private one, and else from a public one to a public
/// one. Only where neither is to be had, any.
pub(super) fn ways(from: &Host, to: &Host) -> Vec<(IpAddr, IpAddr)> {
    let is_private = |host: &Host, address: IpAddr| host.private_address == Some(address);
    let pairs = from
        .own_addresses()
        .flat_map(|one| to.own_addresses().map(move |other| (one, other)));
    let pairs: Vec<(IpAddr, IpAddr)> = pairs.filter(|(one, other)| one.is_ipv4() == other.is_ipv4()).collect();
    let alike = |private: bool| {
        let both = move |(one, other): &&(IpAddr, IpAddr)| {
            is_private(from, *one) == private && is_private(to, *other) == private
        };
        pairs.iter().filter(both).copied()
    };
    let ways: Vec<(IpAddr, IpAddr)> = alike(true).chain(alike(false)).collect();
    if ways.is_empty() { pairs } else { ways }
}
