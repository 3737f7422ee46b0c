//! From a tree to a type, with every problem and not only the first. What the types are is `shape`'s.

use std::cell::Cell;

use serde::de::DeserializeOwned;
use serde_path_to_error::{Segment as Step, Track};

use crate::model::problem::{Place, Problem};
use crate::resolve::problems::{Problems, Segment, locate, locate_key, remove};
use crate::resolve::tree::Tree;
use crate::resolve::{not_in_force, schema, suggest};
use crate::source::yaml::{Kind, Node};

/// Stands between a decoding error's message and its hint.
const HINT: char = '\u{1}';

/// An error with a hint, for the types' own decoding.
pub fn error<E: serde::de::Error>(message: impl std::fmt::Display, hint: &str) -> E {
    E::custom(format!("{message}{HINT}{hint}"))
}

/// What was decoded, and from what.
#[derive(Debug)]
pub struct Decoded<T> {
    /// The value; its default where nothing of it could be decoded.
    pub value: T,
    /// The tree that it was decoded from, without what was wrong: list items have the value's own indices.
    pub node: Node,
    /// The paths of what was wrong and taken away, as they were at that time, and of what a misspelt key likely meant.
    pub lost: Vec<Vec<Segment>>,
}

impl<T> Decoded<T> {
    /// Whether something below `key` was wrong, or the whole was, so that its absence says nothing.
    pub fn has_lost(&self, key: &str) -> bool {
        self.lost
            .iter()
            .any(|path| path.is_empty() || path.first() == Some(&key.into()))
    }
}

/// Decodes `node`, which stands at `at` in the repository (`services.*`). What is wrong is noted and taken away, until the rest decodes.
///
/// `broken` is what was taken out of the tree before.
pub fn decode<T: DeserializeOwned + Default>(
    mut node: Node,
    at: &str,
    broken: Vec<Vec<Segment>>,
    problems: &mut Problems,
) -> Decoded<T> {
    let mut lost = broken;
    loop {
        let (result, unknown) = attempt::<T>(&node);
        match result {
            Ok(value) => {
                for path in unknown {
                    lost.extend(unknown_key(&node, at, &path, problems));
                }
                return Decoded { value, node, lost };
            }
            Err((path, message)) => {
                let (message, hint) = match message.split_once(HINT) {
                    Some((message, hint)) => (message.to_owned(), Some(hint.to_owned())),
                    None => (in_plain_words(&message), None),
                };
                let mut problem = Problem::at(Some(locate(&node, &path)), named(&path, &message));
                problem.hint = hint;
                problems.push(problem);
                let value = T::default();
                if !remove(&mut node, &path) {
                    lost.push(Vec::new());
                    return Decoded { value, node, lost };
                }
                lost.push(path);
            }
        }
    }
}

type Attempt<T> = (Result<T, (Vec<Segment>, String)>, Vec<Vec<Segment>>);

fn attempt<T: DeserializeOwned>(node: &Node) -> Attempt<T> {
    let tree = Tree {
        node,
        ignored: &Cell::new(false),
    };
    // Mostly all is right; only where it is not, what and where is found out.
    if let Ok(value) = T::deserialize(tree)
        && !tree.ignored.get()
    {
        return (Ok(value), Vec::new());
    }
    let (mut unknown, mut track) = (Vec::new(), Track::new());
    let deserializer = serde_path_to_error::Deserializer::new(tree, &mut track);
    let result = serde_ignored::deserialize(deserializer, |path| unknown.push(ignored_path(&path)));
    let result = result.map_err(|error| {
        let steps = track.path();
        let path = steps.iter().map_while(|step| match step {
            Step::Seq { index } => Some(Segment::Index(*index)),
            Step::Map { key } | Step::Enum { variant: key } => Some(Segment::Key(key.clone())),
            Step::Unknown => None,
        });
        (path.collect(), error.to_string())
    });
    (result, unknown)
}

fn ignored_path(path: &serde_ignored::Path<'_>) -> Vec<Segment> {
    use serde_ignored::Path;
    let (parent, segment) = match path {
        Path::Root => return Vec::new(),
        Path::Seq { parent, index } => (parent, Some(Segment::Index(*index))),
        Path::Map { parent, key } => (parent, Some(Segment::Key(key.clone()))),
        Path::Some { parent } | Path::NewtypeStruct { parent } | Path::NewtypeVariant { parent } => (parent, None),
    };
    let mut all = ignored_path(parent);
    all.extend(segment);
    all
}

