//! What happens to networks, as lines of a plan: alike changes of several hosts in one.

use std::collections::BTreeMap;

use crate::plan::change::NetworkChange;
use crate::plan::step::{Action, FieldChange, Plan};
use crate::report::words::{clean, count, named};

/// Changes that are alike.
pub struct Line<'a> {
    /// What happens.
    pub action: Action,
    /// The network's name on the hosts.
    pub network: &'a str,
    /// What is said of it.
    pub said: String,
    /// What differs.
    pub fields: &'a [FieldChange],
}

/// The lines for a plan's networks, by name.
pub fn lines(plan: &Plan) -> Vec<Line<'_>> {
    let mut alike: BTreeMap<(&str, Action, &[FieldChange]), Vec<&NetworkChange>> = BTreeMap::new();
    for change in &plan.networks {
        let key = (change.network.as_str(), change.action, change.fields.as_slice());
        alike.entry(key).or_default().push(change);
    }
    alike.into_iter().map(|(key, changes)| line(key, &changes)).collect()
}

fn line<'a>((network, action, fields): (&'a str, Action, &'a [FieldChange]), changes: &[&NetworkChange]) -> Line<'a> {
    let mut hosts: Vec<&str> = changes.iter().map(|change| change.host.as_str()).collect();
    hosts.dedup();
    let on = named(&hosts);
    let why = changes.first().map(|change| clean(&change.why)).unwrap_or_default();
    let said = match action {
        Action::Create => format!("network on {on}"),
        Action::Remove => format!("network removed from {on}: {why}"),
        Action::Replace
        | Action::Keep
        | Action::Update
        | Action::Start
        | Action::Move
        | Action::Run
        | Action::Wait
        | Action::Hold
        | Action::Unknown
        | Action::Unplaced => format!("network on {on} made anew; its containers are attached again as they run"),
    };
    Line {
        action,
        network,
        said,
        fields,
    }
}

/// How many networks change, in words; empty where none does.
pub fn tally(plan: &Plan) -> String {
    match plan.networks.len() {
        0 => String::new(),
        number => format!("{} to change", count(number, "network")),
    }
}
