//! A container as an engine reports it, in the model's words. Only reading; how one is made is `create`'s.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use bollard::models::{
    ContainerConfig, ContainerInspectResponse, ContainerState as EngineState, ContainerStateStatusEnum as Status,
    ContainerSummary, ContainerSummaryStateEnum as Listed, EndpointSettings, HealthConfig, HealthStatusEnum,
    HostConfig, HostConfigLogConfig, PortMap, PortSummaryTypeEnum, RestartPolicy, RestartPolicyNameEnum,
};

use crate::dialect::docker::asked::{self, Asked};
use crate::dialect::docker::{Unreadable, file, label, limits, mount, natural, network, runtime};
use crate::model::container::{ContainerState, Health, LiveContainer};
use crate::model::effective::EffectiveSpec;
use crate::model::host::HeldPort;
use crate::model::setting::{Healthcheck, Logging, PortBinding, Protocol, Restart};
use crate::model::unit::{Bytes, Span};

/// A replica's container, from what the engine's `inspect` says.
///
/// # Errors
/// It is not a replica that this cdk can read: see [`label::owner`].
pub fn live(answer: ContainerInspectResponse) -> Result<LiveContainer, Unreadable> {
    let name = answer.name.unwrap_or_default().trim_start_matches('/').to_owned();
    let config = answer.config.unwrap_or_default();
    let labels = config.labels.clone().unwrap_or_default();
    let owner = label::owner(&name, &labels)?;
    let state = answer.state.unwrap_or_default();
    let id = answer.id.unwrap_or_default();
    let endpoints = answer.network_settings.and_then(|settings| settings.networks);
    let endpoints = endpoints.unwrap_or_default();
    let started_at = state.started_at.clone().unwrap_or_default();
    let mut spec = effective(
        &id,
        config,
        answer.host_config.unwrap_or_default(),
        &endpoints,
        labels.clone(),
    );
    file::read(&mut spec, &owner, &labels);
    Ok(LiveContainer {
        network_ids: network::ids(&endpoints),
        name,
        owner,
        image_id: answer.image.unwrap_or_default().into(),
        started_at: if started_at.starts_with("0001-") {
            String::new()
        } else {
            started_at
        },
        state: state_of(&state),
        restarts: natural(answer.restart_count),
        spec: Some(Box::new(spec)),
        id,
        masked: false,
    })
}

/// The name of a container in a list.
pub fn listed_name(summary: &ContainerSummary) -> String {
    let names = summary.names.iter().flatten();
    // One that others are linked to has their names for it, too.
    let own = names
        .map(|name| name.trim_start_matches('/'))
        .find(|name| !name.contains('/'));
    own.unwrap_or_default().to_owned()
}

/// The ports of the host that a container in a list holds now.
pub fn held_ports(summary: &ContainerSummary) -> Vec<HeldPort> {
    let held: BTreeSet<HeldPort> = summary
        .ports
        .iter()
        .flatten()
        .filter_map(|port| {
            Some(HeldPort {
                port: port.public_port.filter(|port| *port != 0)?,
                protocol: match port.typ {
                    Some(PortSummaryTypeEnum::UDP) => Protocol::Udp,
                    Some(PortSummaryTypeEnum::SCTP) => Protocol::Sctp,
                    Some(PortSummaryTypeEnum::TCP | PortSummaryTypeEnum::EMPTY) | None => Protocol::Tcp,
                },
            })
        })
        .collect();
    held.into_iter().collect()
}

/// Whether a container in a list holds what it was promised: it runs, or is about to.
pub fn holds(summary: &ContainerSummary) -> bool {
    match summary.state.unwrap_or(Listed::EMPTY) {
        Listed::CREATED | Listed::RUNNING | Listed::PAUSED | Listed::RESTARTING | Listed::STOPPING => true,
        Listed::EMPTY | Listed::EXITED | Listed::REMOVING | Listed::DEAD => false,
    }
}

/// The memory that the engine promises a container, whoever made it.
pub fn promised(answer: &ContainerInspectResponse) -> Bytes {
    let host = answer.host_config.as_ref();
    Bytes(natural(host.and_then(|host| host.memory_reservation)))
}

/// A health check in the model's words, of a container or an image.
pub fn healthcheck(config: HealthConfig) -> Healthcheck {
    let span = |nanos: Option<i64>| Span::from_nanos(nanos.unwrap_or(0));
    Healthcheck {
        test: config.test.unwrap_or_default(),
        interval: span(config.interval),
        timeout: span(config.timeout),
        retries: u32::try_from(config.retries.unwrap_or(0)).unwrap_or(0),
        start_period: span(config.start_period),
        start_interval: span(config.start_interval),
    }
}

/// `KEY=VALUE` lines as a map; the last of two equal keys wins, as it does for the program that runs.
pub fn environment(lines: Vec<String>) -> BTreeMap<String, String> {
    lines
        .into_iter()
        .map(|line| match line.split_once('=') {
            Some((key, value)) => (key.to_owned(), value.to_owned()),
            None => (line, String::new()),
        })
        .collect()
}

