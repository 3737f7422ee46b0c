//! Edits of a YAML text by the places of its marked tree: what is not edited stays byte for byte as it is written. Pure.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::source::spelling::{behind_properties, end_of_scalar};
use crate::source::yaml::{Entry, Kind, Map, Node};

/// Edits of one text. Two that overlap don't both come: the larger one wins, and among equal ones the last.
#[derive(Debug, Default)]
pub struct Edits {
    /// By where they begin: where they end, and what comes there.
    all: BTreeMap<usize, (usize, String)>,
}

impl Edits {
    /// Puts `text` in the place of `range`. Edits inside of it are dropped.
    pub fn replace(&mut self, range: Range<usize>, text: String) {
        let covered = |at: usize, end: usize| at < range.end && end > range.start || at == range.start;
        if self
            .all
            .iter()
            .any(|(at, (end, _))| *at <= range.start && *end > range.end)
        {
            return;
        }
        self.all.retain(|at, (end, _)| !covered(*at, *end));
        self.all.insert(range.start, (range.end, text));
    }

    /// Puts `text` before what stands at `at`.
    pub fn insert(&mut self, at: usize, text: &str) {
        match self.all.get_mut(&at) {
            Some((_, other)) => other.insert_str(0, text),
            None => {
                self.all.insert(at, (at, text.to_owned()));
            }
        }
    }

    /// The text with the edits of this part of it in place.
    pub fn part(&self, text: &str, part: Range<usize>) -> String {
        let (mut result, mut from) = (String::new(), part.start);
        for (at, (end, new)) in self.all.range(part.clone()) {
            if *end <= part.end && *at >= from {
                result.push_str(text.get(from..*at).unwrap_or_default());
                result.push_str(new);
                from = *end;
            }
        }
        result.push_str(text.get(from..part.end).unwrap_or_default());
        result
    }

    /// The whole text with all edits in place.
    pub fn apply(&self, text: &str) -> String {
        let mut result = self.part(text, 0..text.len());
        if let Some((_, new)) = self.all.get(&text.len()) {
            result.push_str(new);
        }
        result
    }

    /// Removes an entry of a map: in block style its whole lines, in flow style what is between the commas.
    pub fn remove_entry(&mut self, text: &str, entry: &Entry) {
        self.replace_entry(text, entry, None);
    }

    /// Puts another entry in the place of one; none removes it.
    pub fn replace_entry(&mut self, text: &str, entry: &Entry, new: Option<&str>) {
        let (start, end) = (entry.key.start, end_of(text, entry));
        self.replace_item(text, start..end, new);
    }

    /// The same for an item of a list, or any range that is one item of what is around it.
    pub fn replace_item(&mut self, text: &str, item: Range<usize>, new: Option<&str>) {
        let Some(new) = new else {
            let line = line_of(text, item.start);
            let before = text.get(line.start..item.start).unwrap_or_default();
            let after = text.get(item.end..line_of(text, item.end).end).unwrap_or_default();
            let alone = before.trim_start_matches([' ', '-']).is_empty()
                && (after.trim().is_empty() || after.trim_start().starts_with('#'));
            if alone {
                let to = line_of(text, item.end).end;
                // A text that ends without a line feed still does.
                let ends_bare = to == text.len() && !text.ends_with('\n');
                let above = text.get(..line.start).unwrap_or_default();
                let above = above.strip_suffix('\n').unwrap_or(above);
                let from = if ends_bare {
                    above.trim_end_matches('\r').len()
                } else {
                    line.start
                };
                self.replace(from..to, String::new());
            } else {
                self.replace(with_comma(text, item), String::new());
            }
            return;
        };
        self.replace(item, new.to_owned());
    }

    /// Writes a new entry, `key: value` on one line, as the first one of a map that is not empty.
    pub fn insert_entry(&mut self, text: &str, map: &Node, entry: &str) {
        let Some(first) = own_entries(map).map(|(_, entry)| entry.key.start).min() else {
            return;
        };
        if is_flow(text, map) {
            self.insert(first, &format!("{entry}, "));
        } else {
            let line = line_of(text, first);
            let lead = text.get(line.start..first).unwrap_or_default();
            // In a list the first key of a map stands behind the dash.
            let indent = " ".repeat(lead.chars().count());
            self.insert(first, &format!("{entry}\n{indent}"));
        }
    }
}

