//! Programs that run where cdk runs, around an apply: when, which, and for how long at most. Running them is `flow`'s.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::model::problem::Place;
use crate::model::stamp::Stamp;
use crate::model::unit::Span;

/// When a hook runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Moment {
    /// Before anything is touched; where it fails, nothing is.
    BeforeApply,
    /// Whenever the rollout of a service has ended, well or not.
    AfterService,
    /// When the apply has ended well.
    AfterApply,
    /// When it has not.
    OnFailure,
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::BeforeApply => "before_apply",
            Self::AfterService => "after_service",
            Self::AfterApply => "after_apply",
            Self::OnFailure => "on_failure",
        })
    }
}

/// A program and its arguments.
#[derive(Debug, Clone)]
pub struct Hook {
    /// The program, then its arguments; variables of the environment may stand in them.
    pub run: Vec<Stamp>,
    /// How long it may run.
    pub timeout: Span,
    /// Where it stands; it takes no part in comparisons.
    pub place: Place,
}

impl PartialEq for Hook {
    fn eq(&self, other: &Self) -> bool {
        (&self.run, self.timeout) == (&other.run, other.timeout)
    }
}

impl Eq for Hook {}

impl Serialize for Hook {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let run: Vec<String> = self.run.iter().map(ToString::to_string).collect();
        let timeout = self.timeout.to_string();
        serializer.collect_map([("run", serde_json::json!(run)), ("timeout", serde_json::json!(timeout))])
    }
}

/// The hooks of a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Hooks {
    /// Of [`Moment::BeforeApply`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before_apply: Option<Hook>,
    /// Of [`Moment::AfterService`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after_service: Option<Hook>,
    /// Of [`Moment::AfterApply`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after_apply: Option<Hook>,
    /// Of [`Moment::OnFailure`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_failure: Option<Hook>,
}

impl Hooks {
    /// The hook of a moment.
    pub fn at(&self, moment: Moment) -> Option<&Hook> {
        let Self {
            before_apply,
            after_service,
            after_apply,
            on_failure,
        } = self;
        match moment {
            Moment::BeforeApply => before_apply.as_ref(),
            Moment::AfterService => after_service.as_ref(),
            Moment::AfterApply => after_apply.as_ref(),
            Moment::OnFailure => on_failure.as_ref(),
        }
    }

    /// All that there are.
    pub fn all(&self) -> impl Iterator<Item = (Moment, &Hook)> {
        use Moment::{AfterApply, AfterService, BeforeApply, OnFailure};
        let moments = [BeforeApply, AfterService, AfterApply, OnFailure].into_iter();
        moments.filter_map(|moment| Some((moment, self.at(moment)?)))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.all().next().is_none()
    }
}
