//! Where a value is written that a service or a host has: at its key, or as the variable that its template names. Pure.

use std::collections::BTreeSet;

use crate::model::problem::Problem;
use crate::resolve::environment;
use crate::resolve::problems::Problems;
use crate::resolve::template;
use crate::source::manifest::Manifest;
use crate::source::yaml::{Entry, Kind, Map, Node, Tag};

/// Where a value is written.
#[derive(Debug, Clone, PartialEq)]
pub enum Origin<'m> {
    /// At its key; what stands there may be nothing.
    Here(&'m Entry),
    /// In a variable, with text around it at the key.
    Variable {
        /// `vars.web_tag`.
        name: String,
        /// It.
        entry: &'m Entry,
        /// What stands before it.
        before: String,
        /// What stands behind it.
        after: String,
    },
    /// Nowhere: the keys are not there from some map on.
    Nowhere {
        /// Where that map's name stands, and it.
        map: &'m Entry,
        /// The keys that are missing.
        keys: Vec<String>,
    },
}

/// All sections, the environment's over the others, as they are written.
pub fn written(manifest: &Manifest) -> Map {
    environment::sections(manifest, &mut Problems::default()).into_owned()
}

/// Finds what stands at `path` in all sections, the environment's `over` them included.
///
/// # Errors
/// Where a person must decide: it is computed, or an environment takes it away.
pub fn origin<'m>(sections: &'m Map, over: Option<&Map>, path: &[&str]) -> Result<Origin<'m>, Box<Problem>> {
    if let Some(reset) = over.and_then(|over| reset(over, path)) {
        let problem = Problem::at(
            Some(reset.value.place.clone()),
            "this environment takes the value away here",
        );
        return Err(problem.hint("write the value here, in the place of `!reset`").into());
    }
    let mut at: Option<&Entry> = None;
    for (depth, key) in path.iter().enumerate() {
        let map = at.map_or(Some(sections), |entry| entry.value.map());
        match (map.and_then(|map| map.get(*key)), at) {
            (Some(entry), _) => at = Some(entry),
            (None, Some(map)) => {
                let keys = path.iter().skip(depth).map(|key| (*key).to_owned()).collect();
                return Ok(Origin::Nowhere { map, keys });
            }
            (None, None) => break,
        }
    }
    let Some(entry) = at else {
        return Err(Problem::at(None, format!("there is no `{}`", path.join("."))).into());
    };
    match &entry.value.kind {
        Kind::Text(text) if text.contains("{{") || text.contains("{%") => variable(sections, entry, text),
        Kind::Null | Kind::Bool(_) | Kind::Number { .. } | Kind::Text(_) | Kind::List(_) | Kind::Map(_) => {
            Ok(Origin::Here(entry))
        }
    }
}

/// The entry on the way to `path` that bears `!reset`.
fn reset<'o>(over: &'o Map, path: &[&str]) -> Option<&'o Entry> {
    let (first, rest) = path.split_first()?;
    let entry = over.get(*first)?;
    match entry.value.tag {
        Tag::Reset => Some(entry),
        Tag::None | Tag::Override => reset(entry.value.map()?, rest),
    }
}

/// The one variable that a template names, and nothing else.
fn variable<'m>(sections: &'m Map, entry: &'m Entry, text: &str) -> Result<Origin<'m>, Box<Problem>> {
    let split = text
        .split_once("{{")
        .and_then(|(before, rest)| Some((before, rest.split_once("}}")?)));
    let Some((before, (inner, after))) = split else {
        return Err(computed(sections, entry, text));
    };
    let name = inner.trim_start_matches('-').trim_end_matches('-').trim();
    let is_part = |part: &str| !part.is_empty() && part.chars().all(|c| c == '_' || c.is_ascii_alphanumeric());
    let others = ["{{", "{%", "{#"]
        .iter()
        .any(|mark| before.contains(mark) || after.contains(mark));
    if others || !name.split('.').all(is_part) {
        return Err(computed(sections, entry, text));
    }
    let found = name.starts_with("vars.").then(|| find(sections, name)).flatten();
    match found {
        Some(variable) => Ok(Origin::Variable {
            name: name.to_owned(),
            entry: variable,
            before: before.to_owned(),
            after: after.to_owned(),
        }),
        None => {
            let message = format!("this value is `{name}`, which no file holds");
            let problem = Problem::at(Some(entry.value.place.clone()), message);
            Err(problem
                .hint("write the value itself here, or a variable: \"{{ vars.NAME }}\"")
                .into())
        }
    }
}

