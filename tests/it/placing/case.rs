//! One fact: hosts and services, and what stands where after `cdk plan --live`. What is expected is the facts' own.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::expect::{Expect, Got};

/// A fact, as it stands in a file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// What it says.
    pub name: String,
    /// Where it is from: repository, file, test.
    pub source: String,
    /// Where cdk is meant to do otherwise than the source, and why.
    #[serde(default)]
    pub differs: Option<String>,
    /// Hosts by name (`h[1-3]` is three of them): hosts.yaml's words, and under `seen` what the observation says.
    hosts: Value,
    /// Services, in the repository's own words; an image need not be named.
    services: Value,
    /// Other sections of the repository.
    #[serde(default)]
    more: Value,
    /// What the observation says beside the hosts.
    #[serde(default)]
    seen: Value,
    /// Arguments of `cdk plan`.
    #[serde(default)]
    args: Vec<String>,
    expect: Expect,
    /// What changes after the plan was applied, one time after the other, and what is expected then.
    #[serde(default)]
    then: Vec<Stage>,
}

/// A change to a cluster that stands.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stage {
    /// Laid over the hosts; `null` takes one out. `runs` is what the plan before placed, unless it is given.
    #[serde(default)]
    hosts: Value,
    /// Laid over the services; `null` takes one out.
    #[serde(default)]
    services: Value,
    #[serde(default)]
    args: Vec<String>,
    expect: Expect,
}

impl Case {
    /// All that is not as it should be.
    pub fn wrong(&self) -> Vec<String> {
        let mut world = World::new(self);
        let mut wrong = world.check(&self.args, &self.expect);
        for (at, stage) in self.then.iter().enumerate() {
            world.change(stage);
            let found = world.check(&stage.args, &stage.expect);
            wrong.extend(found.into_iter().map(|wrong| format!("then {}: {wrong}", at + 1)));
        }
        wrong
    }
}

/// A repository, and hosts that it is planned for.
struct World {
    hosts: Map<String, Value>,
    services: Map<String, Value>,
    more: Value,
    seen: Value,
    /// What the newest plan placed; none before the first.
    placement: Option<Value>,
}

impl World {
    fn new(case: &Case) -> Self {
        let mut world = Self {
            hosts: Map::new(),
            services: Map::new(),
            more: case.more.clone(),
            seen: case.seen.clone(),
            placement: None,
        };
        lay(&mut world.hosts, &case.hosts);
        lay(&mut world.services, &case.services);
        world
    }

    fn change(&mut self, stage: &Stage) {
        for host in self.hosts.values_mut() {
            if let Some(seen) = host.get_mut("seen").and_then(Value::as_object_mut) {
                seen.remove("runs");
            }
        }
        lay(&mut self.hosts, &stage.hosts);
        lay(&mut self.services, &stage.services);
    }

    /// Plans, compares, and plans again for what the plan leads to: then nothing may be left to do.
    fn check(&mut self, args: &[String], expect: &Expect) -> Vec<String> {
        let output = self.plan(args);
        if let Some(parts) = &expect.refused {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            if output.status.code() != Some(3) {
                return vec!["it was not refused".to_owned()];
            }
            let lacking = parts.iter().filter(|part| !said.contains(*part));
            return lacking
                .map(|part| format!("not refused with {part:?}: {said}"))
                .collect();
        }
        let got = match got(&output) {
            Ok(got) => got,
            Err(why) => return vec![why],
        };
        let labels = self.hosts.iter().map(|(name, host)| (name.clone(), labels(host)));
        let mut wrong = expect.compare(&got, &labels.collect());
        self.placement = Some(got.placement.clone());
        let mut after = Self {
            hosts: self.hosts.clone(),
            services: self.services.clone(),
            more: self.more.clone(),
            seen: self.seen.clone(),
            placement: self.placement.clone(),
        };
        after.change(&Stage {
            hosts: Value::Null,
            services: Value::Null,
            args: Vec::new(),
            expect: Expect::default(),
        });
        match self::got(&after.plan(&[])) {
            Ok(again) => wrong.extend(again.moving().map(|slot| format!("applied, {slot} is not left alone"))),
            Err(why) => wrong.push(format!("applied: {why}")),
        }
        wrong
    }

    fn plan(&self, args: &[String]) -> Output {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, value: &Value| {
            fs::write(folder.path().join(name), serde_yaml::to_string(value).unwrap()).unwrap();
        };
        write("cdk.yaml", &self.repository());
        write("live.yaml", &self.observation());
        let git = |args: &[&str]| run("git", folder.path(), args);
        git(&["init", "-q"]);
        git(&["add", "cdk.yaml"]);
        git(&[
            "-c",
            "user.name=t",
            "-c",
            "user.email=t@localhost",
            "commit",
            "-q",
            "-m",
            "a fact",
        ]);
        let mut all = vec!["plan", "--live", "live.yaml", "-o", "json"];
        all.extend(args.iter().map(String::as_str));
        run(env!("CARGO_BIN_EXE_cdk"), folder.path(), &all)
    }

