//! Files of NAME=VALUE lines, as Compose reads them for `env_file`: comments, quotes, `export`; nothing comes from the shell. Pure.

use std::path::PathBuf;
use std::sync::Arc;

use crate::model::problem::{Place, Problem};
use crate::model::secret::{is_secret_name, variable_name};

/// One variable of a file.
#[derive(Debug, PartialEq, Eq)]
pub struct Pair {
    /// Its name.
    pub name: String,
    /// Where the name stands.
    pub place: Place,
    /// Its value.
    pub value: String,
}

/// Reads a file's text; with `raw`, a value is all that follows the `=`, to the line's end.
pub fn parse(file: &Arc<PathBuf>, text: &str, raw: bool) -> (Vec<Pair>, Vec<Problem>) {
    let mut reader = Reader {
        file,
        text,
        at: if text.starts_with('\u{feff}') {
            '\u{feff}'.len_utf8()
        } else {
            0
        },
        line: 1,
        line_start: 0,
        raw,
    };
    let (mut pairs, mut problems): (Vec<Pair>, _) = (Vec::new(), Vec::new());
    while reader.at < text.len() {
        match reader.statement() {
            Ok(Some(pair)) => match pairs.iter().find(|known| known.name == pair.name) {
                Some(first) => {
                    let problem = Problem::at(Some(pair.place), format!("`{}` is there twice", pair.name));
                    problems.push(problem.related(first.place.clone(), "first here"));
                }
                None => pairs.push(pair),
            },
            Ok(None) => {}
            Err(problem) => problems.push(*problem),
        }
        reader.next_line();
    }
    (pairs, problems)
}

struct Reader<'t> {
    file: &'t Arc<PathBuf>,
    text: &'t str,
    /// The byte that is read next.
    at: usize,
    line: usize,
    line_start: usize,
    raw: bool,
}

impl<'t> Reader<'t> {
    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// What is left of this line.
    fn rest_of_line(&self) -> &'t str {
        self.rest()
            .split('\n')
            .next()
            .unwrap_or_default()
            .trim_end_matches('\r')
    }

    fn skip_blanks(&mut self) {
        let line = self.rest_of_line();
        self.at += line.len() - line.trim_start_matches([' ', '\t']).len();
    }

    fn next_line(&mut self) {
        self.at = self.rest().find('\n').map_or(self.text.len(), |end| self.at + end + 1);
        let passed = self.text.get(self.line_start..self.at).unwrap_or_default();
        self.line += passed.matches('\n').count();
        self.line_start = self.at;
    }

    /// A place on this line, which has to be the one that a statement begins on.
    fn place(&self, start: usize, length: usize) -> Place {
        let before = self.text.get(self.line_start..start).unwrap_or_default();
        Place {
            file: Arc::clone(self.file),
            start,
            end: start + length,
            line: self.line,
            column: before.chars().count() + 1,
        }
    }

    fn problem(&self, start: usize, length: usize, message: impl Into<String>, hint: &str) -> Box<Problem> {
        Problem::at(Some(self.place(start, length)), message).hint(hint).into()
    }

    fn statement(&mut self) -> Result<Option<Pair>, Box<Problem>> {
        self.skip_blanks();
        let line = self.rest_of_line();
        if line.trim().is_empty() || line.starts_with('#') {
            return Ok(None);
        }
        if let Some(rest) = line.strip_prefix("export")
            && rest.starts_with([' ', '\t'])
        {
            self.at += "export".len();
            self.skip_blanks();
        }
        let line = self.rest_of_line();
        let end = line.find(if self.raw { &['='][..] } else { &['=', ':'] });
        let name = line.get(..end.unwrap_or(line.len())).unwrap_or_default().trim_end();
        let place = self.place(self.at, name.len());
        if variable_name(line) != Some(name) {
            let hint = "a line is NAME=VALUE, a comment after `#`, or empty";
            // What has no name may be a piece of a secret: only where it stands is said.
            let message = "this line does not begin with the name of a variable";
            return Err(Problem::at(
                Some(Place {
                    end: place.start,
                    ..place
                }),
                message,
            )
            .hint(hint)
            .into());
        }
        let Some(end) = end else {
            let hint = "Compose would take it from the shell; write the value, or `NAME=` for an empty one";
            return Err(self.problem(place.start, name.len(), format!("`{name}` has no value"), hint));
        };
        self.at += end + 1;
        let value = self.value(name)?;
        let name = name.to_owned();
        Ok(Some(Pair { name, place, value }))
    }

    fn value(&mut self, name: &str) -> Result<String, Box<Problem>> {
        if self.raw {
            return Ok(self.rest_of_line().to_owned());
        }
        self.skip_blanks();
        let line = self.rest_of_line();
        let start = self.at;
        let Some(quote) = line.chars().next().filter(|c| ['"', '\''].contains(c)) else {
            let bare = uncommented(line);
            return plain(bare, false).map_err(|variable| self.variable(name, &variable, start, bare.len()));
        };
        let inner = self.rest().get(1..).unwrap_or_default();
        let Some(length) = closing(inner, quote) else {
            // All that follows is the value, and none of it may be shown.
            let problem = self.problem(
                start,
                1,
                "this quote is not closed",
                "a quoted value may have several lines",
            );
            self.at = self.text.len();
            return Err(problem);
        };
        let inner = inner.get(..length).unwrap_or_default();
        let shown = line.len().min(length + 2);
        let value = match quote {
            '"' => plain(inner, true).map_err(|variable| self.variable(name, &variable, start, shown)),
            _ => Ok(inner.to_owned()),
        };
        // Lines are counted from the statement's own on; what is behind the quote ends it.
        self.at = start + length + 2;
        let value = value?;
        let behind = self.rest_of_line().trim_start();
        if !behind.is_empty() && !behind.starts_with('#') {
            let hint = "a quoted value ends with its quote: quotes inside are written \\\"";
            return Err(self.problem(
                start,
                shown,
                format!("something stands behind the value of `{name}`"),
                hint,
            ));
        }
        Ok(value)
    }

    fn variable(&self, name: &str, variable: &str, start: usize, length: usize) -> Box<Problem> {
        let shown = if is_secret_name(name) { "a variable" } else { variable };
        let hint = "put the value in single quotes, or write $$ for a dollar itself";
        self.problem(
            start,
            length,
            format!("{shown} would come from the shell, not from git"),
            hint,
        )
    }
}

