//! The README's table of keys, row by row, on both generations of engines: a change in git and one by hand are seen as just this key,
//! and what is applied stays as it is through restarts and reboots. One service a row; nothing here knows a key by itself.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use serde_yaml::{Mapping, Value as Yaml};

use super::super::lab::{self, FAULTY};
use super::super::scene::Scene;

const README: &str = include_str!("../../../../README.md");

/// What keys need beside themselves, by how they begin.
const BESIDE: &[(&str, &str)] = &[
    (
        "healthcheck.",
        "{healthcheck: {test: [CMD, /app, --health], interval: 1s}}",
    ),
    ("memswap_limit", "{deploy: {resources: {limits: {memory: 64M}}}}"),
    ("mem_swappiness", "{deploy: {resources: {limits: {memory: 64M}}}}"),
    ("dns", "{networks: [front]}"),
    ("cpu_rt_", "{privileged: false}"),
];

/// What rows may refer to.
const AROUND: &str = "\
volumes: {data: {}, other: {}}
networks: {front: {}}
";

/// A row with a change in it.
struct Row {
    key: String,
    /// The service that stands for it.
    service: String,
    before: Yaml,
    after: Yaml,
    /// The host that it is tried on.
    host: &'static str,
}

/// The rows of the table, by turns on one generation of engines and the other.
fn rows(hosts: &[&'static str], turn: usize) -> Vec<Row> {
    let (_, rest) = README.split_once("### In force\n").unwrap();
    let (table, _) = rest.split_once("\n### ").unwrap();
    let cells = table.lines().filter_map(|line| {
        let (key, rest) = line.strip_prefix("| `")?.split_once("` | `")?;
        let (before, rest) = rest.split_once("` → `")?;
        let (after, _) = rest.split_once("` |")?;
        Some((key, before, after))
    });
    let value = |text: &str| serde_yaml::from_str::<Yaml>(text).unwrap_or_else(|e| panic!("README: {text}: {e}"));
    let rows = cells.enumerate().map(|(at, (key, before, after))| Row {
        key: key.to_owned(),
        service: key.replace(['.', '_'], "-"),
        before: value(before),
        after: value(after),
        host: hosts[(at + turn) % hosts.len()],
    });
    rows.collect()
}

/// `value` at a path of keys in a map.
fn put(map: &mut Mapping, path: &str, value: &Yaml) {
    match path.split_once('.') {
        None => {
            map.insert(path.into(), value.clone());
        }
        Some((first, rest)) => {
            let inner = map.entry(first.into()).or_insert_with(|| Yaml::Mapping(Mapping::new()));
            put(inner.as_mapping_mut().unwrap(), rest, value);
        }
    }
}

/// The services of all rows, each with its key as it is before or after.
fn services(rows: &[Row], image: &str, value: impl Fn(&Row) -> &Yaml) -> String {
    let mut services = Mapping::new();
    for row in rows {
        let beside = BESIDE.iter().find(|(start, _)| row.key.starts_with(start));
        let mut service: Mapping = serde_yaml::from_str(beside.map_or("{}", |(_, text)| *text)).unwrap();
        put(&mut service, "image", &image.into());
        put(&mut service, "deploy.mode", &"global".into());
        let only = format!("node.hostname == {}", row.host);
        put(&mut service, "deploy.placement.constraints", &vec![only].into());
        put(&mut service, "deploy.update_config.parallelism", &0.into());
        put(&mut service, "deploy.update_config.monitor", &"0s".into());
        put(&mut service, &row.key, value(row));
        services.insert(row.service.as_str().into(), service.into());
    }
    let file = Mapping::from_iter([("services".into(), Yaml::Mapping(services))]);
    format!("{AROUND}{}", serde_yaml::to_string(&file).unwrap())
}

/// Fails unless the plan replaces or updates every service, for its row's key and nothing else, and only these.
#[track_caller]
fn each_key_by_itself(scene: &Scene, rows: &[Row]) {
    let said = scene.cdk(&["plan", "-o", "json", "--detailed-exitcode"]).ended(2).out;
    let plan: Value = serde_json::from_str(&said).unwrap();
    let mut told: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for service in plan["plan"]["services"].as_array().unwrap() {
        let fields = service["fields"].as_array().unwrap().iter();
        let own = service["slots"].as_array().unwrap().iter();
        let own = own.flat_map(|slot| slot["fields"].as_array().unwrap());
        let words = fields.chain(own).map(|field| {
            assert_ne!(field["old"], field["new"], "{field}");
            field["field"].as_str().unwrap().to_owned()
        });
        let mut words: Vec<String> = words.collect();
        words.dedup();
        told.insert(service["service"].as_str().unwrap(), words);
    }
    let wrong: Vec<String> = rows
        .iter()
        .filter(|row| {
            told.get(row.service.as_str())
                .is_none_or(|fields| *fields != [row.key.as_str()])
        })
        .map(|row| format!("{}: {:?}", row.key, told.get(row.service.as_str())))
        .collect();
    assert!(wrong.is_empty(), "the plan says otherwise:\n{}", wrong.join("\n"));
}

/// Every container of the cluster as its engine describes it, by host and name.
fn inspected(scene: &Scene) -> BTreeMap<(String, String), Value> {
    let all = lab::everywhere(&scene.hosts, |host| {
        let own = lab::containers(&[host], &format!("{}.", scene.cluster));
        let named = own.into_iter().map(|one| {
            let inspected = lab::engine(host, "GET", &format!("containers/{}/json", one.id), None);
            ((host.to_owned(), one.name), inspected)
        });
        named.collect::<Vec<_>>()
    });
    all.into_iter().flatten().collect()
}

/// Whether a label is cdk's own.
fn is_own(label: &str) -> bool {
    label == "cdk" || label.starts_with("cdk.")
}

/// Puts containers made by hand, after these descriptions, in the place of those that cdk made; cdk's labels stay as they are.
fn by_hand(scene: &Scene, after: &BTreeMap<(String, String), Value>) {
    let now = inspected(scene);
    let shell = r#"
        api() { curl -sS -o /dev/null --fail-with-body -X "$1" --unix-socket /run/docker.sock -H 'Content-Type: application/json' "http://engine/v1.41/$2" -d "$3"; }
        again() {
            api DELETE "containers/$1?force=1" '' && api POST "containers/create?name=$1" "$2" &&
                api POST "containers/$1/start" '' || echo "$1: not made"
        }
        while [ $# -gt 0 ]; do
            again "$1" "$2" &
            shift 2
        done
        wait"#;
    lab::everywhere(&scene.hosts, |host| {
        let mut words = Vec::new();
        for ((_, name), then) in after.iter().filter(|((on, _), _)| on == host) {
            let mut body = then["Config"].clone();
            let labels = now[&(host.to_owned(), name.clone())]["Config"]["Labels"]
                .as_object()
                .unwrap();
            let own = labels.iter().filter(|(label, _)| is_own(label));
            for (label, value) in own {
                body["Labels"][label] = value.clone();
            }
            // The engine makes these up for each container.
            if body["Hostname"]
                .as_str()
                .is_some_and(|made| then["Id"].as_str().unwrap().starts_with(made))
            {
                body["Hostname"] = Value::Null;
            }
            body["HostConfig"] = then["HostConfig"].clone();
            body["NetworkingConfig"] = json!({"EndpointsConfig": endpoints(then)});
            words.extend([name.clone(), body.to_string()]);
        }
        for some in words.chunks(16) {
            let mut args = vec!["exec", host, "sh", "-c", shell, "by-hand"];
            args.extend(some.iter().map(String::as_str));
            assert_eq!(lab::lab(&args), "");
        }
    });
}

/// How a container asks for its networks: one when it is made is all that old engines take.
fn endpoints(then: &Value) -> Value {
    let mode = then["HostConfig"]["NetworkMode"].as_str().unwrap();
    let endpoint = &then["NetworkSettings"]["Networks"][mode];
    let aliases = endpoint["Aliases"].as_array().into_iter().flatten();
    let aliases: Vec<&Value> = aliases
        .filter(|alias| !then["Id"].as_str().unwrap().starts_with(alias.as_str().unwrap()))
        .collect();
    if mode == "default" || mode == "bridge" || endpoint.is_null() {
        return json!({});
    }
    json!({mode: {"Aliases": aliases, "IPAMConfig": endpoint["IPAMConfig"]}})
}

/// What an engine says that a container is made of, but for its labels.
fn made_of(container: &Value) -> Value {
    let mut config = container["Config"].clone();
    config["Labels"]
        .as_object_mut()
        .unwrap()
        .retain(|label, _| !is_own(label));
    if container["Id"]
        .as_str()
        .unwrap()
        .starts_with(config["Hostname"].as_str().unwrap_or("-"))
    {
        config["Hostname"] = Value::Null;
    }
    json!([
        config,
        container["HostConfig"],
        container["NetworkSettings"]["Networks"].as_object().map(|all| all
            .iter()
            .map(|(name, one)| json!([
                name,
                one["IPAMConfig"],
                one["Aliases"].as_array().map(Vec::len),
                one["MacAddress"]
            ]))
            .collect::<Vec<_>>())
    ])
}

fn all_run(scene: &Scene, count: usize) {
    lab::until("all containers run", Duration::from_secs(120), || {
        scene.containers().iter().filter(|one| one.state == "running").count() == count
    });
}

#[test]
fn each_key_of_the_readme_is_seen_by_itself_and_stays() {
    let hosts = [FAULTY[0], FAULTY[1]];
    let _hosts = lab::faulty(&hosts);
    // In a full run each row meets both; one after the other, for all at once are more than a small machine carries.
    for turn in 0..if crate::full() { hosts.len() } else { 1 } {
        each_key_on(&hosts, &rows(&hosts, turn));
    }
}

fn each_key_on(hosts: &[&'static str], rows: &[Row]) {
    let scene = Scene::new("table", hosts);
    assert!(rows.len() > 15, "the README's table was not read");
    let count = rows.len();
    scene.write("services/all.yaml", &services(rows, &lab::app(1), |row| &row.before));
    scene.commit("before");
    scene.apply();
    scene.nothing_to_do();
    let before = inspected(&scene);
    assert_eq!(before.len(), count);

    scene.write("services/all.yaml", &services(rows, &lab::app(1), |row| &row.after));
    scene.commit("after");
    each_key_by_itself(&scene, rows);
    scene.apply();
    scene.nothing_to_do();
    let after = inspected(&scene);
    let same: Vec<_> = after
        .iter()
        .filter(|(name, one)| made_of(one) == made_of(&before[name]))
        .map(|(name, _)| name)
        .collect();
    assert!(same.is_empty(), "the engine says that these did not change: {same:?}");

    by_hand(&scene, &before);
    each_key_by_itself(&scene, rows);
    scene.apply();
    scene.nothing_to_do();

    let shell = r#"
        while [ $# -gt 0 ]; do
            curl -sS -X POST --unix-socket /run/docker.sock "http://engine/v1.41/containers/$1/restart?t=1" &
            shift
        done
        wait"#;
    let all = scene.containers();
    lab::everywhere(hosts, |host| {
        let names = all.iter().filter(|one| one.host == host).map(|one| one.name.as_str());
        let args = ["exec", host, "sh", "-c", shell, "restart"].into_iter().chain(names);
        assert_eq!(lab::lab(&args.collect::<Vec<_>>()), "");
    });
    all_run(&scene, count);
    scene.nothing_to_do();
    lab::everywhere(hosts, |host| {
        lab::lab(&["exec", host, "systemctl", "restart", "docker"])
    });
    all_run(&scene, count);
    scene.nothing_to_do();
    lab::everywhere(hosts, |host| lab::lab(&["fault", "reboot", host]));
    all_run(&scene, count);
    scene.nothing_to_do();
}
