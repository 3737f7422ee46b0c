//! Every replica: where it is, what it runs, how it is. What is on a host that does not answer is told as unknown.

use std::collections::BTreeSet;
use std::net::IpAddr;

use jiff::Timestamp;
use serde::Serialize;

use crate::model::container::{ContainerState, LiveContainer};
use crate::model::host::{HostState, ObservedHost};
use crate::model::journal::{JournalEnd, JournalRecord};
use crate::model::name::{HostName, Slot, SlotKey, retired_name};
use crate::model::scope::Scope;
use crate::model::setting::PortBinding;
use crate::observe::Observed;
use crate::report::address::public_column;
use crate::report::style::{Paint, Style};
use crate::report::table::table;
use crate::report::words::{age, clean};
use crate::resolve::desired::Desired;

/// One replica.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// The slot.
    pub slot: Slot,
    /// Where it is.
    pub host: HostName,
    /// Whether it is the container that its successor has yet to prove itself against.
    pub retired: bool,
    /// The image as git wrote it.
    pub image: Option<String>,
    /// The commit that it was made from.
    pub revision: Option<String>,
    /// How it is: `healthy`, `running`, `exited (1)`, or `unknown` where its host does not answer.
    pub state: String,
    /// How often the engine started it again.
    pub restarts: u64,
    /// Since when it runs, in seconds; none where it never did, or nobody knows.
    pub age: Option<u64>,
    /// Where its ports can be reached: `10.0.0.11:20000->8080/tcp`.
    pub endpoints: Vec<String>,
    /// The public addresses that go with it, and stand on its host.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub public_addresses: Vec<IpAddr>,
}

/// The replicas of these services on these hosts; all where none is named. `now` is what ages are counted to.
pub fn rows(desired: &Desired, observed: &Observed, scope: &Scope, now: Timestamp) -> Vec<Row> {
    let mut rows = Vec::new();
    for (host, found) in &observed.hosts {
        match found {
            ObservedHost::Reachable(state) => {
                rows.extend(
                    state
                        .containers
                        .iter()
                        .map(|live| row(desired, (host, state), live, now)),
                );
            }
            ObservedHost::Unreachable(_) => rows.extend(held(observed, host)),
        }
    }
    rows.retain(|row| scope.has_service(&row.slot.service) && scope.has_host(&row.host));
    rows.sort_by(|a, b| (&a.slot, &a.host, a.retired).cmp(&(&b.slot, &b.host, b.retired)));
    rows
}

fn row(desired: &Desired, (host, found): (&HostName, &HostState), live: &LiveContainer, now: Timestamp) -> Row {
    let retired = live.name == retired_name(&desired.cluster.name, &live.owner.slot);
    let started = live.started_at.parse::<Timestamp>().ok();
    let running_since = started.filter(|_| live.state.is_running());
    let ports = live.spec.iter().flat_map(|spec| &spec.ports);
    Row {
        slot: live.owner.slot.clone(),
        host: host.clone(),
        retired,
        image: live.owner.image.as_ref().map(ToString::to_string),
        revision: live.owner.revision.as_ref().map(ToString::to_string),
        state: state(live),
        restarts: live.restarts,
        age: running_since.and_then(|since| u64::try_from(now.as_second() - since.as_second()).ok()),
        endpoints: ports.map(|port| endpoint(desired, host, port)).collect(),
        public_addresses: public(desired, found, &live.owner.slot).filter(|_| !retired).collect(),
    }
}

/// The public addresses that go with a replica and stand on a host.
fn public(desired: &Desired, found: &HostState, slot: &Slot) -> impl Iterator<Item = IpAddr> {
    let number = match &slot.key {
        SlotKey::Index(number) => Some(*number),
        SlotKey::Host(_) => None,
    };
    let service = desired.services.get(&slot.service).zip(number);
    let all = service
        .into_iter()
        .flat_map(|(service, number)| service.addresses_of(number));
    all.filter(|address| {
        found
            .addresses
            .found()
            .is_some_and(|live| live.bound.contains_key(address))
    })
}

/// How a container is, in a word; of a job's run, how it ended.
pub fn state(live: &LiveContainer) -> String {
    match live.state {
        ContainerState::Exited { code: 0 } if live.owner.job.is_some() => "succeeded".to_owned(),
        ContainerState::Exited { code } if live.owner.job.is_some() => format!("failed ({code})"),
        ContainerState::Created
        | ContainerState::Running { .. }
        | ContainerState::Paused
        | ContainerState::Restarting
        | ContainerState::Exited { .. }
        | ContainerState::Dead => live.state.to_string(),
    }
}

fn endpoint(desired: &Desired, host: &HostName, port: &PortBinding) -> String {
    let everywhere = desired.hosts.get(host).map(|host| host.address.to_string());
    let address = match port.address {
        Some(address) if address.is_ipv6() => format!("[{address}]"),
        Some(address) => address.to_string(),
        None => everywhere.unwrap_or_else(|| host.to_string()),
    };
    format!("{address}:{}->{}/{}", port.host, port.container, port.protocol)
}

/// What the newest journal says a host holds that does not answer.
fn held(observed: &Observed, host: &HostName) -> Vec<Row> {
    let placed = newest(observed).into_iter().flat_map(|record| &record.placement);
    let there = placed.filter(|(_, placed)| placed.host == *host).map(|(slot, _)| Row {
        slot: slot.clone(),
        host: host.clone(),
        retired: false,
        image: None,
        revision: None,
        state: "unknown".to_owned(),
        restarts: 0,
        age: None,
        endpoints: Vec::new(),
        public_addresses: Vec::new(),
    });
    there.collect()
}

/// The journal's last word, from whichever host has it; an end comes after its beginning.
pub fn newest(observed: &Observed) -> Option<&JournalRecord> {
    let records = observed
        .hosts
        .values()
        .filter_map(ObservedHost::state)
        .flat_map(|state| &state.journal);
    records.max_by_key(|record| (record.sequence, record.end != JournalEnd::Begun))
}

/// The replicas as a table, and a line for each host that does not answer.
pub fn text(rows: &[Row], observed: &Observed, style: Style) -> String {
    let head = [
        "REPLICA",
        "HOST",
        "STATE",
        "AGE",
        "RESTARTS",
        "IMAGE",
        "REVISION",
        "ENDPOINTS",
    ];
    let public = rows.iter().map(|row| row.public_addresses.as_slice());
    let (mut head, mut lines) = (head.to_vec(), rows.iter().map(cells).collect::<Vec<_>>());
    public_column((&mut head, &mut lines), public);
    let mut out = table(&head, &lines, style);
    let silent: BTreeSet<String> = observed
        .hosts
        .iter()
        .filter_map(|(host, found)| match found {
            ObservedHost::Reachable(_) => None,
            ObservedHost::Unreachable(why) => Some(format!("{host} unreachable ({})", clean(why))),
        })
        .collect();
    if !silent.is_empty() {
        out.push('\n');
    }
    for line in silent {
        out.push_str(&format!("{} {line}\n", style.paint(Paint::Warn, "!")));
    }
    out
}

fn cells(row: &Row) -> Vec<String> {
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let short = |commit: &String| commit.chars().take(7).collect::<String>();
    vec![
        format!("{}{}", row.slot, if row.retired { " (old)" } else { "" }),
        row.host.to_string(),
        row.state.clone(),
        or_dash(row.age.map(age)),
        row.restarts.to_string(),
        or_dash(row.image.clone()),
        or_dash(row.revision.as_ref().map(short)),
        or_dash((!row.endpoints.is_empty()).then(|| row.endpoints.join(", "))),
    ]
}