impl Edits {
    /// Writes a new entry as the last one of a map that stands in this text, in the map's own style: the value of the last of `keys`,
    /// each of which stands in the one before it, `step` columns deeper.
    pub fn append_entry(&mut self, text: &str, map: &Node, keys: &[&str], value: &str, step: usize) {
        let own = own_entries(map).map(|(_, entry)| entry);
        let last = own.max_by_key(|entry| entry.key.start);
        if let Some(open) = opening(text, map) {
            let entry = keys
                .iter()
                .rev()
                .fold(value.to_owned(), |inner, key| match inner == value {
                    true => format!("{key}: {inner}"),
                    false => format!("{key}: {{{inner}}}"),
                });
            let behind = text.get(open + 1..).unwrap_or_default();
            match last {
                Some(last) => self.insert(end_of(text, last), &format!(", {entry}")),
                None if behind.trim_start().starts_with('}') => self.insert(open + 1, &entry),
                None => self.insert(open + 1, &format!("{entry}, ")),
            }
            return;
        }
        let feed = if text.contains("\r\n") { "\r\n" } else { "\n" };
        // A map of nothing but `<<` begins with that.
        let first = last.map_or_else(|| behind_properties(text, map.place.start).0, |entry| entry.key.start);
        let lead = text.get(line_of(text, first).start..first).unwrap_or_default();
        let indent = lead.trim_start_matches('\u{feff}').chars().count();
        let lines = keys.iter().enumerate().map(|(depth, key)| {
            let end = if depth + 1 == keys.len() {
                format!(" {value}")
            } else {
                String::new()
            };
            format!("{}{key}:{end}", " ".repeat(indent + depth * step))
        });
        let entry = lines.collect::<Vec<_>>().join(feed);
        match last.map(|last| line_of(text, end_of(text, last))) {
            None => self.insert(first, &format!("{}{feed}{}", entry.trim_start(), " ".repeat(indent))),
            Some(line) if text.get(line.clone()).unwrap_or_default().ends_with('\n') => {
                self.insert(line.end, &format!("{entry}{feed}"));
            }
            Some(line) => self.insert(line.end, &format!("{feed}{entry}")),
        }
    }
}

/// The entries of a map that stand in it, and not in something that `<<` or an alias lays under it.
pub fn own_entries(map: &Node) -> impl Iterator<Item = (&String, &Entry)> {
    let start = map.place.start;
    let entries = map.map().into_iter().flat_map(Map::iter);
    entries.filter(move |(_, entry)| entry.key.start >= start)
}

/// The line around a byte, its end included.
pub fn line_of(text: &str, at: usize) -> Range<usize> {
    let start = text
        .get(..at)
        .and_then(|before| before.rfind('\n'))
        .map_or(0, |index| index + 1);
    let end = text
        .get(at..)
        .and_then(|after| after.find('\n'))
        .map_or(text.len(), |index| at + index + 1);
    start..end
}

/// Whether a list or a map is written with brackets or braces.
pub fn is_flow(text: &str, node: &Node) -> bool {
    opening(text, node).is_some()
}

/// Where the bracket of a list or a map stands; none in block style.
fn opening(text: &str, node: &Node) -> Option<usize> {
    let start = behind_properties(text, node.place.start).0;
    text.get(start..)?.starts_with(['{', '[']).then_some(start)
}

/// Where an entry ends: behind its value, or behind what an alias or `<<` says.
pub fn end_of(text: &str, entry: &Entry) -> usize {
    let end = end_of_node(text, &entry.value);
    let line = line_of(text, entry.key.end);
    let rest = text.get(entry.key.end..line.end).unwrap_or_default();
    let stop = rest.find(['\n', ',', '}']).unwrap_or(rest.len());
    let value = rest.get(..stop).unwrap_or_default();
    let value = value.split(" #").next().unwrap_or_default().trim_end();
    // An alias, or nothing: to the end of the line, or to the comma of a flow map.
    let end = end.max(entry.key.end + value.len());
    let begins_below = value
        .trim_start_matches(':')
        .split_whitespace()
        .all(|word| word.starts_with(['&', '!']));
    if begins_below {
        end_of_block(text, &line, end)
    } else {
        end
    }
}

/// Where a block ends that is known up to a byte: its lines stand deeper than the one above it. What `<<` says in it has no
/// place of its own.
fn end_of_block(text: &str, above: &Range<usize>, known: usize) -> usize {
    let depth = |line: &str| line.len() - line.trim_start_matches(' ').len();
    let least = depth(text.get(above.clone()).unwrap_or_default());
    let (mut end, mut line) = (known, line_of(text, known));
    if line.start > above.start {
        // Known may be where it begins.
        end = end.max(line.start + text.get(line.clone()).unwrap_or_default().trim_end().len());
    }
    while line.end < text.len() {
        line = line_of(text, line.end);
        let written = text.get(line.clone()).unwrap_or_default();
        match written.trim_end() {
            "" => {}
            trimmed if depth(written) > least => end = line.start + trimmed.len(),
            _ => break,
        }
    }
    end
}

