//! What goes of earlier versions, as a line of a plan; and what applies that were cut off left behind.

use std::collections::BTreeSet;

use crate::model::op::{ImageOp, Op};
use crate::plan::step::{Action, Plan, Step};
use crate::report::words::{HOSTS_NAMED, clean, count};

/// How many images and files go, from which hosts, and why; none where nothing does.
pub fn line(plan: &Plan) -> Option<String> {
    let steps: Vec<&Step> = plan.tidy.iter().filter_map(|id| plan.step(*id)).collect();
    let first = steps.first()?;
    let is_image = |step: &&&Step| matches!(step.op, Op::Image(ImageOp::Remove { .. }));
    let images = steps.iter().filter(is_image).count();
    let parts = [(images, "image"), (steps.len() - images, "file")];
    let parts = parts.into_iter().filter(|(number, _)| *number > 0);
    let what: Vec<String> = parts.map(|(number, noun)| count(number, noun)).collect();
    let hosts: BTreeSet<&str> = steps.iter().map(|step| step.host.as_str()).collect();
    let hosts = match hosts.len() {
        1..=HOSTS_NAMED => hosts.into_iter().collect::<Vec<_>>().join(", "),
        number => count(number, "host"),
    };
    Some(format!(
        "{} removed from {hosts}: {}",
        what.join(" and "),
        clean(&first.why)
    ))
}

/// Work on containers that belongs to no replica which changes: what an apply that was cut off left behind.
pub fn leftovers(plan: &Plan, acts: impl Fn(Action) -> bool) -> Vec<&Step> {
    let slots = plan
        .services
        .iter()
        .flat_map(|change| &change.slots)
        .filter(|slot| acts(slot.action));
    let changing: BTreeSet<_> = slots.map(|slot| &slot.slot).collect();
    let is_left = |step: &&Step| {
        let on_container = match step.op {
            Op::Container(_) => true,
            Op::Image(_)
            | Op::Volume(_)
            | Op::File(_)
            | Op::Network(_)
            | Op::Firewall(_)
            | Op::Address(_)
            | Op::Gate(_) => false,
        };
        on_container && step.slot.as_ref().is_none_or(|slot| !changing.contains(slot))
    };
    plan.steps.iter().filter(is_left).collect()
}
