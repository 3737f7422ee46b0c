//! What cdk's own sections are read with: a decoded tree, its places, and what names may be referred to. No rules of its own.

use std::collections::BTreeMap;

use crate::model::problem::{Place, Problem};
use crate::resolve::constraint;
use crate::resolve::hosts::Hosts;
use crate::resolve::problems::{Problems, Segment, locate};
use crate::resolve::service::Reading;
use crate::resolve::shape::scalar::OneOrMany;
use crate::resolve::suggest;
use crate::resolve::wish::Constraint;
use crate::source::yaml::Node;

/// A path into a tree: `steps!["rules", 0, "from"]`.
macro_rules! steps {
    ($($step:expr),* $(,)?) => { [$($crate::resolve::problems::Segment::from($step)),*] };
}
pub(super) use steps;

/// A decoded tree, and where problems go.
pub struct Reader<'a> {
    /// The tree that was decoded.
    pub node: &'a Node,
    /// Where problems go.
    pub problems: &'a mut Problems,
}

impl Reader<'_> {
    /// Notes a problem at what stands at `path`.
    pub fn wrong(&mut self, path: &[Segment], message: impl Into<String>, hint: impl Into<Option<String>>) {
        let mut problem = Problem::at(Some(self.place(path)), message);
        problem.hint = hint.into();
        self.problems.push(problem);
    }

    /// Notes that what stands at `path` names something that is nowhere.
    pub fn absent(&mut self, path: &[Segment], message: impl Into<String>, hint: impl Into<Option<String>>) {
        let mut problem = Problem::at(Some(self.place(path)), message).absence();
        problem.hint = hint.into();
        self.problems.push(problem);
    }

    /// Where `path` leads.
    pub fn place(&self, path: &[Segment]) -> Place {
        locate(self.node, path)
    }

    /// Notes that the second of two equal things stands at `path`; the first one's place is kept in `seen`.
    pub fn once<K: Ord>(&mut self, seen: &mut BTreeMap<K, Place>, key: K, path: &[Segment], message: String) {
        let place = self.place(path);
        match seen.get(&key) {
            Some(first) => {
                let problem = Problem::at(Some(place), message).related(first.clone(), "first here");
                self.problems.push(problem);
            }
            None => {
                seen.insert(key, place);
            }
        }
    }

    /// Notes that nothing is called `word`, with the name that was likely meant.
    pub fn unknown<'k>(&mut self, path: &[Segment], what: &str, word: &str, known: impl Iterator<Item = &'k str>) {
        self.absent(path, format!("there is no {what} `{word}`"), suggest::hint(word, known));
    }

    /// Reads constraints that stand alone or in a list at `path`; none where one of them is wrong.
    pub fn constraints(
        &mut self,
        path: &[Segment],
        texts: &OneOrMany<String>,
        hosts: &Hosts,
    ) -> Option<Vec<Constraint>> {
        let mut all = Some(Vec::new());
        for (index, text) in texts.0.iter().enumerate() {
            let parsed = constraint::parse(text);
            let wrong = match &parsed {
                Ok(constraint) => constraint::names_nothing(constraint, &hosts.words),
                Err(wrong) => Some(wrong.clone()),
            };
            let item: Vec<Segment> = path.iter().cloned().chain([index.into()]).collect();
            match (parsed, wrong) {
                (Ok(constraint), None) => all.iter_mut().for_each(|all| all.push(constraint.clone())),
                (Ok(_) | Err(_), wrong) => {
                    if let Some((message, hint)) = wrong {
                        self.wrong(&item, message, hint);
                    }
                    all = None;
                }
            }
        }
        all
    }
}

impl Reading<'_> {
    /// The same tree, for problems deep within it.
    pub fn reader(&mut self) -> Reader<'_> {
        Reader {
            node: self.node,
            problems: self.problems,
        }
    }

    /// Whether what stands at `keys`, or what it stands in, or something within it was wrong, so that its absence says nothing.
    pub fn has_lost(&self, keys: &[&str]) -> bool {
        let path = keys.iter().map(|key| Segment::from(*key)).collect::<Vec<_>>();
        self.lost
            .iter()
            .any(|lost| lost.starts_with(&path) || path.starts_with(lost))
    }
}
