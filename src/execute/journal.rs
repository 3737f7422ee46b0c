//! What an apply leaves on the hosts: what it means to do before it begins, and what it reached when it has ended.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream;
use tokio::time::{Instant, sleep};

use crate::execute::Options;
use crate::execute::job::run_of;
use crate::execute::outcome::{Event, Outcome, ServiceEnd, StepEnd};
use crate::execute::record;
use crate::execute::run::Run;
use crate::model::journal::{Account, Halt, Halted, JournalEnd, JournalRecord, Memory, PlacedSlot, journal_path};
use crate::model::name::{HostName, ServiceName, Slot};
use crate::model::order::{JobVersion, VERSIONS_KEPT};
use crate::plan::rollout::Rollout;
use crate::plan::step::{Action, SlotChange, Step, StepId};

/// While steps are being done, so often is told how far they are, at most.
const PROGRESS: Duration = Duration::from_secs(2);
/// And so many times longer than it takes to tell it: what a large journal costs must not be felt.
const PROGRESS_SHARE: u32 = 20;

impl<'a> Run<'a> {
    /// Writes what is meant to be done to every host, and says which have it. Nothing is done on a host that will not know of it.
    pub(super) async fn journal_begin(&self, options: &Options) -> (JournalRecord, Vec<&'a HostName>) {
        let record = record::begun(self.plan, options);
        let hosts = self.plan.hosts.iter().collect();
        let (written, failed) = self.write(&record, hosts, options).await;
        for (host, error) in failed {
            self.fail_host(host, &format!("the journal could not be written on {host}: {error}"));
        }
        (record, written)
    }

    /// Tells now and then, on one host, how many steps are done, for whoever comes after a kill. Nobody waits for it, and who drops it
    /// loses nothing: the end of the apply is written over it.
    pub(super) async fn journal_goes_on(
        &self,
        begun: &JournalRecord,
        hosts: &[&'a HostName],
        options: &Options,
    ) -> Infallible {
        let (mut record, mut pause) = (begun.clone(), PROGRESS);
        loop {
            sleep(pause).await;
            let done = self.board.done();
            let host = hosts
                .iter()
                .find(|host| !self.is_dead(host) && self.leased(host).is_ok());
            let (true, Some(host)) = (done > record.done, host) else {
                continue;
            };
            (record.done, record.at) = (done, (options.at)());
            let began = Instant::now();
            let content = serde_json::to_vec(&record).map_err(|error| error.to_string());
            // Where it fails it is told a little later.
            let _ = self.write_one(host, &journal_path(record.sequence), &content).await;
            pause = PROGRESS.max(began.elapsed() * PROGRESS_SHARE);
        }
    }

    /// Writes the end over the beginning.
    pub(super) async fn journal_end(
        &self,
        begun: JournalRecord,
        hosts: Vec<&'a HostName>,
        outcome: &Outcome,
        options: &Options,
    ) {
        let end = if outcome.interrupted {
            JournalEnd::Interrupted
        } else if outcome.is_broken(self.plan) {
            JournalEnd::Failed
        } else if outcome.ended(ServiceEnd::RolledBack) {
            JournalEnd::RolledBack
        } else if outcome.ended(ServiceEnd::Paused) {
            JournalEnd::Paused
        } else if outcome.ended(ServiceEnd::Waiting) {
            JournalEnd::Waiting
        } else {
            JournalEnd::Done
        };
        let record = JournalRecord {
            at: (options.at)(),
            done: outcome.done(),
            end,
            placement: self.reached(outcome),
            memory: self.memory(outcome),
            jobs: self.succeeded(),
            account: Account {
                changes: record::changes(self.plan, &self.missed(outcome)),
                failures: record::failures(self.plan, outcome),
                ..begun.account
            },
            ..begun
        };
        self.write(&record, hosts, options).await;
    }

    /// What the next plans go by. What a person let go on stood still until now, and does so where not all of it was done.
    fn memory(&self, outcome: &Outcome) -> Memory {
        let (promote, retry) = (&self.plan.asked.promote, &self.plan.asked.retry);
        let left = self.plan.steps.iter();
        let left = left.filter(|step| self.board.end(step.id) != StepEnd::Done);
        let left: BTreeSet<_> = left.filter_map(|step| Some(&step.slot.as_ref()?.service)).collect();
        let ended = |name: &ServiceName| outcome.services.get(name) == Some(&ServiceEnd::Done) && !left.contains(name);
        let mut memory = self.plan.memory.clone();
        memory
            .halted
            .retain(|name, _| !(promote.contains(name) || retry.contains(name)) || !ended(name));
        memory.halted.extend(self.halted(outcome));
        memory
    }

    /// The services that stand still from now on.
    fn halted(&self, outcome: &Outcome) -> BTreeMap<ServiceName, Halted> {
        let rollouts = self.plan.rollouts.iter();
        let halted = rollouts.filter_map(|rollout| {
            let how = match outcome.services.get(&rollout.service)? {
                ServiceEnd::Paused => Halt::Paused,
                ServiceEnd::RolledBack => Halt::RolledBack,
                ServiceEnd::Waiting => Halt::Canary,
                ServiceEnd::Done | ServiceEnd::Left | ServiceEnd::Stuck | ServiceEnd::TakenAlong => return None,
            };
            let version = rollout.on_failure.as_ref()?.version.clone()?;
            let revision = self.plan.revision.commit.clone();
            let why = self.first_failure(rollout, outcome).unwrap_or_default();
            let halted = Halted {
                version,
                how,
                revision,
                why,
            };
            Some((rollout.service.clone(), halted))
        });
        halted.collect()
    }

    /// What failed first among a service's replicas, by the order of the plan.
    fn first_failure(&self, rollout: &Rollout, outcome: &Outcome) -> Option<String> {
        let mut steps = self.plan.steps.iter();
        let of_service = |step: &&Step| step.slot.as_ref().is_some_and(|slot| slot.service == rollout.service);
        steps
            .by_ref()
            .filter(of_service)
            .find_map(|step| match outcome.steps.get(&step.id)? {
                StepEnd::Failed(error) => Some(error.clone()),
                StepEnd::Done | StepEnd::Undone | StepEnd::Skipped => None,
            })
    }

    /// The versions of jobs that have succeeded, now or before.
    fn succeeded(&self) -> BTreeMap<Slot, Vec<JobVersion>> {
        let mut all = self.plan.jobs.clone();
        for step in &self.plan.steps {
            if let (Some((_, version)), Some(slot)) = (run_of(step), &step.slot)
                && self.board.end(step.id) == StepEnd::Done
            {
                let versions = all.entry(slot.clone()).or_default();
                versions.retain(|known| known != version);
                versions.push(version.clone());
                versions.drain(..versions.len().saturating_sub(VERSIONS_KEPT));
            }
        }
        all
    }

    /// Writes a record to these hosts; gives those that have it, and those that do not with the reason.
    async fn write(
        &self,
        record: &JournalRecord,
        hosts: Vec<&'a HostName>,
        options: &Options,
    ) -> (Vec<&'a HostName>, Vec<(&'a HostName, String)>) {
        let path = journal_path(record.sequence);
        let content = serde_json::to_vec(record).map_err(|error| error.to_string());
        let results = stream::iter(hosts).map(|name| {
            let (path, content) = (&path, &content);
            async move { (name, self.write_one(name, path, content).await) }
        });
        let results: Vec<_> = results.buffered(options.parallel.max(1)).collect().await;
        let (mut written, mut failed) = (Vec::new(), Vec::new());
        for (host, result) in results {
            match result {
                Ok(()) => written.push(host),
                Err(error) => {
                    self.emit(Event::Journal(host.clone(), error.clone()));
                    failed.push((host, error));
                }
            }
        }
        (written, failed)
    }

