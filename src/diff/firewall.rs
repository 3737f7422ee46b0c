//! A rule set against the one in force: rule by rule, in the words of the YAML.

use std::collections::BTreeSet;

use crate::diff::field::Difference;
use crate::model::firewall::{LiveFirewall, Rule, RuleSet, Source, Verdict};
use crate::model::name::{ClusterName, HostName};
use crate::render::firewall::Firewalls;

/// What differs between the rules in force and those wanted (none: they go). What is only in what the words stand for is told by them:
/// the addresses of hosts, the ports of replicas.
pub fn differences(live: Option<&RuleSet>, wanted: Option<&RuleSet>) -> Vec<Difference> {
    let mut all = Vec::new();
    let default = |set: Option<&RuleSet>| Some(set?.default.to_string());
    let admin = |set: Option<&RuleSet>| Some(list(&set?.admin.from)).filter(|text| !text.is_empty());
    let vrrp = |set: Option<&RuleSet>| Some(list(&set?.vrrp)).filter(|text| !text.is_empty());
    push(&mut all, ("default", None), default(live), default(wanted));
    push(&mut all, ("admin", None), admin(live), admin(wanted));
    push(&mut all, ("vrrp", None), vrrp(live), vrrp(wanted));
    if let (Some(live), Some(wanted)) = (live, wanted) {
        let ports = |set: &RuleSet| Some(list(&set.admin.ports)).filter(|_| !set.admin.from.is_empty());
        if ports(live).is_some() && ports(wanted).is_some() {
            push(&mut all, ("admin ports", None), ports(live), ports(wanted));
        }
        let bridges = |set: &RuleSet| Some(set.bridges.to_string());
        push(&mut all, ("containers behind", None), bridges(live), bridges(wanted));
        let version = |set: &RuleSet| Some(set.version.to_string());
        push(&mut all, ("written by version", None), version(live), version(wanted));
    }
    let rules = |set: Option<&'_ RuleSet>| set.map(|set| set.rules.clone()).unwrap_or_default();
    let (old, new) = (rules(live), rules(wanted));
    let names: Vec<&str> = new.iter().chain(&old).map(|rule| rule.name.as_str()).collect();
    let mut seen = BTreeSet::new();
    for name in names.into_iter().filter(|name| seen.insert(*name)) {
        let (old, new) = (named(&old, name), named(&new, name));
        if old == new {
            continue;
        }
        let (mut before, mut after) = (old.map(Rule::to_string), new.map(Rule::to_string));
        if before == after {
            // The words are the same; what they stand for is not.
            (before, after) = (old.map(whole), new.map(whole));
        }
        push(&mut all, ("rules", Some(name)), before, after);
    }
    let order = |rules: &[Rule]| rules.iter().map(|rule| rule.name.clone()).collect::<Vec<_>>();
    // The first rule that fits decides. Where what is new stands behind all else, and what stays is in its order, this need not be told.
    let stays = |rules: &[Rule], others: &[Rule]| -> Vec<String> {
        let both = rules.iter().filter(|rule| named(others, &rule.name).is_some());
        both.map(|rule| rule.name.clone()).collect()
    };
    let kept = stays(&new, &old);
    if !kept.is_empty() && (stays(&old, &new) != kept || !order(&new).starts_with(&kept)) {
        push(
            &mut all,
            ("rules", None),
            Some(order(&old).join(", ")),
            Some(order(&new).join(", ")),
        );
    }
    all
}

fn named<'r>(rules: &'r [Rule], name: &str) -> Option<&'r Rule> {
    rules.iter().find(|rule| rule.name == name)
}

fn list<T: ToString>(all: &BTreeSet<T>) -> String {
    all.iter().map(T::to_string).collect::<Vec<_>>().join(", ")
}

/// A rule with the addresses that its words stand for.
fn whole(rule: &Rule) -> String {
    match &rule.from {
        Source::Any => rule.to_string(),
        Source::Of {
            words: _,
            networks,
            containers,
        } => {
            let own = if *containers { ", its own containers" } else { "" };
            format!("{rule} ({}{own})", list(networks))
        }
    }
}

fn push(
    all: &mut Vec<Difference>,
    (field, key): (&'static str, Option<&str>),
    old: Option<String>,
    new: Option<String>,
) {
    if old != new {
        all.push(Difference {
            field,
            key: key.map(str::to_owned),
            old,
            new,
        });
    }
}

/// Whether what stands is what is wanted, and nobody has changed it by hand.
pub fn is_as_wanted(live: &LiveFirewall, wanted: &RuleSet) -> bool {
    live.rules.as_ref() == Some(wanted) && live.hash.is_some() && live.by_hand.is_empty()
}

/// Whether a host's firewall is not as it should be, now or once replicas that come or go have done so.
pub fn differs(firewalls: &Firewalls, cluster: &ClusterName, host: &HostName, live: &LiveFirewall) -> bool {
    match firewalls.hosts.get(host) {
        Some(to) => !is_as_wanted(live, &to.wanted.rules) || !is_as_wanted(live, &to.open.rules),
        None => firewalls.removes && live.owned_by().contains(cluster),
    }
}

/// Whether rules begin to deny what none denied before: by one of them, or by their default.
pub fn begins_to_deny(live: &LiveFirewall, wanted: &RuleSet) -> bool {
    let by_default = |rules: &RuleSet| rules.default == Verdict::Deny;
    let by_rule = |rules: &RuleSet| rules.rules.iter().any(|rule| rule.verdict == Verdict::Deny);
    let live = live.rules.as_ref().filter(|_| live.hash.is_some());
    let begins = |denies: &dyn Fn(&RuleSet) -> bool| denies(wanted) && !live.is_some_and(denies);
    begins(&by_default) || begins(&|rules| by_default(rules) || by_rule(rules))
}
