//! From a file's text to the marked tree: anchors, aliases and `<<` resolved, equal keys refused. Pure.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use indexmap::map::Entry as Slot;
use saphyr_parser::{Event, Parser, ScalarStyle, Span, Tag};

use crate::model::problem::{Place, Problem};
use crate::source::tag;
use crate::source::yaml::{Entry, Kind, Map, Node, Tag as Over};

/// How deep lists and maps may stand in one another.
const DEEPEST: usize = 64;
/// How many values all aliases of a file may stand for, together.
const MOST_ALIASED: usize = 100_000;

/// Reads a file's text, which lies over others where `may_override`. What is not readable is left out of the tree and named among
/// the problems.
pub fn parse(file: &Arc<PathBuf>, text: &str, may_override: bool) -> (Node, Vec<Problem>) {
    let mut builder = Builder::new(file, text, may_override);
    let ended = builder.run(text);
    let mut problems = builder.problems;
    problems.extend(ended.err().map(|problem| *problem));
    let nothing = Node::new(at_start(file), Kind::Null);
    (builder.root.unwrap_or(nothing), problems)
}

/// Where a file begins.
pub fn at_start(file: &Arc<PathBuf>) -> Place {
    Place {
        file: Arc::clone(file),
        start: 0,
        end: 0,
        line: 1,
        column: 1,
    }
}

/// A list or a map that is not at its end yet.
enum Open {
    List(Vec<Node>),
    Map {
        entries: Map,
        key: Option<Key>,
        merges: Vec<Node>,
    },
}

enum Key {
    Named(String, Place),
    /// `<<`
    Merge,
}

struct Frame {
    place: Place,
    tag: Over,
    anchor: usize,
    open: Open,
}

struct Builder<'a> {
    file: &'a Arc<PathBuf>,
    may_override: bool,
    /// The byte at which each character begins; none where each is one byte.
    bytes: Option<Vec<usize>>,
    length: usize,
    stack: Vec<Frame>,
    anchors: HashMap<usize, Node>,
    aliased: usize,
    documents: usize,
    root: Option<Node>,
    problems: Vec<Problem>,
}

impl<'a> Builder<'a> {
    fn new(file: &'a Arc<PathBuf>, text: &str, may_override: bool) -> Self {
        Self {
            file,
            may_override,
            bytes: (!text.is_ascii()).then(|| text.char_indices().map(|(byte, _)| byte).collect()),
            length: text.len(),
            stack: Vec::new(),
            anchors: HashMap::new(),
            aliased: 0,
            documents: 0,
            root: None,
            problems: Vec::new(),
        }
    }

    /// The parser counts characters; places count bytes.
    fn byte(&self, index: usize) -> usize {
        match &self.bytes {
            Some(bytes) => bytes.get(index).copied().unwrap_or(self.length),
            None => index.min(self.length),
        }
    }

    fn place(&self, span: Span) -> Place {
        let start = self.byte(span.start.index());
        Place {
            file: Arc::clone(self.file),
            start,
            end: self.byte(span.end.index()).max(start),
            line: span.start.line().max(1),
            column: span.start.col() + 1,
        }
    }

    fn run(&mut self, text: &str) -> Result<(), Box<Problem>> {
        let mut parser = Parser::new_from_str(text);
        while let Some(event) = parser.next_event() {
            let (event, span) = event.map_err(|error| {
                let place = self.place(Span::empty(*error.marker()));
                Problem::at(Some(place), format!("this does not read as YAML: {}", error.info()))
            })?;
            let place = self.place(span);
            self.event(event, place)?;
        }
        Ok(())
    }

