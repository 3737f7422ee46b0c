//! Who holds a cluster's lock: one line where all hosts say the same, else one for each.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::model::lock::{Holder, LockState, OnHost};
use crate::model::name::HostName;
use crate::report::style::{Paint, Style};
use crate::report::words::{clean, count};

/// The version of this document that this cdk writes.
pub const LOCK_DOCUMENT_VERSION: u32 = 1;

/// The lock, as data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LockDocument {
    /// The format's version, [`LOCK_DOCUMENT_VERSION`].
    pub version: u32,
    /// The cluster.
    pub cluster: String,
    /// Whether a host says that somebody holds it.
    pub held: bool,
    /// Host by host.
    pub hosts: BTreeMap<HostName, HostLock>,
}

/// The lock of one host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HostLock {
    /// Whether it is held; none where nobody knows.
    pub held: Option<bool>,
    /// Who holds it, where their words can be read.
    pub holder: Option<Holder>,
    /// Why nobody knows.
    pub unknown: Option<String>,
}

/// The state as data.
pub fn document(state: &LockState) -> LockDocument {
    let host = |on_host: &OnHost| match on_host {
        OnHost::Free => HostLock {
            held: Some(false),
            holder: None,
            unknown: None,
        },
        OnHost::Held(holder) => HostLock {
            held: Some(true),
            holder: holder.clone(),
            unknown: None,
        },
        OnHost::Unknown(why) => HostLock {
            held: None,
            holder: None,
            unknown: Some(why.clone()),
        },
    };
    let hosts: BTreeMap<_, _> = state.hosts.iter().map(|(name, it)| (name.clone(), host(it))).collect();
    LockDocument {
        version: LOCK_DOCUMENT_VERSION,
        cluster: state.cluster.to_string(),
        held: hosts.values().any(|host| host.held == Some(true)),
        hosts,
    }
}

/// The state in words.
pub fn text(state: &LockState, style: Style) -> String {
    let mut groups: Vec<(&OnHost, Vec<&str>)> = Vec::new();
    for (name, on_host) in &state.hosts {
        match groups.iter_mut().find(|(same, _)| *same == on_host) {
            Some((_, names)) => names.push(name.as_str()),
            None => groups.push((on_host, vec![name.as_str()])),
        }
    }
    let all_same = groups.len() == 1;
    let lines = groups.into_iter().map(|(on_host, names)| {
        let on = match all_same {
            true => count(names.len(), "host"),
            false => names.join(", "),
        };
        let what = match on_host {
            OnHost::Free => "free".to_owned(),
            OnHost::Held(Some(holder)) => format!("held by {}", clean(&holder.to_string())),
            OnHost::Held(None) => "held by a run whose words cannot be read".to_owned(),
            OnHost::Unknown(why) => return format!("{} {on}: {}\n", style.paint(Paint::Warn, "!"), clean(why)),
        };
        format!("the lock of {} on {on}: {what}\n", state.cluster)
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_that_say_the_same_are_told_in_one_line_and_others_each() {
        let holder = Holder {
            version: 1,
            id: "a".into(),
            by: "ann@desk".into(),
            at: "2026-01-02T03:04:05Z".into(),
            pid: 7,
            build: Some("https://ci/41/".into()),
        };
        let host = |name: &str, it: &OnHost| (name.parse::<HostName>().unwrap(), it.clone());
        let held = OnHost::Held(Some(holder));
        let mut state = LockState {
            cluster: "shop".parse().unwrap(),
            hosts: [host("h1", &held), host("h2", &held)].into(),
        };
        let said = "held by ann@desk since 2026-01-02T03:04:05Z (https://ci/41/)";
        assert_eq!(
            text(&state, Style::default()),
            format!("the lock of shop on 2 hosts: {said}\n")
        );
        state
            .hosts
            .extend([host("h2", &OnHost::Free), host("h3", &OnHost::Unknown("gone".into()))]);
        let lines = format!("the lock of shop on h1: {said}\nthe lock of shop on h2: free\n! h3: gone\n");
        assert_eq!(text(&state, Style::default()), lines);
        assert_eq!(
            document(&state)
                .hosts
                .values()
                .map(|host| host.held)
                .collect::<Vec<_>>(),
            [Some(true), Some(false), None]
        );
    }
}
