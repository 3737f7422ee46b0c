//! How a command ends: the exit codes, and what leads to each.

use crate::execute::outcome::{Outcome, ServiceEnd};
use crate::flow::Failure;
use crate::plan::step::Plan;
use crate::report::problems;
use crate::report::status::Status;

/// What cdk ends with. The numbers are a promise to scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum ExitCode {
    /// Done, or nothing to do.
    Done = 0,
    /// An error that is none of those below.
    Error = 1,
    /// `plan --detailed-exitcode`, `status`: there are changes.
    Changes = 2,
    /// The repository is wrong, or a guard refuses: nothing was touched.
    Refused = 3,
    /// A step failed: part was applied; the same command again goes on from there.
    StepFailed = 4,
    /// Every service that failed was rolled back.
    RolledBack = 5,
    /// A host that safety needs is unreachable: nothing was touched.
    Unreachable = 6,
    /// Locked by another run.
    Locked = 7,
    /// The saved plan is stale: the repository or the hosts have moved since.
    Stale = 8,
    /// Something waits for a person: a canary, a paused or a held update.
    Waits = 9,
    /// All else was done, but hosts were unreachable or replicas fit nowhere; `status`: not healthy.
    Partial = 10,
    /// The command line was wrong.
    Usage = 64,
    /// Interrupted: the step in hand was finished or undone.
    Interrupted = 130,
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code as u8)
    }
}

impl From<&Failure> for ExitCode {
    fn from(failure: &Failure) -> Self {
        match failure {
            Failure::Rejected(_) | Failure::Guard(_) => Self::Refused,
            Failure::Unreachable(_) => Self::Unreachable,
            Failure::Locked(_) => Self::Locked,
            Failure::Stale(_) => Self::Stale,
            Failure::Usage(_) => Self::Usage,
            Failure::Other(_) => Self::Error,
        }
    }
}

/// What `apply` ends with: the first that holds of what failed, was cut short, or could not be done.
pub fn of_apply(plan: &Plan, outcome: &Outcome) -> ExitCode {
    if outcome.is_broken(plan) {
        ExitCode::StepFailed
    } else if outcome.interrupted {
        ExitCode::Interrupted
    } else if outcome.ended(ServiceEnd::RolledBack) {
        ExitCode::RolledBack
    } else if outcome.ended(ServiceEnd::Paused) || outcome.ended(ServiceEnd::Waiting) || plan.is_waiting() {
        ExitCode::Waits
    } else if plan.is_partial() {
        ExitCode::Partial
    } else {
        ExitCode::Done
    }
}

/// What `plan` ends with; changes count only where they were asked for.
pub fn of_plan(plan: &Plan, detailed: bool) -> ExitCode {
    match (detailed && !plan.is_empty(), plan.is_partial()) {
        (true, _) => ExitCode::Changes,
        (false, true) => ExitCode::Partial,
        (false, false) => ExitCode::Done,
    }
}

/// What `status` ends with.
pub fn of_status(status: &Status) -> ExitCode {
    match (status.as_git, status.healthy) {
        (false, _) => ExitCode::Changes,
        (true, false) => ExitCode::Partial,
        (true, true) => ExitCode::Done,
    }
}

/// Why a command ended before its answer.
#[derive(Debug)]
pub(super) enum Ended {
    /// It failed.
    Failed(Failure),
    /// A signal came before anything was begun.
    Interrupted,
    /// The answer could not be written, or a file not read.
    Io(String),
}

impl From<Failure> for Ended {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// What is said of an end.
pub(super) struct Words {
    /// The text.
    pub text: String,
    /// Whether the text has its own heads, one per problem.
    pub is_problems: bool,
}

impl Ended {
    /// What the process ends with.
    pub fn code(&self) -> ExitCode {
        match self {
            Self::Failed(failure) => failure.into(),
            Self::Interrupted => ExitCode::Interrupted,
            Self::Io(_) => ExitCode::Error,
        }
    }

    /// What is to be said of it.
    pub fn words(&self, color: bool) -> Words {
        let plain = |text: &str| Words {
            text: text.to_owned(),
            is_problems: false,
        };
        match self {
            Self::Failed(Failure::Rejected(rejected)) => Words {
                text: problems::render(rejected, color),
                is_problems: true,
            },
            Self::Failed(
                Failure::Guard(text)
                | Failure::Unreachable(text)
                | Failure::Locked(text)
                | Failure::Stale(text)
                | Failure::Usage(text)
                | Failure::Other(text),
            )
            | Self::Io(text) => plain(text),
            Self::Interrupted => plain("interrupted; nothing was touched"),
        }
    }
}
