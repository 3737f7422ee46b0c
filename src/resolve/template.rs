//! Templates in string scalars: minijinja, strict, with what may be named where. Rendering only; files are `source`'s.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, LazyLock};

use minijinja::{Environment, UndefinedBehavior, Value};
use serde::{Serialize, Serializer};

use crate::model::name::{HostName, Slot};

/// A text that is known now, or one that waits for its replica's slot and host.
#[derive(Clone)]
pub enum Text {
    /// Known.
    Plain(String),
    /// Names `slot` or `host`: rendered once a replica is placed.
    PerReplica {
        /// The template as written.
        source: Arc<str>,
        /// Everything else that it may name.
        context: Arc<BTreeMap<String, Value>>,
    },
}

/// What a template may name of the replica that it is rendered for.
#[derive(Debug, Clone, Copy)]
pub struct Replica<'a> {
    /// `slot`.
    pub slot: &'a Slot,
    /// `host.name`.
    pub host: &'a HostName,
    /// `host.address`.
    pub address: &'a str,
    /// `host.labels`.
    pub labels: &'a BTreeMap<String, String>,
}

impl Text {
    /// The text for one replica.
    ///
    /// # Errors
    /// Where the template names what is not there, in minijinja's words.
    pub fn render(&self, replica: Replica<'_>) -> Result<String, minijinja::Error> {
        match self {
            Self::Plain(text) => Ok(text.clone()),
            Self::PerReplica { source, context } => {
                let mut names = BTreeMap::clone(context);
                names.insert("slot".to_owned(), Value::from(replica.slot.to_string()));
                let host = minijinja::context! {
                    name => replica.host.as_str(), address => replica.address, labels => replica.labels,
                };
                names.insert("host".to_owned(), host);
                environment().render_str(source, names)
            }
        }
    }
}

impl Text {
    /// What tells this text from another, whichever replica it is for: the template, and what it names of that which all share. What
    /// it does not name makes no difference.
    pub fn shared(&self) -> String {
        match self {
            Self::Plain(text) => text.clone(),
            Self::PerReplica { source, context } => {
                let names = match environment().template_from_str(source) {
                    Ok(template) => template.undeclared_variables(true),
                    Err(_) => return source.to_string(),
                };
                let names: BTreeSet<String> = names.into_iter().collect();
                let named = names
                    .iter()
                    .filter_map(|name| Some(format!("\n{name} = {}", named(context, name)?)));
                std::iter::once(source.to_string()).chain(named).collect()
            }
        }
    }
}

/// The value at a path of names, with dots between them.
fn named(context: &BTreeMap<String, Value>, path: &str) -> Option<Value> {
    let mut names = path.split('.');
    let first = context.get(names.next()?)?.clone();
    names.try_fold(first, |value, name| value.get_attr(name).ok())
}

/// The one way that cdk sets minijinja up: strict, nothing escaped.
pub fn environment() -> &'static Environment<'static> {
    static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
        environment.set_debug(true);
        environment
    });
    &ENVIRONMENT
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Plain(a), Self::Plain(b)) => a == b,
            (Self::PerReplica { source: a, context: x }, Self::PerReplica { source: b, context: y }) => {
                a == b && format!("{x:?}") == format!("{y:?}")
            }
            (Self::Plain(_), Self::PerReplica { .. }) | (Self::PerReplica { .. }, Self::Plain(_)) => false,
        }
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(text) => fmt::Debug::fmt(text, f),
            Self::PerReplica { source, .. } => write!(f, "template {source:?}"),
        }
    }
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Plain(text) => serializer.serialize_str(text),
            Self::PerReplica { source, .. } => serializer.serialize_str(source),
        }
    }
}
