//! The keys that are taken, checked, and not in force yet: which they are, and where a repository has them. What is refused by
//! name is `not_in_force`'s.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::model::problem::Place;
use crate::resolve::desired::Desired;
use crate::resolve::problems::Problems;
use crate::source::yaml::{Entry, Node};

/// A key that is accepted, and has no effect yet.
#[derive(Debug, Clone, Serialize)]
#[serde(into = "String")]
pub struct NotInForce {
    /// Where it stands, as the user writes it: `services.web.deploy.autoscale`.
    pub path: String,
    /// What several have in common: `deploy.autoscale`.
    pub key: String,
    /// The service or the host that has it, where it is one's.
    pub of: Option<String>,
    /// Its place; it takes no part in comparisons.
    pub place: Place,
}

/// The same key wherever it stands.
#[derive(Debug, Clone, Default)]
pub struct SameKey<'a> {
    /// The services or hosts that have it, where it is theirs.
    pub of: Vec<&'a str>,
    /// Every one, by path.
    pub all: Vec<&'a NotInForce>,
}

impl Desired {
    /// What is not in force yet, by what several have in common.
    pub fn not_in_force_by_key(&self) -> BTreeMap<&str, SameKey<'_>> {
        let mut keys: BTreeMap<&str, SameKey<'_>> = BTreeMap::new();
        for one in &self.not_in_force {
            let same = keys.entry(&one.key).or_default();
            same.of.extend(one.of.as_deref());
            same.all.push(one);
        }
        keys
    }
}

impl From<NotInForce> for String {
    fn from(told: NotInForce) -> String {
        told.path
    }
}

impl PartialEq for NotInForce {
    fn eq(&self, other: &Self) -> bool {
        (&self.path, &self.key, &self.of) == (&other.path, &other.key, &other.of)
    }
}

/// By the path of the map (`*` for any name): the keys.
const TABLE: &[(&str, &[&str])] = &[
    ("", &["ingress"]),
    ("services.*.deploy", &["autoscale"]),
    ("services.*.deploy.update_config.canary", &["abort", "every", "weights"]),
];

/// The keys of the map at `path` that are accepted and not in force yet.
pub fn keys(path: &str) -> impl Iterator<Item = &'static str> {
    let rows = TABLE.iter().filter(move |(at, _)| *at == path);
    rows.flat_map(|(_, keys)| keys.iter().copied())
}

/// Whose keys are told.
#[derive(Debug, Clone, Copy)]
pub enum Owner<'a> {
    /// A service's, by its name.
    Service(&'a str),
    /// A host's, by its name.
    Host(&'a str),
    /// Those of what there is one of, by its path.
    Only(&'a str),
}

/// Tells which such keys `node` has, which stands at `pattern`. What was told of a place already, as of what lies beneath all
/// services, is not told again.
pub fn tell(pattern: &str, owner: Owner<'_>, node: &Node, problems: &mut Problems) {
    for (at, keys) in TABLE {
        let Some(rest) = at.strip_prefix(pattern) else { continue };
        let steps: Vec<&str> = rest.split('.').filter(|step| !step.is_empty()).collect();
        let found = steps.iter().try_fold(node, |node, step| node.get(step));
        let Some(map) = found.and_then(Node::map) else { continue };
        for key in *keys {
            if let Some(entry) = map.get(*key).filter(|entry| !entry.value.is_null()) {
                let within = [steps.as_slice(), &[*key]].concat().join(".");
                problems.tell(told(owner, &within, &entry.key));
            }
        }
    }
}

/// Tells a whole section.
pub fn tell_section(name: &str, section: Option<&Entry>, problems: &mut Problems) {
    if let Some(Entry { key, value }) = section
        && !value.is_null()
    {
        problems.tell(NotInForce {
            path: name.to_owned(),
            key: name.to_owned(),
            of: None,
            place: key.clone(),
        });
    }
}

fn told(owner: Owner<'_>, within: &str, place: &Place) -> NotInForce {
    let (path, key, of) = match owner {
        Owner::Service(name) => (format!("services.{name}.{within}"), within.to_owned(), Some(name)),
        Owner::Host(name) => (
            format!("hosts.{name}.{within}"),
            format!("hosts.*.{within}"),
            Some(name),
        ),
        Owner::Only(path) => (format!("{path}.{within}"), format!("{path}.{within}"), None),
    };
    NotInForce {
        path,
        key,
        of: of.map(str::to_owned),
        place: place.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resolve::{not_in_force, schema};

    #[test]
    fn what_is_told_is_taken_and_not_refused() {
        for (path, keys) in TABLE {
            let taken = schema::keys(path);
            for key in *keys {
                assert!(taken.iter().any(|one| one == key), "{path}: {key} is not taken");
                assert!(not_in_force::refused(path, key).is_none(), "{path}: {key} is refused");
            }
        }
    }
}
