//! What `cdk init` wrote, in words.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::report::words::count;
use crate::source::compose::Note;

const NEXT: &str = "Next: put them under git (git init, git add, git commit), then `cdk check` and `cdk plan`.\n";

/// A new repository's files.
pub fn text(written: &[PathBuf]) -> String {
    format!("Wrote\n{}{NEXT}", list(written))
}

/// A repository that was made of a Compose file; `services` where `check` takes it, and how many it finds.
pub fn from_compose(file: &Path, written: &[PathBuf], notes: &[Note], services: Option<usize>) -> String {
    let mut text = format!("Wrote\n{}", list(written));
    if !notes.is_empty() {
        text.push_str("What is not as it was, and what is left to do\n");
    }
    for note in notes {
        // Writing to a text does not fail.
        let _ = writeln!(text, "  {}:{}  {}", file.display(), note.line, note.text);
    }
    match services {
        Some(services) => {
            let _ = writeln!(text, "`cdk check` finds no problem in {}.", count(services, "service"));
            text.push_str(NEXT);
        }
        None => text.push_str("Next: what `cdk check` refuses, each named where it stands; then put all under git.\n"),
    }
    text
}

fn list(files: &[PathBuf]) -> String {
    files.iter().map(|path| format!("  {}\n", path.display())).collect()
}
