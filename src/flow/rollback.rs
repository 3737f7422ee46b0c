//! The version that a rollback goes back to: the last one before the present that ended well, by the journals on the hosts.
//!
//! Of a single service it is the last revision at which git said something else of it. Which of two revisions is older, git says, or
//! where it cannot (a shallow clone, another branch) their dates: so two rollbacks go back twice, and do not toggle.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::flow::failure::Failure;
use crate::flow::{Settings, check, observe, saved};
use crate::model::host::ObservedHost;
use crate::model::journal::{JournalEnd, JournalRecord};
use crate::model::name::ServiceName;
use crate::model::revision::Relation;
use crate::observe::Observed;
use crate::resolve::desired::{Desired, Service};
use crate::resolve::resolve;
use crate::source::Repository;

/// The version to go back to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Earlier {
    /// Its commit.
    pub revision: String,
    /// Who applied it.
    pub by: String,
    /// When.
    pub at: String,
}

/// Finds the version to go back to, for the services that are named, or for all; by the hosts, or by a saved observation.
///
/// # Errors
/// There is none, or git does not have it here; a service that nobody knows.
pub async fn earlier(settings: &Settings, live: Option<&Path>) -> Result<Earlier, Failure> {
    let (desired, observed) = match live {
        Some(path) => (check(settings)?, saved(path)?),
        None => {
            let seen = observe(settings).await?;
            (seen.desired, seen.observed)
        }
    };
    let repository = Repository::find(&settings.directory)?;
    let past = Past {
        records: records(&observed),
        repository: repository.in_environment(settings.environment.clone()),
    };
    let names = &settings.scope.services;
    let found = match names.is_empty() {
        true => past.of_all()?,
        false => past.of_services(names, &desired, &observed)?,
    };
    Ok(Earlier {
        revision: found.revision.clone().unwrap_or_default(),
        by: found.by.clone(),
        at: found.at.clone(),
    })
}

/// One record of each apply, the newest first: how it ended, where a host knows.
fn records(observed: &Observed) -> Vec<&JournalRecord> {
    let states = observed.hosts.values().filter_map(ObservedHost::state);
    let rank = |record: &JournalRecord| match record.end {
        JournalEnd::Begun => 0,
        JournalEnd::Failed
        | JournalEnd::Interrupted
        | JournalEnd::RolledBack
        | JournalEnd::Paused
        | JournalEnd::Waiting => 1,
        JournalEnd::Done => 2,
    };
    let mut all: BTreeMap<u64, &JournalRecord> = BTreeMap::new();
    for record in states.flat_map(|state| &state.journal) {
        let known = all.entry(record.sequence).or_insert(record);
        if rank(record) > rank(known) {
            *known = record;
        }
    }
    all.into_values().rev().collect()
}

struct Past<'a> {
    /// The newest first.
    records: Vec<&'a JournalRecord>,
    repository: Repository,
}

impl<'a> Past<'a> {
    /// For the whole cluster: applies of some services or hosts alone are no versions of it.
    fn of_all(&self) -> Result<&'a JournalRecord, Failure> {
        let whole = || self.records.iter().filter(|record| !record.memory.partial);
        let Some(live) = whole().find_map(|record| record.revision.as_deref()) else {
            return Err(none("nothing of this cluster was applied from a commit yet"));
        };
        for record in whole().filter(|record| record.end == JournalEnd::Done) {
            if self.is_older(record, live)? {
                return Ok(record);
            }
        }
        Err(none(&format!(
            "the hosts know of no version before {} that ended well",
            short(live)
        )))
    }

    /// For some services: none of them may go forward, and one at least must change.
    fn of_services(
        &self,
        names: &BTreeSet<ServiceName>,
        desired: &Desired,
        observed: &Observed,
    ) -> Result<&'a JournalRecord, Failure> {
        let mut live: BTreeMap<&ServiceName, (String, Option<Service>)> = BTreeMap::new();
        for name in names {
            let revision = self.live(name, observed)?;
            if revision.is_none() && !desired.services.contains_key(name) {
                return Err(Failure::Usage(format!(
                    "there is no service {name}, in git or on the hosts"
                )));
            }
            let revision = revision.ok_or_else(|| none(&format!("nothing of {name} was applied from a commit yet")))?;
            let service = self.read(&revision)?.services.remove(name);
            live.insert(name, (revision, service));
        }
        for record in self.records.iter().filter(|record| record.end == JournalEnd::Done) {
            let Some(revision) = &record.revision else { continue };
            let mut older = Vec::new();
            for (name, (live, _)) in &live {
                if self.is_older(record, live)? {
                    older.push(*name);
                }
            }
            if older.is_empty() {
                continue;
            }
            let then = self.read(revision)?;
            let differs = |name: &ServiceName, now: &Option<Service>| then.services.get(name) != now.as_ref();
            let forward = live
                .iter()
                .any(|(name, (_, now))| !older.contains(name) && differs(name, now));
            let back = live
                .iter()
                .any(|(name, (_, now))| older.contains(name) && differs(name, now));
            if back && !forward {
                return Ok(record);
            }
        }
        let names: Vec<&str> = names.iter().map(ServiceName::as_str).collect();
        let names = names.join(", ");
        Err(none(&format!(
            "the hosts know of no earlier version with another {names} that ended well"
        )))
    }

    /// The newest commit that a service's containers were made from.
    fn live(&self, name: &ServiceName, observed: &Observed) -> Result<Option<String>, Failure> {
        let states = observed.hosts.values().filter_map(ObservedHost::state);
        let containers = states.flat_map(|state| &state.containers);
        let own = containers.filter(|live| live.owner.slot.service == *name);
        let mut newest: Option<String> = None;
        for revision in own.filter_map(|live| live.owner.revision.as_deref()) {
            let newer = match &newest {
                None => true,
                Some(known) => match self.repository.relation(revision, known)? {
                    Relation::Newer => true,
                    Relation::Same | Relation::Older => false,
                    Relation::Diverged | Relation::Unknown { .. } => self.made(revision) > self.made(known),
                },
            };
            if newer {
                newest = Some(revision.to_owned());
            }
        }
        Ok(newest)
    }

    /// Whether a record's commit came before another one.
    fn is_older(&self, record: &JournalRecord, live: &str) -> Result<bool, Failure> {
        let Some(revision) = &record.revision else {
            return Ok(false);
        };
        Ok(match self.repository.relation(revision, live)? {
            Relation::Older => true,
            Relation::Same | Relation::Newer => false,
            Relation::Diverged | Relation::Unknown { .. } => self.made(revision) < self.made(live),
        })
    }

    /// When a commit was made, or else which apply was the first of it.
    fn made(&self, revision: &str) -> (Option<i64>, Option<u64>) {
        let mut of = self
            .records
            .iter()
            .filter(|record| record.revision.as_deref() == Some(revision));
        let date = of.clone().find_map(|record| record.committed_at);
        (date, of.next_back().map(|record| record.sequence))
    }

    fn read(&self, revision: &str) -> Result<Desired, Failure> {
        Ok(resolve(&self.repository.read(Some(revision))?)?)
    }
}

fn none(why: &str) -> Failure {
    Failure::Guard(format!(
        "{why}: name one with --to REV, or take the commit back with `git revert` and apply"
    ))
}

fn short(revision: &str) -> &str {
    revision.get(..7).unwrap_or(revision)
}
