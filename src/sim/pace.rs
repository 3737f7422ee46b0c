//! What is assumed of hosts and containers that nobody has measured: how long everything takes. The one place for such guesses.

use std::time::Duration;

use crate::model::op::{ContainerOp, FileOp, GateOp, ImageOp, Op, VolumeOp};
use crate::model::setting::Healthcheck;

/// From the order to pull an image to its being there.
pub const PULL: Duration = Duration::from_secs(5);
/// From a job's start to its end.
pub const JOB: Duration = Duration::from_secs(5);
/// From the stop signal to a container's end; its grace cuts it short.
pub const STOP: Duration = Duration::from_millis(300);
/// How long one run of a health check takes.
const CHECK: Duration = Duration::from_millis(100);
/// An engine's own time between two health checks.
const INTERVAL: Duration = Duration::from_secs(30);
/// An engine's own time between two health checks while a container starts, from version 25 on.
const START_INTERVAL: Duration = Duration::from_secs(5);
/// After how many failures in a row an engine calls a container unhealthy.
const RETRIES: u32 = 3;

/// How long each change of a host takes; the default is no time at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pace {
    /// To make a container.
    pub create: Duration,
    /// To start one.
    pub start: Duration,
    /// To remove one.
    pub remove: Duration,
    /// To change one in place.
    pub update: Duration,
    /// To rename one, or to send it a signal.
    pub touch: Duration,
    /// To write a file.
    pub file: Duration,
    /// To make a volume.
    pub volume: Duration,
    /// To make or remove a network, or to change who is on it.
    pub network: Duration,
}

/// As seen on small hosts where nothing was in the way.
pub const ASSUMED: Pace = Pace {
    create: Duration::from_millis(80),
    start: Duration::from_millis(400),
    remove: Duration::from_millis(50),
    update: Duration::from_millis(50),
    touch: Duration::from_millis(20),
    file: Duration::from_millis(50),
    volume: Duration::from_millis(100),
    network: Duration::from_millis(300),
};

/// Each call about the firewall, or about a public address.
pub const FIREWALL: Duration = Duration::from_millis(150);

/// How long an operation is assumed to take; a wait for a replica to be up, as if it had no health check.
pub fn pace(op: &Op) -> Duration {
    match op {
        Op::Image(ImageOp::Pull { .. }) => PULL,
        Op::Image(ImageOp::Remove { .. }) => ASSUMED.network,
        Op::Volume(VolumeOp::Create { .. }) => ASSUMED.volume,
        Op::Network(_) => ASSUMED.network,
        Op::File(FileOp::Write(_) | FileOp::Remove { .. }) => ASSUMED.file,
        Op::Container(ContainerOp::Create { .. }) => ASSUMED.create,
        Op::Container(ContainerOp::Start { .. }) => ASSUMED.start,
        Op::Container(ContainerOp::Stop { .. }) => STOP,
        Op::Container(ContainerOp::Update { .. }) => ASSUMED.update,
        Op::Container(ContainerOp::Remove { .. }) => ASSUMED.remove,
        Op::Container(ContainerOp::Rename { .. } | ContainerOp::Signal { .. }) => ASSUMED.touch,
        // A change, and its confirmation over a new connection.
        Op::Firewall(_) | Op::Address(_) => FIREWALL * 2,
        Op::Gate(GateOp::Completed { .. }) => JOB,
        Op::Gate(GateOp::Up { monitor, .. } | GateOp::Stays { monitor, .. }) => monitor.0,
    }
}

/// From a container's start to healthy, where it is well from its first health check on. `engine` is the engine's version.
pub fn first_check(check: &Healthcheck, engine: &str) -> Duration {
    match check.start_period.0.is_zero() || !starts_oftener(engine) {
        true => interval(check) + CHECK,
        false => start_interval(check) + CHECK,
    }
}

/// From a container's start to unhealthy, where none of its health checks succeeds: those that begin within the start period
/// do not count, and so many others in a row do.
pub fn gives_up(check: &Healthcheck, engine: &str) -> Duration {
    let (period, later) = (check.start_period.0, interval(check) + CHECK);
    let sooner = match starts_oftener(engine) {
        true => start_interval(check) + CHECK,
        false => later,
    };
    let spared = (period + CHECK).as_nanos().div_ceil(sooner.as_nanos()) - 1;
    let spared = sooner.saturating_mul(u32::try_from(spared).unwrap_or(u32::MAX));
    let first = if spared < period { sooner } else { later };
    let retries = if check.retries == 0 { RETRIES } else { check.retries };
    spared
        .saturating_add(first)
        .saturating_add(later.saturating_mul(retries - 1))
}

fn interval(check: &Healthcheck) -> Duration {
    or(check.interval.0, INTERVAL)
}

fn start_interval(check: &Healthcheck) -> Duration {
    or(check.start_interval.0, START_INTERVAL)
}

fn or(own: Duration, other: Duration) -> Duration {
    if own.is_zero() { other } else { own }
}

/// Whether an engine checks a container at another interval while it starts. A version that nobody knows is taken for an old
/// one: that errs on the long side.
fn starts_oftener(engine: &str) -> bool {
    let major = engine.split('.').next().and_then(|major| major.parse::<u32>().ok());
    major.is_some_and(|major| major >= 25)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::unit::Span;

    #[test]
    fn the_first_check_comes_when_the_engine_makes_it() {
        let check = |interval, start_period, start_interval| Healthcheck {
            interval: Span::seconds(interval),
            start_period: Span::seconds(start_period),
            start_interval: Span::seconds(start_interval),
            ..Healthcheck::default()
        };
        let seconds = |check: Healthcheck, engine| first_check(&check, engine).as_secs();
        assert_eq!(seconds(check(2, 0, 0), "26.1.5"), 2);
        assert_eq!(seconds(check(0, 0, 0), "26.1.5"), 30);
        assert_eq!(seconds(check(2, 60, 0), "26.1.5"), 5, "the engine's own start interval");
        assert_eq!(seconds(check(20, 60, 1), "26.1.5"), 1);
        assert_eq!(
            seconds(check(20, 60, 1), "20.10.24+dfsg1"),
            20,
            "it knows no start interval"
        );
        assert_eq!(seconds(check(20, 60, 1), ""), 20);
    }

    #[test]
    fn an_engine_gives_up_when_enough_checks_have_failed_after_the_start_period() {
        let check = |interval, retries, start_period, start_interval| Healthcheck {
            interval: Span::seconds(interval),
            retries,
            start_period: Span::seconds(start_period),
            start_interval: Span::seconds(start_interval),
            ..Healthcheck::default()
        };
        let millis = |check: Healthcheck, engine| gives_up(&check, engine).as_millis();
        assert_eq!(millis(check(1, 2, 0, 0), "26.1.5"), 2_200);
        assert_eq!(millis(check(1, 1, 0, 0), "26.1.5"), 1_100);
        assert_eq!(millis(check(2, 0, 0, 0), "26.1.5"), 6_300, "the engine's own retries");
        // Each second until 10.0 s, the last one late for the period's end; then as usual.
        assert_eq!(millis(check(5, 2, 10, 1), "26.1.5"), 9 * 1_100 + 1_100 + 5_100);
        // At 5 s within the period, at 10.1 s after it.
        assert_eq!(millis(check(5, 2, 10, 1), "20.10.24+dfsg1"), 3 * 5_100);
        assert_eq!(
            millis(check(20, 1, 3, 0), "20.10.24+dfsg1"),
            20_100,
            "the first one is past it"
        );
    }
}
