//! `cdk firewall`: the rules in force on every host, what they make of one packet, and the confirmation of changes that wait.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::{StreamExt as _, stream};

use crate::flow::apply::Connections;
use crate::flow::{Failure, Settings, check};
use crate::host::{Firewall, Pending};
use crate::model::firewall::{Confirmations, Confirmed, InForce, LiveFirewall, Place, Sender};
use crate::model::name::HostName;
use crate::model::question::{Origin, Question};
use crate::resolve::desired::Desired;

/// How long a confirmation may take, with the connection that is made for it.
const CONFIRM: Duration = Duration::from_secs(20);

/// Reads the firewalls of all hosts, or of those that settings name.
///
/// # Errors
/// The repository is wrong.
pub async fn in_force(settings: &Settings) -> Result<InForce, Failure> {
    let desired = check(settings)?;
    let read = async |firewall: Box<dyn Firewall + '_>| firewall.read().await.map_err(|error| error.to_string());
    let hosts = each(settings, &desired, read).await;
    let flat = hosts
        .into_iter()
        .map(|(name, found)| (name, found.and_then(|live| live)));
    Ok(InForce {
        cluster: desired.cluster.name.clone(),
        hosts: flat.collect(),
    })
}

/// Confirms the changes that wait on all hosts, or on those that settings name, each over a connection that is made for it: those that
/// came to no end because cdk did.
///
/// # Errors
/// The repository is wrong, or it names no such host.
pub async fn confirm(settings: &Settings) -> Result<Confirmations, Failure> {
    let desired = check(settings)?;
    if let Some(unknown) = settings
        .scope
        .hosts
        .iter()
        .find(|name| !desired.hosts.contains_key(*name))
    {
        return Err(Failure::Usage(format!("git has no host {unknown}")));
    }
    let hosts = each(settings, &desired, confirmed).await;
    let flat = hosts.into_iter().map(|(name, found)| {
        let confirmed = found.unwrap_or_else(Confirmed::Not);
        (name, confirmed)
    });
    Ok(Confirmations {
        cluster: desired.cluster.name.clone(),
        hosts: flat.collect(),
    })
}

async fn confirmed(firewall: Box<dyn Firewall + '_>) -> Confirmed {
    let live = match firewall.read().await {
        Ok(live) => live,
        Err(error) => return Confirmed::Not(error.to_string()),
    };
    match live.pending {
        None => Confirmed::Nothing,
        Some(id) => match firewall.confirm(&Pending::of(&id), CONFIRM).await {
            Ok(()) => Confirmed::Now,
            Err(error) => Confirmed::Not(error.to_string()),
        },
    }
}

/// Does something with the firewall of each host, or of each that settings name; or says why it cannot be reached.
async fn each<T>(
    settings: &Settings,
    desired: &Desired,
    work: impl AsyncFn(Box<dyn Firewall + '_>) -> T,
) -> BTreeMap<HostName, Result<T, String>> {
    let connections = Connections::open(settings, desired).await;
    let cluster = &desired.cluster.name;
    let named = connections.links().iter();
    let named = named.filter(|(name, _)| settings.scope.has_host(name));
    let work = &work;
    let done = stream::iter(named).map(|(name, host)| async move {
        let done = match host {
            Ok(host) => Ok(work(host.firewall(cluster)).await),
            Err(error) => Err(error.to_string()),
        };
        (name.clone(), done)
    });
    let all = done.buffer_unordered(connections.parallel()).collect().await;
    connections.close().await;
    all
}

/// The firewall of the host that a question is about, and the sender as that host sees it.
///
/// # Errors
/// There is no such host, its address is not known, or its rules cannot be read.
pub async fn explain(settings: &Settings, question: &Question) -> Result<(LiveFirewall, Sender), Failure> {
    let desired = check(settings)?;
    let host = |name: &HostName| {
        let unknown = || Failure::Usage(format!("git has no host {name}"));
        desired.hosts.get(name).ok_or_else(unknown)
    };
    let asked = host(&question.host)?;
    let place = match &question.from {
        Origin::OwnContainer => Place::Container,
        Origin::Host(name) if *name == question.host => Place::Here,
        Origin::Address(address) if asked.own_addresses().any(|own| own == *address) => Place::Here,
        Origin::Host(_) | Origin::Address(_) => Place::Elsewhere,
    };
    let address = match &question.from {
        Origin::Address(address) => *address,
        Origin::OwnContainer => std::net::Ipv4Addr::UNSPECIFIED.into(),
        Origin::Host(name) => {
            let unknown = || Failure::Usage(format!("no IP address is known of {name}: ask about its address"));
            host(name)?.own_addresses().next().ok_or_else(unknown)?
        }
    };
    let mut narrowed = settings.clone();
    narrowed.scope.hosts = [question.host.clone()].into();
    let mut all = in_force(&narrowed).await?;
    match all.hosts.remove(&question.host) {
        Some(Ok(live)) => Ok((live, Sender { address, place })),
        Some(Err(why)) => Err(Failure::Unreachable(format!("{}: {why}", question.host))),
        None => Err(Failure::Usage(format!(
            "{} is down by hosts.yaml: it is not asked",
            question.host
        ))),
    }
}
