//! `hosts`: from the tree to what they mean.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::model::endpoint::{Address, Become, Ssh};
use crate::model::name::HostName;
use crate::model::problem::{Place, Problem};
use crate::model::unit::Span;
use crate::resolve::accepted::{self, Owner};
use crate::resolve::cluster::ssh_words;
use crate::resolve::constraint::HostWords;
use crate::resolve::decode::{Decoded, decode, entries};
use crate::resolve::desired::{Availability, Host};
use crate::resolve::problems::{Problems, Segment, locate};
use crate::resolve::render::{Names, render};
use crate::resolve::shape::cluster::{BecomeShape, HostShape, SshShape, StateShape};
use crate::source::yaml::{Entry, Kind, Map};

/// The hosts, and what constraints may say of them.
#[derive(Default)]
pub struct Hosts {
    /// By name.
    pub all: BTreeMap<HostName, Host>,
    /// Their names, labels and roles.
    pub words: HostWords,
}

/// Reads the section `hosts`.
pub fn hosts(
    section: Option<&Entry>,
    cluster: &Decoded<SshShape>,
    root: &Path,
    names: &Arc<Names>,
    problems: &mut Problems,
) -> Hosts {
    let map = section
        .map(|section| entries("hosts", section.value.clone(), problems))
        .unwrap_or_default();
    let mut hosts = Hosts::default();
    if map.is_empty() {
        let problem = Problem::at(section.map(|section| section.key.clone()), "the cluster has no hosts").absence();
        problems.push(problem.hint("write `hosts: {here: {address: local}}` for this machine's own Docker"));
        return hosts;
    }
    hosts.words.complete = true;
    let count = map.len();
    let below = ssh_over(&Ssh::default(), cluster, root, problems);
    let mut taken: BTreeMap<String, Place> = BTreeMap::new();
    for (name, entry) in map {
        hosts.words.names.insert(name.clone());
        let key = entry.key.clone();
        let Some((name, host)) = host(&name, entry, &below, root, names, problems) else {
            continue;
        };
        let Ssh { port, jump, config, .. } = &host.ssh;
        let reached = match &host.address {
            Address::Local => "local".to_owned(),
            Address::Ssh(address) => format!("{address} {port:?} {jump:?} {config:?}"),
        };
        match taken.get(&reached) {
            Some(first) => {
                let message = format!("`{name}` has the same address as another host: {}", host.address);
                problems.push(Problem::at(Some(key), message).related(first.clone(), "the other one"));
            }
            None => {
                taken.insert(reached, key);
            }
        }
        hosts.words.labels.extend(host.labels.keys().cloned());
        hosts.words.roles.insert(host.role.clone());
        hosts.all.insert(name, host);
    }
    hosts.words.complete = hosts.all.len() == count;
    hosts
}

fn host(
    name: &str,
    entry: Entry,
    below: &Ssh,
    root: &Path,
    names: &Arc<Names>,
    problems: &mut Problems,
) -> Option<(HostName, Host)> {
    let Entry { key, mut value } = entry;
    let host_name = name.parse::<HostName>();
    if let Err(error) = &host_name {
        problems.push(Problem::at(Some(key.clone()), error.to_string()));
    }
    if value.is_null() {
        value.kind = Kind::Map(Map::new());
    }
    let ssh = match &mut value.kind {
        Kind::Map(map) => map.shift_remove("ssh"),
        Kind::Null | Kind::Bool(_) | Kind::Number { .. } | Kind::Text(_) | Kind::List(_) => None,
    };
    let ssh = ssh_words(ssh, "hosts.*.ssh", names, problems);
    let ssh = ssh_over(below, &ssh, root, problems);
    let broken = render(&mut value, names, None, problems).broken;
    let decoded: Decoded<HostShape> = decode(value, "hosts.*", broken, problems);
    if decoded.value.address.is_none() && !decoded.has_lost("address") {
        let problem = Problem::at(Some(key), format!("the host `{name}` has no `address`"));
        problems.push(problem.hint("a name or an IP address for ssh, or `local`"));
    }
    accepted::tell("hosts.*", Owner::Host(name), &decoded.node, problems);
    let place = locate(&decoded.node, &["address".into()]);
    let HostShape {
        address,
        private_address,
        labels,
        role,
        max_containers,
        state,
        ssh: _,
        public_addresses,
    } = decoded.value;
    let address = self::address(&address?.0, &place, problems)?;
    let literal = match &address {
        Address::Local => Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        Address::Ssh(text) => text.parse().ok(),
    };
    let host = Host {
        address,
        private_address: private_address.or(literal),
        public_addresses: public_addresses.into_iter().flatten().collect(),
        labels: labels
            .unwrap_or_default()
            .into_iter()
            .map(|(key, value)| (key, value.0))
            .collect(),
        role: role.unwrap_or_else(|| "worker".to_owned()),
        max_containers: max_containers.map(|count| count.0.0),
        state: state.map_or(Availability::Active, availability),
        ssh,
    };
    Some((host_name.ok()?, host))
}

