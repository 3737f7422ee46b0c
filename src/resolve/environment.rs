//! Lays an environment's file over the rest of the repository, by Compose's rules for overriding (Compose Specification, 13-merge):
//! maps are merged, lists joined, commands replaced, unique resources merged by what makes them unique. Pure.

use std::borrow::Cow;

use indexmap::map::Entry as Slot;

use crate::model::problem::Problem;
use crate::resolve::layers::{from_list, other_driver};
use crate::resolve::problems::Problems;
use crate::resolve::suggest;
use crate::resolve::unique::{Unique, unique};
use crate::source::manifest::Manifest;
use crate::source::yaml::{Entry, Kind, Map, Node, Tag};

/// All sections, the environment's over the others.
pub fn sections<'m>(manifest: &'m Manifest, problems: &mut Problems) -> Cow<'m, Map> {
    let Some(environment) = &manifest.environment else {
        return Cow::Borrowed(&manifest.sections);
    };
    let mut sections = manifest.sections.clone();
    let mut overlay = Overlay {
        path: Vec::new(),
        problems,
    };
    overlay.maps(&mut sections, environment.sections.clone());
    Cow::Owned(sections)
}

/// What the cluster is called, as written, in the environment that was read.
pub fn cluster_name(manifest: &Manifest) -> Option<&Node> {
    let environment = manifest.environment.as_ref().map(|environment| &environment.sections);
    let mut named = environment.into_iter().chain([&manifest.sections]);
    named.find_map(|sections| sections.get("cluster")?.value.get("name"))
}

/// Keys whose values are whole: what lies over them replaces them.
const WHOLE: [&str; 3] = [
    "services.*.command",
    "services.*.entrypoint",
    "services.*.healthcheck.test",
];

/// Keys that take a text where they take a list.
const LISTS: [&str; 6] = [
    "services.*.dns",
    "services.*.dns_opt",
    "services.*.dns_search",
    "services.*.env_file",
    "services.*.label_file",
    "services.*.tmpfs",
];

/// Keys that take a list of NAME=VALUE where they take a map.
const PAIRS: [&str; 8] = [
    "services.*.annotations",
    "services.*.environment",
    "services.*.labels",
    "services.*.sysctls",
    "services.*.deploy.labels",
    "networks.*.labels",
    "volumes.*.labels",
    "services.*.extra_hosts",
];

/// Keys that take a list of names where they take a map.
const NAMES: [&str; 2] = ["services.*.depends_on", "services.*.networks"];

struct Overlay<'p> {
    /// Where the walk is: the keys on the way.
    path: Vec<String>,
    problems: &'p mut Problems,
}

