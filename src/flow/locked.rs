//! `cdk lock`: who holds the cluster's lock on each host, and the end of a holder that nobody waits for any more.

use futures_util::{StreamExt as _, stream};

use crate::flow::apply::Connections;
use crate::flow::{Failure, Settings, check};
use crate::host::{Evicted, Found, Host, HostError};
use crate::model::lock::{LockState, OnHost};
use crate::model::name::ClusterName;

/// Asks every host who holds the lock. Nothing is taken.
///
/// # Errors
/// The repository is wrong.
pub async fn lock_state(settings: &Settings) -> Result<LockState, Failure> {
    each(settings, async |host, cluster| {
        let found = host.lock(cluster).await?.look().await?;
        Ok(match found {
            Found::Free => OnHost::Free,
            Found::Busy(holder) => OnHost::Held(holder),
        })
    })
    .await
}

/// Ends the processes that hold the lock on the hosts, if it still is the run that was `seen` there: that run begins nothing any more.
/// What comes back is how each host is afterwards.
///
/// # Errors
/// As [`lock_state`].
pub async fn release_lock(settings: &Settings, seen: &LockState) -> Result<LockState, Failure> {
    each(settings, async |host, cluster| {
        let mut lock = host.lock(cluster).await?;
        let found = match lock.look().await? {
            Found::Free => return Ok(OnHost::Free),
            Found::Busy(holder) => OnHost::Held(holder),
        };
        if seen.hosts.get(host.name()) != Some(&found) {
            return Ok(found);
        }
        Ok(match lock.evict().await? {
            Evicted::Free | Evicted::Gone => OnHost::Free,
            Evicted::Refused(process) => OnHost::Unknown(format!(
                "the lock is held by another user's process, {process}: end it there as root (kill {process})"
            )),
        })
    })
    .await
}

async fn each(
    settings: &Settings,
    ask: impl AsyncFn(&dyn Host, &ClusterName) -> Result<OnHost, HostError>,
) -> Result<LockState, Failure> {
    let desired = check(settings)?;
    let connections = Connections::open(settings, &desired).await;
    let (ask, cluster) = (&ask, &desired.cluster.name);
    let links = connections.links().iter();
    let links = links.filter(|(name, _)| settings.scope.has_host(name));
    let hosts = stream::iter(links).map(|(name, link)| async move {
        let answer = match link {
            Ok(host) => ask(host.as_ref(), cluster).await,
            Err(error) => Err(error.clone()),
        };
        (
            name.clone(),
            answer.unwrap_or_else(|error| OnHost::Unknown(error.to_string())),
        )
    });
    let hosts = hosts.buffer_unordered(connections.parallel()).collect().await;
    connections.close().await;
    let cluster = desired.cluster.name;
    Ok(LockState { cluster, hosts })
}
