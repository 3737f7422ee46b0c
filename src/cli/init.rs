//! `cdk init`: has a repository written, small or out of a Compose file, and says what comes next.

use std::path::Path;

use crate::cli::args::InitArgs;
use crate::cli::context::Context;
use crate::cli::exit::{Ended, ExitCode};
use crate::flow::{Failure, init_from};
use crate::model::name::ClusterName;
use crate::report;
use crate::source::error::SourceError;
use crate::source::init::write;

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
    context.answer(&report::init::text(&written))?;
    Ok(ExitCode::Done)
}

/// The files are written whether `check` takes them or not; its problems follow as they would by themselves.
fn from(context: &Context, args: &InitArgs, file: &Path) -> Result<ExitCode, Ended> {
    let made = init_from(file, &args.directory, args.name.as_ref())?;
    let services = made.checked.as_ref().ok().map(|desired| desired.services.len());
    context.answer(&report::init::from_compose(
        &made.file,
        &made.written,
        &made.notes,
        services,
    ))?;
    made.checked?;
    Ok(ExitCode::Done)
}
