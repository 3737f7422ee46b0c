//! What is sent to an engine to make or change a container, from the model's words. Only writing.

use std::collections::{BTreeSet, HashMap};

use bollard::models::{
    ContainerCreateBody, ContainerUpdateBody, HealthConfig, HostConfig, HostConfigLogConfig, Mount as EngineMount,
    MountType, NetworkingConfig, PortBinding as EnginePort, PortMap, RestartPolicy, RestartPolicyNameEnum,
};

use crate::dialect::docker::{label, network};
use crate::model::container::{ContainerSpec, Ownership};
use crate::model::name::ClusterName;
use crate::model::network::{Attachment, BRIDGE, Networking, is_predefined};
use crate::model::setting::{Healthcheck, Limits, Logging, Mount, MountSource, PortBinding, Restart};
use crate::model::unit::Span;

/// A replica's container, to be made from `image`: an engine's name or id of it. Where `all_networks` is false the engine
/// attaches it to the first alone, and it must be connected to the others.
pub fn replica(
    spec: &ContainerSpec,
    owner: &Ownership,
    cluster: &ClusterName,
    image: &str,
    all_networks: bool,
) -> ContainerCreateBody {
    let ContainerSpec {
        image: _,
        command,
        entrypoint,
        environment,
        labels,
        ports,
        network: networking,
        mounts,
        healthcheck,
        restart: policy,
        user,
        working_dir,
        logging: log,
        stop_grace_period,
        limits: Limits { cpus, memory },
    } = spec;
    let Networking {
        mode,
        networks: _,
        hostname,
        domainname,
        dns,
        dns_opt,
        dns_search,
        extra_hosts,
        expose,
    } = networking;
    let mut all_labels: HashMap<String, String> = labels.clone().into_iter().collect();
    all_labels.extend(label::of_replica(cluster, owner, log, networking));
    ContainerCreateBody {
        image: Some(image.to_owned()),
        // One empty word is the API's way to say "no entrypoint"; none at all would mean the image's.
        entrypoint: entrypoint
            .clone()
            .map(|words| if words.is_empty() { vec![String::new()] } else { words }),
        cmd: command.clone(),
        env: Some(
            environment
                .iter()
                .map(|(key, value)| format!("{key}={value}"))
                .collect(),
        ),
        labels: Some(all_labels),
        exposed_ports: Some(exposed(ports, expose)),
        hostname: hostname.clone(),
        domainname: domainname.clone(),
        networking_config: Some(endpoints(networking, all_networks)),
        healthcheck: healthcheck.as_ref().map(health),
        user: user.clone(),
        working_dir: working_dir.clone(),
        stop_timeout: stop_grace_period.map(whole_seconds),
        attach_stdin: Some(false),
        attach_stdout: Some(false),
        attach_stderr: Some(false),
        host_config: Some(HostConfig {
            port_bindings: Some(bindings(ports)),
            network_mode: (mode != BRIDGE).then(|| mode.clone()),
            dns: Some(dns.iter().map(ToString::to_string).collect()),
            dns_options: Some(dns_opt.iter().cloned().collect()),
            dns_search: Some(dns_search.clone()),
            extra_hosts: Some(extra_hosts.iter().cloned().collect()),
            mounts: Some(mounts.iter().map(mount).collect()),
            restart_policy: Some(restart(*policy)),
            log_config: logging(log),
            nano_cpus: (cpus.0 > 0).then_some(signed(cpus.0)),
            memory: (memory.0 > 0).then_some(signed(memory.0)),
            ..HostConfig::default()
        }),
        ..ContainerCreateBody::default()
    }
}

