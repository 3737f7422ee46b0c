//! Renders the templates of a whole tree, each scalar by itself, so that no template can break the YAML around it. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use minijinja::{Environment, Error, ErrorKind, Value};

use crate::model::name::{HostName, ServiceName, Slot};
use crate::model::problem::{Place, Problem};
use crate::model::secret::is_secret_name;
use crate::resolve::problems::{Problems, Segment, remove};
use crate::resolve::suggest;
use crate::resolve::template::{Replica, Text, environment};
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
    /// What was wrong, and was taken out of the tree.
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
    /// A replica of `service` on a host that has all of `labels`; none where there is no host.
    pub fn new(service: &ServiceName, host: &HostName, labels: &BTreeSet<String>) -> Self {
        Self {
            slot: Slot::index(service, 1),
            host: host.clone(),
            labels: labels.iter().map(|label| (label.clone(), String::new())).collect(),
        }
    }
}

/// Renders one part of the repository.
pub struct Renderer<'a> {
    environment: Environment<'static>,
    names: Arc<Names>,
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

/// Renders all of `node` in place. A problem is noted once: what it is about leaves the tree.
pub fn render(node: &mut Node, names: &Arc<Names>, sample: Option<Sample>, problems: &mut Problems) -> Rendered {
    let mut renderer = Renderer {
        environment: environment(),
        names: Arc::clone(names),
        sample,
        problems,
        rendered: Rendered::default(),
        path: Vec::new(),
    };
    renderer.node(node);
    let rendered = renderer.rendered;
    // From behind, so that the indices of lists stay true.
    for path in rendered.broken.iter().rev() {
        remove(node, path);
    }
    rendered
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
                    self.rendered.broken.push(self.path.clone());
                }
            },
        }
    }

    /// Whether the map that is being rendered has names of the user's own, so that `x-` means nothing in it.
    fn is_free_map(&self) -> bool {
        matches!(self.path.last(), Some(Segment::Key(key)) if ["environment", "labels", "options"].contains(&key.as_str()))
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
            Some(_) if text.contains('$') => dollars(text).map_err(|(variable, hint)| {
                // What looks like a variable may be a piece of a password.
                let shown = if self.is_secret() { "a variable" } else { &variable };
                at(place, format!("{shown} would come from the shell, not from git"), hint)
            })?,
            _ => text.to_owned(),
        };
        if !is_template(&source) {
            return Ok((source != text).then_some(Kind::Text(source)));
        }
        if matches!(self.path.first(), Some(Segment::Key(key)) if ["env_file", "label_file"].contains(&key.as_str())) {
            let hint = NoContent::Template.hint();
            return Err(at(place, NoContent::Template.to_string(), hint));
        }
        let template = self.environment.template_from_str(&source);
        let used = template
            .map_err(|error| at(place, wrong_syntax(&error), QUOTE.to_owned()))?
            .undeclared_variables(true);
        let uses = |root: &str| used.iter().find(|name| name.split('.').next() == Some(root));
        if let Some(name) = uses("env") {
            let message = format!("`{name}` is not in force yet in this version of cdk");
            return Err(at(
                place,
                message,
                "write the value under `vars`, so that git says what runs".to_owned(),
            ));
        }
        if let Some(name) = uses("slot").or_else(|| uses("host")) {
            self.wait(&source, name, place)?;
            return Ok((source != text).then_some(Kind::Text(source)));
        }
        self.now(&source, &used, place).map(Some)
    }

    /// Renders what is known now.
    fn now(&self, source: &str, used: &std::collections::HashSet<String>, place: &Place) -> Result<Kind, Box<Problem>> {
        let explain = |error: &Error| explain(error, used, &self.names, place);
        let Some(expression) = whole(&self.environment, source) else {
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
        let value = serde_yaml::to_value(&value).unwrap_or_else(|_| serde_yaml::Value::String(value.to_string()));
        Ok(Node::from_value(value, place).kind)
    }

    /// Notes that a text waits for its replica, once it was tried on a sample.
    fn wait(&mut self, source: &str, name: &str, place: &Place) -> Result<(), Box<Problem>> {
        let allowed = ["environment", "labels", "command", "entrypoint", "hostname"];
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
            let mut names = Names::clone(&self.names);
            names.insert("slot".to_owned(), Value::from(slot.to_string()));
            let known = minijinja::context! { name => host.as_str(), address => "localhost", labels => labels };
            names.insert("host".to_owned(), known);
            let used = self
                .environment
                .template_from_str(source)
                .map(|template| template.undeclared_variables(true));
            return Err(explain(&error, &used.unwrap_or_default(), &names, place));
        }
        self.rendered.waiting.insert(self.path.clone());
        Ok(())
    }
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

