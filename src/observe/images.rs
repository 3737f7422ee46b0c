//! What a wanted image stands for: a digest that was recorded, one that its registry names, or what lies on the hosts; and the
//! platforms that its registry has it for.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt as _, stream};

use crate::host::{Credentials, Host, HostError, Hosts};
use crate::model::host::{HostState, ObservedHost};
use crate::model::image::{Digest, ImageRef, RegistryImage, Resolution};
use crate::model::journal::JournalRecord;
use crate::model::name::HostName;
use crate::model::platform::Platform;
use crate::model::policy::PullPolicy;
use crate::observe::Wanted;

/// How many hosts are asked for one image before the registry counts as out of reach.
const ASKED: usize = 3;

/// Docker Hub, as credentials name it; images do not.
const HUB: &str = "docker.io";

/// What each reference stands for, and the platforms that it is there for where a registry said so; by the references' texts.
type Images = (BTreeMap<String, Resolution>, BTreeMap<String, BTreeSet<Platform>>);

/// Resolves each wanted reference.
///
/// A tag is resolved once: what the live containers or the journal recorded for the same reference stays, also when
/// the tag was pushed again since. Unless git says that it is to be looked up each time.
pub async fn resolve(
    hosts: &Hosts,
    seen: &BTreeMap<HostName, ObservedHost>,
    wanted: &Wanted,
    credentials: &BTreeMap<String, Credentials>,
    parallel: usize,
) -> Images {
    let states: Vec<&HostState> = seen.values().filter_map(ObservedHost::state).collect();
    let answering: Vec<&dyn Host> = seen
        .iter()
        .filter(|(_, host)| host.state().is_some())
        .filter_map(|(name, _)| Some(hosts.get(name)?.as_ref().ok()?.as_ref()))
        .collect();
    let inquiry = &Inquiry {
        records: records(&states),
        states,
        answering,
        credentials,
    };
    let revision = wanted.revision.as_deref();
    let all: Vec<(String, Answer)> = stream::iter(&wanted.images)
        .map(|(image, policy)| async move { (image.to_string(), inquiry.answer(image, *policy, revision).await) })
        .buffer_unordered(parallel.max(1))
        .collect()
        .await;
    let (mut images, mut known) = (BTreeMap::new(), BTreeMap::new());
    for (image, Answer { resolution, platforms }) in all {
        if !platforms.is_empty() {
            known.insert(image.clone(), platforms);
        }
        images.insert(image, resolution);
    }
    (images, known)
}

/// What an image stands for, and the platforms that it is there for; none where nobody knows.
struct Answer {
    resolution: Resolution,
    platforms: BTreeSet<Platform>,
}

impl Answer {
    fn of(resolution: Resolution) -> Self {
        let platforms = BTreeSet::new();
        Self { resolution, platforms }
    }
}

/// All that can be asked what an image stands for.
struct Inquiry<'a> {
    states: Vec<&'a HostState>,
    /// The newest first.
    records: Vec<&'a JournalRecord>,
    answering: Vec<&'a dyn Host>,
    credentials: &'a BTreeMap<String, Credentials>,
}

/// Why a registry did not say what a tag stands for.
struct NoAnswer {
    why: String,
    /// It did answer: there is no such image.
    absent: bool,
}

fn records<'a>(states: &[&'a HostState]) -> Vec<&'a JournalRecord> {
    let mut records: Vec<&JournalRecord> = states.iter().flat_map(|state| &state.journal).collect();
    records.sort_by_key(|record| Reverse(record.sequence));
    records
}

