//! A cluster of any size: its repository as YAML, its hosts as they were found, and the same once a plan was applied. No clocks.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use cdk::model::container::{ContainerState, Health, LiveContainer};
use cdk::model::host::{HostFacts, HostState, ObservedHost};
use cdk::model::image::{ImageDefaults, ImageFacts, Resolution};
use cdk::model::journal::{JOURNAL_VERSION, JournalEnd, JournalRecord};
use cdk::model::network::LiveNetwork;
use cdk::model::op::{ContainerOp, Op};
use cdk::model::revision::Revision;
use cdk::model::unit::Bytes;
use cdk::observe::{Observed, Sharing};
use cdk::plan::step::Plan;
use cdk::render::Target;
use cdk::resolve::desired::Desired;
use cdk::resolve::resolve;
use cdk::source::error::SourceError;
use cdk::source::files::{Files, Listed};
use cdk::source::manifest::gather;

/// How large a cluster is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    pub hosts: u32,
    pub replicas: u32,
    pub services: u32,
}

/// A repository of one file, in memory.
struct OneFile(String);

impl Files for OneFile {
    fn list(&self, folder: &Path) -> Result<BTreeMap<String, Listed>, SourceError> {
        let is_root = folder.as_os_str().is_empty();
        Ok(is_root
            .then(|| ("cdk.yaml".to_owned(), Listed::File))
            .into_iter()
            .collect())
    }

    fn read(&self, file: &Path) -> Result<Option<Vec<u8>>, SourceError> {
        Ok((file == Path::new("cdk.yaml")).then(|| self.0.clone().into_bytes()))
    }
}

/// What git wants of a cluster of this size.
pub fn desired(size: Size) -> Result<Desired, String> {
    let gathered = gather(&OneFile(yaml(size)), None).map_err(|error| error.to_string())?;
    let revision = Revision {
        commit: Some("0123456789abcdef0123456789abcdef01234567".to_owned()),
        branch: Some("main".to_owned()),
        ..Revision::default()
    };
    let manifest = gathered
        .ok_or("there is no cdk.yaml")?
        .into_manifest(PathBuf::new(), revision);
    let desired = manifest.and_then(|manifest| resolve(&manifest));
    desired.map_err(|rejected| {
        let problems = rejected.problems.iter().take(5);
        problems.map(|problem| format!("{problem:?}\n")).collect()
    })
}

/// Half of the services have constraints, a tenth preferences, a third ports or reservations; each has a health check and ten
/// variables.
fn yaml(size: Size) -> String {
    let mut text = "cluster: {name: bench}\nnetworks: {front: {}}\nhosts:\n".to_owned();
    for host in 0..size.hosts {
        let (high, low) = (host / 250, host % 250 + 1);
        let (zone, kind) = (host % 3, ["large", "small"][usize::from(host % 5 == 0)]);
        text += &format!(
            "  {}: {{address: 10.7.{high}.{low}, labels: {{zone: z{zone}, type: {kind}}}}}\n",
            host_name(host)
        );
    }
    text += "services:\n";
    for service in 0..size.services {
        let more = u32::from(service < size.replicas % size.services);
        text += &service_yaml(service, size.replicas / size.services + more);
    }
    text
}

/// Names in no order, as people give them.
fn host_name(host: u32) -> String {
    format!("{}-{host:04}", ["bj", "sh", "gz", "cd"][(host % 4) as usize])
}

/// Three services share an image, as the parts of one program do.
fn service_yaml(service: u32, replicas: u32) -> String {
    let app = service / 3;
    let mut text = format!(
        "  s{service}:\n    image: registry.internal:5000/shop/app{app}:1.5.0\n    command: [/app, serve, --port, \"8080\"]\n    labels: {{team: t{}}}\n    environment:\n",
        service % 7
    );
    for (name, value) in [
        ("LOG_LEVEL", "info"),
        ("LOG_FORMAT", "json"),
        ("DB_HOST", "db.internal.example.com"),
        ("DB_PORT", "5432"),
        ("DB_NAME", "shop"),
        ("CACHE_URL", "redis://cache.internal.example.com:6379/0"),
        ("QUEUE_URL", "amqp://queue.internal.example.com:5672"),
        ("TRACE_RATIO", "0.01"),
        ("WORKERS", "8"),
    ] {
        text += &format!("      {name}: \"{value}\"\n");
    }
    // One in twenty has a text of each replica's own.
    let tenth = if service % 20 == 7 { "{{ slot }}" } else { "none" };
    text += &format!("      REPLICA: \"{tenth}\"\n");
    text += "    healthcheck: {test: [CMD, /app, --health], interval: 2s, retries: 3}\n";
    if service.is_multiple_of(4) {
        text += "    ports: [\"8080\"]\n";
    }
    if service.is_multiple_of(3) {
        text += "    networks: [front]\n";
    }
    let mut placement = Vec::new();
    match service % 4 {
        0 => placement.push(format!("constraints: [\"node.labels.zone == z{}\"]", service / 4 % 3)),
        2 => placement.push("constraints: [\"node.labels.type == large\", \"node.role == worker\"]".to_owned()),
        _ => {}
    }
    if service % 10 == 1 {
        placement.push("preferences: [{spread: node.labels.zone}]".to_owned());
    }
    text += &format!(
        "    deploy:\n      replicas: {replicas}\n      placement: {{{}}}\n",
        placement.join(", ")
    );
    if service % 3 == 1 {
        text += "      resources: {reservations: {cpus: \"0.01\", memory: 16M}, limits: {memory: 128M}}\n";
    }
    text + "      update_config: {parallelism: 2, delay: 10s}\n"
}

