//! Compose's `${NAME:-default}` as `{{ vars.NAME }}`: which variables there are, what value each gets, and texts that use them. Pure.

use std::collections::BTreeMap;

use indexmap::IndexMap;

use crate::source::scalar;
use crate::source::yaml::Kind;

/// A variable of the new repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// Its value; none where nobody knows it.
    pub value: Option<String>,
    /// The line that first uses it.
    pub line: usize,
    /// The lines that use it without a default.
    pub without_default: Vec<usize>,
    /// Whether the value is `.env`'s.
    pub is_from_env: bool,
}

/// The variables that a Compose file uses.
#[derive(Debug, Default)]
pub struct Variables {
    env: BTreeMap<String, String>,
    /// By name, in the order in which they are used.
    pub all: IndexMap<String, Variable>,
}

/// A `${…}` of a text.
struct Use<'t> {
    name: &'t str,
    /// `-`, `?`, `+`, or nothing.
    operator: Option<char>,
    /// What follows it.
    word: &'t str,
    /// How many bytes it takes.
    length: usize,
}

impl Variables {
    /// No variables yet; `.env` as it lies beside the Compose file.
    pub fn new(dotenv: Option<&str>) -> Self {
        Self {
            env: dotenv.map(read_env).unwrap_or_default(),
            all: IndexMap::new(),
        }
    }

    /// What `.env` says of a name.
    pub fn env(&self, name: &str) -> Option<&str> {
        self.env.get(name).map(String::as_str)
    }

    /// What a text is once its variables are put in; one that nobody knows is empty.
    pub fn expand(&self, text: &str) -> String {
        let (mut result, mut rest) = (String::new(), text);
        while let Some(at) = rest.find('$') {
            let (before, from) = rest.split_at(at);
            result.push_str(before);
            match variable(from) {
                Some(found) => {
                    result.push_str(&self.value_of(&found).unwrap_or_default());
                    rest = from.get(found.length..).unwrap_or_default();
                }
                None => {
                    result.push('$');
                    // `$$` is one.
                    rest = from.strip_prefix("$$").or(from.get(1..)).unwrap_or_default();
                }
            }
        }
        result + rest
    }

    fn value_of(&self, found: &Use<'_>) -> Option<String> {
        let known = self.env(found.name).map(str::to_owned);
        match found.operator {
            Some('+') => Some(known.map(|_| self.expand(found.word)).unwrap_or_default()),
            Some('-') => known
                .filter(|value| !value.is_empty())
                .or_else(|| Some(self.expand(found.word))),
            Some(_) | None => known,
        }
    }

    /// A text as cdk's templates have it, `written` as in the file, at a line. `$$` stays: it means the same.
    pub fn template(&mut self, written: &str, line: usize) -> String {
        let (mut result, mut rest) = (String::new(), written);
        while let Some(at) = rest.find(['$', '{']) {
            let (before, from) = rest.split_at(at);
            result.push_str(before);
            if let Some(found) = variable(from) {
                match found.operator {
                    // Whether it is set is known now, and nothing that a template could ask.
                    Some('+') => result.push_str(&self.value_of(&found).unwrap_or_default()),
                    Some(_) | None => {
                        let name = self.used(&found, line);
                        result.push_str(&format!("{{{{ vars.{name} }}}}"));
                    }
                }
                rest = from.get(found.length..).unwrap_or_default();
            } else if let Some((literal, after)) = foreign_template(from) {
                result.push_str(&of_swarm(literal).unwrap_or_else(|| format!("{{% raw %}}{literal}{{% endraw %}}")));
                rest = after;
            } else {
                let step = if from.starts_with("$$") { 2 } else { 1 };
                result.push_str(from.get(..step).unwrap_or_default());
                rest = from.get(step..).unwrap_or_default();
            }
        }
        result + rest
    }

    /// A variable that is used by its name alone.
    pub fn bare(&mut self, name: &str, line: usize) -> String {
        self.template(&format!("${{{name}}}"), line)
    }

    /// Gives the variable that a text begins with another value.
    pub fn set_first(&mut self, text: &str, value: String) {
        if let Some(variable) = variable(text).and_then(|found| self.all.get_mut(found.name)) {
            variable.value = Some(value);
        }
    }

    /// Notes a use, and says under which name its value is found: another default makes another variable.
    fn used(&mut self, found: &Use<'_>, line: usize) -> String {
        let value = self.value_of(found);
        let is_from_env = self.env.contains_key(found.name);
        let bare: Vec<usize> = value.is_none().then_some(line).into_iter().collect();
        for number in 1.. {
            let name = match number {
                1 => found.name.to_owned(),
                _ => format!("{}_{number}", found.name),
            };
            let Some(known) = self.all.get_mut(&name) else {
                let variable = Variable {
                    value,
                    line,
                    without_default: bare,
                    is_from_env,
                };
                self.all.insert(name.clone(), variable);
                return name;
            };
            if known.value.is_none() || value.is_none() || known.value == value || is_from_env {
                known.value = known.value.take().or(value);
                known.without_default.extend(bare);
                return name;
            }
        }
        found.name.to_owned()
    }
}

