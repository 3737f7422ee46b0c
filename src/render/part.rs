//! The firewalls' part in what is done for some services alone: the rules that follow these, and no others.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::firewall::{Rule, RuleSet, Source, Verdict};
use crate::model::name::{HostName, ServiceName};
use crate::model::traffic::Traffic;
use crate::observe::Observed;
use crate::render::firewall::{Firewalls, Places, found};

impl Firewalls {
    /// Leaves in only what follows these services: on each host all else stays as it is in force there. Where no rules are, none come,
    /// and none go. A rule that others have a part in, or may have, only lets in more: what it no longer needs goes with the next whole
    /// apply.
    pub fn follow_only(&mut self, services: &BTreeSet<ServiceName>, observed: &Observed) {
        self.removes = false;
        let follows = &self.follows;
        let is_meant = |rule: &str| follows.get(rule).is_some_and(|of| !of.is_disjoint(services));
        let live = found(observed).filter_map(|(host, live)| Some((host, live.rules.as_ref()?)));
        let live: BTreeMap<&HostName, &RuleSet> = live.collect();
        let places = Places::default().with_live(observed);
        self.hosts.retain(|host, target| {
            let Some(live) = live.get(host) else { return false };
            let part = Part {
                services,
                follows,
                ports: services
                    .iter()
                    .flat_map(|service| places.ports(service, host))
                    .collect(),
            };
            for wall in [&mut target.open, &mut target.wanted] {
                wall.rules = part.of(live, &wall.rules);
                wall.probes.retain(|probe| is_meant(&probe.rule));
            }
            target.open.rules != **live || target.wanted.rules != **live
        });
    }
}

/// Some services, on one host.
struct Part<'p> {
    services: &'p BTreeSet<ServiceName>,
    /// The services that each rule follows.
    follows: &'p BTreeMap<String, BTreeSet<ServiceName>>,
    /// The ports of those services there, as they stand.
    ports: BTreeSet<Traffic>,
}

impl Part<'_> {
    /// The rules in force, with this part as others have it.
    fn of(&self, live: &RuleSet, new: &RuleSet) -> RuleSet {
        let mut all = live.clone();
        // The networks of this part are behind the wall too.
        all.bridges.also.extend(new.bridges.also.iter().cloned());
        // What is needed under another default is not what is needed under this one.
        let goes = |rule: &Rule| {
            live.default == new.default && self.is_own(rule, None) && named(&new.rules, &rule.name).is_none()
        };
        all.rules.retain(|rule| !goes(rule));
        let is_meant = |rule: &Rule| self.of_rule(rule).is_some_and(|of| !of.is_disjoint(self.services));
        for (index, rule) in new.rules.iter().enumerate().filter(|(_, rule)| is_meant(rule)) {
            match named(&all.rules, &rule.name) {
                Some(at) => {
                    if let Some(live) = all.rules.get_mut(at) {
                        *live = match self.is_own(live, Some(rule)) {
                            true => rule.clone(),
                            false => wider(live, rule),
                        };
                    }
                }
                None => {
                    let (before, after) = new.rules.split_at(index);
                    let after = after.iter().find_map(|other| named(&all.rules, &other.name));
                    let before = before.iter().rev().find_map(|other| named(&all.rules, &other.name));
                    let at = before.map(|at| at + 1).or(after).unwrap_or(all.rules.len());
                    all.rules.insert(at, rule.clone());
                }
            }
        }
        all
    }

    fn of_rule(&self, rule: &Rule) -> Option<&BTreeSet<ServiceName>> {
        self.follows.get(&rule.name)
    }

    /// Whether a rule in force is these services' alone, so that nobody else loses anything where this one (or none) takes its place.
    fn is_own(&self, live: &Rule, new: Option<&Rule>) -> bool {
        let words = |rule: &Rule| match &rule.from {
            Source::Any => BTreeSet::new(),
            Source::Of { words, .. } => words.iter().cloned().collect(),
        };
        let stays = |traffic: &Traffic| new.is_some_and(|new| new.traffic.contains(traffic));
        self.of_rule(live).is_some_and(|of| of.is_subset(self.services))
            && new.is_none_or(|new| words(new) == words(live))
            && live
                .traffic
                .iter()
                .all(|traffic| stays(traffic) || self.ports.contains(traffic))
    }
}

fn named(rules: &[Rule], name: &str) -> Option<usize> {
    rules.iter().position(|rule| rule.name == name)
}

/// A rule that lets in whom either of two does. One that denies stays as it is.
fn wider(live: &Rule, new: &Rule) -> Rule {
    let mut wider = live.clone();
    if (live.verdict, new.verdict) != (Verdict::Allow, Verdict::Allow) {
        return wider;
    }
    wider.traffic.extend(new.traffic.iter().cloned());
    match (&mut wider.from, &new.from) {
        (Source::Any, _) => {}
        (from @ Source::Of { .. }, Source::Any) => *from = Source::Any,
        (
            Source::Of {
                words,
                networks,
                containers,
            },
            Source::Of {
                words: more,
                networks: further,
                containers: own,
            },
        ) => {
            words.extend(
                more.iter()
                    .filter(|word| !words.contains(word))
                    .cloned()
                    .collect::<Vec<_>>(),
            );
            networks.extend(further.iter().copied());
            *containers |= own;
        }
    }
    wider
}