impl Inquiry<'_> {
    async fn answer(&self, image: &ImageRef, policy: PullPolicy, revision: Option<&str>) -> Answer {
        let mut answer = self.resolve(image, policy, revision).await;
        if let Some(digest) = answer.resolution.digest().filter(|_| answer.platforms.is_empty()) {
            answer.platforms = match self.recorded_platforms(digest) {
                Some(platforms) => platforms.clone(),
                None if self.is_open_where(digest) => self.ask_for_platforms(image, digest).await,
                None => BTreeSet::new(),
            };
        }
        answer
    }

    async fn resolve(&self, image: &ImageRef, policy: PullPolicy, revision: Option<&str>) -> Answer {
        if policy == PullPolicy::Never {
            return Answer::of(Resolution::Local);
        }
        let of_version = || revision.and_then(|revision| self.of_version(revision, image));
        if let Some(digest) = image.digest().cloned().or_else(of_version) {
            return Answer::of(Resolution::Digest(digest));
        }
        let recorded = self.recorded(image);
        let local = self.lies_somewhere(image);
        Answer::of(match (policy, recorded) {
            (PullPolicy::Missing, Some(digest)) => Resolution::Digest(digest),
            // A bare name is most often an image that was built on the hosts; Docker Hub may well have another one under it.
            (PullPolicy::Missing, None) if local && image.registry().is_none() => Resolution::Local,
            (PullPolicy::Missing | PullPolicy::Always | PullPolicy::Never, recorded) => {
                match (self.ask(image, ASKED).await, recorded) {
                    (Ok(RegistryImage { digest, platforms }), _) => {
                        let resolution = Resolution::Digest(digest);
                        return Answer { resolution, platforms };
                    }
                    (Err(NoAnswer { why, absent: _ }), Some(digest)) => Resolution::Kept { digest, why },
                    (Err(NoAnswer { why: _, absent: true }), None) if local => Resolution::Local,
                    (Err(NoAnswer { why, absent: _ }), None) => Resolution::Unknown(why),
                }
            }
        })
    }

    fn recorded_platforms(&self, digest: &Digest) -> Option<&BTreeSet<Platform>> {
        let mut memories = self.records.iter().map(|record| &record.memory.platforms);
        memories.find_map(|platforms| platforms.get(digest))
    }

    /// Whether its platforms could matter to where this image goes: the hosts differ, and it does not lie on one of each kind.
    /// Where they are all alike it goes to any of them or to none, which the pull says too.
    fn is_open_where(&self, digest: &Digest) -> bool {
        let kinds: BTreeSet<Platform> = self.states.iter().filter_map(|state| state.facts.platform()).collect();
        let images = self.states.iter().flat_map(|state| state.images.values());
        let lying = images.filter(|facts| facts.has_digest(digest));
        let known: BTreeSet<&Platform> = lying.filter_map(|facts| facts.platform.as_ref()).collect();
        let runs = |kind: &Platform| known.iter().any(|platform| kind.runs(platform));
        kinds.len() > 1 && !kinds.iter().all(runs)
    }

    /// Asks for the platforms of a digest that is known already; what nobody says is not known, and no matter.
    async fn ask_for_platforms(&self, image: &ImageRef, digest: &Digest) -> BTreeSet<Platform> {
        let Ok(pinned) = image.pinned(digest).parse::<ImageRef>() else {
            return BTreeSet::new();
        };
        match self.ask(&pinned, 1).await {
            Ok(RegistryImage { digest: _, platforms }) => platforms,
            Err(NoAnswer { why: _, absent: _ }) => BTreeSet::new(),
        }
    }

    /// The digest that a version used, where the journal still has it.
    fn of_version(&self, revision: &str, image: &ImageRef) -> Option<Digest> {
        let text = image.to_string();
        let own = self
            .records
            .iter()
            .find(|record| record.revision.as_deref() == Some(revision));
        if let Some(digest) = own.and_then(|record| record.digests.get(&text)) {
            return Some(digest.clone());
        }
        let newest = self.records.first()?;
        let versions = &newest.memory.versions;
        let at = versions
            .iter()
            .position(|version| version.revision.as_deref() == Some(revision))?;
        // A version says only what the next newer one does not.
        let newer = versions.iter().take(at + 1).rev().map(|version| &version.digests);
        let mut newer = newer.chain([&newest.digests]);
        newer.find_map(|digests| digests.get(&text).cloned())
    }

    /// The digest that was recorded for this very reference: by the live containers, else by the newest version that used it.
    fn recorded(&self, image: &ImageRef) -> Option<Digest> {
        let by_containers = self
            .states
            .iter()
            .flat_map(|state| &state.containers)
            .filter(|container| container.owner.image.as_ref() == Some(image))
            .find_map(|container| container.owner.digest.clone());
        by_containers.or_else(|| {
            let text = image.to_string();
            let digests = self.records.iter().map(|record| &record.digests);
            let versions = self.records.first().map(|record| record.memory.versions.as_slice());
            let earlier = versions.unwrap_or_default().iter().map(|version| &version.digests);
            digests.chain(earlier).find_map(|digests| digests.get(&text).cloned())
        })
    }

    fn lies_somewhere(&self, image: &ImageRef) -> bool {
        let Some(tagged) = image.tagged() else { return false };
        self.states
            .iter()
            .flat_map(|state| state.images.values())
            .any(|facts| facts.tags.contains(&tagged))
    }

    /// Asks the registry through one host, and through others, so many in all, where that one cannot reach it.
    async fn ask(&self, image: &ImageRef, hosts: usize) -> Result<RegistryImage, NoAnswer> {
        let registry = image.registry().unwrap_or(HUB);
        let mut absent = false;
        let mut why = "no host answers that could ask its registry".to_owned();
        for host in self.answering.iter().take(hosts) {
            match host.registry_image(image, self.credentials.get(registry)).await {
                Ok(answer) => return Ok(answer),
                Err(error) => {
                    why = format!("{registry}, asked by {}: {error}", host.name());
                    match error {
                        // The registry's own answer: another host would hear the same.
                        HostError::NotFound(_) => {
                            absent = true;
                            break;
                        }
                        HostError::Denied(_) => break,
                        HostError::Unreachable(_) | HostError::Refused(_) | HostError::Deadline { .. } => {}
                    }
                }
            }
        }
        Err(NoAnswer { why, absent })
    }
}