    fn event(&mut self, event: Event<'_>, place: Place) -> Result<(), Box<Problem>> {
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    let problem = Problem::at(Some(place), "a file holds one YAML document, not several");
                    return Err(problem
                        .hint("make a file of each, and name it under `cluster.include`")
                        .into());
                }
            }
            Event::Alias(anchor) => self.alias(anchor, place)?,
            Event::Scalar(text, style, anchor, tag) => self.scalar(&text, style, anchor, tag.as_deref(), place)?,
            Event::SequenceStart(anchor, tag) => self.begin(Open::List(Vec::new()), anchor, tag.as_deref(), place)?,
            Event::MappingStart(anchor, tag) => {
                let (entries, key, merges) = (Map::new(), None, Vec::new());
                self.begin(Open::Map { entries, key, merges }, anchor, tag.as_deref(), place)?;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some(Frame {
                    place,
                    tag,
                    anchor,
                    open,
                }) = self.stack.pop()
                {
                    let kind = match open {
                        Open::List(items) => Kind::List(items),
                        Open::Map { entries, merges, .. } => Kind::Map(self.merged(entries, merges)),
                    };
                    self.value(Node { place, kind, tag }, anchor);
                }
            }
        }
        Ok(())
    }

    fn begin(&mut self, open: Open, anchor: usize, tag: Option<&Tag>, place: Place) -> Result<(), Box<Problem>> {
        if self.wants_key() {
            let problem = Problem::at(Some(place), "a key is text, not a list or a map");
            return Err(problem
                .hint("a value that begins with `{{` needs quotes: \"{{ vars.NAME }}\"")
                .into());
        }
        if self.stack.len() >= DEEPEST {
            return Err(Problem::at(Some(place), format!("nested deeper than {DEEPEST} levels")).into());
        }
        self.problems.extend(tag::collection(tag, &place).err());
        let tag = self.over(tag, &place);
        self.stack.push(Frame {
            place,
            tag,
            anchor,
            open,
        });
        Ok(())
    }

    fn over(&mut self, tag: Option<&Tag>, place: &Place) -> Over {
        let (tag, problem) = tag::over(tag, self.may_override, place);
        self.problems.extend(problem);
        tag
    }

    fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        anchor: usize,
        tag: Option<&Tag>,
        place: Place,
    ) -> Result<(), Box<Problem>> {
        if self.wants_key() {
            return self.key(text, style, place);
        }
        let kind = tag::scalar(text, style == ScalarStyle::Plain, tag, &place).unwrap_or_else(|problem| {
            self.problems.push(problem);
            Kind::Null
        });
        let tag = self.over(tag, &place);
        self.value(Node { place, kind, tag }, anchor);
        Ok(())
    }

    fn wants_key(&self) -> bool {
        matches!(
            self.stack.last(),
            Some(Frame {
                open: Open::Map { key: None, .. },
                ..
            })
        )
    }

    fn key(&mut self, text: &str, style: ScalarStyle, place: Place) -> Result<(), Box<Problem>> {
        if text.is_empty() {
            return Err(Problem::at(Some(place), "a key is missing here").into());
        }
        let Some(Frame {
            open: Open::Map { key, entries, .. },
            ..
        }) = self.stack.last_mut()
        else {
            return Ok(());
        };
        if text == "<<" && style == ScalarStyle::Plain {
            *key = Some(Key::Merge);
            return Ok(());
        }
        if let Some(first) = entries.get(text) {
            let problem = Problem::at(Some(place.clone()), format!("`{text}` is there twice"));
            self.problems.push(problem.related(first.key.clone(), "first here"));
        }
        *key = Some(Key::Named(text.to_owned(), place));
        Ok(())
    }

    fn alias(&mut self, anchor: usize, place: Place) -> Result<(), Box<Problem>> {
        if self.wants_key() {
            return Err(Problem::at(Some(place), "a key may not be an alias").into());
        }
        let Some(node) = self.anchors.get(&anchor).cloned() else {
            return Err(Problem::at(Some(place), "this alias stands inside what it names").into());
        };
        let (count, depth) = measure(&node);
        self.aliased = self.aliased.saturating_add(count);
        if self.aliased > MOST_ALIASED {
            let message = format!("this file's aliases stand for more than {MOST_ALIASED} values");
            return Err(Problem::at(Some(place), message).into());
        }
        if self.stack.len() + depth > DEEPEST {
            return Err(Problem::at(Some(place), format!("nested deeper than {DEEPEST} levels")).into());
        }
        self.value(node, 0);
        Ok(())
    }

    /// Puts a value where it belongs: into the list or the map that is open.
    fn value(&mut self, node: Node, anchor: usize) {
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        match self.stack.last_mut().map(|frame| &mut frame.open) {
            None => self.root = Some(node),
            Some(Open::List(items)) => items.push(node),
            Some(Open::Map { entries, key, merges }) => match key.take() {
                Some(Key::Merge) => merges.push(node),
                Some(Key::Named(name, place)) => {
                    // Of two equal keys, which are a problem already, the first counts.
                    if let Slot::Vacant(slot) = entries.entry(name) {
                        slot.insert(Entry {
                            key: place,
                            value: node,
                        });
                    }
                }
                None => {}
            },
        }
    }

    /// Lays a map over what its `<<` names: the map's own keys win, then the earlier source.
    fn merged(&mut self, mut entries: Map, merges: Vec<Node>) -> Map {
        for merge in merges {
            let Node { place, kind, tag: _ } = merge;
            let sources = match kind {
                Kind::List(items) => items,
                kind => vec![Node::new(place, kind)],
            };
            for source in sources {
                match source.kind {
                    Kind::Map(map) => {
                        for (name, entry) in map {
                            entries.entry(name).or_insert(entry);
                        }
                    }
                    Kind::Null | Kind::Bool(_) | Kind::Number { .. } | Kind::Text(_) | Kind::List(_) => {
                        let message = format!("`<<` takes a map or a list of maps, not {}", source.describe());
                        self.problems.push(Problem::at(Some(source.place), message));
                    }
                }
            }
        }
        entries
    }
}

