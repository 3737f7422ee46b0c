//! The firewalls' part in what is done for some services alone: the rules that follow these, and no others.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::firewall::{Rule, RuleSet};
use crate::model::name::{HostName, ServiceName};
use crate::observe::Observed;
use crate::render::firewall::{Firewalls, found};

impl Firewalls {
    /// Leaves in only what follows these services: on each host all else stays as it is in force there. Where no rules are, none come,
    /// and none go.
    pub fn follow_only(&mut self, services: &BTreeSet<ServiceName>, observed: &Observed) {
        self.removes = false;
        let follows = &self.follows;
        let is_meant = |rule: &str| follows.get(rule).is_some_and(|of| !of.is_disjoint(services));
        let live = found(observed).filter_map(|(host, live)| Some((host, live.rules.as_ref()?)));
        let live: BTreeMap<&HostName, &RuleSet> = live.collect();
        self.hosts.retain(|host, target| {
            let Some(live) = live.get(host) else { return false };
            for wall in [&mut target.open, &mut target.wanted] {
                wall.rules = RuleSet {
                    rules: exchanged(&live.rules, &wall.rules.rules, is_meant),
                    ..(*live).clone()
                };
                wall.probes.retain(|probe| is_meant(&probe.rule));
            }
            target.open.rules != **live || target.wanted.rules != **live
        });
    }
}

/// Rules with some of them as others have them: each after what stands before it there.
fn exchanged(live: &[Rule], new: &[Rule], is_meant: impl Fn(&str) -> bool) -> Vec<Rule> {
    let mut all: Vec<Rule> = live.iter().filter(|rule| !is_meant(&rule.name)).cloned().collect();
    for (index, rule) in new.iter().enumerate().filter(|(_, rule)| is_meant(&rule.name)) {
        let before = new.iter().take(index).rev();
        let mut places = before.filter_map(|other| all.iter().position(|one| one.name == other.name));
        let at = places.next().map_or(0, |place| place + 1);
        all.insert(at, rule.clone());
    }
    all
}