fn availability(state: StateShape) -> Availability {
    match state {
        StateShape::Active => Availability::Active,
        StateShape::Pause => Availability::Pause,
        StateShape::Drain => Availability::Drain,
        StateShape::Down => Availability::Down,
    }
}

fn address(text: &str, place: &Place, problems: &mut Problems) -> Option<Address> {
    if text == "local" {
        return Some(Address::Local);
    }
    let bare = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(text);
    let is_name = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
    let begins_well = bare.starts_with(|c: char| c.is_ascii_alphanumeric());
    if bare.parse::<IpAddr>().is_ok() || (begins_well && bare.chars().all(is_name)) {
        return Some(Address::Ssh(bare.to_owned()));
    }
    let hint = if text.contains('@') {
        "the user is `ssh: {user: NAME}`"
    } else if text.contains(':') {
        "the port is `ssh: {port: NUMBER}`"
    } else {
        "write a name or an IP address, or `local`"
    };
    problems.push(Problem::at(Some(place.clone()), format!("{text:?} is not an address")).hint(hint));
    None
}

/// A host's own words for ssh over the cluster's.
fn ssh_over(below: &Ssh, own: &Decoded<SshShape>, root: &Path, problems: &mut Problems) -> Ssh {
    let SshShape {
        user,
        port,
        jump,
        r#become,
        identity,
        config,
        connect_timeout,
    } = own.value.clone();
    let user = user.map(|user| user.0);
    for (key, word) in [("user", &user), ("jump", &jump)] {
        if let Some(word) = word
            && (word.is_empty() || word.starts_with('-') || word.contains(char::is_whitespace))
        {
            let place = locate(&own.node, &[Segment::from(key)]);
            problems.push(Problem::at(
                Some(place),
                format!("`{key}`: {word:?} is nothing that ssh would take"),
            ));
        }
    }
    if config.as_ref().is_some_and(|config| config.starts_with('~')) {
        let place = locate(&own.node, &["config".into()]);
        let problem = Problem::at(Some(place), "`config`: ssh does not know `~` here");
        problems.push(problem.hint("write an absolute path, or one relative to cdk.yaml"));
    }
    // ssh itself knows `~` in the path of a key, but nothing of the folder of cdk.yaml.
    let path = |text: String| {
        if text.starts_with('~') {
            PathBuf::from(text)
        } else {
            root.join(text)
        }
    };
    let timeout = connect_timeout.map(|timeout| timeout.0.0);
    let inherited = (below.connect_timeout != Span::default()).then_some(below.connect_timeout);
    Ssh {
        user: user.or_else(|| below.user.clone()),
        port: port.map(|port| port.0.0).or(below.port),
        jump: jump.or_else(|| below.jump.clone()),
        r#become: r#become.map_or(below.r#become, |shape| match shape {
            BecomeShape::Sudo => Become::Sudo,
            BecomeShape::None => Become::None,
        }),
        identity: identity.map(path).or_else(|| below.identity.clone()),
        config: config.map(path).or_else(|| below.config.clone()),
        connect_timeout: timeout.or(inherited).unwrap_or(Span::seconds(5)),
    }
}
