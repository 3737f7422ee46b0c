//! `cluster`, `vars` and `registries`: from the tree to what they mean.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use minijinja::Value;
use minijinja::value::Serde;

use crate::model::name::ClusterName;
use crate::model::policy::RollbackScope;
use crate::model::problem::{Place, Problem};
use crate::model::revision::Revision;
use crate::model::stamp::Stamp;
use crate::model::unit::PortRange;
use crate::resolve::accepted::{self, Owner};
use crate::resolve::decode::{Decoded, decode, entries, is_map};
use crate::resolve::desired::{Cluster, PasswordSource, Registry};
use crate::resolve::file::{Files, need_secret};
use crate::resolve::hook;
use crate::resolve::layers::problems_of_number;
use crate::resolve::problems::{Problems, Segment, locate};
use crate::resolve::render::{Names, is_template, render};
use crate::resolve::requirement;
use crate::resolve::shape::cluster::{ClusterShape, PasswordShape, RegistryShape, RollbackScopeShape, SshShape};
use crate::source::yaml::{Entry, Kind, Map, Node};

/// How many versions' images and files stay on the hosts unless given.
const KEPT: usize = 5;

/// What the section `cluster` says.
pub struct Head {
    /// The cluster's own settings; none where its name is missing or wrong.
    pub cluster: Option<Cluster>,
    /// How ssh gets to hosts that don't say.
    pub ssh: Decoded<SshShape>,
    /// What lies beneath every service, as written.
    pub defaults: Option<Node>,
}

/// The names that every template may use.
pub fn names(vars: Option<&Entry>, revision: &Revision, cluster: Option<&Entry>, problems: &mut Problems) -> Names {
    let vars = match vars {
        Some(section) => {
            let map = entries("vars", section.value.clone(), problems);
            map.values().for_each(|entry| plain_values(&entry.value, problems));
            Value::from(Serde(Node::new(section.key.clone(), Kind::Map(map)).to_value()))
        }
        None => Value::from(Serde(BTreeMap::<String, String>::new())),
    };
    let mut git = BTreeMap::new();
    if let Some(commit) = &revision.commit {
        git.insert("commit", commit.clone());
        git.insert("short", revision.short().to_owned());
    }
    git.extend(revision.branch.clone().map(|branch| ("branch", branch)));
    git.extend(revision.tag.clone().map(|tag| ("tag", tag)));
    // A name that is missing is a problem of its own; templates that use it are not wrong as well.
    let name = cluster
        .and_then(|section| section.value.get("name"))
        .and_then(Node::text)
        .unwrap_or_default();
    Names::from([
        ("vars".to_owned(), vars),
        ("git".to_owned(), Value::from(Serde(git))),
        ("cluster".to_owned(), minijinja::context! { name }),
        ("env".to_owned(), Value::from(Serde(variables(cluster)))),
    ])
}

/// The variables that `cluster.env` lists, each with what stands for it until a container is made.
fn variables(cluster: Option<&Entry>) -> BTreeMap<String, String> {
    let listed = cluster.and_then(|section| section.value.get("env")?.list());
    let names = listed.into_iter().flatten().filter_map(Node::text);
    names.map(|name| (name.to_owned(), Stamp::mark(name))).collect()
}

/// `vars` hold plain values: a template there could need another, in a circle.
fn plain_values(node: &Node, problems: &mut Problems) {
    match &node.kind {
        Kind::Null | Kind::Bool(_) => {}
        Kind::Number { .. } => problems_of_number(node, problems),
        Kind::Text(text) if is_template(text) => {
            let problem = Problem::at(Some(node.place.clone()), "a value under `vars` may not be a template");
            problems.push(problem.hint("write the template where the value is used, or the value itself here"));
        }
        Kind::Text(_) => {}
        Kind::List(items) => items.iter().for_each(|item| plain_values(item, problems)),
        Kind::Map(map) => map.values().for_each(|entry| plain_values(&entry.value, problems)),
    }
}

