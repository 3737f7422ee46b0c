//! A plan as a person reads it, and as data. What it says is the plan's alone.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::model::container::{ContainerState, Health};
use crate::plan::step::{Action, FieldChange, Note, PLAN_VERSION, Plan, PlanDocument, ServiceChange, SlotChange, Step};
use crate::report::column::column;
use crate::report::fields;
use crate::report::json;
use crate::report::network;
use crate::report::style::{Paint, Style, rune};
use crate::report::summary::{counts, note, summary, tally};
use crate::report::tidy;
use crate::report::words::{HOSTS_NAMED, clean, count, time};
use crate::report::{address, firewall};

/// The plan as text. `hosts` were asked, which took `observed_in`; zero where a saved observation was used.
pub fn text(plan: &Plan, hosts: usize, observed_in: Duration, style: Style) -> String {
    let mut page = Page {
        out: String::new(),
        column: column(plan),
        style,
    };
    page.header(plan, hosts, observed_in);
    let (same, changed): (Vec<_>, Vec<_>) = plan.services.iter().partition(|change| is_same(change));
    changed.into_iter().for_each(|change| page.service(change));
    page.networks(plan);
    page.firewalls(plan);
    page.addresses(plan);
    page.tidy(plan);
    tidy::leftovers(plan, acts)
        .into_iter()
        .for_each(|step| page.leftover(step));
    same.into_iter().for_each(|change| page.same(change));
    page.notes(&plan.notes);
    page.gap();
    page.line(&summary(plan, style));
    if style.verbose && !plan.is_empty() {
        page.gap();
        page.steps(plan);
    }
    page.out
}

/// The plan as versioned data, in its envelope; `at` is RFC 3339 in UTC.
pub fn document(plan: Plan, at: String) -> PlanDocument {
    PlanDocument {
        version: PLAN_VERSION,
        at,
        counts: counts(&plan),
        plan,
    }
}

/// The document as JSON text.
///
/// # Errors
/// Where a value does not fit into JSON.
pub fn json(document: &PlanDocument) -> Result<String, serde_json::Error> {
    json::pretty(document)
}

fn acts(action: Action) -> bool {
    match action {
        Action::Create
        | Action::Update
        | Action::Start
        | Action::Replace
        | Action::Move
        | Action::Run
        | Action::Remove => true,
        Action::Keep | Action::Unknown | Action::Unplaced | Action::Wait | Action::Hold => false,
    }
}

fn is_same(change: &ServiceChange) -> bool {
    change
        .slots
        .iter()
        .all(|slot| matches!(slot.action, Action::Keep | Action::Unknown))
}

/// Whether a replica stays as it is, though a person should look at it: one that is unhealthy, say.
fn is_odd(slot: &SlotChange) -> bool {
    let well = match &slot.state {
        None => true,
        Some(state) => match state {
            ContainerState::Running { health } => matches!(health, None | Some(Health::Healthy)),
            ContainerState::Created
            | ContainerState::Paused
            | ContainerState::Restarting
            | ContainerState::Exited { .. }
            | ContainerState::Dead => false,
        },
    };
    slot.action == Action::Keep && !well
}

struct Page {
    out: String,
    column: usize,
    style: Style,
}

impl Page {
    fn line(&mut self, line: &str) {
        self.out.push_str(line.trim_end());
        self.out.push('\n');
    }

    /// One empty line, and no second.
    fn gap(&mut self) {
        if !self.out.ends_with("\n\n") {
            self.out.push('\n');
        }
    }

    /// A rune, a name, and what is said of it in the column beside.
    fn row(&mut self, indent: usize, action: Action, name: &str, said: &str) {
        let (rune, paint) = rune(action);
        let space = self.column.saturating_sub(indent + 2 + name.chars().count()).max(2);
        let painted = self.style.paint(paint, rune);
        self.line(&format!("{:indent$}{painted} {name}{:space$}{said}", "", ""));
    }

    fn header(&mut self, plan: &Plan, hosts: usize, observed_in: Duration) {
        let cluster = self.style.paint(Paint::Strong, plan.cluster.as_str());
        let mut line = format!("cluster {cluster} · {} · {}", plan.revision, count(hosts, "host"));
        if !observed_in.is_zero() {
            line.push_str(&format!(" · observed in {}", time(observed_in)));
        }
        if !plan.scope.is_whole() {
            line.push_str(&format!(" · {}", plan.scope));
        }
        self.line(&line);
        self.gap();
    }

    fn networks(&mut self, plan: &Plan) {
        for it in network::lines(plan) {
            self.row(0, it.action, it.network, &it.said);
            self.fields(4, it.fields);
        }
    }

