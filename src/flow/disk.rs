//! Whether what a plan pulls fits onto the hosts' disks. Only hosts that pull are asked, and what nobody knows is no obstacle.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;

use crate::host::Hosts;
use crate::model::host::{HostState, ObservedHost};
use crate::model::image::{Digest, ImageFacts, ImageRef, short_name};
use crate::model::name::HostName;
use crate::model::op::{ImageOp, Op};
use crate::model::unit::Bytes;
use crate::observe::Observed;
use crate::plan::guard::{Guard, GuardKind};
use crate::plan::step::{Note, Plan};
use crate::report::words::size;

/// With less than this an engine comes to grief whatever the image.
const LEAST: Bytes = Bytes(64 << 20);

/// What one host pulls.
type Pulls<'p> = BTreeSet<(&'p ImageRef, Option<&'p Digest>)>;

fn pulls(plan: &Plan) -> BTreeMap<&HostName, Pulls<'_>> {
    let mut all: BTreeMap<&HostName, Pulls<'_>> = BTreeMap::new();
    for step in &plan.steps {
        if let Op::Image(ImageOp::Pull { image, digest }) = &step.op {
            all.entry(&step.host).or_default().insert((image, digest.as_ref()));
        }
    }
    all
}

/// Asks the hosts that pull what is free there. One that does not tell is left without.
pub async fn ask(plan: &Plan, observed: &mut Observed, links: &Hosts) {
    let asked = pulls(plan).into_keys().filter_map(|name| {
        let root = &observed.hosts.get(name)?.state()?.facts.root;
        let host = links.get(name)?.as_ref().ok()?;
        Some(async move { (name, host.free_disk(root).await.ok().flatten()) })
    });
    for (name, free) in join_all(asked).await {
        if let Some(state) = observed.hosts.get_mut(name).and_then(ObservedHost::state_mut) {
            state.free_disk = free;
        }
    }
}

/// Refuses the pulls that can't fit, one note for each host.
pub fn notes(plan: &Plan, observed: &Observed) -> Vec<Note> {
    let refused = pulls(plan).into_iter().filter_map(|(name, pulls)| {
        let state = observed.hosts.get(name)?.state()?;
        let free = state.free_disk?;
        let needs: u64 = pulls.iter().filter_map(|(image, digest)| needs(image, *digest, state, observed)).sum();
        if free >= LEAST && free.0 >= needs {
            return None;
        }
        let images: Vec<String> = pulls.iter().map(|(image, _)| image.to_string()).collect();
        let about = if needs > 0 {
            format!(", which takes about {}", size(needs))
        } else {
            String::new()
        };
        let free = size(free.0);
        Some(Note::Refused(Guard {
            kind: GuardKind::Disk,
            why: format!("{name} has {free} of disk left, and has to pull {}{about}", images.join(", ")),
            cure: "free some there (`docker image prune` takes what nothing uses), or let it keep less with `cluster.keep`"
                .to_owned(),
        }))
    });
    refused.collect()
}

/// What an image takes on a host, in bytes: what it takes on another, or what the newest of its repository does. Where the host has one
/// of that repository nobody can tell: most of it may lie there already.
fn needs(image: &ImageRef, digest: Option<&Digest>, host: &HostState, observed: &Observed) -> Option<u64> {
    let name = short_name(image.name());
    let is_kin = |facts: &&ImageFacts| {
        let pinned = facts.digests.iter().filter_map(|text| text.split_once('@'));
        let tagged = facts.tags.iter().filter_map(|text| text.rsplit_once(':'));
        pinned.chain(tagged).any(|(of, _)| short_name(of) == name)
    };
    if host.images.values().any(|facts| is_kin(&facts)) {
        return None;
    }
    let states = || observed.hosts.values().filter_map(ObservedHost::state);
    let lying = || {
        states()
            .flat_map(|state| state.images.values())
            .filter(|facts| facts.size.0 > 0)
    };
    let same = lying().find(|facts| digest.is_some_and(|digest| facts.has_digest(digest)));
    let newest = || lying().filter(is_kin).max_by_key(|facts| facts.created);
    same.or_else(newest).map(|facts| facts.size.0)
}
