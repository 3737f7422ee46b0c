//! `probe` of a firewall's rule: whether another host could try its ports at all, as far as git tells. Who does is `render`'s.

use std::net::IpAddr;

use crate::model::name::HostName;
use crate::model::setting::Protocol;
use crate::model::traffic::Traffic;
use crate::resolve::constraint::holds;
use crate::resolve::desired::Host;
use crate::resolve::firewall::Known;
use crate::resolve::rules::{About, FirewallRule, Peer};

/// Why a rule cannot be probed, with the cure; none where it can.
pub fn impossible(rule: &FirewallRule, known: &Known<'_>) -> Option<(String, &'static str)> {
    if !lets_tcp_in(rule, known) {
        let message = "`probe` tries TCP ports, and the rule lets none in".to_owned();
        return Some((message, "leave it out, or name a TCP port"));
    }
    let hosts = &known.hosts.all;
    let mut on = hosts
        .iter()
        .filter(|(name, host)| rule.on.iter().all(|one| holds(one, name, host) == Some(true)));
    let (name, host) = on.find(|(name, host)| {
        let mut others = hosts.iter().filter(|(other, _)| other != name);
        !others.any(|(_, other)| may_try(rule, other, host))
    })?;
    Some(match host.own_addresses().next() {
        None => nameless(name),
        Some(_) => (
            format!("no other host that the rule lets in could try the ports of {name}"),
            "let another host of the cluster in, by an address that hosts.yaml knows; or leave `probe` out",
        ),
    })
}

fn nameless(name: &HostName) -> (String, &'static str) {
    (
        format!("no IP address is known of {name}, whose ports are to be tried"),
        "write `private_address: ADDRESS` there: a name may mean something else elsewhere",
    )
}

fn lets_tcp_in(rule: &FirewallRule, known: &Known<'_>) -> bool {
    match &rule.about {
        About::Traffic(traffic) => traffic.iter().any(|one: &Traffic| one.first_tcp().is_some()),
        // Of one that could not be read, nobody knows.
        About::Service(name) => known
            .services
            .get(name)
            .is_none_or(|service| service.ports.iter().any(|port| port.protocol == Protocol::Tcp)),
    }
}

/// Whether the rule lets one host in to another, as far as that can be told before replicas have their places.
fn may_try(rule: &FirewallRule, from: &Host, to: &Host) -> bool {
    let lets_in = |address: IpAddr| {
        rule.from.iter().any(|peer| match peer {
            Peer::Any | Peer::Hosts | Peer::Ingress | Peer::Service(_) => true,
            Peer::Network(network) => network.holds(address),
        })
    };
    let mut ways = from
        .own_addresses()
        .flat_map(|from| to.own_addresses().map(move |to| (from, to)));
    ways.any(|(from, to)| from.is_ipv4() == to.is_ipv4() && lets_in(from))
}
