//! The firewalls' part in what is done for some services alone: the rules that follow these, and no others.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::firewall::{Rule, RuleSet, Source, Verdict};
use crate::model::name::{HostName, ServiceName};
use crate::model::traffic::Traffic;
use crate::observe::Observed;
use crate::render::firewall::{Firewalls, Places, found};

impl Firewalls {
    /// Leaves in only what follows these services: on each host all else stays as it is in force there. Where no rules are, none come,
    /// and none go. A rule that others have a part in, or may have, only lets in more, and no new one denies: that waits for the next whole
    /// apply.
    pub fn follow_only(&mut self, services: &BTreeSet<ServiceName>, observed: &Observed) {
        self.removes = false;
        let follows = &self.follows;
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
                wall.probes.retain(|probe| part.has_part(&probe.rule));
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
    /// The rules in force, with this part as git has it.
    fn of(&self, live: &RuleSet, new: &RuleSet) -> RuleSet {
        let mut all = live.clone();
        // The networks of this part are behind the wall too.
        all.bridges.also.extend(new.bridges.also.iter().cloned());
        // What is not needed under another default may be needed under this one.
        let goes =
            |rule: &Rule| live.default == new.default && self.is_own(rule) && named(&new.rules, &rule.name).is_none();
        all.rules.retain(|rule| !goes(rule));
        for (index, rule) in new
            .rules
            .iter()
            .enumerate()
            .filter(|(_, rule)| self.has_part(&rule.name))
        {
            match named(&all.rules, &rule.name).and_then(|at| all.rules.get_mut(at)) {
                Some(live) => *live = self.changed(live, rule),
                // One that denies may be meant for others too.
                None if rule.verdict == Verdict::Deny => {}
                None => {
                    let at = place(&all.rules, &new.rules, index);
                    all.rules.insert(at, rule.clone());
                }
            }
        }
        all
    }

    /// Whether the rule of this name follows one of these services.
    fn has_part(&self, rule: &str) -> bool {
        let of = self.follows.get(rule);
        of.is_some_and(|of| !of.is_disjoint(self.services))
    }

    /// Whether a rule in force is about nothing but these services' ports, and goes by nobody else.
    fn is_own(&self, rule: &Rule) -> bool {
        let of = self.follows.get(&rule.name);
        of.is_some_and(|of| !of.is_empty() && of.is_subset(self.services)) && rule.traffic.is_subset(&self.ports)
    }

    /// What becomes of a rule in force. Where git has changed more of it than where these services are, it is exchanged if it is theirs,
    /// and else left alone.
    fn changed(&self, live: &Rule, new: &Rule) -> Rule {
        let is_same = (live.verdict, &live.limit, words(live)) == (new.verdict, &new.limit, words(new));
        match (is_same, self.is_own(live)) {
            (false, true) => new.clone(),
            (false, false) => live.clone(),
            (true, is_own) => {
                let mut rule = live.clone();
                if is_own {
                    rule.traffic.clone_from(&new.traffic);
                } else if live.verdict == Verdict::Allow {
                    rule.traffic.extend(new.traffic.iter().copied());
                }
                rule.from = self.senders(live, new);
                rule
            }
        }
    }

    /// Whom a rule of the same words is about by now. What its words stand for beside these services stays as it was.
    fn senders(&self, live: &Rule, new: &Rule) -> Source {
        let is_ours = |word: &String| self.services.iter().any(|service| service.as_str() == word);
        match (&live.from, &new.from) {
            (Source::Of { words, .. }, _) if words.iter().all(is_ours) => new.from.clone(),
            (
                Source::Of {
                    words,
                    networks,
                    containers,
                },
                Source::Of {
                    networks: further,
                    containers: own,
                    ..
                },
            ) if live.verdict == Verdict::Allow => Source::Of {
                words: words.clone(),
                networks: networks.union(further).copied().collect(),
                containers: *containers || *own,
            },
            (Source::Any | Source::Of { .. }, _) => live.from.clone(),
        }
    }
}

/// The senders of a rule as git writes them; none for everybody.
fn words(rule: &Rule) -> BTreeSet<&str> {
    match &rule.from {
        Source::Any => BTreeSet::new(),
        Source::Of { words, .. } => words.iter().map(String::as_str).collect(),
    }
}

fn named(rules: &[Rule], name: &str) -> Option<usize> {
    rules.iter().position(|rule| rule.name == name)
}

/// Where one of git's rules belongs among those in force: between its neighbours, and behind denials that git does not have (any more).
fn place(live: &[Rule], new: &[Rule], index: usize) -> usize {
    let (before, after) = new.split_at(index);
    let after = after
        .iter()
        .find_map(|other| named(live, &other.name))
        .unwrap_or(live.len());
    let before = before.iter().rev().find_map(|other| named(live, &other.name));
    let denials = live
        .iter()
        .take(after)
        .rposition(|rule| rule.verdict == Verdict::Deny && named(new, &rule.name).is_none());
    before.max(denials).map_or(after, |at| at + 1)
}
