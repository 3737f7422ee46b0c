//! Templates in string scalars: minijinja, strict, with what may be named where. Rendering only; files are `source`'s.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, LazyLock};

use minijinja::value::Object;
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
    /// The text as far as all replicas share it: what is a replica's own stands in it by its name.
    pub fn shared(&self) -> String {
        match self {
            Self::Plain(text) => text.clone(),
            Self::PerReplica { source, context } => {
                let mut names = BTreeMap::clone(context);
                for name in ["slot", "host"] {
                    names.insert(name.to_owned(), Value::from_object(Placeholder(name.to_owned())));
                }
                let rendered = environment().render_str(source, names);
                rendered.unwrap_or_else(|_| source.to_string())
            }
        }
    }
}

/// A value that is not known: it, and whatever is asked of it, is shown by its name.
#[derive(Debug)]
struct Placeholder(String);

impl Object for Placeholder {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        Some(Value::from_object(Self(format!("{}.{key}", self.0))))
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{{ {} }}}}", self.0)
    }
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