/// A refusal for what cannot be traced back, with the variables that it comes from.
fn computed(sections: &Map, entry: &Entry, text: &str) -> Box<Problem> {
    let names = names(text);
    let found: Vec<(&String, &Entry)> = names
        .iter()
        .filter_map(|name| Some((name, find(sections, name)?)))
        .collect();
    let message = match found.len() {
        0 | 1 => "this value is computed, so that no edit of one place could be sure to make it another",
        _ => "this value is put together of several, so that no edit of one place is surely the one that is meant",
    };
    let problem = Problem::at(Some(entry.value.place.clone()), message);
    let places = found
        .iter()
        .map(|(name, entry)| format!("`{name}` at {}", entry.value.place));
    let places = places.collect::<Vec<_>>().join(", ");
    let hint = match found.is_empty() {
        true => "write the value itself here, or one variable alone: \"{{ vars.NAME }}\"".to_owned(),
        false => format!("edit what it comes from yourself ({places}), or write the value itself here"),
    };
    problem.hint(hint).into()
}

/// What stands under a dotted name.
fn find<'m>(sections: &'m Map, name: &str) -> Option<&'m Entry> {
    let mut parts = name.split('.');
    let first = sections.get(parts.next()?)?;
    parts.try_fold(first, |entry, part| entry.value.map()?.get(part))
}

/// The names that a template uses.
fn names(text: &str) -> BTreeSet<String> {
    let parsed = template::environment().template_from_str(text);
    let names = parsed.map(|template| template.undeclared_variables(true));
    names.unwrap_or_default().into_iter().collect()
}

/// Who uses a variable: services by their names, all else by its path. `own` is left out.
pub fn users(manifest: &Manifest, sections: &Map, variable: &str, own: &str) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for (section, entry) in sections
        .iter()
        .filter(|(section, _)| !section.starts_with("x-") && *section != "vars")
    {
        let named = !["cluster", "firewall"].contains(&section.as_str());
        match entry.value.map().filter(|_| named) {
            None if mentions(&entry.value, variable) => {
                all.insert(section.clone());
            }
            None => {}
            Some(map) => {
                let uses = |node: &Node| mentions(node, variable) || holds(manifest, node, variable);
                let users = map.iter().filter(|(_, entry)| uses(&entry.value));
                all.extend(users.map(|(name, _)| match section.as_str() {
                    "services" => name.clone(),
                    section => format!("{section}.{name}"),
                }));
            }
        }
    }
    all.remove(own);
    all
}

/// Whether a template in this tree uses a variable, or a part of it.
fn mentions(node: &Node, variable: &str) -> bool {
    match &node.kind {
        Kind::Text(text) => uses(text, variable),
        Kind::List(items) => items.iter().any(|item| mentions(item, variable)),
        Kind::Map(map) => map.values().any(|entry| mentions(&entry.value, variable)),
        Kind::Null | Kind::Bool(_) | Kind::Number { .. } => false,
    }
}

/// Whether the file that is this config's template does.
fn holds(manifest: &Manifest, node: &Node, variable: &str) -> bool {
    let file = node.get("template").and_then(Node::text);
    let bytes = file.and_then(|file| manifest.files.get(file).ok());
    bytes.is_some_and(|bytes| std::str::from_utf8(bytes).is_ok_and(|text| uses(text, variable)))
}

fn uses(text: &str, variable: &str) -> bool {
    let within = |long: &str, short: &str| long.strip_prefix(short).is_some_and(|rest| rest.starts_with('.'));
    let is_it = |name: &String| name == variable || within(name, variable) || within(variable, name);
    (text.contains("{{") || text.contains("{%")) && names(text).iter().any(is_it)
}
