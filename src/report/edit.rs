//! What `scale`, `bump`, `drain` and `activate` wrote where, in words.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::model::edit::{Done, Edit, Written};

/// One line for each value, then who else is concerned, and the commit by its id and message.
pub fn text(all: &[Done], environments: &[String], commit: Option<&(String, String)>) -> String {
    let mut text = String::new();
    for done in all {
        if done.written.is_empty() {
            text.push_str(&format!("{}\n", already(&done.edit)));
        }
        for written in &done.written {
            text.push_str(&line(done, written));
        }
    }
    if !environments.is_empty() {
        let environments = environments.join(", ");
        // Writing to a text does not fail.
        let _ = writeln!(
            text,
            "This file is that of other environments too, and changes there as well: {environments}"
        );
    }
    if let Some((id, message)) = commit {
        let _ = writeln!(text, "Committed {} {message:?}", id.get(..7).unwrap_or(id));
    }
    text
}

fn line(done: &Done, written: &Written) -> String {
    let name = match (written.variable(), written.path.as_slice()) {
        (Some(variable), _) => variable,
        (None, [_, name, keys @ ..]) => format!("{} of {name}", keys.join(".")),
        (None, keys) => keys.join("."),
    };
    let what = match (&written.old, &written.new) {
        (Some(old), Some(new)) => format!("{name} {old} → {new}"),
        (None, Some(new)) => format!("{name} {new}, which was not written before"),
        (Some(old), None) => format!("{name} is no longer {old}"),
        (None, None) => name,
    };
    format!("{}  {what}{}\n", written.place, users(&done.users))
}

fn users(users: &BTreeSet<String>) -> String {
    let names = users.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    match users.len() {
        0 => String::new(),
        1 => format!("; {names} uses it too"),
        _ => format!("; {names} use it too"),
    }
}

fn already(edit: &Edit) -> String {
    let (name, value) = (edit.name(), edit.value());
    match edit {
        Edit::Scale(scale) if scale.replicas == 1 => format!("{name} has 1 replica already"),
        Edit::Scale(_) => format!("{name} has {value} replicas already"),
        Edit::Bump(_) => format!("{name} has the image {value} already"),
        Edit::Drain(_) => format!("{name} is drained already"),
        Edit::Activate(_) => format!("{name} is active already"),
    }
}
