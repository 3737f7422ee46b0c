//! The repository as it would be with edits that are not written yet: where each value goes, and whether only what was asked for
//! would come of it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::flow::Failure;
use crate::flow::put::Put;
use crate::model::edit::{Done, Edit, Written};
use crate::model::problem::{Problem, Rejected};
use crate::resolve::desired::{Availability, Desired, Mode};
use crate::resolve::origin::{users, written};
use crate::resolve::resolve;
use crate::source::Repository;
use crate::source::differ::{Path as Keys, differences};
use crate::source::manifest::Manifest;
use crate::source::yaml::Map;

/// The repository with the edits so far, which are not written yet.
pub struct Draft<'r> {
    /// Where it lies.
    pub repository: &'r Repository,
    /// The new texts of the files that change.
    pub texts: BTreeMap<PathBuf, String>,
    /// It, with these.
    pub manifest: Manifest,
    /// What it comes to.
    pub desired: Desired,
}

impl Draft<'_> {
    /// Makes one edit.
    ///
    /// # Errors
    /// It is not to be made in one place, would be wrong, or would change more than it should.
    pub fn make(&mut self, edit: &Edit) -> Result<Done, Failure> {
        let mut done = Done {
            edit: edit.clone(),
            written: Vec::new(),
            users: BTreeSet::new(),
        };
        if holds(&self.desired, edit) {
            return Ok(done);
        }
        let sections = written(&self.manifest);
        self.refuse_global(&sections, edit)?;
        let paths = paths(&sections, edit);
        let (mut last, mut forms) = (None, vec![edit.value()].into_iter().map(Some).collect::<Vec<_>>());
        if matches!(edit, Edit::Activate(_)) {
            // Nothing says active as well, and is what there was before `drain`.
            forms.insert(0, None);
        }
        for form in forms {
            let mut put = Put::new(&self.manifest, &sections);
            if !self.put(&mut put, &paths, form.as_deref())? {
                continue;
            }
            match self.tried(edit, &sections, &put) {
                Ok((texts, manifest, desired)) => {
                    done.written = put.written;
                    let own = edit.name();
                    let variables = done.written.iter().filter_map(Written::variable);
                    done.users = variables
                        .flat_map(|name| users(&manifest, &sections, &name, own))
                        .collect();
                    (self.texts, self.manifest, self.desired) = (texts, manifest, desired);
                    return Ok(done);
                }
                Err(failure) => last = Some(failure),
            }
        }
        Err(last.unwrap_or_else(|| Failure::Other(format!("{edit}: there is no way to write this"))))
    }

    fn put(&self, put: &mut Put<'_>, paths: &[Vec<&str>], form: Option<&str>) -> Result<bool, Failure> {
        for path in paths {
            let fits = match form {
                Some(value) => put.value(path, value).map(|()| true),
                None => put.nothing(path),
            };
            if !fits.map_err(|problem| self.rejected(*problem))? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn rejected(&self, problem: Problem) -> Failure {
        let texts = self.manifest.texts.clone();
        let problems = vec![problem];
        Failure::Rejected(Rejected { problems, texts })
    }

    fn refuse_global(&self, sections: &Map, edit: &Edit) -> Result<(), Failure> {
        let Edit::Scale(scale) = edit else { return Ok(()) };
        let mode = self.desired.services.get(&scale.service).map(|service| service.mode);
        if !mode.is_some_and(Mode::is_global) {
            return Ok(());
        }
        let services = sections.get("services").map(|services| &services.value);
        let service = services.and_then(|services| services.get(scale.service.as_str()));
        let mode = service.and_then(|service| service.get("deploy")?.get("mode"));
        let place = mode.or(service).map(|node| node.place.clone());
        let message = format!("`{}` is global, and has no number of replicas to change", scale.service);
        let hint = "it has one on each host that fits: `placement.constraints` say which do";
        Err(self.rejected(Problem::at(place, message).hint(hint)))
    }

    /// What the repository would be with these values; refused where it would be wrong, or more than they would change.
    fn tried(
        &self,
        edit: &Edit,
        before: &Map,
        put: &Put<'_>,
    ) -> Result<(BTreeMap<PathBuf, String>, Manifest, Desired), Failure> {
        let mut texts = self.texts.clone();
        texts.extend(put.texts());
        let would = |failure| would_be_wrong(failure, &edit.to_string());
        let manifest = self
            .repository
            .read_edited(None, &texts)
            .map_err(|error| would(error.into()))?;
        let differing = differences(before, &written(&manifest));
        let others: BTreeSet<String> = differing
            .iter()
            .filter(|keys| is_other(keys, &put.written))
            .map(named)
            .collect();
        if !others.is_empty() {
            return Err(self.rejected(shared(edit, &put.written, &others)));
        }
        let desired = resolve(&manifest).map_err(|rejected| would(rejected.into()))?;
        if !holds(&desired, edit) {
            let place = put.written.first().map(|written| written.place.clone());
            let problem = Problem::at(place, format!("`{edit}` does not come about by an edit of this value"));
            return Err(self.rejected(problem.hint("write it here yourself, and see what `cdk check` says")));
        }
        Ok((texts, manifest, desired))
    }
}

/// Whether the repository comes to what was asked for.
pub fn holds(desired: &Desired, edit: &Edit) -> bool {
    let state = |name| desired.hosts.get(name).map(|host| host.state);
    match edit {
        Edit::Scale(scale) => match desired.services.get(&scale.service).map(|service| service.mode) {
            Some(Mode::Replicated(count) | Mode::ReplicatedJob(count)) => count == scale.replicas,
            Some(Mode::Global | Mode::GlobalJob) | None => false,
        },
        Edit::Bump(bump) => desired
            .services
            .get(&bump.service)
            .is_some_and(|service| service.image == bump.image),
        Edit::Drain(host) => state(host) == Some(Availability::Drain),
        Edit::Activate(host) => state(host) == Some(Availability::Active),
    }
}

/// Where an edit's value is, or would be. Replicas may be written in two places, which must say the same.
fn paths<'e>(sections: &Map, edit: &'e Edit) -> Vec<Vec<&'e str>> {
    let is_written = |path: &[&str]| {
        let (first, rest) = path.split_first()?;
        let section = &sections.get(*first)?.value;
        let node = rest.iter().try_fold(section, |node, key| node.get(key))?;
        (!node.is_null()).then_some(())
    };
    let name = edit.name();
    match edit {
        Edit::Scale(_) => {
            let both = [
                vec!["services", name, "deploy", "replicas"],
                vec!["services", name, "scale"],
            ];
            let there: Vec<_> = both.iter().filter(|path| is_written(path).is_some()).cloned().collect();
            let [replicas, scale] = both;
            let defaults_scale = is_written(&["cluster", "defaults", "scale"]).is_some();
            match (there.is_empty(), defaults_scale) {
                (false, _) => there,
                (true, true) => vec![scale],
                (true, false) => vec![replicas],
            }
        }
        Edit::Bump(_) => vec![vec!["services", name, "image"]],
        Edit::Drain(_) | Edit::Activate(_) => vec![vec!["hosts", name, "state"]],
    }
}

