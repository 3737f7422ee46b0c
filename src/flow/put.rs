//! Puts values into the texts of a repository: where each is written, or where it would be. What comes of it is looked at in `edit`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::model::edit::Written;
use crate::model::problem::{Place, Problem};
use crate::resolve::origin::{Origin, at, origin};
use crate::source::edit::{Edits, end_of, is_flow, line_of, own_entries};
use crate::source::manifest::Manifest;
use crate::source::parse::parse;
use crate::source::spelling::{in_nothing, in_place, plain};
use crate::source::yaml::{Entry, Kind, Map, Node};

/// Values on their way into the texts.
pub struct Put<'m> {
    manifest: &'m Manifest,
    sections: &'m Map,
    files: BTreeMap<PathBuf, Edits>,
    /// What was put where.
    pub written: Vec<Written>,
}

impl<'m> Put<'m> {
    /// Nothing yet. `sections` are the manifest's, as they are written.
    pub fn new(manifest: &'m Manifest, sections: &'m Map) -> Self {
        Self {
            manifest,
            sections,
            files: BTreeMap::new(),
            written: Vec::new(),
        }
    }

    /// The new texts of the files that change.
    pub fn texts(&self) -> BTreeMap<PathBuf, String> {
        let all = self.files.iter();
        all.map(|(file, edits)| (file.clone(), edits.apply(self.text(file))))
            .collect()
    }

    /// Makes `path` come to a value.
    ///
    /// # Errors
    /// Why a person must do it, and where.
    pub fn value(&mut self, path: &[&str], value: &str) -> Result<(), Box<Problem>> {
        match self.origin(path)? {
            Origin::Here(entry) => self.write(entry, path, value),
            Origin::Variable {
                name,
                entry,
                before,
                after,
            } => {
                let part = value.strip_prefix(before.as_str());
                let part = part
                    .and_then(|rest| rest.strip_suffix(after.as_str()))
                    .filter(|part| !part.is_empty());
                let part = part.ok_or_else(|| self.misfit(path, value, (&before, &after), &name))?;
                self.write(entry, &name.split('.').collect::<Vec<_>>(), part)
            }
            Origin::Nowhere { map, keys } => self.append(map, path, &keys, value),
        }
    }

    /// Takes away what stands at `path`, unless it says more than its value: then false, and nothing is done.
    ///
    /// # Errors
    /// As [`Self::value`].
    pub fn nothing(&mut self, path: &[&str]) -> Result<bool, Box<Problem>> {
        let Origin::Here(entry) = self.origin(path)? else {
            return Ok(false);
        };
        let text = self.text(&entry.key.file);
        let end = end_of(text, entry);
        let behind = text.get(end..line_of(text, end).end).unwrap_or_default();
        if behind.trim_start().starts_with('#') {
            return Ok(false);
        }
        self.note(path, &entry.value, None);
        self.edits(&entry.key).remove_entry(text, entry);
        Ok(true)
    }

    fn origin(&self, path: &[&str]) -> Result<Origin<'m>, Box<Problem>> {
        let over = self
            .manifest
            .environment
            .as_ref()
            .map(|environment| &environment.sections);
        origin(self.sections, over, path)
    }

    fn text(&self, file: &PathBuf) -> &'m str {
        self.manifest.texts.get(file).map_or("", |text| text)
    }

    fn edits(&mut self, place: &Place) -> &mut Edits {
        self.files.entry(PathBuf::clone(&place.file)).or_default()
    }

    fn note(&mut self, path: &[&str], old: &Node, new: Option<&str>) {
        let old_text = match &old.kind {
            Kind::Number { written, .. } => Some(written.clone()),
            Kind::Text(text) => Some(text.clone()),
            Kind::Bool(value) => Some(value.to_string()),
            Kind::Null | Kind::List(_) | Kind::Map(_) => None,
        };
        self.written.push(Written {
            path: path.iter().map(|key| (*key).to_owned()).collect(),
            place: old.place.clone(),
            old: old_text,
            new: new.map(str::to_owned),
        });
    }

    /// Writes a value where its key is.
    fn write(&mut self, entry: &Entry, path: &[&str], value: &str) -> Result<(), Box<Problem>> {
        let place = &entry.value.place;
        let text = self.text(&place.file);
        let spelt = match entry.value.is_null() {
            true => Some(in_nothing(text, entry, &plain(&Kind::Null, value))),
            false => in_place(text, &entry.value, value),
        };
        let Some((range, spelt)) = spelt else {
            let problem = Problem::at(Some(place.clone()), "this value is written over several lines");
            return Err(problem.hint("write it on one line, and cdk edits it there").into());
        };
        self.edits(place).replace(range, spelt);
        self.note(path, &entry.value, Some(value));
        Ok(())
    }

    /// Writes the keys of `path` that are missing, and the value, at the end of a map.
    fn append(&mut self, map: &Entry, path: &[&str], keys: &[String], value: &str) -> Result<(), Box<Problem>> {
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let spelt = plain(&Kind::Null, value);
        let place = match map.value.is_null() {
            true => &map.key,
            false => &map.value.place,
        };
        let text = self.text(&place.file);
        if map.value.is_null() {
            let inner = keys
                .iter()
                .rev()
                .fold(spelt, |inner, key| format!("{{{key}: {inner}}}"));
            let (range, inner) = in_nothing(text, map, &inner);
            self.edits(place).replace(range, inner);
        } else {
            // In the tree of all files there are entries of others in it.
            let (tree, _) = parse(&Arc::new(PathBuf::clone(&place.file)), text, true);
            let mut above = path.iter().take(path.len() - keys.len());
            let own = above.try_fold(&tree, |node, key| node.get(key));
            let own = own.filter(|node| node.map().is_some()).ok_or_else(|| {
                let problem = Problem::at(Some(place.clone()), "there is no telling how to write into this map");
                problem.hint(format!("write `{}` yourself", path.join(".")))
            })?;
            let step = step(text, map, own);
            self.edits(place).append_entry(text, own, &keys, &spelt, step);
        }
        let nothing = Node::new(map.key.clone(), Kind::Null);
        self.note(path, &nothing, Some(value));
        Ok(())
    }

    fn misfit(&self, path: &[&str], value: &str, (before, after): (&str, &str), name: &str) -> Box<Problem> {
        let entry = at(self.sections, path.iter().copied());
        let message = format!("`{value}` does not fit here: only `{name}` is to be changed, not what stands around it");
        let problem = Problem::at(entry.map(|entry| entry.value.place.clone()), message);
        let key = path.last().copied().unwrap_or_default();
        problem
            .hint(format!(
                "give a value of the form `{before}…{after}`, or write `{key}: {value}` here yourself"
            ))
            .into()
    }
}

/// How much deeper a map's entries stand than its name; two where that is not to be seen.
fn step(text: &str, entry: &Entry, map: &Node) -> usize {
    let first = own_entries(map).map(|(_, own)| own.key.column).min();
    let deeper = first.and_then(|column| column.checked_sub(entry.key.column));
    deeper
        .filter(|step| (1..=8).contains(step) && !is_flow(text, map))
        .unwrap_or(2)
}
