//! What was applied to a cluster, from the journals of all its hosts: one entry for each apply, the newest first.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::model::journal::{Changed, JournalEnd, JournalRecord, Past};
use crate::model::name::{HostName, ServiceName};
use crate::report::style::{Paint, Style};
use crate::report::words::{clean, count};

/// The version of this document that this cdk writes.
pub const HISTORY_VERSION: u32 = 1;

/// So many services are told in a line.
const SERVICES: usize = 4;

/// The history, as data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct History {
    /// The format's version, [`HISTORY_VERSION`].
    pub version: u32,
    /// Each apply, the newest first.
    pub applies: Vec<Apply>,
    /// The hosts that did not tell theirs, and why.
    pub unreachable: BTreeMap<HostName, String>,
}

/// One apply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Apply {
    /// Its number.
    pub sequence: u64,
    /// When it began, RFC 3339 in UTC.
    pub began: String,
    /// When its last word was written.
    pub at: String,
    /// Who applied.
    pub by: String,
    /// The page of the CI's build.
    pub build: Option<String>,
    /// The environment of the repository.
    pub environment: Option<String>,
    /// The commit.
    pub revision: Option<String>,
    /// The first line of its message, where git has it here.
    pub subject: Option<String>,
    /// How it ended; `begun` is one that was cut off, or goes on.
    pub end: JournalEnd,
    /// How many steps it did.
    pub done: usize,
    /// How many it had.
    pub steps: usize,
    /// What it did to each service.
    pub changes: BTreeMap<ServiceName, Changed>,
    /// What failed.
    pub failures: Vec<String>,
    /// The hosts that know of it.
    pub hosts: Vec<HostName>,
    /// Of these, the hosts that did not hear of its end.
    pub unfinished: Vec<HostName>,
    /// Whether another one bears the same number: two that did not know of each other.
    pub contradicted: bool,
}

/// A record, and the host that remembers it.
type Told<'a> = (&'a HostName, &'a JournalRecord);

/// Merges what the hosts remember; only the last `number` of them, where one is given.
pub fn document(past: &Past, number: Option<usize>) -> History {
    // The same apply stands on many hosts; which run it was tells it from another one of the same number.
    let mut all: BTreeMap<(u64, &str, &str, Option<&str>), Vec<Told<'_>>> = BTreeMap::new();
    for (host, records) in &past.hosts {
        for record in records.iter().flatten() {
            let JournalRecord { sequence, by, .. } = record;
            let key = (
                *sequence,
                record.account.run.as_str(),
                by.as_str(),
                record.revision.as_deref(),
            );
            all.entry(key).or_default().push((host, record));
        }
    }
    let mut numbers: BTreeMap<u64, usize> = BTreeMap::new();
    for (sequence, ..) in all.keys() {
        *numbers.entry(*sequence).or_default() += 1;
    }
    let applies = all.values().rev().filter_map(|told| apply(told, past, &numbers));
    History {
        version: HISTORY_VERSION,
        applies: applies.take(number.unwrap_or(usize::MAX)).collect(),
        unreachable: past
            .hosts
            .iter()
            .filter_map(|(host, records)| Some((host.clone(), records.as_ref().err()?.clone())))
            .collect(),
    }
}

