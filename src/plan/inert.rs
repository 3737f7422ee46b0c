//! What a plan says of keys that have no effect on a host. Words only, no steps.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::host::ObservedHost;
use crate::model::name::HostName;
use crate::model::runtime::is_default;
use crate::plan::Input;
use crate::plan::step::Note;

/// Keys that a host's engine or kernel leaves out: they are accepted there without effect.
pub(super) fn without_effect(input: Input<'_>) -> Vec<Note> {
    let Input {
        target,
        placement,
        observed,
        diff: _,
    } = input;
    let mut all: BTreeMap<(&str, &str), BTreeSet<&HostName>> = BTreeMap::new();
    let facts = |host| {
        let state = observed.hosts.get(host).and_then(ObservedHost::state)?;
        let minor = state.facts.api.strip_prefix("1.").map(str::parse::<u32>);
        let is_old = minor.and_then(Result::ok).is_some_and(|minor| minor < 44);
        Some((is_old, state.facts.cgroups == "2"))
    };
    let facts: BTreeMap<&HostName, (bool, bool)> = target
        .hosts
        .keys()
        .filter_map(|host| Some((host, facts(host)?)))
        .collect();
    let mut last = None;
    for (slot, spec) in &target.containers {
        let spec = spec.common();
        // The same as the last one, which asked for none of these.
        if last.is_some_and(|last| std::ptr::eq(last, spec)) {
            continue;
        }
        let checked = spec.healthcheck.as_ref();
        let starts = checked.is_some_and(|check| !is_default(&check.start_interval));
        let keys = [
            ("healthcheck.start_interval", OLD, starts),
            ("annotations", OLD, !spec.runtime.annotations.is_empty()),
            ("mem_swappiness", V2, spec.runtime.mem_swappiness.is_some()),
            ("oom_kill_disable", V2, spec.runtime.oom_kill_disable),
        ];
        last = keys.iter().all(|(_, _, is_asked)| !is_asked).then_some(spec);
        for (key, why, _) in keys.into_iter().filter(|(_, _, is_asked)| *is_asked) {
            let host = placement.slots.get(slot).map(|assignment| &assignment.host);
            let Some((host, (is_old, is_v2))) = host.and_then(|host| facts.get_key_value(host)) else {
                continue;
            };
            if (why == OLD && *is_old) || (why == V2 && *is_v2) {
                all.entry((key, why)).or_default().insert(*host);
            }
        }
    }
    let note = |((key, why), hosts): ((&str, &str), BTreeSet<&HostName>)| {
        let hosts: Vec<&str> = hosts.into_iter().map(HostName::as_str).collect();
        Note::Text(format!("`{key}` has no effect on {}: {why}", hosts.join(", ")))
    };
    all.into_iter().map(note).collect()
}

const OLD: &str = "engines before 25 know nothing of it";
const V2: &str = "control groups of version 2 have nothing of the kind";
