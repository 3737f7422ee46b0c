//! What a fact expects of a plan, and what the plan says. No clusters.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;

use super::case::expand;

/// What is expected. What is not said of `unplaced`, `removed` and `moved` is: none; of the exit code: 10 where a replica fits
/// nowhere, else 0.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct Expect {
    /// The host of a replica, or those that it may be on; `web.[1-3]` is three replicas.
    on: BTreeMap<String, OneOf>,
    /// By service: replicas on each host; on those that are not named there are none.
    count: BTreeMap<String, BTreeMap<String, usize>>,
    /// By service: how many replicas hosts have that have any, whichever they are; in rising order.
    spread: BTreeMap<String, Vec<usize>>,
    /// By service and label: replicas in each group; `none` is the hosts without the label.
    groups: BTreeMap<String, BTreeMap<String, BTreeMap<String, usize>>>,
    /// Replicas that fit nowhere, and why, word by word; nothing: whatever is said.
    unplaced: BTreeMap<String, Option<String>>,
    /// Replicas that go.
    removed: BTreeSet<String>,
    /// Replicas that leave their host, and the host that they go to.
    moved: BTreeMap<String, OneOf>,
    /// What the reasons of replicas say among other things.
    why: BTreeMap<String, String>,
    /// What notes say among other things.
    notes: Vec<String>,
    exit: Option<i32>,
    /// The repository is refused, with these words among others.
    pub refused: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOf {
    One(String),
    Any(Vec<String>),
}

impl OneOf {
    fn allows(&self, host: &str) -> bool {
        match self {
            Self::One(name) => name == host,
            Self::Any(names) => names.iter().any(|name| expand(name).iter().any(|name| name == host)),
        }
    }

    fn told(&self) -> String {
        match self {
            Self::One(name) => name.clone(),
            Self::Any(names) => format!("one of {}", names.join(", ")),
        }
    }
}

/// What a plan says.
pub struct Got {
    code: Option<i32>,
    /// As the plan has it.
    pub placement: Value,
    hosts: BTreeMap<String, String>,
    slots: Vec<Slot>,
    notes: Vec<String>,
}

struct Slot {
    name: String,
    action: String,
    host: String,
    why: String,
}

impl Got {
    pub fn new(code: Option<i32>, plan: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let placement = plan["placement"].clone();
        let placed = placement.as_object().into_iter().flatten();
        let hosts = placed.map(|(slot, placed)| (slot.clone(), text(&placed["host"])));
        let services = plan["services"].as_array().into_iter().flatten();
        let slots = services.flat_map(|service| service["slots"].as_array().into_iter().flatten());
        let slots = slots.map(|slot| Slot {
            name: text(&slot["slot"]),
            action: text(&slot["action"]),
            host: text(&slot["host"]),
            why: text(&slot["why"]),
        });
        Self {
            code,
            hosts: hosts.collect(),
            slots: slots.collect(),
            notes: plan["notes"]
                .as_array()
                .into_iter()
                .flatten()
                .map(Value::to_string)
                .collect(),
            placement,
        }
    }

    fn of(&self, service: &str) -> impl Iterator<Item = &String> {
        let own = move |slot: &str| slot.rsplit_once('.').is_some_and(|(name, _)| name == service);
        self.hosts
            .iter()
            .filter(move |(slot, _)| own(slot))
            .map(|(_, host)| host)
    }

    fn does<'g>(&'g self, action: &'static str) -> impl Iterator<Item = &'g Slot> {
        self.slots.iter().filter(move |slot| slot.action == action)
    }

    /// The replicas that are not left where they are.
    pub fn moving(&self) -> impl Iterator<Item = String> {
        let still = ["keep", "unplaced", "unknown"];
        let moving = self
            .slots
            .iter()
            .filter(move |slot| !still.contains(&slot.action.as_str()));
        moving.map(|slot| format!("{} ({} on {})", slot.name, slot.action, slot.host))
    }
}

/// What is counted, and how often.
fn tally<T: Ord>(all: impl Iterator<Item = T>) -> BTreeMap<T, usize> {
    let mut counts = BTreeMap::new();
    for one in all {
        *counts.entry(one).or_default() += 1;
    }
    counts
}

