//! `cdk scale`, `bump`, `drain`, `activate`: a value is edited where it is written. What would come of it is looked at in memory
//! first: only what is wrong in no environment, and changes nothing else, is written.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::flow::check::known_hosts;
use crate::flow::draft::{Draft, holds, is_other, would_be_wrong};
use crate::flow::{Failure, Settings};
use crate::model::edit::{Done, Edit};
use crate::model::name::ServiceName;
use crate::model::problem::{Problem, Rejected};
use crate::model::suggest::nearest;
use crate::resolve::desired::Desired;
use crate::resolve::origin::written;
use crate::resolve::resolve;
use crate::source::Repository;
use crate::source::commit::CommitError;
use crate::source::differ::differences;
use crate::source::environment::FOLDER;
use crate::source::error::ReadError;
use crate::source::manifest::Manifest;
use crate::source::save::{Change, save};

/// What became of the edits that were asked for.
#[derive(Debug)]
pub struct Edited {
    /// Each of them, in their order.
    pub all: Vec<Done>,
    /// The other environments in which something changes too.
    pub environments: Vec<String>,
    /// The commit's id and message, where one was made.
    pub commit: Option<(String, String)>,
}

/// Edits the repository's files, and commits them where that is asked for.
///
/// # Errors
/// The repository is wrong, before the edits or after them; or an edit is not to be made in one place. Then nothing is written.
pub fn edit(settings: &Settings, edits: &[Edit], commit: bool) -> Result<Edited, Failure> {
    let repository = Repository::find(&settings.directory)?.in_environment(settings.environment.clone());
    let manifest = repository.read(None)?;
    let desired = resolve(&manifest)?;
    known_hosts(settings, &desired)?;
    known(edits, &desired)?;
    let mut draft = Draft {
        repository: &repository,
        texts: BTreeMap::new(),
        manifest: manifest.clone(),
        desired,
    };
    let (mut all, mut refused) = (Vec::new(), Rejected::default());
    for edit in edits {
        match draft.make(edit) {
            Ok(done) => all.push(done),
            Err(Failure::Rejected(rejected)) => {
                refused.problems.extend(rejected.problems);
                refused.texts.extend(rejected.texts);
            }
            Err(other) => return Err(other),
        }
    }
    if !refused.problems.is_empty() {
        return Err(refused.into());
    }
    // A later one may have undone an earlier.
    let unmet = edits.iter().filter(|edit| !holds(&draft.desired, edit));
    refused.problems.extend(unmet.map(|edit| not_met(edit, &all)));
    if !refused.problems.is_empty() {
        refused.texts = draft.manifest.texts;
        return Err(refused.into());
    }
    let environments = other_environments(settings, &repository, &draft.texts)?;
    let commit = write(&draft, &manifest, &all, commit)?;
    Ok(Edited {
        all,
        environments,
        commit,
    })
}

/// Refuses names that nothing bears, and those that are there twice.
fn known(edits: &[Edit], desired: &Desired) -> Result<(), Failure> {
    for (index, edit) in edits.iter().enumerate() {
        let name = edit.name();
        let (kind, all): (_, Vec<&str>) = match edit {
            Edit::Scale(_) | Edit::Bump(_) => ("service", desired.services.keys().map(ServiceName::as_str).collect()),
            Edit::Drain(_) | Edit::Activate(_) => ("host", desired.hosts.keys().map(|host| host.as_str()).collect()),
        };
        if !all.contains(&name) {
            let near = nearest(name, all).map(|near| format!(": did you mean {near}?"));
            let near = near.unwrap_or_default();
            return Err(Failure::Usage(format!(
                "there is no {kind} {name} in the repository{near}"
            )));
        }
        if edits.iter().take(index).any(|other| other.name() == name) {
            return Err(Failure::Usage(format!("the {kind} {name} is named twice")));
        }
    }
    Ok(())
}

