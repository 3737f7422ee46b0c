//! What a template's error says: the name that is missing, and the one that was likely meant. Pure.

use std::collections::HashSet;

use minijinja::{Error, ErrorKind, Value};

use crate::model::problem::{Place, Problem};
use crate::resolve::render::Names;
use crate::resolve::suggest;

/// A rendering error in words, with the name that is missing and the one that was likely meant.
pub fn explain(error: &Error, used: &HashSet<String>, names: &Names, place: &Place) -> Box<Problem> {
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
        (None, "env") => Some(format!("list it: `env: [{last}]` under `cluster`")),
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

/// What a dotted name stands for; none where a part of it is not there.
pub fn lookup(names: &Names, name: &str) -> Option<Value> {
    let mut parts = name.split('.');
    let first = names.get(parts.next()?)?.clone();
    parts.try_fold(first, |value, part| {
        value.get_attr(part).ok().filter(|value| !value.is_undefined())
    })
}
