//! `firewall`: whether its rules can mean what they say. It is not in force yet: nothing of it goes further.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::model::name::ServiceName;
use crate::model::problem::Place;
use crate::resolve::decode::{Decoded, decode, is_map};
use crate::resolve::desired::Service;
use crate::resolve::hosts::Hosts;
use crate::resolve::problems::Problems;
use crate::resolve::reader::{Reader, steps};
use crate::resolve::render::{Names, render};
use crate::resolve::shape::firewall::{FirewallShape, Peer, Ports, RuleShape, VerdictShape};
use crate::resolve::shape::plain::Plain;
use crate::resolve::shape::scalar::OneOrMany;
use crate::source::yaml::Entry;

/// What rules may name.
pub struct Known<'a> {
    /// The hosts.
    pub hosts: &'a Hosts,
    /// The services' names as written.
    pub names: &'a BTreeSet<String>,
    /// The services that could be read.
    pub services: &'a BTreeMap<ServiceName, Service>,
    /// Whether there is an ingress.
    pub has_ingress: bool,
}

/// Checks the section `firewall`.
pub fn check(section: Option<&Entry>, names: &Arc<Names>, known: &Known<'_>, problems: &mut Problems) {
    let Some(Entry { key, value }) = section.filter(|section| is_map("firewall", &section.value, problems)) else {
        return;
    };
    let mut node = value.clone();
    let broken = render(&mut node, names, None, problems).broken;
    let decoded: Decoded<FirewallShape> = decode(node, "firewall", broken, problems);
    let has_lost_admin = decoded.has_lost("admin");
    let Decoded { value, node, lost } = decoded;
    let FirewallShape {
        default,
        admin,
        confirm_timeout: _,
        rollout: _,
        rules,
    } = value;
    let no_admin = admin.is_none_or(|admin| admin.0.is_empty()) && !has_lost_admin;
    let mut reader = Reader { node: &node, problems };
    if default == Some(VerdictShape::Deny) && no_admin {
        reader.wrong(
            &steps!["default"],
            "`default: deny` without `admin` could lock you out of the hosts",
            "write `admin: [NETWORK]`: SSH from there stays open, whatever the rules say".to_owned(),
        );
    }
    let mut seen = BTreeMap::new();
    for (index, rule) in rules.unwrap_or_default().iter().enumerate() {
        let own = steps!["rules", index];
        let is_lost = |key: &str| {
            lost.iter()
                .any(|path| path.starts_with(&own) && path.contains(&key.into()))
        };
        let mut rules = Rule {
            index,
            key,
            reader: &mut reader,
            known,
            is_lost: &is_lost,
        };
        rules.check(rule, &mut seen);
    }
}

struct Rule<'a, 'r> {
    index: usize,
    /// Where the section's name stands.
    key: &'a Place,
    reader: &'a mut Reader<'r>,
    known: &'a Known<'a>,
    /// Whether a key was wrong, so that its absence says nothing.
    is_lost: &'a dyn Fn(&str) -> bool,
}

impl Rule<'_, '_> {
    fn check(&mut self, rule: &RuleShape, seen: &mut BTreeMap<String, Place>) {
        let RuleShape {
            name,
            on,
            service,
            allow,
            deny,
            from,
            limit,
        } = rule;
        let at = self.index;
        match name {
            Some(Plain(name)) => {
                let message = format!("a rule is called `{name}` already");
                self.reader
                    .once(seen, name.clone(), &steps!["rules", at, "name"], message);
            }
            None => self.missing(
                "name",
                "the rule has no `name`",
                "write `name: NAME`: a plan shows the rule by it",
            ),
        }
        if let Some(on) = on {
            let path = steps!["rules", at, "on"];
            self.reader.constraints(&path, on, self.known.hosts);
        }
        match service {
            Some(service) => self.service(service, rule),
            None if allow.is_none() && deny.is_none() && !(self.is_lost)("allow") && !(self.is_lost)("deny") => {
                let hint = "write `allow: PORT/tcp`, `deny: PORT/tcp` or `service: NAME`";
                self.missing("service", "the rule names no ports", hint);
            }
            None => {}
        }
        if allow.is_some() && deny.is_some() {
            let hint = "make two rules of it".to_owned();
            let message = "a rule either allows or denies";
            self.reader.wrong(&steps!["rules", at, "deny"], message, hint);
        }
        for (key, ports) in [("allow", allow), ("deny", deny)] {
            if let Some(ports) = ports {
                self.ports(key, ports);
            }
        }
        match from {
            Some(from) => self.peers(from),
            None => {
                let hint = "write `from: any`, hosts, ingress, a service's name, an address or a network";
                self.missing("from", "the rule does not say from whom: `from`", hint);
            }
        }
        if limit.is_some() && deny.is_some() {
            let hint = "leave it out".to_owned();
            let message = "`limit` says nothing of what is denied";
            self.reader.wrong(&steps!["rules", at, "limit"], message, hint);
        }
    }

