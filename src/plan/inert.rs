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
        ..
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
    for (slot, spec) in &target.containers {
        let spec = spec.common();
        let checked = spec.healthcheck.as_ref();
        let starts = checked.is_some_and(|check| !is_default(&check.start_interval));
        let annotates = !spec.runtime.annotations.is_empty();
        let (swaps, lives) = (spec.runtime.mem_swappiness.is_some(), spec.runtime.oom_kill_disable);
        // Nearly none asks for any of them: then its host need not be looked up.
        if !(starts || annotates || swaps || lives) {
            continue;
        }
        let host = placement.slots.get(slot).map(|assignment| &assignment.host);
        let Some((host, (is_old, is_v2))) = host.and_then(|host| facts.get_key_value(host)) else {
            continue;
        };
        let keys = [
            ("healthcheck.start_interval", OLD, *is_old && starts),
            ("annotations", OLD, *is_old && annotates),
            ("mem_swappiness", V2, *is_v2 && swaps),
            ("oom_kill_disable", V2, *is_v2 && lives),
        ];
        for (key, why, _) in keys.into_iter().filter(|(_, _, applies)| *applies) {
            all.entry((key, why)).or_default().insert(*host);
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
