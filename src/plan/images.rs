//! What a plan says of images that could not be looked up, or that lie on the hosts alone. Words only, no steps.

use std::collections::{BTreeMap, BTreeSet};

use crate::diff::Verdict;
use crate::model::host::ObservedHost;
use crate::model::image::{Digest, ImageRef, Resolution};
use crate::model::name::{HostName, ServiceName};
use crate::model::op::{ImageOp, Op};
use crate::plan::Input;
use crate::plan::step::{Note, Step};

/// Notes on images, each image once.
pub(super) fn notes(input: Input<'_>, steps: &[Step]) -> Vec<Note> {
    let services = &input.target.services;
    let mut users: BTreeMap<&ImageRef, Vec<&ServiceName>> = BTreeMap::new();
    for (name, service) in services {
        users.entry(&service.image).or_default().push(name);
    }
    let notes = users.into_iter().filter_map(|(image, users)| {
        match input.observed.images.get(&image.to_string())? {
            Resolution::Digest(_) => None,
            Resolution::Kept { digest, why } => Some(format!(
                "{image} could not be looked up again ({why}): what runs stays, and {} is used until then",
                digest.short()
            )),
            Resolution::Unknown(why) => Some(match pulling(image, steps) {
                hosts if hosts.is_empty() => format!("{image} could not be looked up ({why}): what runs stays as it is"),
                hosts => format!(
                    "{image} could not be looked up ({why}), and {} must pull it: that will fail until the registry answers",
                    list(&hosts)
                ),
            }),
            Resolution::Local => local(input, image, &users),
        }
    });
    notes.map(Note::Text).collect()
}

/// The hosts that pull an image.
fn pulling<'s>(image: &ImageRef, steps: &'s [Step]) -> BTreeSet<&'s HostName> {
    let pulls = steps.iter().filter(|step| match &step.op {
        Op::Image(ImageOp::Pull { image: pulled, .. }) => pulled == image,
        Op::Image(ImageOp::Remove { .. })
        | Op::Container(_)
        | Op::Volume(_)
        | Op::File(_)
        | Op::Network(_)
        | Op::Firewall(_)
        | Op::Address(_)
        | Op::Gate(_) => false,
    });
    pulls.map(|step| &step.host).collect()
}

/// An image that comes from no registry: whether it lacks where it is wanted, and whether it is the same everywhere.
fn local(input: Input<'_>, image: &ImageRef, users: &[&ServiceName]) -> Option<String> {
    let mut ids: BTreeMap<&String, BTreeSet<&HostName>> = BTreeMap::new();
    let mut lacking = BTreeSet::new();
    for host in input.target.hosts.keys() {
        let Some(state) = input.observed.hosts.get(host).and_then(ObservedHost::state) else {
            continue;
        };
        match state.images.iter().find(|(_, facts)| facts.is_named(image)) {
            Some((id, _)) => drop(ids.entry(id).or_default().insert(host)),
            None => drop(lacking.insert(host)),
        }
    }
    let slots = users
        .iter()
        .filter_map(|name| input.diff.services.get(*name))
        .flat_map(|service| &service.slots);
    if slots.into_iter().any(|slot| slot.verdict == Verdict::Unplaced) && !lacking.is_empty() {
        return Some(format!(
            "{image} is pulled from no registry, and lies not on {}: bring it there",
            list(&lacking)
        ));
    }
    let used = |hosts: &BTreeSet<&HostName>| {
        let slots = input
            .placement
            .slots
            .iter()
            .filter(|(slot, _)| users.contains(&&slot.service));
        slots
            .into_iter()
            .any(|(_, assignment)| hosts.contains(&assignment.host))
    };
    let used: Vec<_> = ids.iter().filter(|(_, hosts)| used(hosts)).collect();
    if used.len() < 2 {
        return None;
    }
    let each: Vec<String> = used
        .iter()
        .map(|(id, hosts)| format!("{} on {}", short(id), list(hosts)))
        .collect();
    Some(format!(
        "{image} is pulled from no registry, and is not the same on all hosts: {}",
        each.join("; ")
    ))
}

fn list(hosts: &BTreeSet<&HostName>) -> String {
    let names: Vec<&str> = hosts.iter().map(|host| host.as_str()).collect();
    names.join(", ")
}

fn short(id: &str) -> String {
    id.parse::<Digest>()
        .map_or_else(|_| id.to_owned(), |digest| digest.short().to_owned())
}
