//! Every host: whether it answers, what it is, how full it is.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::Serialize;

use crate::model::container::LiveContainer;
use crate::model::host::{HostState, ObservedHost};
use crate::model::name::HostName;
use crate::model::unit::Reserved;
use crate::observe::Observed;
use crate::report::address::public_column;
use crate::report::style::Style;
use crate::report::table::table;
use crate::report::words::{clean, size};
use crate::resolve::desired::{Availability, Desired, Host};

/// One host in words and numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// Its name.
    pub host: HostName,
    /// Where it is.
    pub address: String,
    /// What git says of it.
    pub state: Availability,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Why it does not answer; none where it does.
    pub unreachable: Option<String>,
    /// How many containers it may hold; none for no limit.
    pub max_containers: Option<u32>,
    /// The public addresses of the cluster that stand there: its own, and those of services.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub public_addresses: Vec<IpAddr>,
    /// What was seen there; none where it did not answer.
    pub seen: Option<Seen>,
}

/// What was seen on a host that answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Seen {
    /// The engine's version.
    pub engine: String,
    /// The version of Docker's API.
    pub api: String,
    /// The engine's id.
    pub machine_id: String,
    /// How many containers it holds, others' too.
    pub containers: usize,
    /// CPUs that its replicas are promised, in billionths.
    pub reserved_nano_cpus: u64,
    /// CPUs that other clusters' are, in billionths.
    pub others_nano_cpus: u64,
    /// CPUs that it has.
    pub cpus: u64,
    /// Memory that its replicas are promised, in bytes.
    pub reserved_memory: u64,
    /// Memory that containers which are not the cluster's are, in bytes.
    pub others_memory: u64,
    /// Memory that it has, in bytes.
    pub memory: u64,
}

/// Every host of the cluster, by name.
pub fn rows(desired: &Desired, observed: &Observed) -> Vec<Row> {
    let row = |(name, host): (&HostName, &Host)| {
        let found = observed.hosts.get(name);
        Row {
            host: name.clone(),
            address: host.address.to_string(),
            state: host.state,
            labels: host.labels.clone(),
            unreachable: match found {
                Some(ObservedHost::Unreachable(why)) => Some(why.clone()),
                Some(ObservedHost::Reachable(_)) | None => None,
            },
            max_containers: host.max_containers,
            public_addresses: found
                .and_then(ObservedHost::state)
                .map_or_else(Vec::new, |state| public(host, state)),
            seen: found.and_then(ObservedHost::state).map(|state| seen(desired, state)),
        }
    };
    desired.hosts.iter().map(row).collect()
}

/// The public addresses of the cluster that stand on a host: those that cdk keeps there, and those that it had before.
fn public(host: &Host, state: &HostState) -> Vec<IpAddr> {
    let live = state.addresses.found();
    let all = live.into_iter().flat_map(|live| {
        let is_meant = |address: &&IpAddr| live.own.contains(*address) || host.public_addresses.contains(*address);
        live.bound.keys().filter(is_meant)
    });
    all.copied().collect()
}

fn seen(desired: &Desired, state: &HostState) -> Seen {
    let own: Reserved = state.containers.iter().map(|live| promised(desired, live)).sum();
    let others = usize::try_from(state.other_containers).unwrap_or(usize::MAX);
    Seen {
        engine: state.facts.engine.clone(),
        api: state.facts.api.clone(),
        machine_id: state.facts.machine_id.clone(),
        containers: state.containers.len().saturating_add(others),
        reserved_nano_cpus: own.cpus.0,
        others_nano_cpus: state.reserved.cpus.0,
        cpus: state.facts.cpus,
        reserved_memory: own.memory.0,
        others_memory: state.reserved.memory.0,
        memory: state.facts.memory.0,
    }
}

/// What a container of the cluster is promised: by git, or by its own label where git knows its service no more.
fn promised(desired: &Desired, live: &LiveContainer) -> Reserved {
    match desired.services.get(&live.owner.slot.service) {
        Some(service) => Reserved {
            cpus: service.reserved_cpus,
            memory: service.reserved_memory,
        },
        None => live.owner.reserved,
    }
}

/// The hosts as a table.
pub fn text(rows: &[Row], style: Style) -> String {
    let head = [
        "HOST",
        "STATE",
        "ADDRESS",
        "ENGINE",
        "CONTAINERS",
        "CPU",
        "MEMORY",
        "LABELS",
        "MACHINE",
    ];
    let public = rows.iter().map(|row| row.public_addresses.as_slice());
    let (mut head, mut lines) = (head.to_vec(), rows.iter().map(cells).collect::<Vec<_>>());
    public_column((&mut head, &mut lines), public);
    table(&head, &lines, style)
}

fn cells(row: &Row) -> Vec<String> {
    let state = match (&row.unreachable, row.state) {
        (Some(_), _) => "unreachable",
        (None, Availability::Active) => "active",
        (None, Availability::Pause) => "pause",
        (None, Availability::Drain) => "drain",
        (None, Availability::Down) => "down",
    };
    let labels: Vec<String> = row.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let mut cells = vec![row.host.to_string(), state.to_owned(), row.address.clone()];
    let last = match (&row.seen, &row.unreachable) {
        (Some(seen), _) => {
            let max = row.max_containers.map_or_else(|| "-".to_owned(), |max| max.to_string());
            cells.push(format!("{} (API {})", seen.engine, seen.api));
            cells.push(format!("{}/{max}", seen.containers));
            let cpus = used(seen.reserved_nano_cpus, seen.others_nano_cpus, tenths);
            let memory = used(seen.reserved_memory, seen.others_memory, size);
            cells.push(format!("{cpus}/{}", seen.cpus));
            cells.push(format!("{memory}/{}", size(seen.memory)));
            clean(&seen.machine_id)
        }
        (None, why) => {
            cells.extend(["-", "-", "-", "-"].map(str::to_owned));
            clean(why.as_deref().unwrap_or("not asked"))
        }
    };
    cells.extend([labels.join(","), last]);
    cells
}

/// What is promised: to the cluster's own replicas, and after a plus to others' containers, where they are promised anything.
fn used(own: u64, others: u64, words: impl Fn(u64) -> String) -> String {
    match others {
        0 => words(own),
        others => format!("{}+{}", words(own), words(others)),
    }
}

fn tenths(nano_cpus: u64) -> String {
    let tenths = nano_cpus / 100_000_000;
    format!("{}.{}", tenths / 10, tenths % 10)
}