/// Reads the section `cluster`.
pub fn head(section: Option<&Entry>, names: &Arc<Names>, problems: &mut Problems) -> Head {
    let Some(section) = section else {
        let problem = Problem::at(None, "cdk.yaml has no section `cluster`");
        problems.push(problem.hint("begin it with `cluster: {name: NAME}`"));
        return Head {
            cluster: None,
            ssh: ssh_words(None, "cluster.ssh", names, problems),
            defaults: None,
        };
    };
    let mut map = entries("cluster", section.value.clone(), problems);
    let defaults = map.shift_remove("defaults").map(|entry| entry.value);
    let ssh = map.shift_remove("ssh");
    let mut broken = no_templates(&mut map, problems);
    let mut node = Node::new(section.key.clone(), Kind::Map(map));
    broken.extend(render(&mut node, names, None, problems).broken);
    let decoded: Decoded<ClusterShape> = decode(node, "cluster", broken, problems);
    check_version(&decoded, problems);
    accepted::tell("cluster", Owner::Only("cluster"), &decoded.node, problems);
    if let Some(defaults) = &defaults {
        accepted::tell("services.*", Owner::Only("cluster.defaults"), defaults, problems);
        let below = Owner::Only("cluster.defaults.update_config");
        let update = defaults.get("update_config").unwrap_or(defaults);
        accepted::tell("services.*.deploy.update_config", below, update, problems);
    }
    Head {
        ssh: ssh_words(ssh, "cluster.ssh", names, problems),
        defaults: defaults.filter(|defaults| is_map("defaults", defaults, problems)),
        cluster: cluster(decoded, &section.key, problems),
    }
}

/// Reads an `ssh` section; what is not there is empty.
pub fn ssh_words(entry: Option<Entry>, at: &str, names: &Arc<Names>, problems: &mut Problems) -> Decoded<SshShape> {
    let mut node = match entry {
        Some(Entry { key, value }) if value.is_null() => Node::new(key, Kind::Map(Map::new())),
        Some(entry) => entry.value,
        None => Node::new(nowhere(), Kind::Map(Map::new())),
    };
    let broken = render(&mut node, names, None, problems).broken;
    decode(node, at, broken, problems)
}

fn nowhere() -> Place {
    Place {
        file: Arc::new(Path::new("cdk.yaml").to_owned()),
        start: 0,
        end: 0,
        line: 1,
        column: 1,
    }
}

/// Takes away what must be known before anything is rendered, and is a template. (`include` is refused where files are read.)
fn no_templates(map: &mut Map, problems: &mut Problems) -> Vec<Vec<Segment>> {
    let mut broken = Vec::new();
    for key in ["name", "cdk"] {
        let text = map.get(key).and_then(|entry| entry.value.text());
        if text.is_some_and(is_template)
            && let Some(Entry { value, .. }) = map.shift_remove(key)
        {
            problems.push(Problem::at(
                Some(value.place),
                format!("`cluster.{key}` may not be a template"),
            ));
            broken.push(vec![key.into()]);
        }
    }
    broken
}

fn cluster(decoded: Decoded<ClusterShape>, key: &Place, problems: &mut Problems) -> Option<Cluster> {
    let lost = decoded.has_lost("name");
    let ClusterShape {
        name,
        cdk: _,
        include: _,
        env: _,
        ssh: _,
        parallel,
        ports,
        defaults: _,
        keep,
        rollback,
        hooks,
    } = decoded.value;
    if name.is_none() && !lost {
        let problem = Problem::at(Some(key.clone()), "the cluster has no `name`");
        problems.push(problem.hint("write `name: shop`; it names every container that cdk makes"));
    }
    let name: ClusterName = name?;
    let hooks = hooks.map(|shape| hook::hooks(shape, &decoded.node, &decoded.lost, problems));
    Some(Cluster {
        name,
        parallel: parallel.map_or(16, |count| usize::try_from(count.0.0).unwrap_or(usize::MAX)),
        ports: ports.map(|range| range.0).or_else(|| PortRange::new(20_000, 29_999))?,
        rollback: match rollback {
            Some(RollbackScopeShape::All) => RollbackScope::All,
            Some(RollbackScopeShape::Service) | None => RollbackScope::Service,
        },
        keep: keep.map_or(KEPT, |count| usize::try_from(count.0.0).unwrap_or(usize::MAX)),
        hooks: hooks.unwrap_or_default(),
    })
}