/// Compose's dollars: `$$` is `$`; a variable is refused, as cdk takes nothing from the shell: its name, and a hint.
fn dollars(text: &str) -> Result<String, (String, String)> {
    let (mut out, mut rest) = (String::new(), text);
    while let Some(index) = rest.find('$') {
        let (before, after) = (&rest[..index], &rest[index + 1..]);
        out.push_str(before);
        out.push('$');
        if let Some(tail) = after.strip_prefix('$') {
            rest = tail;
            continue;
        }
        let braced = after.strip_prefix('{');
        let word = braced.unwrap_or(after);
        let end = word
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .unwrap_or(word.len());
        let name = &word[..end];
        if braced.is_some() || name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
            let shown = if braced.is_some() {
                format!("${{{name}}}")
            } else {
                format!("${name}")
            };
            let hint = "write {{ vars.NAME }} and define NAME under `vars`; a dollar itself is written $$";
            return Err((format!("`{shown}`"), hint.to_owned()));
        }
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

/// A rendering error in words, with the name that is missing and the one that was likely meant.
fn explain(error: &Error, used: &std::collections::HashSet<String>, names: &Names, place: &Place) -> Box<Problem> {
    let mut missing: Vec<&str> = used.iter().filter_map(|name| first_missing(names, name)).collect();
    missing.sort_unstable();
    let (ErrorKind::UndefinedError, Some(name)) = (error.kind(), missing.first()) else {
        let detail = error.detail().map(|detail| format!(": {detail}")).unwrap_or_default();
        return Problem::at(
            Some(place.clone()),
            format!("this template cannot be rendered: {}{detail}", error.kind()),
        )
        .into();
    };
    let mut problem = Problem::at(Some(place.clone()), format!("`{name}` is not defined"));
    problem.hint = missing_hint(name, names);
    problem.into()
}

fn missing_hint(name: &str, names: &Names) -> Option<String> {
    let (parent, last) = name.rsplit_once('.').unwrap_or(("", name));
    if parent == "git" && ["commit", "short", "branch", "tag"].contains(&last) {
        return Some(format!("the revision that was read has no {last}"));
    }
    let siblings: Vec<String> = if parent.is_empty() {
        names.keys().cloned().collect()
    } else {
        let keys = lookup(names, parent).and_then(|value| value.try_iter().ok());
        keys.into_iter().flatten().map(|key| key.to_string()).collect()
    };
    let near = suggest::nearest(last, siblings.iter().map(String::as_str));
    match (near, parent) {
        (Some(word), "") => Some(format!("did you mean `{word}`?")),
        (Some(word), _) => Some(format!("did you mean `{parent}.{word}`?")),
        (None, "vars") => Some(format!("define `{last}` under `vars`")),
        (None, "host.labels") => Some("no host has this label".to_owned()),
        (None, "") => suggest::hint(last, siblings.iter().map(String::as_str)),
        (None, _) => None,
    }
}

/// The name, up to the first part of it that is not there; none where all of it is.
fn first_missing<'n>(names: &Names, name: &'n str) -> Option<&'n str> {
    let ends = name.match_indices('.').map(|(index, _)| index).chain([name.len()]);
    ends.map(|end| &name[..end]).find(|part| lookup(names, part).is_none())
}

fn lookup(names: &Names, name: &str) -> Option<Value> {
    let mut parts = name.split('.');
    let first = names.get(parts.next()?)?.clone();
    parts.try_fold(first, |value, part| {
        value.get_attr(part).ok().filter(|value| !value.is_undefined())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dollars_are_composes() {
        assert_eq!(dollars("a$$b$$$$c $1 $").as_deref(), Ok("a$b$$c $1 $"));
        for text in ["${TAG}", "$TAG", "a-${TAG:-1}", "$${x} ${y}"] {
            assert!(dollars(text).is_err(), "{text}");
        }
    }

    #[test]
    fn only_one_expression_keeps_its_type() {
        let environment = environment();
        assert_eq!(whole(&environment, "{{ vars.count }}"), Some("vars.count"));
        assert_eq!(whole(&environment, "{{- 1 + 1 -}}"), Some("1 + 1"));
        assert_eq!(whole(&environment, "{{ a }}{{ b }}"), None);
        assert_eq!(whole(&environment, "x{{ a }}"), None);
    }
}
