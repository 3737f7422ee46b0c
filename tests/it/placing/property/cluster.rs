//! Random clusters: what git wants, and how that changes; and what the hosts are by themselves. Nothing that stands there.

use std::collections::BTreeMap;

use cdk::model::endpoint::Address;
use cdk::model::host::{HeldPort, HostState, ObservedHost};
use cdk::model::image::{Digest, ImageFacts, Resolution};
use cdk::model::name::ServiceName;
use cdk::model::policy::Order;
use cdk::model::setting::{Protocol, Restart};
use cdk::model::unit::{Bytes, Cpus};
use cdk::model::volume::VolumeSpec;
use cdk::observe::Observed;
use cdk::resolve::desired::{Availability, Desired, Host, Mode, Service, Volume};
use cdk::resolve::wish::{Affinity, Attribute, Constraint, Group, Strategy, Strength};

use super::dice::Dice;
use crate::planner::world::{assigned, desired, host, host_name, published, service, volume};

const SERVICES: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];

/// How many hosts there are at most.
pub const HOSTS: u32 = 12;

/// A cluster of up to `HOSTS` hosts and eight services.
pub fn cluster(dice: &mut Dice) -> Desired {
    let mut all = desired(&[], Vec::new());
    all.cluster.ports = dice
        .pick(&["20000-29999", "20000-20002", "20000-20007"])
        .parse()
        .unwrap();
    for number in 1..=dice.below(HOSTS + 1) {
        all.hosts
            .insert(host_name(&format!("h{number:02}")), any_host(dice, number));
    }
    let count = dice.index(SERVICES.len() + 1);
    for name in &SERVICES[..count] {
        let one = any_service(dice, name, &SERVICES[..count]);
        all.services.insert(name.parse().unwrap(), one);
    }
    all.volumes = SERVICES.map(own_volume).into();
    all
}

fn own_volume(name: &str) -> (cdk::model::name::VolumeName, Volume) {
    let volume = Volume {
        name: format!("shop_{name}"),
        external: false,
        shared: false,
        spec: VolumeSpec::default(),
    };
    (name.parse().unwrap(), volume)
}

fn any_host(dice: &mut Dice, number: u32) -> Host {
    let mut one = host(&[]);
    let labels = [
        ("zone", ["", "a", "b", "c"].as_slice()),
        ("rack", &["", "1", "2"]),
        ("disk", &["", "ssd", "SSD", "hdd"]),
    ];
    for (label, values) in labels {
        let value = dice.pick(values);
        if !value.is_empty() {
            one.labels.insert(label.to_owned(), value.to_owned());
        }
    }
    one.address = Address::Ssh(format!("10.0.{}.{number}", dice.below(2)));
    one.role = dice.pick(&["worker", "worker", "manager"]).to_owned();
    one.state = match dice.below(14) {
        11 => Availability::Pause,
        12 => Availability::Drain,
        13 => Availability::Down,
        _ => Availability::Active,
    };
    one.max_containers = dice.chance(25).then(|| dice.below(8) + 1);
    one.private_address = dice.chance(30).then(|| format!("10.1.0.{number}").parse().unwrap());
    one
}

fn any_service(dice: &mut Dice, name: &str, all: &[&str]) -> Service {
    let replicas = dice.below(10);
    let mut one = service(dice.pick(&["app:1", "app:1", "app:2", "local:1"]), replicas);
    one.mode = match dice.below(10) {
        8 => Mode::Global,
        9 => dice.pick(&[Mode::ReplicatedJob(replicas.min(3)), Mode::GlobalJob]),
        _ => Mode::Replicated(replicas),
    };
    for _ in 0..dice.below(6).saturating_sub(3) {
        one.constraints.push(any_constraint(dice));
    }
    one.max_replicas_per_node = dice.chance(25).then(|| dice.below(3) + 1);
    one.reserved_cpus = Cpus(u64::from(dice.pick(&[0u32, 0, 0, 1, 2])) * Cpus::PER_CPU / 2);
    one.reserved_memory = Bytes(u64::from(dice.pick(&[0u32, 0, 0, 200, 600])) << 20);
    one.update.order = dice.pick(&[Order::StopFirst, Order::StartFirst]);
    ports(dice, &mut one);
    wishes(dice, &mut one, name, all);
    if dice.chance(12) {
        one.mounts.insert(volume(&format!("shop_{name}")));
    }
    if one.mode.is_job() {
        one.ports.clear();
        one.restart = Restart::No;
        one.update.order = Order::StopFirst;
    }
    one
}

fn any_constraint(dice: &mut Dice) -> Constraint {
    let label = |key: &str| Attribute::Label(key.to_owned());
    let (attribute, values): (Attribute, &[&str]) = match dice.below(8) {
        0 => (label("disk"), &["ssd", "Hdd"]),
        1 => (label("zone"), &["a", "B"]),
        2 => (Attribute::Role, &["worker", "Manager"]),
        3 => (Attribute::Hostname, &["h01", "H02"]),
        4 => (Attribute::Ip, &["10.0.0.0/24", "10.0.1.1", "10.1.0.0/16"]),
        5 => (Attribute::Os, &["linux", "windows"]),
        6 => (Attribute::Arch, &["amd64", "x86_64", "AARCH64"]),
        _ => (Attribute::EngineLabel("gpu".to_owned()), &["yes", "no"]),
    };
    Constraint {
        attribute,
        equal: !dice.chance(60),
        value: dice.pick(values).to_owned(),
    }
}

