//! `firewall`: what its rules say, and whether they can mean it. Which addresses and ports they come to is `render`'s.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::model::firewall::Verdict;
use crate::model::name::ServiceName;
use crate::model::network::Subnet;
use crate::model::problem::Place;
use crate::model::setting::Protocol;
use crate::model::traffic::Traffic;
use crate::model::unit::Span;
use crate::resolve::decode::{Decoded, decode, is_map};
use crate::resolve::desired::Service;
use crate::resolve::hosts::Hosts;
use crate::resolve::probe::impossible;
use crate::resolve::problems::Problems;
use crate::resolve::reader::{Reader, steps};
use crate::resolve::render::{Names, render};
use crate::resolve::rules::{self, About, CONFIRM_TIMEOUT, Firewall, FirewallRule};
use crate::resolve::shape::firewall::{FirewallShape, Peer, RuleShape};
use crate::resolve::shape::plain::Plain;
use crate::resolve::shape::scalar::OneOrMany;
use crate::resolve::wish::{Attribute, Constraint};
use crate::source::yaml::Entry;

/// What helps against locking oneself out.
const ADMIN: &str = "write `admin: [NETWORK]`: SSH from there stays open, whatever the rules say";

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

/// Reads the section `firewall`; none where there is none, or something in it is wrong.
pub fn read(
    section: Option<&Entry>,
    names: &Arc<Names>,
    known: &Known<'_>,
    problems: &mut Problems,
) -> Option<Firewall> {
    let Entry { key, value } = section.filter(|section| is_map("firewall", &section.value, problems))?;
    let mut node = value.clone();
    let broken = render(&mut node, names, None, problems).broken;
    let decoded: Decoded<FirewallShape> = decode(node, "firewall", broken, problems);
    let has_lost_admin = decoded.has_lost("admin");
    let Decoded { value, node, lost } = decoded;
    let FirewallShape {
        default,
        admin,
        confirm_timeout,
        rollout,
        rules,
    } = value;
    let admin: BTreeSet<Subnet> = admin
        .into_iter()
        .flat_map(|admin| admin.0)
        .map(|one| one.0.into())
        .collect();
    let no_admin = admin.is_empty() && !has_lost_admin;
    let mut reader = Reader { node: &node, problems };
    if default == Some(Verdict::Deny) && no_admin {
        reader.wrong(
            &steps!["default"],
            "`default: deny` without `admin` could lock you out of the hosts",
            ADMIN.to_owned(),
        );
    }
    let mut seen = BTreeMap::new();
    let mut all = Vec::new();
    for (index, rule) in rules.unwrap_or_default().iter().enumerate() {
        let own = steps!["rules", index];
        let is_lost = |key: &str| {
            lost.iter()
                .any(|path| path.starts_with(&own) && path.contains(&key.into()))
        };
        let mut reading = Rule {
            index,
            key,
            reader: &mut reader,
            known,
            is_lost: &is_lost,
        };
        let rule = reading.rule(rule, &mut seen);
        if let Some(rule) = rule.as_ref().filter(|_| no_admin) {
            reading.closes_ssh(rule);
        }
        all.extend(rule);
    }
    let rollout = rollout.unwrap_or_default();
    Some(Firewall {
        default: default.unwrap_or_default(),
        admin,
        confirm_timeout: confirm_timeout.map_or(CONFIRM_TIMEOUT, |timeout| timeout.0.0),
        parallelism: rollout.parallelism.map_or(1, |count| count.0.0),
        delay: rollout.delay.map_or_else(Span::default, |delay| delay.0),
        rules: all,
    })
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
    /// The rule; none where something in it is wrong, which is told.
    fn rule(&mut self, rule: &RuleShape, seen: &mut BTreeMap<String, Place>) -> Option<FirewallRule> {
        let RuleShape {
            name,
            on,
            service,
            allow,
            deny,
            from,
            limit,
            probe,
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
        let on = match on {
            Some(on) => self.on(on),
            None => Some(Vec::new()),
        };
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
        let probe = *probe == Some(true);
        if deny.is_some() {
            self.only_allowed([("limit", limit.is_some()), ("probe", probe)]);
        }
        let verdict = if deny.is_some() { Verdict::Deny } else { Verdict::Allow };
        let about = match (service, allow.as_ref().or(deny.as_ref())) {
            (Some(service), _) => About::Service(service.parse().ok()?),
            (None, Some(traffic)) => About::Traffic(traffic.0.iter().copied().collect()),
            (None, None) => return None,
        };
        let rule = FirewallRule {
            name: name.as_ref()?.0.clone(),
            on: on?,
            verdict,
            about,
            from: from.as_ref()?.0.iter().map(peer).collect::<Option<_>>()?,
            limit: limit.as_ref().map(|limit| limit.0),
            probe,
        };
        let whole = rule.probe && rule.verdict == Verdict::Allow && !rule.from.is_empty();
        if let Some((message, hint)) = impossible(&rule, self.known).filter(|_| whole) {
            self.reader
                .wrong(&steps!["rules", at, "probe"], message, hint.to_owned());
        }
        Some(rule)
    }

    /// What a rule that denies may not say.
    fn only_allowed(&mut self, keys: [(&str, bool); 2]) {
        for (key, _) in keys.into_iter().filter(|(_, given)| *given) {
            let hint = "leave it out".to_owned();
            let message = format!("`{key}` says nothing of what is denied");
            self.reader.wrong(&steps!["rules", self.index, key], message, hint);
        }
    }

    /// On which hosts: by what hosts.yaml says of them alone, so that the same repository always means the same.
    fn on(&mut self, on: &OneOrMany<String>) -> Option<Vec<Constraint>> {
        let path = steps!["rules", self.index, "on"];
        let constraints = self.reader.constraints(&path, on, self.known.hosts)?;
        for (index, constraint) in constraints.iter().enumerate() {
            let only_host_knows = match constraint.attribute {
                Attribute::Id | Attribute::Os | Attribute::Arch | Attribute::EngineLabel(_) => true,
                Attribute::Hostname | Attribute::Role | Attribute::Label(_) | Attribute::Ip => false,
            };
            if only_host_knows {
                let path = steps!["rules", self.index, "on", index];
                let hint = "write a label of hosts.yaml: `node.labels.KEY == VALUE`".to_owned();
                let message = "only the host itself could tell this, and a rule must not wait for its answer";
                self.reader.wrong(&path, message, hint);
            }
        }
        Some(constraints)
    }

    /// Without `admin`, a rule that denies SSH could lock everybody out.
    fn closes_ssh(&mut self, rule: &FirewallRule) {
        let ports = self.known.hosts.all.values().map(|host| host.ssh.port.unwrap_or(22));
        let ssh: BTreeSet<Traffic> = ports.filter_map(|port| Traffic::port(Protocol::Tcp, port)).collect();
        let denied = match (&rule.about, rule.verdict) {
            (About::Traffic(traffic), Verdict::Deny) => {
                let mut denied = traffic.iter();
                denied.any(|one| ssh.iter().any(|port| one.overlaps(*port)))
            }
            (About::Traffic(_) | About::Service(_), Verdict::Allow | Verdict::Deny) => false,
        };
        if denied {
            let message = "a rule that denies SSH, without `admin`, could lock you out of the hosts";
            let path = steps!["rules", self.index, "deny"];
            self.reader.wrong(&path, message, ADMIN.to_owned());
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

    fn ports(&mut self, key: &str, ports: &OneOrMany<Traffic>) {
        let at = self.index;
        if ports.0.is_empty() {
            let hint = "name a port, or leave the rule out".to_owned();
            self.reader
                .wrong(&steps!["rules", at, key], format!("`{key}` names no port"), hint);
        }
        for (index, one) in ports.0.iter().enumerate() {
            let clash = ports.0.iter().take(index).find(|other| other.overlaps(*one));
            if let Some(other) = clash {
                let message = if one == other {
                    format!("{one} is there twice")
                } else {
                    format!("{one} is within {other} already")
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
                Peer::Any | Peer::Network(_) => {}
                Peer::Hosts | Peer::Ingress => self.have_addresses(index),
                Peer::Service(name) if self.known.names.contains(name) => self.have_addresses(index),
                Peer::Service(name) => self.unknown_peer(index, name),
            }
        }
    }

    /// Whoever is meant by hosts must have addresses that are known without asking anybody.
    fn have_addresses(&mut self, index: usize) {
        let hosts = &self.known.hosts.all;
        let nameless = hosts.iter().filter(|(_, host)| host.own_addresses().next().is_none());
        let nameless: Vec<&str> = nameless.map(|(name, _)| name.as_str()).collect();
        if !nameless.is_empty() && hosts.len() > 1 {
            let path = steps!["rules", self.index, "from", index];
            let hint = "write `private_address: ADDRESS` there: a name may mean something else elsewhere".to_owned();
            let message = format!("no IP address is known of {}", nameless.join(", "));
            self.reader.wrong(&path, message, hint);
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

fn peer(peer: &Peer) -> Option<rules::Peer> {
    Some(match peer {
        Peer::Any => rules::Peer::Any,
        Peer::Hosts => rules::Peer::Hosts,
        Peer::Ingress => rules::Peer::Ingress,
        Peer::Network(network) => rules::Peer::Network(network.0.into()),
        Peer::Service(name) => rules::Peer::Service(name.parse().ok()?),
    })
}
