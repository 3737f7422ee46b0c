//! `scale`, `bump`, `drain`, `activate`: repositories, and what each edit does to their bytes, or why it is refused.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use cdk::flow::{Failure, Settings, edit};
use cdk::model::edit::Edit;
use cdk::report;
use similar::TextDiff;

use crate::check::{Folder, settings};

#[path = "edit/layout.rs"]
mod layout;
#[path = "edit/line.rs"]
mod line;

/// The edits that a command line means, and the environment that it names.
fn parsed(line: &str) -> (Option<String>, Vec<Edit>) {
    let mut words: Vec<&str> = line.split(' ').collect();
    let mut environment = None;
    if words[0] == "-e" {
        environment = Some(words[1].to_owned());
        words.drain(..2);
    }
    let edits = words[1..].iter().map(|word| match words[0] {
        "scale" => Edit::Scale(word.parse().unwrap()),
        "bump" => Edit::Bump(word.parse().unwrap()),
        "drain" => Edit::Drain(word.parse().unwrap()),
        "activate" => Edit::Activate(word.parse().unwrap()),
        other => panic!("{other}"),
    });
    (environment, edits.collect())
}

/// A case's files: a path with `crlf`, `bom` or `bare` (no line feed at the end) behind it, and a text.
fn files(input: &str) -> BTreeMap<String, String> {
    let files = input.split("--- ").skip(1).map(|file| {
        let (head, text) = file.split_once('\n').unwrap();
        let (path, forms) = head.split_once(' ').unwrap_or((head, ""));
        let mut text = text.to_owned();
        for form in forms.split_whitespace() {
            text = match form {
                "crlf" => text.replace('\n', "\r\n"),
                "bom" => format!("\u{feff}{text}"),
                "bare" => text.trim_end().to_owned(),
                other => panic!("{other}"),
            };
        }
        (path.to_owned(), text)
    });
    files.collect()
}

/// All files below a folder.
fn tree(folder: &Path) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    let mut left = vec![folder.to_owned()];
    while let Some(path) = left.pop() {
        if path.is_dir() {
            left.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else {
            let name = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
            all.insert(name, fs::read_to_string(&path).unwrap());
        }
    }
    all
}

/// What differs, as `git diff` has it, with what cannot be seen made visible.
fn diff(old: &BTreeMap<String, String>, new: &BTreeMap<String, String>) -> String {
    assert!(old.keys().eq(new.keys()), "a file came or went: {:?}", new.keys());
    let mut shown = String::new();
    for (path, text) in old.iter().filter(|(path, text)| new[*path] != **text) {
        let diff = TextDiff::from_lines(text.as_str(), &new[path]);
        shown.push_str(&diff.unified_diff().context_radius(0).header(path, path).to_string());
    }
    shown.replace('\r', "␍").replace('\u{feff}', "␂")
}

fn run(files: &BTreeMap<String, String>, line: &str) -> String {
    let borrowed: Vec<(&str, &str)> = files
        .iter()
        .map(|(path, text)| (path.as_str(), text.as_str()))
        .collect();
    let folder = Folder::new(&borrowed);
    let before = tree(folder.path());
    let (environment, edits) = parsed(line);
    let settings = Settings {
        environment,
        ..settings(folder.path())
    };
    match edit(&settings, &edits, false) {
        Ok(edited) => {
            let again = edit(&settings, &edits, false).unwrap();
            assert!(
                again.all.iter().all(|done| done.written.is_empty()),
                "{line}: twice is twice"
            );
            let told = report::edit::text(&edited.all, &edited.environments, None);
            told + &diff(&before, &tree(folder.path()))
        }
        Err(failure) => {
            assert_eq!(before, tree(folder.path()), "{line}: refused, and written");
            match failure {
                Failure::Rejected(rejected) => report::problems::render(&rejected, false),
                Failure::Usage(text) => format!("usage: {text}\n"),
                other => panic!("{line}: {other:?}"),
            }
        }
    }
}

fn cases() -> Vec<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it/edit/cases");
    let mut all: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    all.sort();
    all
}

/// Each file under `edit/cases/` is a repository, and commands, each run on it as it is there, with what it says and does.
/// `CDK_GOLDEN=write` writes that anew.
#[test]
fn every_edit_does_what_it_should_and_no_more() {
    let (mut count, mut wrong) = (0, Vec::new());
    for path in cases() {
        let whole = fs::read_to_string(&path).unwrap();
        let (input, commands) = whole.split_once("=== ").unwrap();
        let files = files(input);
        let mut made = input.to_owned();
        for command in commands.split("\n=== ") {
            let line = command.lines().next().unwrap();
            made.push_str(&format!("=== {line}\n{}\n", run(&files, line)));
            count += 1;
        }
        if made != whole {
            match std::env::var_os("CDK_GOLDEN").is_some_and(|value| value == "write") {
                true => fs::write(&path, made).unwrap(),
                false => wrong.push(format!("{}\n{made}", path.display())),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count >= 60, "the cases are gone: {count}");
}
