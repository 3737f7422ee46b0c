//! `cdk init`: has `source` write a small repository, and says what comes next.

use crate::cli::args::InitArgs;
use crate::cli::context::Context;
use crate::cli::exit::{Ended, ExitCode};
use crate::cli::schema::schema_into;
use crate::flow::Failure;
use crate::model::name::ClusterName;
use crate::source::error::SourceError;
use crate::source::init::write;

/// `cdk init [DIR] [--name NAME]`. It overwrites nothing.
pub(super) fn init(context: &Context, args: &InitArgs) -> Result<ExitCode, Ended> {
    let written = write(&args.directory, args.name.as_ref().map(ClusterName::as_str));
    let written = written.map_err(|error| match error {
        SourceError::Exists(_) => Failure::Guard(error.to_string()),
        other => other.into(),
    })?;
    let schema = schema_into(&args.directory)?;
    let written: Vec<_> = written.into_iter().chain(schema).collect();
    let files: String = written.iter().map(|path| format!("  {}\n", path.display())).collect();
    context.answer(&format!(
        "Wrote\n{files}Next: put them under git (git init, git add, git commit), then `cdk check` and `cdk plan`.\n"
    ))?;
    Ok(ExitCode::Done)
}
