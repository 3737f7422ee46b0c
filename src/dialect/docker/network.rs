//! Networks, and how a container is attached to them: from the model's words to an engine's, and back. No other domain.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bollard::models::{
    ContainerConfig, ContainerCreateBody, ContainerSummary, EndpointIpamConfig, EndpointSettings, HostConfig, Ipam,
    IpamConfig, Network, NetworkCreateRequest, NetworkingConfig,
};

use crate::dialect::docker::label::{self, AskedNetworking};
use crate::model::name::ClusterName;
use crate::model::network::{
    Attachment, BRIDGE, HOST, INTERFACE, LiveNetwork, NetworkSpec, Networking, Pool, Subnet, exposed, is_predefined,
};
use crate::model::setting::PortBinding;

/// How many letters of an engine's id name a container or a network for short.
const SHORT: usize = 12;

/// A network of the cluster, to be made.
pub fn created(name: &str, spec: &NetworkSpec, cluster: &ClusterName) -> NetworkCreateRequest {
    let NetworkSpec {
        driver,
        options,
        internal,
        attachable,
        ipv6,
        ipam_driver,
        ipam_options,
        pools,
        labels,
    } = spec;
    let mut all_labels: HashMap<String, String> = labels.clone().into_iter().collect();
    all_labels.extend(label::of_network(cluster, spec));
    let asks = !pools.is_empty() || ipam_driver.is_some() || !ipam_options.is_empty();
    NetworkCreateRequest {
        name: name.to_owned(),
        driver: Some(driver.clone()),
        internal: Some(*internal),
        attachable: Some(*attachable),
        enable_ipv6: Some(*ipv6),
        ipam: asks.then(|| Ipam {
            driver: ipam_driver.clone(),
            config: Some(pools.iter().map(pool).collect()),
            options: (!ipam_options.is_empty()).then(|| ipam_options.clone().into_iter().collect()),
        }),
        options: Some(options.clone().into_iter().collect()),
        labels: Some(all_labels),
        ..NetworkCreateRequest::default()
    }
}

fn pool(pool: &Pool) -> IpamConfig {
    let Pool {
        subnet,
        gateway,
        ip_range,
        aux_addresses,
    } = pool;
    IpamConfig {
        subnet: Some(subnet.to_string()),
        gateway: gateway.map(|address| address.to_string()),
        ip_range: ip_range.map(|range| range.to_string()),
        auxiliary_addresses: (!aux_addresses.is_empty()).then(|| {
            let all = aux_addresses.iter();
            all.map(|(name, address)| (name.clone(), address.to_string())).collect()
        }),
    }
}

/// A network as an engine lists it, by its name.
///
/// What cdk made it from stands in a label, for the engine fills in what it chose by itself, and a network cannot be
/// changed once it is there.
pub fn listed(network: Network, cluster: &ClusterName) -> (String, LiveNetwork) {
    let id = network.id.unwrap_or_default();
    let labels = network.labels.unwrap_or_default();
    let pools = network.ipam.and_then(|ipam| ipam.config).unwrap_or_default();
    let option = network.options.and_then(|mut options| options.remove(INTERFACE));
    let is_bridge = network.driver.as_deref() == Some(BRIDGE);
    let interface = match option {
        Some(name) => name,
        None if is_bridge && !id.is_empty() => format!("br-{}", short(&id)),
        None => String::new(),
    };
    let live = LiveNetwork {
        made_from: label::network(&labels, cluster),
        subnets: pools
            .into_iter()
            .filter_map(|pool| pool.subnet?.parse::<Subnet>().ok())
            .collect(),
        interface,
        id,
    };
    (network.name.unwrap_or_default(), live)
}

/// The networks that a container in a list is attached to.
pub fn attached(summary: &ContainerSummary) -> Vec<String> {
    let networks = summary.network_settings.as_ref().and_then(|it| it.networks.as_ref());
    networks.into_iter().flat_map(HashMap::keys).cloned().collect()
}

/// What a container is to see of networks. Of those that an engine attaches by itself nothing is said, unless there is
/// something to say.
pub(super) fn write(networking: &Networking, all: bool, body: &mut ContainerCreateBody, host: &mut HostConfig) {
    let Networking {
        mode,
        networks,
        hostname,
        domainname,
        dns,
        dns_opt,
        dns_search,
        extra_hosts,
        expose: _,
    } = networking;
    let said = networks.iter().filter(|(name, attachment)| {
        (all || *name == mode) && (!is_predefined(name) || **attachment != Attachment::default())
    });
    let endpoints = said.map(|(name, attachment)| (name.clone(), endpoint(attachment)));
    body.networking_config = Some(NetworkingConfig {
        endpoints_config: Some(endpoints.collect()),
    });
    body.hostname = hostname.clone();
    body.domainname = domainname.clone();
    host.network_mode = (mode != BRIDGE).then(|| mode.clone());
    host.dns = Some(dns.iter().map(ToString::to_string).collect());
    host.dns_options = Some(dns_opt.iter().cloned().collect());
    host.dns_search = Some(dns_search.clone());
    host.extra_hosts = Some(extra_hosts.iter().cloned().collect());
}

