//! Is the cluster healthy, and as git says? One screen, or data for monitoring.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::model::container::{ContainerState, Health, LiveContainer};
use crate::model::host::ObservedHost;
use crate::model::journal::JournalEnd;
use crate::model::name::{HostName, ServiceName, Slot, retired_name};
use crate::observe::Observed;
use crate::plan::step::{Action, Note, Plan, SlotChange};
use crate::report::firewall;
use crate::report::ps::{newest, state};
use crate::report::style::{Paint, Style};
use crate::report::summary;
use crate::report::words::clean;

/// The cluster's state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Status {
    /// The cluster's name.
    pub cluster: String,
    /// The state of the repository that it was compared with.
    pub revision: String,
    /// Whether every host answers, every replica has a place and is well.
    pub healthy: bool,
    /// Whether there is nothing to apply.
    pub as_git: bool,
    /// How many replicas git wants, those on hosts that don't answer too.
    pub wanted: usize,
    /// How many of them were seen well.
    pub well: usize,
    /// How many hosts were asked.
    pub hosts: usize,
    /// The hosts that did not answer, and why.
    pub unreachable: BTreeMap<HostName, String>,
    /// The replicas that were seen and are not well.
    pub unwell: Vec<Unwell>,
    /// How many replicas meet each action of the plan.
    pub changes: BTreeMap<Action, usize>,
    /// How many hosts' firewalls are not as git says.
    pub firewalls: usize,
    /// What a person should know.
    pub notes: Vec<String>,
    /// The last apply, by the hosts' journal.
    pub last_apply: Option<LastApply>,
}

/// A replica that is not well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unwell {
    /// The replica.
    pub slot: Slot,
    /// Where it is.
    pub host: HostName,
    /// How it is.
    pub state: String,
}

/// What the journal says of the last apply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LastApply {
    /// When it was written, RFC 3339 in UTC.
    pub at: String,
    /// Who applied.
    pub by: String,
    /// The commit.
    pub revision: Option<String>,
    /// How it ended; `begun` is one that was cut off.
    pub end: JournalEnd,
}

/// Looks at what was seen and at what a plan would do about it.
pub fn status(observed: &Observed, plan: &Plan) -> Status {
    let slots = || plan.services.iter().flat_map(|change| &change.slots);
    let wanted = slots().filter(|slot| slot.action != Action::Remove).count();
    let goes = |slot: &Slot| slots().any(|change| change.slot == *slot && change.action == Action::Remove);
    let live = observed.hosts.iter().flat_map(|(host, found)| {
        let containers = found
            .state()
            .map(|state| state.containers.as_slice())
            .unwrap_or_default();
        containers.iter().map(move |live| (host, live))
    });
    // What a plan leaves out is not told of.
    let planned: BTreeSet<&ServiceName> = plan.services.iter().map(|change| &change.service).collect();
    let present = live.filter(|(_, live)| {
        planned.contains(&live.owner.slot.service) && live.name != retired_name(&plan.cluster, &live.owner.slot)
    });
    // Of a job whose wanted version has run, the container may be another version's, that failed.
    let has_run = |live: &LiveContainer| {
        let kept = |change: &SlotChange| change.slot == live.owner.slot && change.action == Action::Keep;
        live.owner.job.is_some() && !live.state.is_live() && slots().any(kept)
    };
    let (well, unwell): (Vec<_>, Vec<_>) = present
        .filter(|(_, live)| !goes(&live.owner.slot))
        .partition(|(_, live)| is_well(live) || has_run(live));
    let unreachable: BTreeMap<HostName, String> = observed
        .hosts
        .iter()
        .filter_map(|(host, found)| match found {
            ObservedHost::Reachable(_) => None,
            ObservedHost::Unreachable(why) => Some((host.clone(), why.clone())),
        })
        .collect();
    // A job's run that succeeded may have been removed since.
    let forgotten = slots()
        .filter(|slot| slot.action == Action::Keep && slot.host.is_none())
        .count();
    let missing = slots().any(|slot| slot.action == Action::Create);
    let differs = plan.notes.iter().any(|note| matches!(note, Note::Differs { .. }));
    let waits = plan
        .notes
        .iter()
        .any(|note| matches!(note, Note::Unreachable { .. } | Note::Unplaced { .. }));
    Status {
        cluster: plan.cluster.to_string(),
        revision: plan.revision.to_string(),
        healthy: unwell.is_empty() && unreachable.is_empty() && !missing && !waits,
        as_git: plan.is_empty() && !differs && !plan.is_waiting(),
        wanted,
        well: well.len() + forgotten,
        hosts: observed.hosts.len(),
        unreachable,
        unwell: unwell
            .into_iter()
            .map(|(host, live)| Unwell {
                slot: live.owner.slot.clone(),
                host: host.clone(),
                state: state(live),
            })
            .collect(),
        changes: summary::counts(plan),
        firewalls: plan.firewalls.len(),
        notes: plan
            .notes
            .iter()
            .filter(|note| !matches!(note, Note::Unreachable { .. }))
            .map(summary::note)
            .collect(),
        last_apply: newest(observed).map(|record| LastApply {
            at: record.at.clone(),
            by: record.by.clone(),
            revision: record.revision.clone(),
            end: record.end,
        }),
    }
}

