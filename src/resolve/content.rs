//! What a config or a secret holds: text, a secret, or a template that is rendered for each replica. Rendering only; no files are read.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Object, ObjectRepr, Serde, from_args};
use minijinja::{Environment, Error, ErrorKind, State, Value, escape_formatter};
use serde::{Serialize, Serializer};

use crate::model::blob::{Blob, SecretRef, Segment, sha256};
use crate::resolve::render::Names;
use crate::resolve::suggest;
use crate::resolve::template::{Replica, environment};

/// Stands between an error's message and its hint.
pub const HINT: char = '\u{1}';

/// The ends of what stands for a secret while a template is rendered: of planes where no text has anything.
const ENDS: (char, char) = ('\u{f0000}', '\u{f0001}');

/// A replica of a service, as a template sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Endpoint {
    /// Its slot.
    pub slot: String,
    /// Its host's name.
    pub host: String,
    /// Its host's address: the private one, where its ports are bound.
    pub address: String,
    /// The host's port for its first port.
    pub port: Option<u16>,
    /// The host's ports by the container's.
    pub ports: BTreeMap<String, u16>,
}

/// Where all replicas stand, by service.
pub type Endpoints = BTreeMap<String, Vec<Endpoint>>;

/// What a file holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// Known.
    Known(Arc<Blob>),
    /// Known once its replica is placed.
    Template(Arc<FileTemplate>),
}

impl Serialize for Content {
    /// What may be shown, and a digest that tells any two texts apart. A secret is its name alone: for a job, which runs once per
    /// version, another password is no other version.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Known(blob) if blob.secrets().next().is_some() => serializer.serialize_str(&blob.shown()),
            Self::Known(blob) => serializer.collect_map([("text", blob.shown()), ("digest", blob.digest().0)]),
            Self::Template(template) => {
                let path = template.path.display().to_string();
                let digest = sha256(template.source.as_bytes());
                serializer.collect_map([("template", path), ("digest", digest)])
            }
        }
    }
}

/// A file of the repository that is rendered for each replica.
#[derive(Clone)]
pub struct FileTemplate {
    /// Its path in the repository.
    pub path: Arc<PathBuf>,
    /// What it holds.
    pub source: Arc<str>,
    /// What it may name of git and the cluster.
    pub context: Arc<Names>,
    /// The secrets that it may use.
    pub secrets: Arc<BTreeMap<String, Option<SecretRef>>>,
}

impl fmt::Debug for FileTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "template {}", self.path.display())
    }
}

impl PartialEq for FileTemplate {
    fn eq(&self, other: &Self) -> bool {
        (&self.path, &self.source, &self.secrets) == (&other.path, &other.source, &other.secrets)
            && format!("{:?}", self.context) == format!("{:?}", other.context)
    }
}

impl FileTemplate {
    /// Whether it names what differs from replica to replica.
    pub fn is_own(&self) -> bool {
        let environment = environment();
        let names = environment.template_from_str(&self.source);
        let names = names
            .map(|template| template.undeclared_variables(false))
            .unwrap_or_default();
        names.contains("slot") || names.contains("host")
    }

    /// The file for one replica.
    ///
    /// # Errors
    /// Where the template does not read, names what is not there, or does something to a secret.
    pub fn render(&self, replica: Replica<'_>, endpoints: &Arc<Endpoints>) -> Result<Blob, Error> {
        let used = Arc::new(Used::default());
        let mut names = Names::clone(&self.context);
        names.insert("slot".to_owned(), Value::from(replica.slot.to_string()));
        let host = minijinja::context! {
            name => replica.host.as_str(), address => replica.address, labels => replica.labels,
        };
        names.insert("host".to_owned(), host);
        let service = ServiceObject {
            own: self.context.get("service").cloned().unwrap_or_default(),
            all: Arc::clone(endpoints),
        };
        names.insert("service".to_owned(), Value::from_object(service));
        let text = self
            .environment(&used)
            .render_named_str(&self.path.to_string_lossy(), &self.source, names)?;
        used.split(&text)
    }

    /// Strict as everywhere, and a line that holds nothing but a block leaves nothing.
    fn environment(&self, used: &Arc<Used>) -> Environment<'static> {
        let mut environment = environment().clone();
        let mut syntax = SyntaxConfig::builder();
        syntax.trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true);
        // It only fails where the delimiters are not apart, and these are the usual ones.
        if let Ok(syntax) = syntax.build() {
            environment.set_syntax(syntax);
        }
        let secrets = Arc::clone(&self.secrets);
        let seen = Arc::clone(used);
        environment.add_function("secret", move |name: String| secret(&secrets, &seen, &name));
        environment.set_formatter(|out, state, value| match value.downcast_object_ref::<SecretValue>() {
            Some(secret) => out.write_str(&secret.placeholder()).map_err(Error::from),
            None => escape_formatter(out, state, value),
        });
        environment
    }
}