/// The variable that a text begins with: `${NAME…}` or `$NAME`.
fn variable(text: &str) -> Option<Use<'_>> {
    let rest = text.strip_prefix('$')?;
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let name_in = |text: &str| {
        let end = text.find(|c| !is_name(c)).unwrap_or(text.len());
        (end > 0 && !text.starts_with(|c: char| c.is_ascii_digit())).then_some(end)
    };
    let Some(inner) = rest.strip_prefix('{') else {
        let end = name_in(rest)?;
        let (name, _) = rest.split_at(end);
        return Some(Use {
            name,
            operator: None,
            word: "",
            length: end + 1,
        });
    };
    let mut depth = 1_usize;
    let end = inner.char_indices().find_map(|(index, c)| {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        (depth == 0).then_some(index)
    })?;
    let inner = inner.get(..end)?;
    let (name, more) = inner.split_at(name_in(inner)?);
    let more = more.strip_prefix(':').unwrap_or(more);
    let operator = more.chars().next();
    operator.is_none_or(|c| "-?+".contains(c)).then(|| Use {
        name,
        operator,
        word: more.get(1..).unwrap_or_default(),
        length: end + 3,
    })
}

/// What a text begins with that cdk would take for a template of its own: `{{.Name}}`, `{%`, `{#`.
fn foreign_template(text: &str) -> Option<(&str, &str)> {
    if text.starts_with("{{") {
        let end = text.find("}}").map_or(2, |end| end + 2);
        return Some(text.split_at(end));
    }
    (text.starts_with("{%") || text.starts_with("{#")).then(|| text.split_at(2))
}

/// What Swarm's own templates are called here.
fn of_swarm(literal: &str) -> Option<String> {
    let name: String = literal.chars().filter(|c| !c.is_whitespace()).collect();
    let own = match name.as_str() {
        "{{.Node.Hostname}}" => "host.name",
        "{{.Service.Name}}" => "service.name",
        "{{.Task.Name}}" => "slot",
        _ => return None,
    };
    Some(format!("{{{{ {own} }}}}"))
}

/// Whether a text uses Swarm's templates, those among them that have no equal here.
pub fn is_swarm_template(text: &str) -> bool {
    [".Task.", ".Node.", ".Service."].iter().any(|root| {
        let mut parts = text.split("{{").skip(1);
        parts.any(|part| {
            part.trim_start_matches(['-', ' ']).starts_with(root)
                && of_swarm(&format!(
                    "{{{{{}",
                    part.split_inclusive("}}").next().unwrap_or_default()
                ))
                .is_none()
        })
    })
}

/// `NAME=value` by lines, as `.env` files have it.
fn read_env(text: &str) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
        let line = line.strip_prefix("export ").unwrap_or(line);
        let Some((name, value)) = line.split_once('=') else {
            continue;
        };
        let value = value.trim();
        let quoted = ['"', '\'']
            .iter()
            .find_map(|quote| value.strip_prefix(*quote)?.split_once(*quote));
        let value = match quoted {
            Some((inside, _)) => inside,
            None => value.split(" #").next().unwrap_or_default().trim_end(),
        };
        all.insert(name.trim().to_owned(), value.to_owned());
    }
    all
}

/// A value as YAML that reads as it: whole numbers and true or false as such, text in quotes where it needs them.
pub fn yaml(value: &str) -> String {
    let is_simple = |c: char| c.is_ascii_alphanumeric() || "._/-+@".contains(c);
    let reads_as_written = match scalar::plain(value) {
        Kind::Bool(_) => ["true", "false"].contains(&value),
        Kind::Number { value: number, .. } => number.is_i64() && number.to_string() == value,
        Kind::Text(_) => {
            value.chars().all(is_simple) && value.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '/')
        }
        Kind::Null | Kind::List(_) | Kind::Map(_) => false,
    };
    // JSON is YAML.
    if reads_as_written {
        value.to_owned()
    } else {
        serde_json::Value::from(value).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_variable_is_read() {
        let mut variables = Variables::new(Some("A=1\nexport B='two words' # x\n#C=3\nE=\n"));
        for (text, template, value) in [
            ("x${A}y$B", "x{{ vars.A }}y{{ vars.B }}", "x1ytwo words"),
            ("${D:-d}", "{{ vars.D }}", "d"),
            ("${D-other}", "{{ vars.D_2 }}", "other"),
            ("$D", "{{ vars.D }}", ""),
            ("${E:-${A}-${Z:-z}}", "{{ vars.E }}", "1-z"),
            ("${F:?must be}", "{{ vars.F }}", ""),
            ("${A:+set}${F:+set}", "set", "set"),
            ("$$HOME $5 ${", "$$HOME $5 ${", "$HOME $5 ${"),
            (
                "{{.Name}} {{ .Node.Hostname }}",
                "{% raw %}{{.Name}}{% endraw %} {{ host.name }}",
                "{{.Name}} {{ .Node.Hostname }}",
            ),
        ] {
            assert_eq!(variables.expand(text), value);
            assert_eq!(variables.template(text, 1), template);
        }
        assert_eq!(variables.all["F"].value, None);
        assert!(is_swarm_template("{{.Task.Slot}}") && !is_swarm_template("{{.Node.Hostname}} {{.Names}}"));
    }

    #[test]
    fn a_value_reads_back_as_it_was() {
        for (value, written) in [
            ("5432", "5432"),
            ("1.10", "\"1.10\""),
            ("007", "007"),
            ("true", "true"),
            ("a b", "\"a b\""),
            ("", "\"\""),
            ("1.27-alpine", "1.27-alpine"),
            ("~", "\"~\""),
        ] {
            assert_eq!(yaml(value), written);
        }
    }
}
