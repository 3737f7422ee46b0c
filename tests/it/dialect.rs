//! Docker's dialect against answers recorded from real engines, 20.10 (API 1.41) and 26.1 (API 1.45).
//!
//! `fixtures/docker-*/container-NAME.json` is the `inspect` of a container that the engine made from `specs()[NAME]` and
//! the image `full:1`, whose own `inspect` is `image.json`; `list.json` is a list with somebody else's container in it.

#[path = "dialect/networks.rs"]
mod networks;
#[path = "dialect/promises.rs"]
mod promises;

use std::collections::{BTreeMap, BTreeSet};

use bollard::models::{ContainerInspectResponse, ContainerSummary, ImageInspect, SystemInfo};
use cdk::dialect::docker::engine::ApiVersion;
use cdk::dialect::docker::{container, create, engine, label};
use cdk::model::container::{ContainerSpec, ContainerState, LiveContainer, Ownership};
use cdk::model::host::HeldPort;
use cdk::model::image::ImageDefaults;
use cdk::model::name::ClusterName;
use cdk::model::network::Networking;
use cdk::model::runtime::{Blkio, DeviceRequest, Runtime, Security};
use cdk::model::setting::{
    Healthcheck, Limits, Logging, Mount, MountOptions, MountSource, PortBinding, Protocol, Restart, Swap,
};
use cdk::model::text::SharedText;
use cdk::model::unit::{Bytes, Cpus, Span};
use serde_json::{Value, json};

const ENGINES: [&str; 2] = ["docker-20.10", "docker-26.1"];