impl Overlay<'_> {
    /// The path with a `*` for every name that is the user's own; where services' defaults stand, they are a service.
    fn pattern(&self) -> String {
        let keys: Vec<&str> = self.path.iter().map(String::as_str).collect();
        match keys.as_slice() {
            ["cluster", "defaults", rest @ ..] => [&["services", "*"], rest].concat().join("."),
            ["services", _, "networks", _, rest @ ..] => [&["services", "*", "networks"], rest].concat().join("."),
            ["cluster" | "firewall" | "vars", ..] => keys.join("."),
            [section, _, rest @ ..] => [&[*section, "*"], rest].concat().join("."),
            keys => keys.join("."),
        }
    }

    fn maps(&mut self, under: &mut Map, over: Map) {
        for (name, entry) in over {
            self.path.push(name.clone());
            match (under.entry(name), entry.value.tag) {
                (Slot::Vacant(slot), Tag::Reset) => {
                    let problem = Problem::at(
                        Some(entry.key),
                        format!("there is no `{}` to reset beneath this environment", slot.key()),
                    );
                    let name = slot.key().clone();
                    let near = suggest::nearest(&name, under.keys().map(String::as_str));
                    self.problems.push(match near {
                        Some(near) => problem.hint(format!("did you mean `{near}`?")),
                        None => problem.hint("leave it out"),
                    });
                }
                (Slot::Occupied(slot), Tag::Reset) => {
                    slot.shift_remove();
                }
                (Slot::Vacant(slot), Tag::None | Tag::Override) => {
                    let Entry { key, value } = entry;
                    let value = settled(value);
                    slot.insert(Entry { key, value });
                }
                (Slot::Occupied(mut slot), Tag::Override) => {
                    let Entry { key, value } = entry;
                    let value = settled(value);
                    slot.insert(Entry { key, value });
                }
                (Slot::Occupied(mut slot), Tag::None) => self.entry(slot.get_mut(), entry),
            }
            self.path.pop();
        }
    }

    fn entry(&mut self, under: &mut Entry, over: Entry) {
        let pattern = self.pattern();
        let is = |table: &[&str]| table.contains(&pattern.as_str());
        if is(&WHOLE) || under.value.is_null() {
            let Entry { key, value } = over;
            let value = settled(value);
            *under = Entry { key, value };
            return;
        }
        let Entry { key, value: mut over } = over;
        if is(&PAIRS) {
            let labels = pattern.ends_with("labels");
            for side in [&mut under.value, &mut over] {
                if let Kind::List(items) = &mut side.kind {
                    side.kind = Kind::Map(from_list(std::mem::take(items), labels, self.problems));
                }
            }
        }
        if is(&NAMES) && under.value.list().is_some() != over.list().is_some() {
            named(&mut under.value, &pattern);
            named(&mut over, &pattern);
        }
        if is(&LISTS) {
            listed(&mut under.value);
            listed(&mut over);
        }
        if pattern == "services.*.logging" && other_driver(&under.value, &over) {
            under.value = settled(over);
            return;
        }
        match (&mut under.value.kind, over.kind) {
            (Kind::Map(below), Kind::Map(above)) => self.maps(below, above),
            (Kind::List(below), Kind::List(above)) => self.lists(below, above, unique(&pattern)),
            // Nothing is said: what lies beneath stays. `!reset` takes it away.
            (_, Kind::Null) if !self.is_value() => {}
            (_, kind) => {
                let value = settled(Node { kind, ..over });
                under.value = value;
                under.key = key;
            }
        }
    }

    /// Whether a name of the user's own stands here, so that nothing is a value too: a variable.
    fn is_value(&self) -> bool {
        let parent = self.path.split_last().map(|(_, parents)| parents);
        let free = |key: &String| ["environment", "labels", "vars"].contains(&key.as_str());
        parent.and_then(<[String]>::last).is_some_and(free)
    }

    /// Joins two lists: an item that says the same of the same as one beneath is merged with it.
    fn lists(&mut self, below: &mut Vec<Node>, above: Vec<Node>, unique: Option<Unique>) {
        for item in above {
            if item.tag == Tag::Reset {
                continue;
            }
            let key = unique.and_then(|unique| unique(&item));
            let same = |other: &&mut Node| key.is_some() && unique.and_then(|unique| unique(other)) == key;
            match (below.iter_mut().find(same), item) {
                (
                    Some(Node {
                        kind: Kind::Map(under), ..
                    }),
                    Node {
                        kind: Kind::Map(over),
                        tag: Tag::None,
                        ..
                    },
                ) => self.maps(under, over),
                (Some(other), item) => *other = settled(item),
                (None, item) => below.push(settled(item)),
            }
        }
    }
}

/// A value that lies over nothing: what it would take away is not there.
fn settled(mut node: Node) -> Node {
    node.tag = Tag::None;
    node.kind = match node.kind {
        Kind::List(items) => {
            let left = items.into_iter().filter(|item| item.tag != Tag::Reset);
            Kind::List(left.map(settled).collect())
        }
        Kind::Map(map) => {
            let left = map.into_iter().filter(|(_, entry)| entry.value.tag != Tag::Reset);
            Kind::Map(
                left.map(|(name, Entry { key, value })| {
                    let value = settled(value);
                    (name, Entry { key, value })
                })
                .collect(),
            )
        }
        kind @ (Kind::Null | Kind::Bool(_) | Kind::Number { .. } | Kind::Text(_)) => kind,
    };
    node
}

/// A text as the list that it stands for.
fn listed(node: &mut Node) {
    if node.text().is_some() {
        let kind = std::mem::replace(&mut node.kind, Kind::Null);
        node.kind = Kind::List(vec![Node::new(node.place.clone(), kind)]);
    }
}

/// A list of names as the map that it stands for.
fn named(node: &mut Node, pattern: &str) {
    let Kind::List(items) = &node.kind else { return };
    let mut map = Map::new();
    for item in items {
        let Kind::Text(name) = &item.kind else { return };
        let text = |text: &str| Node::new(item.place.clone(), Kind::Text(text.to_owned()));
        let condition = Entry {
            key: item.place.clone(),
            value: text("service_started"),
        };
        let kind = match pattern.ends_with("depends_on") {
            true => Kind::Map(Map::from_iter([("condition".to_owned(), condition)])),
            false => Kind::Null,
        };
        let value = Node::new(item.place.clone(), kind);
        map.insert(
            name.clone(),
            Entry {
                key: item.place.clone(),
                value,
            },
        );
    }
    node.kind = Kind::Map(map);
}
