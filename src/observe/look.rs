//! One look at all hosts: what each holds, or why it did not answer. What images stand for is `images`'.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt as _, stream};

use crate::host::{Containers, Credentials, Host, HostError, Hosts, Others, Stored};
use crate::model::address::AddressesSeen;
use crate::model::container::LiveContainer;
use crate::model::firewall::FirewallSeen;
use crate::model::host::{Foreign, HostState, ObservedHost, OtherCluster};
use crate::model::image::{Digest, ImageFacts};
use crate::model::journal::{JOURNAL_VERSION, JournalRecord};
use crate::model::name::{ClusterName, HostName};
use crate::observe::{Observed, Sharing, Wanted, images};

/// Asks every host what it holds of `cluster`, `parallel` hosts at once, and resolves the wanted images.
///
/// `credentials` are by registry, as image names begin. A host that fails one call counts as unreachable: half a look
/// would take what it did not see for gone.
pub async fn observe(
    hosts: &Hosts,
    cluster: &ClusterName,
    wanted: &Wanted,
    credentials: &BTreeMap<String, Credentials>,
    parallel: usize,
) -> Observed {
    let names: &BTreeSet<String> = &wanted
        .images
        .keys()
        .flat_map(|image| [image.tagged(), image.digest().map(|digest| image.pinned(digest))])
        .flatten()
        .collect();
    let mut sharing = Sharing::default();
    let seen: BTreeMap<HostName, ObservedHost> = stream::iter(hosts)
        .map(|(name, host)| async move {
            let state = match host {
                Ok(host) => look(host.as_ref(), cluster, names, wanted).await,
                Err(error) => Err(error.clone()),
            };
            (name.clone(), state)
        })
        .buffer_unordered(parallel.max(1))
        .map(|(name, state)| {
            let observed = match state {
                Ok(mut state) => {
                    sharing.host(&mut state);
                    ObservedHost::Reachable(Box::new(state))
                }
                Err(error) => ObservedHost::Unreachable(error.to_string()),
            };
            (name, observed)
        })
        .collect()
        .await;
    let (images, platforms) = images::resolve(hosts, &seen, wanted, credentials, parallel).await;
    Observed {
        hosts: seen,
        images,
        platforms,
    }
}

/// The journal of every host, the oldest record first, or why it is not to be had.
pub async fn journals(
    hosts: &Hosts,
    cluster: &ClusterName,
    parallel: usize,
) -> BTreeMap<HostName, Result<Vec<JournalRecord>, String>> {
    let read = stream::iter(hosts).map(|(name, host)| async move {
        let files = match host {
            Ok(host) => host.read_files(cluster).await,
            Err(error) => Err(error.clone()),
        };
        let records = files
            .map_err(|error| error.to_string())
            .and_then(|files| journal(&files));
        (name.clone(), records)
    });
    read.buffer_unordered(parallel.max(1)).collect().await
}

async fn look(
    host: &dyn Host,
    cluster: &ClusterName,
    names: &BTreeSet<String>,
    wanted: &Wanted,
) -> Result<HostState, HostError> {
    let (facts, (containers, images), stored, networks, firewall, addresses) = tokio::try_join!(
        host.facts(),
        containers_and_images(host, cluster, names, wanted.others),
        host.stored(cluster),
        host.networks(cluster),
        firewall(host, cluster, wanted.firewall),
        addresses(host, cluster, wanted.addresses),
    )?;
    let Stored {
        volumes,
        files,
        spoken_of,
    } = stored;
    let journal = journal(&files).map_err(HostError::Refused)?;
    let firewall = match firewall {
        // Git has no rules any more: those that an earlier apply left are looked for.
        FirewallSeen::NotAsked if journal.last().is_some_and(|last| last.memory.firewall) => {
            self::firewall(host, cluster, true).await?
        }
        asked => asked,
    };
    let addresses = match addresses {
        AddressesSeen::NotAsked if journal.last().is_some_and(|last| last.memory.addresses) => {
            self::addresses(host, cluster, true).await?
        }
        asked => asked,
    };
    let mut paths: BTreeSet<String> = containers.own.iter().flat_map(LiveContainer::files).collect();
    paths.extend(old_files(&journal, wanted.keep));
    let looked_at = match paths.is_empty() {
        true => BTreeMap::new(),
        false => host.look_at(cluster, &paths).await?,
    };
    Ok(HostState {
        files: looked_at,
        facts,
        images,
        volumes,
        networks,
        routes: None,
        free_disk: None,
        firewall,
        addresses,
        foreign: foreign(&containers, &journal, spoken_of),
        other_containers: u32::try_from(containers.foreign.len()).unwrap_or(u32::MAX),
        reserved: containers.foreign.iter().map(|other| other.reserved).sum(),
        other_clusters: other_clusters(&containers),
        held_ports: containers.foreign.into_iter().flat_map(|other| other.ports).collect(),
        containers: containers.own,
        journal,
    })
}