    fn firewalls(&mut self, plan: &Plan) {
        for it in firewall::lines(plan) {
            self.row(0, it.action, "firewall", &it.said);
            for (action, said) in it.rules {
                let (rune, paint) = rune(action);
                let line = format!("    {} {said}", self.style.paint(paint, rune));
                self.line(&line);
            }
        }
    }

    fn addresses(&mut self, plan: &Plan) {
        for it in address::lines(plan) {
            self.row(0, it.action, &it.address, &it.said);
        }
    }

    fn tidy(&mut self, plan: &Plan) {
        if let Some(said) = tidy::line(plan) {
            self.row(0, Action::Remove, "old versions", &said);
        }
    }

    /// A service that nothing happens to; what is not well stands below it.
    fn same(&mut self, change: &ServiceChange) {
        let said = stays(&change.slots);
        let kept = change.slots.iter().any(|slot| slot.action == Action::Keep);
        let action = if kept || said.is_empty() {
            Action::Keep
        } else {
            Action::Unknown
        };
        let said = if said.is_empty() {
            "no replicas wanted".to_owned()
        } else {
            said.join(", ")
        };
        self.row(0, action, change.service.as_str(), &said);
        self.slots(change, is_odd);
    }

    fn service(&mut self, change: &ServiceChange) {
        let all = |action: Action| change.slots.iter().all(|slot| slot.action == action);
        let is_new = change.slots.iter().any(|slot| slot.action == Action::Create)
            && change
                .slots
                .iter()
                .all(|slot| matches!(slot.action, Action::Create | Action::Unplaced));
        let first_why = change.slots.first().map(|slot| &*slot.why).unwrap_or_default();
        let name = change.service.as_str();
        if is_new {
            self.row(0, Action::Create, name, &new_replicas(&change.slots));
        } else if all(Action::Remove) && change.slots.iter().all(|slot| slot.why == first_why) {
            let said = format!("{} removed{}", count(change.slots.len(), "replica"), because(first_why));
            self.row(0, Action::Remove, name, &said);
        } else {
            self.changed(change);
            return;
        }
        let verbose = self.style.verbose;
        self.slots(change, |slot| verbose || slot.action == Action::Unplaced);
    }

    fn changed(&mut self, change: &ServiceChange) {
        let mut counts = BTreeMap::new();
        for slot in &change.slots {
            *counts.entry(slot.action).or_default() += 1;
        }
        let said = if change.how.is_empty() {
            tally(&counts)
        } else {
            change.how.clone()
        };
        let acting = change.slots.iter().any(|slot| acts(slot.action));
        let action = if acting { Action::Replace } else { Action::Unplaced };
        self.row(0, action, change.service.as_str(), &said);
        self.fields(4, &change.fields);
        self.slots(change, |slot| {
            acts(slot.action) || matches!(slot.action, Action::Unplaced | Action::Wait | Action::Hold) || is_odd(slot)
        });
        let rest: Vec<SlotChange> = change.slots.iter().filter(|slot| !is_odd(slot)).cloned().collect();
        for said in stays(&rest) {
            self.row(4, Action::Keep, &said, "");
        }
    }

    fn slots(&mut self, change: &ServiceChange, shown: impl Fn(&SlotChange) -> bool) {
        let slots: Vec<&SlotChange> = change.slots.iter().filter(|slot| shown(slot)).collect();
        let hosts = slots
            .iter()
            .filter(|slot| slot.from.is_none())
            .filter_map(|slot| slot.host.as_ref());
        let width = hosts.map(|host| host.as_str().len()).max().unwrap_or(0);
        let alike = |a: &&SlotChange, b: &&SlotChange| {
            let unplaced = a.action == Action::Unplaced && b.action == Action::Unplaced;
            unplaced && a.host == b.host && a.why == b.why
        };
        for group in slots.chunk_by(alike) {
            let Some(slot) = group.first() else { continue };
            let host = slot.host.as_ref().map_or("", |host| host.as_str());
            let words = self.words(slot, !change.fields.is_empty());
            let said = match &slot.from {
                Some(from) => format!("{from} → {host}   {words}"),
                None if host.is_empty() => words,
                None => format!("{host:<width$}   {words}"),
            };
            let name = match group.len() {
                1 => slot.slot.to_string(),
                number => format!("{} and {} more", slot.slot, number - 1),
            };
            self.row(4, slot.action, &name, &said);
            self.fields(8, &slot.fields);
        }
    }