/// A value without quotes ends where a comment begins, which is behind a blank.
fn uncommented(line: &str) -> &str {
    let blank = |index: usize| {
        line.get(..index)
            .is_none_or(|before| before.is_empty() || before.ends_with([' ', '\t']))
    };
    let comment = line
        .match_indices('#')
        .map(|(index, _)| index)
        .find(|index| blank(*index));
    line.get(..comment.unwrap_or(line.len())).unwrap_or_default().trim_end()
}

/// Where the quote is that closes a value.
fn closing(inner: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    inner
        .char_indices()
        .find(|(_, c)| {
            let closes = *c == quote && !escaped;
            escaped = *c == '\\' && !escaped;
            closes
        })
        .map(|(index, _)| index)
}

/// A value with its escapes, where it is `quoted`, and its dollars; or the variable that it asks for.
fn plain(text: &str, quoted: bool) -> Result<String, String> {
    let (mut out, mut chars) = (String::with_capacity(text.len()), text.chars().peekable());
    while let Some(c) = chars.next() {
        match (c, chars.peek().copied()) {
            ('\\', Some(next)) if quoted => {
                chars.next();
                match next {
                    'n' => out.push('\n'),
                    'r' => out.push('\r'),
                    't' => out.push('\t'),
                    '"' | '\\' | '$' | '\'' => out.push(next),
                    other => out.extend(['\\', other]),
                }
            }
            ('$', Some('$')) => {
                chars.next();
                out.push('$');
            }
            ('$', Some(next)) if next == '{' || next == '_' || next.is_ascii_alphabetic() => {
                let rest: String = chars
                    .skip_while(|c| *c == '{')
                    .take_while(|c| *c == '_' || c.is_ascii_alphanumeric())
                    .collect();
                return Err(match next {
                    '{' => format!("`${{{rest}}}`"),
                    _ => format!("`${rest}`"),
                });
            }
            (c, _) => out.push(c),
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_composes() {
        let text = "\u{feff}# c\r\nA=1\r\n\n  export B = two words  # c\nC=\"a\\n\\\"b\\\" # in\" # c\nD='$x \\n' \nE=\nF=a#b\nG=x$$y $1 $\nH: yaml\nI=\"two\nlines\"\nJ=last";
        let (pairs, problems) = parse(&Arc::new(PathBuf::from("x.env")), text, false);
        assert_eq!(problems, []);
        let seen: Vec<_> = pairs
            .iter()
            .map(|pair| (pair.name.as_str(), pair.value.as_str(), pair.place.line))
            .collect();
        let wanted = [
            ("A", "1", 2),
            ("B", "two words", 4),
            ("C", "a\n\"b\" # in", 5),
            ("D", "$x \\n", 6),
            ("E", "", 7),
            ("F", "a#b", 8),
            ("G", "x$y $1 $", 9),
            ("H", "yaml", 10),
            ("I", "two\nlines", 11),
            ("J", "last", 13),
        ];
        assert_eq!(seen, wanted);
        for pair in &pairs {
            assert_eq!(text.get(pair.place.start..pair.place.end), Some(pair.name.as_str()));
        }
    }

    #[test]
    fn a_raw_value_is_all_that_stands_there() {
        let (pairs, problems) = parse(&Arc::new(PathBuf::from("x.env")), "A= '$x' # y \n#c\nB=${z}=1\n", true);
        assert_eq!(problems, []);
        let values: Vec<_> = pairs.into_iter().map(|pair| pair.value).collect();
        assert_eq!(values, [" '$x' # y ", "${z}=1"]);
    }
}
