//! `cdk lock`: shows who holds the cluster's lock, and ends a holder that nobody waits for any more.

use crate::cli::apply::says_yes;
use crate::cli::args::lock::{LockCommand, LockCommandArgs};
use crate::cli::context::{Context, complain};
use crate::cli::exit::{Ended, ExitCode};
use crate::cli::runtime::block_on;
use crate::flow;
use crate::model::lock::{LockState, OnHost};
use crate::report;

/// `cdk lock [show|release]`.
pub(super) fn lock(context: &Context, args: LockCommandArgs) -> Result<ExitCode, Ended> {
    match args.command {
        None | Some(LockCommand::Show) => {
            let state = block_on(async |signals| signals.unless(flow::lock_state(&context.settings)).await)?;
            tell(context, &state)
        }
        Some(LockCommand::Release(args)) => release(context, args.yes),
    }
}

/// Ends the holder, whom a person has seen first.
fn release(context: &Context, yes: bool) -> Result<ExitCode, Ended> {
    if !yes {
        context.must_ask("lock release", "--yes")?;
    }
    block_on(async |signals| {
        let settings = &context.settings;
        let seen = signals.unless(flow::lock_state(settings)).await?;
        if !is_held(&seen) {
            return tell(context, &seen);
        }
        complain(&report::lock::text(&seen, context.error_style));
        if !yes {
            let question = "\nWhat that run has in hand may still be done. End its hold on the lock?";
            if !signals.unless(says_yes(question)).await? {
                complain("Nothing was changed.\n");
                return Ok(ExitCode::Error);
            }
        }
        let after = signals.unless(flow::release_lock(settings, &seen)).await?;
        let code = tell(context, &after)?;
        Ok(if is_held(&after) { ExitCode::Locked } else { code })
    })
}

fn is_held(state: &LockState) -> bool {
    state.hosts.values().any(|host| matches!(host, OnHost::Held(_)))
}

fn tell(context: &Context, state: &LockState) -> Result<ExitCode, Ended> {
    context.answer_as(
        || report::lock::text(state, context.style),
        || report::json::pretty(&report::lock::document(state)),
    )?;
    let unknown = state.hosts.values().any(|host| matches!(host, OnHost::Unknown(_)));
    Ok(if unknown { ExitCode::Partial } else { ExitCode::Done })
}
