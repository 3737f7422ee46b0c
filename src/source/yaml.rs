//! The YAML as written: a tree whose every key and value knows its place. No meaning, and no reading of files.

use indexmap::IndexMap;
use serde_yaml::{Number, Value};

use crate::model::problem::Place;

/// A map's entries in the order in which they are written.
pub type Map = IndexMap<String, Entry>;

/// A value of a map.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Where the key stands.
    pub key: Place,
    /// What it names.
    pub value: Node,
}

/// A value, and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Where it stands; for a list or a map, where that begins.
    pub place: Place,
    /// What it is.
    pub kind: Kind,
    /// What becomes of that which it lies over.
    pub tag: Tag,
}

/// What becomes of that which a value of an environment's file lies over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tag {
    /// Both are merged, by Compose's rules.
    #[default]
    None,
    /// `!reset`: it is taken away.
    Reset,
    /// `!override`: this stands in its stead.
    Override,
}

/// What a value is.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// Nothing: `null`, `~`, or empty.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number.
    Number {
        /// What it reads as.
        value: Number,
        /// What is written: `1.10`.
        written: String,
    },
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A map.
    Map(Map),
}

impl Node {
    /// A value at a place.
    pub fn new(place: Place, kind: Kind) -> Self {
        let tag = Tag::None;
        Self { place, kind, tag }
    }

    /// The entries, where this is a map.
    pub fn map(&self) -> Option<&Map> {
        match &self.kind {
            Kind::Map(map) => Some(map),
            Kind::Null | Kind::Bool(_) | Kind::Number { .. } | Kind::Text(_) | Kind::List(_) => None,
        }
    }

    /// The text, where this is text.
    pub fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Text(text) => Some(text),
            Kind::Null | Kind::Bool(_) | Kind::Number { .. } | Kind::List(_) | Kind::Map(_) => None,
        }
    }

    /// The items, where this is a list.
    pub fn list(&self) -> Option<&[Node]> {
        match &self.kind {
            Kind::List(items) => Some(items),
            Kind::Null | Kind::Bool(_) | Kind::Number { .. } | Kind::Text(_) | Kind::Map(_) => None,
        }
    }

    /// What `key` names, where this is a map that has it.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.map()?.get(key).map(|entry| &entry.value)
    }

    /// Whether this is `null`, `~` or empty.
    pub fn is_null(&self) -> bool {
        matches!(self.kind, Kind::Null)
    }

    /// What this is, in words: `a list`.
    pub fn describe(&self) -> &'static str {
        match &self.kind {
            Kind::Null => "nothing",
            Kind::Bool(_) => "true or false",
            Kind::Number { .. } => "a number",
            Kind::Text(_) => "text",
            Kind::List(_) => "a list",
            Kind::Map(_) => "a map",
        }
    }

    /// The value without its places.
    pub fn to_value(&self) -> Value {
        match &self.kind {
            Kind::Null => Value::Null,
            Kind::Bool(value) => Value::Bool(*value),
            Kind::Number { value, .. } => Value::Number(value.clone()),
            Kind::Text(text) => Value::String(text.clone()),
            Kind::List(items) => Value::Sequence(items.iter().map(Node::to_value).collect()),
            Kind::Map(map) => Value::Mapping(
                map.iter()
                    .map(|(key, entry)| (Value::String(key.clone()), entry.value.to_value()))
                    .collect(),
            ),
        }
    }

    /// A value that came about at a place: all of it stands there.
    pub fn from_value(value: Value, place: &Place) -> Self {
        let kind = match value {
            Value::Null => Kind::Null,
            Value::Bool(value) => Kind::Bool(value),
            Value::Number(value) => Kind::Number {
                written: value.to_string(),
                value,
            },
            Value::String(text) => Kind::Text(text),
            Value::Sequence(items) => Kind::List(items.into_iter().map(|item| Self::from_value(item, place)).collect()),
            Value::Mapping(map) => Kind::Map(
                map.into_iter()
                    .map(|(key, value)| {
                        let key = key.as_str().map_or_else(|| format!("{key:?}"), str::to_owned);
                        let value = Self::from_value(value, place);
                        (
                            key,
                            Entry {
                                key: place.clone(),
                                value,
                            },
                        )
                    })
                    .collect(),
            ),
            Value::Tagged(tagged) => return Self::from_value(tagged.value, place),
        };
        Self::new(place.clone(), kind)
    }
}