/// The hosts, with nothing on them.
pub fn empty(desired: &Desired) -> Observed {
    let mut observed = Observed::default();
    for (at, name) in desired.hosts.keys().enumerate() {
        let state = HostState {
            facts: HostFacts {
                machine_id: format!("machine-{at}"),
                hostname: name.to_string(),
                os: "linux".to_owned(),
                arch: "x86_64".to_owned(),
                engine: "26.1.5".to_owned(),
                api: "1.45".to_owned(),
                cpus: 1024,
                memory: Bytes(4 << 40),
                cgroups: "2".to_owned(),
                ..HostFacts::default()
            },
            ..HostState::default()
        };
        observed
            .hosts
            .insert(name.clone(), ObservedHost::Reachable(Box::new(state)));
    }
    for service in desired.services.values() {
        let image = service.image.to_string();
        if let Ok(digest) = hashed(&image).parse() {
            observed.images.insert(image, Resolution::Digest(digest));
        }
    }
    observed
}

/// What stands for a content's digest: it differs from the first digit on, as digests do.
fn hashed(text: &str) -> String {
    let mut sum: u64 = 0xcbf2_9ce4_8422_2325;
    for byte in text.bytes() {
        sum = (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        sum ^= sum >> 29;
    }
    let parts = [1, 3, 5, 7].map(|odd: u64| format!("{:016x}", sum.wrapping_mul(0x9e37_79b9_7f4a_7c15 ^ odd)));
    format!("sha256:{}", parts.concat())
}

/// The hosts once the plan was applied: every container stands and is well.
pub fn applied(plan: &Plan, target: &Target, before: &Observed) -> Observed {
    let mut observed = before.clone();
    let images: BTreeMap<String, (String, ImageFacts)> = before.images.iter().filter_map(image).collect();
    for (name, wanted) in &target.hosts {
        let Some(state) = observed.hosts.get_mut(name).and_then(ObservedHost::state_mut) else {
            continue;
        };
        for (network, spec) in &wanted.networks {
            let live = LiveNetwork {
                id: format!("{name}-{network}"),
                made_from: Some(spec.clone()),
                ..LiveNetwork::default()
            };
            state.networks.insert(network.clone(), live);
        }
    }
    let mut sharing = Sharing::default();
    for step in &plan.steps {
        let Op::Container(ContainerOp::Create { name, spec, owner }) = &step.op else {
            continue;
        };
        let (Some(state), Some((id, facts))) = (
            observed.hosts.get_mut(&step.host).and_then(ObservedHost::state_mut),
            images.get(&spec.common().image.to_string()),
        ) else {
            continue;
        };
        state.images.entry(id.clone()).or_insert_with(|| facts.clone());
        let mut live = LiveContainer {
            id: format!("{:064x}", step.id.0),
            name: name.to_string(),
            owner: owner.as_ref().clone(),
            image_id: id.as_str().into(),
            state: ContainerState::Running {
                health: Some(Health::Healthy),
            },
            network_ids: BTreeMap::new(),
            started_at: "2026-07-01T08:00:00Z".to_owned(),
            restarts: 0,
            spec: Some(Box::new(spec.whole().effective(&facts.defaults))),
            masked: false,
        };
        sharing.container(&mut live);
        state.containers.push(live);
    }
    // One host's journal tells all; the others say the same.
    if let Some(state) = observed.hosts.values_mut().find_map(ObservedHost::state_mut) {
        state.journal.push(record(plan));
    }
    observed
}

fn image((image, resolution): (&String, &Resolution)) -> Option<(String, (String, ImageFacts))> {
    let digest = resolution.digest()?;
    let name = image.rsplit_once(':').map_or(image.as_str(), |(name, _)| name);
    let defaults = ImageDefaults {
        entrypoint: vec!["/entrypoint".to_owned()],
        command: vec!["serve".to_owned()],
        environment: BTreeMap::from([("PATH".to_owned(), "/usr/local/bin:/usr/bin:/bin".to_owned())]),
        labels: BTreeMap::from([("org.opencontainers.image.title".to_owned(), name.to_owned())]),
        exposed: ["8080/tcp".to_owned()].into(),
        user: "app".to_owned(),
        working_dir: "/app".to_owned(),
        ..ImageDefaults::default()
    };
    let facts = ImageFacts {
        platform: None,
        tags: vec![image.clone()],
        digests: vec![format!("{name}@{digest}")],
        defaults: defaults.into(),
        ..ImageFacts::default()
    };
    Some((image.clone(), (hashed(name), facts)))
}

fn record(plan: &Plan) -> JournalRecord {
    JournalRecord {
        version: JOURNAL_VERSION,
        sequence: plan.sequence,
        at: "2026-07-01T08:00:00Z".to_owned(),
        by: "bench".to_owned(),
        revision: plan.revision.commit.clone(),
        steps: plan.steps.len(),
        done: plan.steps.len(),
        end: JournalEnd::Done,
        placement: plan.placement.clone(),
        digests: plan.digests.clone(),
        committed_at: None,
        memory: plan.memory.clone(),
        jobs: BTreeMap::new(),
        depends_on: BTreeMap::new(),
        account: Default::default(),
    }
}
