//! A rehearsal for people: the replicas' times, the least that served, what the faults did, and how the apply would end.

use std::time::Duration;

use crate::execute::outcome::Event;
use crate::plan::step::{Plan, ServiceChange};
use crate::report::outcome;
use crate::report::progress::{ends, words};
use crate::report::rehearsal::serving::Least;
use crate::report::rehearsal::{End, Mark, Rehearsal, RehearsalDocument, Replica};
use crate::report::style::{Paint, Style, rune};
use crate::report::words::{clean, count, short_time};

/// The rehearsal in words, verbose with every event.
pub fn text(rehearsal: &Rehearsal, document: &RehearsalDocument, style: Style) -> String {
    let plan = &rehearsal.plan;
    let mut lines = vec![header(rehearsal, style), String::new()];
    if style.verbose {
        lines.extend(events(rehearsal, style));
    }
    lines.extend(alone(rehearsal));
    for change in &plan.services {
        let own = document
            .replicas
            .iter()
            .filter(|replica| replica.slot.service == change.service);
        let own: Vec<&Replica> = own.collect();
        if !own.is_empty() {
            lines.extend(service(change, &own, style));
        }
    }
    if !document.services.is_empty() {
        lines.push("Fewest at once:".to_owned());
        lines.extend(document.services.iter().map(|least| self::least(least, style)));
        lines.push(String::new());
    }
    lines.extend(
        document
            .faults
            .iter()
            .map(|one| format!("{}: {}", one.fault, one.effect)),
    );
    lines.extend(
        document
            .notes
            .iter()
            .map(|note| format!("{} {note}", style.paint(Paint::Warn, "!"))),
    );
    lines.extend(end(rehearsal, document, style));
    lines.extend(
        document
            .assumed
            .iter()
            .map(|one| style.paint(Paint::Quiet, &format!("Assumed: {one}"))),
    );
    lines.push(style.paint(Paint::Quiet, "Nothing was changed on any host; hooks were not run."));
    lines.into_iter().map(|line| format!("{}\n", line.trim_end())).collect()
}

fn header(rehearsal: &Rehearsal, style: Style) -> String {
    let cluster = style.paint(Paint::Strong, rehearsal.plan.cluster.as_str());
    let hosts = count(rehearsal.hosts, "simulated host");
    format!("cluster {cluster} · {} · rehearsed on {hosts}", rehearsal.plan.revision)
}

/// Every event at its time.
fn events(rehearsal: &Rehearsal, style: Style) -> Vec<String> {
    let mut ended = 0;
    let mut lines = Vec::new();
    for (at, event) in &rehearsal.events {
        ended += usize::from(ends(event));
        let told = words(&rehearsal.plan, event, ended, style);
        lines.push(format!("{:>7}  {told}", short_time(*at)));
    }
    lines.push(String::new());
    lines
}

/// What belongs to no replica: pulls, networks, volumes.
fn alone(rehearsal: &Rehearsal) -> Vec<String> {
    let ended = rehearsal.events.iter().filter_map(|(at, event)| {
        let (id, how) = match event {
            Event::Done(id, _) => (*id, "done".to_owned()),
            Event::Failed { step, error, .. } => (*step, format!("failed: {}", clean(error))),
            Event::Started(_)
            | Event::Undone { .. }
            | Event::Skipped(_)
            | Event::Left(_)
            | Event::Delay(..)
            | Event::Paused(_)
            | Event::Waits(_)
            | Event::RollingBack(_)
            | Event::Back { .. }
            | Event::Rolled(..)
            | Event::Stopping
            | Event::Journal(..) => return None,
        };
        let step = rehearsal.plan.step(id).filter(|step| step.slot.is_none())?;
        Some(format!("  {}  {}  {} {how}", step.host, step.op, short_time(*at)))
    });
    let mut lines: Vec<String> = ended.collect();
    if !lines.is_empty() {
        lines.push(String::new());
    }
    lines
}

fn service(change: &ServiceChange, replicas: &[&Replica], style: Style) -> Vec<String> {
    let name = style.paint(Paint::Strong, change.service.as_str());
    let how = if change.how.is_empty() {
        String::new()
    } else {
        format!("  {}", change.how)
    };
    let slots = replicas
        .iter()
        .map(|replica| replica.slot.to_string().chars().count())
        .max();
    let hosts = replicas.iter().map(|replica| place(replica).chars().count()).max();
    let (slots, hosts) = (slots.unwrap_or_default(), hosts.unwrap_or_default());
    let mut lines = vec![format!("  {name}{how}")];
    for replica in replicas {
        let (rune, paint) = rune(replica.action);
        let rune = style.paint(paint, rune);
        let marks: Vec<String> = replica.marks.iter().map(|mark| self::mark(mark, style)).collect();
        let told = match (replica.end, marks.is_empty()) {
            (End::Skipped, _) => style.paint(Paint::Quiet, "not begun"),
            (End::Done | End::Failed | End::Undone | End::Partial, true) => "nothing to tell".to_owned(),
            (End::Done | End::Failed | End::Undone | End::Partial, false) => marks.join(" · "),
        };
        lines.push(format!(
            "    {rune} {:slots$}  {:hosts$}  {told}",
            replica.slot,
            place(replica)
        ));
    }
    lines.push(String::new());
    lines
}

fn place(replica: &Replica) -> String {
    let host = replica.host.as_ref().map(ToString::to_string).unwrap_or_default();
    match &replica.from {
        Some(from) if replica.host.as_ref() != Some(from) => format!("{from} → {host}"),
        Some(_) | None => host,
    }
}

fn mark(mark: &Mark, style: Style) -> String {
    let at = short_time(Duration::from_millis(mark.at_ms));
    match &mark.error {
        Some(error) => format!("{at} {}: {}", style.paint(Paint::Remove, mark.what), clean(error)),
        None => format!("{at} {}", mark.what),
    }
}

fn least(least: &Least, style: Style) -> String {
    let Least {
        service,
        replicas,
        before,
        fewest,
        at_ms,
        for_ms,
        after,
    } = least;
    let number = format!("{fewest} of {replicas}");
    let number = style.paint(if fewest < before { Paint::Warn } else { Paint::Add }, &number);
    let time = |ms: u64| short_time(Duration::from_millis(ms));
    format!(
        "  {service}  {number}, first at {}, for {} in all; {before} before, {after} at the end",
        time(*at_ms),
        time(*for_ms)
    )
}

/// How the apply would end, and with what.
fn end(rehearsal: &Rehearsal, document: &RehearsalDocument, style: Style) -> Vec<String> {
    if rehearsal.plan.is_empty() {
        return vec!["There is nothing to do.".to_owned()];
    }
    let told = outcome::text(&rehearsal.plan, &rehearsal.outcome, style);
    let code = format!("`cdk apply` would end with {}:", document.exit_code);
    let mut lines = told.trim_end().lines();
    let first = format!("{code} {}", lines.next().unwrap_or_default());
    std::iter::once(first).chain(lines.map(str::to_owned)).collect()
}

/// The name of the plan's cluster and revision, for a picture's head.
pub(super) fn title(plan: &Plan) -> String {
    format!("{} · {}", plan.cluster, plan.revision)
}
