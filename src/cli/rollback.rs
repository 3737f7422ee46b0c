//! `cdk rollback`: finds the version to go back to, then does what `apply --rev` does.

use crate::cli::apply::{How, carry_out};
use crate::cli::args::RollbackArgs;
use crate::cli::commands::show_plan;
use crate::cli::context::{Context, complain};
use crate::cli::exit::{Ended, ExitCode};
use crate::cli::runtime::block_on;
use crate::flow::{self, Allowed};

/// `cdk rollback [SERVICE…] [--to REV]`.
pub(super) fn rollback(context: &Context, args: RollbackArgs) -> Result<ExitCode, Ended> {
    let only_shows = args.dry_run || args.live.is_some();
    if !only_shows && !args.yes {
        context.must_ask("rollback", "--yes, or --dry-run")?;
    }
    let mut settings = context.settings.clone();
    settings.scope.services.extend(args.services);
    settings.forget = args.forget;
    let live = args.live.as_deref();
    settings.revision = Some(match args.to {
        Some(revision) => revision,
        None => {
            let found = block_on(async |signals| signals.unless(flow::earlier(&settings, live)).await)?;
            if !context.quiet {
                let short = found.revision.get(..7).unwrap_or(&found.revision);
                complain(&format!(
                    "Back to {short}, which {} applied at {}.\n",
                    found.by, found.at
                ));
            }
            found.revision
        }
    });
    settings.pinned = true;
    if only_shows {
        return show_plan(context, &settings, live, None, false);
    }
    let allowed = Allowed {
        removals: args.allow_removals,
        ..Allowed::default()
    };
    let how = How {
        saved: None,
        allowed,
        asks: !args.yes,
        patience: args.lock.lock_timeout.0,
    };
    carry_out(context, &settings, how)
}