    fn missing(&mut self, key: &str, message: &str, hint: &str) {
        if (self.is_lost)(key) {
            return;
        }
        let place = self.reader.place(&steps!["rules", self.index]);
        let place = if place.file == self.key.file {
            place
        } else {
            self.key.clone()
        };
        let problem = crate::model::problem::Problem::at(Some(place), message);
        self.reader.problems.push(problem.hint(hint));
    }

    /// A rule on a service's ports: the service must have some, and nothing else may name ports or hosts.
    fn service(&mut self, name: &str, rule: &RuleShape) {
        let at = self.index;
        let path = steps!["rules", at, "service"];
        if !self.known.names.contains(name) {
            let known = self.known.names.iter().map(String::as_str);
            self.reader.unknown(&path, "service", name, known);
        }
        if self
            .known
            .services
            .iter()
            .any(|(known, service)| known.as_str() == name && service.ports.is_empty())
        {
            let hint = format!("give `{name}` some `ports`, or leave the rule out");
            self.reader
                .wrong(&path, format!("the service `{name}` has no ports"), hint);
        }
        let given = [
            ("allow", rule.allow.is_some()),
            ("deny", rule.deny.is_some()),
            ("on", rule.on.is_some()),
        ];
        for (key, _) in given.into_iter().filter(|(_, given)| *given) {
            let hint = "such a rule is about the host ports of its replicas, wherever they are".to_owned();
            let message = format!("`{key}` says nothing with `service`");
            self.reader.wrong(&steps!["rules", at, key], message, hint);
        }
    }

    fn ports(&mut self, key: &str, ports: &OneOrMany<Ports>) {
        let at = self.index;
        if ports.0.is_empty() {
            let hint = "name a port, or leave the rule out".to_owned();
            self.reader
                .wrong(&steps!["rules", at, key], format!("`{key}` names no port"), hint);
        }
        for (index, one) in ports.0.iter().enumerate() {
            let clash = ports.0.iter().take(index).find(|other| {
                let (a, b) = (other.range.ports(), one.range.ports());
                other.protocol == one.protocol && a.start() <= b.end() && b.start() <= a.end()
            });
            if let Some(other) = clash {
                let message = format!(
                    "{}/{} is within {}/{} already",
                    one.range, one.protocol, other.range, other.protocol
                );
                let message = if one == other {
                    format!("{}/{} is there twice", one.range, one.protocol)
                } else {
                    message
                };
                self.reader.wrong(&steps!["rules", at, key, index], message, None);
            }
        }
    }

    fn peers(&mut self, from: &OneOrMany<Peer>) {
        let at = self.index;
        if from.0.is_empty() {
            let hint = "write `from: any`, or leave the rule out".to_owned();
            self.reader
                .wrong(&steps!["rules", at, "from"], "`from` names nobody", hint);
        }
        for (index, peer) in from.0.iter().enumerate() {
            let path = steps!["rules", at, "from", index];
            match peer {
                Peer::Any if from.0.len() > 1 => {
                    let hint = "leave the others out, or `any`".to_owned();
                    self.reader.wrong(&path, "`any` is everyone", hint);
                }
                Peer::Ingress if !self.known.has_ingress => {
                    let hint = "write the section `ingress`, or leave it out here".to_owned();
                    self.reader.absent(&path, "the cluster has no ingress", hint);
                }
                Peer::Any | Peer::Hosts | Peer::Ingress | Peer::Network(_) => {}
                Peer::Service(name) if self.known.names.contains(name) => {}
                Peer::Service(name) => self.unknown_peer(index, name),
            }
        }
    }

    fn unknown_peer(&mut self, index: usize, name: &str) {
        let path = steps!["rules", self.index, "from", index];
        let hosts = &self.known.hosts.words.names;
        if hosts.contains(name) {
            let hint = "write its address, or `hosts` for all of them".to_owned();
            let message = format!("`{name}` is a host, not a service");
            self.reader.wrong(&path, message, hint);
            return;
        }
        let words = ["any", "hosts", "ingress"].into_iter();
        let known = words.chain(self.known.names.iter().map(String::as_str));
        let message = format!("`{name}` is no service, and no address");
        let hint = crate::resolve::suggest::hint(name, known);
        self.reader.absent(&path, message, hint);
    }
}
