//! What a wanted image stands for: a digest that was recorded, one that its registry names, or what lies on the hosts.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt as _, stream};

use crate::host::{Credentials, Host, HostError, Hosts};
use crate::model::host::{HostState, ObservedHost};
use crate::model::image::{Digest, ImageRef, Resolution};
use crate::model::journal::JournalRecord;
use crate::model::name::HostName;

/// How many hosts are asked for one image before the registry counts as out of reach.
const ASKED: usize = 3;

/// Docker Hub, as credentials name it; images do not.
const HUB: &str = "docker.io";

/// Resolves each wanted reference, by its text.
///
/// A tag is resolved once: what the live containers or the journal recorded for the same reference stays, also when
/// the tag was pushed again since.
pub async fn resolve(
    hosts: &Hosts,
    seen: &BTreeMap<HostName, ObservedHost>,
    wanted: &BTreeSet<ImageRef>,
    credentials: &BTreeMap<String, Credentials>,
    parallel: usize,
) -> BTreeMap<String, Resolution> {
    let states: Vec<&HostState> = seen.values().filter_map(ObservedHost::state).collect();
    let answering: Vec<&dyn Host> = seen
        .iter()
        .filter(|(_, host)| host.state().is_some())
        .filter_map(|(name, _)| Some(hosts.get(name)?.as_ref().ok()?.as_ref()))
        .collect();
    let (states, answering) = (&states, &answering);
    stream::iter(wanted)
        .map(|image| async move {
            let resolution = match image.digest().cloned().or_else(|| recorded(states, image)) {
                Some(digest) => Resolution::Digest(digest),
                None => unrecorded(states, answering, image, credentials).await,
            };
            (image.to_string(), resolution)
        })
        .buffer_unordered(parallel.max(1))
        .collect()
        .await
}

async fn unrecorded(
    states: &[&HostState],
    answering: &[&dyn Host],
    image: &ImageRef,
    credentials: &BTreeMap<String, Credentials>,
) -> Resolution {
    let local = lies_somewhere(states, image);
    // A bare name is most often an image that was built on the hosts; Docker Hub may well have another one under it.
    if local && image.registry().is_none() {
        return Resolution::Local;
    }
    match ask(answering, image, credentials).await {
        Ok(digest) => Resolution::Digest(digest),
        Err(_) if local => Resolution::Local,
        Err(why) => Resolution::Unknown(why),
    }
}

/// The digest that was recorded for this very reference: by the live containers, else by the newest apply that used it.
fn recorded(states: &[&HostState], image: &ImageRef) -> Option<Digest> {
    let by_containers = states
        .iter()
        .flat_map(|state| &state.containers)
        .filter(|container| container.owner.image.as_ref() == Some(image))
        .find_map(|container| container.owner.digest.clone());
    by_containers.or_else(|| {
        let text = image.to_string();
        let mut records: Vec<&JournalRecord> = states.iter().flat_map(|state| &state.journal).collect();
        records.sort_by_key(|record| record.sequence);
        records
            .into_iter()
            .rev()
            .find_map(|record| record.digests.get(&text).cloned())
    })
}

fn lies_somewhere(states: &[&HostState], image: &ImageRef) -> bool {
    let Some(tagged) = image.tagged() else { return false };
    states
        .iter()
        .flat_map(|state| state.images.values())
        .any(|facts| facts.tags.contains(&tagged))
}

/// Asks the registry through one host, and through others where that one cannot reach it.
async fn ask(
    answering: &[&dyn Host],
    image: &ImageRef,
    credentials: &BTreeMap<String, Credentials>,
) -> Result<Digest, String> {
    let registry = image.registry().unwrap_or(HUB);
    let mut why = "no host answers that could ask its registry".to_owned();
    for host in answering.iter().take(ASKED) {
        match host.registry_digest(image, credentials.get(registry)).await {
            Ok(digest) => return Ok(digest),
            Err(error) => {
                why = format!("{registry}, asked by {}: {error}", host.name());
                match error {
                    // The registry's own answer: another host would hear the same.
                    HostError::Denied(_) | HostError::NotFound(_) => break,
                    HostError::Unreachable(_) | HostError::Refused(_) | HostError::Deadline { .. } => {}
                }
            }
        }
    }
    Err(why)
}
