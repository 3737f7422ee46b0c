//! What is sent to an engine to make or change a container, from the model's words. Only writing.

use std::collections::{BTreeSet, HashMap};

use bollard::models::{
    ContainerCreateBody, ContainerUpdateBody, HealthConfig, HostConfig, HostConfigLogConfig, PortBinding as EnginePort,
    PortMap, RestartPolicy, RestartPolicyNameEnum,
};

use crate::dialect::docker::{asked, label, limits, mount, network, runtime, signed};
use crate::model::container::{ContainerSpec, Ownership};
use crate::model::name::ClusterName;
use crate::model::setting::{Healthcheck, Limits, Logging, PortBinding, Restart};
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
        // Filled in before, by the executor.
        stamps: _,
        ports,
        network: networking,
        mounts,
        healthcheck,
        restart: policy,
        user,
        working_dir,
        logging: log,
        stop_grace_period,
        limits,
        security,
        runtime,
    } = spec;
    let mut all_labels: HashMap<String, String> = labels.clone().into_iter().collect();
    all_labels.extend(label::of_replica(cluster, owner, log, networking));
    all_labels.extend(asked::label(spec));
    let mut host = HostConfig {
        port_bindings: Some(bindings(ports)),
        restart_policy: Some(restart(*policy)),
        log_config: logging(log),
        ..HostConfig::default()
    };
    mount::write(mounts, &mut host);
    limits::write(&limits.clone().folded(), &mut host);
    runtime::write_security(security, &mut host);
    let mut body = ContainerCreateBody {
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
        exposed_ports: Some(exposed(ports, &networking.expose)),
        healthcheck: healthcheck.as_ref().map(health),
        user: user.clone(),
        working_dir: working_dir.clone(),
        stop_timeout: stop_grace_period.map(whole_seconds),
        attach_stdin: Some(false),
        attach_stdout: Some(false),
        attach_stderr: Some(false),
        ..ContainerCreateBody::default()
    };
    network::write(networking, all_networks, &mut body, &mut host);
    runtime::write(runtime, &mut body, &mut host);
    body.host_config = Some(host);
    body
}

/// New limits and a new restart policy for a container that exists. A limit of zero leaves what is there: the API
/// cannot lift one in place.
pub fn update(new: &Limits, policy: Restart) -> ContainerUpdateBody {
    ContainerUpdateBody {
        restart_policy: Some(restart(policy)),
        ..limits::update(&new.clone().folded())
    }
}

fn exposed(ports: &BTreeSet<PortBinding>, expose: &BTreeSet<String>) -> Vec<String> {
    let ports = ports.iter().map(|port| format!("{}/{}", port.container, port.protocol));
    let exposed: BTreeSet<String> = ports.chain(expose.iter().cloned()).collect();
    exposed.into_iter().collect()
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

fn health(check: &Healthcheck) -> HealthConfig {
    let Healthcheck {
        test,
        interval,
        timeout,
        retries,
        start_period,
        start_interval,
    } = check;
    let nanos = |span: &Span| (*span != Span::default()).then(|| span.nanos());
    HealthConfig {
        test: (!test.is_empty()).then(|| test.clone()),
        interval: nanos(interval),
        timeout: nanos(timeout),
        retries: (*retries > 0).then_some(i64::from(*retries)),
        start_period: nanos(start_period),
        start_interval: nanos(start_interval),
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
