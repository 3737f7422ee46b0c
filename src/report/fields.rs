//! Fields that differ, as lines: `old → new`, additions, removals, and a line diff where a value has several lines.

use similar::{ChangeTag, TextDiff};

use crate::model::image::ImageRef;
use crate::plan::step::FieldChange;
use crate::report::style::{Paint, Style};
use crate::report::words::clean;

/// A field that differs: what stands beside its name, and the lines of a diff below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldLines {
    /// The field's name.
    pub field: String,
    /// What stands beside it: the entry's key, and both values where they have one line.
    pub beside: String,
    /// A diff of values with several lines.
    pub below: Vec<String>,
}

/// All fields, the keys of one field aligned below each other.
pub fn lines(fields: &[FieldChange], style: Style) -> Vec<FieldLines> {
    let key_width = |field: &str| {
        let same = fields.iter().filter(|other| other.field == field);
        same.filter_map(|other| other.key.as_deref())
            .map(|key| clean(key).chars().count())
            .max()
            .unwrap_or(0)
    };
    let line = |change: &FieldChange| {
        let key = change.key.as_deref().map(clean).unwrap_or_default();
        let (value, below) = values(change, style);
        let width = key_width(&change.field);
        let beside = if width == 0 {
            value
        } else {
            format!("{key:<width$}  {value}")
        };
        FieldLines {
            field: change.field.clone(),
            beside: beside.trim_end().to_owned(),
            below,
        }
    };
    fields.iter().map(line).collect()
}

fn values(change: &FieldChange, style: Style) -> (String, Vec<String>) {
    let (old, new) = (change.old.as_deref(), change.new.as_deref());
    if [old, new].into_iter().flatten().any(|value| value.contains('\n')) {
        return (
            String::new(),
            diff(old.unwrap_or_default(), new.unwrap_or_default(), style),
        );
    }
    let shown = match (old, new) {
        (Some(old), Some(new)) => format!("{} → {}", clean(old), shortened(&change.field, old, &clean(new))),
        (None, Some(new)) => style.paint(Paint::Add, &format!("+ {}", clean(new))),
        (Some(old), None) => style.paint(Paint::Remove, &format!("- {}", clean(old))),
        (None, None) => String::new(),
    };
    (shown, Vec::new())
}

/// An image that changes only its tag is named once: `registry:5000/web:1.4 → 1.5`.
fn shortened(field: &str, old: &str, new: &str) -> String {
    let parsed = (field == "image")
        .then(|| Some((old.parse::<ImageRef>().ok()?, new.parse::<ImageRef>().ok()?)))
        .flatten();
    match parsed {
        Some((old, image)) if old.name() == image.name() && old.tag() != image.tag() && image.digest().is_none() => {
            image.tag().unwrap_or(new).to_owned()
        }
        Some(_) | None => new.to_owned(),
    }
}

fn diff(old: &str, new: &str, style: Style) -> Vec<String> {
    let diff = TextDiff::from_lines(old, new);
    let mut out = Vec::new();
    for group in diff.grouped_ops(2) {
        if !out.is_empty() {
            out.push(style.paint(Paint::Quiet, "…"));
        }
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let (sign, paint) = match change.tag() {
                ChangeTag::Equal => (" ", Paint::Quiet),
                ChangeTag::Delete => ("-", Paint::Remove),
                ChangeTag::Insert => ("+", Paint::Add),
            };
            let line = format!("{sign} {}", clean(change.value().trim_end_matches(['\n', '\r'])));
            out.push(style.paint(paint, line.trim_end()));
        }
    }
    out
}
