//! A plan in few words: its counts, its last line, its notes as sentences.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::model::journal::{Halt, Halted, JournalEnd};
use crate::model::name::ServiceName;
use crate::model::scope::Part;
use crate::place::asked::Asked;
use crate::plan::step::{Action, Note, Plan};
use crate::report::estimate::estimate;
use crate::report::network;
use crate::report::style::{Paint, Style};
use crate::report::words::{clean, count, time};
use crate::report::{address, firewall};

/// How many replicas meet each action.
pub fn counts(plan: &Plan) -> BTreeMap<Action, usize> {
    let mut counts = BTreeMap::new();
    for slot in plan.services.iter().flat_map(|change| &change.slots) {
        *counts.entry(slot.action).or_default() += 1;
    }
    counts
}

/// What changes, in counts: `3 to create, 1 to move, 2 unknown`; empty where all stays.
pub fn tally(counts: &BTreeMap<Action, usize>) -> String {
    let said = counts.iter().filter_map(|(&action, number)| {
        let words = match action {
            Action::Keep => return None,
            Action::Create => "to create",
            Action::Update => "to update in place",
            Action::Start => "to start",
            Action::Replace => "to replace",
            Action::Move => "to move",
            Action::Run => "to run",
            Action::Remove => "to remove",
            Action::Unknown => "unknown",
            Action::Unplaced => "without a place",
            Action::Wait => "waiting for others",
            Action::Hold => "held",
        };
        Some(format!("{number} {words}"))
    });
    said.collect::<Vec<_>>().join(", ")
}

/// A note in a sentence.
pub fn note(note: &Note) -> String {
    match note {
        Note::Unreachable { host, why, holds, .. } if holds.is_empty() => {
            format!("{host} unreachable ({}): no replica is known to be there", clean(why))
        }
        Note::Unreachable {
            host,
            why,
            holds,
            fails_over,
        } => {
            let mut services: BTreeMap<&str, usize> = BTreeMap::new();
            for slot in holds {
                *services.entry(slot.service.as_str()).or_default() += 1;
            }
            let of = services
                .iter()
                .map(|(service, number)| format!("{} of {service}", count(*number, "replica")));
            let rest = if holds.len() == 1 {
                "is unknown and stays as it is"
            } else {
                "are unknown and stay as they are"
            };
            let cure = match (*fails_over, holds.len()) {
                (0, _) => String::new(),
                (1, 1) => "; `--failover` places it elsewhere".to_owned(),
                (number, all) if number == all => "; `--failover` places them elsewhere".to_owned(),
                (number, _) => format!("; `--failover` places {number} of them elsewhere"),
            };
            format!(
                "{host} unreachable ({}): {} {rest}{cure}",
                clean(why),
                of.collect::<Vec<_>>().join(", ")
            )
        }
        Note::Waits { service, why } => format!("{service} stays as it is: {}", clean(why)),
        Note::Halted { service, halted } => held(service, halted),
        Note::Unplaced { slot, why } => format!("{slot} fits nowhere: {}", clean(why)),
        Note::Differs { host, what, why } => format!("{what} on {host} is not as git says: {}", clean(why)),
        Note::Interrupted {
            by,
            at,
            end,
            done,
            steps,
        } => {
            let whose = match by.is_empty() {
                true => clean(at),
                false => format!("{}, {}", clean(by), clean(at)),
            };
            let end = interrupted(*end, *done, *steps);
            format!("the last apply ({whose}) {end}: this plan goes on from what is live")
        }
        Note::NotInForce { key, of, paths: _ } => {
            format!("`{}` is not in force yet{}", clean(key), among(of))
        }
        Note::Text(text) => clean(text),
        Note::Refused(guard) => format!("apply refuses: {}; {}", clean(&guard.why), clean(&guard.cure)),
    }
}

