//! Renders the templates of a whole tree, each scalar by itself, so that no template can break the YAML around it. Pure.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use minijinja::{Environment, Error, ErrorKind, Value};

use crate::model::name::{HostName, ServiceName, Slot};
use crate::model::problem::{Place, Problem};
use crate::model::secret::is_secret_name;
use crate::resolve::dollars::dollars;
use crate::resolve::problems::{Problems, Segment};
use crate::resolve::simple;
use crate::resolve::template::{Replica, Text, environment};
use crate::resolve::undefined::explain;
use crate::source::named::NoContent;
use crate::source::yaml::{Kind, Node};

/// What templates may name.
pub type Names = BTreeMap<String, Value>;

/// The paths of the scalars that wait for their replica.
pub type Waiting = BTreeSet<Vec<Segment>>;

/// What rendering a tree came to.
#[derive(Debug, Default)]
pub struct Rendered {
    /// What waits for its replica, and stands in the tree as it was written.
    pub waiting: Waiting,
    /// What was wrong, and is empty now.
    pub broken: Vec<Vec<Segment>>,
}

/// A replica to try templates on that wait for theirs.
#[derive(Debug, Clone)]
pub struct Sample {
    slot: Slot,
    host: HostName,
    labels: BTreeMap<String, String>,
}

impl Sample {
    /// The same for another service.
    pub fn of(&self, service: &ServiceName) -> Self {
        Self {
            slot: Slot::index(service, 1),
            ..self.clone()
        }
    }

    /// It, as templates name it.
    pub fn replica(&self) -> Replica<'_> {
        Replica {
            slot: &self.slot,
            host: &self.host,
            address: "localhost",
            labels: &self.labels,
        }
    }

    /// A replica of `service` on a host that has all of `labels`; none where there is no host.
    pub fn new(service: &ServiceName, host: &HostName, labels: &BTreeSet<String>) -> Self {
        Self {
            slot: Slot::index(service, 1),
            host: host.clone(),
            labels: labels.iter().map(|label| (label.clone(), String::new())).collect(),
        }
    }
}

impl Sample {
    /// What a template of this replica may name.
    fn names(&self, known: &Names) -> Names {
        let Self { slot, host, labels } = self;
        let mut names = known.clone();
        names.insert("slot".to_owned(), Value::from(slot.to_string()));
        let host = minijinja::context! { name => host.as_str(), address => "localhost", labels => labels };
        names.insert("host".to_owned(), host);
        names
    }
}

/// Renders one part of the repository.
pub struct Renderer<'a> {
    environment: &'static Environment<'static>,
    names: Arc<Names>,
    /// The same with the sample's own; empty without one.
    sampled: Names,
    /// Where this is a service: the replica that templates are tried on. Then `$` is Compose's, too.
    sample: Option<Sample>,
    problems: &'a mut Problems,
    rendered: Rendered,
    path: Vec<Segment>,
}

/// Whether a text is a template at all.
pub fn is_template(text: &str) -> bool {
    text.contains("{{") || text.contains("{%")
}

/// The expression that a text wholly is: `{{ vars.count }}`.
pub fn whole<'t>(environment: &Environment<'_>, text: &'t str) -> Option<&'t str> {
    let inner = text.strip_prefix("{{")?.strip_suffix("}}")?;
    let inner = inner.strip_prefix('-').unwrap_or(inner);
    let inner = inner.strip_suffix('-').unwrap_or(inner).trim();
    environment
        .compile_expression_owned(inner.to_owned())
        .is_ok()
        .then_some(inner)
}

/// Renders all of `node` in place. A problem is noted once: what it is about is emptied, and `decode` takes it away.
pub fn render(node: &mut Node, names: &Arc<Names>, sample: Option<Sample>, problems: &mut Problems) -> Rendered {
    let mut renderer = Renderer {
        environment: environment(),
        names: Arc::clone(names),
        sampled: sample.as_ref().map(|sample| sample.names(names)).unwrap_or_default(),
        sample,
        problems,
        rendered: Rendered::default(),
        path: Vec::new(),
    };
    renderer.node(node);
    renderer.rendered
}

