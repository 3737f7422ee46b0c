//! How a service's replicas are replaced. The words only; what they lead to is `plan`'s.

use serde::Serialize;

use crate::model::unit::Span;

/// What an image's tag stands for, and who is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PullPolicy {
    /// What lies on the hosts, and nothing else.
    Never,
    /// A tag is looked up once; the digest that it had then stays.
    #[default]
    Missing,
    /// A tag is looked up at each plan: where it was pushed again, that is a change.
    Always,
}

/// Which of an old and a new replica goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// The old one is gone before the new one starts.
    #[default]
    StopFirst,
    /// The old one is stopped only when the new one is up.
    StartFirst,
}

/// How a service's replicas are replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct UpdatePolicy {
    /// How many at once; 0 is all, which is what a job has unless given.
    pub parallelism: u32,
    /// From one replica's end to the next one's beginning.
    pub delay: Span,
    /// Which goes first.
    pub order: Order,
    /// How long a replica must stay up; 5 s unless given.
    pub monitor: Span,
    /// One replica's deadline to become healthy, 2 m unless given; a job's deadline to end, none (zero) unless given.
    pub timeout: Span,
}
