//! What the executor hands on: events while it goes, the outcome at the end. Data only.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::model::name::{HostName, ServiceName};
use crate::plan::step::StepId;

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

/// How an apply ended.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Outcome {
    /// How each step ended.
    pub steps: BTreeMap<StepId, StepEnd>,
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

    /// How many steps were done, and stayed so.
    pub fn done(&self) -> usize {
        self.steps.values().filter(|end| **end == StepEnd::Done).count()
    }
}