impl Renderer<'_> {
    fn node(&mut self, node: &mut Node) {
        match &mut node.kind {
            Kind::Null | Kind::Bool(_) | Kind::Number { .. } => {}
            Kind::List(items) => {
                for (index, item) in items.iter_mut().enumerate() {
                    self.path.push(index.into());
                    self.node(item);
                    self.path.pop();
                }
            }
            Kind::Map(map) => {
                for (key, entry) in map {
                    if key.starts_with("x-") && self.sample.is_some() && !self.is_free_map() {
                        continue;
                    }
                    if is_template(key) {
                        let problem = Problem::at(Some(entry.key.clone()), "a name may not be a template");
                        self.problems.push(problem.hint("only values are rendered"));
                    }
                    self.path.push(key.as_str().into());
                    self.node(&mut entry.value);
                    self.path.pop();
                }
            }
            Kind::Text(text) => match self.scalar(text, &node.place) {
                Ok(None) => {}
                Ok(Some(kind)) => node.kind = kind,
                Err(problem) => {
                    self.problems.push(*problem);
                    node.kind = Kind::Null;
                    self.rendered.broken.push(self.path.clone());
                }
            },
        }
    }

    /// Whether the map that is being rendered has names of the user's own, so that `x-` means nothing in it.
    fn is_free_map(&self) -> bool {
        matches!(self.path.last(), Some(Segment::Key(key)) if ["environment", "labels", "annotations", "options"].contains(&key.as_str()))
    }

    /// Whether what is being rendered belongs to a name that says that it is a secret.
    fn is_secret(&self) -> bool {
        self.path
            .iter()
            .any(|segment| matches!(segment, Segment::Key(key) if is_secret_name(key)))
    }

    /// What becomes of a text; none where it stays as it is.
    fn scalar(&mut self, text: &str, place: &Place) -> Result<Option<Kind>, Box<Problem>> {
        let source = match &self.sample {
            Some(_) if text.contains('$') => Cow::Owned(dollars(text).map_err(|(variable, hint)| {
                // What looks like a variable may be a piece of a password.
                let shown = if self.is_secret() { "a variable" } else { &variable };
                at(place, format!("{shown} would come from the shell, not from git"), hint)
            })?),
            _ => Cow::Borrowed(text),
        };
        let kept = |source: Cow<'_, str>| (source != text).then(|| Kind::Text(source.into_owned()));
        if !is_template(&source) {
            return Ok(kept(source));
        }
        if matches!(self.path.first(), Some(Segment::Key(key)) if ["env_file", "label_file"].contains(&key.as_str())) {
            let hint = NoContent::Template.hint();
            return Err(at(place, NoContent::Template.to_string(), hint));
        }
        if let Some(value) = simple::render(&source, &self.names) {
            return Ok(Some(kind(&value, place)));
        }
        let may_wait = matches!(self.path.first(), Some(Segment::Key(key)) if MAY_WAIT.contains(&key.as_str()));
        if may_wait && simple::render(&source, &self.sampled).is_some() {
            self.rendered.waiting.insert(self.path.clone());
            return Ok(kept(source));
        }
        let template = self.environment.template_from_str(&source);
        let used = template
            .map_err(|error| at(place, wrong_syntax(&error), QUOTE.to_owned()))?
            .undeclared_variables(true);
        let uses = |wanted: &str| used.iter().find(|name| root(name) == wanted);
        if let Some(name) = uses("env") {
            self.stamp(&source, name, uses("slot").or_else(|| uses("host")), place)?;
        }
        if let Some(name) = uses("slot").or_else(|| uses("host")) {
            self.wait(&source, name, place)?;
            return Ok(kept(source));
        }
        self.now(&source, &used, place).map(Some)
    }

    /// Whether the environment of whoever applies may be named here, and is named as it may be.
    fn stamp(&self, source: &str, name: &str, replica: Option<&String>, place: &Place) -> Result<(), Box<Problem>> {
        let in_labels = matches!(self.path.as_slice(), [Segment::Key(key), Segment::Key(_)] if key == "labels");
        let in_hooks = matches!(self.path.first(), Some(Segment::Key(key)) if key == "hooks");
        let may_stand = match self.sample {
            Some(_) => in_labels,
            None => in_hooks,
        };
        if !may_stand {
            let message = format!("`{name}` may stand in the labels of services and in hooks only");
            let hint = "it is not in git, so that no `git revert` would bring it back: write the value under `vars`";
            return Err(at(place, message, hint.to_owned()));
        }
        if let Some(replica) = replica {
            let message = format!("a label takes either `{name}` or `{replica}`, not both");
            return Err(at(place, message, "make two labels of it".to_owned()));
        }
        let others = without_variables(source);
        let left = self
            .environment
            .template_from_str(&others)
            .map(|template| template.undeclared_variables(true));
        if left.is_ok_and(|left| left.iter().any(|left| root(left) == "env")) {
            let message = format!("`{name}` stands by itself: it takes no filter, and no part in a statement");
            let hint = format!("its value is known only when a container is made: {{{{ {name} }}}}");
            return Err(at(place, message, hint));
        }
        Ok(())
    }

    /// Renders what is known now.
    fn now(&self, source: &str, used: &std::collections::HashSet<String>, place: &Place) -> Result<Kind, Box<Problem>> {
        let explain = |error: &Error| explain(error, used, &self.names, place);
        let Some(expression) = whole(self.environment, source) else {
            let rendered = self
                .environment
                .render_str(source, &*self.names)
                .map_err(|error| explain(&error))?;
            return Ok(Kind::Text(rendered));
        };
        let compiled = self
            .environment
            .compile_expression(expression)
            .map_err(|error| explain(&error))?;
        let value = compiled.eval(&*self.names).map_err(|error| explain(&error))?;
        if value.is_undefined() {
            return Err(explain(&Error::from(ErrorKind::UndefinedError)));
        }
        Ok(kind(&value, place))
    }

    /// Notes that a text waits for its replica, once it was tried on a sample.
    fn wait(&mut self, source: &str, name: &str, place: &Place) -> Result<(), Box<Problem>> {
        let allowed = MAY_WAIT;
        let (Some(sample), Some(Segment::Key(first))) = (&self.sample, self.path.first()) else {
            let message = format!("`{name}` is known of a service's replicas only");
            return Err(at(place, message, format!("it may stand in {}", allowed.join(", "))));
        };
        if !allowed.contains(&first.as_str()) {
            let message = format!("`{name}` may not stand in `{first}`");
            return Err(at(place, message, format!("it may stand in {}", allowed.join(", "))));
        }
        if self.path.len() == 1 && source.contains("{%") {
            let message = "a command that waits for its replica cannot be split into words here";
            return Err(at(
                place,
                message.to_owned(),
                "write it as a list: [\"program\", \"argument\"]".to_owned(),
            ));
        }
        let text = Text::PerReplica {
            source: Arc::from(source),
            context: Arc::clone(&self.names),
        };
        let Sample { slot, host, labels } = sample;
        let replica = Replica {
            slot,
            host,
            address: "localhost",
            labels,
        };
        if let Err(error) = text.render(replica) {
            let used = self
                .environment
                .template_from_str(source)
                .map(|template| template.undeclared_variables(true));
            return Err(explain(&error, &used.unwrap_or_default(), &self.sampled, place));
        }
        self.rendered.waiting.insert(self.path.clone());
        Ok(())
    }
}