/// How a container is to be attached to a network.
pub fn endpoint(attachment: &Attachment) -> EndpointSettings {
    let Attachment {
        aliases,
        ipv4,
        ipv6,
        link_local,
        mac,
        options,
    } = attachment;
    let asks = ipv4.is_some() || ipv6.is_some() || !link_local.is_empty();
    EndpointSettings {
        aliases: (!aliases.is_empty()).then(|| aliases.iter().cloned().collect()),
        ipam_config: asks.then(|| EndpointIpamConfig {
            ipv4_address: ipv4.map(|address| address.to_string()),
            ipv6_address: ipv6.map(|address| address.to_string()),
            link_local_ips: (!link_local.is_empty()).then(|| link_local.iter().map(ToString::to_string).collect()),
        }),
        mac_address: mac.clone(),
        driver_opts: (!options.is_empty()).then(|| options.clone().into_iter().collect()),
        ..EndpointSettings::default()
    }
}

/// What a container sees of networks, as an engine reports it.
pub fn networking(
    id: &str,
    config: &ContainerConfig,
    host: &HostConfig,
    endpoints: &HashMap<String, EndpointSettings>,
    ports: &BTreeSet<PortBinding>,
) -> Networking {
    let no_labels = HashMap::new();
    let asked = label::asked_networking(config.labels.as_ref().unwrap_or(&no_labels));
    let mode = match host.network_mode.as_deref() {
        None | Some("" | "default") => BRIDGE.to_owned(),
        Some(mode) => mode.to_owned(),
    };
    let AskedNetworking { hostname, macs } = asked;
    // An engine names a container by its id, or by the host whose network it shares, unless it was told otherwise.
    let own_name = config.hostname.clone().filter(|name| !name.is_empty());
    let own_name = own_name.filter(|name| name != short(id) && (mode != HOST || hostname.is_some()));
    let list = |list: &Option<Vec<String>>| list.clone().unwrap_or_default();
    let names = [Some(short(id)), own_name.as_deref()];
    Networking {
        networks: endpoints
            .iter()
            .map(|(name, endpoint)| (name.clone(), attachment(&names, name, endpoint, macs.get(name))))
            .collect(),
        mode,
        hostname: own_name,
        domainname: config.domainname.clone().filter(|name| !name.is_empty()),
        dns: list(&host.dns).iter().filter_map(|text| text.parse().ok()).collect(),
        dns_opt: list(&host.dns_options).into_iter().collect(),
        dns_search: list(&host.dns_search),
        extra_hosts: list(&host.extra_hosts).into_iter().collect(),
        expose: exposed(
            &list(&config.exposed_ports).into_iter().collect(),
            &BTreeSet::new(),
            ports,
        ),
    }
}

/// The engine's ids of the networks that a container is attached to.
pub fn ids(endpoints: &HashMap<String, EndpointSettings>) -> BTreeMap<String, String> {
    let ids = endpoints.iter().filter_map(|(name, endpoint)| {
        let id = endpoint.network_id.clone().filter(|id| !id.is_empty())?;
        Some((name.clone(), id))
    });
    ids.collect()
}

/// What was asked for when a container was attached: not the addresses that the engine chose.
fn attachment(
    own_names: &[Option<&str>],
    network: &str,
    endpoint: &EndpointSettings,
    asked_mac: Option<&String>,
) -> Attachment {
    let aliases = endpoint.aliases.iter().flatten();
    let ipam = endpoint.ipam_config.clone().unwrap_or_default();
    let address = |text: Option<String>| text.filter(|text| !text.is_empty());
    let live_mac = address(endpoint.mac_address.clone());
    Attachment {
        // Engines before 25 add the container's id and its name for itself; the others find it by them all the same.
        aliases: aliases
            .filter(|alias| !own_names.contains(&Some(alias)))
            .cloned()
            .collect(),
        ipv4: address(ipam.ipv4_address).and_then(|text| text.parse().ok()),
        ipv6: address(ipam.ipv6_address).and_then(|text| text.parse().ok()),
        link_local: ipam
            .link_local_ips
            .iter()
            .flatten()
            .filter_map(|text| text.parse().ok())
            .collect(),
        // One that does not run has none just now.
        mac: asked_mac.map(|asked| live_mac.unwrap_or_else(|| asked.clone())),
        options: if is_predefined(network) {
            BTreeMap::new()
        } else {
            endpoint.driver_opts.clone().unwrap_or_default().into_iter().collect()
        },
    }
}

fn short(id: &str) -> &str {
    id.get(..SHORT).unwrap_or(id)
}
