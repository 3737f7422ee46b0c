//! The hosts that a service's replicas may go to, by its preferences' groups, and which of them is next. Whether one fits is its caller's to try.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use crate::place::crowd::{Grouping, Index};
use crate::place::score::Key;

/// Hosts in nested groups, and how many replicas of a service stand in each.
pub(super) struct Groups {
    /// The innermost group of each host, by its place in `paths`.
    leaf_of: Vec<Index>,
    /// The groups that the hosts of an innermost one are in, the outermost first.
    paths: Vec<Vec<Index>>,
    /// How many replicas stand in each group, on hosts that do not fit too.
    replicas: Vec<u32>,
}

impl Groups {
    /// `levels` are the groupings, the outermost first; `crowd` says where replicas stand.
    pub(super) fn new(hosts: usize, levels: &[&Grouping], crowd: impl Iterator<Item = (Index, u32)>) -> Self {
        let mut all = Self {
            leaf_of: vec![0; hosts],
            paths: vec![Vec::new()],
            replicas: Vec::new(),
        };
        if !levels.is_empty() {
            all.nest(levels);
            for (host, count) in crowd {
                all.change(host, |replicas| replicas + count);
            }
        }
        all
    }

    fn nest(&mut self, levels: &[&Grouping]) {
        self.paths.clear();
        let mut known: BTreeMap<Vec<Index>, Index> = BTreeMap::new();
        let mut nested: BTreeMap<(Option<Index>, Index), Index> = BTreeMap::new();
        for (host, leaf) in self.leaf_of.iter_mut().enumerate() {
            let mut path: Vec<Index> = Vec::with_capacity(levels.len());
            for level in levels {
                let count = nested.len();
                let within = (path.last().copied(), level.group(host));
                path.push(*nested.entry(within).or_insert(count));
            }
            let count = known.len();
            *leaf = *known.entry(path.clone()).or_insert(count);
            if *leaf == count {
                self.paths.push(path);
            }
        }
        self.replicas = vec![0; nested.len()];
    }

    /// The groups of a host, the outermost first.
    pub(super) fn path(&self, host: Index) -> &[Index] {
        let path = self.leaf_of.get(host).and_then(|leaf| self.paths.get(*leaf));
        path.map(Vec::as_slice).unwrap_or_default()
    }

    /// How many replicas stand in a group.
    pub(super) fn replicas(&self, group: Index) -> u32 {
        self.replicas.get(group).copied().unwrap_or(0)
    }

    /// One more replica stands on a host.
    pub(super) fn add(&mut self, host: Index) {
        self.change(host, |replicas| replicas + 1);
    }

    /// One fewer does.
    pub(super) fn remove(&mut self, host: Index) {
        self.change(host, |replicas| replicas.saturating_sub(1));
    }

    fn change(&mut self, host: Index, change: impl Fn(u32) -> u32) {
        let path = self.leaf_of.get(host).and_then(|leaf| self.paths.get(*leaf));
        for group in path.into_iter().flatten() {
            if let Some(replicas) = self.replicas.get_mut(*group) {
                *replicas = change(*replicas);
            }
        }
    }
}

/// Hosts that may fit, with their keys as they were.
enum Hosts {
    /// A key changes only where a replica is placed, or gets worse: the best comes up by itself.
    Ranked(BinaryHeap<Reverse<(Key, Index)>>),
    /// Each replica has keys of its own.
    Drawn(Vec<Index>),
}

impl Hosts {
    /// The best by its key of today; `keys` gives that.
    fn best(&mut self, key: &impl Fn(Index) -> Key) -> Option<(Key, Index)> {
        match self {
            Self::Ranked(heap) => loop {
                let Reverse((old, host)) = *heap.peek()?;
                let now = key(host);
                if now == old {
                    return Some((now, host));
                }
                heap.pop();
                heap.push(Reverse((now, host)));
            },
            Self::Drawn(hosts) => hosts.iter().map(|host| (key(*host), *host)).min(),
        }
    }

    fn drop(&mut self, gone: Index) {
        match self {
            // Whatever is dropped was the best a moment ago.
            Self::Ranked(heap) => {
                if heap.peek().is_some_and(|Reverse((_, host))| *host == gone) {
                    heap.pop();
                }
            }
            Self::Drawn(hosts) => hosts.retain(|host| *host != gone),
        }
    }
}

/// The hosts that may fit, in groups.
pub(super) struct Candidates {
    groups: Groups,
    /// The hosts of each innermost group.
    leaves: Vec<Hosts>,
}

impl Candidates {
    /// Those hosts that are given with a key; where `drawn`, each replica has keys of its own.
    pub(super) fn new(groups: Groups, may_fit: impl Iterator<Item = (Index, Key)>, drawn: bool) -> Self {
        let mut keyed: Vec<Vec<(Key, Index)>> = groups.paths.iter().map(|_| Vec::new()).collect();
        for (host, key) in may_fit {
            let leaf = groups.leaf_of.get(host).and_then(|leaf| keyed.get_mut(*leaf));
            if let Some(leaf) = leaf {
                leaf.push((key, host));
            }
        }
        let leaves = keyed.into_iter().map(|keyed| match drawn {
            true => Hosts::Drawn(keyed.into_iter().map(|(_, host)| host).collect()),
            false => Hosts::Ranked(keyed.into_iter().map(Reverse).collect()),
        });
        Self {
            leaves: leaves.collect(),
            groups,
        }
    }

    /// The next host to try: of the outermost group with the fewest replicas, and so inwards; then by its key, then by its name.
    /// A group where nothing fits hands its share on.
    pub(super) fn best(&mut self, key: impl Fn(Index) -> Key) -> Option<Index> {
        let mut best: Option<(Vec<u32>, (Key, Index))> = None;
        for (path, leaf) in self.groups.paths.iter().zip(&mut self.leaves) {
            let Some(first) = leaf.best(&key) else { continue };
            let counts: Vec<u32> = path
                .iter()
                .map(|group| self.groups.replicas.get(*group).copied().unwrap_or(0))
                .collect();
            let rank = (counts, first);
            if best.as_ref().is_none_or(|best| rank < *best) {
                best = Some(rank);
            }
        }
        best.map(|(_, (_, host))| host)
    }

    /// A host does not fit: it is not tried again.
    pub(super) fn drop(&mut self, host: Index) {
        let leaf = self
            .groups
            .leaf_of
            .get(host)
            .and_then(|leaf| self.leaves.get_mut(*leaf));
        if let Some(leaf) = leaf {
            leaf.drop(host);
        }
    }

    /// One more replica of the service stands on a host.
    pub(super) fn take(&mut self, host: Index) {
        self.groups.add(host);
    }

    /// One fewer does; a host whose key got better by that is not noticed.
    pub(super) fn release(&mut self, host: Index) {
        self.groups.remove(host);
    }
}
