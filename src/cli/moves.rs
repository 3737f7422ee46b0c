//! `cdk move`, `rebalance`, `promote`, `abort`: what a person asks for beside what git says, planned alone, then done as `apply` does it.

use crate::cli::apply::{How, carry_out};
use crate::cli::args::{MoveArgs, MovingArgs, RebalanceArgs, StoppedArgs};
use crate::cli::commands::show_plan;
use crate::cli::context::Context;
use crate::cli::exit::{Ended, ExitCode};
use crate::flow::{Allowed, Failure};
use crate::place::asked::{Asked, MoveTo};

/// `cdk move SLOT HOST`.
pub(super) fn one(context: &Context, args: MoveArgs) -> Result<ExitCode, Ended> {
    let to = MoveTo {
        host: args.to,
        without_data: args.without_data,
    };
    let asked = Asked {
        moves: [(args.slot, to)].into(),
        ..Asked::default()
    };
    plan_and_do(context, "move", asked, &args.how)
}

/// `cdk rebalance [--moves N]`.
pub(super) fn rebalance(context: &Context, args: &RebalanceArgs) -> Result<ExitCode, Ended> {
    let asked = Asked {
        rebalance: Some(args.moves.map_or(u32::MAX, u32::from)),
        ..Asked::default()
    };
    plan_and_do(context, "rebalance", asked, &args.how)
}

/// `cdk promote SERVICE`.
pub(super) fn promote(context: &Context, args: StoppedArgs) -> Result<ExitCode, Ended> {
    let asked = Asked {
        promote: [args.name].into(),
        ..Asked::default()
    };
    plan_and_do(context, "promote", asked, &args.how)
}

/// `cdk abort SERVICE`.
pub(super) fn abort(context: &Context, args: StoppedArgs) -> Result<ExitCode, Ended> {
    let asked = Asked {
        abort: [args.name].into(),
        ..Asked::default()
    };
    plan_and_do(context, "abort", asked, &args.how)
}

fn plan_and_do(context: &Context, command: &str, asked: Asked, how: &MovingArgs) -> Result<ExitCode, Ended> {
    let mut settings = context.settings.clone();
    if !settings.scope.hosts.is_empty() || !settings.scope.services.is_empty() {
        let words =
            format!("{command} takes neither --host nor --service: it would do something else than was asked for");
        return Err(Failure::Usage(words).into());
    }
    settings.scope.services = asked.taken_up();
    settings.asked = asked;
    let only_shows = how.dry_run || how.out.is_some() || how.live.is_some();
    if only_shows {
        return show_plan(context, &settings, how.live.as_deref(), how.out.as_deref(), false);
    }
    if !how.yes {
        context.must_ask(command, "--yes, or --dry-run")?;
    }
    let allowed = Allowed {
        dirty: how.dirty,
        ..Allowed::default()
    };
    let how = How {
        saved: None,
        allowed,
        asks: !how.yes,
        patience: how.lock.lock_timeout.0,
    };
    carry_out(context, &settings, how)
}
