//! `cdk firewall show`: the rules in force on every host, and what they make of one packet.

use std::collections::BTreeMap;

use futures_util::{StreamExt as _, stream};

use crate::flow::apply::Connections;
use crate::flow::{Failure, Settings, check};
use crate::model::firewall::{InForce, LiveFirewall, Sender};
use crate::model::name::HostName;
use crate::model::question::{Origin, Question};

/// Reads the firewalls of all hosts, or of those that settings name.
///
/// # Errors
/// The repository is wrong.
pub async fn in_force(settings: &Settings) -> Result<InForce, Failure> {
    let desired = check(settings)?;
    let connections = Connections::open(settings, &desired).await;
    let cluster = &desired.cluster.name;
    let named = connections.links().iter();
    let named = named.filter(|(name, _)| settings.hosts.is_empty() || settings.hosts.contains(name));
    let read = stream::iter(named).map(|(name, host)| async move {
        let live = match host {
            Ok(host) => host.firewall(cluster).read().await,
            Err(error) => Err(error.clone()),
        };
        (name.clone(), live.map_err(|error| error.to_string()))
    });
    let hosts: BTreeMap<HostName, Result<LiveFirewall, String>> =
        read.buffer_unordered(connections.parallel().max(1)).collect().await;
    connections.close().await;
    Ok(InForce {
        cluster: cluster.clone(),
        hosts,
    })
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
    host(&question.host)?;
    let is_own_container = match &question.from {
        Origin::OwnContainer => true,
        Origin::Host(name) => *name == question.host,
        Origin::Address(_) => false,
    };
    let address = match &question.from {
        Origin::Address(address) => *address,
        Origin::OwnContainer => std::net::Ipv4Addr::UNSPECIFIED.into(),
        Origin::Host(name) => {
            let unknown = || Failure::Usage(format!("no IP address is known of {name}: ask about its address"));
            host(name)?.own_addresses().next().ok_or_else(unknown)?
        }
    };
    let narrowed = Settings {
        hosts: vec![question.host.clone()],
        ..settings.clone()
    };
    let mut all = in_force(&narrowed).await?;
    match all.hosts.remove(&question.host) {
        Some(Ok(live)) => Ok((
            live,
            Sender {
                address,
                is_own_container,
            },
        )),
        Some(Err(why)) => Err(Failure::Unreachable(format!("{}: {why}", question.host))),
        None => Err(Failure::Usage(format!(
            "{} is down by hosts.yaml: it is not asked",
            question.host
        ))),
    }
}