fn check_version(decoded: &Decoded<ClusterShape>, problems: &mut Problems) {
    let Some(wanted) = &decoded.value.cdk else { return };
    let own = env!("CARGO_PKG_VERSION");
    let place = locate(&decoded.node, &["cdk".into()]);
    match requirement::admits(&wanted.0, own) {
        Ok(true) => {}
        Ok(false) => {
            let problem = Problem::at(
                Some(place),
                format!("this is cdk {own}, and the cluster asks for {}", wanted.0),
            );
            problems.push(problem.hint("install such a version, or change `cluster.cdk`"));
        }
        Err(message) => problems.push(Problem::at(Some(place), message)),
    }
}

/// Reads the section `registries`.
pub fn registries(
    section: Option<&Entry>,
    root: &Path,
    names: &Arc<Names>,
    files: &Files,
    problems: &mut Problems,
) -> BTreeMap<String, Registry> {
    let mut all = BTreeMap::new();
    let Some(section) = section else { return all };
    for (name, Entry { key, value: mut node }) in entries("registries", section.value.clone(), problems) {
        if name.contains('/') || name.chars().any(char::is_whitespace) {
            let problem = Problem::at(Some(key.clone()), format!("`{name}` is not a registry's host and port"));
            problems.push(problem.hint("write it as images name it: registry.internal:5000"));
        }
        let broken = render(&mut node, names, None, problems).broken;
        let decoded: Decoded<RegistryShape> = decode(node, "registries.*", broken, problems);
        all.extend(registry(decoded, &name, &key, (root, files), problems).map(|registry| (name, registry)));
    }
    all
}

fn registry(
    decoded: Decoded<RegistryShape>,
    name: &str,
    key: &Place,
    (root, files): (&Path, &Files),
    problems: &mut Problems,
) -> Option<Registry> {
    for (word, given) in [
        ("username", decoded.value.username.is_some()),
        ("password", decoded.value.password.is_some()),
    ] {
        if !given && !decoded.has_lost(word) {
            problems.push(Problem::at(
                Some(key.clone()),
                format!("the registry `{name}` has no `{word}`"),
            ));
        }
    }
    let place = locate(&decoded.node, &["password".into()]);
    let file = decoded
        .value
        .password
        .as_ref()
        .and_then(|password| password.file.as_deref());
    if file.is_some_and(|file| file.starts_with('~')) {
        let problem = Problem::at(Some(place.clone()), "`file`: cdk does not know `~` here");
        problems.push(problem.hint("write an absolute path, or one relative to cdk.yaml"));
    }
    let RegistryShape { username, password } = decoded.value;
    let password = match password? {
        PasswordShape {
            env: Some(env),
            file: None,
            secret: None,
        } => PasswordSource::Env(env),
        PasswordShape {
            env: None,
            file: Some(file),
            secret: None,
        } => PasswordSource::File(root.join(file)),
        PasswordShape {
            env: None,
            file: None,
            secret: Some(name),
        } => {
            need_secret(files, &name, &decoded.node, &["password", "secret"], problems);
            PasswordSource::Secret(name)
        }
        // A wrong key was named already.
        PasswordShape {
            env: None,
            file: None,
            secret: None,
        } if decoded
            .node
            .get("password")
            .and_then(Node::map)
            .is_some_and(|map| !map.is_empty()) =>
        {
            return None;
        }
        PasswordShape {
            env: _,
            file: _,
            secret: _,
        } => {
            problems.push(Problem::at(
                Some(place),
                "`password` takes one of {secret: NAME}, {env: NAME} and {file: PATH}",
            ));
            return None;
        }
    };
    Some(Registry {
        username: username?.0,
        password,
    })
}