fn wrong(message: String, hint: Option<String>) -> Error {
    let hint = hint.map(|hint| format!("{HINT}{hint}")).unwrap_or_default();
    Error::new(ErrorKind::InvalidOperation, format!("{message}{hint}"))
}

/// `service.name` is the file's own service; `service("web")` is any.
#[derive(Debug)]
struct ServiceObject {
    own: Value,
    all: Arc<Endpoints>,
}

impl Object for ServiceObject {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.own.get_item(key).ok().filter(|value| !value.is_undefined())
    }

    fn call(self: &Arc<Self>, _: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
        let (name,): (String,) = from_args(args)?;
        let Some(endpoints) = self.all.get(&name) else {
            let hint = suggest::hint(&name, self.all.keys().map(String::as_str));
            return Err(wrong(format!("there is no service `{name}`"), hint));
        };
        Ok(minijinja::context! { name => name, endpoints => Value::from(Serde(endpoints.clone())) })
    }
}

fn secret(all: &BTreeMap<String, Option<SecretRef>>, used: &Arc<Used>, name: &str) -> Result<Value, Error> {
    let Some(secret) = all.get(name) else {
        let hint = suggest::nearest(name, all.keys().map(String::as_str));
        let hint = hint.map_or_else(
            || format!("write `{name}: {{file: secrets/{name}.age}}` under the top-level `secrets`"),
            |near| format!("did you mean `{near}`?"),
        );
        return Err(wrong(format!("there is no secret `{name}`"), Some(hint)));
    };
    // What is wrong with the secret itself was said at its place.
    let secret = secret.clone().unwrap_or_else(|| SecretRef {
        name: name.to_owned(),
        sha256: String::new(),
    });
    let used = Arc::clone(used);
    Ok(Value::from_object(SecretValue { secret, used }))
}

/// The secrets that a template wrote, in their order, and whether anything else was done to one.
#[derive(Debug, Default)]
struct Used {
    written: Mutex<Vec<SecretRef>>,
    touched: AtomicBool,
}

/// A secret while a template is rendered: it can be written, and nothing else.
struct SecretValue {
    secret: SecretRef,
    used: Arc<Used>,
}

impl SecretValue {
    /// What is written in its stead. Small and large letters, so that even what changes a whole block is noticed.
    fn placeholder(&self) -> String {
        let mut written = self.used.written.lock().unwrap_or_else(PoisonError::into_inner);
        written.push(self.secret.clone());
        format!("{}cdkSecret {}{}", ENDS.0, written.len() - 1, ENDS.1)
    }
}

impl fmt::Debug for SecretValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.used.touched.store(true, Ordering::Relaxed);
        f.write_str("a secret")
    }
}

impl Object for SecretValue {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    /// Only what takes it for a text comes here: filters, `~`, tests. What is to be written the formatter sees first.
    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl Used {
    /// The text in pieces.
    fn split(&self, text: &str) -> Result<Blob, Error> {
        let written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let touched = || {
            let hint =
                "write {{ secret(\"name\") }} where its value is to stand; other values can be put together around it";
            wrong(
                "a secret takes no filters and is part of no expression".to_owned(),
                Some(hint.to_owned()),
            )
        };
        if self.touched.load(Ordering::Relaxed) {
            return Err(touched());
        }
        let (mut segments, mut rest, mut found) = (Vec::new(), text, 0);
        while let Some((before, after)) = rest.split_once(ENDS.0) {
            let (inner, after) = after.split_once(ENDS.1).ok_or_else(touched)?;
            let index = inner
                .strip_prefix("cdkSecret ")
                .and_then(|index| index.parse::<usize>().ok());
            let secret = index.and_then(|index| written.get(index)).ok_or_else(touched)?;
            if !before.is_empty() {
                segments.push(Segment::Text(before.to_owned()));
            }
            segments.push(Segment::Secret(secret.clone()));
            (rest, found) = (after, found + 1);
        }
        if found < written.len() || rest.contains(ENDS.1) {
            return Err(touched());
        }
        if !rest.is_empty() {
            segments.push(Segment::Text(rest.to_owned()));
        }
        Ok(Blob(segments))
    }
}