impl Expect {
    /// Where a plan is not as expected; `labels` are the hosts'.
    pub fn compare(&self, got: &Got, labels: &BTreeMap<String, BTreeMap<String, String>>) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut same = |what: &str, got: String, wanted: String| {
            if got != wanted {
                wrong.push(format!("{what}{got}, not {wanted}"));
            }
        };
        let exit = self.exit.unwrap_or(if self.unplaced.is_empty() { 0 } else { 10 });
        same("exit ", format!("{}", got.code.unwrap_or(-1)), format!("{exit}"));
        for (service, wanted) in &self.count {
            let wanted = wanted
                .iter()
                .flat_map(|(hosts, count)| expand(hosts).into_iter().map(|host| (host, *count)));
            let wanted: BTreeMap<String, usize> = wanted.filter(|(_, count)| *count > 0).collect();
            let found: BTreeMap<String, usize> = tally(got.of(service).cloned());
            same(&format!("{service}: "), format!("{found:?}"), format!("{wanted:?}"));
        }
        for (service, wanted) in &self.spread {
            let mut found: Vec<usize> = tally(got.of(service)).into_values().collect();
            found.sort_unstable();
            same(&format!("{service}: "), format!("{found:?}"), format!("{wanted:?}"));
        }
        for (service, by_label) in &self.groups {
            for (label, wanted) in by_label {
                let group = |host: &String| labels.get(host)?.get(label).cloned();
                let found = tally(
                    got.of(service)
                        .map(|host| group(host).unwrap_or_else(|| "none".to_owned())),
                );
                same(
                    &format!("{service} by {label}: "),
                    format!("{found:?}"),
                    format!("{wanted:?}"),
                );
            }
        }
        let unplaced: BTreeMap<&str, &str> = got.does("unplaced").map(|slot| (&*slot.name, &*slot.why)).collect();
        let said = |slot: &str| unplaced.get(slot).map(ToString::to_string).unwrap_or_default();
        let expected = self.unplaced.iter();
        let expected: BTreeMap<&String, String> = expected
            .map(|(slot, why)| (slot, why.clone().unwrap_or_else(|| said(slot))))
            .collect();
        same("unplaced: ", format!("{unplaced:?}"), format!("{expected:?}"));
        let removed: BTreeSet<&str> = got.does("remove").map(|slot| &*slot.name).collect();
        same("removed: ", format!("{removed:?}"), format!("{:?}", self.removed));
        let moved: BTreeMap<&str, &str> = got.does("move").map(|slot| (&*slot.name, &*slot.host)).collect();
        let allowed = moved.len() == self.moved.len()
            && self
                .moved
                .iter()
                .all(|(slot, hosts)| moved.get(&**slot).is_some_and(|host| hosts.allows(host)));
        if !allowed {
            let wanted: BTreeMap<&String, String> =
                self.moved.iter().map(|(slot, hosts)| (slot, hosts.told())).collect();
            same("moved: ", format!("{moved:?}"), format!("{wanted:?}"));
        }
        wrong.extend(self.places(got));
        wrong.extend(self.words(got));
        wrong
    }

    fn places(&self, got: &Got) -> Vec<String> {
        let slots = self
            .on
            .iter()
            .flat_map(|(slots, hosts)| expand(slots).into_iter().map(move |slot| (slot, hosts)));
        let wrong = slots.filter_map(|(slot, hosts)| match got.hosts.get(&slot) {
            Some(host) if hosts.allows(host) => None,
            Some(host) => Some(format!("{slot} is on {host}, not on {}", hosts.told())),
            None => Some(format!("{slot} is nowhere, not on {}", hosts.told())),
        });
        wrong.collect()
    }

    fn words(&self, got: &Got) -> Vec<String> {
        let mut wrong = Vec::new();
        for (slot, part) in &self.why {
            let why = got
                .slots
                .iter()
                .find(|one| one.name == *slot)
                .map(|one| one.why.as_str());
            if !why.is_some_and(|why| why.contains(part)) {
                wrong.push(format!("{slot} is there because {why:?}, not because {part:?}"));
            }
        }
        for part in &self.notes {
            if !got.notes.iter().any(|note| note.contains(part)) {
                wrong.push(format!("no note says {part}: {:?}", got.notes));
            }
        }
        if self.refused.is_some() {
            wrong.push("it was not refused".to_owned());
        }
        wrong
    }
}
