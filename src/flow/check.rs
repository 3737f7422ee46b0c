//! `check`: one environment, or all of them, whose problems are told once. Reads the repository, and asks no host.

use std::collections::BTreeMap;
use std::path::Path;

use crate::flow::failure::Failure;
use crate::flow::{Settings, hooks};
use crate::model::problem::{Problem, Rejected};
use crate::resolve::desired::Desired;
use crate::resolve::environment::cluster_name;
use crate::resolve::resolve;
use crate::source::environment::FOLDER;
use crate::source::manifest::Manifest;
use crate::source::yaml::Node;
use crate::source::{ReadError, Repository};

/// Reads the repository and says whether it is right; no host is asked.
///
/// # Errors
/// Every problem of the repository at once, or why it could not be read.
pub fn check(settings: &Settings) -> Result<Desired, Failure> {
    read(settings).map(|(desired, _)| desired)
}

fn read(settings: &Settings) -> Result<(Desired, Manifest), Failure> {
    let repository = Repository::find(&settings.directory)?.in_environment(settings.environment.clone());
    let manifest = repository.read(settings.revision.as_deref())?;
    let desired = resolve(&manifest)?;
    known_hosts(settings, &desired)?;
    Ok((desired, manifest))
}

/// The same, and that the hooks' programs are there: they run from the work tree, and `check` is asked before it is pushed.
fn check_with_hooks(settings: &Settings, root: &Path) -> Result<Desired, Failure> {
    let (desired, manifest) = read(settings)?;
    let problems = hooks::problems(root, &desired);
    match problems.is_empty() {
        true => Ok(desired),
        false => Err(Rejected {
            problems,
            texts: manifest.texts,
        }
        .into()),
    }
}

/// Refuses hosts that the caller names and the repository does not.
pub(super) fn known_hosts(settings: &Settings, desired: &Desired) -> Result<(), Failure> {
    for name in &settings.scope.hosts {
        if !desired.hosts.contains_key(name) {
            return Err(Failure::Usage(format!(
                "--host {name}: there is no such host in the repository"
            )));
        }
    }
    Ok(())
}

/// The same for every environment, where none is named.
///
/// # Errors
/// Every problem of every environment, each once, or why they could not be read.
pub fn check_all(settings: &Settings) -> Result<Vec<Desired>, Failure> {
    let repository = Repository::find(&settings.directory)?;
    let root = repository.root().to_owned();
    let names = match settings.environment {
        Some(_) => Vec::new(),
        None => repository.environments()?,
    };
    if names.is_empty() {
        return Ok(vec![check_with_hooks(settings, &root)?]);
    }
    let mut found = Found::default();
    let mut all = Vec::new();
    for name in &names {
        let repository = repository.clone().in_environment(Some(name.clone()));
        let rejected = match repository.read(settings.revision.as_deref()) {
            Err(ReadError::Source(error)) => return Err(error.into()),
            Err(ReadError::Rejected(rejected)) => rejected,
            Ok(manifest) => {
                // A file that could not be read may name the cluster otherwise.
                let cluster = cluster_name(&manifest).filter(|_| manifest.complete);
                found.clusters.extend(cluster.map(|node| (name.clone(), node.clone())));
                match resolve(&manifest) {
                    Ok(desired) => {
                        let problems = hooks::problems(&root, &desired);
                        all.push(desired);
                        Rejected {
                            problems,
                            texts: manifest.texts,
                        }
                    }
                    Err(rejected) => rejected,
                }
            }
        };
        found.add(name, rejected);
    }
    let rejected = found.told(&names);
    match rejected.problems.is_empty() {
        true => Ok(all),
        false => Err(rejected.into()),
    }
}

/// What is wrong, and in which environments.
#[derive(Default)]
struct Found {
    all: Rejected,
    /// For each problem, where it is one.
    inside: Vec<Vec<String>>,
    /// What each environment's cluster is called.
    clusters: Vec<(String, Node)>,
}

impl Found {
    fn add(&mut self, environment: &str, rejected: Rejected) {
        let Rejected { problems, texts } = rejected;
        self.all.texts.extend(texts);
        for problem in problems {
            let index = self.all.problems.iter().position(|known| *known == problem);
            let index = index.unwrap_or_else(|| {
                self.all.problems.push(problem);
                self.inside.push(Vec::new());
                self.inside.len() - 1
            });
            if let Some(inside) = self.inside.get_mut(index) {
                inside.push(environment.to_owned());
            }
        }
    }

    /// Every problem once, with the environments that have it where not all do and its place does not say so.
    fn told(self, names: &[String]) -> Rejected {
        let Rejected { mut problems, texts } = self.all;
        for (problem, inside) in problems.iter_mut().zip(&self.inside) {
            let place = problem.place.as_ref();
            if inside.len() < names.len() && !place.is_some_and(|place| place.file.starts_with(FOLDER)) {
                let word = if inside.len() == 1 {
                    "environment"
                } else {
                    "environments"
                };
                problem.message = format!("{} (in the {word} {})", problem.message, inside.join(", "));
            }
        }
        problems.extend(same_names(self.clusters));
        problems.sort_by(|a, b| a.place.cmp(&b.place));
        Rejected { problems, texts }
    }
}

/// Environments of one cluster's name would take each other's containers for their own.
fn same_names(clusters: Vec<(String, Node)>) -> Vec<Problem> {
    let mut all: BTreeMap<String, Vec<(String, Node)>> = BTreeMap::new();
    for (environment, node) in clusters {
        if let Some(name) = node.text() {
            all.entry(name.to_owned()).or_default().push((environment, node));
        }
    }
    let mut problems = Vec::new();
    for (name, same) in all {
        let [(_, first), .., (last, second)] = same.as_slice() else {
            continue;
        };
        let names: Vec<&str> = same.iter().map(|(environment, _)| environment.as_str()).collect();
        let message = format!("the environments {} all name their cluster `{name}`", names.join(", "));
        let hint = format!(
            "each would remove what the other runs: write `cluster: {{name: {name}-{last}}}` in {FOLDER}/{last}.yaml"
        );
        let problem = Problem::at(Some(first.place.clone()), message).hint(hint);
        problems.push(match first.place == second.place {
            true => problem,
            false => problem.related(second.place.clone(), "the other one"),
        });
    }
    problems
}
