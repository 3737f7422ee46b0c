//! The verbs for networks over an engine's API, and the look at a machine's routes. When and why is the caller's.

use std::collections::BTreeMap;

use bollard::Docker;
use bollard::models::{NetworkConnectRequest, NetworkDisconnectRequest};
use bollard::query_parameters::ListNetworksOptions;

use crate::dialect::docker::network;
use crate::dialect::routes;
use crate::host::HostError;
use crate::host::call::{CHANGE, SMALL, within};
use crate::model::name::ClusterName;
use crate::model::network::{Attachment, LiveNetwork, NetworkSpec, Route};

/// Where Linux tells routes and addresses to everybody.
const TABLES: [&str; 3] = ["/proc/net/route", "/proc/net/fib_trie", "/proc/net/ipv6_route"];

/// All networks, by name. Where two bear one name, the cluster's own counts.
pub async fn list(docker: &Docker, cluster: &ClusterName) -> Result<BTreeMap<String, LiveNetwork>, HostError> {
    let list = docker.list_networks(None::<ListNetworksOptions>);
    let mut all: BTreeMap<String, LiveNetwork> = BTreeMap::new();
    for one in within("list networks", SMALL, list).await? {
        let (name, live) = network::listed(one, cluster);
        if live.made_from.is_some() || !all.contains_key(&name) {
            all.insert(name, live);
        }
    }
    Ok(all)
}

/// Makes a network. Engines before 25 would make a second one of the same name, so it is looked for.
pub async fn create(docker: &Docker, name: &str, spec: &NetworkSpec, cluster: &ClusterName) -> Result<(), HostError> {
    if list(docker, cluster).await?.contains_key(name) {
        return Err(HostError::Refused(format!("network with name {name} already exists")));
    }
    let create = docker.create_network(network::created(name, spec, cluster));
    within(&format!("create network {name}"), CHANGE, create)
        .await
        .map(drop)
}

/// Removes a network; that it is gone already is no error.
pub async fn remove(docker: &Docker, name: &str) -> Result<(), HostError> {
    match within(&format!("remove network {name}"), CHANGE, docker.remove_network(name)).await {
        Err(HostError::NotFound(_)) => Ok(()),
        answer => answer,
    }
}

/// Attaches a container, running or not.
pub async fn connect(docker: &Docker, name: &str, container: &str, how: &Attachment) -> Result<(), HostError> {
    let request = NetworkConnectRequest {
        container: container.to_owned(),
        endpoint_config: Some(network::endpoint(how)),
    };
    let connect = docker.connect_network(name, request);
    within(&format!("connect {container} to {name}"), CHANGE, connect).await
}

/// Parts a container from a network; that either is gone, or that they are parted already, is no error.
pub async fn disconnect(docker: &Docker, name: &str, container: &str) -> Result<(), HostError> {
    let request = NetworkDisconnectRequest {
        container: container.to_owned(),
        force: Some(true),
    };
    let disconnect = docker.disconnect_network(name, request);
    match within(&format!("disconnect {container} from {name}"), CHANGE, disconnect).await {
        Err(HostError::NotFound(_)) => Ok(()),
        Err(HostError::Refused(why) | HostError::Denied(why)) if why.contains("is not connected to") => Ok(()),
        answer => answer,
    }
}

/// This machine's own routes; none where they cannot be read.
pub fn local_routes() -> Option<Vec<Route>> {
    let texts = TABLES.iter().filter_map(|table| std::fs::read_to_string(table).ok());
    let text: String = texts.collect();
    (!text.is_empty()).then(|| routes::routes(&text))
}

/// What a shell of the host runs to tell them, and the addresses of the SSH connection.
pub fn tell_routes() -> String {
    let tables = TABLES.join(" ");
    format!("echo \"{}$SSH_CONNECTION\"; cat {tables} 2>/dev/null", routes::SSH)
}