fn effective(
    id: &str,
    config: ContainerConfig,
    mut host: HostConfig,
    endpoints: &HashMap<String, EndpointSettings>,
    labels: HashMap<String, String>,
) -> EffectiveSpec {
    let ports = ports(host.port_bindings.clone().unwrap_or_default());
    let network = network::networking(id, &config, &host, endpoints, &ports);
    let asked = Asked::read(&labels);
    let security = runtime::read_security(&mut host);
    let runtime = runtime::read(&config, &mut host, &asked);
    let limits = limits::read(&host, &asked);
    let mounts = mount::read(&mut host);
    let healthcheck = config.healthcheck.map(healthcheck).map(|check| Healthcheck {
        start_interval: asked::kept(check.start_interval, asked.start_interval),
        ..check
    });
    EffectiveSpec {
        network: network.into(),
        ports,
        command: config.cmd.unwrap_or_default().into(),
        entrypoint: config.entrypoint.unwrap_or_default().into(),
        environment: environment(config.env.unwrap_or_default()).into(),
        logging: logging(host.log_config.unwrap_or_default(), label::asked_logging(&labels)).into(),
        labels: label::without_own(labels).into(),
        // Sorted out of the mounts afterwards.
        files: Arc::default(),
        folders: Arc::default(),
        mounts: mounts.into(),
        healthcheck: healthcheck.into(),
        restart: restart(host.restart_policy.unwrap_or_default()),
        user: config.user.unwrap_or_default().into(),
        working_dir: config.working_dir.unwrap_or_default().into(),
        // An engine takes a negative time for "never kill"; the model's longest stands for it.
        stop_grace_period: config
            .stop_timeout
            .map(|seconds| Span::seconds(u64::try_from(seconds).unwrap_or(u32::MAX.into()))),
        limits: limits.into(),
        security: security.folded(runtime.shares_host()).into(),
        runtime: runtime.into(),
    }
}

/// The logging in force, less what the engine added by itself to what was asked for.
fn logging(reported: HostConfigLogConfig, asked: Logging) -> Logging {
    let driver = reported.typ.unwrap_or_default();
    let options: BTreeMap<String, String> = reported.config.unwrap_or_default().into_iter().collect();
    let as_asked = (asked.driver.is_empty() || asked.driver == driver)
        && asked.options.iter().all(|(key, value)| options.get(key) == Some(value));
    if as_asked { asked } else { Logging { driver, options } }
}

fn ports(bindings: PortMap) -> BTreeSet<PortBinding> {
    let mut ports = BTreeSet::new();
    for (inside, outside) in bindings {
        let (container, protocol) = inside.split_once('/').unwrap_or((&inside, "tcp"));
        let protocol = match protocol {
            "udp" => Protocol::Udp,
            "sctp" => Protocol::Sctp,
            _ => Protocol::Tcp,
        };
        for binding in outside.unwrap_or_default() {
            ports.insert(PortBinding {
                container: container.parse().unwrap_or(0),
                protocol,
                address: binding.host_ip.and_then(|ip| ip.parse().ok()),
                host: binding.host_port.and_then(|port| port.parse().ok()).unwrap_or(0),
            });
        }
    }
    ports
}

fn restart(policy: RestartPolicy) -> Restart {
    match policy.name {
        None | Some(RestartPolicyNameEnum::EMPTY | RestartPolicyNameEnum::NO) => Restart::No,
        Some(RestartPolicyNameEnum::ALWAYS) => Restart::Always,
        Some(RestartPolicyNameEnum::UNLESS_STOPPED) => Restart::UnlessStopped,
        Some(RestartPolicyNameEnum::ON_FAILURE) => {
            Restart::OnFailure(u32::try_from(policy.maximum_retry_count.unwrap_or(0)).unwrap_or(0))
        }
    }
}

fn state_of(state: &EngineState) -> ContainerState {
    match state.status.unwrap_or(Status::EMPTY) {
        Status::CREATED | Status::EMPTY => ContainerState::Created,
        // One that is being stopped still runs.
        Status::RUNNING | Status::STOPPING => ContainerState::Running {
            health: state
                .health
                .as_ref()
                .and_then(|health| match health.status.unwrap_or(HealthStatusEnum::NONE) {
                    HealthStatusEnum::STARTING => Some(Health::Starting),
                    HealthStatusEnum::HEALTHY => Some(Health::Healthy),
                    HealthStatusEnum::UNHEALTHY => Some(Health::Unhealthy),
                    HealthStatusEnum::NONE | HealthStatusEnum::EMPTY => None,
                }),
        },
        Status::PAUSED => ContainerState::Paused,
        Status::RESTARTING => ContainerState::Restarting,
        Status::EXITED => ContainerState::Exited {
            code: state.exit_code.unwrap_or(0),
        },
        Status::DEAD | Status::REMOVING => ContainerState::Dead,
    }
}
