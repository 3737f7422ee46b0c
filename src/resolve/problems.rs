//! Collects problems while everything goes on, and knows where in a tree a path leads. No rules of its own.

use std::fmt;

use crate::model::problem::{Place, Problem};
use crate::resolve::accepted::NotInForce;
use crate::source::yaml::{Kind, Node};

/// One step into a tree.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Segment {
    /// To a map's value.
    Key(String),
    /// To a list's item, from 0.
    Index(usize),
}

impl From<&str> for Segment {
    fn from(key: &str) -> Self {
        Self::Key(key.to_owned())
    }
}

impl From<usize> for Segment {
    fn from(index: usize) -> Self {
        Self::Index(index)
    }
}

impl fmt::Display for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(key) => f.write_str(key),
            Self::Index(index) => write!(f, "{index}"),
        }
    }
}

/// Everything found so far: what is wrong, and what is accepted without effect.
#[derive(Debug, Default)]
pub struct Problems(Vec<Problem>, Vec<NotInForce>);

impl Problems {
    /// Notes a problem.
    pub fn push(&mut self, problem: Problem) {
        self.0.push(problem);
    }

    /// Notes a key that is not in force yet; what several services share is noted once.
    pub fn tell(&mut self, told: NotInForce) {
        let shared = |other: &NotInForce| other.of.is_none() && other.place == told.place;
        if !self.1.iter().any(shared) {
            self.1.push(told);
        }
    }

    /// The keys that are not in force yet, by path.
    pub fn take_told(&mut self) -> Vec<NotInForce> {
        let mut all = std::mem::take(&mut self.1);
        all.sort_by(|a, b| a.path.cmp(&b.path));
        all
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes away what says that something is nowhere, unless it is likely misspelt.
    pub fn without_absences(&mut self) {
        let misspelt = |problem: &Problem| {
            problem
                .hint
                .as_ref()
                .is_some_and(|hint| hint.starts_with("did you mean"))
        };
        self.0.retain(|problem| !problem.is_absence || misspelt(problem));
    }

    /// All of them by file and place, each once: what several services share is found in each.
    pub fn sorted(self) -> Vec<Problem> {
        let mut all = self.0;
        all.sort_by(|a, b| (&a.place, &a.message).cmp(&(&b.place, &b.message)));
        all.dedup_by(|a, b| (&a.place, &a.message) == (&b.place, &b.message));
        all
    }
}

/// Where a path leads: to the value's place, or to its key's where the value is a list or a map. Where the tree
/// ends before the path does, to the last thing that is there.
pub fn locate(root: &Node, path: &[Segment]) -> Place {
    let (mut node, mut place) = (root, &root.place);
    for segment in path {
        match (&node.kind, segment) {
            (Kind::Map(map), Segment::Key(key)) => {
                let Some(entry) = map.get(key) else { break };
                node = &entry.value;
                place = match node.kind {
                    Kind::List(_) | Kind::Map(_) | Kind::Null => &entry.key,
                    Kind::Bool(_) | Kind::Number { .. } | Kind::Text(_) => &node.place,
                };
            }
            (Kind::List(items), Segment::Index(index)) => {
                let Some(item) = items.get(*index) else { break };
                (node, place) = (item, &item.place);
            }
            _ => break,
        }
    }
    place.clone()
}

/// Where the last key of a path stands; where the tree ends before, the last thing that is there.
pub fn locate_key(root: &Node, path: &[Segment]) -> Place {
    if let Some((Segment::Key(key), parents)) = path.split_last()
        && let Some(entry) = find(root, parents).and_then(Node::map).and_then(|map| map.get(key))
    {
        return entry.key.clone();
    }
    locate(root, path)
}

/// What stands at a path.
pub fn find<'a>(root: &'a Node, path: &[Segment]) -> Option<&'a Node> {
    path.iter().try_fold(root, |node, segment| match segment {
        Segment::Key(key) => node.get(key),
        Segment::Index(index) => node.list()?.get(*index),
    })
}

/// Takes away what a path leads to, or the last thing on the way there. False where only the root is left to take.
pub fn remove(root: &mut Node, path: &[Segment]) -> bool {
    let Some((segment, rest)) = path.split_first() else {
        return false;
    };
    match (&mut root.kind, segment) {
        (Kind::Map(map), Segment::Key(key)) => match map.get_mut(key) {
            Some(entry) => remove(&mut entry.value, rest) || map.shift_remove(key).is_some(),
            None => false,
        },
        (Kind::List(items), Segment::Index(index)) => match items.get_mut(*index) {
            Some(item) => {
                if !remove(item, rest) {
                    items.remove(*index);
                }
                true
            }
            None => false,
        },
        _ => false,
    }
}