/// Where a value ends.
pub fn end_of_node(text: &str, node: &Node) -> usize {
    let end = match &node.kind {
        Kind::List(_) | Kind::Map(_) if let Some(open) = opening(text, node) => return closing(text, open),
        Kind::List(items) => items.iter().map(|item| end_of_node(text, item)).max(),
        Kind::Map(map) => map.values().map(|entry| end_of(text, entry)).max(),
        Kind::Null | Kind::Bool(_) | Kind::Number { .. } | Kind::Text(_) => Some(end_of_scalar(text, node)),
    };
    end.unwrap_or(node.place.end).max(node.place.start)
}

/// Behind the bracket that closes the one at `open`.
fn closing(text: &str, open: usize) -> usize {
    let (mut depth, mut quote, mut before) = (0_usize, None, ' ');
    let mut comment = false;
    for (index, c) in text.get(open..).unwrap_or_default().char_indices() {
        match (quote, c) {
            _ if comment => comment = c != '\n',
            (Some('"'), _) if before == '\\' => {
                before = ' ';
                continue;
            }
            (Some(open), _) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') if !before.is_alphanumeric() => quote = Some(c),
            (None, '#') if before.is_whitespace() => comment = true,
            (None, '[' | '{') => depth += 1,
            (None, ']' | '}') => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return open + index + 1;
                }
            }
            (None, _) => {}
        }
        before = c;
    }
    text.len()
}

/// An item of a flow list or map with the comma that goes with it.
fn with_comma(text: &str, item: Range<usize>) -> Range<usize> {
    let before = text.get(..item.start).unwrap_or_default().trim_end();
    if let Some(before) = before.strip_suffix(',') {
        return before.len()..item.end;
    }
    let after = text.get(item.end..).unwrap_or_default();
    match after.trim_start().strip_prefix(',') {
        Some(behind) => item.start..text.len() - behind.trim_start_matches(' ').len(),
        None => item,
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::sync::Arc;

    use super::*;
    use crate::source::parse::parse;

    fn removed(text: &str, path: &[&str]) -> String {
        let (root, problems) = parse(&Arc::new(PathBuf::from("x.yaml")), text, false);
        assert!(problems.is_empty(), "{problems:?}");
        let (last, above) = path.split_last().unwrap();
        let map = above.iter().fold(&root, |node, key| node.get(key).unwrap());
        let mut edits = Edits::default();
        edits.remove_entry(text, &map.map().unwrap()[*last]);
        edits.apply(text)
    }

    #[test]
    fn an_entry_goes_and_all_else_stays_as_it_is_written() {
        for (text, path, rest) in [
            (
                "a: 1\nb:  # why\n  - x\n  - y # z\n\n# c\nc: 3\n",
                &["b"][..],
                "a: 1\n\n# c\nc: 3\n",
            ),
            (
                "s:\n  a: |\n    one\n    two\n\n  b: 2\n",
                &["s", "a"],
                "s:\n\n  b: 2\n",
            ),
            ("s: {a: 1, b: [x, \"]\"], c: 3}\n", &["s", "b"], "s: {a: 1, c: 3}\n"),
            ("s: {a: 1, b: {x: y}}\n", &["s", "b"], "s: {a: 1}\n"),
            (
                "x: &x {k: v}\ns:\n  b: *x # gone too\n  c: 1\n",
                &["s", "b"],
                "x: &x {k: v}\ns:\n  c: 1\n",
            ),
            ("s:\n  b:\n  c: 1\n", &["s", "b"], "s:\n  c: 1\n"),
            (
                "x: &x {k: v}\ns:\n  b:\n    <<: *x\n  c: 1\n",
                &["s", "b"],
                "x: &x {k: v}\ns:\n  c: 1\n",
            ),
            (
                "x: &x {k: v}\ns:\n  b:\n    a: 1\n\n    <<: *x\n",
                &["s", "b"],
                "x: &x {k: v}\ns:\n",
            ),
            ("s:\n  a: é\n  b: >-\n    ü ü\n    ö\n", &["s", "b"], "s:\n  a: é\n"),
        ] {
            assert_eq!(removed(text, path), rest);
        }
    }

    #[test]
    fn an_entry_comes_where_the_map_begins() {
        for (text, all) in [
            ("s:\n  # one\n  a: 1\n", "s:\n  # one\n  n: 0\n  a: 1\n"),
            ("s: {a: 1}\n", "s: {n: 0, a: 1}\n"),
            ("s: &x\n  a: 1\n", "s: &x\n  n: 0\n  a: 1\n"),
            ("s:\n  - a: 1\n", "s:\n  - n: 0\n    a: 1\n"),
        ] {
            let (root, _) = parse(&Arc::new(PathBuf::from("x.yaml")), text, false);
            let map = root.get("s").unwrap();
            let map = map.list().map_or(map, |items| &items[0]);
            let mut edits = Edits::default();
            edits.insert_entry(text, map, "n: 0");
            assert_eq!(edits.apply(text), all);
        }
    }
}