/// Whether something else differs than what was written. The service's own aliases are its own business, and `x-` is nobody's.
pub fn is_other(keys: &Keys, written: &[Written]) -> bool {
    let is_own = |written: &Written| {
        let whole = written.path.starts_with(keys);
        let is_edited = written.old.is_some() && written.variable().is_none();
        whole || is_edited && keys.get(..2).is_some_and(|owner| written.path.starts_with(owner))
    };
    !keys.iter().any(|key| key.starts_with("x-")) && !written.iter().any(is_own)
}

/// A service by its name, all else by its keys.
fn named(keys: &Keys) -> String {
    match keys.as_slice() {
        [section, name, ..] if section == "services" => name.clone(),
        keys => keys.join("."),
    }
}

fn shared(edit: &Edit, written: &[Written], others: &BTreeSet<String>) -> Problem {
    let first = written.first();
    let own = first
        .and_then(Written::variable)
        .unwrap_or_else(|| edit.name().to_owned());
    let others = others.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    let message = format!("this value is not `{own}`'s alone: it is that of {others} too");
    let problem = Problem::at(first.map(|written| written.place.clone()), message);
    problem.hint(format!(
        "give `{own}` its own: in the place of the alias, or beside `<<`, before which it counts; cdk then edits that"
    ))
}

/// The same problems as what they are: those that an edit would bring about.
pub fn would_be_wrong(failure: Failure, what: &str) -> Failure {
    let Failure::Rejected(mut rejected) = failure else {
        return failure;
    };
    for problem in &mut rejected.problems {
        problem.message = format!("{what} would be wrong: {}", problem.message);
    }
    Failure::Rejected(rejected)
}