fn not_met(edit: &Edit, all: &[Done]) -> Problem {
    let place = all
        .iter()
        .find(|done| done.edit == *edit)
        .and_then(|done| done.written.first());
    let others = all
        .iter()
        .filter(|done| done.edit != *edit)
        .map(|done| done.edit.name());
    let message = format!(
        "`{edit}` is undone by what is written for {}",
        others.collect::<Vec<_>>().join(", ")
    );
    let problem = Problem::at(place.map(|written| written.place.clone()), message);
    problem.hint("both have their value from here: ask for the same, or give each a value of its own")
}

/// Writes what changes, and commits it where that is asked for: then only if it can be committed by itself.
fn write(
    draft: &Draft<'_>,
    before: &Manifest,
    all: &[Done],
    commit: bool,
) -> Result<Option<(String, String)>, Failure> {
    if draft.texts.is_empty() {
        return Ok(None);
    }
    let old = |path: &PathBuf| before.texts.get(path).map(|text| text.to_string()).unwrap_or_default();
    let changes = draft.texts.iter().map(|(path, new)| {
        let (old, new) = (old(path), new.clone());
        (path.clone(), Change { old, new })
    });
    let changes = changes.collect();
    let root = draft.repository.root();
    if !commit {
        save(root, &changes)?;
        return Ok(None);
    }
    let files: Vec<&Path> = draft.texts.keys().map(PathBuf::as_path).collect();
    let git = draft.repository.git()?.ok_or_else(|| not_in_git(root))?;
    git.may_commit(&files).map_err(refused)?;
    let at_head = draft
        .repository
        .read_edited(Some("HEAD"), &draft.texts)
        .map_err(Failure::from);
    let at_head = at_head.and_then(|manifest| Ok(resolve(&manifest)?));
    at_head.map_err(|failure| would_be_wrong(failure, "this commit, without what is not committed yet,"))?;
    let message = message(all, &files, before);
    save(root, &changes)?;
    Ok(Some((git.commit(&files, &message)?, message)))
}

/// The other environments in which something changes, as a file that all share was edited.
///
/// # Errors
/// Where one that is right would be wrong then.
fn other_environments(
    settings: &Settings,
    repository: &Repository,
    texts: &BTreeMap<PathBuf, String>,
) -> Result<Vec<String>, Failure> {
    let mut changed = Vec::new();
    if texts.keys().all(|file| file.starts_with(FOLDER)) {
        return Ok(changed);
    }
    for name in repository.environments()? {
        if settings.environment.as_ref() == Some(&name) {
            continue;
        }
        let other = repository.clone().in_environment(Some(name.clone()));
        let right = |manifest: Result<Manifest, ReadError>| -> Result<Manifest, Failure> {
            let manifest = manifest?;
            resolve(&manifest)?;
            Ok(manifest)
        };
        // One that is wrong already is no reason to refuse.
        let Ok(before) = right(other.read(None)) else { continue };
        let what = format!("this edit, in the environment {name},");
        let after = right(other.read_edited(None, texts)).map_err(|failure| would_be_wrong(failure, &what))?;
        let differing = differences(&written(&before), &written(&after));
        if differing.iter().any(|keys| is_other(keys, &[])) {
            changed.push(name);
        }
    }
    Ok(changed)
}

/// `scale web to 12`; with the environment where only that is concerned.
fn message(all: &[Done], files: &[&Path], manifest: &Manifest) -> String {
    let made = all
        .iter()
        .filter(|done| !done.written.is_empty())
        .map(|done| done.edit.clone());
    let line = Edit::line(&made.collect::<Vec<_>>());
    match &manifest.revision.environment {
        Some(environment) if files.iter().all(|file| file.starts_with(FOLDER)) => format!("{line} in {environment}"),
        Some(_) | None => line,
    }
}

fn not_in_git(root: &Path) -> Failure {
    refused(CommitError::NotInGit(root.to_owned()))
}

fn refused(error: CommitError) -> Failure {
    match error {
        CommitError::Source(error) => error.into(),
        CommitError::NotInGit(_)
        | CommitError::NotClean(_)
        | CommitError::Busy(_)
        | CommitError::OnlyGit(_)
        | CommitError::NoName => Failure::Guard(format!(
            "{error}\nnothing was written: without --commit the edit is made, and the commit is yours"
        )),
    }
}