/// Puts the key that a problem is about in front of it, where the message does not name it.
fn named(path: &[Segment], message: &str) -> String {
    let key = path.iter().rev().find_map(|segment| match segment {
        Segment::Key(key) => Some(key),
        Segment::Index(_) => None,
    });
    match key {
        Some(key) => format!("`{key}`: {message}"),
        None => message.to_owned(),
    }
}

/// serde's words for a wrong type, as a person would say them.
fn in_plain_words(message: &str) -> String {
    if let Some((found, expected)) = message
        .strip_prefix("unknown variant ")
        .and_then(|rest| rest.split_once(", expected "))
    {
        return format!("expected {expected}, not {found}");
    }
    for kind in ["IP", "IPv4", "IPv6"] {
        if message == format!("invalid {kind} address syntax") {
            return format!("this is not an {kind} address");
        }
    }
    let wrong = ["invalid type: ", "invalid value: "]
        .iter()
        .find_map(|prefix| message.strip_prefix(prefix));
    let Some((found, expected)) = wrong.and_then(|rest| rest.rsplit_once(", expected ")) else {
        return message.to_owned();
    };
    let expected = match expected {
        "a sequence" => "a list",
        "a string" => "text",
        "a boolean" => "true or false",
        "i64" => "a whole number",
        other if other.starts_with("struct ") => "a map",
        other => other,
    };
    let found = match found {
        "sequence" => "a list",
        "map" => "a map",
        "unit value" => "nothing",
        other => ["string ", "integer ", "floating point ", "boolean "]
            .iter()
            .find_map(|prefix| other.strip_prefix(prefix))
            .unwrap_or(other),
    };
    format!("expected {expected}, not {found}")
}

/// Notes a key that no type takes, unless it is an extension (`x-…`). The answer is the path that was likely meant.
fn unknown_key(node: &Node, at: &str, path: &[Segment], problems: &mut Problems) -> Option<Vec<Segment>> {
    let Some((Segment::Key(key), parents)) = path.split_last() else {
        return None;
    };
    if key.starts_with("x-")
        && ["services", "networks", "volumes"]
            .iter()
            .any(|section| at.starts_with(section))
    {
        return None;
    }
    let mut pattern = at.to_owned();
    for segment in parents {
        let is_named = pattern == "services.*.networks";
        pattern.push('.');
        match segment {
            Segment::Key(_) if is_named => pattern.push('*'),
            Segment::Key(key) => pattern.push_str(key),
            Segment::Index(_) => pattern.push_str("[]"),
        }
    }
    let (problem, meant) = refuse_key(&pattern, key, locate_key(node, path));
    problems.push(problem);
    meant.map(|word| parents.iter().cloned().chain([Segment::Key(word)]).collect())
}

/// The problem of a key that has no place in the map at `pattern`: refused by name, or unknown; and the key that was likely meant.
pub fn refuse_key(pattern: &str, key: &str, place: Place) -> (Problem, Option<String>) {
    if let Some(refused) = not_in_force::refused(pattern, key) {
        let message = if refused.later {
            format!("`{key}` is not in force yet in this version of cdk")
        } else {
            format!("`{key}` is not taken by cdk")
        };
        return (Problem::at(Some(place), message).hint(refused.hint), None);
    }
    let known = schema::keys(pattern);
    let mut words: Vec<&str> = known.iter().map(String::as_str).collect();
    let mut problem = Problem::at(Some(place), format!("`{key}` is not a key that is known here"));
    problem.hint = suggest::hint(key, words.iter().copied());
    for word in not_in_force::keys(pattern) {
        words.push(word);
    }
    let meant = suggest::nearest(key, words).map(str::to_owned);
    if let Some(word) = &meant {
        problem.hint = Some(format!("did you mean `{word}`?"));
    }
    (problem, meant)
}

/// The entries of a section that is a map; a problem, and none, where it is something else.
pub fn entries(name: &str, section: Node, problems: &mut Problems) -> crate::source::yaml::Map {
    let described = section.describe();
    match section.kind {
        Kind::Map(map) => map,
        Kind::Null => Default::default(),
        Kind::Bool(_) | Kind::Number { .. } | Kind::Text(_) | Kind::List(_) => {
            let message = format!("`{name}`: expected a map, not {described}");
            problems.push(Problem::at(Some(section.place), message));
            Default::default()
        }
    }
}