fn recorded<T: serde::de::DeserializeOwned>(engine: &str, file: &str) -> T {
    let path = format!("{}/tests/it/fixtures/{engine}/{file}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap();
    serde_json::from_str(&text).unwrap_or_else(|why| panic!("{path}: {why}"))
}

fn cluster() -> ClusterName {
    "probe".parse().unwrap()
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

fn pairs(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

fn mount(target: &str, source: MountSource, read_only: bool) -> Mount {
    Mount {
        target: target.to_owned(),
        source,
        read_only,
        options: MountOptions::default(),
    }
}

fn port(container: u16, protocol: Protocol, address: Option<&str>, host: u16) -> PortBinding {
    PortBinding {
        container,
        protocol,
        address: address.map(|text| text.parse().unwrap()),
        host,
    }
}

fn plain() -> ContainerSpec {
    ContainerSpec {
        image: "full:1".parse().unwrap(),
        command: None,
        entrypoint: None,
        environment: BTreeMap::new(),
        labels: BTreeMap::new(),
        stamps: BTreeMap::new(),
        files: BTreeMap::new(),
        folders: BTreeMap::new(),
        ports: BTreeSet::new(),
        network: Networking::default(),
        mounts: BTreeSet::new(),
        healthcheck: None,
        restart: Restart::No,
        user: None,
        working_dir: None,
        logging: Logging::default(),
        stop_grace_period: None,
        limits: Limits::default(),
        security: Security::default(),
        runtime: Runtime::default(),
    }
}

/// Specs that differ in every field, and in what engines are known to change.
fn specs() -> BTreeMap<&'static str, ContainerSpec> {
    let volume = |name: &str| MountSource::Volume(name.to_owned());
    let full = ContainerSpec {
        command: Some(words("/app x")),
        environment: pairs(&[("A", "b=c"), ("E", "")]),
        labels: pairs(&[("l", "1"), ("from", "git")]),
        stamps: BTreeMap::new(),
        ports: BTreeSet::from([
            port(8080, Protocol::Tcp, None, 20001),
            port(8080, Protocol::Tcp, Some("127.0.0.1"), 20002),
            port(53, Protocol::Udp, None, 20001),
            port(80, Protocol::Tcp, Some("::1"), 20003),
        ]),
        mounts: BTreeSet::from([
            mount("/anon", MountSource::Anonymous, false),
            mount("/data/", volume("probe_data"), true),
            mount("/e", MountSource::Bind("/etc".to_owned()), false),
            mount("/vol", volume("probe_vol"), false),
        ]),
        healthcheck: Some(Healthcheck {
            test: words("CMD /app check"),
            interval: Span::seconds(3),
            retries: 2,
            ..Healthcheck::default()
        }),
        restart: Restart::OnFailure(3),
        user: Some("1000:1000".to_owned()),
        working_dir: Some("/foo/../bar//x/".to_owned()),
        logging: Logging {
            driver: "json-file".to_owned(),
            options: pairs(&[("max-size", "10m")]),
        },
        stop_grace_period: Some("1500ms".parse().unwrap()),
        limits: Limits {
            cpus: Cpus(500_000_000),
            memory: Bytes(64 << 20),
            ..Limits::default()
        },
        ..plain()
    };
    let noentry = ContainerSpec {
        entrypoint: Some(Vec::new()),
        command: Some(words("/app")),
        healthcheck: Some(Healthcheck {
            test: words("NONE"),
            ..Healthcheck::default()
        }),
        restart: Restart::UnlessStopped,
        ..plain()
    };
    let entry = ContainerSpec {
        entrypoint: Some(words("/app")),
        healthcheck: Some(Healthcheck {
            interval: Span::seconds(9),
            ..Healthcheck::default()
        }),
        restart: Restart::Always,
        stop_grace_period: Some(Span::default()),
        logging: Logging {
            driver: String::new(),
            options: pairs(&[("max-file", "2")]),
        },
        ..plain()
    };
    let emptycmd = ContainerSpec {
        command: Some(Vec::new()),
        logging: Logging {
            driver: "json-file".to_owned(),
            ..Logging::default()
        },
        ..plain()
    };
    BTreeMap::from([
        ("plain", plain()),
        ("full", full),
        ("noentry", noentry),
        ("entry", entry),
        ("emptycmd", emptycmd),
    ])
}

fn owner(spec: &ContainerSpec) -> Ownership {
    Ownership {
        slot: "web.1".parse().unwrap(),
        fingerprint: Some(cdk::model::replica::ReplicaSpec::from(spec.clone()).fingerprint()),
        revision: Some("abc".into()),
        image: Some(spec.image.clone()),
        digest: None,
        job: None,
        reserved: Default::default(),
    }
}

/// What an engine would report of a container made from `spec`, where the image brings nothing along.
fn reported(spec: &ContainerSpec) -> Value {
    let mut config = serde_json::to_value(create::replica(spec, &owner(spec), &cluster(), "full:1", true)).unwrap();
    let host = config["HostConfig"].take();
    // As daemon/create.go has it: one empty word is no entrypoint.
    if config["Entrypoint"] == json!([""]) {
        config["Entrypoint"] = Value::Null;
    }
    let mut endpoints = config["NetworkingConfig"]["EndpointsConfig"].clone();
    if endpoints == json!({}) {
        endpoints = json!({ "bridge": {} });
    }
    json!({
        "Name": "/probe.web.1", "Config": config, "HostConfig": host, "State": { "Status": "created" },
        "NetworkSettings": { "Networks": endpoints }
    })
}

fn live(answer: Value) -> LiveContainer {
    container::live(serde_json::from_value::<ContainerInspectResponse>(answer).unwrap()).unwrap()
}

#[test]
fn what_an_engine_made_is_what_git_asked_for() {
    for engine in ENGINES {
        let image = engine::image(recorded::<ImageInspect>(engine, "image"));
        for (name, spec) in specs() {
            let live = live(recorded(engine, &format!("container-{name}")));
            assert_eq!(
                live.spec.as_deref(),
                Some(&spec.effective(&image.defaults)),
                "{engine}: {name}"
            );
            assert_eq!(live.name, format!("probe.{name}"));
            assert_eq!(live.state, ContainerState::Created);
            assert_eq!(live.started_at, "");
            // The fingerprint is of the spec as that cdk knew it.
            let fingerprint = live.owner.fingerprint.clone();
            assert_eq!(fingerprint.as_ref().map(|text| text.0.len()), Some(16));
            assert_eq!(
                live.owner,
                Ownership {
                    fingerprint,
                    ..owner(&spec)
                },
                "{engine}: {name}"
            );
        }
    }
}

/// A spec with all that says how an engine runs a container, in what no test host can start too.
fn run_specially() -> ContainerSpec {
    let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<BTreeSet<String>>();
    fn rate<T>(rate: T) -> BTreeMap<String, T> {
        BTreeMap::from([("/dev/sda".to_owned(), rate)])
    }
    let text = |text: &str| Some(text.to_owned());
    ContainerSpec {
        limits: Limits {
            cpu_rt_period: 1000,
            cpu_rt_runtime: 400,
            memswap: Some(Swap(-1)),
            pids: 9,
            ..Limits::default()
        },
        security: Security {
            cap_add: texts(&["ALL"]),
            security_opt: texts(&["label=disable", "apparmor=unconfined", "systempaths=unconfined"]),
            privileged: true,
            ..Security::default()
        },
        runtime: Runtime {
            runtime: text("nvidia"),
            ipc: text("private"),
            cgroup: text("host"),
            stop_signal: text("SIGINT"),
            shm_size: Some(Bytes(1 << 20)),
            init: Some(false),
            device_requests: BTreeSet::from([DeviceRequest {
                driver: "nvidia".to_owned(),
                count: -1,
                capabilities: vec![vec!["gpu".to_owned(), "utility".to_owned()]],
                ..DeviceRequest::default()
            }]),
            storage_opt: pairs(&[("size", "1G")]),
            blkio: Blkio {
                weight: 20,
                weight_device: rate(10),
                device_read_bps: rate(Bytes(1)),
                device_write_bps: rate(Bytes(2)),
                device_read_iops: rate(3),
                device_write_iops: rate(4),
            },
            ..Runtime::default()
        },
        ..plain()
    }
}

#[test]
fn how_a_container_is_run_reads_back_field_by_field() {
    let spec = run_specially();
    let wanted = spec.effective(&ImageDefaults::default());
    assert_eq!(*live(reported(&spec)).spec.unwrap(), wanted);
    assert_eq!(
        wanted.security.security_opt.iter().collect::<Vec<_>>(),
        ["apparmor=unconfined"],
        "the rest says nothing beside `privileged`"
    );
}

#[test]
fn what_an_engine_fills_in_or_leaves_out_is_no_difference() {
    let mut filled = reported(&plain());
    let host = &mut filled["HostConfig"];
    for (key, value) in [
        ("ShmSize", json!(1 << 30)),
        ("Runtime", json!("nvidia")),
        ("IpcMode", json!("shareable")),
        ("CgroupnsMode", json!("private")),
        ("MemorySwap", json!(-1)),
        ("PidsLimit", json!(-1)),
        ("MemorySwappiness", json!(-1)),
        ("OomKillDisable", json!(false)),
    ] {
        host[key] = value;
    }
    let nothing = ImageDefaults::default();
    assert_eq!(*live(filled.clone()).spec.unwrap(), plain().effective(&nothing));
    filled["HostConfig"]["IpcMode"] = json!("host");
    let seen = live(filled).spec.unwrap();
    assert_eq!(seen.runtime.ipc.as_deref(), Some("host"), "no engine's setting says so");

    let mut spec = plain();
    spec.runtime.annotations = pairs(&[("a", "b")]);
    spec.runtime.mem_swappiness = Some(10);
    spec.runtime.oom_kill_disable = true;
    spec.runtime.blkio.weight = 300;
    spec.healthcheck = Some(Healthcheck {
        test: words("CMD /app"),
        start_interval: Span::seconds(1),
        ..Healthcheck::default()
    });
    let mut left_out = reported(&spec);
    left_out["Config"]["Healthcheck"]["StartInterval"] = Value::Null;
    for key in ["Annotations", "MemorySwappiness", "OomKillDisable", "BlkioWeight"] {
        left_out["HostConfig"][key] = Value::Null;
    }
    assert_eq!(*live(left_out).spec.unwrap(), spec.effective(&nothing));
}

#[test]
fn what_is_sent_reads_back_field_by_field() {
    for (name, spec) in specs() {
        let mut wanted = spec.effective(&ImageDefaults::default());
        let mut found = *live(reported(&spec)).spec.unwrap();
        // This one the engine does, not the API: the recorded answers show it.
        wanted.working_dir = SharedText::default();
        found.working_dir = SharedText::default();
        assert_eq!(found, wanted, "{name}");
    }
}

#[test]
fn a_create_asks_for_no_missing_path_and_no_volume_options() {
    let spec = specs().remove("full").unwrap();
    let body = serde_json::to_value(create::replica(&spec, &owner(&spec), &cluster(), "full@sha256:1", true)).unwrap();
    assert_eq!(body["Image"], "full@sha256:1");
    assert_eq!(body["AttachStdout"], false);
    assert_eq!(body["StopTimeout"], 2);
    assert_eq!(body["HostConfig"]["Binds"], Value::Null);
    assert_eq!(
        body["HostConfig"]["Mounts"],
        json!([
            { "Type": "volume", "Target": "/anon" },
            { "Type": "volume", "Source": "probe_data", "Target": "/data/", "ReadOnly": true },
            { "Type": "bind", "Source": "/etc", "Target": "/e" },
            { "Type": "volume", "Source": "probe_vol", "Target": "/vol" },
        ])
    );
    assert_eq!(body["Labels"]["cdk.cluster"], "probe");
    assert_eq!(body["Labels"]["cdk.slot"], "web.1");
    assert_eq!(body["Labels"]["cdk.service"], "web");
    assert_eq!(body["Labels"]["cdk.version"], "1");
    assert_eq!(body["Labels"]["from"], "git");
}

#[test]
fn logging_that_the_engine_added_is_no_difference_and_other_logging_is() {
    let mut asked = plain();
    asked.logging.options = pairs(&[("max-size", "10m")]);
    let mut answer = reported(&asked);
    answer["HostConfig"]["LogConfig"] = json!({ "Type": "local", "Config": { "max-size": "10m", "compress": "true" } });
    assert_eq!(*live(answer.clone()).spec.unwrap().logging, asked.logging);
    answer["HostConfig"]["LogConfig"]["Config"]["max-size"] = json!("1m");
    let found = live(answer).spec.unwrap().logging;
    assert_eq!(
        (found.driver.as_str(), &found.options["max-size"]),
        ("local", &"1m".to_owned())
    );
}

#[test]
fn what_was_changed_by_hand_is_seen() {
    let mut answer: Value = recorded("docker-26.1", "container-full");
    answer["HostConfig"]["Memory"] = json!(-1);
    answer["HostConfig"]["NanoCpus"] = json!(250_000_000);
    answer["HostConfig"]["RestartPolicy"] = json!({ "Name": "unless-stopped", "MaximumRetryCount": 0 });
    answer["State"] = json!({
        "Status": "running", "StartedAt": "2026-11-21T06:14:13Z", "Health": { "Status": "unhealthy", "Log": null }
    });
    let live = live(answer);
    assert_eq!(live.state.to_string(), "unhealthy");
    assert_eq!(live.started_at, "2026-11-21T06:14:13Z");
    let spec = live.spec.unwrap();
    assert_eq!((spec.limits.memory, spec.limits.cpus), (Bytes(0), Cpus(250_000_000)));
    assert_eq!(spec.restart, Restart::UnlessStopped);
}

#[test]
fn labels_of_a_newer_cdk_or_of_nobody_are_refused() {
    let with = |key: &str, value: Option<&str>| {
        let mut answer = reported(&plain());
        match value {
            Some(value) => answer["Config"]["Labels"][key] = json!(value),
            None => drop(answer["Config"]["Labels"].as_object_mut().unwrap().remove(key)),
        }
        container::live(serde_json::from_value(answer).unwrap())
            .map(|live| live.name)
            .unwrap_err()
            .0
    };
    assert!(with("cdk.version", Some("2")).contains("probe.web.1 was made by a newer cdk"));
    assert!(with("cdk.slot", Some("Web")).contains("cdk.slot"));
    assert!(with("cdk.digest", Some("sha256:1")).contains("cdk.digest"));
    assert!(with("cdk.slot", None).contains("not a replica that cdk made"));
}

#[test]
fn an_image_made_of_a_replica_does_not_pass_its_labels_on() {
    let mut answer: Value = recorded("docker-26.1", "image");
    for (key, value) in label::of_replica(
        &cluster(),
        &owner(&plain()),
        &Logging::default(),
        &Networking::default(),
    ) {
        answer["Config"]["Labels"][key] = json!(value);
    }
    let image = engine::image(serde_json::from_value(answer).unwrap());
    assert_eq!(image.defaults.labels, pairs(&[("from", "image"), ("other", "1")]));
}

#[test]
fn other_peoples_ports_are_held_once_for_both_families() {
    for engine in ENGINES {
        let list: Vec<ContainerSummary> = recorded(engine, "list");
        let held: Vec<HeldPort> = list.iter().flat_map(container::held_ports).collect();
        let port = |port, protocol| HeldPort { port, protocol };
        assert_eq!(held, [port(9053, Protocol::Udp), port(9090, Protocol::Tcp)], "{engine}");
        assert!(!label::is_of(list[0].labels.as_ref().unwrap(), &cluster()));
    }
}

#[test]
fn engines_say_who_they_are() {
    for (engine, version, api) in [("docker-20.10", "20.10", "1.41"), ("docker-26.1", "26.1", "1.45")] {
        let facts = engine::facts(recorded::<SystemInfo>(engine, "info"), api.parse().unwrap());
        assert!(facts.engine.starts_with(version), "{}", facts.engine);
        assert_eq!((facts.os.as_str(), facts.api.as_str()), ("linux", api));
        assert!(!facts.machine_id.is_empty() && !facts.hostname.is_empty() && !facts.arch.is_empty());
        assert!(facts.cpus > 0 && facts.memory > Bytes(0));
    }
}

#[test]
fn the_lesser_version_of_the_api_is_spoken_and_an_old_engine_refused() {
    let agreed = |text: &str| text.parse::<ApiVersion>().unwrap().agreed();
    assert_eq!(agreed("1.41").unwrap().to_string(), "1.41");
    assert_eq!(agreed("1.53").unwrap(), ApiVersion::NEWEST);
    assert!(agreed("1.40").unwrap_err().0.contains("too old"));
    assert!("latest".parse::<ApiVersion>().is_err());
}
