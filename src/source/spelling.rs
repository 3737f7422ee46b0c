//! How a value is spelt in YAML where another stands: quoted as that is, and wherever it would else read as something else. Pure.

use std::ops::Range;

use crate::source::scalar;
use crate::source::yaml::{Entry, Kind, Node};

/// Where a scalar stands in its text, without its anchor and its tag, and how `new` is spelt there. None where it is written over
/// several lines.
pub fn in_place(text: &str, node: &Node, new: &str) -> Option<(Range<usize>, String)> {
    let (start, has_tag) = behind_properties(text, node.place.start);
    let range = start..end_of_scalar(text, node);
    let written = text.get(range.clone())?;
    if written.is_empty() || written.contains('\n') {
        return None;
    }
    let spelt = match written.chars().next() {
        Some('"') => double(new),
        Some('\'') => single(new),
        Some(_) | None if has_tag || scalar::plain(written) == node.kind => plain(&node.kind, new),
        Some(_) | None => return None,
    };
    Some((range, spelt))
}

/// Where a scalar ends: behind its quote, or before what is blank behind it.
pub fn end_of_scalar(text: &str, node: &Node) -> usize {
    let (start, _) = behind_properties(text, node.place.start);
    let written = text.get(start..node.place.end).unwrap_or_default();
    if node.is_null() && scalar::plain(written) != Kind::Null {
        // What is not written has the place of what comes next.
        return node.place.start;
    }
    let quoted = match written.chars().next() {
        Some('"') => Some(end_of_double(written)),
        Some('\'') => Some(end_of_single(written)),
        Some(_) | None => None,
    };
    // A block of text may begin with a quote, too.
    let ends_there = |end: &usize| {
        let behind = written.get(*end..).unwrap_or_default().trim_start();
        behind.is_empty() || behind.starts_with('#')
    };
    start + quoted.filter(ends_there).unwrap_or(written.trim_end().len())
}

/// Where a value comes that is nothing yet, though its key is there, and what: behind the colon, or in the place of `~`.
pub fn in_nothing(text: &str, entry: &Entry, value: &str) -> (Range<usize>, String) {
    let place = &entry.value.place;
    let written = text.get(place.start..place.end).unwrap_or_default();
    if ["~", "null", "Null", "NULL"].contains(&written) {
        return (place.start..place.end, value.to_owned());
    }
    let key = text.get(..entry.key.end).unwrap_or_default().trim_end().len();
    let rest = text.get(key..).unwrap_or_default();
    match rest.trim_start().starts_with(':') {
        true => {
            let colon = key + rest.len() - rest.trim_start().len() + 1;
            (colon..colon, format!(" {value}"))
        }
        false => (key..key, format!(": {value}")),
    }
}

/// A value without quotes where it reads as itself, and as what stands there does: a number only where there is a number or nothing.
pub fn plain(there: &Kind, new: &str) -> String {
    let is_simple = |c: char| c.is_ascii_alphanumeric() || "._/-+@:".contains(c);
    let ends = |c: char| c.is_ascii_alphanumeric();
    let reads_alike = match (scalar::plain(new), there) {
        (Kind::Number { value, written }, Kind::Number { .. } | Kind::Null) => value.to_string() == written,
        (Kind::Text(_), _) => new.chars().all(is_simple) && new.starts_with(ends) && new.ends_with(ends),
        (Kind::Number { .. } | Kind::Null | Kind::Bool(_) | Kind::List(_) | Kind::Map(_), _) => false,
    };
    if reads_alike { new.to_owned() } else { double(new) }
}

/// JSON's text is one of YAML's.
fn double(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn single(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Where the value itself begins, behind `&anchor` and `!tag`; and whether there is a tag.
pub fn behind_properties(text: &str, start: usize) -> (usize, bool) {
    let (mut at, mut has_tag) = (start, false);
    while let Some(rest) = text.get(at..)
        && rest.starts_with(['&', '!'])
    {
        has_tag |= rest.starts_with('!');
        let word = rest.find(char::is_whitespace).unwrap_or(rest.len());
        let behind = rest.get(word..).unwrap_or_default();
        at += word + behind.len() - behind.trim_start().len();
    }
    (at, has_tag)
}

/// Behind the quote that closes a text in double quotes.
fn end_of_double(text: &str) -> usize {
    let mut escaped = false;
    for (index, c) in text.char_indices().skip(1) {
        match c {
            '"' if !escaped => return index + 1,
            _ => escaped = c == '\\' && !escaped,
        }
    }
    text.len()
}

/// Likewise in single quotes, which are doubled within.
fn end_of_single(text: &str) -> usize {
    let mut chars = text.char_indices().skip(1).peekable();
    while let Some((index, c)) = chars.next() {
        if c == '\'' && chars.next_if(|(_, next)| *next == '\'').is_none() {
            return index + 1;
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::sync::Arc;

    use super::*;
    use crate::source::parse::parse;

    fn value(text: &str) -> Entry {
        let (root, problems) = parse(&Arc::new(PathBuf::from("x.yaml")), text, false);
        assert!(problems.is_empty(), "{problems:?}");
        root.map().unwrap()["v"].clone()
    }

    #[test]
    fn a_value_is_quoted_as_the_one_before_it_and_where_it_must_be() {
        for (written, new, spelt) in [
            ("6", "12", Some("12")),
            ("\"6\"", "12", Some("\"12\"")),
            ("'6'", "12", Some("'12'")),
            ("'it''s'   # c", "a'b", Some("'a''b'   # c")),
            ("\"a\\\"b\"  # c", "12", Some("\"12\"  # c")),
            ("1.27-alpine", "1.28-alpine", Some("1.28-alpine")),
            ("1.27-alpine", "1.10", Some("\"1.10\"")),
            ("1.27-alpine", "12", Some("\"12\"")),
            ("1.5", "1.6", Some("1.6")),
            ("1.5", "1.10", Some("\"1.10\"")),
            ("1.5", "007", Some("007")),
            ("1.5", "true", Some("\"true\"")),
            ("&n 6 # c", "12", Some("&n 12 # c")),
            ("&n !!int 6", "12", Some("&n !!int 12")),
            ("!!str 6", "x y", Some("!!str \"x y\"")),
            ("{a: 1}", "12", None),
            ("a\n  b", "12", None),
            ("|\n  a\n  b", "12", None),
            ("\"a\n  b\"", "12", None),
        ] {
            let text = format!("v: {written}\nw: 1\n");
            let entry = value(&text);
            let made = in_place(&text, &entry.value, new).map(|(range, new)| {
                let mut text = text.clone();
                text.replace_range(range, &new);
                text
            });
            assert_eq!(made, spelt.map(|spelt| format!("v: {spelt}\nw: 1\n")), "{written}");
        }
    }

    #[test]
    fn nothing_becomes_something_where_it_stands() {
        for (text, made) in [
            ("v:\nw: 1\n", "v: 12\nw: 1\n"),
            ("v:   # c\n", "v: 12   # c\n"),
            ("v: ~ # c\n", "v: 12 # c\n"),
            ("{v: , w: 1}\n", "{v: 12 , w: 1}\n"),
            ("{w: 1, v}\n", "{w: 1, v: 12}\n"),
            ("\"v\" : null\n", "\"v\" : 12\n"),
            ("\"v\" :\n", "\"v\" : 12\n"),
        ] {
            let (range, new) = in_nothing(text, &value(text), "12");
            let mut text = text.to_owned();
            text.replace_range(range, &new);
            assert_eq!(text, made);
        }
    }
}