/// New limits and a new restart policy for a container that exists. A limit of zero leaves what is there: the API
/// cannot lift one in place.
pub fn update(limits: Limits, policy: Restart) -> ContainerUpdateBody {
    let Limits { cpus, memory } = limits;
    let memory = (memory.0 > 0).then_some(signed(memory.0));
    ContainerUpdateBody {
        nano_cpus: (cpus.0 > 0).then_some(signed(cpus.0)),
        memory,
        // The engine set twice the memory when the container was made, and refuses memory above it.
        memory_swap: memory.map(|memory| memory.saturating_mul(2)),
        restart_policy: Some(restart(policy)),
        ..ContainerUpdateBody::default()
    }
}

fn exposed(ports: &BTreeSet<PortBinding>, expose: &BTreeSet<String>) -> Vec<String> {
    let ports = ports.iter().map(|port| format!("{}/{}", port.container, port.protocol));
    let exposed: BTreeSet<String> = ports.chain(expose.iter().cloned()).collect();
    exposed.into_iter().collect()
}

/// How the container is attached. Of those that an engine attaches by itself nothing is said, unless there is something to say.
fn endpoints(networking: &Networking, all: bool) -> NetworkingConfig {
    let Networking { mode, networks, .. } = networking;
    let said = networks.iter().filter(|(name, attachment)| {
        (all || *name == mode) && (!is_predefined(name) || **attachment != Attachment::default())
    });
    let endpoints = said.map(|(name, attachment)| (name.clone(), network::endpoint(attachment)));
    NetworkingConfig {
        endpoints_config: Some(endpoints.collect()),
    }
}

fn bindings(ports: &BTreeSet<PortBinding>) -> PortMap {
    let mut all = PortMap::new();
    for port in ports {
        all.entry(format!("{}/{}", port.container, port.protocol))
            .or_default()
            .get_or_insert_default()
            .push(EnginePort {
                host_ip: Some(port.address.map(|address| address.to_string()).unwrap_or_default()),
                host_port: Some(port.host.to_string()),
            });
    }
    all
}

/// In the long form, with which a bind to a path that is not there is an error, where `Binds` would make a folder of it.
fn mount(mount: &Mount) -> EngineMount {
    let (typ, source) = match &mount.source {
        MountSource::Bind(path) => (MountType::BIND, Some(path.clone())),
        MountSource::Volume(name) => (MountType::VOLUME, Some(name.clone())),
        MountSource::Anonymous => (MountType::VOLUME, None),
    };
    EngineMount {
        typ: Some(typ),
        source,
        target: Some(mount.target.clone()),
        read_only: mount.read_only.then_some(true),
        ..EngineMount::default()
    }
}

fn health(check: &Healthcheck) -> HealthConfig {
    let Healthcheck {
        test,
        interval,
        timeout,
        retries,
        start_period,
    } = check;
    let nanos = |span: &Span| (*span != Span::default()).then(|| span.nanos());
    HealthConfig {
        test: (!test.is_empty()).then(|| test.clone()),
        interval: nanos(interval),
        timeout: nanos(timeout),
        retries: (*retries > 0).then_some(i64::from(*retries)),
        start_period: nanos(start_period),
        start_interval: None,
    }
}

fn restart(policy: Restart) -> RestartPolicy {
    let (name, times) = match policy {
        Restart::No => (RestartPolicyNameEnum::NO, None),
        Restart::Always => (RestartPolicyNameEnum::ALWAYS, None),
        Restart::OnFailure(times) => (RestartPolicyNameEnum::ON_FAILURE, Some(i64::from(times))),
        Restart::UnlessStopped => (RestartPolicyNameEnum::UNLESS_STOPPED, None),
    };
    RestartPolicy {
        name: Some(name),
        maximum_retry_count: times,
    }
}

fn logging(log: &Logging) -> Option<HostConfigLogConfig> {
    let Logging { driver, options } = log;
    (*log != Logging::default()).then(|| HostConfigLogConfig {
        typ: Some(driver.clone()),
        config: Some(options.clone().into_iter().collect()),
    })
}

/// The API counts in whole seconds; rounded up, so that nothing is killed early.
fn whole_seconds(span: Span) -> i64 {
    signed(span.whole_seconds())
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
