//! Shows what is wrong with a repository: place, line, hint. What is wrong was found elsewhere; nothing is judged here.

use std::ops::Range;
use std::path::Path;

use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Origin, Renderer, Snippet, normalize_untrusted_str};

use crate::model::problem::{Place, Problem, Rejected};
use crate::model::secret::{is_secret_name, variable_name};

/// All problems as a person reads them, each with its line, and their number behind them.
///
/// A value whose key says that it is a secret is shown as `***`.
pub fn render(rejected: &Rejected, color: bool) -> String {
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    let mut out = String::new();
    for problem in &rejected.problems {
        out.push_str(&renderer.render(&[group(problem, rejected)]));
        out.push_str("\n\n");
    }
    let count = rejected.problems.len();
    out.push_str(&format!("{count} problem{}\n", if count == 1 { "" } else { "s" }));
    out
}

fn group<'a>(problem: &'a Problem, rejected: &Rejected) -> Group<'a> {
    let mut group = Group::with_title(Level::ERROR.primary_title(normalize_untrusted_str(&problem.message)));
    if let Some(place) = &problem.place {
        group = match snippet(place, AnnotationKind::Primary, None, rejected) {
            Some(snippet) => group.element(snippet),
            None => group.element(origin(place)),
        };
    }
    if let Some((place, label)) = &problem.related {
        group = match snippet(place, AnnotationKind::Context, Some(label), rejected) {
            Some(snippet) => group.element(snippet),
            None => group.element(origin(place)),
        };
    }
    match &problem.hint {
        Some(hint) => group.element(Level::HELP.message(normalize_untrusted_str(hint))),
        None => group,
    }
}

fn origin<'a>(place: &Place) -> Origin<'a> {
    Origin::path(shown(&place.file))
        .line(place.line)
        .char_column(place.column)
}

fn shown(path: &Path) -> String {
    normalize_untrusted_str(&path.display().to_string())
}

/// The one line that a place begins on. None where the place is not in the text.
fn snippet<'a>(
    place: &Place,
    kind: AnnotationKind,
    label: Option<&'a str>,
    rejected: &Rejected,
) -> Option<Snippet<'a, Annotation<'a>>> {
    let text = rejected.texts.get(place.file.as_path())?;
    let before = text.get(..place.start)?;
    let begin = before.rfind('\n').map_or(0, |index| index + 1);
    let line = text.get(begin..)?.lines().next().unwrap_or_default();
    let start = (place.start - begin).min(line.len());
    let end = place.end.saturating_sub(begin).clamp(start, line.len());
    let hidden = match place.file.extension().and_then(|ending| ending.to_str()) {
        Some("yaml" | "yml") => names_secret_above(text.get(..begin)?, line),
        // A file of variables: a line that names none is a piece of some value.
        Some(_) | None => variable_name(line).is_none(),
    };
    let (line, span) = masked(line, start..end, hidden);
    let annotation = kind.span(span).label(label);
    Some(
        Snippet::source(line)
            .line_start(place.line)
            .path(shown(&place.file))
            .annotation(annotation),
    )
}

/// The line with everything behind the first secret key hidden, and where the place is in that.
fn masked(line: &str, span: Range<usize>, whole: bool) -> (String, Range<usize>) {
    let indent = line.len() - line.trim_start_matches([' ', '-']).len();
    let hidden_from = if whole { Some(indent) } else { secret_value(line) };
    let Some(from) = hidden_from.filter(|from| !line.get(*from..).unwrap_or_default().trim().is_empty()) else {
        return (line.to_owned(), span);
    };
    let text = format!("{}***", line.get(..from).unwrap_or_default());
    let (start, end) = if span.end <= from {
        (span.start, span.end)
    } else {
        (span.start.min(from), text.len())
    };
    (text, start..end)
}

/// Where the value of the line's first secret key begins: `PASSWORD: …`, `{password: …`, `- PASSWORD=…`.
fn secret_value(line: &str) -> Option<usize> {
    line.char_indices()
        .filter(|(_, c)| [':', '='].contains(c))
        .find_map(|(index, separator)| {
            let before = line.get(..index)?.trim_end_matches(['"', '\'', ' ']);
            let name = before.rsplit([' ', ',', '{', '[', '"', '\'', '=', ':']).next()?;
            let after = index + separator.len_utf8();
            let gap = line.get(after..)?.len() - line.get(after..)?.trim_start().len();
            is_secret_name(name).then_some(after + gap)
        })
}

/// Whether the line stands below a key that is secret, as an item of its list or in its block of text.
fn names_secret_above(before: &str, line: &str) -> bool {
    let depth = |line: &str| line.len() - line.trim_start().len();
    let mut here = depth(line);
    for above in before.lines().rev().filter(|line| !line.trim().is_empty()) {
        // A list's items may stand as deep as the key that they belong to.
        let is_owner = depth(above) < here
            || (depth(above) == here && line.trim_start().starts_with('-') && !above.trim_start().starts_with('-'));
        if !is_owner {
            continue;
        }
        here = depth(above);
        let name = above
            .trim_start_matches([' ', '-'])
            .split(':')
            .next()
            .unwrap_or_default();
        let ends_open = above.trim_end().ends_with([':', '|', '>', '-', '+', '[', '{']);
        if ends_open && is_secret_name(name) {
            return true;
        }
        if here == 0 {
            return false;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secret_values_are_hidden_and_the_place_follows() {
        for (line, place, shown, at) in [
            ("    DB_PASSWORD: hunter2", "hunter2", "    DB_PASSWORD: ***", "***"),
            (
                "    DB_PASSWORD: hunter2",
                "DB_PASSWORD",
                "    DB_PASSWORD: ***",
                "DB_PASSWORD",
            ),
            (
                "  r: {username: a, password: x y}",
                "x y",
                "  r: {username: a, password: ***",
                "***",
            ),
            (
                "  - API_TOKEN=abc",
                "API_TOKEN=abc",
                "  - API_TOKEN=***",
                "API_TOKEN=***",
            ),
            ("  image: web:1", "web:1", "  image: web:1", "web:1"),
        ] {
            let start = line.find(place).unwrap();
            let (text, span) = masked(line, start..start + place.len(), false);
            assert_eq!((text.as_str(), &text[span]), (shown, at));
        }
        assert!(names_secret_above("a:\n  tokens:\n", "    - abc"));
        assert!(names_secret_above("a:\n  tokens:\n", "  - abc"));
        assert!(names_secret_above("a:\n  my_key: |\n    one\n", "    two"));
        assert!(!names_secret_above("a:\n  token: x\n", "  b: c"));
        assert!(!names_secret_above("a:\n  token: x\n  other:\n", "    b: c"));
    }
}
