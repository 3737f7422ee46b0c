//! In which order services come: what one waits for of another, and which version of a job ran. The words only.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::container::Fingerprint;
use crate::model::image::Digest;
use crate::model::text::SharedText;

/// How many versions of a job's replica are remembered to have succeeded; the oldest gives way.
pub const VERSIONS_KEPT: usize = 64;

/// What a service waits for of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// Its replicas were started.
    #[default]
    ServiceStarted,
    /// They are healthy or, without a health check, have run through `monitor`.
    ServiceHealthy,
    /// It is a job, and this version of it succeeded.
    ServiceCompletedSuccessfully,
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::ServiceStarted => "service_started",
            Self::ServiceHealthy => "service_healthy",
            Self::ServiceCompletedSuccessfully => "service_completed_successfully",
        })
    }
}

/// What a service wants of one that it depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Dependency {
    /// What is waited for.
    pub condition: Condition,
    /// Whether it begins only where that came true; else it waits for the end of it, good or bad.
    pub required: bool,
}

/// A version of a job: what it runs, and of which image content where a registry says so. Where it stands, how it is
/// labelled, logged or limited are no part of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct JobVersion(pub SharedText);

impl JobVersion {
    /// The version of a job with this fingerprint, of an image with this digest.
    pub fn new(fingerprint: &Fingerprint, digest: Option<&Digest>) -> Self {
        match digest {
            Some(digest) => Self(format!("{fingerprint}@{}", digest.short()).into()),
            None => Self(fingerprint.0.clone()),
        }
    }

    /// Whether both are the same, as far as is known: a digest that nobody could say makes no other version.
    pub fn is(&self, other: &Self) -> bool {
        match (self.0.split_once('@'), other.0.split_once('@')) {
            (Some(_), Some(_)) | (None, None) => self == other,
            (Some((fingerprint, _)), None) => *fingerprint == *other.0,
            (None, Some((fingerprint, _))) => *fingerprint == *self.0,
        }
    }
}

impl fmt::Display for JobVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_that_nobody_could_say_makes_no_other_version() {
        let version = |text: &str| JobVersion(text.into());
        assert!(version("a@1").is(&version("a@1")) && version("a").is(&version("a")));
        assert!(version("a@1").is(&version("a")) && version("a").is(&version("a@1")));
        assert!(!version("a@1").is(&version("a@2")) && !version("a").is(&version("b@1")));
    }
}
