//! `cdk firewall`: the rules in force, which of them decides for one packet, and the confirmation of changes that wait.

use crate::cli::args::firewall::{FirewallArgs, FirewallCommand, ShowFirewallArgs};
use crate::cli::context::Context;
use crate::cli::exit::{Ended, ExitCode};
use crate::cli::runtime::block_on;
use crate::flow;
use crate::model::firewall::Confirmed;
use crate::report;

/// `cdk firewall [show|confirm]`.
pub(super) fn firewall(context: &Context, args: FirewallArgs) -> Result<ExitCode, Ended> {
    match args.command.unwrap_or_default() {
        FirewallCommand::Show(args) => show(context, args),
        FirewallCommand::Confirm => confirm(context),
    }
}

fn confirm(context: &Context) -> Result<ExitCode, Ended> {
    let settings = &context.settings;
    let all = block_on(async |signals| signals.unless(flow::confirm(settings)).await)?;
    let told = report::wall::confirmations(&all);
    context.answer_as(
        || report::wall::confirmed(&told, context.style),
        || report::json::pretty(&told),
    )?;
    let failed = all.hosts.values().any(|one| matches!(one, Confirmed::Not(_)));
    Ok(if failed { ExitCode::Partial } else { ExitCode::Done })
}

fn show(context: &Context, args: ShowFirewallArgs) -> Result<ExitCode, Ended> {
    let settings = &context.settings;
    let Some(question) = args.explain else {
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
