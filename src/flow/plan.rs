//! Composes the pure floors: what git wants and what is live, to a plan.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::diff::{Diff, diff};
use crate::flow::failure::Failure;
use crate::flow::{Seen, Settings};
use crate::model::host::ObservedHost;
use crate::model::problem::Rejected;
use crate::observe::Observed;
use crate::place::place;
use crate::plan::step::{Note, Plan};
use crate::plan::{Input, plan};
use crate::render::network::clashes;
use crate::render::render;
use crate::resolve::desired::Desired;
use crate::scale::counts;

/// A plan, and what it was made from.
#[derive(Debug)]
pub struct Planned {
    /// What git wants.
    pub desired: Desired,
    /// What is live.
    pub observed: Observed,
    /// What apply would do.
    pub plan: Plan,
    /// How long the hosts took to say what is live.
    pub took: Duration,
}

/// The plan for what was seen, narrowed to the hosts and services that the caller names; `notes` are told with it.
///
/// # Errors
/// Where a named host does not answer, or a per-replica template does not render.
pub fn plan_from(settings: &Settings, seen: Seen, notes: Vec<String>) -> Result<Planned, Failure> {
    let Seen {
        desired,
        observed,
        took,
    } = seen;
    for name in &settings.hosts {
        if let Some(ObservedHost::Unreachable(why)) = observed.hosts.get(name) {
            return Err(Failure::Unreachable(format!("{name} is unreachable: {why}")));
        }
    }
    let counts = counts(&desired, &observed);
    let placement = place(&desired, &observed, &counts);
    let target = render(&desired, &placement).map_err(|problems| Rejected {
        problems,
        texts: BTreeMap::new(),
    })?;
    let clashes = clashes(&target, &observed);
    if !clashes.is_empty() {
        return Err(Rejected {
            problems: clashes,
            texts: BTreeMap::new(),
        }
        .into());
    }
    let mut difference = diff(&target, &placement, &observed);
    narrow(settings, &mut difference);
    let mut plan = plan(Input {
        target: &target,
        placement: &placement,
        observed: &observed,
        diff: &difference,
    });
    plan.notes.extend(notes.into_iter().map(Note::Text));
    Ok(Planned {
        desired,
        observed,
        plan,
        took,
    })
}

/// Takes out what happens elsewhere than on the hosts and to the services that the caller names.
fn narrow(settings: &Settings, difference: &mut Diff<'_>) {
    if !settings.services.is_empty() {
        difference.services.retain(|name, _| settings.services.contains(name));
        // They are others' too.
        difference.networks.clear();
    }
    if !settings.hosts.is_empty() {
        difference.networks.retain(|it| settings.hosts.contains(&it.host));
        for service in difference.services.values_mut() {
            service.slots.retain(|slot| {
                // A move has two ends, and is done whole or not at all.
                let ends = slot.host.iter().chain(&slot.from);
                ends.clone().count() > 0 && ends.clone().all(|host| settings.hosts.contains(host))
            });
        }
    }
}