/// The keys of a service whose texts may wait for their replica.
const MAY_WAIT: [&str; 5] = ["environment", "labels", "command", "entrypoint", "hostname"];

/// A template's value as one of the YAML's.
fn kind(value: &Value, place: &Place) -> Kind {
    if let Some(text) = value.as_str() {
        return Kind::Text(text.to_owned());
    }
    let yaml = serde_yaml::to_value(value).unwrap_or_else(|_| serde_yaml::Value::String(value.to_string()));
    Node::from_value(yaml, place).kind
}

/// The first part of a name: `vars` of `vars.tag`.
fn root(name: &str) -> &str {
    name.split('.').next().unwrap_or_default()
}

/// The template without each `{{ env.NAME }}`.
fn without_variables(source: &str) -> String {
    let (mut out, mut rest) = (String::new(), source);
    while let Some((before, behind)) = rest.split_once("{{") {
        let Some((inner, after)) = behind.split_once("}}") else {
            break;
        };
        out.push_str(before);
        let name = inner.trim_start_matches('-').trim_end_matches('-').trim();
        let is_name = |name: &str| name.chars().all(|c| c == '_' || c.is_ascii_alphanumeric());
        if !name.strip_prefix("env.").is_some_and(is_name) {
            out.push_str(&format!("{{{{{inner}}}}}"));
        }
        rest = after;
    }
    out + rest
}

const QUOTE: &str = "a text that is to hold {{ itself writes it as {{ '{{' }}";

fn at(place: &Place, message: String, hint: String) -> Box<Problem> {
    Problem::at(Some(place.clone()), message).hint(hint).into()
}

fn wrong_syntax(error: &Error) -> String {
    format!(
        "this template does not read: {}",
        error.detail().unwrap_or("syntax error")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_expression_keeps_its_type() {
        let environment = environment();
        assert_eq!(whole(environment, "{{ vars.count }}"), Some("vars.count"));
        assert_eq!(whole(environment, "{{- 1 + 1 -}}"), Some("1 + 1"));
        assert_eq!(whole(environment, "{{ a }}{{ b }}"), None);
        assert_eq!(whole(environment, "x{{ a }}"), None);
    }
}
