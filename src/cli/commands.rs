//! The commands that only look: check, show, hosts, ps, observe, plan, status, history.

use std::path::Path;

use jiff::Timestamp;

use crate::cli::args::lock::HistoryArgs;
use crate::cli::args::{Output, PlanArgs, PsArgs, ShowArgs};
use crate::cli::context::{Context, now};
use crate::cli::exit::{Ended, ExitCode, of_plan, of_status};
use crate::cli::runtime::block_on;
use crate::flow::{self, Failure, Planned, Seen, Settings};
use crate::model::scope::Scope;
use crate::observe::{OBSERVATION_VERSION, ObservationDocument};
use crate::plan::step::PlanDocument;
use crate::report;

/// `cdk check`.
pub(super) fn check(context: &Context) -> Result<ExitCode, Ended> {
    let checked = flow::check_all(&context.settings);
    if let (Err(Failure::Rejected(rejected)), Output::Json) = (&checked, context.output) {
        let document = report::check::document(Err(rejected));
        context.answer_as(String::new, || report::json::pretty(&document))?;
        return Ok(ExitCode::Refused);
    }
    let desired = checked?;
    context.answer_as(
        || desired.iter().map(report::check::text).collect(),
        || report::json::pretty(&report::check::document(Ok(&desired))),
    )?;
    Ok(ExitCode::Done)
}

/// `cdk show`.
pub(super) fn show(context: &Context, args: &ShowArgs) -> Result<ExitCode, Ended> {
    let desired = flow::check(&context.settings)?;
    let document = report::show::document(&desired, &args.names).map_err(Failure::Usage)?;
    let yaml = report::show::yaml(&document).map_err(|error| Ended::Io(error.to_string()))?;
    context.answer_as(|| yaml, || report::json::pretty(&document))?;
    Ok(ExitCode::Done)
}

/// `cdk hosts`.
pub(super) fn hosts(context: &Context) -> Result<ExitCode, Ended> {
    let seen = observed(context)?;
    let mut rows = report::hosts::rows(&seen.desired, &seen.observed);
    rows.retain(|row| context.settings.scope.has_host(&row.host));
    context.answer_as(
        || report::hosts::text(&rows, context.style),
        || report::json::pretty(&rows),
    )?;
    Ok(reached(&seen))
}

/// `cdk ps`.
pub(super) fn ps(context: &Context, args: PsArgs) -> Result<ExitCode, Ended> {
    let seen = observed(context)?;
    let mut scope = context.settings.scope.clone();
    scope.services.extend(args.names);
    if let Some(name) = scope.services.iter().find(|name| !is_known(&seen, name.as_str())) {
        return Err(Failure::Usage(format!("there is no service {name}, in git or on the hosts")).into());
    }
    let rows = report::ps::rows(&seen.desired, &seen.observed, &scope, Timestamp::now());
    context.answer_as(
        || report::ps::text(&rows, &seen.observed, context.style),
        || report::json::pretty(&rows),
    )?;
    Ok(reached(&seen))
}

fn is_known(seen: &Seen, service: &str) -> bool {
    let states = seen.observed.hosts.values().filter_map(|host| host.state());
    let mut live = states.flat_map(|state| &state.containers);
    seen.desired.services.keys().any(|name| name.as_str() == service)
        || live.any(|live| live.owner.slot.service.as_str() == service)
}

/// `cdk observe`.
pub(super) fn observe(context: &Context) -> Result<ExitCode, Ended> {
    let seen = observed(context)?;
    let code = reached(&seen);
    match context.output {
        Output::Text => {
            let rows = report::hosts::rows(&seen.desired, &seen.observed);
            let replicas = report::ps::rows(&seen.desired, &seen.observed, &Scope::default(), Timestamp::now());
            let hosts = report::hosts::text(&rows, context.style);
            let replicas = report::ps::text(&replicas, &seen.observed, context.style);
            context.answer(&format!("{hosts}\n{replicas}"))?;
        }
        Output::Json => {
            let document = ObservationDocument {
                version: OBSERVATION_VERSION,
                cluster: Some(seen.desired.cluster.name.to_string()),
                at: Some(now()),
                observed: report::mask::observed(seen.observed),
            };
            context.answer_as(String::new, || report::json::pretty(&document))?;
        }
    }
    Ok(code)
}

/// `cdk plan`.
pub(super) fn plan(context: &Context, args: PlanArgs) -> Result<ExitCode, Ended> {
    let mut settings = context.settings.clone();
    settings.pinned = args.rev.is_some();
    settings.revision = args.rev;
    settings.forget = args.forget;
    settings.asked.failover = args.failover;
    settings.asked.retry = args.retry.into_iter().collect();
    show_plan(
        context,
        &settings,
        args.live.as_deref(),
        args.out.as_deref(),
        args.detailed_exitcode,
    )
}

/// Plans, saves the plan where that is asked for, and shows it; not one without what a person asked for, where that can't be.
pub(super) fn show_plan(
    context: &Context,
    settings: &Settings,
    live: Option<&Path>,
    out: Option<&Path>,
    detailed: bool,
) -> Result<ExitCode, Ended> {
    let planned = block_on(async |signals| signals.unless(flow::plan(settings, live)).await)?;
    flow::possible(&planned.plan)?;
    if let Some(file) = out {
        let json = report::plan::json(&document(&planned)).map_err(|error| Ended::Io(error.to_string()))?;
        let wrong = |error| Ended::Io(format!("the plan could not be written to {}: {error}", file.display()));
        std::fs::write(file, json).map_err(wrong)?;
    }
    context.answer_as(
        || text(&planned, context.style),
        || report::plan::json(&document(&planned)),
    )?;
    Ok(of_plan(&planned.plan, detailed))
}

/// A plan as people read it.
pub(super) fn text(planned: &Planned, style: report::style::Style) -> String {
    report::plan::text(&planned.plan, planned.observed.hosts.len(), planned.took, style)
}

fn document(planned: &Planned) -> PlanDocument {
    report::plan::document(report::mask::plan(&planned.plan), now())
}

/// `cdk status`.
pub(super) fn status(context: &Context) -> Result<ExitCode, Ended> {
    let planned = block_on(async |signals| signals.unless(flow::plan(&context.settings, None)).await)?;
    let status = report::status::status(&planned.observed, &planned.plan);
    context.answer_as(
        || report::status::text(&status, context.style),
        || report::json::pretty(&status),
    )?;
    Ok(of_status(&status))
}

/// `cdk history`.
pub(super) fn history(context: &Context, args: &HistoryArgs) -> Result<ExitCode, Ended> {
    let past = block_on(async |signals| signals.unless(flow::history(&context.settings)).await)?;
    let document = report::history::document(&past, args.number.map(Into::into));
    let code = match document.unreachable.is_empty() {
        true => ExitCode::Done,
        false => ExitCode::Partial,
    };
    context.answer_as(
        || report::history::text(&document, context.style),
        || report::json::pretty(&document),
    )?;
    Ok(code)
}

fn observed(context: &Context) -> Result<Seen, Ended> {
    block_on(async |signals| signals.unless(flow::observe(&context.settings)).await)
}

/// Whether every host answered.
fn reached(seen: &Seen) -> ExitCode {
    if seen.observed.hosts.values().all(|host| host.state().is_some()) {
        ExitCode::Done
    } else {
        ExitCode::Partial
    }
}