/// That a service is left alone, and what takes it up again.
fn held(service: &ServiceName, halted: &Halted) -> String {
    let Halted {
        version: _,
        how,
        revision,
        why,
    } = halted;
    let at = revision.as_deref().and_then(|commit| commit.get(..7));
    let at = at.map(|commit| format!(" of {commit}")).unwrap_or_default();
    let what = match how {
        Halt::Paused => format!("{service} is paused: its update{at} failed"),
        Halt::RolledBack => format!("{service} is held: its update{at} failed and was rolled back"),
        Halt::Canary => {
            return format!(
                "{service} waits: its update{at} runs as a canary; go on with `cdk promote {service}`, or back with `cdk abort {service}`"
            );
        }
    };
    let why = match why.is_empty() {
        true => String::new(),
        false => format!(" ({})", clean(why)),
    };
    format!("{what}{why}; change it in git, or try it again with `cdk apply --retry {service}`")
}

/// How far an apply came that did not come to its end.
fn interrupted(end: JournalEnd, done: usize, steps: usize) -> String {
    match (end, done) {
        (JournalEnd::Begun, 0) => format!("was cut off within its first steps, of {steps}"),
        (JournalEnd::Begun, done) => format!("was cut off at step {done} of {steps} or soon after"),
        (JournalEnd::Interrupted, done) => format!("was interrupted at step {done} of {steps}"),
        (JournalEnd::Failed, done) => format!("failed with {done} of {steps} steps done"),
        (JournalEnd::Done | JournalEnd::RolledBack | JournalEnd::Paused | JournalEnd::Waiting, _) => "ended".to_owned(),
    }
}

/// Whose something is, where it is one's: ` (web, api and 12 more)`.
pub fn among<S: AsRef<str>>(of: &[S]) -> String {
    let of: Vec<&str> = of.iter().map(AsRef::as_ref).collect();
    const NAMED: usize = 3;
    match of.as_slice() {
        [] => String::new(),
        all if all.len() <= NAMED => format!(" ({})", all.join(", ")),
        [first, second, rest @ ..] => format!(" ({first}, {second} and {} more)", rest.len()),
        all => format!(" ({})", all.join(", ")),
    }
}

/// The last line: what changes in counts, in how many waves, about how long; or that nothing does.
pub fn summary(plan: &Plan, style: Style) -> String {
    let counts = counts(plan);
    let tally = tally(&counts);
    if plan.is_empty() {
        let kept = counts.get(&Action::Keep).copied().unwrap_or(0);
        let be = if kept == 1 { "is" } else { "are" };
        let rest = if tally.is_empty() {
            String::new()
        } else {
            format!("; {tally}")
        };
        let head = style.paint(Paint::Strong, "No changes.");
        if plan.asked.is_alone() {
            return format!("{head} {}", stands(&plan.asked));
        }
        if !plan.scope.has(Part::Services) {
            return format!("{head} The firewalls are as git says");
        }
        return format!("{head} {} {be} as git says{rest}", count(kept, "replica"));
    }
    let estimate = estimate(plan);
    let tally = [
        tally,
        network::tally(plan),
        firewall::tally(plan.firewalls.len()),
        address::tally(plan),
    ];
    let tally = tally
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join(", ");
    let what = if tally.is_empty() {
        count(plan.steps.len(), "step") + " to tidy up"
    } else {
        tally
    };
    let waves = count(estimate.waves, "wave");
    format!(
        "{} {what} · {waves} · about {}",
        style.paint(Paint::Strong, "Plan:"),
        about(estimate.time)
    )
}

/// That there is nothing to move.
fn stands(asked: &Asked) -> String {
    let there = asked
        .moves
        .iter()
        .map(|(slot, to)| format!("{slot} is on {} already", to.host));
    match asked.rebalance {
        Some(_) => "The cluster is even".to_owned(),
        None => there.collect::<Vec<_>>().join(", "),
    }
}

/// A guess without the precision that it has not: whole seconds, from twenty on in fives.
fn about(guess: Duration) -> String {
    match guess.as_secs() {
        0 => "1 s".to_owned(),
        seconds @ 1..10 => format!("{seconds} s"),
        seconds @ 10..20 => time(Duration::from_secs(seconds)),
        seconds => time(Duration::from_secs(seconds.next_multiple_of(5))),
    }
}