    /// What happens to a replica. Where fields say why, the reason is left to `-v`.
    fn words(&self, slot: &SlotChange, service_fields: bool) -> String {
        let explained = (service_fields || !slot.fields.is_empty()) && !self.style.verbose;
        let unless_explained = if explained { String::new() } else { because(&slot.why) };
        match slot.action {
            Action::Keep => clean(&slot.why),
            Action::Create => format!("new{}", because(&slot.why)),
            Action::Update if slot.why.starts_with("reload (") => clean(&slot.why),
            Action::Update => format!("update in place{unless_explained}"),
            Action::Start => format!("start{}", because(&slot.why)),
            Action::Replace => format!("replace{unless_explained}"),
            Action::Move if slot.why.is_empty() => "move".to_owned(),
            Action::Move => clean(&slot.why),
            Action::Remove => format!("remove{}", because(&slot.why)),
            Action::Unknown => format!("unknown{}", because(&slot.why)),
            Action::Run => format!("run{}", because(&slot.why)),
            Action::Unplaced => format!("fits nowhere{}", because(&slot.why)),
            Action::Wait => "stays as it is".to_owned(),
            Action::Hold => "held".to_owned(),
        }
    }

    fn fields(&mut self, indent: usize, changes: &[FieldChange]) {
        for it in fields::lines(changes, self.style) {
            let space = self.column.saturating_sub(indent + it.field.chars().count()).max(2);
            self.line(&format!("{:indent$}{}{:space$}{}", "", it.field, "", it.beside));
            for line in it.below {
                self.line(&format!("{:indent$}    {line}", ""));
            }
        }
    }

    fn leftover(&mut self, step: &Step) {
        let said = format!("{}{}", step.op, because(&step.why));
        self.row(0, Action::Replace, step.host.as_str(), &said);
    }

    /// What a person should know; replicas that fit nowhere stand below their services already.
    fn notes(&mut self, notes: &[Note]) {
        let told = |note: &&Note| match note {
            Note::Unplaced { .. } => false,
            Note::Unreachable { .. }
            | Note::Waits { .. }
            | Note::Halted { .. }
            | Note::Differs { .. }
            | Note::Interrupted { .. }
            | Note::NotInForce { .. }
            | Note::Text(_)
            | Note::Refused(_) => true,
        };
        let (rune, paint) = rune(Action::Unknown);
        for (index, it) in notes.iter().filter(told).enumerate() {
            if index == 0 {
                self.gap();
            }
            let line = format!("{} {}", self.style.paint(paint, rune), note(it));
            self.line(&line);
        }
    }

    fn steps(&mut self, plan: &Plan) {
        self.line(&self.style.paint(Paint::Strong, "Steps:"));
        let number = plan.steps.len().to_string().len();
        let host = plan
            .steps
            .iter()
            .map(|step| step.host.as_str().len())
            .max()
            .unwrap_or(0);
        let op = plan
            .steps
            .iter()
            .map(|step| step.op.to_string().chars().count())
            .max()
            .unwrap_or(0)
            .min(60);
        for step in &plan.steps {
            let mut before: Vec<_> = step.after.iter().chain(&step.settled).collect();
            before.sort();
            let after = match before.is_empty() {
                true => String::new(),
                false => format!(
                    "after {}",
                    before.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
                ),
            };
            let said = [clean(&step.why), after].into_iter().filter(|part| !part.is_empty());
            let said = said.collect::<Vec<_>>().join("; ");
            self.line(&format!(
                "  {:>number$}  {:<host$}  {:<op$}  {said}",
                step.id.0,
                step.host,
                step.op.to_string()
            ));
        }
    }
}

/// The replicas that nothing happens to, in counts: those as they should be, those not well, those that nobody knows of.
fn stays(slots: &[SlotChange]) -> Vec<String> {
    let number = |wanted: &dyn Fn(&SlotChange) -> bool| slots.iter().filter(|slot| wanted(slot)).count();
    let kept = number(&|slot| slot.action == Action::Keep && !is_odd(slot));
    let odd = number(&is_odd);
    let unknown = number(&|slot| slot.action == Action::Unknown);
    let as_it_is = if kept == 1 {
        "as it should be"
    } else {
        "as they should be"
    };
    let said = [(kept, as_it_is), (odd, "not well"), (unknown, "unknown")];
    let said = said.into_iter().filter(|(number, _)| *number > 0);
    said.map(|(number, words)| format!("{} {words}", count(number, "replica")))
        .collect()
}

fn because(why: &str) -> String {
    if why.is_empty() {
        String::new()
    } else {
        format!(": {}", clean(why))
    }
}

fn new_replicas(slots: &[SlotChange]) -> String {
    let created = slots.iter().filter(|slot| slot.action == Action::Create);
    let hosts: BTreeSet<&str> = created
        .clone()
        .filter_map(|slot| Some(slot.host.as_ref()?.as_str()))
        .collect();
    let on = match hosts.len() {
        0 => String::new(),
        1..=HOSTS_NAMED => format!(" on {}", hosts.into_iter().collect::<Vec<_>>().join(", ")),
        number => format!(" on {number} hosts"),
    };
    format!("{}{on}", count(created.count(), "replica"))
}
