//! What the executor hands on: events while it goes, the outcome at the end. Data only.

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;

use crate::model::name::{HostName, ServiceName, Slot};
use crate::plan::step::{Plan, Step, StepId};

/// What just happened. Steps are named by their number in the plan; `report` turns it into words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// A step begins.
    Started(StepId),
    /// A step was done, in this time.
    Done(StepId, Duration),
    /// A step failed, and why; the last lines of the container's log where it is about one.
    Failed {
        /// The step.
        step: StepId,
        /// What happened.
        error: String,
        /// What the container last wrote.
        logs: Vec<String>,
    },
    /// A failed unit's step is taken back; an error where that failed too.
    Undone {
        /// The step that is taken back.
        step: StepId,
        /// Why it could not be.
        error: Option<String>,
    },
    /// A step is not done, because what it waits for failed or its rollout stopped.
    Skipped(StepId),
    /// A signal came while a job ran: it runs on, and the next apply waits for it.
    Left(StepId),
    /// A worker waits before the service's next replica.
    Delay(ServiceName, Duration),
    /// A service's canary is up: no other replica begins until a person says so.
    Waits(ServiceName),
    /// Too many of a service's replicas failed: no other begins, and it stays as it is.
    Paused(ServiceName),
    /// Too many of a service's replicas failed, or another service takes it along: those that were done are taken back.
    RollingBack(ServiceName),
    /// A replica that was taken back is up again; an error where it is not.
    Back {
        /// The replica.
        slot: Slot,
        /// Why it is not up.
        error: Option<String>,
        /// What its container last wrote, where it is not up.
        logs: Vec<String>,
    },
    /// A service's rollout is at its end, well or not: nothing more happens to it.
    Rolled(ServiceName, ServiceEnd),
    /// A signal came: what is in hand is finished, nothing else begins.
    Stopping,
    /// The journal could not be written on this host, and why.
    Journal(HostName, String),
}

/// How one step ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StepEnd {
    /// Done.
    Done,
    /// Failed, and why.
    Failed(String),
    /// Done or tried, and taken back.
    Undone,
    /// Not begun.
    Skipped,
}

/// How a service's rollout ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ServiceEnd {
    /// Every replica is as it is to be.
    Done,
    /// Something is left to do: the same command again goes on.
    Left,
    /// Too many replicas failed: it stopped where it was, and waits for a person.
    Paused,
    /// Its canary is up, and waits for a person.
    Waiting,
    /// Too many replicas failed, and all are what they were before.
    RolledBack,
    /// Too many replicas failed, and not all could be taken back.
    Stuck,
    /// Another service failed, and took this one back with it.
    TakenAlong,
}

/// How an apply ended.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Outcome {
    /// How each step ended.
    pub steps: BTreeMap<StepId, StepEnd>,
    /// How each service's rollout ended.
    pub services: BTreeMap<ServiceName, ServiceEnd>,
    /// Whether a signal cut it short.
    pub interrupted: bool,
    /// From begin to end.
    pub took: Duration,
}

impl Outcome {
    /// Whether a step failed.
    pub fn failed(&self) -> bool {
        self.steps.values().any(|end| matches!(end, StepEnd::Failed(_)))
    }

    /// Whether a step failed that is not made up for: of no service, or of one that was neither paused nor rolled back.
    pub fn is_broken(&self, plan: &Plan) -> bool {
        let answered = |step: &Step| {
            let service = step.slot.as_ref().map(|slot| &slot.service);
            match service.and_then(|name| self.services.get(name)) {
                Some(ServiceEnd::Paused | ServiceEnd::RolledBack | ServiceEnd::TakenAlong) => true,
                Some(ServiceEnd::Done | ServiceEnd::Left | ServiceEnd::Waiting | ServiceEnd::Stuck) | None => false,
            }
        };
        let mut failed = self.steps.iter().filter(|(_, end)| matches!(end, StepEnd::Failed(_)));
        failed.any(|(id, _)| !plan.step(*id).is_some_and(answered)) || self.ended(ServiceEnd::Stuck)
    }

    /// Whether a service's rollout ended so.
    pub fn ended(&self, end: ServiceEnd) -> bool {
        self.services.values().any(|one| *one == end)
    }

    /// How many steps were done, and stayed so.
    pub fn done(&self) -> usize {
        self.steps.values().filter(|end| **end == StepEnd::Done).count()
    }
}