fn is_well(live: &LiveContainer) -> bool {
    match live.state {
        ContainerState::Running { health } => match health {
            None | Some(Health::Healthy) => true,
            Some(Health::Starting | Health::Unhealthy) => false,
        },
        ContainerState::Created | ContainerState::Paused | ContainerState::Restarting | ContainerState::Dead => false,
        ContainerState::Exited { code } => code == 0 && live.owner.job.is_some(),
    }
}

/// The state on one screen.
pub fn text(status: &Status, style: Style) -> String {
    let verdict = match (status.healthy, status.as_git) {
        (true, true) => style.paint(Paint::Add, "healthy, and as git says"),
        (true, false) => style.paint(Paint::Change, "healthy, but not as git says"),
        (false, true) => style.paint(Paint::Remove, "not healthy, though as git says"),
        (false, false) => style.paint(Paint::Remove, "not healthy, and not as git says"),
    };
    let warn = style.paint(Paint::Warn, "!");
    let mut lines = vec![
        format!("cluster {} · {} · {verdict}", status.cluster, status.revision),
        String::new(),
    ];
    let parts = [summary::tally(&status.changes), firewall::tally(status.firewalls)].into_iter();
    let parts: Vec<String> = parts.filter(|part| !part.is_empty()).collect();
    let tally = parts.join(", ");
    let git = match (status.as_git, tally.is_empty()) {
        (true, true) => "nothing to apply".to_owned(),
        (true, false) => format!("nothing to apply; {tally}"),
        (false, true) => "something to tidy up (cdk plan shows it)".to_owned(),
        (false, false) => format!("{tally} (cdk plan shows why)"),
    };
    lines.push(format!("git         {git}"));
    let answer = status.hosts - status.unreachable.len();
    lines.push(format!("hosts       {answer} of {} answer", status.hosts));
    lines.extend(
        status
            .unreachable
            .iter()
            .map(|(host, why)| format!("            {warn} {host}: {}", clean(why))),
    );
    lines.push(format!("replicas    {} of {} well", status.well, status.wanted));
    let unwell = status.unwell.iter();
    lines.extend(unwell.map(|it| format!("            {warn} {} on {}: {}", it.slot, it.host, it.state)));
    if let Some(last) = &status.last_apply {
        let revision = last
            .revision
            .as_deref()
            .and_then(|commit| commit.get(..7))
            .unwrap_or("not in git");
        let by = if last.by.is_empty() {
            String::new()
        } else {
            format!(" by {}", clean(&last.by))
        };
        let end = match last.end {
            JournalEnd::Begun => "cut off".to_owned(),
            JournalEnd::Done
            | JournalEnd::Failed
            | JournalEnd::Interrupted
            | JournalEnd::RolledBack
            | JournalEnd::Paused
            | JournalEnd::Waiting => last.end.to_string(),
        };
        lines.push(format!("last apply  {revision}, {}{by}: {end}", clean(&last.at)));
    }
    if !status.notes.is_empty() {
        lines.push(String::new());
        lines.extend(status.notes.iter().map(|note| format!("{warn} {note}")));
    }
    lines.join("\n") + "\n"
}