/// How many values there are in a tree, and how deep it goes.
fn measure(node: &Node) -> (usize, usize) {
    let inside = |(count, depth): (usize, usize), child: &Node| {
        let (more, deeper) = measure(child);
        (count.saturating_add(more), depth.max(deeper + 1))
    };
    match &node.kind {
        Kind::List(items) => items.iter().fold((1, 1), inside),
        Kind::Map(map) => map.values().map(|entry| &entry.value).fold((1, 1), inside),
        Kind::Null | Kind::Bool(_) | Kind::Number { .. } | Kind::Text(_) => (1, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Node, Vec<Problem>) {
        parse(&Arc::new(PathBuf::from("x.yaml")), text, false)
    }

    #[test]
    fn every_scalar_knows_its_bytes_line_and_column() {
        let text = "# ü\r\na: \"é\"\r\nlist:\r\n  - ünï   # x\r\n  - plain\r\n  - {k: v}\r\n";
        let (root, problems) = read(text);
        assert!(problems.is_empty(), "{problems:?}");
        let list = root.get("list").and_then(Node::list).unwrap_or_default();
        let seen: Vec<_> = list[..2]
            .iter()
            .map(|node| {
                (
                    &text[node.place.start..node.place.end],
                    node.place.line,
                    node.place.column,
                )
            })
            .collect();
        assert_eq!(seen, [("ünï", 4, 5), ("plain", 5, 5)]);
        let key = &root.map().unwrap()["a"].key;
        assert_eq!((&text[key.start..key.end], key.line, key.column), ("a", 2, 1));
        let inner = list[2].get("k").unwrap();
        assert_eq!(&text[inner.place.start..inner.place.end], "v");
    }

    #[test]
    fn merge_keys_and_aliases_keep_the_place_of_what_they_name() {
        let (root, problems) = read("base: &b {a: 1, c: 2}\nuse: {<<: *b, a: 3}\nlist: [*b]\n");
        assert!(problems.is_empty(), "{problems:?}");
        let merged = root.get("use").unwrap();
        assert_eq!(merged.get("a").unwrap().place.line, 2);
        assert_eq!(merged.get("c").unwrap().place.line, 1);
        assert_eq!(
            root.get("list").unwrap().list().unwrap()[0]
                .get("a")
                .unwrap()
                .place
                .line,
            1
        );
    }

    #[test]
    fn bombs_loops_and_depth_are_refused() {
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..12 {
            let alias = vec![format!("*a{}", level - 1); 10].join(", ");
            bomb.push_str(&format!("a{level}: &a{level} [{alias}]\n"));
        }
        let mut deep = "d0: &d0 [[[[[[[[[[[[[[[[[[[[x]]]]]]]]]]]]]]]]]]]]\n".to_owned();
        for level in 1..100 {
            deep.push_str(&format!("d{level}: &d{level} [*d{}]\n", level - 1));
        }
        let nested = "[".repeat(100);
        for (text, word) in [
            (bomb.as_str(), "aliases"),
            (&deep, "deeper"),
            (&nested, "deeper"),
            ("a: &a [*a]", "inside"),
        ] {
            let (_, problems) = read(text);
            assert!(
                problems.iter().any(|p| p.message.contains(word)),
                "{word}: {problems:?}"
            );
        }
    }
}
