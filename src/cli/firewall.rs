//! `cdk firewall`: the rules in force, and which of them decides for one packet.

use crate::cli::args::firewall::{FirewallArgs, FirewallCommand, ShowFirewallArgs};
use crate::cli::context::Context;
use crate::cli::exit::{Ended, ExitCode};
use crate::cli::runtime::block_on;
use crate::flow;
use crate::report;

/// `cdk firewall [show]`.
pub(super) fn firewall(context: &Context, args: FirewallArgs) -> Result<ExitCode, Ended> {
    let settings = &context.settings;
    let FirewallCommand::Show(ShowFirewallArgs { explain }) = args.command.unwrap_or_default();
    let Some(question) = explain else {
        let all = block_on(async |signals| signals.unless(flow::in_force(settings)).await)?;
        context.answer_as(
            || report::wall::text(&all, context.style),
            || report::json::pretty(&report::wall::document(&all)),
        )?;
        let unknown = all.hosts.values().any(Result::is_err);
        return Ok(if unknown { ExitCode::Partial } else { ExitCode::Done });
    };
    let (live, sender) = block_on(async |signals| signals.unless(flow::explain(settings, &question)).await)?;
    context.answer_as(
        || report::wall::answer(&question, &live, &sender),
        || report::json::pretty(&report::wall::explanation(&question, &live, &sender)),
    )?;
    Ok(ExitCode::Done)
}
