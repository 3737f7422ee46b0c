//! Circles among things that lead from one service to another. Pure; what a circle means is its callers'.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::name::ServiceName;

/// Every circle once, beginning with its first service by name. `ends` says where a link leads from and to.
pub fn circles<'l, L>(links: &'l [L], ends: impl Fn(&'l L) -> (&'l ServiceName, &'l ServiceName)) -> Vec<Vec<&'l L>> {
    let mut next: BTreeMap<&ServiceName, Vec<&L>> = BTreeMap::new();
    for link in links {
        next.entry(ends(link).0).or_default().push(link);
    }
    let mut walk = Walk {
        next: &next,
        ends: &ends,
        way: Vec::new(),
        done: BTreeSet::new(),
        found: Vec::new(),
    };
    for name in next.keys() {
        walk.from(name);
    }
    walk.found
}

/// The services of a circle, back to its first: `api → db → api`.
pub fn names<'l, L>(circle: &[&'l L], from: impl Fn(&'l L) -> &'l ServiceName) -> String {
    let mut names: Vec<&str> = circle.iter().map(|link| from(link).as_str()).collect();
    names.extend(names.first().copied());
    names.join(" → ")
}

/// A walk along links, the first time that each service is met.
struct Walk<'w, 'l, L, E> {
    next: &'w BTreeMap<&'l ServiceName, Vec<&'l L>>,
    ends: &'w E,
    way: Vec<&'l L>,
    done: BTreeSet<&'l ServiceName>,
    found: Vec<Vec<&'l L>>,
}

impl<'l, L, E: Fn(&'l L) -> (&'l ServiceName, &'l ServiceName)> Walk<'_, 'l, L, E> {
    fn from(&mut self, name: &'l ServiceName) {
        if let Some(at) = self.way.iter().position(|link| (self.ends)(link).0 == name) {
            let around = self.way.get(at..).unwrap_or_default();
            let first = around.iter().enumerate().min_by_key(|(_, link)| (self.ends)(link).0);
            let (before, after) = around.split_at(first.map_or(0, |(at, _)| at));
            self.found.push(after.iter().chain(before).copied().collect());
            return;
        }
        if self.done.contains(name) {
            return;
        }
        for link in self.next.get(name).into_iter().flatten() {
            self.way.push(link);
            self.from((self.ends)(link).1);
            self.way.pop();
        }
        self.done.insert(name);
    }
}