fn ports(dice: &mut Dice, one: &mut Service) {
    match dice.below(9) {
        5 => one.ports.extend([assigned(80)]),
        6 => one.ports.extend([published(80, dice.pick(&["8080", "8081", "20001"]))]),
        7 => one
            .ports
            .extend([published(80, dice.pick(&["9000-9002", "8080-8082"]))]),
        8 => one
            .ports
            .extend([assigned(80), assigned(81), published(82, "20000-20001")]),
        _ => {}
    }
}

fn wishes(dice: &mut Dice, one: &mut Service, name: &str, all: &[&str]) {
    one.placing.strategy = dice.pick(&[
        Strategy::Spread,
        Strategy::Spread,
        Strategy::Spread,
        Strategy::Binpack,
        Strategy::Random,
    ]);
    let levels: [&[&str]; 6] = [&[], &[], &["zone"], &["rack"], &["zone", "rack"], &["rack", "zone"]];
    one.placing.preferences = dice.pick(&levels).iter().map(|label| (*label).to_owned()).collect();
    for _ in 0..dice.below(5).saturating_sub(3) {
        let mut wish = any_wish(dice, all);
        // What must be near comes earlier in the alphabet: then there is no circle, which `check` refuses.
        if wish.strength == Strength::Required && wish.service.as_str() >= name {
            wish.strength = Strength::Weight(50);
        }
        one.placing.affinity.push(wish);
    }
    for _ in 0..dice.below(5).saturating_sub(3) {
        let mut wish = any_wish(dice, all);
        if dice.chance(40) {
            wish.service = name.parse().unwrap();
        }
        one.placing.anti_affinity.push(wish);
    }
}

fn any_wish(dice: &mut Dice, all: &[&str]) -> Affinity {
    let per = dice.pick(&["", "zone", "rack"]);
    Affinity {
        service: dice.pick(all).parse().unwrap(),
        per: match per {
            "" => Group::Host,
            label => Group::Label(label.to_owned()),
        },
        strength: match dice.below(4) {
            0 => Strength::Weight(10),
            1 => Strength::Weight(100),
            _ => Strength::Required,
        },
    }
}

/// Another version of the same cluster: each host and service may be as it was, be another one, or go; and some come.
pub fn another(dice: &mut Dice, before: &Desired) -> Desired {
    let mut all = before.clone();
    for number in 1..=HOSTS {
        let name = host_name(&format!("h{number:02}"));
        match dice.below(30) {
            24..=26 => {
                if let Some(host) = all.hosts.get_mut(&name) {
                    host.state = dice.pick(&[Availability::Active, Availability::Drain, Availability::Down]);
                }
            }
            27 => drop(all.hosts.remove(&name)),
            28 => drop(all.hosts.insert(name, any_host(dice, number))),
            _ => {}
        }
    }
    let names: Vec<&str> = SERVICES.into_iter().filter(|name| knows(&all, name)).collect();
    for name in SERVICES {
        let key: ServiceName = name.parse().unwrap();
        match dice.below(20) {
            10..=13 => {
                let replicas = dice.below(10);
                if let Some(Mode::Replicated(count)) = all.services.get_mut(&key).map(|one| &mut one.mode) {
                    *count = replicas;
                }
            }
            14..=16 if names.contains(&name) => drop(all.services.insert(key, any_service(dice, name, &names))),
            17 => drop(all.services.remove(&key)),
            _ => {}
        }
    }
    forget_missing(&mut all);
    all
}

fn knows(all: &Desired, name: &str) -> bool {
    all.services.keys().any(|known| known.as_str() == name)
}

/// Takes out wishes for services that are gone, which `check` refuses.
fn forget_missing(all: &mut Desired) {
    let names: Vec<ServiceName> = all.services.keys().cloned().collect();
    for service in all.services.values_mut() {
        service.placing.affinity.retain(|wish| names.contains(&wish.service));
        service
            .placing
            .anti_affinity
            .retain(|wish| names.contains(&wish.service));
    }
}

/// What the hosts are before anything of the cluster stands there.
pub fn bare(dice: &mut Dice) -> Observed {
    let host = |number: u32| (host_name(&format!("h{number:02}")), bare_host(dice, number));
    let hosts: BTreeMap<_, _> = (1..=HOSTS).map(host).collect();
    let digest = |digit: &str| Resolution::Digest(format!("sha256:{}", digit.repeat(64)).parse::<Digest>().unwrap());
    let images = [
        ("app:1", digest("1")),
        ("app:2", digest("2")),
        ("local:1", Resolution::Local),
    ];
    Observed {
        hosts,
        images: images.map(|(image, known)| (image.to_owned(), known)).into(),
        ..Observed::default()
    }
}

fn bare_host(dice: &mut Dice, number: u32) -> ObservedHost {
    let mut state = HostState::default();
    state.facts.machine_id = format!("machine-{number}");
    state.facts.cpus = dice.pick(&[0, 1, 2, 4]);
    state.facts.memory = Bytes(dice.pick(&[0, 1 << 30, 2 << 30]));
    state.facts.os = dice.pick(&["linux", ""]).to_owned();
    state.facts.arch = dice.pick(&["x86_64", "aarch64", ""]).to_owned();
    if dice.chance(20) {
        state.facts.engine_labels.insert("gpu".to_owned(), "yes".to_owned());
    }
    state.other_containers = dice.below(6).saturating_sub(2);
    if dice.chance(20) {
        state.reserved.memory = Bytes(300 << 20);
    }
    if dice.chance(30) {
        let port = dice.pick(&[8080, 9000, 20000, 20001]);
        let protocol = Protocol::Tcp;
        state.held_ports.insert(HeldPort { port, protocol });
    }
    if !dice.chance(30) {
        let facts = ImageFacts {
            tags: vec!["local:1".to_owned()],
            ..ImageFacts::default()
        };
        state.images.insert("id-local".to_owned(), facts);
    }
    ObservedHost::Reachable(Box::new(state))
}
