//! `cdk rehearse`: plans as `cdk plan` does, plays the plan on simulated hosts, and tells how it went.

use std::path::Path;

use crate::cli::apply::{as_saved, read};
use crate::cli::args::RehearseArgs;
use crate::cli::context::Context;
use crate::cli::exit::{Ended, ExitCode, of_apply};
use crate::cli::runtime::block_on;
use crate::flow;
use crate::model::fault::Faults;
use crate::report::rehearsal::{Rehearsal, RehearsalDocument, document, picture, text};
use crate::report::{json, mask};

/// `cdk rehearse [FILE]`.
pub(super) fn rehearse(context: &Context, args: RehearseArgs) -> Result<ExitCode, Ended> {
    let saved = args.file.as_deref().map(read).transpose()?;
    let mut settings = context.settings.clone();
    settings.pinned = args.rev.is_some();
    settings.revision = args.rev;
    settings.forget = args.forget;
    settings.asked.failover = args.failover;
    if let Some(saved) = &saved {
        as_saved(&mut settings, saved)?;
    }
    let faults = Faults {
        fails: args.fail,
        silences: args.kill,
        slows: args.slow,
    };
    let asked = !faults.is_none();
    let rehearsal = block_on(async |signals| {
        let planned = signals.unless(flow::plan(&settings, args.live.as_deref())).await?;
        flow::possible(&planned.plan)?;
        if let Some(saved) = saved {
            flow::expect_same(&mask::plan(&planned.plan), &saved)?;
        }
        let parallel = settings.parallel;
        let played = tokio::task::spawn_blocking(move || flow::rehearse(&planned, faults, parallel));
        let unplayed = |error: tokio::task::JoinError| Ended::Io(format!("the rehearsal came to nothing: {error}"));
        let played = signals.unless(async { played.await.map_err(unplayed) }).await?;
        played.map_err(Ended::from)
    })?;
    let code = of_apply(&rehearsal.plan, &rehearsal.outcome);
    let told = document(&rehearsal, code as u8);
    if let Some(file) = &args.picture {
        draw(file, &rehearsal, &told)?;
    }
    context.answer_as(|| text::text(&rehearsal, &told, context.style), || json::pretty(&told))?;
    // A failure that was asked for is what was to be seen, and no failure of the rehearsal.
    Ok(if asked { ExitCode::Done } else { code })
}

fn draw(file: &Path, rehearsal: &Rehearsal, told: &RehearsalDocument) -> Result<(), Ended> {
    let wrong = |error: String| {
        Ended::Io(format!(
            "the picture could not be written to {}: {error}",
            file.display()
        ))
    };
    let svg = picture::svg(rehearsal, told).map_err(|error| wrong(error.to_string()))?;
    std::fs::write(file, svg).map_err(|error| wrong(error.to_string()))
}
