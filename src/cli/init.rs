//! `cdk init`: has a repository written, small or out of a Compose file, and says what comes next.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::cli::args::InitArgs;
use crate::cli::context::Context;
use crate::cli::exit::{Ended, ExitCode};
use crate::flow::{Failure, init_from};
use crate::model::name::ClusterName;
use crate::report::words::count;
use crate::source::error::SourceError;
use crate::source::init::write;

const NEXT: &str = "Next: put them under git (git init, git add, git commit), then `cdk check` and `cdk plan`.\n";

/// `cdk init [DIR] [--name NAME] [--from FILE]`. It overwrites nothing.
pub(super) fn init(context: &Context, args: &InitArgs) -> Result<ExitCode, Ended> {
    if let Some(file) = &args.from {
        return from(context, args, file);
    }
    let written = write(&args.directory, args.name.as_ref().map(ClusterName::as_str));
    let written = written.map_err(|error| match error {
        SourceError::Exists(_) => Failure::Guard(error.to_string()),
        other => other.into(),
    })?;
    context.answer(&format!("Wrote\n{}{NEXT}", list(&written)))?;
    Ok(ExitCode::Done)
}

/// The files are written whether `check` takes them or not; its problems follow as they would by themselves.
fn from(context: &Context, args: &InitArgs, file: &Path) -> Result<ExitCode, Ended> {
    let made = init_from(file, &args.directory, args.name.as_ref())?;
    let mut text = format!("Wrote\n{}", list(&made.written));
    if !made.notes.is_empty() {
        text.push_str("What is not as it was, and what is left to do\n");
    }
    for note in &made.notes {
        // Writing to a text does not fail.
        let _ = writeln!(text, "  {}:{}  {}", made.file.display(), note.line, note.text);
    }
    match &made.checked {
        Ok(desired) => {
            let _ = writeln!(
                text,
                "`cdk check` finds no problem in its {}.",
                count(desired.services.len(), "service")
            );
            text.push_str(NEXT);
        }
        Err(_) => {
            text.push_str("Next: what `cdk check` refuses, each named where it stands; then put all under git.\n")
        }
    }
    context.answer(&text)?;
    made.checked?;
    Ok(ExitCode::Done)
}

fn list(files: &[PathBuf]) -> String {
    files.iter().map(|path| format!("  {}\n", path.display())).collect()
}
