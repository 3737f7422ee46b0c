//! `cdk scale`, `bump`, `drain`, `activate`: has the YAML edited, says where, and shows the plan that comes of it.

use crate::cli::args::{BumpArgs, EditArgs, HostArgs, Output, ScaleArgs};
use crate::cli::commands::show_plan;
use crate::cli::context::{Context, complain};
use crate::cli::exit::{Ended, ExitCode};
use crate::flow;
use crate::model::edit::Edit;
use crate::report;

/// `cdk scale SERVICE=N…`.
pub(super) fn scale(context: &Context, args: ScaleArgs) -> Result<ExitCode, Ended> {
    edit(context, args.edits.into_iter().map(Edit::Scale), &args.then)
}

/// `cdk bump SERVICE=IMAGE…`.
pub(super) fn bump(context: &Context, args: BumpArgs) -> Result<ExitCode, Ended> {
    edit(context, args.edits.into_iter().map(Edit::Bump), &args.then)
}

/// `cdk drain HOST…`.
pub(super) fn drain(context: &Context, args: HostArgs) -> Result<ExitCode, Ended> {
    edit(context, args.names.into_iter().map(Edit::Drain), &args.then)
}

/// `cdk activate HOST…`.
pub(super) fn activate(context: &Context, args: HostArgs) -> Result<ExitCode, Ended> {
    edit(context, args.names.into_iter().map(Edit::Activate), &args.then)
}

/// What was edited is told before the hosts are asked: it stays, whether they answer or not.
fn edit(context: &Context, edits: impl Iterator<Item = Edit>, then: &EditArgs) -> Result<ExitCode, Ended> {
    if let Some(file) = &then.live {
        // A file that is no observation is found before anything is edited.
        flow::saved(file)?;
    }
    let edited = flow::edit(&context.settings, &edits.collect::<Vec<_>>(), then.commit)?;
    let told = report::edit::text(&edited.all, &edited.environments, edited.commit.as_ref());
    match context.output {
        Output::Text => context.answer(&format!("{told}\n"))?,
        Output::Json => complain(&told),
    }
    let mut settings = context.settings.clone();
    settings.revision = edited.commit.map(|(id, _)| id);
    show_plan(context, &settings, then.live.as_deref(), None, false)
}
