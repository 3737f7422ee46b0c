//! What a rehearsal is to let go wrong: a replica, a host, a slow start. Parsing and printing only.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use glob::Pattern;

use crate::model::name::{HostName, Slot};
use crate::model::unit::Span;

/// The longest time that can be rehearsed.
const LONGEST: Duration = Duration::from_secs(86_400);

/// `web.3@8s`: from eight seconds after the beginning on, the new container of this replica exits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fail {
    /// The replica.
    pub slot: Slot,
    /// From when on, counted from the beginning.
    pub at: Span,
}

/// `bj-02@12s`: from twelve seconds after the beginning on, this host says nothing, and nothing there serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Silence {
    /// The host.
    pub host: HostName,
    /// From when on, counted from the beginning.
    pub at: Span,
}

/// `web.*=30s`: the new containers of these replicas take so long to become healthy; runs of jobs, to end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slow {
    /// The replicas, as a shell would match them.
    pub pattern: Pattern,
    /// From start to healthy.
    pub takes: Span,
}

/// All that is to go wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Faults {
    /// Replicas.
    pub fails: Vec<Fail>,
    /// Hosts.
    pub silences: Vec<Silence>,
    /// Slow starts.
    pub slows: Vec<Slow>,
}

impl Faults {
    /// Whether nothing goes wrong.
    pub fn is_none(&self) -> bool {
        let Self { fails, silences, slows } = self;
        fails.is_empty() && silences.is_empty() && slows.is_empty()
    }
}

/// The two sides of a fault, and its time.
fn split<'t>(text: &'t str, mark: char, form: &str) -> Result<(&'t str, Span), String> {
    let (what, time) = text.rsplit_once(mark).ok_or_else(|| format!("write it as {form}"))?;
    let time: Span = time.parse().map_err(|error| format!("{error}"))?;
    match time.0 <= LONGEST {
        true => Ok((what, time)),
        false => Err("no more than a day can be rehearsed".to_owned()),
    }
}

impl FromStr for Fail {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (slot, at) = split(text, '@', "SLOT@TIME: web.3@8s")?;
        let slot = slot.parse().map_err(|error| format!("{error}"))?;
        Ok(Self { slot, at })
    }
}

impl FromStr for Silence {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (host, at) = split(text, '@', "HOST@TIME: bj-02@12s")?;
        let host = host.parse().map_err(|error| format!("{error}"))?;
        Ok(Self { host, at })
    }
}

impl FromStr for Slow {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (pattern, takes) = split(text, '=', "PATTERN=TIME: 'web.*=30s'")?;
        let pattern = Pattern::new(pattern).map_err(|error| format!("{pattern:?} is no pattern: {error}"))?;
        Ok(Self { pattern, takes })
    }
}

impl fmt::Display for Fail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "--fail {}@{}", self.slot, self.at)
    }
}

impl fmt::Display for Silence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "--kill {}@{}", self.host, self.at)
    }
}

impl fmt::Display for Slow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "--slow {}={}", self.pattern, self.takes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_read_and_told() {
        assert_eq!("web.3@8s".parse::<Fail>().unwrap().to_string(), "--fail web.3@8s");
        assert_eq!(
            "agent.bj-01@0".parse::<Fail>().unwrap().to_string(),
            "--fail agent.bj-01@0s"
        );
        assert_eq!(
            "bj-02@1m30s".parse::<Silence>().unwrap().to_string(),
            "--kill bj-02@1m30s"
        );
        let slow: Slow = "web.*=30s".parse().unwrap();
        assert!(slow.pattern.matches("web.12") && !slow.pattern.matches("webber.1"));
    }

    #[test]
    fn what_is_no_fault_is_refused() {
        for wrong in ["web.3", "web@8s", "web.3@", "web.3@8", "web.3@-8s", "web.3@25h", "@8s"] {
            assert!(wrong.parse::<Fail>().is_err(), "{wrong}");
        }
        for wrong in ["bj-02", "@12s", "bj-02@soon", "bj-02@-1s"] {
            assert!(wrong.parse::<Silence>().is_err(), "{wrong}");
        }
        for wrong in ["web.*", "web.*=", "web.[=3s", "web.*=-3s"] {
            assert!(wrong.parse::<Slow>().is_err(), "{wrong}");
        }
    }
}