/// One apply by what the hosts say of it: an end counts before a beginning, and who knows of more steps before who knows of less.
fn apply(told: &[Told<'_>], past: &Past, numbers: &BTreeMap<u64, usize>) -> Option<Apply> {
    let ended = |record: &JournalRecord| record.end != JournalEnd::Begun;
    let (_, record) = told.iter().max_by_key(|(_, record)| (ended(record), record.done))?;
    let subject = record
        .revision
        .as_ref()
        .and_then(|revision| past.subjects.get(revision));
    let account = &record.account;
    Some(Apply {
        sequence: record.sequence,
        began: account.began.clone().unwrap_or_else(|| record.at.clone()),
        at: record.at.clone(),
        by: record.by.clone(),
        build: account.build.clone(),
        environment: account.environment.clone(),
        revision: record.revision.clone(),
        subject: subject.cloned(),
        end: record.end,
        done: record.done,
        steps: record.steps,
        changes: account.changes.clone(),
        failures: account.failures.clone(),
        hosts: told.iter().map(|(host, _)| (*host).clone()).collect(),
        unfinished: told
            .iter()
            .filter(|(_, one)| ended(record) && !ended(one))
            .map(|(host, _)| (*host).clone())
            .collect(),
        contradicted: numbers.get(&record.sequence).is_some_and(|number| *number > 1),
    })
}

/// The history, a few lines for each apply.
pub fn text(history: &History, style: Style) -> String {
    let mut out = String::new();
    for apply in &history.applies {
        lines(apply, style)
            .into_iter()
            .for_each(|line| out.push_str(&format!("{line}\n")));
    }
    if history.applies.is_empty() {
        out.push_str("Nothing was applied yet, as far as the hosts remember.\n");
    }
    for (host, why) in &history.unreachable {
        let warn = style.paint(Paint::Warn, "!");
        out.push_str(&format!("{warn} {host} does not tell its journal: {}\n", clean(why)));
    }
    out
}

fn lines(apply: &Apply, style: Style) -> Vec<String> {
    let short = apply
        .revision
        .as_deref()
        .and_then(|commit| commit.get(..7))
        .unwrap_or("not in git");
    let subject = apply
        .subject
        .as_ref()
        .map(|subject| format!(" \"{}\"", clean(subject)))
        .unwrap_or_default();
    let environment = apply
        .environment
        .as_ref()
        .map(|name| format!(" in {}", clean(name)))
        .unwrap_or_default();
    let of = format!("{} of {} steps", apply.done, apply.steps);
    let (end, paint) = match apply.end {
        JournalEnd::Done => (format!("done, {}", count(apply.steps, "step")), Paint::Add),
        JournalEnd::Begun => (format!("cut off or still going, {of}"), Paint::Warn),
        JournalEnd::Failed => (format!("failed, {of} done"), Paint::Remove),
        JournalEnd::RolledBack => (format!("rolled back, {of} done"), Paint::Warn),
        JournalEnd::Paused => (format!("paused, {of} done"), Paint::Warn),
        JournalEnd::Waiting => (format!("waits for promote or abort, {of} done"), Paint::Warn),
        JournalEnd::Interrupted => (format!("interrupted, {of} done"), Paint::Warn),
    };
    let head = format!(
        "{}  {}  {short}{subject}{environment}",
        apply.sequence,
        clean(&apply.began)
    );
    let by = match &apply.build {
        Some(build) => format!("by {} ({})", clean(&apply.by), clean(build)),
        None => format!("by {}", clean(&apply.by)),
    };
    let mut lines = vec![head, format!("    {by}: {}", style.paint(paint, &end))];
    let services = apply
        .changes
        .iter()
        .map(|(name, changed)| format!("{name}: {}", changes(changed)));
    let shown = if style.verbose { usize::MAX } else { SERVICES };
    lines.extend(services.clone().take(shown).map(|line| format!("    {line}")));
    let more = services.count().saturating_sub(shown);
    if more > 0 {
        lines.push(format!("    and {} more; -v names them", count(more, "service")));
    }
    let warn = style.paint(Paint::Warn, "!");
    lines.extend(apply.failures.iter().map(|line| format!("    {warn} {}", clean(line))));
    if apply.contradicted {
        let hosts: BTreeSet<&str> = apply.hosts.iter().map(|host| host.as_str()).collect();
        let hosts = hosts.into_iter().collect::<Vec<_>>().join(", ");
        lines.push(format!(
            "    {warn} another apply bears this number too; this one stands on {hosts}"
        ));
    }
    if !apply.unfinished.is_empty() {
        let hosts: Vec<&str> = apply.unfinished.iter().map(|host| host.as_str()).collect();
        lines.push(format!("    {warn} its end was not heard of on {}", hosts.join(", ")));
    }
    lines
}

/// `2 replaced, 1 created, web:1.4.0 → 1.5.0`.
fn changes(changed: &Changed) -> String {
    let Changed {
        created,
        updated,
        started,
        replaced,
        moved,
        ran,
        removed,
        missed,
        from,
        to,
    } = changed;
    let numbers = [
        (created, "created"),
        (updated, "updated in place"),
        (started, "started"),
        (replaced, "replaced"),
        (moved, "moved"),
        (ran, "run"),
        (removed, "removed"),
        (missed, "not changed as was meant"),
    ];
    let mut said: Vec<String> = numbers
        .into_iter()
        .filter(|(number, _)| **number > 0)
        .map(|(number, words)| format!("{number} {words}"))
        .collect();
    if let (Some(from), Some(to)) = (from, to) {
        said.push(format!("{} → {}", clean(from), clean(to)));
    }
    said.join(", ")
}
