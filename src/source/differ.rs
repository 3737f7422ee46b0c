//! Where two trees say something else, whatever their layout. Pure.

use crate::source::yaml::{Kind, Map, Node};

/// The keys that lead to a value.
pub type Path = Vec<String>;

/// The paths at which two maps differ: down to the value, or to the first key that only one of them has.
pub fn differences(one: &Map, other: &Map) -> Vec<Path> {
    let mut all = Vec::new();
    maps(one, other, &mut Vec::new(), &mut all);
    all
}

fn maps(one: &Map, other: &Map, path: &mut Path, all: &mut Vec<Path>) {
    let added = other.keys().filter(|key| !one.contains_key(*key));
    for key in one.keys().chain(added) {
        path.push(key.clone());
        match (one.get(key), other.get(key)) {
            (Some(a), Some(b)) => nodes(&a.value, &b.value, path, all),
            (Some(_), None) | (None, Some(_)) | (None, None) => all.push(path.clone()),
        }
        path.pop();
    }
}

fn nodes(one: &Node, other: &Node, path: &mut Path, all: &mut Vec<Path>) {
    match (&one.kind, &other.kind) {
        (Kind::Map(a), Kind::Map(b)) => maps(a, b, path, all),
        (a, b) if same(a, b) => {}
        (Kind::Null | Kind::Bool(_) | Kind::Number { .. } | Kind::Text(_) | Kind::List(_) | Kind::Map(_), _) => {
            all.push(path.clone());
        }
    }
}

/// Whether two values are the same, wherever they stand.
fn same(one: &Kind, other: &Kind) -> bool {
    match (one, other) {
        (Kind::List(a), Kind::List(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(&a.kind, &b.kind)),
        (Kind::Map(a), Kind::Map(b)) => {
            let in_both = |(key, entry): (&String, &crate::source::yaml::Entry)| {
                b.get(key)
                    .is_some_and(|other| same(&entry.value.kind, &other.value.kind))
            };
            a.len() == b.len() && a.iter().all(in_both)
        }
        (Kind::Null | Kind::Bool(_) | Kind::Number { .. } | Kind::Text(_) | Kind::List(_) | Kind::Map(_), _) => {
            one == other
        }
    }
}