    async fn write_one(&self, name: &HostName, path: &str, content: &Result<Vec<u8>, String>) -> Result<(), String> {
        let content = content.as_ref().map_err(String::clone)?;
        let host = self.host(name).map_err(|failure| failure.error)?;
        self.leased(name).map_err(|failure| failure.error)?;
        let result = host.write_file(&self.plan.cluster, path, content).await;
        result.map_err(|error| error.to_string())
    }

    /// Where every replica stands now, as far as is known: the plan's placement, but for the slots whose steps were not all
    /// done. Those are where they were, or, where nobody knows what their host holds, where they were meant to be.
    fn reached(&self, outcome: &Outcome) -> BTreeMap<Slot, PlacedSlot> {
        let mut placement = self.plan.placement.clone();
        let missed = self.missed(outcome);
        let changes = self.plan.services.iter().flat_map(|service| &service.slots);
        for change in changes.filter(|change| missed.contains(&change.slot)) {
            let unsure = self.board.is_unsure(&change.slot) || self.may_run(&change.slot);
            match (before(change), unsure) {
                (Before::At(host), _) if placement.get(&change.slot).is_some_and(|slot| slot.host == *host) => {}
                (Before::At(host), _) => {
                    let host = host.clone();
                    // Its old ports stand in no plan; they are read from its container again.
                    let slot = PlacedSlot {
                        host,
                        ports: Vec::new(),
                    };
                    placement.insert(change.slot.clone(), slot);
                }
                (Before::Nowhere, false) => {
                    placement.remove(&change.slot);
                }
                (Before::Nowhere, true) | (Before::Unsaid, _) => {}
            }
        }
        placement
    }

    /// The slots with a step that was not done. That a replaced container was not removed yet is no matter of placement.
    fn missed(&self, outcome: &Outcome) -> BTreeSet<&Slot> {
        let rollouts = self.plan.rollouts.iter();
        let cleanup: BTreeSet<&StepId> = rollouts.flat_map(|rollout| &rollout.cleanup).collect();
        let steps = self.plan.steps.iter().filter(|step| !cleanup.contains(&step.id));
        steps
            .filter(|step| outcome.steps.get(&step.id) != Some(&StepEnd::Done))
            .filter_map(|step| step.slot.as_ref())
            .collect()
    }
}

/// Where a slot was when the plan was made.
enum Before<'a> {
    At(&'a HostName),
    Nowhere,
    Unsaid,
}

fn before(change: &SlotChange) -> Before<'_> {
    match change.action {
        // Where a job's run failed nothing of it is left that would matter.
        Action::Create | Action::Run => Before::Nowhere,
        Action::Move => change.from.as_ref().map_or(Before::Unsaid, Before::At),
        Action::Update | Action::Start | Action::Replace | Action::Remove => {
            let host = change.from.as_ref().or(change.host.as_ref());
            host.map_or(Before::Unsaid, Before::At)
        }
        Action::Keep | Action::Unknown | Action::Unplaced | Action::Wait | Action::Hold => Before::Unsaid,
    }
}