    fn repository(&self) -> Value {
        let mut repository = json!({"cluster": {"name": "shop"}});
        let hosts = self.hosts.iter().enumerate().map(|(at, (name, host))| {
            let mut host = host.as_object().cloned().unwrap_or_default();
            host.remove("seen");
            let address = format!("10.0.{}.{}", at / 200, at % 200 + 1);
            host.entry("address").or_insert(address.into());
            (name.clone(), host.into())
        });
        let services = self.services.iter().map(|(name, service)| {
            let mut service = service.as_object().cloned().unwrap_or_default();
            service.entry("image").or_insert("app:1".into());
            (name.clone(), service.into())
        });
        let sections = [
            ("hosts", hosts.collect::<Map<_, _>>()),
            ("services", services.collect()),
        ];
        for (section, all) in sections {
            repository[section] = all.into();
        }
        if let (Value::Object(repository), Value::Object(more)) = (&mut repository, &self.more) {
            repository.extend(more.clone());
        }
        repository
    }

    fn observation(&self) -> Value {
        let hosts = self.hosts.iter().map(|(name, host)| {
            let mut seen = host.get("seen").and_then(Value::as_object).cloned().unwrap_or_default();
            if seen.contains_key("unreachable") {
                return (name.clone(), json!({"unreachable": seen["unreachable"]}));
            }
            let facts = [
                "machine_id",
                "hostname",
                "os",
                "arch",
                "cpus",
                "memory",
                "engine_labels",
            ];
            let facts: Map<_, _> = facts.iter().filter_map(|key| seen.remove_entry(*key)).collect();
            let runs = match seen.remove("runs") {
                Some(runs) => runs.as_array().unwrap().iter().flat_map(containers).collect(),
                None => self.placed_on(name),
            };
            seen.insert("facts".to_owned(), facts.into());
            seen.insert("containers".to_owned(), runs);
            if let Some(placement) = &self.placement {
                let record = json!({"version": 1, "sequence": 1, "at": "", "end": "done", "placement": placement});
                seen.entry("journal").or_insert(json!([record]));
            }
            (name.clone(), seen.into())
        });
        let mut observation = Map::from_iter([("hosts".to_owned(), hosts.collect())]);
        observation.extend(self.seen.as_object().cloned().unwrap_or_default());
        observation.into()
    }

    fn placed_on(&self, host: &str) -> Value {
        let slots = self.placement.iter().filter_map(Value::as_object).flatten();
        let here = slots.filter(|(_, placed)| placed["host"] == host);
        here.map(|(slot, _)| json!({"owner": {"slot": slot}})).collect()
    }
}

fn run(program: &str, folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(program);
    command
        .current_dir(folder)
        .env("CI", "true")
        .env_remove("SSH_AUTH_SOCK");
    command.args(args).output().unwrap()
}

fn got(output: &Output) -> Result<Got, String> {
    let text = String::from_utf8_lossy(&output.stdout);
    let document: Value = serde_json::from_str(&text)
        .map_err(|_| format!("no plan: {text}{}", String::from_utf8_lossy(&output.stderr)))?;
    Ok(Got::new(output.status.code(), &document["plan"]))
}

fn labels(host: &Value) -> BTreeMap<String, String> {
    let labels = host.get("labels").and_then(Value::as_object).into_iter().flatten();
    labels
        .map(|(key, value)| (key.clone(), value.as_str().unwrap().to_owned()))
        .collect()
}

/// Containers as a case writes them: `web.1`, `web.[1-3]`, or with more than the slot.
fn containers(written: &Value) -> Vec<Value> {
    let mut rest = written.as_object().cloned().unwrap_or_default();
    let slot = rest.remove("slot").unwrap_or_else(|| written.clone());
    let image = rest.remove("image");
    let one = |slot: String| {
        let mut container = rest.clone();
        container.insert("owner".to_owned(), json!({"slot": slot, "image": image}));
        container.into()
    };
    expand(slot.as_str().unwrap()).into_iter().map(one).collect()
}

/// `h[1-3]` is h1, h2 and h3; `h[01-12]` has two digits each.
pub fn expand(name: &str) -> Vec<String> {
    let range = name.split_once('[').and_then(|(head, rest)| {
        let (range, tail) = rest.split_once(']')?;
        let (first, last) = range.split_once('-')?;
        Some((head, first, last, tail))
    });
    let Some((head, first, last, tail)) = range else {
        return vec![name.to_owned()];
    };
    let (from, to): (u32, u32) = (first.parse().unwrap(), last.parse().unwrap());
    let width = first.len();
    (from..=to)
        .map(|number| format!("{head}{number:0width$}{tail}"))
        .collect()
}

/// Lays one map over another, key by key and all the way down.
fn lay(under: &mut Map<String, Value>, over: &Value) {
    let names: BTreeSet<&String> = under_names(over);
    for name in names {
        for key in expand(name) {
            match (&over[name], under.get_mut(&key)) {
                (Value::Null, Some(_)) => drop(under.remove(&key)),
                (Value::Object(_), Some(Value::Object(old))) => lay(old, &over[name]),
                (new, _) => drop(under.insert(key, new.clone())),
            }
        }
    }
}

fn under_names(over: &Value) -> BTreeSet<&String> {
    over.as_object().into_iter().flat_map(Map::keys).collect()
}