/// Its firewall, where that is wanted. A host that may not tell it answers all else.
async fn firewall(host: &dyn Host, cluster: &ClusterName, wanted: bool) -> Result<FirewallSeen, HostError> {
    if !wanted {
        return Ok(FirewallSeen::NotAsked);
    }
    let told = told(host.firewall(cluster).read().await)?;
    Ok(told.map_or_else(FirewallSeen::Unknown, |live| FirewallSeen::Found(Box::new(live))))
}

/// Its public addresses, likewise.
async fn addresses(host: &dyn Host, cluster: &ClusterName, wanted: bool) -> Result<AddressesSeen, HostError> {
    if !wanted {
        return Ok(AddressesSeen::NotAsked);
    }
    let told = told(host.addresses(cluster).read().await)?;
    Ok(told.map_or_else(AddressesSeen::Unknown, |live| AddressesSeen::Found(Box::new(live))))
}

/// What a host that answers tells, or why it does not.
fn told<T>(answer: Result<T, HostError>) -> Result<Result<T, String>, HostError> {
    match answer {
        Ok(live) => Ok(Ok(live)),
        Err(error @ (HostError::Unreachable(_) | HostError::Deadline { .. })) => Err(error),
        Err(error @ (HostError::Denied(_) | HostError::NotFound(_) | HostError::Refused(_))) => {
            Ok(Err(error.to_string()))
        }
    }
}

/// What the containers that are not the cluster's use, and one of them that does.
fn foreign(containers: &Containers, journal: &[JournalRecord], mut spoken_of: BTreeSet<Digest>) -> Foreign {
    spoken_of.retain(|digest| journal.iter().any(|record| speaks_of(record, digest)));
    let mut foreign = Foreign {
        digests: spoken_of,
        ..Foreign::default()
    };
    for one in &containers.foreign {
        let by = |names: &[String]| -> Vec<(String, String)> {
            names.iter().map(|name| (name.clone(), one.name.clone())).collect()
        };
        foreign.volumes.extend(by(&one.volumes));
        foreign.networks.extend(by(&one.networks));
        foreign
            .images
            .extend(Some(one.image.clone()).filter(|id| !id.is_empty()));
    }
    foreign
}

/// Whether a record says that this version or an earlier one used a digest.
fn speaks_of(record: &JournalRecord, digest: &Digest) -> bool {
    let versions = record
        .memory
        .versions
        .iter()
        .flat_map(|version| version.digests.values());
    record.digests.values().chain(versions).any(|known| known == digest)
}

/// The files of versions that may be older than those to be kept: of one more, for this may become a newer one.
fn old_files(journal: &[JournalRecord], keep: usize) -> impl Iterator<Item = String> {
    let newest = journal.last().filter(|_| keep > 0);
    let versions = newest.map_or(&[][..], |record| &record.memory.versions);
    let old = versions.iter().skip(keep.saturating_sub(2));
    old.flat_map(|version| version.files.iter().cloned())
}

fn other_clusters(containers: &Containers) -> BTreeMap<ClusterName, OtherCluster> {
    let mut all: BTreeMap<ClusterName, OtherCluster> = BTreeMap::new();
    for replica in containers.foreign.iter().filter_map(|other| other.replica.as_ref()) {
        let cluster = all.entry(replica.cluster.clone()).or_default();
        cluster.services.insert(replica.service.clone());
        cluster.revisions.extend(replica.revision.clone());
    }
    all
}

/// The images' defaults are wanted of those that containers run, which only the containers tell.
async fn containers_and_images(
    host: &dyn Host,
    cluster: &ClusterName,
    wanted: &BTreeSet<String>,
    others: Others,
) -> Result<(Containers, BTreeMap<String, ImageFacts>), HostError> {
    let containers = host.containers(cluster, others).await?;
    let running = containers.own.iter().map(|container| &*container.image_id);
    let inspect: BTreeSet<&str> = wanted.iter().map(String::as_str).chain(running).collect();
    let inspect: Vec<String> = inspect.into_iter().map(str::to_owned).collect();
    let images = host.images(&inspect).await?;
    Ok((containers, images))
}

/// The journal's records among a host's files, oldest first. One that was cut off while it was written is left out: its
/// apply stands on the other hosts, and its beginning was another write.
fn journal(files: &BTreeMap<String, Vec<u8>>) -> Result<Vec<JournalRecord>, String> {
    let mut records: Vec<JournalRecord> = Vec::new();
    for (path, content) in files.iter().filter(|(path, _)| path.starts_with("journal/")) {
        let Ok(value) = serde_json::from_slice::<serde_json::Value>(content) else {
            continue;
        };
        let version = value.get("version").and_then(serde_json::Value::as_u64);
        if version.is_some_and(|version| version > JOURNAL_VERSION.into()) {
            return Err(format!(
                "a newer cdk keeps the journal there ({path}): use that one for this cluster"
            ));
        }
        records.extend(serde_json::from_value::<JournalRecord>(value));
    }
    records.sort_by_key(|record| record.sequence);
    Ok(records)
}
