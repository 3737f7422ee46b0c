//! Brings a service's tree into one form: defaults laid beneath, lists of variables made maps, templated commands split. Pure.

use indexmap::map::Entry as Slot;

use crate::model::problem::Problem;
use crate::resolve::problems::Problems;
use crate::resolve::render::{is_template, whole};
use crate::resolve::template::environment;
use crate::source::yaml::{Entry, Kind, Map, Node};

/// The cluster's defaults in the form of a service: `update_config` goes below `deploy`, where a service has it.
pub fn defaults(mut node: Node, problems: &mut Problems) -> Node {
    if let Kind::Map(map) = &mut node.kind
        && let Some(update) = map.shift_remove("update_config")
    {
        let key = update.key.clone();
        let short = Node::new(
            key.clone(),
            Kind::Map(Map::from_iter([("update_config".to_owned(), update)])),
        );
        let deploy = match map.shift_remove("deploy") {
            Some(deploy) => Entry {
                value: beneath(&short, deploy.value),
                key: deploy.key,
            },
            None => Entry { key, value: short },
        };
        map.insert("deploy".to_owned(), deploy);
    }
    service(node, None, problems)
}

/// A service in one form, over the defaults.
pub fn service(mut node: Node, defaults: Option<&Node>, problems: &mut Problems) -> Node {
    if let Kind::Map(map) = &mut node.kind {
        for (name, is_label) in [
            ("environment", false),
            ("labels", true),
            ("sysctls", false),
            ("annotations", true),
        ] {
            if let Some(entry) = map.get_mut(name) {
                pairs(&mut entry.value, is_label, problems);
            }
        }
    }
    let mut node = match defaults {
        Some(defaults) if node.map().is_some() => beneath(defaults, node),
        Some(_) | None => node,
    };
    if let Kind::Map(map) = &mut node.kind {
        for name in ["command", "entrypoint"] {
            if let Some(entry) = map.get_mut(name) {
                split(&mut entry.value);
            }
        }
    }
    node
}

/// Lays `under` beneath `over`: maps are merged key by key, of everything else `over` counts. Options of one log
/// driver do not get under another.
fn beneath(under: &Node, over: Node) -> Node {
    let (Kind::Map(below), true) = (&under.kind, over.map().is_some()) else {
        return over;
    };
    let Node { place, kind, tag } = over;
    let Kind::Map(mut map) = kind else {
        return Node { place, kind, tag };
    };
    for (key, entry) in below {
        match map.entry(key.clone()) {
            Slot::Vacant(slot) => {
                slot.insert(entry.clone());
            }
            Slot::Occupied(mut slot) => {
                let upper = slot.get_mut();
                if key == "logging" && other_driver(&entry.value, &upper.value) {
                    continue;
                }
                let value = std::mem::replace(&mut upper.value, Node::new(upper.key.clone(), Kind::Null));
                upper.value = beneath(&entry.value, value);
            }
        }
    }
    Node {
        place,
        kind: Kind::Map(map),
        tag,
    }
}

/// Whether `over` names another log driver, whose options are others.
pub fn other_driver(under: &Node, over: &Node) -> bool {
    let driver = |node: &Node| node.get("driver").and_then(Node::text).map(str::to_owned);
    driver(over).is_some_and(|own| driver(under).is_none_or(|other| other != own))
}

/// Brings the labels of a network or a volume into one form.
pub fn labels(node: &mut Node, problems: &mut Problems) {
    if let Kind::Map(map) = &mut node.kind
        && let Some(entry) = map.get_mut("labels")
    {
        pairs(&mut entry.value, true, problems);
    }
}

/// Makes `[NAME=VALUE]` a map, and sees to it that a value is what is written there.
fn pairs(node: &mut Node, is_label: bool, problems: &mut Problems) {
    let mut map = match std::mem::replace(&mut node.kind, Kind::Null) {
        Kind::List(items) => from_list(items, is_label, problems),
        Kind::Map(map) => map,
        other @ (Kind::Null | Kind::Bool(_) | Kind::Number { .. } | Kind::Text(_)) => {
            node.kind = other;
            return;
        }
    };
    map.retain(|name, entry| match &entry.value.kind {
        Kind::Null if is_label => {
            entry.value.kind = Kind::Text(String::new());
            true
        }
        Kind::Null => {
            let problem = Problem::at(Some(entry.key.clone()), format!("`{name}` has no value"));
            problems
                .push(problem.hint("Compose would take it from the shell; write the value, or \"\" for an empty one"));
            false
        }
        Kind::Number { .. } => {
            problems_of_number(&entry.value, problems);
            true
        }
        Kind::Bool(_) | Kind::Text(_) | Kind::List(_) | Kind::Map(_) => true,
    });
    node.kind = Kind::Map(map);
}

/// `[NAME=VALUE]` as the map that it stands for.
pub fn from_list(items: Vec<Node>, is_label: bool, problems: &mut Problems) -> Map {
    let mut map = Map::new();
    for item in items {
        let Kind::Text(text) = &item.kind else {
            let message = format!("expected NAME=VALUE, not {}", item.describe());
            problems.push(Problem::at(Some(item.place), message));
            continue;
        };
        let (name, kind) = match text.split_once('=') {
            Some((name, value)) => (name.to_owned(), Kind::Text(value.to_owned())),
            None if is_label => (text.clone(), Kind::Text(String::new())),
            None => (text.clone(), Kind::Null),
        };
        let value = Node::new(item.place.clone(), kind);
        match map.entry(name) {
            Slot::Vacant(slot) => {
                slot.insert(Entry { key: item.place, value });
            }
            Slot::Occupied(slot) => {
                let problem = Problem::at(Some(item.place), format!("`{}` is there twice", slot.key()));
                problems.push(problem.related(slot.get().key.clone(), "first here"));
            }
        }
    }
    map
}

/// A number that would not be passed on as it is written is a problem: `1.10` would become 1.1.
pub fn problems_of_number(node: &Node, problems: &mut Problems) {
    if let Kind::Number { value, written } = &node.kind
        && value.to_string() != *written
    {
        let problem = Problem::at(
            Some(node.place.clone()),
            format!("YAML reads {written} as the number {value}"),
        );
        problems.push(problem.hint(format!("put it in quotes: \"{written}\"")));
    }
}

/// Splits a command that is a template into its words before it is rendered, so that a value never falls into two words.
/// One that is wholly one expression, or has statements in it, is rendered first.
fn split(node: &mut Node) {
    let Kind::Text(text) = &node.kind else { return };
    if !is_template(text) || text.contains("{%") || whole(environment(), text).is_some() {
        return;
    }
    let (mut masked, mut expressions, mut rest) = (String::new(), Vec::new(), text.as_str());
    while let Some((before, (inner, after))) = rest.split_once("{{").and_then(|(a, b)| Some((a, b.split_once("}}")?))) {
        masked.push_str(before);
        masked.push_str(&format!("{MASK}{}{MASK}", expressions.len()));
        expressions.push(format!("{{{{{inner}}}}}"));
        rest = after;
    }
    masked.push_str(rest);
    let Some(words) = shlex::split(&masked) else { return };
    let unmasked = words.into_iter().map(|word| {
        let whole = expressions.iter().enumerate().fold(word, |word, (index, expression)| {
            word.replace(&format!("{MASK}{index}{MASK}"), expression)
        });
        Node::new(node.place.clone(), Kind::Text(whole))
    });
    node.kind = Kind::List(unmasked.collect());
}

/// A character that YAML does not allow, so that no command has it.
const MASK: char = '\u{1}';
