//! What happens to firewalls, as lines of a plan: alike changes of several hosts in one, rule by rule.

use std::collections::BTreeMap;

use crate::plan::change::FirewallDiff;
use crate::plan::step::{Action, FieldChange, Plan};
use crate::report::words::{clean, count, named};

/// Changes that are alike.
pub struct Line {
    /// What happens.
    pub action: Action,
    /// What is said of it.
    pub said: String,
    /// The rules that come, go, and change, each with its sign.
    pub rules: Vec<(Action, String)>,
}

/// The lines for a plan's firewalls.
pub fn lines(plan: &Plan) -> Vec<Line> {
    let mut alike: BTreeMap<(Action, &[FieldChange], &str), Vec<&FirewallDiff>> = BTreeMap::new();
    for change in &plan.firewalls {
        let key = (change.action, change.fields.as_slice(), change.why.as_str());
        alike.entry(key).or_default().push(change);
    }
    alike.into_iter().map(|(key, changes)| line(key, &changes)).collect()
}

fn line((action, fields, why): (Action, &[FieldChange], &str), changes: &[&FirewallDiff]) -> Line {
    let hosts: Vec<&str> = changes.iter().map(|change| change.host.as_str()).collect();
    let on = named(&hosts);
    let rules: Vec<(Action, String)> = fields.iter().map(rule).collect();
    let of = |action: Action| {
        fields
            .iter()
            .filter(|field| field.field == "rules" && sign(field) == action)
            .count()
    };
    let counts = [
        ("+", of(Action::Create)),
        ("−", of(Action::Remove)),
        ("~", of(Action::Replace)),
    ];
    let counts: Vec<String> = counts
        .iter()
        .filter(|(_, number)| *number > 0)
        .map(|(sign, number)| format!("{sign}{number}"))
        .collect();
    let mut said = match action {
        Action::Remove => format!("removed from {on}: git has no rules any more"),
        _ if counts.is_empty() => on,
        _ => format!("{on}: {} rules", counts.join(" ")),
    };
    if !why.is_empty() {
        said = format!("{said}; {}", clean(why));
    }
    Line { action, said, rules }
}

/// Whether an entry comes, goes or changes.
fn sign(field: &FieldChange) -> Action {
    match (&field.old, &field.new) {
        (None, _) => Action::Create,
        (Some(_), None) => Action::Remove,
        (Some(_), Some(_)) => Action::Replace,
    }
}

fn rule(field: &FieldChange) -> (Action, String) {
    let name = match (field.field.as_str(), &field.key) {
        ("rules", Some(name)) => clean(name),
        ("rules", None) => "the rules' order".to_owned(),
        (field, _) => field.to_owned(),
    };
    let value = |text: &Option<String>| text.as_deref().map(clean).unwrap_or_default();
    let said = match (&field.old, &field.new) {
        (Some(_), Some(_)) => format!("{} → {}", value(&field.old), value(&field.new)),
        (None, new) => value(new),
        (old, None) => value(old),
    };
    (sign(field), format!("{name}  {said}"))
}

/// How many firewalls change, in words; empty where none does.
pub fn tally(number: usize) -> String {
    match number {
        0 => String::new(),
        number => format!("{} to change", count(number, "firewall")),
    }
}
